"""The Corpora page, and the jobs that change the atlas or make images: their pages, their events and the JSON twins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mirage.corpora.licences import EACH_ITS_OWN
from mirage.errors import BadInput, NotFound
from mirage.figure import Licence
from mirage.web import links
from mirage.web.generate import made
from mirage.web.openapi import PROBLEM, files, sent, streamed
from mirage.web.security import RefusedError, check_token
from mirage.web.site import RunningSite, site_of
from mirage.web.streaming import HEARTBEAT, EventStream, Sent
from mirage.web.templating import page
from mirage.web.uploads import TokenForm
from mirage.web.views.figures import atlas_view, licence_view
from mirage.web.views.generate import ProgressView
from mirage.web.views.jobs import (
    GENERATE,
    AddableView,
    AddBody,
    CorporaView,
    ImportBody,
    JobsView,
    JobView,
    RebuildBody,
    job_view,
)

if TYPE_CHECKING:
    from mirage.jobs import Job

MEDPIX = "medpix"
# Name to title, number of figures and homepage of what is read from parquet files.
PARQUET = {
    "roco": ("ROCO", "81,770", "https://huggingface.co/datasets/mdwiratathya/ROCO-radiology"),
    "rocov2": ("ROCOv2", "79,793", "https://huggingface.co/datasets/eltorio/ROCOv2-radiology"),
}
_MOST_FOLDERS = 200
_LOOK_EVERY = 0.1

router = APIRouter(include_in_schema=False)
twins = APIRouter(prefix="/api", responses=PROBLEM)


def folders_under(roots: tuple[Path, ...]) -> list[str]:
    """List the roots and the folders right under them, as far as they are there."""
    found: list[str] = []
    for root in roots:
        if not root.is_dir():
            continue
        inside = (entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        found += [str(root), *sorted(str(entry) for entry in inside)]
    return found[:_MOST_FOLDERS]


def corpora_view(site: RunningSite) -> CorporaView:
    """Show what the atlas holds and what can be added."""
    held = atlas_view(site.atlas).corpora
    names = {corpus.name for corpus in held if corpus.complete}
    not_stated = licence_view(Licence())
    folders = folders_under(site.settings.folder_roots)
    addable = [
        AddableView(
            name=MEDPIX,
            title="MedPix 2.0",
            summary="671 teaching cases with 2,050 CT and MR images: history, findings, differential "
            "diagnosis, diagnosis and discussion. The download is about 320 MB.",
            homepage="https://github.com/CHILab1/MedPix-2.0",
            licence=not_stated,
            present=MEDPIX in names,
            downloads=True,
            folders=folders,
        )
    ]
    if folders:
        addable.append(
            AddableView(
                name="folder",
                title="A folder of pictures",
                summary="Pictures with a table of words (CSV or JSONL), or DICOM files. What a header says "
                "of a patient is not read.",
                homepage="",
                licence=not_stated,
                present=False,
                downloads=False,
                folders=folders,
            )
        )
        addable += [_parquet_offer(name, folders) for name in PARQUET if find_spec("pyarrow") is not None]
    return CorporaView(corpora=held, addable=addable)


def _parquet_offer(name: str, folders: list[str]) -> AddableView:
    title, count, homepage = PARQUET[name]
    return AddableView(
        name=name,
        title=title,
        summary=f"{count} radiology figures of articles, each with its caption. Choose the folder that holds the parquet "
        "files; modality and plane are inferred, and marked so.",
        homepage=homepage,
        licence=licence_view(EACH_ITS_OWN),
        present=False,
        downloads=False,
        folders=folders,
    )


def start(site: RunningSite, corpus: str, path: str, *, by_command: bool = False) -> JobView:
    """Start adding a corpus. A command of the user who serves may name any folder and corpus; the page may not.

    Parameters
    ----------
    site : RunningSite
    corpus : str
        Name of its adapter.
    path : str
        Its folder; empty for what needs none.
    by_command : bool

    Raises
    ------
    mirage.errors.NotFound
        When there is no such corpus to add.
    mirage.errors.BadInput
        When the folder is not under a root that the settings name.
    """
    offers = {offer.name: offer for offer in corpora_view(site).addable}
    if corpus not in (*offers, "folder") and not by_command:
        raise NotFound(f"There is no collection {corpus!r} to add from here. There are: {', '.join(offers)}.")
    folder: Path | None = None
    if path:
        folder = Path(path) if by_command else allowed_folder(path, site.settings.folder_roots)
    elif corpus == MEDPIX:
        folder = site.settings.medpix
    elif corpus != "starter":
        raise BadInput("Say which folder to add.")
    return job_view(site.jobs.start_add(corpus=corpus, path=folder))


def allowed_folder(path: str, roots: tuple[Path, ...]) -> Path:
    """Find the folder that a path names, links followed, if it lies under a root.

    Parameters
    ----------
    path : str
    roots : tuple of Path

    Raises
    ------
    mirage.errors.BadInput
    """
    if not roots:
        raise BadInput(
            "Folders can be added from the page once the setting folder_roots names where they lie; "
            "until then use the command: mirage add folder PATH."
        )
    folder = Path(path).expanduser().resolve()
    if not any(folder.is_relative_to(root.resolve()) for root in roots):
        names = ", ".join(str(root) for root in roots)
        raise BadInput(f"{path} is not under a folder that the setting folder_roots names ({names}).")
    if not folder.is_dir():
        raise BadInput(f"{path} is no folder that is there. Check its name.")
    return folder


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
                yield "preview", ProgressView(image=links.preview(job_id, job.done))
            last, quiet_since = job, time.monotonic()
        elif time.monotonic() - quiet_since > HEARTBEAT:
            quiet_since = time.monotonic()
            yield None
        await asyncio.sleep(_LOOK_EVERY)


# -- the API -----------------------------------------------------------------------------------------------------------


@twins.get("/corpora", response_model=CorporaView)
def corpora(request: Request) -> Response:
    """What the atlas holds, and what can be added to it."""
    return sent(corpora_view(site_of(request)))


@twins.get("/jobs", response_model=JobsView)
def jobs(request: Request) -> Response:
    """All jobs, newest first."""
    return sent(jobs_view(site_of(request)))


@twins.get("/jobs/{job_id}", response_model=JobView)
def job(request: Request, job_id: str) -> Response:
    """One job as it stands."""
    return sent(job_view(site_of(request).jobs.get(job_id)))


@twins.post("/jobs", response_model=JobView, status_code=202)
def add(request: Request, body: AddBody) -> Response:
    """Start adding a corpus. Wants this start's token in the header X-Mirage-Token."""
    by_command = check_token(request, None)
    return sent(start(site_of(request), body.corpus, body.path or "", by_command=by_command), 202)


@twins.post("/jobs/{job_id}/cancel", response_model=JobView)
def cancel(request: Request, job_id: str) -> Response:
    """Stop a job; what it has added stays. Wants this start's token in the header X-Mirage-Token."""
    check_token(request, None)
    return sent(job_view(site_of(request).jobs.cancel(job_id)))


@twins.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses=streamed(
        "The job as it goes on: `progress` (a `JobView`), `preview` (a `ProgressView`), `result` (a `SyntheticView`) for "
        "each image that is made, and `ended` (a `JobView`), the last one. Closing the connection stops nothing."
    ),
)
def events(request: Request, job_id: str) -> Response:
    """Follow a job as server-sent events."""
    site = site_of(request)
    site.jobs.get(job_id)
    return EventStream(followed(site, job_id))


@twins.get(
    "/jobs/{job_id}/preview",
    response_class=Response,
    responses={
        **files("The image as far as it has come, with the band.", "image/png"),
        204: {"description": "There is none now: the image is finished, or has not begun."},
    },
)
def preview(request: Request, job_id: str, step: int = 0) -> Response:
    """The image that a job draws, as far as it has come. `step` only keeps addresses apart."""
    data = site_of(request).jobs.preview(job_id)
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
    return sent(job_view(site_of(request).jobs.start_import(Path(body.file), encode=body.encode)), 202)


def _check_command(request: Request, command: str) -> None:
    if not check_token(request, None):
        raise RefusedError(f"Only a command of the user who serves this atlas may do that: `{command}`.")


# -- the pages ---------------------------------------------------------------------------------------------------------


@router.get("/corpora")
def corpora_page(request: Request) -> Response:
    """Show what the atlas holds, what changes it, and what can be added."""
    site = site_of(request)
    return page(
        "corpora.html",
        view=corpora_view(site),
        atlas=atlas_view(site.atlas),
        jobs=[job for job in jobs_view(site).jobs if job.kind != GENERATE],
        token=site.token,
        medpix_copy=site.settings.medpix is not None,
        folders_named=bool(site.settings.folder_roots),
    )


@router.post("/corpora")
def add_by_form(request: Request, form: TokenForm) -> Response:
    """Start adding a corpus from the page."""
    view = start(site_of(request), str(form.get("corpus", "")), str(form.get("path", "")).strip())
    return RedirectResponse(view.page, 303)


@router.get("/jobs/{job_id}")
def job_page(request: Request, job_id: str) -> Response:
    """Show a job; without scripts the page reloads itself."""
    site = site_of(request)
    view = job_view(site.jobs.get(job_id))
    return RedirectResponse(view.page, 303) if view.kind == GENERATE else page("job.html", job=view, token=site.token)


@router.post("/jobs/{job_id}/cancel")
def cancel_by_form(request: Request, job_id: str, _form: TokenForm) -> Response:
    """Stop a job from its page."""
    site_of(request).jobs.cancel(job_id)
    return RedirectResponse(links.job(job_id), 303)
