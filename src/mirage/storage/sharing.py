"""Several processes at work on one atlas whose records lie in PostgreSQL: who is there, who changes it, and what is told.

Who is there holds a lock of the database's for as long as its connection lasts: no clock is compared, and of a process that
is killed nothing is left to expire.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa

from mirage.errors import Busy, MirageError, Unavailable
from mirage.storage.engines import opened
from mirage.storage.failures import Failures
from mirage.storage.migrations import RECORDS
from mirage.wording import _

_THERE, _CHANGES = 0x4D52, 0x4D43  # which of the database's locks these are
_CHANNEL = "mirage"
CHANGED, HIDDEN = "atlas", "hidden"
"""What is told: that the contents have changed, and what is hidden of them."""
_TRY_EVERY, _LISTEN_FOR, _AGAIN_AFTER = 0.2, 0.5, 0.5  # seconds
PATIENCE = 60.0
_ALIVE = (
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
# So that the server notices a machine that is gone within half a minute, and does not end a session that waits.
_SESSION = (
    "statement_timeout = 0", "lock_timeout = 0",
    "tcp_keepalives_idle = 10", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3",
)  # fmt: skip


class Sharing:
    """This process among those that are at work on one atlas.

    Parameters
    ----------
    url : str
        Of the records, as `mirage.storage.databases.Databases.url` has it.

    Attributes
    ----------
    me : str
        What it is called among them.
    """

    def __init__(self, url: str) -> None:
        self._pool = opened(url)
        self._told = Failures.of(self._pool, RECORDS.what, RECORDS.restore).told
        self._number = secrets.randbelow(2**31 - 1) + 1
        self.me = str(self._number)
        self._own, self._depth = threading.RLock(), 0
        self._change: Any = None
        self._ended = threading.Event()
        self._listener: threading.Thread | None = None

    def _session(self) -> Any:
        """A connection for as long as this process wants it, beside those of the pool."""
        with self._told():
            connection = self._pool.engine.raw_connection()
            session: Any = connection.driver_connection
            connection.detach()
            session.autocommit = True
            for setting in _SESSION:
                session.execute(f"SET {setting}")
        return session

    # -- changing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def alone(self, stop: Callable[[], bool] = lambda: False, patience: float = PATIENCE) -> Iterator[None]:
        """Change the atlas while nobody else does. Within it, the same thread may ask for it again.

        Parameters
        ----------
        stop : callable
            Asked while it waits for another.
        patience : float
            Seconds that it waits.

        Raises
        ------
        mirage.errors.Busy
            When another still changes it.
        """
        until = time.monotonic() + patience
        while not self._own.acquire(timeout=_TRY_EVERY):
            _check_patience(until, stop)
        try:
            if not self._depth:
                self._change = self._taken(until, stop)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    self._change.close()
                    self._change = None
        finally:
            self._own.release()

    def _taken(self, until: float, stop: Callable[[], bool]) -> Any:
        session = self._session()
        try:
            with self._told():
                while not session.execute("SELECT pg_try_advisory_lock(%s, 0)", (_CHANGES,)).fetchone()[0]:
                    _check_patience(until, stop)
                    time.sleep(_TRY_EVERY)
        except BaseException:
            session.close()
            raise
        return session

    def check(self) -> None:
        """See to it that nobody else can have begun to change the atlas.

        Raises
        ------
        mirage.errors.Unavailable
            When the connection is gone that said so.
        """
        if self._change is None:
            return
        try:
            self._change.execute("SELECT 1")
        except Exception as error:
            raise Unavailable(
                _(
                    "The connection to the PostgreSQL server was lost while the atlas was changed; "
                    "another may change it now. What was stored is there; run it again to go on."
                )
            ) from error

    # -- telling and hearing ------------------------------------------------------------------------------------------

    def tell(self, what: str) -> None:
        """Tell all others of something that they may have remembered.

        Parameters
        ----------
        what : str
        """
        with suppress(MirageError), self._told(), self._pool.engine.connect() as connection:  # they look again by themselves
            connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (_CHANNEL, f"{self.me} {what}"))
            connection.commit()

    def listen(self, heard: Callable[[str], None], began: Callable[[], None], tick: Callable[[set[str]], None]) -> None:
        """Be there, and hear what others tell, in a thread of its own until `close`.

        Parameters
        ----------
        heard : callable
            Given what another told.
        began : callable
            Called when it listens, for the first time or again: something may have been missed.
        tick : callable
            Given who is there, about twice a second.
        """
        ready = threading.Event()

        def run() -> None:
            while not self._ended.is_set():
                session = None
                with suppress(Exception):  # whatever it is: the server is asked again until it answers
                    session = self._session()
                    session.execute("SELECT pg_advisory_lock(%s, %s)", (_THERE, self._number))
                    session.execute(f"LISTEN {_CHANNEL}")
                    began()
                    ready.set()
                    while not self._ended.is_set():
                        for note in session.notifies(timeout=_LISTEN_FOR):
                            who, _other, what = note.payload.partition(" ")
                            if who != self.me:
                                heard(what)
                            if self._ended.is_set():
                                break
                        tick({str(number) for (number,) in session.execute(_ALIVE, (_THERE,)).fetchall()})
                if session is not None:
                    session.close()
                ready.set()
                self._ended.wait(_AGAIN_AFTER)

        self._listener = threading.Thread(target=run, name="sharing", daemon=True)
        self._listener.start()
        ready.wait(PATIENCE)

    def others(self) -> int:
        """How many other servers are at work on the atlas now."""
        with self._told(), self._pool.engine.connect() as connection:
            there = connection.exec_driver_sql(_ALIVE, (_THERE,)).scalars().all()
        return sum(str(number) != self.me for number in there)

    def close(self) -> None:
        """Be there no more."""
        self._ended.set()
        if self._listener is not None and self._listener is not threading.current_thread():
            self._listener.join(10)
        self._pool.close()


def announce(connection: sa.Connection, what: str) -> None:
    """Tell all processes something when a transaction ends, where the database is one of a server.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    what : str
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, f"- {what}")))


def _check_patience(until: float, stop: Callable[[], bool]) -> None:
    if stop() or time.monotonic() > until:
        raise Busy(_("Another MIRAGE server changes this atlas now. Nothing was changed; try again when that has ended."))
