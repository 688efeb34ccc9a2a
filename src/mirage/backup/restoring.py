"""Bring an atlas back from the file that `mirage.backup.writing.back_up` wrote."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from pydantic import ValidationError

from mirage.backup.copying import schema_of, tables_of
from mirage.backup.file import ABOUT, ABOUT_FORM, ENDING, FORGOTTEN, About, forget
from mirage.backup.moving import move_records
from mirage.errors import ROOM, AtlasError, BadInput, MirageError, NotFound, Unavailable, check_room
from mirage.images.store import cannot_write
from mirage.storage import manifest
from mirage.storage.databases import PEOPLE, RECORDS_NAME, Databases, checked_server
from mirage.storage.engines import opened
from mirage.storage.folder import AtlasFolder
from mirage.storage.ingest import ProgressMeter, Tell
from mirage.wording import N_, _

_PIECE = 1 << 20
_AGAIN = N_("Take another copy. Nothing was changed.")
_MOST_ABOUT = 1 << 30  # bytes of what is told of all files


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back.

    Attributes
    ----------
    figures : int
    place : str
        Where the records are.
    made : str
        When the backup was written.
    missing : int
        Pictures that the atlas had lost when it was written.
    people : int
        Who may use it.
    unopened : str
        Why the index could not be filled yet; empty when it is.
    """

    figures: int
    place: str
    made: str
    missing: int
    people: int = 0
    unopened: str = ""


def restore(path: Path, folder: Path, server: str = "", progress: Tell = lambda _: None) -> Restored:
    """Bring an atlas back into a new folder, and fill its index from the records.

    Everything is checked before the folder is there; interrupted, there is none.

    Parameters
    ----------
    path : Path
        The backup.
    folder : Path
        Which is not there yet, or empty.
    server : str
        Address of a PostgreSQL database for the records, without any; empty for files in the folder.
    progress : callable

    Raises
    ------
    mirage.errors.NotFound, mirage.errors.BadInput
        When there is no such file, or something is in the folder.
    mirage.errors.AtlasError
        When the file is no backup, damaged, or of a newer program; nothing was changed.
    mirage.errors.Unavailable
        When the disk has no room for it.
    """
    if not path.is_file():
        raise NotFound(_("There is no file %(path)s.", path=path))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(
            _(
                "%(folder)s is there already, and nothing is written over. Name a new folder. Nothing was changed.",
                folder=folder,
            )
        )
    server = checked_server(server)
    parts = folder.with_name(f".{folder.name}.restoring")
    try:
        shutil.rmtree(parts, ignore_errors=True)  # of one that was killed
        parts.mkdir(mode=0o700, parents=True)
        about = _unpack(path, parts, progress)
        _check_counts(path, parts, about)
        _check_whereabouts(path, parts)
        _let_nobody_in(parts, about)
        if server:  # before the folder is there: a database that is not empty leaves none
            for file in move_records(parts, server).kept:  # the backup has them
                Path(file).unlink()
        if folder.exists():
            folder.rmdir()
        parts.replace(folder)
    except OSError as error:
        raise Unavailable(cannot_write(folder, error)) from error
    finally:
        shutil.rmtree(parts, ignore_errors=True)
    unopened, figures = "", about.counts[RECORDS_NAME]["figures"]
    try:
        meter = ProgressMeter(figures, progress, N_("filling the index"))
        AtlasFolder.open(folder, steps=lambda _what, _done, _total: meter.move(0)).close()
    except MirageError as error:  # all of it is there, whether or not it can be searched on this machine
        unopened = str(error)
    people = about.counts.get(PEOPLE, {}).get("people", 0)
    return Restored(figures, Databases(folder, server).place, about.made, len(about.missing), people, unopened)


def _unpack(path: Path, parts: Path, progress: Tell) -> About:
    damaged = _(
        "%(path)s is damaged, or no backup of MIRAGE, which ends in %(ending)s",
        path=path,
        ending=ENDING,
    )
    try:
        with zipfile.ZipFile(path) as file:
            if file.getinfo(ABOUT).file_size > _MOST_ABOUT:
                raise AtlasError(_("%(damaged)s. Nothing was changed.", damaged=damaged))
            about = ABOUT_FORM.validate_json(file.read(ABOUT))
            about.check(path)
            if set(file.namelist()) != {ABOUT, *about.files}:
                raise AtlasError(
                    _("%(damaged)s: it does not hold the files that it names. %(AGAIN)s", damaged=damaged, AGAIN=_(_AGAIN))
                )
            check_room(parts, ROOM + sum(size for size, _ in about.files.values()))
            meter = ProgressMeter(len(about.files), progress, N_("bringing back"))
            meter.move()
            for name, (size, digest) in about.files.items():
                if _extracted(file, name, parts / name, size) != digest:
                    raise AtlasError(
                        _(
                            "%(path)s is damaged: %(name)s is not what was written. %(AGAIN)s",
                            path=path,
                            name=name,
                            AGAIN=_(_AGAIN),
                        )
                    )
                meter.move(1, 1, seldom=True)
    except (zipfile.BadZipFile, KeyError, ValidationError, EOFError, NotImplementedError, RuntimeError) as error:
        raise AtlasError(f"{damaged}. {_AGAIN}") from error
    return about


def _extracted(file: zipfile.ZipFile, name: str, to: Path, size: int) -> str:
    """Write a file of the zip, no more of it than there is to be, and tell its digest."""
    digest, left = hashlib.sha256(), size
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open(name) as source, to.open("xb") as target:
        while piece := source.read(min(_PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                return ""
            digest.update(piece)
            target.write(piece)
    return digest.hexdigest() if left == 0 else ""


def _check_whereabouts(path: Path, parts: Path) -> None:
    """See to it that all of the atlas is in the backup: one that somebody made up must not lead to servers of theirs."""
    try:
        known = manifest.read(parts)
    except AtlasError:
        known = None
    if known is None or known.is_apart:
        raise AtlasError(
            _(
                "%(path)s is damaged: its %(NAME)s is not what a backup has. %(AGAIN)s",
                path=path,
                NAME=manifest.NAME,
                AGAIN=_(_AGAIN),
            )
        )


def _let_nobody_in(parts: Path, about: About) -> None:
    """Empty what lets somebody in also of a backup that somebody else has put together: it holds none of it."""
    databases = Databases(parts)
    for name in set(about.counts) & FORGOTTEN.keys():
        databases.upgrade(name, schema_of(name))
        with closing(sqlite3.connect(databases.file(name))) as connection:
            forget(connection, name)


def _check_counts(path: Path, parts: Path, about: About) -> None:
    databases = Databases(parts)
    for name, told in about.counts.items():
        pool = opened(databases.url(name))
        with closing(pool), pool.engine.connect() as connection:
            for table in tables_of(name):
                if table.name in told:
                    there = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                    if there != told[table.name]:
                        raise AtlasError(
                            _(
                                "%(path)s is damaged: %(name)s does not have the rows that it names. %(AGAIN)s",
                                path=path,
                                name=name,
                                AGAIN=_(_AGAIN),
                            )
                        )
