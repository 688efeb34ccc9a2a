"""How large a picture may be before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What decoding may cost. A picture beyond any of these is refused before its pixels are read.

    Attributes
    ----------
    pixels : int
        Width times height; 50 million is a picture of 7,000 × 7,000.
    file_bytes : int
        Size of the file or upload.
    dicom_bytes : int
        Size of a DICOM file on disk, which may hold many frames.
    """

    pixels: int = 50_000_000
    file_bytes: int = 64 * 2**20
    dicom_bytes: int = 2 * 2**30


DEFAULT_LIMITS = Limits()


def megapixels(count: int) -> str:
    """A number of pixels in words: "400 megapixels"."""
    return f"{count / 1e6:,.0f} megapixels" if count >= 9_500_000 else f"{count / 1e6:,.1f} megapixels"


def megabytes(count: int) -> str:
    """A number of bytes in words: "64 MB"."""
    return f"{count / 2**20:,.0f} MB" if count >= 9.5 * 2**20 else f"{count / 2**20:,.1f} MB"


def sampled(frames: int, at_most: int) -> list[int]:
    """Numbers, from 1, of at most so many frames, evenly spread: the middles of equal parts."""
    if frames <= at_most:
        return list(range(1, frames + 1))
    count = max(at_most, 1)
    return [(2 * part + 1) * frames // (2 * count) + 1 for part in range(count)]
