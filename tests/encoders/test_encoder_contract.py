"""What every encoder that is installed must do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage import encoders
from mirage.encoders import Encoder, EncoderInfo, towers
from mirage.encoders.base import OnOneThread
from mirage.encoders.export import export
from tiny_duals import clip_folder, open_clip_folder, siglip_folder, word_piece_folder

MODES = ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F", "I;16")


def exported(place: Path) -> Encoder:
    export(encoders.load("transformers", model=str(clip_folder(place / "m")), device="cpu"), place / "onnx", "fp16")
    return encoders.load("onnx", path=place / "onnx")


# Every adapter, on what it opens: those of models on tiny ones of the real class. Those of other packages open as they are.
OPENED: dict[str, Callable[[Path], Encoder]] = {
    "starter": lambda place: encoders.load("starter"),
    "open_clip": lambda place: encoders.load("open_clip", model=f"local-dir:{open_clip_folder(place / 'm')}", device="cpu"),
    "open_clip with BERT": lambda place: encoders.load("open_clip", model=str(word_piece_folder(place / "m")), device="cpu"),
    "transformers CLIP": lambda place: encoders.load("transformers", model=str(clip_folder(place / "m")), device="cpu"),
    "transformers SigLIP": lambda place: encoders.load("transformers", model=str(siglip_folder(place / "m")), device="cpu"),
    "onnx": exported,
}
OTHERS = sorted(set(encoders.available()) - {name.split()[0] for name in OPENED})


NEEDS_TORCH = {name: pytest.mark.torch for name in OPENED if name != "starter"}


@pytest.fixture(scope="module", params=[pytest.param(name, marks=NEEDS_TORCH.get(name, ())) for name in [*OPENED, *OTHERS]])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    if request.param in OTHERS:
        return encoders.load(request.param)
    return OPENED[request.param](tmp_path_factory.mktemp("encoder"))


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


def again(info: EncoderInfo) -> Encoder:
    return encoders.load(info.name, **({"path" if info.name == "onnx" else "model": info.model} if info.model else {}))


def test_every_adapter_of_ours_is_held_to_the_contract() -> None:
    assert {"starter", "open_clip", "transformers", "onnx"} <= set(encoders.available())


def test_it_follows_the_port_and_tells_who_it_is(encoder: Encoder) -> None:
    info = encoder.info()
    assert isinstance(encoder, Encoder)
    assert info.name in encoders.available()
    assert len(info.digest) >= 16
    assert info.digest == again(info).info().digest
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


def test_on_one_thread_it_is_the_same_encoder(encoder: Encoder) -> None:
    alone = encoder.on_one_thread() if isinstance(encoder, OnOneThread) else None
    assert alone is not None or encoder.info().name not in ("starter", "onnx")
    if alone is not None:
        texts, images = (
            [f"coronal CT of the pelvis{' again' * n}" for n in range(5)],
            [gradient("L"), gradient("RGB", (90, 50))],
        )
        assert alone.info() == encoder.info()
        assert (encoder.encode_texts(texts) * alone.encode_texts(texts)).sum(1).min() > 0.98
        np.testing.assert_allclose(encoder.encode_images(images), alone.encode_images(images), atol=1e-3)


def test_large_models_are_not_opened_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(towers, "_MOST_TWICE", 1_000)
    encoder = encoders.load("starter")
    assert isinstance(encoder, OnOneThread)
    assert encoder.on_one_thread() is None


def test_words_for_a_picture_are_nearer_than_words_for_another_kind() -> None:
    encoder = encoders.load("starter")  # the one that is trained
    texts = encoder.encode_texts(["axial T2 weighted MRI of the brain", "axial MRI of the brain"])
    other = encoder.encode_texts(["frontal chest X-ray with pneumonia"])
    assert texts[0] @ texts[1] > texts[0] @ other[0]
