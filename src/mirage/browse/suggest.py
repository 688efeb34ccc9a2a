"""What a search box suggests while somebody types: what this atlas holds, by any of its names."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from mirage.browse.inventory import CONDITION, FINDING, STRUCTURE, Inventory
from mirage.language.concepts import Lexicon, lexicon
from mirage.language.denying import HOW
from mirage.language.reading import read
from mirage.letters import unaccented

MOST = 8
"""How many are suggested at most, when nobody says."""
MOST_TYPED = 80  # signs; what is longer is no name
_LONGEST_TOPIC = 60  # signs; longer ones are sentences
KINDS: Mapping[str, str] = {
    CONDITION: "condition",
    FINDING: "finding",
    STRUCTURE: "structure",
    "procedure": "procedure",
    "device": "device",
}
_TOPIC = "topic"
_WORD = re.compile(r"[^\W_]+")
_MENDED_FROM = 5  # letters of a word in which an error is believed
_TWO_ERRORS_FROM = 8
_MOST_SCANNED = 20_000  # names that begin as was typed; one letter has far fewer
# How a name begins that people write in two ways; the other way round it is no word.
_BRITISH = (("haem", "hem"), ("oedem", "edem"), ("oesoph", "esoph"), ("paed", "ped"), ("anaem", "anem"), ("caec", "cec"),
            ("leuk", "leuk"), ("tumour", "tumor"), ("faec", "fec"), ("foet", "fet"), ("gynae", "gyne"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something to search for that finds something here.

    Attributes
    ----------
    text : str
        What to search for: the preferred name, or a topic as its source writes it.
    kind : str
        "condition", "finding", "structure", "procedure", "device" or "topic".
    figures : int
        How many figures are of it.
    name : str
        The other name by which it was found, a synonym or a short form; empty where that is `text`.
    mended : bool
        Whether what was typed has an error.
    """

    text: str
    kind: str
    figures: int
    name: str = ""
    mended: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    text: str
    kind: str
    figures: int
    names: tuple[str, ...]
    spanish: int  # how many of the last names are


class Suggestions:
    """All that can be suggested for one state of an atlas, sorted by how each name, and each word in it, begins.

    Parameters
    ----------
    inventory : Inventory
    """

    def __init__(self, inventory: Inventory) -> None:
        self._entries = [*_concepts(inventory, lexicon()), *_subjects(inventory, lexicon())]
        starts: list[tuple[str, int, int, int]] = []  # the rest of a name from a word on, entry, name, which word
        for number, entry in enumerate(self._entries):
            for place, name in enumerate(entry.names):
                words = spelled(name)
                starts += [(" ".join(words[at:]), number, place, at) for at in range(len(words))]
        self._starts = sorted(starts)
        self._words = sorted({rest.split(" ", 1)[0] for rest, *_ in starts})

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Suggestion]:
        return (Suggestion(each.text, each.kind, each.figures) for each in self._entries)

    def of(self, typed: str, most: int = MOST) -> list[Suggestion]:
        """Suggest what begins like what was typed, the likeliest first.

        Parameters
        ----------
        typed : str
        most : int
            How many at most.
        """
        words = spelled(typed[:MOST_TYPED])
        if not words or most < 1:
            return []
        found = self._beginning(words, mended=False)
        if not found and (better := self._mended(words)) != words:
            found = self._beginning(better, mended=True)
        return [each for _, each in sorted(found, key=lambda pair: pair[0])[:most]]

    def _beginning(self, words: list[str], mended: bool) -> list[tuple[tuple[object, ...], Suggestion]]:
        start = " ".join(words)
        best: dict[int, tuple[tuple[object, ...], int]] = {}
        first = bisect_left(self._starts, (start,))
        for rest, number, place, at in self._starts[first : first + _MOST_SCANNED]:
            if not rest.startswith(start):
                break
            entry = self._entries[number]
            # What was typed whole, then how names begin, then words in the midst of them; of these preferred names, others
            # and topics, and Spanish ones; of each the commonest.
            other = (place > 0 or entry.kind == _TOPIC) + (place >= len(entry.names) - entry.spanish)
            rank = (rest != start or at > 0, at > 0, other, -entry.figures, entry.text)
            if number not in best or rank < best[number][0]:
                best[number] = rank, place
        return [
            (rank, Suggestion(entry.text, entry.kind, entry.figures, entry.names[place] if place else "", mended))
            for number, (rank, place) in best.items()
            if (entry := self._entries[number])
        ]

    def _mended(self, words: list[str]) -> list[str]:
        """The words with those that begin no word here replaced by what is nearest."""
        last = len(words) - 1
        return [
            word if self._begins(word, whole=at < last) else self._nearest(word, at < last) for at, word in enumerate(words)
        ]

    def _begins(self, word: str, *, whole: bool) -> bool:
        place = bisect_left(self._words, word)
        there = self._words[place] if place < len(self._words) else ""
        return there == word if whole else there.startswith(word)

    def _nearest(self, word: str, whole: bool) -> str:
        if len(word) < _MENDED_FROM:
            return word
        errors = 2 if len(word) >= _TWO_ERRORS_FROM else 1
        choices = self._words if whole else _cut(tuple(self._words), len(word))
        # The first letter is seldom wrong, and without it everything resembles something.
        same = [each for each in choices if each[:1] == word[:1]]
        found = process.extractOne(word, same, scorer=OSA.distance, score_cutoff=errors)
        return str(found[0]) if found else word


@lru_cache(maxsize=64)
def _cut(words: tuple[str, ...], length: int) -> list[str]:
    return sorted({word[:length] for word in words})


def spelled(text: str) -> list[str]:
    """The words of a text in small letters, without accents, in American spelling as far as they are typed."""
    plain = unaccented(text.lower())
    words = _WORD.findall(plain.replace("'s", "s").replace("’s", "s"))
    for british, american in _BRITISH:
        words = [word.replace(british, american) for word in words]
    return words


def _concepts(inventory: Inventory, known: Lexicon) -> Iterator[_Entry]:
    for name in inventory.figures:
        if known.kind(name) not in KINDS:
            continue
        concept = known.concepts[name]
        names = (name, *concept.synonyms, *concept.abbreviations, *concept.lay, *concept.es)
        if text := query_for(name):
            others = tuple(one for one in names if one != text)
            yield _Entry(text, KINDS[concept.kind], inventory.count(name), (text, *others), len(concept.es))


@lru_cache(maxsize=20_000)
def query_for(name: str) -> str:
    """What to search for to find a concept: its name, or a synonym where a search reads that as something else."""
    return next((each for each in (name, *lexicon().concepts[name].synonyms) if _asked(each) == [name]), "")


def _asked(text: str) -> list[str]:
    """The concepts that a search for a text wants; none where it would take words of it for a denial or a question."""
    reading = read(text, lambda word: True)
    made = any(each.kind in HOW for each in reading.concepts)  # not every figure of a topic is an ultrasound
    settled = not (reading.denied or reading.versus or reading.mended or made)
    return [each.name for each in reading.wanted] if settled else []


def _subjects(inventory: Inventory, known: Lexicon) -> Iterator[_Entry]:
    """Topics and diagnoses that are more than the name of a concept, and name such as figures show together."""
    for text, count in inventory.subjects.items():
        concepts = _asked(text) if len(text) <= _LONGEST_TOPIC else []
        if not concepts or (len(concepts) == 1 and known.words(text) == known.words(concepts[0])):
            continue
        if reduce(np.intersect1d, [inventory.figures.get(each, np.empty(0, np.int64)) for each in concepts]).size:
            yield _Entry(text, _TOPIC, count, (text,), 0)
