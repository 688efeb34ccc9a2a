"""Explanations, each part as it is written and the whole, as pages and the API show them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mirage.explain.evidence import Claim, Evidence
from mirage.explain.explainers.base import ExplainerInfo, Remark, Writing
from mirage.explain.explanation import Began, Ended, Event, Explanation
from mirage.figure import MODALITIES
from mirage.web import links
from mirage.web.views.figures import ApiModel, SourceView, source_view


class EvidenceView(ApiModel):
    """One numbered passage that an explanation may use."""

    number: int
    kind: str = Field(description="caption, or a passage of a case: findings, differential, diagnosis, discussion.")
    text: str
    figures: list[str] = Field(description="Ids of the figures found that it speaks of, best first.")
    case_id: str
    title: str
    diagnosis: str
    modality: str
    modality_name: str
    plane: str
    region: str
    side: Literal["", "a", "b"] = Field(description="In a comparison, whose evidence it is.")
    source: SourceView
    page: str = Field(description="Page of the case for a case's passage, else of the figure.")


class ExplanationView(ApiModel):
    """An explanation with all that it stands on."""

    question: str
    evidence: list[EvidenceView]
    claims: list[Claim]
    remarks: list[str]
    explainers: list[ExplainerInfo] = Field(description="Who spoke, in order; more than one after a failure.")
    stopped: bool
    seconds: float
    cited: str = Field(description="The text with its citations and what they point to, to paste elsewhere.")


class BeganView(ApiModel):
    """Event `began`: an explainer is about to speak, over this evidence."""

    question: str
    explainer: ExplainerInfo
    evidence: list[EvidenceView]


class EndedView(ApiModel):
    """Event `ended`: the last one."""

    stopped: bool
    seconds: float
    cited: str = Field(description="As in `ExplanationView`.")


def evidence_view(evidence: Evidence) -> EvidenceView:
    """Show a numbered passage with its addresses."""
    of_case = bool(evidence.case) and evidence.kind != "caption"
    return EvidenceView.of(
        evidence,
        case_id=evidence.case,
        modality_name=MODALITIES.get(evidence.modality, evidence.modality),
        source=source_view(evidence.source),
        page=links.case(evidence.case) if of_case else links.figure(evidence.figures[0]),
    )


def explanation_view(whole: Explanation) -> ExplanationView:
    """Show a whole explanation."""
    return ExplanationView.of(whole, evidence=[evidence_view(each) for each in whole.evidence], cited=whole.cited())


def event_view(event: Event, whole: Explanation) -> tuple[str, object]:
    """Name and show one event of an explanation.

    Parameters
    ----------
    event : mirage.explain.explanation.Event
    whole : mirage.explain.explanation.Explanation
        What there is of the explanation so far, this event included.
    """
    match event:
        case Began():
            evidence = [evidence_view(each) for each in event.evidence]
            return "began", BeganView.of(event, question=whole.question, evidence=evidence)
        case Claim():
            return "claim", event
        case Writing():
            return "writing", event
        case Remark():
            return "remark", event
        case Ended():
            return "ended", EndedView.of(event, cited=whole.cited())
