"""An atlas's index made anew, with the same encoder or with another."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage import encoders, manifest
from mirage.adding import BATCH, Progress, add
from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.encoders.base import EncoderInfo
from mirage.errors import AtlasError, AtlasHeld, NotFound
from mirage.rebuilding import rebuild
from mirage.store import Store


class Squares:
    """A small encoder of its own: coarse grey values, and hashed letters."""

    dimension = 48

    def info(self) -> EncoderInfo:
        return EncoderInfo("squares", hashlib.sha256(b"squares").hexdigest(), self.dimension, 64)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                vector[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1
        return self._unit(vectors)

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        small = [np.asarray(image.convert("L").resize((8, 6)), np.float32).ravel() for image in images]
        return self._unit(np.stack(small)) if small else np.zeros((0, self.dimension), np.float32)

    def unread(self, text: str) -> str:
        return ""

    def _unit(self, vectors: np.ndarray) -> np.ndarray:
        vectors = vectors + 1e-3
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> Squares:
    """Install that encoder beside the others, as a package with an entry point would."""
    made, found = Squares(), encoders.load
    monkeypatch.setattr(encoders, "load", lambda name, **options: made if name == "squares" else found(name, **options))
    return made


@pytest.fixture
def two_batches(tmp_path: Path, pictures: Callable[..., Path]) -> Path:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, load("folder", path=pictures(BATCH + 8)))
    return tmp_path / "atlas"


def test_the_same_encoder_makes_the_index_from_the_records_without_encoding(small: Path) -> None:
    shutil.rmtree(small / "index")
    told: list[Progress] = []
    assert rebuild(small, progress=told.append) == (6, 0)
    assert told[-1].done == told[-1].total == 6
    with Atlas.open(small) as atlas:
        assert atlas.search("phantom number 2").hits[0].figure.caption == "Phantom number 2"


def test_another_encoder_takes_over_the_atlas(small: Path, squares: Squares) -> None:
    assert rebuild(small, "squares") == (6, 6)
    known = manifest.read(small)
    assert known is not None
    assert known.encoder == squares.info()
    assert known.corpora
    with Atlas.open(small) as atlas:
        assert atlas.encoder is squares
        for row in atlas.store.rows(atlas.store.keys()).values():
            assert atlas.similar(row.figure.id, k=3).hits
        first = atlas.search("phantom number 2").hits[0]
        assert first.figure.caption == "Phantom number 2"
        assert atlas.embed(Image.open(first.picture)).digest == squares.info().digest[:12]
    assert rebuild(small, "starter") == (6, 6)
    with Atlas.open(small) as atlas:
        assert len(atlas.index) == 6


class Killed(BaseException):
    """Stands for a process that ends here."""


def test_cut_short_it_leaves_the_atlas_as_it_was_and_goes_on_when_run_again(two_batches: Path, squares: Squares) -> None:
    def end_here(progress: Progress) -> None:
        raise Killed

    with pytest.raises(Killed):
        rebuild(two_batches, "squares", progress=end_here)
    with Atlas.open(two_batches) as atlas:
        assert atlas.info().encoder.name == "starter"
        assert len(atlas.index) == BATCH + 8
        assert atlas.search("phantom number 33").hits[0].figure.caption == "Phantom number 33"
    figures, encoded = rebuild(two_batches, "squares")
    assert (figures, encoded) == (BATCH + 8, 8)


@pytest.mark.parametrize("step", ["set_note", "rmtree", "write", "forget_vectors"])
def test_cut_short_at_the_very_end_the_atlas_still_opens_and_it_can_be_run_again(
    two_batches: Path, squares: Squares, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def end_here(*_: object, **__: object) -> None:
        raise Killed

    where = {
        "set_note": (Store, "set_note"),
        "rmtree": (shutil, "rmtree"),
        "write": (manifest.Manifest, "write"),
        "forget_vectors": (Store, "forget_vectors"),
    }[step]
    with monkeypatch.context() as patch:
        patch.setattr(*where, end_here)
        with pytest.raises(Killed):
            rebuild(two_batches, "squares")
    with Atlas.open(two_batches) as atlas:
        assert sorted(atlas.index.keys()) == atlas.store.keys()
        assert len(atlas.search("phantom", k=50)) + sum(len(h.folded) for h in atlas.search("phantom", k=50)) == BATCH + 8
    assert rebuild(two_batches, "squares")[0] == BATCH + 8


def test_a_lost_picture_stops_moving_to_another_encoder_and_is_named(small: Path, squares: Squares) -> None:
    with Atlas.open(small) as atlas:
        wanted = atlas.search("phantom number 4").hits[0].figure.id
        atlas.picture(wanted).unlink()
    with pytest.raises(AtlasError, match=f"The picture of {wanted} is lost or damaged"):
        rebuild(small, "squares")
    with Atlas.open(small) as atlas:
        assert len(atlas.search("phantom")) == 6
    assert rebuild(small) == (6, 0)


def test_an_atlas_that_is_open_is_not_rebuilt(small: Path) -> None:
    with Atlas.open(small) as atlas:
        with pytest.raises(AtlasHeld, match="is open in process"):
            rebuild(small)
        assert len(atlas.search("phantom")) == 6


def test_what_is_no_atlas_is_not_rebuilt(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="is not an atlas, or was never finished"):
        rebuild(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_is_not_there_is_named(small: Path) -> None:
    with pytest.raises(NotFound, match="nobodys"):
        rebuild(small, "nobodys")
