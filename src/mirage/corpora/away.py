"""A prefix of a bucket as a folder here: files with the names and lengths of those there, each read when it is wanted.

A corpus lists folders, compares names and asks for sizes; for that, files stand here that take no room on the disk. They are
opened through `mirage.corpora.inside.Inside` alone, which knows for which folders another place stands.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import tempfile
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, BinaryIO, NamedTuple, TypeVar

from mirage.corpora.base import Refused
from mirage.corpora.inside import stands_for
from mirage.errors import BadInput, MirageError, Unavailable
from mirage.images.bucket import Bucket, Forbidden, NotWhole, check_address
from mirage.images.store import cannot_write
from mirage.wording import _, carried

_Given = TypeVar("_Given")
_HEAD = 2**14  # bytes that are asked for first: they hold the header of most DICOM files
_PIECE = 2**23  # the most that is asked for at once, where a file is read on and on
_AHEAD, _AT_ONCE = 64, 16  # files whose heads are asked for before they are wanted, and how many at a time
_MOST_FILLED = 2 * 2**30  # bytes of parts that are kept here
_PREFIX, _BEGINNING = "mirage-away-", 60.0  # seconds
_DIGESTS = ("ETag", "etag", "md5Hash", "content_md5")  # what storages call a digest of what a file holds
_CHANGED = ("LastModified", "last_modified", "mtime", "updated", "created")  # and when it became that
_FOOT = 2**16  # bytes at a parquet file's end, which hold most of their tables of contents


class Standing(NamedTuple):
    """A file at an address: its name below that, its bytes, and what changes with what it holds."""

    name: str
    size: int
    stamp: str


class Away:
    """Files at an address that fsspec knows. Threads may ask at once.

    Parameters
    ----------
    address : str
        ``s3://bucket/prefix``. Keys are found by the storage's own library.

    Attributes
    ----------
    folder : Path
        That stands for it, as long as this object lives.
    refused : list of Refused
        Files whose names no file can have here.
    lock : lock
        To be held while parts that were filled are read.

    Raises
    ------
    mirage.errors.BadInput
        When it is no address, or holds a password.
    """

    def __init__(self, address: str) -> None:
        self.address = check_address(address, "files")
        self.title = self.address.rpartition("/")[2]
        _sweep()
        own = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        self.folder, self._room = own / "files", own / "held"
        self.refused: list[Refused] = []
        self.lock = threading.RLock()
        self._bucket = Bucket(self.address)
        self._files: dict[str, Standing] = {}
        self._listed = False
        self._heads = _Heads(self._head)
        self._filled: dict[str, set[tuple[int, int]]] = {}
        self._said: dict[str, str] = {}
        self.folder.mkdir()
        self._room.mkdir()
        stands_for(self.folder, self)
        weakref.finalize(self, _let_go, own, _held_by(own))

    def look(self) -> None:
        """List what lies there, once; nothing happens where files were told by `take`.

        Raises
        ------
        mirage.errors.BadInput
            When nothing does.
        mirage.errors.Unavailable
            When the storage does not say.
        """
        if self._listed:
            return
        there = self._bucket.files()
        if not there:
            raise BadInput(
                _(
                    "Nothing lies at %(address)s: there is no such bucket, or nothing in it whose name "
                    "begins so. Check the address.",
                    address=self.address,
                )
            )
        for name in sorted(there):
            if name and not name.endswith("/"):
                self._stand(Standing(name, int(there[name]["size"]), _stamp(there[name])))
        self._listed = True

    def told(self, paths: Sequence[Path]) -> tuple[Standing, ...]:
        """What is known of some files, to be sent to where they are read."""
        return tuple(self._files[self._name(path)] for path in paths)

    def take(self, files: Sequence[Standing]) -> None:
        """Have these files stand here in place of all others, without listing what lies there."""
        for name in self._files:
            (self.folder / name).unlink(missing_ok=True)
        self._files, self._filled, self._said, self._listed, self._heads = {}, {}, {}, True, _Heads(self._head)
        for each in dict.fromkeys(Standing(*file) for file in files):
            self._stand(each)

    def path(self, file: Standing) -> Path:
        """The path by which a file is known here."""
        return self.folder / file.name

    def open(self, path: Path) -> BinaryIO:
        """Open a file to look into it: what is not read of it is not asked for.

        Raises
        ------
        OSError
            When it cannot be read; its text is for people. Reading raises it, too.
        mirage.errors.Unavailable
            When the storage refuses everything, or does not answer.
        """
        file = self._files[self._name(path)]
        head = self._heads.get(file.name, file.size)
        return _Opened(_Parts(file.size, head, lambda start, end: self._part(file, start, end)))

    @contextmanager
    def held(self, path: Path) -> Iterator[Path]:
        """A file as a whole, for what reads by path; it goes when the block ends.

        Raises
        ------
        OSError, mirage.errors.Unavailable
            As for `open`, and when it changed since it was listed.
        """
        file = self._files[self._name(path)]
        handle, name = tempfile.mkstemp(dir=self._room)
        os.close(handle)
        into = Path(name)
        try:
            if file.size:
                self._tried(file, lambda: self._bucket.fetch(file.name, into, lambda got: got.stat().st_size == file.size))
            self._check(file)
            yield into
        finally:
            into.unlink(missing_ok=True)

    def fill(self, path: Path, parts: Sequence[tuple[int, int]]) -> None:
        """Have parts of a file lie in the one that stands for it.

        Parameters
        ----------
        path : Path
        parts : sequence of (int, int)
            First byte, and the one after the last.

        Raises
        ------
        OSError, mirage.errors.Unavailable
            As for `held`.
        """
        file = self._files[self._name(path)]
        missing = [each for each in map(tuple, parts) if each not in self._filled.get(file.name, ())]
        if not missing:
            return
        coming = sum(end - start for start, end in missing)
        if coming + sum(end - start for ranges in self._filled.values() for start, end in ranges) > _MOST_FILLED:
            for name in self._filled:
                self._stand(self._files[name])
            self._filled.clear()
            missing = [(each[0], each[1]) for each in parts]
        with self._room_here(), path.open("r+b") as into:
            for start, end in missing:
                into.seek(start)
                for at in range(start, end, _PIECE):
                    into.write(self._part(file, at, min(at + _PIECE, end)))
        self._check(file)
        os.utime(path, ns=_times(file))
        self._filled.setdefault(file.name, set()).update((each[0], each[1]) for each in missing)

    def fill_foot(self, path: Path) -> None:
        """Have the table of contents of a parquet file lie in the one that stands for it."""
        size = self._files[self._name(path)].size
        self.fill(path, [(max(0, size - _FOOT), size)])
        with path.open("rb") as file:
            file.seek(max(0, size - 8))
            length = int.from_bytes(file.read(4), "little") + 8
        if _FOOT < length <= size:
            self.fill(path, [(size - length, size)])

    def fill_all(self, endings: tuple[str, ...]) -> None:
        """Have all files with some endings lie here as wholes."""
        for file in self._files.values():
            if file.name.lower().endswith(endings):
                self.fill(self.path(file), [(0, file.size)])

    def _stand(self, file: Standing) -> None:
        path = self.path(file)
        try:
            if not _can_stand(path, self.folder, file.name):
                raise OSError(errno.EINVAL, _("no folder and no file is called so"))
            with self._room_here():
                path.parent.mkdir(parents=True, exist_ok=True)
            if file.name not in self._files and path.exists():
                raise OSError(errno.EEXIST, _("something else there is called so, but for capitals"))
            with self._room_here(), path.open("wb") as made:
                made.truncate(file.size)
            os.utime(path, ns=_times(file))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            told = _("No file here can have its name: %(why)s. Give it another one there.", why=why)
            self.refused.append(Refused(file.name, told))
        else:
            if file.name not in self._files:
                self._heads.add(file.name)
            self._files[file.name] = file

    @contextmanager
    def _room_here(self) -> Iterator[None]:
        """Tell a disk here that is full as that: it is no fault of a file's."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Unavailable(cannot_write(self.folder, error)) from error
            raise

    def _name(self, path: Path) -> str:
        try:
            name = path.relative_to(self.folder).as_posix()
        except ValueError:
            raise OSError(errno.EXDEV, _("it lies outside the folder")) from None
        if name not in self._files:
            raise OSError(errno.ENOENT, _("it is not at %(address)s", address=self.address))
        return name

    def _head(self, name: str) -> bytes:
        file = self._files[name]
        return self._part(file, 0, min(_HEAD, file.size))

    def _part(self, file: Standing, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        return self._tried(file, lambda: self._bucket.read(file.name, start, end, check=lambda got: len(got) == end - start))

    def _tried(self, file: Standing, read: Callable[[], _Given]) -> _Given:
        """Read, and tell what concerns one file from what concerns all of them."""
        try:
            return read()
        except FileNotFoundError:
            raise OSError(errno.ENOENT, _("it is not at %(address)s any more", address=self.address)) from None
        except NotWhole:
            raise OSError(
                errno.EIO, _("the storage gives less of it than it says, each time it is asked; put it there again")
            ) from None
        except Forbidden as error:
            self._bucket.files(file.name)  # which is refused, too, where the key is to blame
            told = _("the storage refuses it (%(answer)s); see what the key may read", answer=error.answer)
            raise OSError(errno.EACCES, told) from None

    def _check(self, file: Standing) -> None:
        """Whether what lies there is still what was listed, and what it was when it was asked for first."""
        there = self._tried(file, lambda: self._bucket.info(file.name))
        key, now = file.stamp.partition(" ")[0], _stamp(there)
        # Of times some storages say other things in a list than of one file: those are compared with their like.
        before = file.stamp if key in _DIGESTS and key == now.partition(" ")[0] else self._said.setdefault(file.name, now)
        if (int(there["size"]), now) != (file.size, before):
            told = _("it has been changed there since the files were listed; run the command again")
            raise OSError(errno.ESTALE, told)


class _Parts(io.RawIOBase):
    """A file of which parts are asked for: a little at first, more where it is read on and on."""

    name = ""  # which pydicom asks for

    def __init__(self, size: int, head: bytes, part: Callable[[int, int], bytes]) -> None:
        self._size, self._part = size, part
        self._at, self._start, self._data, self._next = 0, 0, head, _HEAD
        self.failure: OSError | MirageError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, into: Any, /) -> int:
        wanted = min(len(into), self._size - self._at)
        if wanted <= 0:
            return 0
        if not self._start <= self._at < self._start + len(self._data):
            on = self._at == self._start + len(self._data)
            self._next = min(2 * self._next, _PIECE) if on else _HEAD
            try:
                self._data = self._part(self._at, min(self._at + max(wanted, self._next), self._size))
            except (OSError, MirageError) as error:
                self.failure = error
                raise
            self._start = self._at
        got = self._data[self._at - self._start :][:wanted]
        into[: len(got)] = got
        self._at += len(got)
        return len(got)


class _Opened(io.BufferedReader):
    """Such a file, buffered.

    What reads strangers' bytes takes whatever is raised meanwhile for a fault of theirs. So where the storage failed, that
    is raised at the end of the block in which the file is open, whatever was made of it inside.
    """

    def __init__(self, parts: _Parts) -> None:
        super().__init__(parts, _HEAD)
        self._parts = parts

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        super().__exit__(kind, error, trace)
        failure = self._parts.failure
        if failure is not None and failure is not error:
            raise failure


class _Heads:
    """How files begin, asked for some at a time before they are wanted: one by one, a million would take hours."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._names: list[str] = []
        self._places: dict[str, int] = {}
        self._read = read
        self._coming: OrderedDict[str, Future[bytes]] = OrderedDict()
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def add(self, name: str) -> None:
        """Know of another file, which is looked at after those before it."""
        self._places[name] = len(self._names)
        self._names.append(name)

    def get(self, name: str, size: int) -> bytes:
        """The first bytes of a file."""
        if not size:
            return b""
        with self._lock:
            if (coming := self._coming.pop(name, None)) is None:
                self._ask(name)
                coming = self._coming.pop(name)
        return coming.result()

    def _ask(self, name: str) -> None:
        self._pool = self._pool or ThreadPoolExecutor(_AT_ONCE, "heads")
        place = self._places[name]
        for each in self._names[place : place + _AHEAD]:
            if each not in self._coming:
                self._coming[each] = self._pool.submit(carried(self._read), each)
        while len(self._coming) > 4 * _AHEAD:  # looked at in another order than that of their names
            self._coming.popitem(last=False)


def _held_by(folder: Path) -> int | None:
    """Hold a folder for as long as this process lives, unless another one does; None where that cannot be said."""
    try:
        import fcntl  # noqa: PLC0415 - not everywhere

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _let_go(folder: Path, handle: int | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if handle is not None:
        os.close(handle)


def _sweep() -> None:
    """Remove the folders of processes that were killed, as workers are: names of files may be those of patients."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # it may go meanwhile
            known = folder.lstat()
            ours = known.st_uid == os.geteuid() if hasattr(os, "geteuid") else False
            # One that is being made is not held yet.
            if ours and time.time() - known.st_mtime > _BEGINNING and (handle := _held_by(folder)) is not None:
                _let_go(folder, handle)


def _can_stand(path: PurePath, folder: PurePath, name: str) -> bool:
    """Whether a path is that of a file below a folder, called as one at an address: on Windows ``D:`` names a drive."""
    below = path.parts == (*folder.parts, *name.split("/"))  # what names another place takes the folder's
    strange = "\\" in name or (isinstance(path, PureWindowsPath) and ":" in name)
    return below and not strange and ".." not in path.parts


def _stamp(info: Mapping[str, Any]) -> str:
    """What changes with what a file holds, as far as a storage says it, and what it calls that."""
    said = next((key for key in (*_DIGESTS, *_CHANGED) if info.get(key)), "")
    return f"{said} {info[said]}".replace('"', "") if said else ""  # some put a digest in quotes here and not there


def _times(file: Standing) -> tuple[int, int]:
    """The times of the file that stands for one: another content, another time, by no clock of anybody's."""
    number = int.from_bytes(hashlib.blake2b(file.stamp.encode(), digest_size=6).digest(), "big")
    return number, number
