"""Workers that are processes of this machine."""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from mirage.locales import translations_of
from mirage.storage.spread.base import Done, Lost, Recipe, Task, Worker
from mirage.wording import _, settle


@dataclass(eq=False)
class _Process:
    process: SpawnProcess
    connection: Connection
    asked: deque[int] = field(default_factory=deque)


@dataclass(frozen=True)
class _Asked:
    worker: _Process
    number: int


class Processes:
    """Processes, each with a corpus and an encoder of its own.

    Parameters
    ----------
    recipe : Recipe
    count : int
        How many; with 0 as many as there are processors for.
    cpus : int
        Threads of each; one with 0.
    """

    def __init__(self, recipe: Recipe, count: int = 0, cpus: int = 0) -> None:
        self._recipe, self._threads = recipe, max(1, cpus)
        self.count = count or max(1, (os.cpu_count() or 1) // self._threads)
        self._context = get_context("spawn")  # what was begun here, as threads of a model are, cannot be forked
        self._all: list[_Process] = []
        self._number = 0

    def begin(self) -> _Process:
        """Begin another worker; nothing is waited for."""
        here, there = self._context.Pipe()
        process = self._context.Process(target=_work, args=(there, self._recipe, self._threads), daemon=True)
        process.start()
        there.close()
        self._all.append(worker := _Process(process, here))
        return worker

    def ask(self, worker: _Process, task: Task | None) -> _Asked:
        """Give a worker a task."""
        self._number += 1
        worker.asked.append(self._number)
        with suppress(OSError):  # that it has ended is seen when something is to come of it
            worker.connection.send(task)
        return _Asked(worker, self._number)

    def wait(self, asked: Sequence[_Asked], seconds: float) -> Sequence[_Asked]:
        """Those of which something came, waiting for a while if it came of none."""
        ready: list[Any] = wait({each.worker.connection for each in asked}, seconds)
        return [each for each in asked if each.worker.connection in ready and each.worker.asked[0] == each.number]

    def get(self, asked: _Asked) -> Done:
        """What came of it.

        Raises
        ------
        Lost
        """
        asked.worker.asked.remove(asked.number)
        try:
            done: Done = asked.worker.connection.recv()
        except (EOFError, OSError):
            asked.worker.process.join(5)
            ended = asked.worker.process
            told = _("process %(pid)s ended with %(code)s.", pid=ended.pid, code=ended.exitcode)
            raise Lost(told) from None
        return done

    def end(self, worker: _Process) -> None:
        """End a worker, wherever it is with its work."""
        worker.process.kill()
        worker.process.join()

    def close(self) -> None:
        """Let go of all of them."""
        for each in self._all:
            self.end(each)
            each.connection.close()
        self._all.clear()


def _work(connection: Connection, recipe: Recipe, threads: int) -> None:
    settle(translations_of(recipe.language))
    worker = Worker(recipe, f"{socket.gethostname()}, process {os.getpid()}", threads)
    tasks: queue.SimpleQueue[tuple[bool, Task | None]] = queue.SimpleQueue()

    def listen() -> None:  # always, so that neither waits for the other to read
        with suppress(EOFError, OSError):
            while True:
                tasks.put((True, connection.recv()))
        tasks.put((False, None))

    threading.Thread(target=listen, daemon=True).start()
    while (got := tasks.get())[0]:
        connection.send(worker(got[1]))
