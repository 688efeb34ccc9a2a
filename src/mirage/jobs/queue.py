"""One queue of jobs for each open atlas, each job kept in the atlas's records.

There are two lanes: one job at a time changes the atlas (adds to it, or rebuilds it), and one at a time makes synthetic
images, so that neither waits for the other.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic_core import to_jsonable_python

from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.errors import BadInput, Busy, MirageError, NotFound
from mirage.generate import synthesis
from mirage.generate.generators import Generator
from mirage.generate.outputs import FOLDER, Outputs
from mirage.generate.synthesis import MAX_AHEAD, GenerationOptions
from mirage.images.bucket import is_address
from mirage.jobs import change, generate
from mirage.jobs.fetching import ask_source
from mirage.jobs.generate import GenerateWork
from mirage.jobs.job import ADD, ASK, EDIT, GENERATE, IMPORT, LOOK, REBUILD, REMOVE, WAITING, Job, Work
from mirage.jobs.lanes import Lanes
from mirage.jobs.others import Others
from mirage.people.visitor import visitor
from mirage.query import Query, shown
from mirage.storage import archive
from mirage.storage.edit import editing
from mirage.storage.preview import Preview, SourcePreview
from mirage.storage.spread import check as check_spread
from mirage.storage.staging import FOLDER as INCOMING
from mirage.storage.staging import Batch, Leftovers, Staging
from mirage.wording import N_, _, ngettext

_KEPT_PREVIEWS = 8
_MOST_ASKING = 8
OWN_FILES = "folder"
"""The corpus that reads what people send."""
_LOST = {
    ADD: N_("MIRAGE was stopped while this ran. What it had stored is there; start it again to go on."),
    GENERATE: generate.LOST,
    EDIT: N_("MIRAGE was stopped before this had ended. It is all edited, or as it was: look, and edit again if it is."),
    REMOVE: N_(
        "MIRAGE was stopped before this had ended. It is all removed, or all still there: look, and ask again if it is."
    ),
}


class Jobs(Lanes):
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

    Attributes
    ----------
    most_each : int
        How many jobs of one person may wait or run; 0 for any number.
    refusal : mirage.errors.MirageError or None
        What is raised instead of beginning a job.
    knows : callable
        Whether somebody of this id still has an account.
    """

    def __init__(self, atlas: Atlas, *, resume: bool = True) -> None:
        super().__init__(atlas.store)
        self._atlas = atlas
        self.outputs = Outputs(atlas.databases.folder / FOLDER)
        self.most_each = 0
        self.refusal: MirageError | None = None
        self.knows: Callable[[str], bool] = lambda _person: True
        self._generators: dict[str, Generator] = {}
        self._previews: dict[str, Preview | SourcePreview] = {}
        self._staging: Staging | None = None
        resume = resume and atlas.copy is None  # what another process does is that one's
        if resume and atlas.store.sharing is None and (atlas.path / INCOMING).exists():  # left by a process that was killed
            _ = self.staging
        if resume:
            self._take_up(_LOST, _LOST[ADD])
        if atlas.store.sharing is not None:
            self._leftovers = Leftovers(atlas.path / INCOMING)
            self._others = Others(
                atlas.store, self, atlas.follow, atlas.unhide, takes_up=resume, swept=self._leftovers.sweep
            )
            self._others.begin()
        self._prune()

    def _again(self, job: Job) -> Work | None:
        if job.asked is None:
            return None
        if job.kind == REBUILD:
            return partial(change.rebuild, self._atlas, job.asked["encoder"], job.asked["model"], again=True)
        with suppress(MirageError, TypeError, KeyError):  # kept by another version, or of a source that is not installed
            if job.kind == GENERATE:
                query, options = Query.parse(job.asked["query"]), GenerationOptions(**job.asked["options"])
                return self._generation(query, options, None, job.owner)
            if job.kind == ADD:
                corpora.card(job.asked["corpus"])
                return self._adding(job.asked)
        return None

    # -- starting ----------------------------------------------------------------------------------------------------

    def start_add(
        self,
        *,
        corpus: str,
        path: Path | str | None = None,
        bring_back: bool = True,
        merge: bool = False,
        prune: str = "",
        on: str = "",
        **options: Any,
    ) -> Job:
        """Queue the adding of a corpus.

        Parameters
        ----------
        corpus : str
            An adapter's name.
        path : path, optional
            Where the corpus is, for those that want one.
        bring_back : bool
            Whether what was removed from the atlas comes back.
        merge : bool
            Whether a folder may be added to the collection of another that has the same name.
        prune : {"", "ask", "all"}
        on : str
            As for `mirage.jobs.change.add_corpus`.
        **options
            The corpus's own.

        Raises
        ------
        mirage.errors.MirageError
            When there is no such corpus, or the path cannot be used.
        """
        if on:
            check_spread(on)
        if corpora.card(corpus).live:
            if on:
                raise BadInput(_("What a source on the network sends is read here: leave --on out."))
            return self._start_source(ADD, corpus, options, bring_back=bring_back, merge=merge)
        title, options = _from(f"Add {corpus}", corpus, path, options)
        title += ", and take out what is gone" if prune else ""
        how: dict[str, Any] = {"bring_back": bring_back, "merge": merge, "prune": prune, "on": on}
        work = partial(change.add_corpus, self._atlas, corpus, options, **how)
        return self._start(ADD, title, work, private=corpora.card(corpus).private)

    def _start_source(self, kind: str, corpus: str, options: dict[str, Any], **how: bool) -> Job:
        """Queue asking a living source, or adding of it. What was asked for is kept: it goes on after a restart."""
        corpora.load(corpus, **options)  # which refuses what cannot be asked for, and asks nobody
        asked = {"corpus": corpus, "options": to_jsonable_python(options), **how}
        title = f"{corpora.card(corpus).title}: {str(options.get('query', ''))[:200]}"
        if kind == ADD:
            return self._start(kind, f"Add from {title}", self._adding(asked), asked)
        waiting = sum(job.kind == ASK and not job.ended for job in list(self._jobs.values()))
        if waiting >= _MOST_ASKING:
            raise Busy(_("%(waiting)s questions to sources wait already. Try again in a minute.", waiting=waiting))
        ask = partial(ask_source, self._atlas, corpus, options, how["again"])
        return self._look(kind, title, lambda keep: partial(ask, keep), asked)

    def _adding(self, asked: Mapping[str, Any]) -> Work:
        how = {"bring_back": asked["bring_back"], "merge": asked["merge"]}
        return partial(change.add_corpus, self._atlas, asked["corpus"], dict(asked["options"]), **how)

    def start_again(self, job_id: str) -> Job:
        """Queue once more the adding of figures of a living source, which goes on where it was stopped or broke.

        Raises
        ------
        mirage.errors.NotFound
            When there is no such job.
        mirage.errors.BadInput
            When it has not ended, or is of another kind.
        """
        job = self.get(job_id)
        if job.kind != ADD or job.asked is None or not job.ended:
            raise BadInput(_("That job cannot be begun again; start it as you did the first time."))
        asked = job.asked
        how = {"bring_back": asked["bring_back"], "merge": asked["merge"]}
        return self.start_add(corpus=asked["corpus"], **how, **asked["options"])

    def start_look(self, *, corpus: str, path: Path | str | None = None, again: bool = False, **options: Any) -> Job:
        """Queue looking through a corpus as adding would; nothing is added. `preview_of` has what it found.

        Parameters
        ----------
        corpus, path, **options
            As for `start_add`.
        again : bool
            Of a living source: whether to ask it even where its answers are kept.

        Raises
        ------
        mirage.errors.MirageError
            As for `start_add`.
        """
        if corpora.card(corpus).live:
            return self._start_source(ASK, corpus, options, again=again)
        return self._look_through(corpus, *_from(f"Look through {corpus}", corpus, path, options))

    def _look_through(self, corpus: str, title: str, options: dict[str, Any]) -> Job:
        return self._look(LOOK, title, lambda keep: partial(change.look_through, self._atlas, corpus, options, keep))

    def _look(
        self, kind: str, title: str, work: Callable[[Callable[[Any], None]], Work], asked: dict[str, Any] | None = None
    ) -> Job:
        job_id = secrets.token_hex(16)  # who does not have it sees nothing of the files

        def keep(found: Preview | SourcePreview) -> None:
            with self._lock:
                self._previews[job_id] = found
                while len(self._previews) > _KEPT_PREVIEWS:
                    del self._previews[next(iter(self._previews))]

        job = Job(id=job_id, kind=kind, title=title, asked=asked, created=time.time(), owner=visitor().id)
        self._queue(job, work(keep))
        return self.get(job_id)

    @property
    def staging(self) -> Staging:
        """What people sent to be added; made when it is first needed."""
        with self._lock:
            if self._staging is None:
                self._staging = Staging(
                    self._atlas.path / INCOMING / (sharing.me if (sharing := self._store.sharing) else "")
                )
        return self._staging

    def start_look_at(self, batch: Batch) -> Job:
        """Queue looking through what somebody sent, as `start_look` does, in place of a look that has not ended."""
        if batch.look and batch.look in self._works:
            self.cancel(batch.look)
        options = {
            "path": batch.root,
            "stacks": batch.stacks,
            "columns": batch.columns,
            "name": batch.named or "What was sent",
        }
        job = self._look_through(OWN_FILES, "Look through the files", options)
        batch.look = job.id
        return job

    def start_add_sent(self, batch: Batch, *, prune: str = "", **options: Any) -> Job:
        """Queue the adding of what somebody sent; its files are thrown away when it is added, or was cancelled.

        Parameters
        ----------
        batch : mirage.storage.staging.Batch
        prune : {"", "ask", "all"}
            As for `start_add`.
        **options
            Of the folder corpus, its name among them.
        """
        job = _new(ADD, f"Add “{options['name']}”", private=True)
        with batch.lock:
            if batch.adding:  # in another tab, at the same moment
                return self.get(batch.adding)
            batch.adding = job.own.id
        given = {**options, "path": batch.root, "stacks": batch.stacks, "columns": batch.columns}
        # Whether it joins a collection that is there was asked.
        work = partial(change.add_corpus, self._atlas, OWN_FILES, given, merge=True, sent=True, prune=prune)
        self._queue(job, work)
        return self.get(job.own.id)

    def preview_of(self, job_id: str) -> Preview | SourcePreview:
        """What a look through a corpus, or the question to a living source, found; in memory, the newest few only.

        Raises
        ------
        mirage.errors.NotFound
        """
        with self._lock:
            found = self._previews.get(job_id)
        if found is None:
            raise NotFound(_("That preview is not here any more, or never was. Look again."))
        return found

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

    def start_collect(self) -> Job:
        """Queue the removing of pictures that no figure has."""
        return self._start(REMOVE, "Collect pictures that no figure uses", partial(change.collect, self._atlas))

    def start_edit(self, figure_id: str, words: Mapping[str, str], undo: Sequence[str] = ()) -> Job:
        """Queue the editing of a figure's words.

        Parameters
        ----------
        figure_id, words, undo
            As for `mirage.storage.edit.editing`.

        Raises
        ------
        mirage.errors.MirageError
            As that does.
        """
        editing(self._atlas, figure_id, words, undo)  # which refuses what cannot be edited
        work = partial(change.edit_words, self._atlas, figure_id, dict(words), tuple(undo))
        asked = {"figure": figure_id, "words": dict(words), "undo": list(undo)}
        return self._start(EDIT, f"Edit {figure_id}", work, asked)

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
            raise NotFound(
                _("There is no encoder %(encoder)s. There are: %(known)s.", encoder=shown(encoder), known=", ".join(known))
            )
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
        return self._start(GENERATE, title, self._generation(query, options, start, visitor().id), asked)

    def _check_room(self) -> None:
        waiting = sum(job.kind == GENERATE and not job.ended for job in list(self._jobs.values()))
        if waiting >= MAX_AHEAD:
            raise Busy(
                _("%(waiting)s generations wait already, and no more are taken. Try again in a minute.", waiting=waiting)
            )

    def _generation(
        self, query: Query, options: GenerationOptions, start: Image.Image | None, owner: str = ""
    ) -> GenerateWork:
        return GenerateWork(self._atlas, self.outputs, partial(self._generator, options), query, options, start, owner)

    def forget(self, person: str) -> None:
        """Stop the jobs of somebody who is gone, and delete what is known of them and the synthetic images they had made.

        What ends with the step in hand is deleted when it has ended.

        Parameters
        ----------
        person : str
            Id.
        """
        for job in [each for each in self._jobs.values() if each.owner == person and not each.ended]:
            with suppress(NotFound):
                self.cancel(job.own.id)
        kept = {job.id: job for job in map(Job.of, self._store.jobs())} | self._jobs
        self._drop(job.id for job in kept.values() if job.owner == person and (job.ended or not self._is_at_work(job)))
        self.outputs.remove_of(person)

    def _is_at_work(self, job: Job) -> bool:
        """Whether a process that is there has a job."""
        return self.has(job.id) or self._others is not None

    def _over(self, job: Job) -> None:
        with suppress(MirageError):  # a database that is gone says so elsewhere
            if job.owner and not self.knows(job.owner):
                self.forget(job.owner)

    def _generator(self, options: GenerationOptions) -> Generator:
        """Kept from one job to the next: a model is not loaded anew for each."""
        if options.generator not in self._generators:
            self._generators[options.generator] = synthesis.generator_of(options)
        return self._generators[options.generator]

    # -- looking -----------------------------------------------------------------------------------------------------

    def preview(self, job_id: str) -> bytes | None:
        """The image that a generation has in hand, as far as it has come, with the band (PNG); None when there is none."""
        self.get(job_id)
        work = self._works.get(job_id, (None,))[0]
        return work.preview() if isinstance(work, GenerateWork) else None

    def close(self, timeout: float = 120.0) -> None:
        """Stop what runs, after the batch or the step in hand, and take no more."""
        super().close(timeout)
        if self._staging is not None:
            self._staging.close()

    # -- queueing ----------------------------------------------------------------------------------------------------

    def _admit(self, job: Job) -> None:
        if self.refusal is not None:
            raise self.refusal
        if job.kind in (ADD, EDIT, IMPORT, REBUILD, REMOVE):
            self._atlas.check_writable()
        mine = sum(each.owner == job.owner and not each.ended for each in self._jobs.values())
        if job.owner and 0 < self.most_each <= mine:
            raise _too_many(mine)
        if job.kind == GENERATE:
            self._check_room()

    def _admit_among_all(self, job: Job) -> None:
        # Each of several servers sees what all had kept before it looks: of those that come at once the later ones go.
        if not job.owner or not self.most_each or job.only_for_who_asked:
            return
        kept = map(Job.of, self._store.jobs())
        theirs = sorted((each.created, each.id) for each in kept if each.owner == job.owner and not each.ended)
        if (job.created, job.id) in theirs[self.most_each :]:
            raise _too_many(self.most_each)

    def _ended(self, job: Job, *, failed: bool) -> None:
        if self._staging is not None:
            self._staging.ended(job.own.id, keep=failed)

    def _start(
        self, kind: str, title: str, work: Work, asked: dict[str, Any] | None = None, *, private: bool = False
    ) -> Job:
        with self._lock:
            mine = [job for job in self._jobs.values() if job.owner == visitor().id and not job.ended]
            alike = (job for job in mine if (job.title, job.asked) == (title, asked))
            same = next(alike, None)
        if same and kind != GENERATE:
            return same.own  # who names the same folder knows it
        job = replace(_new(kind, title, private=private), asked=asked)
        self._queue(job, work)
        return self.get(job.own.id)


def _too_many(number: int) -> Busy:
    return Busy(
        ngettext(
            "%(num)s job of yours waits or runs, which is as many as one person may have. Wait until it has ended.",
            "%(num)s jobs of yours wait or run, which is as many as one person may have. Wait until one has ended.",
            number,
        )
    )


def _new(kind: str, title: str, *, private: bool) -> Job:
    secret = secrets.token_hex(16) if private else ""
    now, owner = time.time(), visitor().id
    made = Job(secrets.token_hex(6), kind, title, private=private, secret=secret, created=now, owner=owner)
    return replace(made, message=_(WAITING))


def _from(title: str, corpus: str, path: Path | str | None, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A job's title, and a corpus's options with the path that it is read from, which must be there."""
    corpora.card(corpus)  # which refuses what is no corpus
    if path is None:
        return title, options
    if is_address(path):
        return f"{title} from {path}", {**options, "path": str(path)}
    if not Path(path).exists():
        raise BadInput(_("There is no folder %(path)s. Check its name.", path=path))
    return f"{title} from {path}", {**options, "path": Path(path)}
