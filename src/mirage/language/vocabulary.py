"""What medical words mean the same, name an anatomy or a disease, or are opposites. Hand-written for this project."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from mirage.language.words import fold, remembered, stem
from mirage.shipped import SHIPPED

Kind = Literal["", "anatomy", "disease", "finding", "plain"]

_FILE = Path(__file__).with_name("vocabulary.toml")
WORD = re.compile(r"[^\W\d_]+(?:['’‘ʼ´`][^\W\d_]+)?\d*|\d+(?:[.,]\d+)*|[,;:()]")
_MOST_WORDS = 240
# Adverbs and verbs are how a thing is said, not what it is called.
_INFLECTED = ("ing", "ed", "ly", "es", "er", "ness", "able", "ible", "like", "wise", "shaped")
_PREFIXES = ("non", "un", "re", "over", "under", "well", "multi", "semi", "anti", "inter", "mid")
_SHORTEST = 5


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names read as one concept, and what is known of each concept.

    Attributes
    ----------
    phrases : dict
        The words of a name, folded, to its concept.
    longest : dict
        First word of a name to how many words the longest name has that begins with it.
    kinds : dict
        Concept to what it names.
    opposites : dict
        Concept to the concepts that exclude it.
    shorts : dict
        Short form, in capitals, to the words it stands for.
    narrower : dict
        Concept to those that are kinds or parts of it: where one stands, the wider word is no invention.
    contraries : dict
        Word to the pair of contrary words that it is of, and which of the two.
    groups : frozenset of int
        Those pairs that are groups of people: said of somebody, not a direction.
    events : dict
        What may have happened to a patient or been done, to all concepts that tell of it.
    tumors : frozenset of str
        Words for any tumour; every name in -oma is one.
    endings : tuple of str
        How names of diseases end.
    """

    phrases: dict[tuple[str, ...], str]
    longest: dict[str, int]
    kinds: dict[str, Kind]
    opposites: dict[str, frozenset[str]]
    shorts: dict[str, str]
    narrower: dict[str, frozenset[str]]
    contraries: dict[str, tuple[int, int]]
    groups: frozenset[int]
    events: dict[str, frozenset[str]]
    tumors: frozenset[str]
    endings: tuple[str, ...]

    def kind(self, concept: str, word: str) -> Kind:
        """What a concept names; words that are not listed are known by how names of diseases end.

        Parameters
        ----------
        concept : str
        word : str
            Folded.
        """
        return self.kinds.get(concept) or ("disease" if len(word) > 5 and word.endswith(self.endings) else "")


@dataclass(frozen=True, slots=True)
class Token:
    """One word or name, where it stands, and what it means.

    Attributes
    ----------
    text : str
        As written.
    word : str
        Folded; of a name of several words, all of them.
    concept : str
        Same for all names of one thing; empty for stop words, numbers and stops.
    kind : str
        What the concept names.
    start, end : int
        In the sentence.
    """

    text: str
    word: str
    concept: str
    kind: Kind
    start: int
    end: int


def concept_of(word: str) -> str:
    """A word that is not in the vocabulary, as a concept: its stem; empty for a stop word."""
    number = stem(word)
    if number is None:
        return ""
    return word if word.endswith("oma") and len(word) > 5 else f"~{number}"


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The vocabulary, read once."""
    raw = tomllib.loads(_FILE.read_text("utf-8"))
    phrases: dict[tuple[str, ...], str] = {}
    longest: dict[str, int] = {}
    kinds: dict[str, Kind] = {}
    kind: Kind
    for kind in ("anatomy", "disease", "finding"):
        for names in _lines(raw[kind]):
            concept = " ".join(names[0])
            kinds.setdefault(concept, kind)
            for name in names:
                phrases.setdefault(name, concept)
                longest[name[0]] = max(len(name), longest.get(name[0], 0))
    for name in (name for names in _lines(raw["plain"]) for name in names):
        kinds.setdefault(concept_of(name[0]), "plain")

    def meant(words: tuple[str, ...]) -> str:
        return phrases.get(words) or concept_of(words[0])

    opposites: dict[str, set[str]] = {}
    for one, other in (map(meant, names) for names in _lines(raw["opposites"])):
        opposites.setdefault(one, set()).add(other)
        opposites.setdefault(other, set()).add(one)
    lines = raw["contraries"].strip().splitlines()
    return Vocabulary(
        phrases=phrases,
        longest=longest,
        kinds=kinds,
        opposites={concept: frozenset(others) for concept, others in opposites.items()},
        shorts=dict(tuple(part.strip() for part in line.split("|")) for line in raw["short"].strip().splitlines()),
        narrower={meant(names[0]): frozenset(map(meant, names[1:])) for names in _lines(raw["narrower"])},
        contraries={
            fold(word): (number, pole)
            for number, line in enumerate(lines)
            for pole, side in enumerate(line.removeprefix("group:").split("|"))
            for word in side.split()
        },
        groups=frozenset(number for number, line in enumerate(lines) if line.startswith("group:")),
        events={meant(name): frozenset(map(meant, names)) for names in _lines(raw["events"]) for name in names},
        tumors=frozenset(meant(name) for names in _lines(raw["tumors"]) for name in names),
        endings=tuple(raw["disease_endings"].split()),
    )


def _lines(table: str) -> list[list[tuple[str, ...]]]:
    """The names on each line of a table, folded, empty ones left out."""
    lines = ([tuple(map(fold, re.findall(r"[^\W_]+", name))) for name in line.split("|")] for line in table.splitlines())
    return [names for line in lines if (names := [name for name in line if name])]


def spelled_out(sentence: str) -> str:
    """The sentence with short forms that hold a side written out: ``LUL`` becomes ``left upper lobe``."""
    shorts, sides = vocabulary().shorts, {"L": "left", "R": "right"}
    sentence = re.sub(r"\bM(\s*[:/]\s*)F\b", r"male\1female", sentence)
    text = re.sub(r"\b[A-Z]{3}\b", lambda match: shorts.get(match[0], match[0]), sentence)
    return re.sub(r"\b([LR])(?:t\.?(?=\s)|\.?(?=[ -](?:sided?\b|[a-z]{4}|[A-Z]{3}\b)))", lambda match: sides[match[1]], text)


def tokenize(text: str) -> tuple[Token, ...]:
    """The words and names of a sentence, and the stops that divide it; words past the first 240 are not read."""
    found = list(WORD.finditer(text))[:_MOST_WORDS]
    folded = [fold(match[0]) for match in found]
    known = vocabulary()
    tokens: list[Token] = []
    place = 0
    while place < len(found):
        match, word = found[place], folded[place]
        for length in range(min(known.longest.get(word, 0), len(found) - place), 0, -1):
            if concept := known.phrases.get(tuple(folded[place : place + length]), ""):
                break
        else:
            length, concept = 1, concept_of(word) if match[0][0].isalpha() else ""
        start, end = match.start(), found[place + length - 1].end()
        kind = known.kind(concept, word) if concept else ""
        tokens.append(Token(text[start:end], " ".join(folded[place : place + length]), concept, kind, start, end))
        place += length
    return tuple(tokens)


@lru_cache(maxsize=1)
def common() -> frozenset[str]:
    """The 30,522 commonest words and parts of words of general English, as WordPiece tokenizers list them.

    The list comes with the shipped encoder's tokenizer (Wu et al. 2016, Devlin et al. 2019).
    """
    pieces = json.loads((SHIPPED / "encoder" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    return frozenset(piece for piece in pieces if piece.isalpha())


@lru_cache(maxsize=1)
def _of_imaging() -> frozenset[str]:
    """Words of how pictures are made that general English has not: *cine*, *topogram*."""
    return frozenset(tomllib.loads(_FILE.read_text("utf-8"))["imaging"].split())


@remembered(8192)
def is_common(word: str) -> bool:
    """Whether a word, in lower case, is one of general English or of imaging, or one of these with an ending: *leaving*."""
    bases = (word.removesuffix(end) for end in ("s", "es", "ed", "ing", "ly") if word.endswith(end))
    return (
        not {word, word.removesuffix("s")}.isdisjoint(_of_imaging())
        or word in common()
        or any(len(base) >= _SHORTEST and not common().isdisjoint({base, f"{base}e"}) for base in bases)
    )


@remembered(8192)
def is_uncommon(word: str) -> bool:
    """Whether a word, in lower case, is outside the common words of general English and looks like a name of something."""
    if len(word) < _SHORTEST or not word.isalpha() or not word.isascii() or word.endswith(_INFLECTED):
        return False
    bases = [word, word.removesuffix("s"), word.removesuffix("es"), word[:-1] + "e", word.removesuffix("al"), word + "s"]
    bases += [word.removeprefix(prefix) for prefix in _PREFIXES if word.startswith(prefix)]
    return not any(base in common() for base in bases if len(base) > 2)
