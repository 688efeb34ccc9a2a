"""The SQL database of an atlas's records: connections, what a failure of them means, and statements about many things."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from mirage.errors import AtlasError
from mirage.storage import engines
from mirage.storage.dialects import Upserting, insert_for, insert_in
from mirage.storage.failures import Failures
from mirage.storage.migrations import RECORDS, Schema, lock_schema, version_of
from mirage.storage.records import batched, version
from mirage.wording import _, looked_up

AT_ONCE = 500  # things that a statement takes
MayMake = Callable[[sa.Connection], AbstractContextManager[object]]
_CLOCK_HOLDS = 60.0  # seconds for which it is remembered how far the clock of a server is from this one


def put(connection: sa.Connection, table: sa.Table, *values: Mapping[str, Any], key: str = "") -> None:
    """Insert rows, or replace those of the same key; a column that a row has no value for stays as it is.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    table : sqlalchemy.Table
    *values : mapping
        Column to value, of each row; of two with the same key the last one stays.
    key : str
        Column that rows are known by; the primary key where it is empty.
    """
    for names, alike in groupby(values, tuple):
        connection.execute(upserting(connection.dialect.name, table, names, key), list(alike))


def put_new(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Insert a row, unless there is one of a key that it has; tells whether there was none.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    table : sqlalchemy.Table
    row : mapping
    """
    return bool(connection.execute(insert_for(connection, table).values(row).on_conflict_do_nothing()).rowcount)


@lru_cache(maxsize=128)  # put together once: that takes longer than what it does
def upserting(dialect: str, table: sa.Table, names: tuple[str, ...], key: str = "") -> Upserting:
    """A statement that inserts a row, or replaces these columns of the one that has the same key.

    Parameters
    ----------
    dialect : str
        Name of that of the connection which executes it.
    table : sqlalchemy.Table
    names : tuple of str
        Columns, whose values are given when it is executed.
    key : str
        Column that rows are known by; the primary key where it is empty.
    """
    statement = insert_in(dialect, table).values({name: sa.bindparam(name) for name in names})
    return replacing(statement, table, names, key)


def replacing(statement: Upserting, table: sa.Table, names: Iterable[str], key: str = "") -> Upserting:
    """An insert that replaces these columns of the row that has the same key.

    Parameters
    ----------
    statement : Insert
        By `mirage.storage.dialects.insert_for`.
    table, names, key
        As for `upserting`.
    """
    known_by: Any = [key] if key else list(table.primary_key.columns)
    return statement.on_conflict_do_update(index_elements=known_by, set_={name: statement.excluded[name] for name in names})


class Database:
    """A database of records; it is made where there is none.

    Parameters
    ----------
    url : str
        SQLAlchemy URL.
    schema : Schema
        Its tables; those of an atlas's records when left out.
    may_make : callable
        Gives a context in which it is made where there is none, and raises instead where it may not be. It is given the
        connection, in the transaction that makes it.

    Raises
    ------
    mirage.errors.AtlasError
        When the records are damaged, or of another version than this program's; see `mirage.storage.migrations`.
    mirage.errors.Unavailable
        When the server that they are on does not answer.
    """

    def __init__(self, url: str, schema: Schema = RECORDS, may_make: MayMake = nullcontext) -> None:
        self._schema, self._pool = schema, engines.opened(url)
        self._may_make = may_make
        self._engine = self._pool.engine
        self._told = Failures.of(self._pool, schema.what, schema.restore).told
        self._ahead, self._ahead_until = 0.0, 0.0
        try:
            with self._told():
                self._check_version()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of all connections."""
        self._pool.close()

    def _check_version(self) -> None:
        with self._engine.connect() as connection:
            found = version_of(connection, self._schema)
        if found is None:
            with self._engine.begin() as connection:
                self._begin(connection)
                if version_of(connection, self._schema) is None:  # nobody else has made it meanwhile
                    with self._may_make(connection):
                        self._make(connection)
        elif found != self._schema.newest:
            raise AtlasError(
                _(
                    "The %(what)s are of another version of MIRAGE. Opening the atlas once, as `mirage "
                    "atlas info` does, brings those of an earlier one up to date. Nothing was changed.",
                    what=looked_up(self._schema.what),
                )
            )

    def _make(self, connection: sa.Connection) -> None:
        if self._pool.on_server and not sa.inspect(connection).has_schema(self._pool.name):
            connection.execute(sa.schema.CreateSchema(self._pool.name))
        self._schema.tables.create_all(connection)
        connection.execute(sa.insert(version), {"version_num": self._schema.newest})

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with."""
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[sa.Connection]:
        """A connection in one transaction.

        Parameters
        ----------
        alone : bool
            Nobody else writes from the beginning on, so that what is read in it still holds when it is written.
        """
        with self._told(), self._engine.begin() as connection:
            if alone:
                self._begin(connection)
            elif self._pool.on_server:
                lock_schema(connection, self._pool.name, shared=True)
            yield connection

    def _begin(self, connection: sa.Connection) -> None:
        """Let nobody else write until this transaction ends."""
        if self._pool.on_server:
            lock_schema(connection, self._pool.name)
        else:  # its driver begins no transaction for changes of tables, nor for reading
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def now(self, connection: sa.Connection | None = None) -> float:
        """Seconds since the epoch by the database's own clock: the same for all who have it open, however theirs differ.

        Parameters
        ----------
        connection : sqlalchemy.Connection, optional
            Asked where it is not known now; another one when left out. Who has one gives it, and waits for no second.
        """
        if self._pool.on_server and time.monotonic() >= self._ahead_until:
            with nullcontext(connection) if connection is not None else self.reading() as asked:
                there = asked.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one()
            self._ahead, self._ahead_until = float(there) - time.time(), time.monotonic() + _CLOCK_HOLDS
        return time.time() + self._ahead

    def compact(self) -> None:
        """Give back the room of what was deleted, so that nothing of it stays in the file."""
        with self._outside() as connection:
            if self._pool.on_server:
                names = ", ".join(f'"{self._pool.name}"."{table.name}"' for table in self._schema.tables.sorted_tables)
                connection.exec_driver_sql(f"VACUUM {names}")
                return
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def settle(self) -> None:
        """Leave nothing of what was deleted in the log of changes; what is deleted is written over at once.

        A server sees to its own log.
        """
        if not self._pool.on_server:
            with self._outside() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _outside(self) -> Iterator[sa.Connection]:
        """A connection outside of transactions."""
        with self._told(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

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
            It has a parameter ``keys``, as `mirage.storage.dialects.among` has it.
        """
        with self.reading() as connection:
            for part in batched(keys, AT_ONCE):
                yield from connection.execute(statement, {"keys": part}).all()
