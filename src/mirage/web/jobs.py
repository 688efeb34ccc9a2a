"""Corpora that can be added, and long work: the Corpora page, the pages of jobs, their events, and the JSON twins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from mirage import corpora
from mirage.corpora import CorpusCard
from mirage.errors import BadInput, MirageError, NotFound
from mirage.jobs import Job
from mirage.jobs.job import GENERATE
from mirage.settings import SHIPPED
from mirage.web import forms
from mirage.web.explain import HEARTBEAT, Sent, event_stream
from mirage.web.generate import made
from mirage.web.openapi import PROBLEM, files, sent, streamed
from mirage.web.security import NEEDS_TOKEN, RefusedError, check_token
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page
from mirage.web.uploads import TokenForm, texts_of
from mirage.web.views.corpora import AddableView, CorporaView, OptionView, held_view
from mirage.web.views.figures import ApiModel, CorpusView, atlas_view, licence_view
from mirage.web.views.generate import JobView, ProgressView, job_view

_LOOK_EVERY = 0.1
_MOST_FOLDERS = 200
_KINDS = {str: "text", int: "number", bool: "yes or no"}

router = APIRouter(include_in_schema=False)
twins = APIRouter(prefix="/api", responses=PROBLEM)


# -- as the API shows them -----------------------------------------------------------------------------------------------


class AddBody(ApiModel):
    """Start adding a corpus."""

    corpus: str
    path: str | None = Field(default=None, description="A folder under one of the roots that settings name.")
    options: dict[str, Any] = Field(default_factory=dict, description="What else is chosen, by name.")
    bring_back: bool = Field(default=True, description="Whether figures of it that were removed from the atlas come back.")


class RebuildBody(ApiModel):
    """Start making the index anew."""

    encoder: str = Field(default="", description="Encode all pictures with this encoder; empty for the one there is.")
    model: str = Field(default="", description="Which model of that encoder, where it has several: a hub id or a folder.")


class ImportBody(ApiModel):
    """Start importing an atlas file."""

    file: str = Field(description="An atlas file on the machine of the server.")
    encode: bool = Field(default=False, description="Encode the pictures anew where another encoder made the file.")
    replace: bool = Field(default=False, description="Replace figures and cases of the same id that differ.")


class JobsView(ApiModel):
    """All jobs, newest first."""

    jobs: list[JobView]


# -- corpora -----------------------------------------------------------------------------------------------------------


def cards() -> dict[str, CorpusCard]:
    """Find the corpora that can be used here, by name: those that are downloaded first.

    One that cannot say what it is, or that misses a package, is left out.
    """
    found: dict[str, CorpusCard] = {}
    for name in corpora.available():
        with suppress(MirageError):
            if (card := corpora.card(name)).usable:
                found[name] = card
    return dict(sorted(found.items(), key=lambda one: not one[1].downloads))


def addable(site: RunningSite, held: list[CorpusView]) -> list[AddableView]:
    """List what can be added from the page: not what ships, nor what wants a folder while none may be named.

    Parameters
    ----------
    site : RunningSite
    held : list of CorpusView
        What the atlas holds.
    """
    folders = _folders_under(site.settings.folder_roots)
    complete = {corpus.name for corpus in held if corpus.complete}
    return [
        AddableView.of(
            card,
            name=name,
            licence=licence_view(card.licence),
            present=name in complete,
            folders=folders if card.folder_option else [],
            options=[
                OptionView.of(
                    option, label=option.label or option.name.replace("_", " ").capitalize(), kind=_KINDS[option.type]
                )
                for option in card.options
                if option.type in _KINDS and not option.by_command
            ],
        )
        for name, card in cards().items()
        if not card.ships and (folders or not card.folder_option or not card.folder_option.required)
    ]


def _folders_under(roots: tuple[Path, ...]) -> list[str]:
    """The roots and the folders right under them, as far as they are there."""
    found: list[str] = []
    for root in filter(Path.is_dir, roots):
        inside = (entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        found += [str(root), *sorted(str(entry) for entry in inside)]
    return found[:_MOST_FOLDERS]


def corpora_view(site: RunningSite) -> CorporaView:
    """Show what the atlas holds and what can be added."""
    held, known = atlas_view(site.atlas).corpora, cards()
    # Looking through all figures takes time.
    shown = site.kept("contents", held, lambda: [held_view(site.atlas, each, known.get(each.name)) for each in held])
    return CorporaView(corpora=shown, addable=addable(site, held))


def start(
    site: RunningSite, corpus: str, given: Mapping[str, Any], *, by_command: bool = False, bring_back: bool = True
) -> JobView:
    """Start adding a corpus. A command of the user who serves may name any path and corpus; the page may not.

    Parameters
    ----------
    site : RunningSite
    corpus : str
        Name of its adapter.
    given : mapping
        Options of the corpus by name, as text or as they are; empty ones are as if left out. ``path`` is its folder.
    by_command : bool
    bring_back : bool
        As for `mirage.jobs.Jobs.start_add`.

    Raises
    ------
    mirage.errors.NotFound
        When there is no such corpus to add.
    mirage.errors.BadInput
        When an option cannot be used, or a path is not under a root that the settings name.
    mirage.web.security.RefusedError
        When an option is one that only a command may choose.
    """
    known = cards()
    if not by_command and (corpus not in known or known[corpus].ships):
        there = ", ".join(offer.name for offer in corpora_view(site).addable)
        raise NotFound(f"There is no collection {corpus!r} to add from here. There are: {there}.")
    card = corpora.card(corpus)
    options = {name: value for name, value in given.items() if value not in (None, "")}
    folder = card.folder_option
    if folder and "path" in options:
        options[folder.name] = options.pop("path")
    chosen = [option for option in card.options if option.name in options and not by_command]
    for option in chosen:
        if option.by_command:
            command = f"mirage add {corpus} --{option.name.replace('_', '-')}"
            raise RefusedError(f"Only a command of the user who serves this atlas may choose that: `{command}`.")
    for option in chosen:
        if option.type is Path:
            path = str(options[option.name])
            options[option.name] = allowed_path(path, site.settings.folder_roots, folder=option.is_folder)
    if folder and folder.name not in options:
        if corpus in site.settings.corpora:
            options[folder.name] = site.settings.corpora[corpus]
        elif folder.required:
            raise BadInput("Say which folder to add.")
    return job_view(site.jobs.start_add(corpus=corpus, bring_back=bring_back, **card.read(options)))


def allowed_path(path: str, roots: tuple[Path, ...], *, folder: bool = True) -> Path:
    """Find what a path names, links followed, if it lies under a root.

    Parameters
    ----------
    path : str
    roots : tuple of Path
    folder : bool
        Whether it must be a folder; else a file.

    Raises
    ------
    mirage.errors.BadInput
    """
    if not roots:
        raise BadInput(
            "Folders can be added from the page once the setting folder_roots names where they lie; "
            "until then use the command: mirage add folder PATH."
        )
    try:
        found = Path(path).expanduser().resolve()
    except (ValueError, RuntimeError, OSError) as error:  # a zero byte, an unknown user, a circle of links
        raise BadInput(f"{path[:200]!r} is no path: {error}.") from error
    if not any(found.is_relative_to(root.resolve()) for root in roots):
        names = ", ".join(str(root) for root in roots)
        raise BadInput(f"{path} is not under a folder that the setting folder_roots names ({names}).")
    if not (found.is_dir() if folder else found.is_file()):
        raise BadInput(f"{path} is no {'folder' if folder else 'file'} that is there. Check its name.")
    return found


@twins.get("/corpora", response_model=CorporaView)
def corpora_twin(site: Site) -> Response:
    """What the atlas holds, and what can be added to it."""
    return sent(corpora_view(site))


@twins.post("/jobs", response_model=JobView, status_code=202)
def add(request: Request, body: AddBody) -> Response:
    """Start adding a corpus. Wants this start's token in the header X-Mirage-Token."""
    by_command = check_token(request, None)
    given = {"path": body.path, **body.options}
    return sent(start(site_of(request), body.corpus, given, by_command=by_command, bring_back=body.bring_back), 202)


@router.get("/corpora")
def corpora_page(site: Site) -> Response:
    """Show what the atlas holds, what changes it, and what can be added."""
    return _corpora_page(site)


@router.get("/notices")
def notices_page() -> Response:
    """Show the licences and notices of what ships, word for word."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(path for path in SHIPPED.rglob("*") if path.suffix in (".txt", ".md")):
        if not path.name.startswith("log"):  # of a training
            parts.setdefault(path.relative_to(SHIPPED).parts[0], []).append((path.stem, path.read_text("utf-8")))
    return page("notices.html", parts=parts)


def _corpora_page(site: RunningSite, tried: Mapping[str, str] | None = None, error: MirageError | None = None) -> Response:
    """The page; where a form could not be used, with what was chosen in it, and why."""
    view = corpora_view(site)
    # An atlas keeps folders' names to itself; those that may be chosen below are no secret here.
    offered = {Path(folder).name for offer in view.addable for folder in offer.folders}
    return page(
        "corpora.html",
        error.status if error else 200,
        view=view,
        own_names={one.name: name for one in view.corpora if (name := site.atlas.store.name_of(one.name)) in offered},
        tried=tried or {},
        problem=str(error) if error else "",
        atlas=atlas_view(site.atlas),
        jobs=[job for job in jobs_view(site).jobs if job.kind != GENERATE],
        token=site.token,
        copies=set(site.settings.corpora),
        folders_named=bool(site.settings.folder_roots),
    )


@router.post("/corpora")
def add_by_form(site: Site, form: TokenForm) -> Response:
    """Start adding a corpus from the page."""
    given = {name: value.strip() for name, value in texts_of(form) if name not in ("token", "corpus")}
    corpus = str(form.get("corpus", ""))
    try:
        return RedirectResponse(start(site, corpus, given).page, 303)
    except BadInput as error:
        return _corpora_page(site, {**given, "corpus": corpus}, error)


# -- jobs --------------------------------------------------------------------------------------------------------------


def jobs_view(site: RunningSite) -> JobsView:
    """List all jobs, newest first."""
    return JobsView(jobs=[job_view(job) for job in site.jobs.list()])


async def followed(site: RunningSite, job_id: str) -> AsyncGenerator[Sent | None, None]:
    """Tell what happens to a job, until it has ended; None is a sign of life.

    Parameters
    ----------
    site : RunningSite
    job_id : str
    """
    last: Job | None = None
    told: set[str] = set()
    quiet_since = time.monotonic()
    while True:
        # A look into memory: many may follow without a thread each.
        job = site.jobs.get(job_id)
        if job != last:
            view = job_view(job)
            fresh = view.model_copy(update={"results": [name for name in view.results if name not in told]})
            told |= set(fresh.results)
            for result in await run_sync(made, site, fresh) if fresh.results else ():
                yield "result", result
            if view.ended:
                yield "ended", view
                return
            yield "progress", view
            if view.kind == GENERATE and view.done and (last is None or last.done != job.done):
                yield "preview", ProgressView(image=forms.preview_address(job_id, job.done))
            last, quiet_since = job, time.monotonic()
        elif time.monotonic() - quiet_since > HEARTBEAT:
            quiet_since = time.monotonic()
            yield None
        await asyncio.sleep(_LOOK_EVERY)


# -- the API of jobs ---------------------------------------------------------------------------------------------------


@twins.get("/jobs", response_model=JobsView)
def jobs(site: Site) -> Response:
    """All jobs, newest first."""
    return sent(jobs_view(site))


@twins.get("/jobs/{job_id}", response_model=JobView)
def job(site: Site, job_id: str) -> Response:
    """One job as it stands."""
    return sent(job_view(site.jobs.get(job_id)))


@twins.post("/jobs/{job_id}/cancel", response_model=JobView, dependencies=[NEEDS_TOKEN])
def cancel(site: Site, job_id: str) -> Response:
    """Stop a job; what it has added stays. Wants this start's token in the header X-Mirage-Token."""
    return sent(job_view(site.jobs.cancel(job_id)))


@twins.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses=streamed(
        "The job as it goes on: `progress` (a `JobView`), `preview` (a `ProgressView`), `result` (a `SyntheticView`) for "
        "each image that is made, and `ended` (a `JobView`), the last one. Closing the connection stops nothing."
    ),
)
def events(site: Site, job_id: str) -> Response:
    """Follow a job as server-sent events."""
    site.jobs.get(job_id)
    return event_stream(followed(site, job_id))


@twins.get(
    "/jobs/{job_id}/preview",
    response_class=Response,
    responses={
        **files("The image as far as it has come, with the band.", "image/png"),
        204: {"description": "There is none now: the image is finished, or has not begun."},
    },
)
def preview(site: Site, job_id: str, step: int = 0) -> Response:
    """The image that a job draws, as far as it has come. `step` only keeps addresses apart."""
    data = site.jobs.preview(job_id)
    headers = {"Content-Disposition": 'inline; filename="synthetic-preview.png"'}
    return Response(data, media_type="image/png", headers=headers) if data else Response(status_code=204)


@twins.post("/atlas/rebuild", response_model=JobView, status_code=202)
def rebuild(request: Request, body: RebuildBody) -> Response:
    """Start making the index anew; searches are answered from the old one until the new one is whole.

    Wants the token that stands in the atlas's folder, in the header X-Mirage-Token.
    """
    _check_command(request, "mirage atlas rebuild")
    return sent(job_view(site_of(request).jobs.start_rebuild(encoder=body.encoder, model=body.model)), 202)


@twins.post("/atlas/import", response_model=JobView, status_code=202)
def import_(request: Request, body: ImportBody) -> Response:
    """Start importing an atlas file. Wants the token that stands in the atlas's folder, in the header X-Mirage-Token."""
    _check_command(request, "mirage import")
    jobs = site_of(request).jobs
    return sent(job_view(jobs.start_import(Path(body.file), encode=body.encode, replace=body.replace)), 202)


def _check_command(request: Request, command: str) -> None:
    if not check_token(request, None):
        raise RefusedError(f"Only a command of the user who serves this atlas may do that: `{command}`.")


# -- the pages ---------------------------------------------------------------------------------------------------------


@router.get("/jobs/{job_id}")
def job_page(site: Site, job_id: str) -> Response:
    """Show a job; without scripts the page reloads itself."""
    view = job_view(site.jobs.get(job_id))
    return RedirectResponse(view.page, 303) if view.kind == GENERATE else page("job.html", job=view, token=site.token)


@router.post("/jobs/{job_id}/cancel")
def cancel_by_form(site: Site, job_id: str, _form: TokenForm) -> Response:
    """Stop a job from its page."""
    site.jobs.cancel(job_id)
    return RedirectResponse(forms.address("jobs", job_id), 303)
