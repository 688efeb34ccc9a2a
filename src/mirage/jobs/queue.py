"""One queue of jobs for each open atlas, each job kept in the atlas's records.

There are two lanes: one job at a time changes the atlas (adds to it, or rebuilds it), and one at a time makes synthetic
images, so that neither waits for the other.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.errors import BadInput, Busy, MirageError, NotFound
from mirage.generate import synthesis
from mirage.generate.generators import Generator
from mirage.generate.outputs import FOLDER, Outputs
from mirage.generate.synthesis import MAX_AHEAD, GenerationOptions
from mirage.jobs import change, generate
from mirage.jobs.generate import GenerateWork
from mirage.jobs.job import ADD, ENDED, GENERATE, IMPORT, REBUILD, REMOVE, Cancelled, Job, Work
from mirage.query import Query, shown
from mirage.storage import archive

logger = logging.getLogger(__name__)

_KEEP_EVERY_SECONDS = 1.0
_AGAIN = "Waiting for its turn; MIRAGE was stopped before it was finished."
_MOST_ATTEMPTS = 2
_DIED_AGAIN = "MIRAGE ended twice while this ran, so it is not begun again by itself. Start it again if you still want it."
_LOST = {
    ADD: "MIRAGE was stopped while this ran. What it had stored is there; start it again to go on.",
    GENERATE: generate.LOST,
    REMOVE: "MIRAGE was stopped before this had ended. It is all removed, or all still there: look, and ask again if it is.",
}
# Of jobs that have ended, so many are kept, and none longer than this.
KEPT_JOBS, KEPT_SECONDS = 200, 90 * 86_400.0


class Jobs:
    """The jobs of one open atlas.

    Jobs that a process left behind when it ended are marked as failed: adding the same corpus again goes on where they
    stopped. Rebuilds, and generations that began from words, are queued again, unless two processes have ended while they
    ran; those that began from an upload are lost with it.

    Parameters
    ----------
    atlas : Atlas
        Open in this process.
    resume : bool
        Whether to take up what a process left behind; a single command leaves that to the next server.
    """

    def __init__(self, atlas: Atlas, *, resume: bool = True) -> None:
        self._atlas = atlas
        self.outputs = Outputs(atlas.path / FOLDER)
        self._lock = threading.Lock()
        # Of each job that has not ended: its work, and what tells it to stop.
        self._works: dict[str, tuple[Work, threading.Event]] = {}
        self._lanes: dict[str, tuple[queue.Queue[str | None], threading.Thread]] = {}
        self._generators: dict[str, Generator] = {}
        self._kept_at = 0.0
        self._closing = False
        left = [Job.of(record) for record in reversed(atlas.store.jobs())] if resume else []
        self._jobs: dict[str, Job] = {job.id: job for job in left}
        for job in left:
            if not job.ended:
                self._left_behind(job)
        self._prune()

    def _left_behind(self, job: Job) -> None:
        if job.state == "running" and job.attempts >= _MOST_ATTEMPTS:
            self._update(job.id, state="failed", message=_DIED_AGAIN)
            return
        again = replace(job, state="queued", done=0, rate=0.0, seconds_left=None, message=_AGAIN, results=())
        if job.kind == REBUILD and job.asked is not None:
            self._queue(again, partial(change.rebuild, self._atlas, job.asked["encoder"], job.asked["model"], again=True))
            return
        if job.kind == GENERATE and job.asked is not None:
            with suppress(MirageError, TypeError, KeyError):  # kept by another version
                query, options = Query.parse(job.asked["query"]), GenerationOptions(**job.asked["options"])
                self._queue(again, self._generation(query, options, None))
                return
        self._update(job.id, state="failed", message=_LOST.get(job.kind, _LOST[ADD]))

    def _prune(self) -> None:
        """Forget jobs that ended long ago, and the oldest of many."""
        with self._lock:
            ended = sorted((job for job in self._jobs.values() if job.ended), key=lambda job: -job.created)
            oldest = time.time() - KEPT_SECONDS
            gone = [job.id for place, job in enumerate(ended) if place >= KEPT_JOBS or job.created < oldest]
            for job_id in gone:
                del self._jobs[job_id]
        if gone:
            try:
                self._atlas.store.remove_jobs(gone)
            except MirageError:  # they go the next time
                logger.warning("old jobs could not be removed", exc_info=True)

    # -- starting ----------------------------------------------------------------------------------------------------

    def start_add(self, *, corpus: str, path: Path | str | None = None, bring_back: bool = True, **options: Any) -> Job:
        """Queue the adding of a corpus.

        Parameters
        ----------
        corpus : str
            An adapter's name.
        path : path, optional
            Where the corpus is, for those that want one.
        bring_back : bool
            Whether what was removed from the atlas comes back.
        **options
            The corpus's own.

        Raises
        ------
        mirage.errors.MirageError
            When there is no such corpus, or the path cannot be used.
        """
        corpora.card(corpus)  # which refuses what is no corpus
        title = f"Add {corpus}"
        if path is not None:
            if not Path(path).exists():
                raise BadInput(f"There is no folder {path}. Check its name.")
            options, title = {**options, "path": Path(path)}, f"{title} from {path}"
        return self._start(ADD, title, partial(change.add_corpus, self._atlas, corpus, options, bring_back=bring_back))

    def start_remove(self, *figure_ids: str, corpus: str = "") -> Job:
        """Queue the removing of figures, or of a corpus.

        Parameters
        ----------
        *figure_ids, corpus
            As for `mirage.storage.remove.removal`.

        Raises
        ------
        mirage.errors.NotFound, mirage.errors.BadInput
            As that does.
        """
        self._atlas.removal(*figure_ids, corpus=corpus)  # which refuses what cannot be removed
        ids = tuple(dict.fromkeys(figure_ids))
        title = f"Remove {corpus or (ids[0] if len(ids) == 1 else f'{len(ids):,} figures')}"
        work = partial(change.remove, self._atlas, ids, corpus)
        return self._start(REMOVE, title, work, {"figures": list(ids), "corpus": corpus})

    def start_rebuild(self, *, encoder: str = "", model: str = "") -> Job:
        """Queue the making of the index anew, with this encoder or the one there is, as `mirage.storage.reindex` does.

        Parameters
        ----------
        encoder, model : str
            As for `mirage.storage.reindex.rebuild`; empty for those that the atlas has.

        Raises
        ------
        mirage.errors.NotFound
            When there is no such encoder.
        """
        known, asked = encoders.available(), {"encoder": encoder, "model": model}
        if encoder and encoder not in known:
            raise NotFound(f"There is no encoder {shown(encoder)}. There are: {', '.join(known)}.")
        other = " ".join(filter(None, (encoder, model)))
        title = f"Encode anew with {other}" if other else "Make the index anew"
        return self._start(REBUILD, title, partial(change.rebuild, self._atlas, encoder, model), asked)

    def start_import(self, path: Path, *, encode: bool = False, replace: bool = False) -> Job:
        """Queue the importing of an atlas file; see `mirage.storage.archive_import.import_file`.

        Parameters
        ----------
        path : Path
        encode, replace : bool
            As for `mirage.storage.archive_import.import_file`.

        Raises
        ------
        mirage.errors.AtlasError
            When there is no such file, or it is no atlas file.
        """
        with archive.opened(path):  # which refuses what is no atlas file
            title = f"Import {path.name}"
        work = partial(change.import_file, self._atlas, path, encode=encode, replace=replace)
        return self._start(IMPORT, title, work)

    def start_generate(self, query: Query, options: GenerationOptions, *, start: Image.Image | None = None) -> Job:
        """Queue the making of synthetic images.

        Parameters
        ----------
        query, options, start
            As for `mirage.generate.synthesis.draw`. A picture to begin from stays in memory, and ends with this process.

        Raises
        ------
        mirage.errors.Busy
            When `mirage.generate.synthesis.MAX_AHEAD` wait or run already.
        mirage.errors.BadInput
            When the generator cannot follow, or is not made for this prompt.
        mirage.errors.NotFound, mirage.errors.Unavailable
            When there is no such generator, or it cannot be used.
        """
        self._check_room()
        synthesis.request_of(self._atlas, query, options, self._generator(options), start)
        title = f"Generate: {query.text or 'an image like a figure'}"[:200]
        pinned = replace(options, figure=self._atlas.reference(options.figure)) if options.figure else options
        asked = None
        if start is None and not query.has_picture:  # nothing is kept of an upload, so not of what needs one
            asked = {"query": self._atlas.pinned(query).print(), "options": asdict(pinned)}
        return self._start(GENERATE, title, self._generation(query, options, start), asked)

    def _check_room(self) -> None:
        waiting = sum(job.kind == GENERATE and not job.ended for job in list(self._jobs.values()))
        if waiting >= MAX_AHEAD:
            raise Busy(f"{waiting} generations wait already, and no more are taken. Try again in a minute.")

    def _generation(self, query: Query, options: GenerationOptions, start: Image.Image | None) -> GenerateWork:
        return GenerateWork(self._atlas, self.outputs, partial(self._generator, options), query, options, start)

    def _generator(self, options: GenerationOptions) -> Generator:
        """Kept from one job to the next: a model is not loaded anew for each."""
        if options.generator not in self._generators:
            self._generators[options.generator] = synthesis.generator_of(options)
        return self._generators[options.generator]

    # -- looking -----------------------------------------------------------------------------------------------------

    def list(self) -> list[Job]:
        """Every job, newest first."""
        with self._lock:
            return sorted(map(self._placed, self._jobs.values()), key=lambda job: -job.created)

    def get(self, job_id: str) -> Job:
        """One job.

        Raises
        ------
        mirage.errors.NotFound
        """
        with self._lock:
            if job_id not in self._jobs:
                raise NotFound(f"There is no job {job_id!r}.")
            return self._placed(self._jobs[job_id])

    def _placed(self, job: Job) -> Job:
        if job.state != "queued":
            return job
        lane = job.lane
        before = (other for other in self._jobs.values() if other.lane == lane and not other.ended)
        return replace(job, ahead=sum((other.created, other.id) < (job.created, job.id) for other in before))

    def preview(self, job_id: str) -> bytes | None:
        """The image that a generation has in hand, as far as it has come, with the band (PNG); None when there is none."""
        self.get(job_id)
        work = self._works.get(job_id, (None,))[0]
        return work.preview() if isinstance(work, GenerateWork) else None

    # -- ending ------------------------------------------------------------------------------------------------------

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; what it has stored stays. An ended job is left as it is."""
        under_way = self._works.get(job_id)
        if self.get(job_id).state == "queued":
            self._update(job_id, state="cancelled", message="Cancelled before it began.")
            self._works.pop(job_id, None)
        if under_way:
            under_way[1].set()
        return self.get(job_id)

    def close(self, timeout: float = 30.0) -> None:
        """Stop what runs, after the batch or the step in hand, and take no more."""
        self._closing = True
        for _, stop in list(self._works.values()):
            stop.set()
        for lane, _ in self._lanes.values():
            lane.put(None)
        for _, worker in self._lanes.values():
            worker.join(timeout)

    # -- running -----------------------------------------------------------------------------------------------------

    def _start(self, kind: str, title: str, work: Work, asked: dict[str, Any] | None = None) -> Job:
        with self._lock:
            alike = (job for job in self._jobs.values() if (job.title, job.asked) == (title, asked) and not job.ended)
            same = next(alike, None)
        if same and kind != GENERATE:
            return same
        job = Job(id=secrets.token_hex(6), kind=kind, title=title, asked=asked, created=time.time())
        self._queue(job, work)
        return self.get(job.id)

    def _queue(self, job: Job, work: Work) -> None:
        with self._lock:
            if job.kind == GENERATE and job.id not in self._jobs:
                self._check_room()  # again, now that nobody can come between
            self._jobs[job.id] = job
            self._works[job.id] = work, threading.Event()
            if job.lane not in self._lanes:
                waiting: queue.Queue[str | None] = queue.Queue()
                worker = threading.Thread(target=self._run, args=(waiting,), name=job.lane, daemon=True)
                self._lanes[job.lane] = waiting, worker
                worker.start()
        self._keep(job)
        self._lanes[job.lane][0].put(job.id)

    def _run(self, lane: queue.Queue[str | None]) -> None:
        while (job_id := lane.get()) is not None and not self._closing:
            if (found := self._works.get(job_id)) is None or self.get(job_id).state != "queued":
                continue
            work, stop = found
            # Kept before it begins, so that a process which does not survive it is counted.
            self._update(job_id, state="running", message="Starting.", attempts=self.get(job_id).attempts + 1)
            try:
                work(partial(self._update, job_id), stop.is_set)
            except Cancelled:
                self._update(job_id, state="cancelled", message="Cancelled.")
            except MirageError as error:
                self._update(job_id, state="failed", message=str(error), exit_code=error.exit_code)
            except BaseException:  # whatever it is, the next job must have its turn
                logger.exception("job %s failed", job_id)
                message = "Something went wrong that should not have; the log of the server says what."
                self._update(job_id, state="failed", message=message)
            finally:
                self._works.pop(job_id, None)
            self._prune()

    def _update(self, job_id: str, **changes: Any) -> None:
        if changes.get("state") in ENDED:
            if self._closing and changes["state"] == "cancelled" and self._jobs[job_id].asked is not None:
                # Nobody cancelled it: it is begun again at the next start, and this time does not count.
                changes = {"state": "queued", "attempts": self._jobs[job_id].attempts - 1}
            else:
                changes |= {"finished": time.time(), "seconds_left": None}
        with self._lock:
            job = self._jobs[job_id] = replace(self._jobs[job_id], **changes)
        if "state" in changes or "results" in changes or time.time() - self._kept_at > _KEEP_EVERY_SECONDS:
            self._keep(job)

    def _keep(self, job: Job) -> None:
        self._kept_at = time.time()
        try:
            self._atlas.store.put_job(job.id, job.created, job.record())
        except MirageError:  # a full disk: the job is still shown, until this process ends
            logger.warning("job %s could not be kept", job.id, exc_info=True)
