"""Queries of an atlas's own figures, whose answers are known: to choose weights and cuts by, and to ask once and refined.

Queries are of several kinds, of which each counts the same:

| kind | the query | right figures |
|---|---|---|
| caption | plane, modality and caption of a figure | same case and caption |
| short | a sentence of a case's findings that no caption of it holds, up to 10 words | of that case |
| long | the same, more than 10 words | of that case |
| condition | a case's title, in an atlas without that case | of the same diagnosis, title or topic |
| title | a case's title, and its diagnosis | of the same diagnosis, title or topic |
| picture | a figure, cropped and brightened a little, in an atlas without it | of its case, diagnosis, title or topic |

Weights are chosen by titles in an atlas where no figure has a title or diagnosis, and every second no words at all.
A case's own figures answer its title: somebody who types it wants to see them. A figure of no case is a case of
its own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from PIL import Image, ImageDraw, ImageEnhance

from mirage.atlas import Atlas
from mirage.corpora.base import Item
from mirage.figure import Figure
from mirage.language import sentences
from mirage.query import Query

_DEPTH = 60  # how many hits are looked through for the first right one
_SHORT = 10
_LONGEST = 500  # characters of a caption that are asked
_WORD = re.compile(r"\w+")
# Figures that agree in these are no wrong hits for words, and for a picture, which can ask for no more than its kind.
_CONDITION = ("diagnosis", "modality")
_VIEW = ("modality", "plane", "region")

# What no atlas of medical images holds. The queries that the tests ask are not among them.
OFF_TOPIC = (
    *("dog in a garden", "bicycle", "aeroplane taking off", "chocolate cake recipe", "football match result"),
    *("how to cook pasta", "sunset over the sea", "stock market crash", "guitar chords", "train timetable"),
    *("kitchen sink", "mountain landscape in winter", "wedding dress", "laptop keyboard", "pizza", "a red tractor"),
    *("python list comprehension", "best hotels in rome", "lorem ipsum dolor sit amet", "tax return form"),
    *("xqzt blorf", "asdfghjkl", "zzzz", "qwerty uiop", "flumpo grax widdershin", "wtlk prnv", "1234567890", "!!!???"),
    *("coffee cup on a table", "house for sale", "climbing shoes", "mobile phone charger", "birthday party balloons"),
    *("flowers in a vase", "a child on a swing", "old map of europe", "basketball hoop", "garden fence paint"),
)


@dataclass(frozen=True, slots=True)
class KnownAnswerQuery:
    """A query whose answers are known.

    Attributes
    ----------
    kind : str
        As in the table above, ``judged`` (`mirage.calibrate.judged`), or ``off topic``.
    case : str
        Whose words or picture it is; intervals are drawn over cases.
    query : Query
    right : frozenset of str
        Ids of the figures that answer it; empty for a query off the atlas's topics.
    without : frozenset of str
        Ids of figures that are taken out of every answer, as if the atlas did not have them.
    fits : callable
        Whether a figure that is not among the `right` ones is no wrong hit all the same.
    """

    kind: str
    case: str
    query: Query
    right: frozenset[str]
    without: frozenset[str] = frozenset()
    fits: Callable[[Figure], bool] = lambda _: False


def items_of(atlas: Atlas) -> list[Item]:
    """The figures of an atlas with their cases."""
    found: list[Item] = []
    for rows in atlas.store.each():
        cases = atlas.store.cases({row.figure.case_id for row in rows} - {""})
        found += [Item(row.figure, cases.get(row.figure.case_id), "", "") for row in rows]
    return found


def case_of(item: Item) -> str:
    """The id of an item's case; its own where it has none."""
    return item.figure.case_id or item.figure.id


def _by_case(
    items: Sequence[Item], cases: Collection[str] | None, most: int | None, seed: int
) -> list[tuple[str, list[Item]]]:
    """The figures of each case and title; a volume whose slices are titled one by one is many."""
    found: dict[str, list[Item]] = {}
    for item in items:
        if cases is None or case_of(item) in cases:
            found.setdefault(f"{case_of(item)} {item.figure.title}", []).append(item)
    names = sorted(found)
    if most is not None and len(names) > most:
        names = sorted(random.Random(seed).sample(names, most))  # noqa: S311 - draws queries
    return [(name, found[name]) for name in names]


def queries(
    atlas: Atlas,
    items: Sequence[Item],
    cases: Collection[str] | None = None,
    seed: int = 0,
    *,
    k: int = _DEPTH,
    most: int | None = None,
) -> Iterator[KnownAnswerQuery]:
    """Draw queries of every kind.

    Parameters
    ----------
    atlas : Atlas
        Holds all the items.
    items : sequence of Item
        Every figure of the collection.
    cases : collection of str, optional
        Ids of the cases to ask about; all when left out.
    seed : int
    k : int
        How many hits each query asks for.
    most : int, optional
        How many cases are asked about at most.
    """
    rng = random.Random(seed)  # noqa: S311 - draws queries
    alike = by_subject(items)
    of_case: dict[str, set[str]] = {}
    for item in items:
        of_case.setdefault(case_of(item), set()).add(item.figure.id)
    for case, mine in _by_case(items, cases, most, seed):
        first = mine[0].figure
        own = frozenset(of_case[case_of(mine[0])])
        fits = partial(_alike, first, _CONDITION)
        for item in mine if most is None else rng.sample(mine, min(3, len(mine))):
            figure = item.figure
            same = frozenset(other.figure.id for other in mine if other.figure.caption == figure.caption)
            if figure.caption:
                text = f"{figure.plane} {figure.modality_detail or figure.modality}. {figure.caption}"
                query = Query.of(sentences.clip(text, _LONGEST), k=k)
                yield KnownAnswerQuery("caption", case, query, same, fits=fits)
        for sentence in _findings(mine, rng):
            kind = "short" if len(_WORD.findall(sentence)) <= _SHORT else "long"
            yield KnownAnswerQuery(kind, case, Query.of(sentence, k=k), own, fits=fits)
        named = frozenset().union(*(alike[subject] for subject in subjects(mine[0])))
        related = named - own
        if first.title and related:
            yield KnownAnswerQuery("condition", case, Query.of(first.title, k=k), related, own, fits)
        for text in {text.lower(): text for text in (first.title, first.diagnosis) if text}.values():
            yield KnownAnswerQuery("title", case, Query.of(text, k=k), named, fits=fits)
        for item in rng.sample(mine, min(3, len(mine))):
            right = (own | related) - {item.figure.id}
            if not right:
                continue
            with Image.open(atlas.picture(item.figure.id)) as stored:
                query = Query.of(pictures=[atlas.embed(altered(stored.convert("RGB"), rng))], k=k)
            looks = partial(_alike, item.figure, _VIEW)
            yield KnownAnswerQuery("picture", case, query, right, frozenset({item.figure.id}), looks)


def off_topic() -> Iterator[KnownAnswerQuery]:
    """Words that no figure answers."""
    for text in OFF_TOPIC:
        yield KnownAnswerQuery("off topic", "", Query.of(text), frozenset())


def off_topic_pictures(atlas: Atlas, seed: int = 0) -> Iterator[KnownAnswerQuery]:
    """Pictures that no figure answers.

    Parameters
    ----------
    atlas : Atlas
        Its encoder makes their vectors.
    seed : int
        Draws them.
    """
    for picture in unmedical(random.Random(seed)):  # noqa: S311 - draws pictures
        yield KnownAnswerQuery("off topic", "", Query.of(pictures=[atlas.embed(picture)]), frozenset())


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


def _alike(figure: Figure, fields: tuple[str, ...], other: Figure) -> bool:
    """Same case, or the same in all of the fields, of which the first must be known."""
    if figure.case_id and figure.case_id == other.case_id:
        return True
    known = [getattr(figure, name).lower() for name in fields]
    return bool(known[0]) and known == [getattr(other, name).lower() for name in fields]


def _findings(items: Sequence[Item], rng: random.Random, most: int = 3) -> list[str]:
    """Sentences of the findings, other than those that a caption of the case repeats."""
    findings = items[0].case.findings if items[0].case else ""
    captions = " ".join(" ".join(_WORD.findall(item.figure.caption.lower())) for item in items)
    kept = []
    for sentence in sentences.cut(findings):
        words = _WORD.findall(sentence.lower())
        repeated = any(" ".join(words[at : at + 4]) in captions for at in range(max(1, len(words) - 3)))
        if 3 <= len(words) <= 60 and not repeated:
            kept.append(sentence)
    return rng.sample(kept, min(most, len(kept)))


def altered(picture: Image.Image, rng: random.Random) -> Image.Image:
    """As somebody's own copy of a picture would be: cropped a little, brighter or darker.

    Parameters
    ----------
    picture : PIL.Image.Image
        Is not changed.
    rng : random.Random
        Draws how much is cut off at each side, 2 to 8 %, and how bright it becomes, 0.8 to 1.2 times.
    """
    width, height = picture.size
    left, top = (int(side * rng.uniform(0.02, 0.08)) for side in (width, height))
    right, bottom = (int(side * rng.uniform(0.92, 0.98)) for side in (width, height))
    return ImageEnhance.Brightness(picture.crop((left, top, right, bottom))).enhance(rng.uniform(0.8, 1.2))


def unmedical(rng: random.Random, count: int = 60) -> Iterator[Image.Image]:
    """Pictures that are no medical images: noise, pages of text, bright shapes on a ground.

    Parameters
    ----------
    rng : random.Random
        Draws colours, patterns and words.
    count : int
        How many pictures, the kinds in turn.

    Yields
    ------
    PIL.Image.Image
        Mode RGB.
    """
    for number in range(count):
        picture = Image.frombytes("RGB", (256, 256), rng.randbytes(3 * 256 * 256))
        if number % 3:
            picture.paste((255, 255, 255) if number % 3 == 1 else tuple(rng.randbytes(3)), (0, 0, 256, 256))
        pen = ImageDraw.Draw(picture)
        for row in range(0, 240, 20):
            if number % 3 == 1:
                pen.text((10, row), f"{rng.choice(OFF_TOPIC)} {rng.choice(OFF_TOPIC)}", fill="black")
            elif number % 6 == 2:
                left, top, size = rng.randrange(200), rng.randrange(200), rng.randrange(10, 120)
                pen.ellipse((left, top, left + size, top + size), fill=tuple(rng.randbytes(3)))
        yield picture
