"""The invisible mark is read back from what is left of a picture, does not show, and is not seen where it is not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from marks_maker import ID, drawn, read
from mirage.atlas import Atlas
from mirage.images.marks import watermark, watermarked
from mirage.images.marks.band import band, has_band
from mirage.images.marks.pattern import id_in, wanted
from mirage.images.marks.reading import find

FIRST = Path(__file__).parents[1] / "data" / "marked_by_0_2.jpg"
PICTURES = 20


def _id(number: int) -> str:
    return f"{(number + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}"


def _square(image: Image.Image, mode: str) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    cut = image.convert(mode).crop((left, top, left + side, top + side))
    return cut.resize((512, 512), Image.Resampling.LANCZOS)


@pytest.fixture(scope="module")
def pairs(starter: Atlas) -> list[tuple[Image.Image, Image.Image]]:
    """Pictures of the starter atlas, grey and in colour, without the mark and with it."""
    names = [name for name in starter.pictures.names() if not name.endswith(".stack")]
    made = []
    for number, name in enumerate(names[:: len(names) // PICTURES][:PICTURES]):
        with Image.open(starter.pictures.path(name)) as opened:
            plain = _square(opened, "RGB" if number % 2 else "L")
        made.append((plain, watermark.embed(plain, _id(number))))
    assert len(made) == PICTURES
    return made


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue()))


def _scaled(image: Image.Image, by: float) -> Image.Image:
    return image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.LANCZOS)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "left off": lambda image: image.crop((51, 0, 512, image.height)),
    "right off": lambda image: image.crop((0, 0, 461, image.height)),
    "top off": lambda image: image.crop((0, 54, 512, image.height)),
    "bottom off": lambda image: image.crop((0, 0, 512, image.height - 54)),
    "ten in a hundred off around": lambda image: image.crop((26, 27, 487, image.height - 27)),
    "off centre": lambda image: image.crop((7, 41, 468, 530)),
    "made smaller": lambda image: _scaled(image, 0.4),
    "jpeg": lambda image: _jpeg(image, 60),
    "turned": lambda image: image.rotate(2, Image.Resampling.BICUBIC),
    "squeezed into a square": lambda image: image.resize((512, 512), Image.Resampling.BICUBIC),
    "made wider": lambda image: image.resize((548, 544), Image.Resampling.BICUBIC),
    "made higher, and smaller": lambda image: image.resize((256, 294), Image.Resampling.LANCZOS),
    "negative": ImageOps.invert,
    "negative of what is left": lambda image: ImageOps.invert(image.crop((51, 0, 512, image.height))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_mark_is_read_after(change: str, pairs: list[tuple[Image.Image, Image.Image]]) -> None:
    found = [watermark.find(CHANGES[change](band(marked))) for _, marked in pairs]
    assert sum(each.present for each in found) >= PICTURES - 1
    assert sum(each.id == _id(number) for number, each in enumerate(found)) >= PICTURES - 2
    assert all(each.id in ("", _id(number)) for number, each in enumerate(found))


def test_the_mark_changes_no_picture_by_more_than_41_decibels(pairs: list[tuple[Image.Image, Image.Image]]) -> None:
    for plain, marked in pairs:
        assert plain.mode == marked.mode
        difference = np.asarray(plain, float) - np.asarray(marked, float)
        assert 10 * np.log10(255**2 / np.mean(difference**2)) >= 41


def test_the_band_is_known_in_a_negative(pairs: list[tuple[Image.Image, Image.Image]]) -> None:
    plain = pairs[0][0]
    assert has_band(ImageOps.invert(band(plain)))
    assert not has_band(ImageOps.invert(plain))


def test_it_is_not_seen_in_the_same_pictures_without_it(pairs: list[tuple[Image.Image, Image.Image]]) -> None:
    for plain, _ in pairs:
        assert not watermarked(plain)
        assert watermark.find(band(plain)).score < watermark.THRESHOLD - 1


@pytest.mark.parametrize("size", [(512, 512), (700, 512), (512, 900), (1024, 1024)])
def test_it_is_read_in_every_view_and_shape_and_across_a_crop(size: tuple[int, int]) -> None:
    marked = watermark.embed(drawn(size, "RGB"), ID)
    cut = marked.crop((size[0] // 30, size[1] // 15, size[0] - size[0] // 15, size[1] - size[1] // 40))
    for way in Image.Transpose:
        assert watermark.find(cut.transpose(way)).id == ID, way


@pytest.mark.parametrize("size", [(1024, 512), (1800, 512), (2048, 512), (512, 2048)])
def test_it_is_read_in_a_wide_picture_with_its_band_and_without(size: tuple[int, int]) -> None:
    whole = band(watermark.embed(drawn(size, "L"), ID))
    for left, right in ((0, 0), (size[0] // 10, 0), (0, size[0] // 10)):
        for below in (0, whole.height - size[1]):
            assert watermark.find(whole.crop((left, 0, size[0] - right, whole.height - below))).id == ID


@pytest.mark.parametrize("id", ["0" * 16, "f" * 16, ID, "8000000000000001"])
def test_an_id_is_spelled_and_read(id: str) -> None:
    signs = wanted(id)[0]
    waves = (signs[:, 0] + 1j * signs[:, 1]).astype(np.complex64)
    assert id_in(waves) == id
    assert not id_in(-waves)


@pytest.mark.parametrize("size", [(48, 48), (48, 3000), (3000, 50), (128, 129)])
def test_pictures_of_any_shape_and_without_anything_in_them_have_none(size: tuple[int, int]) -> None:
    for mode in ("L", "RGB", "1"):
        assert not watermarked(Image.new(mode, size))
    noise = np.random.default_rng(3).integers(0, 256, (size[1], size[0]), np.uint8)
    assert not watermarked(Image.fromarray(noise))


def test_the_mark_of_earlier_versions_is_still_read() -> None:
    told = read(FIRST.read_bytes())
    assert told.ours
    assert told.id == ID
    with Image.open(FIRST) as opened:
        assert watermarked(opened)
        assert watermarked(opened.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        negative = ImageOps.invert(opened.transpose(Image.Transpose.ROTATE_90).convert("L"))
        assert find(negative, thorough=True).id == ID
