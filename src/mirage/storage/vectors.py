"""What encoders made of figures' pictures, captions and slices, as it is kept beside the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sqlalchemy as sa

from mirage.storage.database import Database
from mirage.storage.database import put as insert
from mirage.storage.dialects import among
from mirage.storage.records import FigureRow, Half, Vector, figures, slice_vectors, unit, vectors
from mirage.storage.rows import FIGURE_ROWS, row_of, slice_values, slices_of, vector_values
from mirage.storage.searched import SliceVectors

_BY_KEY = FIGURE_ROWS.where(among(figures.c.key, "keys"))


class Vectors:
    """The vectors in the records of one atlas.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, keys: Sequence[int], encoder: str) -> dict[int, tuple[Vector, Vector | None]]:
        """Image and caption vectors by key, as far as this encoder made them.

        Parameters
        ----------
        keys : sequence of int
        encoder : str
            Its digest.
        """
        raw = self.raw(keys, encoder)
        return {key: (unit(image), None if caption is None else unit(caption)) for key, (image, caption) in raw.items()}

    def raw(self, keys: Sequence[int], encoder: str) -> dict[int, tuple[Half, Half | None]]:
        """Like `of`, (d,) float16 to the bit as they are kept.

        Parameters
        ----------
        keys : sequence of int
        encoder : str
            Its digest.
        """
        found: dict[int, tuple[Half, Half | None]] = {}
        asked = sa.select(vectors).where(among(vectors.c.key, "keys"), vectors.c.encoder == encoder)
        for row in self._database.rows_of(keys, asked):
            caption = np.frombuffer(row.caption, dtype=np.float16) if row.caption else None
            found[row.key] = (np.frombuffer(row.image, dtype=np.float16), caption)
        return found

    def slices(self, keys: Sequence[int], encoder: str) -> dict[int, SliceVectors]:
        """The vectors of slices, by key of the stacks among some figures, as far as this encoder made them.

        Parameters
        ----------
        keys : sequence of int
        encoder : str
            Its digest.
        """
        asked = sa.select(slice_vectors).where(among(slice_vectors.c.key, "keys"), slice_vectors.c.encoder == encoder)
        return {row.key: slices_of(row.numbers, row.vectors) for row in self._database.rows_of(keys, asked)}

    def slice_counts(self, encoder: str) -> dict[int, int]:
        """How many slices of each stack this encoder has encoded, by the stack's key."""
        size = sa.func.length(slice_vectors.c.numbers)
        found = self._database.rows(sa.select(slice_vectors.c.key, size).where(slice_vectors.c.encoder == encoder))
        return {key: size // 4 for key, size in found}

    def put(
        self,
        rows: Sequence[FigureRow],
        images: Vector,
        captions: Sequence[Vector | None],
        encoder: str,
        slices: Mapping[int, SliceVectors] | None = None,
    ) -> None:
        """Replace the vectors of at most 500 figures, (n, d) each; used when an atlas is encoded anew.

        A figure that was replaced since its row was read gets none: they would be another picture's.

        Parameters
        ----------
        rows : sequence of FigureRow
        images : (n, d) float32
        captions : sequence of (d,) float32 or None
        encoder : str
            Digest of the encoder that made them.
        slices : mapping, optional
            Of those that are stacks, by key.
        """
        keys = [row.key for row in rows]
        with self._database.writing() as connection:
            # The deletion comes first: it takes the write lock, so that nobody replaces a figure after the look at it.
            for table in (vectors, slice_vectors):
                connection.execute(sa.delete(table).where(table.c.key.in_(keys) & (table.c.encoder == encoder)))
            now = {found.key: row_of(found) for found in connection.execute(_BY_KEY, {"keys": keys})}
            blobs = [
                vector_values(row.key, encoder, image, caption)
                for row, image, caption in zip(rows, images, captions, strict=True)
                if now.get(row.key) == row
            ]
            if blobs:
                connection.execute(sa.insert(vectors), blobs)
            for blob in blobs:
                if made := (slices or {}).get(blob["key"]):
                    insert(connection, slice_vectors, slice_values(blob["key"], encoder, made))

    def forget(self, but: str) -> None:
        """Drop the vectors of every encoder but one."""
        with self._database.writing() as connection:
            for table in (vectors, slice_vectors):
                connection.execute(sa.delete(table).where(table.c.encoder != but))
