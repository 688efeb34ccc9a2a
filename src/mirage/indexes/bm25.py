"""BM25 as sparse vectors, so that every index scores words alike (Robertson and Zaragoza, 2009).

A text becomes its stems, each with the part of the score that the text decides: how often the stem stands in it, damped by
`K1` and by the text's length. A query becomes its stems, each with its inverse document frequency. The score is their dot
product, which an index has to store and multiply and nothing else; what engines call full text search differs in tokens,
stems, stop words and formula.

Tokens and stems are those of `mirage.language.words`: letters and digits, lower case, without accents, English stop words
left out, Snowball's English stemmer. A stem's number there has 31 bits; `number` folds it below `DIMENSION`, the most that
pgvector's ``sparsevec`` takes. Of 100,000 different stems five pairs or so share a number, two of them without folding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Literal, Protocol, get_args

import qdrant_edge as edge

from mirage.language.words import STEMMED, stem, stems

TextChannel = Literal["words", "case"]
TEXT_CHANNELS: tuple[TextChannel, ...] = get_args(TextChannel)
Weights = Mapping[int, float]

K1, B = 1.2, 0.75
_TOKEN = re.compile(r"[^\W_]+")
DIMENSION = 1_000_000_000
MOST = 16_000  # stems of one text that ``sparsevec`` keeps; beyond them the rarest in the text are left out
# Words of a text, stop words left out, on average over the 2,555 figures of MedPix's train split and the starter corpus:
# 44.8 and 301.2 (`python -m benchmarks.lengths MEDPIX`). Written down and not counted in each atlas: a figure's weights
# must not depend on what is added after it, nor on which engine has it.
AVERAGE_LENGTH: Mapping[TextChannel, float] = {"words": 45.0, "case": 300.0}


@cache
def _model(average: float) -> edge.Bm25:
    return edge.Bm25(edge.Bm25Config(k=K1, b=B, avg_len=average, **STEMMED))


def length(text: str) -> int:
    """How many words a text has, stop words left out, as the formula counts them."""
    return sum(stem(token) is not None for token in _TOKEN.findall(text))


def folded(own: int) -> int:
    """The number that an index knows a stem by, from that of `mirage.language.words`."""
    return own % DIMENSION


def number(word: str) -> int | None:
    """The number that an index knows a word by, the same for all forms with one stem; None for a stop word."""
    found = stem(word)
    return None if found is None else folded(found)


def weighted(text: str, channel: TextChannel, average: float | None = None) -> dict[int, float]:
    """A text's stems with the part of BM25 that the text decides.

    ``tf (K1 + 1) / (tf + K1 (1 - B + B length / average))``

    Parameters
    ----------
    text : str
    channel : {"words", "case"}
    average : float, optional
        Of the texts' `length`; the channel's `AVERAGE_LENGTH` when left out.

    Returns
    -------
    dict
        Number of the stem to a weight between 0 and ``K1 + 1``, the number ascending; at most `MOST`.
    """
    found = _model(average or AVERAGE_LENGTH[channel]).embed_document(text) if text else None
    weights: dict[int, float] = {}
    for index, value in zip(found.indices, found.values, strict=True) if found else ():
        own = folded(int(index))
        weights[own] = max(weights.get(own, 0.0), float(value))
    kept = sorted(weights, key=lambda one: (-weights[one], one))[:MOST]
    return {one: weights[one] for one in sorted(kept)}


def inverse_document_frequency(frequency: int, points: int) -> float:
    """How much a word tells: ``ln(1 + (points - frequency + 0.5) / (frequency + 0.5))``, above 0.

    Parameters
    ----------
    frequency : int
        In how many points it stands.
    points : int
        How many there are.
    """
    return math.log(1 + max(0.0, points - frequency + 0.5) / (frequency + 0.5))


class Counts(Protocol):
    """What counts points and the words that they have; every `mirage.indexes.base.Index` does."""

    def frequency(self, number: int, channel: TextChannel = "words") -> int:
        """How many points have a stem."""
        ...

    def __len__(self) -> int:
        """How many points there are."""
        ...


class Rarity:
    """How rare words are in one state of an index, asked once for each word.

    Parameters
    ----------
    index : Counts
        What it counts is remembered: an index that has changed since wants another `Rarity`.
    """

    def __init__(self, index: Counts) -> None:
        self._count = lru_cache(maxsize=20_000)(index.frequency)
        self.points = len(index)

    def frequency(self, word: str, channel: TextChannel = "words") -> int:
        """In how many points a word stands, in any form with its stem; 0 for a stop word.

        Of a word in parts, *ileo-rectal*, it is the rarest part that counts.
        """
        return min((self._count(folded(own), channel) for own in stems(word)), default=0)

    def asked(self, text: str, channel: TextChannel = "words") -> dict[int, float]:
        """A query's stems with their inverse document frequencies, each once; those that no point has are left out.

        Parameters
        ----------
        text : str
        channel : {"words", "case"}
            Where it is looked for.
        """
        counts = {own: self._count(own, channel) for own in sorted(set(map(folded, stems(text))))}
        return {own: inverse_document_frequency(count, self.points) for own, count in counts.items() if count}
