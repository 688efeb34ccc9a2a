"""Files that are there when they are whole: until then they lie beside their place, under a name of their process's own."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mirage.errors import check_new

_FORSAKEN_SECONDS = 600  # what nobody has touched for so long belongs to a process that was killed


@contextmanager
def beside(target: Path, what: str) -> Iterator[Path]:
    """Lend a place beside a file, and remove what lies there at the end; what killed processes left there is removed first.

    Parameters
    ----------
    target : Path
        In a folder that is there.
    what : str
        What its name ends in.
    """
    ours = re.compile(rf"\.{re.escape(target.name)}\.(\d{{1,9}})-[0-9a-f]{{8}}\.{re.escape(what)}")
    for left in target.parent.iterdir():
        with suppress(OSError):
            if (found := ours.fullmatch(left.name)) and forsaken(left, int(found[1])):
                _remove(left)
    place = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.{what}")
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
    with beside(target, "partial") as place:
        yield place
        if new:
            check_new(target)
        place.replace(target)


def forsaken(place: Path, process: int) -> bool:
    """Whether the process that made something is gone.

    Parameters
    ----------
    place : Path
    process : int

    Raises
    ------
    OSError
        When nothing lies there.
    """
    if time.time() - place.stat().st_mtime > _FORSAKEN_SECONDS:
        return True
    if os.name != "posix":  # elsewhere this signal ends the process that is asked about
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
