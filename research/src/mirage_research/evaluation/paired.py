"""Is one system better than another, asked the same queries? Whole cases are the unit: their queries are alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage_research.evaluation.retrieval import bootstrap

Floats = npt.NDArray[np.float64]
DRAWS = 10_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the first system is.

    Attributes
    ----------
    value, low, high : float
        Mean difference over queries with its 95 % bootstrap interval over cases.
    p : float
        Two-sided, from sign flips; `holm` adjusts several.
    queries, cases : int
    """

    value: float
    low: float
    high: float
    p: float
    queries: int
    cases: int


def compare(first: Floats, second: Floats, cases: Sequence[Hashable], *, draws: int = DRAWS, seed: int = 0) -> Difference:
    """Compare two systems query by query.

    Parameters
    ----------
    first, second : (queries,) float64
        A measure of each query, the same queries in the same order.
    cases : sequence
        Which case each query is of.
    draws : int
    seed : int

    Returns
    -------
    Difference
        The p-value is that of a permutation test: were the systems alike, the sign of a case's summed difference could as
        well be the other (Smucker, Allan and Carterette, "A comparison of statistical significance tests for information
        retrieval evaluation", CIKM 2007), here with whole cases flipped.
    """
    gained = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    measured = bootstrap(gained, cases, seed=seed)
    index = {case: number for number, case in enumerate(dict.fromkeys(cases))}
    which = np.array([index[case] for case in cases], dtype=np.intp)
    totals = np.bincount(which, weights=gained, minlength=len(index)) if index else np.zeros(0)
    seen = abs(totals.sum())
    rng = np.random.default_rng(seed)
    as_far = 0
    for start in range(0, draws, _AT_ONCE):
        signs = rng.integers(0, 2, (min(_AT_ONCE, draws - start), len(totals))) * 2 - 1
        # A hair less, since sums in another order differ in the last digits.
        as_far += int((np.abs(signs @ totals) >= seen - 1e-9).sum())
    p = (as_far + 1) / (draws + 1)
    return Difference(measured.value, measured.low, measured.high, p, len(gained), len(index))


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust p-values for their number (Holm, "A simple sequentially rejective multiple test procedure", 1979)."""
    order = sorted(range(len(ps)), key=lambda number: ps[number])
    adjusted, highest = [0.0] * len(ps), 0.0
    for place, number in enumerate(order):
        highest = max(highest, min(1.0, (len(ps) - place) * ps[number]))
        adjusted[number] = highest
    return adjusted
