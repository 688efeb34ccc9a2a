"""What every encoder that is installed must do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage import encoders
from mirage.encoders import Encoder

MODES = ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F", "I;16")


@pytest.fixture(scope="module", params=encoders.available())
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return encoders.load(request.param)


def gradient(mode: str, size: tuple[int, int] = (70, 50)) -> Image.Image:
    values = np.linspace(0, 1, size[0] * size[1], dtype=np.float32).reshape(size[1], size[0])
    if mode == "I;16":
        return Image.fromarray((values * 65535).astype(np.uint16))
    if mode == "F":
        return Image.fromarray(values)
    if mode == "I":
        return Image.fromarray((values * 4000).astype(np.int32))
    grey = Image.fromarray((values * 255).astype(np.uint8))
    if mode == "PA":
        return grey.convert("P").convert("PA")
    return grey.convert("RGB").convert(mode) if mode in ("HSV", "LAB", "CMYK", "YCbCr") else grey.convert(mode)


def assert_vectors(vectors: np.ndarray, count: int, encoder: Encoder) -> None:
    assert vectors.shape == (count, encoder.info().dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_it_follows_the_port_and_tells_who_it_is(encoder: Encoder) -> None:
    info = encoder.info()
    assert isinstance(encoder, Encoder)
    assert info.name in encoders.available()
    assert len(info.digest) >= 16
    assert info.digest == encoders.load(info.name).info().digest
    assert info.max_tokens > 8


@pytest.mark.parametrize("text", ["", " ", "\x00\x07", "🧠🫀", "\ud800", "عظم الفخذ", "a" * 50_000, "mass " * 5_000])
def test_any_text_has_a_unit_vector(encoder: Encoder, text: str) -> None:
    assert_vectors(encoder.encode_texts([text]), 1, encoder)


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_any_mode_has_a_unit_vector(encoder: Encoder, mode: str) -> None:
    assert_vectors(encoder.encode_images([gradient(mode)]), 1, encoder)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2), (1500, 40)])
def test_a_picture_of_any_size_has_a_unit_vector(encoder: Encoder, size: tuple[int, int]) -> None:
    assert_vectors(encoder.encode_images([gradient("L", size), gradient("RGB", size)]), 2, encoder)


def test_a_deep_picture_is_seen_as_its_eight_bit_likeness(encoder: Encoder) -> None:
    flat, deep = encoder.encode_images([gradient("L"), gradient("I;16")])
    assert flat @ deep > 0.9


def test_pictures_without_a_number_in_them_are_finite(encoder: Encoder) -> None:
    assert_vectors(encoder.encode_images([Image.fromarray(np.full((9, 9), np.nan, dtype=np.float32))]), 1, encoder)


def test_the_caller_s_picture_is_left_as_it_was(encoder: Encoder, tmp_path: Path) -> None:
    gradient("L", (1600, 1200)).save(tmp_path / "large.jpg")
    with Image.open(tmp_path / "large.jpg") as image:
        encoder.encode_images([image])
        assert image.size == (1600, 1200)
        assert image.mode == "L"


def test_nothing_in_gives_nothing_out(encoder: Encoder) -> None:
    dimension = encoder.info().dimension
    assert encoder.encode_texts([]).shape == (0, dimension)
    assert encoder.encode_images([]).shape == (0, dimension)


def test_a_text_has_nearly_the_same_vector_alone_and_in_company(encoder: Encoder) -> None:
    texts = [f"axial CT of the chest, finding {'and more ' * number}" for number in range(50)]
    together, alone = encoder.encode_texts(texts), np.concatenate([encoder.encode_texts([text]) for text in texts])
    assert (together * alone).sum(1).min() > 0.98


def test_a_picture_has_the_same_vector_alone_and_in_company(encoder: Encoder) -> None:
    images = [gradient("L", (40 + number, 60)) for number in range(20)]
    together, alone = encoder.encode_images(images), np.concatenate([encoder.encode_images([i]) for i in images])
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_the_end_of_a_long_text_is_reported_as_unread(encoder: Encoder) -> None:
    text = " ".join(f"finding{number}" for number in range(600))
    unread = encoder.unread(text)
    assert unread
    assert text.endswith(unread)
    read = text[: len(text) - len(unread)]
    same = encoder.encode_texts([text, read])
    assert same[0] @ same[1] > 0.99, "what is said to be unread changed the vector"


def test_a_short_text_is_read_whole(encoder: Encoder) -> None:
    assert encoder.unread("ring-enhancing lesion, frontal lobe") == ""
    assert encoder.unread("") == ""


def test_it_may_be_used_from_several_threads(encoder: Encoder) -> None:
    texts = [f"sagittal T1 of the spine {number}" for number in range(24)]
    expected = encoder.encode_texts(texts)
    with ThreadPoolExecutor(6) as pool:
        found = np.concatenate(list(pool.map(lambda text: encoder.encode_texts([text]), texts)))
    assert (found * expected).sum(1).min() > 0.98


def test_words_for_a_picture_are_nearer_than_words_for_another_kind(encoder: Encoder) -> None:
    texts = encoder.encode_texts(["axial T2 weighted MRI of the brain", "axial MRI of the brain"])
    other = encoder.encode_texts(["frontal chest X-ray with pneumonia"])
    assert texts[0] @ texts[1] > texts[0] @ other[0]
