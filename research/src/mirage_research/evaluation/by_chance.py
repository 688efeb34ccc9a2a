"""What a list in random order is worth: exact, not drawn. Also for one who knows only the kind of picture.

The answers are a row of tiers. Every answer of the first tier stands before those of the second, and within a tier they
come in random order. One tier is chance; two, the right kind first, is the coarse oracle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage_research.evaluation.metrics import discounts

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tier:
    """Some answers in random order: how many there are, and how many of them are right."""

    size: int
    right: int


@dataclass(frozen=True, slots=True)
class ByChance:
    """What to expect at each rank.

    Attributes
    ----------
    share : (answers,) float64
        How likely the answer at each rank is right.
    missed : (answers + 1,) float64
        How likely no right answer is among the first 0, 1, 2 …
    total : int
        Right answers in all.
    """

    share: Floats
    missed: Floats
    total: int

    def precision(self, k: int) -> float:
        """Expected precision of the first k."""
        return float(self.share[:k].sum() / k)

    def success(self, k: int) -> float:
        """How likely a right answer is among the first k (hypergeometric)."""
        return float(1 - self.missed[min(k, len(self.missed) - 1)])

    def ndcg(self, k: int) -> float:
        """Expected nDCG of the first k."""
        found = self.share[:k]
        best = discounts(min(self.total, k)).sum()
        return float((found * discounts(len(found))).sum() / best) if self.total else 0.0

    def reciprocal(self) -> float:
        """Expected reciprocal rank of the first right answer."""
        return float(((self.missed[:-1] - self.missed[1:]) / np.arange(1, len(self.missed))).sum())

    def median_rank(self) -> float:
        """The rank by which the first right answer has come in half of all orders; inf when there is none."""
        reached = np.flatnonzero(self.missed <= 0.5)
        return float(reached[0]) if len(reached) else float("inf")


def expected(tiers: Sequence[Tier]) -> ByChance:
    """What to expect of some tiers of answers, best tier first."""
    shares, misses = [np.zeros(0)], [np.ones(1)]
    for tier in tiers:
        if not tier.size:
            continue
        drawn = np.arange(tier.size)
        shares.append(np.full(tier.size, tier.right / tier.size))
        misses.append(np.clip(tier.size - tier.right - drawn, 0, None) / (tier.size - drawn))
    return ByChance(
        np.concatenate(shares),
        np.asarray(np.cumprod(np.concatenate(misses)), dtype=np.float64),
        sum(tier.right for tier in tiers),
    )
