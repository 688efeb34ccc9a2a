"""Calibrate the starter encoder: the queries whose answers are known, and the run that asks them.

Queries come from MedPix cases that were set aside from training, from the records of the starter atlas, and from lists of
things that no atlas of medical images holds. The queries that the tests ask are not among them.
"""

from __future__ import annotations

import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from mirage import corpora, encoders
from mirage.adding import Progress, add
from mirage.atlas import Atlas
from mirage.corpora.base import Item
from mirage.errors import BadInput
from mirage.evaluation.calibration import Judged, Quality, Sample, choose, collect, quality
from mirage.figure import MODALITIES, Figure
from mirage.query import Query
from mirage.ranking import DEFAULT_CALIBRATION, SHIPPED_CALIBRATION, Calibration, Hit
from mirage.settings import SHIPPED

__all__ = ["SHIPPED_CALIBRATION", "Result", "calibrate", "write"]

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


@dataclass(frozen=True, slots=True)
class Result:
    """A calibration and how it does on the queries it was chosen on, by kind of query."""

    calibration: Calibration
    quality: dict[str, Quality]


def calibrate(medpix: Path, *, seed: int = 0, progress: Callable[[Progress], None] = lambda _: None) -> Result:
    """Build two atlases in a temporary folder, ask them, and fit.

    Parameters
    ----------
    medpix : Path
        A copy of MedPix 2.0 with its training split.
    seed : int
    progress : callable
        Told how far the adding of MedPix is.

    Raises
    ------
    mirage.errors.BadInput
        When the cases that the encoder set aside are not in the copy.
    """
    rng = random.Random(seed)  # noqa: S311 - draws queries
    encoder = encoders.load("starter")
    collection = corpora.load("medpix", path=medpix, splits=("train",))
    items = [item for item in collection.items() if isinstance(item, Item)]
    aside = set_aside()
    held = [item for item in items if item.figure.case_id in aside]
    if not held:
        raise BadInput(f"None of the cases that the encoder set aside are in {medpix}. Give the copy it was trained on.")
    with tempfile.TemporaryDirectory(prefix="mirage-calibration-") as folder:
        with Atlas.open(Path(folder) / "starter", encoder=encoder, create=True) as atlas:
            add(atlas, corpora.load("starter"))
            absent = sorted({item.figure.title for item in items if item.case and item.figure.title} - {""})
            absent = rng.sample(absent, min(150, len(absent)))
            nowhere = [Judged(Query.of(text), _never, off_topic=True) for text in absent]
            in_starter = collect(atlas, [*_starter_queries(rng), *nowhere, *_off_topic()])
        with Atlas.open(Path(folder) / "all", encoder=encoder, create=True) as atlas:
            add(atlas, corpora.load("starter"))
            add(atlas, collection, progress=progress)
            words = collect(atlas, [*_medpix_queries(held, rng), *_off_topic()])
            pictures = collect(atlas, _picture_queries(atlas, held, rng))
    words = _numbered_after(in_starter, words)
    text = [*in_starter, *words]
    calibration = Calibration(
        encoder=encoder.info().digest,
        weights=DEFAULT_CALIBRATION.weights,
        text=choose(text),
        picture=choose(pictures),
    )
    sets = {"starter atlas, words": in_starter, "MedPix, words": words, "MedPix, pictures": pictures}
    return Result(calibration, {name: quality(samples, calibration) for name, samples in sets.items()})


def write(result: Result, path: Path) -> None:
    """Write a calibration with how it does."""

    def told(quality: Quality) -> dict[str, float | None]:
        return {name: None if math.isnan(value) else round(value, 4) for name, value in asdict(quality).items()}

    result.calibration.write(
        path,
        quality={name: told(quality) for name, quality in result.quality.items()},
        command="mirage evaluate calibrate",
    )


def set_aside() -> set[str]:
    path = SHIPPED / "encoder" / "splits.json"
    if not path.exists():
        raise BadInput(f"{path} is missing: it names the cases set aside from training. Install MIRAGE again.")
    return set(json.loads(path.read_text("utf-8"))["holdout"])


def _numbered_after(first: list[Sample], second: list[Sample]) -> list[Sample]:
    start = 1 + max((sample.query for sample in first), default=-1)
    return [replace(sample, query=sample.query + start) for sample in second]


def _never(_: Hit) -> bool:
    return False


def _off_topic() -> Iterator[Judged]:
    for text in OFF_TOPIC:
        yield Judged(Query.of(text), _never, off_topic=True)


def _medpix_queries(held: list[Item], rng: random.Random) -> Iterator[Judged]:
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


def _starter_queries(rng: random.Random, count: int = 200) -> Iterator[Judged]:
    records = [json.loads(line) for line in (SHIPPED / "atlas" / "figures.jsonl").read_text("utf-8").splitlines() if line]
    by_id = {record["id"]: record for record in records}
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
        yield Judged(Query.of(rng.choice(forms)), partial(_shows, by_id, structure))
    for record in records:
        if not record.get("shares"):
            name = MODALITIES.get(record["modality"], "")
            yield Judged(Query.of(f"{record['title']} {name}"), partial(_is_like, record["title"]))


def _shows(records: dict[str, Any], structure: str, hit: Hit) -> bool:
    return float(records.get(hit.figure.id, {}).get("shares", {}).get(structure, 0)) >= 0.2


def _is_like(title: str, hit: Hit) -> bool:
    return hit.figure.title == title


def _picture_queries(atlas: Atlas, held: list[Item], rng: random.Random) -> Iterator[Judged]:
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


def altered(picture: Image.Image, rng: random.Random) -> Image.Image:
    """As somebody's own copy of a picture would be: cropped a little, brighter or darker."""
    width, height = picture.size
    left, top = (int(side * rng.uniform(0.02, 0.08)) for side in (width, height))
    right, bottom = (int(side * rng.uniform(0.92, 0.98)) for side in (width, height))
    return ImageEnhance.Brightness(picture.crop((left, top, right, bottom))).enhance(rng.uniform(0.8, 1.2))


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
