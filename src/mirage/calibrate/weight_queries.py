"""Queries of several kinds whose answers are known, to choose weights by. Each kind counts the same.

| kind | the query | right figures |
|---|---|---|
| caption | plane, modality and caption of a figure | same case and caption |
| short | a sentence of a case's findings that no caption of it holds, up to 10 words | of that case |
| long | the same, more than 10 words | of that case |
| condition | a case's title, in an atlas without that case | of the same diagnosis, title or topic |
| withheld | a case's title, and its diagnosis, where no figure has either | of the same diagnosis, title or topic |
| starter | of the starter atlas's records, asked of the starter atlas | that show the structure, or have the title |
| uncaptioned | the same, where every second figure has no caption | the same |
| picture | a figure, cropped and brightened a little, in an atlas without it | of its case, diagnosis, title or topic |

A case's own figures answer its withheld title: somebody who types it wants to see them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mirage.atlas import Atlas
from mirage.calibrate.calibration_queries import starter_words
from mirage.calibrate.copying import copied, uncaptioned, untitled
from mirage.calibrate.refine_queries import Asked, by_subject, queries, subjects
from mirage.calibrate.weighing import Eyes, Seen
from mirage.corpora.base import Item
from mirage.query import DEFAULT_K, Query

WORDS = ("caption", "short", "long", "condition", "withheld", "starter", "uncaptioned")
PICTURES = ("picture",)


def of_collection(atlas: Atlas, items: Sequence[Item], cases: set[str], seed: int) -> list[Seen]:
    """What every query of some cases sees of the items, and of the items without titles and diagnoses.

    Parameters
    ----------
    atlas : Atlas
        Holds all the items, and maybe others.
    items : sequence of Item
        What is searched in.
    cases : set of str
        Ids of the cases to ask about.
    seed : int
    """
    there = {item.figure.id for item in items}
    seen: list[Seen] = []
    with TemporaryDirectory(prefix="mirage-weighing-") as folder:
        with copied(atlas, Path(folder) / "whole", lambda f: f if f.id in there else None) as whole:
            eyes = Eyes(whole)
            seen += [eyes.look(as_typed(asked)) for asked in queries(atlas, items, cases, seed)]
        with copied(atlas, Path(folder) / "bare", lambda f: untitled(f) if f.id in there else None) as bare:
            eyes = Eyes(bare)
            seen += [eyes.look(asked) for asked in withheld(items, cases)]
    return seen


def of_starter(atlas: Atlas, seed: int, count: int = 200) -> list[Seen]:
    """What every query of the starter atlas sees of it, and of it when every second figure has no caption."""
    rng = random.Random(seed)  # noqa: S311 - draws queries
    asked = {one.query.text: one for one in starter_words(rng, count)}
    ids = sorted(row.figure.id for rows in atlas.store.each() for row in rows)
    silent = set(rng.sample(ids, len(ids) // 2))
    eyes = Eyes(atlas)
    seen = [eyes.look(one) for one in asked.values()]
    with (
        TemporaryDirectory(prefix="mirage-weighing-") as folder,
        copied(atlas, Path(folder), lambda f: uncaptioned(f) if f.id in silent else f) as half,
    ):
        eyes = Eyes(half)
        seen += [eyes.look(replace(one, kind="uncaptioned")) for one in asked.values()]
    return seen


def as_typed(asked: Asked) -> Asked:
    """The same query for as many hits as a student is shown, so that what is measured is what is seen."""
    return replace(asked, query=replace(asked.query, k=DEFAULT_K))


def withheld(items: Sequence[Item], cases: set[str]) -> Iterator[Asked]:
    """A case's title and its diagnosis, for an atlas whose figures are `mirage.calibrate.copying.untitled`.

    Parameters
    ----------
    items : sequence of Item
        Every figure of the collection.
    cases : set of str
        Ids of the cases to ask about.
    """
    alike = by_subject(items)
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.figure.case_id, item)
    for case in sorted(cases & set(first)):
        figure = first[case].figure
        right = frozenset().union(*(alike[subject] for subject in subjects(first[case])))
        for text in {text.lower(): text for text in (figure.title, figure.diagnosis) if text}.values():
            yield Asked("withheld", case, Query.of(text), right)
