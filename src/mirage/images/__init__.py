"""Image bytes: decoded safely, windowed, made into thumbnails, told apart, and kept by content."""

from __future__ import annotations

from mirage.images.decode import decode, read_picture
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits, MemoryBudget
from mirage.images.pixels import LOOK_BITS, DecodedPicture, look, thumbnail
from mirage.images.store import PictureStore

__all__ = [
    "BUDGET",
    "DEFAULT_LIMITS",
    "LOOK_BITS",
    "DecodedPicture",
    "Limits",
    "MemoryBudget",
    "PictureStore",
    "decode",
    "look",
    "read_picture",
    "thumbnail",
]
