"""The systems that are compared: each answers the same topics over the same figures.

They search an *ablation*: an atlas in none of whose channels the names of conditions are. A figure's title and diagnosis are
words that word search looks in, and a title stands in for a caption that is missing. Left there, a search for a diagnosis
would find it by name. Here they are taken out of the words and of the caption vectors, and what names a case's condition is
taken out of the cases. So is every sentence of a caption or a case that names its condition.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import sqlalchemy as sa

from mirage.atlas import Atlas
from mirage.encoders.base import Encoder
from mirage.indexes import Index, IndexQuery, Point, bm25, load
from mirage.indexes.base import FILTER_FIELDS
from mirage.language import sentences
from mirage.language import words as wordform
from mirage.language.concepts import lexicon
from mirage.query import DEFAULT_K, MAX_K, Query
from mirage.storage import manifest
from mirage.storage.caption_vectors import caption_text
from mirage.storage.records import CASE_WORDS, case_mentions, cases, figure_mentions, figures, notes
from mirage.storage.records import vectors as vectors_table
from mirage.storage.store import LEXICON, Store
from mirage_research.evaluation.evaluation_set import EvaluationSet, FigureVectors, Matrix, Steps
from mirage_research.evaluation.intervals import codes
from mirage_research.evaluation.queries import Topic
from mirage_research.evaluation.ranking import RandomOrder, Ranking, best_first

DEPTH = 1000  # of a channel's list
_ROWS = 512


def by_vectors(looking: Matrix, at: Matrix, ids: Sequence[str], topics: Sequence[Topic]) -> list[Ranking]:
    """One channel alone: the nearest vectors.

    Parameters
    ----------
    looking : (topics, d) float32
    at : (n, d) float32
        Rows of zeros are figures that the channel does not have.
    ids : sequence of str
    topics : sequence of Topic
    """
    there = at.any(1)
    answers: list[Ranking] = []
    for start in range(0, len(topics), _ROWS):
        scores = np.where(there, looking[start : start + _ROWS] @ at.T, -np.inf).astype(np.float32)
        for row, topic in zip(scores, topics[start : start + _ROWS], strict=True):
            row[list(topic.without)] = -np.inf
            answers.append([(int(place),) for place in best_first(row, ids, DEPTH)])
    return answers


def by_words(index: Index, topics: Sequence[Topic], places: Callable[[int], int]) -> list[Ranking]:
    """BM25 alone, over whatever words the index holds.

    Parameters
    ----------
    index : Index
    topics : sequence of Topic
    places : callable
        The index's key to a place on the pool.
    """
    answers: list[Ranking] = []
    rarity = bm25.Rarity(index)
    for topic in topics:
        ask = IndexQuery(None, rarity.asked(topic.text), DEPTH, {})
        answers.append([(places(key),) for key, _ in index.ask(ask).get("words", [])])
    return answers


def by_search(
    atlas: Atlas,
    pool: EvaluationSet,
    topics: Sequence[Topic],
    *,
    refine: bool = False,
    step: str = "searching",
    progress: Steps = lambda step, done, total: None,
) -> list[Ranking]:
    """The search as it is served: all channels fused, near-duplicates folded.

    Parameters
    ----------
    atlas : Atlas
    pool : EvaluationSet
    topics : sequence of Topic
    refine : bool
    step : str
    progress : callable
        Told the step, how many topics are asked, and of how many.
    """
    place_of = {figure_id: place for place, figure_id in enumerate(pool.ids)}
    answers: list[Ranking] = []
    for topic in topics:
        k = min(MAX_K, DEFAULT_K + len(topic.without))
        like = () if topic.text else (pool.ids[topic.place],)
        found = atlas.search(Query.of(topic.text, like=like, k=k, refine=refine))
        answers.append([tuple(place_of[name] for name in (hit.figure.id, *hit.folded)) for hit in found.hits])
        progress(step, len(answers), len(topics))
    return answers


def at_random(pool: EvaluationSet, topics: Sequence[Topic]) -> list[RandomOrder]:
    """All figures in random order.

    Parameters
    ----------
    pool : EvaluationSet
    topics : sequence of Topic
    """
    return [RandomOrder.of([(len(pool) - len(topic.without), len(topic.right))]) for topic in topics]


def coarse_oracle(pool: EvaluationSet, topics: Sequence[Topic]) -> list[RandomOrder]:
    """One who is told modality, plane and region and nothing else, and guesses within them.

    For a name: those of the case's own figures. For a picture: its own.

    Parameters
    ----------
    pool : EvaluationSet
    topics : sequence of Topic
    """
    kinds = codes(pool.kinds)
    of_case: dict[str, list[int]] = {}
    for place, group in enumerate(pool.groups):
        of_case.setdefault(group, []).append(place)
    found = []
    for topic in topics:
        known = of_case[topic.case] if topic.text else [topic.place]
        first = np.isin(kinds, kinds[known])
        left, right = np.ones(len(pool), dtype=bool), np.zeros(len(pool), dtype=bool)
        left[list(topic.without)], right[list(topic.right)] = False, True
        found.append(RandomOrder.of((int((part & left).sum()), int((part & right).sum())) for part in (first, ~first)))
    return found


# Of a case: what was told and seen. The rest names its condition or discusses it.
CASE_KEPT = ("history", "exam", "findings")
_BATCH = 500
_NAMELESS_DIMENSION = 4


def withheld(pool: EvaluationSet) -> EvaluationSet:
    """The pool without titles, diagnoses and topics, and without the sentences that name the condition of their own case.

    A sentence names it where it holds all the words of one of these names, or a disease that one of them names, or a kind
    of that.
    """
    known = lexicon()
    names: dict[str, set[str]] = {}
    for group, figure in zip(pool.groups, pool.figures, strict=True):
        case = pool.cases.get(figure.case_id)
        names.setdefault(group, set()).update((figure.title, figure.diagnosis))
        names[group].update((case.title, case.diagnosis, case.topic) if case else ())
    worded = {group: [stems for name in mine if (stems := wordform.stems(name))] for group, mine in names.items()}
    diseases: dict[str, set[str]] = {}
    for group, mine in names.items():
        found = {match.concept for name in mine for match in known.find(name).matches}
        found = {name for name in found if known.concepts[name].kind == "disease"}
        diseases[group] = found.union(*(known.children(name) for name in found))

    def quiet(text: str, group: str) -> str:
        kept = []
        for sentence in sentences.split(text):
            stems = wordform.stems(sentence.text)
            concepts = {match.concept for match in known.find(sentence.text).matches}
            if not concepts & diseases[group] and not any(name <= stems for name in worded[group]):
                kept.append(sentence.text)
        return " ".join(kept)

    rows = []
    group_of = {}
    for row, group in zip(pool.rows, pool.groups, strict=True):
        group_of[row.figure.case_id] = group
        bare = replace(row.figure, title="", diagnosis="", caption=quiet(row.figure.caption, group))
        rows.append(replace(row, figure=bare))
    cases = {}
    for name, case in pool.cases.items():
        texts: dict[str, Any] = {
            field: quiet(getattr(case, field), group_of[name]) if name in group_of else "" for field in CASE_KEPT
        }
        cases[name] = replace(case, **(dict.fromkeys(CASE_WORDS, "") | texts))
    return replace(pool, rows=tuple(rows), cases=cases)


def without_names(pool: EvaluationSet, vectors: FigureVectors, encoder: Encoder) -> FigureVectors:
    """Caption vectors without names: only those of figures without a caption, which begin with the title, are made anew.

    Parameters
    ----------
    pool : EvaluationSet
    vectors : FigureVectors
    encoder : Encoder
        Who made them.
    """
    bare = withheld(pool).figures
    titled = [n for n, figure in enumerate(pool.figures) if caption_text(figure) != caption_text(bare[n])]
    captions = vectors.captions.copy()
    texts = [caption_text(bare[place]) for place in titled]
    spoken = [(place, text) for place, text in zip(titled, texts, strict=True) if text]
    captions[titled] = 0
    if spoken:
        captions[[place for place, _ in spoken]] = encoder.encode_texts([text for _, text in spoken])
    return FigureVectors(vectors.encoder, vectors.images, captions)


@contextmanager
def ablated_atlas(pool: EvaluationSet, vectors: FigureVectors, encoder: Encoder) -> Iterator[Atlas]:
    """An atlas of the pool in a temporary folder, names withheld; keys are the pool's, pictures stay where they are.

    Parameters
    ----------
    pool : EvaluationSet
    vectors : FigureVectors
        As `without_names` gives them.
    encoder : Encoder
        Who made them.
    """
    with TemporaryDirectory(prefix="mirage-measuring-") as name:
        folder = Path(name)
        _copy_records(pool, folder)
        _put_vectors(pool, vectors, folder)
        manifest.AtlasManifest(manifest.FORMAT, encoder.info(), {}).write(folder)
        with Atlas.open(folder, encoder=encoder) as atlas:  # which makes the index from the records
            yield atlas


def _copy_records(pool: EvaluationSet, folder: Path) -> None:
    """Copy the records, without names and without figures that are not on the pool."""
    with (
        closing(sqlite3.connect(f"file:{pool.folder / 'records.sqlite'}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(folder / "records.sqlite")) as target,
    ):
        source.backup(target)
    engine = sa.create_engine(f"sqlite:///{folder / 'records.sqlite'}")
    keys = {row.key for row in pool.rows}
    with engine.begin() as connection:
        others = [key for key in connection.execute(sa.select(figures.c.key)).scalars() if key not in keys]
        for start in range(0, len(others), _BATCH):
            part = others[start : start + _BATCH]
            connection.execute(sa.delete(vectors_table).where(vectors_table.c.key.in_(part)))
            connection.execute(sa.delete(figures).where(figures.c.key.in_(part)))
        bare = withheld(pool)
        for row in bare.rows:
            texts = {name: getattr(row.figure, name) for name in ("title", "diagnosis", "caption")}
            connection.execute(sa.update(figures).where(figures.c.key == row.key).values(texts))
        connection.execute(sa.update(cases).values(dict.fromkeys(CASE_WORDS, "")))
        for name, case in bare.cases.items():
            texts = {field: getattr(case, field) for field in CASE_KEPT}
            connection.execute(sa.update(cases).where(cases.c.id == name).values(texts))
        connection.execute(sa.delete(case_mentions))  # what names said is forgotten with them; opening reads the rest anew
        connection.execute(sa.delete(figure_mentions))
        connection.execute(sa.delete(notes).where(notes.c.name == LEXICON))
    engine.dispose()


def _put_vectors(pool: EvaluationSet, vectors: FigureVectors, folder: Path) -> None:
    store = Store.at(folder / "records.sqlite")
    try:
        digest = vectors.encoder.digest
        captions = [caption if caption.any() else None for caption in vectors.captions]
        for start in range(0, len(pool), _BATCH):
            some = slice(start, start + _BATCH)
            keys = [row.key for row in pool.rows[some]]
            nameless_rows = store.rows(keys)  # as the records have them now, without names
            store.vectors.put([nameless_rows[key] for key in keys], vectors.images[some], captions[some], digest)
        store.vectors.forget(digest)
    finally:
        store.close()


@contextmanager
def keywords_of(pool: EvaluationSet) -> Iterator[Index]:
    """The same words under BM25, captions and what is kept of the case: conventional search. Keys are places on the pool.

    The engine is the words channel's own, with its stemming and stop words, so that what differs is what is looked in.
    """
    blank = np.full(_NAMELESS_DIMENSION, 0.5, np.float32)
    fields = dict.fromkeys(FILTER_FIELDS, "")
    with TemporaryDirectory(prefix="mirage-keywords-") as folder:
        index: Index = load("embedded", path=Path(folder) / "index", dimension=_NAMELESS_DIMENSION)
        try:
            bare = withheld(pool)
            texts = []
            for figure in bare.figures:
                case = bare.cases.get(figure.case_id)
                texts.append(" ".join([figure.caption, *(getattr(case, name) for name in CASE_KEPT if case)]))
            average = max(
                1.0, float(np.mean([bm25.length(text) for text in texts]))
            )  # of these texts, which are no channel's
            said = [bm25.weighted(text, "words", average) for text in texts]
            index.add([Point(place, blank, None, words, fields) for place, words in enumerate(said)])
            index.optimise()
            yield index
        finally:
            index.close()
