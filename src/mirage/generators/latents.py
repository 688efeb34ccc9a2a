"""Latents of the starter generator: principal components of patches of 8 × 8 pixels.

An image of s × s pixels becomes (16, s/8, s/8) numbers. Sixteen components keep 99 % of the variance of the training images,
need no training, and leave the network 64 times fewer places to look at than pixels would.
"""

from __future__ import annotations

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
    """

    mean: Floats
    basis: Floats
    scale: Floats

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `mirage train generator` wrote.

        Raises
        ------
        mirage.errors.Unavailable
        """
        try:
            with np.load(path, allow_pickle=False) as parts:
                made = cls(*(np.asarray(parts[name], dtype=np.float32) for name in ("mean", "basis", "scale")))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise Unavailable(f"{path} is damaged and cannot be read ({error}). Install MIRAGE again.") from error
        if made.mean.shape != (PATCH * PATCH,) or made.basis.shape != (PATCH * PATCH, len(made.scale)):
            raise Unavailable(f"{path} is of another kind of generator: {made.basis.shape} is no basis of patches.")
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
        patches = (latents.reshape(self.components, -1).T * self.scale) @ self.basis.T + self.mean
        image = patches.reshape(side, side, PATCH, PATCH).transpose(0, 2, 1, 3).reshape(side * PATCH, side * PATCH)
        return np.asarray(image, dtype=np.float32)
