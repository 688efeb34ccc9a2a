"""The order of what an engine lists: scores that are alike stand by key, wherever a list is cut.

Engines order those by where they happen to lie, so that the same atlas, built twice or in another engine, would answer
differently. Captions that differ in a number score alike, in BM25.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mirage.indexes.base import Ranked

TIED = 16  # how many more are asked for, so that a tie at the end of a list is cut by the same rule
_SAME = 4  # decimals up to which scores are alike
_WIDER = 4  # times as many, where a tie goes on beyond that,
_MOST_TIED = 5_000  # up to so many

# Gives, for each of some channels, the best so many that an engine finds.
Find = Callable[[Sequence[str], int], Iterable[Ranked]]


def listed(channels: Sequence[str], limit: int, find: Find) -> dict[str, Ranked]:
    """What each channel lists, longer than is wanted where a tie would be cut; to be put `in_order`.

    Parameters
    ----------
    channels : sequence of str
    limit : int
        How many are wanted.
    find : callable
        Asked again, for more, of the channels in which the last that is wanted scores like the last that was found.
    """
    most, left = limit + TIED, list(channels)
    found: dict[str, Ranked] = {}
    while left and most <= max(limit + TIED, _MOST_TIED):
        found |= dict(zip(left, find(left, most), strict=True))
        left = [name for name in left if len(found[name]) == most and _cut_in_a_tie(found[name], limit)]
        most *= _WIDER
    return {name: found[name] for name in channels}


def with_slices(figures: Ranked, slices: Ranked) -> Ranked:
    """The image channel, each stack by the best of its image vector and its slices."""
    scores = dict(figures)
    return list((scores | {key: max(score, scores.get(key, score)) for key, score in slices}).items())


def in_order(found: Ranked, limit: int) -> Ranked:
    """Best first; what scores alike stands in the order of keys."""
    return sorted(found, key=lambda hit: (-round(hit[1], _SAME), hit[0]))[:limit]


def _cut_in_a_tie(found: Ranked, limit: int) -> bool:
    """Whether what lies beyond these may score like the last one that is wanted."""
    return round(found[limit - 1][1], _SAME) == round(found[-1][1], _SAME)
