"""Labelled structures as image occlusion: which slices show them well, and their outlines as polygons.

What an outline is: the edge between pixels inside and outside of a structure, with the fewest corners that stay within
a pixel of it (Douglas and Peucker, 1973).
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mirage.figure import Stack, StackLabel
from mirage.images.packing import Array
from mirage.images.stack_reader import StackReader
from mirage.images.stacks import shape_in

WELL_SEEN = 0.5
"""How much of a structure's largest section in a plane a slice has to show for it to be asked there."""
LEAST_AREA = 0.001
"""Of the slice: what is smaller nobody can point at."""
MOST_STRUCTURES = 12
"""On one slice."""
_SMALL_PART, _MOST_PARTS, _MOST_CORNERS = 0.15, 4, 80
_LEAST_SIDE = 600  # pixels: smaller slices are enlarged, so that they fill a card
_UNNAMED = "structure "

Point = tuple[float, float]
Polygon = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure as it lies on a slice.

    Attributes
    ----------
    value : int
        In the label map.
    name : str
    shapes : tuple of polygons
        Its parts, largest first; x to the right and y down, each from 0 to 1.
    """

    value: int
    name: str
    shapes: tuple[Polygon, ...]

    @property
    def named(self) -> bool:
        """Whether its source names it; structures without names are called by number."""
        return self.name != f"{_UNNAMED}{self.value}"


@dataclass(frozen=True, slots=True)
class MarkedSlice:
    """A slice, and which of its structures are asked.

    Attributes
    ----------
    view : str
    number : int
        From 0.
    structures : tuple of Structure
        By name.
    """

    view: str
    number: int
    structures: tuple[Structure, ...]


def marked_slices(reader: StackReader, only: tuple[str, int] | None = None) -> Iterator[MarkedSlice]:
    """Choose slices of a stack so that each structure is asked once, where it is well seen.

    Parameters
    ----------
    reader : StackReader
    only : (str, int), optional
        View and number of the one slice that may be chosen; all structures that are well enough seen there are asked.
    """
    if reader.labels is None:
        return
    areas = {(view, number): _areas(reader, view, number) for view, number in _slices(reader.stack, only)}
    largest: dict[str, Array] = defaultdict(lambda: np.ones(256))
    for (view, _), found in areas.items():
        largest[view] = np.maximum(largest[view], found)
    names = {label.value: label for label in reader.stack.labels}
    shares = {
        place: {
            int(value): float(found[value] / largest[place[0]][value])
            for value in np.flatnonzero(found >= LEAST_AREA * found.sum())
            if value in names and (only or found[value] >= WELL_SEEN * largest[place[0]][value])
        }
        for place, found in areas.items()
    }
    if only is not None:
        by_size = sorted(shares[only], key=lambda value: (-areas[only][value], value))
        yield from _marked(reader, only, by_size[:MOST_STRUCTURES], names)
        return
    left = {value for seen in shares.values() for value in seen}
    while left:
        place = max(shares, key=lambda each: sum(sorted(_open(shares[each], left), reverse=True)[:MOST_STRUCTURES]))
        best = sorted((value for value in shares[place] if value in left), key=lambda value: (-shares[place][value], value))
        chosen = best[:MOST_STRUCTURES]
        left -= set(chosen)
        yield from _marked(reader, place, chosen, names)


def _slices(stack: Stack, only: tuple[str, int] | None) -> list[tuple[str, int]]:
    if only is not None:
        return [only] if only[0] in stack.views and 0 <= only[1] < shape_in(stack, only[0])[0] else []
    return [(view, number) for view in stack.views for number in range(shape_in(stack, view)[0])]


def _areas(reader: StackReader, view: str, number: int) -> Array:
    """How many pixels each value of the label map has; those of nothing count as value 0."""
    return np.bincount(reader.marks(number, view).ravel(), minlength=256)


def _open(shares: dict[int, float], left: set[int]) -> list[float]:
    return [share for value, share in shares.items() if value in left]


def _marked(
    reader: StackReader, place: tuple[str, int], values: list[int], names: dict[int, StackLabel]
) -> Iterator[MarkedSlice]:
    view, number = place
    marks = reader.marks(number, view)
    found = [Structure(value, names[value].name, outlines(marks == value)) for value in values]
    shown = tuple(sorted((each for each in found if each.shapes), key=lambda each: (each.name.lower(), each.value)))
    if shown:
        yield MarkedSlice(view, number, shown)


def slice_picture(reader: StackReader, view: str, number: int, window: str = "") -> Image.Image:
    """A slice through a window of its stack, the first when none is named; enlarged by a whole number where it is small."""
    picture = reader.picture(number, view, window)
    times = -(-_LEAST_SIDE // max(picture.size))
    if times > 1:
        picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.BICUBIC)
    return picture


def slice_png(reader: StackReader, view: str, number: int) -> bytes:
    """What `slice_picture` gives, as PNG."""
    out = io.BytesIO()
    slice_picture(reader, view, number).save(out, "PNG")
    return out.getvalue()


# -- outlines ---------------------------------------------------------------------------------------------------------------


def outlines(mask: Array) -> tuple[Polygon, ...]:
    """The outer edges of a mask, the largest first; parts that are small beside it are left out, and holes are filled.

    Parameters
    ----------
    mask : (rows, columns) array of bool

    Returns
    -------
    tuple of polygons
        Corners as fractions of columns and rows, clockwise.
    """
    loops = [(area, loop) for loop in _loops(mask) if (area := _area(loop)) > 0]
    loops.sort(key=lambda each: -each[0])
    rows, columns = mask.shape
    scale = np.array([columns, rows])
    large = [loop for area, loop in loops[:_MOST_PARTS] if area >= _SMALL_PART * loops[0][0]]
    return tuple(tuple((float(x), float(y)) for x, y in _simplified(loop) / scale) for loop in large)


def _loops(mask: Array) -> Iterator[Array]:
    """Closed walks along the edges of a mask, the inside on the right hand: clockwise around parts, else in holes."""
    inside = np.pad(mask.astype(bool), 1)
    # From which corner each edge leads where: along the top of a pixel to the right, along its right side down, and so on.
    following: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    sides = ((-1, 0, (0, 0), (1, 0)), (0, 1, (1, 0), (1, 1)), (1, 0, (1, 1), (0, 1)), (0, -1, (0, 1), (0, 0)))
    for down, across, begin, end in sides:
        edge = inside & ~np.roll(inside, (-down, -across), (0, 1))
        for row, column in np.argwhere(edge) - 1:
            following[column + begin[0], row + begin[1]].append((column + end[0], row + end[1]))
    while following:
        first = here = next(iter(following))
        walk, step = [first], (0, 0)
        while True:
            ways = following[here]
            # Where two parts touch by a corner, turning right stays with the one.
            ways.sort(key=lambda to: step[0] * (to[1] - here[1]) - step[1] * (to[0] - here[0]))
            to = ways.pop()
            if not ways:
                del following[here]
            step, here = (to[0] - here[0], to[1] - here[1]), to
            if here == first:
                break
            walk.append(here)
        yield np.array(walk, float)


def _area(loop: Array) -> float:
    """Positive where a walk goes clockwise, y down."""
    x, y = loop.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _simplified(loop: Array) -> Array:
    far = int(((loop - loop[0]) ** 2).sum(1).argmax())
    ends, tolerance = np.concatenate([loop, loop[:1]]), 0.75
    while True:
        keep = np.zeros(len(ends), bool)
        keep[[0, far, -1]] = True
        spans = [(0, far), (far, len(ends) - 1)]
        while spans:
            begin, end = spans.pop()
            if end - begin < 2:
                continue
            away = _distance(ends[begin + 1 : end], ends[begin], ends[end])
            most = int(away.argmax())
            if away[most] > tolerance:
                middle = begin + 1 + most
                keep[middle] = True
                spans += [(begin, middle), (middle, end)]
        corners = ends[:-1][keep[:-1]]
        if 3 <= len(corners) <= _MOST_CORNERS or tolerance < 0.1 or tolerance > len(loop):
            return corners
        tolerance = tolerance * 1.5 if len(corners) > _MOST_CORNERS else tolerance / 3


def _distance(points: Array, begin: Array, end: Array) -> Array:
    """From a piece of a line."""
    along = end - begin
    share = np.clip((points - begin) @ along / max(float(along @ along), 1e-12), 0, 1)
    away: Array = np.hypot(*(points - begin - share[:, None] * along).T)
    return away
