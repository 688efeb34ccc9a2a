"""An explanation as pieces of a page: the same whether they come one by one or all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mirage.explain import explanation
from mirage.explain.explainers.base import Remark
from mirage.explain.explanation import Began, Ended, Event, Explanation
from mirage.search.answer import Answer
from mirage.web.templating import render
from mirage.web.views.explain import ClaimView, EndedView, RemarkView, WritingView, event_view, evidence_view
from mirage.web.views.figures import ApiModel

Places = Mapping[tuple[str, str], str]
"""Side and figure id to the id of its card on the page."""


class PagePiece(ApiModel):
    """One event, drawn.

    Attributes
    ----------
    html : str
    evidence : str
        Items for the list of evidence: what this sentence cites and no sentence before it did.
    text : str
        Of a sentence being written, its words so far; of a sentence and of the last piece, what "Copy with citations"
        copies when it stops here.
    """

    html: str = ""
    evidence: str = ""
    text: str = ""


@dataclass
class Drawing:
    """Draws event after event, and remembers what the page has been given.

    Attributes
    ----------
    so_far : Explanation
    places : mapping
        Where the figures stand on the page.
    prefix : str
        Goes before the ids of evidence, where a page holds several explanations.
    """

    so_far: Explanation
    places: Places
    prefix: str = ""
    live: bool = False
    _shown: set[int] = field(default_factory=set)
    _aspect: str = ""

    def draw(self, event: Event) -> tuple[str, PagePiece]:
        """One event's name and piece."""
        before = self.so_far
        self.so_far = explanation.with_event(before, event)
        name, view = event_view(event, self.so_far)
        common = {"places": self.places, "prefix": self.prefix, "live": self.live}
        match view:
            case WritingView():
                return name, PagePiece(text=view.text)
            case ClaimView():
                known = {each.number: evidence_view(each) for each in self.so_far.evidence}
                fresh = [known[number] for number in view.cites if number in known and number not in self._shown]
                self._shown |= {each.number for each in fresh}
                heading, self._aspect = (view.aspect if view.aspect != self._aspect else ""), view.aspect
                html = render("explain_piece.html", kind="claim", view=view, known=known, heading=heading, **common)
                evidence = render("explain_piece.html", kind="evidence", items=fresh, **common) if fresh else ""
                return name, PagePiece(html=html, evidence=evidence, text=self.so_far.cited())
            case RemarkView():
                return name, PagePiece(html=render("explain_piece.html", kind="remark", view=view))
            case EndedView():
                whole = self.so_far
                html = render("explain_piece.html", kind="foot", whole=whole, rest=self._rest(), **common)
                return name, PagePiece(html=html, text=view.cited if whole.claims else "")
        assert isinstance(event, Began)
        return name, PagePiece(html=render("explain_piece.html", kind="began", view=view))

    def _rest(self) -> int:
        return len(self.so_far.evidence) - len(self._shown)


@dataclass(frozen=True, slots=True)
class DrawnExplanation:
    """A whole explanation, drawn."""

    sentences: str
    evidence: str
    foot: str
    text: str


def drawn(drawing: Drawing, events: list[Event]) -> DrawnExplanation:
    """Draw all events and put them together, with the evidence that no sentence cites last.

    Parameters
    ----------
    drawing : Drawing
    events : list of Event
    """
    sentences, evidence, foot, text = "", "", "", ""
    for event in events:
        name, piece = drawing.draw(event)
        if name in ("claim", "remark"):
            sentences += piece.html
        elif name == "ended":
            foot, text = piece.html, piece.text
        evidence += piece.evidence
    return DrawnExplanation(sentences, evidence, foot, text)


def nothing() -> DrawnExplanation:
    """What is shown where no figure fits, so that there is nothing to explain."""
    return drawn(Drawing(Explanation(""), {}), [Remark(explanation.NO_EVIDENCE), Ended(stopped=False, seconds=0.0)])


def places_of(answer: Answer, *, side: str = "", prefix: str = "") -> dict[tuple[str, str], str]:
    """Where an answer's figures stand: the ids of their cards.

    Parameters
    ----------
    answer : mirage.search.fusion.Answer
    side : {"", "a", "b"}
        Of a comparison, whose evidence it is.
    prefix : str
        Of the cards' ids.
    """
    return {(side, hit.figure.id): f"{prefix}hit-{hit.rank}" for hit in answer.hits}
