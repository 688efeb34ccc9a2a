"""Choosing what makes a hit strong, likely or weak."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.atlas import Atlas
from mirage.calibrate import confidence as calibration
from mirage.calibrate.confidence import JudgedHit
from mirage.calibrate.queries import KnownAnswerQuery
from mirage.errors import BadInput
from mirage.query import Query
from mirage.search.confidence import Calibration, ConfidenceModel, HitFeatures

TRUE = ConfidenceModel(-4.0, 6.0, 3.0, 2.5)


def samples(count: int = 4000, seed: int = 0, per_query: int = 10) -> list[JudgedHit]:
    """Hits whose being right follows a known model; every fifth query is off topic and its hits are poor and wrong."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        query = number // per_query
        off = query % 5 == 0
        image, caption, words = rng.uniform(0, 0.25 if off else 1.0, 3)
        features = HitFeatures(float(image), float(caption), float(words) * (not off))
        right = not off and rng.random() < TRUE.probability(features)
        made.append(JudgedHit(query, features, True, bool(right), off))
    return made


def test_fitting_recovers_the_model_that_made_the_samples() -> None:
    known = [sample for sample in samples(12_000) if not sample.off_topic]
    found = calibration.fit(known, ridge=0.01)
    for name in ("bias", "image", "caption", "words"):
        assert getattr(found, name) == pytest.approx(getattr(TRUE, name), abs=0.6), name


def test_a_feature_that_speaks_against_is_left_out_rather_than_held_against_a_hit() -> None:
    rng = np.random.default_rng(1)
    made = []
    for number in range(2000):
        image, words = rng.random(), rng.random()
        right = rng.random() < 1 / (1 + np.exp(-(8 * image - 4 - 3 * words)))
        made.append(JudgedHit(number // 10, HitFeatures(image, 0.3, words), True, bool(right), False))
    found = calibration.fit(made)
    assert found.words == 0
    assert found.caption == 0
    assert found.image > 3


def test_one_kind_of_hits_is_not_enough() -> None:
    for right in (True, False):
        with pytest.raises(BadInput, match="right and hits that are wrong"):
            calibration.fit([JudgedHit(0, HitFeatures(0.1, 0.2, 0.3), True, right, False)] * 20)


def test_the_cuts_keep_their_promises() -> None:
    made = samples()
    model = calibration.choose(made)
    assert 0.5 <= model.likely <= model.strong < 1
    quality = calibration.quality(made, Calibration("", {}, model, model))
    assert quality["off-topic queries that see nothing likely"] >= calibration.OFF_TOPIC_QUIET
    assert quality["strong hits"] >= 10
    assert quality["strong hits that are right"] >= calibration.STRONG_PRECISION
    assert quality[calibration.HEARD] > 0.8
    assert quality["hits"] == len(made)


def test_where_nothing_is_right_often_enough_hardly_anything_is_called_strong() -> None:
    rng = np.random.default_rng(2)
    made = [JudgedHit(n // 10, HitFeatures(rng.random(), 0, 0), True, bool(rng.random() < 0.5), False) for n in range(500)]
    assert calibration.cuts(made, lambda sample: sample.features.image)[1] == 0.99


def test_quality_of_nothing_is_not_a_number_rather_than_an_error() -> None:
    assert np.isnan(calibration.quality([], Calibration("", {}, TRUE, TRUE))["strong hits that are right"])


def test_features_are_collected_from_a_real_atlas(starter: Atlas) -> None:
    rows = [row.figure for rows in starter.store.each() for row in rows]
    axial = frozenset(figure.id for figure in rows if figure.plane == "axial")
    asked = [
        KnownAnswerQuery("title", "", Query.of("axial brain MRI"), axial),
        KnownAnswerQuery("off topic", "", Query.of("a bicycle"), frozenset()),
        KnownAnswerQuery("title", "", Query.of("axial brain MRI"), axial, without=axial),
        KnownAnswerQuery("title", "", Query.of("axial brain MRI"), axial, axial, lambda figure: figure.modality == "MR"),
    ]
    found = calibration.collect(starter, asked)
    assert {sample.query for sample in found} == {0, 1, 2, 3}
    assert all(sample.relevant for sample in found if sample.query == 0)
    assert not any(sample.relevant for sample in found if sample.query in (1, 2))
    assert any(sample.relevant for sample in found if sample.query == 3)
    assert all(sample.off_topic == (sample.query == 1) for sample in found)
    assert all(0 <= sample.features.words <= 1 for sample in found)
