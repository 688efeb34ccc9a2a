"""How well the map of an atlas keeps neighbours: those that are nearest by their vectors, among those nearest on the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage.atlas import Atlas
from mirage.browse import layout
from mirage.browse.layout import Floats, Numbers
from mirage.errors import BadInput

NEAREST = 10
ASKED = 2000
"""Figures that are asked for their neighbours, where there are more."""


@dataclass(frozen=True, slots=True)
class MapQuality:
    """What one way to lay figures out keeps.

    Attributes
    ----------
    way : str
    among_10, among_30 : float
        Share of the ten figures that are nearest by their vectors among the ten, and the thirty, nearest on the map.
    trustworthiness : float
        Of ten neighbours (Venna and Kaski, ICANN 2001): 1 where all that are near on the map are near by their vectors, and
        less the farther those are that are not.
    """

    way: str
    among_10: float
    among_30: float
    trustworthiness: float


def measure(atlas: Atlas) -> tuple[int, list[MapQuality]]:
    """Measure the map of an atlas, and beside it the first two principal components and chance, on the same grid.

    Returns
    -------
    figures : int
    qualities : list of MapQuality
    """
    made = atlas.browse.map()
    keys = sorted(made.places) if made else []
    if made is None or len(keys) < 4 * NEAREST:
        raise BadInput(f"A map of {len(keys)} figures is too small to be measured; {4 * NEAREST} are the least.")
    kept = atlas.store.vectors.of(keys, atlas.encoder_info.digest)
    vectors = np.stack([kept[key][0] for key in keys])
    drawn = np.random.default_rng(0).permutation(len(keys))
    ways = {
        "the map": np.array([made.places[key] for key in keys]),
        "two principal components, on a grid": _on_grid(layout.components(vectors)[:, :2]),
        "chance": np.array([made.places[keys[place]] for place in drawn]),
    }
    asked = np.sort(drawn[:ASKED])
    ranks, nearest = _ranks(vectors, asked)
    return len(keys), [_quality(way, places, asked, ranks, nearest) for way, places in ways.items()]


def _on_grid(places: Floats) -> Numbers:
    cells, columns, _ = layout.grid(places)
    return np.stack([cells % columns, cells // columns], axis=1)


def _ranks(vectors: Floats, asked: Numbers) -> tuple[Numbers, Numbers]:
    """For each figure that is asked, which rank each figure has by its vector, itself 0, and the nearest others."""
    likeness = vectors[asked] @ vectors.T
    likeness[np.arange(len(asked)), asked] = np.inf
    order = np.argsort(-likeness, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(order.shape[1])[None].repeat(len(asked), axis=0), axis=1)
    return ranks, order[:, 1 : NEAREST + 1]


def _quality(way: str, places: Numbers, asked: Numbers, ranks: Numbers, nearest: Numbers) -> MapQuality:
    squared = ((places[asked][:, None] - places[None]) ** 2).sum(axis=2)
    squared[np.arange(len(asked)), asked] = -1
    on_map = np.argsort(squared, axis=1, kind="stable")[:, 1:31]
    both = list(zip(nearest, on_map, strict=True))
    among = [float(np.mean([np.isin(own, found[:most]).mean() for own, found in both])) for most in (10, 30)]
    count = ranks.shape[1]
    beyond = np.maximum(np.take_along_axis(ranks, on_map[:, :NEAREST], axis=1) - NEAREST, 0).sum(axis=1).mean()
    trust = 1 - 2 * beyond / (NEAREST * (2 * count - 3 * NEAREST - 1))
    return MapQuality(way, among[0], among[1], float(trust))
