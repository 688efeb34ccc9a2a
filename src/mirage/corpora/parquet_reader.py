"""Parquet files read by a process that may die, take too much memory or never answer: `mirage.corpora.parquet_child`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, cast

from mirage.corpora.away import Away
from mirage.images.child import BREAKS, ChildError, child_of
from mirage.images.limits import DEFAULT_LIMITS
from mirage.wording import _

CHILD = Path(__file__).with_name("parquet_child.py")
MOST_BYTES = 10**9
"""What the process may take beside the libraries that it loads."""
MOST_SECONDS = 60.0
"""How long it may take for one answer."""
_MOST_DEATHS = 2  # of the process, by one file, after which the file is not read again


class ParquetFault(Exception):
    """What is wrong with a file or a part of it, in a few words that can follow its name in brackets."""


class ParquetReader:
    """Reads rows and pictures of parquet files. Threads may ask at once; all readers share one process.

    Parameters
    ----------
    away : Away, optional
        Where the files lie, if not here: of each that is read which is wanted.
    seconds : float
        For one answer.
    """

    def __init__(self, away: Away | None = None, *, seconds: float = MOST_SECONDS) -> None:
        self._away, self._seconds = away, seconds
        self._deaths: Counter[Path] = Counter()
        self._process = child_of(CHILD, MOST_BYTES)

    def describe(self, path: Path) -> dict[str, Any]:
        """What a file holds: ``columns``, ``rows``, ``groups``, and the type of the column ``image``.

        Raises
        ------
        ParquetFault
        """
        return self._ask(path, "describe")[0]

    def rows(self, path: Path, group: int, columns: list[str]) -> tuple[int, list[dict[str, Any]]]:
        """Columns of a row group, and the bytes that its pictures take.

        Raises
        ------
        ParquetFault
        """
        told, _ = self._ask(path, "rows", group, columns)
        return int(told["size"]), cast("list[dict[str, Any]]", told["values"])

    def picture(self, path: Path, group: int, row: int) -> tuple[bytes | None, str]:
        """A row's picture, None where there is nothing at all, and the path that stands beside it.

        Raises
        ------
        ParquetFault
        """
        told, data = self._ask(path, "picture", group, row)
        return (data if told["there"] else None), str(told["path"])

    def _ask(self, path: Path, what: str, *more: Any) -> tuple[dict[str, Any], bytes]:
        if self._away is None:
            return self._answer(path, what, *more)
        with self._away.lock:
            try:
                self._away.fill_foot(path)
                if what != "describe":
                    columns = more[1] if what == "rows" else ["image"]
                    self._away.fill(path, self._answer(path, "places", more[0], columns)[0]["places"])
            except OSError as error:
                raise ParquetFault(str(error.strerror or error)) from None
            return self._answer(path, what, *more)

    def _answer(self, path: Path, what: str, *more: Any) -> tuple[dict[str, Any], bytes]:
        if self._deaths[path] >= _MOST_DEATHS:
            raise ParquetFault(_(BREAKS))
        try:
            told, data = self._process.ask(
                what, str(path.absolute()), *more, seconds=self._seconds, most=DEFAULT_LIMITS.file_bytes
            )
        except ChildError as error:
            self._deaths[path] += 1
            raise ParquetFault(str(error)) from None
        if "error" in told:
            raise ParquetFault(str(told["error"]))
        return told, data
