"""The kinds of questions that systems are asked, and what comes of them as numbers.

From a figure's words to its picture and back, over all figures of a split: the words are what the caption vector is made of,
plane and modality, then the caption; *caption alone* leaves the first two out. A hit is a figure with the same caption in
the same case. Ties count against the encoder. A figure without a caption is an answer and no query. Only an encoder's
picture channel can be asked so: the other channels hold the very words.

Topics, which `mirage_research.evaluation.queries` makes, are asked of every system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage.calibrate.weights import CachedEncoder
from mirage.encoders.base import Encoder
from mirage.storage.caption_vectors import caption_text
from mirage_research.evaluation import error_analysis, ranking, systems
from mirage_research.evaluation.evaluation_set import EvaluationSet, FigureVectors, Matrix
from mirage_research.evaluation.intervals import Floats, bootstrap, codes, compare, holm
from mirage_research.evaluation.queries import Topic
from mirage_research.evaluation.ranking import RANK, RandomOrder, Ranking, expected

Table = dict[str, Any]
Places = npt.NDArray[np.intp]
PAIRS = ("text to image", "image to text", "caption alone to image")
ORACLE, RANDOM = "coarse oracle", "random"
FIELDS = ("modality", "plane", "region")
_OF_PAIRS = (*(f"R@{k}" for k in ranking.AT), "MRR", RANK)
_FEWEST = 5  # queries of a modality, plane or region for it to be told apart
_MOST_VALUES = 12
_SHOWN = 10
_ROWS = 1024
_order = lru_cache(maxsize=100_000)(lambda *tiers: RandomOrder.of(tiers))


@dataclass(frozen=True)
class RetrievalTask:
    """A kind of question and how each system did.

    Attributes
    ----------
    name : str
    pool : int
        Figures that may answer.
    by : str
        The measure by which systems are compared.
    main : str
        The system that is compared with the others.
    cases : tuple of str
        Of each query.
    places : tuple of int
        In the evaluation set: the figure that each query is about.
    rights : tuple of frozenset of int
        Places of the right figures of each query.
    systems : dict
        System to measure to a value for each query; ``rank`` is that of the first right answer.
    kinds : tuple of str
        Of each query; empty where there is one kind.
    shown : dict
        System to the places of what came first, for those whose errors are looked into.
    texts : tuple of str
        What was typed, for the report; never in the numbers.
    """

    name: str
    pool: int
    by: str
    main: str
    cases: tuple[str, ...]
    places: tuple[int, ...]
    rights: tuple[frozenset[int], ...]
    systems: Mapping[str, Mapping[str, Floats]]
    kinds: tuple[str, ...] = ()
    shown: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    texts: tuple[str, ...] = ()


def topic_task(
    name: str,
    pool: EvaluationSet,
    topics: Sequence[Topic],
    rankings: Mapping[str, Sequence[Ranking]],
    main: str,
    *,
    analysed: Sequence[str] = (),
    baselines: bool = True,
) -> RetrievalTask:
    """A task over topics, once the systems have answered.

    Parameters
    ----------
    name : str
    pool : EvaluationSet
        The pool.
    topics : sequence of Topic
    rankings : mapping
        System to its ranking for each topic.
    main : str
        The system that is compared with the others.
    analysed : sequence of str
        Systems whose errors are looked into.
    baselines : bool
        Whether to add the random baseline and the coarse oracle.
    """
    rights = tuple(topic.right for topic in topics)
    measured: dict[str, Mapping[str, Floats]] = {}
    shown = {}
    for system, found in rankings.items():
        left = [_allowed(ranked, topic) for ranked, topic in zip(found, topics, strict=True)]
        measured[system] = ranking.measures(left, rights)
        shown[system] = [[slot[0] for slot in ranked[:_SHOWN]] for ranked in left]
    if baselines:
        names = (*ranking.MEASURES, RANK)
        measured[ORACLE] = expected(systems.coarse_oracle(pool, topics), names)
        measured[RANDOM] = expected(systems.at_random(pool, topics), names)
    return RetrievalTask(
        name=name,
        pool=len(pool),
        by="nDCG@10",
        main=main,
        cases=tuple(topic.case for topic in topics),
        places=tuple(topic.place for topic in topics),
        rights=rights,
        systems=measured,
        kinds=tuple(topic.kind for topic in topics),
        shown={system: shown[system] for system in analysed if system in shown},
        texts=tuple(topic.text for topic in topics),
    )


def _allowed(ranked: Ranking, topic: Topic) -> Ranking:
    """A ranking without the figures that a topic leaves out."""
    return [left for slot in ranked if (left := tuple(place for place in slot if place not in topic.without))]


def pair_task(
    name: str, pool: EvaluationSet, places: Sequence[int], encoders: Mapping[str, tuple[Encoder, FigureVectors]]
) -> RetrievalTask:
    """A task of `PAIRS` over some figures; they alone may answer.

    Parameters
    ----------
    name : str
    pool : EvaluationSet
    places : sequence of int
        Of the figures.
    encoders : mapping
        Label to an encoder and its vectors of the whole evaluation set; the first is the main one.
    """
    mine, back = pool.take(places), name == "image to text"
    everyone = np.array(places, dtype=np.intp)
    keys = codes([(group, figure.caption) for group, figure in zip(mine.groups, mine.figures, strict=True)])
    asked = np.array([number for number, figure in enumerate(mine.figures) if figure.caption], dtype=np.intp)
    answers = asked if back else np.arange(len(mine))
    measured: dict[str, Mapping[str, Floats]] = {}
    shown: dict[str, list[list[int]]] = {}
    for label, (encoder, whole) in encoders.items():
        vectors = whole.take(places)
        words = _captions_alone(mine, vectors, encoder) if name == PAIRS[2] else vectors.captions
        looking, at = (vectors.images, words) if back else (words, vectors.images)
        ranks, first = _ranks(keys, looking, at, asked, answers)
        measured[label] = {**{f"R@{k}": (ranks <= k).astype(float) for k in ranking.AT}, "MRR": 1 / ranks, RANK: ranks}
        shown.setdefault(label, [[int(place)] for place in everyone[first]])
    rights: dict[int, set[int]] = {}
    for number in answers:
        rights.setdefault(int(keys[number]), set()).add(places[number])
    main = next(iter(encoders))
    return RetrievalTask(
        name=name,
        pool=len(answers),
        by="R@10",
        main=main,
        cases=tuple(mine.groups[number] for number in asked),
        places=tuple(places[number] for number in asked),
        rights=tuple(frozenset(rights[int(keys[number])]) for number in asked),
        systems=measured | _pair_baselines(keys, codes(mine.kinds), asked, answers),
        shown={main: shown[main]},
        texts=tuple("" if back else mine.figures[number].caption for number in asked),
    )


def _captions_alone(pool: EvaluationSet, vectors: FigureVectors, encoder: Encoder) -> Matrix:
    """Vectors of the captions without what kind of picture it is; those that are so already are not encoded again."""
    found = vectors.captions.copy()
    longer = [n for n, figure in enumerate(pool.figures) if figure.caption and caption_text(figure) != figure.caption]
    if longer:
        texts = [pool.figures[place].caption for place in longer]
        found[longer] = CachedEncoder(encoder).encode_texts(texts)
    return found


def _ranks(keys: Places, looking: Matrix, at: Matrix, asked: Places, answers: Places) -> tuple[Floats, Places]:
    """Rank of the first right answer of each query, and the place of the best answer of all."""
    found: list[Floats] = [np.zeros(0)]
    first: list[Places] = [np.zeros(0, dtype=np.intp)]
    for start in range(0, len(asked), _ROWS):
        some = asked[start : start + _ROWS]
        scores = looking[some] @ at[answers].T
        right = keys[some][:, None] == keys[answers][None, :]
        found.append(ranking.ranks_of_first_right(scores, right))
        # What came first; a wrong answer that scores as high as a right one counts as before it.
        first.append(answers[np.where(right & (found[-1][:, None] > 1), -np.inf, scores).argmax(1)])
    return np.concatenate(found), np.concatenate(first)


def _pair_baselines(keys: Places, kinds: Places, asked: Places, answers: Places) -> dict[str, dict[str, Floats]]:
    """The coarse oracle, who is told modality, plane and region and guesses within them, and random order."""
    chance, oracle = [], []
    for place in asked:
        right, alike = keys[answers] == keys[place], kinds[answers] == kinds[place]
        total, size, within = int(right.sum()), int(alike.sum()), int((right & alike).sum())
        chance.append(_order((len(right), total)))
        oracle.append(_order((size, within), (len(right) - size, total - within)))
    return {ORACLE: expected(oracle, _OF_PAIRS), RANDOM: expected(chance, _OF_PAIRS)}


def numbers_of(task: RetrievalTask, pool: EvaluationSet, leaking: frozenset[int] = frozenset()) -> Table:
    """What a task comes to, as numbers alone.

    Parameters
    ----------
    task : RetrievalTask
    pool : EvaluationSet
    leaking : frozenset of int
        Places of figures that have a look-alike in another split.

    Returns
    -------
    dict
        ``pool``, ``queries``, ``cases``, ``right`` (mean number of right figures), ``systems`` (measure to
        ``[value, low, high]``, a 95 % bootstrap interval over cases, and ``median rank`` with ``not found``), ``compared``
        (the main system against each other one), ``by`` (modality, plane, region and kind of query), ``confusions``, and
        ``without look-alikes``.
    """
    about = [pool.figures[place] for place in task.places]
    values = {name: [getattr(figure, name) for figure in about] for name in FIELDS}
    if len(set(task.kinds)) > 1:
        values["kind"] = list(task.kinds)
    table: Table = {
        "pool": task.pool,
        "queries": len(task.cases),
        "cases": len(set(task.cases)),
        "right": round(float(np.mean([len(right) for right in task.rights])), 2) if task.rights else 0.0,
        "main": task.main,
        "measure": task.by,
        "systems": {name: _system(found, task.cases) for name, found in task.systems.items()},
        "compared": _compared(task),
        "by": {name: found for name, each in values.items() if (found := _by_value(task, each))},
    }
    if task.shown:
        table["confusions"] = {name: error_analysis.counted(pool, task.rights, came) for name, came in task.shown.items()}
    touched = {pool.groups[place] for place in leaking}
    clean = np.array([case not in touched for case in task.cases], dtype=bool)
    if touched and clean.any() and not clean.all():
        table["without look-alikes"] = _part(task, clean)
        del table["without look-alikes"]["cases"]
    return table


def _system(values: Mapping[str, Floats], cases: Sequence[str]) -> Table:
    found: Table = {name: bootstrap(numbers, cases).row() for name, numbers in values.items() if name != RANK}
    median = float(np.median(values[RANK])) if len(values[RANK]) else float("nan")
    found["median rank"] = median if np.isfinite(median) else None
    found["not found"] = int((~np.isfinite(values[RANK])).sum())
    return found


def _compared(task: RetrievalTask) -> Table:
    first = task.systems[task.main][task.by]
    found = {n: compare(first, values[task.by], task.cases) for n, values in task.systems.items() if n != task.main}
    adjusted = holm([p for _, p in found.values()])
    return {
        name: {"difference": difference.row(), "p": round(p, 5), "p adjusted": round(corrected, 5)}
        for (name, (difference, p)), corrected in zip(found.items(), adjusted, strict=True)
    }


def _by_value(task: RetrievalTask, values: Sequence[str]) -> Table:
    counts = {value: values.count(value) for value in set(values) if value}
    often = sorted((value for value, count in counts.items() if count >= _FEWEST), key=lambda value: (-counts[value], value))
    return {value: _part(task, np.array([one == value for one in values])) for value in often[:_MOST_VALUES]}


def _part(task: RetrievalTask, which: npt.NDArray[np.bool_]) -> Table:
    """The measure of comparison over some of a task's queries."""
    cases = [case for case, wanted in zip(task.cases, which, strict=True) if wanted]
    return {
        "queries": len(cases),
        "cases": len(set(cases)),
        **{name: bootstrap(values[task.by][which], cases).row() for name, values in task.systems.items()},
    }
