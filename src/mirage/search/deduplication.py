"""Near-duplicates of one answer: equal in perceptual hash and in vector, so that the better-ranked one stands for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mirage.indexes.base import Vector

# Two pictures count as one when `mirage.images.look` of them differs in fewer bits and their vectors agree so far.
SAME_LOOK_BITS = 35
SAME_LOOK_COSINE = 0.985


def deduplicated(
    keys: Sequence[int], looks: Mapping[int, int], vectors_of: Callable[[Sequence[int]], Mapping[int, Vector]]
) -> tuple[list[int], dict[int, list[int]]]:
    """The figures that stay, and what each of them stands for.

    Parameters
    ----------
    keys : sequence of int
        Best first.
    looks : mapping
        Key to `mirage.images.look`.
    vectors_of : callable
        Keys to their image vectors; asked only for those whose hashes are close to another's.

    Returns
    -------
    tuple
        The keys that stay, in their order; and key to the keys of the near-duplicates that it stands for.
    """
    near = look_alikes(keys, looks)
    stands_for = duplicates(near, looks, vectors_of(near)) if near else {}
    folded: dict[int, list[int]] = {}
    for key, other in stands_for.items():
        folded.setdefault(other, []).append(key)
    return [key for key in keys if key not in stands_for], folded


def duplicates(keys: Sequence[int], looks: Mapping[int, int], vectors: Mapping[int, Vector]) -> dict[int, int]:
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
    """Keys whose hash is close to another's: the only ones whose vectors `duplicates` needs.

    Parameters
    ----------
    keys : sequence of int
    looks : mapping
        Key to `mirage.images.look`, for all the keys.

    Returns
    -------
    list of int
        In the order of `keys`.
    """
    if len(keys) < 2:
        return []
    near, seen = set[int](), [looks[key] for key in keys]
    for place, look in enumerate(seen):
        behind = [
            other for other, its in enumerate(seen[place + 1 :], place + 1) if (look ^ its).bit_count() < SAME_LOOK_BITS
        ]
        if behind:
            near.update((place, *behind))
    return [key for place, key in enumerate(keys) if place in near]
