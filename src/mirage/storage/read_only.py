"""A private copy of what has to be written to while an atlas is open, so that a folder which nobody may write to opens.

The engine maps its files writable, and the records' database wants a log beside it. So each process that opens an atlas to
read it only has its own copy of the index and the records, as they were at that moment; pictures are read where they are.
Holes of the engine's files stay holes. A copy is removed when its process closes the atlas, and those of processes that were
killed when the next one opens something.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import BaseFileLock, FileLock, Timeout

from mirage.errors import ROOM, AtlasError, AtlasHeld, ReadOnly, Unavailable, check_room
from mirage.places import own_cache
from mirage.settings import Settings
from mirage.storage import manifest
from mirage.wording import N_, _

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

EACH_TIME = N_(", in a private copy, at each start until somebody who may write to the folder opens it")
"""What is said of bringing a copy up to date: the folder itself stays as it was."""
_RECORDS = "records.sqlite"
_DATABASES = (_RECORDS, "study.sqlite")
_TRIES = 3
_PIECE = 1 << 24  # bytes copied at once


class PrivateCopy:
    """The copy of an atlas's folder that this process has.

    Parameters
    ----------
    folder : Path
        Of the atlas; nothing in it is written.
    index : str
        Name of its index's folder; empty for no index.

    Attributes
    ----------
    original : Path
        The atlas's folder.
    path : Path
        The copy: ``atlas.toml``, the databases and, where nobody is writing it, the index.

    Raises
    ------
    mirage.errors.Unavailable
        When there is no room for the copy.
    mirage.errors.AtlasError
        When the atlas is being changed all the while, or its records are not for this user.
    """

    def __init__(self, folder: Path, index: str) -> None:
        if any((folder / name).exists() and not os.access(folder / name, os.R_OK) for name in _DATABASES):
            raise AtlasError(
                _(
                    "The records of the atlas %(folder)s are for the user who serves it alone, since "
                    "people sign in to it. Ask that one for the address of the site, or for an atlas "
                    "file (`mirage export`).",
                    folder=folder,
                )
            )
        place = _place()
        _sweep(place)
        self.original = folder
        self.path = place / secrets.token_hex(8)
        self._lock = _lock_of(self.path)
        self._lock.acquire()
        try:
            check_room(
                place, (_used(folder / index) if index else 0) + sum(_used(folder / name) for name in _DATABASES) + ROOM
            )
            self.path.mkdir(mode=0o700)
            shutil.copyfile(folder / manifest.NAME, self.path / manifest.NAME)
            with suppress(FileNotFoundError):
                shutil.copyfile(folder / manifest.CALIBRATION_FILE, self.path / manifest.CALIBRATION_FILE)
            for name in _DATABASES:
                if (folder / name).exists():
                    _copy_database(folder / name, self.path / name)
            if index:
                _copy_index(folder / index, self.path / index)
        except OSError as error:
            self.remove()
            raise Unavailable(
                _(
                    "The atlas %(folder)s can only be read, and no copy of its index could be made in "
                    "%(place)s: %(strerror)s. Make room there, or set XDG_CACHE_HOME to a folder that "
                    "has some.",
                    folder=folder,
                    place=place,
                    strerror=error.strerror or error,
                )
            ) from error
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove the copy."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
        with suppress(OSError):
            Path(self._lock.lock_file).unlink(missing_ok=True)


def refusal(folder: Path) -> ReadOnly:
    """What somebody is told who would change an atlas that is opened to read it only."""
    return ReadOnly(
        _(
            "The atlas %(folder)s is open to be read only, so nothing in it can be changed. Who "
            "may write to the folder changes it without the setting read_only, and what is "
            "changed is seen here at the next start. Or copy it and open the copy.",
            folder=folder,
        )
    )


def is_needed(folder: Path) -> bool:
    """Whether an atlas's folder cannot be written to, so that it can be opened to read it only."""
    return (folder / manifest.NAME).exists() and not os.access(folder, os.W_OK)


def kept_at(id_key: bytes) -> Path:
    """The folder of what this user keeps of an atlas that can only be read, whatever that one's folder is called here.

    Parameters
    ----------
    id_key : bytes
        The atlas's own; see `mirage.storage.store.Store.id_key`.
    """
    return Settings.load().kept / hashlib.sha256(b"kept:" + id_key).hexdigest()[:16]


def _place() -> Path:
    """Where copies lie: in this user's cache, else among the temporary files."""
    place = own_cache() / "read-only"
    try:
        _make_own(place)
        with tempfile.TemporaryFile(dir=place):
            return place
    except OSError:
        place = Path(tempfile.gettempdir()) / f"mirage-read-only-{os.getuid() if hasattr(os, 'getuid') else ''}"
    try:
        _make_own(place)
    except OSError as error:
        raise Unavailable(
            _(
                "%(place)s is not this user's alone, so no copy of an atlas is made in it "
                "(%(strerror)s). Set XDG_CACHE_HOME to a folder of your own.",
                place=place,
                strerror=error.strerror,
            )
        ) from error
    return place


def _make_own(place: Path) -> None:
    """Make a folder that nobody else looks into: who may read the atlas may be fewer than who is on this machine."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid"):
        told = place.lstat()
        if not stat.S_ISDIR(told.st_mode) or told.st_uid != os.getuid():
            raise PermissionError(errno.EPERM, _("another has made it"))
        place.chmod(0o700)  # an earlier version left it open


def _lock_of(copy: Path) -> BaseFileLock:
    return FileLock(copy.with_name(f"{copy.name}.lock"))


def _sweep(place: Path) -> None:
    """Remove the copies of processes that have ended."""
    for path in place.glob("*.lock"):
        copy = path.with_suffix("")
        with suppress(Timeout, OSError):
            with _lock_of(copy).acquire(timeout=0):
                shutil.rmtree(copy, ignore_errors=True)
            path.unlink(missing_ok=True)


def _used(path: Path) -> int:
    """Bytes of a file or a folder on the disk, without the holes."""
    each = path.rglob("*") if path.is_dir() else [path]
    return sum(getattr(file.stat(), "st_blocks", 0) * 512 for file in each if file.is_file())


def _state(*paths: Path) -> list[tuple[str, int, int]]:
    """What changes when somebody writes files."""
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    found = []
    for file in sorted(files):
        with suppress(FileNotFoundError):
            told = file.stat()
            found.append((str(file), told.st_size, told.st_mtime_ns))
    return found


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database as its last whole change left it, whoever has it open."""
    log = source.with_name(f"{source.name}-wal")
    for _other in range(_TRIES):
        before = _state(source, log)
        if log.exists() and os.access(source.parent, os.W_OK):  # somebody may be writing: the database's own way
            with closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as there, closing(_made(target)) as copy:
                there.backup(copy)
            return
        _copy_file(source, target)
        with suppress(FileNotFoundError):
            _copy_file(log, target.with_name(f"{target.name}-wal"))
        if _state(source, log) == before:
            return
    raise AtlasError(_("%(source)s is being changed by another process. Try again when that has ended.", source=source))


def _made(path: Path) -> sqlite3.Connection:
    path.unlink(missing_ok=True)
    return sqlite3.connect(path)


def _copy_index(source: Path, target: Path) -> None:
    """Copy the index; while somebody has it open there is no copy, and it is filled from the records instead."""
    if not source.is_dir():
        return
    before = _state(source)
    try:
        with _shared(source / "wal"):
            for path in sorted(source.rglob("*")):
                into = target / path.relative_to(source)
                if path.is_dir():
                    into.mkdir(parents=True, exist_ok=True)
                else:
                    into.parent.mkdir(parents=True, exist_ok=True)
                    _copy_file(path, into)
        whole = _state(source) == before
    except (AtlasHeld, FileNotFoundError):  # a file that a writer took away
        whole = False
    if not whole:
        shutil.rmtree(target, ignore_errors=True)


@contextmanager
def _shared(log: Path) -> Iterator[None]:
    """Share the lock of the engine's log, which who writes has for itself."""
    if fcntl is None or not log.is_dir():
        yield
        return
    descriptor = os.open(log, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AtlasHeld(_("Another process has this atlas open.")) from None
        except OSError:  # a file system without such locks
            pass
        yield
    finally:
        os.close(descriptor)


def _copy_file(source: Path, target: Path) -> None:
    """Copy a file, its holes as holes: of the engine's 136 MB for few figures they are nearly all."""
    with source.open("rb", buffering=0) as file, target.open("wb", buffering=0) as copy:
        size = os.fstat(file.fileno()).st_size
        for start, end in _parts(file, size):
            file.seek(start)
            copy.seek(start)
            while (left := end - file.tell()) > 0 and (piece := file.read(min(_PIECE, left))):
                copy.write(piece)
        copy.truncate(size)


def _parts(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Where a file has something, from and to."""
    if not hasattr(os, "SEEK_DATA"):
        yield 0, size
        return
    end = 0
    while end < size:
        try:
            start = os.lseek(file.fileno(), end, os.SEEK_DATA)
        except OSError:  # nothing but a hole follows
            return
        end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield start, end
