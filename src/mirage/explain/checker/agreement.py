"""Does the evidence bear out what a sentence denies and measures, and the pictures that it speaks of?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mirage.explain.checker.matching import Body, Doubt, EvidenceMatch, doubt
from mirage.language import numbers
from mirage.language.annotation import Annotation, is_sequence, modality_name
from mirage.language.negation import REMOVED

# How much of a sentence the source's must hold for every denial in it to need one there.
_RETOLD = 0.85
_NORMAL = frozenset(("normal", "intact"))


def negation(claim: Annotation, chosen: Sequence[EvidenceMatch], body: Body, share: float) -> list[Doubt]:
    """What the sentence denies and the evidence states, and the other way round.

    Parameters
    ----------
    claim : Annotation
    chosen : sequence of EvidenceMatch
        The sentences of the evidence that it is about, best first.
    share : float
        How much of the sentence they hold, 0 to 1.
    """
    found: list[Doubt] = []
    if not chosen:
        return found
    for denial in claim.denials:
        upheld = any(denial.heads & match.unit.reading.denied for match in chosen) or _is_called_normal(claim, chosen, body)
        against = [
            match
            for match in chosen
            if denial.heads & match.unit.reading.affirmed and not _other_side(claim, match.unit.reading)
        ]
        if not upheld and against:
            number = against[0].unit.number
            words = _named(claim, denial.heads & against[0].unit.reading.affirmed)
            found.append(
                doubt("negation", denial.words, f"The sentence denies {words}; [{number}] states it.", "contradicted")
            )
    if claim.denials and not found and share >= _RETOLD and not any(match.unit.reading.denies for match in chosen):
        words = claim.denials[0].words
        reason = f"The sentence says “{words}”; [{chosen[0].unit.number}] says the same without the denial."
        found.append(doubt("negation", words, reason, "contradicted"))
    return found + (_stated(claim, chosen, body) or _called_normal(claim, chosen, body))


def _other_side(claim: Annotation, source: Annotation) -> bool:
    """Whether a sentence and a source speak of different sides throughout."""
    mine, theirs = {side.side for side in claim.sides}, {side.side for side in source.sides}
    return bool(mine) and bool(theirs) and not mine & theirs and "both" not in mine | theirs


def _stated(claim: Annotation, chosen: Sequence[EvidenceMatch], body: Body) -> list[Doubt]:
    """What the sentence states and the case that it is about denies, and states nowhere."""
    if any(token.word in REMOVED for token in claim.tokens):
        return []
    units = body.sentences_of(chosen)
    stated = {concept for unit in units for concept in unit.reading.affirmed}
    stated_here = {concept for match in chosen for concept in match.unit.reading.affirmed}
    for unit in [match.unit for match in chosen[:1]] + units:
        known = stated_here if unit is chosen[0].unit else stated
        for denial in (*unit.reading.denials, *unit.reading.questions):
            wrong = (denial.heads & claim.affirmed) - known
            if wrong and not denial.heads & claim.denied:
                words = _named(claim, wrong)
                says = "denies it" if denial.certain else "leaves it open"
                reason = f"The sentence states {words}; [{unit.number}] {says} (“{denial.words}”)."
                return [doubt("negation", words, reason, "contradicted" if denial.certain else "partly")]
    return []


def _is_called_normal(claim: Annotation, chosen: Sequence[EvidenceMatch], body: Body) -> bool:
    """Whether the case calls all the structures of a sentence normal or intact, so that it may deny that they are ill."""
    anatomy = {concept for concept, kind in claim.kinds.items() if kind == "anatomy"}
    return bool(anatomy) and any(
        _NORMAL & unit.reading.affirmed and anatomy <= unit.reading.concepts.keys() for unit in body.sentences_of(chosen)
    )


def _called_normal(claim: Annotation, chosen: Sequence[EvidenceMatch], body: Body) -> list[Doubt]:
    """Something found in a structure that the case calls normal or intact, and never found there by the case."""
    anatomy = {concept for concept, kind in claim.kinds.items() if kind == "anatomy"}
    wrong = {
        concept for concept, kind in claim.kinds.items() if kind in ("disease", "finding") and concept in claim.affirmed
    } - _NORMAL
    if not anatomy or not wrong or _NORMAL & claim.concepts.keys() or claim.denials:
        return []
    units = body.sentences_of(chosen)
    for unit in units:
        calm = anatomy & unit.reading.concepts.keys() if _NORMAL & unit.reading.affirmed else set()
        if not calm or wrong & unit.reading.concepts.keys() or not anatomy <= unit.reading.concepts.keys():
            continue
        if not any(wrong & other.reading.affirmed and calm & other.reading.concepts.keys() for other in units):
            reason = f"The sentence says {_named(claim, wrong)} of what [{unit.number}] calls normal or intact."
            return [doubt("negation", _named(claim, wrong), reason, "contradicted")]
    return []


def quantities(claim: Annotation, chosen: Sequence[EvidenceMatch], body: Body) -> list[Doubt]:
    """Numbers that the evidence gives otherwise, or not at all."""
    found: list[Doubt] = []
    of = {match.unit.number for match in chosen}
    cited = [unit for unit in body.units if unit.number in of]
    for quantity in claim.quantities:
        known = [(other, match.unit.number) for match in chosen for other in match.unit.reading.quantities]
        if any(numbers.same(quantity, other) for other, _ in known):
            continue
        against = [(other, number) for other, number in known if numbers.comparable(quantity, other)]
        if against:
            other, number = against[0]
            reason = f"The sentence says {quantity.words}; [{number}] says {other.words}."
            found.append(doubt("number", quantity.words, reason, "contradicted"))
        elif not any(numbers.same(quantity, other) for unit in cited for other in unit.reading.quantities):
            where = "No source gives the number {} here." if quantity.measure == "count" else "No source here says {}."
            found.append(doubt("number", quantity.words, where.format(quantity.words), "unsupported"))
    return found


def pictures(claim: Annotation, chosen: Sequence[EvidenceMatch], body: Body) -> list[Doubt]:
    """Modalities and planes that are not those of the evidence."""
    found: list[Doubt] = []
    if not chosen:
        return found
    lead = chosen[0].unit
    cases = {match.unit.evidence.case for match in chosen if match.unit.evidence.case}
    numbers_here = {match.unit.number for match in chosen}
    here = [item for item in body.evidence if item.number in numbers_here or item.case in cases]
    for modality, words in claim.modalities.items():
        said = {kind: match.unit.number for match in reversed(chosen) for kind in match.unit.reading.modalities}
        alike = {kind for kind in said if is_sequence(kind) == is_sequence(modality)}
        if modality in said:
            continue
        if alike:
            other = next(iter(sorted(alike)))
            found.append(_picture("modality", words, modality_name(other), said[other]))
            continue
        around = {
            kind for item in here for unit in body.units if unit.number == item.number for kind in unit.reading.modalities
        }
        kinds = {item.modality for item in here if item.modality}
        if modality in around or modality in kinds or (modality == "MR" and any(map(is_sequence, said))):
            continue
        if lead.evidence.modality and not is_sequence(modality):
            found.append(_picture("modality", words, modality_name(lead.evidence.modality), lead.number))
        else:
            found.append(doubt("modality", words, f"No source here speaks of {words}.", "unsupported"))
    for plane, words in claim.planes.items():
        said = {kind: match.unit.number for match in reversed(chosen) for kind in match.unit.reading.planes}
        if (plane in said or any(item.plane == plane for item in here)) and (plane in said or not said):
            continue
        if said:
            other = next(iter(sorted(said)))
            found.append(_picture("plane", words, other, said[other]))
        elif lead.evidence.plane:
            found.append(_picture("plane", words, lead.evidence.plane, lead.number))
        else:
            found.append(doubt("plane", words, f"No source here speaks of a {words} picture.", "unsupported"))
    return found


def _picture(kind: Literal["modality", "plane"], words: str, other: str, number: int) -> Doubt:
    reason = f"The sentence says {words}; [{number}] is {other}."
    return doubt(kind, words, reason, "contradicted")


def _named(claim: Annotation, concepts: frozenset[str] | set[str]) -> str:
    return ", ".join(f"“{claim.concepts.get(concept, concept)}”" for concept in sorted(concepts))
