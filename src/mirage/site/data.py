"""What a site's search goes by, gathered from an atlas: the head of it, the figures' words, vectors and postings.

Figures are numbered anew, in the order of their keys, so that equal scores stand in the same order in both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage.atlas import Atlas
from mirage.figure import Case, Figure
from mirage.indexes import bm25
from mirage.indexes.base import FILTER_FIELDS, Point
from mirage.language.concepts import lexicon
from mirage.language.lexicon_files import Concept
from mirage.language.mentions import postings
from mirage.language.vocabulary import common
from mirage.language.words import stem
from mirage.search.concepts import COUNTED_FIELDS
from mirage.search.query_vector import each_alone, plain_descriptions
from mirage.site.browser import stems
from mirage.site.browser.engine import SHARD
from mirage.storage.folder import points_of, words_in
from mirage.storage.mentions import WORD as TITLE_WORD
from mirage.storage.records import FigureRow
from mirage.storage.rows import FIGURE_FIELDS

_WORD = re.compile(r"[^\W_]+")
CHANNELS = ("words", "case", "concepts")


@dataclass(frozen=True, slots=True)
class SiteData:
    """The parts of a site's search.

    Attributes
    ----------
    head : dict
        What is known of the whole atlas, for JSON.
    shards : list of list of dict
        Of each `SHARD` figures what a search ranks and shows them by, for JSON.
    cases : list of dict
        Of each `SHARD` figures their cases that may be told, by id, for JSON.
    vectors, slices : bytes
        float16, image vectors of all figures and then caption vectors; those of the slices of stacks one after the other.
    postings : bytes
        For each of `CHANNELS` as `_written` has them.
    """

    head: dict[str, Any]
    shards: list[list[dict[str, Any]]]
    cases: list[dict[str, Any]]
    vectors: bytes
    slices: bytes
    postings: bytes


def gather(atlas: Atlas, rows: Sequence[FigureRow], cases: Mapping[str, Case]) -> SiteData:
    """Gather what a search goes by.

    Parameters
    ----------
    atlas : Atlas
    rows : sequence of FigureRow
        The figures that the site has, by ascending key.
    cases : mapping
        The cases whose passages may be told, by id.
    """
    with atlas.snapshot() as now:
        digest, calibration, encoder = atlas.encoder_info.digest, now.searcher.calibration, now.encoder
    points = {point.key: point for point in _points(atlas, rows, digest, cases)}
    rows = [row for row in rows if row.key in points]
    number = {row.key: place for place, row in enumerate(rows)}
    ordered = [points[row.key] for row in rows]
    mentions = atlas.store.mentions.of([row.key for row in rows], (), COUNTED_FIELDS)
    searched = atlas.store.search_rows([row.key for row in rows])
    sliced = atlas.store.vectors.slices([row.key for row in rows if row.figure.stack], digest)
    families, places, silent = atlas.store.families(), atlas.store.slice_places(), atlas.store.uncaptioned()
    titles = atlas.store.cases({row.figure.case_id for row in rows if row.figure.case_id})
    values = {field: sorted({point.fields[field] for point in ordered}) for field in FILTER_FIELDS}
    known = plain_descriptions()
    head = {
        "ids": [row.figure.id for row in rows],
        "former": {},
        "values": values,
        "columns": {field: [values[field].index(point.fields[field]) for point in ordered] for field in FILTER_FIELDS},
        "families": {number[key]: stack for key, stack in families.items() if key in number},
        "slice places": {number[key]: asdict(place) for key, place in places.items() if key in number},
        "uncaptioned": sorted(number[key] for key in silent if key in number),
        "captioned": [point.caption is not None for point in ordered],
        "slices": {number[key]: found.numbers.tolist() for key, found in sliced.items()},
        "title words": sorted(set(map(lexicon().canonical, _title_words(rows, titles, cases)))),
        "encoder": {name: getattr(atlas.encoder_info, name) for name in ("name", "digest", "dimension", "max_tokens")},
        "calibration": asdict(calibration),
        "known": {
            text: np.round(vector, 4).tolist() for text, vector in zip(known, each_alone(encoder, known), strict=True)
        },
    }
    postings, head["postings"] = _postings(ordered)
    told = [_shown(atlas, row, searched[row.key], mentions[row.key], row.figure.case_id in cases) for row in rows]
    head["stems"] = _exceptions(told, known)
    shards = [told[start : start + SHARD] for start in range(0, len(told), SHARD)]
    stories = [{row["case_id"]: asdict(cases[row["case_id"]]) for row in some if row["case_id"] in cases} for some in shards]
    images = np.array([point.image for point in ordered], np.float16)
    captions = np.array([np.zeros_like(point.image) if point.caption is None else point.caption for point in ordered])
    slices = [sliced[row.key].vectors.astype(np.float16).tobytes() for row in rows if row.key in sliced]
    vectors = images.tobytes() + captions.astype(np.float16).tobytes()
    return SiteData(head, shards, stories, vectors, b"".join(slices), postings)


def _points(atlas: Atlas, rows: Sequence[FigureRow], digest: str, cases: Mapping[str, Case]) -> Iterator[Point]:
    """What the index keeps; of a figure whose case may not be told, without the words of that."""
    for start in range(0, len(rows), SHARD):
        some = rows[start : start + SHARD]
        by_key = {row.key: row for row in some}
        own = atlas.store.mentions.of(list(by_key), (), FIGURE_FIELDS)
        for point in points_of(atlas.store, some, digest):
            figure = by_key[point.key].figure
            if not figure.case_id or figure.case_id in cases:
                yield point
            else:
                _, whole = words_in(figure, None)
                yield replace(point, case=bm25.weighted(whole, "case"), concepts=postings(own[point.key]))


def _shown(atlas: Atlas, row: FigureRow, searched: Any, mentions: Any, told: bool) -> dict[str, Any]:
    figure = row.figure
    return {
        **_figure(figure),
        "look": f"{searched.look:x}",
        "stems": sorted(searched.stems),
        "folded": " ".join(sorted(searched.words)),
        "mentions": [list(each[1:]) for each in mentions if told or each.field in FIGURE_FIELDS],
        "picture": {"name": row.picture.name, "width": row.picture.width, "height": row.picture.height},
    }


def _figure(figure: Figure) -> dict[str, Any]:
    own = asdict(figure)
    del own["edited"], own["withdrawn"]
    return own


def _postings(points: Sequence[Point]) -> tuple[bytes, dict[str, list[int]]]:
    """All channels one after the other, and of each how many numbers and how many pairs it has."""
    parts, sizes = list[bytes](), dict[str, list[int]]()
    for channel in CHANNELS:
        held: dict[int, list[tuple[int, float]]] = {}
        for key, point in enumerate(points):
            for number, weight in getattr(point, channel).items():
                held.setdefault(number, []).append((key, weight))
        parts.append(_written(held))
        sizes[channel] = [len(held), sum(map(len, held.values()))]
    return b"".join(parts), sizes


def _written(held: Mapping[int, Sequence[tuple[int, float]]]) -> bytes:
    """The numbers, ascending; where the pairs of each end; the keys of all pairs; their weights: 4 bytes each."""
    numbers = sorted(held)
    ends = np.cumsum([len(held[number]) for number in numbers], dtype=np.int64).astype("<u4")
    pairs = [pair for number in numbers for pair in held[number]]
    keys: npt.NDArray[Any] = np.array([key for key, _ in pairs], "<u4")
    weights: npt.NDArray[Any] = np.array([weight for _, weight in pairs], "<f4")
    return np.array(numbers, "<u4").tobytes() + ends.tobytes() + keys.tobytes() + weights.tobytes()


def _title_words(rows: Sequence[FigureRow], cases: Mapping[str, Case], told: Mapping[str, Case]) -> set[str]:
    """The words of titles, diagnoses and topics: an error of a query may be mended to them."""
    texts = [text for row in rows for text in (row.figure.title, row.figure.diagnosis)]
    texts += [case.title for case in cases.values()] + [case.topic for case in told.values()]
    return {word for text in texts for word in TITLE_WORD.findall(text)}


def _names(concept: Concept) -> Iterator[str]:
    yield from (concept.name, *concept.synonyms, *concept.lay, *concept.es, *concept.abbreviations, *concept.adjectives)


def _exceptions(told: Sequence[Mapping[str, Any]], known: Sequence[str]) -> dict[str, int | None]:
    """Words of which the engine's number is another than `mirage.site.browser.stems` gives by itself."""
    texts = [json.dumps(each, ensure_ascii=False) for each in told]
    texts += [name for concept in lexicon().concepts.values() for name in _names(concept)]
    words = {word for text in (*texts, *known) for word in _WORD.findall(text.lower())} | common()
    return {word: number for word in sorted(words) if (number := stem(word)) != stems.own_number(word)}
