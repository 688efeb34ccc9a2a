"""What is asked, as weighted words, and how much of it a text holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mirage.explain.evidence import Evidence
from mirage.figure import ALSO_CALLED, MODALITIES, PLANES
from mirage.language.annotation import annotate
from mirage.language.words import FILLERS, lowered, stem

# Words that say what kind of picture it is; they choose among pictures of a thing, they do not name the thing.
_REGION_WORDS = frozenset(
    word for name, other in ALSO_CALLED.items() if name.islower() for word in lowered(f"{name} {other}")
)
_KIND_WORDS = frozenset(
    word
    for text in (*MODALITIES, *MODALITIES.values(), *(ALSO_CALLED.get(name, "") for name in MODALITIES), *PLANES)
    for word in lowered(text)
    if word != "other"
) | frozenset("t1 t2 flair weighted contrast noncontrast enhanced imaging transverse dwi normal abnormal".split())
_PICTURES = re.compile(r"(?:^|,\s*)like the (?:dropped picture|figure \S+)")
_LESS = re.compile(r",?\s*less of .*$", re.DOTALL)
_ALIKE = 0.62  # share of the longer word that two forms of one word begin with: embolism, embolus


class Focus:
    """Weighted words to look for.

    Parameters
    ----------
    weights : mapping
        Word in lower case to its weight.
    asked : bool
        Whether somebody asked for them, rather than that the evidence is mostly about them.
    """

    def __init__(self, weights: Mapping[str, float], *, asked: bool = True) -> None:
        total = sum(weights.values()) or 1.0
        self.weights = {word: weight / total for word, weight in weights.items()}
        self.asked = asked
        self._known: dict[str, tuple[float, str]] = {}

    def held(self, words: Iterable[str]) -> float:
        """Which share of the focus some words hold, 0 to 1; a word that is only like one of it counts for less."""
        found: dict[str, float] = {}
        for word in words:
            likest, own = self._match(word)
            if likest:
                found[own] = max(found.get(own, 0.0), likest)
        return sum(self.weights[own] * likest for own, likest in found.items())

    def named(self, evidence: Sequence[Evidence]) -> bool:
        """Whether it names a thing that cases are about, rather than a region, a kind of picture or a finding."""
        groups: dict[str, float] = {}
        for item in evidence:
            held = self.held(lowered(f"{item.title} {item.diagnosis}"))
            group = item.case or item.figures[0]
            groups[group] = max(groups.get(group, 0.0), held)
        return sum(held > 0.5 for held in groups.values()) > 0.25 * len(groups)

    def denied(self, text: str) -> bool:
        """Whether a text says that what is looked for is not there, rather than that something else is not."""
        said = annotate(text)
        denied = {place for denial in said.denials for place in denial.places}
        if not denied:
            return False

        def held(inside: bool) -> float:
            tokens = (token for place, token in enumerate(said.tokens) if (place in denied) is inside)
            return self.held(word for token in tokens for word in lowered(token.text))

        return held(True) > 0.4 and held(True) >= 0.5 * held(False)

    def _match(self, word: str) -> tuple[float, str]:
        if word not in self._known:
            self._known[word] = max(((likeness(own, word), own) for own in self.weights), default=(0.0, ""))
        return self._known[word]


def likeness(one: str, other: str) -> float:
    """1 for two forms of one word, 0.6 for words alike for most of their length (embolism, embolus), else 0.

    Parameters
    ----------
    one, other : str
        Words in lower case.
    """
    if one == other:
        return 1.0
    if one[:3] != other[:3]:
        return 0.0
    found = stem(one)
    if found is not None and found == stem(other):
        return 1.0
    common = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return 0.6 if common >= 5 and common >= _ALIKE * max(len(one), len(other)) else 0.0


def focus_of(question: str, evidence: Sequence[Evidence]) -> Focus:
    """The question's words by how much they tell; where the evidence holds none of them, what it is mostly about.

    A word is worth more the fewer passages hold it, and words for the kind of picture are worth less than others.

    Parameters
    ----------
    question : str
    evidence : sequence of Evidence
    """
    plain = _LESS.sub("", _PICTURES.sub("", question))
    words = [word for word in dict.fromkeys(lowered(plain)) if word not in FILLERS and stem(word) is not None]
    held = [frozenset(lowered(f"{item.text} {item.about}")) for item in evidence]
    everything = frozenset[str]().union(*held) if held else frozenset()
    weights: dict[str, float] = {}
    for word in words:
        forms = {other for other in everything if other[:3] == word[:3] and likeness(word, other)}
        if not forms:
            continue
        share = sum(1 for one in held if one & forms) / len(held)
        weights[word] = (0.25 if word in _KIND_WORDS else 0.6 if word in _REGION_WORDS else 1.0) / (0.6 + share)
    if weights and any(word not in _KIND_WORDS for word in weights):
        return Focus(weights)
    common: Counter[str] = Counter()
    for place, item in enumerate(evidence):
        for word in dict.fromkeys(lowered(f"{item.title} {item.diagnosis} {item.region}")):
            if word not in FILLERS and stem(word) is not None:
                common[word] += 1 / (3 + place)  # type: ignore[assignment]
    top = dict(common.most_common(5))
    return Focus({**weights, **top}, asked=bool(weights))


def modality_of(question: str, evidence: Sequence[Evidence]) -> str:
    """The modality asked for, else the one that most of the evidence is of; empty when there is none.

    Parameters
    ----------
    question : str
    evidence : sequence of Evidence
    """
    asked = set(lowered(question))
    for short, name in MODALITIES.items():
        if short != "OT" and ({short.lower(), name.lower()} & asked or set(lowered(ALSO_CALLED.get(short, "-"))) & asked):
            return short
    counted = Counter(item.modality for item in evidence if item.modality)
    if not counted:
        return ""
    best, count = counted.most_common(1)[0]
    return best if count > 0.6 * counted.total() else ""
