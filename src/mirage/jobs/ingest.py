"""Adding a corpus, as a job."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora.base import Downloads
from mirage.errors import BadInput, NotFound
from mirage.jobs.job import Cancelled
from mirage.query import shown
from mirage.storage.ingest import IngestReport, Progress, add

_MOST_REFUSED = 500

Update = Callable[..., None]
"""Given the fields of the job that change."""


def checked(corpus: str, path: Path | str | None) -> None:
    """Refuse a corpus that is not there, or a path that cannot be used."""
    known = corpora.available()
    if corpus not in known:
        raise NotFound(f"There is no corpus {shown(corpus)}. There are: {', '.join(known)}.")
    if path is not None and not Path(path).exists():
        raise BadInput(f"There is no folder {path}. Check its name.")


class Adding:
    """The work of one job."""

    def __init__(self, atlas: Atlas, corpus: str, given: dict[str, Any]) -> None:
        self._atlas, self._corpus, self._given = atlas, corpus, given
        self._fetches: dict[str, tuple[float, int]] = {}  # when a step began, and at which byte

    def __call__(self, update: Update, stopped: Callable[[], bool]) -> None:
        """Fetch the corpus where it has to be, then add it."""
        update(message="Opening the corpus.")
        source = corpora.load(self._corpus, **self._given)
        if isinstance(source, Downloads) and not source.ready:
            source.prepare(lambda what, done, total: self._fetching(update, stopped, what, done, total))
        report = add(self._atlas, source, progress=lambda progress: tell(update, progress), stop=stopped)
        _end(update, report)

    def _fetching(self, update: Update, stopped: Callable[[], bool], what: str, done: int, total: int | None) -> None:
        if stopped():
            raise Cancelled
        count, unit = (1e6, " MB") if what == "downloading" else (1, " files")
        of = f" of {total / count:,.0f}" if total else ""
        message = f"{what.capitalize()}: {done / count:,.0f}{of}{unit}."
        now = time.monotonic()
        since, had = self._fetches.setdefault(what, (now, done))
        rate = (done - had) / max(now - since, 1e-3)
        left = (total - done) / rate if total and rate > 0 and now - since > 1 else None
        update(done=done, total=total or 0, seconds_left=left, message=message)


def tell(update: Update, progress: Progress) -> None:
    """Pass on how far it is."""
    update(
        done=progress.done,
        total=progress.total,
        rate=progress.rate,
        seconds_left=progress.seconds_left,
        message=f"{progress.done:,} of {progress.total:,}.",
    )


def _end(update: Update, report: IngestReport) -> None:
    new, old = f"{report.added:,} figures added", f"{report.kept:,} were there already"
    left_out = f", {len(report.refused):,} left out" if report.refused else ""
    more = "" if len(report.refused) <= _MOST_REFUSED else f" The first {_MOST_REFUSED} are listed."
    update(
        state="cancelled" if report.stopped else "done",
        message=f"{'Cancelled. ' if report.stopped else ''}{new}, {old}{left_out}.{more}",
        refused=report.refused[:_MOST_REFUSED],
        added=report.added,
        kept=report.kept,
    )
