"""Reviews by educators: pages to rate on, packets for elsewhere, results, and what the owner should look at."""

from __future__ import annotations

import time
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from mirage import licensing
from mirage.errors import BadInput, MirageError
from mirage.people.roles import OWNER
from mirage.people.visitor import tell, visitor, written
from mirage.study.exchange import MOST_BYTES
from mirage.study.reviews import export as reviews_export
from mirage.study.reviews import files as reviews_files
from mirage.study.reviews import protocol as reviews_protocol
from mirage.study.reviews import results as reviews_results
from mirage.study.reviews.files import Taken
from mirage.study.reviews.ratings import MEANS, Reviewer, rating_of
from mirage.web import forms, openapi, reviewing, reviews_packet, uploads
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import RefusedError, wants
from mirage.web.root import at
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page
from mirage.web.uploads import TokenForm
from mirage.web.views.reviews import (
    HideBody,
    MisleadingsView,
    RatingBody,
    ReviewBody,
    ReviewInfoView,
    ReviewsView,
    ReviewView,
    TakenView,
    info_view,
    misleading_view,
    review_view,
    reviews_view,
)
from mirage.wording import N_, _

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("teach")])
router = APIRouter(include_in_schema=False, dependencies=[wants("teach")])
Purpose = Annotated[str, Query(alias="for", description=f"What for: {', '.join(licensing.PURPOSES)}.")]
NoGain = Annotated[str, Query(description="Anything says that it is passed on without gain.")]
_CSV, _JSON, _ZIP = "text/csv", "application/json", "application/zip"


def _all(site: RunningSite) -> ReviewsView:
    return reviews_view(site.reviews, reviews_protocol.shipped())


def _file(data: bytes | str, name: str, kind: str) -> Response:
    return Response(data, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=kind)


# -- the API -----------------------------------------------------------------------------------------------------------


@twins.get("/reviews", response_model=ReviewsView)
def reviews(site: Site) -> Response:
    """All reviews, and the conditions of the protocol."""
    return sent(_all(site))


@twins.post("/reviews", response_model=ReviewInfoView, status_code=201, dependencies=[NEEDS_TOKEN])
def begin(site: Site, body: ReviewBody) -> Response:
    """Begin to review a condition, or go on with the review of it that there is. Wants the token."""
    return sent(info_view(site.reviews.begin(site.atlas, body.query, body.versus)), 201)


@twins.get("/reviews/results", response_model=reviews_results.Results)
def results(site: Site) -> Response:
    """Agreement and shares with intervals; of closed reviews both ways of searching."""
    return sent(reviews_results.results(site.reviews))


@twins.get(
    "/reviews/ratings.csv",
    response_class=Response,
    responses=openapi.files("A row for each rating; ranks once closed.", _CSV),
)
def table(site: Site) -> Response:
    """Every rating as a table."""
    return _file(reviews_export.as_csv(site.reviews), "mirage-ratings.csv", _CSV)


@twins.get(
    "/reviews/queries.json",
    response_class=Response,
    responses=openapi.files("What `mirage evaluate calibrate --judged` takes.", _JSON),
)
def queries(site: Site) -> Response:
    """The conditions of closed reviews as judged queries."""
    return _file(reviews_export.judged_queries(site.reviews), "judged-queries.json", _JSON)


@twins.get("/reviews/misleading", response_model=MisleadingsView)
def misleading(site: Site) -> Response:
    """What was called misleading, and which figures are hidden from learners."""
    return sent(_misleading(site))


def _review(site: RunningSite, review_id: str, reviewer: Reviewer | None) -> ReviewView:
    return review_view(site.reviews, review_id, reviewer, site.atlas.store.withdrawals.known_by())


def _misleading(site: RunningSite) -> MisleadingsView:
    mine = site.reviews
    withdrawn = site.atlas.store.withdrawals.known_by()
    found = [misleading_view(each, withdrawn) for each in reviews_export.misleading(mine)]
    return MisleadingsView(misleading=found, hidden=sorted(mine.hidden.figures()))


@twins.post("/reviews/misleading", response_model=MisleadingsView, dependencies=[NEEDS_TOKEN])
def hide(site: Site, body: HideBody) -> Response:
    """Hide a figure from learners, or show it again. Wants the token."""
    _hide(site, body.figure, body.hidden)
    return sent(_misleading(site))


def _hide(site: RunningSite, figure: str, hidden: bool) -> None:
    known = site.reviews.hidden
    if hidden or figure not in known.figures():
        figure = site.atlas.reference(figure)  # says so where it is not there
    if (figure in known.figures()) == hidden:
        written()
        return
    known.set(figure, hidden)
    tell(figure, N_("Hide a figure from learners") if hidden else N_("Show learners a figure again"))


@twins.post(
    "/reviews/import",
    response_model=TakenView,
    dependencies=[NEEDS_TOKEN],
    openapi_extra=openapi.takes(file="A .mirage-ratings file."),
)
async def take_in(request: Request) -> Response:
    """Take in a file of ratings; the same again changes nothing."""
    taken = await _taken_in(site_of(request), await uploads.read_form(request))
    return sent(TakenView.of(taken, review=info_view(taken.review), names=list(taken.names)))


async def _taken_in(site: RunningSite, form: FormData) -> Taken:
    given = form.get("file")
    if not isinstance(given, UploadFile) or not uploads.has_file(form):
        raise BadInput(_("No file came with the form. Choose one that ends in %(ENDING)s.", ENDING=reviews_files.ENDING))
    data = await given.read(MOST_BYTES + 1)
    own = reviewing.own() if visitor().role != OWNER else None

    def people() -> list[Reviewer]:
        return [Reviewer(each.name, each.id) for each in site.people.persons.list()] if site.people.there else []

    taken = await run_sync(reviews_files.take_in, site.reviews, data, uploads.name_of(form)[:100], own, people)
    if not taken.new + taken.changed:
        written()
    return taken


@twins.get("/reviews/{review_id}", response_model=ReviewView)
def review(site: Site, review_id: str, reviewer: str = "") -> Response:
    """What is to be rated, in an order of the reviewer's own, with the reviewer's own ratings."""
    return sent(_review(site, review_id, reviewing.rater(reviewer) if reviewer else None))


@twins.delete("/reviews/{review_id}", response_model=ReviewsView, dependencies=[NEEDS_TOKEN])
def delete(site: Site, review_id: str) -> Response:
    """Delete a review with its ratings; for a day it can be restored."""
    reviewing.delete(site, review_id)
    return sent(_all(site))


@twins.post("/reviews/{review_id}/restore", response_model=ReviewInfoView, dependencies=[NEEDS_TOKEN])
def restore(site: Site, review_id: str) -> Response:
    """Give back a review that was deleted within the last day."""
    return sent(info_view(reviewing.restore(site, review_id)))


@twins.post("/reviews/{review_id}/close", response_model=ReviewInfoView, dependencies=[NEEDS_TOKEN])
def close(site: Site, review_id: str) -> Response:
    """End the rating for good; then the results tell both ways of searching apart."""
    return sent(info_view(reviewing.close(site, review_id)))


@twins.put("/reviews/{review_id}/items/{item_id}", response_model=ReviewView, dependencies=[NEEDS_TOKEN])
def rate(site: Site, review_id: str, item_id: str, body: RatingBody) -> Response:
    """Rate an item, or change the rating."""
    own, place = reviewing.own(), body.place
    if own and body.reviewer and Reviewer.of(body.reviewer).name.casefold() != own.name.casefold():
        raise RefusedError(
            _("You rate as %(own)s here, and as nobody else. Leave the reviewer out. Nothing was kept.", own=own.name)
        )
    rater = reviewing.rater(body.reviewer)
    checked = rating_of(item_id, body.rating, body.comment, place.words, "", time.time())
    rating = checked.model_copy(update={"place": place.model_copy(update={"words": checked.place.words})})
    site.reviews.rate(review_id, rater, rating)
    return sent(_review(site, review_id, rater))


@twins.get(
    "/reviews/{review_id}/items/{item_id}/pictures/{number}",
    response_class=Response,
    responses=openapi.files("A picture of an item.", "image/webp", "image/png"),
)
def picture(site: Site, review_id: str, item_id: str, number: int) -> Response:
    """A picture of an item, under an address that tells nothing of it."""
    item = site.reviews.item(review_id, item_id)
    data, kind = reviews_packet.picture_of(site, item, number)
    return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=86400"})


@twins.get(
    "/reviews/{review_id}/packet",
    response_class=Response,
    responses=openapi.files("A page that rates without a server, pictures, and a place to save ratings.", _ZIP),
)
def packet(site: Site, review_id: str, purpose: Purpose = "pass-on", non_commercial: NoGain = "") -> Response:
    """A review as one file that works offline, with the pictures that may leave."""
    made = reviews_packet.packet(site, review_id, purpose, non_commercial=bool(non_commercial))
    return _file(made, reviews_files.file_name(site.reviews.get(review_id), ending="-packet.zip"), _ZIP)


@twins.get(
    "/reviews/{review_id}/ratings",
    response_class=Response,
    responses=openapi.files("Ratings as a file, of one reviewer or of all.", _JSON),
)
def ratings(site: Site, review_id: str, reviewer: str = "") -> Response:
    """The ratings of a review as a file that another MIRAGE with the same review takes in."""
    mine = site.reviews
    name = reviews_files.file_name(mine.get(review_id), reviewer)
    whose = reviewing.called(site, review_id, reviewer) if reviewer else None
    return _file(reviews_files.printed(mine, review_id, whose), name, _JSON)


# -- the pages -----------------------------------------------------------------------------------------------------------


@router.get("/reviews")
def reviews_page(site: Site, deleted: str = "", taken: str = "") -> Response:
    """List the conditions and reviews, and take in ratings."""
    return _reviews_page(site, deleted=deleted, taken=taken)


def _reviews_page(
    site: RunningSite, *, deleted: str = "", taken: str = "", error: MirageError | None = None, tried: str = ""
) -> Response:
    return page(
        "reviews.html",
        error,
        view=_all(site),
        protocol=reviews_protocol.shipped(),
        deleted=deleted,
        taken=taken,
        problem=str(error) if error else "",
        tried=tried,
        token=site.token,
    )


@router.post("/reviews")
def begin_by_form(site: Site, form: TokenForm) -> Response:
    """Begin a review from the page."""
    query, versus = _fields(form, "query", "versus")
    try:
        found = site.reviews.begin(site.atlas, query, versus or None)
    except MirageError as error:
        return _reviews_page(site, error=error, tried=query)
    return RedirectResponse(forms.address("reviews", found.id), 303)


@router.get("/reviews/results")
def results_page(site: Site) -> Response:
    """Show what the ratings say."""
    view = reviews_results.results(site.reviews)
    return page("reviews_results.html", view=view, protocol=reviews_protocol.shipped())


@router.get("/reviews/misleading")
def misleading_page(site: Site) -> Response:
    """Show what was called misleading."""
    view, titles = _misleading(site), {}
    for each in view.hidden:
        try:
            figure = site.atlas.figure(each)
            titles[each] = figure.title or figure.alt
        except MirageError:
            titles[each] = each.rpartition("~")[0]
    return page("reviews_misleading.html", view=view, titles=titles, token=site.token)


@router.post("/reviews/misleading")
def hide_by_form(site: Site, form: TokenForm) -> Response:
    """Hide figures from the page, or show them again."""
    do, figure = _fields(form, "do", "figure")
    if do == "hide all":
        written()  # of each that is hidden it is told; of none, nothing
        for each in _misleading(site).misleading:
            if each.figure and not each.hidden:
                _hide(site, each.figure, True)
    else:
        _hide(site, figure, do == "hide")
    return RedirectResponse(at("/reviews/misleading"), 303)


@router.post("/reviews/import")
async def take_in_by_form(site: Site, form: TokenForm) -> Response:
    """Take in a file of ratings from the page."""
    try:
        taken = await _taken_in(site, form)
    except MirageError as error:
        return _reviews_page(site, error=error)
    return RedirectResponse(forms.with_query(at("/reviews"), {"taken": taken.words}), 303)


@router.get("/reviews/{review_id}")
def review_page(site: Site, review_id: str, reviewer: str = "") -> Response:
    """Ask who rates; then show what is to be rated."""
    try:
        return _review_page(site, review_id, reviewing.rater(reviewer) if reviewer else None)
    except BadInput as error:
        return _review_page(site, review_id, None, error)


def _review_page(
    site: RunningSite,
    review_id: str,
    reviewer: Reviewer | None,
    error: MirageError | None = None,
    tried: dict[str, str] | None = None,
) -> Response:
    own = reviewing.own()
    return page(
        "review.html",
        error,
        view=_review(site, review_id, reviewer),
        own=own.name if own else "",
        means=MEANS,
        purposes=licensing.PURPOSES,
        problem=str(error) if error else "",
        tried=tried or {},
        token=site.token,
    )


@router.post("/reviews/{review_id}")
def change(site: Site, review_id: str, form: TokenForm) -> Response:
    """Rate an item, or close, delete or restore the review; the field ``do`` says which."""
    mine, here = site.reviews, forms.address("reviews", review_id)
    do, reviewer, item = _fields(form, "do", "reviewer", "item")
    if do == "rate":
        names = ("rating", "comment", "words", "picture", "left", "top", "width", "height")
        given = dict(zip(names, _fields(form, *names), strict=True))
        region = " ".join([given["picture"] or "0", *(given[name] for name in names[4:])]) if given["width"] else ""
        try:
            rating = rating_of(item, given["rating"], given["comment"], given["words"], region, time.time())
            mine.rate(review_id, reviewing.rater(reviewer), rating)
        except MirageError as error:
            by = reviewing.rater(reviewer) if reviewer else None
            return _review_page(site, review_id, by, error, {"item": item, **given})
        order = [each.id for each in mine.items(review_id, reviewing.rater(reviewer))]
        after = order[min(order.index(item) + 1, len(order) - 1)]
        return RedirectResponse(f"{forms.with_query(here, {'reviewer': reviewer})}#item-{after}", 303)
    if do == "close":
        reviewing.close(site, review_id)
    elif do == "delete":
        reviewing.delete(site, review_id)
        return RedirectResponse(forms.with_query(at("/reviews"), {"deleted": review_id}), 303)
    elif do == "undo":
        reviewing.restore(site, review_id)
    else:
        raise BadInput(_("The form does not say what to do. Load the page again."))
    return RedirectResponse(here, 303)


def _fields(form: FormData, *names: str) -> list[str]:
    return [value if isinstance(value := form.get(name, ""), str) else "" for name in names]
