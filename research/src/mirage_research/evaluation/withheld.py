"""An atlas to measure with: the names of conditions are in none of its channels.

A figure's title and diagnosis are words that word search looks in, and a title stands in for a caption that is missing. Left
there, a search for a diagnosis would find it by name. Here they are taken out of the words and of the caption vectors, and
what names a case's condition is taken out of the cases that `refine` quotes. Captions stay as their source wrote them, also
where they name the condition themselves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import sqlalchemy as sa

from mirage.atlas import Atlas
from mirage.encoders.base import Encoder
from mirage.figure import Figure
from mirage.indexes import Index, Point, load
from mirage.indexes.base import FILTER_FIELDS
from mirage.storage import manifest
from mirage.storage.ingest import caption_text
from mirage.storage.store import Store
from mirage.storage.tables import CASE_WORDS, cases, figures
from mirage.storage.tables import vectors as vectors_table
from mirage_research.evaluation.shelf import Shelf, Vectors

FIGURE_NAMES = ("title", "diagnosis")
# Of a case: what was told and seen. The rest names its condition or discusses it.
CASE_KEPT = ("history", "exam", "findings")
_BATCH = 500
_NAMELESS_DIMENSION = 4


def nameless(figure: Figure) -> Figure:
    """A figure without title and diagnosis."""
    return replace(figure, title="", diagnosis="")


def withhold(shelf: Shelf, vectors: Vectors, encoder: Encoder) -> Vectors:
    """Caption vectors without names: only those of figures without a caption, which begin with the title, are made anew."""
    titled = [n for n, figure in enumerate(shelf.figures) if caption_text(figure) != caption_text(nameless(figure))]
    captions = vectors.captions.copy()
    texts = [caption_text(nameless(shelf.figures[place])) for place in titled]
    spoken = [(place, text) for place, text in zip(titled, texts, strict=True) if text]
    captions[titled] = 0
    if spoken:
        captions[[place for place, _ in spoken]] = encoder.encode_texts([text for _, text in spoken])
    return Vectors(vectors.encoder, vectors.images, captions)


@contextmanager
def atlas_of(shelf: Shelf, vectors: Vectors, encoder: Encoder) -> Iterator[Atlas]:
    """An atlas of the shelf in a temporary folder, names withheld; keys are the shelf's, pictures stay where they are.

    Parameters
    ----------
    shelf : Shelf
    vectors : Vectors
        As `withhold` gives them.
    encoder : Encoder
        Who made them.
    """
    with TemporaryDirectory(prefix="mirage-measuring-") as name:
        folder = Path(name)
        _copy_records(shelf, folder)
        _put_vectors(shelf, vectors, folder)
        manifest.Manifest(manifest.FORMAT, encoder.info(), {}).write(folder)
        with Atlas.open(folder, encoder=encoder) as atlas:  # which makes the index from the records
            yield atlas


def _copy_records(shelf: Shelf, folder: Path) -> None:
    """Copy the records, without names and without figures that are not on the shelf."""
    with (
        closing(sqlite3.connect(f"file:{shelf.folder / 'records.sqlite'}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(folder / "records.sqlite")) as target,
    ):
        source.backup(target)
    engine = sa.create_engine(f"sqlite:///{folder / 'records.sqlite'}")
    keys = {row.key for row in shelf.rows}
    with engine.begin() as connection:
        others = [key for key in connection.execute(sa.select(figures.c.key)).scalars() if key not in keys]
        for start in range(0, len(others), _BATCH):
            part = others[start : start + _BATCH]
            connection.execute(sa.delete(vectors_table).where(vectors_table.c.key.in_(part)))
            connection.execute(sa.delete(figures).where(figures.c.key.in_(part)))
        connection.execute(sa.update(figures).values(dict.fromkeys(FIGURE_NAMES, "")))
        connection.execute(sa.update(cases).values({name: "" for name in CASE_WORDS if name not in CASE_KEPT}))
    engine.dispose()


def _put_vectors(shelf: Shelf, vectors: Vectors, folder: Path) -> None:
    store = Store.at(folder / "records.sqlite")
    try:
        digest = vectors.encoder.digest
        there = store.vectors([row.key for row in shelf.rows], digest)
        none = np.zeros(vectors.encoder.dimension, np.float32)
        changed = []
        for place, row in enumerate(shelf.rows):
            image, caption = there.get(row.key, (none, None))
            kept = none if caption is None else caption
            if not np.array_equal(image, vectors.images[place]) or not np.array_equal(kept, vectors.captions[place]):
                changed.append(place)
        captions = [vectors.captions[place] if vectors.captions[place].any() else None for place in changed]
        for start in range(0, len(changed), _BATCH):
            some = slice(start, start + _BATCH)
            keys = [shelf.rows[place].key for place in changed[some]]
            nameless_rows = store.rows(keys)  # as the records have them now, without names
            mine = [nameless_rows[key] for key in keys]
            store.put_vectors(mine, vectors.images[changed[some]], captions[some], digest)
        store.forget_vectors(digest)
    finally:
        store.close()


@contextmanager
def keywords_of(shelf: Shelf) -> Iterator[Index]:
    """Captions alone under BM25: the conventional search. Keys are places on the shelf.

    The engine is the words channel's own, with its stemming and stop words, so that what differs is what is looked in.
    """
    blank = np.full(_NAMELESS_DIMENSION, 0.5, np.float32)
    fields = dict.fromkeys(FILTER_FIELDS, "")
    with TemporaryDirectory(prefix="mirage-keywords-") as folder:
        index: Index = load("embedded", path=Path(folder) / "index", dimension=_NAMELESS_DIMENSION)
        try:
            index.add([Point(place, blank, None, figure.caption, fields) for place, figure in enumerate(shelf.figures)])
            index.optimise()
            yield index
        finally:
            index.close()
