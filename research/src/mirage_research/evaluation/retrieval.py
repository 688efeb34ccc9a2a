"""How often the right figure comes up: recall at K over a stated pool, with intervals over cases."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measured:
    """A proportion with its 95 % bootstrap interval.

    Attributes
    ----------
    value, low, high : float
    count : int
        Over how many queries.
    """

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def ranks_of_first_right(scores: Scores, right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Rank, from 1, of the best right answer of each query.

    Parameters
    ----------
    scores : numpy.ndarray
        (queries, answers), higher is better.
    right : numpy.ndarray
        (queries, answers), whether the answer is right; excluded answers have a score of -inf.

    Returns
    -------
    numpy.ndarray
        (queries,) float; ties count against us; inf where a query has no right answer left.
    """
    best = np.where(right, scores, -np.inf).max(1)
    above = ((scores >= best[:, None]) & ~right).sum(1)
    return np.where(np.isfinite(best), above + 1.0, np.inf)


def bootstrap(values: npt.NDArray[np.float64], cases: Sequence[Hashable], *, draws: int = 2000, seed: int = 0) -> Measured:
    """Mean with a 95 % percentile interval; whole cases are drawn, since figures of one case are alike."""
    if len(values) == 0:
        return Measured(float("nan"), float("nan"), float("nan"), 0)
    index = {case: number for number, case in enumerate(dict.fromkeys(cases))}
    which = np.array([index[case] for case in cases])
    totals = np.bincount(which, weights=values, minlength=len(index))
    sizes = np.bincount(which, minlength=len(index)).astype(float)
    drawn = np.random.default_rng(seed).integers(0, len(index), (draws, len(index)))
    means = totals[drawn].sum(1) / sizes[drawn].sum(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Measured(float(values.mean()), float(low), float(high), len(values))


def recalls(
    scores: Scores,
    right: npt.NDArray[np.bool_],
    cases: Sequence[Hashable],
    at: Sequence[int] = (1, 5, 10),
) -> dict[int, Measured]:
    """R@K: the share of queries with a right answer among the first K."""
    ranks = ranks_of_first_right(scores, right)
    return {k: bootstrap((ranks <= k).astype(float), cases) for k in at}


def chance_by_query(
    right: npt.NDArray[np.bool_], allowed: npt.NDArray[np.bool_], at: Sequence[int] = (1, 5, 10)
) -> dict[int, npt.NDArray[np.float64]]:
    """How likely each query is answered among the first K when the allowed answers come in random order.

    Exact: one less the chance that K answers drawn without putting back are all wrong (hypergeometric).

    Parameters
    ----------
    right, allowed : numpy.ndarray
        (queries, answers) bool.

    Returns
    -------
    dict of int to numpy.ndarray
        K to (queries,) float.
    """
    pool, wrong = allowed.sum(1).astype(float), (allowed & ~right).sum(1).astype(float)
    found: dict[int, npt.NDArray[np.float64]] = {}
    missed = np.ones(len(pool))
    for step in range(max(at)):
        missed = missed * np.clip(wrong - step, 0, None) / np.maximum(pool - step, 1)
        if step + 1 in at:
            found[step + 1] = 1 - missed
    return found


def within_kind(
    scores: Scores, right: npt.NDArray[np.bool_], kinds: Sequence[Hashable]
) -> tuple[Scores, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Keep only answers of the query's own kind, and queries for which that leaves a wrong answer.

    Returns
    -------
    scores : numpy.ndarray
        With -inf for answers of another kind.
    allowed : numpy.ndarray
        (queries, answers) bool.
    asked : numpy.ndarray
        (queries,) bool: queries that can be answered wrongly.
    """
    index = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    which = np.array([index[kind] for kind in kinds])
    allowed = which[:, None] == which[None, :]
    asked = (allowed & ~right).any(1)
    return np.where(allowed, scores, -np.inf).astype(np.float32), allowed, asked


if __name__ == "__main__":
    from mirage_research.evaluation.measuring import main

    main()
