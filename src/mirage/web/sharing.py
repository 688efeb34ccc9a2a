"""What several processes of one site keep for each other, so that what many ask for is made by one of them.

The process that began the others holds it, in memory alone: nothing of a query is written to a disk. The others ask over a
connection of this machine that only they can open.
"""

from __future__ import annotations

import hashlib
import pickle
import secrets
import threading
from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

_NAME = 32  # bytes
_LOST = (OSError, EOFError, AuthenticationError)  # who answers is gone, and this process soon too


class Held:
    """What is kept for all, in the process that began them. Use it as a context manager.

    Parameters
    ----------
    most : int
        Bytes that all of it may take.

    Attributes
    ----------
    address : str
        Where the others ask.
    secret : bytes
        What lets them.
    """

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._things: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.secret = secrets.token_bytes(32)
        self._listener = Listener(backlog=64, authkey=self.secret)
        self.address = str(self._listener.address)

    def __enter__(self) -> Held:
        threading.Thread(target=self._accept, name="mirage-held", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except (AuthenticationError, EOFError, ConnectionError):
                continue  # a stranger, or one who left at the door
            except OSError:
                return  # closed
            threading.Thread(target=self._answer, args=(connection,), name="mirage-held", daemon=True).start()

    def _answer(self, connection: Connection[Any, Any]) -> None:
        with connection, suppress(*_LOST):
            while True:
                asked = connection.recv_bytes()
                name, thing = asked[:_NAME], asked[_NAME:]
                if thing:
                    self._keep(name, thing)
                connection.send_bytes(b"" if thing else self._known(name))

    def _known(self, name: bytes) -> bytes:
        with self._lock:
            if name in self._things:
                self._things.move_to_end(name)
            return self._things.get(name, b"")

    def _keep(self, name: bytes, thing: bytes) -> None:
        with self._lock:
            self._bytes += len(thing) - len(self._things.pop(name, b""))
            self._things[name] = thing
            while self._bytes > self._most:
                self._bytes -= len(self._things.popitem(last=False)[1])


class Sharing:
    """One process's way to what is kept for all. Threads may share it.

    Parameters
    ----------
    address : str
        Of `Held`.
    secret : bytes
    """

    def __init__(self, address: str, secret: bytes) -> None:
        self._lock = threading.Lock()
        self._connection: Connection[Any, Any] | None = Client(address, authkey=secret)

    def known(self, key: Hashable, of: object) -> Any:
        """Give what another process made; None where none has.

        Parameters
        ----------
        key, of : object
            As for `mirage.web.cache.Cache`; the same in every process, and written out the same.
        """
        found = self._said(_name(key, of))
        return pickle.loads(found) if found else None  # noqa: S301 - of a process that knows the secret

    def keep(self, key: Hashable, of: object, made: object) -> None:
        """Give others what was made.

        Parameters
        ----------
        key, of : object
            As for `known`.
        made : object
            Of what pickle knows.
        """
        self._said(_name(key, of) + pickle.dumps(made))

    def _said(self, asked: bytes) -> bytes:
        with self._lock:
            try:
                if self._connection is not None:
                    self._connection.send_bytes(asked)
                    return self._connection.recv_bytes()
            except _LOST:
                self._connection = None  # each makes its own then
        return b""


def _name(key: Hashable, of: object) -> bytes:
    return hashlib.sha256(repr((key, of)).encode()).digest()
