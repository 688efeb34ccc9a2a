"""Connections to a PostgreSQL server for `mirage.indexes.postgres`, and what its errors mean.

One index is one SQL schema, ``index_`` and the collection's name. Connections are kept in SQLAlchemy's pool and looked at
before each use, without asking the server, so that a server which was started again is no error. Statements run by
themselves or in `writing`, a transaction that nobody else writes beside: two servers on one database may ask and add at
once.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from mirage.errors import AtlasError, BadInput, MirageError, Unavailable
from mirage.installed import to_install
from mirage.wording import N_, _

if TYPE_CHECKING:
    import psycopg

EXAMPLE = "postgresql://user@host/database/collection"
_LONGEST = 42  # with what stands before it, and what a rebuild puts behind it, a name of 63 letters, the most there are
_COLLECTION = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{_LONGEST - 1}}}(-[0-9a-f]{{12}}(-2)?)?")
_CONNECT_SECONDS = 10
_WAS_CLOSED = N_("The atlas was closed. Open it again to go on.")
_RESTRICTED = "42501"  # insufficient_privilege
_SEARCHING = (
    "hnsw.ef_search=100",
    "hnsw.iterative_scan=strict_order",  # with a filter the graph is walked until enough pass it
    "enable_seqscan=off",  # beside a filter the planner takes the graph for dearer than it is
    "plan_cache_mode=force_custom_plan",  # a plan for any vector knows nothing of the one that is asked
    "jit=off",
)


class Server:
    """The connections to one index's schema.

    Parameters
    ----------
    address : str
        As `EXAMPLE`.
    seconds : float
        A question that takes longer is given up.

    Attributes
    ----------
    place : str
        The address as it may be shown.
    collection : str
    schema : str
        Of the collection.

    Raises
    ------
    mirage.errors.BadInput
        When the address is none.
    mirage.errors.Unavailable
        When the packages that it needs are not installed.
    """

    def __init__(self, address: str, seconds: float) -> None:
        if not (find_spec("psycopg") and find_spec("pgvector")):
            raise Unavailable(
                _(
                    "The index needs the packages psycopg and pgvector. Install them: %(install)s",
                    install=to_install("psycopg[binary]", "pgvector"),
                )
            )
        url, self.collection = split(address)
        self.place, self.schema, self._closed = address, f"index_{self.collection}", False
        given = " ".join(f"-c {one}" for one in (*_SEARCHING, f"statement_timeout={int(seconds * 1000)}"))
        options = f"{given} -csearch_path={_quoted(self.schema)},public"
        self._engine = sa.create_engine(
            url.update_query_dict({"options": options}), poolclass=QueuePool, pool_size=8, max_overflow=32, pool_timeout=30,
            hide_parameters=True, connect_args={"connect_timeout": _CONNECT_SECONDS, "autocommit": True},
        )  # fmt: skip
        sa.event.listen(self._engine, "checkout", _look_at)

    @contextmanager
    def reading(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection on which each statement is a transaction of its own."""
        with self._explained():
            if self._closed:
                raise AtlasError(_(_WAS_CLOSED))
            lent = self._engine.raw_connection()
            try:
                connection = cast("psycopg.Connection[Any]", lent.driver_connection)
                if "vectors" not in lent.info:
                    self._know_vectors(connection)
                    lent.info["vectors"] = True
                yield connection
            except BaseException:
                lent.invalidate()  # a pipeline or a copy that broke off may have left it anywhere
                raise
            finally:
                lent.close()

    @contextmanager
    def writing(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection in a transaction in which nobody else writes to this index; however long it takes."""
        with self.reading() as connection, connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (zlib.crc32(self.schema.encode()),))
            yield connection

    def _know_vectors(self, connection: psycopg.Connection[Any]) -> None:
        from pgvector.psycopg import register_vector  # noqa: PLC0415 - an extra

        connection.execute(  # the extension may lie in any schema
            "SELECT set_config('search_path', quote_ident(%s) || ',' || extnamespace::regnamespace::text, false) "
            "FROM pg_extension WHERE extname = 'vector'",
            (self.schema,),
        )
        register_vector(connection)

    def prepare(self) -> None:
        """Have the extension and the schema, which has no tables yet.

        Raises
        ------
        mirage.errors.AtlasError
            When somebody else has to make them; the message says how.
        """
        with self._explained():
            try:
                with self._engine.begin() as connection:
                    lock = sa.text(
                        "SELECT pg_advisory_xact_lock(hashtext('mirage index'))"
                    )  # IF NOT EXISTS alone is no lock
                    connection.execute(lock)
                    there = sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'vector'")
                    if not connection.execute(there).scalar():
                        self._add_extension(connection)
                    known = sa.text("SELECT count(*) FROM pg_namespace WHERE nspname = :name")
                    if not connection.execute(known, {"name": self.schema}).scalar():
                        connection.execute(sa.text(f"CREATE SCHEMA {_quoted(self.schema)}"))
            except sa.exc.DBAPIError as error:
                if _state(error) != _RESTRICTED:
                    raise
                raise AtlasError(
                    _(
                        "The user of %(place)s may make no schema there. Its administrator allows it with: "
                        "GRANT CREATE ON DATABASE … TO … ;",
                        place=self.place,
                    )
                ) from error

    def _add_extension(self, connection: sa.Connection) -> None:
        try:
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public"))
        except sa.exc.DBAPIError as error:
            what = (
                _("may not be added by this user") if _state(error) == _RESTRICTED else _("is not installed on that server")
            )
            raise AtlasError(
                _(
                    "The database of %(place)s has no pgvector, and it %(what)s. Its administrator "
                    "installs pgvector 0.8 or later on the server and runs in that database: CREATE "
                    "EXTENSION vector;",
                    place=self.place,
                    what=what,
                )
            ) from error

    def count(self) -> int | None:
        """How many points there are; None where there is no such index, or nothing that it could be in."""
        with self._explained(), self._engine.connect() as connection:
            there = connection.execute(
                sa.text("SELECT to_regclass(:name)"), {"name": f"{_quoted(self.schema)}.mirage_points"}
            ).scalar()
            if there is None:
                return None
            return int(connection.execute(sa.text("SELECT count(*) FROM mirage_points")).scalar_one())

    def drop(self) -> None:
        """Remove the schema and all in it."""
        with self._explained(), self._engine.begin() as connection:
            connection.execute(sa.text(f"DROP SCHEMA IF EXISTS {_quoted(self.schema)} CASCADE"))

    def close(self) -> None:
        """Let go of all connections."""
        self._closed = True
        self._engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        import psycopg  # noqa: PLC0415 - an extra

        try:
            yield
        except MirageError:
            raise
        except sa.exc.TimeoutError as error:
            raise Unavailable(_("Too many questions wait for the PostgreSQL server. Try again in a moment.")) from error
        except (psycopg.Error, sa.exc.DBAPIError) as error:
            if self._closed:
                raise AtlasError(_(_WAS_CLOSED)) from error
            raise self._told(error) from error

    def _told(self, error: Exception) -> MirageError:
        state, original = _state(error), getattr(error, "orig", error)
        reason = (str(original).splitlines() or [type(original).__name__])[0][:300]
        if state in {"53100", "53200"}:
            full = "disk" if state == "53100" else "memory"
            return Unavailable(_("The PostgreSQL server of %(place)s has no %(full)s left; the last step was not "
"indexed. Make room and run it again.", place=self.place, full=full))  # fmt: skip
        if state == "57014":
            return Unavailable(
                _("The PostgreSQL server of %(place)s took too long to answer. Try again in a moment.", place=self.place)
            )
        if state in {"25006", _RESTRICTED}:
            return AtlasError(
                _(
                    "The index %(place)s cannot be written to, or not by this user (%(reason)s).",
                    place=self.place,
                    reason=reason,
                )
            )
        if state in {"3F000", "42P01"}:
            return AtlasError(
                _(
                    "The index %(place)s is not there any more. `mirage atlas rebuild` makes it anew; "
                    "where another server has just done that, try again in a moment.",
                    place=self.place,
                )
            )
        if state[:2] in {"", "08", "28", "3D", "53", "57"} and type(original).__name__ != "ProgrammingError":
            return Unavailable(
                _(
                    "The PostgreSQL server of %(place)s cannot be used just now (%(reason)s). What was "
                    "indexed stays. See that it runs and lets this user in, and try again.",
                    place=self.place,
                    reason=reason,
                )
            )
        return AtlasError(
            _(
                "The index %(place)s cannot be used (%(reason)s). `mirage atlas rebuild` makes it anew.",
                place=self.place,
                reason=reason,
            )
        )


def split(address: str) -> tuple[sa.URL, str]:
    """The URL of the database in an address, and the collection.

    Raises
    ------
    mirage.errors.BadInput
        When it has no collection, has a password, or cannot be read.
    """
    with suppress(sa.exc.ArgumentError, ValueError):
        url = sa.make_url(address)
        database, _other, collection = (url.database or "").rpartition("/")
        if url.password is not None or {"password", "sslpassword"} & url.query.keys():
            raise BadInput(
                _(
                    "The address of the index has a password in it, and addresses are written down and "
                    "shown. Leave it out, and give it as PGPASSWORD, in ~/.pgpass, or in a service file, "
                    "as all programs of PostgreSQL take it."
                )
            )
        if database and "options" not in url.query and _COLLECTION.fullmatch(collection):
            return url.set(drivername="postgresql+psycopg", database=database), collection
    raise BadInput(
        _(
            "An index in PostgreSQL has an address like %(EXAMPLE)s, the collection in small "
            "letters, digits, _ and -, at most %(LONGEST)s; %(address)s is none.",
            EXAMPLE=EXAMPLE,
            LONGEST=_LONGEST,
            address=repr(address[:200]),
        )
    )


def _look_at(connection: Any, *_: object) -> None:
    """Have a connection replaced that the server has ended, as one that stops does; asking it would take a round trip."""
    import psycopg  # noqa: PLC0415 - an extra

    try:
        for _time in range(2):  # its last words may come first
            connection.pgconn.consume_input()
    except psycopg.OperationalError as error:
        raise sa.exc.DisconnectionError from error
    if connection.closed:
        raise sa.exc.DisconnectionError


def _quoted(name: str) -> str:
    return f'"{name}"'  # of letters, digits, _ and -, as `split` has seen to


def _state(error: Exception) -> str:
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""
