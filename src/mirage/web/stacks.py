"""Slices of stacks as files: packed for the page's script, and as pictures for everybody else."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mirage.images import thumbnail
from mirage.images.stack_file import StackFile
from mirage.images.stack_reader import view_in, window_in
from mirage.web.figures import Version, kept_by
from mirage.web.openapi import PROBLEM, files, sent
from mirage.web.rights import wants
from mirage.web.site import Site, site_of
from mirage.web.views.stacks import StackView, stack_in

PACKED = "application/zlib"
_PACKED = {
    **files("zlib: what the predictor of JPEG-LS left of each value; see the docs.", PACKED),
    304: {"description": "The slice that the client has is the right one."},
}
_PICTURE = {
    **files("The slice as it is hung, with square pixels.", "image/png", "image/webp"),
    304: {"description": "The picture that the browser has is the right one."},
}

Number = Annotated[int, Query(description="Which slice, from 0.")]
View = Annotated[str, Query(max_length=40, description="The plane; the stack's first when left out.")]

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("search")])


@twins.get("/stacks/{figure_id:path}", response_model=StackView)
def stack(site: Site, figure_id: str) -> Response:
    """What there is to look at in a figure of many slices, and where its slices are."""
    return sent(stack_in(site.atlas, figure_id))


@twins.get("/slices/{figure_id:path}", response_class=Response, responses=_PACKED)
def packed_slice(request: Request, figure_id: str, number: Number, view: View = "", v: Version = "") -> Response:
    """The values of one slice, packed without loss."""
    reader = site_of(request).atlas.stack(figure_id)
    plane = view_in(reader.stack, view)
    return _sent(request, reader.voxels, (plane, number), v, PACKED, lambda: reader.packed(number, plane))


@twins.get("/slice-labels/{figure_id:path}", response_class=Response, responses=_PACKED)
def packed_labels(request: Request, figure_id: str, number: Number, view: View = "", v: Version = "") -> Response:
    """Which structure each pixel of one slice belongs to, packed like its values: 0 for none."""
    reader = site_of(request).atlas.stack(figure_id)
    plane = view_in(reader.stack, view)
    return _sent(request, reader.marked, (plane, number), v, PACKED, lambda: reader.packed_marks(number, plane))


@twins.get("/slice-pictures/{figure_id:path}", response_class=Response, responses=_PICTURE)
def slice_picture(
    request: Request,
    figure_id: str,
    number: Number,
    view: View = "",
    window: Annotated[str, Query(max_length=80, description="Its name; the stack's first when left out.")] = "",
    small: Annotated[bool, Query(description="At most 320 pixels wide or high, as WebP.")] = False,
    v: Version = "",
) -> Response:
    """One slice as a picture, through a window."""
    reader = site_of(request).atlas.stack(figure_id)
    plane, chosen = view_in(reader.stack, view), window_in(reader.stack, window)

    def drawn() -> bytes:
        picture = reader.picture(number, plane, chosen)
        if small:
            return thumbnail(picture)
        file = io.BytesIO()
        picture.save(file, "PNG", compress_level=1)
        return file.getvalue()

    part = (plane, number, chosen.name if chosen else "", "small" if small else "")
    return _sent(request, reader.voxels, part, v, "image/webp" if small else "image/png", drawn)


def _sent(
    request: Request, file: StackFile, part: tuple[object, ...], version: str, kind: str, make: Callable[[], bytes]
) -> Response:
    """Send a part of a stack, where the asker does not have it."""
    known, headers = kept_by(request, file.content, "".join(f"-{quote(str(each))}" for each in part), version)
    if known:
        return Response(status_code=304, headers=headers)
    # It is compressed already: "identity" keeps others from trying again.
    return Response(make(), headers={**headers, "Content-Encoding": "identity"}, media_type=kind)
