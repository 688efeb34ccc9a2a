"""Values that stand with a thing in a sentence, and those that its evidence has with the same thing.

A side, a direction, a number: each fills a place that one value alone can fill. The words around a value of the sentence
are compared with the words around every value for the same place in the evidence. Where another value fits much better there
than its own fits anywhere, the sentence is wrong about it. So it is where a sentence has two values and each fits the place
of the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from mirage.explain.checker.agreement import worked_out
from mirage.explain.checker.cues import CUES
from mirage.explain.checker.matching import Alignment, EvidenceSentence
from mirage.explain.checker.relations import winner
from mirage.explain.evidence import Break, BreakKind
from mirage.language import numbers
from mirage.language.annotation import Annotation, is_sequence
from mirage.language.vocabulary import vocabulary

# How far, in words, two words still stand together; and how many words it counts to cross what divides a sentence.
_REACH, _CROSSING = 8.0, 6.0
_BOUNDS = frozenset(", ; : ( ) and but while whereas although though yet or than which who".split())
# How closely a word stands with a value when another value of the place stands nearer.
_TAKEN = 0.4
# How much the sequence tells among the words around a value.
_SEQUENCE = 1.5
# How much a word still fits that one denies and the other states.
_OTHERWISE = 0.3
# A rival counts when it fits better than the sentence's own value does this many times over, by at least that much: a number
# that stands in the evidence is seldom wrong.
_TIMES: dict[BreakKind, float] = {"number": 2.0, "laterality": 1.25, "term": 1.25}
_BY = 0.12
# Of two values of a place in a sentence, one counts by itself when it fits nowhere and its rival closely.
_NOWHERE, _CLOSE = 0.05, 0.5
# How closely a structure or disease must fit to stand in the place of one that fits nowhere.
_INSTEAD = 0.45
_APART = frozenset("than not unlike opposed".split())
_BEFORE = 3
_VAGUE = ("normal", "abnormal")
# From how many percent to how many a word for how often means.
_SHARES = {"never": (0.0, 0.5), "rarely": (0.0, 25.0), "mostly": (50.0, 100.0), "always": (50.0, 100.0)}
_OFTEN, _VAGUELY = (12.0, 100.0), ("common", "frequent", "often", "regular")
_NAMED = ("grade", "code", "ordinal")
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
    for quantity in reading.quantities:
        start = reading.text.find(quantity.words)
        within = range(start, start + len(quantity.words)) if start >= 0 else ()
        if places := [place for place, token in enumerate(reading.tokens) if token.start in within]:
            slot = f"{quantity.measure} {quantity.of}" if quantity.measure in _NAMED else quantity.measure
            yield Value("number", slot, quantity.words, places[0], places[-1], quantity.words, quantity)
            if quantity.measure == "percent":
                shares = (min(quantity.values), max(quantity.values))
                yield Value("number", "share", quantity.words, places[0], places[-1], quantity.words, quantity, shares)


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


@lru_cache(maxsize=8192)
def bounds(reading: Annotation) -> tuple[int, ...]:
    """How many words that divide a sentence stand before each token."""
    count, found = 0, list[int]()
    for token in reading.tokens:
        count += token.word in _BOUNDS
        found.append(count)
    return tuple(found)


def _nearness(reading: Annotation, value: Value, place: int) -> float:
    distance = max(value.first - place, place - value.last, 0)
    crossed = abs(bounds(reading)[place] - bounds(reading)[value.first])
    return math.exp(-(distance + _CROSSING * crossed) / _REACH)


@lru_cache(maxsize=8192)
def _around(reading: Annotation, value: Value) -> tuple[float, ...]:
    """How closely each word of a sentence stands with a value, 0 to 1; not at all within it."""
    rivals = [other for other in values(reading) if other.slot == value.slot and not other.agrees(value)]
    found = list[float]()
    for place in range(len(reading.tokens)):
        near = _nearness(reading, value, place)
        taken = any(_nearness(reading, other, place) > near for other in rivals)
        found.append(0.0 if value.first <= place <= value.last else near * _TAKEN if taken else near)
    return tuple(found)


def _alike(claim: Annotation, value: Value, source: Annotation, other: Value) -> bool:
    """Whether both are about the same: "rarely symptomatic" says nothing against "usually asymptomatic"."""
    return value.slot != "share" or _takes_back(claim, value) == _takes_back(source, other)


def _takes_back(reading: Annotation, value: Value) -> bool:
    same = bounds(reading)[value.first]
    words = (token.word for place, token in enumerate(reading.tokens) if not value.first <= place <= value.last)
    clauses = (clause for place, clause in enumerate(bounds(reading)) if not value.first <= place <= value.last)
    return any(
        clause == same and CUES["polarity"]["negative"].search(word) for word, clause in zip(words, clauses, strict=True)
    )


class Fitting:
    """How well values of the evidence fit the words around those of a sentence.

    Parameters
    ----------
    alignment : Alignment
    """

    def __init__(self, alignment: Alignment) -> None:
        claim = alignment.claim
        self._claim = claim
        sequences = {kind.lower() for kind in claim.modalities if is_sequence(kind)}
        self.means = alignment.retold | {word: frozenset((f"!{word}",)) for word in sequences}
        self._weights = alignment.weights | dict.fromkeys(sequences, _SEQUENCE)

    def fit(self, value: Value, unit: EvidenceSentence, other: Value, *, whatever: bool = False) -> float:
        """The share of the words around a value that stand around another in the evidence, 0 to 1, by how near they stand.

        Parameters
        ----------
        value : Value
            Of the sentence.
        unit : EvidenceSentence
        other : Value
            Of that sentence of the evidence.
        whatever : bool
            Words count as much where one denies them and the other does not.
        """
        mine, theirs = _around(self._claim, value), _around(unit.reading, other)
        near: dict[str, float] = {}
        for token, closeness in zip(self._claim.tokens, mine, strict=True):
            key = token.concept if token.concept in self.means else token.word
            if key in self.means:
                near[key] = max(closeness, near.get(key, 0.0))
        denied = {place for denial in unit.reading.denials for place in denial.places}
        total = held = 0.0
        for concept, closeness in near.items():
            weight, means = self._weights[concept] * closeness, self.means[concept]
            total += weight
            stated = concept not in self._claim.denied
            there = (
                close * (1.0 if whatever or stated == (place not in denied) else _OTHERWISE)
                for place, (close, meant) in enumerate(zip(theirs, unit.of_tokens, strict=True))
                if not meant.isdisjoint(means)
            )
            held += weight * math.sqrt(max(there, default=0.0))
        return held / total if total else 1.0

    def occurrences(self, place: int, unit: EvidenceSentence) -> Iterator[tuple[int, float]]:
        """Where a sentence of the evidence has a word of this one, and how well the words around both fit.

        Parameters
        ----------
        place : int
            Of the word in this sentence.
        unit : EvidenceSentence
        """
        token = self._claim.tokens[place]
        word = Value("term", "", token.concept, place, place, token.text)
        for there, meant in enumerate(unit.of_tokens):
            if not meant.isdisjoint(self.means[token.concept]):
                yield there, self.fit(word, unit, Value("term", "", token.concept, there, there, token.text), whatever=True)

    def best(
        self, value: Value, near: Sequence[EvidenceSentence]
    ) -> tuple[float, float, tuple[EvidenceSentence, Value] | None]:
        """How well a value fits where the evidence has the same, how well its best rival fits, and that rival.

        Parameters
        ----------
        value : Value
        near : sequence of EvidenceSentence
        """
        own = against = 0.0
        rival: tuple[EvidenceSentence, Value] | None = None
        for unit in near:
            for other in values(unit.reading):
                if (
                    other.slot == value.slot
                    and _alike(self._claim, value, unit.reading, other)
                    and (fit := self.fit(value, unit, other)) > 0.0
                ):
                    if value.agrees(other):
                        own = max(own, fit)
                    elif fit > against:
                        against, rival = fit, (unit, other)
        return own, against, rival

    def as_close(self, value: Value, near: Sequence[EvidenceSentence], rival: tuple[EvidenceSentence, Value] | None) -> bool:
        """Whether a sentence with the same value holds as much of this one as the sentence of a rival does.

        Parameters
        ----------
        value : Value
        near : sequence of EvidenceSentence
        rival : tuple of EvidenceSentence and Value, or None
        """
        same = [
            unit for unit in near if any(other.slot == value.slot and value.agrees(other) for other in values(unit.reading))
        ]
        return rival is not None and max(map(self._held, same), default=0.0) >= self._held(rival[0]) > 0.0

    def _held(self, unit: EvidenceSentence) -> float:
        return sum(self._weights[concept] for concept, means in self.means.items() if not means.isdisjoint(unit.meanings))


def doubts(alignment: Alignment) -> list[Break]:
    """Values where the evidence has others with the same words."""
    claim, near = alignment.claim, alignment.near
    fitting, found = Fitting(alignment), list[Break]()
    compared = {f"pole {pair}" for pair in winner(claim)}  # who has more is looked at elsewhere
    known = [quantity for unit in near for quantity in unit.reading.quantities]
    mine = sorted(values(claim), key=lambda value: value.slot)
    for _, group in groupby(mine, key=lambda value: value.slot):
        one_place = [
            value
            for value in group
            if value.slot not in compared
            and not (value.slot == "share" and value.quantity)
            and not (value.quantity and worked_out(value.quantity, claim, known))
        ]
        if not one_place:
            continue
        results = [fitting.best(value, near) for value in one_place]
        own, against = sum(each[0] for each in results), sum(each[1] for each in results)
        if one_place[0].kind == "number" and len(one_place) == 1 and fitting.as_close(one_place[0], near, results[0][2]):
            continue
        rivals = [(each[1] - each[0], value, each[2]) for value, each in zip(one_place, results, strict=True) if each[2]]
        kind = one_place[0].kind
        alone = any(each[0] <= _NOWHERE and each[1] >= _CLOSE for each in results)
        crossed = len(results) > 1 and all(each[1] > each[0] for each in results) and against > own + _BY
        if rivals and (alone or crossed or against > _BY + _TIMES[kind] * own):
            _, value, rival = max(rivals, key=lambda each: each[0])
            if rival is not None:
                unit, other = rival
                reason = f"The sentence says {value.words}; [{unit.number}] says {other.words}."
                found.append(Break(kind, value.words, reason, "contradicted"))
    return found


def names(alignment: Alignment) -> list[Break]:
    """A structure or disease that no source puts where one has another."""
    claim, near, body = alignment.claim, alignment.near, alignment.body
    fitting = Fitting(alignment)
    told = frozenset().union(*fitting.means.values())
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
                    or other.concept in vocabulary().narrower
                    or not unit.of_tokens[there].isdisjoint(told)
                ):
                    continue
                fit = fitting.fit(word, unit, Value("term", "", other.concept, there, there, other.text))
                if fit > against:
                    against, rival = fit, (unit, other)
        if rival is not None and own <= _NOWHERE:
            unit, other = rival
            reason = f"The sentence says “{token.text}” where [{unit.number}] says “{other.text}”."
            return [Break("term", token.text, reason, "contradicted")]
    return []
