"""Small versions of pictures, and a short code by which near-duplicates are told."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

THUMBNAIL_SIDE = 320


def thumbnail(image: Image.Image, side: int = THUMBNAIL_SIDE) -> bytes:
    """Make a small WebP.

    Parameters
    ----------
    image : PIL.Image.Image
        ``L`` or ``RGB``.
    side : int
        The longer side in pixels; smaller pictures keep their size.

    Returns
    -------
    bytes
        WebP, quality 80, without metadata.
    """
    small = image if image.mode in ("L", "RGB") else image.convert("RGB")
    longer = max(small.size)
    if longer > side:
        size = (max(1, round(small.width * side / longer)), max(1, round(small.height * side / longer)))
        small = small.resize(size, Image.Resampling.HAMMING, reducing_gap=3.0)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=80, method=0)
    return out.getvalue()


LOOK_BITS = 1024


def look(image: Image.Image) -> int:
    """Difference hash of 32 × 32 bits: where grey rises from left to right by more than the noise of an encoder.

    Copies of a picture that were re-encoded or scaled differ in under 35 bits; neighbouring slices of one volume, which
    coarser hashes take for copies, in more. The method is the difference hash (dHash) at a finer grid.

    Returns
    -------
    int
        0 ≤ value < 2¹⁰²⁴.
    """
    grey = image.convert("L").resize((33, 32), Image.Resampling.BOX)
    small = np.asarray(grey, dtype=np.float32)
    bits = np.packbits((small[:, 1:] - small[:, :-1] > 2).ravel())
    return int.from_bytes(bits.tobytes(), "big")
