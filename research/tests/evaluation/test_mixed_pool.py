"""The mixed pool: labels asked among pictures of all kinds, and the modality named from the picture alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medpix_maker import make_medpix
from mirage.corpora.inferring import Rule
from mirage.encoders import EncoderInfo
from mirage_research.data.admission import held_out
from mirage_research.evaluation import mixed_pool
from mirage_research.evaluation.mixed_pool import PooledPicture

KINDS = {"breast ultrasound, cyst": "US", "fundus photograph, drusen": "OP", "fundus photograph, normal": "OP"}


class Knowing:
    """An encoder that knows some words by their place, and pictures by the shade that stands for the place."""

    def __init__(self, knows: tuple[str, ...]) -> None:
        self._knows = knows

    def info(self) -> EncoderInfo:
        return EncoderInfo(name="knowing", digest="0" * 64, dimension=len(KINDS) + 1, max_tokens=64)

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        places = [
            next((n for n, label in enumerate(self._knows) if label.split(", ")[1] in text), len(KINDS)) for text in texts
        ]
        return np.eye(len(KINDS) + 1, dtype=np.float32)[places]

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        return np.eye(len(KINDS) + 1, dtype=np.float32)[[image.getpixel((0, 0)) // 10 for image in images]]


@pytest.fixture
def pool() -> list[PooledPicture]:
    return [
        PooledPicture("made", f"{number}-{label}", modality, label, Image.new("L", (4, 4), number * 10))
        for number, (label, modality) in enumerate(KINDS.items())
        for _ in range(2 if "drusen" in label else 15)
    ]


def test_a_label_is_found_where_the_encoder_knows_it_and_the_floor_knows_the_modality_alone(pool) -> None:
    encoder = Knowing(tuple(KINDS))
    images = mixed_pool.look(pool, encoder)
    table = mixed_pool.measure(pool, images, encoder, None)["text_to_image_R@10"]
    assert table["all"]["found"][0] == 1
    assert table["US"]["modality guessed right"][0] == 1, "all ultrasound pictures have the label"
    assert table["OP"]["modality guessed right"][0] == pytest.approx((1 + 1 - 3003 / 19448) / 2, abs=1e-3), (
        "2 of 17, 15 of 17"
    )
    blind = mixed_pool.measure(pool, images, Knowing(()), None)["text_to_image_R@10"]
    assert blind["all"]["found"][0] == 0


def test_two_encoders_are_compared_label_by_label(pool) -> None:
    knowing, half = Knowing(tuple(KINDS)), Knowing(tuple(KINDS)[:1])
    images = mixed_pool.look(pool, knowing)
    found = mixed_pool.against(mixed_pool.search(pool, images, knowing), mixed_pool.search(pool, images, half))
    assert found["ratio"] == 3
    assert found["difference"][0] == pytest.approx(2 / 3, abs=1e-3)


def test_not_sure_is_counted_apart_from_wrong(pool) -> None:
    encoder = Knowing(tuple(KINDS))
    images = mixed_pool.look(pool, encoder)
    of = {label: tuple(map(float, row)) for label, row in zip(KINDS, np.eye(len(KINDS) + 1), strict=False)}
    first, second, third = of.values()
    rule = Rule("0" * 64, {"modality": 0.5}, {"modality": ("OP",)}, {"US": (first,), "OP": (second, third)})
    named = mixed_pool.named(pool, images, encoder, rule)
    assert named["by"]["OP"]["right"] == 1
    assert named["by"]["US"] == {"pictures": 15, "right": 0, "not sure": 1, "taken for": {}, "right if forced": 1}
    assert (named["macro"], named["macro_of_named"], named["not sure"]) == (0.5, 1, 0.5)
    assert mixed_pool.named(pool, images, encoder, None)["macro"] == 0


def test_of_a_set_that_is_trained_on_only_what_is_held_out_is_in_the_pool(tmp_path: Path) -> None:
    rows = [
        {"file": f"{n}.webp", "patientid": n, "finding": "COVID-19", "license": ("CC BY 4.0", "CC BY-NC-SA")[n % 2]}
        for n in range(60)
    ]
    (tmp_path / "covid.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    busi = [{"file": f"b{n}.webp", "label": "malignant"} for n in range(30)]
    (tmp_path / "busi.jsonl").write_text("".join(json.dumps(row) + "\n" for row in busi), "utf-8")
    pool = mixed_pool.read_pool(make_medpix(tmp_path / "medpix"), tmp_path, None, most=25)
    names = {each.name for each in pool if each.of == "covid"}
    trained = {f"{n}.webp" for n in range(0, 60, 2) if not held_out(f"covid:patient {n}")}
    assert names
    assert not names & trained
    assert sum(each.of == "busi" for each in pool) == 25
    assert {each.label for each in pool if each.of == "busi"} == {"breast ultrasound, malignant tumour"}
    assert mixed_pool.read_pool(make_medpix(tmp_path / "again"), tmp_path, None, most=25)[-25:] == pool[-25:], (
        "the draw is fixed"
    )
