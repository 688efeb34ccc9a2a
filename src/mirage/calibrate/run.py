"""Calibrate an encoder: choose the weights of the channels, then what makes a hit strong, likely or weak.

Everything is chosen on MedPix cases that were set aside from training the starter encoder and on the records of the starter
atlas; figures of MedPix's dev split are not even in the atlas that is asked. Dev is then asked once, for the report.
"""

from __future__ import annotations

import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.calibrate import queries, weights
from mirage.calibrate.confidence import ConfidenceQuality, JudgedHit, choose, collect, quality
from mirage.calibrate.weights import ChannelLists, WeightChoice, WeightComparison, copied
from mirage.corpora.base import Item
from mirage.corpora.medpix import MedPixCorpus
from mirage.encoders.base import Encoder
from mirage.errors import BadInput
from mirage.search.confidence import DEFAULT_CALIBRATION, SHIPPED_CALIBRATION, Calibration, own_calibration
from mirage.settings import SHIPPED
from mirage.storage.ingest import Progress, add

__all__ = ["SHIPPED_CALIBRATION", "CalibrationResult", "calibrate", "place_for", "rows", "set_aside", "write"]

_STARTER = "starter"


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """A calibration and how it does.

    Attributes
    ----------
    calibration : Calibration
    words, pictures : WeightChoice
        The weights for queries with words and for those by picture alone.
    quality : dict
        Kind of query to how sure and right hits are, on the queries that the cuts were chosen on, so flattering.
    dev : dict
        The same on MedPix's dev split, which nothing was chosen on; empty where the copy has no dev split.
    dev_weights : dict
        ``words`` and ``pictures`` to the chosen weights beside equal ones, on dev.
    """

    calibration: Calibration
    words: WeightChoice
    pictures: WeightChoice
    quality: dict[str, ConfidenceQuality]
    dev: dict[str, ConfidenceQuality] = field(default_factory=dict)
    dev_weights: dict[str, WeightComparison] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _CalibrationAtlas:
    """The atlas of everything, and whose figures are whose."""

    atlas: Atlas
    train: Sequence[Item]
    dev: Sequence[Item]
    held: Sequence[Item]

    @property
    def without_dev(self) -> Callable[[Any], Any]:
        dev = {item.figure.id for item in self.dev}
        return lambda figure: None if figure.id in dev else figure


def calibrate(
    medpix: Path,
    *,
    encoder: Encoder | None = None,
    seed: int = 0,
    keep: Path | None = None,
    starter_queries: int = 200,
    progress: Callable[[Progress], None] = lambda _: None,
    asking: Callable[[int, int], None] = lambda done, total: None,
) -> CalibrationResult:
    """Build an atlas, ask it, choose weights, ask again with them, choose cuts, and report on dev.

    Parameters
    ----------
    medpix : Path
        A copy of MedPix 2.0 with its training split.
    encoder : Encoder, optional
        The starter encoder when left out.
    seed : int
        Draws the queries and the intervals.
    keep : Path, optional
        A folder to keep the encoded atlas in, so that the next run need not encode; a temporary one when left out.
    starter_queries : int
        How many queries are drawn of the starter atlas.
    progress, asking : callable
        Told how far the adding is, and how many queries are put in order under all candidates, of how many.

    Raises
    ------
    mirage.errors.BadInput
        When the cases that were set aside are not in the copy, or too few of them.
    """
    used = encoder or encoders.load(encoders.DEFAULT)
    with (
        _measured(medpix, used, keep, progress) as measured,
        tempfile.TemporaryDirectory(prefix="mirage-calibration-") as tmp,
    ):
        only_starter = copied(measured.atlas, Path(tmp) / "starter", lambda f: f if f.source.corpus == _STARTER else None)
        before_dev = copied(measured.atlas, Path(tmp) / "before-dev", measured.without_dev)
        with only_starter, before_dev:
            words, pictures = _weights(measured, only_starter, seed, starter_queries, asking)
            weighed = replace(
                DEFAULT_CALIBRATION,
                encoder=used.info().digest,
                weights=words.weights,
                picture_weights=pictures.weights,
            )
            samples = _samples(measured, only_starter, before_dev, weighed, seed, starter_queries)
        text = [*samples["starter atlas, words"], *samples["MedPix, words"]]
        fitted = replace(weighed, text=choose(text), picture=choose(samples["MedPix, pictures"]))
        found = CalibrationResult(fitted, words, pictures, {name: quality(some, fitted) for name, some in samples.items()})
        return _reported(found, measured, seed) if measured.dev else found


def place_for(encoder_digest: str) -> Path:
    """Where the calibration of an encoder is looked for: beside the shipped one's card, else in the user's data folder."""
    shipped = encoders.load(encoders.DEFAULT).info().digest
    return SHIPPED_CALIBRATION if encoder_digest == shipped else own_calibration(encoder_digest)


def write(result: CalibrationResult, path: Path) -> None:
    """Write a calibration with how it does.

    Parameters
    ----------
    result : CalibrationResult
    path : Path
        A JSON file, which is replaced; its folder is made when there is none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    result.calibration.write(
        path,
        quality=_told({name: asdict(each) for name, each in result.quality.items()}),
        quality_on_dev=_told({name: asdict(each) for name, each in result.dev.items()}),
        weights_chosen=_told({"words": asdict(result.words), "pictures": asdict(result.pictures)}),
        weights_on_dev=_told({name: asdict(each) for name, each in result.dev_weights.items()}),
        command="mirage evaluate calibrate",
    )


def rows(result: CalibrationResult) -> list[tuple[str, str]]:
    """The figures for a reader: weights chosen, what they gain, and how often strong and likely hits are right."""
    told: list[tuple[str, str]] = []
    for name, choice in (("words", result.words), ("pictures", result.pictures)):
        spread = choice.unseen
        told += [
            (f"weights, {name}", ", ".join(f"{channel} {weight:g}" for channel, weight in choice.weights.items())),
            ("  best of", f"{choice.candidates}: {', '.join(f'{c} {w:g}' for c, w in choice.best.items())}"),
            ("  gain on unseen cases", f"{spread.value:+.3f} ({spread.low:+.3f} to {spread.high:+.3f})"),
            *_beside(choice.compared),
        ]
        if name in result.dev_weights:
            told += [(f"best weights, {name}, on dev", ""), *_beside(result.dev_weights[name])]
    for title, measured in (("", result.quality), (", dev", result.dev)):
        for name, each in measured.items():
            told += [
                (name + title, ""),
                *((f"  {key.replace('_', ' ')}", f"{value:.3g}") for key, value in asdict(each).items()),
            ]
    return told


def _beside(compared: WeightComparison) -> Iterator[tuple[str, str]]:
    for kind, change in compared.difference.items():
        count = f" ({compared.queries[kind]})" if kind in compared.queries else ""
        yield (
            f"  {kind}{count}",
            f"equal {compared.equal[kind]:.3f}, best {compared.chosen[kind]:.3f}: "
            f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})",
        )


def set_aside() -> set[str]:
    """Ids of the MedPix cases that training the starter encoder left out."""
    path = SHIPPED / "encoder" / "splits.json"
    if not path.exists():
        raise BadInput(f"{path} is missing: it names the cases set aside from training. Install MIRAGE again.")
    return set(json.loads(path.read_text("utf-8"))["holdout"])


@contextmanager
def _measured(
    medpix: Path, encoder: Encoder, keep: Path | None, progress: Callable[[Progress], None]
) -> Iterator[_CalibrationAtlas]:
    collection = MedPixCorpus(medpix, splits=("train", "dev"))
    items = [item for item in collection.items() if isinstance(item, Item)]
    train = [item for item in items if collection.split_of(item) == "train"]
    aside = set_aside()
    held = [item for item in train if item.figure.case_id in aside]
    if not held:
        raise BadInput(f"None of the cases that the encoder set aside are in {medpix}. Give the copy it was trained on.")
    with (
        tempfile.TemporaryDirectory(prefix="mirage-calibration-") as folder,
        Atlas.open(keep or folder, encoder=encoder, create=True) as atlas,
    ):
        add(atlas, corpora.load(_STARTER))
        add(atlas, collection, progress=progress)
        dev = [item for item in items if collection.split_of(item) == "dev"]
        yield _CalibrationAtlas(atlas, train, dev, held)


def _weights(
    measured: _CalibrationAtlas, starter: Atlas, seed: int, starter_queries: int, asking: Callable[[int, int], None]
) -> tuple[WeightChoice, WeightChoice]:
    aside = {item.figure.case_id for item in measured.held}
    seen = weights.of_collection(measured.atlas, measured.train, aside, seed)
    seen += weights.of_starter(starter, seed, starter_queries)
    by_words, by_picture = _sorted(seen)
    words = weights.choose(by_words, weights.for_words(), seed=seed, progress=asking)
    return words, weights.choose(by_picture, weights.for_pictures(), seed=seed)


def _sorted(seen: Sequence[ChannelLists]) -> tuple[list[ChannelLists], list[ChannelLists]]:
    pictures = [each for each in seen if each.asked.kind in queries.PICTURES]
    return [each for each in seen if each.asked.kind not in queries.PICTURES], pictures


def _samples(
    measured: _CalibrationAtlas, starter: Atlas, before_dev: Atlas, weighed: Calibration, seed: int, starter_queries: int
) -> dict[str, list[JudgedHit]]:
    rng = random.Random(seed)  # noqa: S311 - draws queries
    starter.calibrate(weighed)
    before_dev.calibrate(weighed)
    nowhere = list(queries.absent(measured.train, rng))
    known = [queries.judged(asked) for asked in queries.starter_words(rng, starter_queries)]
    in_starter = collect(starter, [*known, *nowhere, *queries.off_topic()])
    words = collect(before_dev, [*queries.medpix_words(measured.held, rng), *queries.off_topic()])
    pictures = collect(before_dev, queries.medpix_pictures(measured.atlas, measured.held, rng))
    start = 1 + max((sample.query for sample in in_starter), default=-1)
    return {
        "starter atlas, words": in_starter,
        "MedPix, words": [replace(sample, query=sample.query + start) for sample in words],
        "MedPix, pictures": pictures,
    }


def _reported(found: CalibrationResult, measured: _CalibrationAtlas, seed: int) -> CalibrationResult:
    rng = random.Random(seed)  # noqa: S311 - draws queries
    atlas, chosen = measured.atlas, found.calibration
    atlas.calibrate(chosen)
    words = collect(atlas, [*queries.medpix_words(measured.dev, rng), *queries.off_topic()])
    pictures = collect(atlas, queries.medpix_pictures(atlas, measured.dev, rng))
    cases = {item.figure.case_id for item in measured.dev}
    by_words, by_picture = _sorted(weights.of_collection(atlas, [*measured.train, *measured.dev], cases, seed))
    return replace(
        found,
        dev={"MedPix, words": quality(words, chosen), "MedPix, pictures": quality(pictures, chosen)},
        dev_weights={
            "words": weights.compare(by_words, found.words.best, seed=seed),
            "pictures": weights.compare(by_picture, found.pictures.best, seed=seed),
        },
    )


def _told(values: Any) -> Any:
    """Rounded, and None for what is not a number: JSON has no word for it."""
    if isinstance(values, dict):
        return {name: _told(value) for name, value in values.items()}
    if isinstance(values, float):
        return None if math.isnan(values) else round(values, 4)
    return values
