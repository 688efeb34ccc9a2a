"""The same searches over the same records, with the index in this process and elsewhere: are the answers the same?

The starter corpus and MedPix, where there is a copy, are one atlas. Its points are put into each other engine that is there,
and 200 texts that somebody would type are searched in all, each with one or two filters that some figure passes. Qdrant is
its client, which answers by itself (``MIRAGE_QDRANT_URL`` names a server instead). ``MIRAGE_POSTGRES_URL`` names a database.
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks import many
from benchmarks.measure import Outcome, Row, Setting
from mirage import corpora, indexes
from mirage.atlas import Atlas
from mirage.indexes import FILTER_FIELDS, Index
from mirage.query import Query
from mirage.search.answer import Answer
from mirage.search.calibrations import calibration_for
from mirage.search.searcher import Searcher
from mirage.storage import ingest
from mirage.storage.folder import points_of

_TOP = 10
_QUERIES = 200
_NAME = "congruence"


def congruence(setting: Setting) -> Outcome:
    """What share of the first ten, and of confidences, is as with the index in this process."""
    folder = _both(setting)
    texts = many.queries(folder, setting.size(_QUERIES, 12), seed=5)
    rows: list[Row] = []
    details: dict[str, object] = {}
    with Atlas.open(folder) as atlas:
        queries = list(_filtered(atlas, texts))
        here = [_searcher(atlas, atlas.index).search(query) for query in queries]
        for name, index in _elsewhere(atlas):
            with closing(index):
                searcher = _searcher(atlas, index)
                told = _compared(here, [searcher.search(query) for query in queries])
            details[name] = told
            what = f"{name}, {len(queries)} queries with filters, {len(atlas.index):,} figures"
            rows += [
                Row(f"{what}: of the first {_TOP} of Edge", told["shared"], "of 1", bar=0.99, better="more"),
                Row("the same, in the same order", told["order"], "of 1", better="more"),
                Row(
                    "the same, confidences alike of the figures that both have", told["sure"], "of 1", bar=1.0, better="more"
                ),
            ]
    return Outcome(_NAME, tuple(rows), details)


def _both(setting: Setting) -> Path:
    if not setting.medpix:
        return many.real_atlas(setting)[0]
    folder = setting.folder / "both-atlas"
    with Atlas.open(folder, create=True) as atlas:
        ingest.add(atlas, corpora.load("starter"))
        ingest.add(atlas, corpora.load("medpix", path=setting.medpix))
    return folder


def _filtered(atlas: Atlas, texts: list[str]) -> Iterator[Query]:
    """Each text with one or two filters that some figure passes."""
    dice = random.Random(5)
    rows = [row for batch in atlas.store.each() for row in batch]
    points = points_of(atlas.store, rows, atlas.encoder_info.digest)
    for text in texts:
        fields = dice.choice(points).fields
        stated = [name for name in FILTER_FIELDS if fields[name]]
        yield Query.of(text, **{name: fields[name] for name in dice.sample(stated, dice.choice((1, 2)))})


def _searcher(atlas: Atlas, index: Index) -> Searcher:
    return Searcher(atlas.store, index, atlas.encoder, atlas.pictures, calibration_for(atlas.encoder_info.digest))


def _elsewhere(atlas: Atlas) -> Iterator[tuple[str, Index]]:
    """Each other engine with all points in it; nothing is left of it afterwards."""
    from qdrant_client import QdrantClient  # noqa: PLC0415 - of an extra

    from mirage.indexes.qdrant import QdrantIndex  # noqa: PLC0415

    dimension = atlas.encoder_info.dimension
    if server := os.environ.get("MIRAGE_QDRANT_URL"):
        yield from _at("Qdrant", f"{server}/{_NAME}", atlas)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has no indexes of fields and no 8 bits
            client = QdrantClient(":memory:", force_disable_check_same_thread=True)
            yield "Qdrant's client", _filled(QdrantIndex("qdrant://local/atlas", dimension, client=client), atlas)
    if database := os.environ.get("MIRAGE_POSTGRES_URL"):
        before, mark, rest = database.partition("?")
        yield from _at("PostgreSQL", f"{before}/{_NAME}{mark}{rest}", atlas)


def _at(name: str, address: str, atlas: Atlas) -> Iterator[tuple[str, Index]]:
    indexes.remove(address)
    try:
        yield name, _filled(indexes.open(address, atlas.encoder_info.dimension), atlas)
    finally:
        indexes.remove(address)


def _filled(index: Index, atlas: Atlas) -> Index:
    for rows in atlas.store.each():
        index.add(points_of(atlas.store, rows, atlas.encoder_info.digest))
    index.optimise()
    return index


def _compared(here: list[Answer], there: list[Answer]) -> dict[str, float]:
    shared, order, sure = list[float](), list[bool](), list[bool]()
    for mine, theirs in zip(here, there, strict=True):
        first, other = ([hit.figure.id for hit in answer.hits[:_TOP]] for answer in (mine, theirs))
        if first or other:
            shared.append(len({*first} & {*other}) / max(len(first), len(other)))
            order.append(first == other)
        levels = {hit.figure.id: hit.confidence for hit in mine.hits[:_TOP]}
        sure += [levels[hit.figure.id] == hit.confidence for hit in theirs.hits[:_TOP] if hit.figure.id in levels]
    return {name: round(float(np.mean(one)), 4) for name, one in (("shared", shared), ("order", order), ("sure", sure))}
