"""The map of an atlas: a page to wander in, and its tiles."""

from __future__ import annotations

from typing import Annotated

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Path
from starlette.responses import Response

from mirage.errors import NotFound
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.site import RunningSite, Site
from mirage.web.templating import page
from mirage.web.views.map import TILE, MapTileView, MapView, map_view, tile_view
from mirage.wording import _

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("search")])
router = APIRouter(include_in_schema=False, dependencies=[wants("search")])

_PATIENCE = 4.0  # seconds in which a small atlas is laid out, or what is kept of a large one is read
_EVERY = 0.05  # seconds
_OVERVIEW = 60  # pictures of the page without scripts
Level = Annotated[int, Path(ge=0, le=64, description="0 has every figure; each next is half as wide and high.")]
Place = Annotated[int, Path(ge=0, le=1_000_000, description="In tiles, from the left or the top.")]


@twins.get("/map", response_model=MapView)
def map_(site: Site) -> Response:
    """How the map of the atlas is cut into levels and tiles; who asks first begins to lay it out."""
    return sent(map_view(site.atlas))


@twins.get("/map/{fingerprint}/{level}/{column}/{row}", response_model=MapTileView)
def tile(site: Site, fingerprint: str, level: Level, column: Place, row: Place) -> Response:
    """The figures in one tile of the map, each with its cell."""
    made = site.atlas.browse.map(_PATIENCE, kept=True)  # another server may have laid it out, and this one have to read it
    if made is None or level >= len(made.levels) or not made.fingerprint.startswith(fingerprint):
        raise NotFound(_("The map has changed, is still being laid out, or has no such level. /api/map says how it is now."))
    return sent(tile_view(site.atlas, made, level, column * TILE, row * TILE))


@router.get("/map")
async def map_page(site: Site) -> Response:
    """Show the map; without scripts, the pictures that stand for its parts."""
    with anyio.move_on_after(_PATIENCE):  # who waits holds no thread: all pages share a few
        while await run_sync(site.atlas.browse.map, 0.0) is None:
            await anyio.sleep(_EVERY)
    return await run_sync(_shown, site)


def _shown(site: RunningSite) -> Response:
    view = map_view(site.atlas)
    coarse = next((number for number, each in enumerate(view.levels) if each.columns * each.rows <= _OVERVIEW), 0)
    made = site.atlas.browse.map(0.0)
    overview = []
    if made is not None and view.levels:
        size = view.levels[coarse]
        overview = tile_view(site.atlas, made, coarse, 0, 0, size.columns, size.rows).figures
    return page("map.html", view=view, overview=overview)
