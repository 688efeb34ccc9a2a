"""What was edited of the words of figures, as the records keep it: beside the new words those of the source."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from mirage.figure import EDITABLE, Figure
from mirage.storage.database import Database
from mirage.storage.dialects import among
from mirage.storage.mentions import put_mentions
from mirage.storage.records import FigureRow, Vector, figure_mentions, figures, pack, vectors
from mirage.storage.rows import derived_of, edited_of, edited_written, mentions_of

_WORDS = sa.select(figures.c.id, figures.c.edited, *(figures.c[name] for name in EDITABLE)).where(
    among(figures.c.id, "keys"), figures.c.edited != ""
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One field of a figure that was edited.

    Attributes
    ----------
    value : str
        What it says now.
    on : str
        The day, as in "2026-11-29".
    source : str
        What the source says.
    inferred : bool
        Whether that was inferred.
    """

    value: str
    on: str
    source: str
    inferred: bool


class Edits:
    """What was edited in the records of one atlas.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, figure_ids: Collection[str]) -> dict[str, dict[str, Edit]]:
        """What was edited of some figures, by id and field; those of which nothing was are left out."""
        found: dict[str, dict[str, Edit]] = {}
        for row in self._database.rows_of(figure_ids, _WORDS):
            told = {field: (on, source, inferred) for field, on, source, inferred in edited_of(row.edited)}
            found[row.id] = {field: Edit(getattr(row, field), *rest) for field, rest in told.items()}
        return found

    def put(
        self, row: FigureRow, figure: Figure, edits: Mapping[str, Edit], caption: Vector | None, encoder: str, stamp: int
    ) -> None:
        """Replace the words of a figure and all that is made of them, in one transaction.

        Parameters
        ----------
        row : FigureRow
            As it was.
        figure : Figure
            As it is to be.
        edits : mapping
            All fields of it that differ from what its source says.
        caption : (d,) float32 or None
            The vector of its words.
        encoder : str
            Digest of the encoder that made it.
        stamp : int
            Number of this change.
        """
        words = {name: getattr(figure, name) for name in EDITABLE} | derived_of(figure)
        marks = {"inferred": " ".join(figure.inferred), "edited": edited_written(sources_of(edits)), "stamp": stamp}
        mine = vectors.c.key == row.key
        with self._database.writing() as connection:
            connection.execute(sa.update(figures).where(figures.c.key == row.key).values(**words, **marks))
            put_mentions(connection, figure_mentions.c.key, {row.key: mentions_of(figure)})
            packed = None if caption is None else pack(caption)
            connection.execute(sa.update(vectors).where(mine, vectors.c.encoder == encoder).values(caption=packed))
            connection.execute(sa.delete(vectors).where(mine, vectors.c.encoder != encoder))


def sources_of(edits: Mapping[str, Edit]) -> list[tuple[str, str, str, bool]]:
    """Edits as they are written: field, day, what the source says, and whether that was inferred."""
    return [(field, edit.on, edit.source, edit.inferred) for field, edit in edits.items()]


def edited(figure: Figure, edits: Mapping[str, Edit]) -> tuple[Figure, dict[str, Edit]]:
    """A figure with what was edited of it, and the edits with what its source says now.

    One that says what the source says by now is none any more.

    Parameters
    ----------
    figure : Figure
        As its source has it.
    edits : mapping
        By field.
    """
    kept = {
        field: replace(edit, source=getattr(figure, field), inferred=field in figure.inferred)
        for field, edit in edits.items()
        if edit.value != getattr(figure, field) or field in figure.inferred
    }
    values: dict[str, Any] = {field: edit.value for field, edit in kept.items()}
    return (
        replace(
            figure,
            **values,
            inferred=tuple(name for name in figure.inferred if name not in kept),
            edited=tuple((field, edit.on) for field, edit in kept.items()),
        ),
        kept,
    )
