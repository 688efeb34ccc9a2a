"""Image bytes: decoded safely, windowed, made into thumbnails, told apart, and kept by content."""

from __future__ import annotations

from mirage.pictures.decode import Picture, decode, read_picture, window
from mirage.pictures.limits import DEFAULT_LIMITS, Limits

__all__ = ["DEFAULT_LIMITS", "Limits", "Picture", "decode", "read_picture", "window"]
