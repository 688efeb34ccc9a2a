"""How good a ranked list is: precision, success, nDCG, reciprocal rank, rank of the first right answer.

The definitions are those of TREC's ``trec_eval``, and a test compares the two, ties included.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


def latest_first(ids: Sequence[str]) -> Places:
    """Places of ids from the last one in their order to the first: how ``trec_eval`` orders what scores alike."""
    return np.argsort(np.asarray(ids), kind="stable")[::-1]


def in_order(scores: Scores, ties: Places, most: int | None = None) -> Places:
    """Places of the answers of one query, best first.

    Parameters
    ----------
    scores : (answers,) float
        -inf leaves an answer out.
    ties : (answers,) int
        As `latest_first` gives them: in which order what scores alike stands.
    most : int, optional
        How many to return; all when left out.
    """
    order = ties[np.argsort(-scores[ties], kind="stable")]
    return order[np.isfinite(scores[order])][:most]


def flags(lists: Sequence[Sequence[bool]], depth: int) -> Flags:
    """Lists of "is it right" in rank order as one (queries, depth) array; False where a list is shorter."""
    table = np.zeros((len(lists), depth), dtype=bool)
    for row, found in enumerate(lists):
        kept = list(found)[:depth]
        table[row, : len(kept)] = kept
    return table


def precision(right: Flags, k: int) -> Floats:
    """Share of right answers among the first k, per query; a list shorter than k counts as filled up with wrong ones.

    Parameters
    ----------
    right : (queries, depth) bool
        Whether the answer at each rank is right.
    k : int
    """
    return np.asarray(right[:, :k].sum(1) / k, dtype=np.float64)


def success(right: Flags, k: int) -> Floats:
    """1 where a right answer is among the first k, else 0, per query. Over pairs this is what papers call R@k."""
    return np.asarray(right[:, :k].any(1), dtype=np.float64)


def ndcg(right: Flags, total: npt.NDArray[np.int64], k: int) -> Floats:
    """Normalised discounted cumulative gain of the first k, per query, with gains of 0 and 1.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 2002, with the discount
    log₂(rank + 1). 0 where nothing is right.

    Parameters
    ----------
    right : (queries, depth) bool
    total : (queries,) int
        How many right answers the pool holds, found or not.
    k : int
    """
    found = right[:, :k]
    gained = (found * discounts(found.shape[1])).sum(1)
    best = np.concatenate([[0.0], np.cumsum(discounts(k))])[np.minimum(total, k)]
    return np.asarray(np.divide(gained, best, out=np.zeros(len(gained)), where=best > 0), dtype=np.float64)


def discounts(k: int) -> Floats:
    """What a right answer at ranks 1 to k is worth."""
    return np.asarray(1 / np.log2(np.arange(k) + 2), dtype=np.float64)


def first_rank(right: Flags) -> Floats:
    """Rank, from 1, of the first right answer, per query; inf where none was found."""
    return np.where(right.any(1), right.argmax(1) + 1.0, np.inf)


def reciprocal(ranks: Floats) -> Floats:
    """1 / rank, 0 for inf: its mean is the mean reciprocal rank."""
    return np.asarray(1 / ranks, dtype=np.float64)
