"""What educators' ratings say: agreement, shares, the two arms, and whether the protocol's bars were missed.

Arms are told apart of closed reviews only. Whole conditions are drawn for every interval: items of one condition are alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mirage.study.reviews import protocol as reviews_protocol
from mirage.study.reviews.agreement import Interval, agreement, mean, ndcg
from mirage.study.reviews.pool import ARMS, KINDS, Arm, Kind, ReviewItem
from mirage.study.reviews.protocol import Protocol
from mirage.study.reviews.ratings import WORDS
from mirage.study.reviews.reviews import Rated, Review, Reviews
from mirage.wording import N_, _

Verdict = Literal["failed", "held", "not judged"]
FIRST = 10  # of each arm's list


@dataclass(frozen=True, slots=True)
class KindResult:
    """Ratings of one kind of item; ``all`` is all kinds together.

    Attributes
    ----------
    kind : str
    items, rated : int
        How many there are, and how many of them somebody rated.
    misleading, accurate, helpful : int
        Ratings.
    misleading_share, helpful_share : Interval
        Of the ratings.
    nominal, ordinal : Interval
        Krippendorff's alpha.
    """

    kind: str
    items: int
    rated: int
    misleading: int
    accurate: int
    helpful: int
    misleading_share: Interval
    helpful_share: Interval
    nominal: Interval
    ordinal: Interval


@dataclass(frozen=True, slots=True)
class ArmResult:
    """How figures of one way of searching were rated; ``difference`` is MIRAGE less keyword search.

    Attributes
    ----------
    arm : str
    ndcg, precision, misleading : Interval
        Over conditions: nDCG@10 with the mean rating (0, 1, 2) as gain; the shares of ratings of its first ten figures that
        are not, and that are, misleading.
    """

    arm: str
    ndcg: Interval
    precision: Interval
    misleading: Interval


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """One review.

    Attributes
    ----------
    id, query : str
    planned : bool
        Whether it is one of the protocol's conditions, begun under this protocol.
    closed : bool
    items, rated, raters, ratings : int
    ndcg, precision : mapping
        Arm to value; empty while the review is open.
    """

    id: str
    query: str
    planned: bool
    closed: bool
    items: int
    rated: int
    raters: int
    ratings: int
    ndcg: dict[Arm, float | None]
    precision: dict[Arm, float | None]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One bar of the protocol.

    Attributes
    ----------
    what : str
        ``agreement``, the kind of item whose share of misleading ratings it is, or ``gain``.
    limit : float
    name, bar : str
        What is measured, and what it has to be, in words.
    measured : Interval
    verdict : {"failed", "held", "not judged"}
    """

    what: str
    limit: float
    name: str
    bar: str
    measured: Interval
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Results:
    """All of it.

    Attributes
    ----------
    educators : int
        How many people have rated something.
    protocol : str
        Hash of the protocol.
    counting : int
        How many of its conditions are closed and were rated by as many as it asks for; the bars are judged by these.
    conditions, kinds, arms, criteria : tuple
    """

    educators: int
    protocol: str
    counting: int
    conditions: tuple[ConditionResult, ...]
    kinds: tuple[KindResult, ...]
    arms: tuple[ArmResult, ...]
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class RatedReview:
    """A review with its items and, of each, the ratings."""

    review: Review
    items: tuple[tuple[ReviewItem, tuple[int, ...]], ...]
    raters: int
    ratings: tuple[Rated, ...]

    @classmethod
    def of(cls, mine: Reviews, review: Review) -> RatedReview:
        given = tuple(each for each in mine.rated(review.id) if each.rating.rating)
        by: dict[str, list[int]] = {}
        for each in given:
            by.setdefault(each.rating.item, []).append(WORDS.index(each.rating.rating))
        items = tuple((item, tuple(by.get(item.id, ()))) for item in mine.keyed(review.id))
        return cls(review, items, len({each.reviewer for each in given}), given)

    def listed(self, arm: Arm) -> list[tuple[int, ...]]:
        """The ratings of an arm's figures, best rank first; those that nobody rated are passed over."""
        mine = [
            (item.key.ranks[arm], given) for item, given in self.items if arm in item.key.ranks and item.kind == "figure"
        ]
        return [given for _, given in sorted(mine) if given][:FIRST]

    def ndcg(self, arm: Arm) -> float | None:
        gains = [average(given) for given in self.listed(arm)]
        return ndcg(gains, [average(given) for item, given in self.items if given and item.kind == "figure"], FIRST)

    def precision(self, arm: Arm) -> float | None:
        shares = [average([word > 0 for word in given]) for given in self.listed(arm)]
        return average(shares) if shares else None


def results(mine: Reviews, protocol: Protocol | None = None) -> Results:
    """Count and measure what was rated.

    Parameters
    ----------
    mine : Reviews
    protocol : Protocol, optional
        By whose bars; the shipped one when left out.
    """
    protocol = protocol or reviews_protocol.shipped()
    read = [RatedReview.of(mine, review) for review in mine.list()]
    closed = [one for one in read if one.review.closed is not None]
    planned = [one for one in closed if _planned(one.review, protocol) and one.raters >= protocol.fewest_raters]
    return Results(
        educators=mine.educators(),
        protocol=protocol.hash,
        counting=len(planned),
        conditions=tuple(_condition(one, protocol) for one in read),
        kinds=tuple(_kind(read, kind) for kind in ("all", *KINDS)),
        arms=_arms(closed),
        criteria=tuple(_criteria(planned, protocol)),
    )


def _planned(review: Review, protocol: Protocol) -> bool:
    return review.protocol == protocol.hash and protocol.condition(review.query) is not None


def _condition(one: RatedReview, protocol: Protocol) -> ConditionResult:
    review, is_closed = one.review, one.review.closed is not None
    return ConditionResult(
        id=review.id,
        query=review.query,
        planned=_planned(review, protocol),
        closed=is_closed,
        items=len(one.items),
        rated=sum(bool(given) for _, given in one.items),
        raters=one.raters,
        ratings=len(one.ratings),
        ndcg={arm: one.ndcg(arm) for arm in ARMS} if is_closed else {},
        precision={arm: one.precision(arm) for arm in ARMS} if is_closed else {},
    )


def _kind(read: Sequence[RatedReview], kind: str) -> KindResult:
    found = [(one.review.id, given) for one in read for item, given in one.items if kind in ("all", item.kind)]
    groups, units = [group for group, _ in found], [given for _, given in found]
    words = [(group, word) for group, given in found for word in given]
    counts, of = Counter(word for _, word in words), [group for group, _ in words]
    return KindResult(
        kind=kind,
        items=len(found),
        rated=sum(bool(given) for given in units),
        misleading=counts[0],
        accurate=counts[1],
        helpful=counts[2],
        misleading_share=mean([float(word == 0) for _, word in words], of),
        helpful_share=mean([float(word == 2) for _, word in words], of),
        nominal=agreement(units, len(WORDS), groups, "nominal"),
        ordinal=agreement(units, len(WORDS), groups, "ordinal"),
    )


def _arms(closed: Sequence[RatedReview]) -> tuple[ArmResult, ...]:
    """Both arms and their difference, over the conditions of which both can be told."""
    rows = [({arm: (one.ndcg(arm), one.precision(arm)) for arm in ARMS}, one.review.id) for one in closed]
    told = [
        ({arm: (n, p) for arm, (n, p) in values.items() if n is not None and p is not None}, name) for values, name in rows
    ]
    whole = [(values, name) for values, name in told if len(values) == len(ARMS)]
    names = [name for _, name in whole]
    found = [
        ArmResult(
            arm,
            mean([values[arm][0] for values, _ in whole], names),
            mean([values[arm][1] for values, _ in whole], names),
            mean([1 - values[arm][1] for values, _ in whole], names),
        )
        for arm in ARMS
    ]
    if not whole:
        return ()
    apart = [[values["mirage"][number] - values["keywords"][number] for values, _ in whole] for number in (0, 1)]
    difference = ArmResult("difference", mean(apart[0], names), mean(apart[1], names), mean([-x for x in apart[1]], names))
    return (*found, difference)


def _criteria(planned: Sequence[RatedReview], protocol: Protocol) -> Iterator[Criterion]:
    bars, enough = protocol.failure, len(planned) >= protocol.fewest_conditions

    def judged(what: str, name: str, bar: str, limit: float, measured: Interval, number: float | None) -> Criterion:
        """Shares have to be the limit or less, the others it or more."""
        verdict: Verdict = "not judged"
        if number is not None and enough:
            verdict = "failed" if (number > limit if what in KINDS else number < limit) else "held"
        return Criterion(what, limit, name, bar, measured, verdict)

    agreed, limit = _kind(planned, "all").ordinal, bars.least_agreement
    name = _("agreement of the raters (ordinal alpha)")
    yield judged("agreement", name, _("%(limit)s or more", limit=f"{limit:g}"), limit, agreed, agreed.value)
    for kind in KINDS:
        # What keyword search alone found says nothing of MIRAGE.
        share = _shown_by_mirage(planned) if kind == "figure" else _kind(planned, kind).misleading_share
        limit = getattr(bars, f"most_misleading_{kind if kind == 'synthetic' else kind + 's'}")
        yield judged(kind, _(_MISLEADING[kind]), _("%(limit)s at most", limit=f"{limit:.0%}"), limit, share, share.value)
    arms, limit = _arms(planned), bars.least_gain_over_keywords
    gain = arms[-1].ndcg if arms else Interval(None, None, None, 0)
    name = _("nDCG@10 of MIRAGE less that of keyword search")
    begins = _("the interval begins at %(limit)s or above", limit=f"{limit:g}")
    yield judged("gain", name, begins, limit, gain, gain.low)


_MISLEADING: dict[Kind, str] = {
    "figure": N_("misleading among the ratings of figures that MIRAGE found"),
    "claim": N_("misleading among the ratings of sentences"),
    "comparison": N_("misleading among the ratings of comparisons"),
    "synthetic": N_("misleading among the ratings of synthetic images"),
}


def _shown_by_mirage(read: Sequence[RatedReview]) -> Interval:
    words = [
        (one.review.id, float(word == 0))
        for one in read
        for item, given in one.items
        if item.kind == "figure" and "mirage" in item.key.ranks
        for word in given
    ]
    return mean([word for _, word in words], [name for name, _ in words])


def average(values: Sequence[float]) -> float:
    """The mean of values, of which there is one at least."""
    return sum(values) / len(values)
