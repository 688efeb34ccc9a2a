"""Files that are there when they are whole: until then they lie beside their place, under a name of their process's own."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mirage.errors import check_new

_OURS = re.compile(r"\..+\.(?P<host>[\w-]*)-(?P<process>\d{1,9})-[0-9a-f]{8}\.(partial|parts)")
_FORSAKEN_SECONDS = 600  # what nobody has touched for so long belongs to a process that was killed, where nothing else tells
_DAY = 86_400


@contextmanager
def beside(target: Path, what: str = "partial") -> Iterator[Path]:
    """Lend a place beside a file, and remove what lies there at the end; what killed processes left there is removed first.

    Parameters
    ----------
    target : Path
        In a folder that is there.
    what : {"partial", "parts"}
        What its name ends in.
    """
    sweep(target.parent)
    place = target.with_name(f".{target.name}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.{what}")
    try:
        yield place
    finally:
        _remove(place)


@contextmanager
def aside(target: Path, *, new: bool = False) -> Iterator[Path]:
    """Lend a place beside a file for what is to be that file: it is moved there in one step when the block ends well.

    Several processes may write the same file at once, each at a place of its own.

    Parameters
    ----------
    target : Path
        In a folder that is there.
    new : bool
        Write over no file that another process has written meanwhile.

    Raises
    ------
    mirage.errors.BadInput
        When it is to be new and is there.
    """
    with beside(target) as place:
        yield place
        if new:
            check_new(target)
        place.replace(target)


def sweep(folder: Path) -> None:
    """Remove what processes that are gone left in a folder before it was whole.

    Parameters
    ----------
    folder : Path
    """
    for left in list(folder.iterdir()):
        with suppress(OSError):
            if found := _OURS.fullmatch(left.name):
                here = found["host"] == _host()
                old = time.time() - left.stat().st_mtime > _DAY
                if old or (here and forsaken(left, int(found["process"]))):
                    _remove(left)


def forsaken(place: Path, process: int) -> bool:
    """Whether the process that made something is gone.

    Parameters
    ----------
    place : Path
    process : int
        Of this machine.

    Raises
    ------
    OSError
        When nothing lies there.
    """
    if os.name != "posix":  # elsewhere this signal ends the process that is asked about
        return time.time() - place.stat().st_mtime > _FORSAKEN_SECONDS
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _host() -> str:
    return re.sub(r"[^\w-]", "-", socket.gethostname())


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
