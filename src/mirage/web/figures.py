"""Figures, cases, their pictures, and the atlas that holds them: the pages and their JSON twins."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from mirage import query
from mirage.errors import NotFound
from mirage.figure import Case, Figure
from mirage.storage.records import is_keyed
from mirage.web import crawlers, edit, forms, generate
from mirage.web.openapi import PROBLEM, files, sent
from mirage.web.rights import wants
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import FOREVER, page, render
from mirage.web.views.figures import AtlasView, CaseView, FigureView, atlas_view, case_in, figure_in
from mirage.web.views.search import answer_view
from mirage.web.views.stacks import millimetres_in, shown_slice, stack_in

SIMILAR = 12
"""How many figures stand beside the one that they are like."""
SIBLINGS = 12
"""How many figures of its case stand below a figure."""
PICTURE_TYPES = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
PICTURE = {
    **files("The picture.", *sorted(set(PICTURE_TYPES.values()))),
    304: {"description": "The picture that the browser has is the right one."},
}

Version = Annotated[str, Query(max_length=200, description="Names the content; then it may be kept for good.")]

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("search")])
router = APIRouter(include_in_schema=False, dependencies=[wants("search")])


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
    known = site_of(request).atlas
    return _sent_file(request, known.picture_name(figure_id), "", v, lambda: Path(known.picture(figure_id)))


@twins.get("/thumbnails/{figure_id:path}", response_class=Response, responses=PICTURE)
def thumbnail(request: Request, figure_id: str, v: Version = "") -> Response:
    """A figure's picture, small: at most 320 pixels wide or high."""
    known = site_of(request).atlas
    return _sent_file(request, known.picture_name(figure_id), ".webp", v, lambda: Path(known.thumbnail(figure_id)))


def _sent_file(request: Request, name: str, ending: str, version: str, find: Callable[[], Path]) -> Response:
    """Send a picture file, which is looked for when the browser does not have it already."""
    content = Path(name)
    known, headers = kept_by(request, content.stem, ending or content.suffix, version)
    if known:
        return Response(status_code=304, headers=headers)
    path = find()
    return FileResponse(path, headers=headers, media_type=PICTURE_TYPES.get(path.suffix.lower()))


def kept_by(request: Request, content: str, part: str, version: str) -> tuple[bool, dict[str, str]]:
    """Tell whether the asker has a file already, and what to say of keeping it.

    An address that names the content may be kept for good; others are checked.

    Parameters
    ----------
    request : Request
    content : str
        Digest of what the file is made from.
    part : str
        Which of the files that are made from it, in ASCII.
    version : str
        What the address says the content is.
    """
    tag = f'"{content}{part}"'
    headers = {
        "ETag": tag,
        "Cache-Control": FOREVER if version and content.startswith(version) else "no-cache",
        "Content-Disposition": "inline",
    }
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    return tag in known or "*" in known, headers


@router.get("/figure/{figure_id:path}")
def figure_page(
    site: Site, figure_id: str, slice: str = "", view: str = "", window: str = "", structure: str = "", was: str = ""
) -> Response:
    """A figure: the picture large, or a slice of a stack, all its words, source and licence, and others like it.

    Parameters
    ----------
    site : Site
    figure_id : str
    slice, view, window : str
        Of a stack: which slice, counted from 1, in which plane and through which window.
    structure : str
        Of a stack: what is marked on the slice and looked at.
    was : str
        The id that the reader asked for, where that is a former one.
    """
    found = figure_in(site.atlas, figure_id)
    if found.id != figure_id:  # an address from before its id was changed
        asked = {"slice": slice, "view": view, "window": window, "structure": structure, "was": _former(figure_id, found.id)}
        return RedirectResponse(forms.with_query(forms.address("figure", found.id), asked), 308)
    former = was if _leads(site.atlas.figure, was, found.id) else ""
    form = edit.form_of(site, found)
    begin_url = generate.address_from(site, found)

    def body() -> str:
        asked = {"slice_": slice, "plane": view, "window": window, "structure": structure}
        return _body(site, found, asked, was=former, edit=form, begin_url=begin_url)

    # A stack has many slices, and each would be kept.
    kept = not (found.slices or former)
    drawn = site.answers.piece(("figure", found.id, site.sees, bool(form), begin_url), site.token, body) if kept else body()
    return page("figure.html", figure=found, edit=form, body=drawn, told=crawlers.told_of_figure(site, found))


def _body(site: RunningSite, found: FigureView, asked: dict[str, str], **more: Any) -> str:
    """Draw a figure, or the slice of a stack that is asked for."""
    like = answer_view(site.search(query.Query.of(like=[found.id], k=SIMILAR)))
    story = case_in(site.atlas, found.case_id) if found.case_id else None
    # The stack may not be in this atlas.
    place = found.slice_of if found.slice_of and site.atlas.store.keys_of([found.slice_of.stack]) else None
    scale = millimetres_in(site.atlas.stack(place.stack).stack, place.view, found.width, found.height) if place else 0.0
    stack, shown = None, None
    if found.slices:
        stack, reader = stack_in(site.atlas, found.id), site.atlas.stack(found.id)
        shown = shown_slice(stack, reader, **asked)
    return render(
        "figure_body.html",
        figure=found,
        stack=stack,
        shown=shown,
        stack_page=place.page if place else "",
        scale=scale,
        like=like,
        case=story,
        siblings=_spread([each for each in story.figures if each.id != found.id]) if story else [],
        edited_on=edit.edited_words(found.edited),
        **more,
    )


@router.get("/case/{case_id:path}")
def case_page(site: Site, case_id: str, answer: str = "shown", was: str = "") -> Response:
    """A case, from history to discussion; ``?answer=hidden`` lets the reader think first."""
    view = case_in(site.atlas, case_id)
    if view.id != case_id:
        asked = {"answer": "" if answer == "shown" else answer, "was": _former(case_id, view.id)}
        return RedirectResponse(forms.with_query(forms.address("case", view.id), asked), 308)
    return page("case.html", case=view, hidden=answer == "hidden", was=was if _leads(site.atlas.case, was, view.id) else "")


def _spread(figures: list[FigureView], most: int = SIBLINGS) -> list[FigureView]:
    """Some of the figures of a case: whole ones, then slices, of which there may be a hundred, from all through them."""
    whole = [each for each in figures if not each.slice_of][:most]
    slices = [each for each in figures if each.slice_of]
    room = min(most - len(whole), len(slices))
    return whole + [slices[at * len(slices) // room] for at in range(room)]


def _former(asked: str, found: str) -> str:
    """The id that was asked for and is another's now; a reference to a picture is the id before its tilde.

    Where ids are keyed now, what was asked for may hold a patient's name: no address repeats it.
    """
    own = asked.rpartition("~")[0] or asked
    return own if own != found and not is_keyed(found) else ""


def _leads(find: Callable[[str], Figure | Case], former: str, now: str) -> bool:
    """Whether a former id leads to what is shown, as an address claims."""
    with suppress(NotFound):
        return bool(former) and former != now and find(former).id == now
    return False
