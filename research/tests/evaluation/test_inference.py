"""Measuring how often an inferred modality or plane is right."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medpix_maker import make_medpix
from mirage.atlas import Atlas
from mirage.corpora.inferring import Inference, Rule, Vectors
from mirage.errors import BadInput
from mirage.figure import Figure, Source
from mirage_research.evaluation import inference, prototypes, unlike_pictures

SOURCE = Source("made", "Made up")


def looked(atlas: Atlas, captions: list[str], **known: list[str]) -> inference.EncodedFigures:
    """Made-up figures with real vectors."""
    figures = [
        Figure(f"made:{number}", caption, SOURCE, case_id=f"made:{number}") for number, caption in enumerate(captions)
    ]
    for field, values in known.items():
        figures = [replace(figure, **{field: value}) for figure, value in zip(figures, values, strict=True)]
    rows = next(atlas.store.each(batch=len(figures)))
    vectors = atlas.store.vectors.of([row.key for row in rows], atlas.encoder.info().digest)
    return inference.EncodedFigures(figures, np.stack([vectors[row.key][0] for row in rows]))


def test_right_and_answered_are_counted_over_figures_whose_source_says_it(starter: Atlas) -> None:
    captions = ["Axial CT", "CT, coronal", "An X-ray", "A square", "MRI"]
    given = looked(starter, captions, modality=["CT", "CT", "CT", "CT", ""], plane=["axial", "axial", "", "", ""])
    words = inference.measure(given, starter.encoder, None)["words"]
    assert words["modality"]["known"] == 4
    assert words["modality"]["answered"][0] == 0.75
    assert words["modality"]["right"][0] == pytest.approx(2 / 3, abs=1e-3)
    assert words["plane"]["known"] == 2
    assert words["plane"]["right"][0] == 0.5
    assert words["plane"]["by"]["axial"]["answered"][0] == 1.0


def test_without_a_rule_the_encoder_answers_nothing(starter: Atlas) -> None:
    table = inference.measure(looked(starter, ["A square"] * 5, modality=["MR"] * 5), starter.encoder, None)
    assert table["encoder"]["modality"]["answered"][0] == 0
    assert table["encoder"]["modality"]["right"] is None
    assert ("modality: encoder", "nothing answered, answered 0.000 (0.000 to 0.000) of 5") in inference.rows(table)


def test_words_come_first_and_the_encoder_fills_in(starter: Atlas) -> None:
    rows = [row for batch in starter.store.each() for row in batch if row.figure.id.startswith("starter:icbm152-t1-")][:20]
    vectors = starter.store.vectors.of([row.key for row in rows], starter.encoder.info().digest)
    figures = [replace(row.figure, caption="An ultrasound" if n < 5 else "", case_id=f"c:{n}") for n, row in enumerate(rows)]
    given = inference.EncodedFigures(figures, np.stack([vectors[row.key][0] for row in rows]))
    rule = Rule(starter.encoder.info().digest, {"modality": 0.0}, {"modality": ("MR",)})
    table = inference.measure(given, starter.encoder, rule)
    assert table["encoder"]["modality"]["right"][0] == 1.0
    assert table["words"]["modality"]["answered"][0] == 0.25
    assert table["words, then encoder"]["modality"]["right"][0] == 0.75


def test_a_rule_believes_only_what_could_be_checked_and_only_where_it_is_right_often_enough(starter: Atlas) -> None:
    rows = [row for batch in starter.store.each() for row in batch]
    vectors = starter.store.vectors.of([row.key for row in rows], starter.encoder.info().digest)
    given = inference.EncodedFigures([row.figure for row in rows], np.stack([vectors[row.key][0] for row in rows]))
    rule = inference.fit(given, starter.encoder)
    assert rule.answers["modality"] == ("CT", "MR", "SM"), "of no other modality has the starter atlas ten figures"
    wrong = inference.EncodedFigures([replace(figure, modality="XR") for figure in given.figures], given.images)
    assert "modality" not in inference.fit(wrong, starter.encoder).margins


def test_prototypes_are_middles_of_a_kinds_pictures_and_one_picture_makes_none() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(3, 16, dtype=np.float32)
    images = np.repeat(centres, [20, 20, 1], axis=0) + rng.normal(0, 0.05, (41, 16)).astype(np.float32)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    made = prototypes.prototypes(prototypes.EncodedKinds(np.repeat(["US", "OP", "NM"], [20, 20, 1]), images))
    assert set(made) == {"US", "OP"}
    for rows, centre in ((made["US"], centres[0]), (made["OP"], centres[1])):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        assert (rows @ centre).min() > 0.9


def test_a_rule_with_prototypes_believes_every_kind_that_has_some(starter: Atlas) -> None:
    rows = [row for batch in starter.store.each() for row in batch]
    vectors = starter.store.vectors.of([row.key for row in rows], starter.encoder.info().digest)
    images = np.stack([vectors[row.key][0] for row in rows])
    given = inference.EncodedFigures([row.figure for row in rows], images)
    kinds = prototypes.EncodedKinds(np.array([row.figure.modality for row in rows]), images)
    rule = inference.fit(given, starter.encoder, kinds)
    assert {"US", "OP", "MR"} <= set(rule.answers["modality"])
    bare = [replace(figure, modality="", plane="") for figure in given.figures]
    said = Inference(starter.encoder, ("modality",), rule)(bare, images)
    sure = [(was, now) for was, now in zip(given.figures, said, strict=True) if now.modality]
    assert len(sure) > 0.9 * len(said)
    assert np.mean([was.modality == now.modality for was, now in sure]) > 0.9


def rule_of_the_starter_atlas(starter: Atlas, unlike: dict[str, Vectors]) -> tuple[Rule, inference.EncodedFigures]:
    rows = [row for batch in starter.store.each() for row in batch]
    vectors = starter.store.vectors.of([row.key for row in rows], starter.encoder.info().digest)
    images = np.stack([vectors[row.key][0] for row in rows])
    given = inference.EncodedFigures([row.figure for row in rows], images)
    kinds = prototypes.EncodedKinds(np.array([row.figure.modality for row in rows]), images)
    return inference.fit(given, starter.encoder, kinds, unlike), given


def test_what_is_nearest_to_pictures_of_no_modality_stays_open_and_the_others_do_not(starter: Atlas) -> None:
    encoder, draw = starter.encoder, unlike_pictures.drawn
    made_of = unlike_pictures.look_at_unlike(encoder, {kind: draw(kind, 6) for kind in ("charts", "pages", "screenshots")})
    seen = unlike_pictures.look_at_unlike(encoder, {kind: draw(kind, 6, seed=1) for kind in ("charts", "pages", "diagrams")})
    silent, given = rule_of_the_starter_atlas(starter, made_of)
    assert "OT" in silent.prototypes
    assert "OT" not in silent.answers["modality"]
    speaking, _ = rule_of_the_starter_atlas(starter, {})
    assert inference.silence(silent, encoder, seen)["mean"] > 0.9
    assert inference.silence(speaking, encoder, seen)["mean"] < 0.5
    bare = [replace(figure, modality="", plane="") for figure in given.figures]
    assert np.mean([not each.modality for each in Inference(encoder, ("modality",), silent)(bare, given.images)]) < 0.1


def test_a_kind_is_measured_by_a_rule_that_does_not_know_it(starter: Atlas) -> None:
    one, other = np.eye(2, starter.encoder.info().dimension, dtype=np.float32)
    known = {"CT": ((*map(float, other),),), "OT": ((*map(float, one),),)}
    rule = Rule(starter.encoder.info().digest, {"modality": 0.0}, {"modality": ("CT",)}, known)
    like = {"noise": (one + 0.5 * other)[None] / np.sqrt(1.25).astype(np.float32)}
    assert inference.silence(rule, starter.encoder, like)["not sure"] == {"noise": 1.0}
    assert inference.silence(rule, starter.encoder, like, {"noise": 0})["taken for"] == {"CT": 1}


@pytest.mark.parametrize("kind", unlike_pictures.DRAWN)
def test_the_rule_that_ships_names_no_modality_of_drawn_pictures(starter: Atlas, kind: str) -> None:
    from mirage.corpora.inferring import rule_for

    rule = rule_for(starter.encoder.info().digest)
    assert rule is not None
    seen = unlike_pictures.look_at_unlike(starter.encoder, {kind: unlike_pictures.drawn(kind, 8, seed=2)})
    assert inference.silence(rule, starter.encoder, seen)["mean"] >= 0.75


def test_drawn_pictures_are_the_same_for_a_seed_and_others_for_another() -> None:
    def pixels(seed: int) -> list[bytes]:
        return [image.tobytes() for kind in unlike_pictures.DRAWN for image in unlike_pictures.drawn(kind, 2, seed)]

    assert pixels(0) == pixels(0)
    assert not set(pixels(0)) & set(pixels(1))


def test_a_split_without_figures_says_so(starter: Atlas, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no figures of the split"):
        inference.look(make_medpix(tmp_path), "dev", starter.encoder, cases={"medpix:none"})


@pytest.mark.medpix
def test_the_rule_that_ships_does_on_some_of_dev_what_the_docs_say(starter: Atlas) -> None:
    if not (path := os.environ.get("MIRAGE_MEDPIX")):
        pytest.skip("MIRAGE_MEDPIX names no copy of MedPix 2.0")
    from mirage.corpora.base import Item
    from mirage.corpora.inferring import rule_for
    from mirage.corpora.medpix import MedPixCorpus

    corpus = MedPixCorpus(path, splits=("dev",))
    cases = {item.figure.case_id for item in list(corpus.items())[::5] if isinstance(item, Item)}
    some = sorted(cases)[:15]
    given = inference.look(Path(path), "dev", starter.encoder, cases=set(some))
    table = inference.measure(given, starter.encoder, rule_for(starter.encoder.info().digest))
    found = table["words, then encoder"]
    assert found["modality"]["right"][0] >= 0.85
    assert found["modality"]["answered"][0] >= 0.6
    assert found["plane"]["right"][0] >= 0.7
