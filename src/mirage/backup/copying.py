"""Databases of an atlas, copied row by row from one engine to the other, and compared by counts and digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import sqlalchemy as sa

from mirage.errors import AtlasError
from mirage.people.records import SCHEMA as PEOPLE_SCHEMA
from mirage.storage.database import AT_ONCE
from mirage.storage.databases import PEOPLE, RECORDS_NAME, Databases
from mirage.storage.engines import opened
from mirage.storage.failures import Failures
from mirage.storage.migrations import RECORDS, Schema, lock_schema, version_of
from mirage.storage.records import version
from mirage.study.records import SCHEMA as STUDY_SCHEMA
from mirage.wording import _, looked_up

Of = Callable[[str], sa.Connection]
"""Given the name of a database, a connection to it, until it is given another."""
Progress = Callable[[int, int], None]
"""Told how many rows are done, of how many."""


def schema_of(name: str) -> Schema:
    """The tables of a database, by its name in `mirage.storage.databases.Databases`."""
    return {RECORDS_NAME: RECORDS, PEOPLE: PEOPLE_SCHEMA}.get(name, STUDY_SCHEMA)


def tables_of(name: str) -> list[sa.Table]:
    """Those that are copied, each after those that it refers to."""
    return [table for table in schema_of(name).tables.sorted_tables if table.name != version.name]


@contextmanager
def reading(databases: Databases) -> Iterator[Of]:
    """See the databases as they are now, whatever is written meanwhile: of a server all as they are at one moment.

    Parameters
    ----------
    databases : mirage.storage.databases.Databases

    Raises
    ------
    mirage.errors.AtlasError, mirage.errors.Unavailable, mirage.errors.Busy
        When one cannot be read, or is of another version than this program's.
    """
    with ExitStack() as stack:
        if databases.server:
            one = _connected(stack, databases, RECORDS_NAME).execution_options(isolation_level="REPEATABLE READ")
            one.exec_driver_sql("SET TRANSACTION READ ONLY")
            one.exec_driver_sql("SET LOCAL statement_timeout = 0")

        files: dict[str, sa.Connection] = {}

        def of(name: str) -> sa.Connection:
            if databases.server:
                found = one.execution_options(schema_translate_map={None: name})
            elif name in files:
                return files[name]
            else:
                found = files[name] = _connected(stack, databases, name)
                found.exec_driver_sql("BEGIN")
            if version_of(found, schema_of(name)) != schema_of(name).newest:
                raise AtlasError(
                    _(
                        "The %(what)s are of another version of MIRAGE. Open the atlas once, as `mirage "
                        "atlas info` does; then do this again. Nothing was changed.",
                        what=looked_up(schema_of(name).what),
                    )
                )
            return found

        yield of


@contextmanager
def writing(databases: Databases) -> Iterator[Of]:
    """Make databases and fill them: on a server all of them in one transaction, and all or none.

    Parameters
    ----------
    databases : mirage.storage.databases.Databases

    Raises
    ------
    mirage.errors.AtlasError, mirage.errors.Unavailable, mirage.errors.Busy
    """
    with ExitStack() as stack:
        if databases.server:
            one = _connected(stack, databases, RECORDS_NAME)
            stack.enter_context(one.begin())
            one.exec_driver_sql("SET LOCAL statement_timeout = 0")

        def of(name: str) -> sa.Connection:
            if not databases.server:
                databases.open(name, schema_of(name)).close()
                found = _connected(stack, databases, name)
                stack.enter_context(found.begin())
                return found
            found = one.execution_options(schema_translate_map={None: name})
            lock_schema(found, name)
            if not sa.inspect(found).has_schema(name):
                found.execute(sa.schema.CreateSchema(name))
            if version_of(found, schema_of(name)) is None:
                schema_of(name).tables.create_all(found)
                found.execute(sa.insert(version), {"version_num": schema_of(name).newest})
            return found

        yield of


def _connected(stack: ExitStack, databases: Databases, name: str) -> sa.Connection:
    pool, schema = stack.enter_context(closing(opened(databases.url(name)))), schema_of(name)
    stack.enter_context(Failures.of(pool, schema.what, schema.restore).told())
    return stack.enter_context(pool.engine.connect())


def count(source: Of, names: list[str]) -> int:
    """How many rows some databases have."""
    counts = (sa.select(sa.func.count()).select_from(table) for name in names for table in tables_of(name))
    places = [name for name in names for _ in tables_of(name)]
    return sum(source(name).execute(asked).scalar_one() for name, asked in zip(places, counts, strict=True))


def copy(source: Of, target: Of, name: str, step: Callable[[int], None]) -> None:
    """Copy the rows of a database into one that has none, and read them again there.

    Parameters
    ----------
    source, target : callable
        By `reading` and `writing`.
    name : str
    step : callable
        Told of each so many rows.

    Raises
    ------
    mirage.errors.AtlasError
        When the target has rows, or what is read there is not what was written.
    """
    given, taking = source(name), target(name)
    for table in tables_of(name):
        if taking.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise AtlasError(
                _(
                    "There are %(what)s already where these were to go. Nothing was changed.",
                    what=looked_up(schema_of(name).what),
                )
            )
        written = hashlib.sha256()
        for rows in _parts(given, table):
            _add(written, rows)
            taking.execute(sa.insert(table), [dict(row) for row in rows])
            step(len(rows))
        if written.digest() != digest(taking, table):
            raise AtlasError(
                _("The table %(table)s did not arrive as it was sent. Nothing was changed; try again.", table=table.name)
            )
        _count_on(taking, name, table)


def digest(connection: sa.Connection, table: sa.Table) -> bytes:
    """A digest (SHA-256) of a table's rows, the same on every engine."""
    found = hashlib.sha256()
    for rows in _parts(connection, table):
        _add(found, rows)
    return found.digest()


def _parts(connection: sa.Connection, table: sa.Table) -> Iterator[list[sa.RowMapping]]:
    asked = sa.select(table).order_by(*table.primary_key.columns)
    for part in connection.execute(asked, execution_options={"yield_per": AT_ONCE}).mappings().partitions():
        yield list(part)


def _add(to: Any, rows: list[sa.RowMapping]) -> None:
    for row in rows:
        # PostgreSQL keeps no NUL.
        values = [value.replace("\0", "") if isinstance(value, str) else value for value in row.values()]
        to.update(repr(values).encode("utf-8", "surrogatepass"))


def _count_on(connection: sa.Connection, name: str, table: sa.Table) -> None:
    """Let a server number what comes next behind what was copied."""
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None:
        return
    last = connection.execute(sa.select(sa.func.max(column))).scalar()
    if last is not None:
        sequence = sa.func.pg_get_serial_sequence(f'"{name}"."{table.name}"', column.name)
        connection.execute(sa.select(sa.func.setval(sequence, last)))
