"""Lanes in which jobs run one after another, each job kept in the atlas's records."""

from __future__ import annotations

import logging
import math
import queue
import secrets
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from gettext import NullTranslations
from typing import Any

from mirage.errors import MirageError, NotFound
from mirage.jobs.job import CHANGE, ENDED, Cancelled, Job, Work
from mirage.jobs.others import Others
from mirage.people.roles import may
from mirage.people.visitor import tell, visitor
from mirage.storage.store import Store
from mirage.wording import N_, _, speaking, translations

logger = logging.getLogger(__name__)

_KEEP_EVERY_SECONDS = 1.0
_STOPPING = N_("Stopping: it ends with the step in hand, which may wait for an answer.")
_STOPPED = N_("Cancelled, and MIRAGE was stopped before it had ended. What it had stored is there.")
_AGAIN = N_("Waiting for its turn; MIRAGE was stopped before it was finished.")
_DIED_AGAIN = N_(
    "MIRAGE ended twice while this ran, so it is not begun again by itself. Start it again if you still want it."
)
_MOST_ATTEMPTS = 2
# Of jobs that have ended, so many are kept, and none longer than this.
KEPT_JOBS, KEPT_SECONDS = 200, 90 * 86_400.0


class Lanes:
    """Jobs, those of each lane one at a time; who queues them says what may be queued.

    Parameters
    ----------
    store : Store
        Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._keeping = threading.RLock()
        self._jobs: dict[str, Job] = {}
        # Of each job that has not ended: its work, what tells it to stop, and the language of who started it.
        self._works: dict[str, tuple[Work, threading.Event, NullTranslations]] = {}
        self._lanes: dict[str, tuple[queue.Queue[str | None], threading.Thread]] = {}
        self._kept_at = 0.0
        self._closing = False
        self._lost: tuple[Mapping[str, str], str] = {}, ""
        self._others: Others | None = None

    def _admit(self, job: Job) -> None:
        """Raise what refuses a new job; nobody can come between this and its being queued."""

    def _admit_among_all(self, job: Job) -> None:
        """Raise what refuses a new job because of those of all servers; it is kept, and the others see it."""

    def _ended(self, job: Job, *, failed: bool) -> None:
        """Told of a job that ends, while it is still listed as running."""

    def _over(self, job: Job) -> None:
        """Told of a job that has ended here, and is listed so."""

    def _again(self, job: Job) -> Work | None:
        """The work of a job that another process began; None where it cannot be begun again."""

    def _take_up(self, lost: Mapping[str, str], otherwise: str) -> None:
        """Queue again what a process left behind, unless two have ended while it ran, or mark it as failed.

        Parameters
        ----------
        lost : mapping
            What to say of those that cannot be begun again, by kind.
        otherwise : str
            The same of other kinds.
        """
        self._lost = lost, otherwise
        if self._store.sharing is not None:
            return  # `Others` knows whether that process is gone
        left = [Job.of(record) for record in reversed(self._store.jobs())]
        self._jobs |= {job.id: job for job in left}
        for job in (each for each in left if not each.ended):
            self.take(job)

    # -- what `Others` asks of them --------------------------------------------------------------------------------------

    def has(self, job_id: str) -> bool:
        """Whether a job waits or runs here."""
        return job_id in self._works

    def show(self, job: Job | None, job_id: str) -> None:
        """Show a job of another process as it is now; None where it is no more."""
        with self._lock:
            if job is not None:
                self._jobs[job_id] = job
            else:
                self._jobs.pop(job_id, None)

    def take(self, job: Job) -> None:
        """Begin again, or end, a job of a process that is gone."""
        lost, otherwise = self._lost
        self.show(job, job.id)
        if job.stopping:
            self._update(job.id, state="cancelled", message=_(_STOPPED), told=_(_STOPPED))
        elif job.state == "running" and job.attempts >= _MOST_ATTEMPTS:
            self._update(job.id, state="failed", message=_(_DIED_AGAIN))
        elif work := self._again(job):
            again = replace(job, state="queued", done=0, rate=0.0, seconds_left=None, message=_(_AGAIN), results=())
            self._queue(again, work)
        else:
            why = _(lost.get(job.kind, otherwise))
            self._update(job.id, state="failed", message=why, told=why)

    def drop(self, job_id: str) -> None:
        """Stop a job that another process has taken from this one."""
        if found := self._works.pop(job_id, None):
            found[1].set()

    def stop(self, job_id: str) -> None:
        """Ask a job to stop that waits or runs here."""
        job, under_way = self._jobs[job_id], self._works.get(job_id)
        if job.state == "queued":
            self._update(job_id, state="cancelled", message=_("Cancelled before it began."))
            self._works.pop(job_id, None)
        if under_way:
            under_way[1].set()
            if job.state == "running":
                self._update(job_id, stopping=True)

    # -- looking -----------------------------------------------------------------------------------------------------

    def list(self) -> list[Job]:
        """Every job that who asks may see, newest first, but for looks at what might be added: those are for who asked."""
        with self._lock:
            shown = (self._placed(job.public) for job in self._jobs.values() if _seen(job) and not job.only_for_who_asked)
            return sorted(shown, key=lambda job: -job.created)

    def get(self, job_id: str) -> Job:
        """One job: as who started it sees it where the id says its secret, else as everybody does.

        Raises
        ------
        mirage.errors.NotFound
        """
        with self._lock:
            known, secret = (job_id, "") if job_id in self._jobs else job_id.rpartition("-")[::2]
            if known not in self._jobs or not _seen(self._jobs[known]):
                raise NotFound(_("There is no job %(job_id)s.", job_id=repr(job_id)))
            job = self._jobs[known]
            mine = bool(job.secret) and secrets.compare_digest(secret.encode("utf-8", "replace"), job.secret.encode())
            return self._placed(job.own if mine else job.public)

    def under_way(self, kind: str, owner: str | None = None) -> int:
        """How many jobs of a kind have not ended, whoever began them.

        Parameters
        ----------
        kind : str
            Empty for all kinds.
        owner : str, optional
            Only those of this person.
        """
        with self._lock:
            going = [job for job in self._jobs.values() if not job.ended and kind in ("", job.kind)]
            return sum(owner is None or job.owner == owner for job in going)

    def states(self) -> Counter[str]:
        """How many jobs there are in each state, whoever began them."""
        with self._lock:
            return Counter(job.state for job in self._jobs.values())

    def _placed(self, job: Job) -> Job:
        if job.state != "queued":
            return replace(job, message=_(_STOPPING), seconds_left=None) if job.stopping and not job.ended else job
        mine = job.created, job.id.partition("-")[0]  # without its secret
        before = (other for other in self._jobs.values() if other.lane == job.lane and not other.ended)
        return replace(job, ahead=sum((other.created, other.id) < mine for other in before))

    # -- ending ------------------------------------------------------------------------------------------------------

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; what it has stored stays. An ended job is left as it is."""
        found = self.get(job_id)
        job_id = job_id if job_id in self._jobs else job_id.rpartition("-")[0]
        if self._others is not None and self._others.has(job_id):
            self._others.cancel(job_id)
            return replace(found, stopping=True)
        self.stop(job_id)
        return self.get(found.id)

    def close(self, timeout: float = 120.0) -> None:
        """Stop what runs, after the batch or the step in hand, and take no more."""
        self._closing = True
        for _work, stop, _spoken in list(self._works.values()):
            stop.set()
        for lane, _worker in self._lanes.values():
            lane.put(None)
        for _lane, worker in self._lanes.values():
            worker.join(timeout)

    # -- running -----------------------------------------------------------------------------------------------------

    def _queue(self, job: Job, work: Work) -> None:
        with self._lock:
            if new := job.id not in self._jobs:
                self._admit(job)
            self._jobs[job.id] = job
            self._works[job.id] = work, threading.Event(), translations()
            if job.lane not in self._lanes:
                waiting: queue.Queue[str | None] = queue.Queue()
                worker = threading.Thread(target=self._run, args=(waiting,), name=job.lane, daemon=True)
                self._lanes[job.lane] = waiting, worker
                worker.start()
        self._keep(job)
        if new and self._others is not None:
            try:
                self._admit_among_all(job)
            except MirageError:
                self._works.pop(job.id, None)
                self._drop([job.id])
                raise
        tell(job.public.title, N_("Start a job"), own=True)
        self._lanes[job.lane][0].put(job.id)

    def _run(self, lane: queue.Queue[str | None]) -> None:
        while (job_id := lane.get()) is not None and not self._closing:
            if (found := self._works.get(job_id)) is None or self._jobs[job_id].state != "queued":
                continue
            with speaking(found[2]):
                if not self._do(job_id, found):
                    continue
            if (over := self._jobs.get(job_id)) is not None and over.ended:
                self._over(over)
            self._prune()

    def _do(self, job_id: str, found: tuple[Work, threading.Event, NullTranslations]) -> bool:
        """Do a job; whether it was begun here and came to an end."""
        work, stop, _spoken = found
        try:
            with self._alone(self._jobs[job_id].lane, stop.is_set):
                if self._jobs[job_id].state != "queued" or self._works.get(job_id) is not found:
                    return False
                # Kept before it begins, so that a process which does not survive it is counted.
                self._update(job_id, state="running", message=_("Starting."), attempts=self._jobs[job_id].attempts + 1)
                work(partial(self._update, job_id), stop.is_set)
        except Cancelled as cancelled:
            self._update(job_id, state="cancelled", message=str(cancelled) or _("Cancelled."))
        except MirageError as error:
            if stop.is_set() and self._jobs[job_id].state == "queued":
                return False  # it was stopped while it waited for another process
            self._update(job_id, state="failed", message=str(error), told="", exit_code=error.exit_code)
        except BaseException as error:  # whatever it is, the next job must have its turn
            # Without what the error says: that may name somebody's file.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("job %s failed with %s:\n%s", job_id, type(error).__name__, where)
            message = _("Something went wrong that should not have; the log of the server says what.")
            self._update(job_id, state="failed", message=message, told=message)
        finally:
            self._works.pop(job_id, None)
        return True

    def _alone(self, lane: str, stop: Callable[[], bool]) -> AbstractContextManager[None]:
        """Wait for other processes that change the atlas, where this is to be changed."""
        return self._store.alone(stop, math.inf) if lane == CHANGE else nullcontext()

    def _update(self, job_id: str, **changes: Any) -> None:
        if self._others is not None and self._others.has(job_id):
            return  # another process has taken it
        if changes.get("state") in ENDED:
            job = self._jobs[job_id]
            if self._closing and changes["state"] == "cancelled" and job.asked is not None and not job.stopping:
                # Nobody cancelled it: it is begun again at the next start, and this time does not count.
                changes = {"state": "queued", "attempts": job.attempts - 1}
            else:
                changes |= {"finished": time.time(), "seconds_left": None}
            self._ended(job, failed=changes["state"] == "failed")
        with self._lock:
            job = self._jobs[job_id] = replace(self._jobs[job_id], **changes)
        if changes.keys() & {"state", "results", "stopping"} or time.time() - self._kept_at > _KEEP_EVERY_SECONDS:
            self._keep(job)

    def _keep(self, job: Job) -> None:
        if job.only_for_who_asked:
            return
        self._kept_at = time.time()
        with self._keeping:  # of two threads the one that comes last keeps what the job is by then
            job = self._jobs.get(job.id, job)
            try:
                if self._others is None:
                    self._store.put_job(job.id, job.created, job.record())
                else:
                    self._others.keep(job)
            except MirageError:  # a full disk: the job is still shown, until this process ends
                logger.warning("job %s could not be kept", job.id, exc_info=True)

    def _prune(self) -> None:
        """Forget jobs that ended long ago, and the oldest of many."""
        with self._lock:
            ended = sorted((job for job in self._jobs.values() if job.ended), key=lambda job: -job.created)
            oldest = time.time() - KEPT_SECONDS
            gone = [job.id for place, job in enumerate(ended) if place >= KEPT_JOBS or job.created < oldest]
        self._drop(gone)

    def _drop(self, job_ids: Iterable[str]) -> None:
        """Forget jobs that have ended."""
        if gone := list(job_ids):
            with self._lock:
                for job_id in gone:
                    self._jobs.pop(job_id, None)
            try:
                self._store.remove_jobs(gone)
                if self._others is not None:
                    self._others.gone(gone)
            except MirageError:  # they go the next time
                logger.warning("old jobs could not be removed", exc_info=True)


def _seen(job: Job) -> bool:
    """Whether who asks may see a job: their own, or any for who may do so."""
    who = visitor()
    return may(who.role, "library") or (may(who.role, "own jobs") and job.owner == who.id)
