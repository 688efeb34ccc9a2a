"""Words and numbers of a sentence that fill a place which one value alone can fill: a side, a direction, a measure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from mirage.explain.checker.cues import CUES
from mirage.explain.evidence import BreakKind
from mirage.language import numbers
from mirage.language.annotation import Annotation, is_sequence
from mirage.language.vocabulary import vocabulary

_APART = frozenset("than not unlike opposed".split())
_BEFORE = 3
_VAGUE = ("normal", "abnormal")
# From how many percent to how many a word for how often means.
_SHARES = {"never": (0.0, 0.5), "rarely": (0.0, 25.0), "mostly": (50.0, 100.0), "always": (50.0, 100.0)}
_OFTEN, _VAGUELY = (12.0, 100.0), ("common", "frequent", "often", "regular")
_NAMED = ("grade", "code", "ordinal")
# Contrary words that compare two things rather than say where or how one is; sides are read by themselves.
_COMPARED = "left more largest highest longer older better common".split()


@dataclass(frozen=True, slots=True)
class Value:
    """One word or number that fills a place which one value alone can fill.

    Attributes
    ----------
    kind : str
        What a break on it is called.
    slot : str
        Which place: different values of one slot exclude each other.
    value : str
    first, last : int
        Its tokens.
    words : str
        As written.
    quantity : Quantity or None
    shares : tuple of float or None
        From how many percent to how many.
    """

    kind: BreakKind
    slot: str
    value: str
    first: int
    last: int
    words: str
    quantity: numbers.Quantity | None = None
    shares: tuple[float, float] | None = None

    def agrees(self, other: Value) -> bool:
        """Whether two values of one slot are the same."""
        if self.shares and other.shares:
            return self.shares[0] <= other.shares[1] and other.shares[0] <= self.shares[1]
        if self.quantity and other.quantity:
            return numbers.same(self.quantity, other.quantity)
        return self.value == other.value


@lru_cache(maxsize=8192)
def values(reading: Annotation) -> tuple[Value, ...]:
    """All values of a sentence, but those that it denies or sets apart ("rather than on the left")."""
    denied = {place for denial in reading.denials for place in denial.places}
    words = [token.word for token in reading.tokens]
    return tuple(
        value
        for value in _values(reading)
        if value.first not in denied and _APART.isdisjoint(words[max(0, value.first - _BEFORE) : value.first])
    )


def _values(reading: Annotation) -> Iterator[Value]:
    known = vocabulary()
    compared = {known.contraries[word][0] for word in _COMPARED}
    for side in reading.sides:
        if side.side != "both":
            yield Value("laterality", "side", side.side, side.place, side.place, reading.tokens[side.place].text)
    for place, token in enumerate(reading.tokens):
        pole = next(
            (known.contraries[word] for word in f"{token.word} {token.concept}".split() if word in known.contraries), None
        )
        if pole and pole[0] not in compared:
            yield Value("term", f"pole {pole[0]}", str(pole[1]), place, place, token.text)
        for other in known.opposites.get(token.concept, ()) if not pole and token.concept not in _VAGUE else ():
            yield Value("term", " ".join(sorted((token.concept, other))), token.concept, place, place, token.text)
    yield from _how_often(reading)
    for place, token in enumerate(reading.tokens):
        for state, pattern in CUES["state"].items():
            if pattern.fullmatch(token.text):
                yield Value("term", "state", state, place, place, token.text)
    for modality, words in reading.modalities.items():
        place = next(
            (at for at, token in enumerate(reading.tokens) if token.text == words or words.startswith(f"{token.word} ")), -1
        )
        if place >= 0 and not is_sequence(modality):
            yield Value("modality", "modality", modality, place, place, words)
    yield from _measured(reading)


def _how_often(reading: Annotation) -> Iterator[Value]:
    """Words for how often something is so, and the shares in percent that would be so called."""
    text = reading.text
    for level, pattern in CUES["strength"].items():
        for match in pattern.finditer(text):
            places = [place for place, token in enumerate(reading.tokens) if match.start() <= token.start < match.end()]
            span = _OFTEN if match[0].lower().startswith(_VAGUELY) and level == "mostly" else _SHARES.get(level)
            if places and span:
                yield Value("term", "share", level, places[0], places[-1], match[0], shares=span)
        text = pattern.sub(lambda match: " " * len(match[0]), text)  # "almost always" holds no "always"


def _measured(reading: Annotation) -> Iterator[Value]:
    """Numbers, and shares in percent a second time, to compare with words for how often."""
    for quantity in reading.quantities:
        start = reading.text.find(quantity.words)
        within = range(start, start + len(quantity.words)) if start >= 0 else ()
        if places := [place for place, token in enumerate(reading.tokens) if token.start in within]:
            slot = f"{quantity.measure} {quantity.of}" if quantity.measure in _NAMED else quantity.measure
            yield Value("number", slot, quantity.words, places[0], places[-1], quantity.words, quantity)
            if quantity.measure == "percent":
                shares = (min(quantity.values), max(quantity.values))
                yield Value("number", "share", quantity.words, places[0], places[-1], quantity.words, quantity, shares)
