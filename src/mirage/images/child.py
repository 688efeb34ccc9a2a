"""Bytes of strangers read by a process that may die, take too much memory or never answer: `mirage.images.child_process`.

Both ends are plain JSON and bytes, so that a file that takes the process over gains nothing by it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from mirage.images.limits import megabytes
from mirage.wording import N_, _

BREAKS = N_("it breaks the program that reads it")
_TOO_MUCH = N_("it needs more memory than it may take")  # as `child_process` says it, which knows no language
_RUNNER = Path(__file__).with_name("child_process.py")
_MOST_WORDS = 256 * 2**20  # bytes of an answer that is JSON
_IDLE = 60.0  # seconds after which a process that nobody asks is ended


class ChildError(Exception):
    """The process did not answer, and why, in a few words; what it was asked is probably to blame."""


class Child:
    """A process that runs the functions of a script, begun when it is first asked, and again when it died.

    Threads may ask at once, and wait for each other. It ends when nobody asked it for a minute, and with this process.

    Parameters
    ----------
    script : Path
        Its function ``begin`` gives functions by their names, each of which returns what JSON can hold, and bytes. It
        imports nothing of MIRAGE.
    most_bytes : int
        What it may take beside the libraries that it loads, where the system can bound that.
    """

    def __init__(self, script: Path, most_bytes: int) -> None:
        self._script, self._most_bytes = script, most_bytes
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._asked = 0.0
        self._resting = False

    def ask(self, what: str, *given: Any, data: bytes = b"", seconds: float, most: int) -> tuple[dict[str, Any], bytes]:
        """Call a function there.

        Parameters
        ----------
        what : str
            Its name.
        *given
            What JSON can hold.
        data : bytes
            Given last, unless there are none.
        seconds : float
            How long it may take.
        most : int
            How many bytes may come back; more of them are left out, and ``error`` says so.

        Returns
        -------
        told : dict
            With ``error`` where the function raised something, and ``memory`` where it ran out of it.
        data : bytes

        Raises
        ------
        ChildError
        """
        asked = json.dumps([what, len(data), seconds, *given]).encode()
        with self._lock:
            if self._running is not None and self._running.poll() is not None:  # nobody's fault
                self._end()
            try:
                process = self._running or self._begun()
            except OSError as error:
                raise ChildError(_("no process can be begun: %(why)s", why=error.strerror or error)) from error
            waited = threading.Event()
            late = _later(seconds, _given_up, process, waited)
            try:
                answer = _answered(process, asked, data, most)
            except (OSError, EOFError):
                self._end()
                late_too = _("%(breaks)s, or takes longer than %(seconds)s s", breaks=_(BREAKS), seconds=f"{seconds:.0f}")
                raise ChildError(late_too if waited.is_set() else _(BREAKS)) from None
            except (ValueError, TypeError, RecursionError):  # an answer that is none
                self._end()
                raise ChildError(_("what is read of it makes no sense, or is too much")) from None
            except BaseException:  # somebody stops this process; the rest of the answer must not meet another question
                self._end()
                raise
            finally:
                late.cancel()
            self._asked = time.monotonic()
            self._rest_later(_IDLE)
        return answer

    def _begun(self) -> subprocess.Popen[bytes]:
        paths = json.dumps([path for path in sys.path if path])
        self._running = subprocess.Popen(
            # Isolated from the folder that it is started in, where a stranger's file may be called as a module is.
            [sys.executable, "-I", str(_RUNNER), str(self._script), paths, str(self._most_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Other pools of memory keep far more addresses than they use, and those are counted.
            env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._stop = weakref.finalize(self, _stopped, self._running)
        return self._running

    def _rest_later(self, seconds: float) -> None:
        if not self._resting:
            _later(seconds, _rest, weakref.ref(self))
            self._resting = True

    def _rest(self) -> None:
        with self._lock:
            self._resting = False
            if self._running is not None and (left := self._asked + _IDLE - time.monotonic()) > 0:
                self._rest_later(left)
            elif self._running is not None:
                self._end()

    def _end(self) -> None:
        self._stop()
        self._running = None


def _later(seconds: float, call: Callable[..., object], *given: object) -> threading.Timer:
    timer = threading.Timer(seconds, call, given)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError as error:  # as many threads as the system allows, or no room for one more
        raise ChildError(_("no thread can be begun beside it")) from error
    return timer


_BEGINNING = threading.Lock()
_SHARED: dict[Path, Child] = {}


def child_of(script: Path, most_bytes: int) -> Child:
    """The one process of this program for a script: see `Child`."""
    with _BEGINNING:
        return _SHARED.setdefault(script, Child(script, most_bytes))


def _rest(child: weakref.ref[Child]) -> None:
    if (there := child()) is not None:
        there._rest()


def _given_up(process: subprocess.Popen[bytes], waited: threading.Event) -> None:
    waited.set()  # first, for who reads from it may hear of its end before this thread goes on
    process.kill()


def _stopped(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not sent yet has nowhere to go
                pipe.close()
    process.wait()


def _answered(process: subprocess.Popen[bytes], asked: bytes, given: bytes, most: int) -> tuple[dict[str, Any], bytes]:
    sent, answers = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    sent.write(asked + b"\n" + given)
    sent.flush()
    lengths = _whole(answers, 16)
    words, size = int.from_bytes(lengths[:8], "big"), int.from_bytes(lengths[8:], "big")
    if words > _MOST_WORDS:
        raise ValueError("an answer that is too long")
    told = json.loads(_whole(answers, words))
    if not isinstance(told, dict):
        raise TypeError("an answer of another kind")
    if size > most:
        return {"error": _("its picture has %(size)s", size=megabytes(size))}, _passed_over(answers, size)
    if told.get("memory") and "error" in told:
        told["error"] = _(_TOO_MUCH)
    return told, _whole(answers, size)


def _whole(answers: BinaryIO, size: int) -> bytes:
    data = answers.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _passed_over(answers: BinaryIO, size: int) -> bytes:
    while size > 0:
        size -= len(_whole(answers, min(size, 1 << 20)))
    return b""
