"""Image bytes: decoded safely, windowed, made into thumbnails, told apart, and kept by content."""

from __future__ import annotations

from mirage.images.decode import decode, read_picture
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits, MemoryBudget
from mirage.images.pixels import LOOK_BITS, THUMBNAIL_SIDE, DecodedPicture, look, thumbnail, window
from mirage.images.store import MEDIA_TYPES, KeptPicture, PictureStore

__all__ = [
    "BUDGET",
    "DEFAULT_LIMITS",
    "LOOK_BITS",
    "MEDIA_TYPES",
    "THUMBNAIL_SIDE",
    "DecodedPicture",
    "KeptPicture",
    "Limits",
    "MemoryBudget",
    "PictureStore",
    "decode",
    "look",
    "read_picture",
    "thumbnail",
    "window",
]
