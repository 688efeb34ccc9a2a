"""Does the evidence say the same of the same side: which causes which, which has more than which, and of whom a share is?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mirage.explain.checker import retelling
from mirage.explain.checker.cues import CUES
from mirage.explain.checker.matching import Alignment, Body, EvidenceSentence
from mirage.explain.evidence import Break
from mirage.language.annotation import Annotation
from mirage.language.vocabulary import Token, spelled_out, vocabulary
from mirage.wording import N_, _

_LESS = frozenset("less fewer lower smaller shorter lesser rarer".split())
_MORE = frozenset(
    "more twice greater higher larger bigger worse commoner predominantly predominance predominant times >".split()
)
_EQUAL, _NEITHER = frozenset(("equal", "equally")), 2
# "Male to female 8 to 1", "eight women for every man".
_RATIO = re.compile(r"(?i)(\d+(?:\.\d+)?)\s*(?:to|:)\s*(\d+(?:\.\d+)?)")
_EVERY = re.compile(r"(?i)\b(?:for|to) (?:every|each) (?:one )?$")
_BASE = re.compile(
    r"(?i)\b(?:of|for|in|among) (?:all )?(?:the )?(?:patients|people|those|cases|persons|women|men|children|individuals) "
    r"(?:who have|having|with) (?:a |an |the )?(.+?)(?=,|;|\s\d|\s(?:will|also|have|has|develop|show))"
)
# How many words that say something a relation reaches on either side.
_REACH = 9
# What is exceeded stands right after "than".
_COMPARED = 3


def doubts(alignment: Alignment) -> list[Break]:
    """All relations of a sentence that its evidence has the other way round."""
    claim, near = alignment.claim, alignment.near
    return [*_groups(claim, near, alignment.body), *_turned(claim, alignment.chosen, near), *_bases(claim, near)]


def _contradicted(words: str, unit: EvidenceSentence, why: str) -> Break:
    return Break("term", words[:80], f"{why}; [{unit.number}]: “{unit.reading.text[:160]}”", "contradicted")


# -- who has more --------------------------------------------------------------------------------------------------------


def _poles(tokens: Sequence[Token]) -> Iterator[tuple[int, int, int]]:
    """Where a sentence holds one of two contrary words: its place, which pair, and which of the two."""
    for place, token in enumerate(tokens):
        if pole := vocabulary().contraries.get(token.word):
            yield place, *pole


def winner(reading: Annotation) -> dict[int, int]:
    """Pair of contrary words, by its number, to the one that has more: "more often in men than in women"."""
    tokens, found = reading.tokens, dict[int, int]()
    poles, groups = [pole for pole in _poles(tokens) if pole[2] < 2], vocabulary().groups
    for place, token in enumerate(tokens):
        if token.word not in _MORE | _LESS:
            continue
        ends = [at for at in range(place + 1, min(len(tokens), place + 12)) if tokens[at].word in ("than", "opposed", "as")]
        if ends and tokens[ends[0]].word == "as" and ends[0] == place + 1:
            ends = ends[1:]  # "twice as often as"
        than = ends[0] if ends else None
        for pair in {pair for _place, pair, _pole in poles}:
            # Right behind it stands what is compared: "more sensitive".
            behind = [
                (at, pole) for at, other, pole in poles if other == pair and place + (pair not in groups) < at <= place + 10
            ]
            before = [(at, pole) for at, other, pole in poles if other == pair and place - 8 <= at < place]
            first = behind[0] if behind else None
            if first is None:
                continue
            behind_it = than is not None and first[0] > than
            won = first[1] if not behind_it else before[-1][1] if before else 1 - first[1]
            found.setdefault(pair, 1 - won if token.word in _LESS else won)
    found |= _by_ratio(reading, poles)
    if not found and any(token.word in _EQUAL for token in tokens):
        pairs = [pair for _place, pair, _pole in {(0, pair, pole) for _, pair, pole in poles}]
        found = dict.fromkeys({pair for pair in pairs if pairs.count(pair) > 1}, _NEITHER)
    return found


def _by_ratio(reading: Annotation, poles: Sequence[tuple[int, int, int]]) -> dict[int, int]:
    """The same where numbers tell: "male to female ratio 8 to 1", "M:F = 2:1", "eight women for every man"."""
    text, tokens = spelled_out(reading.text), reading.tokens
    found: dict[int, int] = {}
    groups = vocabulary().groups
    marks = [(tokens[at].start, tokens[at].end, pair, pole) for at, pair, pole in poles if pair in groups]
    for (_start, end, pair, pole), (start, last, other, against) in zip(sorted(marks), sorted(marks)[1:], strict=False):
        if pair != other or pole == against:
            continue
        between = text[end:start]
        ratio = _RATIO.search(text, last)
        if re.fullmatch(r"\s*(?:to|:|/|-|–|>)\s*", between) and ratio and ratio.start() - last < _NEAR:
            found[pair] = pole if float(ratio[1]) > float(ratio[2]) else against
        elif _EVERY.search(between):
            found[pair] = pole
    return found


_NEAR = 40


def _groups(claim: Annotation, near: Sequence[EvidenceSentence], body: Body) -> Iterator[Break]:
    for pair, won in winner(claim).items():
        theirs = [(unit, winner(unit.reading)) for unit in near if body.holds(claim, unit)]
        known = [(unit, winners[pair]) for unit, winners in theirs if pair in winners]
        if known and all(other != won for _, other in known):
            yield _contradicted(claim.text, known[0][0], _("The sentence turns a comparison round"))


# -- causes and comparisons ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Relation:
    """Two sides of a sentence, one of which causes, or exceeds, the other.

    Attributes
    ----------
    kind : {"cause", "comparison"}
    first, second : frozenset of int
        Tokens of what causes or exceeds, and of what is caused or exceeded.
    """

    kind: str
    first: frozenset[int]
    second: frozenset[int]


@lru_cache(maxsize=4096)
def _relations(reading: Annotation) -> tuple[Relation, ...]:
    """All relations that a sentence states."""
    found = list[Relation]()
    telling = [at for at, token in enumerate(reading.tokens) if token.concept and token.kind != "plain"]
    for kind in ("cause", "comparison"):
        for way, pattern in CUES[kind].items():
            if way == "unlinked":
                continue
            for match in pattern.finditer(reading.text):
                start, end = match.start(), match.end()
                if "between" in match.groupdict() and match["between"] is not None:
                    start = match.start("between")
                    end = match.end("between")
                before = [at for at in telling if reading.tokens[at].end <= match.start()][-_REACH:]
                after = [at for at in telling if reading.tokens[at].start >= match.end()][:_REACH]
                if kind == "comparison":
                    within = [at for at in telling if start <= reading.tokens[at].start < end and reading.tokens[at].kind]
                    before, after = within or before, after[:_COMPARED]
                sides = frozenset(before), frozenset(after)
                found.append(Relation(kind, *(sides if way == "forward" else sides[::-1])))
    return tuple(found)


def _turned(claim: Annotation, chosen: Sequence[EvidenceSentence], near: Sequence[EvidenceSentence]) -> Iterator[Break]:
    if claim.denies:
        return
    mine = retelling.meanings(claim)
    for relation in _relations(claim):
        units = near if relation.kind == "cause" else chosen
        straight, turned = False, None
        for unit in units:
            for other in _relations(unit.reading):
                if other.kind != relation.kind:
                    continue
                sides = _apart(unit, other)
                both = [_shared(mine, relation.first, sides[0]), _shared(mine, relation.second, sides[1])]
                crossed = [_shared(mine, relation.first, sides[1]), _shared(mine, relation.second, sides[0])]
                straight = straight or min(both) >= min(crossed) > 0 or (min(both) > 0 and min(crossed) == 0)
                if min(crossed) > min(both) and turned is None:
                    turned = unit
        if turned is not None and not straight:
            told = {
                "cause": N_("The sentence turns cause and effect round"),
                "comparison": N_("The sentence turns a comparison round"),
            }
            yield _contradicted(claim.text, turned, _(told[relation.kind]))
            return
        if relation.kind == "cause" and (unlinked := _unlinked(mine, relation, near)) is not None:
            yield _contradicted(claim.text, unlinked, _("The source finds no such cause"))
            return


def _apart(unit: EvidenceSentence, relation: Relation) -> tuple[frozenset[str], frozenset[str]]:
    """What the words of either side mean, and those of the other do not."""
    first, second = (frozenset().union(*(unit.of_tokens[at] for at in side)) for side in (relation.first, relation.second))
    return first - second, second - first


def _shared(mine: Sequence[frozenset[str]], places: frozenset[int], meant: frozenset[str]) -> int:
    """How many words of one side of a sentence are retold by some of the evidence."""
    return sum(not mine[at].isdisjoint(meant) for at in places)


def compares(claim: Annotation) -> bool:
    """Whether a sentence says that one thing exceeds another."""
    return any(relation.kind == "comparison" for relation in _relations(claim))


def _unlinked(
    mine: Sequence[frozenset[str]], relation: Relation, near: Sequence[EvidenceSentence]
) -> EvidenceSentence | None:
    """A sentence that says of both sides that neither causes the other."""
    for unit in near:
        shared = [_shared(mine, side, unit.meanings) for side in (relation.first, relation.second)]
        if min(shared) and CUES["cause"]["unlinked"].search(unit.reading.text):
            return unit
    return None


# -- of whom a share is --------------------------------------------------------------------------------------------------


def _concepts(reading: Annotation, start: int = 0, end: int = 1 << 30) -> frozenset[str]:
    held = {token.concept for token in reading.tokens if start <= token.start < end} & reading.concepts.keys()
    return frozenset(held) - {"mass"}


def _bases(claim: Annotation, near: Sequence[EvidenceSentence]) -> Iterator[Break]:
    """A share of those with A who have B, told as a share of those with B who have A."""
    mine = _BASE.search(claim.text)
    if mine is None or not claim.quantities:
        return
    base = _concepts(claim, *mine.span(1))
    for unit in near:
        theirs = _BASE.search(unit.reading.text)
        if theirs is None or not unit.reading.quantities:
            continue
        known = _concepts(unit.reading, *theirs.span(1))
        rest = _concepts(unit.reading) - known
        if base & rest and not base & known and known & _concepts(claim):
            yield _contradicted(mine[0], unit, _("The sentence turns round of whom this is a share"))
            return
