"""The nearest vectors in PostgreSQL: by a graph's candidates, or by looking at each vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from mirage.indexes import postgres_reading as reading
from mirage.indexes.base import IndexQuery, Ranked

if TYPE_CHECKING:
    import psycopg

_FEW = 3_000  # figures that pass a filter, which are looked at one by one


class Question:
    """One vector that nearest ones are looked for.

    Parameters
    ----------
    connection : psycopg.Connection
    ask : IndexQuery
    passing : (n,) int32 or None
        Keys of the figures that may be listed; None for all.
    unsure : (int, str) or None
        What `mirage.indexes.postgres_reading.VERSION` gives if the index is as it was taken to be; None where that is known.

    Attributes
    ----------
    few : bool
        Whether those that pass are so few, or known by their keys alone, that each is looked at.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], ask: IndexQuery, passing: Any, unsure: tuple[int, str] | None
    ) -> None:
        from pgvector import Vector as Sent  # noqa: PLC0415 - an extra

        self.connection, self.passing = connection, passing
        self.few = passing is not None and (len(passing) <= _FEW or ask.among is not None)
        self._vector = None if ask.vector is None else Sent(np.asarray(ask.vector, np.float32))
        self._length, self._filters, self._unsure = self._vector.dimensions() if self._vector else 0, ask.filters, unsure

    def at_most(self, most: int) -> int:
        """How many of so many there can be."""
        return most if self.passing is None else min(most, len(self.passing))

    def many(
        self, wanted: Sequence[tuple[str, int]], *, exact: bool, meanwhile: Callable[[], None] = lambda: None
    ) -> list[Ranked]:
        """The nearest by each of some columns, in one round trip, the best first.

        Parameters
        ----------
        wanted : sequence of (str, int)
            "image", "caption" or "slice", and how many. From the graph, a key may come with several of its slices.
        exact : bool
            Compare with every exact vector; else candidates come from the graph.
        meanwhile : callable
            What is done while the server looks.

        Raises
        ------
        mirage.indexes.postgres_reading.Changed
            When the index is not as it was taken to be.
        """
        sent: list[Any] = []
        with self.connection.pipeline() if wanted or self._unsure else nullcontext():
            version = self.connection.execute(reading.VERSION) if self._unsure else None
            for column, most in wanted:
                cursor = self.connection.cursor(binary=True)
                sent.append(cursor.execute(*(self._exactly if exact else self._by_graph)(column, most)))
            meanwhile()
        if version and version.fetchone() != self._unsure:
            raise reading.Changed
        self._unsure = None
        found = [cursor.fetchall() for cursor in sent]
        return found if exact else [sorted(one, key=lambda hit: -hit[1]) for one in found]

    def _exactly(self, column: str, most: int) -> tuple[str, list[Any]]:
        table, clause, given = _table(column), *self._where(exact=True)
        score = f"-({column} <#> %s)"
        what, end = (f"max({score})", "GROUP BY key") if column == "slice" else (score, "")
        statement = f"SELECT key, {what} FROM {table} WHERE {column} IS NOT NULL{clause} {end}"  # noqa: S608
        return f"{statement} ORDER BY 2 DESC, 1 LIMIT %s", [self._vector, *given, most]

    def _by_graph(self, column: str, most: int) -> tuple[str, list[Any]]:
        table, clause, given = _table(column), *self._where(exact=False)
        half = f"halfvec({self._length})"
        statement = f"SELECT key, -({column} <#> %s) FROM {table} WHERE {column} IS NOT NULL{clause}"  # noqa: S608
        return f"{statement} ORDER BY {column}::{half} <#> %s::vector::{half} LIMIT %s", [
            self._vector,
            *given,
            self._vector,
            most,
        ]

    def _where(self, *, exact: bool) -> tuple[str, list[Any]]:
        if self.passing is None:
            return "", []
        if exact and self.few:
            return " AND key = ANY(%s::integer[])", ["{" + ",".join(map(str, self.passing.tolist())) + "}"]
        return "".join(f" AND {name} = ANY(%s)" for name in self._filters), [list(one) for one in self._filters.values()]


def _table(column: str) -> str:
    return "mirage_slices" if column == "slice" else "mirage_points"
