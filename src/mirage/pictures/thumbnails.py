"""Small versions of pictures, and a short code by which near-duplicates are told."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

THUMBNAIL_SIDE = 320
_FACTOR = 32
_KEPT = 8


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


def _cosines(count: int, kept: int) -> np.ndarray:
    angles = np.pi * (2 * np.arange(count) + 1)[None, :] * np.arange(kept)[:, None] / (2 * count)
    return np.cos(angles).astype(np.float32)


_DCT = _cosines(_FACTOR, _KEPT)


def fingerprint64(image: Image.Image) -> int:
    """Perceptual hash: which of the 63 lowest frequencies beside the mean are above their median.

    Re-encoded and resized copies of a picture differ in a few bits; see `distance64`. The method is pHash
    (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010).

    Returns
    -------
    int
        0 ≤ value < 2⁶³, so that it fits a signed 64-bit column. A picture of one colour has 0.
    """
    small = image.convert("L").resize((_FACTOR, _FACTOR), Image.Resampling.BILINEAR, reducing_gap=2.0)
    spectrum = (_DCT @ np.asarray(small, dtype=np.float32) @ _DCT.T).ravel()[1:]
    if float(np.abs(spectrum).max()) < 1.0:
        return 0
    bits = np.packbits(np.concatenate(([False], spectrum > np.median(spectrum))))
    return int.from_bytes(bits.tobytes(), "big")


def distance64(one: int, other: int) -> int:
    """Bits in which two fingerprints differ: 0 for the same picture, about 32 for unrelated ones."""
    return (one ^ other).bit_count()


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
