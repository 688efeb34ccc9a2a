"""Several channels into one list, and what speaks for each figure in it.

Fusion is weighted reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): ``score = Σ weight / (60 + rank)``.
The weights: `mirage.search.confidence`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from types import MappingProxyType
from typing import NamedTuple

from mirage.indexes import bm25
from mirage.indexes.base import Ranked
from mirage.search.answer import ChannelMatch
from mirage.search.confidence import HitFeatures

RRF_K = 60


class FusedFigure(NamedTuple):
    """A figure's key with its fused score and what each channel said."""

    key: int
    score: float
    channels: tuple[ChannelMatch, ...]


def fuse(
    lists: Mapping[str, Ranked],
    weights: Mapping[str, float],
    most: int | None = None,
    uncaptioned: Set[int] = frozenset(),
    gained: Mapping[int, float] = MappingProxyType({}),
    staying: Callable[[list[int]], Set[int]] | None = None,
) -> list[FusedFigure]:
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
    gained : mapping
        Key to what a figure has beside, in units of a channel's first place.
    staying : callable, optional
        Given all keys, best first: those to return; channels list several times as many.
    """
    scores: dict[int, float] = {}
    found: dict[int, list[tuple[str, int, float]]] = {}
    for channel, ranked in lists.items():
        weight = weights.get(channel, 1.0)
        other = _uncaptioned_weight(channel, weights)
        for rank, (key, score) in enumerate(ranked, 1):
            scores[key] = scores.get(key, 0.0) + (other if key in uncaptioned else weight) / (RRF_K + rank)
            found.setdefault(key, []).append((channel, rank, score))
    for key in scores.keys() & gained.keys():
        scores[key] += gained[key] / (RRF_K + 1)
    order = sorted(scores, key=lambda key: (-scores[key], key))[:most]
    if staying is not None:
        kept = staying(order)
        order = [key for key in order if key in kept]
    return [FusedFigure(key, scores[key], tuple(ChannelMatch(*each) for each in found[key])) for key in order]


def _uncaptioned_weight(channel: str, weights: Mapping[str, float]) -> float:
    own = weights.get(channel, 1.0)
    return {"image": own + weights.get("caption", 1.0), "caption": 0.0}.get(channel, own)


def boost_coverage(
    fused: Sequence[FusedFigure], covered: Mapping[int, float], weights: Mapping[str, float]
) -> list[FusedFigure]:
    """Lift figures whose words hold the query's words: a rare word that is really there is worth a channel's first place.

    Parameters
    ----------
    fused : sequence of FusedFigure
    covered : mapping
        Key to `coverage`.
    weights : mapping
        ``coverage`` is what a figure with all words gains, in units of a channel's first place.
    """
    gain = weights.get("coverage", 0.0) / (RRF_K + 1)
    lifted = [FusedFigure(entry.key, entry.score + gain * covered[entry.key] ** 2, entry.channels) for entry in fused]
    return sorted(lifted, key=lambda entry: (-entry.score, entry.key))


def features_of(entry: FusedFigure, floors: Mapping[str, float], words: float) -> HitFeatures:
    """What speaks for one figure. A channel that did not list it can have scored it no higher than its last entry.

    Parameters
    ----------
    entry : FusedFigure
    floors : mapping
        Channel to the score of the last entry of its list, where the list is full.
    words : float
        As `coverage` gives it.
    """
    scores = {**floors, **{found.channel: found.score for found in entry.channels}}
    return HitFeatures(scores.get("image", 0.0), scores.get("caption", 0.0), words)


def coverage(query: Mapping[int, float], words: frozenset[int]) -> float:
    """Share of the query's words that a figure's words hold, 0 to 1.

    Parameters
    ----------
    query : mapping
        Stem to its inverse document frequency.
    words : frozenset of int
        Stems of the figure's words.
    """
    total = sum(query.values())
    return sum(weight for stem, weight in query.items() if stem in words) / total if total else 0.0


def inverse_document_frequency(frequency: int, figures: int) -> float:
    """How much a word tells, as in BM25 (Robertson and Zaragoza, 2009), never below 0.1.

    Parameters
    ----------
    frequency : int
        In how many figures' words it stands.
    figures : int
        How many figures there are.
    """
    return max(0.1, bm25.inverse_document_frequency(frequency, figures))
