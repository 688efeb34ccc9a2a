"""Stacks among hits: which slice of one was found, and how a stack and the figures cut from it stand together.

A stack is found by the best of many slices, so that it would look like any picture more than a single figure does.
`cosine_of_best` takes off what the many slices give. How much was measured on the average brain's slices in place of stacks
(134 axial, 112 coronal, 46 sagittal) and MedPix's MR pictures as queries: for as many of them to reach a cosine of 0.81 with
the best of n slices as do with a single one, the best of 16 has to lose 0.01 to 0.05, of 64 0.03 to 0.05. Without it 10 to
45 times as many reach it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mirage.figure import Stack, StackLabel
from mirage.language import words as wordform
from mirage.language.concepts import lexicon
from mirage.language.reading import QueryReading
from mirage.search.answer import SliceFound
from mirage.storage.records import SliceVectors

Vector = npt.NDArray[np.float32]

MOST = 3  # hits of one stack: itself and figures cut from it
CONSIDERED = 12  # of them, until it is known which fit the words best
_FOR_MANY = 0.012  # cosine that the best of n gains over one, for each ln(n)


def cosine_of_best(best: float, count: int) -> float:
    """What the cosine of the best of some slices is worth as the cosine of a single picture.

    Parameters
    ----------
    best : float
    count : int
        How many slices it is the best of.
    """
    return best - _FOR_MANY * math.log(max(1, count))


def slice_found(stack: Stack, slices: SliceVectors | None, vector: Vector, reading: QueryReading | None) -> SliceFound:
    """The slice to show of a stack: where a structure that is asked for is largest, else the one most like the query.

    Parameters
    ----------
    stack : Stack
    slices : SliceVectors or None
        None where the atlas has no vectors of them.
    vector : (d,) float32
        The query's.
    reading : QueryReading or None
        Of its words, if it has any.
    """
    view = stack.views[0]
    label = _label_asked(stack.labels, reading) if reading is not None else None
    if label is not None:
        return SliceFound(label.best, view, label.name)
    if slices is None or not len(slices.numbers):
        return SliceFound(stack.best, view)
    return SliceFound(int(slices.numbers[int(np.argmax(slices.vectors @ vector))]), view)


def _label_asked(labels: Sequence[StackLabel], reading: QueryReading) -> StackLabel | None:
    asked = wordform.stems(f"{reading.text} {reading.english}")
    told = frozenset[str]().union(*(each.told_by for each in reading.wanted))
    found: tuple[int, StackLabel] | None = None
    for label in labels:
        concepts, stems = _read(label.name)
        if not concepts.isdisjoint(reading.unwanted) or not (concepts & told or (stems and stems <= asked)):
            continue
        shared = len(stems & asked)
        if found is None or shared > found[0]:
            found = shared, label
    return found and found[1]


@lru_cache(maxsize=4096)
def _read(name: str) -> tuple[frozenset[str], frozenset[int]]:
    """The concepts that a label's name tells, and its stems."""
    return frozenset(match.concept for match in lexicon().find(name).matches), wordform.stems(name)


def considered(keys: Sequence[int], families: Mapping[int, str]) -> set[int]:
    """Keys, without those that are behind `CONSIDERED` others of the same stack.

    Parameters
    ----------
    keys : sequence of int
        Best first.
    families : mapping
        As `mirage.storage.store.Store.families` gives them.
    """
    seen: dict[str, int] = {}
    kept = set[int]()
    for key in keys:
        family = families.get(key, "")
        seen[family] = seen.get(family, 0) + 1
        if not family or seen[family] <= CONSIDERED:
            kept.add(key)
    return kept


def gathered(
    keys: Sequence[int], families: Mapping[int, str], stacks: Collection[int], leading: Collection[int]
) -> list[int]:
    """Keys with no more than `MOST` of one stack, which is one of them where it was found.

    Parameters
    ----------
    keys : sequence of int
        Best first.
    families : mapping
        As `mirage.storage.store.Store.families` gives them.
    stacks : collection of int
        Those that are stacks.
    leading : collection of int
        Stacks that come before the figures cut from them.
    """
    members: dict[str, list[int]] = {}
    for key in keys:
        if key in families:
            members.setdefault(families[key], []).append(key)
    chosen: dict[str, list[int]] = {}
    for family, those in members.items():
        stack = next((key for key in those if key in stacks), None)
        if stack is None:
            chosen[family] = those[:MOST]
            continue
        singles = [key for key in those if key != stack]
        place = 0 if stack in leading else min(those.index(stack), MOST - 1)
        chosen[family] = [*singles[:place], stack, *singles[place : MOST - 1]]
    # Each family keeps its places, in the order in which its figures are to stand.
    waiting = {family: iter(those) for family, those in chosen.items()}
    found = (next(waiting[families[key]], None) if key in families else key for key in keys)
    return [key for key in found if key is not None]
