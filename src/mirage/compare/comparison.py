"""Two answers side by side: what they share, what tells them apart, and figures to look at together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mirage.compare import keyness
from mirage.compare.dual import Dual
from mirage.compare.keyness import AtlasCounts, KeyPhrase
from mirage.compare.phrases import phrases
from mirage.explain import explanation
from mirage.explain.checker import Checker
from mirage.explain.explainers.base import Explainer, ExplanationRequest, Remark
from mirage.explain.explanation import Event
from mirage.figure import MODALITIES, Case, Figure
from mirage.models.runtime import loaded_once
from mirage.search.answer import Answer, Hit
from mirage.storage.store import Store

# Of how many figures, evenly drawn, the atlas at large is told.
MOST_BACKGROUND = 3000
MOST_PAIRINGS = 6
SAME = "Both sides ask the same, so nothing tells them apart."


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
    shared : tuple of KeyPhrase
        What both sides have, and more of than the atlas at large; most telling first.
    of_a, of_b : tuple of KeyPhrase
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
    shared: tuple[KeyPhrase, ...] = ()
    of_a: tuple[KeyPhrase, ...] = ()
    of_b: tuple[KeyPhrase, ...] = ()
    alike: tuple[Pairing, ...] = ()
    both: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def words(self) -> tuple[str, str]:
        """The two queries in words."""
        return explanation.words_of(self.a), explanation.words_of(self.b)

    def request(self, cases: Mapping[str, Case]) -> ExplanationRequest:
        """What to explain: how the two sides differ, from the evidence of both, that of A numbered first.

        Parameters
        ----------
        cases : mapping
            Case id to Case, for the hits' cases.
        """
        a = explanation.gather(self.a.hits, cases, side="a")
        b = explanation.gather(self.b.hits, cases, side="b", first=len(a) + 1)
        words = self.words
        return ExplanationRequest(f"{words[0]}, compared with {words[1]}", (*a, *b), task="contrast", sides=words)


def contrast(
    comparison: Comparison,
    cases: Mapping[str, Case],
    explainer: Explainer | str,
    checker: Checker,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Explain the difference sentence by sentence, as `mirage.explain.explanation.explain` does.

    A pair that asks the same, or of which a side has no evidence, is said to be so first.

    Parameters
    ----------
    comparison : Comparison
    cases : mapping
        Case id to Case, for the hits' cases.
    explainer : Explainer or str
    checker : Checker
    stopped : callable
    """
    request = comparison.request(cases)
    if comparison.dual.same:
        yield Remark(SAME)
    elif request.evidence and (missing := {"a", "b"} - {item.side for item in request.evidence}):
        side = missing.pop()
        other = "B" if side == "a" else "A"
        yield Remark(f"{side.upper()} has no evidence to compare with; what follows is of {other} alone.")
    yield from explanation.explain(request, explainer, checker, stopped)


class Comparer:
    """Compares answers over one state of an atlas; what the atlas says at large is read once, when first needed.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @loaded_once
    def background(self) -> AtlasCounts:
        """How often the atlas says what."""
        keys = self._store.keys()
        chosen = keys[:: max(1, -(-len(keys) // MOST_BACKGROUND))]
        figures = [row.figure for row in self._store.rows(chosen).values()]
        return keyness.background(figures, self._cases(figures))

    def compare(self, dual: Dual, a: Answer, b: Answer) -> Comparison:
        """Put two answers side by side.

        Parameters
        ----------
        dual : Dual
        a, b : Answer
            What `dual.a` and `dual.b` found.
        """
        started = time.perf_counter()
        hits_a, hits_b = fitting(a), fitting(b)
        figures_a, figures_b = ([hit.figure for hit in hits] for hits in (hits_a, hits_b))
        asked = frozenset(phrase.key for answer in (a, b) for phrase in phrases(answer.query.text))
        reading = keyness.Keyness(figures_a, figures_b, self._cases([*figures_a, *figures_b]), self.background, asked)
        of_a, of_b = reading.apart() if hits_a and hits_b and not dual.same else ((), ())
        names_b = {figure.id for figure in figures_b}
        both = tuple(figure.id for figure in figures_a if figure.id in names_b)
        return Comparison(
            dual,
            a,
            b,
            shared=reading.shared() if hits_a and hits_b else (),
            of_a=of_a,
            of_b=of_b,
            alike=() if dual.same else pairings(hits_a, hits_b),
            both=() if dual.same else both,
            notes=tuple(_notes(dual, hits_a, hits_b, both)),
            seconds=a.seconds + b.seconds + time.perf_counter() - started,
        )

    def _cases(self, figures: Sequence[Figure]) -> dict[str, Case]:
        return self._store.cases({figure.case_id for figure in figures} - {""})


def fitting(answer: Answer) -> list[Hit]:
    """The hits that may stand for a side: strong and likely ones."""
    return [hit for hit in answer.hits if hit.confidence != "weak"]


def pairings(a: Sequence[Hit], b: Sequence[Hit]) -> tuple[Pairing, ...]:
    """Put figures of the same modality and plane together, the best pair first; a figure of both sides stands on neither.

    Parameters
    ----------
    a, b : sequence of Hit
        Best first.
    """
    shared = {hit.figure.id for hit in a} & {hit.figure.id for hit in b}
    kinds = dict.fromkeys((hit.figure.modality, hit.figure.plane) for hit in (*a, *b) if hit.figure.modality)
    found: list[Pairing] = []
    for kind in kinds:
        sides = [
            tuple(hit for hit in hits if hit.figure.id not in shared and (hit.figure.modality, hit.figure.plane) == kind)
            for hits in (a, b)
        ]
        if all(sides):
            found.append(Pairing(*kind, *sides))
    # A plane that is known beats one that is not, then the better hits.
    found.sort(key=lambda pair: (not pair.plane, pair.a[0].rank + pair.b[0].rank))
    return tuple(found[:MOST_PAIRINGS])


def _notes(dual: Dual, a: Sequence[Hit], b: Sequence[Hit], both: Sequence[str]) -> Iterator[str]:
    if dual.same:
        yield SAME if not dual.modified else f"{SAME} Say what B should have less or more of."
        return
    for name, hits in (("A", a), ("B", b)):
        if not hits:
            yield f"No figure in this atlas fits {name} well enough, so there is nothing to compare it by."
    if not a or not b:
        return
    for name, hits in (("A", a), ("B", b)):
        if len({hit.figure.case_id or hit.figure.id for hit in hits}) == 1:
            yield f"{name} is one case only; what is said of it is true of that case."
    if both:
        count = len(both)
        yield f"{count} figure{'s' if count > 1 else ''} fit{'' if count > 1 else 's'} both sides."
    yield from _unlike(a, b)


def _unlike(a: Sequence[Hit], b: Sequence[Hit]) -> Iterator[str]:
    """Say when the sides were taken in different ways, since that is no difference of the conditions."""
    for name in ("modality", "plane"):
        shares = [_shares(hits, name) for hits in (a, b)]
        if not all(shares) or sum(min(share, shares[1].get(value, 0)) for value, share in shares[0].items()) >= 0.5:
            continue
        said = []
        for side, share in zip("AB", shares, strict=True):
            most = max(share, key=lambda value: share[value])
            word = MODALITIES.get(most, most) if name == "modality" else most
            said.append((f"{side}'s figures are {'all' if share[most] > 0.99 else 'mostly'} {word}", word))
        if said[0][1] != said[1][1]:
            yield (
                f"{said[0][0]}, {said[1][0]}: this difference in {name} is how they were taken, "
                "not a difference between the conditions."
            )


def _shares(hits: Sequence[Hit], name: str) -> dict[str, float]:
    values = [value for hit in hits if (value := getattr(hit.figure, name)) not in ("", "OT")]
    return {value: values.count(value) / len(values) for value in values}
