"""Plots as numbers that a template draws: shares of a box, so that one drawing fits every screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a column.

    Attributes
    ----------
    kind : str
        Which part.
    x, y, width, height : float
        In a box as wide as there are columns, and 100 high.
    """

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Columns whose parts stand on one another.

    Attributes
    ----------
    columns : int
    most : int
        What the height of the box means.
    bars : tuple of Bar
        Parts with nothing in them are left out.
    """

    columns: int
    most: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """A share, and between which it may lie, from the top of a box that is 100 high."""

    x: float
    y: float
    low: float
    high: float


def stacked(columns: Sequence[Mapping[str, int]]) -> Bars:
    """Columns of counts, each part on those before it.

    Parameters
    ----------
    columns : sequence of mapping
        Kind to count.
    """
    most = rounded(max((sum(column.values()) for column in columns), default=0))
    bars = []
    for number, column in enumerate(columns):
        below = 0
        for kind, count in column.items():
            if count:
                height = 100 * count / most
                bars.append(Bar(kind, number + 0.12, round(100 - 100 * below / most - height, 3), 0.76, round(height, 3)))
                below += count
    return Bars(len(columns), most, tuple(bars))


def dotted(shares: Sequence[tuple[float, tuple[float, float]] | None]) -> tuple[Dot, ...]:
    """Shares with their intervals; None leaves a gap.

    Parameters
    ----------
    shares : sequence of (float, (float, float)) or None
    """
    return tuple(
        Dot(number + 0.5, *(round(100 - 100 * each, 2) for each in (given[0], *given[1])))
        for number, given in enumerate(shares)
        if given is not None
    )


def rounded(most: int) -> int:
    """The least of 5, 10, 20, 50, 100 and so on that is not less."""
    step = 5
    while step < most:
        step = step * 2 if str(step)[0] in "15" else step * 5 // 2
    return step
