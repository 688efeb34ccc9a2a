"""A sentence that is nearly its source's own: every difference in sides, numbers and denials counts.

Who retells in other words may turn a sentence round and still be right. Who keeps nearly all words and changes a side is
wrong.
"""

from __future__ import annotations

from collections import Counter

from mirage.explain.checker.matching import Alignment, EvidenceSentence
from mirage.explain.evidence import Break
from mirage.language import numbers
from mirage.language.annotation import Annotation, is_sequence, modality_name
from mirage.language.laterality import name
from mirage.language.negation import LACKING
from mirage.wording import N_, _

# The share of the words of both that both have.
_COPIED = 0.75
_FEWEST = 4


def doubts(alignment: Alignment) -> list[Break]:
    """All in which a copied sentence differs from the original."""
    claim = alignment.claim
    copied = [unit for unit in alignment.chosen if _is_copy(claim, unit.reading)]
    if not copied:
        return []
    found = [_differences(claim, unit) for unit in copied]
    return min(found, key=len)


def _is_copy(claim: Annotation, source: Annotation) -> bool:
    mine, theirs = _words(claim), _words(source)
    return len(mine) >= _FEWEST and len(mine & theirs) >= _COPIED * len(mine | theirs)


def _words(reading: Annotation) -> frozenset[str]:
    return frozenset(token.concept for token in reading.tokens if token.concept)


def _differences(claim: Annotation, unit: EvidenceSentence) -> list[Break]:
    source, found = unit.reading, list[Break]()
    mine, theirs = Counter(each.side for each in claim.sides), Counter(each.side for each in source.sides)
    if (more := mine - theirs) and theirs - mine:
        words, others = (" and ".join(name(side) for side in sides) for sides in (more, theirs - mine))
        found.append(_differs("laterality", words, unit, others))
    known = source.quantities
    for quantity in claim.quantities:
        if known and not any(numbers.same(quantity, other) for other in known):
            found.append(_differs("number", quantity.words, unit, ", ".join(other.words for other in known)))
    for modality, words in claim.modalities.items():
        alike = [kind for kind in source.modalities if is_sequence(kind) == is_sequence(modality)]
        if alike and modality not in source.modalities:
            found.append(_differs("modality", words, unit, modality_name(alike[0])))
    lacking = any(token.word.startswith(LACKING) for token in (*source.tokens, *claim.tokens))
    if not lacking and len(claim.denials) != len(source.denials) and not (claim.denials and source.denials):
        denial = (claim.denials or source.denials)[0]
        told = (
            N_("The sentence says “%(words)s”; [%(number)s] says the same without the denial.")
            if claim.denials
            else N_("[%(number)s] says “%(words)s”; the sentence says the same without the denial.")
        )
        reason = _(told, words=denial.words, number=unit.number)
        found.append(Break("negation", denial.words, reason, "contradicted"))
    return found


def _differs(kind: str, words: str, unit: EvidenceSentence, other: str) -> Break:
    said = _("The sentence says %(words)s; [%(number)s] says %(other)s.", words=words, number=unit.number, other=other)
    return Break(kind, words, said, "contradicted")  # type: ignore[arg-type]
