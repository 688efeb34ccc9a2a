"""The index in PostgreSQL against the one in this process: the same 80,000 points and questions, asked in turn.

Vectors are drawn as `benchmarks.clouds` says. Words, cases, concepts and fields are those of real figures; of each copy a
fifth of the stems and concepts is another figure's. Questions are texts that somebody would type, with the concepts that a
search reads in them. ``MIRAGE_POSTGRES_URL`` names the database (``postgresql://user@host/database``); the collection
``benchmark`` in it is made anew.

The words of cases are also asked of pgvector's ``sparsevec``, which the index does without.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import clouds, many
from benchmarks.measure import Outcome, Row, Setting, load, spread, times
from mirage.atlas import Atlas
from mirage.indexes import Index, IndexQuery, Point, bm25
from mirage.indexes.embedded import EmbeddedIndex
from mirage.indexes.postgres import PostgresIndex
from mirage.storage.folder import points_of

FIGURES, DIMENSION = 80_000, 256
URL = "MIRAGE_POSTGRES_URL"
_WARM = 10
_DEPTH = 64  # what `Atlas.search` asks of every channel for 24 hits
_TOP = 10
_BATCH = 2_000
_ANEW = "with no words remembered, all five"
_SPARSE = 20  # questions, each of which looks at every figure
_TABLE = "mirage_sparse"


def postgres(setting: Setting) -> Outcome:
    """Add the points to both, then ask both each question."""
    if not os.environ.get(URL):
        return Outcome("postgres", (), skipped=f"{URL} names no database")
    figures, dimension = (
        setting.figures[0] if setting.figures else setting.size(FIGURES, 300),
        setting.dimension or DIMENSION,
    )
    database, mark, rest = os.environ[URL].partition("?")
    address = f"{database}/benchmark{mark}{rest}"
    real, _ = many.real_atlas(setting)
    folder = setting.folder / "department"
    shutil.rmtree(folder, ignore_errors=True)
    PostgresIndex.drop(address)
    here, there = EmbeddedIndex(folder, dimension), PostgresIndex(address, dimension)
    before = load()
    added = {name: _Adding(index) for name, index in (("edge", here), ("postgres", there))}
    sparse = _Sparse(there)
    for points in _points(real, figures, dimension):
        for one in (*added.values(), sparse):
            one.add(points)
    for one in added.values():
        one.optimise()
    size = {"edge": _size(folder), "postgres": _size_there(there)}
    questions = _questions(real, here, setting.size(200, 10), figures, dimension)
    found = _asked(here, there, questions)
    found["case"]["sparsevec"] = spread(times(sparse.ask, questions["case"][:_SPARSE]))
    details = {
        "load": before,
        "figures": figures,
        "dimension": dimension,
        "adding": {name: one.told for name, one in added.items()},
        "MB": size,
        "asked": found,
        "server": _server(there),
    }
    here.close()
    there.close()
    PostgresIndex.drop(address)
    what = f"{figures:,} points × {dimension}"
    rows = [row for name, told in found.items() for row in _rows(name, what, told)]
    own, p50 = (found["case"][one]["p50"] for one in ("postgres", "sparsevec"))
    instead = f"the index: {own:.3g} ms"
    rows.append(Row(f"{what}, case by sparsevec, p50", p50, "ms", instead=instead, ratio=_times(own, p50)))
    rows += [
        Row(
            f"adding {what} to PostgreSQL, {name}",
            added["postgres"].told[name],
            "s",
            instead=f"Edge: {added['edge'].told[name]} s",
            ratio=_times(added["edge"].told[name], added["postgres"].told[name]),
        )
        for name in ("insert", "optimise")
    ]
    rows.append(Row(f"{what} in PostgreSQL, on disk", size["postgres"], "MB", instead=f"Edge: {size['edge']} MB"))
    return Outcome("postgres", tuple(rows), details, ("both are asked each question, one after the other, in one process",))


class _Sparse:
    """The words of cases in a table of pgvector's own sparse vectors."""

    def __init__(self, index: PostgresIndex) -> None:
        self._server = index._server
        with self._server.reading() as connection:
            connection.execute(f"CREATE TABLE {_TABLE} (key integer, said sparsevec({bm25.DIMENSION}))")

    def add(self, points: Sequence[Point]) -> None:
        """Write what the index gets too."""
        with (
            self._server.reading() as connection,
            connection.cursor().copy(f"COPY {_TABLE} FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(["int4", "sparsevec"])
            for point in points:
                copy.write_row((point.key, _sparse(point.case)))

    def ask(self, one: IndexQuery) -> list[tuple[int, float]]:
        """What scores best; there is no index that finds it, so that all are looked at."""
        asked = _sparse(one.case)
        with self._server.reading() as connection:
            statement = f"SELECT key, -(said <#> %s) FROM {_TABLE} ORDER BY said <#> %s LIMIT %s"
            return connection.cursor(binary=True).execute(statement, (asked, asked, one.limit)).fetchall()


def _sparse(weights: Mapping[int, float]) -> Any:
    from pgvector import SparseVector  # noqa: PLC0415 - an extra

    return SparseVector(dict(weights), bm25.DIMENSION)


class _Adding:
    """How long an index takes to be filled."""

    def __init__(self, index: Index) -> None:
        self._index, self.told = index, {"insert": 0.0, "optimise": 0.0}

    def add(self, points: Sequence[Point]) -> None:
        started = time.perf_counter()
        self._index.add(points)
        self.told["insert"] = round(self.told["insert"] + time.perf_counter() - started, 2)

    def optimise(self) -> None:
        started = time.perf_counter()
        self._index.optimise()
        self.told["optimise"] = round(time.perf_counter() - started, 2)


def _points(real: Path, figures: int, dimension: int) -> Iterator[list[Point]]:
    with Atlas.open(real) as atlas:
        rows = [row for batch in atlas.store.each() for row in batch]
        like = points_of(atlas.store, rows, atlas.encoder_info.digest)
    cloud = clouds.Cloud(figures, dimension)
    for start, images in cloud.blocks():
        captions = cloud.captions(start, images)
        for first in range(0, len(images), _BATCH):
            yield [
                _copied(like, start + place, images[place], captions[place])
                for place in range(first, min(first + _BATCH, len(images)))
            ]


def _copied(like: Sequence[Point], number: int, image: clouds.Vectors, caption: clouds.Vectors) -> Point:
    dice, one = random.Random(number), like[number % len(like)]
    other = dice.choice(like)

    def mixed(own: Mapping[int, float], others: Mapping[int, float]) -> dict[int, float]:
        spare = list(others.items())
        changed = [
            dice.choice(spare) if spare and dice.random() < many.CHANGED else (number, weight)
            for number, weight in own.items()
        ]
        return dict(sorted(dict(changed).items()))

    said = mixed(one.words, other.words), mixed(one.concepts, other.concepts), mixed(one.case, other.case)
    return Point(number, image, caption, said[0], one.fields, said[1], said[2])


def _questions(real: Path, index: Index, count: int, figures: int, dimension: int) -> dict[str, list[IndexQuery]]:
    """By what they look with: channel by channel, all at once, and with filters."""
    texts = many.queries(real, count + _WARM)
    vectors, rarity = clouds.Cloud(figures, dimension).queries(count + _WARM), bm25.Rarity(index)
    whole = [
        IndexQuery(vector, rarity.asked(text), _DEPTH, {}, concepts=concepts, case=rarity.asked(text, "case"))
        for text, vector, concepts in zip(texts, vectors, _concepts(real, texts), strict=True)
    ]
    facets = index.facets({})
    often = max(facets["modality"], key=facets["modality"].__getitem__)
    rare = {name: [min(facets[name], key=facets[name].__getitem__)] for name in ("region",)}
    nothing = IndexQuery(None, {}, _DEPTH, {})
    return {
        "image": [replace(nothing, vector=one.vector, caption_channel=False) for one in whole],
        "image and caption": [replace(nothing, vector=one.vector) for one in whole],
        "words": [replace(nothing, words=one.words) for one in whole],
        "case": [replace(nothing, case=one.case) for one in whole],
        "concepts": [replace(nothing, concepts=one.concepts) for one in whole],
        _ANEW: whole,
        "all five": whole,
        f"all five, modality {often} ({_share(facets['modality'][often], figures)})": [
            replace(one, filters={"modality": [often]}) for one in whole
        ],
        f"all five, region {rare['region'][0]} ({_share(facets['region'][rare['region'][0]], figures)})": [
            replace(one, filters=rare) for one in whole
        ],
    }


def _share(count: int, figures: int) -> str:
    return f"{count / figures:.1%} pass"


def _concepts(real: Path, texts: Sequence[str]) -> list[dict[int, float]]:
    """What a search asks the channel of concepts for each text."""
    found: list[dict[int, float]] = []
    with Atlas.open(real) as atlas:
        answer, asked = atlas.index.ask, list[IndexQuery]()

        def listening(ask: IndexQuery) -> Any:
            asked.append(ask)
            return answer(ask)

        atlas.index.ask = listening  # type: ignore[method-assign]
        for text in texts:
            asked.clear()
            atlas.search(text)
            found.append(dict(next((ask.concepts for ask in asked if ask.concepts), {})))
    return found


def _asked(here: Index, there: PostgresIndex, questions: Mapping[str, list[IndexQuery]]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, asks in questions.items():
        for one in asks[:_WARM]:
            here.ask(one), there.ask(one)
        taken: dict[str, list[float]] = {"edge": [], "postgres": []}
        shared: list[float] = []
        for one in asks[_WARM:]:
            lists = []
            if name == _ANEW:
                there._memory.forget()
            for engine, index in (("edge", here), ("postgres", there)):
                started = time.perf_counter()
                lists.append(index.ask(one))
                taken[engine].append((time.perf_counter() - started) * 1000)
            shared += [_agreement(lists[0][channel], found) for channel, found in lists[1].items()]
        told[name] = {engine: spread(times) for engine, times in taken.items()} | {
            "shared": round(float(np.mean(shared)), 4)
        }
    return told


def _agreement(one: Sequence[tuple[int, float]], other: Sequence[tuple[int, float]]) -> float:
    """Share of the first ten that both have."""
    first = {key for key, _ in one[:_TOP]}
    return len(first & {key for key, _ in other[:_TOP]}) / len(first) if first else float(not other)


def _rows(name: str, what: str, told: Mapping[str, Any]) -> Iterator[Row]:
    mine, other = told["postgres"], told["edge"]
    ratio = _times(other["p50"], mine["p50"])
    about = f"Edge: {other['p50']:.3g} ms, p95 {other['p95']:.3g} ms"
    yield Row(f"PostgreSQL, {what}, {name}, p50", mine["p50"], "ms", instead=about, ratio=ratio)
    yield Row("the same, p95", mine["p95"], "ms")
    if name.startswith("all"):
        yield Row("the same, times Edge's p50", round(mine["p50"] / other["p50"], 2), "×", bar=4.0)
    yield Row("the same, of Edge's first ten", told["shared"], "of 1", bar=0.99, better="more")


def _times(theirs: float, mine: float) -> float:
    return float(f"{theirs / mine:.2g}") if mine else 0.0


def _size(folder: Path) -> int:
    return round(sum(getattr(path.stat(), "st_blocks", 0) * 512 for path in folder.rglob("*") if path.is_file()) / 1e6)


def _size_there(index: PostgresIndex) -> int:
    with index._server.reading() as connection:
        statement = (
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace "
            "AND relname <> %s"
        )
        found = connection.execute(statement, (f'"{index._server.schema}"', _TABLE)).fetchone()
    return round(float(found[0]) / 1e6) if found else 0


def _server(index: PostgresIndex) -> dict[str, str]:
    names = ("server_version", "shared_buffers", "maintenance_work_mem", "fsync", "max_parallel_workers")
    with index._server.reading() as connection:
        told = {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in names}  # type: ignore[index,arg-type]
        version = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    return told | {"pgvector": str(version[0]) if version else ""}
