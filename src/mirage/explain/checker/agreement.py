"""Does the evidence hold the numbers of a sentence, and the kinds of picture that it speaks of?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from mirage.explain.checker.matching import Alignment, EvidenceSentence
from mirage.explain.evidence import Break
from mirage.language import numbers
from mirage.language.annotation import Annotation, annotate, is_sequence, modality_name
from mirage.language.laterality import SideMention, name
from mirage.language.stated import without_shown
from mirage.language.vocabulary import Kind
from mirage.wording import N_, _

# A number word up to here often counts what its source lists one by one.
_FEW = 3
_EXACT = 1e-6
_REST = re.compile(r"(?i)\b(?:rest|remain\w*|other)\b")
_ABOUT, _ROUNDED = re.compile(r"(?i)\b(?:about|roughly|approximately|nearly|almost|close to|some)\s*$"), 0.05
_DIFFERENCE = re.compile(r"(?i)\b(?:by|differ\w*|later|apart|more|less|higher|lower|exceed\w*)\b")


def quantities(alignment: Alignment) -> list[Break]:
    """Numbers that the evidence gives otherwise, or not at all."""
    claim = alignment.claim
    found: list[Break] = []
    known = [other for unit in alignment.near for other in unit.reading.quantities]
    for quantity in claim.quantities:
        if quantity.measure in ("code", "ordinal") or any(numbers.same(quantity, other) for other in known):
            continue
        bare = {value for other in known for value in other.plain}
        if quantity.measure == "grade" and bare.issuperset(quantity.values):  # "neurofibromatosis 1"
            continue
        if not worked_out(quantity, claim, known) and not _rounded(quantity, claim, known):
            counted = quantity.measure == "count"
            told = N_("No source gives the number %(words)s here.") if counted else N_("No source here says %(words)s.")
            few = quantity.measure == "count" and max(quantity.values) <= _FEW
            found.append(Break("number", quantity.words, _(told, words=quantity.words), "partly" if few else "unsupported"))
    return found


def _rounded(quantity: numbers.Quantity, claim: Annotation, known: Sequence[numbers.Quantity]) -> bool:
    """Whether a number is said to be no exact one, and one of the evidence is as good as the same: "close to 3 cm"."""
    if len(quantity.values) != 1 or not _ABOUT.search(claim.text[: max(0, claim.text.find(quantity.words))]):
        return False
    value = quantity.values[0]
    return any(
        other.measure == quantity.measure and abs(each - value) <= _ROUNDED * value
        for other in known
        for each in other.values
    )


def worked_out(quantity: numbers.Quantity, claim: Annotation, known: Sequence[numbers.Quantity]) -> bool:
    """Whether a number is the difference of two of the evidence, or what one of them leaves of a hundred percent.

    Parameters
    ----------
    quantity : Quantity
    claim : Annotation
        The sentence that it stands in.
    known : sequence of Quantity
        Of the evidence.
    """
    if quantity.measure == "percent" and (claim.denies or _REST.search(claim.text)):
        rest = replace(quantity, values=tuple(100 - value for value in quantity.values))
        return any(numbers.same(rest, other) for other in known)
    if len(quantity.plain) != 1 or not _DIFFERENCE.search(claim.text):
        return False
    plain = {value for other in known for value in other.plain}
    return any(abs(abs(one - other) - quantity.plain[0]) < _EXACT for one in plain for other in plain)


def pictures(alignment: Alignment) -> list[Break]:
    """Modalities and planes that are not those of the evidence."""
    claim, chosen, body = alignment.claim, alignment.chosen, alignment.body
    found: list[Break] = []
    lead, here = chosen[0], body.case_of(chosen)
    of_case = {item.modality for item in here} | {kind for unit in alignment.near for kind in unit.reading.modalities}
    cross = {"CT", "MR"} & claim.modalities.keys()
    for modality, words in claim.modalities.items():
        if (modality == "XA" and cross) or (modality == "US" and "MR" in cross and words.lower() == "doppler"):
            continue
        said = {kind: unit.number for unit in reversed(chosen) for kind in unit.reading.modalities}
        alike = sorted(kind for kind in said if is_sequence(kind) == is_sequence(modality))
        held = modality in of_case or (modality == "MR" and any(map(is_sequence, said)))
        if modality in said or (held and (not alike or is_sequence(modality))):
            continue
        if _seen_by(modality, claim, alignment.near):
            continue
        if is_sequence(modality) and not alike and "MR" in of_case:
            found.append(
                Break("modality", words, _("The sources do not say that this is %(words)s.", words=words), "partly")
            )
            continue
        known = lead.evidence.modality if not is_sequence(modality) else ""
        other, number = (alike[0], said[alike[0]]) if alike else (known, lead.number)
        nothing = _("No source here speaks of %(words)s.", words=words)
        found.append(_picture("modality", words, modality_name(other), number, nothing))
    for plane, words in claim.planes.items():
        said = {kind: unit.number for unit in reversed(chosen) for kind in unit.reading.planes}
        if plane in said or (not said and any(item.plane == plane for item in here)):
            continue
        other, number = min(said.items(), default=(lead.evidence.plane, lead.number))
        nothing = _("No source here speaks of a %(plane)s picture.", plane=words)
        found.append(_picture("plane", words, other, number, nothing))
    return found


def _seen_by(modality: str, claim: Annotation, units: Sequence[EvidenceSentence]) -> bool:
    """Whether a sentence of the case with that kind of picture speaks of the same things."""
    return any(modality in unit.reading.modalities and len(_names(claim) & unit.reading.affirmed) > 2 for unit in units)


def _picture(kind: Literal["modality", "plane"], words: str, other: str, number: int, nothing: str) -> Break:
    if not other:
        return Break(kind, words, nothing, "unsupported")
    return Break(
        kind,
        words,
        _("The sentence says %(words)s; [%(number)s] is %(other)s.", words=words, number=number, other=other),
        "contradicted",
    )


def of_kind(claim: Annotation, *kinds: Kind) -> frozenset[str]:
    """Concepts of a sentence of some kinds.

    Parameters
    ----------
    claim : Annotation
    *kinds : str
    """
    return frozenset(concept for concept, token in claim.concepts.items() if token.kind in kinds)


def _names(reading: Annotation) -> frozenset[str]:
    return of_kind(reading, "anatomy", "disease", "finding")


def in_words(claim: Annotation, concepts: frozenset[str] | set[str]) -> str:
    """Some concepts as a sentence has them, in quotation marks.

    Parameters
    ----------
    claim : Annotation
    concepts : set of str
    """
    words = {concept: token.text for concept, token in claim.concepts.items()}
    return ", ".join(f"“{words.get(concept, concept)}”" for concept in sorted(concepts))


# -- sides --------------------------------------------------------------------------------------------------------------


def laterality(alignment: Alignment) -> list[Break]:
    """One side only, where the evidence says both; and both, where the evidence has it on one."""
    claim, chosen = alignment.claim, alignment.chosen
    for mention in claim.sides:
        if _alone(mention, claim) and (both := next((unit for unit in chosen if _on_both(unit.reading)), None)):
            reason = _(
                "The sentence says %(side)s only; [%(number)s] says both sides.", side=name(mention.side), number=both.number
            )
            return [Break("laterality", mention.words, reason, "contradicted")]
        things = (mention.anchors | mention.window) & of_kind(claim, "disease", "finding")
        joins = any(token.word == "and" for token in claim.tokens[mention.place : mention.place + 5])  # "both CT and MRI"
        if mention.side == "both" and things and not joins and not claim.denials:
            organs = (mention.anchors | mention.window) & of_kind(claim, "anatomy")
            told = [
                (side, unit)
                for unit in (*chosen, *alignment.near)
                for side in unit.reading.sides
                if things <= (side.window | side.anchors) & unit.reading.affirmed
                and not _of_another(side, unit.reading, organs)
            ]
            sides = {side.side for side, _ in told}
            if len(sides) == 1 and "both" not in sides:
                side, unit = told[0]
                reason = _(
                    "The sentence says both sides; [%(number)s] says %(side)s, and no source says both.",
                    number=unit.number,
                    side=name(side.side),
                )
                return [Break("laterality", mention.words, reason, "unsupported")]
    return []


def _of_another(mention: SideMention, source: Annotation, organs: frozenset[str]) -> bool:
    """Whether a side is one of other organs, "the right ureter" where kidneys are spoken of."""
    own = (mention.anchors | mention.window) & of_kind(source, "anatomy")
    return bool(own and organs) and own.isdisjoint(organs)


def _alone(mention: SideMention, claim: Annotation) -> bool:
    """Whether a sentence says that something is on that side only."""
    near = claim.tokens[max(0, mention.place - 3) : mention.place + 4]
    return any(token.word in ("only", "solely", "exclusively", "unilateral", "alone") for token in near)


def _on_both(source: Annotation) -> bool:
    """Whether a sentence affirms something of both sides, and does not only show them: "radiograph of both hips"."""
    if source.denials or all(side.side != "both" for side in source.sides):
        return False
    return any(side.side == "both" for side in annotate(without_shown(source.text)).sides)
