"""Explanations as pages and the API show them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mirage.explain.case_table import CaseTable
from mirage.explain.evidence import Claim, Evidence
from mirage.explain.explainers.base import ExplainerInfo
from mirage.explain.explanation import Began, Ended, Event, Explanation
from mirage.figure import MODALITIES
from mirage.web import forms
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


class BreakView(ApiModel):
    """One thing in a sentence that its evidence does not bear out."""

    kind: str
    words: str = Field(description="The sentence's words in question.")
    reason: str = Field(description="What is wrong, for a person to read.")


class ClaimView(ApiModel):
    """One sentence, with its citations and whether the evidence supports it."""

    text: str
    cites: list[int] = Field(description="Numbers of evidence.")
    support: Literal["supported", "partly", "unsupported", "contradicted"]
    breaks: list[BreakView]
    by: str = Field(description="Name of the explainer that wrote it.")
    quoted: bool = Field(description="Whether it stands word for word in the evidence it cites.")
    aspect: Literal["", "what", "where", "look", "differential", "pitfall"] = Field(
        description="What the sentence tells of."
    )
    modality: str = Field(description="In which kind of picture it looks so; empty where it is not said.")
    scope: Literal["", "case", "subset"] = Field(description="Whether it tells of one case, or of some cases only.")
    limit: str = Field(description="Of which case or of which some, in words.")
    against: list[int] = Field(description="Numbers of the evidence that says otherwise.")
    marks: list[str] = Field(description="The same, for a person to read beside the sentence.")


class CaseCountView(ApiModel):
    """So many cases, and for each a figure that says so."""

    cases: list[str]
    figures: list[str]


class FindingRowView(ApiModel):
    """One finding over the cases."""

    finding: str
    present: CaseCountView
    denied: CaseCountView
    possible: CaseCountView
    silent: CaseCountView = Field(description="Cases that say nothing of it.")
    words: str = Field(description="The row as a line to read.")


class CaseTableView(ApiModel):
    """What the cases here say, counted: selected teaching cases, not how often it happens."""

    heading: str
    diagnosis: str
    cases: list[str] = Field(description="Ids of the cases that are counted.")
    known: int = Field(description="How many cases with the diagnosis there are.")
    rows: list[FindingRowView]


class ExplanationView(ApiModel):
    """An explanation with all that it stands on."""

    question: str
    evidence: list[EvidenceView]
    claims: list[ClaimView]
    remarks: list[str]
    explainers: list[ExplainerInfo] = Field(description="Who spoke, in order; more than one after a failure.")
    cases: CaseTableView | None = Field(description="Findings counted over the cases with the diagnosis asked for.")
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
        page=forms.address("case", evidence.case) if of_case else forms.address("figure", evidence.figures[0]),
    )


def explanation_view(whole: Explanation) -> ExplanationView:
    """Show a whole explanation."""
    return ExplanationView.of(whole, evidence=[evidence_view(each) for each in whole.evidence], cited=whole.cited())


def event_view(event: Event, whole: Explanation) -> tuple[str, object]:
    """Name and show one event of an explanation: ``began``, ``writing``, ``claim``, ``remark``, ``cases`` or ``ended``.

    Parameters
    ----------
    event : mirage.explain.explanation.Event
    whole : mirage.explain.explanation.Explanation
        What there is of the explanation so far, this event included.
    """
    view: object = event
    if isinstance(event, Began):
        evidence = [evidence_view(each) for each in event.evidence]
        view = BeganView.of(event, question=whole.question, evidence=evidence)
    elif isinstance(event, Claim):
        view = ClaimView.of(event)
    elif isinstance(event, Ended):
        view = EndedView.of(event, cited=whole.cited())
    elif isinstance(event, CaseTable):
        return "cases", CaseTableView.of(event)
    return type(event).__name__.lower(), view
