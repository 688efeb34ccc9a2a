"""Two answers side by side: what they share, what tells them apart, and figures to look at together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mirage.compare import keyness
from mirage.compare.confounders import confounders
from mirage.compare.dual import Dual
from mirage.compare.keyness import CaseFindings, KeyConcept
from mirage.explain import explanation
from mirage.explain.checker import Checker
from mirage.explain.explainers.base import Explainer, ExplanationRequest, Remark
from mirage.explain.explanation import Event
from mirage.explain.subject import subject_of
from mirage.figure import Case
from mirage.language.concepts import lexicon
from mirage.once import loaded_once
from mirage.search.answer import Answer, Hit
from mirage.storage.store import Store
from mirage.wording import N_, _, ngettext

# Of how many figures, evenly drawn, the atlas at large is told.
MOST_BACKGROUND = 3000
MOST_PAIRINGS = 6
# Hits that cases are counted from: more than are shown, for those are often of few cases.
COUNTED = 150
CHANCE = 0.05  # below it a difference is called more than chance
SAME = N_("Both sides ask the same, so nothing tells them apart.")


@dataclass(frozen=True, slots=True)
class Pairing:
    """Like with like: figures of both sides taken in one way. Neither side is empty.

    Attributes
    ----------
    modality, plane, region : str
        As in `mirage.figure.Figure`.
    a, b : tuple of Hit
        Best first.
    """

    modality: str
    plane: str
    region: str
    a: tuple[Hit, ...]
    b: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two queries answered side by side.

    Attributes
    ----------
    dual : Dual
    a, b : Answer
    cases : tuple of int
        How many cases of each side were counted; a figure without a case counts as one.
    shared : tuple of KeyConcept
        What both sides have, and more of than the atlas at large; most telling first.
    of_a, of_b : tuple of KeyConcept
        What at least two cases of one side have, and fewer of the other's; most telling first.
    alike : tuple of Pairing
        Figures to look at together, the best pair first.
    beside : tuple of Hit
        Where none are alike, one figure of each side to look at together: the two that were taken most nearly in one way.
    both : tuple of str
        Ids of figures that fit both sides.
    notes : tuple of str
        What the reader should know: a side without hits that fit, sides that differ in more than what was asked.
    seconds : float
    """

    dual: Dual
    a: Answer
    b: Answer
    cases: tuple[int, int] = (0, 0)
    shared: tuple[KeyConcept, ...] = ()
    of_a: tuple[KeyConcept, ...] = ()
    of_b: tuple[KeyConcept, ...] = ()
    alike: tuple[Pairing, ...] = ()
    beside: tuple[Hit, ...] = ()
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
        words = explanation.question_of(self.a), explanation.question_of(self.b)
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
        yield Remark(
            _(
                "%(upper)s has no evidence to compare with; what follows is of %(other)s alone.",
                upper=side.upper(),
                other=other,
            )
        )
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
    def background(self) -> dict[str, float]:
        """Share of the atlas's cases that show each concept."""
        keys = sorted(set(self._store.keys()) - self._store.withdrawals.keys())
        chosen = keys[:: max(1, -(-len(keys) // MOST_BACKGROUND))]
        rows = self._store.rows(chosen)
        mentions = self._store.mentions.of(chosen)
        figures = ((key, rows[key].figure) for key in chosen if key in rows)
        return keyness.background(keyness.cases_of(figures, mentions, lexicon()))

    def compare(self, dual: Dual, a: Answer, b: Answer) -> Comparison:
        """Put two answers side by side.

        Parameters
        ----------
        dual : Dual
        a, b : Answer
            What `dual.a` and `dual.b` found. Cases are counted from all of their hits; as many are kept as were asked for.
        """
        started = time.perf_counter()
        cases_a, cases_b = self._about(a), self._about(b)
        readings = [answer.reading for answer in (a, b) if answer.reading]
        asked = {each.name for reading in readings for each in reading.concepts}
        asked |= {name for reading in readings for names in reading.doubtful.values() for name in names}
        counted = keyness.Keyness(cases_a, cases_b, self.background, asked, lexicon())
        two = bool(cases_a and cases_b)
        of_a, of_b = counted.apart() if two and not dual.same else ((), ())
        a, b = (replace(answer, hits=answer.hits[: answer.query.k]) for answer in (a, b))
        shown_a, shown_b = (_of(cases, answer) for cases, answer in ((cases_a, a), (cases_b, b)))
        names_b = {hit.figure.id for hit in shown_b}
        both = tuple(hit.figure.id for hit in shown_a if hit.figure.id in names_b)
        alike = () if dual.same else pairings(shown_a, shown_b)
        return Comparison(
            dual,
            a,
            b,
            cases=(len(cases_a), len(cases_b)),
            shared=counted.shared() if two else (),
            of_a=of_a,
            of_b=of_b,
            alike=alike,
            beside=() if dual.same or alike else nearest(shown_a, shown_b),
            both=() if dual.same else both,
            notes=tuple(_notes(dual, cases_a, cases_b, both, (*of_a, *of_b), (a.withdrawn, b.withdrawn))),
            seconds=a.seconds + b.seconds + time.perf_counter() - started,
        )

    def _about(self, answer: Answer) -> list[CaseFindings]:
        """The cases that may stand for a side; where a disease or a finding is asked for, those that have it."""
        hits = fitting(answer)
        keys = self._store.keys_of([hit.figure.id for hit in hits])
        figures = [(keys[hit.figure.id], hit.figure) for hit in hits if hit.figure.id in keys]
        found = keyness.cases_of(figures, self._store.mentions.of([key for key, _ in figures]), lexicon())
        reading = answer.reading
        wanted = [each for each in reading.wanted if each.kind in ("disease", "finding")] if reading else []
        if not wanted:
            return found
        names = [{each.name, *each.narrower} for each in wanted]
        named = [case for case in found if all(not each.isdisjoint(case.named) for each in names)]
        # "PE" in the title of a case is not always what was asked for.
        subject = subject_of(explanation.question_of(answer), ())
        records = self._store.cases([case.figures[0].case_id for case in named])
        others = {name for name, record in records.items() if subject and not subject.confirmed(record)}
        named = [case for case in named if case.figures[0].case_id not in others]
        if len(named) >= keyness.FEWEST:
            return named
        return [case for case in found if all(not each.isdisjoint((*case.named, *case.affirmed)) for each in names)]


def fitting(answer: Answer) -> list[Hit]:
    """The hits that may stand for a side: strong and likely ones."""
    return [hit for hit in answer.hits if hit.confidence != "weak"]


def _of(cases: Sequence[CaseFindings], answer: Answer) -> list[Hit]:
    names = {figure.id for case in cases for figure in case.figures}
    return [hit for hit in answer.hits if hit.figure.id in names]


def pairings(a: Sequence[Hit], b: Sequence[Hit]) -> tuple[Pairing, ...]:
    """Put figures of the same modality, plane and region together, the best pair first.

    A figure of both sides stands on neither, and one whose source leaves one of the three blank is like no other.

    Parameters
    ----------
    a, b : sequence of Hit
        Best first.
    """
    sides = _unshared(a, b)
    kinds = dict.fromkeys(_kind(hit) for hit in (*sides[0], *sides[1]))
    found: list[Pairing] = []
    for kind in kinds:
        alike_a, alike_b = (tuple(hit for hit in hits if _kind(hit) == kind) for hits in sides)
        if all(kind) and kind[0] != "OT" and alike_a and alike_b:
            found.append(Pairing(*kind, alike_a, alike_b))
    found.sort(key=lambda pair: pair.a[0].rank + pair.b[0].rank)
    return tuple(found[:MOST_PAIRINGS])


def nearest(a: Sequence[Hit], b: Sequence[Hit]) -> tuple[Hit, ...]:
    """One figure of each side, of the same modality, plane and region as far as may be; of several the best. Else none.

    Parameters
    ----------
    a, b : sequence of Hit
        Best first.
    """
    sides = _unshared(a, b)
    pairs = [(one, other) for one in sides[0] for other in sides[1]]

    def fits(pair: tuple[Hit, Hit]) -> tuple[int, int]:
        same = sum(bool(one) and one == other for one, other in zip(*map(_kind, pair), strict=True))
        return same, -pair[0].rank - pair[1].rank

    return max(pairs, key=fits, default=())


def _unshared(a: Sequence[Hit], b: Sequence[Hit]) -> list[list[Hit]]:
    """Both sides without the figures that are of both."""
    shared = {hit.figure.id for hit in a} & {hit.figure.id for hit in b}
    return [[hit for hit in hits if hit.figure.id not in shared] for hits in (a, b)]


def _kind(hit: Hit) -> tuple[str, str, str]:
    return hit.figure.modality, hit.figure.plane, hit.figure.region


def _notes(
    dual: Dual,
    a: Sequence[CaseFindings],
    b: Sequence[CaseFindings],
    both: Sequence[str],
    apart: Sequence[KeyConcept],
    withdrawn: tuple[int, int],
) -> Iterator[str]:
    if dual.same:
        yield _(SAME) if not dual.modified else " ".join((_(SAME), _("Say what B should have less or more of.")))
        return
    for name, cases, gone in (("A", a, withdrawn[0]), ("B", b, withdrawn[1])):
        if not cases and gone:
            yield _("What fits %(name)s was withdrawn by its source, so there is nothing to compare it by.", name=name)
        elif not cases:
            yield _("No figure in this atlas fits %(name)s well enough, so there is nothing to compare it by.", name=name)
    if not a or not b:
        return
    if few := _(" and ").join(
        _("one case of %(name)s", name=name) for name, cases in (("A", a), ("B", b)) if len(cases) == 1
    ):
        yield _(
            "Too few cases to tell: this atlas has %(few)s. What is true of one case may not be true of the next.", few=few
        )
    if apart and not any(one.chance < CHANCE for one in apart):
        yield (
            _(
                "Counted were %(a)s and %(b)s cases. With so few, chance alone could give each of these "
                "differences (Fisher's exact test); they say where to look, not how often it is so.",
                a=len(a),
                b=len(b),
            )
        )
    if both:
        count = len(both)
        yield ngettext("%(num)s figure fits both sides.", "%(num)s figures fit both sides.", count)
    yield from confounders(a, b)
