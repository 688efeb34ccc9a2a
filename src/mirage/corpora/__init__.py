"""Where figures come from: corpora, found by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mirage.corpora.base import Corpus
from mirage.errors import NotFound, Unavailable

_GROUP = "mirage.corpora"

__all__ = ["available", "load"]


def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=_GROUP), key=lambda point: point.name)}


def available() -> list[str]:
    """Names of the corpora that are installed, those of other packages included."""
    return list(_found())


def load(name: str, **options: Any) -> Corpus:
    """Open a corpus by name.

    Parameters
    ----------
    name : str
        ``starter``, ``medpix``, ``folder``, or what another package adds as an entry point ``mirage.corpora``.
    **options
        What the corpus takes: ``path`` for most.

    Raises
    ------
    mirage.errors.NotFound
        When there is no corpus of that name.
    mirage.errors.Unavailable
        When it is there but something that it needs is not installed.
    mirage.errors.BadInput
        When its options do not fit.
    """
    points = _found()
    if name not in points:
        raise NotFound(f"There is no corpus “{name}”. There are: {', '.join(points) or 'none'}.")
    try:
        make = points[name].load()
    except ImportError as error:
        raise Unavailable(f"The corpus “{name}” cannot be loaded: {error}. Install what it needs.") from error
    corpus: Corpus = make(**options)
    return corpus
