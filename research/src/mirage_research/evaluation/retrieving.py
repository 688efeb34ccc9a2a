"""`mirage evaluate retrieval`: every task, every system, one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage import __version__
from mirage.encoders.base import EncoderInfo
from mirage.errors import BadInput
from mirage.search.fusion import Calibration
from mirage_research.evaluation import leakage, pairs, systems, tasks, withheld
from mirage_research.evaluation.conditions import Asked, named, pictured
from mirage_research.evaluation.confusions import Mistake, worst
from mirage_research.evaluation.leakage import Training
from mirage_research.evaluation.mistake_pictures import thumbnails
from mirage_research.evaluation.shelf import FEWEST, Shelf, Vectors
from mirage_research.evaluation.sources import Named, Source, opened, places_of
from mirage_research.evaluation.systems import Answer, Remembering
from mirage_research.evaluation.tasks import Task

Table = dict[str, Any]
Steps = Callable[[str, int, int], None]

FUSION, REFINED = "fusion", "fusion, refined"
IMAGE, CAPTION, WORDS = "image channel", "caption channel", "words channel"
KEYWORDS, ORACLE, RANDOM = "BM25 over captions", "coarse oracle", "random"
NAMES, PICTURES, TWICE = "condition queries", "image queries", "condition queries, asked twice"


@dataclass(frozen=True, slots=True)
class Choices:
    """What to measure.

    Attributes
    ----------
    split : str
        Asked about; `mirage_research.evaluation.shelf.WHOLE` for every figure.
    aside : bool
        Only the cases that the first encoder's training set aside.
    refined : int
        How many condition queries are asked with and without `refine`; 0 for none.
    seed : int
        Draws those.
    calibration : Calibration or None
        Weights and cuts of the fusion; those that go with the encoder when None.
    thumbnails : bool
        Whether to fetch small pictures of the mistakes, for the report.
    """

    split: str = "dev"
    aside: bool = False
    refined: int = 100
    seed: int = 0
    calibration: Calibration | None = None
    thumbnails: bool = False


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes
    ----------
    table : dict
        Numbers alone, no texts: safe to publish.
    shelf : Shelf
    tasks : tuple of Task
    mistakes : dict
        Task to its worst queries; they hold texts.
    thumbnails : dict
        Place to a small JPEG of its picture, for the figures of the mistakes.
    """

    table: Table
    shelf: Shelf
    tasks: tuple[Task, ...]
    mistakes: dict[str, list[Mistake]]
    thumbnails: dict[int, bytes]


def evaluate(
    source: Source, used: Sequence[Named], choices: Choices, progress: Steps = lambda step, done, total: None
) -> Evaluation:
    """Measure retrieval.

    Parameters
    ----------
    source : Source
    used : sequence of Named
        Encoders, at least one; the first is the main one.
    choices : Choices
    progress : callable
        Told what is being done, how much of it is done, and of how much.

    Raises
    ------
    mirage.errors.BadInput
        When there is too little to measure, the split is not there, or an encoder was trained on what is asked about.
    """
    started = time.perf_counter()
    with opened(source, used, progress) as (shelf, vectors):
        trained = [leakage.training_of(one.encoder, one.model) for one in used]
        asked = _asked(shelf, used, choices, trained)
        read = time.perf_counter()
        leaks = leakage.across(shelf, vectors[0], asked)
        mine = shelf.take(asked)
        found = [_pairs(task, mine, asked, used, vectors, progress) for task in pairs.TASKS]
        found += _searched(shelf, asked, used, vectors, choices, progress)
        found = [task for task in found if task.cases]
        mistakes = {task.name: _worst(task, shelf) for task in found if task.shown}
        small = thumbnails(shelf, mistakes) if choices.thumbnails else {}
    touched = leaks.pictures.figures | leaks.captions.figures
    table: Table = {
        "version": __version__,
        "corpus": source.corpus or "atlas",
        "split": choices.split,
        "cases": "set aside from training" if choices.aside else "all",
        "seed": choices.seed,
        "encoders": [_told(one, known) for one, known in zip(used, trained, strict=True)],
        "figures": {"pool": len(shelf), "asked": len(asked)} | {"by split": _counts(shelf)},
        "look-alikes across splits": leakage.numbers(leaks),
        "tasks": {task.name: tasks.figures_of(task, shelf, touched) for task in found},
        "seconds": {
            "reading and encoding": round(read - started, 1),
            "measuring": round(time.perf_counter() - read, 1),
        },
    }
    return Evaluation(table, shelf, tuple(found), mistakes, small)


def _asked(shelf: Shelf, used: Sequence[Named], choices: Choices, trained: Sequence[Training]) -> list[int]:
    asked = places_of(shelf, choices.split)
    what = f"the split “{choices.split}”"
    if choices.aside:
        if not trained[0].aside:
            raise BadInput(
                f"Which cases were set aside from training the encoder {used[0].label} is not known: "
                "it has no splits.json beside it."
            )
        asked = [place for place in asked if shelf.figures[place].case_id in trained[0].aside]
        what = f"the cases of {what} that were set aside from training {used[0].label}"
    for one, known in zip(used, trained, strict=True):
        leakage.refuse_trained(shelf, asked, known, one.label, what)
    if len(asked) < FEWEST or len({shelf.groups[place] for place in asked}) < 2:
        cases = len({shelf.groups[place] for place in asked})
        raise BadInput(
            f"There are {len(asked)} figures of {cases} cases in {what}: too few to measure. "
            f"It wants {FEWEST} figures or more, of two cases or more."
        )
    return asked


def _told(one: Named, known: Training) -> Table:
    info: EncoderInfo = one.encoder.info()
    return {"label": one.label, "digest": info.digest, "dimension": info.dimension, "training known": known.known}


def _counts(shelf: Shelf) -> dict[str, int]:
    return {split: shelf.splits.count(split) for split in sorted(set(shelf.splits))}


def _pairs(
    name: str, mine: Shelf, asked: Sequence[int], used: Sequence[Named], vectors: Sequence[Vectors], progress: Steps
) -> Task:
    """One task over the figures of the split alone; its places are turned into those of the whole shelf at the end."""
    chosen = pairs.of_task(name, mine)
    measured, shown = {}, {}
    for number, (one, whole) in enumerate(zip(used, vectors, strict=True)):
        progress(name, number, len(used))
        of_split = whole.take(asked)
        words = of_split.captions if name != pairs.TASKS[2] else pairs.captions_alone(mine, of_split, one.encoder)
        ranks, first = pairs.ranks(name, mine, of_split.images, words, chosen)
        measured[one.label] = pairs.measures(ranks)
        shown[one.label] = [[asked[place]] for place in first]
    measured |= pairs.guesses(mine, chosen)
    rights: dict[tuple[str, str], set[int]] = {}
    for place in chosen.answers:
        rights.setdefault((mine.groups[place], mine.figures[place].caption), set()).add(asked[place])
    return Task(
        name=name,
        pool=len(chosen.answers),
        by="R@10",
        main=used[0].label,
        cases=tuple(mine.groups[place] for place in chosen.asked),
        places=tuple(asked[place] for place in chosen.asked),
        rights=tuple(frozenset(rights[mine.groups[place], mine.figures[place].caption]) for place in chosen.asked),
        systems=measured,
        shown={used[0].label: shown[used[0].label]},
        texts=tuple(mine.figures[place].caption if name != pairs.TASKS[1] else "" for place in chosen.asked),
    )


def _searched(
    shelf: Shelf,
    asked: Sequence[int],
    used: Sequence[Named],
    vectors: Sequence[Vectors],
    choices: Choices,
    progress: Steps,
) -> list[Task]:
    """Condition queries, those asked twice, and image queries, over the whole pool."""
    by_name, by_picture = named(shelf, asked), pictured(shelf, asked)
    if not by_name and not by_picture:
        return []
    drawn = np.random.default_rng(choices.seed).permutation(len(by_name))[: choices.refined]
    sample = [by_name[number] for number in sorted(drawn)]
    answers: dict[str, dict[str, list[Answer]]] = {NAMES: {}, TWICE: {}, PICTURES: {}}
    for number, (one, whole) in enumerate(zip(used, vectors, strict=True)):
        encoder = Remembering(one.encoder)
        kept = withheld.withhold(shelf, whole, encoder)
        of = "" if not number else f" ({one.label})"
        looking = encoder.encode_texts([query.text for query in by_name])
        seen = whole.images[[query.place for query in by_picture]]
        with ExitStack() as stack:
            atlas = stack.enter_context(withheld.atlas_of(shelf, kept, encoder))
            if choices.calibration is not None:
                atlas.calibrate(choices.calibration)
            move = _counting(progress, f"searching{of}", len(by_name) + len(by_picture) + 2 * len(sample))
            answers[NAMES][FUSION + of] = systems.by_search(atlas, shelf, by_name, progress=move)
            answers[PICTURES][FUSION + of] = systems.by_search(atlas, shelf, by_picture, progress=move)
            answers[TWICE][REFINED + of] = systems.by_search(atlas, shelf, sample, refine=True, progress=move)
            once = dict(zip((id(query) for query in by_name), answers[NAMES][FUSION + of], strict=True))
            answers[TWICE][FUSION + of] = [once[id(query)] for query in sample]
            for task, vector, queries in ((NAMES, looking, by_name), (PICTURES, seen, by_picture)):
                for channel, at in ((IMAGE, kept.images), (CAPTION, kept.captions)):
                    answers[task][channel + of] = systems.by_vectors(vector, at, shelf.ids, queries)
            if not number:
                place_of = {row.key: place for place, row in enumerate(shelf.rows)}
                answers[NAMES][WORDS] = systems.by_words(atlas.index, by_name, place_of.__getitem__)
    with withheld.keywords_of(shelf) as index:
        answers[NAMES][KEYWORDS] = systems.by_words(index, by_name, int)
    chosen = {NAMES: by_name, TWICE: sample, PICTURES: by_picture}
    main = {NAMES: FUSION, TWICE: REFINED, PICTURES: FUSION}
    return [_task(name, shelf, queries, answers[name], main[name]) for name, queries in chosen.items()]


def _counting(progress: Steps, step: str, total: int) -> Callable[[], None]:
    done = 0

    def move() -> None:
        nonlocal done
        done += 1
        progress(step, min(done, total), total)

    return move


def _task(name: str, shelf: Shelf, queries: Sequence[Asked], answers: dict[str, list[Answer]], main: str) -> Task:
    measured, shown = {}, {}
    for system, found in answers.items():
        measured[system], shown[system] = tasks.measures_of(found, queries)
    if name != TWICE:
        measured[ORACLE] = tasks.guessed(systems.coarse_oracle(shelf, queries))
        measured[RANDOM] = tasks.guessed(systems.at_random(shelf, queries))
    return Task(
        name=name,
        pool=len(shelf),
        by="nDCG@10",
        main=main,
        cases=tuple(query.case for query in queries),
        places=tuple(query.place for query in queries),
        rights=tuple(query.right for query in queries),
        systems=measured,
        kinds=tuple(query.kind for query in queries),
        shown={main: shown[main]} | ({KEYWORDS: shown[KEYWORDS]} if KEYWORDS in shown else {}) if name != TWICE else {},
        texts=tuple(query.text for query in queries),
    )


def _worst(task: Task, shelf: Shelf) -> list[Mistake]:
    return worst(
        shelf,
        task.texts,
        task.places,
        task.rights,
        task.shown[task.main],
        task.systems[task.main],
        "MRR" if task.by.startswith("R@") else task.by,
    )
