"""Synthetic images that were made: pages, files with their marks, and the JSON twins."""

from __future__ import annotations

from typing import Annotated, Literal

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mirage.errors import NotFound
from mirage.web import generate_forms, uploads
from mirage.web.api import PROBLEM, sent
from mirage.web.forms import search_form
from mirage.web.generate import wanted
from mirage.web.generate_views import (
    UPLOAD,
    fields_of,
    generator_view,
    query_of,
    reason_of,
    synthetic_view,
    synthetics_view,
)
from mirage.web.links import search as search_address
from mirage.web.schemas.generating import DeletedView, SyntheticsView, SyntheticView
from mirage.web.security import check_token
from mirage.web.site import Site, site_of
from mirage.web.templating import render

Format = Literal["", "png", "jpeg", "webp", "dicom"]
_KINDS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "dicom": "application/dicom"}
_ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp", "dicom": "dcm"}
Chosen = Annotated[Format, Query(description="A file to keep, in this format; without it, the PNG to look at.")]

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)


@twins.get("/synthetic", response_model=SyntheticsView)
async def synthetics(request: Request, page: int = 1) -> Response:
    """Synthetic images, newest first, 24 at a time."""
    return sent(await anyio.to_thread.run_sync(synthetics_view, site_of(request), page))


@twins.get("/synthetic/{image_id}", response_model=SyntheticView)
async def synthetic(request: Request, image_id: str) -> Response:
    """One synthetic image: how it was made, how it matches its words, and the real figures most like it."""
    return sent(await anyio.to_thread.run_sync(_view, site_of(request), image_id))


@twins.get(
    "/synthetic/{image_id}/image",
    response_class=Response,
    responses={200: {"description": "The image, with all its marks.", "content": {kind: {} for kind in _KINDS.values()}}},
)
async def image(request: Request, image_id: str, format: Chosen = "") -> Response:
    """The image as a file. Every format carries the marks that say that it is synthetic."""
    kind = format or "png"
    data = await anyio.to_thread.run_sync(_file, site_of(request), image_id, kind, bool(format))
    name = f"synthetic-{image_id}.{_ENDINGS[kind]}"
    how = "attachment" if format else "inline"
    headers = {"Content-Disposition": f'{how}; filename="{name}"', "Cache-Control": "private, no-cache"}
    return Response(data, media_type=_KINDS[kind], headers=headers)


@twins.post("/synthetic/{image_id}/delete", response_model=DeletedView, dependencies=[wanted])
async def delete(request: Request, image_id: str) -> Response:
    """Delete a synthetic image and its record. Wants the token."""
    await anyio.to_thread.run_sync(site_of(request).outputs.remove, image_id)
    return sent(DeletedView(id=image_id))


def _view(site: Site, image_id: str) -> SyntheticView:
    return synthetic_view(site, site.outputs.get(image_id))


def _file(site: Site, image_id: str, kind: str, keep: bool) -> bytes:
    found = site.outputs.get(image_id)
    if reason := reason_of(found):
        raise NotFound(f"There is no picture of {image_id}. {reason}")
    return site.outputs.export(image_id, kind) if keep else found.data


@router.get("/synthetic")
async def list_page(request: Request, page: int = 1) -> Response:
    """All synthetic images."""
    site = site_of(request)

    def made() -> str:
        view, generator = synthetics_view(site, page), generator_view(site)
        return render("synthetics.html", view=view, generator=generator, form=search_form(None))

    return HTMLResponse(await anyio.to_thread.run_sync(made))


@router.get("/synthetic/{image_id}")
async def image_page(request: Request, image_id: str) -> Response:
    """One synthetic image with all that stands beside it."""
    site = site_of(request)

    def made() -> str:
        found = site.outputs.get(image_id)
        query = query_of(found.record)
        from_upload = found.record.start == UPLOAD
        return render(
            "synthetic.html",
            view=synthetic_view(site, found),
            generator=generator_view(site),
            again=[] if from_upload else fields_of(found.record, seed=True),
            another=[] if from_upload else fields_of(found.record, seed=False),
            change=generate_forms.address(query, negative=found.record.negative, seed=str(found.record.seed)),
            real=search_address(query) if query else "",
            token=site.token,
            form=search_form(None),
        )

    return HTMLResponse(await anyio.to_thread.run_sync(made))


@router.get("/synthetic/{image_id}/piece")
async def image_piece(request: Request, image_id: str) -> Response:
    """One synthetic image, to be put into a page by its script."""
    site = site_of(request)

    def piece() -> str:
        return render("synthetic_piece.html", kind="image", view=_view(site, image_id))

    return HTMLResponse(await anyio.to_thread.run_sync(piece))


@router.post("/synthetic/{image_id}/delete")
async def delete_by_form(request: Request, image_id: str) -> Response:
    """Delete from the page."""
    site = site_of(request)
    form = await uploads.read_form(request, site)
    check_token(request, str(form.get("token", "")))
    await anyio.to_thread.run_sync(site.outputs.remove, image_id)
    return RedirectResponse("/synthetic", 303)
