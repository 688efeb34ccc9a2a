"""``python -m benchmarks``: measure, print, and write what was found."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.adding import adding
from benchmarks.congruence import congruence
from benchmarks.crowd import crowd, crowd_by_two, explaining_at_once, repeated, slow_clients
from benchmarks.department import postgres
from benchmarks.dicom import dicom
from benchmarks.diffusing import diffusers
from benchmarks.explaining import explain
from benchmarks.fuzzing import fuzzing
from benchmarks.measure import ROOT, Benchmark, Outcome, Setting, load, machine
from benchmarks.memory import memory, uploads
from benchmarks.mutations import mutations
from benchmarks.opening import opening
from benchmarks.page import page
from benchmarks.paper import adding_with_open_clip, encoding, text
from benchmarks.report import markdown
from benchmarks.scale import scale
from benchmarks.screens import screens
from benchmarks.scrolling import scrolling
from benchmarks.searching import http, search
from benchmarks.seeds import SEEDS
from benchmarks.sizes import install
from benchmarks.stacking import stacking
from benchmarks.starting import starting
from benchmarks.static_site import static_site
from benchmarks.travelling import travelling
from benchmarks.viewing import viewing

BENCHMARKS: dict[str, Benchmark] = {
    "search": search,
    "http": http,
    "repeated": repeated,
    "explain": explain,
    "explaining-at-once": explaining_at_once,
    "crowd": crowd,
    "crowd-workers": crowd_by_two,
    "slow-clients": slow_clients,
    "diffusers": diffusers,
    "adding": adding,
    "stacking": stacking,
    "dicom": dicom,
    "memory": memory,
    "uploads": uploads,
    "mutations": mutations,
    "fuzzing": fuzzing,
    "travelling": travelling,
    "install": install,
    "starting": starting,
    "opening": opening,
    "page": page,
    "screens": screens,
    "scrolling": scrolling,
    "viewer": viewing,
    "scale": scale,
    "postgres": postgres,
    "encoding": encoding,
    "congruence": congruence,
    "static-site": static_site,
    "text": text,
    "adding-open-clip": adding_with_open_clip,
}


def main(words: list[str] | None = None) -> int:
    """Run the benchmarks; 0 when all that ran reached their bars, 1 when one missed its bar, 2 when one broke."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast it is")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="this one; may be given again")
    parser.add_argument("--medpix", type=Path, help="a copy of MedPix 2.0; MIRAGE_MEDPIX when left out")
    parser.add_argument("--folder", type=Path, help="keep atlases here, and use those that are there")
    parser.add_argument("--figures", type=_numbers, default=(), help="sizes for scale, as 2000,80000,1000000")
    parser.add_argument("--dimension", type=int, help="length of the vectors for scale")
    parser.add_argument(
        "--count",
        type=int,
        default=0,
        help="damaged files for mutations (100,000); seconds for crowd (300); cases of an operation for fuzzing (25)",
    )
    parser.add_argument("--seed", type=int, default=0, help="for mutations and fuzzing: another seed makes others")
    parser.add_argument(
        "--kind", action="append", default=[], choices=list(SEEDS), help="a format for mutations; may be given again (all)"
    )
    parser.add_argument(
        "--dicom",
        type=Path,
        action="append",
        default=[],
        help="a folder of DICOM files; MIRAGE_DICOM has several, as PATH has",
    )
    parser.add_argument("--out", type=Path, help="where to write results.json and results.md (docs/benchmarks)")
    given = parser.parse_args(words)
    out = given.out or (None if given.quick else ROOT / "docs" / "benchmarks")
    with tempfile.TemporaryDirectory(prefix="mirage-bench-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        medpix = given.medpix or os.environ.get("MIRAGE_MEDPIX")
        folders = given.dicom or [Path(one) for one in os.environ.get("MIRAGE_DICOM", "").split(os.pathsep) if one]
        setting = Setting(
            folder, Path(medpix) if medpix else None, given.quick, given.figures, given.dimension, given.count, given.seed,
            tuple(folders), tuple(given.kind),
        )  # fmt: skip
        found = [_run(name, setting) for name in given.only or BENCHMARKS]
    record = {
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "quick": given.quick,
        "medpix": bool(setting.medpix),
        "machine": machine(),
        "outcomes": {outcome.name: asdict(outcome) for outcome in found},
    }
    if out:
        out.mkdir(parents=True, exist_ok=True)
        record = _with_earlier(record, out / "results.json")
        (out / "results.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        (out / "results.md").write_text(markdown(record), "utf-8")
    print(markdown(record))
    if any(outcome.skipped.startswith("failed") for outcome in found):
        return 2
    return int(any(row.met is False for outcome in found for row in outcome.rows))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.replace("_", "").split(","))


def _run(name: str, setting: Setting) -> Outcome:
    started, before = time.perf_counter(), load()
    print(f"{name}: started, load {before}", file=sys.stderr, flush=True)
    try:
        outcome = BENCHMARKS[name](setting)
    except Exception as error:  # one that breaks must not cost the figures of the others
        if os.environ.get("MIRAGE_BENCH_DEBUG"):
            raise
        outcome = Outcome(name, (), skipped=f"failed: {type(error).__name__}: {error}")
    outcome.details.update(seconds=round(time.perf_counter() - started, 1), load_before=before, load_after=load())
    for row in outcome.rows:
        print(f"  {row.what}: {row.value} {row.unit}", file=sys.stderr, flush=True)
    return outcome


def _with_earlier(record: dict, path: Path) -> dict:
    """Keep what an earlier run found of benchmarks that this one left out, so that one can be run again alone."""
    if path.exists():
        earlier = json.loads(path.read_text("utf-8"))
        kept = {name: {**found, "when": found.get("when", earlier["when"])} for name, found in earlier["outcomes"].items()}
        merged = {**kept, **record["outcomes"]}
        record = {**record, "outcomes": {name: merged[name] for name in BENCHMARKS if name in merged}}
    return record


if __name__ == "__main__":
    sys.exit(main())
