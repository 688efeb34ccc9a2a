"""Near copies of training images are told from other images of the same kind."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from mirage.errors import Unavailable
from mirage.generate.generators import copies
from mirage.generate.generators.base import GeneratorInfo
from mirage.generate.generators.copies import TrainingFingerprints
from mirage.generate.generators.latents import framed
from mirage_research.training.generator_images import write_fingerprints


def scan(seed: int, side: int = 320) -> Image.Image:
    """A bright ring as every head has, and inside what differs from one to the next."""
    rng = np.random.default_rng(seed)
    inside = Image.fromarray(rng.integers(40, 200, (24, 24), dtype=np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    image = Image.new("L", (side, side))
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((10, 25, side - 10, side - 25), fill=255)
    image.paste(inside, (0, 0), mask)
    ImageDraw.Draw(image).ellipse((10, 25, side - 10, side - 25), outline=250, width=12)
    return image.filter(ImageFilter.GaussianBlur(1))


TRAINED = [scan(seed) for seed in range(40)]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> TrainingFingerprints:
    file = tmp_path_factory.mktemp("copies") / "fingerprints.npz"
    write_fingerprints(file, map(framed, TRAINED), [f"scan-{n}" for n in range(len(TRAINED))])
    return TrainingFingerprints.load(file)


def jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=50)
    return Image.open(file)


CHANGES = {
    "nothing": lambda image: image,
    "a crop to 85 %": lambda image: image.crop((36, 4, 308, 276)),
    "a crop to 80 %": lambda image: image.crop((40, 50, 296, 306)),
    "contrast": lambda image: image.point([min(255, int((v / 255) ** 0.7 * 220)) for v in range(256)]),
    "brightness": lambda image: image.point([min(255, v + 30) for v in range(256)]),
    "JPEG 50": jpeg,
    "a small size": lambda image: image.resize((128, 128)),
    "a turn": lambda image: image.rotate(4),
    "colour": lambda image: image.convert("RGB"),
    "noise": lambda image: Image.fromarray(
        np.clip(np.asarray(image, float) + np.random.default_rng(0).normal(0, 12, (320, 320)), 0, 255).astype(np.uint8)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_caught_whatever_was_done_to_it(known: TrainingFingerprints, change: str) -> None:
    for number in (0, 7, 23):
        image = CHANGES[change](TRAINED[number])
        assert known.check(image).near, number
        assert known.nearest(image)[1] == f"scan-{number}"


def test_another_image_of_the_same_kind_is_no_copy(known: TrainingFingerprints) -> None:
    for seed in range(1000, 1020):
        copy = known.check(scan(seed))
        assert copy.checked
        assert not copy.near
        assert 0 <= copy.likeness < copy.threshold
        assert f"{copy.likeness:.2f}" in copy.said


@pytest.mark.parametrize("image", [Image.new("L", (64, 64)), Image.new("RGB", (9, 300), "white"), Image.new("L", (1, 1), 7)])
def test_an_image_that_shows_nothing_is_no_copy(known: TrainingFingerprints, image: Image.Image) -> None:
    assert known.check(image).likeness == 0


def test_a_fingerprint_is_256_signs_and_no_picture(tmp_path: Path) -> None:
    write_fingerprints(tmp_path / "five.npz", TRAINED[:5], list("abcde"))
    made = dict(np.load(tmp_path / "five.npz"))
    assert made["signs"].shape == (5, 32)
    assert made["signs"].dtype == np.uint8
    per_image = [array for array in made.values() if array.shape[:1] == (5,)]
    assert sum(array.nbytes // 5 for array in per_image) < 64


def test_fingerprints_that_are_missing_or_damaged_are_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "fingerprints.npz"
    with pytest.raises(Unavailable, match=r"fingerprints\.npz"):
        TrainingFingerprints.load(file)
    write_fingerprints(file, TRAINED[:5], list("abcde"))
    whole = file.read_bytes()
    for part in (b"", b"not a file", whole[: len(whole) // 2]):
        file.write_bytes(part)
        with pytest.raises(Unavailable, match="cannot be read"):
            TrainingFingerprints.load(file)


def test_fingerprints_of_another_kind_are_refused(tmp_path: Path) -> None:
    write_fingerprints(tmp_path / "three.npz", TRAINED[:3], list("abc"))
    made = dict(np.load(tmp_path / "three.npz"))
    np.savez(tmp_path / "a.npz", **{**made, "kind": np.array("other")})
    with pytest.raises(Unavailable, match="other"):
        TrainingFingerprints.load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", **{**made, "names": made["names"][:2]})
    with pytest.raises(Unavailable, match="sizes"):
        TrainingFingerprints.load(tmp_path / "b.npz")


def test_every_image_wants_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 names"):
        write_fingerprints(tmp_path / "three.npz", TRAINED[:3], ["a", "b"])


def test_fingerprints_are_those_that_the_generator_names() -> None:
    plain = GeneratorInfo("other", "other", "1", "not stated", 128, 64, 256, 8, 20, 50, 3.0, 64)
    assert TrainingFingerprints.of(plain) is None
    shipped = TrainingFingerprints.of(replace(plain, fingerprints=copies.SHIPPED))
    assert shipped is not None
    assert len(shipped.names) > 2000
    assert not copies.unchecked("other").checked
