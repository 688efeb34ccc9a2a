"""Names of files as they can be told anywhere, and what ids are made of names of files and of collections."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol, overload, runtime_checkable

from mirage.corpora.base import Item, Refused
from mirage.letters import normalised, unaccented

MOST_SHOWN = 200
_FRAMES = 2_000  # of a file that cannot be read, so that nobody knows how many it has
_SURROGATES = re.compile("[\ud800-\udfff]+")
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufeff]")
"""Characters of a name that cannot be seen, or that change how what stands beside them is read."""
_NO_FRAMES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


def readable(name: str, most: int = MOST_SHOWN) -> str:
    """A name of a file, or words with one, as every page, log and terminal can show them.

    What is no text in UTF-8 and what cannot be seen is replaced by �; the middle of a very long name is left out.

    Parameters
    ----------
    name : str
        As the system gives it, with surrogates for bytes that are no text.
    most : int
        Characters; 0 for any number.
    """
    shown = name if name.isascii() and name.isprintable() else UNSEEN.sub("�", _SURROGATES.sub("�", name))
    return shown if not most or len(shown) <= most else f"{shown[: most - 50]}…{shown[-40:]}"


@overload
def as_told(entry: Refused) -> Refused: ...
@overload
def as_told(entry: Item | Refused) -> Item | Refused: ...
def as_told(entry: Item | Refused) -> Item | Refused:
    """Give an entry of a folder with all names in it readable.

    Parameters
    ----------
    entry : Item or Refused
    """
    if isinstance(entry, Refused):
        return replace(entry, label=readable(entry.label), reason=readable(entry.reason, most=0))
    own = (entry.label, entry.case_label, entry.words_from)
    label, case_label, words_from = told = tuple(map(readable, own))
    return entry if told == own else replace(entry, label=label, case_label=case_label, words_from=words_from)


@runtime_checkable
class CalledByTitle(Protocol):
    """A corpus whose name is made of its title, so that an atlas may have another of that name.

    Attributes
    ----------
    title : str
    names : tuple of str
        What it may be called, the best first.
    former_name : str
        What earlier versions called it.
    is_named : bool
        Whether somebody gave it the title, for all to see.
    """

    title: str
    is_named: bool
    names: tuple[str, ...]
    former_name: str

    def call(self, name: str) -> None:
        """Make its ids of one of its names."""
        ...


def plain_title(title: str) -> str:
    """A collection's name in the form that names are compared in: case, white space and ways of writing letters aside.

    Parameters
    ----------
    title : str
    """
    return " ".join(normalised("NFKC", normalised("NFKC", title).casefold()).split())


def names_of(title: str) -> tuple[str, ...]:
    """What a collection may be called by its title, the best first: names that differ are never one.

    Parameters
    ----------
    title : str
    """
    plain = plain_title(title)
    whole = hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()
    letters = unaccented(plain)
    short = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:50].strip("-") or "pictures"
    exact = tuple(f"folder-{short}-{whole[:digits]}" for digits in (8, 64))
    return exact if short.replace("-", " ") != plain else (f"folder-{short}", *exact)


def former_name(title: str) -> str:
    """What earlier versions called a collection by its title.

    Parameters
    ----------
    title : str
    """
    return f"folder-{_slug(title)}"


def _slug(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
    if plain or not re.search(r"\w", text):
        return plain or "pictures"
    # Of another script nothing is left: two names of it are two names all the same.
    return f"pictures-{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def slug_id(text: str) -> str:
    """A short name that two different texts never share.

    Parameters
    ----------
    text : str
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    name = text.rpartition("/")[2]
    name = Path(text).name if name in ("", ".") or "\\" in text or ":" in text else name  # as most are not
    ending = name.rfind(".")
    return f"{_slug(name[:ending] if 0 < ending < len(name) - 1 else name)[:40]}-{digest}"


def ids_of_refused(folder: Path, corpus: str, refused: Mapping[str, str]) -> Iterator[str]:
    """The ids that figures may have had of files that are in a folder and cannot be taken now.

    Parameters
    ----------
    folder : Path
    corpus : str
        As it calls itself.
    refused : mapping
        What such files are called to what the names in their ids are made of.
    """
    for label, identity in refused.items():
        try:
            path = folder / label.replace("\\", "/")
            if not path.exists():
                continue
        except (OSError, ValueError):
            continue
        own = f"{corpus}:{slug_id(identity)}"
        yield from (own, f"{own}-stack")
        if path.suffix.lower() not in _NO_FRAMES:
            for frame in range(1, _FRAMES + 1):
                yield from (f"{own}-f{frame:04d}", f"{own}-f{frame:04d}-stack")
