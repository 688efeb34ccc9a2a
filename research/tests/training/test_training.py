"""A short training run on generated pictures ends in an encoder that the adapter opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from mirage.encoders.starter import StarterEncoder
from mirage_research.training.runs import EncoderConfig
from mirage_research.training.samples import TrainingSample

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


def test_pictures_are_never_flipped_left_for_right() -> None:
    import torch

    from mirage_research.training.augmentation import augment

    # A few pixels of shift or a small turn cannot carry the bright left third to the right.
    squares = torch.zeros((64, 70, 70, 3), dtype=torch.uint8)
    squares[:, 10:50, 8:24] = 220
    changed = augment(squares, 64, torch.Generator().manual_seed(0)).mean((1, 2))
    assert (changed[:, :32].mean(1) > changed[:, 32:].mean(1)).all()
