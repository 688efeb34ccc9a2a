"""What each person keeps of one atlas, apart from what the others keep."""

from __future__ import annotations

import threading
from collections import OrderedDict

from mirage.storage.databases import OF_PERSON, Databases
from mirage.storage.store import Store
from mirage.study.quiz.question import Library
from mirage.study.study import Study

_MOST_OPEN = 64


class Studies:
    """The atlas's own study, and that of each person. Safe to share between threads.

    Reviews, ratings and hidden figures are the atlas's, for all of them.

    Parameters
    ----------
    databases, store, library
        As for `mirage.study.study.Study`.
    shared : mirage.study.study.Study, optional
        Where reviews and hidden figures are kept, when that is apart from all of these.

    Attributes
    ----------
    own : mirage.study.study.Study
        Of whoever has the machine.
    """

    def __init__(self, databases: Databases, store: Store, library: Library, shared: Study | None = None) -> None:
        self.own = Study(databases, store, library, reviews=shared.reviews if shared else None)
        self._shared = shared
        self._parts = databases, store, library
        self._databases = databases
        self._open: OrderedDict[str, Study] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, person: str) -> Study:
        """What somebody keeps.

        Parameters
        ----------
        person : str
            Id; empty for whoever has the machine.
        """
        if not person:
            return self.own
        with self._lock:
            found = self._open.get(person)
            if found is None:
                found = self._open[person] = Study(*self._parts, OF_PERSON + person, reviews=self.own.reviews)
            self._open.move_to_end(person)
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)[1].close()  # one that is in use opens again by itself
        return found

    def size(self, person: str) -> int:
        """How many bytes what somebody keeps takes."""
        return self._databases.size(OF_PERSON + person)

    def remove(self, person: str) -> None:
        """Delete all that somebody kept, for good."""
        with self._lock:
            if found := self._open.pop(person, None):
                found.close()
        self._databases.remove(OF_PERSON + person)

    def close(self) -> None:
        """Let go of all connections."""
        with self._lock:
            for each in (self.own, self._shared, *self._open.values()):
                if each is not None:
                    each.close()
