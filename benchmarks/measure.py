"""What every benchmark shares: what it reports, how time and memory are read, and on which machine."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Setting:
    """How a benchmark is to be run.

    Attributes
    ----------
    folder : Path
        For atlases and downloads; emptied by whoever made it.
    medpix : Path or None
        A copy of MedPix 2.0. Without it, benchmarks use the starter's words and pictures and say so.
    quick : bool
        Small sizes, to see that it runs; the figures then mean nothing.
    figures : tuple of int
        Sizes for `scale`; its own when empty.
    dimension : int or None
        Length of the vectors for `scale`; its own for each size when left out.
    dicom : tuple of Path
        Folders with DICOM files for `dicom`, beside those of installed packages.
    count, seed : int
        How many damaged files for `mutations`, or cases of each operation for `fuzzing`, and from which seed; 0 for its
        own number.
    kinds : tuple of str
        Formats of the damaged files; all when empty.
    """

    folder: Path
    medpix: Path | None
    quick: bool = False
    figures: tuple[int, ...] = ()
    dimension: int | None = None
    count: int = 0
    seed: int = 0
    dicom: tuple[Path, ...] = ()
    kinds: tuple[str, ...] = ()

    def size(self, full: int, quick: int) -> int:
        """`full`, or `quick` when sizes are to be small."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report.

    Attributes
    ----------
    what : str
        In words, with the sizes that matter.
    value : float
    unit : str
    bar : float or None
        What is to be reached; None for figures that are only told.
    better : {"less", "more"}
    instead : str
        What a person would do otherwise, measured in the same run; empty when there is no such thing.
    ratio : float or None
        How many times better than that.
    """

    what: str
    value: float
    unit: str
    bar: float | None = None
    better: Literal["less", "more"] = "less"
    instead: str = ""
    ratio: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None without a bar."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.better == "less" else self.value >= self.bar


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one benchmark found."""

    name: str
    rows: tuple[Row, ...]
    details: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    skipped: str = ""


Benchmark = Callable[[Setting], Outcome]


def times(call: Callable[[Any], object], given: Iterable[Any]) -> list[float]:
    """Milliseconds that each call took, one after the other."""
    taken: list[float] = []
    for one in given:
        started = time.perf_counter()
        call(one)
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def spread(taken: list[float]) -> dict[str, float]:
    """Median, tails and mean of some times, rounded to microseconds."""
    p50, p95, p99 = np.percentile(taken, (50, 95, 99))
    values = {"p50": p50, "p95": p95, "p99": p99, "mean": np.mean(taken), "least": min(taken)}
    return {name: round(float(value), 3) for name, value in values.items()} | {"n": len(taken)}


def machine() -> dict[str, Any]:
    """The machine and its load, so that a figure can be judged."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")), cpu
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_GB": round(memory, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {
            name: _version(name) for name in ("onnxruntime", "qdrant-edge-py", "pillow", "numpy", "sqlalchemy", "faiss-cpu")
        },
        "load_1min": round(os.getloadavg()[0], 2),
    }


def load() -> float:
    """How many programs wanted a core over the last minute; above 0.5 before a run, its times are too long."""
    return round(os.getloadavg()[0], 2)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def memory_of(pid: int) -> dict[str, float]:
    """Resident memory of a process in MB: now, at its peak, and the part that no file backs."""
    names = {"VmRSS": "rss", "VmHWM": "peak_rss", "RssAnon": "anonymous", "RssFile": "file_backed"}
    found: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in names:
            found[names[name]] = round(int(value.split()[0]) * 1024 / 1e6, 1)
    return found
