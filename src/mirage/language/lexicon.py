"""What medical words mean the same, name an anatomy or a disease, or are opposites. Hand-written for this project."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from mirage.language.words import stem

Kind = Literal["", "anatomy", "disease", "finding", "plain"]

_FILE = Path(__file__).with_name("lexicon.toml")
_IRREGULAR = {
    "vertebrae": "vertebra", "metastases": "metastasis", "stenoses": "stenosis", "thromboses": "thrombosis",
    "foci": "focus", "nuclei": "nucleus", "bronchi": "bronchus", "emboli": "embolus", "thrombi": "thrombus",
    "calculi": "calculus", "diverticula": "diverticulum", "fossae": "fossa", "pleurae": "pleura", "sulci": "sulcus",
    "gyri": "gyrus", "abscesses": "abscess", "masses": "mass", "diagnoses": "diagnosis", "testes": "testis",
    "femora": "femur", "ova": "ovum", "cortices": "cortex", "meninges": "meninges", "viscera": "viscus",
    "ganglia": "ganglion", "septa": "septum", "hila": "hilum", "atria": "atrium", "feet": "foot", "teeth": "tooth",
    "women": "woman", "men": "man", "varices": "varix", "menisci": "meniscus", "maxillae": "maxilla",
    "scapulae": "scapula", "apices": "apex", "uteri": "uterus", "humeri": "humerus", "polyposis": "polyposis",
}  # fmt: skip
_SPELLING = ((re.compile("ae"), "e"), (re.compile("oe"), "e"), (re.compile("our(?=s?$|ed$|ing$|less$)"), "or"))
_TRE = re.compile(r"^(cent|fib|calib|lit|met|millimet|centimet|goit|theat)re(s?)$")


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """One word in lower case, singular, British spelling read as American; only to compare words with."""
    word = word.lower().replace("’", "'")
    word = word.removesuffix("'s")
    word = _IRREGULAR.get(word, word)
    for pattern, short in _SPELLING:
        word = pattern.sub(short, word)
    word = _TRE.sub(r"\1er\2", word).replace("grey", "gray")
    word = re.sub(r"is(e[ds]?|ing|ation)$", r"iz\1", word) if len(word) > 7 else word
    word = word.replace("dilatation", "dilation").replace("intervertebral disk", "intervertebral disc")
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "os")):
        word = word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
    return word


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names read as one concept, and what is known of each concept.

    Attributes
    ----------
    phrases : dict
        First word of a name to all names that begin with it, longest first, each with its concept.
    kinds : dict
        Concept to what it names.
    opposites : dict
        Concept to the concepts that exclude it.
    shorts : dict
        Short form, in capitals, to the words it stands for.
    narrower : dict
        Concept to those that are kinds or parts of it: where one stands, the wider word is no invention.
    tumors : frozenset of str
        Words for any tumour; every name in -oma is one.
    """

    phrases: dict[str, tuple[tuple[tuple[str, ...], str], ...]]
    kinds: dict[str, Kind]
    opposites: dict[str, frozenset[str]]
    shorts: dict[str, str] = field(default_factory=dict)
    narrower: dict[str, frozenset[str]] = field(default_factory=dict)
    tumors: frozenset[str] = frozenset()
    endings: tuple[str, ...] = ()

    def kind(self, concept: str, word: str) -> Kind:
        """What a concept names; words that are not listed are known by how names of diseases end."""
        listed = self.kinds.get(concept)
        if listed is not None:
            return listed
        return "disease" if len(word) > 5 and word.endswith(self.endings) else ""

    def is_tumor(self, concept: str) -> bool:
        """Whether a concept is a kind of tumour."""
        return concept.endswith("oma") or concept in self.tumors


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
    phrases: dict[str, dict[tuple[str, ...], str]] = {}
    kinds: dict[str, Kind] = {}
    kind: Kind
    for kind in ("anatomy", "disease", "finding"):
        for line in raw[kind].strip().splitlines():
            names = [name for name in map(_words, line.split("|")) if name]
            if not names:
                continue
            concept = " ".join(names[0])
            kinds.setdefault(concept, kind)
            for name in names:
                phrases.setdefault(name[0], {}).setdefault(name, concept)
    for name in filter(None, map(_words, raw["plain"].replace("\n", "|").split("|"))):
        kinds.setdefault(concept_of(name[0]), "plain")
    opposites: dict[str, set[str]] = {}
    for line in raw["opposites"].strip().splitlines():
        one, other = (_concept(name, phrases) for name in line.split("|"))
        opposites.setdefault(one, set()).add(other)
        opposites.setdefault(other, set()).add(one)
    shorts = dict(tuple(part.strip() for part in line.split("|")) for line in raw["short"].strip().splitlines())
    narrower: dict[str, frozenset[str]] = {}
    for line in raw["narrower"].strip().splitlines():
        wide, *narrow = (_concept(name, phrases) for name in line.split("|"))
        narrower[wide] = frozenset(narrow)
    return Vocabulary(
        {first: tuple(sorted(names.items(), key=lambda item: -len(item[0]))) for first, names in phrases.items()},
        kinds,
        {concept: frozenset(others) for concept, others in opposites.items()},
        shorts,
        narrower,
        frozenset(_concept(name, phrases) for name in raw["tumors"].split("|")),
        tuple(raw["disease_endings"].split()),
    )


def _words(name: str) -> tuple[str, ...]:
    return tuple(fold(word) for word in re.findall(r"[^\W_]+", name))


def _concept(name: str, phrases: dict[str, dict[tuple[str, ...], str]]) -> str:
    words = _words(name)
    return phrases.get(words[0], {}).get(words) or concept_of(words[0])
