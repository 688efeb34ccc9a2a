"""What is kept of a figure, and how it stands in the columns of `mirage.storage.tables`."""

from __future__ import annotations

import hmac
import re
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
HASH = 12  # hex digits of a picture's SHA-256 in a reference


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A figure's picture: its name in the `PictureStore`, size in pixels and bytes, and `mirage.images.look`."""

    name: str
    width: int
    height: int
    bytes: int
    look: int


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure as it is kept."""

    key: int
    figure: Figure
    picture: PictureRow


@dataclass(frozen=True, slots=True)
class FigureRecord:
    """A figure about to be kept, with its vectors.

    `name` and `case_name` are the file's and the case's as the person who added them knows them; they stay in this atlas.
    """

    figure: Figure
    case: Case | None
    fingerprint: str
    picture: PictureRow
    image: Vector
    caption: Vector | None
    name: str = ""
    case_name: str = ""


# Ids of folders until records had versions: the name of a file or case, shortened, and a plain hash of it.
MADE_OF_A_NAME = re.compile(r"folder-[a-z0-9-]+:[a-z0-9-]+-[0-9a-f]{10}(-f\d{4})?")


def keyed(key: bytes, text: str) -> str:
    """A keyed hash (HMAC-SHA-256, 96 bits in hex): who does not have the key cannot tell what it was made of, nor try.

    Parameters
    ----------
    key : bytes
        The atlas's own, `mirage.storage.store.Store.id_key`.
    text : str
    """
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:24]


def keyed_id(key: bytes, own: str, corpus: str = "") -> str:
    """The id under which an atlas keeps a figure or case whose own id, ``corpus:name``, is made of a file's name.

    Parameters
    ----------
    key : bytes
    own : str
        Empty for no case, and then so is the result.
    corpus : str
        What the atlas calls the corpus; the id's own when left out.
    """
    return f"{corpus or own.partition(':')[0]}:{keyed(key, own)}" if own else ""


def reference_of(row: FigureRow) -> str:
    """What to write down where a figure is referred to from outside of the figures: its id and its picture's hash.

    `mirage.storage.store.Store.row` takes it as it takes an id, and finds the picture again where ids differ.
    """
    return f"{row.figure.id}~{row.picture.name[:HASH]}"


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


def row_of(row: Sequence[Any]) -> FigureRow:
    """A row of `figures`, columns in their order, as what is kept."""
    corpus, attribution, url, url_of = _source_columns(row)
    source = Source(corpus, attribution, url, url_of, _licence(*_licence_columns(row)))
    caption, *words = _words_columns(row)
    name, width, height, size, look = _picture_columns(row)
    values = (row[_PLACES["id"]], caption, source, *words, tuple(row[_PLACES["inferred"]].split()))
    figure = Figure(*values)
    return FigureRow(row[_PLACES["key"]], figure, PictureRow(name, width, height, size, int(look, 16)))


def figure_values(record: FigureRecord, stamp: int) -> dict[str, Any]:
    """A record as the columns of `figures`, the key left out.

    Parameters
    ----------
    record : FigureRecord
    stamp : int
        Of the ingest that puts it.
    """
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
