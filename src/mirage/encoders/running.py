"""Texts and pictures through two towers, whatever runs them: torch or ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.encoders.base import Vectors
from mirage.encoders.preprocessing import Pixels, Preprocessing
from mirage.encoders.reading import Ids, Reading

Raw = npt.NDArray[np.float32]


class OutOfMemory(Exception):
    """A tower had no memory for so many at once."""


@dataclass(frozen=True, slots=True)
class Running:
    """Two towers and how to feed them.

    Attributes
    ----------
    reading : Reading
    preprocessing : Preprocessing
    dimension : int
    texts : callable
        (n, tokens) int64 to (n, d) float32, not yet of unit length.
    images : callable
        (n, 3, height, width) float32 to (n, d) float32, not yet of unit length.
    texts_at_once, images_at_once : int
    """

    reading: Reading
    preprocessing: Preprocessing
    dimension: int
    texts: Callable[[Ids], Raw]
    images: Callable[[Pixels], Raw]
    texts_at_once: int
    images_at_once: int

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to (n, d) float32, unit length."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if not len(texts):
            return vectors
        rows = self.reading.ids(texts)
        # Texts of like length go together: where short texts are given short, padding would cost as much as reading.
        order = sorted(range(len(rows)), key=lambda number: len(rows[number]))

        def some(start: int, count: int) -> int:
            chosen = order[start : start + count]
            vectors[chosen] = self.texts(self.reading.padded([rows[number] for number in chosen]))
            return len(chosen)

        _through(some, len(order), self.texts_at_once)
        return unit(vectors)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Encode n pictures, any mode and size, to (n, d) float32, unit length."""
        vectors = np.zeros((len(images), self.dimension), dtype=np.float32)

        def some(start: int, count: int) -> int:
            chosen = images[start : start + count]
            vectors[start : start + len(chosen)] = self.images(self.preprocessing.pixels(chosen))
            return len(chosen)

        _through(some, len(images), self.images_at_once)
        return unit(vectors)


def _through(some: Callable[[int, int], int], total: int, at_once: int) -> None:
    """Work through all, with half as many at once each time that memory runs out."""
    done = 0
    while done < total:
        try:
            done += some(done, at_once)
        except OutOfMemory:
            if at_once == 1:
                raise
            at_once = max(1, at_once // 2)


def unit(vectors: Raw) -> Vectors:
    """Rows of unit length; one that is nothing or no number becomes the diagonal, which is like no other."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = ~np.isfinite(lengths) | (lengths < 1e-6)
    if bad.any():
        vectors = np.where(bad, np.float32(1), vectors)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float32)
