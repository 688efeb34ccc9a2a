"""What a site does, in numbers for Prometheus that name nobody."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mirage.images import BUDGET
from mirage.web.cache import Cache
from mirage.web.turns import Turns

if TYPE_CHECKING:
    from prometheus_client.core import Metric

TOGETHER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names where several processes write what they count, as `prometheus_client` reads it."""
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STATUS = Path("/proc/self/status")


class Measures:
    """What was answered, how, and how long it took, by the address as the program writes it, not as it was asked."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram  # noqa: PLC0415 - only where it is asked for

        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mirage_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "mirage_request_seconds",
            "Seconds from a request to the begin of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._begun = time.time()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer.

        Parameters
        ----------
        method : str
        route : str
            The address with names of its parts in place of them; empty for one that is not there.
        status : int
        seconds : float
        """
        known = method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
        self._requests.labels(known, route or "none", str(status)).inc()
        self._seconds.labels(route or "none").observe(seconds)

    def written(self, turns: Turns, cache: Cache, jobs: Mapping[str, int]) -> bytes:
        """Write all numbers as Prometheus reads them.

        Parameters
        ----------
        turns : Turns
            Of explanations.
        cache : Cache
        jobs : mapping
            How many jobs there are, by their state.
        """
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415
        from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

        now, counted = CollectorRegistry(), self._registry
        now.register(_Now(self._now(turns, cache, jobs)))
        if TOGETHER in os.environ:
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        return generate_latest(counted) + generate_latest(now)

    def _now(self, turns: Turns, cache: Cache, jobs: Mapping[str, int]) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

        told = {
            "mirage_explanations_waiting": ("Explanations that wait for their turn.", turns.waiting),
            "mirage_explanations_writing": ("Explanations that are written now.", turns.busy),
            "mirage_kept_bytes": ("Bytes of answers that are kept for others who ask the same.", cache.bytes),
            "mirage_kept": ("Answers and pieces of pages that are kept.", len(cache)),
            "mirage_picture_memory_used_bytes": ("Bytes that uploads and pictures being opened take.", BUDGET.used),
            "mirage_picture_memory_bytes": ("Bytes that they may take.", BUDGET.size),
            "mirage_started_seconds": ("When the process began, in seconds since 1970.", self._begun),
            "mirage_resident_memory_bytes": ("Memory of the process.", _resident()),
        }
        # Of several processes any answers: what follows is its own.
        whose = " Of the process that answers, one of several." if TOGETHER in os.environ else ""
        yield from (GaugeMetricFamily(name, words + whose, value) for name, (words, value) in told.items())
        yield CounterMetricFamily("mirage_kept_found", f"How often something was there, kept.{whose}", cache.found)
        yield CounterMetricFamily("mirage_kept_missed", f"How often it had to be made.{whose}", cache.missed)
        states = GaugeMetricFamily("mirage_jobs", f"Jobs by their state.{whose}", labels=("state",))
        for state, count in jobs.items():
            states.add_metric((state,), count)
        yield states


class _Now:
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> list[Metric]:
        return self._metrics


def _resident() -> int:
    if not _STATUS.exists():
        return 0
    line = next((each for each in _STATUS.read_text().splitlines() if each.startswith("VmRSS:")), "VmRSS: 0 kB")
    return int(line.split()[1]) * 1024
