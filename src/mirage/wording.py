"""Texts for people, looked up in a catalogue: English as it stands in the code, another language by its translation.

`make catalogue` collects the texts of the package; docs/engineering.md says how to write one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from gettext import NullTranslations
from typing import Any, TypeVar

Key = TypeVar("Key")
Made = TypeVar("Made")
_SPOKEN: ContextVar[NullTranslations] = ContextVar("translations")
_PROCESS = [NullTranslations()]  # what is spoken where nobody chose: by commands, and by threads of their own


def translations() -> NullTranslations:
    """Give the translations of the request in hand; those of the process where nobody chose another language."""
    return _SPOKEN.get(_PROCESS[0])


def language() -> str:
    """Give the code of the language that is spoken: "en", "es"."""
    return translations().info().get("language", "en")


def settle(language: NullTranslations) -> None:
    """Let the whole process speak a language where nobody chooses another.

    Parameters
    ----------
    language : gettext.NullTranslations
    """
    _PROCESS[0] = language


@contextmanager
def speaking(language: NullTranslations) -> Iterator[None]:
    """Let what is written inside be written in a language.

    Parameters
    ----------
    language : gettext.NullTranslations
    """
    before = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(before)


def carried(work: Callable[..., Made]) -> Callable[..., Made]:
    """Let a function speak the language of now in whatever thread it is called.

    Parameters
    ----------
    work : callable
    """
    spoken = translations()

    def done(*given: Any) -> Made:
        with speaking(spoken):
            return work(*given)

    return done


def _(message: str, /, **values: object) -> str:
    """Translate a text and fill its places.

    Parameters
    ----------
    message : str
        A literal, so that it is collected; places are written ``%(name)s``, and a percent sign ``%%``.
    **values
        What stands in the places.
    """
    return translations().gettext(message) % values


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """Translate a text that says how many; ``%(num)s`` is the number.

    Parameters
    ----------
    one, many : str
        Literals.
    number : int
    **values
        What stands in the places.
    """
    return translations().ngettext(one, many, number) % {"num": number, **values}


def looked_up(text: str) -> str:
    """Translate a text that stands elsewhere and has no places; one that is in no catalogue, of a plug-in, stays as it is.

    Parameters
    ----------
    text : str
    """
    return translations().gettext(text) if text else ""  # the empty one is the head of a catalogue


def retold(text: str, templates: Iterable[str]) -> str:
    """Say in the language that is spoken what was written down in English, with what stands in its places.

    Titles of jobs and what people did are kept, for whoever reads them later, and in whatever language.

    Parameters
    ----------
    text : str
    templates : iterable of str
        Texts of the catalogue that it may be made from; the first that fits is taken. A text of none stays as it is.
    """
    if language() == "en":
        return text
    for template in templates:
        if found := _pattern(template).fullmatch(text):
            return _(template, **found.groupdict())
    return text


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"%\((\w+)\)s", template.replace("%%", "%"))
    return re.compile(
        "".join(f"(?P<{part}>.+)" if place % 2 else re.escape(part) for place, part in enumerate(parts)), re.DOTALL
    )


def N_(message: str) -> str:  # noqa: N802 - gettext's name for it
    """Mark a literal to be collected; it is translated when it is read.

    Parameters
    ----------
    message : str
    """
    return message


def nN_(one: str, many: str) -> tuple[str, str]:  # noqa: N802 - as above
    """Mark two literals to be collected, of what is one and of what is many; `ngettext` chooses when it is said.

    Parameters
    ----------
    one, many : str
    """
    return one, many


class Words(Mapping[Key, str]):
    """What values are called: translated as they are read.

    Parameters
    ----------
    texts : mapping of str
        By value; literals marked by ``N_``.
    """

    def __init__(self, texts: Mapping[Key, str]) -> None:
        self._texts = texts

    def __getitem__(self, key: Key) -> str:
        return _(self._texts[key])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)
