"""The diffusers generator on a tiny Stable Diffusion pipeline, saved as a hub model is."""

from __future__ import annotations

import gc
import json
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tiny_pipeline import READ, SIDE, save_pipeline

from mirage.errors import BadInput, Unavailable
from mirage.generate import generators
from mirage.generate.generators import DrawnImage, GenerationRequest, GenerationStep, Generator, PromptTerm
from mirage.generate.generators.diffusers import DiffusersGenerator
from mirage.generate.generators.diffusers_pipeline import (
    AGAIN,
    OVERFLOWED,
    UNDECODED,
    UNSAFE,
    embeddings,
    look_over,
    quick_scheduler,
)

pytestmark = pytest.mark.torch

BRAIN, CHEST, TUMOUR = (PromptTerm(text) for text in ("axial brain MRI", "chest x-ray", "tumour"))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """More threads than free cores make so small a network a hundred times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("pipelines") / "tiny")


@pytest.fixture(scope="module")
def careful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a safety checker that takes every image for indecent."""
    return save_pipeline(tmp_path_factory.mktemp("pipelines") / "careful", checker=-2.0)


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(saved, tmp_path / "tiny")


@pytest.fixture
def generator(saved: Path) -> Iterator[Generator]:
    made = generators.load("diffusers", model=str(saved), device="cpu")
    yield made
    made.close()  # type: ignore[attr-defined]


def one(generator: Generator, *terms: PromptTerm, **options: Any) -> DrawnImage:
    return next(generator.generate(GenerationRequest(terms or (BRAIN,), **{"steps": 4, **options})))


def pixels(drawn: DrawnImage) -> np.ndarray:
    return np.asarray(drawn.image.convert("RGB"), dtype=float)


def apart(one: DrawnImage, other: DrawnImage) -> float:
    """Mean difference of two images in grey levels."""
    return float(np.abs(pixels(one) - pixels(other)).mean())


def rewrite(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}), "utf-8")


def reweigh(folder: Path, part: str, **weights: Any) -> None:
    """Change weights of a saved part: each a function of the tensor."""
    from safetensors.torch import load_file, save_file

    file = folder / part / "diffusion_pytorch_model.safetensors"
    state = load_file(file)
    for name, how in weights.items():
        key = name.replace("__", ".")
        state[key] = how(state[key])
    save_file(state, file, metadata={"format": "pt"})


# -- what it draws ------------------------------------------------------------------------------------------------------


def test_the_same_request_gives_the_same_image_and_another_seed_another(generator: Generator, saved: Path) -> None:
    first = one(generator, seed=7)
    assert first.seed == 7
    assert first.image.size == (SIDE, SIDE)
    assert not first.blank
    assert pixels(first).std() > 5
    assert apart(first, one(generator, seed=7)) == 0
    assert apart(first, one(generator, seed=8)) > 5
    generator.close()  # type: ignore[attr-defined]
    assert apart(first, one(DiffusersGenerator(str(saved), device="cpu"), seed=7)) == 0, "loaded anew, too"


def test_each_image_of_a_request_can_be_drawn_again_alone(generator: Generator) -> None:
    several = list(generator.generate(GenerationRequest((BRAIN,), seed=3, steps=4, count=3)))
    assert [drawn.seed for drawn in several] == [3, 4, 5]
    assert apart(several[2], one(generator, seed=5)) == 0


def test_a_picture_may_be_wide_and_is_decoded_in_tiles_when_asked(generator: Generator, saved: Path) -> None:
    wide = one(generator, width=2 * SIDE, height=SIDE)
    assert wide.image.size == (2 * SIDE, SIDE)
    tiled = one(DiffusersGenerator(str(saved), device="cpu", vae_tiling=True), width=2 * SIDE, height=SIDE)
    assert tiled.image.size == wide.image.size
    assert 0 < apart(wide, tiled) < 60
    assert apart(wide, one(generator, width=2 * SIDE, height=SIDE)) == 0, "tiles are not kept on for others"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_seed_means_the_same_in_half_precision(generator: Generator, saved: Path, dtype: str) -> None:
    half = one(DiffusersGenerator(str(saved), device="cpu", dtype=dtype), seed=5)
    assert apart(half, one(generator, seed=5)) < apart(half, one(generator, seed=6)) / 3


def test_a_size_that_is_no_multiple_is_refused(generator: Generator) -> None:
    with pytest.raises(BadInput, match="multiple of 8"):
        one(generator, width=63)


@pytest.mark.parametrize("steps", [1, 2, 20, 60])
def test_any_number_of_steps_comes_out(generator: Generator, steps: int) -> None:
    seen: list[GenerationStep] = []
    drawn = list(generator.generate(GenerationRequest((BRAIN,), steps=steps), seen.append))
    assert len(seen) == steps
    assert not drawn[0].blank


# -- words --------------------------------------------------------------------------------------------------------------


def test_words_change_the_image(generator: Generator) -> None:
    assert apart(one(generator, BRAIN), one(generator, CHEST)) > 1


def test_what_is_unwanted_reaches_the_image_by_its_weight(generator: Generator) -> None:
    plain = one(generator, BRAIN)
    less = one(generator, BRAIN, PromptTerm("tumour", -1))
    assert apart(plain, less) > 0.5
    assert apart(less, one(generator, BRAIN, negative="tumour")) == 0, "the negative prompt is a term of weight −1"
    assert 0 < apart(plain, one(generator, BRAIN, PromptTerm("tumour", -0.1))) < apart(plain, less) / 2


def test_what_is_unwanted_is_no_matter_of_dropping_words(generator: Generator) -> None:
    """Drawing away from a finding is other than never having named it, and than asking for it."""
    without = one(generator, BRAIN)
    away = one(generator, BRAIN, PromptTerm("tumour", -1))
    towards = one(generator, BRAIN, TUMOUR)
    assert apart(without, away) > 0.5
    assert apart(without, towards) > 0.5
    assert apart(away, towards) > 0.5


def test_terms_are_mixed_by_weight(generator: Generator) -> None:
    brain, chest = one(generator, BRAIN), one(generator, CHEST)
    mostly_brain = one(generator, BRAIN, PromptTerm("chest x-ray", 0.1))
    mostly_chest = one(generator, BRAIN, PromptTerm("chest x-ray", 10))
    assert apart(mostly_brain, brain) < apart(mostly_brain, chest)
    assert apart(mostly_chest, chest) < apart(mostly_chest, brain)
    assert apart(one(generator, PromptTerm("chest x-ray", 5)), chest) == 0, "one term alone: its weight says nothing"


def test_the_prompt_is_the_weighted_mean_of_its_terms_embeddings(generator: DiffusersGenerator) -> None:
    loaded = generator._ready(GenerationRequest((BRAIN,)))
    with torch.inference_mode():
        brain, empty = embeddings(loaded, GenerationRequest((BRAIN,)))
        chest, _ = embeddings(loaded, GenerationRequest((CHEST,)))
        mixed, against = embeddings(
            loaded, GenerationRequest((BRAIN, PromptTerm("chest x-ray", 3), PromptTerm("tumour", -1.5)))
        )
        tumour, _ = embeddings(loaded, GenerationRequest((TUMOUR,)))
    torch.testing.assert_close(mixed, 0.25 * brain + 0.75 * chest)
    torch.testing.assert_close(against, 0.5 * tumour + 0.5 * empty)


def test_without_guidance_nothing_is_drawn_away_from_and_it_says_so(generator: Generator) -> None:
    alone = one(generator, BRAIN, guidance=1)
    against = one(generator, BRAIN, guidance=1, negative="tumour")
    assert apart(alone, against) == 0
    assert not alone.remarks
    assert "Without guidance" in against.remarks[0]


def test_what_is_not_read_is_told_in_the_words_that_were_typed(generator: Generator) -> None:
    assert generator.unread("Axial brain MRI") == ""
    text = "Axial brain MRI with contrast, " * 4
    end = generator.unread(text)
    assert end
    assert text.strip().endswith(end)
    assert end.split()[0] in ("Axial", "brain", "MRI", "with", "contrast,")
    read = text[: text.rindex(end)]
    assert generator.unread(read) == ""
    assert generator.info().most_tokens == READ


def test_it_counts_tokens_and_not_characters(generator: Generator) -> None:
    known, spelt = "tumour " * READ, "zzzz " * READ
    assert generator.unread(known) == ""
    assert len(generator.unread(spelt).split()) > READ / 2
    assert generator.unread(known + "chest") == "chest"


def test_a_word_that_is_cut_counts_as_not_read(generator: Generator) -> None:
    assert generator.unread("tumour " * (READ - 2) + "Zqzqzq mri") == "Zqzqzq mri"


# -- steps --------------------------------------------------------------------------------------------------------------


def test_every_step_is_told_with_a_preview_that_nears_the_image(generator: Generator) -> None:
    seen: list[GenerationStep] = []
    drawn = list(generator.generate(GenerationRequest((BRAIN,), count=2), seen.append))
    assert [(step.image, step.step) for step in seen] == [(image, step) for image in (1, 2) for step in range(1, 21)]
    assert {(step.images, step.steps) for step in seen} == {(2, 20)}
    first, last = (DrawnImage(step.preview(), 0) for step in (seen[0], seen[19]))
    assert last.image.mode == "RGB"
    assert apart(last, drawn[0]) < 1, "after the last step it is the image"
    assert apart(first, drawn[0]) > apart(last, drawn[0])


def test_a_preview_that_nobody_asks_for_is_not_made(generator: DiffusersGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[Any] = []
    vae = generator._ready(GenerationRequest((BRAIN,))).pipe.vae
    decode = vae.decode
    monkeypatch.setattr(vae, "decode", lambda *given, **options: decoded.append(given) or decode(*given, **options))
    list(generator.generate(GenerationRequest((BRAIN,), steps=5)))
    assert len(decoded) == 1


def test_a_large_preview_is_made_small(generator: Generator) -> None:
    seen: list[GenerationStep] = []
    one_at_most = GenerationRequest((BRAIN,), steps=1, width=2 * SIDE, height=2 * SIDE)
    list(generator.generate(one_at_most, seen.append))
    assert max(seen[0].preview().size) <= 192


def test_it_is_stopped_midway_and_the_image_in_hand_is_not_given(generator: Generator) -> None:
    seen: list[GenerationStep] = []
    drawn = list(generator.generate(GenerationRequest((BRAIN,), count=3), seen.append, lambda: len(seen) >= 25))
    assert len(drawn) == 1
    assert len(seen) == 25
    assert not one(generator).blank, "it draws again afterwards"


def test_it_is_stopped_before_it_began(generator: Generator) -> None:
    assert list(generator.generate(GenerationRequest((BRAIN,)), pytest.fail, lambda: True)) == []


def test_a_reader_who_goes_away_keeps_nobody_waiting(generator: Generator, saved: Path) -> None:
    held = generator.generate(GenerationRequest((BRAIN,), steps=2, count=3))
    first = next(held)
    other = one(DiffusersGenerator(str(saved), device="cpu"), steps=2)
    assert apart(first, other) == 0
    held.close()  # type: ignore[attr-defined]


def test_what_a_callback_raises_comes_through(generator: Generator) -> None:
    def full(_: GenerationStep) -> None:
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        list(generator.generate(GenerationRequest((BRAIN,)), full))


# -- speed --------------------------------------------------------------------------------------------------------------


def test_the_solver_takes_the_pipelines_own_noise_schedule(generator: DiffusersGenerator, saved: Path) -> None:
    solver = generator._ready(GenerationRequest((BRAIN,))).pipe.scheduler
    own = diffusers.PNDMScheduler.from_pretrained(saved / "scheduler")
    assert type(solver).__name__ == "DPMSolverMultistepScheduler"
    assert solver.config.algorithm_type == "dpmsolver++"
    torch.testing.assert_close(solver.betas, own.betas)


def test_a_prediction_of_velocity_is_kept_and_a_scheduler_for_few_steps_stays() -> None:
    velocity = diffusers.DDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=False)
    assert quick_scheduler(velocity).config.prediction_type == "v_prediction"
    few = diffusers.LCMScheduler()
    assert quick_scheduler(few) is few


# -- black images -------------------------------------------------------------------------------------------------------


def test_what_the_safety_checker_blackens_is_told_as_that(careful: Path) -> None:
    drawn = one(DiffusersGenerator(str(careful), device="cpu"))
    assert drawn.blank
    assert drawn.remarks == (UNSAFE,)
    assert not drawn.image.getbbox()


def test_a_safety_checker_with_nothing_to_say_lets_the_image_pass(tmp_path: Path) -> None:
    drawn = one(DiffusersGenerator(str(save_pipeline(tmp_path / "calm", checker=2.0)), device="cpu"))
    assert not drawn.blank
    assert drawn.remarks == ()


def test_numbers_that_overflow_while_drawing_are_told_as_that(folder: Path) -> None:
    reweigh(folder, "unet", conv_out__weight=lambda weight: weight * float("nan"))
    drawn = one(DiffusersGenerator(str(folder), device="cpu"))
    assert drawn.blank
    assert drawn.remarks == (OVERFLOWED,)
    assert not drawn.image.getbbox()


def test_a_decoder_that_overflows_in_half_precision_decodes_again_in_32_bits(folder: Path) -> None:
    reweigh(folder, "vae", decoder__conv_in__weight=lambda weight: weight * 3e5)
    half, whole = (DiffusersGenerator(str(folder), device="cpu", dtype=dtype) for dtype in ("float16", "float32"))
    drawn = one(half)
    assert drawn.remarks == (AGAIN,)
    assert not drawn.blank
    assert apart(drawn, one(half)) == 0, "the next one is drawn the same way"
    usual = one(whole)
    assert usual.remarks == ()
    assert apart(drawn, usual) < 5


def test_a_decoder_that_overflows_in_any_precision_gives_nothing_and_says_so(folder: Path) -> None:
    reweigh(folder, "vae", decoder__conv_in__weight=lambda weight: weight * float("inf"))
    drawn = one(DiffusersGenerator(str(folder), device="cpu", dtype="bfloat16"))
    assert drawn.blank
    assert drawn.remarks == (UNDECODED,)


def test_an_even_image_is_told_apart_from_both(folder: Path) -> None:
    zero = dict.fromkeys(("decoder__conv_out__weight", "decoder__conv_out__bias"), torch.zeros_like)
    reweigh(folder, "vae", **zero)
    drawn = one(DiffusersGenerator(str(folder), device="cpu"))
    assert drawn.blank
    assert "one even colour" in drawn.remarks[0]


# -- from a picture -----------------------------------------------------------------------------------------------------


def test_a_picture_to_begin_from_shows_by_strength(generator: Generator) -> None:
    start = Image.linear_gradient("L").resize((SIDE, SIDE))
    seen: list[GenerationStep] = []

    def drawn(strength: float) -> DrawnImage:
        seen.clear()
        request = GenerationRequest((BRAIN,), steps=20, start=start, strength=strength)
        return next(generator.generate(request, seen.append))

    nothing, little, much = drawn(0), drawn(0.2), drawn(1)
    assert len(seen) == 20
    assert apart(nothing, little) < apart(nothing, much)
    assert apart(much, drawn(1)) == 0
    drawn(0.2)
    assert {(step.step, step.steps) for step in seen} == {(1, 4), (2, 4), (3, 4), (4, 4)}
    drawn(0)
    assert [(step.step, step.steps) for step in seen] == [(1, 1)]


def test_another_picture_gives_another_image(generator: Generator) -> None:
    bright, dark = Image.new("L", (90, 40), 240), Image.new("RGBA", (40, 90), (9, 9, 9, 255))
    results = [one(generator, start=start, strength=0.3, steps=10) for start in (bright, dark)]
    assert results[0].image.size == results[1].image.size == (SIDE, SIDE)
    assert apart(*results) > 1


def test_drawing_from_words_and_from_a_picture_share_every_weight(generator: DiffusersGenerator) -> None:
    loaded = generator._ready(GenerationRequest((BRAIN,)))
    assert loaded.from_picture.unet is loaded.pipe.unet
    assert loaded.from_picture.vae is loaded.pipe.vae
    assert loaded.from_picture.vae.dtype == torch.float32


# -- memory -------------------------------------------------------------------------------------------------------------


def test_memory_is_stated_from_the_files_before_anything_is_loaded(saved: Path) -> None:
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(saved)
    parts = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    weights = sum(weight.numel() for part in parts for weight in part.parameters())
    assert look_over(saved).parameters == weights
    assert look_over(saved).memory(SIDE, SIDE, 4) > 4 * weights


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirage.generate.generators.diffusers.free_memory", lambda *_: 1000)
    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(Unavailable, match=r"needs about .* GB for 64 × 64 pixels, and .* GB are free"):
        one(DiffusersGenerator(str(saved), device="cpu"))


def test_running_out_of_memory_says_what_to_do(generator: DiffusersGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    unet = generator._ready(GenerationRequest((BRAIN,))).pipe.unet

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(unet, "forward", full)
    with pytest.raises(Unavailable, match="too little memory"):
        one(generator)


def test_closing_frees_the_model(saved: Path) -> None:
    made = DiffusersGenerator(str(saved), device="cpu")
    list(made.generate(GenerationRequest((BRAIN,), steps=2)))
    unet = weakref.ref(made._ready(GenerationRequest((BRAIN,))).pipe.unet)
    assert unet() is not None
    made.close()
    gc.collect()
    assert unet() is None


def test_two_generators_of_one_model_share_its_weights(saved: Path) -> None:
    one_, two = (DiffusersGenerator(str(saved), device="cpu") for _ in range(2))
    assert one_._ready(GenerationRequest((BRAIN,))) is two._ready(GenerationRequest((BRAIN,)))


# -- bad folders --------------------------------------------------------------------------------------------------------


def test_a_language_models_folder_is_told(tmp_path: Path) -> None:
    config = transformers.GPTNeoXConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    transformers.GPTNeoXForCausalLM(config).save_pretrained(tmp_path)
    with pytest.raises(Unavailable, match="holds a GPTNeoXForCausalLM, a model of another kind"):
        one(DiffusersGenerator(str(tmp_path), device="cpu"))


def test_a_truncated_file_is_named(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(Unavailable, match=r"unet/diffusion_pytorch_model\.safetensors is not a whole safetensors file"):
        one(DiffusersGenerator(str(folder), device="cpu"))


def test_weights_that_lack_a_part_are_not_filled_with_chance(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    state = {name: value for name, value in load_file(file).items() if not name.startswith("mid_block")}
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(Unavailable, match=r"cannot be loaded|do not fill the model"):
        one(DiffusersGenerator(str(folder), device="cpu"))


def test_weights_of_another_shape_are_told(folder: Path) -> None:
    rewrite(folder / "unet" / "config.json", block_out_channels=[16, 32])
    with pytest.raises(Unavailable, match=r"cannot be loaded|do not fill the model"):
        one(DiffusersGenerator(str(folder), device="cpu"))


def test_a_tokenizer_that_cannot_be_read_is_told(folder: Path) -> None:
    for name in ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"):
        (folder / "tokenizer" / name).write_text("[", "utf-8")
    with pytest.raises(Unavailable, match=r"tokenizer in .* cannot be read"):
        DiffusersGenerator(str(folder)).unread("axial brain MRI")


def test_a_device_that_is_not_there_is_told(saved: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(Unavailable, match="device 'cuda' cannot be used"):
        one(DiffusersGenerator(str(saved), device="cuda"))
    with pytest.raises(BadInput, match="dtype is"):
        one(DiffusersGenerator(str(saved), dtype="int8"))
