"""Where figures come from: corpora, found by name."""

from __future__ import annotations

from typing import Any

from mirage import plugins
from mirage.corpora.base import Corpus, CorpusCard, CorpusOption
from mirage.errors import BadInput

_GROUP = "mirage.corpora"

__all__ = ["CorpusCard", "CorpusOption", "available", "card", "load", "shipped"]


def available() -> list[str]:
    """Names of the corpora that are installed, those of other packages included."""
    return list(plugins.available(_GROUP))


def card(name: str) -> CorpusCard:
    """What a corpus is and which options it takes, before it is opened.

    Raises
    ------
    mirage.errors.NotFound
        When there is no corpus of that name; the message names those there are.
    mirage.errors.Unavailable
        When something that it needs is not installed.
    """
    found = getattr(plugins.load(_GROUP, name), "card", None)
    if not isinstance(found, CorpusCard):
        raise BadInput(f"The corpus {name!r} has no card that says what it is. Its package has to be mended.")
    return found


def shipped() -> list[str]:
    """Names of the corpora that are in this installation as a whole, so that an atlas can be begun with them."""
    return [name for name in available() if card(name).ships]


def load(name: str, **options: Any) -> Corpus:
    """Open a corpus by name.

    Parameters
    ----------
    name : str
        One of `available`.
    **options
        Those of the corpus's card, as text or of the type that the card says; None is as if left out.

    Raises
    ------
    mirage.errors.NotFound
        When there is no corpus of that name; the message names those there are.
    mirage.errors.Unavailable
        When something that it needs is not installed.
    mirage.errors.BadInput
        When an option is unknown or missing, or its value cannot be used.
    """
    values = card(name).read(options)
    corpus: Corpus = plugins.load(_GROUP, name)(**values)
    return corpus
