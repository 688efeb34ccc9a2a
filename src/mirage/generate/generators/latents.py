"""From a picture to what the starter generator works on, and back: a frame, and latents.

The frame is the same for all: a picture without margins and lettering, grey, in the middle of a black square. The training
images are made so, and whatever is compared with them is brought into the same frame.

Latents are principal components of patches of 8 × 8 pixels: an image of s × s pixels becomes (16, s/8, s/8) numbers. Sixteen
components keep 99 % of the variance of the training images, need no training, and leave the network 64 times fewer places to
look at than pixels would. The way back is a linear map too: a patch is computed from its own numbers and those of its eight
neighbours, so that patches meet without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from mirage.errors import Unavailable
from mirage.wording import _

SIDE = 160  # of a training image, pixels
_FILLED = 0.96  # of the square, along the longer side
_DARK = 18  # grey levels of 255; a margin is darker
_STROKE = (7, 9)  # pixels, wider than a stroke of lettering, in small and in large pictures
_SMALL = 256  # pixels: no lettering can be read in smaller pictures, and none is looked for
_REFERENCE = 700  # pixels: longer side of the pictures the boxes below were measured on


def framed(image: Image.Image, side: int = SIDE) -> Image.Image:
    """Grey, without lettering and margins, in the middle of a black square of `side` pixels; mode L.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any size and mode; is not changed.
    side : int
        Of the square, in pixels.
    """
    return squared(cleaned(image.convert("L")), side)


def cleaned(image: Image.Image) -> Image.Image:
    """Take lettering off the corners and the lowest lines: a grey opening, which removes thin bright strokes.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode L; is not changed.
    """
    width, height = image.size
    if max(width, height) < _SMALL:
        return image
    image = image.copy()
    factor = max(1.0, max(width, height) / _REFERENCE)
    stroke = _STROKE[min(width, height) > _REFERENCE]
    tall, wide, line, block, column = (int(length * factor) for length in (34, 150, 30, 70, 110))
    for box in (
        (max(0, width - wide), 0, width, min(height, tall)),
        (0, 0, min(width, wide), min(height, tall)),
        (0, max(0, height - line), width, height),
        (0, max(0, height - block), min(width, column), height),
    ):
        part = image.crop(box)
        image.paste(part.filter(ImageFilter.MinFilter(stroke)).filter(ImageFilter.MaxFilter(stroke)), box[:2])
    return image


def squared(image: Image.Image, side: int = SIDE) -> Image.Image:
    """Crop the dark margins of a mode L image, and put the rest into the middle of a black square.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode L; is not changed.
    side : int
        Of the square, in pixels.
    """
    pixels = np.asarray(image)
    bright = pixels > _DARK
    rows, columns = np.flatnonzero(bright.mean(1) > 0.02), np.flatnonzero(bright.mean(0) > 0.02)
    if len(rows) > pixels.shape[0] * 0.3 and len(columns) > pixels.shape[1] * 0.3:
        image = image.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
    scale = side * _FILLED / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    small = image.resize((width, height), Image.Resampling.LANCZOS)
    square = Image.new("L", (side, side))
    square.paste(small, ((side - width) // 2, (side - height) // 2))
    return square


Floats = npt.NDArray[np.float32]
PATCH = 8


@dataclass(frozen=True, slots=True)
class PatchBasis:
    """The basis.

    Attributes
    ----------
    mean : (64,) float32
        Of the patches of images in [−1, 1].
    basis : (64, k) float32
        Unit columns, largest variance first.
    scale : (k,) float32
        A component's coordinate is divided by this: half the way to equal variances, together of unit mean.
    decoder : (9k + 1, 64) float32
        From the numbers of 3 × 3 patches (row by row, k for each) and a 1 to the pixels of the middle one, by least squares
        over training images whose numbers had some noise added.
    """

    mean: Floats
    basis: Floats
    scale: Floats
    decoder: Floats

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `mirage train generator` wrote.

        Raises
        ------
        mirage.errors.Unavailable
        """
        try:
            with np.load(path, allow_pickle=False) as parts:
                made = cls(*(np.asarray(parts[name], dtype=np.float32) for name in ("mean", "basis", "scale", "decoder")))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise Unavailable(
                _("%(path)s is damaged and cannot be read (%(error)s). Install MIRAGE again.", path=path, error=error)
            ) from error
        if made.mean.shape != (PATCH * PATCH,) or made.basis.shape != (PATCH * PATCH, len(made.scale)):
            raise Unavailable(
                _(
                    "%(path)s is of another kind of generator: %(shape)s is no basis of patches.",
                    path=path,
                    shape=made.basis.shape,
                )
            )
        if made.decoder.shape != (9 * made.components + 1, PATCH * PATCH):
            raise Unavailable(
                _(
                    "%(path)s is of another kind of generator: %(shape)s is no decoder of patches.",
                    path=path,
                    shape=made.decoder.shape,
                )
            )
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
        patches = with_neighbours(latents) @ self.decoder
        image = patches.reshape(side, side, PATCH, PATCH).transpose(0, 2, 1, 3).reshape(side * PATCH, side * PATCH)
        return np.asarray(image, dtype=np.float32)


def with_neighbours(latents: Floats) -> Floats:
    """(k, n, n) to (n², 9k + 1): each place's own and its neighbours' numbers, and a 1. The edge goes on beyond itself."""
    side = latents.shape[1]
    wide = np.pad(latents, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = [wide[:, down : down + side, right : right + side] for down in range(3) for right in range(3)]
    numbers = np.stack(around).reshape(-1, side * side).T
    return np.asarray(np.hstack([numbers, np.ones((side * side, 1), np.float32)]), dtype=np.float32)
