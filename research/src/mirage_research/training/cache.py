"""Pictures decoded once and kept as bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mirage.encoders.preprocessing import to_square
from mirage.errors import BadPicture
from mirage.images import read_picture
from mirage_research.training.samples import Sample


def load_pixels(
    samples: Sequence[Sample],
    pixels: int,
    folder: Path,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[npt.NDArray[np.uint8], list[bool]]:
    """Decode every picture to a square, or read the squares that an earlier run kept.

    Returns
    -------
    squares : numpy.ndarray
        (n, pixels, pixels, 3) uint8; a picture that cannot be read is black.
    usable : list of bool
        False where the picture could not be read; each such file is told by name.
    """
    names = "\n".join(f"{sample.picture}" for sample in samples)
    key = hashlib.sha256(f"{pixels}\n{names}".encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"pixels-{key}.npy"
    flags = folder / f"usable-{key}.npy"
    if kept.is_file() and flags.is_file():
        return np.load(kept, mmap_mode="r"), [bool(flag) for flag in np.load(flags)]
    squares = np.zeros((len(samples), pixels, pixels, 3), dtype=np.uint8)
    usable = [True] * len(samples)
    for number, sample in enumerate(samples):
        try:
            squares[number] = to_square(read_picture(sample.picture).image, pixels)
        except BadPicture as error:
            usable[number] = False
            tell(f"left out {sample.picture.name}: {error}")
        if number % 500 == 499:
            tell(f"pictures {number + 1} of {len(samples)}")
    np.save(kept, squares)
    np.save(flags, np.array(usable))
    return squares, usable
