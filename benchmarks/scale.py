"""The search stage at 2,000, 80,000 and a million figures, beside what a person would take otherwise, in one run.

The search stage is what comes between a query's vector and the keys of the ten nearest figures. Every way to do it gets the
same vectors (see `benchmarks.clouds`) and the same queries, each in a fresh process that only serves. With ``--folder`` the
vectors and what was built are kept, so that measuring can be repeated; how long building took is told as of then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import clouds, many, wording
from benchmarks.engines import ENGINES, WARM
from benchmarks.measure import ROOT, Outcome, Row, Setting, load

SIZES: tuple[tuple[int, int], ...] = ((2_000, 768), (80_000, 768), (1_000_000, 512))
_QUICK: tuple[tuple[int, int], ...] = ((600, 64),)
_PLAIN_UP_TO = 100_000  # the layout without 8-bit vectors is only there to be compared with
# What is to be reached: times faster than numpy, recall, milliseconds, MB that no file backs.
_BARS: dict[tuple[int, int], dict[str, float]] = {
    (80_000, 768): {"faster": 12.0, "recall": 0.99},
    (1_000_000, 512): {"p50": 10.0, "recall": 0.95, "anonymous": 2_000.0},
}


def scale(setting: Setting) -> Outcome:
    """Build what is not built yet, then measure everything, size by size."""
    sizes = sizes_of(setting)
    names = [name for name in ENGINES if not name.startswith("faiss") or find_spec("faiss")]
    folders = {size: prepared(setting, size) for size in sizes}
    built = {
        size: {name: run("build", name, folders[size]) for name in _at(names, size) if ENGINES[name].build} for size in sizes
    }
    rows: list[Row] = []
    details: dict[str, Any] = {"spread": _spread(setting, sizes)}
    for size, folder in folders.items():
        before = load()
        few = setting.size(60, 10)
        found = {
            name: run("ask", name, folder, few if ENGINES[name].exhaustive else setting.size(500, 30))
            for name in _at(names, size)
        }
        first = {name: run("first", name, folder, few) for name in ("mirage", "numpy")}
        rows += _rows(size, found, built[size], first)
        details[f"{size[0]} x {size[1]}"] = {"load": before, "built": built[size], "asked": found, "first_from_disk": first}
    notes = [
        "every way in a fresh process, one query at a time, ten nearest asked for; the first 20 to warm up",
        "vectors are drawn as benchmarks/clouds.py says",
    ]
    if not find_spec("faiss"):
        notes.append("FAISS is not installed (the extra bench has it)")
    return Outcome("scale", tuple(rows), details, tuple(notes))


def sizes_of(setting: Setting) -> list[tuple[int, int]]:
    """Figures and length of the vectors: as asked for, else as the bars are set."""
    usual = dict(_QUICK if setting.quick else SIZES)
    return [(figures, setting.dimension or usual.get(figures, 768)) for figures in setting.figures or usual]


def _at(names: list[str], size: tuple[int, int]) -> list[str]:
    return [name for name in names if name != "mirage-plain" or size[0] <= _PLAIN_UP_TO]


def prepared(setting: Setting, size: tuple[int, int]) -> Path:
    """Vectors, queries, the truth, words and texts, in a folder."""
    folder = clouds.kept(setting.folder / f"scale-{size[0]}-{size[1]}", *size, setting.size(500, 30) + WARM)
    if not (folder / "texts.json").exists():
        real, _ = many.real_atlas(setting)
        wording.keep(real, folder, setting.size(500, 30))
    return folder


def run(step: str, name: str, folder: Path, *more: object, module: str = "benchmarks.engines") -> dict[str, Any]:
    """One step in a fresh process."""
    words = [sys.executable, "-m", module, step, name, str(folder), *map(str, more)]
    print(f"  {step} {name} {folder.name}", file=sys.stderr, flush=True)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{step} {name} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _rows(size: tuple[int, int], found: dict[str, Any], built: dict[str, Any], first: dict[str, Any]) -> list[Row]:
    """The table's lines for one size. A ratio is how many times better MIRAGE is than what it is set against."""
    what, bars = f"{size[0]:,} figures × {size[1]}", _BARS.get(size, {})
    mine, plain = found["mirage"], found["numpy"]
    anonymous = mine["memory_channels_MB"]["anonymous"]
    rows = [
        Row(
            f"search stage, {what}, p50",
            mine["p50"],
            "ms",
            bar=bars.get("p50"),
            instead=f"{ENGINES['numpy'].title}: {plain['p50']:.3g} ms",
            ratio=_times(plain["p50"], mine["p50"]),
        )
    ]
    if "faster" in bars:
        faster = round(plain["p50"] / mine["p50"], 1)
        rows.append(Row("times faster than numpy", faster, "×", bar=bars["faster"], better="more"))
    for name in ("faiss-flat", "faiss-hnsw"):
        if name in found:
            other = found[name]
            about = f"{ENGINES[name].title}: {other['p50']:.3g} ms, recall {other['recall']:.3f}"
            ratio = _times(other["p50"], mine["p50"])
            rows.append(Row(f"the same, against {name.replace('-', ' ')}", mine["p50"], "ms", instead=about, ratio=ratio))
    rows += [
        Row("the same, p95", mine["p95"], "ms"),
        Row("the same, recall@10", mine["recall"], "of 1", bar=bars.get("recall"), better="more"),
    ]
    theirs = plain["memory_MB"]["anonymous"]
    channels = mine["channels"]
    rows += [
        Row(
            f"memory that no file backs (RssAnon), serving {what}, all channels",
            anonymous,
            "MB",
            bar=bars.get("anonymous"),
            instead=f"the same of numpy's process, image vectors alone: {theirs:g} MB",
            ratio=_times(theirs, anonymous),
        ),
        Row(f"image, caption and words channels in one call, {what}, p50", channels["three"]["p50"], "ms"),
        Row(f"opening the index, nothing of it in the page cache, {what}", first["mirage"]["open_s"], "s"),
        Row(
            f"the first {first['mirage']['n']} searches after that, their exact vectors read from disk, p50",
            first["mirage"]["p50"],
            "ms",
        ),
        *_building(what, built),
    ]
    return rows


def _building(what: str, built: dict[str, Any]) -> list[Row]:
    mine, other = built["mirage"], built.get("faiss-hnsw", {})
    about = f"FAISS HNSW of the image vectors alone: {other['processor_s']:g} s, {other['seconds']:g} s" if other else ""
    ratio = _times(other["processor_s"], mine["processor_s"]) if other else None
    named = f"building the index of {what}, both kinds of vectors, words and fields: processor time"
    return [
        Row(named, mine["processor_s"], "s", instead=about, ratio=ratio),
        Row(f"the same by the clock, load {mine['load']:g} as it began", mine["seconds"], "s"),
    ]


def _times(theirs: float, mine: float) -> float:
    return float(f"{theirs / mine:.2g}") if mine else 0.0


def _spread(setting: Setting, sizes: list[tuple[int, int]]) -> dict[str, float]:
    """Intrinsic dimension of the real pictures' vectors and of as many of ours; see `clouds.spread_of`."""
    import numpy as np  # noqa: PLC0415 - only for this

    from mirage.atlas import Atlas  # noqa: PLC0415

    real, _ = many.real_atlas(setting)
    with Atlas.open(real) as atlas:
        vectors = atlas.store.vectors.of(atlas.store.keys(), atlas.encoder.info().digest)
    images = np.stack([image for image, _ in vectors.values()])
    count = min(len(images), 2_000)
    told = {f"{count} real pictures": round(clouds.spread_of(images[:count]), 1)}
    for figures, dimension in sizes:
        block = next(clouds.Cloud(figures, dimension).blocks())[1][:count]
        told[f"{len(block)} of {figures} x {dimension}"] = round(clouds.spread_of(block), 1)
    return told
