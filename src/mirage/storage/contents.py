"""What the figures of a corpus are, counted from the records: for a reader who wants to know what an atlas holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from mirage.figure import Figure
from mirage.storage.database import Database
from mirage.storage.records import WITHDRAWN, figures, stacks
from mirage.storage.rows import FIGURE_ROWS, row_of

MOST = 60
"""How many values, stacks and sources are listed; the others are counted."""


@dataclass(frozen=True, slots=True)
class SourceCount:
    """How many figures have one attribution and licence; the address is empty where they have several."""

    attribution: str
    licence: str
    licence_url: str
    url: str
    figures: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a corpus holds in an atlas, as far as its figures say. Empty values are left out, the most frequent come first.

    Attributes
    ----------
    modalities, diagnoses : tuple of (str, int)
        Value and number of figures; of diagnoses the first `MOST`, without what was withdrawn.
    different : int
        How many diagnoses there are.
    stacks : tuple of Figure
        The first `MOST`, in the order in which they were added.
    stacked : int
        How many stacks there are.
    sources : tuple of SourceCount
        The first `MOST`.
    origins : int
        How many sources there are.
    """

    modalities: tuple[tuple[str, int], ...]
    diagnoses: tuple[tuple[str, int], ...]
    different: int
    stacks: tuple[Figure, ...]
    stacked: int
    sources: tuple[SourceCount, ...]
    origins: int


def contents_of(database: Database, corpus: str) -> Contents:
    """Count what a corpus holds.

    Parameters
    ----------
    database : Database
    corpus : str
    """
    own, count = figures.c.corpus == corpus, sa.func.count().label("count")

    def counted(column: sa.Column[Any], *also: sa.ColumnElement[bool]) -> list[tuple[str, int]]:
        asked = sa.select(column, count).where(own, column != "", *also).group_by(column).order_by(count.desc(), column)
        return [(value, number) for value, number in database.rows(asked)]

    terms = figures.c.attribution, figures.c.licence, figures.c.licence_url
    url = sa.case((sa.func.min(figures.c.url) == sa.func.max(figures.c.url), sa.func.min(figures.c.url)), else_="")
    by_source = sa.select(*terms, url, count).where(own).group_by(*terms).order_by(count.desc(), *terms)
    sources = [SourceCount(*row) for row in database.rows(by_source)]
    keys = [row[0] for row in database.rows(sa.select(stacks.c.key).join(figures).where(own).order_by(stacks.c.key))]
    first = FIGURE_ROWS.where(figures.c.key.in_(keys[:MOST])).order_by(figures.c.key)
    diagnoses = counted(figures.c.diagnosis, ~WITHDRAWN)  # each is a link to a search
    return Contents(
        tuple(counted(figures.c.modality)),
        tuple(diagnoses[:MOST]),
        len(diagnoses),
        tuple(row_of(row).figure for row in database.rows(first)),
        len(keys),
        tuple(sources[:MOST]),
        len(sources),
    )
