"""From an explanation's events to what pages and the API show."""

from __future__ import annotations

from collections.abc import Mapping

from mirage.explain.evidence import Claim, Evidence
from mirage.explain.explainers.base import ExplainerInfo, Remark, Writing
from mirage.explain.explanation import Began, Ended, Event, Explanation
from mirage.figure import MODALITIES
from mirage.web import links, views
from mirage.web import schemas as s
from mirage.web.schemas.base import Model

Places = Mapping[tuple[str, str], str]
"""Side and figure id to the id of its card on the page."""


def explainer_view(info: ExplainerInfo) -> s.ExplainerView:
    """Who speaks."""
    return s.ExplainerView(name=info.name, model=info.model, revision=info.revision, generative=info.generative)


def evidence_view(evidence: Evidence) -> s.EvidenceView:
    """A numbered passage with its addresses."""
    of_case = bool(evidence.case) and evidence.kind != "caption"
    return s.EvidenceView(
        number=evidence.number,
        kind=evidence.kind,
        text=evidence.text,
        figures=list(evidence.figures),
        case_id=evidence.case,
        title=evidence.title,
        diagnosis=evidence.diagnosis,
        modality=evidence.modality,
        modality_name=MODALITIES.get(evidence.modality, evidence.modality),
        plane=evidence.plane,
        region=evidence.region,
        side=evidence.side,
        source=views.source_view(evidence.source),
        page=links.case(evidence.case) if of_case else links.figure(evidence.figures[0]),
    )


def claim_view(claim: Claim) -> s.ClaimView:
    """A sentence, judged."""
    return s.ClaimView(
        text=claim.text,
        cites=list(claim.cites),
        support=claim.support,
        breaks=[s.BreakView(kind=each.kind, words=each.words, reason=each.reason) for each in claim.breaks],
        by=claim.by,
        quoted=claim.quoted,
        aspect=claim.aspect,
    )


def explanation_view(whole: Explanation) -> s.ExplanationView:
    """The whole."""
    return s.ExplanationView(
        question=whole.question,
        evidence=[evidence_view(each) for each in whole.evidence],
        claims=[claim_view(each) for each in whole.claims],
        remarks=list(whole.remarks),
        explainers=[explainer_view(each) for each in whole.explainers],
        stopped=whole.stopped,
        seconds=whole.seconds,
        cited=whole.cited(),
    )


def event_view(event: Event, whole: Explanation) -> tuple[str, Model]:
    """An event's name and content. `whole` is what there is of the explanation so far, this event included."""
    match event:
        case Began():
            evidence = [evidence_view(each) for each in event.evidence]
            view = s.BeganView(question=whole.question, explainer=explainer_view(event.explainer), evidence=evidence)
            return "began", view
        case Claim():
            return "claim", claim_view(event)
        case Writing():
            return "writing", s.WritingView(text=event.text)
        case Remark():
            return "remark", s.RemarkView(text=event.text)
        case Ended():
            return "ended", s.EndedView(stopped=event.stopped, seconds=event.seconds, cited=whole.cited())
