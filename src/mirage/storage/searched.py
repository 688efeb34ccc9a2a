"""What a search reads of figures: plain records, which need no database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


class SearchRow(NamedTuple):
    """What a search ranks a figure by; only what is shown is read whole.

    Of the words `stems` has the numbers, and `words` the forms in which they are compared; `look` is the picture's hash.
    """

    key: int
    id: str
    caption: str
    diagnosis: str
    modality: str
    plane: str
    region: str
    title: str
    look: int
    stems: frozenset[int]
    words: frozenset[str]


class StoredMention(NamedTuple):
    """A concept that a figure, or its case, speaks of, in which field, with which `mirage.language.mentions.Polarity`."""

    key: int
    concept: str
    field: str
    polarity: str


@dataclass(frozen=True, slots=True, eq=False)
class SliceVectors:
    """What an encoder made of slices of a stack.

    Attributes
    ----------
    numbers : (n,) int32
        Of the slices along the first of the stack's views, ascending.
    vectors : (n, d) float32
        Unit length.
    """

    numbers: npt.NDArray[np.int32]
    vectors: Vector
