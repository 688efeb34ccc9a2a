"""Values of a sentence where its evidence has others with the same words around them.

The words around a value are compared with the words around every value for the same place in the evidence. Where another
value fits much better there than the sentence's own fits anywhere, the sentence is wrong about it. So it is where a sentence
has two values and each fits the place of the other.
"""

from __future__ import annotations

from itertools import groupby

from mirage.explain.checker.agreement import worked_out
from mirage.explain.checker.fitting import Fitting
from mirage.explain.checker.matching import Alignment
from mirage.explain.checker.relations import compares, winner
from mirage.explain.checker.values import Value, values
from mirage.explain.evidence import Break, BreakKind
from mirage.language.vocabulary import vocabulary
from mirage.wording import _

# A rival counts when it fits better than the sentence's own value does this many times over, by at least that much: a number
# that stands in the evidence is seldom wrong.
_TIMES: dict[BreakKind, float] = {"number": 2.0, "laterality": 1.25, "term": 1.25, "modality": 1.25}
_BY = 0.1
# Of two values of a place in a sentence, one counts by itself when it fits nowhere and its rival closely.
_NOWHERE, _CLOSE = 0.05, 0.5
# How closely a structure or disease must fit to stand in the place of one that fits nowhere.
_INSTEAD = 0.5


def doubts(alignment: Alignment) -> list[Break]:
    """Values where the evidence has others with the same words."""
    claim, near = alignment.claim, alignment.near
    fitting, found = Fitting(alignment), list[Break]()
    # Who has more is looked at elsewhere.
    compared = {f"pole {pair}" for pair in winner(claim)} | ({"modality"} if compares(claim) else set())
    known = [quantity for unit in near for quantity in unit.reading.quantities]
    mine = sorted(values(claim), key=lambda value: value.slot)
    for _slot, group in groupby(mine, key=lambda value: value.slot):
        one_place = [
            value
            for value in group
            if value.slot not in compared
            and not (value.slot == "share" and value.quantity)
            and not (value.quantity and worked_out(value.quantity, claim, known))
        ]
        if not one_place or (one_place[0].slot == "state" and len({value.value for value in one_place}) < 2):
            continue
        results = [fitting.best(value, near) for value in one_place]
        own, against = sum(each[0] for each in results), sum(each[1] for each in results)
        if one_place[0].kind == "number" and len(one_place) == 1 and fitting.as_close(one_place[0], near, results[0][2]):
            continue
        rivals = [(each[1] - each[0], value, each[2]) for value, each in zip(one_place, results, strict=True) if each[2]]
        kind = one_place[0].kind
        alone = any(each[0] <= _NOWHERE and each[1] >= _CLOSE for each in results)
        crossed = len(results) > 1 and all(each[1] > each[0] for each in results) and against > own + _BY
        clear = (
            one_place[0].slot != "state"
            and (kind != "modality" or len(one_place) == 1)
            and (alone or against > _BY + _TIMES[kind] * own)
        )
        if rivals and (crossed or clear):
            _margin, value, rival = max(rivals, key=lambda each: each[0])
            if rival is not None:
                unit, other = rival
                reason = _(
                    "The sentence says %(words)s; [%(number)s] says %(other)s.",
                    words=value.words,
                    number=unit.number,
                    other=other.words,
                )
                found.append(Break(kind, value.words, reason, "contradicted"))
    return found


def names(alignment: Alignment) -> list[Break]:
    """A structure or disease that no source puts where one has another."""
    claim, near, body = alignment.claim, alignment.near, alignment.body
    fitting = Fitting(alignment)
    told, wide = frozenset().union(*fitting.means.values()), vocabulary().narrower
    for place, token in enumerate(claim.tokens):
        if (
            token.kind not in ("anatomy", "disease")
            or token.concept not in fitting.means
            or token.concept in alignment.asked
        ):
            continue
        if body.names(token, claim.text, near):
            continue
        own, against, rival = 0.0, _INSTEAD, None
        wider = vocabulary().narrower.get(token.concept, frozenset()) | fitting.means[token.concept]
        word = Value("term", "", token.concept, place, place, token.text)
        for unit in near:
            own = max([own, *(fit for _, fit in fitting.occurrences(place, unit))])
            if not wider.isdisjoint(unit.meanings):
                continue
            for there, other in enumerate(unit.reading.tokens):
                if (
                    other.kind != token.kind
                    or (other.concept in wide and token.concept not in wide)
                    or not unit.of_tokens[there].isdisjoint(told)
                ):
                    continue
                fit = fitting.fit(word, unit, Value("term", "", other.concept, there, there, other.text))
                if fit > against:
                    against, rival = fit, (unit, other)
        if rival is not None and own <= _NOWHERE:
            unit, other = rival
            reason = _(
                "The sentence says “%(words)s” where [%(number)s] says “%(other)s”.",
                words=token.text,
                number=unit.number,
                other=other.text,
            )
            return [Break("term", token.text, reason, "contradicted")]
    return []
