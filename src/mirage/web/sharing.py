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
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from typing import Any

_NAME = 32  # bytes
_PATIENCE = 5.0  # seconds; an answer takes a thousandth of one
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
        self._closed = threading.Event()
        self._listener = Listener(backlog=64)
        self.address = str(self._listener.address)

    def __enter__(self) -> Held:
        threading.Thread(target=self._accept, name="mirage-held", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection = self._listener.accept()
            except OSError:  # closed, or there is no room for one more just now
                self._closed.wait(0.1)
                continue
            threading.Thread(target=self._answer, args=(connection,), name="mirage-held", daemon=True).start()

    def _answer(self, connection: Connection[Any, Any]) -> None:
        with connection, suppress(*_LOST):
            deliver_challenge(connection, self.secret)  # here, so that a stranger who is silent holds up nobody
            answer_challenge(connection, self.secret)
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
        self._connection: Connection[Any, Any] | None = None
        with suppress(OSError, EOFError):  # where who holds it is gone, each makes its own
            connection = Client(address)
            _check_answers(connection)
            answer_challenge(connection, secret)
            deliver_challenge(connection, secret)
            self._connection = connection

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
                    _check_answers(self._connection)
                    return self._connection.recv_bytes()
            except BaseException as error:
                self._connection = None  # what comes late would be taken for the answer to the next question
                if not isinstance(error, _LOST):
                    raise
        return b""


def _check_answers(connection: Connection[Any, Any]) -> None:
    if not connection.poll(_PATIENCE):
        raise TimeoutError("no answer")


def _name(key: Hashable, of: object) -> bytes:
    return hashlib.sha256(repr((key, of)).encode()).digest()
