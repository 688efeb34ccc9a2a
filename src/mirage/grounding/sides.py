"""Does the evidence put a finding on the side that a sentence gives?"""

from __future__ import annotations

from collections.abc import Sequence

from mirage.grounding.doubts import Doubt, doubt
from mirage.grounding.laterality import OTHER, SideMention, name
from mirage.grounding.matching import Body, Match, Unit
from mirage.grounding.reading import Reading


def doubts(claim: Reading, chosen: Sequence[Match], body: Body) -> list[Doubt]:
    """Sides that the evidence gives otherwise, or not at all."""
    found: list[Doubt] = []
    denied = {place for denial in claim.denials for place in denial.places}
    for mention in claim.sides:
        if mention.place in denied or mention.side == "both":
            continue
        verdict = _verdict(mention, chosen)
        if verdict is None:
            verdict = _verdict(mention, _same_case(mention, chosen, body))
        if verdict is None:
            found.append(
                doubt(
                    "laterality", mention.words, f"No source says that this is on the {name(mention.side)}.", "unsupported"
                )
            )
        elif verdict:
            said, number = verdict
            reason = f"The sentence says {name(mention.side)}; [{number}] says {name(said)}."
            found.append(doubt("laterality", mention.words, reason, "contradicted"))
    return list({item.broken.reason: item for item in found}.values())


def _verdict(mention: SideMention, chosen: Sequence[Match]) -> tuple[str, int] | tuple[()] | None:
    """Empty when a source agrees; the other side and its source when one disagrees; None when none tells."""
    against: tuple[str, int] | None = None
    for match in chosen:
        sides = match.unit.reading.sides
        near = [side for side in sides if side.anchors & mention.anchors]
        if not near:
            near = [side for side in sides if (side.clause & mention.clause) or len(sides) == 1]
        told = {side.side for side in near}
        if mention.side in told or "both" in told:
            return ()
        if OTHER[mention.side] in told and against is None:
            against = (OTHER[mention.side], match.unit.number)
    return against


def _same_case(mention: SideMention, chosen: Sequence[Match], body: Body) -> list[Match]:
    if not chosen:
        return []
    lead = chosen[0].unit.evidence
    found = []
    for unit in body.units:
        same = unit.number == lead.number or (lead.case and unit.evidence.case == lead.case)
        if same and any(side.anchors & mention.anchors for side in unit.reading.sides):
            found.append(Match(unit, 0.0, frozenset()))
    about = [Match(Unit(lead, -1, lead.about, body.about[lead.number]), 0.0, frozenset())]
    return found + about
