"""What a corpus can say of itself before it is added, beside its items."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mirage.corpora.base import Refused
from mirage.locales import number
from mirage.wording import _


@dataclass(frozen=True, slots=True)
class TableRead:
    """A table of words that was found.

    Attributes
    ----------
    label : str
        The file as the person knows it.
    rows : int
        How many rows of it could be read.
    matched : int
        How many of them name something that is there.
    columns : tuple of (str, str)
        Its own name for each column that is read, and what that is read as.
    ignored : tuple of str
        Its columns that are not read.
    notes : tuple of str
        What a person should know of how it was read: from which sheet, in which encoding, which names fit only nearly.
    """

    label: str
    rows: int
    matched: int
    columns: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]
    notes: tuple[str, ...] = ()


_DIFFERS = re.compile(r"“[^”]{0,300}”|«[^»]{0,300}»|\([^)]{0,300}\)|\d[\d,.]*")
NAMED = 20


def by_kind(refused: Sequence[Refused], most: int = NAMED) -> list[Refused]:
    """What was left out, of each kind of reason the first few and how many more there are.

    Parameters
    ----------
    refused : sequence of Refused
    most : int
        How many of a kind are named.
    """
    counts: Counter[str] = Counter()
    kinds: dict[str, Refused] = {}
    shown: list[Refused] = []
    for each in refused:
        kind = _DIFFERS.sub("#", each.reason.replace(each.label, "#") if each.label else each.reason)
        counts[kind] += 1
        kinds.setdefault(kind, each)
        if counts[kind] <= most:
            shown.append(each)
    for kind, first in kinds.items():
        if counts[kind] > most:
            shown.append(
                Refused(
                    _("%(number)s more", number=number(counts[kind] - most)),
                    _("The same as %(label)s: %(reason)s", label=first.label, reason=first.reason),
                )
            )
    return shown


@runtime_checkable
class Previewable(Protocol):
    """A corpus of somebody's own files that can say, before anything is added, what it makes of them."""

    @property
    def tables(self) -> tuple[TableRead, ...]:
        """The tables of words that it read."""
        ...

    @property
    def passed_over(self) -> tuple[Refused, ...]:
        """Files that it does not take for pictures, and what they are."""
        ...

    @property
    def hints(self) -> str:
        """What else could be made of it, without what `passed_over` lists; empty where there is nothing to say."""
        ...
