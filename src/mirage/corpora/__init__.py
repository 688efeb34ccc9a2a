"""Where figures come from: corpora, found by name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from mirage.corpora.base import Corpus, CorpusCard
from mirage.corpora.options import CorpusOption
from mirage.errors import BadInput, MirageError
from mirage.locales import ENGLISH
from mirage.plugins import Port
from mirage.wording import _, language, looked_up

__all__ = ["CorpusCard", "CorpusOption", "available", "card", "load", "shipped", "spoken"]

_port: Port[Corpus] = Port("mirage.corpora")
available = _port.available


def card(name: str) -> CorpusCard:
    """What a corpus is and which options it takes, before it is opened.

    Raises
    ------
    mirage.errors.NotFound
        When there is no corpus of that name; the message names those there are.
    mirage.errors.Unavailable
        When something that it needs is not installed.
    """
    found = getattr(_port.adapter(name), "card", None)
    if not isinstance(found, CorpusCard):
        raise BadInput(
            _("The corpus %(name)s has no card that says what it is. Its package has to be repaired.", name=repr(name))
        )
    return found


def spoken(name: str, title: str, summary: str = "") -> tuple[str, str]:
    """What an atlas keeps of a corpus, in the reader's language.

    Parameters
    ----------
    name, title, summary : str
        As they were written down when it was added, which is in English.

    Returns
    -------
    title, summary : str
        Those of its card where it is called as its card is; else as they are kept, for then somebody named it.
    """
    if language() != ENGLISH:
        with suppress(MirageError):  # its adapter may be gone
            known = card(name)
            if title == known.title:
                said = looked_up(summary)
                return known.spoken.title, said if said != summary else known.spoken.summary
    return title, summary


def shipped() -> list[str]:
    """Names of the corpora that are in this installation as a whole, so that an atlas can be begun with them."""
    found = []
    for name in available():
        with suppress(MirageError):  # one of another package that cannot be used must not be in the way of the others
            if card(name).ships:
                found.append(name)
    return found


def load(name: str, /, **options: Any) -> Corpus:
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
    return _port.load(name, **card(name).read(options))
