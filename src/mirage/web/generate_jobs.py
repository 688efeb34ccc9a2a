"""Synthetic images in the making: the job's page, what its script asks for, and its events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from mirage.errors import NotFound
from mirage.web import links, schemas
from mirage.web.api import PROBLEM
from mirage.web.forms import search_form
from mirage.web.generate_views import GENERATE, synthetic_view
from mirage.web.jobs import job_view
from mirage.web.schemas.generating import ProgressView, SyntheticView
from mirage.web.site import Site, site_of
from mirage.web.streaming import HEARTBEAT, EventStream, Sent
from mirage.web.templating import render

if TYPE_CHECKING:
    from mirage.jobs import Job

_LOOK_EVERY = 0.1
_EVENTS = (
    "The job as it goes on: `progress` (a `JobView`), `preview` (a `ProgressView`), `result` (a `SyntheticView`) for each "
    "image that is made, and `ended` (a `JobView`), the last one. Closing the connection stops nothing."
)

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)


async def followed(site: Site, job_id: str) -> AsyncGenerator[Sent | None, None]:
    """What happens to a job, until it has ended; None as a sign of life."""
    last: Job | None = None
    told: set[str] = set()
    quiet_since = time.monotonic()
    while True:
        # A look into memory: many may follow without a thread each.
        job = site.jobs.get(job_id)
        if job != last:
            view = job_view(job)
            for name in view.results:
                if name not in told:
                    told.add(name)
                    result = await anyio.to_thread.run_sync(_result, site, name)
                    if result:
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


def _result(site: Site, name: str) -> SyntheticView | None:
    try:
        return synthetic_view(site, site.outputs.get(name))
    except NotFound:  # somebody has deleted it
        return None


@twins.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses={200: {"description": _EVENTS, "content": {"text/event-stream": {}}}},
)
async def events(request: Request, job_id: str) -> Response:
    """Follow a job as server-sent events."""
    site = site_of(request)
    site.jobs.get(job_id)
    return EventStream(followed(site, job_id))


@twins.get(
    "/jobs/{job_id}/preview",
    response_class=Response,
    responses={
        200: {"description": "The image as far as it has come, with the band.", "content": {"image/png": {}}},
        204: {"description": "There is none now: the image is finished, or has not begun."},
    },
)
async def preview(request: Request, job_id: str, step: int = 0) -> Response:
    """The image that a job draws, as far as it has come. `step` only keeps addresses apart."""
    site = site_of(request)
    site.jobs.get(job_id)
    data = await anyio.to_thread.run_sync(site.jobs.preview, job_id)
    if not data:
        return Response(status_code=204)
    return Response(
        data, media_type="image/png", headers={"Content-Disposition": 'inline; filename="synthetic-preview.png"'}
    )


def _made(site: Site, job: schemas.JobView) -> list[SyntheticView]:
    return [view for name in job.results if (view := _result(site, name))]


def _generation(site: Site, job_id: str) -> schemas.JobView:
    view = job_view(site.jobs.get(job_id))
    if view.kind != GENERATE:
        raise NotFound(f"The job {job_id} makes no image.")
    return view


@router.get("/generate/{job_id}")
async def job_page(request: Request, job_id: str, beside: str = "") -> Response:
    """One generation, or two side by side; without scripts the page reloads itself."""
    site = site_of(request)

    def page() -> str:
        jobs = [_generation(site, each) for each in (job_id, beside) if each]
        return render(
            "generating.html",
            jobs=jobs,
            made={job.id: _made(site, job) for job in jobs},
            token=site.token,
            form=search_form(None),
        )

    return HTMLResponse(await anyio.to_thread.run_sync(page))


@router.get("/generate/{job_id}/piece")
async def job_piece(request: Request, job_id: str) -> Response:
    """One generation as it stands, to be put into a page by its script."""
    site = site_of(request)

    def piece() -> str:
        job = _generation(site, job_id)
        return render("synthetic_piece.html", kind="job", job=job, made=_made(site, job), token=site.token)

    return HTMLResponse(await anyio.to_thread.run_sync(piece))
