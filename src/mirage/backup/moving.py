"""Move the records of an atlas, and what is kept beside them, into PostgreSQL or back into files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from mirage.backup.copying import Progress, copy, count, digest, reading, schema_of, tables_of, writing
from mirage.errors import ROOM, AtlasError, check_room
from mirage.storage import manifest
from mirage.storage.databases import Databases
from mirage.storage.reindex import holding
from mirage.wording import _

MOVED = ".moved"
_PARTS = "moving"  # a folder in the atlas's


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved.

    Attributes
    ----------
    rows : int
        How many rows of all tables; 0 when they were there already.
    place : str
        Where they are now.
    kept : tuple of str
        What of the old place is kept until a person removes it: files, or schemas of a server.
    """

    rows: int
    place: str
    kept: tuple[str, ...] = ()


def move_records(folder: Path, server: str, progress: Progress = lambda done, total: None) -> Moved:
    """Move the databases of an atlas that nobody has open.

    They are copied, read again and compared, on a server in one transaction; then ``atlas.toml``, replaced in one step, says
    where they are. Stopped at any point the atlas is as it was, and run again all of it is done. What is at the old
    place stays there.

    Parameters
    ----------
    folder : Path
        Of the atlas.
    server : str
        Address of a PostgreSQL database without an atlas's records; empty for files in the folder.
    progress : callable

    Raises
    ------
    mirage.errors.AtlasError
        When somebody has the atlas open, or other records are there.
    mirage.errors.BadInput
        When that is no address.
    mirage.errors.Unavailable, mirage.errors.Busy
    """
    known = manifest.finished(folder)
    old, new = Databases(folder, known.records), Databases(folder, server)
    if old.server == new.server:
        return Moved(0, new.place)
    with holding(folder, known):
        names = old.names()
        for name in names:
            old.upgrade(name, schema_of(name))
        rows = _to_server(old, new, names, progress) if new.server else _to_files(old, new, names, progress)
        replace(known, records=new.server).write(folder)
    return Moved(rows, new.place, _kept(old, names))


def _copied(old: Databases, new: Databases, names: list[str], progress: Progress) -> int:
    with reading(old) as source, writing(new) as target:
        total, done = count(source, names), 0

        def step(rows: int) -> None:
            nonlocal done
            done += rows
            progress(done, total)

        for name in names:
            copy(source, target, name, step)
    return total


def _to_server(old: Databases, new: Databases, names: list[str], progress: Progress) -> int:
    there = [name for name in new.names() if name in names]
    with reading(new) as target:
        if not count(target, there):
            return _copied(old, new, names, progress)
        with reading(old) as source:  # it may have been stopped when all was there
            same = (digest(source(name), each) == digest(target(name), each) for name in there for each in tables_of(name))
            if there == names and all(same):
                return count(source, names)
    raise AtlasError(
        _(
            "%(server)s holds the records of an atlas already, and they are not these. Name an "
            "empty database. Nothing was changed.",
            server=new.server,
        )
    )


def _to_files(old: Databases, new: Databases, names: list[str], progress: Progress) -> int:
    check_room(new.folder, ROOM + sum(map(old.size, names)))
    parts = new.folder / _PARTS
    shutil.rmtree(parts, ignore_errors=True)
    part = Databases(parts)
    rows = _copied(old, part, names, progress)
    for name in names:
        new.file(name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.file(name).replace(new.file(name))
    shutil.rmtree(parts, ignore_errors=True)
    return rows


def _kept(old: Databases, names: list[str]) -> tuple[str, ...]:
    if old.server:
        return tuple(_("schema %(name)s", name=name) for name in names)
    files = [old.file(name) for name in names]
    return tuple(str(file.replace(file.with_name(file.name + MOVED))) for file in files)


def place_of(folder: Path) -> str:
    """Where the records of an atlas are, to be told to a person."""
    known = manifest.read(folder)
    return Databases(folder, known.records if known else "").place
