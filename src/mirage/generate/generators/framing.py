"""One frame for all: a picture without margins and lettering, grey, in the middle of a black square.

The training images of the starter generator are made so, and whatever is compared with them is brought into the same frame.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

SIDE = 160  # of a training image, pixels
_FILLED = 0.96  # of the square, along the longer side
_DARK = 18  # grey levels of 255; a margin is darker
_STROKE = (7, 9)  # pixels, wider than a stroke of lettering, in small and in large pictures
_SMALL = 256  # pixels: no lettering can be read in smaller pictures, and none is looked for
_REFERENCE = 700  # pixels: longer side of the pictures the boxes below were measured on


def framed(image: Image.Image, side: int = SIDE) -> Image.Image:
    """Grey, without lettering and margins, in the middle of a black square of `side` pixels; mode L."""
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
    """Crop the dark margins of a mode L image, and put the rest into the middle of a black square."""
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
