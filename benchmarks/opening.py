"""Opening an atlas to read it only: what the private copy costs, in time and on the disk."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks import many
from benchmarks.measure import Outcome, Row, Setting
from mirage.atlas import Atlas

_TIMES = 5


def opening(setting: Setting) -> Outcome:
    """Open an atlas as usual, and to read it only, in turn; of MedPix where a copy is here, else the starter."""
    folder, _ = many.real_atlas(setting)
    _open(folder, to_read=False)  # what an older version left to be done is done
    times: dict[bool, list[float]] = {False: [], True: []}
    used = figures = 0
    for _ in range(2 if setting.quick else _TIMES):
        for to_read in (False, True):
            seconds, used, figures = _open(folder, to_read=to_read)
            times[to_read].append(seconds)
    usual, copied = statistics.median(times[False]), statistics.median(times[True])
    return Outcome(
        "opening",
        (
            Row(
                f"opening {figures:,} figures to read them only, median of {len(times[True])}",
                round(copied, 2),
                "s",
                instead="opening them as usual",
                ratio=round(usual / copied, 2),
            ),
            Row("the private copy of records and index, on the disk", round(used / 1e6, 1), "MB"),
        ),
        {"seconds": {"usual": times[False], "to_read": times[True]}},
    )


def _open(folder: Path, *, to_read: bool) -> tuple[float, int, int]:
    began = time.perf_counter()
    with Atlas.open(folder, to_read=to_read) as atlas:
        seconds = time.perf_counter() - began
        used = sum(path.stat().st_blocks * 512 for path in atlas.path.rglob("*") if path.is_file())
        return seconds, used, atlas.info().figures
