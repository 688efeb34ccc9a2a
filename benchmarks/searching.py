"""A text query over 80,000 figures: in this process, against plain scripts, and over HTTP."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks import many
from benchmarks.measure import Outcome, Row, Setting, load, spread, times
from benchmarks.serving import Served
from mirage.atlas import Atlas

FIGURES = 80_000
_WARM = 20
_RRF_K = 60
_HITS = 24
_DEPTH = 64


def search(setting: Setting) -> Outcome:
    """Read the query, encode, every channel, fuse, fold, 24 hits and their groups of a case; each query once."""
    figures, count = setting.size(FIGURES, 1_000), setting.size(500, 20)
    real, _ = many.real_atlas(setting)
    texts = many.queries(real, count + _WARM)
    folder = many.grow(real, setting.folder / f"{figures}-figures", figures)
    with Atlas.open(folder) as atlas:
        for text in texts[:_WARM]:
            atlas.search(text)
        before = load()
        ours = times(lambda text: atlas.search(text).groups, texts[_WARM:])
        stages = _stages(atlas, texts[_WARM:])
        script, indexed = _scripts(atlas, folder)
        few = texts[_WARM : _WARM + setting.size(60, 5)]
        plain, quicker = times(script, few), times(indexed, few)
        agree = float(np.mean([_agreement(atlas, script, text) for text in few]))
    mine, theirs, better = spread(ours), spread(plain), spread(quicker)
    faster = round(theirs["p50"] / mine["p50"], 1)
    row = Row(
        f"text query end to end in process, {figures:,} figures, p50",
        mine["p50"],
        "ms",
        instead=f"numpy dot and argsort over both kinds of vectors, LIKE over the words in SQLite: {theirs['p50']:.3g} ms",
        ratio=faster,
    )
    other = f"numpy dot and argpartition, an FTS5 index of the words: {better['p50']:.3g} ms"
    against = round(better["p50"] / mine["p50"], 1)
    return Outcome(
        "search",
        (
            row,
            Row("times faster than numpy and LIKE", faster, "×", bar=25.0, better="more"),
            Row("the same query, against numpy and SQLite FTS5", mine["p50"], "ms", instead=other, ratio=against),
            Row("the same, p95", mine["p95"], "ms"),
        ),
        {
            "ours": mine,
            "script": theirs,
            "script with FTS5": better,
            "stages_p50": stages,
            "load": before,
            "overlap_at_24": round(agree, 2),
        },
        (f"{count} distinct queries, each asked once; the first {_WARM} texts are others, to warm up.",),
    )


def _stages(atlas: Atlas, texts: list[str]) -> dict[str, float]:
    """Where the time goes, by asking for the parts alone."""
    vectors = [atlas.encoder.encode_texts([text])[0] for text in texts]
    from mirage.indexes import IndexQuery, bm25  # noqa: PLC0415 - only this measurement goes below the atlas

    rarity = bm25.Rarity(atlas.index)
    asks = [
        IndexQuery(vector, rarity.asked(text), _DEPTH, {}, case=rarity.asked(text, "case"))
        for vector, text in zip(vectors, texts, strict=True)
    ]
    lists = [atlas.index.ask(ask) for ask in asks]
    keys = [sorted({key for ranked in found.values() for key, _ in ranked})[:_DEPTH] for found in lists]
    parts: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
        "encode": (lambda text: atlas.encoder.encode_texts([text]), texts),
        "four channels": (atlas.index.ask, asks),
        "what 64 are ranked by": (atlas.store.search_rows, keys),
    }
    return {name: spread(times(call, given))["p50"] for name, (call, given) in parts.items()}


def _scripts(atlas: Atlas, folder: Path) -> tuple[Callable[[str], list[int]], Callable[[str], list[int]]]:
    """What somebody would write in an afternoon with the same encoder, vectors and records; and in a day, with FTS5."""
    keys = np.array(atlas.store.keys())
    found = atlas.store.vectors.of(keys.tolist(), atlas.encoder.info().digest)
    images = np.stack([found[key][0] for key in keys.tolist()])
    empty = np.zeros(images.shape[1], np.float32)
    captions = np.stack([empty if (caption := found[key][1]) is None else caption for key in keys.tolist()])
    records = sqlite3.connect(f"file:{folder / 'records.sqlite'}?mode=ro", uri=True)

    text_index = sqlite3.connect(":memory:")
    text_index.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize='porter')")
    said = records.execute("SELECT key, caption || ' ' || title || ' ' || diagnosis FROM figures")
    text_index.executemany("INSERT INTO words(rowid, text) VALUES (?, ?)", said)

    def sorted_(scores: np.ndarray) -> np.ndarray:
        return np.argsort(-scores)[:_DEPTH]

    def partitioned(scores: np.ndarray) -> np.ndarray:
        most = min(_DEPTH, len(scores))
        best = np.argpartition(-scores, most - 1)[:most]
        return best[np.argsort(-scores[best])]

    def like(words: list[str]) -> list[tuple[int]]:
        matched = " + ".join("(caption || ' ' || title || ' ' || diagnosis LIKE ?)" for _ in words)
        asked = f"SELECT key FROM (SELECT key, {matched} AS n FROM figures) WHERE n > 0 ORDER BY n DESC LIMIT {_DEPTH}"
        return records.execute(asked, [f"%{word}%" for word in words]).fetchall()

    def full_text(words: list[str]) -> list[tuple[int]]:
        asked = " OR ".join(f'"{word}"' for word in words)
        ordered = f"SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT {_DEPTH}"
        return text_index.execute(ordered, [asked]).fetchall()

    def ask(
        text: str, nearest: Callable[[np.ndarray], np.ndarray], worded: Callable[[list[str]], list[tuple[int]]]
    ) -> list[int]:
        vector = atlas.encoder.encode_texts([text])[0]
        scores: dict[int, float] = {}
        for matrix in (images, captions):
            for rank, place in enumerate(nearest(matrix @ vector).tolist(), 1):
                key = int(keys[place])
                scores[key] = scores.get(key, 0.0) + 1 / (_RRF_K + rank)
        words = [word for word in re.findall(r"\w+", text) if len(word) > 2][:12]
        for rank, (key,) in enumerate(worded(words) if words else (), 1):
            scores[key] = scores.get(key, 0.0) + 1 / (_RRF_K + rank)
        best = sorted(scores, key=scores.__getitem__, reverse=True)[:_HITS]
        marks = ",".join("?" * len(best))
        records.execute(f"SELECT * FROM figures WHERE key IN ({marks})", best).fetchall()
        return best

    return (lambda text: ask(text, sorted_, like)), (lambda text: ask(text, partitioned, full_text))


def _agreement(atlas: Atlas, script: Callable[[str], list[int]], text: str) -> float:
    """Share of our hits that the exhaustive script has too. They rank otherwise by design: a guard, no measure."""
    ours = {atlas.store.row(hit.figure.id).key for hit in atlas.search(text).hits}
    return len(ours & set(script(text))) / max(1, len(ours))


def http(setting: Setting) -> Outcome:
    """The same over HTTP: a real server process, one client that keeps its connection, JSON."""
    figures, count = setting.size(FIGURES, 1_000), setting.size(500, 20)
    real, _ = many.real_atlas(setting)
    texts = many.queries(real, count + _WARM, seed=2)
    folder = many.grow(real, setting.folder / f"{figures}-figures", figures)
    with Served(folder) as served, httpx.Client(base_url=served.url, trust_env=False, timeout=600) as client:
        sizes: list[int] = []

        def ask(text: str) -> None:
            answer = client.get("/api/search", params={"q": text})
            answer.raise_for_status()
            found = answer.json()
            assert found["hits"] or found["notes"], text  # a fragment of a caption may be of words that only ask
            sizes.append(len(answer.content))

        for text in texts[:_WARM]:
            ask(text)
        before = load()
        there = spread(times(ask, texts[_WARM:]))
        memory = served.memory()
    with Atlas.open(folder) as atlas:
        for text in texts[:_WARM]:
            atlas.search(text)
        here = spread(times(atlas.search, texts[_WARM:]))
    row = Row(f"text query over HTTP, JSON, one client, {figures:,} figures, p50", there["p50"], "ms")
    return Outcome(
        "http",
        (
            row,
            Row("the same, p95", there["p95"], "ms"),
            Row("what HTTP and JSON add, of p50", round(there["p50"] - here["p50"], 2), "ms", bar=4.0),
        ),
        {
            "http": there,
            "in_process": here,
            "json_bytes": round(float(np.median(sizes))),
            "server_memory_MB": memory,
            "load": before,
        },
        ("The client's own work, reading the JSON included, is in the time.",),
    )
