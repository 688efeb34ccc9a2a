"""Pixels of any depth as 8 bits, small, and told apart; and the picture that decoding leaves."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageChops

THUMBNAIL_SIDE = 320
LOOK_BITS = 1024
_LOW, _HIGH = 0.5, 99.5
_SAMPLE = 500_000
_BLOCK = 1_000_000  # pixels that are worked on in floating point at a time


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A decoded picture, and what somebody who gave it should know.

    Attributes
    ----------
    image : PIL.Image.Image
        ``L`` or ``RGB``, 8 bits, upright, without any metadata.
    format : str
        What the bytes were: ``PNG``, ``JPEG``, ``WEBP``, ``TIFF``, ``BMP``, ``GIF`` or ``DICOM``.
    notes : tuple of str
        What was done to it, in words: the first frame taken, 16 bits brought to 8.
    original : bytes or None
        The given file without its metadata, when a browser shows it exactly as `image`: what to keep of it.
        None when it has to be encoded anew (TIFF, BMP, DICOM; turned, 16-bit, transparent or animated).
    synthetic : str
        What its metadata, which is gone by now, said of a generator that made it; empty when it said nothing.
    values : (height, width) array or None
        Grey values of more than 8 bits as they were, where somebody asked for them.
    remarks : tuple of str
        What the person who adds it should look at, as sentences.
    """

    image: Image.Image
    format: str
    notes: tuple[str, ...] = ()
    original: bytes | None = None
    synthetic: str = ""
    values: np.ndarray[Any, Any] | None = field(default=None, compare=False, repr=False)
    remarks: tuple[str, ...] = ()


def window(values: np.ndarray[Any, Any], low: float | None = None, high: float | None = None) -> Image.Image:
    """Grey values of any depth as an 8-bit picture.

    Parameters
    ----------
    values : (height, width) array
        Integers or floats; NaN and infinities become black and white.
    low, high : float, optional
        The values shown black and white. Left out: the 0.5th and 99.5th percentile of the finite values, so
        that a few hot pixels do not darken all the others.
    """
    if low is None or high is None:
        low, high = robust_range(sample(values))
    return by_blocks(values, lambda block: spread(block, low, high))


def sample(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return (n,) values: all of a small picture, evenly taken ones of a large picture."""
    flat = values.reshape(-1)
    return flat if flat.size <= 2 * _SAMPLE else flat[:: flat.size // _SAMPLE]


def robust_range(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return the 0.5th and 99.5th percentile of the finite values; their extremes when those two are the same."""
    numbers = np.asarray(values, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return 0.0, 1.0
    # Between the largest numbers there are percentiles are computed of a part, of which differences are numbers too.
    part = 4.0 if float(np.abs(finite).max()) > 1e307 else 1.0
    low, high = (float(value) * part for value in np.percentile(finite / part, (_LOW, _HIGH)))
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    if high == low and finite.size < numbers.size:  # one value beside none, which is told apart
        low -= max(abs(low), 1.0)
    return low, high


def spread(values: np.ndarray[Any, Any], low: float, high: float) -> np.ndarray[Any, Any]:
    """Bring values to 0…255, uint8.

    Parameters
    ----------
    values : array
        NaN and infinities become 0 and 255.
    low, high : float
        The values that become 0 and 255.
    """
    # Single precision is quicker and enough for 16 bits; larger numbers may lie closer together than it can tell.
    with np.errstate(over="ignore"):
        numbers: np.ndarray[Any, Any] = np.asarray(values, dtype=np.float32 if _fits(values, low, high) else np.float64)
    if not np.isfinite(high - low):  # the halves of the largest numbers there are have a difference
        numbers, low, high = numbers / 2, low / 2, high / 2
    scaled = np.nan_to_num((numbers - low) / (high - low if high > low else 1.0), nan=0.0, posinf=1.0, neginf=0.0)
    shown: np.ndarray[Any, Any] = np.clip(scaled, 0.0, 1.0) * 255.0 + 0.5
    return shown.astype(np.uint8)


def _fits(values: np.ndarray[Any, Any], low: float, high: float) -> bool:
    """Whether single precision tells values apart that are shown apart."""
    if values.dtype.kind in "iub" and values.dtype.itemsize <= 2:
        return True
    largest = max(abs(low), abs(high))
    return 1e-30 < largest < 1e30 and high - low > largest * 1e-4


def by_blocks(values: np.ndarray[Any, Any], function: Callable[[Any], np.ndarray[Any, Any]]) -> Image.Image:
    """Map grey values to 8 bits some rows at a time, because floating point takes eight times the memory of the result.

    Parameters
    ----------
    values : (height, width) array
    function : callable
        From some rows to the same shape, uint8.
    """
    shown = np.empty(values.shape, np.uint8)
    rows = max(1, _BLOCK // max(values.shape[1], 1))
    for start in range(0, len(values), rows):
        shown[start : start + rows] = function(values[start : start + rows])
    return Image.fromarray(shown)


def bare(image: Image.Image) -> Image.Image:
    """The same pixels without the file that they came from and without its metadata."""
    plain = image.copy() if type(image) is not Image.Image else image
    plain.info.clear()
    return plain


def flatten(rgba: Image.Image) -> Image.Image:
    """Lay a transparent picture on black, or on white when what it shows is dark and would be lost."""
    alpha = rgba.getchannel("A")
    shown = np.asarray(rgba.convert("L"))[np.asarray(alpha) > 127]
    ground = (255, 255, 255) if shown.size and float(shown.mean()) < 64 else (0, 0, 0)
    flat = Image.new("RGB", rgba.size, ground)
    flat.paste(rgba, mask=alpha)
    return flat


def grey_if_grey(image: Image.Image) -> Image.Image:
    """One channel when all three are the same: most scans are grey pictures saved as colour."""
    red = image.getchannel(0)
    for other in (1, 2):
        if ImageChops.difference(red, image.getchannel(other)).getbbox() is not None:
            return image
    return red


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
