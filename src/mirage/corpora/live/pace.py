"""How often a source is asked: its rate is kept by all threads and processes of this user together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock, Timeout

from mirage.errors import Unavailable
from mirage.wording import _

Pulse = Callable[[], None]
"""Called again and again while something is waited for; what it raises stops the wait."""

_SLICE = 0.02  # seconds between two looks whether a turn is free
_BEAT = 0.25  # seconds between two pulses
_UNREADABLE = 600.0  # seconds to leave a source alone that asks to wait, and not for how long
_LONGEST = 86_400.0  # seconds that a source is believed when it asks to wait


class AskedToWait(Unavailable):
    """A source has too much to do, and asks to come back later: nothing is wrong with it, or here."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a source permits: at most `count` requests in any span of `seconds`, and never more than `count` at once."""

    count: int
    seconds: float = 1.0


class Pace:
    """Turns to ask a source.

    There are as many turns as requests may be made in a span of time. Each is a lock file, held while a request is under
    way, and free again one such span after its answer. So whatever a line delays, no span holds more requests at the
    source than it permits; the locks of a process that dies are let go by the system.

    Parameters
    ----------
    folder : Path
        Where the lock files are; the same for all who share the rate.
    name : str
        Of the source.
    rate : Rate
    """

    def __init__(self, folder: Path, name: str, rate: Rate) -> None:
        self._folder, self._name, self._rate = folder, name, rate

    @contextmanager
    def turn(self, pulse: Pulse) -> Iterator[None]:
        """Wait for a turn, and keep it for the time of the block.

        Parameters
        ----------
        pulse : callable
            See `Pulse`.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        number, lock = self._free(pulse)
        stamp = self._stamp(number)
        try:
            # A stamp of the future is of a clock that was set back since.
            wait_until(min(_read(stamp), time.time()) + self._rate.seconds, pulse)
            stamp.write_text(repr(time.time()), "ascii")  # for who comes after a process that died here
            try:
                yield
            finally:
                stamp.write_text(repr(time.time()), "ascii")
        finally:
            lock.release()

    def _free(self, pulse: Pulse) -> tuple[int, FileLock]:
        while True:
            for number in sorted(range(self._rate.count), key=lambda number: _read(self._stamp(number))):
                lock = FileLock(self._folder / f"{self._name}.{number}.lock")
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    continue
                return number, lock
            wait_until(time.time() + _SLICE, pulse)

    @contextmanager
    def alone(self, what: str, pulse: Pulse) -> Iterator[None]:
        """Wait until no thread or process does the same, and keep others out for the time of the block.

        Parameters
        ----------
        what : str
            What is done; things whose digests begin alike are done one after the other, too.
        pulse : callable
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._folder / f"{self._name}.alone-{blake2b(what.encode(), digest_size=1).hexdigest()}.lock")
        while True:
            try:
                lock.acquire(blocking=False)
            except Timeout:
                wait_until(time.time() + _SLICE, pulse)
                continue
            break
        try:
            yield
        finally:
            lock.release()

    def _stamp(self, number: int) -> Path:
        return self._folder / f"{self._name}.{number}.time"

    @property
    def _hold(self) -> Path:
        return self._folder / f"{self._name}.hold"

    def hold(self, seconds: float) -> None:
        """Ask nothing for a time, in no process; a day at most."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._hold.write_text(repr(time.time() + min(max(seconds, 0.0), _LONGEST)), "ascii")

    def hold_for(self, said: str, title: str, patience: float, pulse: Pulse) -> None:
        """Leave a source alone for as long as it asks.

        Parameters
        ----------
        said : str
            Its header ``Retry-After``; empty where it has none.
        title, patience, pulse
            As for `wait_out`.

        Raises
        ------
        mirage.errors.Unavailable
            When it asks to wait for longer than the patience lasts, or in words that cannot be read.
        """
        if not said.strip():
            return
        seconds = _seconds(said.strip())
        self.hold(_UNREADABLE if seconds is None else seconds)
        if seconds is None:
            raise AskedToWait(
                _(
                    "%(title)s is too busy and asks to wait “%(strip)s”. It is left alone for ten "
                    "minutes; run it again after that. What has arrived is kept.",
                    title=begun(title),
                    strip=said.strip()[:40],
                )
            )
        if seconds > patience:
            self.wait_out(title, patience, pulse)  # which tells

    def wait_out(self, title: str, patience: float, pulse: Pulse) -> None:
        """Wait until the source may be asked again.

        Parameters
        ----------
        title : str
            Of the source, for the message.
        patience : float
            Seconds to wait at most.
        pulse : callable

        Raises
        ------
        mirage.errors.Unavailable
            When it asked to wait for longer.
        """
        until = min(_read(self._hold), time.time() + _LONGEST)
        if until - time.time() > patience:
            raise AskedToWait(
                _(
                    "%(title)s has asked to be left alone until %(until)s. Run it again after that; what "
                    "has arrived is kept, and nothing more is asked before.",
                    title=begun(title),
                    until=when(until),
                )
            )
        wait_until(until, pulse)


def wait_until(moment: float, pulse: Pulse) -> None:
    """Sleep until a time in seconds since 1970, with a pulse now and then."""
    while (left := moment - time.time()) > 0:
        pulse()
        time.sleep(min(left, _BEAT))


def begun(title: str) -> str:
    """The title of a source where a sentence begins with it."""
    return f"{title[:1].upper()}{title[1:]}"


def when(moment: float) -> str:
    """A time in words: "14:05", and the day where it is another one."""
    then, now = datetime.fromtimestamp(moment), datetime.fromtimestamp(time.time())
    if then.date() == now.date():
        return then.strftime("%H:%M")
    return _("%(time)s on %(day)s", time=then.strftime("%H:%M"), day=then.strftime("%Y-%m-%d"))


def day(moment: float) -> str:
    """The day of an answer, for people: "2026-11-29"."""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d")


def _seconds(said: str) -> float | None:
    """How long ``Retry-After`` asks to wait; None where it cannot be read."""
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        then = parsedate_to_datetime(said)
        return max((then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _read(path: Path) -> float:
    try:
        return float(path.read_text("ascii"))
    except (OSError, ValueError):
        return 0.0
