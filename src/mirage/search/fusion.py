"""Several channels into one list of hits, near-duplicates folded, and how sure a hit is.

Fusion is weighted reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): ``score = Σ weight / (60 + rank)``.

The weights and how sure a hit is: `mirage.search.confidence`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.figure import Figure
from mirage.images import LOOK_BITS
from mirage.indexes.base import Ranked
from mirage.query import Query
from mirage.search.confidence import (
    DEFAULT_CALIBRATION,
    SHIPPED_CALIBRATION,
    Calibration,
    Confidence,
    Model,
    Signs,
    calibration_for,
)

__all__ = [
    "DEFAULT_CALIBRATION",
    "RRF_K",
    "SHIPPED_CALIBRATION",
    "Answer",
    "Calibration",
    "Confidence",
    "Found",
    "Fused",
    "Hit",
    "Model",
    "Signs",
    "calibration_for",
    "coverage",
    "favour",
    "fold",
    "fuse",
    "look_alikes",
    "rarity",
    "signs",
]

Vector = npt.NDArray[np.float32]

RRF_K = 60
# Two pictures count as one when `mirage.images.look` of them differs in fewer bits and their vectors agree so far.
SAME_LOOK_BITS = 35
SAME_LOOK_COSINE = 0.985


@dataclass(frozen=True, slots=True)
class Found:
    """One channel's word on a figure: its rank there, 1 is best, and the raw score (never shown as a percentage)."""

    channel: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A figure found.

    Attributes
    ----------
    rank : int
        1 is best.
    figure : Figure
    confidence : {"strong", "likely", "weak"}
        Against this query's own background in this atlas.
    channels : tuple of Found
        Which channels found it.
    score : float
        Fused score; it orders hits of one answer and means nothing outside of it.
    folded : tuple of str
        Ids of near-duplicates that this hit stands for.
    picture, thumbnail : str
        Paths of the picture and its thumbnail.
    width, height : int
        Of the picture, in pixels.
    signs : Signs or None
        What the confidence was reckoned from.
    """

    rank: int
    figure: Figure
    confidence: Confidence
    channels: tuple[Found, ...]
    score: float
    folded: tuple[str, ...] = ()
    picture: str = ""
    thumbnail: str = ""
    width: int = 0
    height: int = 0
    signs: Signs | None = None

    def _repr_html_(self) -> str:
        """Show the hit as a picture in a notebook."""
        from mirage.search.notebook import hit_html  # noqa: PLC0415 - only notebooks need it

        return hit_html(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found. It is also the sequence of its hits.

    Attributes
    ----------
    query : Query
    hits : tuple of Hit
        Best first.
    fits : bool
        False when nothing in the atlas fits; the hits are then the nearest there are, all weak.
    notes : tuple of str
        What the person should know: text that was not read, near-duplicates folded.
    seconds : float
        Time taken.
    """

    query: Query
    hits: tuple[Hit, ...]
    fits: bool
    notes: tuple[str, ...]
    seconds: float

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, number: int) -> Hit:
        return self.hits[number]

    def _repr_html_(self) -> str:
        """Show the hits as pictures in a notebook."""
        from mirage.search.notebook import answer_html  # noqa: PLC0415 - only notebooks need it

        return answer_html(self)


@dataclass(frozen=True, slots=True)
class Fused:
    """A figure's key with its fused score and what each channel said."""

    key: int
    score: float
    channels: tuple[Found, ...]


def fuse(
    lists: Mapping[str, Ranked], weights: Mapping[str, float], most: int | None = None, uncaptioned: Set[int] = frozenset()
) -> list[Fused]:
    """Weighted reciprocal rank fusion of the channels' lists, best first; ties go to the lower key.

    Parameters
    ----------
    lists : mapping
        Channel to its ranked list.
    weights : mapping
        Channel to its weight, 1 where it has none.
    most : int, optional
        How many to return; all when left out.
    uncaptioned : set of int
        Keys of figures without a caption. Their pictures speak for it: the image channel gives them the caption channel's
        weight beside its own, and the caption channel none. They would otherwise stand behind everything with a caption.
    """
    scores: dict[int, float] = {}
    found: dict[int, list[tuple[str, int, float]]] = {}
    for channel, ranked in lists.items():
        weight = weights.get(channel, 1.0)
        other = _uncaptioned_weight(channel, weights)
        for rank, (key, score) in enumerate(ranked, 1):
            scores[key] = scores.get(key, 0.0) + (other if key in uncaptioned else weight) / (RRF_K + rank)
            found.setdefault(key, []).append((channel, rank, score))
    order = sorted(scores, key=lambda key: (-scores[key], key))[:most]
    return [Fused(key, scores[key], tuple(Found(*each) for each in found[key])) for key in order]


def _uncaptioned_weight(channel: str, weights: Mapping[str, float]) -> float:
    own = weights.get(channel, 1.0)
    return {"image": own + weights.get("caption", 1.0), "caption": 0.0}.get(channel, own)


def favour(fused: Sequence[Fused], covered: Mapping[int, float], weights: Mapping[str, float]) -> list[Fused]:
    """Lift figures whose words hold the query's words: a rare word that is really there is worth a channel's first place.

    Parameters
    ----------
    fused : sequence of Fused
    covered : mapping
        Key to `coverage`.
    weights : mapping
        ``coverage`` is what a figure with all words gains, in units of a channel's first place.
    """
    gain = weights.get("coverage", 0.0) / (RRF_K + 1)
    lifted = [Fused(entry.key, entry.score + gain * covered[entry.key] ** 2, entry.channels) for entry in fused]
    return sorted(lifted, key=lambda entry: (-entry.score, entry.key))


def signs(entry: Fused, floors: Mapping[str, float], words: float) -> Signs:
    """What speaks for one figure. A channel that did not list it can have scored it no higher than its last entry."""
    scores = {**floors, **{found.channel: found.score for found in entry.channels}}
    return Signs(scores.get("image", 0.0), scores.get("caption", 0.0), words)


def coverage(query: Mapping[int, float], words: frozenset[int]) -> float:
    """Share of the query's words, by rarity, that a figure's words hold; 0 to 1."""
    total = sum(query.values())
    return sum(weight for stem, weight in query.items() if stem in words) / total if total else 0.0


def rarity(frequency: int, figures: int) -> float:
    """How much a word tells: the inverse document frequency of BM25, never below 0.1."""
    return max(0.1, math.log(1 + (figures - frequency + 0.5) / (frequency + 0.5)))


def fold(keys: Sequence[int], looks: Mapping[int, int], vectors: Mapping[int, Vector]) -> dict[int, int]:
    """Near-duplicate to the better-ranked figure that stands for it.

    Parameters
    ----------
    keys : sequence of int
        Best first.
    looks : mapping
        Key to `mirage.images.look`.
    vectors : mapping
        Key to image vector, for at least every key that has a near look-alike.
    """
    kept: list[int] = []
    stands_for: dict[int, int] = {}
    for key in keys:
        twin = next(
            (
                other
                for other in kept
                if (looks[key] ^ looks[other]).bit_count() < SAME_LOOK_BITS
                and key in vectors
                and other in vectors
                and float(vectors[key] @ vectors[other]) >= SAME_LOOK_COSINE
            ),
            None,
        )
        if twin is None:
            kept.append(key)
        else:
            stands_for[key] = twin
    return stands_for


def look_alikes(keys: Sequence[int], looks: Mapping[int, int]) -> list[int]:
    """Keys whose hash is close to another's: the only ones whose vectors `fold` needs."""
    if len(keys) < 2:
        return []
    size = LOOK_BITS // 8
    packed = np.frombuffer(b"".join(looks[key].to_bytes(size, "big") for key in keys), dtype=np.uint8)
    bits = np.unpackbits(packed.reshape(len(keys), size), axis=1).astype(np.float32)
    # |a ⊕ b| = |a| + |b| − 2 a·b: one product of matrices, exact for whole numbers of this size.
    ones = bits.sum(axis=1)
    distance = ones[:, None] + ones[None, :] - 2 * (bits @ bits.T)
    np.fill_diagonal(distance, LOOK_BITS)
    return [key for key, near in zip(keys, (distance < SAME_LOOK_BITS).any(axis=1), strict=True) if near]
