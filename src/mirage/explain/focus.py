"""What is asked, as weighted words, and how much of it a text holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nlargest

from mirage.explain.evidence import Evidence
from mirage.figure import ALSO_CALLED, MODALITIES, PLANES
from mirage.language.words import FILLERS, fold, lowered, remembered, stem

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


class Focus:
    """Weighted words to look for.

    Parameters
    ----------
    weights : mapping
        Word, folded, to its weight.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        total = sum(weights.values()) or 1.0
        self.weights = {word: weight / total for word, weight in weights.items()}

    def held(self, text: str) -> float:
        """Which share of the focus a text holds, 0 to 1; forms of one word count as one, an adjective of it does not."""
        there = _forms(text)
        return sum(weight for word, weight in self.weights.items() if word in there)


def focus_of(question: str, evidence: Sequence[Evidence]) -> Focus:
    """The question's words by how much they tell; without a question, the words of what the evidence is mostly about.

    A word is worth more the fewer passages hold it, and words for the kind of picture are worth less than others.

    Parameters
    ----------
    question : str
    evidence : sequence of Evidence
    """
    words = {fold(word): word for word in lowered(question) if word not in FILLERS and stem(word) is not None}
    if any(word not in _KIND_WORDS for word in words.values()):
        held = [_forms(item.text) | _forms(item.about) for item in evidence]
        worth = {
            form: 0.25 if word in _KIND_WORDS else 0.6 if word in _REGION_WORDS else 1.0 for form, word in words.items()
        }
        shares = {form: sum(form in one for one in held) / max(len(held), 1) for form in words}
        return Focus({form: worth[form] / (0.6 + shares[form]) for form in words})
    common: dict[str, float] = {}
    for place, item in enumerate(evidence):
        for word in {
            fold(word) for word in lowered(f"{item.title} {item.diagnosis} {item.region}") if stem(word) is not None
        }:
            common[word] = common.get(word, 0.0) + 1 / (3 + place)
    return Focus(dict(nlargest(5, common.items(), key=lambda one: one[1])))


@remembered(4096)  # a passage and its sentences are asked for each query that finds them, and several times then
def _forms(text: str) -> frozenset[str]:
    """The words of a text, folded."""
    return frozenset(map(fold, set(lowered(text))))


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
