"""How large a picture may be before it is refused, and how many bytes all pictures in work may take together."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mirage.errors import BadPicture, Busy
from mirage.locales import number
from mirage.settings import Settings
from mirage.wording import _

WAIT_SECONDS = 30.0
_SENT, _DROPPED = 0.25, 0.8  # the parts that bodies of requests may take as they come in, and pictures that were dropped
_OF_ONE = 0.5  # the part of what is being sent that one sender's bodies may take together


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
    to finish, in the order of coming, and gives up in words when that takes too long. A thread that needs more on top of
    what it has counts as having nothing while it waits, and is served first: no two ever wait for one another.

    Parameters
    ----------
    size : int, optional
        Bytes; when left out, the setting ``picture_memory``, read at the first reservation.

    Attributes
    ----------
    used : int
        Bytes that are reserved now.
    """

    def __init__(self, size: int | None = None) -> None:
        self._size = size
        self.used = self._received = self._visitors = 0
        self._changed = threading.Condition()
        self._sent_by = Counter[Hashable]()
        self._waiting: deque[object] = deque()
        self._own = threading.local()  # bytes that this thread has reserved, and whether they are a visitor's

    @property
    def size(self) -> int:
        """Bytes that may be reserved together."""
        with self._changed:
            if self._size is None:
                self._size = Settings.load().picture_memory
            return self._size

    def receive(self, need: int, who: Hashable = "", before: int = 0) -> None:
        """Reserve bytes of what is being sent, until `received` is called with the same number; it never waits.

        Parameters
        ----------
        need : int
            Bytes.
        who : hashable
            Who sends them.
        before : int
            Bytes that the same body has reserved.

        Raises
        ------
        mirage.errors.Busy
            When everything that is being sent would take more than a quarter: the rest is for opening it. And when several
            bodies of one sender would take more than half of that.
        """
        size = self.size
        with self._changed:
            theirs = self._sent_by[who]
            if theirs > before and theirs + need > size * _SENT * _OF_ONE:
                raise Busy(_("Too much is being sent from one place at once. Send one thing after the other."))
            if self._received + need > size * _SENT or self.used + need > size:
                raise Busy(_("Too much is being sent at once. Try again in a minute."))
            self._received += need
            self._sent_by[who] += need
            self.used += need

    def received(self, need: int, who: Hashable = "") -> None:
        """Free bytes that `receive` reserved."""
        with self._changed:
            self._received -= need
            self.used -= need
            self._sent_by[who] -= need
            if self._sent_by[who] <= 0:
                del self._sent_by[who]
            self._changed.notify_all()

    @contextmanager
    def visiting(self) -> Iterator[None]:
        """Count what this thread reserves in the block as a visitor's: all of theirs together leave room for other work."""
        self._own.visits = True
        try:
            yield
        finally:
            self._own.visits = False

    @contextmanager
    def reserve(self, need: int, *, name: str = "", wait: float = WAIT_SECONDS) -> Iterator[None]:
        """Reserve bytes while a block runs.

        Parameters
        ----------
        need : int
            Bytes.
        name : str
            What they are for, in messages.
        wait : float
            Seconds to wait for others to finish; 0 asks once. Who adds waits on as long as others do finish.

        Raises
        ------
        mirage.errors.BadPicture
            When it needs more than the whole budget.
        mirage.errors.Busy
            When the others did not finish in time.
        """
        own, visits = getattr(self._own, "bytes", 0), getattr(self._own, "visits", False)
        name = name or _("the picture")
        most = int(self.size * (_DROPPED if visits else 1))
        if need + own > most:
            raise BadPicture(
                _(
                    "%(name)s needs about %(need)s of memory to be opened, and all pictures together may "
                    "take %(most)s (setting picture_memory). Save it smaller.",
                    name=name,
                    need=megabytes(need + own),
                    most=megabytes(most),
                )
            )
        self._take(need, own, name, wait, visits=visits)
        self._own.bytes = own + need
        try:
            yield
        finally:
            self._own.bytes = own
            self._move(-need, visits=visits)

    def _move(self, by: int, *, visits: bool) -> None:
        with self._changed:
            self.used += by
            self._visitors += by if visits else 0
            self._changed.notify_all()

    def _take(self, need: int, own: int, name: str, wait: float, *, visits: bool) -> None:
        until, ticket, size = time.monotonic() + wait, object(), self.size

        def fits() -> bool:
            if visits and self._visitors + own + need > size * _DROPPED:
                return False
            return self.used + own + need <= size

        with self._changed:
            if own:
                self._waiting.appendleft(ticket)
            else:
                self._waiting.append(ticket)
            self._move(-own, visits=visits)
            try:
                while self._waiting[0] is not ticket or not fits():
                    if self._changed.wait(until - time.monotonic()):
                        until = until if visits else time.monotonic() + wait
                    elif time.monotonic() >= until:
                        raise Busy(
                            _(
                                "Too many pictures are being opened at once, and %(name)s has to wait. Try again in "
                                "a minute.",
                                name=name,
                            )
                        )
                self._move(need, visits=visits)
            finally:
                self._waiting.remove(ticket)
                self._move(own, visits=visits)


BUDGET = MemoryBudget()
"""The one budget of this process."""


def megapixels(count: int) -> str:
    """A number of pixels in words: "400 megapixels"."""
    return _("%(number)s megapixels", number=number(count / 1e6, 0 if count >= 9_500_000 else 1))


def megabytes(count: int) -> str:
    """A number of bytes in words: "64 MB"."""
    return f"{number(count / 2**20, 0 if count >= 9.5 * 2**20 else 1)} MB"


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
        raise BadPicture(
            _("%(name)s has no pixels (%(width)s × %(height)s). Export it again.", name=name, width=width, height=height)
        )
    if width * height > limits.pixels:
        raise BadPicture(
            _(
                "%(name)s has %(width)s × %(height)s pixels (%(width2)s), and the limit is "
                "%(pixels)s. Save it with fewer pixels.",
                name=name,
                width=number(width),
                height=number(height),
                width2=megapixels(width * height),
                pixels=megapixels(limits.pixels),
            )
        )
