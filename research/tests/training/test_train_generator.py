"""A tiny generator is trained on drawn pictures, goes on where it was killed, is exported, and draws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from medpix_maker import make_medpix
from mirage.cli import app
from mirage.errors import BadInput, Unavailable
from mirage.generate.generators import GenerationRequest, PromptTerm
from mirage.generate.generators.conditions import Conditions, closure
from mirage.generate.generators.copies import TrainingFingerprints
from mirage.generate.generators.starter import StarterGenerator
from mirage.shipped import SHIPPED
from mirage_research.data.samples import TrainingSample, tidied
from mirage_research.training.generator_images import (
    ConditionedImage,
    conditioned,
    read,
    set_aside,
    vocabulary,
)
from mirage_research.training.runs import GeneratorConfig, TrainingData

TINY = GeneratorConfig(
    held_out=0.3,
    least_pictures=2,
    least_cases=1,
    steps=3,
    batch=4,
    components=8,
    side=4,
    channels=(32, 64),
    layers=1,
    warm_up=1,
    decay=1,
    drawing_steps=4,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """MedPix's layout and chest X-rays, drawn."""
    place = tmp_path_factory.mktemp("data")
    medpix = make_medpix(place)
    (place / "cxr" / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = ["file,label,original"]
    for number in range(12):
        pixels = np.add.outer(np.arange(64), np.arange(64)) + rng.integers(0, 60, (64, 64)) + 60
        Image.fromarray(pixels.astype(np.uint8)).save(place / "cxr" / "images" / f"{number}.png")
        lines.append(f"images/{number}.png,{'pneumonia' if number % 2 else 'no finding'},x")
    (place / "cxr" / "labels.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return medpix, place / "cxr"


def test_conditions_claim_no_more_than_is_known(data: tuple[Path, Path]) -> None:
    images, examples = read(TrainingData(*data))
    assert images.shape == (len(examples), 160, 160)
    films = [example for example in examples if example.source == "cxr"]
    assert {example.kind for example in films} == {"XR|frontal|chest"}
    assert {name for example in films for name in example.concepts} == {
        "radiography", "frontal", "chest", "pneumonia", "normal"
    }  # fmt: skip
    assert any({"axial", "computed tomography", "brain"} <= set(example.concepts) for example in examples)


def test_a_concept_is_learnt_where_enough_pictures_of_enough_cases_show_it() -> None:
    def shown(count: int, cases: int, *concepts: str) -> list[ConditionedImage]:
        return [ConditionedImage(f"i{n}", f"{concepts}{n % cases}", "", concepts, "medpix") for n in range(count)]

    learnt = vocabulary(
        [*shown(25, 5, "meningioma"), *shown(25, 2, "ependymoma"), *shown(10, 10, "liver")], GeneratorConfig()
    )
    assert learnt["meningioma"].pictures == 25
    assert learnt["brain tumor"].pictures == 50, "what is broader is shown by all that is narrower"
    assert "ependymoma" not in learnt, "two cases tell how those two look"
    assert "liver" not in learnt


def test_what_is_denied_is_not_shown_and_a_diagnosis_does_not_move_the_picture(tmp_path: Path) -> None:
    sample = TrainingSample(
        "x", "case", "", "lung cancer", "Axial MR - T2 weighted", "A ring enhancing mass without edema.", tmp_path,
        attributes={"modality": "MR", "sequence": "t2", "plane": "axial", "region": "brain and neuro"},
    )  # fmt: skip
    known = conditioned(sample, "medpix")
    assert known.kind == "MR|axial|brain"
    assert {"T2-weighted imaging", "ring enhancement", "lung cancer"} <= set(known.concepts)
    assert "edema" not in known.concepts
    assert "chest" not in closure(known.concepts), "a lung cancer's metastasis in the brain is no picture of the chest"


def test_of_the_further_sets_only_what_may_train_is_read(data: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "covid").mkdir()
    rows = []
    for number in range(12):
        pixels = np.random.default_rng(number).integers(40, 200, (64, 64)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "covid" / f"{number}.png")
        licence = ("CC BY 3.0", "CC BY-NC-SA", "")[number % 3]
        row = {"file": f"covid/{number}.png", "finding": "COVID-19", "view": "PA", "license": licence, "patientid": number}
        rows.append(json.dumps(row))
    (tmp_path / "covid.jsonl").write_text("\n".join(rows), "utf-8")
    _, examples = read(TrainingData(*data, wide=tmp_path))
    found = {example.id for example in examples if example.source == "covid"}
    assert found
    assert found <= {f"covid:covid/{number}.png" for number in (0, 3, 6, 9)}


def test_traces_of_de_identification_are_not_learnt() -> None:
    assert tidied("A ___ year old [**2011**] with XXXX pain  in the leg") == "A year old with pain in the leg"


def test_no_case_is_both_trained_and_measured_on() -> None:
    examples = [ConditionedImage(f"i{number}", f"case{number // 3}", "CT", ("x",), "medpix") for number in range(90)]
    train, held_out = set_aside(examples, 0.2, 7)
    assert len(train) + len(held_out) == 90
    assert len(held_out) == 18
    assert not {examples[n].group for n in train} & {examples[n].group for n in held_out}


@pytest.mark.torch
def test_a_stack_of_one_person_does_not_drown_the_others(made: Path) -> None:
    from mirage.generate.generators.latents import PatchBasis
    from mirage_research.training.generator_batches import Batches

    groups = ["one person"] * 100 + [f"person {number}" for number in range(10)]
    examples = [ConditionedImage(f"i{at}", group, "CT|axial|chest", ("axial",), "x") for at, group in enumerate(groups)]
    pixels = np.zeros((110, 160, 160), np.uint8)
    batches = Batches(pixels, examples, range(110), ["axial"], PatchBasis.load(made / "patches.npz"), TINY)
    share = float(batches.weights[:100].sum())
    assert share == pytest.approx(0.5), "ten persons with one picture each count as much as one with a hundred"


def test_a_configuration_that_names_something_unknown_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"stepps": 3}', "utf-8")
    with pytest.raises(BadInput, match="stepps"):
        GeneratorConfig.read(path)
    path.write_text('{"steps": 3, "channels": [32, 64]}', "utf-8")
    assert GeneratorConfig.read(path).channels == (32, 64)


@pytest.fixture(scope="module")
def made(data: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained, stopped after two steps, gone on, exported."""
    from mirage_research.training.generator import make_generator

    out = tmp_path_factory.mktemp("run")
    places = TrainingData(data[0], data[1])
    asked = iter((False, False, True))
    make_generator(TINY, places, out, threads=1, stop=lambda: next(asked))
    assert "stopped at step 2" in (out / "log.txt").read_text("utf-8")
    with pytest.raises(BadInput, match="--resume"):
        make_generator(TINY, places, out, threads=1)
    folder = make_generator(TINY, places, out, resume=True, threads=1)
    assert "going on from step 2" in (out / "log.txt").read_text("utf-8")
    assert json.loads((out / "splits.json").read_text("utf-8"))["held_out"] is not None
    return folder


@pytest.mark.torch
def test_what_was_trained_draws(made: Path) -> None:
    generator = StarterGenerator(made, threads=1)
    info = generator.info()
    assert (info.size, info.steps) == (32, 4)
    request = GenerationRequest((PromptTerm("axial brain CT"),), seed=3, count=2)
    steps: list[int] = []
    one, two = generator.generate(request, lambda step: steps.append(step.step))
    assert steps == [1, 2, 3, 4] * 2
    assert one.image.size == (32, 32)
    again = next(iter(generator.generate(request)))
    assert np.array_equal(np.asarray(one.image), np.asarray(again.image))
    assert not np.array_equal(np.asarray(one.image), np.asarray(two.image))
    assert two.seed == 4


@pytest.mark.torch
def test_eight_bit_weights_say_nearly_what_the_network_said(made: Path) -> None:
    import torch

    from mirage.models.runtime import onnx_session
    from mirage_research.training.generator_network import network

    kept = torch.load(made.parent / "checkpoint.pt", weights_only=False)
    inner = network(TINY)
    inner.load_state_dict({name.removeprefix("inner."): value for name, value in kept["ema"].items() if "inner" in name})
    inner.eval()
    latents, states, pooled = torch.randn(2, 8, 4, 4), torch.randn(2, 5, 384), torch.randn(2, 256)
    times, mask = torch.tensor([200.0, 800.0]), torch.tensor([[1.0] * 5, [1, 1, 0, 0, 0]])
    with torch.no_grad():
        told = inner(
            latents, times, encoder_hidden_states=states, encoder_attention_mask=mask, class_labels=pooled
        ).sample.numpy()
    given = {"latents": latents, "times": times, "states": states, "mask": mask, "pooled": pooled}
    session = onnx_session(made / "unet.onnx", 1, "Train it again.")
    found = session.run(None, {name: value.numpy() for name, value in given.items()})[0]
    assert np.corrcoef(told.ravel(), found.ravel())[0, 1] > 0.995


@pytest.mark.torch
def test_fingerprints_of_the_training_images_are_beside_it(made: Path, data: tuple[Path, Path]) -> None:
    copies = TrainingFingerprints.load(made / "fingerprints.npz")
    with Image.open(data[1] / "images" / "3.png") as picture:
        assert copies.check(picture.convert("L")).checked


@pytest.mark.torch
def test_a_folder_that_is_damaged_is_said(made: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "generator"
    for name, damage, said in (
        ("unet.onnx", lambda path: path.write_bytes(path.read_bytes()[:1000]), r"unet\.onnx is damaged"),
        ("unet.onnx", lambda path: path.unlink(), r"lacks unet\.onnx"),
        ("config.json", lambda path: path.write_text("{}", "utf-8"), r"config\.json.* is damaged"),
        ("patches.npz", lambda path: path.write_bytes(b"x"), r"patches\.npz is damaged"),
        ("unet.onnx", lambda path: shutil.copyfile(SHIPPED / "encoder" / "text.onnx", path), "another kind of model"),
    ):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder)
        damage(folder / name)
        with pytest.raises(Unavailable, match=said):
            list(StarterGenerator(folder, threads=1).generate(GenerationRequest((PromptTerm("brain"),), steps=1)))


@pytest.mark.torch
def test_a_generator_of_an_older_format_is_refused(made: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(made, tmp_path / "generator")
    config = json.loads((made / "config.json").read_text("utf-8"))
    (tmp_path / "generator" / "config.json").write_text(json.dumps({**config, "format": 1}), "utf-8")
    with pytest.raises(Unavailable, match="older MIRAGE"):
        StarterGenerator(tmp_path / "generator", threads=1)


@pytest.mark.torch
def test_training_begins_from_what_was_exported(made: Path, data: tuple[Path, Path]) -> None:
    import torch

    from mirage_research.training.generator_network import Conditioned

    kept = torch.load(made.parent / "checkpoint.pt", weights_only=True)["ema"]
    learnt = list(Conditions.load(made).learnt)
    again = Conditioned(TINY, len(learnt) + 1)
    assert again.begin_from(made, ["something new", *learnt]) == len(learnt)
    for name, value in again.inner.state_dict().items():
        was = kept[f"inner.{name}"]
        assert torch.allclose(value, was, atol=float(was.abs().max()) / 100), name
    assert torch.allclose(again.states[1:], kept["states"], atol=1e-2)
    assert not again.pooled[0].any(), "what is new says nothing to begin with"


@pytest.mark.torch
def test_it_begins_from_a_picture_as_far_as_it_is_told(made: Path, data: tuple[Path, Path]) -> None:
    generator = StarterGenerator(made, threads=1)
    with Image.open(data[1] / "images" / "1.png") as opened:
        start = opened.convert("L")
    near, far = (
        np.asarray(
            next(iter(generator.generate(GenerationRequest((PromptTerm("brain"),), start=start, strength=strength)))).image,
            float,
        )
        for strength in (0.02, 1.0)
    )
    from mirage.generate.generators.latents import framed

    goal = np.asarray(framed(start, 32), float)
    assert np.abs(near - goal).mean() < np.abs(far - goal).mean() / 2


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", "generator", "--out", str(tmp_path), "--medpix", str(tmp_path / "no")])
    assert result.exit_code != 0
    said = " ".join(result.output.split())
    assert "Training needs" in said or "is not a folder" in said
