"""Where figures come from: corpora, found by name."""

from __future__ import annotations

from typing import Any

from mirage import plugins
from mirage.corpora.base import Corpus
from mirage.errors import BadInput

_GROUP = "mirage.corpora"

__all__ = ["available", "load"]


def available() -> list[str]:
    """Names of the corpora that are installed, those of other packages included."""
    return list(plugins.available(_GROUP))


def load(name: str, **options: Any) -> Corpus:
    """Open a corpus by name.

    Parameters
    ----------
    name : str
        ``starter``, ``medpix``, ``roco``, ``rocov2``, ``folder``, or what another package adds under ``mirage.corpora``.
    **options
        What the corpus takes: ``path`` for most.

    Raises
    ------
    mirage.errors.NotFound
        When there is no corpus of that name; the message names those there are.
    mirage.errors.Unavailable
        When something that it needs is not installed.
    mirage.errors.BadInput
        When its options do not fit.
    """
    make = plugins.load(_GROUP, name)
    try:
        corpus: Corpus = make(**options)
    except TypeError as error:
        raise BadInput(f"The corpus {name!r} cannot be opened with {', '.join(options) or 'nothing'}: {error}.") from error
    return corpus
