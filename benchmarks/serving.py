"""A real server, started as a student would, and stopped again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from benchmarks.measure import memory_of

_COMMAND = "from mirage.cli import main; main()"
_PATIENCE = 600


class Served:
    """``mirage serve`` of an atlas on a free port, in a process of its own.

    Parameters
    ----------
    folder : Path
        The atlas.
    *words : str
        Further words of the command, as ``--shared``.
    at : Path, optional
        The folder in which the process runs; where this one does when left out.
    """

    def __init__(self, folder: Path, *words: str, at: Path | None = None) -> None:
        self._folder, self._words, self._at = folder, words, at
        self.url = ""

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return "".join(self._lines)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, "serve", "--atlas", str(self._folder), "--port", "0", *self._words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "MIRAGE_PORT": "0"},
            cwd=self._at,
        )
        self._lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            if self.url and _answers(self.url):
                return self
            time.sleep(0.02)
        self._stop()
        raise RuntimeError(f"mirage serve did not start: {''.join(self._lines)[-2000:]}")

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.append(line)
            if found := re.search(r"http://\S+", line):
                self.url = self.url or found[0]

    def memory(self) -> dict[str, float]:
        """Resident memory in MB; see `benchmarks.measure.memory_of`."""
        return memory_of(self._process.pid)

    def cpu(self) -> float:
        """Seconds of processor time that the server and the processes that it began have taken."""
        return sum(map(_cpu, self._processes()))

    def memory_of_all(self) -> float:
        """Resident memory in MB of the server and of the processes that it began."""
        total = 0.0
        for pid in self._processes():
            with suppress(OSError):  # it ended meanwhile
                total += memory_of(pid).get("rss", 0.0)
        return round(total, 1)

    def _processes(self) -> list[int]:
        found, todo = [], [self._process.pid]
        while todo:
            found.append(todo.pop())
            with suppress(OSError):  # it ended meanwhile
                for tasks in Path(f"/proc/{found[-1]}/task").iterdir():
                    todo += map(int, (tasks / "children").read_text().split())
        return found

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _cpu(pid: int) -> float:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended meanwhile
        return 0.0
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _answers(url: str) -> bool:
    try:
        # A shared one tells nobody who has not signed in.
        return httpx.get(f"{url}/api/atlas", timeout=5, trust_env=False).status_code in (200, 401)
    except httpx.HTTPError:
        return False
