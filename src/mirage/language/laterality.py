"""Left, right and both: what of a sentence each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from mirage.language.vocabulary import Token

SIDES = {
    "left": "left", "leftward": "left", "leftsided": "left", "right": "right", "rightward": "right", "rightsided": "right",
    "bilateral": "both", "bilaterally": "both", "both": "both",
}  # fmt: skip
OTHER = {"left": "right", "right": "left"}
_GENERIC = frozenset("side sided".split())
_STATEMENTS = frozenset("; : but however although whereas while though".split())
_REACH = 7
# What follows one of these does not stand with the side before it.
_ENDS = SIDES.keys() | frozenset(
    "and but however although though while whereas who with of in on within to from at for by into near along through under "
    "over around between".split()
)


@dataclass(frozen=True, slots=True)
class SideMention:
    """One side word.

    Attributes
    ----------
    side : {"left", "right", "both"}
    anchors : frozenset of str
        Concepts that it stands with: "left *renal mass*", "*mass* on the left".
    window : frozenset of str
        Concepts of the words around it, within its clause.
    place : int
        Its token.
    words : str
        As written, with what it stands with.
    """

    side: str
    anchors: frozenset[str]
    window: frozenset[str]
    place: int
    words: str


def is_side(word: str) -> bool:
    """Whether a word says a side and nothing else."""
    return word in SIDES or word in _GENERIC


def name(side: str) -> str:
    """A side in words."""
    return "both sides" if side == "both" else side


def mentions(tokens: Sequence[Token]) -> tuple[SideMention, ...]:
    """All side words of a sentence with what they stand with."""
    found: list[SideMention] = []
    second = -1
    for place, token in enumerate(tokens):
        side = SIDES.get(token.word)
        if side is None or place == second or _is_verb(tokens, place) or _set_apart(tokens, place):
            continue
        if (other := _and_the_other(tokens, place)) >= 0:  # "the left and the right kidney"
            side, second = "both", other
            after, words = _after(tokens, other)
            words = f"{token.text} and {words}"
        else:
            after, words = _after(tokens, place)
        # "Turned to the right narrowed the artery": where something goes stands with what goes there.
        onwards = [other.word for other in tokens[max(0, place - 2) : place]] == ["to", "the"]
        anchors = (_before(tokens, place) if onwards else after) or after or _before(tokens, place)
        found.append(SideMention(side, anchors, _window(tokens, place), place, words))
    return tuple(found)


def _and_the_other(tokens: Sequence[Token], place: int) -> int:
    """Where the other side stands that is named in one breath with a side; -1 where none is."""
    after = [token.word for token in tokens[place + 1 : place + 4]]
    at = place + (3 if after[1:2] == ["the"] else 2)
    named = at < len(tokens) and tokens[at].word == OTHER.get(tokens[place].word)
    return at if after[:1] == ["and"] and named else -1


def _is_verb(tokens: Sequence[Token], place: int) -> bool:
    """Whether "left" is what somebody did: "was left in place"."""
    before = tokens[place - 1].word if place else ""
    after = tokens[place + 1].word if place + 1 < len(tokens) else ""
    if tokens[place].word == "right":
        return after in ("angle", "away")
    return tokens[place].word == "left" and (
        before in ("was", "were", "been", "be") or after in ("untreated", "alone", "behind", "over")
    )


def _set_apart(tokens: Sequence[Token], place: int) -> bool:
    """Whether the side is named to say that it is the other one: "on the left, not on the right"."""
    return any(token.word in ("not", "unlike", "than", "opposed") for token in tokens[max(0, place - 3) : place])


def _means(token: Token) -> bool:
    return bool(token.concept) and token.kind != "plain" and not is_side(token.word)


def _after(tokens: Sequence[Token], place: int) -> tuple[frozenset[str], str]:
    anchors: list[str] = []
    words = [tokens[place].text]
    of = False
    for token in tokens[place + 1 : place + 9]:
        if token.word == "of" and not of and len(words) < 4:
            of = True
            continue
        article = token.word in ("the", "a", "an")
        if token.word in _ENDS or len(anchors) >= 4 or not (token.concept or article):
            break
        if _means(token):
            anchors.append(token.concept)
        if not article:
            words.append(token.text)
    return frozenset(anchors), " ".join(words)


def _before(tokens: Sequence[Token], place: int) -> frozenset[str]:
    back = reversed(tokens[max(0, place - 14) : place])
    clause = takewhile(lambda token: token.word not in (";", ":", "but", "however", "although"), back)
    return frozenset(token.concept for token in islice(filter(_means, clause), 6))


def _window(tokens: Sequence[Token], place: int) -> frozenset[str]:
    start, end = place, place + 1
    while start > 0 and place - start < _REACH and tokens[start - 1].word not in _STATEMENTS:
        start -= 1
    while end < len(tokens) and end - place <= _REACH and tokens[end].word not in _STATEMENTS:
        end += 1
    return frozenset(token.concept for token in tokens[start:end] if _means(token))
