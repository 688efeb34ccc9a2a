"""How large a picture may be before it is refused, and how many bytes all pictures in work may take together."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mirage.errors import BadPicture, Busy
from mirage.settings import Settings

WAIT_SECONDS = 30.0
_LEAST, _MOST = 1 * 2**30, 3 * 2**30


@dataclass(frozen=True, slots=True)
class Limits:
    """What decoding may cost. A picture beyond any of these is refused before its pixels are read.

    Attributes
    ----------
    pixels : int
        Width times height; 50 million is a picture of 7,000 × 7,000.
    file_bytes : int
        Size of the file or upload.
    dicom_bytes : int
        Size of a DICOM or NIfTI file on disk, which may hold many frames.
    volume_bytes : int
        Size of the voxels of a volume, unpacked.
    """

    pixels: int = 50_000_000
    file_bytes: int = 64 * 2**20
    dicom_bytes: int = 2 * 2**30
    volume_bytes: int = 512 * 2**20


DEFAULT_LIMITS = Limits()


class MemoryBudget:
    """The bytes that uploads and decodes in flight may take together, in all threads of this process.

    Who needs memory for bytes of somebody else reserves it first. Where there is too little left it waits for the others
    to finish, and gives up in words when that takes too long.

    Parameters
    ----------
    size : int, optional
        Bytes; when left out, the setting ``picture_memory`` or `default_budget`, read at the first reservation.

    Attributes
    ----------
    used : int
        Bytes that are reserved now.
    """

    def __init__(self, size: int | None = None) -> None:
        self._size = size
        self.used = 0
        self._changed = threading.Condition()

    @property
    def size(self) -> int:
        """Bytes that may be reserved together."""
        with self._changed:
            if self._size is None:
                self._size = Settings.load().picture_memory or default_budget()
            return self._size

    def take(self, need: int, *, name: str = "the picture", wait: float = WAIT_SECONDS) -> None:
        """Reserve bytes until `give_back` is called with the same number.

        Parameters
        ----------
        need : int
            Bytes.
        name : str
            What they are for, in messages.
        wait : float
            Seconds to wait for others to finish; 0 asks once.

        Raises
        ------
        mirage.errors.BadPicture
            When it needs more than the whole budget.
        mirage.errors.Busy
            When the others did not finish in time.
        """
        size = self.size
        if need > size:
            raise BadPicture(
                f"{name} needs about {megabytes(need)} of memory to be opened, and all pictures together may take "
                f"{megabytes(size)} (setting picture_memory). Save it smaller."
            )
        until = time.monotonic() + wait
        with self._changed:
            while self.used + need > size:
                if not self._changed.wait(until - time.monotonic()) and time.monotonic() >= until:
                    raise Busy(f"Too many pictures are being opened at once, and {name} has to wait. Try again in a minute.")
            self.used += need

    def give_back(self, need: int) -> None:
        """Free bytes that `take` reserved."""
        with self._changed:
            self.used -= need
            self._changed.notify_all()

    @contextmanager
    def reserve(self, need: int, *, name: str = "the picture", wait: float = WAIT_SECONDS) -> Iterator[None]:
        """Reserve bytes while a block runs.

        Parameters
        ----------
        need : int
            Bytes.
        name : str
            What they are for, in messages.
        wait : float
            Seconds to wait for others to finish; 0 asks once.

        Raises
        ------
        mirage.errors.BadPicture, mirage.errors.Busy
            As `take` does.
        """
        self.take(need, name=name, wait=wait)
        try:
            yield
        finally:
            self.give_back(need)


BUDGET = MemoryBudget()
"""The one budget of this process."""


def default_budget() -> int:
    """An eighth of the machine's memory, or of what a container may take of it, but 1 GiB at least and 3 GiB at most."""
    found = []
    with suppress(AttributeError, ValueError, OSError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))
    return min(max(min(found, default=0) // 8, _LEAST), _MOST)


def megapixels(count: int) -> str:
    """A number of pixels in words: "400 megapixels"."""
    return f"{count / 1e6:,.0f} megapixels" if count >= 9_500_000 else f"{count / 1e6:,.1f} megapixels"


def megabytes(count: int) -> str:
    """A number of bytes in words: "64 MB"."""
    return f"{count / 2**20:,.0f} MB" if count >= 9.5 * 2**20 else f"{count / 2**20:,.1f} MB"


def sampled(frames: int, at_most: int) -> list[int]:
    """Spread numbers evenly over the frames of a stack: the middles of equal parts.

    Parameters
    ----------
    frames : int
        How many there are.
    at_most : int
        How many numbers are wanted.

    Returns
    -------
    list of int
        Numbers from 1.
    """
    if frames <= at_most:
        return list(range(1, frames + 1))
    count = max(at_most, 1)
    return [(2 * part + 1) * frames // (2 * count) + 1 for part in range(count)]


def check_pixels(width: int, height: int, name: str, limits: Limits) -> None:
    """Refuse a picture that has too many pixels, or none.

    Parameters
    ----------
    width, height : int
    name : str
        What to call it in messages.
    limits : Limits

    Raises
    ------
    mirage.errors.BadPicture
    """
    if width < 1 or height < 1:
        raise BadPicture(f"{name} has no pixels ({width} × {height}). Export it again.")
    if width * height > limits.pixels:
        raise BadPicture(
            f"{name} has {width:,} × {height:,} pixels ({megapixels(width * height)}), and the limit is "
            f"{megapixels(limits.pixels)}. Save it with fewer pixels."
        )
