"""Taking it along: the page that asks in which form and what for, the files, and the JSON twin that counts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO, Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from mirage.licensing import PURPOSES
from mirage.study.along import taking
from mirage.study.along.bundle import Order
from mirage.web.openapi import PROBLEM, files, sent
from mirage.web.rights import wants
from mirage.web.site import RunningSite, Site
from mirage.web.templating import page
from mirage.web.views.figures import ApiModel
from mirage.wording import _

TOLD = "X-Mirage-Told"
"""The header that says what is in a file and what stayed: a list of sentences as JSON."""
_PIECE = 2**18  # bytes

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("study")])
router = APIRouter(include_in_schema=False, dependencies=[wants("study")])

What = Annotated[str, Query(alias="kind", description="collection, quiz, figure, case, search or comparison.")]
Target = Annotated[str, Query(description="An id; of a search or comparison its query string.")]
Form = Annotated[str, Query(alias="as", description=f"The format: {', '.join(taking.FORMATS)}.")]
Purpose = Annotated[str, Query(alias="for", description=f"What for: {', '.join(PURPOSES)}.")]
Gainless = Annotated[str, Query(description="Anything says that it is passed on without gain.")]


class TakingView(ApiModel):
    """What would be taken along, counted."""

    title: str
    pictures: int = Field(description="Figures of which the picture would be in it.")
    told: list[str] = Field(description="How many that are, and what would stay behind, in sentences.")
    name: str = Field(description="What the file would be called.")


def _view(site: RunningSite, what: str, target: str, form: str, order: Order) -> TakingView:
    way = taking.format_of(form).way
    bundle = taking.bundle_of(site.atlas, site.study, what, target, way, order)
    return TakingView(
        title=bundle.title,
        pictures=bundle.count,
        told=[taking.counted(bundle), *bundle.stayed],
        name=taking.name_of(bundle, form),
    )


@twins.get("/take", response_model=TakingView)
def counted(
    site: Site, kind: What, target: Target, form: Form = "anki", purpose: Purpose = "myself", non_commercial: Gainless = ""
) -> Response:
    """Count what would be taken along, and what would stay."""
    return sent(_view(site, kind, target, form, Order(purpose, bool(non_commercial))))


@twins.get(
    "/take/file",
    response_class=Response,
    responses=files("The file.", *dict.fromkeys(each.media_type.partition(";")[0] for each in taking.FORMATS.values())),
)
async def file(
    site: Site, kind: What, target: Target, form: Form, purpose: Purpose = "myself", non_commercial: Gainless = ""
) -> Response:
    """A collection, or anything that can be kept, as a file: only what its licences permit, and a count of what stayed."""
    order = Order(purpose, bool(non_commercial))
    return await run_sync(partial(_made, site, kind, target, form, order), limiter=site.taking)


def _made(site: RunningSite, what: str, target: str, form: str, order: Order) -> Response:
    # It has no name, so that nothing is left behind however the request ends.
    out = tempfile.TemporaryFile(prefix="mirage-")  # noqa: SIM115 - closed when it is sent
    try:
        taken = taking.take(site.atlas, site.study, what, target, form, order, out)
        size = out.seek(0, 2)
    except BaseException:
        out.close()
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="{taken.name}"',
        "Content-Length": str(size),
        TOLD: json.dumps(taken.told),
        "Content-Encoding": "identity",  # it is compressed already
    }
    return StreamingResponse(pieces(out), headers=headers, media_type=taking.FORMATS[form].media_type)


def pieces(out: IO[bytes]) -> Iterator[bytes]:
    """Send a file in pieces, and close it."""
    with out:
        out.seek(0)
        while piece := out.read(_PIECE):
            yield piece


router.add_api_route("/take/file", file)


@router.get("/take")
def take_page(site: Site, kind: What, target: Target) -> Response:
    """Ask in which form to take something along, and what for; say what goes and what stays."""
    asked = (
        (_("For myself"), Order()),
        (_("To pass on"), Order("pass-on")),
        (_("To pass on without gain"), Order("pass-on", non_commercial=True)),
    )
    counts = [(words, _view(site, kind, target, "anki", order)) for words, order in asked]
    return page("take.html", kind=kind, target=target, title=counts[0][1].title, counts=counts)
