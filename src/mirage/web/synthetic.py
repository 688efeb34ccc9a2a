"""Synthetic images that were made, and the marks of one read back from a file: pages and their JSON twins."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from mirage import query
from mirage.errors import MirageError, NotFound
from mirage.generate.provenance import ENDINGS
from mirage.generate.synthesis import UPLOAD, SyntheticImage
from mirage.images.marks import Marks, SyntheticRecord, reading
from mirage.people.roles import may
from mirage.people.visitor import tell, visitor
from mirage.query import Term
from mirage.web import crawlers, forms
from mirage.web.openapi import PROBLEM, TAKES_PICTURE, files, sent
from mirage.web.rights import RefusedError, wants
from mirage.web.root import at
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page
from mirage.web.uploads import TokenForm, decoded, name_of, read_form
from mirage.web.views.figures import FigureView, figure_in
from mirage.web.views.generate import DeletedView, SyntheticsView, SyntheticView, brief_view, synthetic_view
from mirage.wording import N_, _

A_PAGE = 24
Format = Literal["", "png", "jpeg", "webp", "dicom"]
_KINDS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "dicom": "application/dicom"}
Chosen = Annotated[Format, Query(description="A file to keep, in this format; without it, the PNG to look at.")]

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("search")])
router = APIRouter(include_in_schema=False, dependencies=[wants("search")])


def synthetic_in(site: RunningSite, found: str | SyntheticImage) -> SyntheticView:
    """Show a synthetic image with the real figures that look most like it.

    Those that have left the atlas, or were withdrawn by their source, are left out.

    Parameters
    ----------
    site : RunningSite
    found : str or mirage.generate.synthesis.SyntheticImage
        Its id, or the image itself.

    Raises
    ------
    mirage.errors.NotFound
    """
    synthetic = site.jobs.outputs.get(found) if isinstance(found, str) else found
    nearest: list[FigureView] = []
    for name in synthetic.nearest:
        with suppress(NotFound):
            figure = figure_in(site.atlas, name)
            nearest += [] if figure.withdrawn else [figure]
    return synthetic_view(synthetic, nearest)


def synthetics_in(site: RunningSite, number: int, size: int = A_PAGE) -> SyntheticsView:
    """List synthetic images, newest first: of a shared site to learners those that they made.

    Parameters
    ----------
    site : RunningSite
    number : int
        Of the page, from 1; what lies outside is brought to the nearest there is.
    size : int
        How many stand on a page.
    """
    whose = None if may(visitor().role, "teach") else visitor().id
    total = len(site.jobs.outputs) if whose is None else site.jobs.outputs.count(whose)
    pages = max(1, math.ceil(total / size))
    number = min(max(number, 1), pages)
    some = site.jobs.outputs.list((number - 1) * size, size, whose)
    return SyntheticsView(images=[brief_view(each) for each in some], total=total, page=number, pages=pages)


# -- the API -----------------------------------------------------------------------------------------------------------


@twins.get("/synthetic", response_model=SyntheticsView)
def synthetics(site: Site, page: int = 1) -> Response:
    """Synthetic images, newest first, 24 at a time."""
    return sent(synthetics_in(site, page))


@twins.get("/synthetic/{image_id}", response_model=SyntheticView)
def synthetic(site: Site, image_id: str) -> Response:
    """One synthetic image: how it was made, what could be checked of its words, and the real figures most like it."""
    return sent(synthetic_in(site, image_id))


@twins.get(
    "/synthetic/{image_id}/image",
    response_class=Response,
    responses=files("The image, with all its marks.", *_KINDS.values()),
)
def image(site: Site, image_id: str, format: Chosen = "") -> Response:
    """The image as a file. Every format carries the marks that say that it is synthetic."""
    outputs = site.jobs.outputs
    found = outputs.get(image_id)
    if reason := found.reason:
        raise NotFound(_("There is no picture of %(image_id)s. %(reason)s", image_id=image_id, reason=reason))
    kind = format or "png"
    how = f'{"attachment" if format else "inline"}; filename="synthetic-{image_id}.{ENDINGS[kind]}"'
    headers = {"Content-Disposition": how, "Cache-Control": "private, no-cache"}
    data = outputs.export(image_id, kind) if format else found.data
    return Response(data, media_type=_KINDS[kind], headers=headers)


@twins.post("/synthetic/{image_id}/delete", response_model=DeletedView, dependencies=[wants("generate"), NEEDS_TOKEN])
def delete(site: Site, image_id: str) -> Response:
    """Delete a synthetic image and its record. Wants the token."""
    _delete(site, image_id)
    return sent(DeletedView(id=image_id))


def _delete(site: RunningSite, image_id: str) -> None:
    of_another = site.jobs.outputs.get(image_id).owner != visitor().id
    if of_another and not may(visitor().role, "teach"):
        raise RefusedError(_("Somebody else had that image made. They can delete it, and educators and owners."))
    site.jobs.outputs.remove(image_id)
    if of_another:
        tell(image_id, N_("Delete a synthetic image of somebody else"))


@twins.post("/verify", response_model=Marks, openapi_extra=TAKES_PICTURE)
async def verify_twin(request: Request) -> Response:
    """Look for the marks of a synthetic image in a picture. It is kept nowhere."""
    return sent(await _marks(request, await read_form(request)))


async def _marks(request: Request, form: FormData) -> Marks:
    # A band in the pixels is what is looked for here, so a file that says it has one is not refused.
    return await decoded(form, site_of(request), reading.read, allow_burned_in=True)


# -- the pages ---------------------------------------------------------------------------------------------------------


@router.get("/synthetic")
def list_page(site: Site, number: Annotated[int, Query(alias="page")] = 1) -> Response:
    """All synthetic images."""
    return page(
        "synthetics.html", view=synthetics_in(site, number), problem=site.generator()[1], kept=site.settings.synthetic_images
    )


@router.get("/synthetic/{image_id}")
def image_page(site: Site, image_id: str) -> Response:
    """One synthetic image with all that stands beside it."""
    found = site.jobs.outputs.get(image_id)
    record, asked = found.record, _query(found.record)
    view = synthetic_in(site, found)
    return page(
        "synthetic.html",
        view=view,
        told=crawlers.told_of_synthetic(site, view),
        problem=site.generator()[1],
        again=_fields(record, {"seed": str(record.seed)}),
        another=_fields(record, {}),
        change=forms.generate_address(asked, negative=record.negative, seed=str(record.seed)),
        real=forms.search_address(asked) if asked else "",
        token=site.token,
    )


@router.get("/synthetic/{image_id}/piece")
def image_piece(site: Site, image_id: str) -> Response:
    """One synthetic image, to be put into a page by its script."""
    return page("synthetic_piece.html", kind="image", view=synthetic_in(site, image_id))


@router.post("/synthetic/{image_id}/delete", dependencies=[wants("generate")])
def delete_by_form(site: Site, image_id: str, _form: TokenForm) -> Response:
    """Delete from the page."""
    _delete(site, image_id)
    return RedirectResponse(at("/synthetic"), 303)


@router.get("/verify")
def verify_form() -> Response:
    """Choose a picture to look for marks in."""
    return _verify_page()


@router.post("/verify")
async def verify_page(request: Request) -> Response:
    """Show what marks the picture carries, one by one."""
    try:
        form = await read_form(request)
        return _verify_page(marks=await _marks(request, form), name=name_of(form))
    except MirageError as error:
        return _verify_page(error)


def _verify_page(error: MirageError | None = None, *, marks: Marks | None = None, name: str = "") -> Response:
    problem = str(error) if error else ""
    return page("verify.html", error, marks=marks, name=name, problem=problem, no_proof=_(reading.NO_PROOF))


def _query(record: SyntheticRecord) -> query.Query | None:
    """The query that an image was made of."""
    terms = tuple(Term(text=text, weight=weight) for text, weight in record.terms if weight and text.strip())
    return query.Query(terms) if any(term.weight > 0 for term in terms) else None


def _fields(record: SyntheticRecord, more: dict[str, str]) -> list[tuple[str, str]]:
    """The fields of a form that makes an image again, or another one without its seed; none where that cannot be done."""
    if record.start == UPLOAD:
        return []
    asked = _query(record)
    choices = {"negative": record.negative, "steps": str(record.steps), "guidance": f"{record.guidance:g}"}
    choices |= {"width": str(record.width), "height": str(record.height)}
    if record.start:
        choices |= {"figure": record.start, "strength": f"{record.strength:g}"}
    found = (asked.pairs() if asked else []) + list((choices | more).items())
    return [(name, value) for name, value in found if value]
