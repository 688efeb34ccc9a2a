"""The SQL database of an atlas's records: connections, what a failure of them means, and statements about many things."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.pool import QueuePool

from mirage.errors import AtlasError, MirageError, Unavailable
from mirage.storage.migrations import RECORDS, Schema, version_of
from mirage.storage.records import batched, version

AT_ONCE = 500  # things that a statement takes
_PRAGMAS = (
    "busy_timeout=60000",  # milliseconds that another who writes is waited for; the rest may have to wait, too
    "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON", "mmap_size=268435456",
)  # fmt: skip


def each_of(name: str) -> sa.Select[Any]:
    """The things in a parameter that is a list: as JSON, so that the statement is the same however many there are."""
    return sa.select(sa.func.json_each(sa.bindparam(name, type_=sa.JSON)).table_valued("value").c.value)


def put(connection: sa.Connection, table: sa.Table, *values: Mapping[str, Any]) -> None:
    """Insert rows of the same columns, or replace those of the same primary key.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    table : sqlalchemy.Table
    *values : mapping
        Column to value, of each row.
    """
    if values:
        connection.execute(upserting(table, tuple(values[0])), list(values))


@lru_cache(maxsize=64)  # put together once: that takes longer than what it does
def upserting(table: sa.Table, names: tuple[str, ...], key: str = "") -> Insert:
    """A statement that inserts a row, or replaces these columns of the one that has the same key.

    Parameters
    ----------
    table : sqlalchemy.Table
    names : tuple of str
        Columns, whose values are given when it is executed.
    key : str
        Column that rows are known by; the primary key where it is empty.
    """
    statement = upsert(table).values({name: sa.bindparam(name) for name in names})
    known_by = [key] if key else table.primary_key.columns
    return statement.on_conflict_do_update(known_by, set_={name: statement.excluded[name] for name in names})


class Database:
    """A database of records; it is made where there is none.

    Parameters
    ----------
    url : str
        SQLAlchemy URL.
    schema : Schema
        Its tables; those of an atlas's records when left out.

    Raises
    ------
    mirage.errors.AtlasError
        When the records are damaged, or of another version than this program's; see `mirage.storage.migrations`.
    """

    def __init__(self, url: str, schema: Schema = RECORDS) -> None:
        self._schema = schema
        # An error must not repeat what was to be written: it goes to a log, and that may name somebody.
        self._engine = sa.create_engine(url, poolclass=QueuePool, pool_size=8, max_overflow=32, hide_parameters=True)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _sqlite_pragmas)
        with self._clear_errors():
            self._check_version()

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _check_version(self) -> None:
        with self._engine.connect() as connection:
            found = version_of(connection, self._schema)
        if found is None:
            with self._engine.begin() as connection:
                self._begin(connection)
                if version_of(connection, self._schema) is None:  # nobody else has made it meanwhile
                    self._schema.tables.create_all(connection)
                    connection.execute(sa.insert(version), {"version_num": self._schema.newest})
        elif found != self._schema.newest:
            self.close()
            raise AtlasError(
                f"The {self._schema.what} are of another version of MIRAGE. "
                "Opening the atlas once, as `mirage atlas info` does, brings "
                "those of an earlier one up to date. Nothing was changed."
            )

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
            reason = str(getattr(error, "orig", error))
            told: MirageError = AtlasError(f"The atlas's {self._schema.what} could not be used: {reason}.")
            if not isinstance(error, (sa.exc.OperationalError, sqlite3.OperationalError)):
                told = AtlasError(f"The atlas's {self._schema.what} are damaged ({reason}). {self._schema.restore}")
            elif "full" in reason:
                what = "the last step was not stored, everything before it is"
                told = Unavailable(f"The disk is full; {what}. Make room and run it again.")
            elif "readonly" in reason:
                told = AtlasError(f"The atlas cannot be written to ({reason}). Check the folder's permissions.")
            raise told from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with."""
        with self._clear_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[sa.Connection]:
        """A connection in one transaction.

        Parameters
        ----------
        alone : bool
            Nobody else writes from the beginning on, so that what is read in it still holds when it is written.
        """
        with self._clear_errors(), self._engine.begin() as connection:
            if alone:
                self._begin(connection)
            yield connection

    def _begin(self, connection: sa.Connection) -> None:
        if self._engine.dialect.name == "sqlite":  # whose driver begins none for changes of tables, nor for reading
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def compact(self) -> None:
        """Give back the room of what was deleted, so that nothing of it stays in the file."""
        with self._clear_errors(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def settle(self) -> None:
        """Leave nothing of what was deleted in the log of changes; what is deleted is written over at once."""
        with self._clear_errors(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def rows(self, statement: sa.Select[Any]) -> list[Any]:
        """What a statement finds."""
        with self.reading() as connection:
            return list(connection.execute(statement).all())

    def rows_of(self, keys: Iterable[Any], statement: sa.Select[Any]) -> Iterator[Any]:
        """The rows for keys, as many of these at once as a statement takes.

        Parameters
        ----------
        keys : iterable
        statement : sqlalchemy.Select
            It has a parameter ``keys``, as `each_of` makes it.
        """
        with self.reading() as connection:
            for part in batched(keys, AT_ONCE):
                yield from connection.execute(statement, {"keys": part}).all()


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
