"""What is kept of a figure, and how it stands in the columns of `mirage.storage.tables`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from mirage.figure import Case, Figure, Licence, Source
from mirage.storage.tables import FIGURE_WORDS, figures

Vector = npt.NDArray[np.float32]
Half = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure's picture: its name in the `PictureStore`, size in pixels and bytes, and `mirage.images.look`."""

    name: str
    width: int
    height: int
    bytes: int
    look: int


@dataclass(frozen=True, slots=True)
class Row:
    """A figure as it is kept."""

    key: int
    figure: Figure
    picture: Picture


@dataclass(frozen=True, slots=True)
class Record:
    """A figure about to be kept, with its vectors."""

    figure: Figure
    case: Case | None
    fingerprint: str
    picture: Picture
    image: Vector
    caption: Vector | None


def pack(vector: Vector) -> bytes:
    """A (d,) vector as it is stored: 16 bits a component."""
    return vector.astype(np.float16).tobytes()


def unpack(blob: bytes) -> Vector:
    """A stored vector as (d,) float32 of unit length."""
    return unit(np.frombuffer(blob, dtype=np.float16))


def unit(half: Half) -> Vector:
    """A (d,) vector of 16 bits a component as float32 of unit length."""
    vector = half.astype(np.float32)
    return np.asarray(vector / (np.linalg.norm(vector) or 1.0), dtype=np.float32)


def rounded(vector: Vector) -> Vector:
    """A vector as it comes back from the records; what the index is given, so that one made anew is the same."""
    return unpack(pack(vector))


def source_values(source: Source) -> dict[str, Any]:
    """A source as the columns that figures and cases have alike."""
    return {
        "corpus": source.corpus,
        "attribution": source.attribution,
        "url": source.url,
        "url_of": source.url_of,
        "licence": source.licence.name,
        "licence_url": source.licence.url,
        "allows_sharing": source.licence.allows_sharing,
    }


def source_of(row: sa.RowMapping) -> Source:
    """The source in the columns of `source_values`."""
    licence = Licence(row["licence"], row["licence_url"], bool(row["allows_sharing"]))
    return Source(row["corpus"], row["attribution"], row["url"], row["url_of"], licence)


# Columns by place: looking 64 rows' names up anew takes longer than reading them.
_PLACES = {column.name: place for place, column in enumerate(figures.columns)}
_Take = Callable[[Sequence[Any]], tuple[Any, ...]]
_words_columns: _Take = itemgetter(*(_PLACES[name] for name in FIGURE_WORDS))
_source_columns: _Take = itemgetter(*(_PLACES[name] for name in ("corpus", "attribution", "url", "url_of")))
_licence_columns: _Take = itemgetter(*(_PLACES[name] for name in ("licence", "licence_url", "allows_sharing")))
_picture_columns: _Take = itemgetter(*(_PLACES[name] for name in ("picture", "width", "height", "bytes", "look")))
_licence = lru_cache(maxsize=256)(Licence)


def row_of(row: Sequence[Any]) -> Row:
    """A row of `figures`, columns in their order, as what is kept."""
    corpus, attribution, url, url_of = _source_columns(row)
    source = Source(corpus, attribution, url, url_of, _licence(*_licence_columns(row)))
    caption, *words = _words_columns(row)
    name, width, height, size, look = _picture_columns(row)
    values = (row[_PLACES["id"]], caption, source, *words, tuple(row[_PLACES["inferred"]].split()))
    figure = Figure(*values)
    return Row(row[_PLACES["key"]], figure, Picture(name, width, height, size, int(look, 16)))


def figure_values(record: Record, stamp: int) -> dict[str, Any]:
    """A record as the columns of `figures`, the key left out."""
    figure, picture = record.figure, record.picture
    return {
        "id": figure.id,
        **{name: getattr(figure, name) for name in FIGURE_WORDS},
        **source_values(figure.source),
        "inferred": " ".join(figure.inferred),
        "fingerprint": record.fingerprint,
        "picture": picture.name,
        "width": picture.width,
        "height": picture.height,
        "bytes": picture.bytes,
        "look": f"{picture.look:x}",
        "stamp": stamp,
    }
