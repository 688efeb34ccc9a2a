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

_OURS = re.compile(r"\.(?P<name>.+)\.(?P<host>[\w-]*)-(?P<process>\d{1,9})-[0-9a-f]{8}\.(?P<what>partial|parts|before)")
_DAY = 86_400


@contextmanager
def beside(target: Path, what: str = "partial") -> Iterator[Path]:
    """Lend a place beside a file, and remove what lies there at the end; what killed processes left there is removed first.

    Parameters
    ----------
    target : Path
        In a folder that is there.
    what : {"partial", "parts", "before"}
        What its name ends in. What is ``before`` stood in the place of the file: it is put back there, and not
        removed, when the process is killed before something else stands there.
    """
    sweep(target.parent)
    name = target.name if what == "before" else target.name[:40]  # a name may have 255 bytes altogether
    place = target.with_name(f".{name}.{machine()}-{os.getpid()}-{secrets.token_hex(4)}.{what}")
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
            try:
                target.hardlink_to(place)  # which writes over nothing
            except FileExistsError:
                check_new(target)
            except OSError:  # not everywhere are there links
                check_new(target)
                place.replace(target)
        else:
            place.replace(target)


def sweep(folder: Path) -> None:
    """Remove what processes that are gone left in a folder before it was whole, and put back what they had moved away.

    Parameters
    ----------
    folder : Path
    """
    there = list[Path]()
    with suppress(OSError):  # it may be one that can be written to and not listed
        there += folder.iterdir()
    for left in there:
        with suppress(OSError):
            if found := _OURS.fullmatch(left.name):
                here = found["host"] == machine()
                if forsaken(left, int(found["process"]) if here else None):
                    if found["what"] == "before" and not (folder / found["name"]).exists():
                        left.rename(folder / found["name"])
                    else:
                        _remove(left)


def forsaken(place: Path, process: int | None, after: float = _DAY) -> bool:
    """Whether the process that made something is gone.

    Parameters
    ----------
    place : Path
    process : int or None
        Of this machine; None where it is of another, of which only time tells.
    after : float
        Seconds after which it is taken to be, when nobody has touched the thing.

    Raises
    ------
    OSError
        When nothing lies there.
    """
    if time.time() - place.stat().st_mtime > after:
        return True
    if process is None or os.name != "posix":  # elsewhere this signal ends the process that is asked about
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def machine() -> str:
    """This machine, and which of its containers: processes are counted in each for itself."""
    with suppress(OSError):
        return re.sub(r"[^\w-]", "-", f"{socket.gethostname()[:24]}{Path('/proc/self/ns/pid').readlink()}")[:48]
    return re.sub(r"[^\w-]", "-", socket.gethostname())[:48]


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
