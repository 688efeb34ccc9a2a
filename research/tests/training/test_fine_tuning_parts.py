"""The parts of fine-tuning that need no model: splits, words, pictures, order, configuration."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mirage import corpora
from mirage.corpora.base import Item
from mirage.errors import BadInput, Unavailable
from mirage.figure import Figure, Source
from mirage_research.commands.train import app
from mirage_research.training.bases import find_base
from mirage_research.training.examples import TrainingExample, read_examples, split, words_for
from mirage_research.training.runs import FineTuningConfig
from tiny_encoders import drawn_folder


def example(number: int, group: str, side: str = "", caption: str = "") -> TrainingExample:
    figure = Figure(f"x:{number}", caption or f"Caption {number}.", Source("x", "x"), modality="CT", plane="axial")
    return TrainingExample(number, Item(figure, None, f"{number}.png", ""), group, figure.caption, side)


def test_groups_are_set_aside_whole_and_by_the_seed() -> None:
    examples = [example(number, f"case {number // 3}") for number in range(60)]
    one, same, other = (split(examples, 0.2, seed) for seed in (1, 1, 2))
    assert len(one.train) == 48
    assert len(one.held_out) == 12
    assert not {e.group for e in one.train} & {e.group for e in one.held_out}
    assert one.digest == same.digest != other.digest
    assert not one.own


def test_the_corpus_s_own_splits_are_kept_and_its_test_split_is_not_touched() -> None:
    examples = [example(0, "a", "train"), example(1, "b", "dev"), example(2, "c", "test")]
    made = split(examples, 0.5, 1)
    assert [e.number for e in made.train] == [0]
    assert [e.number for e in made.held_out] == [1]
    assert made.own
    assert made.left_out == {"in the split “test”": 1}


def test_an_article_that_another_split_holds_too_is_not_trained_on() -> None:
    examples = [example(0, "a", "train"), example(1, "b", "train"), example(2, "b", "validation"), example(3, "c", "train")]
    examples += [example(4, "c", "test")]
    made = split(examples, 0.1, 1)
    assert [e.number for e in made.train] == [0]
    assert made.left_out["to train on, but of a case or article that another split holds too"] == 2


def test_captions_on_both_sides_are_counted() -> None:
    examples = [example(0, "a", "train", "Chest X-ray."), example(1, "b", "validation", "chest  x-ray.")]
    assert split(examples, 0.1, 1).shared_captions == 1


def test_a_corpus_without_captions_is_refused(tmp_path: Path) -> None:
    corpus = corpora.load("folder", path=drawn_folder(tmp_path / "drawn", 4, captions=False))
    with pytest.raises(BadInput, match=r"None of the 4 figures .* has a caption"):
        read_examples(corpus, lambda _: None)


def test_figures_of_a_case_are_a_group(tmp_path: Path) -> None:
    corpus = corpora.load("folder", path=drawn_folder(tmp_path / "drawn", 6))
    examples, left_out = read_examples(corpus, lambda _: None)
    assert len({e.group for e in examples}) == 3
    assert not left_out


def test_words_are_always_the_caption_s_with_the_kind_of_picture_now_and_then() -> None:
    one = example(1, "a", caption="A dense lesion is seen. It has a clear border. Nothing else is found.")
    drawn = {words_for(one, 1.0, random.Random(seed)) for seed in range(60)}
    assert len(drawn) > 4
    assert any(text.startswith("Axial CT. ") for text in drawn)
    for text in drawn:
        assert any(part in text for part in ("dense lesion", "clear border", "Nothing else"))
    assert {words_for(one, 0.0, random.Random(seed)) for seed in range(20)} == {one.caption}


@pytest.mark.torch
def test_pictures_are_never_mirrored() -> None:
    from mirage_research.training.augmentation import augment_picture

    pixels = np.zeros((64, 64), dtype=np.uint8)
    pixels[24:40, 6:20] = 255
    picture = Image.fromarray(pixels)
    changed = set()
    for seed in range(40):
        made = np.asarray(augment_picture(picture, 64, 1.0, random.Random(seed)).convert("L").resize((64, 64)), float)
        assert made[:, :32].sum() > 5 * made[:, 32:].sum()
        changed.add(made.tobytes())
    assert len(changed) == 40
    assert np.array_equal(np.asarray(augment_picture(picture, 64, 0.0, random.Random(1)).convert("L")), pixels)


@pytest.mark.torch
def test_each_epoch_has_every_figure_once_in_runs_of_neighbours() -> None:
    from mirage_research.training.fine_tuning import order_of

    one, two = order_of(100, 10, 5, 0), order_of(100, 10, 5, 1)
    assert sorted(one) == sorted(two) == list(range(100))
    assert one != two
    assert order_of(100, 10, 5, 0) == one
    steps = [after - before for before, after in pairwise(one)]
    assert sum(step == 1 for step in steps) >= 85


def test_a_setting_that_is_unknown_or_out_of_range_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    for text, said in (
        ('{"batchz": 3}', "batchz: Unexpected"),
        ('{"batch": "many"}', "batch: Input should be a valid integer"),
        ('{"batch": 1}', "batch: Input should be greater than or equal to 2"),
        ('{"precision": "fp8"}', "precision: Input should be 'auto', 'bf16'"),
        ('{"warm_up": 2}', "warm_up: Input should be less than or equal to 0.9"),
        ("[]", "should be an object"),
        ("{", "Invalid JSON"),
    ):
        path.write_text(text, "utf-8")
        with pytest.raises(BadInput, match=said):
            FineTuningConfig.read(path)
    path.write_text('{"rate": 1, "batch": 8}', "utf-8")
    assert FineTuningConfig.read(path) == FineTuningConfig(rate=1.0, batch=8)


def test_a_base_that_is_not_there_or_has_no_weights_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="There is no folder"):
        find_base(f"local-dir:{tmp_path / 'no'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no model of transformers or open_clip"):
        find_base(str(tmp_path / "empty"))
    (tmp_path / "empty" / "config.json").write_text('{"model_type": "clip"}', "utf-8")
    with pytest.raises(BadInput, match="One of transformers is named without local-dir:"):
        find_base(f"local-dir:{tmp_path / 'empty'}")
    (tmp_path / "empty" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(Unavailable, match=r"missing or not whole: \*\.safetensors.* a pickle can run code"):
        find_base(str(tmp_path / "empty"))


def test_a_base_of_the_hub_is_not_fetched_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIRAGE_MODELS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable, match="--download"):
        find_base("hf-hub:nobody/nothing")


@pytest.mark.torch
def test_a_corpus_is_not_fetched_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MIRAGE_MEDPIX", raising=False)
    monkeypatch.setattr("mirage.corpora.medpix.own_cache", lambda: tmp_path)
    result = CliRunner().invoke(
        app, ["encoder", "--base", str(tmp_path), "--corpus", "medpix", "--out", str(tmp_path / "out")]
    )
    assert isinstance(result.exception, Unavailable)
    assert "--download" in str(result.exception)
