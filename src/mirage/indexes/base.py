"""The port: vectors, words and concepts to figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from mirage.errors import AtlasError
from mirage.indexes.bm25 import TextChannel

Vector = npt.NDArray[np.float32]

# What a filter may name; each is a keyword field of every point.
FILTER_FIELDS: tuple[str, ...] = ("modality", "plane", "region", "proof", "corpus", "licence")
CHANNELS: tuple[str, ...] = ("image", "caption", "words", "case", "concepts")


class IndexOutdated(AtlasError):
    """An earlier version made the index, which lacks what this one asks for; it can be made anew from the records."""


@dataclass(frozen=True, slots=True)
class Point:
    """What the index keeps of one figure.

    Attributes
    ----------
    key : int
        The figure's number in the store, 0 or above.
    image, caption : (d,) float32
        Unit length. `caption` is None for a figure without words.
    words : mapping
        The figure's words, as `mirage.indexes.bm25.weighted` gives them: number of a stem to weight.
    fields : mapping
        A value for each of `FILTER_FIELDS`.
    concepts : mapping
        What the figure speaks of: number (32 bits, of a concept in a field) to weight.
    case : mapping
        For a channel of its own: the same words with those of the figure's case.
    slices : (n, d) float32 or None
        Unit length; of slices of a figure that is a stack.
    """

    key: int
    image: Vector
    caption: Vector | None
    words: Mapping[int, float]
    fields: Mapping[str, str]
    concepts: Mapping[int, float] = field(default_factory=dict)
    case: Mapping[int, float] = field(default_factory=dict)
    slices: Vector | None = None


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """One question to the index. A channel that has nothing to look with, None or empty, stays out.

    Where `among` is given, only points with these keys are listed. The image channel scores a stack by the best of its image
    vector and its slices. The channels of words, case and concepts score a figure by the sum, over the numbers in both, of
    the products of the weights, and list none that has no number of the query's; `mirage.indexes.bm25.Rarity.asked` gives
    the weights of words.
    """

    vector: Vector | None
    words: Mapping[int, float]
    limit: int
    filters: Mapping[str, Sequence[str]]
    caption_channel: bool = True
    concepts: Mapping[int, float] = field(default_factory=dict)
    among: Sequence[int] | None = None
    case: Mapping[int, float] = field(default_factory=dict)


# A channel's ranked list: (key, raw score), best first.
Ranked = list[tuple[int, float]]


@runtime_checkable
class Index(Protocol):
    """Five channels over the same points."""

    def add(self, points: Sequence[Point]) -> None:
        """Insert or replace by key; durable when it returns."""
        ...

    def remove(self, keys: Sequence[int]) -> None:
        """Take points out; unknown keys are no error."""
        ...

    def ask(self, ask: IndexQuery) -> dict[str, Ranked]:
        """Answer all channels in one call, each as its own list with raw scores."""
        ...

    def vectors(self, keys: Sequence[int]) -> dict[int, Vector]:
        """Return image vectors by key."""
        ...

    def facets(self, filters: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
        """Count the values of every field among the points that pass the filters."""
        ...

    def frequency(self, number: int, channel: TextChannel = "words") -> int:
        """How many points have a stem, by its number in `mirage.indexes.bm25`, in what a channel searches."""
        ...

    def keys(self) -> Iterable[int]:
        """Every key there is."""
        ...

    def __len__(self) -> int:
        """How many points there are."""
        ...

    def optimise(self) -> None:
        """Do what makes later questions fast; called once adding has ended."""
        ...

    def warm(self) -> None:
        """Have in memory what searches read, as far as that is sensible; may be called while others ask, add and close."""
        ...

    def close(self) -> None:
        """Write everything and let go of the files."""
        ...


class Elsewhere(Protocol):
    """The class of an adapter whose index is not in this process: it lies at an address, and several processes share it."""

    def __call__(self, address: str, dimension: int, encoder: str = "") -> Index:
        """Open the index at an address, and make it where there is none; see `mirage.indexes.open`."""
        ...

    def held(self, address: str) -> int | None:
        """How many points there are at an address; None where there is no index."""
        ...

    def drop(self, address: str) -> None:
        """Remove what is at an address; nothing there is no error."""
        ...
