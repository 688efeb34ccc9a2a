"""Files of a folder, opened so that nothing else is read: neither what a link leads to, nor what took a file’s place."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_OPENED = Path("/proc/self/fd")  # not /dev/fd: what is opened there elsewhere goes on where another reader has stopped


def is_inside(path: Path, root: Path) -> bool:
    """Whether a path leads to something below a folder, links followed.

    Parameters
    ----------
    path, root : Path
    """
    try:
        return path.is_relative_to(root) and path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):
        return False


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
        self._base = base = self._base or self._root.resolve()
        folder, name = os.path.split(path)
        own = None if name in ("", "..") or path.is_symlink() else self._folder(folder)
        if own is None and not path.resolve().is_relative_to(base):
            raise OSError(errno.EXDEV, "it is a link to a file outside the folder")
        parts = path.resolve().relative_to(base).parts if own is None else (*own, name)
        if os.open not in os.supports_dir_fd or not hasattr(os, "O_NOFOLLOW"):
            return base.joinpath(*parts).open("rb")
        handle = os.open(base, os.O_RDONLY)
        try:
            for part in parts:
                # What is a pipe by now would be waited for.
                inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
                os.close(handle)
                handle = inner
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "it is no file")
        except OSError as error:
            os.close(handle)
            if error.errno != errno.ELOOP:
                raise
            taken = "a link has taken its place since the folder was looked through"
            away = "it is a link to a file outside the folder"
            raise OSError(errno.EXDEV, taken if is_inside(path, self._root) else away) from error
        return os.fdopen(handle, "rb")

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
        with self.open(path) as file:
            held = _OPENED / str(file.fileno())
            yield held if held.exists() else path

    def _folder(self, folder: str) -> tuple[str, ...] | None:
        """The way from the root to where a folder really is; None where that is elsewhere."""
        if folder not in self._folders:
            own = Path(folder)
            inside = is_inside(own, self._root)
            self._folders[folder] = own.resolve().relative_to(self._root.resolve()).parts if inside else None
        return self._folders[folder]
