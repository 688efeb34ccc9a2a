"""A map of an atlas: every picture in a cell of one large grid, those that look alike close together, and the same coarser.

It is worked out once for what the atlas holds, in the background, and kept in its folder with a fingerprint of what it was
made from.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np

from mirage.aside import aside
from mirage.browse import layout
from mirage.browse.layout import Floats, Numbers, Progress
from mirage.errors import MirageError
from mirage.storage.records import batched
from mirage.storage.store import Store

FILE = "map.npz"
EMPTY = -1
_RULES = "1"  # goes up when maps are laid out by other rules
_AT_ONCE = 2000


@dataclass(frozen=True, eq=False)
class Map:
    """Where each figure lies.

    Attributes
    ----------
    fingerprint : str
        Of what it was made from.
    levels : tuple of (rows, columns) int64
        Keys of figures, `EMPTY` where none lies. The first has every figure; each cell of the next stands for four of the
        one before, by the figure among them that is most like all of them. The last is one cell.
    """

    fingerprint: str
    levels: tuple[Numbers, ...]

    @classmethod
    def of(cls, keys: Numbers, vectors: Floats, fingerprint: str, progress: Progress = lambda done, total: None) -> Self:
        """Lay figures out.

        Parameters
        ----------
        keys : (n,) int64
        vectors : (n, d) float32
            Unit length.
        fingerprint : str
        progress : callable
            Told how many steps are done, of how many.
        """
        if not len(keys):
            return cls(fingerprint, ())
        cells, columns, rows = layout.grid(layout.plane(vectors, progress))
        numbers = np.full(rows * columns, EMPTY, np.int64)
        numbers[cells] = np.arange(len(keys))
        levels = [numbers.reshape(rows, columns)]
        while levels[-1].size > 1:
            levels.append(_coarser(levels[-1], vectors))
        return cls(fingerprint, tuple(np.where(level == EMPTY, EMPTY, keys[level]) for level in levels))

    @cached_property
    def places(self) -> Mapping[int, tuple[int, int]]:
        """Key of each figure to its column and row."""
        if not self.levels:
            return {}
        found = np.argwhere(self.levels[0] != EMPTY)
        return {int(self.levels[0][row, column]): (int(column), int(row)) for row, column in found}

    def within(self, level: int, left: int, top: int, wide: int, high: int) -> list[tuple[int, int, int]]:
        """The figures in a part of a level, row by row: column, row and key of each."""
        if not 0 <= level < len(self.levels):
            return []
        part = self.levels[level][max(0, top) : max(0, top + high), max(0, left) : max(0, left + wide)]
        return [
            (int(column) + max(0, left), int(row) + max(0, top), int(part[row, column]))
            for row, column in np.argwhere(part != EMPTY)
        ]

    def write(self, path: Path) -> None:
        """Keep it in a file."""
        with aside(path) as partial, partial.open("wb") as file:
            levels: dict[str, Any] = {f"{number}": level for number, level in enumerate(self.levels)}
            np.savez(file, fingerprint=np.array(self.fingerprint), **levels)

    @classmethod
    def read(cls, path: Path, fingerprint: str) -> Self | None:
        """Read what `write` wrote; None where there is none of this fingerprint, or it cannot be read."""
        with suppress(OSError, ValueError, KeyError, EOFError, BadZipFile), np.load(path, allow_pickle=False) as kept:
            if str(kept["fingerprint"]) == fingerprint:
                levels = tuple(np.asarray(kept[f"{number}"], np.int64) for number in range(len(kept.files) - 1))
                if all(level.ndim == 2 for level in levels):
                    return cls(fingerprint, levels)
        return None


def _coarser(numbers: Numbers, vectors: Floats) -> Numbers:
    """Half as many cells along each side."""
    rows, columns = (-(-side // 2) for side in numbers.shape)
    padded = np.full((2 * rows, 2 * columns), EMPTY, np.int64)
    padded[: numbers.shape[0], : numbers.shape[1]] = numbers
    four = padded.reshape(rows, 2, columns, 2).transpose(0, 2, 1, 3).reshape(rows * columns, 4)
    coarse = np.full(rows * columns, EMPTY, np.int64)
    for first in range(0, len(four), _AT_ONCE):
        part = four[first : first + _AT_ONCE]
        there = part != EMPTY
        own = vectors[part] * there[..., None]
        likeness = np.where(there, np.einsum("cfd,cd->cf", own, own.sum(axis=1)), -np.inf)
        best = likeness.argmax(axis=1)
        coarse[first : first + _AT_ONCE] = np.where(there.any(axis=1), part[np.arange(len(part)), best], EMPTY)
    return coarse.reshape(rows, columns)


class _Stopped(Exception):
    pass


class Mapmaker:
    """Gives the map of one state of an atlas: the one that is kept, or a new one, laid out in the background.

    Parameters
    ----------
    store : mirage.storage.store.Store
    folder : Path
        Of the atlas.
    encoder : str
        Digest of the encoder whose vectors say what looks alike.
    """

    def __init__(self, store: Store, folder: Path, encoder: str) -> None:
        self._store, self._path, self._encoder = store, folder / FILE, encoder
        self._lock = threading.Lock()
        self._looked, self._ready = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._map: Map | None = None
        self._failed: MirageError | None = None
        self._stop = False
        self.done = 0.0

    def get(self, patience: float = 0.0, *, kept: bool = False) -> Map | None:
        """The map; None when it is not ready in time. Somebody who asks first begins it.

        Parameters
        ----------
        patience : float
            Seconds to wait.
        kept : bool
            Wait only while one that is kept is read, not while one is laid out.

        Raises
        ------
        mirage.errors.MirageError
            When the records could not be read.
        """
        with self._lock:
            if self._thread is None and self._map is None:
                self._thread = threading.Thread(target=self._make, name="mirage-map", daemon=True)
                self._thread.start()
        (self._looked if kept else self._ready).wait(patience)
        if self._failed is not None:
            raise self._failed
        return self._map

    def close(self, patience: float = 0.0) -> None:
        """Stop what is under way, and wait for its end.

        Parameters
        ----------
        patience : float
            Seconds at most.
        """
        self._stop = True
        if self._thread is not None:
            self._thread.join(patience)

    def _make(self) -> None:
        try:
            self._map = self._kept()
            self._looked.set()
            self._map = self._map or self._new()
        except _Stopped:
            pass
        except MirageError as error:
            self._failed = error
        finally:
            self._looked.set()
            self._ready.set()

    @cached_property
    def _figures(self) -> list[tuple[int, str]]:
        return self._store.picture_names()

    @cached_property
    def _fingerprint(self) -> str:
        return hashlib.sha256(repr((_RULES, self._encoder, self._figures)).encode()).hexdigest()

    def _kept(self) -> Map | None:
        return Map.read(self._path, self._fingerprint)

    def _new(self) -> Map:
        found: dict[int, Floats] = {}
        for part in batched([key for key, _ in self._figures], _AT_ONCE):
            self._progress(0, 1)
            found |= {key: image for key, (image, _) in self._store.vectors.of(part, self._encoder).items()}
        vectors = np.stack(list(found.values())) if found else np.empty((0, 1), np.float32)
        made = Map.of(np.array(list(found), np.int64), vectors, self._fingerprint, self._progress)
        with suppress(OSError):  # a folder that is read-only, or full: the next start lays it out again
            made.write(self._path)
        return made

    def _progress(self, done: int, total: int) -> None:
        if self._stop:
            raise _Stopped
        self.done = done / total
