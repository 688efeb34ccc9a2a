"""One query's lists, fetched once and put in order under any weights.

Fetching asks the encoder and the index; ordering is `mirage.search.fusion` alone, so many weights cost little. A test holds
the order to that of `Atlas.search`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.atlas import Atlas
from mirage.calibrate.refine_queries import Asked
from mirage.indexes.base import Ask, Ranked
from mirage.language import words
from mirage.search import fusion
from mirage.search.searcher import SPARE, Searcher, depth_of

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a query saw: every channel's list, and of the figures in them what ordering needs.

    Attributes
    ----------
    asked : Asked
    lists : mapping
        Channel to its ranked list.
    covered : mapping
        Key to `mirage.search.fusion.coverage`.
    names : mapping
        Key to the figure's id.
    looks, vectors : mapping
        Of the figures that have a near look-alike among these.
    uncaptioned : frozenset of int
        Those of which no caption and no title are known.
    """

    asked: Asked
    lists: Mapping[str, Ranked]
    covered: Mapping[int, float]
    names: Mapping[int, str]
    looks: Mapping[int, int]
    vectors: Mapping[int, Vector]
    uncaptioned: frozenset[int]


class Eyes:
    """Asks one atlas, and remembers how rare its words are."""

    def __init__(self, atlas: Atlas) -> None:
        self._index = atlas.index
        self._searcher = Searcher(atlas.store, atlas.index, atlas.encoder, atlas.pictures)
        self._rows = {row.key: row for rows in atlas.store.each() for row in rows}
        self._uncaptioned = atlas.store.uncaptioned(list(self._rows))
        self._stems = {key: words.stems(row.figure.words) for key, row in self._rows.items()}
        self._rarity: dict[str, float] = {}

    def look(self, asked: Asked) -> Seen:
        """Fetch what a query's channels list."""
        query = asked.query
        lists = self._index.ask(Ask(self._searcher.vector(query), query.text, depth_of(query), query.filters))
        keys = list(dict.fromkeys(key for ranked in lists.values() for key, _ in ranked if key in self._rows))
        wanted = {stem: self._rare(word) for stem, word in words.words(query.text).items()}
        looks = {key: self._rows[key].picture.look for key in keys}
        near = fusion.look_alikes(keys, looks)
        return Seen(
            asked,
            lists,
            {key: fusion.coverage(wanted, self._stems[key]) for key in keys},
            {key: self._rows[key].figure.id for key in keys},
            {key: looks[key] for key in near},
            self._index.vectors(near) if near else {},
            frozenset(keys) & self._uncaptioned,
        )

    def _rare(self, word: str) -> float:
        if word not in self._rarity:
            self._rarity[word] = fusion.rarity(self._index.frequency(word), len(self._rows))
        return self._rarity[word]


def ordered(seen: Seen, weights: Mapping[str, float]) -> list[tuple[str, ...]]:
    """What a search with these weights would show, best first: each hit's figure id and the ids folded into it."""
    fused = fusion.fuse(seen.lists, weights, seen.asked.query.k + SPARE, seen.uncaptioned)
    fused = fusion.favour([entry for entry in fused if entry.key in seen.names], seen.covered, weights)
    stands_for = fusion.fold([entry.key for entry in fused if entry.key in seen.looks], seen.looks, seen.vectors)
    folded: dict[int, list[int]] = {}
    for key, other in stands_for.items():
        folded.setdefault(other, []).append(key)
    kept = [entry.key for entry in fused if entry.key not in stands_for][: seen.asked.query.k]
    return [tuple(seen.names[k] for k in (key, *folded.get(key, ()))) for key in kept]


def gain(shown: Sequence[tuple[str, ...]], asked: Asked, k: int = 10) -> float:
    """nDCG@K with two grades, right and wrong (Järvelin and Kekäläinen, TOIS 2002).

    Hits that the query does without are passed over. A hit is right when it, or one folded into it, is.
    """
    there = [hit for hit in shown if hit[0] not in asked.without][:k]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    right = np.array([not asked.right.isdisjoint(hit) for hit in there], dtype=float)
    best = discounts[: min(k, len(asked.right))].sum()
    return float((right * discounts[: len(there)]).sum() / best) if best else 0.0
