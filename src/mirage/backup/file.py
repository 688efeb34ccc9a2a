"""What a backup is: a zip of databases as SQLite files, pictures, and ``backup.json``, which names each with its digest."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from mirage.backup.copying import schema_of
from mirage.errors import AtlasError
from mirage.generate.outputs import FOLDER as OUTPUTS
from mirage.storage.databases import PEOPLE, RECORDS_NAME, STUDY, Databases
from mirage.storage.manifest import CALIBRATION_FILE
from mirage.storage.manifest import NAME as MANIFEST
from mirage.wording import _

FORMAT = 1
ENDING = ".mirage-backup"
ABOUT = "backup.json"
PICTURES = "pictures"
FORGOTTEN = {PEOPLE: ("sessions", "invitations", "keys")}
"""Tables that are left empty, by database: what lets somebody in, or signs it."""
# What of the rest tells of an address.
_WITHOUT = {PEOPLE: ("UPDATE people SET came_from = ''", "DELETE FROM counts WHERE what = 'joins'")}
_NAMES = re.compile(
    rf"{MANIFEST}|{re.escape(CALIBRATION_FILE)}|({RECORDS_NAME}|{STUDY}|{PEOPLE})\.sqlite"
    rf"|{PEOPLE}/[A-Za-z0-9_-]{{1,40}}/{STUDY}\.sqlite"
    rf"|{PICTURES}/[0-9a-f]{{2}}/[0-9a-f]{{64}}[a-z0-9.]{{4,20}}|{OUTPUTS}/[A-Za-z0-9_-]{{1,100}}\.[A-Za-z0-9.]{{1,20}}"
)


def forget(connection: sqlite3.Connection, name: str) -> None:
    """Take out of a database, which is up to date, what lets somebody in or tells of an address.

    Parameters
    ----------
    connection : sqlite3.Connection
    name : str
        Of the database.
    """
    connection.execute("PRAGMA secure_delete=ON")
    for table in FORGOTTEN.get(name, ()):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - own names
    for statement in _WITHOUT.get(name, ()):
        connection.execute(statement)
    connection.commit()


@dataclass(frozen=True, slots=True)
class About:
    """What ``backup.json`` says.

    Attributes
    ----------
    format : int
    made : str
        When, as in "2026-11-29T08:00:00+00:00".
    program : str
        Version of MIRAGE that wrote it.
    versions : mapping
        Database to the revision of its tables.
    counts : mapping
        Database to table to how many rows it has.
    files : mapping
        Name of each file to its bytes and SHA-256, in hexadecimal digits.
    missing : tuple of str
        Names of pictures that the atlas itself had no more.
    """

    format: int
    made: str
    program: str
    versions: Mapping[str, str]
    counts: Mapping[str, Mapping[str, int]]
    files: Mapping[str, tuple[int, str]]
    missing: tuple[str, ...] = ()

    def check(self, path: Path) -> None:
        """See to it that this program can bring it back.

        Raises
        ------
        mirage.errors.AtlasError
            When a newer one is needed, or it holds what no backup does.
        """
        revisions = {name: schema_of(name).newest for name in self.versions}
        if self.format > FORMAT or any(self.versions[name] > newest for name, newest in revisions.items()):
            raise AtlasError(
                _(
                    "%(path)s was written by a newer MIRAGE (%(program)s). Update MIRAGE to bring it "
                    "back. Nothing was changed.",
                    path=path,
                    program=self.program[:40],
                )
            )
        if (
            RECORDS_NAME not in self.counts
            or {_file_of(name) for name in (*self.counts, *self.versions)} - self.files.keys()
        ):
            raise AtlasError(
                _("%(path)s is damaged: it does not hold the databases that it names. Nothing was changed.", path=path)
            )
        if strange := next((name for name in self.files if not _NAMES.fullmatch(name)), ""):
            raise AtlasError(
                _(
                    "%(path)s is damaged: it holds %(strange)s, which no backup has. Nothing was changed.",
                    path=path,
                    strange=repr(strange[:100]),
                )
            )


def _file_of(name: str) -> str:
    try:
        return Databases(Path()).file(name).as_posix()
    except ValueError:
        return ""


ABOUT_FORM = TypeAdapter(About)
