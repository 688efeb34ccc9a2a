"""Queries over MedPix 2.0 whose answers are known, to ask once and refined."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageEnhance

from mirage.atlas import Atlas
from mirage.corpora.base import Item
from mirage.query import Query

KINDS = ("caption", "short", "long", "condition", "picture")
_DEPTH = 60  # how many hits are looked through for the first right one
_SHORT = 10
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Asked:
    """A query whose answers are known.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    case : str
        Whose words or picture it is; intervals are drawn over cases.
    query : Query
    right : frozenset of str
        Ids of the figures that answer it.
    without : frozenset of str
        Ids of figures that are taken out of every answer, as if the atlas did not have them.
    """

    kind: str
    case: str
    query: Query
    right: frozenset[str]
    without: frozenset[str] = frozenset()


def queries(atlas: Atlas, items: Sequence[Item], cases: set[str], seed: int = 0) -> Iterator[Asked]:
    """Draw the queries of some cases.

    Parameters
    ----------
    atlas : Atlas
        Holds all the items.
    items : sequence of Item
        Every figure of the collection.
    cases : set of str
        Ids of the cases to ask about.
    seed : int
    """
    rng = random.Random(seed)  # noqa: S311 - draws queries
    alike = by_subject(items)
    of_case: dict[str, list[Item]] = {}
    for item in items:
        of_case.setdefault(item.figure.case_id, []).append(item)
    for case in sorted(cases & set(of_case)):
        mine = of_case[case]
        own = frozenset(item.figure.id for item in mine)
        for item in mine:
            figure = item.figure
            same = frozenset(other.figure.id for other in mine if other.figure.caption == figure.caption)
            if figure.caption:
                kind = figure.modality_detail or figure.modality
                yield Asked("caption", case, Query.of(f"{figure.plane} {kind}. {figure.caption}", k=_DEPTH), same)
        for sentence in _sentences(mine, rng):
            kind = "short" if len(_WORD.findall(sentence)) <= _SHORT else "long"
            yield Asked(kind, case, Query.of(sentence, k=_DEPTH), own)
        related = frozenset().union(*(alike[subject] for subject in subjects(mine[0]))) - own
        title = mine[0].figure.title
        if title and related:
            yield Asked("condition", case, Query.of(title, k=_DEPTH), related, own)
        for item in rng.sample(mine, min(3, len(mine))):
            right = (own | related) - {item.figure.id}
            if not right:
                continue
            with Image.open(atlas.picture(item.figure.id)) as stored:
                term = atlas.embed(altered(stored.convert("RGB"), rng))
            yield Asked("picture", case, Query.of(pictures=[term], k=_DEPTH), right, frozenset({item.figure.id}))


def by_subject(items: Sequence[Item]) -> dict[str, frozenset[str]]:
    """Diagnosis, title or topic, as `subjects` gives them, to the ids of its figures."""
    found: dict[str, set[str]] = {}
    for item in items:
        for subject in subjects(item):
            found.setdefault(subject, set()).add(item.figure.id)
    return {subject: frozenset(ids) for subject, ids in found.items()}


def subjects(item: Item) -> set[str]:
    """Diagnosis, title and topic of an item, in a form in which equal ones meet."""
    names = [item.figure.diagnosis, item.figure.title, item.case.topic if item.case else ""]
    return {folded for name in names if (folded := " ".join(sorted(_WORD.findall(name.lower()))))}


def _sentences(items: Sequence[Item], rng: random.Random, most: int = 3) -> list[str]:
    """Sentences of the findings, other than those that a caption of the case repeats."""
    findings = items[0].case.findings if items[0].case else ""
    captions = " ".join(" ".join(_WORD.findall(item.figure.caption.lower())) for item in items)
    kept = []
    for sentence in re.split(r"(?<=[.;])\s+|\n+", findings):
        words = _WORD.findall(sentence.lower())
        repeated = any(" ".join(words[at : at + 4]) in captions for at in range(max(1, len(words) - 3)))
        if 3 <= len(words) <= 60 and not repeated:
            kept.append(sentence.strip(" -•*"))
    return rng.sample(kept, min(most, len(kept)))


def altered(picture: Image.Image, rng: random.Random) -> Image.Image:
    """As somebody's own copy of a picture would be: cropped a little, brighter or darker."""
    width, height = picture.size
    left, top = (int(side * rng.uniform(0.02, 0.08)) for side in (width, height))
    right, bottom = (int(side * rng.uniform(0.92, 0.98)) for side in (width, height))
    return ImageEnhance.Brightness(picture.crop((left, top, right, bottom))).enhance(rng.uniform(0.8, 1.2))
