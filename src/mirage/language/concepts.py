"""Concepts: one thing of medicine under all its names, and where a text names it.

The lexicon is plain data that was written for this project, one concept a line of JSON in ``shipped/lexicon``, by organ
system. A file of somebody's own may add to it. Names are compared in the forms of `mirage.language.words.fold`, with an
organ's adjective read as the organ and with "of the" turned round, so that *haemorrhages of the adrenal gland* needs no
entry beside *adrenal hemorrhage*.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from mirage.errors import BadInput
from mirage.language.words import fold
from mirage.settings import SHIPPED

FOLDER = SHIPPED / "lexicon"
RULES = "1"  # goes up when texts are read by other rules, so that atlases read theirs anew
KINDS = ("disease", "finding", "anatomy", "procedure", "device", "modality", "sequence", "plane")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_ARTICLES = frozenset("the a an la el los las".split())
_OF = frozenset("of de del".split())
_LONGEST_AROUND_OF = 4
# Short forms that are words of everyday English; in small letters they are taken for those.
_EVERYDAY = frozenset(
    "all aid arm as ash cat cope cut face fat gist had has hip his hot it lad lap mac map mass may me no or pad pan pas pet "
    "pie pit ram red sad sat sir so star tar tee us was who".split()
)


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing of medicine.

    Attributes
    ----------
    name : str
        Preferred, and unique.
    kind : str
        One of `KINDS`.
    synonyms, lay, es : tuple of str
        Other names, what people say who are no doctors, and Spanish names.
    abbreviations : mapping
        Short form to words of which one settles that it is meant; to none where it is meant unless another is settled.
    parents : tuple of str
        Broader concepts, by name.
    organ : str
        The anatomy that it concerns, by name.
    adjectives : tuple of str
        Of an anatomy: words that mean "of it".
    source, reviewed : str
        Who says so, where one could doubt; which clinician has read the entry, if one has.
    """

    name: str
    kind: str
    synonyms: tuple[str, ...] = ()
    lay: tuple[str, ...] = ()
    es: tuple[str, ...] = ()
    abbreviations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    organ: str = ""
    adjectives: tuple[str, ...] = ()
    source: str = ""
    reviewed: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A name that stands in a text, and where, in characters."""

    concept: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a text names.

    Attributes
    ----------
    matches : tuple of Match
        In order; none overlaps another, and of two that would the longer one stands.
    doubtful : dict
        Short form that the text does not settle to the concepts that it may mean.
    """

    matches: tuple[Match, ...]
    doubtful: dict[str, tuple[str, ...]]


class Lexicon:
    """Concepts by all their names.

    Parameters
    ----------
    concepts : iterable of Concept
    digest : str
        Of the files that they were read from, and of the rules that they are read by.

    Raises
    ------
    mirage.errors.BadInput
        When two concepts share a preferred name, a parent is unknown, or parents go round in a circle.
    """

    def __init__(self, concepts: Iterable[Concept], digest: str = "") -> None:
        self.digest = digest
        self.concepts: dict[str, Concept] = {}
        for concept in concepts:
            if concept.name in self.concepts:
                raise BadInput(f"The lexicon has “{concept.name}” twice.")
            self.concepts[concept.name] = concept
        self._children = self._checked_children()
        self._organs = self._organs_of_adjectives()
        self._names: dict[str, dict[tuple[str, ...], str]] = {}
        self._short: dict[str, list[tuple[str, frozenset[str]]]] = {}
        for concept in self.concepts.values():
            for name in (concept.name, *concept.synonyms, *concept.lay, *concept.es):
                words = tuple(self._canonical(word) for word in _WORD.findall(name))
                if words:
                    self._names.setdefault(words[0], {}).setdefault(words, concept.name)
            for short, context in concept.abbreviations.items():
                settling = frozenset(self._canonical(word) for each in context for word in _WORD.findall(each))
                self._short.setdefault(short, []).append((concept.name, settling))
        lengths = ((first, {len(name) for name in names}) for first, names in self._names.items())
        self._longest = {first: sorted(each, reverse=True) for first, each in lengths}
        self._small = {short.lower(): short for short in self._short if short.lower() not in _EVERYDAY}

    def _checked_children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for concept in self.concepts.values():
            for parent in concept.parents:
                if parent not in self.concepts:
                    raise BadInput(f"The lexicon's “{concept.name}” has the parent “{parent}”, which it does not have.")
                children.setdefault(parent, []).append(concept.name)
        state: dict[str, bool] = {}

        def visit(name: str, path: tuple[str, ...]) -> None:
            if state.get(name):
                return
            if name in path:
                raise BadInput(f"The lexicon's parents go round in a circle: {' → '.join((*path, name))}.")
            for parent in self.concepts[name].parents:
                visit(parent, (*path, name))
            state[name] = True

        for name in self.concepts:
            visit(name, ())
        return children

    def _organs_of_adjectives(self) -> dict[str, str]:
        """Adjective to the word for its organ, where both are one word and the adjective has one organ only."""
        organs: dict[str, set[str]] = {}
        for concept in self.concepts.values():
            if concept.kind == "anatomy" and concept.adjectives and " " not in concept.name:
                for adjective in concept.adjectives:
                    if " " not in adjective:
                        organs.setdefault(_folded(adjective), set()).add(_folded(concept.name))
        return {adjective: next(iter(names)) for adjective, names in organs.items() if len(names) == 1}

    def _canonical(self, word: str) -> str:
        folded = _folded(word)
        return self._organs.get(folded, folded)

    def children(self, name: str) -> frozenset[str]:
        """All narrower concepts, whatever the number of steps."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for child in self._children.get(waiting.pop(), ()):
                if child not in found:
                    found.add(child)
                    waiting.append(child)
        return frozenset(found)

    def parents(self, name: str) -> frozenset[str]:
        """All broader concepts, whatever the number of steps."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for parent in self.concepts[waiting.pop()].parents:
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return frozenset(found)

    def knows(self, word: str) -> bool:
        """Whether a word stands in any name, or is a short form."""
        return self._canonical(word) in self._vocabulary or word in self._short

    @property
    def _vocabulary(self) -> frozenset[str]:
        return _words_of(self)

    def find(self, text: str, *, typed: bool = False) -> Found:
        """Find what a text names.

        Parameters
        ----------
        text : str
        typed : bool
            Somebody typed it: short forms may be in small letters.
        """
        spans = [(found.group(), found.start(), found.end()) for found in _WORD.finditer(text)]
        words = [self._canonical(word) for word, _, _ in spans]
        matches: list[Match] = []
        doubtful: dict[str, tuple[str, ...]] = {}
        place = 0
        while place < len(words):
            concept, length = self._named_at(words, place)
            if not length:
                concept, length = self._shortened(spans[place][0], words, typed, doubtful)
            if concept:
                matches.append(Match(concept, spans[place][1], spans[place + length - 1][2]))
            place += length or 1
        return Found(tuple(matches), doubtful)

    def _named_at(self, words: Sequence[str], place: int) -> tuple[str, int]:
        """The concept of the longest name that begins at a place and how many words it takes; also "stone of the kidney"."""
        concept, length = "", 0
        names = self._names.get(words[place])
        if names:
            for count in self._longest[words[place]]:
                name = tuple(words[place : place + count])
                if concept := names.get(name, ""):
                    length = len(name)
                    break
        turned, count = self._turned_at(words, place)
        return (turned, count) if count > length else (concept, length)

    def _turned_at(self, words: Sequence[str], place: int) -> tuple[str, int]:
        for before in range(1, _LONGEST_AROUND_OF + 1):
            middle = place + before
            if middle >= len(words):
                return "", 0
            if words[middle] not in _OF:
                continue
            after = middle + 1
            while after < len(words) and words[after] in _ARTICLES:
                after += 1
            for count in range(min(_LONGEST_AROUND_OF, len(words) - after), 0, -1):
                first = words[after]
                name = (*words[after : after + count], *words[place:middle])
                if concept := self._names.get(first, {}).get(name, ""):
                    return concept, after + count - place
            return "", 0
        return "", 0

    def _shortened(
        self, word: str, words: Sequence[str], typed: bool, doubtful: dict[str, tuple[str, ...]]
    ) -> tuple[str, int]:
        short = word if word in self._short else self._small.get(word.lower(), "") if typed else ""
        meanings = self._short.get(short)
        if not meanings:
            return "", 0
        there = set(words)
        settled = sorted(((len(context & there), name) for name, context in meanings if context & there), reverse=True)
        if settled and (len(settled) == 1 or settled[0][0] > settled[1][0]):
            return settled[0][1], 1
        usual = [name for name, context in meanings if not context]
        if len(meanings) == 1 and typed:
            usual = [meanings[0][0]]
        if len(usual) == 1:
            return usual[0], 1
        doubtful[short] = tuple(name for name, _ in meanings)
        return "", 1


@lru_cache(maxsize=4)
def _words_of(lexicon: Lexicon) -> frozenset[str]:
    return frozenset(word for names in lexicon._names.values() for name in names for word in name)


@lru_cache(maxsize=50_000)
def _folded(word: str) -> str:
    if not word.isascii():
        word = "".join(sign for sign in unicodedata.normalize("NFKD", word) if not unicodedata.combining(sign))
    return fold(word)


def read(path: Path) -> list[Concept]:
    """Read the concepts of a file, one a line of JSON.

    Raises
    ------
    mirage.errors.BadInput
        When a line is broken; the message names it.
    """
    known = {each.name for each in fields(Concept)}
    concepts = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            strange = sorted(set(values) - known)
            if strange:
                raise ValueError(f"it has no field {strange[0]!r}")
            if values["kind"] not in KINDS:
                raise ValueError(f"there is no kind {values['kind']!r}; there are: {', '.join(KINDS)}")
            read_values: dict[str, Any] = {
                name: tuple(each) if isinstance(each, list) else each for name, each in values.items()
            }
            concepts.append(Concept(**read_values))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadInput(f"Line {number} of the lexicon {path} cannot be read: {error}.") from error
    return concepts


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The lexicon that ships, read once."""
    files = sorted(FOLDER.glob("*.jsonl"))
    digest = hashlib.sha256(RULES.encode() + b"".join(path.read_bytes() for path in files)).hexdigest()
    return Lexicon((concept for path in files for concept in read(path)), digest)
