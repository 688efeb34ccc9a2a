"""Which figures speak of what a query asks for, and how sure a hit is by that.

A figure speaks plainly of a concept where its title, diagnosis, topic or caption affirms it or a kind of it; what findings,
discussion or history say counts for less, and what is denied for nothing. Mentions were read when the figure was stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from mirage.figure import Figure
from mirage.language.concepts import lexicon
from mirage.language.mentions import FIELDS, POLARITY_WEIGHTS, REST, number_of
from mirage.language.reading import HOW, NORMAL, AskedConcept, QueryReading
from mirage.search.confidence import Basis, Confidence
from mirage.storage.records import StoredMention

FIELD_WEIGHTS: Mapping[str, float] = {
    "title": 1.0, "diagnosis": 1.0, "topic": 0.9, "caption": 0.8, "findings": 0.4, REST: 0.12,
}  # fmt: skip
PLAIN_FIELDS = frozenset({"title", "diagnosis", "topic", "caption"})
KIND_WEIGHTS: Mapping[str, float] = {"disease": 1.0, "finding": 0.8, "procedure": 0.7, "device": 0.7, "anatomy": 0.4}
BY_PLACE = 0.6  # of that weight where a figure says the general name, and the place elsewhere
NARROWER = 0.9  # of the weight of the concept that was asked for itself
GAIN = 3.0  # of a figure that speaks plainly of all that is asked, in units of a channel's first place
Words = Callable[[], Set[str]]
Support = Literal["plain", "said", "denied", "none"]
_BETTER: Mapping[Support, int] = {"plain": 0, "denied": 1, "said": 2, "none": 3}
# Names of concepts to what figures call them; narrower concepts are made so too.
MODALITY_LABELS: Mapping[str, str] = {
    "computed tomography": "CT", "magnetic resonance imaging": "MR", "mammography": "MG", "radiography": "XR",
    "ultrasound": "US", "angiography": "XA", "positron emission tomography": "PT", "nuclear medicine": "NM",
    "fluoroscopy": "RF", "fundus photography": "OP", "histopathology": "SM",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spoken:
    """How a figure speaks of what is asked.

    Attributes
    ----------
    weight : float
        0 to 1.
    support : mapping
        How plainly it speaks of each concept, by name.
    diseased : bool
        Whether its title, diagnosis, topic or caption affirms a disease or finding.
    """

    weight: float
    support: Mapping[str, Support]
    diseased: bool = False


def numbers(reading: QueryReading) -> dict[int, float]:
    """What the index is asked for: the number of each concept in each field to its weight; all affirmed in a title is 1."""
    total = sum(KIND_WEIGHTS.get(each.kind, 0.0) for each in reading.wanted) or 1.0
    general = {
        number_of(each.general, field): BY_PLACE * KIND_WEIGHTS.get(each.kind, 0.0) * FIELD_WEIGHTS[field] / total
        for each in reading.wanted
        if each.general
        for field in FIELDS
    }
    return general | {
        number_of(name, field): KIND_WEIGHTS.get(each.kind, 0.0) * FIELD_WEIGHTS[field] / total
        for each in reading.wanted
        for name in reading.doubtful.get(each.name, (each.name,))
        for field in (*FIELDS, REST)
    }


def spoken(wanted: Sequence[AskedConcept], mentions: Sequence[StoredMention]) -> Spoken:
    """How one figure speaks of what is asked.

    Parameters
    ----------
    wanted : sequence of AskedConcept
    mentions : sequence of StoredMention
        The figure's and its case's.
    """
    total = sum(KIND_WEIGHTS.get(each.kind, 0.0) for each in wanted) or 1.0
    reached, support = 0.0, dict[str, Support]()
    for concept in wanted:
        best = 0.0
        if concept.general and (placed := _in_place(concept, mentions)):
            best, support[concept.name] = placed * BY_PLACE, "said"
        for mention in mentions:
            if mention.concept != concept.name and mention.concept not in concept.narrower:
                continue
            plain_field = mention.field in PLAIN_FIELDS
            if mention.polarity == "denied":
                said: Support = "denied" if plain_field else "none"
            elif mention.polarity in POLARITY_WEIGHTS:
                said = "plain" if plain_field and mention.polarity == "affirmed" else _said(mention)
                weight = FIELD_WEIGHTS.get(mention.field, FIELD_WEIGHTS[REST]) * POLARITY_WEIGHTS[mention.polarity]
                best = max(best, weight * (1.0 if mention.concept == concept.name else NARROWER))
            else:
                continue
            if _BETTER[said] < _BETTER[support.get(concept.name, "none")]:
                support[concept.name] = said
        reached += best * KIND_WEIGHTS.get(concept.kind, 0.0)
    return Spoken(reached / total, support)


def _in_place(concept: AskedConcept, mentions: Sequence[StoredMention]) -> float:
    """How plainly a figure says the general name of a concept, given that it speaks of the place at all; 0 to 1."""
    affirmed = [one for one in mentions if one.field in PLAIN_FIELDS and one.polarity == "affirmed"]
    if not any(one.concept in concept.places for one in affirmed):
        return 0.0
    return max((FIELD_WEIGHTS[one.field] for one in affirmed if one.concept == concept.general), default=0.0)


def _said(mention: StoredMention) -> Support:
    """What discussion, history and differential tell of is not what the case shows."""
    return (
        "said" if mention.field in PLAIN_FIELDS or (mention.field, mention.polarity) == ("findings", "affirmed") else "none"
    )


def diseased(figure: Figure, mentions: Iterable[StoredMention]) -> bool:
    """Whether a title, diagnosis, topic or caption affirms a disease or finding; a diagnosis not called normal is one.

    Parameters
    ----------
    figure : Figure
    mentions : iterable of StoredMention
        The figure's and its case's.
    """
    said = list(mentions)
    if figure.diagnosis and not any(one.concept == NORMAL and one.polarity == "affirmed" for one in said):
        return True
    return any(
        mention.field in PLAIN_FIELDS
        and mention.polarity in ("affirmed", "possible")
        and mention.concept in lexicon()
        and lexicon().kind(mention.concept) in ("disease", "finding")
        and not mention.concept.startswith("normal")
        for mention in said
    )


def confidence(  # noqa: PLR0911 - each return is one sentence of the rule
    base: Confidence, reading: QueryReading, figure: Figure, words: Words, said: Spoken
) -> tuple[Confidence, Basis]:
    """How sure a hit is, and by what.

    Parameters
    ----------
    base : {"strong", "likely", "weak"}
        By vectors and words alone.
    reading : QueryReading
    figure : Figure
    words : callable
        Gives the figure's own words, folded.
    said : Spoken

    Returns
    -------
    confidence : {"strong", "likely", "weak"}
        *strong* only where all that is asked is spoken of plainly; *weak* where a disease or a finding is not spoken of.
    basis : {"named", "mentioned", "structure", "words", "alike"}
        ``alike`` where only the picture speaks for it.
    """
    others = not reading.others or words() >= set(reading.others)
    made = all(_made_so(each, figure, words) for each in reading.concepts if each.kind in HOW)
    if not reading.wanted:
        return _without_concepts(base, reading, others, made, said)
    held = {concept: _held(concept, figure, words, said.support) for concept in reading.wanted}
    things = [each for concept, each in held.items() if concept.kind != "anatomy"]
    if reading.normal and said.diseased:
        return "weak", "alike"
    if all(each == "plain" for each in held.values()) and others and made and not reading.doubtful:
        return "strong", "named" if things else "structure"
    if "none" in things or "denied" in things:
        return "weak", "alike"
    if things:
        return "likely", "named" if all(each == "plain" for each in things) else "mentioned"
    if "none" in held.values() or not others:
        return ("weak", "alike") if base == "weak" or not others else ("likely", "alike")
    return "likely", "structure"


def _without_concepts(
    base: Confidence, reading: QueryReading, others: bool, made: bool, said: Spoken
) -> tuple[Confidence, Basis]:
    if reading.normal:
        return (
            ("weak", "alike") if said.diseased else (base if made else "likely" if base != "weak" else "weak", "structure")
        )
    if reading.others:
        return (base if others and made else "weak" if not others else _at_most_likely(base)), "words"
    if reading.concepts:  # how the picture was made, and nothing else
        return ("strong", "structure") if made else ("weak", "alike")
    return _at_most_likely(base), "alike"


def _at_most_likely(base: Confidence) -> Confidence:
    return "likely" if base == "strong" else base


def _held(concept: AskedConcept, figure: Figure, words: Words, support: Mapping[str, Support]) -> Support:
    if concept.kind == "anatomy" and figure.region and figure.region in {concept.name, *concept.narrower}:
        return "plain"
    said = support.get(concept.name, "none")
    # The words of a disease's name, scattered over a text, do not name it.
    if said == "none" and concept.kind != "disease" and words() >= set(concept.words):
        return "said"
    return said


def _made_so(concept: AskedConcept, figure: Figure, words: Words) -> bool:
    """Whether a figure was made as asked: by its labels, or by its own words."""
    if concept.kind == "plane" and figure.plane == concept.name:
        return True
    kinds = {concept.name, *lexicon().parents(concept.name)}
    label = next((label for name, label in MODALITY_LABELS.items() if name in kinds), "")
    if concept.kind == "modality" and label and figure.modality == label:
        return True
    return words() >= set(concept.words)
