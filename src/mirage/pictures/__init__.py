"""Image bytes: decoded safely, windowed, made into thumbnails, told apart, and kept by content."""

from __future__ import annotations

from mirage.pictures.decode import Picture, decode, read_picture, window
from mirage.pictures.limits import DEFAULT_LIMITS, Limits
from mirage.pictures.store import MEDIA_TYPES, Kept, PictureStore
from mirage.pictures.thumbnails import LOOK_BITS, THUMBNAIL_SIDE, look, thumbnail

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
