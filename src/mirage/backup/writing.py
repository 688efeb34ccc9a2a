"""Write all of an atlas into one file, while it is served and added to."""

from __future__ import annotations

import hashlib
import sqlite3
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from mirage import __version__
from mirage.aside import aside, beside
from mirage.backup.copying import copy, reading, schema_of, tables_of, writing
from mirage.backup.file import ABOUT, ABOUT_FORM, ENDING, FORMAT, PICTURES, About, forget
from mirage.errors import ROOM, AtlasError, BadInput, NotFound, Unavailable, check_new, check_room
from mirage.generate.outputs import FOLDER as OUTPUTS
from mirage.images.store import PictureStore, cannot_write, thumbnail_name
from mirage.storage import manifest
from mirage.storage.databases import RECORDS_NAME, Databases
from mirage.storage.ingest import ProgressMeter, Tell
from mirage.storage.pictures import pictures_of
from mirage.storage.records import figures, stacks
from mirage.wording import N_, _, looked_up

_TRIES = 3
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was written; `missing` pictures were lost already."""

    path: Path
    figures: int
    pictures: int
    bytes: int
    missing: int
    seconds: float


def back_up(folder: Path, target: Path, progress: Tell = lambda _: None) -> BackedUp:
    """Write records, what people keep, pictures and manifest of an atlas into one file, whoever has it open.

    The databases are as they were at one moment, and the pictures are theirs; those of an earlier version are brought up to
    date in the file, on a server where they lie, but for its records. Interrupted, no file is left.

    Parameters
    ----------
    folder : Path
        Of the atlas.
    target : Path
        The file; it must not be there yet.
    progress : callable

    Raises
    ------
    mirage.errors.AtlasError
        When the folder is no atlas, a picture of it is damaged, its databases are of a newer version, or records on a
        server of an earlier one.
    mirage.errors.BadInput
        When the file is there already.
    mirage.errors.Unavailable
        When the disk has no room for it.
    """
    known = manifest.finished(folder)
    if target.is_dir():
        raise BadInput(
            _("%(target)s is a folder. Name a file, as in %(target2)s.", target=target, target2=target / ("atlas" + ENDING))
        )
    check_new(target)
    begun, databases = time.monotonic(), Databases(folder, known.records)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with beside(target, "parts") as parts, aside(target, new=True) as partial:
            parts.mkdir(mode=0o700)
            partial.touch(mode=0o600)  # for its owner's eyes: all that people keep is in it
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED, allowZip64=True) as file:
                about = _Writing(file, known, databases, pictures_of(folder), parts, progress).all()
            size = partial.stat().st_size
    except OSError as error:
        raise Unavailable(cannot_write(target.parent, error)) from error
    number = sum(name.startswith(PICTURES) for name in about.files)
    return BackedUp(
        target, about.counts[RECORDS_NAME]["figures"], number, size, len(about.missing), time.monotonic() - begun
    )


@dataclass(slots=True)
class _Writing:
    file: zipfile.ZipFile
    known: manifest.AtlasManifest
    databases: Databases
    pictures: PictureStore
    parts: Path
    progress: Tell
    written: dict[str, tuple[int, str]] = field(default_factory=dict)

    def all(self) -> About:
        sizes = self.pictures.sizes()
        names = self.databases.names()
        check_room(self.parts, ROOM + sum(sizes.values()) + 2 * sum(map(self.databases.size, names)))
        for attempt in range(1, _TRIES + 1):
            part = Databases(self.parts / str(attempt))
            versions, counts = self._snapshot(part, names)
            missing = self._put_pictures(_used(part), sizes)
            if not missing:  # else some were removed meanwhile, with their figures
                break
        for name in names:
            self._put(part.file(name), part.file(name).relative_to(part.folder).as_posix(), zipfile.ZIP_DEFLATED)
        plain = replace(self.known, records="", pictures="", index=manifest.INDEX)
        plain.write(self.parts)
        self._put(self.parts / manifest.NAME, manifest.NAME)
        self._put_others()
        made = datetime.now(UTC).isoformat(timespec="seconds")
        about = About(FORMAT, made, __version__, versions, counts, self.written, tuple(missing))
        self.file.writestr(ABOUT, ABOUT_FORM.dump_json(about, indent=1))
        return about

    def _snapshot(self, part: Databases, names: list[str]) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        versions, counts = dict[str, str](), dict[str, dict[str, int]]()
        if self.databases.server:
            self._bring_up_to_date(names)
            with reading(self.databases) as source, writing(part) as target:
                for name in names:
                    copy(source, target, name, lambda _rows: None)
        for name in names:
            place = part.file(name)
            if not self.databases.server:
                place.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self.databases.file(name))) as there, closing(sqlite3.connect(place)) as here:
                    there.backup(here)
            with closing(sqlite3.connect(place)) as here:
                if (found := here.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
                    raise AtlasError(
                        _(
                            "The %(what)s are damaged (%(found)s). %(restore)s",
                            what=looked_up(schema_of(name).what),
                            found=found,
                            restore=looked_up(schema_of(name).restore),
                        )
                    )
            part.upgrade(name, schema_of(name))  # opening an atlas brings only its records up to date
            with closing(sqlite3.connect(place)) as here:
                forget(here, name)
                here.execute("PRAGMA journal_mode=DELETE")
                versions[name] = here.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        with reading(part) as of:
            for name in names:
                asked = {each.name: sa.select(sa.func.count()).select_from(each) for each in tables_of(name)}
                counts[name] = {table: of(name).execute(each).scalar_one() for table, each in asked.items()}
        return versions, counts

    def _bring_up_to_date(self, names: list[str]) -> None:
        """On a server bring up to date where it lies what is not until somebody asks for it, once the records are."""
        with reading(self.databases) as of:
            of(RECORDS_NAME)  # those of another version are for who opens the atlas, and nothing is changed
        for name in names:
            if name != RECORDS_NAME:
                self.databases.upgrade(name, schema_of(name))

    def _put_pictures(self, used: set[str], sizes: Mapping[str, int]) -> list[str]:
        """Write pictures that are not in the file yet, with their thumbnails; gives those that are not there."""
        small = [each for each in map(thumbnail_name, sorted(used)) if each in sizes]
        meter, missing = ProgressMeter(len(used) + len(small), self.progress, N_("backing up")), list[str]()
        meter.move()
        for name in (*sorted(used), *small):
            path = f"{PICTURES}/{name[:2]}/{name}"
            if path not in self.written:
                try:
                    _size, digest = self._put(self.pictures.file(name), path)
                except (FileNotFoundError, NotFound):
                    missing += [name] if name in used else []
                    continue
                if name in used and not name.startswith(digest):
                    raise AtlasError(
                        _(
                            "The picture %(name)s is damaged: its content is another than its name says. Restore "
                            "it from a copy, or remove the figure that has it; then back up again. No file was "
                            "written.",
                            name=name,
                        )
                    )
            meter.move(1, 1, seldom=True)
        meter.move()
        return missing

    def _put_others(self) -> None:
        for path in (self.databases.folder / manifest.CALIBRATION_FILE, *_outputs(self.databases.folder)):
            if path.is_file():
                self._put(path, path.relative_to(self.databases.folder).as_posix())

    def _put(self, path: Path, name: str, how: int = zipfile.ZIP_STORED) -> tuple[int, str]:
        digest = hashlib.sha256()
        with path.open("rb") as source:
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            entry.compress_type = how
            with self.file.open(entry, "w", force_zip64=True) as target:
                while piece := source.read(_PIECE):
                    digest.update(piece)
                    target.write(piece)
                size = source.tell()
        self.written[name] = size, digest.hexdigest()
        return self.written[name]


def _used(part: Databases) -> set[str]:
    """Names of all pictures and stacks that the records have."""
    with reading(part) as of:
        found = of(RECORDS_NAME)
        columns = (figures.c.picture, stacks.c.voxels, stacks.c.labels)
        return {name for column in columns for (name,) in found.execute(sa.select(column)) if name}


def _outputs(folder: Path) -> Iterator[Path]:
    yield from sorted((folder / OUTPUTS).glob("*"))
