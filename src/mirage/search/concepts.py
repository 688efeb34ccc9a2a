"""What a query names, which figures speak of it, and how plainly.

A figure speaks plainly of a concept where its title, diagnosis, topic or caption affirms it or a kind of it; what findings,
discussion or history say counts for less, and what is denied for nothing. Mentions were read when the figure was stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from mirage.figure import Figure
from mirage.language.concepts import Lexicon
from mirage.search.confidence import Confidence
from mirage.search.fusion import RRF_K, FusedFigure
from mirage.storage.store import Store

FIELD_WEIGHTS: Mapping[str, float] = {
    "title": 1.0, "diagnosis": 1.0, "topic": 0.9, "caption": 0.8, "findings": 0.4, "discussion": 0.15, "exam": 0.1,
    "history": 0.1, "differential": 0.05, "treatment": 0.05,
}  # fmt: skip
PLAIN_FIELDS = frozenset({"title", "diagnosis", "topic", "caption"})
POLARITY_WEIGHTS: Mapping[str, float] = {"affirmed": 1.0, "possible": 0.5, "history": 0.3}
NARROWER = 0.9  # of the weight of the concept that was asked for itself
GAIN = 3.0  # of a figure that speaks plainly of all that is asked, in units of a channel's first place
HOW = frozenset({"modality", "sequence", "plane"})  # kinds that say how a picture was made
Support = Literal["plain", "said", "none"]


@dataclass(frozen=True, slots=True)
class AskedConcept:
    """A concept that a query names, and all that are kinds of it."""

    name: str
    kind: str
    narrower: frozenset[str]


class Spoken(NamedTuple):
    """How a figure speaks of what is asked: from 0 to 1, and how plainly it speaks of each concept, by name."""

    weight: float
    support: Mapping[str, Support]


def asked(texts: Iterable[str], lexicon: Lexicon) -> tuple[AskedConcept, ...]:
    """What is asked for, as far as figures can speak of it; how a picture was made is left out."""
    names = dict.fromkeys(match.concept for text in texts for match in lexicon.find(text, typed=True).matches)
    kinds = ((name, lexicon.concepts[name].kind) for name in names)
    return tuple(AskedConcept(name, kind, lexicon.children(name)) for name, kind in kinds if kind not in HOW)


def spoken(store: Store, wanted: Sequence[AskedConcept], filters: Mapping[str, Sequence[str]]) -> dict[int, Spoken]:
    """Which figures speak of what is asked, by key."""
    weights: dict[int, dict[str, float]] = {}
    support: dict[int, dict[str, Support]] = {}
    for concept in wanted:
        for mention in store.mentions((concept.name, *sorted(concept.narrower)), filters):
            weight = FIELD_WEIGHTS.get(mention.field, 0.0) * POLARITY_WEIGHTS.get(mention.polarity, 0.0)
            if not weight:
                continue
            weight *= 1.0 if mention.concept == concept.name else NARROWER
            mine = weights.setdefault(mention.key, {})
            mine[concept.name] = max(weight, mine.get(concept.name, 0.0))
            plain = mention.field in PLAIN_FIELDS and mention.polarity == "affirmed"
            said = support.setdefault(mention.key, {})
            if plain or concept.name not in said:
                said[concept.name] = "plain" if plain else "said"
    # What few figures speak of tells more: each concept weighs by how rare it is.
    counts = {concept.name: sum(concept.name in mine for mine in weights.values()) for concept in wanted}
    rarity = {name: 1 / (1 + count) ** 0.25 for name, count in counts.items()}
    total = sum(rarity.values()) or 1.0
    return {
        key: Spoken(sum(rarity[name] * weight for name, weight in mine.items()) / total, support[key])
        for key, mine in weights.items()
    }


def lift(fused: Sequence[FusedFigure], said: Mapping[int, Spoken]) -> list[FusedFigure]:
    """Put figures that speak of what is asked before those that only resemble it."""
    gain = GAIN / (RRF_K + 1)
    lifted = [replace(one, score=one.score + gain * said[one.key].weight) if one.key in said else one for one in fused]
    return sorted(lifted, key=lambda one: (-one.score, one.key))


def confidence(base: Confidence, figure: Figure, said: Spoken | None, wanted: Sequence[AskedConcept]) -> Confidence:
    """How sure a hit is, given what its words say of what is asked.

    Parameters
    ----------
    base : {"strong", "likely", "weak"}
        By vectors and words alone.
    figure : Figure
    said : Spoken or None
        None where the figure speaks of nothing that is asked.
    wanted : sequence of AskedConcept

    Returns
    -------
    {"strong", "likely", "weak"}
        *strong* only where every concept is spoken of plainly; *weak* where a disease that is asked for is not spoken of.
    """
    if not wanted:
        return base
    support = said.support if said else {}
    held = [_held(concept, figure, support) for concept in wanted]
    if all(each == "plain" for each in held):
        return "strong"
    diseases = [each for concept, each in zip(wanted, held, strict=True) if concept.kind == "disease"]
    if "none" in diseases:
        return "weak"
    if diseases or "none" not in held:
        return "likely"
    return "weak" if base == "weak" else "likely"


def _held(concept: AskedConcept, figure: Figure, support: Mapping[str, Support]) -> Support:
    if concept.kind == "anatomy" and figure.region and figure.region in {concept.name, *concept.narrower}:
        return "plain"
    return support.get(concept.name, "none")
