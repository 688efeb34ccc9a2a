"""The page, and its twin, that read the marks of a synthetic image back."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, Response

from mirage.errors import MirageError
from mirage.images import Limits, read_picture
from mirage.images.marks import Marks, reading
from mirage.web import uploads
from mirage.web.api import PROBLEM, sent
from mirage.web.forms import search_form
from mirage.web.schemas.verifying import MarksView, MarkView
from mirage.web.site import Site, site_of
from mirage.web.templating import render

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)

MARK_WORDS = {
    "band": "Visible band",
    "watermark": "Invisible watermark",
    "xmp": "XMP metadata",
    "c2pa": "C2PA manifest",
    "dicom": "DICOM header",
    "record": "Record of making",
}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@router.get("/verify")
async def page() -> Response:
    """Choose a picture to look for marks in."""
    return HTMLResponse(_page(None, "", ""))


@router.post("/verify")
async def verify(request: Request) -> Response:
    """What marks the picture carries, one by one."""
    site = site_of(request)
    try:
        form = await uploads.read_form(request, site)
        name, marks = await _marks(form, site)
    except MirageError as error:
        return HTMLResponse(_page(None, "", str(error)), error.status)
    return HTMLResponse(_page(marks, name, ""))


@twins.post("/verify", response_model=MarksView, openapi_extra=_FORM)
async def verify_twin(request: Request) -> Response:
    """Look for the marks of a synthetic image in a picture. It is kept nowhere."""
    site = site_of(request)
    _, marks = await _marks(await uploads.read_form(request, site), site)
    return sent(
        MarksView(
            synthetic=marks.synthetic,
            ours=marks.ours,
            summary=marks.summary,
            id=marks.id,
            marks=[MarkView(kind=mark.kind, found=mark.found, said=mark.said) for mark in marks.marks],
            record=asdict(marks.record) if marks.record is not None else None,
        )
    )


async def _marks(form: FormData, site: Site) -> tuple[str, Marks]:
    data, name = await uploads.file_of(form, site)
    return name, await anyio.to_thread.run_sync(partial(_read, site, data, name), limiter=site.decoding)


def _read(site: Site, data: bytes, name: str) -> Marks:
    limits = Limits(file_bytes=site.settings.upload_max_bytes, pixels=site.settings.upload_max_pixels)
    # A band in the pixels is what is looked for here, so a file that says it has one is not refused.
    return reading.read(data, read_picture(data, name=name, limits=limits, allow_burned_in=True).image)


def _page(marks: Marks | None, name: str, problem: str) -> str:
    rows = []
    if marks is not None and marks.record is not None:
        record = marks.record
        rows = [
            ("Prompt", record.prompt),
            ("Less of", record.negative),
            ("Made by", f"{record.generator}, {record.model} {record.revision}".strip()),
            ("Seed", str(record.seed)),
            ("Steps, guidance", f"{record.steps}, {record.guidance:g}"),
            ("Size as drawn", f"{record.width} × {record.height}"),
            ("Began from", record.start),
            ("Made at", record.created),
            ("Program", record.software),
        ]
    return render(
        "verify.html",
        form=search_form(None),
        marks=marks,
        name=name,
        problem=problem,
        rows=[row for row in rows if row[1]],
        words=MARK_WORDS,
        no_proof=reading.NO_PROOF,
    )
