"""Several channels into one list of hits, near-duplicates folded, and how sure a hit is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mirage.figure import Figure
from mirage.query import Query

Confidence = Literal["strong", "likely", "weak"]


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
    picture : str
        Path of the picture file.
    """

    rank: int
    figure: Figure
    confidence: Confidence
    channels: tuple[Found, ...]
    score: float
    folded: tuple[str, ...] = ()
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found.

    Attributes
    ----------
    query : Query
    hits : tuple of Hit
        Best first.
    fits : bool
        False when nothing in the atlas fits; the hits are then the nearest there are, all weak.
    notes : tuple of str
        What the person should know: text that was not read, a filter value the atlas does not hold, near-duplicates folded.
    seconds : float
        Time taken.
    """

    query: Query
    hits: tuple[Hit, ...]
    fits: bool
    notes: tuple[str, ...]
    seconds: float
