"""One kind of question, asked of several systems, and what comes of it as figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage_research.evaluation import confusions, metrics, systems
from mirage_research.evaluation.by_chance import ByChance
from mirage_research.evaluation.conditions import Asked
from mirage_research.evaluation.paired import compare, holm
from mirage_research.evaluation.retrieval import bootstrap
from mirage_research.evaluation.shelf import Shelf
from mirage_research.evaluation.systems import Answer

Floats = npt.NDArray[np.float64]
Table = dict[str, Any]
MEASURES = ("nDCG@10", "P@10", "success@5", "MRR")
RANK = "rank"
FEWEST = 5  # queries of a modality, plane or region for it to be told apart
MOST_VALUES = 12
FIELDS = ("modality", "plane", "region")


@dataclass(frozen=True)
class Task:
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
        On the shelf: the figure that each query is about.
    systems : dict
        System to measure to a value for each query; ``rank`` is that of the first right answer.
    kinds : tuple of str
        Of each query; empty where there is one kind.
    rights : tuple of frozenset of int
        Places of the right figures of each query.
    shown : dict
        System to the places of what came first, for those whose mistakes are looked into.
    texts : tuple of str
        What was typed, for the report; never in the figures.
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


def measures_of(answers: Sequence[Answer], queries: Sequence[Asked]) -> tuple[dict[str, Floats], list[list[int]]]:
    """Every measure of every query, and the figures shown first."""
    rights, shown = systems.judged(answers, queries)
    table = metrics.flags(rights, max([10, *map(len, rights)]))
    total = np.array([len(asked.right) for asked in queries], dtype=np.int64)
    ranks = metrics.first_rank(table)
    values = {
        "nDCG@10": metrics.ndcg(table, total, 10),
        "P@10": metrics.precision(table, 10),
        "success@5": metrics.success(table, 5),
        "MRR": metrics.reciprocal(ranks),
        RANK: ranks,
    }
    return values, [came[:10] for came in shown]


def guessed(known: Sequence[ByChance]) -> dict[str, Floats]:
    """The same measures of answers in random order, as they are expected."""
    found: dict[str, Callable[[ByChance], float]] = {
        "nDCG@10": lambda one: one.ndcg(10),
        "P@10": lambda one: one.precision(10),
        "success@5": lambda one: one.success(5),
        "MRR": lambda one: one.reciprocal(),
        RANK: lambda one: one.median_rank(),
    }
    return {name: np.array([of(one) for one in known], dtype=np.float64) for name, of in found.items()}


def figures_of(task: Task, shelf: Shelf, leaking: frozenset[int] = frozenset()) -> Table:
    """What a task comes to, as numbers alone.

    Returns
    -------
    dict
        ``pool``, ``queries``, ``cases``, ``right`` (mean number of right figures), ``systems`` (measure to
        ``[value, low, high]``, a 95 % bootstrap interval over cases, and ``median rank`` with ``not found``), ``compared``
        (the main system against each other one), ``by`` (modality, plane, region and kind of query), ``confusions``, and
        ``without look-alikes``.
    """
    table: Table = {
        "pool": task.pool,
        "queries": len(task.cases),
        "cases": len(set(task.cases)),
        "right": round(float(np.mean([len(right) for right in task.rights])), 2) if task.rights else 0.0,
        "main": task.main,
        "measure": task.by,
        "systems": {name: _system(values, task.cases) for name, values in task.systems.items()},
        "compared": _compared(task),
        "by": _by(task, shelf),
    }
    if task.shown:
        table["confusions"] = {name: confusions.counted(shelf, task.rights, shown) for name, shown in task.shown.items()}
    touched = {shelf.groups[place] for place in leaking}
    clean = np.array([case not in touched for case in task.cases], dtype=bool)
    if touched and clean.any() and not clean.all():
        table["without look-alikes"] = {
            "queries": int(clean.sum()),
            **{name: _row(values[task.by][clean], _some(task.cases, clean)) for name, values in task.systems.items()},
        }
    return table


def _system(values: Mapping[str, Floats], cases: Sequence[str]) -> Table:
    found: Table = {name: _row(numbers, cases) for name, numbers in values.items() if name != RANK}
    middle = float(np.median(values[RANK])) if len(values[RANK]) else float("nan")
    found["median rank"] = middle if np.isfinite(middle) else None
    found["not found"] = int((~np.isfinite(values[RANK])).sum())
    return found


def _row(values: Floats, cases: Sequence[str]) -> list[float]:
    measured = bootstrap(values, cases)
    return [round(value, 4) for value in (measured.value, measured.low, measured.high)]


def _compared(task: Task) -> Table:
    first = task.systems[task.main][task.by]
    others = [name for name in task.systems if name != task.main]
    found = [compare(first, task.systems[name][task.by], task.cases) for name in others]
    adjusted = holm([one.p for one in found])
    return {
        name: {
            "difference": [round(value, 4) for value in (one.value, one.low, one.high)],
            "p": round(one.p, 5),
            "p adjusted": round(p, 5),
        }
        for name, one, p in zip(others, found, adjusted, strict=True)
    }


def _by(task: Task, shelf: Shelf) -> Table:
    about = [shelf.figures[place] for place in task.places]
    values = {name: [getattr(figure, name) for figure in about] for name in FIELDS}
    if len(set(task.kinds)) > 1:
        values["kind"] = list(task.kinds)
    return {name: found for name, each in values.items() if (found := _each(task, each))}


def _each(task: Task, values: Sequence[str]) -> Table:
    counts = {value: values.count(value) for value in set(values) if value}
    often = sorted((value for value, count in counts.items() if count >= FEWEST), key=lambda value: (-counts[value], value))
    found: Table = {}
    for value in often[:MOST_VALUES]:
        which = np.array([one == value for one in values], dtype=bool)
        cases = _some(task.cases, which)
        found[value] = {
            "queries": int(which.sum()),
            "cases": len(set(cases)),
            **{name: _row(numbers[task.by][which], cases) for name, numbers in task.systems.items()},
        }
    return found


def _some(values: Sequence[str], which: npt.NDArray[np.bool_]) -> list[str]:
    return [value for value, wanted in zip(values, which, strict=True) if wanted]
