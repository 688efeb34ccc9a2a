"""Does the evidence bear out what a sentence denies and measures, its sides, and the pictures that it speaks of?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from mirage.explain.checker.cues import CUES
from mirage.explain.checker.matching import Body, EvidenceSentence
from mirage.explain.evidence import Break
from mirage.language import numbers
from mirage.language.annotation import Annotation, is_sequence, modality_name
from mirage.language.laterality import SideMention, name
from mirage.language.negation import LACKING, REMOVED, Denial
from mirage.language.vocabulary import Kind

# How much of a sentence the source's must hold for every denial in it to need one there, and for its sides, counted, to be
# the same.
_RETOLD = 0.85
# How much of a sentence one of the evidence must hold to speak against its denial, and how much of what that one holds another
# must hold to uphold it.
_ABOUT_IT, _AS_NEAR = 0.45, 0.6
# By how much the other side must fit better before it counts against one that fits too.
_MUCH_NEARER = 3.0
# One thing that both side words stand right before or after.
_SAME_THING = 2.0
# A number word up to here often counts what its source lists one by one.
_FEW = 3
_EXACT = 1e-6
_REST = re.compile(r"(?i)\b(?:rest|remain\w*|other)\b")
_DIFFERENCE = re.compile(r"(?i)\b(?:by|differ\w*|later|apart|more|less|higher|lower|exceed\w*)\b")
_APART = frozenset("than unlike instead opposed differentiated distinguished versus".split())
_APART_REACH = 12
_NEGATING = ("a", "non", "un", "in", "im", "ir")
_NORMAL = frozenset(("normal", "intact"))


def negation(claim: Annotation, chosen: Sequence[EvidenceSentence], body: Body, share: float) -> list[Break]:
    """What the sentence denies and the evidence states, and the other way round.

    Parameters
    ----------
    claim : Annotation
    chosen : sequence of EvidenceSentence
        The sentences of the evidence that it is about, best first.
    share : float
        How much of the sentence they hold, 0 to 1.
    """
    found: list[Break] = []
    if not chosen:
        return found
    near = body.sentences_of(chosen)
    calm, retold = _calling_normal(claim, near), body.retold(claim)
    weights = body.weights(claim)
    told = {unit: sum(weights[concept] for concept in body.holds(claim, unit)) for unit in near}
    for denial in claim.denials:
        heads = frozenset().union(*(retold.get(head, {head}) for head in denial.heads))
        stating = (
            unit
            for unit in chosen
            if denial.heads & unit.reading.affirmed
            and told[unit] >= _ABOUT_IT * sum(weights.values())
            and not _other_side(claim, unit.reading)
        )
        against = next(stating, None)
        if calm or against is None or _instead(denial, claim, chosen):
            continue
        alike = (unit for unit in near if unit in chosen or told[unit] >= _AS_NEAR * told[against])
        if not any((_negative(unit.reading) and heads & unit.meanings) or _upheld(heads, unit.reading) for unit in alike):
            words = _named(claim, denial.heads & against.reading.affirmed)
            reason = f"The sentence denies {words}; [{against.number}] states it."
            found.append(Break("negation", denial.words, reason, "contradicted"))
    closely = claim.denials and not found and share >= _RETOLD
    if closely and not any(_negative(unit.reading) or _lacking(claim.denials[0], unit.reading) for unit in chosen):
        words = claim.denials[0].words
        reason = f"The sentence says “{words}”; [{chosen[0].number}] says the same without the denial."
        found.append(Break("negation", words, reason, "contradicted"))
    return found + (_stated(claim, chosen, body) or _called_normal(claim, chosen, body))


def _negative(reading: Annotation) -> bool:
    """Whether any word of a sentence denies or takes back something."""
    return reading.denies or bool(CUES["polarity"]["negative"].search(reading.text))


def _upheld(heads: frozenset[str], source: Annotation) -> bool:
    """Whether a source denies one of some concepts, or has that in a word of its own: asymptomatic, noncalcified."""
    if heads & source.denied:
        return True
    words = {token.word for token in source.tokens if token.concept in heads} | heads
    return any(
        token.word.startswith(prefix) and token.word[len(prefix) :][:5] == word[:5]
        for token in source.tokens
        for word in words
        for prefix in _NEGATING
    )


def _lacking(denial: Denial, source: Annotation) -> bool:
    """Whether one sentence says "lack of thiamine" and another "thiamine deficiency"."""
    if not denial.cue.lower().startswith(LACKING):
        return False
    return any(
        token.concept in denial.heads
        and any(other.word.startswith(LACKING) for other in source.tokens[max(0, at - 4) : at + 4])
        for at, token in enumerate(source.tokens)
    )


def _set_apart(heads: frozenset[str], source: Annotation) -> bool:
    """Whether a source sets one of some concepts apart: "rather than in this tear"."""
    apart = [place for place, token in enumerate(source.tokens) if token.word in _APART]
    near = [place for place, token in enumerate(source.tokens) if token.concept in heads] if apart else []
    return any(0 < one - other <= _APART_REACH for one in near for other in apart)


def _instead(denial: Denial, claim: Annotation, chosen: Sequence[EvidenceSentence]) -> bool:
    """Whether a sentence says "not A but B" and a source has B."""
    last = max(denial.places)
    following = [token for token in claim.tokens[last + 1 : last + 4] if token.word != ","]
    if not following or following[0].word != "but":
        return False
    return any(token.concept in unit.reading.affirmed for token in following[1:] for unit in chosen if token.concept)


def _other_side(claim: Annotation, source: Annotation) -> bool:
    """Whether a sentence and a source speak of different sides throughout."""
    mine, theirs = {side.side for side in claim.sides}, {side.side for side in source.sides}
    return bool(mine) and bool(theirs) and not mine & theirs and "both" not in mine | theirs


def _stated(claim: Annotation, chosen: Sequence[EvidenceSentence], body: Body) -> list[Break]:
    """What the sentence states and the case that it is about denies, and states nowhere."""
    if any(token.word in REMOVED for token in claim.tokens):
        return []
    units = body.sentences_of(chosen)
    stated = {concept for unit in units for concept in unit.reading.affirmed}
    stated_here = {concept for unit in chosen for concept in unit.reading.affirmed}
    for unit in [*chosen[:1], *units]:
        known = stated_here if unit is chosen[0] else stated
        for denial in (*unit.reading.denials, *unit.reading.questions):
            wrong = (denial.heads & claim.affirmed) - known - _set_off(claim)
            if wrong and not denial.heads & claim.denied and not _lacking(denial, claim):
                words = _named(claim, wrong)
                says = "denies it" if denial.certain else "leaves it open"
                reason = f"The sentence states {words}; [{unit.number}] {says} (“{denial.words}”)."
                return [Break("negation", words, reason, "contradicted" if denial.certain else "partly")]
    return []


def _set_off(claim: Annotation) -> frozenset[str]:
    """Concepts in a clause that holds a word of denial of whatever reach: "injury is not held responsible"."""
    clause, held, denied = list[str](), set[str](), False
    for token in (*claim.tokens, None):
        if token is None or token.word in (",", ";", ":", "and", "but", "while", "whereas", "although", "though"):
            held |= set(clause) if denied else set()
            clause, denied = [], False
        else:
            clause.append(token.concept)
            denied = denied or bool(CUES["polarity"]["negative"].search(token.word))
    return frozenset(held)


def _called_normal(claim: Annotation, chosen: Sequence[EvidenceSentence], body: Body) -> list[Break]:
    """Something found in a structure that the case calls normal or intact, and never found there by the case."""
    wrong = (_of_kind(claim, "disease", "finding") & claim.affirmed) - _NORMAL
    if not wrong or _NORMAL & claim.concepts.keys() or claim.denials:
        return []
    units, anatomy = body.sentences_of(chosen), _of_kind(claim, "anatomy")
    if any(len(wrong) > 1 and wrong <= unit.reading.affirmed for unit in units):
        return []
    if any(wrong & unit.reading.affirmed and anatomy & unit.reading.concepts.keys() for unit in units):
        return []
    for unit in _calling_normal(claim, units):
        if not wrong & unit.reading.concepts.keys():
            reason = f"The sentence says {_named(claim, wrong)} of what [{unit.number}] calls normal or intact."
            return [Break("negation", _named(claim, wrong), reason, "contradicted")]
    return []


def _calling_normal(claim: Annotation, units: Sequence[EvidenceSentence]) -> list[EvidenceSentence]:
    """The sentences that call all structures of a sentence normal or intact; it may deny that these are ill."""
    anatomy = _of_kind(claim, "anatomy")
    if not anatomy:
        return []
    return [unit for unit in units if _NORMAL & unit.reading.affirmed and anatomy <= unit.reading.concepts.keys()]


def _of_kind(claim: Annotation, *kinds: Kind) -> frozenset[str]:
    return frozenset(concept for concept, token in claim.concepts.items() if token.kind in kinds)


def quantities(claim: Annotation, chosen: Sequence[EvidenceSentence], body: Body) -> list[Break]:
    """Numbers that the evidence gives otherwise, or not at all.

    Parameters
    ----------
    claim : Annotation
    chosen : sequence of EvidenceSentence
        The sentences of the evidence that it is about, best first.
    body : Body
        All evidence.
    """
    found: list[Break] = []
    known = [other for unit in body.sentences_of(chosen) for other in unit.reading.quantities]
    for quantity in claim.quantities:
        if quantity.measure in ("code", "ordinal") or any(numbers.same(quantity, other) for other in known):
            continue
        bare = {value for other in known for value in other.plain}
        if quantity.measure == "grade" and bare.issuperset(quantity.values):  # "neurofibromatosis 1"
            continue
        if not worked_out(quantity, claim, known):
            where = "No source gives the number {} here." if quantity.measure == "count" else "No source here says {}."
            few = quantity.measure == "count" and max(quantity.values) <= _FEW
            found.append(Break("number", quantity.words, where.format(quantity.words), "partly" if few else "unsupported"))
    return found


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


def pictures(claim: Annotation, chosen: Sequence[EvidenceSentence], body: Body) -> list[Break]:
    """Modalities and planes that are not those of the evidence.

    Parameters
    ----------
    claim : Annotation
    chosen : sequence of EvidenceSentence
        The sentences of the evidence that it is about, best first.
    body : Body
        All evidence.
    """
    if not chosen:
        return []
    found: list[Break] = []
    lead, here = chosen[0], body.case_of(chosen)
    of_case = {item.modality for item in here} | {
        kind for unit in body.sentences_of(chosen) for kind in unit.reading.modalities
    }
    cross = {"CT", "MR"} & claim.modalities.keys()
    for modality, words in claim.modalities.items():
        if (modality == "XA" and cross) or (modality == "US" and "MR" in cross and words.lower() == "doppler"):
            continue
        said = {kind: unit.number for unit in reversed(chosen) for kind in unit.reading.modalities}
        alike = sorted(kind for kind in said if is_sequence(kind) == is_sequence(modality))
        held = modality in of_case or (modality == "MR" and any(map(is_sequence, said)))
        if modality in said or (held and not alike) or _seen_by(modality, claim, body.sentences_of(chosen)):
            continue
        if is_sequence(modality) and not alike and "MR" in of_case:
            found.append(Break("modality", words, f"The sources do not say that this is {words}.", "partly"))
            continue
        known = lead.evidence.modality if not is_sequence(modality) else ""
        other, number = (alike[0], said[alike[0]]) if alike else (known, lead.number)
        found.append(_picture("modality", words, modality_name(other), number, f"No source here speaks of {words}."))
    for plane, words in claim.planes.items():
        said = {kind: unit.number for unit in reversed(chosen) for kind in unit.reading.planes}
        if plane in said or (not said and any(item.plane == plane for item in here)):
            continue
        other, number = min(said.items(), default=(lead.evidence.plane, lead.number))
        found.append(_picture("plane", words, other, number, f"No source here speaks of a {words} picture."))
    return found


def _seen_by(modality: str, claim: Annotation, units: Sequence[EvidenceSentence]) -> bool:
    """Whether a sentence of the case with that kind of picture speaks of the same things."""
    return any(modality in unit.reading.modalities and len(_names(claim) & unit.reading.affirmed) > 2 for unit in units)


def _picture(kind: Literal["modality", "plane"], words: str, other: str, number: int, nothing: str) -> Break:
    if not other:
        return Break(kind, words, nothing, "unsupported")
    return Break(kind, words, f"The sentence says {words}; [{number}] is {other}.", "contradicted")


def _names(reading: Annotation) -> frozenset[str]:
    return _of_kind(reading, "anatomy", "disease", "finding")


def _named(claim: Annotation, concepts: frozenset[str] | set[str]) -> str:
    words = {concept: token.text for concept, token in claim.concepts.items()}
    return ", ".join(f"“{words.get(concept, concept)}”" for concept in sorted(concepts))


# -- sides --------------------------------------------------------------------------------------------------------------


def laterality(claim: Annotation, chosen: Sequence[EvidenceSentence]) -> list[Break]:
    """One side only, where the evidence says both.

    Parameters
    ----------
    claim : Annotation
    chosen : sequence of EvidenceSentence
        The sentences of the evidence that it is about, best first.
    """
    for mention in claim.sides:
        if _alone(mention, claim) and (both := next((unit for unit in chosen if _on_both(unit.reading)), None)):
            reason = f"The sentence says {name(mention.side)} only; [{both.number}] says both sides."
            return [Break("laterality", mention.words, reason, "contradicted")]
    return []


def _alone(mention: SideMention, claim: Annotation) -> bool:
    """Whether a sentence says that something is on that side only."""
    near = claim.tokens[max(0, mention.place - 3) : mention.place + 4]
    return any(token.word in ("only", "solely", "exclusively", "unilateral", "alone") for token in near)


def _on_both(source: Annotation) -> bool:
    return any(side.side == "both" for side in source.sides) and not source.denials
