"""Words and pictures to vectors: encoders, found by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mirage.encoders.base import Encoder, EncoderInfo
from mirage.errors import NotFound, Unavailable

_GROUP = "mirage.encoders"

__all__ = ["Encoder", "EncoderInfo", "available", "load"]


def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=_GROUP), key=lambda point: point.name)}


def available() -> list[str]:
    """Names of the encoders that are installed, those of other packages included."""
    return list(_found())


def load(name: str, **options: Any) -> Encoder:
    """Open an encoder by name.

    Parameters
    ----------
    name : str
        ``starter``, or what another package adds under ``mirage.encoders``.
    **options
        What the encoder takes: ``path`` and ``threads`` for the starter.

    Raises
    ------
    mirage.errors.NotFound
        When there is no encoder of that name.
    mirage.errors.Unavailable
        When it is there but something that it needs is not installed.
    """
    points = _found()
    if name not in points:
        raise NotFound(f"There is no encoder “{name}”. There are: {', '.join(points) or 'none'}.")
    try:
        make = points[name].load()
    except ImportError as error:
        raise Unavailable(f"The encoder “{name}” cannot be loaded: {error}. Install what it needs.") from error
    encoder: Encoder = make(**options)
    return encoder
