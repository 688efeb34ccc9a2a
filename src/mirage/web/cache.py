"""What many ask for is made once, however many ask at the same time, and kept until the atlas changes.

Nothing of a person is kept here, and nothing that was made of a dropped picture: who asks passes by the cache then.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from mirage.web.sharing import Sharing

Made = TypeVar("Made")
MOST_BYTES = 96 * 2**20
"""What all that is kept may take together."""
_LARGEST = 16  # no single thing takes more than this part of it


@dataclass(slots=True)
class _Entry:
    made: Future[Any]
    bytes: int = 0


class Cache:
    """Things by key, the ones that were asked for last. Threads may share it.

    Parameters
    ----------
    most : int
        Bytes that all together may take, as their makers measure them.

    Attributes
    ----------
    sharing : mirage.web.sharing.Sharing or None
        What other processes made of the same atlas, which never changes; they are given what is made here.
    bytes : int
        What they take now.
    found, missed : int
        How often something was there, or being made for another; and how often it had to be made.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self.sharing: Sharing | None = None
        self._of: object = None
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = self.found = self.missed = 0

    def __len__(self) -> int:
        return len(self._entries)

    def made(self, key: Hashable, of: object, make: Callable[[], Made], size: Callable[[Made], int]) -> Made:
        """Give what is kept under a key, or make it; who asks while it is being made waits for it.

        Parameters
        ----------
        key : hashable
        of : object
            What everything here is made of, read before it is made; when it is another one, all is forgotten.
        make : callable
            What it raises is kept for nobody but those who wait.
        size : callable
            Bytes that a thing takes; 0 keeps it not.
        """
        with self._lock:
            self._renew(of)
            entry, mine = self._entries.get(key), False
            if entry is None:
                entry, mine = _Entry(Future()), True
                self._entries[key] = entry
                self.missed += 1
            else:
                self._entries.move_to_end(key)
                self.found += 1
        if not mine:
            known: Made = entry.made.result()
            return known
        try:
            made = None if self.sharing is None else self.sharing.known(key, of)
            if made is None:
                made = make()
                if self.sharing is not None and size(made):
                    self.sharing.keep(key, of, made)
        except BaseException as error:
            with self._lock:
                if self._entries.get(key) is entry:
                    del self._entries[key]
            entry.made.set_exception(error)
            raise
        entry.made.set_result(made)
        self._weigh(key, entry, size(made))
        return made

    def known(self, key: Hashable, of: object, size: Callable[[Any], int] = lambda _: 0) -> Any:
        """Give what is kept under a key and made, here or by another process; None where nothing is.

        Parameters
        ----------
        key : hashable
        of : object
        size : callable
            Bytes of what another process made, which is kept here too; 0 keeps it not.
        """
        with self._lock:
            self._renew(of)
            entry = self._entries.get(key)
            if entry is not None and entry.made.done():
                self._entries.move_to_end(key)
                self.found += 1
                return entry.made.result()
        if entry is not None or self.sharing is None or (made := self.sharing.known(key, of)) is None:
            return None
        if size(made):
            self._hold(key, of, made, size(made))
        return made

    def keep(self, key: Hashable, of: object, made: object, size: int) -> None:
        """Keep something that was made elsewhere.

        Parameters
        ----------
        key : hashable
        of : object
            What it was made of, read before; it is not kept where that is another one by now.
        made : object
        size : int
            Bytes.
        """
        if self.sharing is not None:
            self.sharing.keep(key, of, made)
        self._hold(key, of, made, size)

    def _hold(self, key: Hashable, of: object, made: object, size: int) -> None:
        entry = _Entry(Future())
        entry.made.set_result(made)
        with self._lock:
            if self._of != of:
                return
            self.missed += 1
            if old := self._entries.pop(key, None):
                self.bytes -= old.bytes
            self._entries[key] = entry
        self._weigh(key, entry, size)

    def _renew(self, of: object) -> None:
        if self._of != of:
            self._entries.clear()
            self.bytes, self._of = 0, of

    def _weigh(self, key: Hashable, entry: _Entry, size: int) -> None:
        with self._lock:
            if self._entries.get(key) is not entry:
                return  # forgotten meanwhile
            if not 0 < size <= self._most // _LARGEST:
                del self._entries[key]
                return
            entry.bytes = size
            self.bytes += size
            while self.bytes > self._most:
                _key, oldest = self._entries.popitem(last=False)  # one that is still being made weighs nothing
                self.bytes -= oldest.bytes
