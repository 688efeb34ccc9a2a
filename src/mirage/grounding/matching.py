"""Which sentences of the evidence a sentence is about."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from mirage.evidence import Evidence
from mirage.grounding.reading import Reading, read
from mirage.grounding.sentences import sentences

# How much a concept counts that only the case's title or diagnosis holds, and one that only the passage around holds.
_ABOUT, _AROUND = 0.7, 0.5
_KIND_WEIGHT = {"anatomy": 1.0, "disease": 1.2, "finding": 1.0, "": 0.6}
MOST_ALIGNED = 4


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One sentence of the evidence, read."""

    evidence: Evidence
    place: int
    text: str
    reading: Reading

    @property
    def number(self) -> int:
        """Of the evidence."""
        return self.evidence.number


@dataclass(frozen=True, slots=True)
class Match:
    """How much of a sentence one sentence of the evidence holds.

    Attributes
    ----------
    unit : Unit
    score : float
        0 to 1, the weighted share of the sentence's concepts.
    shared : frozenset of str
        Concepts in both.
    """

    unit: Unit
    score: float
    shared: frozenset[str]


class Body:
    """All evidence of one explanation, read once.

    Parameters
    ----------
    evidence : sequence of Evidence
    """

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self.evidence = tuple(evidence)
        self.by_number = {item.number: item for item in self.evidence}

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Every sentence of every passage."""
        return tuple(
            Unit(item, place, text, read(text)) for item in self.evidence for place, text in enumerate(sentences(item.text))
        )

    @cached_property
    def about(self) -> dict[int, Reading]:
        """Evidence number to what its title, diagnosis and kind of picture say."""
        return {item.number: read(item.about) for item in self.evidence}

    @cached_property
    def around(self) -> dict[int, frozenset[str]]:
        """Evidence number to all concepts of the passage."""
        found: dict[int, set[str]] = {item.number: set() for item in self.evidence}
        for unit in self.units:
            found[unit.number] |= unit.reading.concepts.keys()
        return {number: frozenset(concepts) for number, concepts in found.items()}

    @cached_property
    def concepts(self) -> frozenset[str]:
        """All that any evidence holds, titles included."""
        held = {concept for unit in self.units for concept in unit.reading.concepts}
        return frozenset(held | {concept for reading in self.about.values() for concept in reading.concepts})

    @cached_property
    def _frequency(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for unit in self.units:
            for concept in unit.reading.concepts:
                counts[concept] = counts.get(concept, 0) + 1
        return counts

    def weights(self, reading: Reading) -> dict[str, float]:
        """How much each concept of a sentence tells: rare ones more than those that every sentence has."""
        count = max(1, len(self.units))
        return {
            concept: _KIND_WEIGHT.get(kind, 0.6) * math.log(2 + count / (1 + self._frequency.get(concept, 0)))
            for concept, kind in reading.kinds.items()
        }

    def match(self, reading: Reading, cited: Iterable[int] = ()) -> tuple[Match, ...]:
        """The sentences of the evidence that hold most of a sentence, best first.

        The first holds most; each next one holds most of what is still missing and shares something with those before it,
        since a sentence may draw two of its source's into one.
        """
        weights = self.weights(reading)
        total = sum(weights.values()) or 1.0
        given = frozenset(cited)
        scored: list[Match] = []
        for unit in self.units:
            shared = frozenset(reading.concepts.keys() & unit.reading.concepts.keys())
            if not shared and not (reading.modalities.keys() & unit.reading.modalities.keys()):
                continue
            more = (reading.concepts.keys() & self.about[unit.number].concepts.keys()) - shared
            near = (reading.concepts.keys() & self.around[unit.number]) - shared - more
            held = sum(weights[concept] for concept in shared)
            held += _ABOUT * sum(weights[concept] for concept in more) + _AROUND * sum(weights[concept] for concept in near)
            length = len(unit.reading.concepts) or 1
            close = 0.02 * len(shared) / length + (0.04 if unit.number in given else 0.0)
            scored.append(Match(unit, held / total + close, shared))
        scored.sort(key=lambda match: -match.score)
        return tuple(scored[:40])


def aligned(matches: Sequence[Match], weights: dict[str, float]) -> tuple[Match, ...]:
    """The matches that a sentence was made of: the best, those as good, and what adds to them."""
    if not matches:
        return ()
    best = matches[0]
    chosen = [best]
    held = set(best.shared)
    total = sum(weights.values()) or 1.0
    while len(chosen) < MOST_ALIGNED:
        rest = [match for match in matches if match not in chosen and len(match.shared) > 1]
        gain = [
            (sum(weights[concept] for concept in match.shared - held) / total, -number) for number, match in enumerate(rest)
        ]
        if not gain or max(gain)[0] < 0.08:
            break
        match = rest[-max(gain)[1]]
        chosen.append(match)
        held |= match.shared
    return tuple(chosen)
