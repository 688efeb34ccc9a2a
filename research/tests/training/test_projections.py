"""Training the projections alone: the trunks stay, what is held stays near, what is new is learnt."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_training import CONFIG, make_samples, run, tokenizer  # noqa: F401 - a fixture

from mirage.encoders.starter import StarterEncoder

pytestmark = pytest.mark.torch


@pytest.fixture
def start(tmp_path: Path, tokenizer: Path) -> Path:  # noqa: F811
    from mirage_research.training.encoder_export import export

    averaged, _ = run(tmp_path, tokenizer, most_steps=2)
    export(averaged, CONFIG, tokenizer, tmp_path / "start", max_tokens=16)
    return tmp_path / "start"


def project(start: Path, out: Path, **changes: object) -> StarterEncoder:
    from mirage_research.training.projections import Trunks, train_projections

    settings = {"draws": 2, "epochs": 12, "batch": 8, "head_rate": 0.02, "text_rate": 0.0, "dropout": 0.0, **changes}
    config = dataclasses.replace(CONFIG, **settings)
    squares = np.random.default_rng(0).integers(0, 255, (24, 70, 70, 3), dtype=np.uint8)
    out.mkdir()
    return StarterEncoder(
        train_projections(config, Trunks(start, 1), make_samples(), squares, [], {}, out, lambda line: None)
    )


def pictures() -> list[Image.Image]:
    return [Image.fromarray(np.random.default_rng(n).integers(0, 255, (64, 64, 3), dtype=np.uint8)) for n in range(4)]


def test_only_the_two_projections_change(start: Path, tmp_path: Path) -> None:
    made = project(start, tmp_path / "out", text_rate=0.01)
    was = StarterEncoder(start)
    assert (made.encode_images(pictures()) * was.encode_images(pictures())).sum(1).min() < 0.99
    import onnx
    from onnx import numpy_helper

    for file in ("image.onnx", "text.onnx"):
        before, after = (
            {each.name: numpy_helper.to_array(each) for each in onnx.load(str(folder / file)).graph.initializer}
            for folder in (start, tmp_path / "out" / "encoder")
        )
        changed = {name for name in before if not np.array_equal(before[name], after[name])}
        assert changed <= {"tower.head.weight", "tower.head.weight_half", "tower.head.bias"}
        assert changed


def test_words_stay_as_they_are_where_their_projection_is_not_trained(start: Path, tmp_path: Path) -> None:
    made = project(start, tmp_path / "out")
    words = ["axial CT. mass", "coronal mri brain"]
    np.testing.assert_allclose(made.encode_texts(words), StarterEncoder(start).encode_texts(words), atol=2e-3)


def test_pictures_of_medpix_are_held_near_where_they_were(start: Path, tmp_path: Path) -> None:
    was = StarterEncoder(start).encode_images(pictures())
    free, held = (project(start, tmp_path / name, keep=keep) for name, keep in (("free", 0.0), ("held", 500.0)))
    moved = [float((1 - (made.encode_images(pictures()) * was).sum(1)).mean()) for made in (free, held)]
    assert moved[1] < 0.5 * moved[0]
