"""How much single slices show of a structure that is asked for, by what is marked in them.

A slice shows of a structure a share of its largest section in that plane. Of what has several marks, as *kidneys* or
*brain*, it shows the mean of their shares. What a caption names says only that a scrap of it is there: for *liver* a
slice of the groin with the tip of one would stand beside those through its middle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from mirage.figure import SlicePlace
from mirage.language import words as wordform
from mirage.language.concepts import lexicon
from mirage.language.laterality import SIDES
from mirage.language.reading import AskedConcept, QueryReading

GAIN = 3.0  # what a slice that shows all of a structure gains over one that shows none, in units of a channel's first place


@lru_cache(maxsize=4096)
def read_label(name: str) -> tuple[frozenset[str], frozenset[int]]:
    """The concepts that a label's name tells, and its stems."""
    return frozenset(match.concept for match in lexicon().find(name).matches), wordform.stems(name)


@lru_cache(maxsize=4096)
def _side(text: str) -> str:
    """The one side that a text names; empty where it names none, or both."""
    sides = {SIDES[word] for word in wordform.lowered(text) if word in SIDES} & {"left", "right"}
    return sides.pop() if len(sides) == 1 else ""


class SectionShares:
    """What is marked in the single slices of an atlas; false where nothing is.

    Parameters
    ----------
    places : mapping
        Key of a slice to its place.
    """

    def __init__(self, places: Mapping[int, SlicePlace]) -> None:
        self._families: dict[str, list[tuple[int, Mapping[str, float]]]] = {}
        for key, place in places.items():
            self._families.setdefault(place.stack, []).append((key, dict(place.shares)))
        self._names = {
            family: frozenset(name for _, shares in those for name in shares) for family, those in self._families.items()
        }

    def __bool__(self) -> bool:
        return bool(self._families)

    def asked(self, reading: QueryReading | None) -> dict[int, float]:
        """Key of a slice to how much it shows of what is asked for, 0 to 1, in stacks where any of it is marked.

        The best slice of a plane or two counts as 1, so that stacks are compared by their best.

        Parameters
        ----------
        reading : QueryReading or None
            Of the query's words.
        """
        if reading is None or not self:
            return {}
        side, found = _side(reading.text), dict[int, float]()
        for family, those in self._families.items():
            marked = [names for each in reading.wanted if (names := _marked(each, self._names[family], side, reading))]
            if not marked:
                continue
            means = {
                key: sum(sum(shares.get(name, 0.0) for name in names) / len(names) for names in marked) / len(reading.wanted)
                for key, shares in those
            }
            most = max(means.values()) * len(reading.wanted) / len(marked)
            found |= {key: mean / most if most else 0.0 for key, mean in means.items()}
        return found


def _marked(concept: AskedConcept, names: Iterable[str], side: str, reading: QueryReading) -> list[str]:
    """The names of marks that tell a concept: itself, else its kinds; of a side that is asked for, that side's."""
    told = {name: read_label(name)[0] for name in names if not side or _side(name) in ("", side)}
    told = {name: concepts for name, concepts in told.items() if concepts.isdisjoint(reading.unwanted)}
    itself = [name for name, concepts in told.items() if concept.name in concepts]
    return itself or [name for name, concepts in told.items() if not concepts.isdisjoint(concept.narrower)]
