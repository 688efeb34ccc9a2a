"""Work that changes the atlas: adding a corpus, importing an atlas file, making the index anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.corpora.base import Downloads
from mirage.errors import BadInput, NotFound
from mirage.jobs.job import Cancelled, Update
from mirage.query import shown
from mirage.storage import archive
from mirage.storage.archive_import import import_open
from mirage.storage.ingest import IngestReport, Progress, add
from mirage.storage.reindex import ENCODING, INDEXING, Stopped, opened, rebuild_open

_DOING = {ENCODING: " encoded", INDEXING: " put into the new index"}
_MOST_REFUSED = 500


def check_corpus(corpus: str, path: Path | str | None) -> None:
    """Refuse a corpus that is not there, or a path that cannot be used."""
    known = corpora.available()
    if corpus not in known:
        raise NotFound(f"There is no corpus {shown(corpus)}. There are: {', '.join(known)}.")
    if path is not None and not Path(path).exists():
        raise BadInput(f"There is no folder {path}. Check its name.")


class AddWork:
    """Add a corpus.

    Parameters
    ----------
    atlas : Atlas
    corpus : str
        Its adapter's name.
    given : dict
        What the adapter is opened with.
    """

    def __init__(self, atlas: Atlas, corpus: str, given: dict[str, Any]) -> None:
        self._atlas, self._corpus, self._given = atlas, corpus, given
        self._fetches: dict[str, tuple[float, int]] = {}  # when a step began, and at which byte

    def __call__(self, update: Update, stopped: Callable[[], bool]) -> None:
        """Fetch the corpus where it has to be, then add it."""
        update(message="Opening the corpus.")
        source = corpora.load(self._corpus, **self._given)
        if isinstance(source, Downloads) and not source.ready:
            source.prepare(lambda what, done, total: self._fetching(update, stopped, what, done, total))
        report = add(self._atlas, source, progress=lambda progress: _tell(update, progress), stop=stopped)
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


def _tell(update: Update, progress: Progress, what: str = "") -> None:
    update(
        done=progress.done,
        total=progress.total,
        rate=progress.rate,
        seconds_left=progress.seconds_left,
        message=f"{progress.done:,} of {progress.total:,}{what}.",
    )


def _end(update: Update, report: IngestReport) -> None:
    new, old = f"{report.added:,} figures added", f"{report.kept:,} were there already"
    left_out = f", {len(report.refused):,} left out" if report.refused else ""
    more = "" if len(report.refused) <= _MOST_REFUSED else f" The first {_MOST_REFUSED} are listed."
    if report.corpus.alias:
        more += f" The corpus is called {report.corpus.name}; --name gives it a name of your own."
    update(
        state="cancelled" if report.stopped else "done",
        message=f"{'Cancelled. ' if report.stopped else ''}{new}, {old}{left_out}.{more}",
        refused=report.refused[:_MOST_REFUSED],
        added=report.added,
        kept=report.kept,
    )


def check_file(path: Path) -> None:
    """Refuse what is no atlas file."""
    with archive.opened(path):
        pass


class ImportWork:
    """Put an atlas file into the atlas.

    Parameters
    ----------
    atlas : Atlas
    path : Path
    encode, replace : bool
        As for `mirage.storage.archive_import.import_file`.
    """

    def __init__(self, atlas: Atlas, path: Path, encode: bool, replace: bool) -> None:
        self._atlas, self._path, self._encode, self._replace = atlas, path, encode, replace

    def __call__(self, update: Update, stopped: Callable[[], bool]) -> None:
        """Check the file, then take its figures in."""
        update(message="Checking the file.")

        given = {"encode": self._encode, "replace": self._replace}
        done = import_open(self._path, self._atlas, **given, progress=lambda progress: _tell(update, progress), stop=stopped)
        again = ", encoded anew" if done.encoded else ""
        message = f"{done.added:,} figures added{again}, {done.kept:,} were there already."
        counts = {"added": done.added, "kept": done.kept}
        if done.stopped:
            update(state="cancelled", **counts, message=f"Cancelled. {message} Import it again to go on.")
        else:
            update(state="done", **counts, message=message)


def check_encoder(encoder: str) -> None:
    """Refuse an encoder that is not there."""
    known = encoders.available()
    if encoder and encoder not in known:
        raise NotFound(f"There is no encoder {shown(encoder)}. There are: {', '.join(known)}.")


def rebuild_title(encoder: str, model: str) -> str:
    """What is done, in a line."""
    if not encoder and not model:
        return "Make the index anew"
    return f"Encode anew with {' '.join(filter(None, (encoder, model)))}"


class RebuildWork:
    """Make the index anew, with another encoder or the same; searches are answered all the while.

    Parameters
    ----------
    atlas : Atlas
    encoder, model : str
        As for `mirage.storage.reindex.rebuild`; empty for those the atlas has.
    again : bool
        Whether it was begun before this process; then it may have ended without anybody writing that down.
    """

    def __init__(self, atlas: Atlas, encoder: str = "", model: str = "", *, again: bool = False) -> None:
        self._atlas, self._encoder, self._model, self._again = atlas, encoder, model, again

    def __call__(self, update: Update, stopped: Callable[[], bool]) -> None:
        """Encode, make the index, swap."""
        update(message="Opening the encoder.")
        used = self._atlas.encoder
        if self._encoder or self._model:
            used = opened(self._atlas.written, self._encoder, self._model)
            if self._again and used.info().digest == self._atlas.encoder.info().digest:
                update(state="done", message="The new index was there already when MIRAGE was stopped.")
                return
        try:
            done = rebuild_open(self._atlas, used, lambda step: _tell(update, step, _DOING[step.what]), stop=stopped)
        except Stopped:
            message = "Cancelled. The atlas is what it was; what was encoded is kept for the next time."
            update(state="cancelled", message=message)
            return
        encoded = f"{done.encoded:,} of them encoded now with {used.info().name}"
        update(state="done", message=f"The index was made anew: {done.figures:,} figures, {encoded}.")
