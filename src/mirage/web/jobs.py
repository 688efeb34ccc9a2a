"""Long work: the pages of jobs, their events, and the JSON twins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing
from pathlib import Path

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from mirage.errors import Busy
from mirage.jobs import Job
from mirage.jobs.job import GENERATE
from mirage.people.visitor import tell, visitor
from mirage.web import forms
from mirage.web.explain import Sent, event_stream
from mirage.web.generate import made
from mirage.web.openapi import PROBLEM, files, sent, streamed
from mirage.web.rights import RefusedError, wants
from mirage.web.security import NEEDS_TOKEN, check_token
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.telling import HEARTBEAT, asker
from mirage.web.templating import page
from mirage.web.uploads import TokenForm
from mirage.web.views.figures import ApiBody, ApiModel
from mirage.web.views.generate import JobView, ProgressView, job_view
from mirage.wording import N_, _

_LOOK_EVERY = 0.1
MOST_FOLLOWED = 24
"""Jobs that one asker follows at once: each is looked at ten times a second. A browser keeps six connections to a site."""

router = APIRouter(include_in_schema=False, dependencies=[wants("own jobs")])
twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("own jobs")])


# -- as the API shows them -----------------------------------------------------------------------------------------------


class RebuildBody(ApiBody):
    """Start making the index anew."""

    encoder: str = Field(default="", description="Encode all pictures with this encoder; empty for the one there is.")
    model: str = Field(default="", description="Which model of that encoder, where it has several: a hub id or a folder.")


class ImportBody(ApiBody):
    """Start importing an atlas file."""

    file: str = Field(description="An atlas file on the machine of the server.")
    encode: bool = Field(default=False, description="Encode the pictures anew where another encoder made the file.")
    replace: bool = Field(default=False, description="Replace figures and cases of the same id that differ.")


class JobsView(ApiModel):
    """All jobs, newest first."""

    jobs: list[JobView]


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
    return sent(job_view(_cancelled(site, job_id)))


def _cancelled(site: RunningSite, job_id: str) -> Job:
    was, found = site.jobs.get(job_id), site.jobs.cancel(job_id)
    if found.owner != visitor().id and not (was.ended or was.stopping):
        tell(found.public.title, N_("Stop a job of somebody else"))
    return found


@twins.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses=streamed(
        "The job as it goes on: `progress` (a `JobView`), `preview` (a `ProgressView`), `result` (a `SyntheticView`) for "
        "each image that is made, and `ended` (a `JobView`), the last one. Closing the connection stops nothing."
    ),
)
def events(request: Request, site: Site, job_id: str) -> Response:
    """Follow a job as server-sent events."""
    site.jobs.get(job_id)
    who = asker(request)
    if site.following[who] >= MOST_FOLLOWED:
        raise Busy(
            _("%(most)s jobs are followed by you at once, and no more are. Close some pages of them.", most=MOST_FOLLOWED)
        )
    return event_stream(_counted(site, who, followed(site, job_id)))


async def _counted(
    site: RunningSite, who: Hashable, events: AsyncGenerator[Sent | None, None]
) -> AsyncGenerator[Sent | None, None]:
    site.following[who] += 1
    try:
        async with aclosing(events):
            async for event in events:
                yield event
    finally:
        site.following[who] -= 1
        if not site.following[who]:
            del site.following[who]


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


@twins.post("/atlas/rebuild", response_model=JobView, status_code=202, dependencies=[wants("library")])
def rebuild(request: Request, body: RebuildBody) -> Response:
    """Start making the index anew; searches are answered from the old one until the new one is whole.

    Wants the token that stands in the atlas's folder, in the header X-Mirage-Token.
    """
    _check_command(request, "mirage atlas rebuild")
    return sent(job_view(site_of(request).jobs.start_rebuild(encoder=body.encoder, model=body.model)), 202)


@twins.post("/atlas/collect", response_model=JobView, status_code=202, dependencies=[wants("library"), NEEDS_TOKEN])
def collect(site: Site) -> Response:
    """Start removing pictures that no figure uses. Wants this start's token in the header X-Mirage-Token."""
    return sent(job_view(site.jobs.start_collect()), 202)


@twins.post("/atlas/import", response_model=JobView, status_code=202, dependencies=[wants("library")])
def import_(request: Request, body: ImportBody) -> Response:
    """Start importing an atlas file. Wants the token that stands in the atlas's folder, in the header X-Mirage-Token."""
    _check_command(request, "mirage import")
    jobs = site_of(request).jobs
    return sent(job_view(jobs.start_import(Path(body.file), encode=body.encode, replace=body.replace)), 202)


def _check_command(request: Request, command: str) -> None:
    if not check_token(request, None):
        raise RefusedError(
            _("Only a command of the user who serves this atlas may do that: `%(command)s`.", command=command)
        )


# -- the pages ---------------------------------------------------------------------------------------------------------


@router.get("/jobs/{job_id}")
def job_page(site: Site, job_id: str) -> Response:
    """Show a job; without scripts the page reloads itself."""
    view = job_view(site.jobs.get(job_id))
    elsewhere = view.page != forms.address("jobs", job_id)
    return RedirectResponse(view.page, 303) if elsewhere else page("job.html", job=view, token=site.token)


@router.post("/jobs/{job_id}/cancel")
def cancel_by_form(site: Site, job_id: str, _form: TokenForm) -> Response:
    """Stop a job from its page."""
    _cancelled(site, job_id)
    return RedirectResponse(forms.address("jobs", job_id), 303)
