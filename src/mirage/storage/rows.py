"""Figures and cases as rows of the tables, and back; and what is worked out from their words to lie beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
import sqlalchemy as sa
from pydantic import TypeAdapter

from mirage.figure import Case, Figure, Licence, SlicePlace, Source, Stack, Withdrawal
from mirage.language import labels
from mirage.language.concepts import lexicon
from mirage.language.mentions import POLARITIES, Polarity, mentions
from mirage.language.sentences import language_of
from mirage.language.words import packed_stems
from mirage.storage.records import (
    FIGURE_WORDS,
    FigureRecord,
    FigureRow,
    PictureRow,
    StackRow,
    Vector,
    figures,
    pack,
    stacks,
    unit,
)
from mirage.storage.searched import SliceVectors

Derived = dict[str, str | bytes]  # columns of figures
FIGURE_FIELDS = ("title", "diagnosis", "caption")
CASE_FIELDS = ("topic", "history", "exam", "findings", "differential", "discussion")


def source_values(source: Source) -> dict[str, Any]:
    """A source as the columns that figures and cases have alike."""
    licence = source.licence
    terms = {"licence": licence.name, "licence_url": licence.url, "allows_sharing": licence.allows_sharing}
    return {name: getattr(source, name) for name in ("corpus", "attribution", "url", "url_of")} | terms


def source_of(row: sa.RowMapping) -> Source:
    """The source in the columns of `source_values`."""
    licence = Licence(row["licence"], row["licence_url"], bool(row["allows_sharing"]))
    return Source(row["corpus"], row["attribution"], row["url"], row["url_of"], licence)


_licence = lru_cache(maxsize=256)(Licence)
_header: TypeAdapter[Stack] = TypeAdapter(Stack)
_stack = lru_cache(maxsize=256)(_header.validate_json)
# Labelled, because tables have columns of the same names.
FIGURE_ROWS = sa.select(
    figures, *(stacks.c[name].label(f"stack_{name}") for name in ("voxels", "labels", "bytes", "header"))
).outerjoin(stacks)


def row_of(row: Sequence[Any]) -> FigureRow:
    """A row of `FIGURE_ROWS`, columns in their order, as what is kept."""
    # By place: looking 64 rows' names up anew takes longer than reading them.
    key, own, caption, *words, corpus, attribution, url, url_of, licence, licence_url, shared = row[:18]
    inferred, contradicted, language, proof, _, name, width, height, size, look = row[18:28]
    source = Source(corpus, attribution, url, url_of, _licence(licence, licence_url, shared))
    said = tuple((one.split("=")[0], one.split("=")[1]) for one in contradicted.split()) if contradicted else ()
    slice_of, changed, withdrawn, voxels, marks, stack_size, header = row[31:38]
    stack, files = (_stack(header), StackRow(voxels, marks, stack_size)) if voxels else (None, None)
    place = place_of(slice_of) if slice_of else None
    edits = tuple((field, day) for field, day, *_ in edited_of(changed)) if changed else ()
    word = Withdrawal(**json.loads(withdrawn)) if withdrawn else None
    values: tuple[Any, ...] = (tuple(inferred.split()), said, language, proof, stack, place, edits, word)
    figure = Figure(own, caption, source, *words, *values)
    return FigureRow(key, figure, PictureRow(name, width, height, size, int(look, 16)), files)


def edited_of(written: str) -> list[tuple[str, str, str, bool]]:
    """What `figures.edited` says."""
    return [(field, on, source, inferred) for field, on, source, inferred in json.loads(written or "[]")]


def edited_written(edits: Sequence[tuple[str, str, str, bool]]) -> str:
    """The same, as it is kept."""
    return json.dumps(edits, ensure_ascii=False) if edits else ""


def withdrawn_written(word: Withdrawal) -> str:
    """A withdrawal as `figures.withdrawn` has it."""
    return json.dumps(asdict(word), ensure_ascii=False)


def place_of(written: str) -> SlicePlace:
    """What `figures.slice_of` says."""
    place, _, shares = written.partition("\n")
    view, number, stack = place.split(" ", 2)
    return SlicePlace(stack, view, int(number), tuple((name, share) for name, share in json.loads(shares or "[]")))


def place_written(place: SlicePlace | None) -> str:
    """The same, as it is kept."""
    shares = f"\n{json.dumps(place.shares)}" if place and place.shares else ""
    return f"{place.view} {place.number} {place.stack}{shares}" if place else ""


def derived_of(figure: Figure) -> Derived:
    """Columns that are worked out from a figure's words."""
    language = language_of(figure.caption)
    said = labels.contradicted(figure) if language in ("", "Spanish") else ()  # others are not read
    words: Derived = {"stems": packed_stems(figure.words), "folded": lexicon().folded(figure.words)}
    return {"contradicted": " ".join(map("=".join, said)), "language": language, **words}


def figure_values(record: FigureRecord, stamp: int) -> dict[str, Any]:
    """A record as the columns of `figures`, the key left out.

    Parameters
    ----------
    record : FigureRecord
    stamp : int
        Of the ingest that puts it.
    """
    figure, picture = record.figure, record.picture.written()
    return {
        "id": figure.id,
        **{name: getattr(figure, name) for name in FIGURE_WORDS},
        **source_values(figure.source),
        "inferred": " ".join(figure.inferred),
        "fingerprint": record.fingerprint,
        "picture": picture.pop("name"),
        **picture,
        "stamp": stamp,
        "slice_of": place_written(figure.slice_of),
        # Of one that another atlas edited it is not known what its source said.
        "edited": edited_written(record.edits or [(field, day, "", False) for field, day in figure.edited]),
        # A figure that is put again stays withdrawn until its source says otherwise.
        **({"withdrawn": withdrawn_written(figure.withdrawn)} if figure.withdrawn else {}),
    }


def stack_values(key: int, record: FigureRecord) -> dict[str, Any] | None:
    """A record's stack as the columns of `stacks`; None where it is none.

    Parameters
    ----------
    key : int
        The figure's.
    record : FigureRecord
    """
    if record.stack is None or record.figure.stack is None:
        return None
    header = _header.dump_json(record.figure.stack).decode()
    return {"key": key, "header": header, **{name: getattr(record.stack, name) for name in ("voxels", "labels", "bytes")}}


def slice_values(key: int, encoder: str, slices: SliceVectors) -> dict[str, Any]:
    """The vectors of a stack's slices as the columns of `slice_vectors`.

    Parameters
    ----------
    key : int
    encoder : str
        Digest of the encoder that made them.
    slices : SliceVectors
    """
    return {
        "key": key,
        "encoder": encoder,
        "numbers": slices.numbers.astype("<i4").tobytes(),
        "vectors": pack(slices.vectors),
    }


def slices_of(numbers: bytes, vectors: bytes) -> SliceVectors:
    """What `slice_values` packed.

    Parameters
    ----------
    numbers, vectors : bytes
    """
    own = np.frombuffer(numbers, dtype="<i4").astype(np.int32)
    return SliceVectors(own, unit(np.frombuffer(vectors, dtype=np.float16).reshape(len(own), -1)))


def vector_values(key: int, encoder: str, image: Vector, caption: Vector | None) -> dict[str, Any]:
    """A figure's vectors as the columns of `vectors`.

    Parameters
    ----------
    key : int
    encoder : str
        Digest of the encoder that made them.
    image, caption : (d,) float32
    """
    return {"key": key, "encoder": encoder, "image": pack(image), "caption": None if caption is None else pack(caption)}


def mentions_of(what: Figure | Case) -> dict[tuple[str, str], Polarity]:
    """Concept and field to how it is spoken of, the plainest where there are several."""
    said: dict[tuple[str, str], Polarity] = {}
    for field in FIGURE_FIELDS if isinstance(what, Figure) else CASE_FIELDS:
        for mention in mentions(getattr(what, field)):
            known = said.get((mention.concept, field))
            if known is None or POLARITIES.index(mention.polarity) < POLARITIES.index(known):
                said[mention.concept, field] = mention.polarity
    return said
