"""Check one sentence against the numbered evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, get_args

import numpy as np
import numpy.typing as npt

from mirage.explain.checker import agreement, binding, copies, matching, polarity, relations, rivals, terms
from mirage.explain.checker.matching import Body
from mirage.explain.checker.quotation import quoted_in, without_marks
from mirage.explain.evidence import Break, Claim, Draft, Evidence, Support
from mirage.language.annotation import Annotation, annotate
from mirage.language.sentences import cut, is_english
from mirage.wording import _

if TYPE_CHECKING:
    from mirage.encoders.base import Encoder

# A sentence whose words its evidence holds to this share needs no second look.
SURE = 0.75
# Below, shared words and nearness in meaning count alike; from these on it is held, or held in part.
HELD, FAINT = 0.5, 0.4
_LOOKED_AT = 8
_KEPT_BODIES, _KEPT_VECTORS = 16, 4096
_ORDER: tuple[Support, ...] = get_args(Support)
_CHECKS: tuple[Callable[[matching.Alignment], list[Break]], ...] = (
    copies.doubts, rivals.doubts, rivals.names, agreement.laterality, polarity.doubts, agreement.quantities,
    agreement.pictures, binding.doubts, relations.doubts,
)  # fmt: skip
# All sentences of an explanation are checked against the same evidence, read once.
_body = lru_cache(maxsize=_KEPT_BODIES)(Body)


class Checker:
    """Judges sentences of any explainer.

    Parameters
    ----------
    encoder : Encoder
        The atlas's own; its text tower tells which evidence is nearest in meaning.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}

    def check(self, draft: Draft, evidence: Sequence[Evidence], question: str = "") -> Claim:
        """Judge one sentence.

        Parameters
        ----------
        draft : Draft
            Text that is several sentences is judged by its worst.
        evidence : sequence of Evidence
            All that the explanation may use; the same sequence for every sentence of it.
        question : str
            What was asked: words that stand there are not held against a sentence as invented, nor do they support it.
        """
        body = _body(tuple(evidence))
        text = without_marks(draft.text)
        cites = tuple(dict.fromkeys(draft.cites))
        given = tuple(number for number in cites if number in body.by_number)
        doubts = [_missing(number, len(body.evidence)) for number in cites if number not in body.by_number]
        parts = cut(text)
        if not parts:
            doubts.append(
                Break("language", draft.text[:80], _("There are no words here that could be checked."), "unsupported")
            )
            return _claim(draft.text.strip(), given, doubts)
        holding = quoted_in(text, body.evidence)
        if holding:
            cited = tuple(number for number in given if number in holding)
            return _claim(text, cited or holding[:1], doubts, quoted=True)
        if not is_english(text):
            reason = _("This is not English, the only language that can be checked here.")
            doubts.append(Break("language", text[:80], reason, "unsupported"))
            return _claim(text, given, doubts)
        asked = frozenset(concept for part in cut(question) for concept in annotate(part).concepts)
        best: list[int] = []
        for part in parts:
            if holding := quoted_in(part, body.evidence):
                best += holding[:1]
                continue
            found, numbers = self._judge(annotate(part), body, given, asked)
            doubts += found
            best += numbers
        kept = tuple(number for number in given if number in best)
        held = not any(found.support in ("unsupported", "contradicted") for found in doubts)
        return _claim(text, kept or (tuple(dict.fromkeys(best))[:3] if held or not given else given), doubts)

    def _judge(
        self, claim: Annotation, body: Body, given: Sequence[int], asked: frozenset[str]
    ) -> tuple[list[Break], list[int]]:
        pictures_only = not claim.concepts and not claim.quantities
        if pictures_only and (claim.denies or not (claim.modalities or claim.planes)):
            reason = _("This says nothing that could be looked up in the sources.")
            return [Break("unrelated", claim.text[:120], reason, "partly")], list(given)
        weights = body.weights(claim)
        matches = body.match(claim, given)
        aligned = matching.aligned(matches, weights)
        held = matching.share(aligned, weights)
        if held < SURE and matches:
            similar = self._cosines(claim.text, [match.unit.reading.text for match in matches[:_LOOKED_AT]])
            ranked = sorted(zip(matches, similar, strict=False), key=lambda pair: -(pair[0].score + pair[1]))
            aligned = matching.aligned([match for match, _ in ranked], weights)
            held = matching.share(aligned, weights)
            meant = max(similar)
            held = max((held + meant) / 2, meant - 0.1, held if held >= SURE else 0.0)
        chosen = tuple(match.unit for match in aligned)
        alignment = matching.Alignment(claim, chosen, body, held, asked)
        found = terms.doubts(alignment)
        if held < FAINT:
            reason = _("No source says this, or anything near it.")
            found.insert(0, Break("unrelated", claim.text[:120], reason, "unsupported"))
            return found, [unit.number for unit in chosen[:1]]
        if chosen:
            found += [broken for look in _CHECKS for broken in look(alignment)]
        if held < HELD and not found:
            found.append(Break("unrelated", claim.text[:120], _("The sources hold only a part of this."), "partly"))
        return found, [unit.number for unit in chosen]

    def _cosines(self, sentence: str, others: Sequence[str]) -> list[float]:
        """Cosine of a sentence with each of some others; what is not yet known is encoded in one call."""
        # Another thread finds either the vectors before or those after, never some between.
        known = self._vectors if len(self._vectors) < _KEPT_VECTORS else {}
        missing = [text for text in dict.fromkeys([sentence, *others]) if text not in known]
        if missing:
            self._vectors = known = known | dict(zip(missing, self._encoder.encode_texts(missing), strict=True))
        return [float(known[sentence] @ known[other]) for other in others]


def _missing(number: int, count: int) -> Break:
    if count:
        said = _("The sentence points at [%(number)s]; there are only %(count)s sources.", number=number, count=count)
    else:
        said = _("The sentence points at [%(number)s]; there are no sources.", number=number)
    return Break("citation", f"[{number}]", said, "partly")


def _claim(text: str, cites: tuple[int, ...], doubts: Sequence[Break], *, quoted: bool = False) -> Claim:
    worst = max((_ORDER.index(item.support) for item in doubts), default=0)
    return Claim(text, cites, _ORDER[worst], tuple(doubts), quoted=quoted)
