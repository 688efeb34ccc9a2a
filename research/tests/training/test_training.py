"""A short training run on generated pictures ends in an encoder that the adapter opens."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from mirage.encoders.starter import StarterEncoder
from mirage_research.data.samples import TrainingSample
from mirage_research.training.runs import EncoderConfig

pytestmark = pytest.mark.torch

CONFIG = EncoderConfig(seed=1, pixels=64, dimension=32, epochs=2, batch=8, text_layers=1, text_tokens=16)
WORDS = [
    "axial",
    "coronal",
    "ct",
    "mri",
    "brain",
    "chest",
    ".",
    "mass",
    "effusion",
    "normal",
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
]


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, WORDS.index(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def make_towers():
    from transformers import BertConfig, BertModel

    from mirage_research.training.networks import Attributes, ImageTower, StarterTowers, TextTower

    sizes = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    trunk = BertModel(BertConfig(vocab_size=2000, max_position_embeddings=128, **sizes))
    values = {"modality": ["CT", "MR"], "plane": ["axial", "coronal"]}
    return StarterTowers(
        ImageTower("lite0", CONFIG.dimension, CONFIG.dropout, weights=False),
        TextTower(trunk, CONFIG.dimension, CONFIG.text_layers),
        Attributes(values, CONFIG.dimension),
    ), values


def make_samples() -> list[TrainingSample]:
    made = []
    for number in range(24):
        plane, modality = ("axial", "coronal")[number % 2], ("CT", "MR")[number // 2 % 2]
        caption = f"{'mass' if number % 3 else 'effusion'} {number}"
        made.append(
            TrainingSample(
                id=f"medpix:{number}",
                group=f"case{number // 2}",
                caption_group=caption,
                diagnosis="",
                query=f"{plane} {modality}. {caption}",
                caption=caption,
                picture=Path("none"),
                title="mass",
                attributes={"modality": modality, "plane": plane},
            )
        )
    return made


def run(out: Path, tokenizer: Path, **options: object):
    import torch

    from mirage_research.training.encoder import make_tokenise, train

    torch.manual_seed(CONFIG.seed)
    towers, values = make_towers()
    samples = make_samples()
    squares = np.random.default_rng(0).integers(0, 255, (24, 70, 70, 3), dtype=np.uint8)
    told: list[str] = []
    averaged = train(
        CONFIG,
        towers,
        samples[:18],
        squares[:18],
        samples[18:],
        squares[18:, :64, :64],
        values,
        make_tokenise(tokenizer, CONFIG.text_tokens),
        out,
        tell=told.append,
        **options,
    )
    return averaged, told


def test_two_steps_end_in_an_encoder_that_the_adapter_opens(tmp_path: Path, tokenizer: Path) -> None:
    from mirage_research.training.encoder_export import export

    averaged, told = run(tmp_path, tokenizer, most_steps=2)
    assert any("min left" in line for line in told)
    export(averaged, CONFIG, tokenizer, tmp_path / "encoder", max_tokens=16)
    encoder = StarterEncoder(tmp_path / "encoder")
    texts = encoder.encode_texts(["axial CT. mass", ""])
    images = encoder.encode_images([Image.new("L", (30, 40), 120)])
    assert texts.shape == (2, 32)
    assert images.shape == (1, 32)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-4)
    assert encoder.unread(" ".join(["mass"] * 30)) == " ".join(["mass"] * 16)


def test_the_small_export_says_nearly_what_the_full_one_says(tmp_path: Path, tokenizer: Path) -> None:
    from mirage_research.training.encoder_export import export

    averaged, _ = run(tmp_path, tokenizer, most_steps=2)
    export(averaged, CONFIG, tokenizer, tmp_path / "small")
    export(averaged, CONFIG, tokenizer, tmp_path / "full", small=False)
    small, full = StarterEncoder(tmp_path / "small"), StarterEncoder(tmp_path / "full")
    words = ["axial CT. mass", "coronal mri brain"]
    images = [Image.new("L", (64, 64), 90), Image.effect_noise((80, 60), 60)]
    assert (small.encode_texts(words) * full.encode_texts(words)).sum(1).min() > 0.99
    assert (small.encode_images(images) * full.encode_images(images)).sum(1).min() > 0.999


def test_a_stopped_run_goes_on_from_its_checkpoint(tmp_path: Path, tokenizer: Path) -> None:
    run(tmp_path, tokenizer)
    assert (tmp_path / "checkpoint.pt").is_file()
    _, told = run(tmp_path, tokenizer, resume=True)
    assert told[0] == "resumed after epoch 2"
    assert not any(line.startswith("step") for line in told)


def test_training_goes_on_from_an_exported_encoder_as_the_same_function(tmp_path: Path, tokenizer: Path) -> None:
    import torch

    from mirage.errors import BadInput
    from mirage_research.training.continuing import go_on_from
    from mirage_research.training.encoder import encode, make_tokenise
    from mirage_research.training.encoder_export import export
    from mirage_research.training.networks import ImageTower

    averaged, _ = run(tmp_path, tokenizer, most_steps=2)
    export(averaged, CONFIG, tokenizer, tmp_path / "encoder")
    again, _ = make_towers()
    go_on_from(again, tmp_path / "encoder")
    squares = np.random.default_rng(1).integers(0, 255, (6, 64, 64, 3), dtype=np.uint8)
    words = ["axial CT. mass", "coronal mri brain"]
    tokenise = make_tokenise(tokenizer, CONFIG.text_tokens)
    for was, now in zip(*(encode(t, squares, words, 64, tokenise) for t in (averaged, again)), strict=True):
        assert (was * now).sum(1).min() > 0.98
    again.train()
    before = again.image.trunk._bn0.running_mean.clone()
    again.image(torch.randn(4, 3, 64, 64))
    assert torch.equal(again.image.trunk._bn0.running_mean, before), "norms at rest count no statistics"
    again.image = ImageTower("lite2", CONFIG.dimension, CONFIG.dropout, weights=False)
    with pytest.raises(BadInput, match="no encoder of this architecture"):
        go_on_from(again, tmp_path / "encoder")


def test_frozen_blocks_learn_nothing_and_the_rest_does() -> None:
    import torch

    towers, _ = make_towers()
    towers.image.freeze(5)
    towers.image(torch.randn(2, 3, 64, 64)).sum().backward()
    blocks = [any(p.grad is not None for p in block.parameters()) for block in towers.image.trunk._blocks]
    assert blocks == [False] * 5 + [True] * (len(blocks) - 5)


def test_a_rare_modality_is_repeated_in_an_epoch_and_a_set_is_capped() -> None:
    import random
    from collections import Counter
    from dataclasses import replace

    from mirage_research.training.epochs import choose_epoch

    samples = make_samples()
    films = [replace(samples[0], id=f"covid:{n}", group=f"p{n}", attributes={"modality": "XR"}) for n in range(40)]
    rare = [replace(samples[0], id=f"starter:{n}", group=f"s{n}", attributes={"modality": "OP"}) for n in range(2)]
    config = EncoderConfig(wide_per_epoch={"covid": 15}, least_of_modality=12)
    chosen = choose_epoch([*samples, *films, *rare], config, random.Random(0))
    kinds = Counter([*samples, *films, *rare][i].attributes["modality"] for i in chosen)
    assert kinds == {"CT": 12, "MR": 12, "XR": 15, "OP": 12}


def test_names_and_synonyms_take_part_in_a_run(tmp_path: Path, tokenizer: Path) -> None:
    import torch

    from mirage_research.training.encoder import make_tokenise, train
    from mirage_research.training.synonyms import Term

    losses = []
    for terms in ({}, {"doid": [Term("mass", ("effusion",), ("normal",)), Term("brain", ("chest",), ())]}):
        torch.manual_seed(0)
        towers, values = make_towers()
        told: list[str] = []
        squares = np.random.default_rng(0).integers(0, 255, (24, 70, 70, 3), dtype=np.uint8)
        config = dataclasses.replace(CONFIG, synonyms=2)
        out = tmp_path / str(len(losses))
        out.mkdir()
        tokenise = make_tokenise(tokenizer, CONFIG.text_tokens)
        train(
            config, towers, make_samples(), squares, [], squares[:0], values, tokenise, out,
            terms=terms, tell=told.append, most_steps=1,
        )  # fmt: skip
        losses.append(float(told[0].split("loss ")[1].split(",")[0]))
    assert losses[1] > losses[0]


def test_pictures_are_never_flipped_left_for_right() -> None:
    import torch

    from mirage_research.training.augmentation import augment

    # A few pixels of shift or a small turn cannot carry the bright left third to the right.
    squares = torch.zeros((64, 70, 70, 3), dtype=torch.uint8)
    squares[:, 10:50, 8:24] = 220
    changed = augment(squares, 64, torch.Generator().manual_seed(0)).mean((1, 2))
    assert (changed[:, :32].mean(1) > changed[:, 32:].mean(1)).all()
