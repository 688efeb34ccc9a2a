"""What other processes at work on the same atlas do with its jobs: shown here too, and taken up when such a one is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mirage.errors import MirageError
from mirage.jobs.job import Job
from mirage.storage.sharing import CHANGED, HIDDEN, Sharing
from mirage.storage.store import Store

logger = logging.getLogger(__name__)
_JOB, _CANCEL = "job ", "cancel "  # of what is told: and its id


class Lanes(Protocol):
    """The jobs of this process, as `mirage.jobs.lanes.Lanes` has them."""

    def has(self, job_id: str) -> bool:
        """Whether a job waits or runs here."""

    def show(self, job: Job | None, job_id: str) -> None:
        """Show a job of another process as it is now; None where it is no more."""

    def take(self, job: Job) -> None:
        """Begin again, or end, a job of a process that is gone."""

    def stop(self, job_id: str) -> None:
        """Stop a job of this process."""

    def drop(self, job_id: str) -> None:
        """Stop a job that another process has taken from this one."""


class Others:
    """The other processes at work on an atlas.

    Parameters
    ----------
    store : Store
    lanes : Lanes
    takes_up : bool
        Whether jobs of a process that is gone are taken up here.
    follow, unhide : callable
        Called when another has changed the atlas, or what is hidden in it.
    swept : callable
        Told from time to time who is there, to remove what others have left; only where jobs are taken up.
    """

    def __init__(
        self,
        store: Store,
        lanes: Lanes,
        follow: Callable[[], None],
        unhide: Callable[[], None],
        *,
        takes_up: bool,
        swept: Callable[[set[str]], None],
    ) -> None:
        assert store.sharing is not None
        self._store, self._lanes, self._takes_up = store, lanes, takes_up
        self._follow, self._unhide, self._swept = follow, unhide, swept
        self._sharing: Sharing = store.sharing
        self._had_by: dict[str, str] = {}  # a job of another process that has not ended, to that process
        self._changed = False

    def begin(self) -> None:
        """Be there, and hear what the others do."""
        self._sharing.listen(self._heard, self._began, self._tick)

    def has(self, job_id: str) -> bool:
        """Whether another process has a job that has not ended."""
        return job_id in self._had_by

    def keep(self, job: Job) -> bool:
        """Keep a job of this process, and tell the others; False where another has taken it."""
        me = self._sharing.me
        kept = self._store.put_job(job.id, job.created, {**job.record(), "server": me}, (me,))
        if kept:
            self._sharing.tell(_JOB + job.id)
        else:
            self._look(job.id, self._store.job(job.id))
        return kept

    def gone(self, job_ids: Sequence[str]) -> None:
        """Tell the others of jobs that are no more."""
        for job_id in job_ids:
            self._sharing.tell(_JOB + job_id)

    def cancel(self, job_id: str) -> None:
        """Ask the process that has a job to stop it."""
        self._store.set_note(_CANCEL + job_id, "asked")
        self._sharing.tell(_CANCEL + job_id)

    # -- in the thread that listens ---------------------------------------------------------------------------------------

    def _began(self) -> None:
        self._changed = True
        for record in reversed(self._store.jobs()):
            self._look(str(record["id"]), record)

    def _heard(self, what: str) -> None:
        if what.startswith(_JOB):
            job_id = what.removeprefix(_JOB)
            self._look(job_id, self._store.job(job_id))
        elif what.startswith(_CANCEL):
            self._stop(what.removeprefix(_CANCEL))
        elif what == CHANGED:
            self._changed = True
        elif what == HIDDEN:
            self._unhide()
            self._changed = True

    def _look(self, job_id: str, record: dict[str, Any] | None) -> None:
        server = str(record.get("server", "")) if record is not None else ""
        if self._lanes.has(job_id):
            if record is not None and server != self._sharing.me:
                self._lanes.drop(job_id)
            else:
                self._stop(job_id)
                return
        job = Job.of(record) if record is not None else None
        self._lanes.show(job, job_id)
        if job is None or job.ended or server == self._sharing.me:
            self._had_by.pop(job_id, None)
        else:
            self._had_by[job_id] = server

    def _stop(self, job_id: str) -> None:
        if self._lanes.has(job_id) and self._store.note(_CANCEL + job_id) is not None:
            self._lanes.stop(job_id)
            self._store.set_note(_CANCEL + job_id, None)

    def _tick(self, there: set[str]) -> None:
        if self._changed:
            self._changed = False
            try:
                self._follow()
            except MirageError:
                self._changed = True  # it is tried again at the next
                logger.warning("what another server changed could not be followed yet", exc_info=True)
        if self._takes_up:
            self._swept(there)
        for job_id, server in list(self._had_by.items()) if self._takes_up else ():
            if server not in there:
                self._take(job_id, server)

    def _take(self, job_id: str, server: str) -> None:
        """Take up a job of a process that is gone, unless yet another has done so already."""
        record = self._store.job(job_id)
        if record is None or record.get("server", "") != server or Job.of(record).ended:
            self._look(job_id, record)
            return
        me = self._sharing.me
        if self._store.put_job(job_id, float(record["created"]), {**record, "server": me}, (server,)):
            del self._had_by[job_id]
            if self._store.note(_CANCEL + job_id) is not None:
                record["stopping"] = True
                self._store.set_note(_CANCEL + job_id, None)
            self._lanes.take(Job.of(record))
