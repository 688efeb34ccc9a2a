"""What searches go by of single figures: read once, and kept of as many as there is room for, until the atlas changes."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from mirage.storage.searched import SearchRow, StoredMention

Fact = TypeVar("Fact")
_LARGEST = 16  # no single fact takes more than this part of all: a few would take the room of all others
_ENTRY = 200  # bytes of a place for a fact: its key, its size, a pair of both, a link of the order


class Known(Generic[Fact]):
    """Facts by figure, of those that were asked for last. Threads may share it.

    Parameters
    ----------
    read : callable
        Keys to facts; keys that are not there are left out, and are asked for again.
    most : int
        Bytes that all that are kept may take together, as `size` measures them.
    size : callable
        About how many bytes a fact takes, asked once.

    Attributes
    ----------
    bytes : int
        What those that are kept take now.
    """

    def __init__(self, read: Callable[[Sequence[int]], Mapping[int, Fact]], most: int, size: Callable[[Fact], int]) -> None:
        self._read, self._most, self._size = read, most, size
        self._kept: OrderedDict[int, tuple[Fact, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def of(self, keys: Sequence[int]) -> dict[int, Fact]:
        """What is known of some figures, in their order; those that are not there are left out."""
        with self._lock:
            known = {key: self._kept[key][0] for key in keys if key in self._kept}
            for key in known:
                self._kept.move_to_end(key)
        if missing := [key for key in keys if key not in known]:
            read = self._read(missing)
            sizes = {key: self._size(fact) for key, fact in read.items()}
            with self._lock:
                for key, fact in read.items():
                    if key not in self._kept and sizes[key] <= self._most // _LARGEST:
                        self._kept[key] = fact, sizes[key]
                        self.bytes += sizes[key]
                while self.bytes > self._most:
                    self.bytes -= self._kept.popitem(last=False)[1][1]
            known |= read
        return {key: known[key] for key in keys if key in known}


def size_of_row(row: SearchRow) -> int:
    """About how many bytes what a figure is ranked by takes: numbers of stems 32 each, words, which figures share, 64."""
    held = (row, row.id, row.caption, row.diagnosis, row.title, row.stems, row.words)
    return _ENTRY + sum(map(sys.getsizeof, held)) + 32 * len(row.stems) + 64 * len(row.words)


def size_of_mentions(said: Sequence[StoredMention]) -> int:
    """About how many bytes the mentions of a figure take, each with words of its own."""
    return _ENTRY + sys.getsizeof(said) + sum(sum(map(sys.getsizeof, (each, *each[1:]))) for each in said)
