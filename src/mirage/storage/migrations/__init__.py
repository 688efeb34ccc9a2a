"""Bring the records of an earlier version up to date: alembic runs the revisions that lie here."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mirage.errors import ROOM, AtlasError, check_room
from mirage.storage.records import VERSION, figures, version

COPY = "records.sqlite.before"
RESTORE = "Restore the folder from a copy, or add its corpora anew."


def version_of(connection: sa.Connection) -> str | None:
    """Which revision some records are of: empty for those from before there were any, None where there are no records."""
    there = sa.inspect(connection)
    if not there.has_table(version.name):
        return "" if there.has_table(figures.name) else None
    return connection.execute(sa.select(version.c.version_num)).scalar() or ""


def upgrade(path: Path) -> None:
    """Bring a file of records up to date, in one transaction; nothing happens when it is, or when it is not there.

    Killed at any point, the file is what it was, and the next call does it all. A copy lies beside it until it has ended.

    Parameters
    ----------
    path : Path
        Of ``records.sqlite``, which nobody else has open.

    Raises
    ------
    mirage.errors.AtlasError
        When the records are of a newer version than this program, or damaged; nothing was changed.
    mirage.errors.Unavailable
        When the disk has no room for the copy and the changes.
    """
    if not path.exists():
        return
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    sa.event.listen(engine, "connect", _own_transactions)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection:
            found = version_of(connection)
        if found == VERSION:
            with suppress(OSError):  # left by an upgrade that was killed after it was committed; a disk may be read-only
                path.with_name(COPY).unlink(missing_ok=True)
        if found is None or found == VERSION:
            return
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            raise AtlasError(
                f"The records {path} are of an older version of MIRAGE. Bringing them up to date needs a disk and a folder "
                "that can be written to: copy the atlas to one and open it there. Nothing was changed."
            )
        size = path.stat().st_size
        check_room(path.parent, 3 * size + ROOM)
        _copy(path, path.with_name(COPY))
        with engine.begin() as connection:
            _run(connection, found)
        path.with_name(COPY).unlink(missing_ok=True)
    except sa.exc.DatabaseError as error:
        raise AtlasError(
            f"The records {path} could not be brought up to date ({error.orig}). Nothing was changed. {RESTORE}"
        ) from error
    finally:
        engine.dispose()


def _run(connection: sa.Connection, found: str) -> None:
    # Slow to import, and only needed for records of an earlier version.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    folder = str(Path(__file__).parent)
    scripts = ScriptDirectory(folder, version_locations=[folder])
    if found and found not in {script.revision for script in scripts.walk_revisions()}:
        raise AtlasError(
            f"The atlas's records have version {found[:40]!r}; this MIRAGE knows those up to {VERSION}. Update MIRAGE, or "
            "open another atlas. Nothing was changed."
        )
    with EnvironmentContext(Config(), scripts, fn=lambda revision, _: scripts._upgrade_revs("head", revision)) as context:
        context.configure(connection=connection, render_as_batch=True, transactional_ddl=True)
        context.run_migrations()


def _copy(path: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _own_transactions(connection: Any, _record: object) -> None:
    # The driver would begin no transaction for changes of tables; and changing a table must not delete what refers to it.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=OFF")
