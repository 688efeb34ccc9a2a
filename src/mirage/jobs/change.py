"""Work that changes the atlas: adding a corpus, importing an atlas file, removing, making the index anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora.base import Advises, Downloads
from mirage.jobs.job import Cancelled, Update
from mirage.language.words import counted
from mirage.storage import archive_import
from mirage.storage.ingest import Progress, add
from mirage.storage.reindex import ENCODING, INDEXING, Stopped, opened, rebuild_open

_DOING = {ENCODING: " encoded", INDEXING: " put into the new index"}
_MOST_REFUSED = 500


def add_corpus(
    atlas: Atlas, corpus: str, given: dict[str, Any], update: Update, stopped: Callable[[], bool], *, bring_back: bool = True
) -> None:
    """Fetch a corpus where it has to be, then add it.

    Parameters
    ----------
    atlas : Atlas
    corpus : str
        Its adapter's name.
    given : dict
        What the adapter is opened with.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    bring_back : bool
        As for `mirage.storage.ingest.add`.
    """
    update(message="Opening the corpus.")
    source = corpora.load(corpus, **given)
    fetches: dict[str, tuple[float, int]] = {}  # when a step began, and at which byte

    def fetching(what: str, done: int, total: int | None) -> None:
        if stopped():
            raise Cancelled
        count, unit = (1e6, " MB") if what == "downloading" else (1, " files")
        of = f" of {total / count:,.0f}" if total else ""
        now = time.monotonic()
        since, had = fetches.setdefault(what, (now, done))
        rate = (done - had) / max(now - since, 1e-3)
        left = (total - done) / rate if total and rate > 0 and now - since > 1 else None
        message = f"{what.capitalize()}: {done / count:,.0f}{of}{unit}."
        update(done=done, total=total or 0, seconds_left=left, message=message)

    if isinstance(source, Downloads) and not source.ready:
        source.prepare(fetching)
    report = add(atlas, source, progress=partial(_tell, update), stop=stopped, bring_back=bring_back)
    new, old = f"{counted(report.added, 'figure')} added", f"{report.kept:,} were there already"
    left_out = f", {len(report.refused):,} left out" if report.refused else ""
    more = "" if len(report.refused) <= _MOST_REFUSED else f" The first {_MOST_REFUSED} are listed."
    if stacks := len({each.label for each in report.noted}):
        more += f" {counted(stacks, 'stack')} {'was' if stacks == 1 else 'were'} taken with a remark."
    if report.removed:
        stay = f"{counted(report.removed, 'figure')} of it, removed before, {'stays' if report.removed == 1 else 'stay'} so"
        more += f" {stay}; `mirage add {corpus}` brings {'it' if report.removed == 1 else 'them'} back."
    if report.corpus.alias:
        more += f" The corpus is called {report.corpus.name}. The choice “Name” (in the command: --name) gives it another."
    if report.added and (elsewhere := atlas.store.elsewhere(report.corpus.name)):
        more += f" {counted(elsewhere, 'picture')} of it are in another collection of this atlas too."
    if isinstance(source, Advises) and source.advice:
        more += f" {source.advice}"
    update(
        state="cancelled" if report.stopped else "done",
        message=f"{'Cancelled. ' if report.stopped else ''}{new}, {old}{left_out}.{more}",
        refused=report.refused[:_MOST_REFUSED],
        noted=report.noted[:_MOST_REFUSED],
        added=report.added,
        kept=report.kept,
    )


def _tell(update: Update, progress: Progress) -> None:
    told = asdict(progress)
    what = _DOING.get(told.pop("what"), "")
    update(**told, message=f"{progress.done:,} of {progress.total:,}{what}.")


def remove(atlas: Atlas, figure_ids: Sequence[str], corpus: str, update: Update, stopped: Callable[[], bool]) -> None:
    """Remove figures or a corpus: either all of it goes, or nothing.

    Parameters
    ----------
    atlas : Atlas
    figure_ids, corpus
        As for `mirage.storage.remove.removal`.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    """
    if stopped():
        raise Cancelled
    update(message="Removing the records.")

    def tell(done: int, total: int) -> None:
        update(done=done, total=total, message=f"{done:,} of {total:,} taken out of the index.")

    gone = atlas.remove(*figure_ids, corpus=corpus, progress=tell)
    update(state="done", message=" ".join((f"{gone} removed.", *gone.remarks)), removed=gone.figures)


def import_file(
    atlas: Atlas, path: Path, update: Update, stopped: Callable[[], bool], *, encode: bool, replace: bool
) -> None:
    """Check an atlas file, then take its figures in.

    Parameters
    ----------
    atlas : Atlas
    path : Path
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    encode, replace : bool
        As for `mirage.storage.archive_import.import_file`.
    """
    update(message="Checking the file.")
    report = partial(_tell, update)
    done = archive_import.import_file(path, atlas, encode=encode, replace=replace, progress=report, stop=stopped)
    again = ", encoded anew" if done.encoded else ""
    message = f"{counted(done.added, 'figure')} added{again}, {done.kept:,} were there already."
    if done.stopped:
        message = f"Cancelled. {message} Import it again to go on."
    update(state="cancelled" if done.stopped else "done", added=done.added, kept=done.kept, message=message)


def rebuild(
    atlas: Atlas, encoder: str, model: str, update: Update, stopped: Callable[[], bool], *, again: bool = False
) -> None:
    """Make the index anew, with another encoder or the same; searches are answered all the while.

    Parameters
    ----------
    atlas : Atlas
    encoder, model : str
        As for `mirage.storage.reindex.rebuild`; empty for those the atlas has.
    update, stopped : callable
        As a `mirage.jobs.job.Work` gets them.
    again : bool
        Whether it was begun before this process; then it may have ended without anybody writing that down.
    """
    update(message="Opening the encoder.")
    used = atlas.encoder
    if encoder or model:
        used = opened(atlas.written, encoder, model)
        if again and used.info().digest == atlas.encoder.info().digest:
            update(state="done", message="The new index was there already when MIRAGE was stopped.")
            return
    try:
        done = rebuild_open(atlas, used, partial(_tell, update), stop=stopped)
    except Stopped:
        message = "Cancelled. The atlas is what it was; what was encoded is kept for the next time."
        update(state="cancelled", message=message)
        return
    encoded = f"{done.encoded:,} of them encoded now with {used.info().name}"
    update(state="done", message=f"The index was made anew: {counted(done.figures, 'figure')}, {encoded}.")
