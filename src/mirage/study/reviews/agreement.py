"""Agreement and ranking measures with bootstrap intervals.

Krippendorff's alpha is computed as in K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011),
https://repository.upenn.edu/asc_papers/43, whose worked examples are the test's. nDCG is that of K. Järvelin and J.
Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (ACM TOIS 2002), over condensed lists: what nobody rated is
passed over (T. Sakai, "Alternatives to bpref", SIGIR 2007).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
DRAWS = 2000
Level = Literal["nominal", "ordinal"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % bootstrap interval.

    Attributes
    ----------
    value : float or None
        None where it is not defined.
    low, high : float or None
        None where there are not two groups to draw from.
    count : int
        Over how many values.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int


def coincidences(units: Sequence[Sequence[int]], values: int) -> Array:
    """How often each pair of values meets in each unit; a unit with fewer than two ratings has none.

    Parameters
    ----------
    units : sequence of sequence of int
        The ratings of each unit, from 0; missing ones are left out.
    values : int
        How many different ratings there are.

    Returns
    -------
    (units, values, values) float64
    """
    table = np.zeros((len(units), values, values))
    for number, unit in enumerate(units):
        if len(unit) > 1:
            counts = np.bincount(unit, minlength=values).astype(float)
            table[number] = (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    return table


def alpha(pairs: Array, level: Level) -> float | None:
    """Krippendorff's alpha of a table of coincidences.

    Parameters
    ----------
    pairs : (values, values) float64
        The sum of `coincidences` over the units.
    level : {"nominal", "ordinal"}

    Returns
    -------
    float or None
        1 for agreement, 0 for what chance would give; None where no two rated the same unit, or all ratings are alike.
    """
    number = pairs.sum(axis=0)
    total = number.sum()
    if total <= 1:
        return None
    apart = 1 - np.eye(len(number))
    if level == "ordinal":
        # Half of the two values' own ratings, and all of those between them.
        middles = np.cumsum(number) - number / 2
        apart = (middles[None] - middles[:, None]) ** 2
    expected = (np.outer(number, number) * apart).sum() / (total - 1)
    return float(1 - (pairs * apart).sum() / expected) if expected > 0 else None


def agreement(
    units: Sequence[Sequence[int]],
    values: int,
    groups: Sequence[Hashable],
    level: Literal["nominal", "ordinal"],
    seed: int = 0,
) -> Interval:
    """Alpha with an interval.

    Parameters
    ----------
    units, values, level
        As for `coincidences` and `alpha`.
    groups : sequence
        Which group each unit is of; whole groups are drawn.
    seed : int
    """
    table = coincidences(units, values)
    pairable = sum(len(unit) > 1 for unit in units)

    def of(weights: Array) -> float | None:
        return alpha(np.tensordot(weights, table, axes=1), level)

    return _interval(of, groups, pairable, seed)


def mean(numbers: Sequence[float], groups: Sequence[Hashable], seed: int = 0) -> Interval:
    """A mean with an interval.

    Parameters
    ----------
    numbers : sequence of float
    groups : sequence
        Which group each is of; whole groups are drawn.
    seed : int
    """
    array = np.asarray(numbers, dtype=float)

    def of(weights: Array) -> float | None:
        return float(weights @ array / weights.sum()) if weights.sum() else None

    return _interval(of, groups, len(array), seed)


def _interval(of: Callable[[Array], float | None], groups: Sequence[Hashable], count: int, seed: int) -> Interval:
    value = of(np.ones(len(groups))) if groups else None
    names = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    if value is None or len(names) < 2:
        return Interval(value, None, None, count)
    place = np.array([names[group] for group in groups])
    rng = np.random.default_rng(seed)
    drawn = (of(draw[place].astype(float)) for draw in rng.multinomial(len(names), [1 / len(names)] * len(names), DRAWS))
    found = [each for each in drawn if each is not None]
    if not found:
        return Interval(value, None, None, count)
    low, high = np.percentile(found, (2.5, 97.5))
    return Interval(value, float(low), float(high), count)


def ndcg(gains: Sequence[float], best: Sequence[float], k: int = 10) -> float | None:
    """Normalised discounted cumulative gain of one list.

    Parameters
    ----------
    gains : sequence of float
        Of what was rated, in the order of the list.
    best : sequence of float
        Gains of all that could have been found.
    k : int
        How many count.

    Returns
    -------
    float or None
        0 to 1; None where nothing has a gain.
    """

    def discounted(values: Sequence[float]) -> float:
        return sum(value / float(np.log2(place + 2)) for place, value in enumerate(values[:k]))

    most = discounted(sorted(best, reverse=True))
    return discounted(gains) / most if most else None
