"""The map of an atlas, as its page and the API show it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mirage.atlas import Atlas
from mirage.browse.map import Map
from mirage.web.views.figures import ApiModel, FigureView, figure_view

TILE = 8
"""Cells along each side of a tile."""


class MapLevelView(ApiModel):
    """One coarseness of the map, in cells."""

    columns: int
    rows: int


class MapView(ApiModel):
    """Where the pictures of the atlas lie, those that look alike close together."""

    ready: bool = Field(description="False while the pictures are still being laid out.")
    done: float = Field(description="Which share of that is done, 0 to 1.")
    fingerprint: str = Field(description="Of what it was made from; the addresses of tiles name it.")
    figures: int
    tile: int = Field(description="How many cells a tile has along each side.")
    levels: list[MapLevelView] = Field(
        description="The first has every figure; each next is half as wide and high, a figure in it stands for four cells."
    )


class MapFigureView(ApiModel):
    """A figure in its cell."""

    column: int
    row: int
    figure: FigureView


class MapTileView(ApiModel):
    """The figures in one tile of a level."""

    figures: list[MapFigureView]


def map_view(atlas: Atlas) -> MapView:
    """Show how the map of an atlas is cut into levels and tiles.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    """
    made = atlas.browse.map(0.0)
    if made is None:
        return MapView(ready=False, done=atlas.browse.map_done, fingerprint="", figures=0, tile=TILE, levels=[])
    levels = [MapLevelView(columns=level.shape[1], rows=level.shape[0]) for level in made.levels]
    short = made.fingerprint[:12]
    return MapView(ready=True, done=1.0, fingerprint=short, figures=len(made.places), tile=TILE, levels=levels)


def tile_view(atlas: Atlas, made: Map, level: int, left: int, top: int, wide: int = TILE, high: int = TILE) -> MapTileView:
    """Show the figures in a part of a level; those that are hidden, or were removed a moment ago, are left out.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    made : mirage.browse.map.Map
    level, left, top, wide, high : int
        In cells.
    """
    found = made.within(level, left, top, wide, high)
    rows = atlas.store.rows([key for _, _, key in found])
    hidden = atlas.browse.hidden()
    return MapTileView(
        figures=[
            MapFigureView(
                column=column,
                row=row,
                figure=figure_view(
                    rows[key].figure,
                    (rows[key].picture.width, rows[key].picture.height),
                    Path(rows[key].picture.name).stem,
                ),
            )
            for column, row, key in found
            if key in rows and key not in hidden
        ]
    )
