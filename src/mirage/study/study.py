"""What a person keeps of one atlas: the facade over the rooms of study."""

from __future__ import annotations

import threading
from pathlib import Path

from mirage.storage.database import Database
from mirage.storage.migrations import upgrade
from mirage.storage.store import Store
from mirage.study.collections import Collections
from mirage.study.records import FILE, SCHEMA


class Study:
    """What is kept beside an atlas, in ``study.sqlite``. The file is made when something is first kept.

    Parameters
    ----------
    folder : Path
        Of the atlas.
    store : mirage.storage.store.Store
        The atlas's records, which tell what is still there.

    Attributes
    ----------
    collections : mirage.study.collections.Collections
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self._path = folder / FILE
        self._opened: Database | None = None
        self._lock = threading.Lock()
        self.collections = Collections(self._database, store)

    def _database(self, make: bool) -> Database | None:
        """The database; None where nothing was ever kept and nothing is to be now."""
        with self._lock:
            if self._opened is None and (make or self._path.exists()):
                upgrade(self._path, SCHEMA)
                self._opened = Database(f"sqlite:///{self._path}", SCHEMA)
            return self._opened

    def close(self) -> None:
        """Let go of all connections."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None
