"""Long work that is listed, shown, cancelled and resumed: one job at a time, each kept in the atlas's records."""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mirage import corpora
from mirage.adding import Progress, Report, add
from mirage.atlas import Atlas
from mirage.corpora.base import Downloads, Refused
from mirage.errors import BadInput, MirageError, NotFound
from mirage.query import shown

logger = logging.getLogger(__name__)

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
_MOST_REFUSED = 500
_KEEP_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work.

    Attributes
    ----------
    id, kind, title : str
    state : {"queued", "running", "done", "failed", "cancelled"}
    done, total : int
    rate : float
        Things a second.
    seconds_left : float or None
    message : str
        What is going on, how it ended, or why it failed.
    refused : tuple of Refused
        What could not be taken, by name, with the reason.
    created, finished : float
        Seconds since the epoch; `finished` is 0 until then.
    """

    id: str
    kind: str
    title: str
    state: State = "queued"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    message: str = "Waiting for its turn."
    refused: tuple[Refused, ...] = ()
    created: float = 0.0
    finished: float = 0.0


def _read(record: Mapping[str, Any]) -> Job:
    values = dict(record)
    values["refused"] = tuple(Refused(**entry) for entry in values["refused"])
    return Job(**values)


class _Cancelled(Exception):
    """Raised inside a job that was cancelled before it had anything to stop."""


class Jobs:
    """The jobs of one open atlas.

    Jobs that a process left behind when it ended are marked as failed; adding the same corpus again goes on where they
    stopped.
    """

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._works: dict[str, Callable[[str], None]] = {}
        self._stops: dict[str, threading.Event] = {}
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._worker: threading.Thread | None = None
        self._kept_at = 0.0
        self._closing = False
        self._fetches: dict[tuple[str, str], tuple[float, int]] = {}  # when a step began, and at which byte
        for record in atlas.store.jobs():
            job = _read(record)
            if job.state not in ENDED:
                message = "MIRAGE was stopped while this ran. What it had stored is there; start it again to go on."
                job = replace(job, state="failed", message=message, finished=time.time(), seconds_left=None)
                self._keep(job)
            self._jobs[job.id] = job

    def start_add(self, *, corpus: str, path: Path | str | None = None, **options: Any) -> Job:
        """Queue the adding of a corpus.

        Parameters
        ----------
        corpus : str
            An adapter's name.
        path : path, optional
            Where the corpus is, for those that want one.
        **options
            The corpus's own.

        Raises
        ------
        mirage.errors.MirageError
            When there is no such corpus, or the path cannot be used.
        """
        known = corpora.available()
        if corpus not in known:
            raise NotFound(f"There is no corpus {shown(corpus)}. There are: {', '.join(known)}.")
        if path is not None and not Path(path).exists():
            raise BadInput(f"There is no folder {path}. Check its name.")
        given = {**options, **({"path": Path(path)} if path is not None else {})}
        title = f"Add {corpus}" + (f" from {path}" if path is not None else "")

        def work(job_id: str) -> None:
            self._update(job_id, message="Opening the corpus.")
            source = corpora.load(corpus, **given)
            if isinstance(source, Downloads) and not source.ready:
                source.prepare(lambda what, done, total: self._fetching(job_id, what, done, total))
            report = add(
                self._atlas,
                source,
                progress=lambda progress: self._tell(job_id, progress),
                stop=self._stops[job_id].is_set,
            )
            self._end(job_id, report)

        return self._start("add", title, work)

    def _fetching(self, job_id: str, what: str, done: int, total: int | None) -> None:
        if self._stops[job_id].is_set():
            raise _Cancelled
        count, unit = (1e6, " MB") if what == "downloading" else (1, " files")
        of = f" of {total / count:,.0f}" if total else ""
        message = f"{what.capitalize()}: {done / count:,.0f}{of}{unit}."
        now = time.monotonic()
        since, had = self._fetches.setdefault((job_id, what), (now, done))
        rate = (done - had) / max(now - since, 1e-3)
        left = (total - done) / rate if total and rate > 0 and now - since > 1 else None
        self._update(job_id, done=done, total=total or 0, seconds_left=left, message=message)

    def list(self) -> list[Job]:
        """Every job, newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: -job.created)

    def get(self, job_id: str) -> Job:
        """One job.

        Raises
        ------
        mirage.errors.NotFound
        """
        with self._lock:
            if job_id not in self._jobs:
                raise NotFound(f"There is no job {job_id!r}.")
            return self._jobs[job_id]

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; what it has stored stays. An ended job is left as it is."""
        job = self.get(job_id)
        if job.state == "queued":
            self._update(job_id, state="cancelled", message="Cancelled before it began.", finished=time.time())
        if job_id in self._stops:
            self._stops[job_id].set()
        return self.get(job_id)

    def close(self, timeout: float = 30.0) -> None:
        """Stop what runs, after the batch in hand, and take no more."""
        self._closing = True
        for stop in self._stops.values():
            stop.set()
        self._queue.put(None)
        if self._worker is not None:
            self._worker.join(timeout)

    def _start(self, kind: str, title: str, work: Callable[[str], None]) -> Job:
        job = Job(id=secrets.token_hex(6), kind=kind, title=title, created=time.time())
        with self._lock:
            running = next((j for j in self._jobs.values() if j.title == title and j.state not in ENDED), None)
            if running is not None:
                return running
            self._jobs[job.id] = job
            self._works[job.id] = work
            self._stops[job.id] = threading.Event()
            if self._worker is None:
                self._worker = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._worker.start()
        self._keep(job)
        self._queue.put(job.id)
        return job

    def _run(self) -> None:
        while (job_id := self._queue.get()) is not None and not self._closing:
            if self.get(job_id).state != "queued":
                continue
            self._update(job_id, state="running", message="Starting.")
            try:
                self._works.pop(job_id)(job_id)
            except _Cancelled:
                self._update(job_id, state="cancelled", message="Cancelled.", finished=time.time(), seconds_left=None)
            except MirageError as error:
                self._update(job_id, state="failed", message=str(error), finished=time.time(), seconds_left=None)
            except BaseException:  # whatever it is, the next job must have its turn
                logger.exception("job %s failed", job_id)
                message = "Something went wrong that should not have; the log of the server says what."
                self._update(job_id, state="failed", message=message, finished=time.time(), seconds_left=None)

    def _tell(self, job_id: str, progress: Progress) -> None:
        self._update(
            job_id,
            done=progress.done,
            total=progress.total,
            rate=progress.rate,
            seconds_left=progress.seconds_left,
            message=f"{progress.done:,} of {progress.total:,}.",
        )

    def _end(self, job_id: str, report: Report) -> None:
        new, old = f"{report.added:,} figures added", f"{report.kept:,} were there already"
        left_out = f", {len(report.refused):,} left out" if report.refused else ""
        more = "" if len(report.refused) <= _MOST_REFUSED else f" The first {_MOST_REFUSED} are listed."
        self._update(
            job_id,
            state="cancelled" if report.stopped else "done",
            message=f"{'Cancelled. ' if report.stopped else ''}{new}, {old}{left_out}.{more}",
            refused=report.refused[:_MOST_REFUSED],
            finished=time.time(),
            seconds_left=None,
        )

    def _update(self, job_id: str, **changes: Any) -> None:
        with self._lock:
            job = self._jobs[job_id] = replace(self._jobs[job_id], **changes)
        if "state" in changes or time.time() - self._kept_at > _KEEP_EVERY_SECONDS:
            self._keep(job)

    def _keep(self, job: Job) -> None:
        self._kept_at = time.time()
        try:
            self._atlas.store.put_job(job.id, job.created, asdict(job))
        except MirageError:  # a full disk: the job is still shown, until this process ends
            logger.warning("job %s could not be kept", job.id, exc_info=True)
