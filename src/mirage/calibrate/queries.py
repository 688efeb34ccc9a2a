"""Queries whose answers are known: to choose weights by, to choose cuts by, and to ask once and refined.

Weights are chosen by queries of several kinds, of which each counts the same:

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

Cuts are chosen by what is in an atlas, what is near it, and what no atlas of medical images holds. The queries that the
tests ask are not among them.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from mirage.atlas import Atlas
from mirage.corpora.base import Item
from mirage.figure import MODALITIES, Figure
from mirage.query import DEFAULT_K, Query
from mirage.search.answer import Hit
from mirage.settings import SHIPPED

KINDS = ("caption", "short", "long", "condition", "picture")
_DEPTH = 60  # how many hits are looked through for the first right one
_SHORT = 10
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class KnownAnswerQuery:
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


def queries(atlas: Atlas, items: Sequence[Item], cases: set[str], seed: int = 0) -> Iterator[KnownAnswerQuery]:
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
                yield KnownAnswerQuery("caption", case, Query.of(f"{figure.plane} {kind}. {figure.caption}", k=_DEPTH), same)
        for sentence in _sentences(mine, rng):
            kind = "short" if len(_WORD.findall(sentence)) <= _SHORT else "long"
            yield KnownAnswerQuery(kind, case, Query.of(sentence, k=_DEPTH), own)
        related = frozenset().union(*(alike[subject] for subject in subjects(mine[0]))) - own
        title = mine[0].figure.title
        if title and related:
            yield KnownAnswerQuery("condition", case, Query.of(title, k=_DEPTH), related, own)
        for item in rng.sample(mine, min(3, len(mine))):
            right = (own | related) - {item.figure.id}
            if not right:
                continue
            with Image.open(atlas.picture(item.figure.id)) as stored:
                term = atlas.embed(altered(stored.convert("RGB"), rng))
            yield KnownAnswerQuery("picture", case, Query.of(pictures=[term], k=_DEPTH), right, frozenset({item.figure.id}))


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


@dataclass(frozen=True, slots=True)
class RelevanceJudgement:
    """A query whose answers are known.

    Attributes
    ----------
    query : Query
    relevant : callable
        Whether a hit answers it; always False for a query off the atlas's topics.
    off_topic : bool
        Nothing in the atlas answers it.
    """

    query: Query
    relevant: Callable[[Hit], bool]
    off_topic: bool = False


WORDS = ("caption", "short", "long", "condition", "withheld", "starter", "uncaptioned")
PICTURES = ("picture",)


OFF_TOPIC = (
    *("dog in a garden", "bicycle", "aeroplane taking off", "chocolate cake recipe", "football match result"),
    *("how to cook pasta", "sunset over the sea", "stock market crash", "guitar chords", "train timetable"),
    *("kitchen sink", "mountain landscape in winter", "wedding dress", "laptop keyboard", "pizza", "a red tractor"),
    *("python list comprehension", "best hotels in rome", "lorem ipsum dolor sit amet", "tax return form"),
    *("xqzt blorf", "asdfghjkl", "zzzz", "qwerty uiop", "flumpo grax widdershin", "wtlk prnv", "1234567890", "!!!???"),
    *("coffee cup on a table", "house for sale", "climbing shoes", "mobile phone charger", "birthday party balloons"),
    *("flowers in a vase", "a child on a swing", "old map of europe", "basketball hoop", "garden fence paint"),
)
_SUBJECTS = {"CT": ("CT", "CT scan"), "MR": ("MRI", "MR")}


def _never(_: Hit) -> bool:
    return False


def off_topic() -> Iterator[RelevanceJudgement]:
    """What no atlas of medical images holds."""
    for text in OFF_TOPIC:
        yield RelevanceJudgement(Query.of(text), _never, off_topic=True)


def medpix_words(held: Sequence[Item], rng: random.Random) -> Iterator[RelevanceJudgement]:
    """A query of each figure of some cases: its caption, title, diagnosis, or a sentence of the findings.

    Parameters
    ----------
    held : sequence of Item
        The cases' figures.
    rng : random.Random
        Draws the query's form and words.
    """
    for item in held:
        figure = item.figure
        kind = rng.choice(_SUBJECTS.get(figure.modality, ("",)))
        texts = [f"{figure.plane} {figure.modality_detail or kind}. {figure.caption}", f"{figure.title} {kind}"]
        texts += [figure.diagnosis or figure.title, f"{figure.plane} {kind} {figure.region} {figure.title}"]
        # Findings are in no channel: such queries share few words with what they look for, as a student's own words do.
        texts += _findings_sentences(item, rng)
        text = rng.choice([text for text in texts if text.strip(" .")])
        yield RelevanceJudgement(Query.of(text), partial(_answers, figure))


def _findings_sentences(item: Item, rng: random.Random) -> list[str]:
    findings = item.case.findings if item.case else ""
    sentences = [part.strip() for part in findings.replace("\n", ". ").split(". ") if 20 < len(part.strip()) < 200]
    return rng.sample(sentences, min(3, len(sentences)))


def _answers(figure: Figure, hit: Hit) -> bool:
    """Same case, or the same diagnosis seen with the same modality."""
    other = hit.figure
    same_diagnosis = bool(figure.diagnosis) and figure.diagnosis.lower() == other.diagnosis.lower()
    return other.case_id == figure.case_id or (same_diagnosis and other.modality == figure.modality)


def starter_words(rng: random.Random, count: int = 200) -> Iterator[KnownAnswerQuery]:
    """Queries of the starter atlas's records, by structure shown or by title, with the figures that answer them.

    `KnownAnswerQuery.case` is the structure or title: queries for one structure are alike.

    Parameters
    ----------
    rng : random.Random
        Draws structures and the words around them.
    count : int
        How many brain sections are drawn, with repetition; one that shows no structure well gives no query. Each record
        without structures gives one query by title besides.
    """
    records = [json.loads(line) for line in (SHIPPED / "atlas" / "figures.jsonl").read_text("utf-8").splitlines() if line]
    brain = [record for record in records if record.get("shares")]
    for _ in range(count):
        record = rng.choice(brain)
        shown = sorted(name for name, share in record["shares"].items() if share >= 0.4)
        if not shown:
            continue
        structure = rng.choice(shown)
        weighting = rng.choice(["", record["modality_detail"].removesuffix("-weighted")])
        forms = (
            f"{structure} {record['plane']} {weighting} MRI",
            f"{record['plane']} {weighting} brain MRI showing the {structure}",
            f"{weighting} {structure}, {record['plane']}",
            f"where is the {structure}",
        )
        right = frozenset(other["id"] for other in brain if float(other["shares"].get(structure, 0)) >= 0.2)
        yield KnownAnswerQuery("starter", f"starter:{structure}", Query.of(rng.choice(forms)), right)
    for record in records:
        if not record.get("shares"):
            name, title = MODALITIES.get(record["modality"], ""), record["title"]
            right = frozenset(other["id"] for other in records if other["title"] == title)
            yield KnownAnswerQuery("starter", f"starter:{title}", Query.of(f"{title} {name}"), right)


def judged(asked: KnownAnswerQuery) -> RelevanceJudgement:
    """A query with the ids of its answers as one whose hits are judged."""
    return RelevanceJudgement(asked.query, lambda hit: hit.figure.id in asked.right)


def absent(items: Sequence[Item], rng: random.Random, most: int = 150) -> Iterator[RelevanceJudgement]:
    """Titles of cases, for an atlas that holds none of them.

    Parameters
    ----------
    items : sequence of Item
        Figures that the atlas does not hold; those without a case or a title are passed over.
    rng : random.Random
        Draws the titles.
    most : int
        How many queries at most.
    """
    titles = sorted({item.figure.title for item in items if item.case and item.figure.title})
    for text in rng.sample(titles, min(most, len(titles))):
        yield RelevanceJudgement(Query.of(text), _never, off_topic=True)


def medpix_pictures(atlas: Atlas, held: Sequence[Item], rng: random.Random) -> Iterator[RelevanceJudgement]:
    """Every figure of some cases, altered, and pictures off topic; the atlas gives the pictures and the vectors.

    Parameters
    ----------
    atlas : Atlas
        Holds the figures' pictures. Its encoder makes the vectors, so it must be that of the atlas that is asked.
    held : sequence of Item
        The cases' figures.
    rng : random.Random
        Draws how each picture is altered, and the pictures off topic.
    """
    for item in held:
        with Image.open(atlas.picture(item.figure.id)) as stored:
            picture = altered(stored.convert("RGB"), rng)
        yield RelevanceJudgement(Query.of(pictures=[atlas.embed(picture)]), partial(_looks_like, item.figure))
    for picture in off_topic_pictures(rng):
        yield RelevanceJudgement(Query.of(pictures=[atlas.embed(picture)]), _never, off_topic=True)


def _looks_like(figure: Figure, hit: Hit) -> bool:
    other = hit.figure
    return other.case_id == figure.case_id or (
        (other.modality, other.plane, other.region) == (figure.modality, figure.plane, figure.region)
    )


def off_topic_pictures(rng: random.Random, count: int = 60) -> Iterator[Image.Image]:
    """Pictures that are no medical images: empty ones, noise, gradients, stripes, bright shapes, pages of text.

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
    noise = np.random.default_rng(rng.randrange(2**32))
    for number in range(count):
        colour = tuple(rng.randrange(256) for _ in range(3))
        kind = number % 6
        if kind == 0:
            yield Image.new("RGB", (256, 256), rng.choice([(0, 0, 0), (255, 255, 255), colour]))
        elif kind == 1:
            yield Image.fromarray(noise.integers(0, 256, (256, 256, 3), dtype=np.uint8))
        elif kind == 2:
            ramp = np.linspace(0, 1, 256)[:, None, None] * np.array(colour)[None, None, :]
            yield Image.fromarray(np.broadcast_to(ramp, (256, 256, 3)).astype(np.uint8))
        elif kind == 3:
            stripes = (np.arange(256) // rng.randrange(4, 40) % 2)[None, :, None] * np.array(colour)[None, None, :]
            yield Image.fromarray(np.broadcast_to(stripes, (256, 256, 3)).astype(np.uint8))
        else:
            yield _drawn(rng, text=kind == 4)


def _drawn(rng: random.Random, *, text: bool) -> Image.Image:
    picture = Image.new("RGB", (320, 240), "white" if text else tuple(rng.randrange(120, 256) for _ in range(3)))
    pen = ImageDraw.Draw(picture)
    for row in range(12):
        if text:
            pen.text((10, 10 + 18 * row), " ".join(rng.choice(OFF_TOPIC) for _ in range(2)), fill="black")
            continue
        corner = (rng.randrange(280), rng.randrange(200))
        box = (*corner, corner[0] + rng.randrange(10, 120), corner[1] + rng.randrange(10, 120))
        shape = rng.choice([pen.ellipse, pen.rectangle])
        shape(box, fill=tuple(rng.randrange(256) for _ in range(3)))
    return picture


def as_typed(asked: KnownAnswerQuery) -> KnownAnswerQuery:
    """The same query for as many hits as a student is shown, so that what is measured is what is seen."""
    return replace(asked, query=replace(asked.query, k=DEFAULT_K))


def withheld(items: Sequence[Item], cases: set[str]) -> Iterator[KnownAnswerQuery]:
    """A case's title and its diagnosis, for an atlas whose figures are `mirage.calibrate.weights.untitled`.

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
            yield KnownAnswerQuery("withheld", case, Query.of(text), right)
