"""What changes the atlas as a whole: asked for by a command of the user who serves it, never by a page."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from mirage.web import schemas
from mirage.web.api import PROBLEM, sent
from mirage.web.jobs import job_view
from mirage.web.security import RefusedError, check_token
from mirage.web.site import site_of

twins = APIRouter(prefix="/api", responses=PROBLEM)


def _check_command(request: Request, command: str) -> None:
    if not check_token(request, None):
        raise RefusedError(f"Only a command of the user who serves this atlas may do that: `{command}`.")


@twins.post("/atlas/rebuild", response_model=schemas.JobView, status_code=202)
async def rebuild(request: Request, body: schemas.RebuildBody) -> Response:
    """Start making the index anew; searches are answered from the old one until the new one is whole.

    Wants the token that stands in the atlas's folder, in the header X-Mirage-Token.
    """
    _check_command(request, "mirage atlas rebuild")
    begin = partial(site_of(request).jobs.start_rebuild, encoder=body.encoder, model=body.model)
    return sent(job_view(await anyio.to_thread.run_sync(begin)), 202)


@twins.post("/atlas/import", response_model=schemas.JobView, status_code=202)
async def import_(request: Request, body: schemas.ImportBody) -> Response:
    """Start importing an atlas file. Wants the token that stands in the atlas's folder, in the header X-Mirage-Token."""
    _check_command(request, "mirage import")
    begin = partial(site_of(request).jobs.start_import, Path(body.file), encode=body.encode, replace=body.replace)
    return sent(job_view(await anyio.to_thread.run_sync(begin)), 202)
