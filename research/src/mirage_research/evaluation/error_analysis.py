"""What came back instead: the kind of each error, the queries that were answered worst, and small pictures of both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.errors import MirageError
from mirage.figure import Figure
from mirage.language.laterality import SIDES
from mirage.storage.pictures import pictures_of
from mirage_research.evaluation.evaluation_set import EvaluationSet

# From coarse to fine: a failure is of the first kind in which what came back is unlike everything that was wanted.
KINDS = ("modality", "region", "plane", "side", "finding")
_WORD = re.compile(r"[a-z]+")
SHOWN = 3


@dataclass(frozen=True, slots=True)
class FailedQuery:
    """A query that was answered badly.

    Attributes
    ----------
    text : str
        What was typed; empty for a picture.
    place : int
        Of the figure it is about, or the picture itself.
    value : float
        What the measure says of the answer.
    wanted : tuple of int
        Places of some right figures.
    got : tuple of (int, str)
        Places of the first figures that came, each with the kind of its error; empty for a right one.
    """

    text: str
    place: int
    value: float
    wanted: tuple[int, ...]
    got: tuple[tuple[int, str], ...]


def kind_of(wanted: Iterable[Figure], got: Figure) -> str:
    """In what a wrong figure is unlike what was wanted; what its source does not say counts as alike.

    Parameters
    ----------
    wanted : iterable of Figure
    got : Figure
    """
    left = list(wanted)
    for name, value in (("modality", got.modality), ("region", got.region), ("plane", got.plane)):
        alike = [figure for figure in left if not value or getattr(figure, name) in ("", value)]
        if not alike:
            return name
        left = alike
    side = side_of(got.caption)
    if side and not any(side_of(figure.caption) in ("", side) for figure in left):
        return "side"
    return "finding"


def side_of(caption: str) -> str:
    """``left`` or ``right`` when a caption names one of them alone; else empty."""
    sides = {SIDES[word] for word in _WORD.findall(caption.lower()) if word in SIDES}
    return sides.pop() if len(sides) == 1 and "both" not in sides else ""


def counted(pool: EvaluationSet, rights: Sequence[frozenset[int]], shown: Sequence[Sequence[int]]) -> dict[str, int]:
    """How many queries had a wrong figure first, by the kind of the error.

    Parameters
    ----------
    pool : EvaluationSet
    rights : sequence of frozenset of int
        Places of the right figures of each query.
    shown : sequence of sequence of int
        Places of the figures that came, best first.
    """
    counts = dict.fromkeys(KINDS, 0)
    for right, came in zip(rights, shown, strict=True):
        if len(came) and came[0] not in right:
            counts[kind_of([pool.figures[place] for place in right], pool.figures[came[0]])] += 1
    return counts


def worst(
    pool: EvaluationSet,
    texts: Sequence[str],
    places: Sequence[int],
    rights: Sequence[frozenset[int]],
    shown: Sequence[Sequence[int]],
    measures: Mapping[str, npt.NDArray[np.float64]],
    by: str,
    most: int = 8,
) -> list[FailedQuery]:
    """The queries that were answered worst, one of a case.

    Parameters
    ----------
    pool : EvaluationSet
    texts, places, rights, shown : sequence
        Of each query: what was typed, the figure it is about, the right figures, the figures that came.
    measures : mapping
        Measure to its value for each query; ``MRR`` tells apart those that are equally bad.
    by : str
        The measure.
    most : int
    """
    order = np.lexsort((measures["MRR"], measures[by]))
    found: list[FailedQuery] = []
    cases: set[str] = set()
    for number in order:
        case = pool.groups[places[number]]
        if case in cases or measures[by][number] >= 1:
            continue
        cases.add(case)
        right = rights[number]
        wanted = [pool.figures[place] for place in right]
        got = tuple(
            (int(place), "" if place in right else kind_of(wanted, pool.figures[place])) for place in shown[number][:SHOWN]
        )
        value = float(measures[by][number])
        found.append(FailedQuery(texts[number], int(places[number]), value, tuple(sorted(right))[:SHOWN], got))
        if len(found) == most:
            break
    return found


def thumbnails(pool: EvaluationSet, failures: Mapping[str, Sequence[FailedQuery]]) -> dict[int, bytes]:
    """Small pictures of the figures that failures are about; those that are lost are left out.

    Parameters
    ----------
    pool : EvaluationSet
    failures : mapping
        Task to its worst queries.
    """
    pictures = pictures_of(pool.folder)
    found: dict[int, bytes] = {}
    for failed in (one for each in failures.values() for one in each):
        for place in {failed.place, *failed.wanted, *(place for place, _ in failed.got)} - set(found):
            with suppress(MirageError):
                found[place] = pictures.read_thumbnail(pool.rows[place].picture.name)
    return found
