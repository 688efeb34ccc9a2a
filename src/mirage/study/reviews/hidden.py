"""Figures that are hidden from learners, as those that educators called misleading. Searches leave them out, and say so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import sqlalchemy as sa

from mirage.storage.database import Database, put
from mirage.storage.sharing import HIDDEN, announce
from mirage.study.records import hidden


class Hidden:
    """Which figures are hidden.

    Parameters
    ----------
    database : callable
        As for `mirage.study.reviews.reviews.Reviews`.
    """

    def __init__(self, database: Callable[[bool], Database | None]) -> None:
        self._open = database
        self._known: frozenset[str] | None = None  # every search asks
        self._lock = threading.Lock()

    def figures(self) -> frozenset[str]:
        """References of the figures that are hidden."""
        with self._lock:
            if self._known is None:
                database = self._open(False)
                rows = database.rows(sa.select(hidden.c.figure)) if database is not None else []
                self._known = frozenset(row.figure for row in rows)
            return self._known

    def forget(self) -> None:
        """Look anew at what is hidden: the tables were changed by other means."""
        with self._lock:
            self._known = None

    def set(self, figure: str, hide: bool) -> None:
        """Hide a figure, or show it again.

        Parameters
        ----------
        figure : str
            Its reference.
        hide : bool
        """
        database = self._open(True)
        assert database is not None
        with self._lock, database.writing(alone=True) as connection:
            if hide:
                put(connection, hidden, {"figure": figure, "since": time.time()})
            else:
                connection.execute(sa.delete(hidden).where(hidden.c.figure == figure))
            announce(connection, HIDDEN)
            self._known = None
