"""What every generator must do, whoever draws."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_pipeline import save_pipeline

from mirage.errors import BadInput, Unavailable
from mirage.generate import generators
from mirage.generate.generators import DrawnImage, GenerationRequest, GenerationStep, Generator, PromptTerm
from mirage.generate.generators.base import filled
from mirage.shipped import SHIPPED

STEPS = 3
WEIGHTS = SHIPPED / "generator" / "unet.onnx"  # of the starter
BRAIN, CHEST = PromptTerm("axial brain MRI"), PromptTerm("frontal chest X-ray")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the diffusers generator draws with here."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield save_pipeline(tmp_path_factory.mktemp("pipelines") / "tiny")
    torch.set_num_threads(before)


NEEDS_TORCH = {"diffusers": pytest.mark.torch}


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=NEEDS_TORCH.get(name, ())) for name in generators.available()]
)
def generator(request: pytest.FixtureRequest) -> Iterator[Generator]:
    """Each that is installed and has what it needs."""
    options: dict[str, Any] = {}
    if request.param == "diffusers":
        options = {"model": str(request.getfixturevalue("tiny")), "device": "cpu"}
    try:
        made = generators.load(request.param, **options)
        list(made.generate(GenerationRequest((BRAIN,), steps=1)))
    except Unavailable as error:
        if request.param == "starter" and WEIGHTS.is_file():
            raise  # it ships, so it draws
        pytest.skip(f"{request.param} cannot draw here: {error}")
    yield made
    getattr(made, "close", lambda: None)()


def draw(generator: Generator, *terms: PromptTerm, **options: Any) -> list[DrawnImage]:
    request = GenerationRequest(terms or (BRAIN,), **{"steps": STEPS, **options})
    return list(generator.generate(filled(request, generator.info())))


def same(one: DrawnImage, other: DrawnImage) -> bool:
    return one.image.mode == other.image.mode and bool(np.array_equal(np.asarray(one.image), np.asarray(other.image)))


def test_both_are_installed() -> None:
    assert {"starter", "diffusers"} <= set(generators.available())


def test_it_tells_who_draws_within_which_bounds(generator: Generator) -> None:
    assert isinstance(generator, Generator)
    info = generator.info()
    assert info.name in generators.available()
    assert info.model
    assert info.licence
    assert info.revision
    assert 8 <= info.smallest <= info.size <= info.largest
    assert all(side % info.multiple == 0 for side in (info.smallest, info.size, info.largest))
    assert 1 <= info.steps <= info.most_steps
    assert info.guidance >= 1
    assert info.most_tokens >= 0
    assert generator.info() == info


def test_it_draws_an_image_of_its_size(generator: Generator) -> None:
    (drawn,) = draw(generator)
    info = generator.info()
    assert drawn.image.size == (info.size, info.size)
    assert drawn.image.mode in ("L", "RGB")
    assert drawn.seed == 0
    assert not drawn.blank
    assert np.asarray(drawn.image).std() > 1


def test_it_draws_every_size_within_its_bounds(generator: Generator) -> None:
    info = generator.info()
    (drawn,) = draw(generator, width=info.largest, height=info.smallest)
    assert drawn.image.size == (info.largest, info.smallest)


def test_a_size_outside_its_bounds_is_refused_before_it_draws(generator: Generator) -> None:
    info = generator.info()
    for side in (7, info.smallest - 1, info.largest + 1, 10_000):
        with pytest.raises(BadInput, match="pixels"):
            filled(GenerationRequest((BRAIN,), width=side), info)
    for steps in (0, info.most_steps + 1, 10_000):
        with pytest.raises(BadInput, match="steps"):
            filled(GenerationRequest((BRAIN,), steps=steps), info)


def test_the_same_request_gives_the_same_image(generator: Generator) -> None:
    (one,), (other,) = draw(generator, seed=11), draw(generator, seed=11)
    assert same(one, other)


def test_another_seed_and_other_words_give_another_image(generator: Generator) -> None:
    (brain,), (again,), (chest,) = draw(generator), draw(generator, seed=1), draw(generator, CHEST)
    assert not same(brain, again)
    assert not same(brain, chest)


def test_images_of_a_request_have_seeds_one_after_the_other(generator: Generator) -> None:
    several = draw(generator, seed=5, count=3)
    assert [drawn.seed for drawn in several] == [5, 6, 7]
    (alone,) = draw(generator, seed=6)
    assert same(several[1], alone)


def test_what_is_unwanted_reaches_the_image(generator: Generator) -> None:
    (plain,), (less,) = draw(generator), draw(generator, BRAIN, PromptTerm("contrast", -1))
    (negative,) = draw(generator, negative="contrast")
    assert not same(plain, less)
    assert same(less, negative)


def test_every_step_is_told_and_can_be_looked_at(generator: Generator) -> None:
    seen: list[GenerationStep] = []
    request = filled(GenerationRequest((BRAIN,), steps=STEPS, count=2), generator.info())
    list(generator.generate(request, seen.append))
    total = seen[0].steps
    assert total == STEPS or (total > STEPS and generator.info().drafts > 1)
    assert [(step.image, step.step) for step in seen] == [(image, step) for image in (1, 2) for step in range(1, total + 1)]
    assert {(step.images, step.steps) for step in seen} == {(2, total)}
    shown = seen[1].preview()
    assert isinstance(shown, Image.Image)
    assert shown.mode in ("L", "RGB")


def test_it_ends_at_the_step_at_which_it_is_stopped(generator: Generator) -> None:
    seen: list[GenerationStep] = []
    request = filled(GenerationRequest((BRAIN,), steps=STEPS, count=3, drafts=1), generator.info())
    drawn = list(generator.generate(request, seen.append, lambda: len(seen) > STEPS))
    assert len(drawn) == 1
    assert len(seen) == STEPS + 1


def test_what_leads_nothing_is_told_in_the_words_of_the_text(generator: Generator) -> None:
    assert generator.unread("axial brain MRI") == ""
    text = f"axial brain MRI {'with oedema ' * 400}and blorptangles"
    rest = generator.unread(text)
    assert rest.endswith("blorptangles")
    assert "axial" not in rest


def test_what_is_refused_is_refused_in_words(generator: Generator) -> None:
    assert generator.refusal("axial brain MRI") == ""
    for text in ("ultrasound of the liver", "🧠", "mammogram"):
        refused = generator.refusal(text)
        assert not refused or (refused[0].isupper() and refused.endswith("."))


def test_odd_texts_do_no_harm(generator: Generator) -> None:
    for text in ("🧠" * 50, "<|endoftext|> [SEP] [MASK]", "¿quiste aracnoideo?", "脑部 MRI", "a" * 2000, "...."):
        generator.unread(text)
        assert len(draw(generator, PromptTerm(text), steps=1)) == 1


@pytest.mark.parametrize("name", ["starter", "diffusers"])
def test_telling_who_draws_loads_nothing_heavy(name: str) -> None:
    if name == "starter" and not WEIGHTS.is_file():
        pytest.skip("the starter's weights are not shipped here")
    import subprocess
    import sys

    load = f"from mirage.generate import generators; generators.load({name!r}).info()"
    code = f"import sys; {load}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
