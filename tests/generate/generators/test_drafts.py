"""The starter generator keeps the best of several drafts: which it is, what is told of it, and when nothing is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mirage.atlas import Atlas
from mirage.errors import BadInput
from mirage.generate.generators import DrawnImage, GenerationRequest, GenerationStep, PromptTerm
from mirage.generate.generators.base import filled
from mirage.generate.generators.conditions import Conditions
from mirage.generate.generators.drafts import DraftChooser
from mirage.generate.generators.evidence import EVIDENCE, Evidence
from mirage.generate.generators.starter import FOLDER, StarterGenerator
from mirage.generate.synthesis import GenerationOptions, draw
from mirage.query import Query
from pencil import Pencil


@pytest.fixture(scope="module")
def generator() -> StarterGenerator:
    return StarterGenerator(threads=1)


def one(generator: StarterGenerator, text: str, **options: Any) -> tuple[DrawnImage, list[GenerationStep]]:
    seen: list[GenerationStep] = []
    request = filled(GenerationRequest((PromptTerm(text),), **{"steps": 4, "seed": 5, **options}), generator.info())
    return next(generator.generate(request, seen.append)), seen


def test_the_draft_of_the_kind_that_is_asked_for_is_the_best(starter: Atlas) -> None:
    conditions, evidence = Conditions.load(FOLDER), Evidence.load(FOLDER / EVIDENCE)
    chooser = DraftChooser(evidence, threads=1)
    asked = ("axial brain MRI", "frontal chest X-ray", "axial abdomen CT")
    pictures = []
    for words in asked:
        with Image.open(starter.picture(starter.search(words)[0].figure.id)) as picture:
            pictures.append(picture.convert("L"))
    for number, words in enumerate(asked):
        wanted = chooser.wanted([conditions.read(words)])
        assert wanted is not None
        scores = chooser.scores(pictures, wanted)
        assert scores.argmax() == number, words
        assert ((scores > 0) & (scores < 1)).all()


def test_it_is_said_from_how_many_drafts_an_image_was_chosen_and_by_what(generator: StarterGenerator) -> None:
    image, seen = one(generator, "axial brain MRI", drafts=3)
    assert image.drafts == 3
    assert image.chooser.startswith("starter ")
    assert any("from 3 drafts" in remark and "axial brain MRI" in remark for remark in image.remarks)
    assert [step.step for step in seen] == list(range(1, 3 + 3 + 1)), "three first steps, and the rest of one image"


def test_the_choice_is_the_same_every_time_and_one_of_its_drafts(
    generator: StarterGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image, _), (again, _) = (one(generator, "axial brain MRI", drafts=3) for _ in range(2))
    assert np.array_equal(image.image, again.image)
    every = []
    for kept in range(3):
        monkeypatch.setattr(DraftChooser, "scores", lambda self, drafts, wanted, kept=kept: np.eye(3)[kept])
        every.append(np.asarray(one(generator, "axial brain MRI", drafts=3)[0].image))
    assert sum(np.array_equal(image.image, each) for each in every) == 1, "the drafts differ, and it is one of them"
    assert np.array_equal(one(generator, "axial brain MRI", drafts=1)[0].image, every[0]), "the first is that of the seed"


def test_nothing_is_chosen_where_no_kind_is_asked_for_or_a_picture_is_given(generator: StarterGenerator) -> None:
    start = Image.new("L", (128, 128), 90)
    for image, _ in (
        one(generator, "edema"),
        one(generator, "axial brain MRI", start=start),
        one(generator, "brain", drafts=1),
    ):
        assert (image.drafts, image.chooser) == (1, "")
        assert not any("drafts" in remark for remark in image.remarks)


def test_grain_lies_on_what_is_shown_and_not_on_the_black_around_it(generator: StarterGenerator, tmp_path: Path) -> None:
    grain = generator._config.grain
    assert 0 < grain < 0.1
    flat = generator._latents(Image.fromarray(np.kron(np.eye(2), np.full((64, 64), 140)).astype(np.uint8)))
    image = np.asarray(generator._image(flat, 3), float)
    assert image[80:120, 8:56].std() < 1.5
    assert image[8:56, 8:56].std() == pytest.approx(grain * 127.5, rel=0.3)
    assert not np.array_equal(image, generator._image(flat, 4))
    assert np.array_equal(image, generator._image(flat, 3))


def test_who_cannot_choose_refuses_to_and_too_many_drafts_are_refused(generator: StarterGenerator) -> None:
    with pytest.raises(BadInput, match="drafts is from 1 to 1;"):
        filled(GenerationRequest((PromptTerm("CT"),), drafts=4), Pencil().info())
    with pytest.raises(BadInput, match="drafts is from 1 to 16"):
        filled(GenerationRequest((PromptTerm("CT"),), drafts=17), generator.info())


def test_the_record_in_the_picture_says_that_it_was_chosen(starter: Atlas, generator: StarterGenerator) -> None:
    made = next(iter(draw(starter, Query.of("axial brain MRI"), GenerationOptions(seed=2, steps=2, drafts=2), generator)))
    assert (made.record.drafts, made.record.chooser[:8]) == (2, "starter ")
    assert type(made.record).parse(made.record.print()) == made.record
