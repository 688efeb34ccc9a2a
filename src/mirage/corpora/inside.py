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
    """Whether paths lead to something below a folder, links followed: `is_inside` for many, whose folders are asked once.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[str, bool] = {}

    def __call__(self, path: Path) -> bool:
        """Whether this one does."""
        folder, name = os.path.split(path)
        if name in ("", "..") or path == self._root or path.is_symlink():
            return is_inside(path, self._root)
        if (inside := self._folders.get(folder)) is None:
            inside = self._folders[folder] = is_inside(Path(folder), self._root)
        return inside


def open_inside(path: Path, root: Path) -> BinaryIO:
    """Open a file below a folder for reading.

    From the folder on, each part of its way is opened in the one before, and none may be a link: what stood there when links
    were followed is opened, or nothing.

    Parameters
    ----------
    path, root : Path

    Raises
    ------
    OSError
        When it lies elsewhere, is no file, or cannot be read.
    """
    real, base = path.resolve(), root.resolve()
    if not real.is_relative_to(base):
        raise OSError(errno.EXDEV, "it is a link to a file outside the folder")
    if os.open not in os.supports_dir_fd or not hasattr(os, "O_NOFOLLOW"):
        return real.open("rb")
    handle = os.open(base, os.O_RDONLY)
    try:
        for part in real.relative_to(base).parts:
            # What is a pipe by now would be waited for.
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
            os.close(handle)
            handle = inner
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
    except OSError as error:
        os.close(handle)
        if error.errno == errno.ELOOP:
            raise OSError(errno.EXDEV, "a link has taken its place since the folder was looked through") from error
        raise
    return os.fdopen(handle, "rb")


@contextmanager
def held_inside(path: Path, root: Path) -> Iterator[Path]:
    """A path to a file as it was opened by `open_inside`, for what reads by path; the file's own where there is none.

    Parameters
    ----------
    path, root : Path

    Raises
    ------
    OSError
        As for `open_inside`.
    """
    with open_inside(path, root) as file:
        held = _OPENED / str(file.fileno())
        yield held if held.exists() else path
