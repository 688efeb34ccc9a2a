"""Does the evidence put a finding on the side that a sentence gives?"""

from __future__ import annotations

from collections.abc import Sequence

from mirage.explain.checker.matching import Body, Doubt, EvidenceMatch, EvidenceSentence, Weight, doubt
from mirage.language.annotation import Annotation
from mirage.language.laterality import OTHER, SideMention, name

# How much of a sentence the source's must hold for its sides, counted, to be the same.
_RETOLD = 0.85
# By how much the other side must fit better before it counts against one that fits too.
_MUCH_NEARER = 3.0
# One thing that both side words stand right before or after.
_SAME_THING = 2.0


def doubts(claim: Annotation, chosen: Sequence[EvidenceMatch], body: Body, share: float) -> list[Doubt]:
    """Sides that the evidence gives otherwise, or not at all.

    Parameters
    ----------
    claim : Annotation
    chosen : sequence of EvidenceMatch
        The sentences of the evidence that it is about, best first.
    body : Body
    share : float
        How much of the sentence they hold, 0 to 1.
    """
    found: list[Doubt] = []
    denied = {place for denial in claim.denials for place in denial.places}
    for mention in claim.sides:
        if mention.place in denied or mention.side == "both":
            continue
        verdict = _verdict(mention, chosen)
        if verdict != ():
            case = _same_case(mention, chosen, body)
            again = _verdict(mention, case)
            verdict = again if verdict is None or (again == () and _fits_best(mention, case, chosen)) else verdict
        if verdict is None:
            weight: Weight = "partly" if _anywhere(mention, chosen, body) else "unsupported"
            reason = f"No source says that this is on the {name(mention.side)}."
            found.append(doubt("laterality", mention.words, reason, weight))
        elif verdict:
            said, number = verdict
            reason = f"The sentence says {name(mention.side)}; [{number}] says {name(said)}."
            found.append(doubt("laterality", mention.words, reason, "contradicted"))
    if not found and share >= _RETOLD:
        found += _counted(claim, chosen)
    return list({item.broken.reason: item for item in found}.values())


def _counted(claim: Annotation, chosen: Sequence[EvidenceMatch]) -> list[Doubt]:
    """A sentence retold with as many sides, but not the same ones."""
    if len(chosen) != 1:
        return []
    mine = sorted(mention.side for mention in claim.sides)
    theirs = sorted(mention.side for mention in chosen[0].unit.reading.sides)
    if mine == theirs or len(mine) != len(theirs):
        return []
    number = chosen[0].unit.number
    reason = f"The sentence says {_sides(mine)}; [{number}] says {_sides(theirs)}."
    return [doubt("laterality", claim.sides[0].words, reason, "contradicted")]


def _sides(sides: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(name(side) for side in sides))


def _verdict(mention: SideMention, chosen: Sequence[EvidenceMatch]) -> tuple[str, int] | tuple[()] | None:
    """Empty when a source agrees; the other side and its source when one disagrees; None when none tells."""
    against: tuple[str, int] | None = None
    for match in chosen:
        nearest: dict[str, float] = {}
        for other in match.unit.reading.sides:
            near = _likeness(mention, other)
            if near >= _SAME_THING or (near > 0 and len({side.side for side in match.unit.reading.sides}) == 1):
                nearest[other.side] = max(near, nearest.get(other.side, 0.0))
        same, opposite = (
            max(nearest.get(mention.side, -1.0), nearest.get("both", -1.0)),
            nearest.get(OTHER[mention.side], -1.0),
        )
        if same >= 0 and same >= opposite - _MUCH_NEARER:
            return ()
        if opposite >= 0 and against is None:
            against = (OTHER[mention.side], match.unit.number)
    return against


def _fits_best(mention: SideMention, case: Sequence[EvidenceMatch], chosen: Sequence[EvidenceMatch]) -> bool:
    """Whether a sentence elsewhere in the case has the side with as much around it as any has the other side."""
    same = [_likeness(mention, side) for match in case for side in match.unit.reading.sides if side.side == mention.side]
    other = [
        _likeness(mention, side) for match in chosen for side in match.unit.reading.sides if side.side == OTHER[mention.side]
    ]
    return max(same, default=0.0) >= max(other, default=0.0) > 0


def _likeness(one: SideMention, other: SideMention) -> float:
    """How much two side words stand with the same things: what they stand right before counts most."""
    return 2.0 * len(one.anchors & other.anchors) + len(one.window & other.window)


def _anywhere(mention: SideMention, chosen: Sequence[EvidenceMatch], body: Body) -> bool:
    """Whether the case has something on that side."""
    return any(side.side in (mention.side, "both") for unit in body.sentences_of(chosen) for side in unit.reading.sides)


def _same_case(mention: SideMention, chosen: Sequence[EvidenceMatch], body: Body) -> list[EvidenceMatch]:
    if not chosen:
        return []
    lead = chosen[0].unit.evidence
    found = []
    for unit in body.units:
        same = unit.number == lead.number or (lead.case and unit.evidence.case == lead.case)
        if same and any(side.anchors & mention.anchors for side in unit.reading.sides):
            found.append(EvidenceMatch(unit, 0.0, frozenset()))
    about = [EvidenceMatch(EvidenceSentence(lead, -1, lead.about, body.about[lead.number]), 0.0, frozenset())]
    return found + about
