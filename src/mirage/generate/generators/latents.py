"""Latents of the starter generator: principal components of patches of 8 × 8 pixels.

An image of s × s pixels becomes (16, s/8, s/8) numbers. Sixteen components keep 99 % of the variance of the training images,
need no training, and leave the network 64 times fewer places to look at than pixels would. The way back is a linear map too:
a patch is reckoned from its own numbers and those of its eight neighbours, so that patches meet without a seam.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from mirage.errors import Unavailable

Floats = npt.NDArray[np.float32]
PATCH = 8


@dataclass(frozen=True, slots=True)
class Patches:
    """The basis.

    Attributes
    ----------
    mean : (64,) float32
        Of the patches of images in [−1, 1].
    basis : (64, k) float32
        Unit columns, largest variance first.
    scale : (k,) float32
        A component's coordinate is divided by this: half the way to equal variances, together of unit mean.
    decoder : (9k + 1, 64) float32 or None
        From the numbers of 3 × 3 patches (row by row, k for each) and a 1 to the pixels of the middle one, by least squares
        over training images whose numbers had some noise added; None takes the basis alone.
    """

    mean: Floats
    basis: Floats
    scale: Floats
    decoder: Floats | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `mirage train generator` wrote.

        Raises
        ------
        mirage.errors.Unavailable
        """
        try:
            with np.load(path, allow_pickle=False) as parts:
                known = {name: np.asarray(parts[name], dtype=np.float32) for name in parts.files}
                made = cls(known["mean"], known["basis"], known["scale"], known.get("decoder"))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise Unavailable(f"{path} is damaged and cannot be read ({error}). Install MIRAGE again.") from error
        if made.mean.shape != (PATCH * PATCH,) or made.basis.shape != (PATCH * PATCH, len(made.scale)):
            raise Unavailable(f"{path} is of another kind of generator: {made.basis.shape} is no basis of patches.")
        if made.decoder is not None and made.decoder.shape != (9 * made.components + 1, PATCH * PATCH):
            raise Unavailable(f"{path} is of another kind of generator: {made.decoder.shape} is no decoder of patches.")
        return made

    @property
    def components(self) -> int:
        """How many numbers stand for a patch."""
        return len(self.scale)

    def encode(self, image: Floats) -> Floats:
        """(s, s) in [−1, 1] to (k, s/8, s/8)."""
        side = image.shape[0] // PATCH
        patches = image.reshape(side, PATCH, side, PATCH).transpose(0, 2, 1, 3).reshape(side * side, -1)
        found = (patches - self.mean) @ self.basis / self.scale
        return np.ascontiguousarray(found.T.reshape(self.components, side, side), dtype=np.float32)

    def decode(self, latents: Floats) -> Floats:
        """(k, n, n) to (8n, 8n), about in [−1, 1]."""
        side = latents.shape[1]
        if self.decoder is not None:
            patches = with_neighbours(latents) @ self.decoder
        else:
            patches = (latents.reshape(self.components, -1).T * self.scale) @ self.basis.T + self.mean
        image = patches.reshape(side, side, PATCH, PATCH).transpose(0, 2, 1, 3).reshape(side * PATCH, side * PATCH)
        return np.asarray(image, dtype=np.float32)


def with_neighbours(latents: Floats) -> Floats:
    """(k, n, n) to (n², 9k + 1): each place's own and its neighbours' numbers, and a 1. The edge goes on beyond itself."""
    side = latents.shape[1]
    wide = np.pad(latents, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = [wide[:, down : down + side, right : right + side] for down in range(3) for right in range(3)]
    numbers = np.stack(around).reshape(-1, side * side).T
    return np.asarray(np.hstack([numbers, np.ones((side * side, 1), np.float32)]), dtype=np.float32)


def fit_decoder(patches: Patches, images: Iterable[Floats], noise: float, seed: int = 0) -> Floats:
    """Least squares from the numbers of a patch and its neighbours to its pixels.

    Parameters
    ----------
    patches : Patches
    images : iterable of (s, s) float32 in [−1, 1]
    noise : float
        Standard deviation of what is added to the numbers; what a generator makes is not free of noise either, and
        without it seams stay.
    seed : int

    Returns
    -------
    (9k + 1, 64) float32
    """
    rng = np.random.default_rng(seed)
    size = 9 * patches.components + 1
    square, product = np.eye(size) * 1e-3, np.zeros((size, PATCH * PATCH))
    for image in images:
        side = image.shape[0] // PATCH
        found = patches.encode(image)
        given = with_neighbours(found + noise * rng.standard_normal(found.shape, dtype=np.float32)).astype(np.float64)
        wanted = image.reshape(side, PATCH, side, PATCH).transpose(0, 2, 1, 3).reshape(side * side, -1)
        square += given.T @ given
        product += given.T @ wanted
    return np.asarray(np.linalg.solve(square, product), dtype=np.float32)
