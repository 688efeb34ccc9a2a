"""What an atlas answers, written down, and two such records compared: does a change leave every answer as it was?

``python -m benchmarks.answers record ATLAS OUT.json`` asks 300 queries (words, pictures, weights, filters), 40 explanations
and 20 comparisons; ``python -m benchmarks.answers compare BEFORE.json AFTER.json`` lists what differs. Figures are told
apart by the hash of their picture, since ids may change. Only the public API is used, so that versions can be compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from mirage import Atlas, Query

QUERIES = {"words": 140, "pictures": 60, "weights": 60, "filters": 40}
EXPLANATIONS, COMPARISONS = 40, 20
WORDS = (
    "fracture",
    "mass in the lung",
    "ring-enhancing lesion",
    "heart",
    "chest X-ray",
    "coronal T2 of the hippocampus",
    "tumor",
)


def _subjects(atlas: Atlas) -> list[str]:
    """Diagnoses, titles and captions' beginnings of the atlas's figures, in a fixed order."""
    found: dict[str, None] = {}
    for _, figure in sorted(_figures(atlas).items()):
        for text in (figure.diagnosis, figure.title, " ".join(figure.caption.split()[:9])):
            if text and text.strip():
                found.setdefault(text.strip()[:120])
    return sorted(found)


_CACHE: dict[int, dict[str, Any]] = {}


def _figures(atlas: Atlas) -> dict[str, Any]:
    """Every figure by the hash of its picture; the first by id where two share one."""
    if id(atlas) not in _CACHE:
        known: dict[str, Any] = {}
        figures = [row.figure for rows in atlas.store.each() for row in rows]
        for figure in sorted(figures, key=lambda figure: figure.id):
            known.setdefault(_hash(atlas, figure.id), figure)
        _CACHE[id(atlas)] = known
    return _CACHE[id(atlas)]


def _hash(atlas: Atlas, figure_id: str) -> str:
    return hashlib.sha256(atlas.picture(figure_id).read_bytes()).hexdigest()[:16]


def _hits(atlas: Atlas, answer: Any) -> list[list[str]]:
    return [[_hash(atlas, hit.figure.id), hit.confidence] for hit in answer.hits]


def _queries(atlas: Atlas, rng: random.Random) -> Iterator[tuple[str, Query]]:
    subjects = _subjects(atlas)
    figures = _figures(atlas)
    drawn = [*WORDS, *rng.sample(subjects, QUERIES["words"] - len(WORDS))]
    for text in drawn:
        yield f"words {text}", Query.of(text)
    for key in rng.sample(sorted(figures), QUERIES["pictures"]):
        with Image.open(atlas.picture(figures[key].id)) as picture:
            yield f"picture {key}", Query.of(pictures=[atlas.embed(picture.convert("RGB"))])
    for n in range(QUERIES["weights"]):
        a, b, c = rng.sample(subjects, 3)
        more = [f"{b}@{rng.choice(('0.5', '1', '2'))}"] if n % 3 else []
        yield f"weights {n} {a} +{b} -{c}", Query.of(a, more=more, less=[c] if n % 2 or not more else [])
    for n in range(QUERIES["filters"]):
        filters = rng.choice(
            ({"modality": "CT"}, {"modality": "MR"}, {"plane": "axial"}, {"plane": "sagittal", "modality": "MR"})
        )
        text = rng.choice(subjects)
        yield f"filters {n} {text} {filters}", Query.of(text, **filters)


def record(folder: Path) -> dict[str, Any]:
    """Ask everything of one atlas.

    Parameters
    ----------
    folder : Path
        The atlas; it is only read.

    Returns
    -------
    dict
        ``hits`` (query to hits with their confidence), ``explanations``, ``comparisons``.
    """
    rng = random.Random(7)
    with Atlas.open(folder) as atlas:
        hits = {name: _hits(atlas, atlas.search(query)) for name, query in _queries(atlas, rng)}
        subjects = _subjects(atlas)
        explanations = {}
        for text in rng.sample(subjects, EXPLANATIONS):
            explained = atlas.explain(text)
            explanations[text] = [[claim.text, list(claim.cites), claim.support] for claim in explained.claims]
        comparisons = {}
        for _ in range(COMPARISONS):
            a, b = rng.sample(subjects, 2)
            found = atlas.compare(a, b)
            sides = {name: [item.concept for item in getattr(found, name)] for name in ("shared", "of_a", "of_b")}
            comparisons[f"{a} | {b}"] = sides | {"notes": list(found.notes)}
    return {"hits": hits, "explanations": explanations, "comparisons": comparisons}


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Tell what differs between two records, a line each.

    Parameters
    ----------
    before, after : dict
        What `record` returned.
    """
    lines = []
    for part in ("hits", "explanations", "comparisons"):
        for name in sorted(before[part].keys() | after[part].keys()):
            old, new = before[part].get(name), after[part].get(name)
            if old != new:
                lines.append(f"{part}: {name}\n  before: {json.dumps(old)}\n  after:  {json.dumps(new)}")
    return lines


def main() -> int:
    """Record or compare; 1 when two records differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers", description=__doc__)
    ways = parser.add_subparsers(dest="way", required=True)
    recording = ways.add_parser("record")
    recording.add_argument("atlas", type=Path)
    recording.add_argument("out", type=Path)
    comparing = ways.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.way == "record":
        given.out.write_text(json.dumps(record(given.atlas), indent=1) + "\n", "utf-8")
        return 0
    before, after = (json.loads(path.read_text("utf-8")) for path in (given.before, given.after))
    found = differences(before, after)
    asked = {part: len(before[part]) for part in before}
    print("\n".join(found) or "nothing differs", f"\n{len(found)} differ, of {asked}")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
