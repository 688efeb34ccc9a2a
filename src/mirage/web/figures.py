"""Figures, cases, their pictures, and the atlas that holds them: the pages and their JSON twins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from mirage import query
from mirage.web import forms, generate
from mirage.web.openapi import PROBLEM, files, sent
from mirage.web.site import Site, site_of
from mirage.web.templating import FOREVER, page
from mirage.web.views.figures import AtlasView, CaseView, FigureView, atlas_view, case_in, figure_in
from mirage.web.views.search import answer_view

SIMILAR = 12
"""How many figures stand beside the one that they are like."""
PICTURE_TYPES = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
PICTURE = {
    **files("The picture.", *sorted(set(PICTURE_TYPES.values()))),
    304: {"description": "The picture that the browser has is the right one."},
}

Version = Annotated[str, Query(max_length=200, description="Names the content; then it may be kept for good.")]

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)


@twins.get("/figures/{figure_id:path}", response_model=FigureView)
def figure(site: Site, figure_id: str) -> Response:
    """One figure with all its words, source and licence."""
    view = figure_in(site.atlas, figure_id)
    return sent(view) if view.id == figure_id else RedirectResponse(forms.address("api/figures", view.id), 308)


@twins.get("/cases/{case_id:path}", response_model=CaseView)
def case(site: Site, case_id: str) -> Response:
    """One case: its passages in reading order, and its figures."""
    view = case_in(site.atlas, case_id)
    return sent(view) if view.id == case_id else RedirectResponse(forms.address("api/cases", view.id), 308)


@twins.get("/atlas", response_model=AtlasView)
def atlas(site: Site) -> Response:
    """What the open atlas holds, and which encoder made its vectors."""
    return sent(atlas_view(site.atlas))


@twins.get("/pictures/{figure_id:path}", response_class=Response, responses=PICTURE)
def picture(request: Request, figure_id: str, v: Version = "") -> Response:
    """A figure's picture as its source has it."""
    path = Path(site_of(request).atlas.picture(figure_id))
    return _sent_file(request, path, path.stem, v)


@twins.get("/thumbnails/{figure_id:path}", response_class=Response, responses=PICTURE)
def thumbnail(request: Request, figure_id: str, v: Version = "") -> Response:
    """A figure's picture, small: at most 320 pixels wide or high."""
    known = site_of(request).atlas
    content = Path(known.picture(figure_id)).stem
    return _sent_file(request, Path(known.thumbnail(figure_id)), content, v)


def _sent_file(request: Request, path: Path, content: str, version: str) -> Response:
    """Send a picture file. An address that names the content may be kept for good; others are checked."""
    tag = f'"{content}{path.suffix}"'
    headers = {
        "ETag": tag,
        "Cache-Control": FOREVER if version and content.startswith(version) else "no-cache",
        "Content-Disposition": "inline",
    }
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, headers=headers, media_type=PICTURE_TYPES.get(path.suffix.lower()))


@router.get("/figure/{figure_id:path}")
def figure_page(site: Site, figure_id: str) -> Response:
    """A figure: the picture large, all its words, source and licence, and others like it."""
    view = figure_in(site.atlas, figure_id)
    if view.id != figure_id:  # an address from before its id was changed
        return RedirectResponse(forms.address("figure", view.id), 308)
    like = answer_view(site.atlas.search(query.Query.of(like=[figure_id], k=SIMILAR)))
    story = case_in(site.atlas, view.case_id) if view.case_id else None
    return page("figure.html", figure=view, like=like, case=story, begin_url=generate.address_from(site, view))


@router.get("/case/{case_id:path}")
def case_page(site: Site, case_id: str, answer: str = "shown") -> Response:
    """A case, from history to discussion; ``?answer=hidden`` lets the reader think first."""
    view = case_in(site.atlas, case_id)
    if view.id != case_id:
        return RedirectResponse(forms.address("case", view.id), 308)
    return page("case.html", case=view, hidden=answer == "hidden")
