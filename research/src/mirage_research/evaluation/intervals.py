"""Means with their intervals, and tests of differences. Whole cases are the unit: figures of one case are alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
DRAWS = 10_000
_AT_ONCE = 500  # draws in memory


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A mean with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
    count : int
        Over how many values.
    """

    value: float
    low: float
    high: float
    count: int

    def row(self, digits: int = 4) -> list[float]:
        """``[value, low, high]``, rounded."""
        return [round(number, digits) for number in (self.value, self.low, self.high)]

    def counted(self, digits: int = 4) -> list[float]:
        """``[value, low, high, count]``, rounded."""
        return [*self.row(digits), self.count]


def told(row: Sequence[float]) -> str:
    """``0.284 (0.195 to 0.377)``, and of how many where a fourth number says so; "none" of none."""
    if len(row) > 3 and not row[3]:
        return "none"
    of = f" of {row[3]:.0f}" if len(row) > 3 else ""
    return f"{row[0]:.3f} ({row[1]:.3f} to {row[2]:.3f}){of}"


def codes(values: Sequence[Hashable]) -> npt.NDArray[np.intp]:
    """A number for each value, from 0 in the order in which they first stand: (n,)."""
    index = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([index[value] for value in values], dtype=np.intp)


def bootstrap(values: Floats, cases: Sequence[Hashable], *, draws: int = 2000, seed: int = 0) -> MeanInterval:
    """Mean with a 95 % percentile interval; whole cases are drawn.

    Parameters
    ----------
    values : (n,) float
    cases : sequence
        Which case each value is of.
    draws, seed : int
    """
    if len(values) == 0:
        return MeanInterval(float("nan"), float("nan"), float("nan"), 0)
    mean, sums = float(values.mean()), _sums(values, cases)
    if len(sums[0]) < 2:  # scipy draws from two or more
        return MeanInterval(mean, mean, mean, len(values))
    drawn = stats.bootstrap(
        sums, _ratio, paired=True, method="percentile", n_resamples=draws, batch=_AT_ONCE, rng=np.random.default_rng(seed)
    ).confidence_interval
    return MeanInterval(mean, float(drawn.low), float(drawn.high), len(values))


def compare(
    first: Floats, second: Floats, cases: Sequence[Hashable], *, draws: int = DRAWS, seed: int = 0
) -> tuple[MeanInterval, float]:
    """Compare two systems query by query.

    Parameters
    ----------
    first, second : (queries,) float
        A measure of each query, the same queries in the same order.
    cases : sequence
        Which case each query is of.
    draws, seed : int

    Returns
    -------
    difference : MeanInterval
        How much better the first is, over queries, with its bootstrap interval over cases.
    p : float
        Two-sided; `holm` adjusts several. It is that of a permutation test: were the systems alike, the sign of a case's
        summed difference could as well be the other (Smucker, Allan and Carterette, "A comparison of statistical
        significance tests for information retrieval evaluation", CIKM 2007), here with whole cases flipped.
    """
    gained = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    mean, (totals, _) = bootstrap(gained, cases, seed=seed), _sums(gained, cases)
    p = 1.0
    if len(totals) > 1:
        rng = np.random.default_rng(seed)
        flips = {"permutation_type": "samples", "n_resamples": draws, "batch": _AT_ONCE, "rng": rng}
        p = float(stats.permutation_test((totals,), np.sum, vectorized=True, **flips).pvalue)
    return mean, p


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust p-values for their number (Holm, "A simple sequentially rejective multiple test procedure", 1979).

    scipy adjusts for the rate of false discoveries only.
    """
    order = np.argsort(ps, kind="stable")
    adjusted = np.ones(len(ps))
    steps = np.arange(len(ps), 0, -1) * np.asarray(ps, dtype=float)[order]
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [float(p) for p in adjusted]


def _sums(values: Floats, cases: Sequence[Hashable]) -> tuple[Floats, Floats]:
    """Sum and count of the values of each case."""
    which = codes(cases)
    sums, sizes = np.bincount(which, weights=values), np.bincount(which)
    return np.asarray(sums, dtype=np.float64), np.asarray(sizes, dtype=np.float64)


def _ratio(totals: Any, sizes: Any, axis: int) -> Any:
    return totals.sum(axis=axis) / sizes.sum(axis=axis)
