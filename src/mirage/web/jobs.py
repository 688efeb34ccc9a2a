"""The Corpora page and the jobs that change the atlas."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mirage.corpora.licences import EACH_ITS_OWN
from mirage.errors import BadInput, NotFound
from mirage.figure import Licence
from mirage.web import links, schemas, uploads, views
from mirage.web.api import PROBLEM, sent
from mirage.web.forms import search_form
from mirage.web.security import check_token
from mirage.web.site import Site, site_of
from mirage.web.templating import render

if TYPE_CHECKING:
    from mirage.jobs import Job

MEDPIX = "medpix"
# Name to title, number of figures and homepage of what is read from parquet files.
PARQUET = {
    "roco": ("ROCO", "81,770", "https://huggingface.co/datasets/mdwiratathya/ROCO-radiology"),
    "rocov2": ("ROCOv2", "79,793", "https://huggingface.co/datasets/eltorio/ROCOv2-radiology"),
}
GENERATE = "generate"
ADD = "add"
ENDED = ("done", "failed", "cancelled")
_MOST_FOLDERS = 200

router = APIRouter()
twins = APIRouter(prefix="/api", responses=PROBLEM)


def job_view(job: Job) -> schemas.JobView:
    """A job as it stands."""
    return schemas.JobView(
        id=job.id,
        kind=job.kind,
        title=title_of(job),
        state=job.state,
        done=job.done,
        total=job.total,
        rate=job.rate,
        seconds_left=job.seconds_left,
        message=job.message,
        refused=[schemas.RefusedView(label=each.label, reason=each.reason) for each in job.refused],
        created=job.created,
        finished=job.finished or None,
        ended=job.state in ENDED,
        page=links.generating(job.id) if job.kind == GENERATE else links.job(job.id),
        results=list(getattr(job, "results", ())),
        ahead=getattr(job, "ahead", 0),
    )


def title_of(job: Job) -> str:
    """A job's title with the folder's name in place of its whole path."""
    if job.kind != ADD:
        return job.title
    what, given, path = job.title.partition(" from ")
    return f"{what}{given}{Path(path).name or path}" if given else what


def jobs_page(site: Site) -> schemas.JobsView:
    """All jobs, newest first."""
    return schemas.JobsView(jobs=[job_view(job) for job in site.jobs.list()])


def folders_under(roots: tuple[Path, ...]) -> list[str]:
    """The roots and the folders right under them, as far as they are there."""
    found: list[str] = []
    for root in roots:
        if not root.is_dir():
            continue
        inside = (entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        found += [str(root), *sorted(str(entry) for entry in inside)]
    return found[:_MOST_FOLDERS]


def corpora_page(site: Site) -> schemas.CorporaView:
    """What the atlas holds and what can be added."""
    held = views.atlas_page(site.atlas).corpora
    names = {corpus.name for corpus in held if corpus.complete}
    not_stated = views.licence_view(Licence())
    folders = folders_under(site.settings.folder_roots)
    addable = [
        schemas.AddableView(
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
            schemas.AddableView(
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
    return schemas.CorporaView(corpora=held, addable=addable)


def _parquet_offer(name: str, folders: list[str]) -> schemas.AddableView:
    title, count, homepage = PARQUET[name]
    return schemas.AddableView(
        name=name,
        title=title,
        summary=f"{count} radiology figures of articles, each with its caption. Choose the folder that holds the parquet "
        "files; modality and plane are inferred, and marked so.",
        homepage=homepage,
        licence=views.licence_view(EACH_ITS_OWN),
        present=False,
        downloads=False,
        folders=folders,
    )


def start(site: Site, corpus: str, path: str | None, *, by_command: bool = False) -> schemas.JobView:
    """Start adding a corpus. A command of the user who serves may name any folder and corpus; the page may not.

    Raises
    ------
    mirage.errors.NotFound
        When there is no such corpus to add.
    mirage.errors.BadInput
        When the folder is not under a root that the settings name.
    """
    offers = {offer.name: offer for offer in corpora_page(site).addable}
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
    """The folder that a path names, links followed, if it lies under a root.

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


@twins.get("/corpora", response_model=schemas.CorporaView)
async def corpora(request: Request) -> Response:
    """What the atlas holds, and what can be added to it."""
    return sent(await anyio.to_thread.run_sync(corpora_page, site_of(request)))


@twins.get("/jobs", response_model=schemas.JobsView)
async def jobs(request: Request) -> Response:
    """All jobs, newest first."""
    return sent(await anyio.to_thread.run_sync(jobs_page, site_of(request)))


@twins.get("/jobs/{job_id}", response_model=schemas.JobView)
async def job(request: Request, job_id: str) -> Response:
    """One job as it stands."""
    return sent(job_view(await anyio.to_thread.run_sync(site_of(request).jobs.get, job_id)))


@twins.post("/jobs", response_model=schemas.JobView, status_code=202)
async def add(request: Request, body: schemas.AddBody) -> Response:
    """Start adding a corpus. Wants this start's token in the header X-Mirage-Token."""
    by_command = check_token(request, None)
    begin = partial(start, site_of(request), body.corpus, body.path, by_command=by_command)
    return sent(await anyio.to_thread.run_sync(begin), 202)


@twins.post("/jobs/{job_id}/cancel", response_model=schemas.JobView)
async def cancel(request: Request, job_id: str) -> Response:
    """Stop a job; what it has added stays. Wants this start's token in the header X-Mirage-Token."""
    check_token(request, None)
    return sent(job_view(await anyio.to_thread.run_sync(site_of(request).jobs.cancel, job_id)))


@router.get("/corpora", include_in_schema=False)
async def corpora_html(request: Request) -> Response:
    """The Corpora page."""
    site = site_of(request)

    def page() -> str:
        held, listed = corpora_page(site), jobs_page(site)
        return render(
            "corpora.html",
            view=held,
            atlas=views.atlas_page(site.atlas),
            jobs=[job for job in listed.jobs if job.kind != GENERATE],
            token=site.token,
            form=search_form(None),
            medpix_copy=site.settings.medpix is not None,
            folders_named=bool(site.settings.folder_roots),
        )

    return HTMLResponse(await anyio.to_thread.run_sync(page))


@router.post("/corpora", include_in_schema=False)
async def add_by_form(request: Request) -> Response:
    """Start adding a corpus from the page."""
    site = site_of(request)
    form = await uploads.read_form(request, site)
    check_token(request, str(form.get("token", "")))
    chosen = str(form.get("path", "")).strip() or None
    begin = partial(start, site, str(form.get("corpus", "")), chosen)
    return RedirectResponse((await anyio.to_thread.run_sync(begin)).page, 303)


@router.get("/jobs/{job_id}", include_in_schema=False)
async def job_html(request: Request, job_id: str) -> Response:
    """A job's page; without scripts it reloads itself."""
    site = site_of(request)
    view = job_view(await anyio.to_thread.run_sync(site.jobs.get, job_id))
    if view.kind == GENERATE:
        return RedirectResponse(view.page, 303)
    return HTMLResponse(render("job.html", job=view, token=site.token, form=search_form(None)))


@router.post("/jobs/{job_id}/cancel", include_in_schema=False)
async def cancel_by_form(request: Request, job_id: str) -> Response:
    """Stop a job from its page."""
    site = site_of(request)
    form = await uploads.read_form(request, site)
    check_token(request, str(form.get("token", "")))
    await anyio.to_thread.run_sync(site.jobs.cancel, job_id)
    return RedirectResponse(links.job(job_id), 303)
