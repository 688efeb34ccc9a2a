"""Pictures are prepared as the models' own libraries prepare them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from mirage.encoders.preprocessing import Preprocessing
from mirage.encoders.transformers import _understood
from tiny_duals import transformers_library
from vision import vision

SIZES = [(70, 50), (51, 70), (33, 33), (32, 32), (640, 481), (9, 70), (301, 40)]


def noise(size: tuple[int, int]) -> Image.Image:
    pixels = np.random.default_rng(sum(size)).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_open_clip_sees_the_same(mode: str, interpolation: str) -> None:
    open_clip = vision()
    theirs = open_clip.image_transform(32, is_train=False, resize_mode=mode, interpolation=interpolation)
    ours = Preprocessing(32, 32, 32, mode, {"bicubic": 3, "bilinear": 2}[interpolation])
    for image in map(noise, SIZES):
        np.testing.assert_allclose(ours.pixels([image])[0], theirs(image).numpy(), atol=2e-6)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("CLIPImageProcessorPil", {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}),
        ("CLIPImageProcessorPil", {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "resample": 2}),
        ("SiglipImageProcessorPil", {"size": {"height": 32, "width": 32}}),
    ],
)
def test_transformers_sees_the_same(kind: str, given: dict[str, Any]) -> None:
    transformers_library()
    from transformers.models.clip import image_processing_pil_clip as clip
    from transformers.models.siglip import image_processing_pil_siglip as siglip

    theirs = getattr(clip if kind.startswith("CLIP") else siglip, kind)(**given)
    ours = _understood(theirs.to_dict())
    for image in map(noise, SIZES):
        wanted = theirs(images=image, return_tensors="np")["pixel_values"][0]
        np.testing.assert_allclose(ours.pixels([image])[0], wanted, atol=2e-5)


def test_old_configurations_name_one_number() -> None:
    made = _understood({"size": 224, "crop_size": 224, "image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    assert (made.edge, made.height, made.width, made.mode) == (224, 224, 224, "shortest")


def test_a_strip_one_pixel_high_becomes_no_giant() -> None:
    strip = Image.new("L", (60_000, 1), 200)
    assert Preprocessing(32, 32, 32).pixels([strip]).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("wrong", [{"mode": "bent"}, {"height": 0}, {"std": (0.0, 1.0, 1.0)}])
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not"):
        Preprocessing(**{"height": 32, "width": 32, "edge": 32, **wrong})
