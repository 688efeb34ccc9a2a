"""What characterises the figures of one side against those of the other, by the words of their cases.

How much a phrase tells two sides apart is its log-odds ratio with an informative Dirichlet prior, divided by its standard
deviation (Monroe, Colaresi and Quinn, "Fightin' Words", Political Analysis 16 (2008) 372-403). The prior is the atlas.
Counted are cases that say a phrase, not how often they say it, so that one long case does not outweigh a short one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from mirage.compare.phrases import Key, best_form, modality_of, phrases
from mirage.figure import MODALITIES, Case, Figure

Kind = Literal["diagnosis", "finding", "region", "modality", "plane"]
# How many cases of average atlas each side is thought to have had before: large, so that what one side says once and the
# other never does not outweigh what the one says often.
PRIOR = 40.0
# Standard deviations from which a phrase tells.
TELLS = 0.7
MOST = 8
_FIELDS: tuple[Literal["region", "modality", "plane"], ...] = ("region", "modality", "plane")


@dataclass(frozen=True, slots=True)
class KeyPhrase:
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


@dataclass(slots=True)
class CaseWords:
    """A case as far as it was found, or a figure without a case.

    Attributes
    ----------
    figures : list of Figure
        Best first.
    says : dict
        Phrase to the ids of the figures that show it: those whose caption says it, and, where findings or diagnosis
        do, all.
    names : set of Key
        Phrases of title and diagnosis.
    """

    figures: list[Figure] = field(default_factory=list)
    says: dict[Key, list[str]] = field(default_factory=dict)
    names: set[Key] = field(default_factory=set)


@dataclass(slots=True)
class WrittenForms:
    """How phrases were written, and which of them the vocabulary knows."""

    written: dict[Key, Counter[str]] = field(default_factory=dict)
    known: set[Key] = field(default_factory=set)

    def words(self, key: Key) -> str:
        """How a reader would write a phrase."""
        return best_form(self.written[key])


@dataclass(frozen=True, slots=True)
class AtlasCounts:
    """How many cases the atlas has, and how many of them say each phrase."""

    size: int
    phrases: Mapping[Key, int]

    def share(self, key: Key) -> float:
        """Share of the atlas's cases that say a phrase; never 0, for then it could not be said at all."""
        return max(self.phrases.get(key, 0), 1) / max(self.size, 2)


def units(figures: Iterable[Figure], cases: Mapping[str, Case], forms: WrittenForms) -> list[CaseWords]:
    """Put figures together by case, and read what each case says.

    Parameters
    ----------
    figures : iterable of Figure
        Best first.
    cases : mapping
        Case id to Case.
    forms : WrittenForms
        Told how each phrase is written.
    """
    found: dict[str, CaseWords] = {}
    for figure in figures:
        found.setdefault(figure.case_id or figure.id, CaseWords()).figures.append(figure)
    for name, unit in found.items():
        case = cases.get(name)
        ids = [figure.id for figure in unit.figures]
        for caption in dict.fromkeys(figure.caption for figure in unit.figures):
            _read(unit, caption, [figure.id for figure in unit.figures if figure.caption == caption], forms)
        named = dict.fromkeys(text for figure in unit.figures for text in (figure.diagnosis or figure.title,))
        for text in named:
            unit.names.update(_read(unit, text, ids, forms, names=True))
        if case is not None:
            _read(unit, case.findings, ids, forms)
    return list(found.values())


def _read(unit: CaseWords, text: str, ids: Sequence[str], forms: WrittenForms, *, names: bool = False) -> set[Key]:
    keys: set[Key] = set()
    for phrase in phrases(text):
        # Of a name only what names a disease: not the "autosomal" of a polycystic kidney disease.
        if names and not (phrase.disease or phrase.whole):
            continue
        keys.add(phrase.key)
        forms.written.setdefault(phrase.key, Counter())[phrase.words] += 1
        if phrase.known:
            forms.known.add(phrase.key)
    for key in keys:
        shown = unit.says.setdefault(key, [])
        shown += [name for name in ids if name not in shown]
    return keys


def background(figures: Iterable[Figure], cases: Mapping[str, Case]) -> AtlasCounts:
    """Count what the atlas says.

    Parameters
    ----------
    figures : iterable of Figure
        Of the whole atlas.
    cases : mapping
        Case id to Case.
    """
    all_units = units(figures, cases, WrittenForms())
    counts = Counter(key for unit in all_units for key in unit.says)
    # What one case alone says is as rare as what none says.
    return AtlasCounts(len(all_units), {key: count for key, count in counts.items() if count > 1})


def apart(a: float, of_a: int, b: float, of_b: int, share: float) -> float:
    """How much more of A's cases than of B's say something, in standard deviations of the log-odds ratio.

    Parameters
    ----------
    a, b : int
        Cases of each side that say it.
    of_a, of_b : int
        Cases of each side.
    share : float
        Share of the atlas's cases that say it.

    Notes
    -----
    ``δ = log((a + α) / (of_a + α₀ − a − α)) − log((b + α) / (of_b + α₀ − b − α))`` with ``α = α₀ · share``, and
    ``z = δ / sqrt(1 / (a + α) + 1 / (b + α))``: equations 16 and 22 of Monroe et al. with ``α₀`` `PRIOR`.
    """
    alpha = PRIOR * min(share, 0.999)  # what all cases say would leave nothing to divide by
    odds = [(count + alpha) / (of + PRIOR - count - alpha) for count, of in ((a, of_a), (b, of_b))]
    return math.log(odds[0] / odds[1]) / math.sqrt(1 / (a + alpha) + 1 / (b + alpha))


class Keyness:
    """Both sides of a comparison, read.

    Parameters
    ----------
    a, b : sequence of Figure
        The figures that fit, best first.
    cases : mapping
        Case id to Case.
    atlas : AtlasCounts
    asked : frozenset of Key
        Phrases of the two queries; that one's figures have what was asked for tells nothing new.
    """

    def __init__(
        self,
        a: Sequence[Figure],
        b: Sequence[Figure],
        cases: Mapping[str, Case],
        atlas: AtlasCounts,
        asked: frozenset[Key] = frozenset(),
    ) -> None:
        self._forms = WrittenForms()
        self._sides = units(a, cases, self._forms), units(b, cases, self._forms)
        self._atlas = atlas
        self._asked = asked
        self._said: tuple[dict[Key, list[CaseWords]], dict[Key, list[CaseWords]]] = ({}, {})
        for side, said in zip(self._sides, self._said, strict=True):
            for unit in side:
                for key in unit.says:
                    said.setdefault(key, []).append(unit)

    def apart(self) -> tuple[tuple[KeyPhrase, ...], tuple[KeyPhrase, ...]]:
        """What tells A from B, and B from A; most telling first."""
        return self._telling(0), self._telling(1)

    def shared(self) -> tuple[KeyPhrase, ...]:
        """What both have, and more of than the atlas at large; most telling first."""
        scored: dict[Key, float] = {}
        for key in self._said[0].keys() & self._said[1].keys():
            share = self._atlas.share(key)
            atlas = share * self._atlas.size, self._atlas.size, share
            over = min(apart(len(self._said[n][key]), len(self._sides[n]), *atlas) for n in (0, 1))
            if all(self._enough(n, key) for n in (0, 1)) and over > TELLS / 2:
                scored[key] = over
        found = self._chosen(scored, {key: len(self._said[0][key]) + len(self._said[1][key]) for key in scored})
        alike = [one for name in _FIELDS for one in self._fields(name) if min(one.share_a, one.share_b) >= 0.5]
        return (*alike, *found[:MOST])

    def _telling(self, side: int) -> tuple[KeyPhrase, ...]:
        scored: dict[Key, float] = {}
        for key in self._said[side]:
            counted = [self._counted(n, key) for n in (side, 1 - side)]
            if not all(of for _, of in counted) or not self._enough(side, key):
                continue
            (one, of_one), (other, of_other) = counted
            score = apart(one, of_one, other, of_other, self._atlas.share(key))
            if score >= TELLS and one / of_one > 1.5 * other / of_other:
                scored[key] = score
        phrases = self._chosen(scored, {key: len(self._said[side][key]) for key in scored})[:MOST]
        regions = ((one, (one.share_a, one.share_b)) for one in self._fields("region"))
        return (*(one for one, shares in regions if shares[side] >= 0.5 and shares[1 - side] < 0.25), *phrases)

    def _counted(self, side: int, key: Key) -> tuple[int, int]:
        """Cases that say a phrase, and cases that could: density is compared among CT, signal among MR."""
        modality = modality_of(self._forms.words(key))
        could = [u for u in self._sides[side] if not modality or any(f.modality == modality for f in u.figures)]
        return sum(key in unit.says for unit in could), len(could)

    def _enough(self, side: int, key: Key) -> bool:
        """Whether more than one case says it, where there are several; an unknown word wants more."""
        of = len(self._sides[side])
        wanted = 1 if of < 3 else 2
        if key not in self._forms.known:
            wanted = max(2, math.ceil(of / 4))
        return len(self._said[side].get(key, ())) >= wanted

    def _chosen(self, scored: Mapping[Key, float], cases: Mapping[Key, int]) -> tuple[KeyPhrase, ...]:
        """The best phrases, without what another one says already: a phrase swallows its parts."""
        kept: list[Key] = []
        for key in sorted(scored, key=lambda key: (-scored[key], -len(key), self._forms.words(key))):
            longer = [o for o in scored if len(o) > len(key) and _holds(o, key) and cases[o] >= 0.6 * cases[key]]
            if longer or any(not set(key).isdisjoint(other) for other in kept):
                continue
            kept.append(key)
        made = {key: self._key_phrase(key) for key in kept}
        asked = {key for key in made if any(_holds(longer, key) for longer in self._asked)}
        return tuple(one for key, one in made.items() if one.kind == "diagnosis" or key not in asked)

    def _key_phrase(self, key: Key) -> KeyPhrase:
        saying = [self._said[n].get(key, []) for n in (0, 1)]
        names = sum(key in unit.names for side in saying for unit in side)
        kind: Kind = "diagnosis" if 2 * names >= sum(map(len, saying)) else "finding"
        return self._made(kind, self._forms.words(key), lambda unit: unit.says.get(key, ()))

    def _made(self, kind: Kind, words: str, shows: Callable[[CaseWords], Sequence[str]]) -> KeyPhrase:
        figures, shares = [], []
        for side in self._sides:
            shown = {name for unit in side for name in shows(unit)}
            figures.append(tuple(f.id for unit in side for f in unit.figures if f.id in shown))
            shares.append(sum(bool(shows(unit)) for unit in side) / len(side) if side else 0.0)
        return KeyPhrase(kind, words, figures[0], figures[1], shares[0], shares[1])

    def _fields(self, name: Literal["region", "modality", "plane"]) -> Iterator[KeyPhrase]:
        for value in sorted({getattr(f, name) for side in self._sides for unit in side for f in unit.figures} - {""}):
            words = MODALITIES.get(value, value) if name == "modality" else value
            yield self._made(name, words, partial(_having, name, value))


def _having(name: str, value: str, unit: CaseWords) -> list[str]:
    return [figure.id for figure in unit.figures if getattr(figure, name) == value]


def _holds(longer: Key, key: Key) -> bool:
    return any(longer[start : start + len(key)] == key for start in range(len(longer) - len(key) + 1))
