"""What searches go by of single figures: read once, and kept for as many as there is room for, until the atlas changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

Fact = TypeVar("Fact")


class Known(Generic[Fact]):
    """Facts by figure, of those that were asked for last. Threads may share it.

    Parameters
    ----------
    read : callable
        Keys to facts; keys that are not there are left out, and are asked for again.
    most : int
        How many figures are kept.
    small : callable
        Whether a fact is of usual size; others are read each time, so that a few cannot fill the memory.
    """

    def __init__(
        self, read: Callable[[Sequence[int]], Mapping[int, Fact]], most: int, small: Callable[[Fact], bool]
    ) -> None:
        self._read, self._most, self._small = read, most, small
        self._kept: OrderedDict[int, Fact] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, keys: Sequence[int]) -> dict[int, Fact]:
        """What is known of some figures, in their order; those that are not there are left out."""
        with self._lock:
            known = {key: self._kept[key] for key in keys if key in self._kept}
            for key in known:
                self._kept.move_to_end(key)
        if missing := [key for key in keys if key not in known]:
            read = self._read(missing)
            with self._lock:
                self._kept |= {key: fact for key, fact in read.items() if self._small(fact)}
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            known |= read
        return {key: known[key] for key in keys if key in known}
