"""Bring a database of an earlier version up to date: alembic runs its revisions; those of an atlas's records lie here."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mirage.errors import ROOM, AtlasError, check_room
from mirage.storage import engines
from mirage.storage.failures import Failures
from mirage.storage.records import VERSION, figures, metadata, version
from mirage.wording import N_, _, looked_up


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one database, and how an earlier version of them is brought up to date.

    Attributes
    ----------
    what : str
        What messages call what is in it: "records".
    tables : sqlalchemy.MetaData
        With `mirage.storage.records.version`, or a table like it, among them.
    newest : str
        The last of its revisions.
    oldest : str
        A table that was there before there were versions; empty where there always were.
    revisions : Path
        The folder in which they lie.
    restore : str
        What to do when it is damaged, as a sentence.
    """

    what: str
    tables: sa.MetaData
    newest: str
    oldest: str
    revisions: Path
    restore: str


RECORDS = Schema(
    N_("records"),
    metadata,
    VERSION,
    figures.name,
    Path(__file__).parent,
    N_("Restore the folder from a copy, or add its corpora anew."),
)


def version_of(connection: sa.Connection, schema: Schema = RECORDS) -> str | None:
    """Which revision a database is of: empty for one from before there were any, None where there is nothing in it.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    schema : Schema
    """
    there, place = sa.inspect(connection), connection.schema_for_object(version)
    if not there.has_table(version.name, place):
        return "" if schema.oldest and there.has_table(schema.oldest, place) else None
    return connection.execute(sa.select(version.c.version_num)).scalar() or ""


def lock_schema(connection: sa.Connection, name: str, *, shared: bool = False) -> None:
    """Let nobody else change a schema of a PostgreSQL database until the transaction ends.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        In a transaction.
    name : str
        Of the schema.
    shared : bool
        Let others change it too who lock it so.
    """
    lock = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
    connection.execute(sa.select(lock(sa.func.hashtextextended(f"mirage {name}", 0))))


def upgrade_server(url: str, schema: Schema = RECORDS) -> None:
    """Bring a schema of a PostgreSQL database up to date, in one transaction; nothing happens when it is, or is not there.

    Of several that begin at once one does it, and the others wait for it.

    Parameters
    ----------
    url : str
        As `mirage.storage.databases.Databases.url` has it.
    schema : Schema
        Its tables.

    Raises
    ------
    mirage.errors.AtlasError
        When it is of a newer version than this program; nothing was changed.
    """
    pool = engines.opened(url)
    with closing(pool), Failures.of(pool, schema.what, schema.restore).told():
        with pool.engine.connect() as connection:
            found = version_of(connection, schema)
        if found is None or found == schema.newest:
            return
        with pool.engine.begin() as connection:
            # Revisions say no schema: they change the tables of the one that is looked in.
            connection.exec_driver_sql(f'SET LOCAL search_path TO "{pool.name}"')
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            lock_schema(connection, pool.name)
            found = version_of(connection, schema)
            if found and found != schema.newest:
                _run(connection, found, schema)


def upgrade(path: Path, schema: Schema = RECORDS) -> None:
    """Bring a file of records up to date, in one transaction; nothing happens when it is, or when it is not there.

    Killed at any point, the file is what it was, and the next call does it all. A copy lies beside it until it has ended.

    Parameters
    ----------
    path : Path
        Of ``records.sqlite``, which nobody else has open.
    schema : Schema
        Of another database.

    Raises
    ------
    mirage.errors.AtlasError
        When the records are of a newer version than this program, or damaged; nothing was changed.
    mirage.errors.Unavailable
        When the disk has no room for the copy and the changes.
    """
    if not path.exists():
        return
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool, hide_parameters=True)
    sa.event.listen(engine, "connect", _own_transactions)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection:
            found = version_of(connection, schema)
        copy = path.with_name(f"{path.name}.before")
        if found == schema.newest:
            with suppress(OSError):  # left by an upgrade that was killed after it was committed; a disk may be read-only
                copy.unlink(missing_ok=True)
        if found is None or found == schema.newest:
            return
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            raise AtlasError(
                _(
                    "The %(what)s %(path)s are of an older version of MIRAGE. Bringing them up to date "
                    "needs a disk and a folder that can be written to: copy the atlas to one and open it "
                    "there. Nothing was changed.",
                    what=looked_up(schema.what),
                    path=path,
                )
            )
        size = path.stat().st_size
        check_room(path.parent, 3 * size + ROOM)
        _copy(path, copy)
        with engine.begin() as connection:
            _run(connection, found, schema)
        with closing(sqlite3.connect(path)) as records:  # so that nothing of what was taken out stays in the file
            records.execute("VACUUM")
        copy.unlink(missing_ok=True)
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        reason = getattr(error, "orig", error)
        raise AtlasError(
            _(
                "The %(what)s %(path)s could not be brought up to date (%(reason)s). Nothing was changed. %(restore)s",
                what=looked_up(schema.what),
                path=path,
                reason=reason,
                restore=looked_up(schema.restore),
            )
        ) from error
    finally:
        engine.dispose()


def _run(connection: sa.Connection, found: str, schema: Schema) -> None:
    # Slow to import, and only needed for records of an earlier version.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    folder = str(schema.revisions)
    scripts = ScriptDirectory(folder, version_locations=[folder])
    if found and found not in {script.revision for script in scripts.walk_revisions()}:
        raise AtlasError(
            _(
                "The atlas's %(what)s have version %(found)s; this MIRAGE knows those up to "
                "%(newest)s. Update MIRAGE, or open another atlas. Nothing was changed.",
                what=looked_up(schema.what),
                found=repr(found[:40]),
                newest=schema.newest,
            )
        )
    with EnvironmentContext(Config(), scripts, fn=lambda revision, _: scripts._upgrade_revs("head", revision)) as context:
        context.configure(connection=connection, render_as_batch=True, transactional_ddl=True)
        context.run_migrations()


def _copy(path: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    target.touch(mode=stat.S_IMODE(path.stat().st_mode))  # read by nobody who may not read the other
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _own_transactions(connection: Any, _record: object) -> None:
    # The driver would begin no transaction for changes of tables; and changing a table must not delete what refers to it.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=OFF")
