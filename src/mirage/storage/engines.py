"""Pools of connections: one for each file, and one for each database of a PostgreSQL server, whatever schemas lie in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from mirage.errors import Unavailable
from mirage.installed import to_install
from mirage.wording import N_, _

_SQLITE = (
    "busy_timeout=60000",  # milliseconds that another who writes is waited for; the rest may have to wait, too
    "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON", "mmap_size=268435456",
)  # fmt: skip
# Milliseconds: as long as SQLite waits for another; for what takes longer than any question does; and for who has left.
_POSTGRES = ("lock_timeout = 60000", "statement_timeout = 600000", "idle_in_transaction_session_timeout = 600000")
_CONNECT_SECONDS = 10
_MISSING = N_("Records in PostgreSQL need psycopg, of the extra `postgres`: `%(install)s`.")


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections to one database of an atlas.

    Attributes
    ----------
    engine : sqlalchemy.Engine
    name : str
        Of the schema, where it is one of a server; else empty.
    close : callable
        Lets go of them.
    """

    engine: sa.Engine
    name: str
    close: Callable[[], None]

    @property
    def on_server(self) -> bool:
        """Whether it is PostgreSQL's."""
        return bool(self.name)


_lock = threading.Lock()
_servers: dict[tuple[int, str], tuple[sa.Engine, int]] = {}  # by process and address; how many use it


def opened(url: str) -> Pool:
    """The connections to a database.

    Parameters
    ----------
    url : str
        Of a file, or as `mirage.storage.databases.Databases.url` has it.

    Raises
    ------
    mirage.errors.Unavailable
        When psycopg is not installed.
    """
    asked = sa.make_url(url)
    if asked.get_backend_name() == "sqlite":
        engine = _made(asked, pool_size=8, max_overflow=32)
        sa.event.listen(engine, "connect", _prepare_file)
        return Pool(engine, "", engine.dispose)
    name = str(asked.query["options"]).removeprefix('-csearch_path="').removesuffix('"')
    server = asked.difference_update_query(["options"])
    key = os.getpid(), server.render_as_string(hide_password=False)
    with _lock:
        engine, users = _servers.get(key) or (_for_server(server), 0)
        _servers[key] = engine, users + 1
    undo = ExitStack()  # once
    undo.callback(_let_go, key)
    # Each statement says the schema: a connection that was another's remembers nothing of it.
    return Pool(engine.execution_options(schema_translate_map={None: name}), name, undo.close)


def _let_go(key: tuple[int, str]) -> None:
    with _lock:
        engine, users = _servers[key]
        if users > 1:
            _servers[key] = engine, users - 1
            return
        del _servers[key]
    engine.dispose()


def _made(url: sa.URL, **options: Any) -> sa.Engine:
    # An error must not repeat what was to be written: it goes to a log, and that may name somebody.
    return sa.create_engine(url, poolclass=QueuePool, hide_parameters=True, **options)


def _for_server(url: sa.URL) -> sa.Engine:
    given = {"application_name": "mirage", "connect_timeout": _CONNECT_SECONDS}
    arguments = {name: value for name, value in given.items() if name not in url.query}
    limits = {"pool_size": 8, "max_overflow": 16, "pool_timeout": 30, "pool_recycle": 3600}
    try:
        # Asked before it is used whether it is there still: the server may have been started anew.
        engine = _made(url, connect_args=arguments, pool_pre_ping=True, **limits)
    except ModuleNotFoundError as error:
        raise Unavailable(_(_MISSING, install=to_install("psycopg[binary]"))) from error
    sa.event.listen(engine, "connect", _prepare_session)
    sa.event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
    return engine


def _prepare_file(connection: Any, _record: object) -> None:
    for pragma in _SQLITE:
        connection.execute(f"PRAGMA {pragma}")


def _prepare_session(connection: Any, _record: object) -> None:
    connection.autocommit = True
    for setting in _POSTGRES:
        connection.execute(f"SET {setting}")
    connection.autocommit = False


def _without_nul(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> Any:
    """PostgreSQL's texts hold every character but NUL, which no text needs."""
    if isinstance(parameters, dict):
        return statement, _cleared(parameters)
    if isinstance(parameters, list):
        return statement, [_cleared(each) if isinstance(each, dict) else each for each in parameters]
    return statement, parameters


def _cleared(parameters: dict[str, Any]) -> dict[str, Any]:
    found = {name: cleared for name, value in parameters.items() if (cleared := _clear(value)) is not value}
    return {**parameters, **found} if found else parameters


def _clear(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "") if "\0" in value else value
    if isinstance(value, list) and any(isinstance(each, str) and "\0" in each for each in value):
        return [_clear(each) for each in value]
    return value
