"""Vectors laid out on a plane so that neighbours stay neighbours, and then on a grid of cells, one each.

The plane is t-SNE (van der Maaten and Hinton, JMLR 9 (2008) 2579-2605), begun from the principal components and without
chance, so that the same vectors always give the same plane; forces between all pairs are interpolated on a grid (FIt-SNE,
Linderman et al., Nature Methods 16 (2019) 243-245). For the cells the plane is split in halves until each part is one; empty
spots, laid where the plane is bare, keep its gaps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_COMPONENTS = 64  # of the vectors, in which neighbours are looked for
_PERPLEXITY = 10.0
_NEIGHBOURS = 30
_EXAGGERATED, _STEPS = 150, 400
_EXAGGERATION = 12.0
_NODES = 3  # in each box of the grid of forces, along each axis
_BOXES = 30, 120  # along each axis of the grid of forces, at least and at most
_BLOCK = 1024  # figures whose neighbours are looked for at once
ASPECT = 1.4  # of the grid: as wide as screens are
_BARE = 0.6  # empty cells for each figure, as gaps

Progress = Callable[[int, int], None]


def plane(vectors: Floats, progress: Progress = lambda done, total: None) -> Floats:
    """Lay vectors out on a plane.

    Parameters
    ----------
    vectors : (n, d) float32
    progress : callable
        Told how many steps are done, of how many.

    Returns
    -------
    (n, 2) float32
    """
    number = len(vectors)
    parts = components(vectors)
    if number < 8:
        return np.pad(parts, ((0, 0), (0, 2)))[:, :2].astype(np.float32)
    near, distances = neighbours(parts, min(_NEIGHBOURS, number - 1), lambda: progress(0, _STEPS))
    weights = _affinities(distances, min(_PERPLEXITY, (number - 1) / 3)) / (2 * number)
    flat = near.ravel()
    places = parts[:, :2].astype(np.float64)
    places *= 1e-4 / max(float(places[:, 0].std()), 1e-12)
    speed, gains = np.zeros_like(places), np.ones_like(places)
    rate = max(number / _EXAGGERATION, 4.0)
    for step in range(_STEPS):
        early = step < _EXAGGERATED
        pulled = _attraction(places, near, flat, weights * (_EXAGGERATION if early else 1.0))
        force = pulled - _repulsion(places)
        same = np.sign(force) == np.sign(speed)
        gains = np.maximum(np.where(same, gains * 0.8, gains + 0.2), 0.01)
        speed = (0.5 if early else 0.8) * speed - rate * gains * force
        places += speed
        places -= places.mean(axis=0)
        progress(step + 1, _STEPS)
    return places.astype(np.float32)


def components(vectors: Floats) -> Floats:
    """The principal components of vectors, the widest first; signs are those that make each one's largest entry positive.

    Returns
    -------
    (n, m) float32
        At most 64 of them.
    """
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    axes = axes[:, ::-1][:, :_COMPONENTS]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(centred @ axes.astype(np.float32), np.float32)


def neighbours(points: Floats, count: int, alive: Callable[[], None] = lambda: None) -> tuple[Numbers, Floats]:
    """The nearest others of each point, nearest first, and how far they are, squared.

    Parameters
    ----------
    points : (n, d) float32
    count : int
        Fewer than n.
    alive : callable
        Called now and then; what it raises ends the search.

    Returns
    -------
    near : (n, count) int64
    distances : (n, count) float32
    """
    squares = np.einsum("nd,nd->n", points, points)
    near = np.empty((len(points), count), np.int64)
    far = np.empty((len(points), count), np.float32)
    for first in range(0, len(points), _BLOCK):
        alive()
        block = points[first : first + _BLOCK]
        own = np.arange(first, first + len(block))
        squared = squares[own, None] + squares[None] - 2 * (block @ points.T)
        squared[np.arange(len(block)), own] = np.inf
        found = np.argpartition(squared, count - 1, axis=1)[:, :count]
        told = np.take_along_axis(squared, found, axis=1)
        order = np.lexsort((found, told), axis=1)
        near[own] = np.take_along_axis(found, order, axis=1)
        far[own] = np.take_along_axis(told, order, axis=1)
    return near, np.maximum(far, 0)


def _affinities(distances: Floats, perplexity: float) -> Wide:
    """How much each neighbour counts, so that each point has about as many as `perplexity` says; rows sum to 1."""
    apart = (distances - distances[:, :1]).astype(np.float64)
    low, high = np.zeros(len(apart)), np.full(len(apart), np.inf)
    sharp = 1.0 / np.maximum(apart.mean(axis=1), 1e-12)
    weights = np.empty_like(apart)
    for _ in range(50):
        weights = np.exp(-apart * sharp[:, None])
        weights /= weights.sum(axis=1, keepdims=True)
        entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, sharp, low), np.where(wide, high, sharp)
        sharp = np.where(np.isinf(high), sharp * 2, (low + high) / 2)
    return weights


def _attraction(places: Wide, near: Numbers, flat: Numbers, weights: Wide) -> Wide:
    """What neighbours pull: of each point to its own, and of those to it."""
    force = np.empty_like(places)
    apart = [places[:, axis, None] - places[near, axis] for axis in (0, 1)]
    pull = weights / (1.0 + apart[0] ** 2 + apart[1] ** 2)
    for axis in (0, 1):
        each = pull * apart[axis]
        force[:, axis] = each.sum(axis=1) - np.bincount(flat, each.ravel(), len(places))
    return force


def _repulsion(places: Wide) -> Wide:
    """What all points push each other, by charges on the nodes of a grid and a convolution between these."""
    low = places.min(axis=0)
    span = float((places.max(axis=0) - low).max()) * (1 + 1e-9) + 1e-9
    boxes = int(np.clip(np.ceil(span), _BOXES[0], min(_BOXES[1], _BOXES[0] + np.sqrt(len(places)) / 2)))
    nodes, width = boxes * _NODES, span / boxes
    spots = (places - low) / width
    box = np.minimum(spots.astype(np.int64), boxes - 1)
    within = spots - box
    # Lagrange polynomials through the nodes, which stand in the middles of the thirds of a box.
    at = (np.arange(_NODES) + 0.5) / _NODES
    shares = np.empty((2, len(places), _NODES))
    for node in range(_NODES):
        others = [other for other in range(_NODES) if other != node]
        shares[:, :, node] = np.prod([(within - at[other]) / (at[node] - at[other]) for other in others], axis=0).T
    first = box * _NODES
    cells = (first[:, 0, None] + np.arange(_NODES))[:, :, None] * nodes + (first[:, 1, None] + np.arange(_NODES))[:, None, :]
    cells = cells.reshape(len(places), -1)
    share = (shares[0][:, :, None] * shares[1][:, None, :]).reshape(len(places), -1)
    apart = np.minimum(np.arange(2 * nodes), 2 * nodes - np.arange(2 * nodes)) * (width / _NODES)
    kernel = np.fft.rfft2((1.0 + apart[:, None] ** 2 + apart[None] ** 2) ** -2)
    squares = (places**2).sum(axis=1)
    felt = []
    for charge in (np.ones(len(places)), places[:, 0], places[:, 1], squares):
        laid = np.bincount(cells.ravel(), (share * charge[:, None]).ravel(), nodes * nodes).reshape(nodes, nodes)
        spread = np.fft.irfft2(np.fft.rfft2(laid, (2 * nodes, 2 * nodes)) * kernel, (2 * nodes, 2 * nodes))
        felt.append((spread[:nodes, :nodes].ravel()[cells] * share).sum(axis=1))
    one, x, y, square = felt
    total = ((1 + squares) * one - 2 * (places[:, 0] * x + places[:, 1] * y) + square).sum() - len(places)
    return np.stack([places[:, 0] * one - x, places[:, 1] * one - y], axis=1) / max(float(total), 1e-12)


def grid(places: Floats) -> tuple[Numbers, int, int]:
    """Give each place of a plane a cell of a grid of its own, near to where it is; some cells between groups stay empty.

    Parameters
    ----------
    places : (n, 2) float32

    Returns
    -------
    cells : (n,) int64
        ``row * columns + column``.
    columns, rows : int
    """
    number = len(places)
    if np.ptp(places[:, 0]) < np.ptp(places[:, 1]):  # lie down, as screens do
        places = places[:, ::-1]
    places = np.concatenate([places, _bare_spots(places)])
    columns = max(1, round(np.sqrt(len(places) * ASPECT)))
    rows = max(1, -(-len(places) // columns))
    cells = np.empty(len(places), np.int64)
    waiting = [(np.arange(len(places)), 0, 0, columns, rows)]
    while waiting:
        own, left, top, wide, high = waiting.pop()
        if not len(own):
            continue
        if wide * high == 1:
            cells[own] = top * columns + left
            continue
        axis = 0 if wide >= high else 1
        half = (wide if axis == 0 else high) // 2
        first = half * high if axis == 0 else half * wide
        # Cells that are left over are shared by both halves.
        count = round(len(own) * first / (wide * high))
        count = min(max(count, len(own) - (wide * high - first)), first)
        order = own[np.lexsort((own, places[own, axis]))]
        if axis == 0:
            waiting += [(order[:count], left, top, half, high), (order[count:], left + half, top, wide - half, high)]
        else:
            waiting += [(order[:count], left, top, wide, half), (order[count:], left, top + half, wide, high - half)]
    return cells[:number], columns, rows


def _bare_spots(places: Floats) -> Floats:
    """Spots that are evenly spread over what is bare around places, `_BARE` for each of these."""
    low, span = places.min(axis=0), np.maximum(np.ptp(places, axis=0), 1e-6)
    best: Floats = np.empty((0, 2), np.float32)
    for total in np.geomspace(len(places) / 2, 6 * len(places), 16):
        columns = max(1, int(np.sqrt(total * span[0] / span[1])))
        rows = max(1, int(total / columns))
        size = np.array([columns, rows])
        taken = np.zeros((columns, rows), bool)
        taken[tuple(np.minimum((places - low) / span * size, size - 1).astype(np.int64).T)] = True
        spots = (np.argwhere(~taken) + 0.5) / size * span + low
        if abs(len(spots) - _BARE * len(places)) < abs(len(best) - _BARE * len(places)):
            best = spots.astype(np.float32)
    return best
