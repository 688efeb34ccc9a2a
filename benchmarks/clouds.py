"""Vectors as an encoder's would lie, as many as are wanted, and which of them are truly nearest.

Drawn at random from all directions, vectors have no neighbours to speak of, and a graph search finds few of them: the worst
case, and unlike what encoders yield. Here they lie as real ones do. A topic is a point in 64 dimensions, and there is
one for every hundred figures; a figure lies about its topic, with a spread of `_SPREAD` in each of the 64; a random matrix
takes the 64 to the vector's length; a noise of length `_NOISE`, equal in all directions, is added, and the vector brought to
length 1. A query is a new draw with a noise of length `_AWAY`, because words lie apart from the pictures that they speak of.

Every block of 20,000 has its own seed: the same blocks come back, one at a time, however many are wanted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

BLOCK = 20_000
_INSIDE = 64
_FIGURES_A_TOPIC = 100
_SPREAD = 0.6
_NOISE = 0.35
_AWAY = 1.0
_NEAR = 0.6  # of a caption's vector: the length of the noise between it and its picture's


class Cloud:
    """So many vectors of such a length.

    Parameters
    ----------
    figures : int
    dimension : int
    seed : int
    """

    def __init__(self, figures: int, dimension: int, seed: int = 0) -> None:
        self.figures, self.dimension, self._seed = figures, dimension, seed
        rng = np.random.default_rng([seed, dimension])
        self._out = rng.standard_normal((_INSIDE, dimension), np.float32)
        self._topics = rng.standard_normal((max(20, figures // _FIGURES_A_TOPIC), _INSIDE), np.float32)

    def blocks(self) -> Iterator[tuple[int, Vectors]]:
        """Where each block begins, and its (n, d) vectors, n up to 20,000."""
        for start in range(0, self.figures, BLOCK):
            yield start, self._draw(min(BLOCK, self.figures - start), 1, start, _NOISE)

    def captions(self, start: int, images: Vectors) -> Vectors:
        """Vectors of the captions of a block of pictures: near them, and not the same."""
        return _unit(images + _noise(np.random.default_rng([self._seed, 2, start]), images.shape, _NEAR))

    def queries(self, count: int) -> Vectors:
        """Draw (count, d) vectors that are in no block."""
        return self._draw(count, 3, 0, _AWAY)

    def _draw(self, count: int, kind: int, start: int, noise: float) -> Vectors:
        rng = np.random.default_rng([self._seed, kind, start])
        topics = self._topics[rng.integers(len(self._topics), size=count)]
        inside = topics + _SPREAD * rng.standard_normal((count, _INSIDE), np.float32)
        return _unit(_unit(inside @ self._out) + _noise(rng, (count, self.dimension), noise))


def _noise(rng: np.random.Generator, shape: tuple[int, ...], length: float) -> Vectors:
    return np.asarray(rng.standard_normal(shape, np.float32) * (length / shape[1] ** 0.5), np.float32)


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def kept(folder: Path, figures: int, dimension: int, queries: int) -> Path:
    """Write a cloud to a folder, once: ``vectors.npy``, ``queries.npy`` and ``nearest.npy``, the ten nearest of each query.

    One block at a time is in memory. The nearest are exact: every query's product with every vector.
    """
    done = folder / "cloud.json"
    told = {"figures": figures, "dimension": dimension, "queries": queries, "like": [_INSIDE, _SPREAD, _NOISE, _AWAY, _NEAR]}
    if done.exists() and json.loads(done.read_text("utf-8")) == told:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cloud = Cloud(figures, dimension)
    asked = cloud.queries(queries)
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (figures, dimension))
    best, where = np.full((queries, 10), -2, np.float32), np.zeros((queries, 10), np.int64)
    for start, block in cloud.blocks():
        vectors[start : start + len(block)] = block
        scores = np.concatenate([best, asked @ block.T], axis=1)
        places = np.concatenate([where, np.broadcast_to(start + np.arange(len(block)), (queries, len(block)))], axis=1)
        first = np.argpartition(-scores, 9, axis=1)[:, :10]
        best, where = np.take_along_axis(scores, first, 1), np.take_along_axis(places, first, 1)
    vectors.flush()
    np.save(folder / "queries.npy", asked)
    np.save(folder / "nearest.npy", where)
    done.write_text(json.dumps(told), "utf-8")
    return folder


def recall(found: list[list[int]], nearest: npt.NDArray[np.int64]) -> float:
    """Share of the truly nearest that were found."""
    hits = [len(set(ours) & set(true.tolist())) for ours, true in zip(found, nearest, strict=True)]
    return float(np.mean(hits)) / nearest.shape[1]


def spread_of(vectors: Vectors, neighbours: int = 20) -> float:
    """In how many directions vectors spread about each other: their intrinsic dimension.

    The maximum-likelihood estimate of Levina and Bickel (2004) from the distances to the nearest neighbours, its inverse
    averaged as MacKay and Ghahramani advise. It grows with the number of vectors, so compare like numbers only.
    """
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    near = -np.sort(-cosines, axis=1)[:, :neighbours]
    distances = np.sqrt(np.maximum(2 - 2 * near, 1e-12))
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    return float(1 / inverse.mean())
