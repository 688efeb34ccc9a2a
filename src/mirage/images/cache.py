"""Copies of files that lie elsewhere, in a folder of this machine that is kept small."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from mirage.errors import MirageError, Unavailable
from mirage.images.store import cannot_write

_IN_USE = 60.0  # seconds after which a file that nobody asked for may go: who was told its place has opened it by then
_KEPT = 0.8  # of what fits, when room is made
_FORGOTTEN = 3600.0  # seconds after which a half-written file has nobody


class FileCache:
    """A folder of copies, those used last. Several threads and processes may use it at once.

    Parameters
    ----------
    folder : Path
        Made when it is needed.
    most : int
        Bytes that it may take. It holds more only of what was asked for within the last minute.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, most
        self._lock = Lock()
        self._grown = most  # bytes since room was made: at first, who knows

    def place(self, name: str) -> Path:
        """Where the copy of a file lies, whether or not it is there."""
        return self.folder / name[:2] / name

    def there(self, name: str) -> Path | None:
        """Where the copy of a file lies, from now on in use; None where there is none."""
        path = self.place(name)
        try:
            if time.time() - path.stat().st_mtime > _IN_USE / 4:
                os.utime(path)
        except OSError:
            return None
        return path

    def get(self, name: str, fetch: Callable[[Path], None]) -> Path:
        """Where the copy of a file lies, which is fetched where there is none.

        Parameters
        ----------
        name : str
        fetch : callable
            Writes it to the place that it is told. What it raises leaves nothing behind.

        Raises
        ------
        mirage.errors.Unavailable
            When the folder cannot be written, or the disk is full.
        """
        if path := self.there(name):
            return path
        path, temporary = self.place(name), None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            os.close(handle)
            fetch(Path(temporary))
            size = Path(temporary).stat().st_size
            Path(temporary).replace(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable(cannot_write(self.folder, error)) from error
        finally:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink(missing_ok=True)
        self.grown(size)
        return path

    def grown(self, size: int) -> None:
        """Count what was written, and make room now and then."""
        with self._lock:
            self._grown += size
            if self._grown < self.most / 20:
                return
            self._grown = 0
        with contextlib.suppress(OSError, MirageError):
            self.make_room()

    def forget(self, name: str) -> None:
        """Remove a copy, if it is there."""
        with contextlib.suppress(OSError):
            self.place(name).unlink(missing_ok=True)

    def make_room(self) -> None:
        """Remove what was not used for longest, where there is more than fits."""
        now, total, found = time.time(), 0, list[tuple[float, int, str]]()
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)  # noqa: PTH118 - many
                with contextlib.suppress(OSError):
                    known = os.stat(path)  # noqa: PTH116
                    if name.endswith(".part"):
                        if now - known.st_mtime > _FORGOTTEN:
                            Path(path).unlink(missing_ok=True)
                        continue
                    found.append((known.st_mtime, known.st_size, path))
                    total += known.st_size
        if total <= self.most:
            return
        for used, size, path in sorted(found):
            if total <= _KEPT * self.most or now - used < _IN_USE:
                break
            Path(path).unlink(missing_ok=True)
            total -= size
