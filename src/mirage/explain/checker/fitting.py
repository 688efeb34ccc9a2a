"""How well the words around a value of a sentence fit those around a value of the evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mirage.explain.checker.cues import CUES
from mirage.explain.checker.matching import Alignment, EvidenceSentence
from mirage.explain.checker.values import Value, values
from mirage.language.annotation import Annotation, is_imaging

# How far, in words, two words still stand together; and how many words it counts to cross what divides a sentence.
_REACH, _CROSSING = 8.0, 6.0
_BOUNDS = frozenset(", ; : ( ) and but while whereas although though yet or than which who".split())
# How closely a word stands with a value when another value of the place stands nearer.
_TAKEN = 0.4
# How much a kind of picture tells among the words around a value.
_PICTURE = 1.5
# How much a word still fits that one denies and the other states.
_OTHERWISE = 0.3


@lru_cache(maxsize=8192)
def _bounds(reading: Annotation) -> tuple[int, ...]:
    """How many words that divide a sentence stand before each token."""
    count, found = 0, list[int]()
    for token in reading.tokens:
        count += token.word in _BOUNDS
        found.append(count)
    return tuple(found)


def _nearness(reading: Annotation, value: Value, place: int) -> float:
    distance = max(value.first - place, place - value.last, 0)
    crossed = abs(_bounds(reading)[place] - _bounds(reading)[value.first])
    return math.exp(-(distance + _CROSSING * crossed) / _REACH)


@lru_cache(maxsize=8192)
def _around(reading: Annotation, value: Value) -> tuple[float, ...]:
    """How closely each word of a sentence stands with a value, 0 to 1; not at all within it."""
    rivals = [other for other in values(reading) if other.slot == value.slot and not other.agrees(value)]
    found = list[float]()
    for place in range(len(reading.tokens)):
        near = _nearness(reading, value, place)
        taken = any(_nearness(reading, other, place) > near for other in rivals)
        found.append(0.0 if value.first <= place <= value.last else near * _TAKEN if taken else near)
    return tuple(found)


def _alike(claim: Annotation, value: Value, source: Annotation, other: Value) -> bool:
    """Whether both are about the same: "rarely symptomatic" says nothing against "usually asymptomatic"."""
    return value.slot != "share" or _takes_back(claim, value) == _takes_back(source, other)


def _takes_back(reading: Annotation, value: Value) -> bool:
    same = _bounds(reading)[value.first]
    words = (token.word for place, token in enumerate(reading.tokens) if not value.first <= place <= value.last)
    clauses = (clause for place, clause in enumerate(_bounds(reading)) if not value.first <= place <= value.last)
    return any(
        clause == same and CUES["polarity"]["turning"].search(word) for word, clause in zip(words, clauses, strict=True)
    )


class Fitting:
    """How well values of the evidence fit the words around those of a sentence.

    Parameters
    ----------
    alignment : Alignment
    """

    def __init__(self, alignment: Alignment) -> None:
        claim = alignment.claim
        self._claim = claim
        pictures = {token.word for token in claim.tokens if is_imaging(token.word)}
        self.means = alignment.retold | {word: frozenset((f"!{word}",)) for word in pictures}
        self._weights = alignment.weights | dict.fromkeys(pictures, _PICTURE)

    def fit(self, value: Value, unit: EvidenceSentence, other: Value, *, whatever: bool = False) -> float:
        """The share of the words around a value that stand around another in the evidence, 0 to 1, by how near they stand.

        Parameters
        ----------
        value : Value
            Of the sentence.
        unit : EvidenceSentence
        other : Value
            Of that sentence of the evidence.
        whatever : bool
            Words count as much where one denies them and the other does not.
        """
        mine, theirs = _around(self._claim, value), _around(unit.reading, other)
        near: dict[str, float] = {}
        for token, closeness in zip(self._claim.tokens, mine, strict=True):
            key = token.concept if token.concept in self.means else token.word
            if key in self.means:
                near[key] = max(closeness, near.get(key, 0.0))
        denied = {place for denial in unit.reading.denials for place in denial.places}
        total = held = 0.0
        for concept, closeness in near.items():
            weight, means = self._weights[concept] * closeness, self.means[concept]
            total += weight
            stated = concept not in self._claim.denied
            there = (
                close * (1.0 if whatever or stated == (place not in denied) else _OTHERWISE)
                for place, (close, meant) in enumerate(zip(theirs, unit.of_tokens, strict=True))
                if not meant.isdisjoint(means)
            )
            held += weight * math.sqrt(max(there, default=0.0))
        return held / total if total else 1.0

    def occurrences(self, place: int, unit: EvidenceSentence) -> Iterator[tuple[int, float]]:
        """Where a sentence of the evidence has a word of this one, and how well the words around both fit.

        Parameters
        ----------
        place : int
            Of the word in this sentence.
        unit : EvidenceSentence
        """
        token = self._claim.tokens[place]
        word = Value("term", "", token.concept, place, place, token.text)
        for there, meant in enumerate(unit.of_tokens):
            if not meant.isdisjoint(self.means[token.concept]):
                yield there, self.fit(word, unit, Value("term", "", token.concept, there, there, token.text), whatever=True)

    def best(
        self, value: Value, near: Sequence[EvidenceSentence]
    ) -> tuple[float, float, tuple[EvidenceSentence, Value] | None]:
        """How well a value fits where the evidence has the same, how well its best rival fits, and that rival.

        Parameters
        ----------
        value : Value
        near : sequence of EvidenceSentence
        """
        own = against = 0.0
        rival: tuple[EvidenceSentence, Value] | None = None
        for unit in near:
            for other in values(unit.reading):
                if (
                    other.slot == value.slot
                    and _alike(self._claim, value, unit.reading, other)
                    and (fit := self.fit(value, unit, other)) > 0.0
                ):
                    if value.agrees(other):
                        own = max(own, fit)
                    elif fit > against:
                        against, rival = fit, (unit, other)
        return own, against, rival

    def as_close(self, value: Value, near: Sequence[EvidenceSentence], rival: tuple[EvidenceSentence, Value] | None) -> bool:
        """Whether a sentence with the same value holds as much of this one as the sentence of a rival does.

        Parameters
        ----------
        value : Value
        near : sequence of EvidenceSentence
        rival : tuple of EvidenceSentence and Value, or None
        """
        same = [
            unit for unit in near if any(other.slot == value.slot and value.agrees(other) for other in values(unit.reading))
        ]
        return rival is not None and max(map(self._held, same), default=0.0) >= self._held(rival[0]) > 0.0

    def _held(self, unit: EvidenceSentence) -> float:
        return sum(self._weights[concept] for concept, means in self.means.items() if not means.isdisjoint(unit.meanings))
