"""What finds the nearest vectors: MIRAGE's index, and what a person would take otherwise. Each runs in a process of its own.

``python -m benchmarks.engines build NAME FOLDER`` makes what a search needs from ``vectors.npy``; ``… ask NAME FOLDER MOST``
opens it, asks ``queries.npy`` one after the other and prints what it measured, as JSON; ``… first NAME FOLDER MOST`` does so
with nothing of it in the page cache. See `benchmarks.scale`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import clouds
from benchmarks.measure import memory_of, spread, times
from mirage.indexes import Index, IndexQuery, Point, bm25
from mirage.indexes.embedded import EmbeddedIndex

WARM = 20
_NEAREST = 10
_DEPTH = 64  # what `Atlas.search` asks of every channel for 24 hits
_M, _EF_CONSTRUCT, _EF = 16, 128, 128  # the graph of FAISS is made and asked with the same numbers as MIRAGE's
_POINTS = 2_000


@dataclass(frozen=True, slots=True)
class Opened:
    """What answers one query with the keys of the ten nearest, and MIRAGE's index where it is that."""

    find: Callable[[clouds.Vectors], list[int]]
    index: Index | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to find.

    Attributes
    ----------
    title : str
    exhaustive : bool
        Whether it looks at every vector, so that fewer queries do to time it.
    build : callable
        From the folder with the vectors, what it needs in a folder of its own. None when it needs nothing.
    open : callable
        From both folders, what answers.
    """

    title: str
    exhaustive: bool
    build: Callable[[Path, Path], None] | None
    open: Callable[[Path, Path], Opened]


def _points(folder: Path) -> Iterator[list[Point]]:
    """Points of the cloud, with captions, words and fields as figures have them."""
    from benchmarks import wording  # noqa: PLC0415 - brings much that a process which only serves does not have

    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    cloud = clouds.Cloud(*vectors.shape)
    words = wording.Words.read(folder)
    for start in range(0, len(vectors), clouds.BLOCK):
        images = np.array(vectors[start : start + clouds.BLOCK])
        captions = cloud.captions(start, images)
        for first in range(0, len(images), _POINTS):
            yield [
                Point(start + place, images[place], captions[place], bm25.weighted(said, "words"), fields)
                for place in range(first, min(first + _POINTS, len(images)))
                for said, fields in [words.of(start + place)]
            ]


def _build_mirage(layout: Any) -> Callable[[Path, Path], None]:
    def build(folder: Path, own: Path) -> None:
        dimension = np.load(folder / "vectors.npy", mmap_mode="r").shape[1]
        index = EmbeddedIndex(own / "index", dimension, layout=layout)
        added = 0.0
        for points in _points(folder):
            started = time.perf_counter()
            index.add(points)
            added += time.perf_counter() - started
        started = time.perf_counter()
        index.optimise()
        optimised = time.perf_counter() - started
        index.close()
        steps = {"insert_s": round(added, 1), "optimise_s": round(optimised, 1)}
        (own / "steps.json").write_text(json.dumps(steps), "utf-8")

    return build


def _open_mirage(folder: Path, own: Path) -> Opened:
    index = EmbeddedIndex(own / "index", np.load(folder / "vectors.npy", mmap_mode="r").shape[1])

    def find(query: clouds.Vectors) -> list[int]:
        return [key for key, _ in index.ask(IndexQuery(query, {}, _NEAREST, {}, caption_channel=False))["image"]]

    return Opened(find, index)


def _open_numpy(folder: Path, _: Path) -> Opened:
    """What the paper's authors published: all vectors in memory, a dot product with each, and all of them sorted."""
    vectors = np.load(folder / "vectors.npy")
    return Opened(lambda query: np.argsort(vectors @ query)[::-1][:_NEAREST].tolist())


def _faiss() -> Any:
    import faiss  # noqa: PLC0415 - an extra

    return faiss


def _open_flat(folder: Path, _: Path) -> Opened:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    index = _faiss().IndexFlatIP(vectors.shape[1])
    for start in range(0, len(vectors), clouds.BLOCK):
        index.add(np.array(vectors[start : start + clouds.BLOCK]))
    return Opened(lambda query: index.search(query[None], _NEAREST)[1][0].tolist())


def _build_hnsw(folder: Path, own: Path) -> None:
    faiss = _faiss()
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    index = faiss.IndexHNSWFlat(vectors.shape[1], _M, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _EF_CONSTRUCT
    for start in range(0, len(vectors), clouds.BLOCK):
        index.add(np.array(vectors[start : start + clouds.BLOCK]))
    faiss.write_index(index, str(own / "hnsw.faiss"))


def _open_hnsw(_: Path, own: Path) -> Opened:
    index = _faiss().read_index(str(own / "hnsw.faiss"))
    index.hnsw.efSearch = _EF
    return Opened(lambda query: index.search(query[None], _NEAREST)[1][0].tolist())


ENGINES: dict[str, Engine] = {
    "mirage": Engine("MIRAGE", False, _build_mirage("compact"), _open_mirage),
    "mirage-plain": Engine("MIRAGE's layout plain, without 8-bit vectors", False, _build_mirage("plain"), _open_mirage),
    "numpy": Engine("numpy dot and argsort over all vectors", True, None, _open_numpy),
    "faiss-flat": Engine("FAISS flat", True, None, _open_flat),
    "faiss-hnsw": Engine(f"FAISS HNSW, m {_M}, ef {_EF}", False, _build_hnsw, _open_hnsw),
}


def build(name: str, folder: Path) -> dict[str, Any]:
    """Build an engine's own folder; what is there from an earlier run is kept, and its time told again."""
    own = folder / name
    done = own / "built.json"
    if done.exists():
        return dict(json.loads(done.read_text("utf-8")), kept=True)
    engine = ENGINES[name]
    if engine.build is None:
        return {}
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    load_before, started = round(os.getloadavg()[0], 2), time.perf_counter()
    engine.build(folder, own)
    told: dict[str, Any] = {"seconds": round(time.perf_counter() - started, 2), "load": load_before}
    memory = memory_of(os.getpid())
    told |= {"processor_s": round(time.process_time(), 1), "peak_MB": memory["peak_rss"], "disk_MB": round(_size(own) / 1e6)}
    told |= json.loads((own / "steps.json").read_text("utf-8")) if (own / "steps.json").exists() else {}
    done.write_text(json.dumps(told), "utf-8")
    return told


def ask(name: str, folder: Path, most: int) -> dict[str, Any]:
    """IndexQuery every query, one after the other, in this process."""
    engine, own = ENGINES[name], folder / name
    queries, nearest = np.load(folder / "queries.npy")[: most + WARM], np.load(folder / "nearest.npy")[: most + WARM]
    started = time.perf_counter()
    opened = engine.open(folder, own)
    told: dict[str, Any] = {"open_s": round(time.perf_counter() - started, 4)}
    found: list[list[int]] = []
    warm = [opened.find(query) for query in queries[:WARM]]
    taken = times(lambda query: found.append(opened.find(query)), queries[WARM:])
    told |= spread(taken) | {"recall": round(clouds.recall([*warm, *found], nearest), 4)}
    told["memory_MB"] = memory_of(os.getpid())
    if opened.index:
        told["channels"] = _channels(opened.index, folder, queries[WARM:])
        told["memory_channels_MB"] = memory_of(os.getpid())
        opened.index.close()
    return told


def first(name: str, folder: Path, most: int) -> dict[str, Any]:
    """Open it and ask with nothing of it in the page cache, as after a restart of the machine."""
    engine, own = ENGINES[name], folder / name
    queries = np.load(folder / "queries.npy")[:most]
    os.sync()
    for path in (*own.rglob("*"), folder / "vectors.npy"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    started = time.perf_counter()
    opened = engine.open(folder, own)
    told = {"open_s": round(time.perf_counter() - started, 4), **spread(times(opened.find, queries))}
    if opened.index:
        opened.index.close()
    return told


def _channels(index: Index, folder: Path, queries: clouds.Vectors) -> dict[str, Any]:
    """All three channels at once, as `Atlas.search` asks them, and the search among figures of one modality."""
    texts = json.loads((folder / "texts.json").read_text("utf-8"))
    rarity = bm25.Rarity(index)
    asks = [IndexQuery(query, rarity.asked(texts[place % len(texts)]), _DEPTH, {}) for place, query in enumerate(queries)]
    words = [IndexQuery(None, one.words, _DEPTH, {}) for one in asks]
    facets = index.facets({})["modality"]
    rare = min((value for value in facets if value), key=facets.__getitem__)
    few = [IndexQuery(query, {}, _NEAREST, {"modality": [rare]}, caption_channel=False) for query in queries]
    for one in (*asks[:WARM], *words[:WARM], *few[:WARM]):
        index.ask(one)
    return {
        "three": spread(times(index.ask, asks)),
        "words": spread(times(index.ask, words)),
        "filtered": spread(times(index.ask, few)) | {"share": round(facets[rare] / len(index), 3)},
    }


def _size(folder: Path) -> int:
    return sum(getattr(path.stat(), "st_blocks", 0) * 512 for path in folder.rglob("*") if path.is_file())


def main(words: list[str]) -> None:
    """``build NAME FOLDER``, ``ask NAME FOLDER MOST`` or ``first NAME FOLDER MOST``; standard output takes the JSON."""
    step, name, folder, *most = words
    steps: dict[str, Callable[..., dict[str, Any]]] = {"build": build, "ask": ask, "first": first}
    print(json.dumps(steps[step](name, Path(folder), *map(int, most))))


if __name__ == "__main__":
    main(sys.argv[1:])
