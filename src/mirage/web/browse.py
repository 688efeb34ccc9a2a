"""Looking an atlas through without a query: suggestions for the search box, and organ by organ."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from mirage.browse.suggest import MOST
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.site import Site
from mirage.web.templating import page
from mirage.web.views.browse import (
    BrowseView,
    SuggestView,
    SystemContentsView,
    browse_view,
    suggestion_view,
    system_view,
)

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("search")])
router = APIRouter(include_in_schema=False, dependencies=[wants("search")])

Typed = Annotated[str, Query(max_length=2000, description="The beginning of a search.")]
Most = Annotated[int, Query(ge=1, le=50, description="How many at most.")]


@twins.get("/suggest", response_model=SuggestView)
def suggest(site: Site, q: Typed = "", k: Most = MOST) -> Response:
    """Suggest searches that find something here, by any name of what the atlas holds; typing errors are mended."""
    found = site.atlas.browse.suggest(q, k)
    return sent(SuggestView(typed=q, suggestions=[suggestion_view(each) for each in found]))


@twins.get("/browse", response_model=BrowseView)
def browse(site: Site) -> Response:
    """What the atlas holds, by organ system, with how many conditions, findings and structures of each."""
    return sent(browse_view(site.atlas))


@twins.get("/browse/{system}", response_model=SystemContentsView)
def system(site: Site, system: str) -> Response:
    """The conditions, findings and structures of one organ system that figures show, each with a figure."""
    return sent(system_view(site.atlas, system))


@router.get("/browse")
def browse_page(site: Site) -> Response:
    """Show the organ systems that the atlas holds something of."""
    return page("browse.html", view=browse_view(site.atlas))


@router.get("/browse/{system}")
def system_page(site: Site, system: str) -> Response:
    """Show what the atlas holds of one organ system."""
    view = system_view(site.atlas, system)
    return page("browse_system.html", view=view, systems=browse_view(site.atlas).systems)
