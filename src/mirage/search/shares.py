"""How much single slices show of a structure that is asked for, by what is marked in them.

A slice shows of a structure a share of its largest section in that plane. Of what has several marks, as *kidneys* or
*brain*, it shows the mean of their shares. What a caption names says only that a scrap of it is there: for *liver* a
slice of the groin with the tip of one would stand beside those through its middle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from functools import lru_cache

from mirage.figure import SlicePlace
from mirage.language import words as wordform
from mirage.language.asking import SPANISH
from mirage.language.concepts import lexicon
from mirage.language.laterality import SIDES
from mirage.language.reading import AskedConcept, QueryReading

_LESS_EXACT = 0.6
_USUAL = {"sagittal": 0.9}  # who asks for no plane is shown a sagittal slice where it shows more
GAIN = 3.0  # what a slice that shows all of a structure gains over one that shows none, in units of a channel's first place


@lru_cache(maxsize=4096)
def read_label(name: str) -> tuple[frozenset[str], frozenset[int]]:
    """The concepts that a label's name tells, and its stems."""
    return frozenset(match.concept for match in lexicon().find(name).matches), wordform.stems(name)


@lru_cache(maxsize=4096)
def side_of(text: str) -> str:
    """The one side that a text names; empty where it names none, or both."""
    words = (SPANISH.get(word, word) for word in wordform.lowered(text))
    sides = {SIDES[word] for word in words if word in SIDES} & {"left", "right"}
    return sides.pop() if len(sides) == 1 else ""


class SectionShares:
    """What is marked in the single slices of an atlas; false where nothing is.

    Parameters
    ----------
    places : mapping
        Key of a slice to its place.
    """

    def __init__(self, places: Mapping[int, SlicePlace]) -> None:
        self._numbers = {key: (place.view, place.number) for key, place in places.items()}
        self._families: dict[str, list[int]] = {}
        self._marks: dict[str, dict[str, dict[int, float]]] = {}  # of each stack: name of a mark to slice to its share
        for key, place in places.items():
            self._families.setdefault(place.stack, []).append(key)
            for name, share in place.shares:
                self._marks.setdefault(place.stack, {}).setdefault(name, {})[key] = share

    def __bool__(self) -> bool:
        return bool(self._marks)

    def asked(self, reading: QueryReading | None) -> dict[int, float]:
        """Key of a slice to how much it shows of what is asked for, 0 to 1, in stacks where any of it is marked.

        It is compared with the best slice of its stack, so that stacks are compared by their best.

        Parameters
        ----------
        reading : QueryReading or None
            Of the query's words.
        """
        if reading is None or not self:
            return {}
        wanted, side, found = _narrowest(reading), side_of(reading.text), dict[int, float]()
        marked = {
            family: [_marked(each, marks, side, reading.unwanted) for each in wanted]
            for family, marks in self._marks.items()
        }
        # What is marked as itself counts before what has it in its name, *true lumen of the aorta*; many parts before one.
        levels = [min(one.level for one in those) for those in zip(*marked.values(), strict=True)]
        counts = [max(len(one.names) for one in those) for those in zip(*marked.values(), strict=True)]
        for family, those in marked.items():
            if any(one.names for one in those):
                found |= dict.fromkeys(self._families[family], 0.0)
            for one, level, count in zip(those, levels, counts, strict=True):
                shown = self._shown(family, one)
                exact = _LESS_EXACT if one.level > level else 1.0
                worth = exact * min(1.0, 2 * len(one.names) / max(1, count)) / max(shown.values(), default=1.0)
                for key, share in shown.items():
                    found[key] += share * worth / len(wanted)
        return found

    def _shown(self, family: str, marked: _Marked) -> dict[int, float]:
        """Slice to the sum of what it shows of some marks."""
        shown: dict[int, float] = {}
        for name in marked.names:
            for key, share in self._marks[family][name].items():
                shown[key] = shown.get(key, 0.0) + share * _USUAL.get(self._numbers[key][0], 1.0)
        return shown

    def best(self, stack: str, view: str, reading: QueryReading) -> tuple[int, str] | None:
        """The number of the slice that shows most of what has several marks, and what that is; None where one mark tells it.

        Parameters
        ----------
        stack : str
            Its id.
        view : str
        reading : QueryReading
        """
        wanted = sorted(_narrowest(reading), key=lambda each: each.kind == "anatomy")  # a thing, before where it is
        for each in wanted if stack in self._marks else ():
            marked = _marked(each, self._marks[stack], side_of(reading.text), reading.unwanted)
            if len(marked.names) > 1:
                shown = {key: share for key, share in self._shown(stack, marked).items() if self._numbers[key][0] == view}
                return (self._numbers[max(shown, key=shown.__getitem__)][1], each.name) if shown else None
            if marked.names and each.kind != "anatomy":
                return None
        return None


def _narrowest(reading: QueryReading) -> list[AskedConcept]:
    """What is asked for, without what it is a part of: "brain at the level of the basal ganglia" is about these."""
    broader = frozenset[str]().union(*(lexicon().parents(each.name) for each in reading.wanted))
    return [each for each in reading.wanted if each.name not in broader]


@dataclass(frozen=True, slots=True)
class _Marked:
    """The names of marks that tell a concept, and how: 0 as itself, 1 by a name that holds it, 2 as its kinds, 3 not."""

    names: tuple[str, ...]
    level: int


def _marked(concept: AskedConcept, names: Iterable[str], side: str, unwanted: Set[str]) -> _Marked:
    """What tells a concept; of a side that is asked for, that side's."""
    told = {name: read_label(name)[0] for name in names if not side or side_of(name) in ("", side)}
    told = {name: concepts for name, concepts in told.items() if concepts.isdisjoint(unwanted)}
    ways: tuple[Callable[[frozenset[str]], bool], ...] = (
        lambda concepts: concepts == {concept.name},
        lambda concepts: concept.name in concepts,
        lambda concepts: not concepts.isdisjoint(concept.narrower | concept.nearly),
    )
    for level, fits in enumerate(ways):
        if found := tuple(name for name, concepts in told.items() if fits(concepts)):
            return _Marked(found, level)
    return _Marked((), len(ways))
