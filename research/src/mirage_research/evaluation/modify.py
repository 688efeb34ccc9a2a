"""Does taking away and adding terms lead where it should? Triples over MedPix 2.0's train and dev, picture channel alone.

A triple is a query with one thing wrong, that thing as "less of", and the right thing as "more of":
``axial CT of the brain``, less ``CT``, more ``MRI``. Right are the figures that the data set describes as the target
says. Four kinds, drawn evenly by a seed: modality, plane, region, diagnosis. A target has at least ten figures, a
diagnosis three cases. Three ways are compared: the plain query, the modified one, and the target written out.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage import corpora
from mirage.figure import MODALITIES, Figure
from mirage.language.concepts import lexicon
from mirage.query import Query
from mirage.search.calibrations import calibration_for
from mirage.search.searcher import Searcher
from mirage_research.evaluation.evaluation_set import temporary_atlas
from mirage_research.evaluation.intervals import told

KINDS = ("modality", "plane", "region", "diagnosis")
WAYS = ("plain", "modified", "written")
_PLANES = ("axial", "coronal", "sagittal")
_MODALITIES = ("CT", "MR")
_REGION_WORDS = {
    "gastrointestinal": "gastrointestinal tract",
    "genitourinary": "genitourinary tract",
    "musculoskeletal": "bones and joints",
    "thorax": "chest",
    "vascular": "blood vessels",
}
_LEAST, _CASES, _AT = 10, 3, 10
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Triple:
    """A query with one thing wrong, and how to mend it.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    query, less, more, written : str
        `written` says the target in words.
    right : (n,) bool
        Which figures are the target's.
    """

    kind: str
    query: str
    less: str
    more: str
    written: str
    right: Bools


def triples(figures: Sequence[Figure], each: int, seed: int) -> list[Triple]:
    """Draw up to `each` triples of every kind.

    Parameters
    ----------
    figures : sequence of Figure
    each, seed : int
    """
    made: dict[str, list[Triple]] = defaultdict(list)
    for triple in (*_described(figures), *_diagnosed(figures)):
        made[triple.kind].append(triple)
    rng = random.Random(seed)  # noqa: S311 - draws triples
    return [triple for kind in KINDS for triple in rng.sample(made[kind], min(each, len(made[kind])))]


def _described(figures: Sequence[Figure]) -> Iterator[Triple]:
    modality, plane, region = (np.array([getattr(f, name) for f in figures]) for name in ("modality", "plane", "region"))
    regions = sorted({str(name) for name in region} - {"", "other", "multiple"})

    def right(m: str, p: str, r: str) -> Bools:
        return np.asarray((modality == m) & ((plane == p) | (p == "")) & ((region == r) | (r == "")))

    for m, p, r in product(_MODALITIES, ("", *_PLANES), ("", *regions)):
        found = right(m, p, r)
        if found.sum() < _LEAST:
            continue
        written = _text(m, p, r)
        for other in _PLANES if p else ():
            if other != p:
                yield Triple("plane", _text(m, other, r), other, p, written, found)
        if p or r:
            other = "MR" if m == "CT" else "CT"
            yield Triple("modality", _text(other, p, r), MODALITIES[other], MODALITIES[m], written, found)
        for other in regions if r else ():
            if other != r and right(m, p, other).any():
                yield Triple("region", _text(m, p, other), _region(other), _region(r), written, found)


def _diagnosed(figures: Sequence[Figure]) -> Iterator[Triple]:
    where: dict[str, set[int]] = defaultdict(set)
    names = lexicon()
    for place, figure in enumerate(figures):
        for match in names.find(figure.diagnosis or figure.title).matches:
            for name in (match.concept, *names.parents(match.concept)):  # a glioblastoma is right for “glioma” too
                if names.kind(name) == "disease":
                    where[name].add(place)
    known = {
        name: places
        for name, places in where.items()
        if len(places) >= _LEAST and len({figures[place].case_id for place in places}) >= _CASES
    }
    modality = np.array([figure.modality for figure in figures])
    for (name, places), other in permutations(known.items(), 2):
        if other[0] in names.parents(name) or name in names.parents(other[0]):
            continue
        for m in _MODALITIES:
            found = np.zeros(len(figures), dtype=bool)
            found[list(places)] = True
            found &= modality == m
            if found.sum() >= _LEAST:
                kind, wrong, right = MODALITIES[m], other[0], name
                yield Triple("diagnosis", f"{kind} of {wrong}", wrong, right, f"{kind} of {right}", found)


def _region(region: str) -> str:
    return _REGION_WORDS.get(region, region)


def _text(modality: str, plane: str, region: str) -> str:
    return " ".join(filter(None, (plane, MODALITIES[modality], f"of the {_region(region)}" if region else "")))


def evaluate(
    medpix: Path,
    *,
    each: int = 60,
    seed: int = 1,
    splits: Sequence[str] = ("train", "dev"),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Precision among the first ten, for each kind and way, with 95 % bootstrap intervals over triples.

    Parameters
    ----------
    medpix : Path
        A copy of MedPix 2.0.
    each : int
        Triples of each kind.
    seed : int
        Draws them.
    splits : sequence of str
        Whose figures are asked for.
    progress : callable
        Told how many triples are asked, and of how many.

    Returns
    -------
    dict
        ``triples``, ``chance`` and, by kind and for ``all``, way to ``[value, low, high]``; ``gain`` is modified − plain and
        ``behind`` is written − modified, both paired. ``all`` weighs the four kinds alike.
    """
    with temporary_atlas(corpora.load("medpix", path=medpix, splits=splits)) as atlas:
        rows = [row for batch in atlas.store.each() for row in batch]
        stored = atlas.store.vectors.of([row.key for row in rows], atlas.encoder.info().digest)
        images = np.stack([stored[row.key][0] for row in rows])
        own = calibration_for(atlas.encoder_info.digest)
        searcher = Searcher(atlas.store, atlas.index, atlas.encoder, atlas.pictures, own)
        drawn = triples([row.figure for row in rows], each, seed)
        scores = np.zeros((len(drawn), len(WAYS)))
        for place, triple in enumerate(drawn):
            queries = (
                Query.of(triple.query),
                Query.of(triple.query, less=[triple.less], more=[triple.more]),
                Query.of(triple.written),
            )
            for way, query in enumerate(queries):
                first = np.argsort(-(images @ searcher.vector(query)), kind="stable")[:_AT]
                scores[place, way] = triple.right[first].mean()
            progress(place + 1, len(drawn))
    return _table(drawn, scores)


def _table(drawn: Sequence[Triple], scores: npt.NDArray[np.float64]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    columns = np.column_stack([scores, scores[:, 1] - scores[:, 0], scores[:, 2] - scores[:, 1]])
    names = (*WAYS, "gain", "behind")
    table: dict[str, Any] = {"triples": len(drawn), "chance": round(float(np.mean([t.right.mean() for t in drawn])), 3)}
    again: list[npt.NDArray[np.float64]] = []
    values: list[npt.NDArray[np.float64]] = []
    for kind in KINDS:
        own = columns[[triple.kind == kind for triple in drawn]]
        if not len(own):
            continue
        draws = rng.integers(0, len(own), (2000, len(own)))
        again.append(own[draws].mean(axis=1))
        values.append(own.mean(axis=0))
        table[kind] = {"triples": len(own), **_intervals(names, values[-1], again[-1])}
    table["all"] = _intervals(names, np.mean(values, axis=0), np.mean(again, axis=0))
    return table


def _intervals(
    names: Sequence[str], value: npt.NDArray[np.float64], again: npt.NDArray[np.float64]
) -> dict[str, list[float]]:
    low, high = np.percentile(again, (2.5, 97.5), axis=0)
    return {
        n: [round(float(v), 3), round(float(a), 3), round(float(b), 3)]
        for n, v, a, b in zip(names, value, low, high, strict=True)
    }


def rows(table: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures for a reader: of each kind, every way and both differences."""
    found: list[tuple[str, str]] = []
    for kind in (*KINDS, "all"):
        found.append((kind, ""))
        found += [(f"  {name}", told(row)) for name, row in table.get(kind, {}).items() if name != "triples"]
    return found
