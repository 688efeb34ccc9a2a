"""Files of a folder, opened so that nothing else is read: neither what a link leads to, nor what took a file’s place."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol
from weakref import WeakValueDictionary

from mirage.wording import _

_OPENED = Path("/proc/self/fd")  # not /dev/fd: what is opened there elsewhere goes on where another reader has stopped


class Elsewhere(Protocol):
    """Where the files of a folder really lie; see `mirage.corpora.away.Away`."""

    def open(self, path: Path) -> BinaryIO:
        """As `Inside.open`."""
        ...

    def held(self, path: Path) -> AbstractContextManager[Path]:
        """As `Inside.held`."""
        ...


_ELSEWHERE: WeakValueDictionary[Path, Elsewhere] = WeakValueDictionary()


def stands_for(folder: Path, elsewhere: Elsewhere) -> None:
    """From now on read the files of a folder from elsewhere, as long as that is there.

    Parameters
    ----------
    folder : Path
    elsewhere : Elsewhere
    """
    _ELSEWHERE[folder] = elsewhere


def is_inside(path: Path, root: Path) -> bool:
    """Whether a path leads to something below a folder, links followed.

    Parameters
    ----------
    path, root : Path
    """
    return _way(path, root) is not None


class Inside:
    """Files below a folder: `is_inside` and reading for many of them, whose own folders are asked once where links lead.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._base: Path | None = None
        self._folders: dict[str, tuple[str, ...] | None] = {}

    def __call__(self, path: Path) -> bool:
        """Whether a path leads to something below the folder, links followed."""
        folder, name = os.path.split(path)
        if name in ("", "..") or path == self._root or path.is_symlink():
            return is_inside(path, self._root)
        return self._folder(folder) is not None

    def open(self, path: Path) -> BinaryIO:
        """Open a file below the folder for reading.

        From the folder on, each part of its way is opened in the one before, and none may be a link: what stood there when
        links were followed is opened, or nothing.

        Parameters
        ----------
        path : Path

        Raises
        ------
        OSError
            When it lies elsewhere, is no file, or cannot be read.
        """
        if (elsewhere := _ELSEWHERE.get(self._root)) is not None:
            return elsewhere.open(path)
        try:
            return os.fdopen(self._opened(path), "rb")
        except (RuntimeError, ValueError) as error:  # links in a circle, and names that no file can have
            raise OSError(errno.EINVAL, _("its name leads to no file")) from error

    def _opened(self, path: Path) -> int:
        self._base = base = self._base or self._root.resolve()
        folder, name = os.path.split(path)
        own = None if name in ("", "..") or path.is_symlink() else self._folder(folder)
        real = base.joinpath(*own, name) if own is not None else path.resolve()
        if not real.is_relative_to(base):
            raise OSError(errno.EXDEV, _("it is a link to a file outside the folder"))
        parts = real.relative_to(base).parts
        if os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW"):
            handle = os.open(base, os.O_RDONLY)
        else:
            handle, parts = _inner(real), parts[:0]
        try:
            for part in parts:
                inner = _inner(part, os.O_NOFOLLOW, handle)
                os.close(handle)
                handle = inner
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, _("it is no file"))
        except (OSError, ValueError) as error:
            os.close(handle)
            if getattr(error, "errno", 0) != errno.ELOOP:
                raise
            taken = _("a link has taken its place since the folder was looked through")
            away = _("it is a link to a file outside the folder")
            raise OSError(errno.EXDEV, taken if is_inside(path, self._root) else away) from error
        return handle

    @contextmanager
    def held(self, path: Path) -> Iterator[Path]:
        """A path to a file as it was opened by `open`, for what reads by path; the file's own where there is none.

        Parameters
        ----------
        path : Path

        Raises
        ------
        OSError
            As for `open`.
        """
        if (elsewhere := _ELSEWHERE.get(self._root)) is not None:
            with elsewhere.held(path) as held:
                yield held
            return
        with self.open(path) as file:
            held = _OPENED / str(file.fileno())
            yield held if held.exists() else path

    def _folder(self, folder: str) -> tuple[str, ...] | None:
        """The way from the root to where a folder really is; None where that is elsewhere."""
        if folder not in self._folders:
            self._folders[folder] = _way(Path(folder), self._root)
        return self._folders[folder]


def _way(path: Path, root: Path) -> tuple[str, ...] | None:
    """The way from a folder to where a path really leads; None where that is elsewhere."""
    try:
        real, base = path.resolve(), root.resolve()  # once: it may lead elsewhere the next time
        return real.relative_to(base).parts if path.is_relative_to(root) and real.is_relative_to(base) else None
    except (OSError, RuntimeError, ValueError):
        return None


def _inner(name: Path | str, flags: int = 0, folder: int | None = None) -> int:
    # What is a pipe by now would be waited for, and Windows would read words otherwise than they stand there.
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    return os.open(name, os.O_RDONLY | flags, dir_fd=folder)
