"""One's own data: the page that takes it along, brings it back and deletes it, and the JSON twins."""

from __future__ import annotations

import tempfile
import zipfile
from contextlib import suppress
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import Field, TypeAdapter
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response, StreamingResponse

from mirage.errors import BadInput, MirageError, NotFound
from mirage.images.marks import SyntheticRecord
from mirage.people.visitor import visitor
from mirage.study.owndata import ENDING, MOST_BYTES, TakenIn
from mirage.web import forms, openapi, uploads
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.root import at
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.taking import pieces
from mirage.web.templating import page
from mirage.web.uploads import TokenForm, texts_of
from mirage.web.views.figures import ApiModel
from mirage.wording import _

FILE_TYPE = "application/zip"

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("study")])
router = APIRouter(include_in_schema=False, dependencies=[wants("study")])


class OwnDataView(ApiModel):
    """What there is of one's own."""

    parts: dict[str, dict[str, int]] = Field(description="What could be deleted by itself: part to table to how many.")


class TakenInView(ApiModel):
    """What a file brought, by table."""

    new: dict[str, int]
    renewed: dict[str, int] = Field(description="Where the file's state was the later one.")
    there: dict[str, int]


class OwnDataDeletedView(ApiModel):
    """What was deleted for good, by table."""

    deleted: dict[str, int]


@twins.get("/my-data", response_model=OwnDataView)
def own_data(site: Site) -> Response:
    """What there is of one's own, in numbers."""
    return sent(OwnDataView(parts=site.study.own_data.parts()))


@twins.get(
    "/my-data/file",
    response_class=Response,
    responses=openapi.files("All of one's own data: a zip with a file of JSON for each table.", FILE_TYPE),
)
def file(site: Site) -> Response:
    """All of one's own data as one file."""
    named = {"Content-Disposition": f'attachment; filename="my{ENDING}"', "Cache-Control": "no-store"}
    return Response(site.study.own_data.printed(), headers=named, media_type=FILE_TYPE)


@twins.get(
    "/my-data/synthetic/file",
    response_class=Response,
    responses=openapi.files("The synthetic images that one had made: a zip of PNGs with all their marks.", FILE_TYPE),
)
def synthetic_file(site: Site) -> Response:
    """The synthetic images that one had made as one file, each with the words and numbers that it was made of."""
    outputs, out = site.jobs.outputs, tempfile.TemporaryFile(prefix="mirage-")  # noqa: SIM115 - closed when it is sent
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for entry in outputs.list(owner=_whose()):
            with suppress(NotFound):  # deleted meanwhile
                found = outputs.get(entry.record.id)
                archive.writestr(f"{entry.record.id}.json", TypeAdapter(SyntheticRecord).dump_json(found.record, indent=1))
                if found.data:  # one that is withheld has none
                    archive.writestr(f"{entry.record.id}.png", found.data)
    headers = {
        "Content-Disposition": 'attachment; filename="my-synthetic-images.zip"',
        "Cache-Control": "no-store",
        "Content-Length": str(out.tell()),
        "Content-Encoding": "identity",  # it is compressed already
    }
    return StreamingResponse(pieces(out), headers=headers, media_type=FILE_TYPE)


def _whose() -> str | None:
    """Whose synthetic images are one's own; where nobody signs in, all of them."""
    return visitor().id or None


@twins.post(
    "/my-data/import",
    response_model=TakenInView,
    dependencies=[NEEDS_TOKEN],
    openapi_extra=openapi.takes(file=f"A {ENDING} file."),
)
async def take_in(request: Request) -> Response:
    """Add what a file holds to what is there; of two states of one thing the later stays."""
    return sent(TakenInView.of(await _taken_in(site_of(request), await uploads.read_form(request))))


async def _taken_in(site: RunningSite, form: FormData) -> TakenIn:
    given = form.get("file")
    if not isinstance(given, UploadFile) or not uploads.has_file(form):
        raise BadInput(_("No file came with the form. Choose one that ends in %(ending)s.", ending=ENDING))
    data = await given.read(MOST_BYTES + 1)
    return await run_sync(site.study.own_data.take_in, data, uploads.name_of(form)[:100])


Parts = Annotated[list[str], Query(alias="part", description="What goes; all of it where none is given.")]


@twins.delete("/my-data", response_model=OwnDataDeletedView, dependencies=[NEEDS_TOKEN])
def delete(site: Site, parts: Parts = []) -> Response:  # noqa: B006 - FastAPI copies it
    """Delete all of one's own data, or parts of it, for good."""
    return sent(OwnDataDeletedView(deleted=site.study.own_data.delete(*parts)))


@router.get("/my-data")
def own_data_page(site: Site, deleted: int = 0) -> Response:
    """Show what there is of one's own, and what can be done with it.

    Parameters
    ----------
    site : Site
    deleted : int
        How much was just deleted.
    """
    return _own_data_page(site, deleted=deleted)


def _own_data_page(
    site: RunningSite, error: MirageError | None = None, taken: TakenIn | None = None, deleted: int = 0
) -> Response:
    told = {name: sum(getattr(taken, name).values()) for name in ("new", "renewed", "there")} if taken else None
    return page(
        "my_data.html",
        error,
        parts=site.study.own_data.parts(),
        images=len(site.jobs.outputs.list(owner=_whose())),
        taken=told,
        deleted=deleted,
        problem=str(error) if error else "",
        token=site.token,
    )


@router.post("/my-data/import")
async def take_in_by_form(site: Site, form: TokenForm) -> Response:
    """Take in a file from the page."""
    try:
        taken = await _taken_in(site, form)
    except BadInput as error:
        return await run_sync(_own_data_page, site, error)
    return await run_sync(_own_data_page, site, None, taken)


@router.post("/my-data/delete")
def delete_by_form(site: Site, form: TokenForm) -> Response:
    """Delete what is ticked, once somebody says that they want it."""
    given = texts_of(form)
    parts = [value for name, value in given if name == "part"]
    try:
        if not parts:
            raise BadInput(_("Nothing is ticked, so nothing was deleted."))
        if not forms.first(given, "sure"):
            raise BadInput(_("Nothing was deleted: tick that you want it deleted."))
        gone = site.study.own_data.delete(*parts)
    except BadInput as error:
        return _own_data_page(site, error)
    return RedirectResponse(forms.with_query(at("/my-data"), {"deleted": str(sum(gone.values()))}), 303)
