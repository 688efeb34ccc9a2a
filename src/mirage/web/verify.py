"""The page, and its twin, that read the marks of a synthetic image back."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.responses import Response

from mirage.errors import MirageError
from mirage.images.marks import Marks, reading
from mirage.web import openapi, uploads
from mirage.web.openapi import PROBLEM, sent
from mirage.web.site import site_of
from mirage.web.templating import page
from mirage.web.views.generate import MarksView, marks_view

MARK_WORDS = {
    "band": "Visible band",
    "watermark": "Invisible watermark",
    "xmp": "XMP metadata",
    "c2pa": "C2PA manifest",
    "dicom": "DICOM header",
    "record": "Record of making",
}

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)


@router.get("/verify")
def form_page() -> Response:
    """Choose a picture to look for marks in."""
    return _page(None)


@router.post("/verify")
async def verify_page(request: Request) -> Response:
    """Show what marks the picture carries, one by one."""
    try:
        return _page(*await _marks(request))
    except MirageError as error:
        return _page(None, problem=str(error), status=error.status)


@twins.post("/verify", response_model=MarksView, openapi_extra=openapi.TAKES_PICTURE)
async def verify_twin(request: Request) -> Response:
    """Look for the marks of a synthetic image in a picture. It is kept nowhere."""
    marks, _ = await _marks(request)
    return sent(marks_view(marks))


async def _marks(request: Request) -> tuple[Marks, str]:
    """The marks of the file that a form carries, and the file's name."""
    site = site_of(request)
    data, name = await uploads.file_of(await uploads.read_form(request), site)

    def read() -> Marks:
        # A band in the pixels is what is looked for here, so a file that says it has one is not refused.
        return reading.read(data, uploads.decoded(data, name, site, allow_burned_in=True).image)

    return await run_sync(read, limiter=site.decoding), name


def _page(marks: Marks | None, name: str = "", *, problem: str = "", status: int = 200) -> Response:
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
    return page(
        "verify.html",
        status,
        marks=marks,
        name=name,
        problem=problem,
        rows=[row for row in rows if row[1]],
        words=MARK_WORDS,
        no_proof=reading.NO_PROOF,
    )
