"""Collections: their pages, which work without scripts, and the JSON twins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from mirage import licensing
from mirage.errors import BadInput, MirageError
from mirage.figure import Licence, Source
from mirage.study import exchange, files
from mirage.study.collections import Collection
from mirage.study.kept import Kept, Kind
from mirage.web import forms, openapi, uploads
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.root import at
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page
from mirage.web.uploads import TokenForm
from mirage.web.views.figures import ApiBody, ApiModel, FigureView, SourceView, figure_in, source_view
from mirage.wording import Words, _

FILE_TYPE = "application/json"

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("study")])
router = APIRouter(include_in_schema=False, dependencies=[wants("study")])


# -- as the API shows them -----------------------------------------------------------------------------------------------


class CollectionInfoView(ApiModel):
    """A collection, without what is in it."""

    id: str
    title: str
    notes: str
    created: float = Field(description="Seconds since 1970.")
    changed: float
    count: int = Field(description="How much is in it; sections are not counted.")
    page: str


class KeptView(ApiModel):
    """Something in a collection. A section is a heading over what follows it."""

    id: str
    kind: Kind
    target: str = Field(description="Of a figure or case what finds it again; of a search or comparison its query string.")
    title: str
    note: str
    added: float
    removed: bool = Field(description="Whether it is a figure or case that the atlas has no more, or never had.")
    withdrawn: bool = Field(
        description="Whether it is a figure, or a case with all its figures, that its source has withdrawn."
    )
    page: str = Field(description="Its address here; empty for a section and for what was removed.")
    source: SourceView | None = Field(description="Of a figure or case, as it was when it was kept.")
    figure: FigureView | None = Field(description="The figure as the atlas has it now.")


class CollectionView(CollectionInfoView):
    """A collection with what is in it, in order."""

    items: list[KeptView]


class CollectionsView(ApiModel):
    """All collections, the one changed last first."""

    collections: list[CollectionInfoView]


class AddedView(ApiModel):
    """What was kept."""

    item: str = Field(description="Its id in the collection.")
    new: bool = Field(description="False where it was in the collection already.")
    collection: CollectionView


class CollectionBody(ApiBody):
    """A new collection, or what of one is to change."""

    title: str | None = None
    notes: str | None = None
    was: str | None = Field(None, description="What the text was; where it is another by now, 409 is the answer.")


class ItemBody(ApiBody):
    """Something to keep."""

    kind: Kind
    target: str = Field("", description="Id of a figure or case; query string or address of a search or comparison.")
    title: str = Field("", description="What to call it; what the atlas calls it where nothing is said.")
    note: str = ""


class ItemChange(ApiBody):
    """What of something kept is to change: its words, or its place."""

    title: str | None = None
    note: str | None = None
    was: str | None = Field(None, description="As for a collection; with one text at a time.")
    by: int = Field(0, description="How many places further down; negative for up.")
    before: str | None = Field(None, description="Id of what it shall stand before; empty for the end.")
    to: str = Field("", description="Id of another collection, at whose end it shall stand.")


def _page_of(item: Kept) -> str:
    if item.removed or item.kind == "section":
        return ""
    if item.kind in ("figure", "case"):
        return forms.address(item.kind, item.figure if item.kind == "figure" else item.target)
    return at(f"/{'search' if item.kind == 'search' else 'compare'}?{item.target}")


def _kept_view(site: RunningSite, item: Kept) -> KeptView:
    source = None
    if item.kind in ("figure", "case"):
        name = item.target.partition(":")[0]
        source = source_view(
            Source(name, item.attribution, item.url, "figure" if item.kind == "figure" else "case", item.terms)
        )
    figure = figure_in(site.atlas, item.target) if item.kind == "figure" and not item.removed else None
    if figure is not None:
        source = figure.source
    return KeptView.of(item, page=figure.links.page if figure else _page_of(item), source=source, figure=figure)


def collection_view(site: RunningSite, collection: Collection) -> CollectionView:
    """Show a collection with what is in it."""
    return CollectionView.of(
        collection,
        count=sum(item.kind != "section" for item in collection.items),
        page=forms.address("collections", collection.id),
        items=[_kept_view(site, item) for item in collection.items],
    )


def _list(site: RunningSite) -> list[CollectionInfoView]:
    there = site.study.collections.list()
    return [CollectionInfoView.of(each, page=forms.address("collections", each.id)) for each in there]


def _sent(site: RunningSite, collection_id: str, status: int = 200) -> Response:
    return sent(collection_view(site, site.study.collections.get(collection_id)), status)


@twins.get("/collections", response_model=CollectionsView)
def collections(site: Site) -> Response:
    """All collections."""
    return sent(CollectionsView(collections=_list(site)))


@twins.post("/collections", response_model=CollectionView, status_code=201, dependencies=[NEEDS_TOKEN])
def make(site: Site, body: CollectionBody) -> Response:
    """Make an empty collection. Wants this start's token in the header X-Mirage-Token, as all that changes something."""
    return _sent(site, site.study.collections.make(body.title or "", body.notes or "").id, 201)


@twins.post(
    "/collections/import",
    response_model=CollectionView,
    status_code=201,
    dependencies=[NEEDS_TOKEN],
    openapi_extra=openapi.takes(file="A .mirage-collection file."),
)
async def take_in(request: Request) -> Response:
    """Make a collection of a file; what this atlas does not have is marked as removed."""
    form = await uploads.read_form(request)
    return _sent(site_of(request), (await _taken_in(site_of(request), form)).id, 201)


async def _taken_in(site: RunningSite, form: FormData) -> Collection:
    given = form.get("file")
    if not isinstance(given, UploadFile) or not uploads.has_file(form):
        raise BadInput(_("No file came with the form. Choose one that ends in %(ending)s.", ending=files.ENDING))
    data = await given.read(exchange.MOST_BYTES + 1)
    return await run_sync(files.take_in, site.study.collections, data, uploads.name_of(form)[:100])


@twins.get("/collections/{collection_id}", response_model=CollectionView)
def collection(site: Site, collection_id: str) -> Response:
    """One collection with what is in it."""
    return _sent(site, collection_id)


@twins.patch("/collections/{collection_id}", response_model=CollectionView, dependencies=[NEEDS_TOKEN])
def edit(site: Site, collection_id: str, body: CollectionBody) -> Response:
    """Give a collection another title or other notes."""
    site.study.collections.edit(collection_id, title=body.title, notes=body.notes, was=body.was)
    return _sent(site, collection_id)


@twins.delete("/collections/{collection_id}", response_model=CollectionsView, dependencies=[NEEDS_TOKEN])
def delete(site: Site, collection_id: str) -> Response:
    """Delete a collection; for a day it can be restored."""
    site.study.collections.delete(collection_id)
    return sent(CollectionsView(collections=_list(site)))


@twins.post("/collections/{collection_id}/restore", response_model=CollectionView, dependencies=[NEEDS_TOKEN])
def restore(site: Site, collection_id: str) -> Response:
    """Give back a collection that was deleted within the last day."""
    site.study.collections.restore(collection_id)
    return _sent(site, collection_id)


@twins.get(
    "/collections/{collection_id}/file",
    response_class=Response,
    responses=openapi.files("The collection as a file that another MIRAGE takes in. No picture is in it.", FILE_TYPE),
)
def file(site: Site, collection_id: str) -> Response:
    """A collection as one file."""
    found = site.study.collections.get(collection_id)
    named = {"Content-Disposition": f'attachment; filename="{files.file_name(found)}"'}
    return Response(files.printed(found), headers=named, media_type=FILE_TYPE)


@twins.post("/collections/{collection_id}/items", response_model=AddedView, status_code=201, dependencies=[NEEDS_TOKEN])
def add(site: Site, collection_id: str, body: ItemBody) -> Response:
    """Keep a figure, case, search or comparison at the end of a collection, or begin a section."""
    mine = site.study.collections
    kept, new = mine.add(collection_id, body.kind, body.target, title=body.title, note=body.note)
    return sent(AddedView(item=kept.id, new=new, collection=collection_view(site, mine.get(collection_id))), 201)


@twins.patch("/collections/{collection_id}/items/{item_id}", response_model=CollectionView, dependencies=[NEEDS_TOKEN])
def edit_item(site: Site, collection_id: str, item_id: str, body: ItemChange) -> Response:
    """Give something kept another title, note or place."""
    mine = site.study.collections
    if body.title is not None or body.note is not None:
        mine.edit_item(collection_id, item_id, title=body.title, note=body.note, was=body.was)
    if body.by or body.before is not None or body.to:
        mine.move(collection_id, item_id, by=body.by, before=body.before, to=body.to)
    return _sent(site, collection_id)


@twins.delete("/collections/{collection_id}/items/{item_id}", response_model=CollectionView, dependencies=[NEEDS_TOKEN])
def remove(site: Site, collection_id: str, item_id: str) -> Response:
    """Take something out of a collection; for a day it can be restored."""
    site.study.collections.remove(collection_id, item_id)
    return _sent(site, collection_id)


@twins.post(
    "/collections/{collection_id}/items/{item_id}/restore", response_model=CollectionView, dependencies=[NEEDS_TOKEN]
)
def restore_item(site: Site, collection_id: str, item_id: str) -> Response:
    """Put something back where it was."""
    site.study.collections.restore_item(collection_id, item_id)
    return _sent(site, collection_id)


# -- the pages -----------------------------------------------------------------------------------------------------------


@router.get("/keep")
def keep_page(site: Site, kind: str = "", target: str = "") -> Response:
    """Ask where to keep something."""
    return _keep_page(site, kind, target)


def _keep_page(site: RunningSite, kind: str, target: str, tried: FormData | None = None, error: str = "") -> Response:
    content = site.study.collections.content(kind, target)
    names = ("collection", "new", "note")
    words = dict(zip(names, _fields(tried or FormData(), *names), strict=True))
    return page(
        "keep_page.html",
        400 if error else 200,
        content=content,
        target=target,
        there=_list(site),
        words=words,
        problem=error,
        token=site.token,
    )


@router.post("/keep")
def keep(site: Site, form: TokenForm) -> Response:
    """Keep something, in a collection that is there or in a new one."""
    mine, (kind, target, where, new) = site.study.collections, _fields(form, "kind", "target", "collection", "new")
    mine.content(kind, target)  # what it cannot keep is told before a collection is made for it
    try:
        if new.strip():
            where = mine.make(new).id
        kept, fresh = mine.add(where, kind, target, note=_fields(form, "note")[0])
    except BadInput as error:
        return _keep_page(site, kind, target, form, str(error))
    where = where or mine.list()[0].id
    return _to(where, kept=kept.id if fresh else "", there=kept.id if not fresh else "")


@router.get("/collections")
def collections_page(site: Site, deleted: str = "") -> Response:
    """List the collections, and offer a new one and to take in a file."""
    return _collections_page(site, deleted)


def _collections_page(site: RunningSite, deleted: str = "", error: MirageError | None = None, tried: str = "") -> Response:
    return page(
        "collections.html",
        error,
        collections=_list(site),
        deleted=deleted,
        problem=str(error) if error else "",
        tried=tried,
        token=site.token,
    )


@router.post("/collections")
def make_by_form(site: Site, form: TokenForm) -> Response:
    """Make a collection from the page."""
    (title,) = _fields(form, "title")
    try:
        return _to(site.study.collections.make(title).id)
    except BadInput as error:
        return _collections_page(site, error=error, tried=title)


@router.post("/collections/import")
async def take_in_by_form(site: Site, form: TokenForm) -> Response:
    """Take in a file from the page."""
    try:
        return _to((await _taken_in(site, form)).id, taken="1")
    except BadInput as error:
        return _collections_page(site, error=error)


@router.get("/collections/{collection_id}")
def collection_page(
    site: Site, collection_id: str, kept: str = "", there: str = "", removed: str = "", taken: str = ""
) -> Response:
    """Show a collection.

    Parameters
    ----------
    site : Site
    collection_id : str
    kept, there, removed : str
        Id of what was just kept, was there already, or was removed, for the page's message.
    taken : str
        Whether it was just taken in from a file.
    """
    return _collection_page(site, collection_id, {"kept": kept, "there": there, "removed": removed}, taken=bool(taken))


def _collection_page(
    site: RunningSite, collection_id: str, about: dict[str, str], error: MirageError | None = None, **shown: Any
) -> Response:
    mine = site.study.collections
    view = collection_view(site, mine.get(collection_id))
    told: dict[str, Kept] = {}
    for name, own in about.items():
        if own:
            try:
                told[name] = mine.item(collection_id, own)
            except MirageError:
                continue  # an old address: there is nothing to say any more
    return page(
        "collection.html",
        error,
        view=view,
        others=[each for each in _list(site) if each.id != collection_id],
        told=told,
        problem=str(error) if error else "",
        token=site.token,
        **{"taken": False, "tried": {}} | shown,
    )


@router.post("/collections/{collection_id}")
def change(site: Site, collection_id: str, form: TokenForm) -> Response:
    """Change a collection from its page; the field ``do`` says how."""
    mine = site.study.collections
    do, item, text, was, to = _fields(form, "do", "item", "text", "was", "to")
    ways: dict[str, Callable[[], object]] = {
        "title": lambda: mine.edit(collection_id, title=text, was=was),
        "notes": lambda: mine.edit(collection_id, notes=text, was=was),
        "section": lambda: mine.add(collection_id, "section", title=text),
        "name": lambda: mine.edit_item(collection_id, item, title=text, was=was),
        "note": lambda: mine.edit_item(collection_id, item, note=text, was=was),
        "up": lambda: mine.move(collection_id, item, by=-1),
        "down": lambda: mine.move(collection_id, item, by=1),
        "move": lambda: mine.move(collection_id, item, to=to),
        "remove": lambda: mine.remove(collection_id, item),
        "put back": lambda: mine.restore_item(collection_id, item),
        "delete": lambda: mine.delete(collection_id),
        "undo": lambda: mine.restore(collection_id),
    }
    if do not in ways:
        raise BadInput(_("The form does not say what to do. Load the page again."))
    try:
        ways[do]()
    except MirageError as error:
        if do in ("delete", "undo"):
            raise
        # What was typed stays in the page, beside what there is now.
        return _collection_page(site, collection_id, {}, error, tried={"do": do, "item": item, "text": text})
    if do == "delete":
        return RedirectResponse(forms.with_query(at("/collections"), {"deleted": collection_id}), 303)
    return _to(
        collection_id, at=item if do in ("up", "down", "name", "note") else "", removed=item if do == "remove" else ""
    )


Purpose = Annotated[str, Query(alias="for")]


@router.get("/collections/{collection_id}/print")
def print_page(site: Site, collection_id: str, purpose: Purpose = "myself", non_commercial: str = "") -> Response:
    """Show a collection as a page to print: with every picture its attribution, link and licence; only what may leave.

    Parameters
    ----------
    site : Site
    collection_id : str
    purpose : str
        Of `mirage.licensing.PURPOSES`.
    non_commercial : str
        Anything says that it is passed on without gain.
    """
    view = collection_view(site, site.study.collections.get(collection_id))
    behind: list[Licence] = []
    hidden: list[str] = []
    withdrawn: list[str] = []
    kept_back = site.atlas.kept_back_keys()

    def leaves(figure: FigureView) -> dict[str, Any] | None:
        row = site.atlas.store.row(figure.id)
        if row.figure.withdrawn or row.key in kept_back:
            (withdrawn if row.figure.withdrawn else hidden).append(figure.id)
            return None
        told = licensing.may_leave(row.figure, "print", purpose, non_commercial=bool(non_commercial))
        if not told.allowed:
            behind.append(row.figure.source.licence)
            return None
        return {"figure": figure, "alike": "same terms" in told.carries}

    blocks = []
    for item in view.items:
        figures = [item.figure] if item.figure else []
        if item.kind == "case" and not item.removed:
            figures = [figure_in(site.atlas, each) for each in site.atlas.figures_of(item.target)]
        before = len(hidden), len(withdrawn)
        shown = [found for figure in figures if (found := leaves(figure))]
        unshown, recalled = len(hidden) - before[0], len(withdrawn) - before[1]
        stayed = len(figures) - len(shown) - unshown - recalled
        blocks.append({"item": item, "shown": shown, "stayed": stayed, "hidden": unshown, "withdrawn": recalled})
    return page(
        "collection_print.html",
        view=view,
        blocks=blocks,
        behind=licensing.behind(behind, "picture"),
        hidden=len(set(hidden)),
        withdrawn=len(set(withdrawn)),
        purpose=purpose,
        non_commercial=bool(non_commercial),
        purposes=Words(licensing.PURPOSES),
    )


def _fields(form: FormData, *names: str) -> list[str]:
    return [value if isinstance(value := form.get(name, ""), str) else "" for name in names]


def _to(collection_id: str, *, at: str = "", **fields: str) -> Response:
    here = forms.with_query(forms.address("collections", collection_id), fields)
    return RedirectResponse(f"{here}#{at}" if at else here, 303)
