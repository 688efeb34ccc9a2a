"""`mirage evaluate retrieval`: every task, every system, one run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage import __version__
from mirage.calibrate.weights import CachedEncoder
from mirage.errors import BadInput
from mirage.search.confidence import Calibration
from mirage_research.evaluation import leakage, systems, tasks
from mirage_research.evaluation.error_analysis import FailedQuery, thumbnails, worst
from mirage_research.evaluation.evaluation_set import (
    FEWEST,
    EvaluationSet,
    EvaluationSource,
    FigureVectors,
    NamedEncoder,
    Steps,
    opened,
    places_of,
)
from mirage_research.evaluation.leakage import TrainingRecord
from mirage_research.evaluation.queries import named, pictured
from mirage_research.evaluation.ranking import Ranking
from mirage_research.evaluation.tasks import RetrievalTask

Table = dict[str, Any]

FUSION, REFINED = "fusion", "fusion, refined"
IMAGE, CAPTION, WORDS = "image channel", "caption channel", "words channel"
KEYWORDS = "BM25 over the same words"
NAMES, PICTURES, TWICE = "condition queries", "image queries", "condition queries, asked twice"


@dataclass(frozen=True, slots=True)
class RetrievalOptions:
    """What to measure.

    Attributes
    ----------
    split : str
        Topic about; `mirage_research.evaluation.evaluation_set.WHOLE` for every figure.
    aside : bool
        Only the cases that the first encoder's training set aside.
    refined : int
        How many condition queries are asked with and without `refine`; 0 for none.
    seed : int
        Random seed of that choice.
    calibration : Calibration or None
        Weights and cuts of the fusion; those that go with the encoder when None.
    thumbnails : bool
        Whether to fetch small pictures of the failures, for the report.
    """

    split: str = "dev"
    aside: bool = False
    refined: int = 100
    seed: int = 0
    calibration: Calibration | None = None
    thumbnails: bool = False


@dataclass(frozen=True)
class RetrievalEvaluation:
    """What was measured.

    Attributes
    ----------
    table : dict
        Numbers alone, no texts: safe to publish.
    pool : EvaluationSet
    tasks : tuple of RetrievalTask
    failures : dict
        Task to its worst queries; they hold texts.
    thumbnails : dict
        Place to a small WebP of its picture, for the figures of the failures.
    """

    table: Table
    pool: EvaluationSet
    tasks: tuple[RetrievalTask, ...]
    failures: dict[str, list[FailedQuery]]
    thumbnails: dict[int, bytes]


def evaluate(
    source: EvaluationSource,
    used: Sequence[NamedEncoder],
    choices: RetrievalOptions,
    progress: Steps = lambda step, done, total: None,
) -> RetrievalEvaluation:
    """Measure retrieval.

    Parameters
    ----------
    source : EvaluationSource
    used : sequence of NamedEncoder
        Encoders, at least one; the first is the main one.
    choices : RetrievalOptions
    progress : callable
        Told what is being done, how much of it is done, and of how much.

    Raises
    ------
    mirage.errors.BadInput
        When there is too little to measure, the split is not there, or an encoder was trained on what is asked about.
    """
    started = time.perf_counter()
    with opened(source, used, progress) as (pool, vectors):
        trained = [leakage.training_of(one.encoder, one.model) for one in used]
        asked = _asked(pool, used, choices, trained)
        read = time.perf_counter()
        leaks, touched = leakage.across(pool, vectors[0], asked)
        encoders = {one.label: (one.encoder, whole) for one, whole in zip(used, vectors, strict=True)}
        found = []
        for number, name in enumerate(tasks.PAIRS):
            progress("words and pictures", number, len(tasks.PAIRS))
            found.append(tasks.pair_task(name, pool, asked, encoders))
        found += _searched(pool, asked, used, vectors, choices, progress)
        found = [task for task in found if task.cases]
        failures = {task.name: _worst(task, pool) for task in found if task.shown}
        small = thumbnails(pool, failures) if choices.thumbnails else {}
    table: Table = {
        "version": __version__,
        "corpus": source.corpus or "atlas",
        "split": choices.split,
        "cases": "set aside from training" if choices.aside else "all",
        "seed": choices.seed,
        "encoders": [_told(one, known) for one, known in zip(used, trained, strict=True)],
        "figures": {"pool": len(pool), "asked": len(asked)}
        | {"by split": {split: pool.splits.count(split) for split in sorted(set(pool.splits))}},
        "look-alikes across splits": leaks,
        "tasks": {task.name: tasks.numbers_of(task, pool, touched) for task in found},
        "seconds": {"reading and encoding": round(read - started, 1), "measuring": round(time.perf_counter() - read, 1)},
    }
    return RetrievalEvaluation(table, pool, tuple(found), failures, small)


def _asked(
    pool: EvaluationSet, used: Sequence[NamedEncoder], choices: RetrievalOptions, trained: Sequence[TrainingRecord]
) -> list[int]:
    asked = places_of(pool, choices.split)
    what = f"the split “{choices.split}”"
    if choices.aside:
        if not trained[0].aside:
            raise BadInput(
                f"Which cases were set aside from training the encoder {used[0].label} is not known: "
                "it has no splits.json beside it."
            )
        asked = [place for place in asked if pool.figures[place].case_id in trained[0].aside]
        what = f"the cases of {what} that were set aside from training {used[0].label}"
    for one, known in zip(used, trained, strict=True):
        leakage.refuse_trained(pool, asked, known, one.label, what)
    cases = len({pool.groups[place] for place in asked})
    if len(asked) < FEWEST or cases < 2:
        raise BadInput(
            f"There are {len(asked)} figures of {cases} cases in {what}: too few to measure. "
            f"It wants {FEWEST} figures or more, of two cases or more."
        )
    return asked


def _told(one: NamedEncoder, known: TrainingRecord) -> Table:
    info = one.encoder.info()
    return {"label": one.label, "digest": info.digest, "dimension": info.dimension, "training known": known.known}


def _searched(
    pool: EvaluationSet,
    asked: Sequence[int],
    used: Sequence[NamedEncoder],
    vectors: Sequence[FigureVectors],
    choices: RetrievalOptions,
    progress: Steps,
) -> list[RetrievalTask]:
    """Condition queries, those asked twice, and image queries, over the whole pool."""
    by_name, by_picture = named(pool, asked), pictured(pool, asked)
    if not by_name and not by_picture:
        return []
    drawn = sorted(np.random.default_rng(choices.seed).permutation(len(by_name))[: choices.refined])
    sample = [by_name[number] for number in drawn]
    rankings: dict[str, dict[str, list[Ranking]]] = {NAMES: {}, TWICE: {}, PICTURES: {}}
    for number, (one, whole) in enumerate(zip(used, vectors, strict=True)):
        encoder = CachedEncoder(one.encoder)
        kept = systems.without_names(pool, whole, encoder)
        of = "" if not number else f" ({one.label})"
        looking = encoder.encode_texts([topic.text for topic in by_name])
        seen = whole.images[[topic.place for topic in by_picture]]
        with ExitStack() as stack:
            atlas = stack.enter_context(systems.ablated_atlas(pool, kept, encoder))
            if choices.calibration is not None:
                atlas.calibrate(choices.calibration)
            step = f"searching{of}"
            rankings[NAMES][FUSION + of] = systems.by_search(atlas, pool, by_name, step=step, progress=progress)
            rankings[PICTURES][FUSION + of] = systems.by_search(atlas, pool, by_picture, step=step, progress=progress)
            again = systems.by_search(atlas, pool, sample, refine=True, step=step, progress=progress)
            rankings[TWICE][REFINED + of] = again
            rankings[TWICE][FUSION + of] = [rankings[NAMES][FUSION + of][number] for number in drawn]
            for task, vector, topics in ((NAMES, looking, by_name), (PICTURES, seen, by_picture)):
                for channel, at in ((IMAGE, kept.images), (CAPTION, kept.captions)):
                    rankings[task][channel + of] = systems.by_vectors(vector, at, pool.ids, topics)
            if not number:
                place_of = {row.key: place for place, row in enumerate(pool.rows)}
                rankings[NAMES][WORDS] = systems.by_words(atlas.index, by_name, place_of.__getitem__)
    with systems.keywords_of(pool) as index:
        rankings[NAMES][KEYWORDS] = systems.by_words(index, by_name, int)
    return [
        tasks.topic_task(NAMES, pool, by_name, rankings[NAMES], FUSION, analysed=(FUSION, KEYWORDS)),
        tasks.topic_task(TWICE, pool, sample, rankings[TWICE], REFINED, baselines=False),
        tasks.topic_task(PICTURES, pool, by_picture, rankings[PICTURES], FUSION, analysed=(FUSION,)),
    ]


def _worst(task: RetrievalTask, pool: EvaluationSet) -> list[FailedQuery]:
    by = "MRR" if task.by.startswith("R@") else task.by
    shown, measures = task.shown[task.main], task.systems[task.main]
    return worst(pool, task.texts, task.places, task.rights, shown, measures, by)
