"""Vectors that were made before are found again by what they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.corpora.base import Item
from mirage.corpora.starter import StarterCorpus
from mirage.encoders import load
from mirage.encoders.base import EncoderInfo, Vectors
from mirage.encoders.known import KnownVectors, Recalling
from mirage.storage.caption_vectors import encode_captions


class _Counting:
    """An encoder that counts what it is asked."""

    def __init__(self, digest: str = "one") -> None:
        self.digest, self.asked = digest, 0

    def info(self) -> EncoderInfo:
        return EncoderInfo("counting", self.digest, 2, 8)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.asked += len(texts)
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        self.asked += len(images)
        return np.array([[image.getpixel((0, 0)), 2.0] for image in images], dtype=np.float32)

    def unread(self, text: str) -> str:
        return text[8:]


def test_what_was_encoded_is_not_encoded_again_even_from_a_file(tmp_path: Path) -> None:
    known, encoder = KnownVectors(), _Counting()
    pictures = [Image.new("L", (4, 4), value) for value in (1, 2, 1)]
    first = Recalling(encoder, known)
    assert first.encode_texts(["a", "bb"]).tolist() == [[1, 1], [2, 1]]
    assert first.encode_images(pictures).tolist() == [[1, 2], [2, 2], [1, 2]]
    assert encoder.asked == 4
    known.write(tmp_path / "vectors.npz")
    again = Recalling(encoder, KnownVectors.read(tmp_path / "vectors.npz"))
    assert again.encode_texts(["bb", "ccc"]).tolist() == [[2, 1], [3, 1]]
    assert again.encode_images(pictures[::-1]).tolist() == [[1, 2], [2, 2], [1, 2]]
    assert encoder.asked == 5
    assert again.encode_texts([]).shape == (0, 2)


def test_a_text_is_not_taken_for_a_picture_nor_one_size_for_another() -> None:
    recalling = Recalling(_Counting(), KnownVectors())
    wide, tall = Image.new("L", (4, 1), 7), Image.new("L", (1, 4), 9)
    assert recalling.encode_images([wide, tall]).tolist() == [[7, 2], [9, 2]]
    tall.putdata([7, 7, 7, 7])
    assert recalling.encode_images([tall]).tolist() == [[7, 2]]


def test_vectors_of_another_encoder_are_set_aside(tmp_path: Path) -> None:
    known = KnownVectors()
    Recalling(_Counting("one"), known).encode_texts(["a"])
    known.write(tmp_path / "vectors.npz")
    other = _Counting("two")
    Recalling(other, KnownVectors.read(tmp_path / "vectors.npz")).encode_texts(["a"])
    assert other.asked == 1


def test_a_damaged_or_missing_file_knows_nothing(tmp_path: Path) -> None:
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 no archive")
    assert not KnownVectors.read(tmp_path / "damaged.npz").vectors
    assert not KnownVectors.read(tmp_path / "missing.npz").vectors


def test_the_vectors_that_ship_are_those_of_the_encoder_that_ships() -> None:
    corpus, encoder = StarterCorpus(), load("starter")
    known = corpus.known_vectors()
    assert known.digest == encoder.info().digest, "run scripts/starter_vectors.py after the encoder changes"
    items = [item for item in corpus.items() if isinstance(item, Item) and not item.stacked]
    some = items[:: len(items) // 12]
    before = len(known.vectors)
    recalling = Recalling(encoder, known)
    captions = encode_captions(recalling, [item.figure for item in some])
    pictures = recalling.encode_images([corpus.read(item).image for item in some])
    assert len(known.vectors) == before, "run scripts/starter_vectors.py after figures change"
    anew = encode_captions(encoder, [item.figure for item in some])
    assert min(float(one @ other) for one, other in zip(captions, anew, strict=True)) > 0.999
    fresh = encoder.encode_images([corpus.read(item).image for item in some])
    assert float((pictures * fresh).sum(1).min()) > 0.999
