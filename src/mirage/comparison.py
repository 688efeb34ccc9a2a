"""Two answers side by side, and what tells them apart.

Traits are the words of the figures that fit and of their cases. How much a trait tells the sides apart is its log-odds
ratio with an informative Dirichlet prior, the atlas being the prior (Monroe, Colaresi and Quinn, *Fightin' Words*, 2008),
over cases and not over words, so that a long case does not outweigh a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from mirage import explaining
from mirage.dual import Dual
from mirage.explainers.base import Explainer, Remark, Request
from mirage.explaining import Event
from mirage.figure import Case
from mirage.grounding import Checker
from mirage.ranking import Answer, Hit

Kind = Literal["diagnosis", "finding", "region", "modality", "plane"]
SAME = "Both sides ask the same, so nothing tells them apart."


@dataclass(frozen=True, slots=True)
class Trait:
    """Something that figures of one side, or of both, show.

    Attributes
    ----------
    kind : {"diagnosis", "finding", "region", "modality", "plane"}
    words : str
        As readers see it.
    a, b : tuple of str
        Ids of the figures of each side that show it, best first.
    share_a, share_b : float
        Share of each side's cases that have it, 0 to 1; a figure without a case counts as one.
    """

    kind: Kind
    words: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    share_a: float
    share_b: float


@dataclass(frozen=True, slots=True)
class Pairing:
    """Like with like: figures of both sides taken in one way. Neither side is empty.

    Attributes
    ----------
    modality, plane : str
        As in `mirage.figure.Figure`; empty where the sources do not say.
    a, b : tuple of Hit
        Best first.
    """

    modality: str
    plane: str
    a: tuple[Hit, ...]
    b: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two queries answered side by side.

    Attributes
    ----------
    dual : Dual
    a, b : Answer
    shared : tuple of Trait
        What both sides have, and more of than the atlas at large; most telling first.
    of_a, of_b : tuple of Trait
        What one side has and the other has not, or less of; most telling first.
    alike : tuple of Pairing
        Figures to look at together, the best pair first.
    both : tuple of str
        Ids of figures that fit both sides.
    notes : tuple of str
        What the reader should know: a side without hits that fit, sides of different modality.
    seconds : float
    """

    dual: Dual
    a: Answer
    b: Answer
    shared: tuple[Trait, ...] = ()
    of_a: tuple[Trait, ...] = ()
    of_b: tuple[Trait, ...] = ()
    alike: tuple[Pairing, ...] = ()
    both: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def words(self) -> tuple[str, str]:
        """The two queries in words."""
        return explaining.words_of(self.a), explaining.words_of(self.b)

    def request(self, cases: Mapping[str, Case]) -> Request:
        """What to explain: how the two sides differ, from the evidence of both, that of A numbered first.

        Parameters
        ----------
        cases : mapping
            Case id to Case, for the hits' cases.
        """
        a = explaining.gather(self.a.hits, cases, side="a")
        b = explaining.gather(self.b.hits, cases, side="b", first=len(a) + 1)
        words = self.words
        return Request(f"{words[0]}, compared with {words[1]}", (*a, *b), task="contrast", sides=words)


def contrast(
    comparison: Comparison,
    cases: Mapping[str, Case],
    explainer: Explainer | str,
    checker: Checker,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Explain the difference sentence by sentence, as `mirage.explaining.explain` does.

    A pair that asks the same, or of which a side has no evidence, is said to be so first.
    """
    request = comparison.request(cases)
    if comparison.dual.same:
        yield Remark(SAME)
    elif request.evidence and (missing := {"a", "b"} - {item.side for item in request.evidence}):
        side = missing.pop()
        other = "B" if side == "a" else "A"
        yield Remark(f"{side.upper()} has no evidence to compare with; what follows is of {other} alone.")
    yield from explaining.explain(request, explainer, checker, stopped)


def compare(dual: Dual, a: Answer, b: Answer) -> Comparison:
    """Put two answers side by side."""
    return Comparison(dual, a, b, seconds=a.seconds + b.seconds)
