"""The queries that cuts are chosen by: what is in an atlas, what is near it, and what no atlas of medical images holds.

The queries that the tests ask are not among them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from mirage.atlas import Atlas
from mirage.calibrate.calibration import Judged
from mirage.calibrate.refine_queries import Asked, altered
from mirage.corpora.base import Item
from mirage.figure import MODALITIES, Figure
from mirage.query import Query
from mirage.search.fusion import Hit
from mirage.settings import SHIPPED

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


def off_topic() -> Iterator[Judged]:
    """What no atlas of medical images holds."""
    for text in OFF_TOPIC:
        yield Judged(Query.of(text), _never, off_topic=True)


def medpix_words(held: Sequence[Item], rng: random.Random) -> Iterator[Judged]:
    """A query of each figure of some cases: its caption, title, diagnosis, or a sentence of the findings."""
    for item in held:
        figure = item.figure
        kind = rng.choice(_SUBJECTS.get(figure.modality, ("",)))
        texts = [f"{figure.plane} {figure.modality_detail or kind}. {figure.caption}", f"{figure.title} {kind}"]
        texts += [figure.diagnosis or figure.title, f"{figure.plane} {kind} {figure.region} {figure.title}"]
        # Findings are in no channel: such queries share few words with what they look for, as a student's own words do.
        texts += _sentences(item, rng)
        text = rng.choice([text for text in texts if text.strip(" .")])
        yield Judged(Query.of(text), partial(_answers, figure))


def _sentences(item: Item, rng: random.Random) -> list[str]:
    findings = item.case.findings if item.case else ""
    sentences = [part.strip() for part in findings.replace("\n", ". ").split(". ") if 20 < len(part.strip()) < 200]
    return rng.sample(sentences, min(3, len(sentences)))


def _answers(figure: Figure, hit: Hit) -> bool:
    """Same case, or the same diagnosis seen with the same modality."""
    other = hit.figure
    same_diagnosis = bool(figure.diagnosis) and figure.diagnosis.lower() == other.diagnosis.lower()
    return other.case_id == figure.case_id or (same_diagnosis and other.modality == figure.modality)


def starter_words(rng: random.Random, count: int = 200) -> Iterator[Asked]:
    """Queries of the starter atlas's records, by structure shown or by title, with the figures that answer them.

    `Asked.case` is the structure or title: queries for one structure are alike.
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
        yield Asked("starter", f"starter:{structure}", Query.of(rng.choice(forms)), right)
    for record in records:
        if not record.get("shares"):
            name, title = MODALITIES.get(record["modality"], ""), record["title"]
            right = frozenset(other["id"] for other in records if other["title"] == title)
            yield Asked("starter", f"starter:{title}", Query.of(f"{title} {name}"), right)


def judged(asked: Asked) -> Judged:
    """A query with the ids of its answers as one whose hits are judged."""
    return Judged(asked.query, lambda hit: hit.figure.id in asked.right)


def absent(items: Sequence[Item], rng: random.Random, most: int = 150) -> Iterator[Judged]:
    """Titles of cases, for an atlas that holds none of them."""
    titles = sorted({item.figure.title for item in items if item.case and item.figure.title})
    for text in rng.sample(titles, min(most, len(titles))):
        yield Judged(Query.of(text), _never, off_topic=True)


def medpix_pictures(atlas: Atlas, held: Sequence[Item], rng: random.Random) -> Iterator[Judged]:
    """Every figure of some cases, altered, and pictures off topic; the atlas gives the pictures and the vectors."""
    for item in held:
        with Image.open(atlas.picture(item.figure.id)) as stored:
            picture = altered(stored.convert("RGB"), rng)
        yield Judged(Query.of(pictures=[atlas.embed(picture)]), partial(_looks_like, item.figure))
    for picture in off_topic_pictures(rng):
        yield Judged(Query.of(pictures=[atlas.embed(picture)]), _never, off_topic=True)


def _looks_like(figure: Figure, hit: Hit) -> bool:
    other = hit.figure
    return other.case_id == figure.case_id or (
        (other.modality, other.plane, other.region) == (figure.modality, figure.plane, figure.region)
    )


def off_topic_pictures(rng: random.Random, count: int = 60) -> Iterator[Image.Image]:
    """Pictures that are no medical images: empty ones, noise, gradients, stripes, bright shapes, pages of text."""
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
