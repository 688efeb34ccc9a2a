"""Distances between sets of images, and what an image finds, in a feature space."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def kernel(left: npt.NDArray[np.floating], right: npt.NDArray[np.floating]) -> Floats:
    """(x·y / d + 1)³, the kernel of the Kernel Inception Distance (Bińkowski and others, 2018)."""
    return np.asarray((left.astype(np.float64) @ right.astype(np.float64).T / left.shape[1] + 1) ** 3)


class Kernels:
    """Kernel matrices of two sets, from which MMD² is told for any weights of their members.

    Parameters
    ----------
    made, real : (n, d) and (m, d)
    """

    def __init__(self, made: npt.NDArray[np.floating], real: npt.NDArray[np.floating]) -> None:
        self.made, self.across, self.real = kernel(made, made), kernel(made, real), kernel(real, real)
        np.fill_diagonal(self.made, 0)
        np.fill_diagonal(self.real, 0)

    def mmd(self, made: Floats | None = None, real: Floats | None = None) -> float:
        """Squared maximum mean discrepancy, unbiased: no member is compared with itself, nor with its own repeats.

        Parameters
        ----------
        made, real : (n,) and (m,), optional
            How often each member is drawn; once each when left out.
        """
        a = np.ones(len(self.made)) if made is None else made
        b = np.ones(len(self.real)) if real is None else real
        within = [w @ k @ w / max(w.sum() ** 2 - (w**2).sum(), 1e-12) for w, k in ((a, self.made), (b, self.real))]
        return float(within[0] + within[1] - 2 * (a @ self.across @ b) / (a.sum() * b.sum()))


def drawn_again(groups: Sequence[Hashable], rng: np.random.Generator) -> Floats:
    """How often each member is drawn when its groups (cases) are drawn with putting back: (n,)."""
    index = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    counts = np.bincount(rng.integers(0, len(index), len(index)), minlength=len(index))
    return np.asarray(counts[[index[group] for group in groups]], dtype=float)


def unit(features: npt.NDArray[np.floating], middle: npt.NDArray[np.floating]) -> Floats:
    """Features less `middle`, of unit length."""
    moved = features.astype(np.float64) - middle
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12))


def precision(scores: Floats, right: npt.NDArray[np.bool_], at: int = 10) -> Floats:
    """Share of right ones among the `at` best of each row: (queries,)."""
    first = np.argsort(-scores, axis=1, kind="stable")[:, :at]
    return np.asarray(np.take_along_axis(right, first, axis=1).mean(1))


def mean_distance(features: npt.NDArray[np.floating], groups: Sequence[Hashable] | None = None) -> float:
    """Mean Euclidean distance between two members (of two groups, where given); nan when there are no two."""
    length = (features.astype(np.float64) ** 2).sum(1)
    squared = length[:, None] + length[None] - 2 * features.astype(np.float64) @ features.astype(np.float64).T
    index = {group: number for number, group in enumerate(dict.fromkeys(groups or range(len(features))))}
    own = np.array([index[group] for group in groups or range(len(features))])
    apart = own[:, None] != own[None]
    return float(np.sqrt(np.maximum(squared, 0))[apart].mean()) if apart.any() else float("nan")
