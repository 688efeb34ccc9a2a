"""Image bytes: decoded safely, windowed, made into thumbnails, told apart, and kept by content."""

from __future__ import annotations

from mirage.images.decode import Picture, decode, read_picture, window
from mirage.images.limits import DEFAULT_LIMITS, Limits
from mirage.images.store import MEDIA_TYPES, Kept, PictureStore
from mirage.images.thumbnails import LOOK_BITS, THUMBNAIL_SIDE, look, thumbnail

__all__ = [
    "DEFAULT_LIMITS",
    "LOOK_BITS",
    "MEDIA_TYPES",
    "THUMBNAIL_SIDE",
    "Kept",
    "Limits",
    "Picture",
    "PictureStore",
    "decode",
    "look",
    "read_picture",
    "thumbnail",
    "window",
]
