"""Where the databases of one atlas lie: in files of its folder, or in one database of a PostgreSQL server.

``records`` holds the figures, ``study`` what is kept by whoever uses the atlas alone, ``people`` who may use it, and
``study-`` with a person's id what that person keeps. On a server each of them is a schema of that name.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from mirage.errors import AtlasError, BadInput, NotFound
from mirage.storage.database import Database
from mirage.storage.engines import opened
from mirage.storage.failures import Failures
from mirage.storage.migrations import RECORDS, Schema, upgrade, upgrade_server
from mirage.storage.records import corpora, figures
from mirage.wording import N_, _

RECORDS_NAME, STUDY, PEOPLE, OF_PERSON = "records", "study", "people", "study-"
_NAME = re.compile(f"{RECORDS_NAME}|{STUDY}|{PEOPLE}|{OF_PERSON}[A-Za-z0-9_-]{{1,40}}")
Held = Callable[[str, sa.Connection | None], AbstractContextManager[object]]
DRIVER = "postgresql+psycopg"
_SERVERS = ("postgresql", "postgres", DRIVER)
_WITHOUT = N_(
    "The address of the PostgreSQL server has a password in it, and addresses are written down and shown. Leave it out, and "
    "give it as PGPASSWORD, in ~/.pgpass, or in a service file, as all programs of PostgreSQL take it."
)


class Databases:
    """The databases of one atlas.

    Parameters
    ----------
    folder : Path
        Of the atlas.
    server : str
        Address of a PostgreSQL database, as ``postgresql://user@host/database``; empty for files in the folder.

    Raises
    ------
    mirage.errors.BadInput
        When that is no such address, or has a password in it.

    Attributes
    ----------
    held : callable
        Gives, of a person's id, a context in which that person is not removed, and raises `mirage.errors.NotFound` where
        there is no such person. Beside it a connection is given in whose transaction that holds, or None where what the
        person keeps is in a file. Whoever knows who there is sets it; else everybody is there.
    """

    def __init__(self, folder: Path, server: str = "") -> None:
        self.folder, self.server = folder, checked_server(server)
        self._found, self._removed = set[str](), set[str]()
        self.held: Held = lambda _person, _connection: nullcontext()

    def file(self, name: str) -> Path:
        """Where a database lies in the folder where there is no server.

        Parameters
        ----------
        name : str
            "records", "study", "people", or "study-" and a person's id.
        """
        _check(name)
        if name.startswith(OF_PERSON):
            return self.folder / PEOPLE / name.removeprefix(OF_PERSON) / f"{STUDY}.sqlite"
        return self.folder / f"{name}.sqlite"

    def url(self, name: str) -> str:
        """What `Database` opens a database by: an SQLAlchemy URL.

        Parameters
        ----------
        name : str
            As for `file`.
        """
        if not self.server:
            return f"sqlite:///{self.file(name)}"
        _check(name)
        url = sa.make_url(self.server).set(drivername=DRIVER)
        return url.update_query_dict({"options": f'-csearch_path="{name}"'}).render_as_string(hide_password=False)

    def there(self, name: str) -> bool:
        """Whether a database has been made.

        Parameters
        ----------
        name : str
            As for `file`.
        """
        if not self.server:
            return self.file(name).exists()
        if name not in self._found:
            with self._server(name) as connection:
                if sa.inspect(connection).has_schema(name):
                    self._found.add(name)
        return name in self._found

    def names(self) -> list[str]:
        """Names of those that have been made."""
        if self.server:
            with self._server(RECORDS_NAME) as connection:
                there = sa.inspect(connection).get_schema_names()
            return sorted(name for name in there if _NAME.fullmatch(name))
        shared = [name for name in (RECORDS_NAME, STUDY, PEOPLE) if self.file(name).exists()]
        return sorted([*shared, *(OF_PERSON + file.parent.name for file in self.folder.glob(f"{PEOPLE}/*/{STUDY}.sqlite"))])

    @contextmanager
    def _server(self, name: str) -> Iterator[sa.Connection]:
        """A transaction on the server, whether or not the database has been made."""
        pool = opened(self.url(name))
        with closing(pool), Failures.of(pool, RECORDS.what, RECORDS.restore).told(), pool.engine.begin() as connection:
            yield connection

    def open(self, name: str, schema: Schema = RECORDS, *, upgraded: bool = False) -> Database:
        """Open a database; it is made where there is none.

        Parameters
        ----------
        name : str
            As for `file`.
        schema : Schema
            Its tables.
        upgraded : bool
            Bring one of an earlier version up to date first. Only for who holds the atlas.

        Raises
        ------
        mirage.errors.AtlasError, mirage.errors.Unavailable
        mirage.errors.NotFound
            When it was removed: what somebody still asked for while their account was deleted brings nothing of it back.
        """
        if name in self._removed:
            raise NotFound(_("That account was deleted, with all that it kept."))
        person = name.removeprefix(OF_PERSON) if name.startswith(OF_PERSON) else ""
        if self.server:
            if upgraded:
                self.upgrade(name, schema)
            # Removed by another server meanwhile, nobody comes to life again by what is still asked of this one.
            return Database(self.url(name), schema, partial(self.held, person) if person else nullcontext)
        with self.held(person, None) if person else nullcontext():
            self._make_private(name)
            if upgraded:
                self.upgrade(name, schema)
            return Database(self.url(name), schema)

    def _make_private(self, name: str) -> None:
        """Let nobody else on the machine read who there is, what they keep, and the rest of an atlas that they sign in to.

        Its reviews are of all of them, and its records have their jobs. Where nobody signs in, the folder says who may read:
        others open such an atlas to read it only.
        """
        file = self.file(name)
        if name.startswith(OF_PERSON):
            (self.folder / PEOPLE).mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(OSError):
                (self.folder / PEOPLE).chmod(0o700)  # an earlier version left it open
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if name in (RECORDS_NAME, STUDY) and not self.file(PEOPLE).exists():
            return
        file.touch(mode=0o600)  # its logs take after it
        files = [file] if name.startswith(OF_PERSON) else map(self.file, (RECORDS_NAME, STUDY, PEOPLE))
        for each in [found for one in files for found in one.parent.glob(f"{one.name}*")]:
            with suppress(OSError):  # another user's, who shares the folder, or gone meanwhile
                each.chmod(0o600)

    def size(self, name: str) -> int:
        """How many bytes a database takes; 0 where there is none.

        Parameters
        ----------
        name : str
            As for `file`.
        """
        if not self.server:
            file = self.file(name)
            return sum(each.stat().st_size for each in file.parent.glob(f"{file.name}*"))
        taken = (
            "SELECT COALESCE(SUM(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :name AND c.relkind = 'r'"
        )
        with self._server(name) as connection:
            return int(connection.execute(sa.text(taken), {"name": name}).scalar() or 0)

    def remove(self, name: str) -> None:
        """Delete what one person keeps, for good; nobody has it open.

        Parameters
        ----------
        name : str
            "study-" and the person's id.
        """
        if not name.startswith(OF_PERSON):
            raise ValueError(f"{name!r} is not one person's")
        self._removed.add(name)
        if not self.server:
            shutil.rmtree(self.file(name).parent, ignore_errors=True)
            return
        with self._server(name) as connection:
            connection.execute(sa.schema.DropSchema(name, cascade=True, if_exists=True))
        self._found.discard(name)

    def upgrade(self, name: str, schema: Schema = RECORDS) -> None:
        """Bring a database of an earlier version up to date; nothing happens when it is, or when it is not there.

        Parameters
        ----------
        name, schema
            As for `open`.

        Raises
        ------
        mirage.errors.AtlasError, mirage.errors.Unavailable
        """
        if self.server:
            upgrade_server(self.url(name), schema)
        else:
            upgrade(self.file(name), schema)

    def check_empty(self, named: str) -> None:
        """See to it that a new atlas does not take another's records for its own.

        Parameters
        ----------
        named : str
            The file of an atlas's folder that names its server.

        Raises
        ------
        mirage.errors.AtlasError
            When the server has records of an atlas.
        """
        if not self.server or not self.there(RECORDS_NAME):
            return
        with closing(self.open(RECORDS_NAME)) as database:
            if database.rows(sa.select(figures.c.key).limit(1)) or database.rows(sa.select(corpora.c.name).limit(1)):
                raise AtlasError(
                    _(
                        "%(server)s holds the records of an atlas already. Open that one by a folder with "
                        "its %(named)s, or name an empty database. Nothing was changed.",
                        server=self.server,
                        named=named,
                    )
                )

    @property
    def place(self) -> str:
        """Where the records are: the server's address, which has no password in it, or their file."""
        return self.server or str(self.file(RECORDS_NAME))


def checked_server(given: str) -> str:
    """The address of a database of a PostgreSQL server, as it is written down; empty where none is given.

    Raises
    ------
    mirage.errors.BadInput
        When it is of another kind, cannot be read, or has a password in it.
    """
    if not given:
        return ""
    try:
        url = sa.make_url(given)
    except (sa.exc.ArgumentError, ValueError):  # as for a port that is no number
        url = None
    if url is not None and (url.password is not None or {"password", "sslpassword"} & url.query.keys()):
        raise BadInput(_(_WITHOUT))
    if url is None or url.drivername not in _SERVERS or "options" in url.query:
        raise BadInput(_("Records lie in PostgreSQL by an address like postgresql://user@host/database; this one is none."))
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no database of an atlas")
