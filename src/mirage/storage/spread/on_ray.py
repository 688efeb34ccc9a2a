"""Workers that are actors of a cluster of Ray."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from mirage.errors import Unavailable
from mirage.installed import to_install
from mirage.locales import translations_of
from mirage.settings import Settings
from mirage.storage.spread.base import Done, Lost, Recipe, Task, Worker
from mirage.wording import _, settle


class RayActors:
    """Actors, each with a corpus and an encoder of its own, on any nodes of a cluster.

    Parameters
    ----------
    address : str
        ``ray`` for the cluster that this process is in, or else one on this machine alone; or ``ray://host:10001``.
    recipe : Recipe
    count : int
        How many; with 0 as many as the cluster has processors for now.
    cpus, gpus : float
        Processors and graphics cards of each; as many processors as the setting ``threads`` with 0.

    Raises
    ------
    mirage.errors.Unavailable
        When Ray is not installed, or the cluster is not there.
    """

    def __init__(self, address: str, recipe: Recipe, count: int = 0, cpus: float = 0, gpus: float = 0) -> None:
        try:
            import ray  # noqa: PLC0415 - only where it is used
        except ImportError as error:
            raise Unavailable(
                _(
                    "Encoding on a cluster needs the package ray, which is not installed: %(install)s.",
                    install=to_install("ray[client]"),
                )
            ) from error
        self._ray, self._recipe = ray, recipe
        self._own = not ray.is_initialized()
        if self._own:
            where = {"include_dashboard": False} if address == "ray" else {"address": address}
            try:
                ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
            except Exception as error:
                raise Unavailable(
                    _(
                        "The cluster %(address)s is not there, or does not answer: %(error)s",
                        address=address,
                        error=_last(error),
                    )
                ) from error
        self._cpus, self._gpus = cpus or Settings.load().threads, gpus
        there: dict[str, float] = ray.cluster_resources()
        fits = [there.get("CPU", 0) // self._cpus] + ([there.get("GPU", 0) // gpus] if gpus else [])
        self.count = count or max(1, int(min(fits)))
        self._actor = ray.remote(_Actor)
        self._all: list[Any] = []

    def begin(self) -> Any:
        """Begin another worker; nothing is waited for."""
        options = {"num_cpus": self._cpus, "num_gpus": self._gpus, "max_restarts": 0}
        worker = self._actor.options(**options).remote(self._recipe, max(1, int(self._cpus)))
        self._all.append(worker)
        return worker

    def ask(self, worker: Any, task: Task | None) -> Any:
        """Give a worker a task."""
        return worker.do.remote(task)

    def wait(self, asked: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Those of which something came, waiting for a while if it came of none."""
        ready, _other = self._ray.wait(list(asked), num_returns=1, timeout=seconds)
        return list(ready)

    def get(self, asked: Any) -> Done:
        """What came of it.

        Raises
        ------
        Lost
        """
        try:
            done: Done = self._ray.get(asked)
        except self._ray.exceptions.RayTaskError as error:  # what the worker's own code raised
            raise Unavailable(
                _("A worker of the cluster failed: %(error)s What is stored stays.", error=_last(error))
            ) from error
        except self._ray.exceptions.RayError as error:
            raise Lost(_last(error)) from error
        return done

    def end(self, worker: Any) -> None:
        """End a worker, wherever it is with its work."""
        with suppress(Exception):  # it may have ended by itself
            self._ray.kill(worker)

    def close(self) -> None:
        """Let go of all of them, and of the cluster if it was not known before."""
        for each in self._all:
            self.end(each)
        self._all.clear()
        if self._own:
            self._ray.shutdown()


class _Actor:
    """A worker on a node."""

    def __init__(self, recipe: Recipe, threads: int) -> None:
        import ray  # noqa: PLC0415

        settle(translations_of(recipe.language))
        node = ray.get_runtime_context().get_node_id()
        self._worker = Worker(recipe, f"{socket.gethostname()} ({ray.util.get_node_ip_address()}, {node[:8]})", threads)

    def do(self, task: Task | None) -> Done:
        return self._worker(task)


def _last(error: Exception) -> str:
    """What an error says at last: those of Ray begin with where it was, in many lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300].rstrip(".") + "."
