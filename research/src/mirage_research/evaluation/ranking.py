"""How good a ranked list is, and what a list in random order is worth.

The measures of lists are TREC's, as ``ir_measures`` gives them. Those of random order are exact, not drawn: the answers are
a row of tiers. Every answer of the first tier stands before those of the second, and within a tier they come in random
order. One tier is the random baseline; two, the right kind first, is the coarse oracle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ir_measures
import numpy as np
import numpy.typing as npt
from ir_measures import RR, P, Success, nDCG

Scores = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Slot = tuple[int, ...]
Ranking = list[Slot]

MEASURES = ("nDCG@10", "P@10", "success@5", "MRR")
RANK = "rank"
AT = (1, 5, 10)
_TREC = dict(zip((nDCG @ 10, P @ 10, Success @ 5, RR), MEASURES, strict=True))


def measures(rankings: Sequence[Ranking], rights: Sequence[frozenset[int]]) -> dict[str, Floats]:
    """Every measure of every query, and the rank of its first right answer.

    Parameters
    ----------
    rankings : sequence of list of tuple of int
        Of each query its slots, best first: the places of the figure shown and of its near-duplicates that the search
        folded into it. A slot is right when one of its figures is, so that folding neither hides a right answer nor counts
        it twice.
    rights : sequence of frozenset of int
        Of each query the places of the right figures, found or not.

    Returns
    -------
    dict of str to numpy.ndarray
        (queries,) float each: `MEASURES`, and ``rank``, which is inf where nothing right was found.
    """
    known = {str(number): {str(place): 1 for place in right} for number, right in enumerate(rights)}
    run = {
        str(number): {str(min(right.intersection(slot), default=slot[0])): -float(rank) for rank, slot in enumerate(ranking)}
        for number, (ranking, right) in enumerate(zip(rankings, rights, strict=True))
    }
    # trec_eval leaves out a query without answers; it is worth nothing.
    found = {name: np.zeros(len(rights)) for name in MEASURES}
    for metric in ir_measures.iter_calc(list(_TREC), known, run):
        found[_TREC[metric.measure]][int(metric.query_id)] = metric.value
    with np.errstate(divide="ignore"):
        return found | {RANK: np.round(1 / found["MRR"])}


def best_first(scores: Scores, ids: Sequence[str], most: int) -> npt.NDArray[np.intp]:
    """Places of the answers of one query, best first; what scores alike stands as ``trec_eval`` has it, the last id first.

    Parameters
    ----------
    scores : (answers,) float
        -inf leaves an answer out.
    ids : sequence of str
    most : int
        How many to return.
    """
    order = np.lexsort((np.asarray(ids), scores))[::-1]
    return order[np.isfinite(scores[order])][:most]


def ranks_of_first_right(scores: Scores, right: npt.NDArray[np.bool_]) -> Floats:
    """Rank, from 1, of the best right answer of each query, where every answer of a pool is scored.

    Ties count against us: an encoder that gives all pictures one vector finds nothing. TREC's measures would order them by
    id.

    Parameters
    ----------
    scores : numpy.ndarray
        (queries, answers), higher is better; -inf leaves an answer out.
    right : numpy.ndarray
        (queries, answers), whether the answer is right.

    Returns
    -------
    numpy.ndarray
        (queries,) float; inf where a query has no right answer left.
    """
    best = np.where(right, scores, -np.inf).max(1)
    above = ((scores >= best[:, None]) & ~right).sum(1)
    return np.where(np.isfinite(best), above + 1.0, np.inf)


def recalls(scores: Scores, right: npt.NDArray[np.bool_], at: Iterable[int] = AT) -> dict[str, Floats]:
    """R@K of each query, 1 where a right answer is among the first K of a pool and else 0; see `ranks_of_first_right`.

    Parameters
    ----------
    scores, right : (queries, answers)
    at : iterable of int
    """
    ranks = ranks_of_first_right(scores, right)
    return {f"R@{k}": (ranks <= k).astype(float) for k in at}


def random_recalls(
    right: npt.NDArray[np.bool_], allowed: npt.NDArray[np.bool_] | None = None, at: Iterable[int] = AT
) -> dict[str, Floats]:
    """The same where the allowed answers come in random order.

    Parameters
    ----------
    right, allowed : (queries, answers) bool
        All answers are allowed when left out.
    at : iterable of int
    """
    there = np.ones_like(right) if allowed is None else allowed
    sizes, rights = there.sum(1), (there & right).sum(1)
    orders = [RandomOrder.of([(int(size), int(count))]) for size, count in zip(sizes, rights, strict=True)]
    return expected(orders, [f"R@{k}" for k in at])


@dataclass(frozen=True, slots=True)
class RandomOrder:
    """What to expect at each rank of answers in random order.

    Attributes
    ----------
    share : (answers,) float
        How likely the answer at each rank is right.
    missed : (answers + 1,) float
        How likely no right answer is among the first 0, 1, 2 …
    total : int
        Right answers in all.
    """

    share: Floats
    missed: Floats
    total: int

    @classmethod
    def of(cls, tiers: Iterable[tuple[int, int]]) -> RandomOrder:
        """Of some tiers of answers, best tier first: how many answers, and how many of them are right."""
        shares, misses, total = [np.zeros(0)], [np.ones(1)], 0
        for size, right in tiers:
            if size:
                drawn = np.arange(size)
                shares.append(np.full(size, right / size))
                misses.append(np.clip(size - right - drawn, 0, None) / (size - drawn))
                total += right
        return cls(np.concatenate(shares), np.asarray(np.cumprod(np.concatenate(misses)), dtype=np.float64), total)

    def expected(self, measure: str) -> float:
        """What is to be expected of a measure: ``P@k``, ``success@k`` or ``R@k``, ``nDCG@k``, ``MRR``.

        ``rank`` is the rank by which the first right answer has come in half of all orders; inf when there is none.
        """
        name, _, cut = measure.partition("@")
        k = int(cut or 0)
        if name == "P":
            return float(self.share[:k].sum() / k)
        if name in ("success", "R"):  # hypergeometric
            return float(1 - self.missed[min(k, len(self.missed) - 1)])
        if name == "nDCG":
            discounts = 1 / np.log2(np.arange(k) + 2)
            gained = (self.share[:k] * discounts[: len(self.share)]).sum()
            return float(gained / discounts[: self.total].sum()) if self.total else 0.0
        if name == "MRR":
            return float(((self.missed[:-1] - self.missed[1:]) / np.arange(1, len(self.missed))).sum())
        reached = np.flatnonzero(self.missed <= 0.5)
        return float(reached[0]) if len(reached) else float("inf")


def expected(orders: Sequence[RandomOrder], names: Iterable[str]) -> dict[str, Floats]:
    """What some measures of each query are worth in random order.

    Parameters
    ----------
    orders : sequence of RandomOrder
        Of each query.
    names : iterable of str
        As `RandomOrder.expected` takes them.
    """
    return {name: np.array([order.expected(name) for order in orders]) for name in names}
