"""Near-duplicates of one answer: equal in perceptual hash and in vector, so that the better-ranked one stands for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mirage.images import LOOK_BITS

Vector = npt.NDArray[np.float32]

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
    size = LOOK_BITS // 8
    packed = np.frombuffer(b"".join(looks[key].to_bytes(size, "big") for key in keys), dtype=np.uint64)
    words = packed.reshape(len(keys), -1)
    # Not a product of matrices: that begins threads, which wait for one another where many search at once.
    distance = np.bitwise_count(words[:, None] ^ words[None, :]).sum(axis=2, dtype=np.int64)
    np.fill_diagonal(distance, LOOK_BITS)
    return [key for key, near in zip(keys, (distance < SAME_LOOK_BITS).any(axis=1), strict=True) if near]
