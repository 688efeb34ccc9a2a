"""An atlas into one file and out of it into another folder: time, size, memory, and whether it answers as it did."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import many
from benchmarks.measure import Outcome, Row, Setting, load
from mirage.atlas import Atlas
from mirage.query import Query
from mirage.search.answer import Hit

# Each in a process of its own, so that the peak of its memory is its own.
_EXPORT = """
from mirage.storage.archive_export import export
written = export(Path(sys.argv[1]), Path(sys.argv[2]), purpose="myself")
told = {"figures": written.manifest.figures, "bytes": written.bytes, "seconds": written.seconds}
"""
_IMPORT = """
from mirage.storage.archive_import import import_file
done = import_file(Path(sys.argv[1]), Path(sys.argv[2]))
told = {"figures": done.added, "seconds": done.seconds}
"""
_AROUND = """
import json, sys
from pathlib import Path
import mirage.storage.archive_export, mirage.storage.archive_import
from benchmarks.measure import memory_of
import os
before = memory_of(os.getpid())
{work}
after = memory_of(os.getpid())
print(json.dumps(told | {{"before_MB": before["rss"], "peak_MB": after["peak_rss"], "anonymous_MB": after["anonymous"]}}))
"""


def travelling(setting: Setting) -> Outcome:
    """Export with every figure, import into another folder, and the same queries to both."""
    real, _ = many.real_atlas(setting)
    file, there = setting.folder / "travelling.mirage", setting.folder / "travelled"
    shutil.rmtree(there, ignore_errors=True)
    file.unlink(missing_ok=True)
    before = load()
    written = _apart(_EXPORT, real, file)
    arrived = _apart(_IMPORT, file, there)
    asked = queries(real, setting.size(100, 20))
    same = identical(real, there, asked)
    assert written["figures"] == arrived["figures"]
    figures = f"{written['figures']:,} figures"
    return Outcome(
        "travelling",
        (
            Row(f"the same hits after travelling, {figures}, of {len(asked)} queries", same, "queries", len(asked), "more"),
            Row(f"export, {figures}", round(written["seconds"], 1), "s"),
            Row(f"import into another folder, {figures}", round(arrived["seconds"], 1), "s"),
            Row("the file", round(written["bytes"] / 1e6, 1), "MB"),
            Row("peak memory of the export", written["peak_MB"], "MB"),
            Row("peak memory of the import", arrived["peak_MB"], "MB"),
        ),
        {"export": written, "import": arrived, "load": before},
        (
            "Words, likes of figures and dropped pictures; figure, place, confidence and score of every hit are compared.",
            "Nothing is encoded on the way. The memory is resident, with the files that are mapped.",
        ),
    )


def queries(real: Path, count: int) -> list[Query]:
    """Seven in ten are words, some with a second term or refined; the others are figures and pictures of the atlas."""
    return queries_of(real, many.queries(real, count * 7 // 10, seed=7), count)


def queries_of(real: Path, texts: list[str], count: int) -> list[Query]:
    """These texts as queries, and figures and pictures of the atlas up to so many."""
    rng = np.random.default_rng(7)
    found = [_worded(number, text) for number, text in enumerate(texts)]
    with Atlas.open(real) as atlas:
        keys = [int(key) for key in rng.choice(atlas.store.keys(), count - len(texts), replace=False)]
        rows = atlas.store.rows(keys)
        for number, key in enumerate(keys):
            if number % 2:
                image = Image.open(atlas.pictures.path(rows[key].picture.name))
                found.append(Query.of(pictures=[atlas.embed(image)]))
            else:
                found.append(Query.of(like=[rows[key].figure.id]))
    return found


def _worded(number: int, text: str) -> Query:
    if number % 4 == 1:
        return Query.of(text, less=["contrast@0.5"])
    return Query.of(text, refine=True) if number % 4 == 3 else Query.of(text)


def identical(here: Path, there: Path, asked: list[Query]) -> int:
    """How many queries both atlases answer with the same hits in the same order."""
    answers = []
    for folder in (here, there):
        with Atlas.open(folder) as atlas:
            answers.append([atlas.search(query).hits for query in asked])
    return sum(
        len(a) == len(b) > 0 and all(_same(one, other) for one, other in zip(a, b, strict=True))
        for a, b in zip(*answers, strict=True)
    )


def _same(one: Hit, other: Hit) -> bool:
    """Whether two hits are alike, but for the last digits of scores, which depend on the order in which the engine adds."""
    told = ((hit.figure, hit.confidence, hit.folded, [(by.channel, by.rank) for by in hit.channels]) for hit in (one, other))
    return next(told) == next(told) and math.isclose(one.score, other.score, rel_tol=1e-6)


def _apart(work: str, *arguments: Path) -> dict:
    code = [sys.executable, "-c", _AROUND.format(work=work), *map(str, arguments)]
    done = subprocess.run(
        code, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)
