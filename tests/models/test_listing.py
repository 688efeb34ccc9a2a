"""The list says what is known and what is here, with sizes and memory from the files and speeds from this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hub_server import COMMIT, MODEL, Site, hub_cache, weights
from mirage import encoders, models
from mirage.encoders import opening
from mirage.models.files import lacking, parameters
from mirage.models.speed import Speed, keep, measure, speeds


def row(name: str, **options: bool) -> models.Listed:
    return next(found for found in models.listed(**options) if found.id == name)


def test_what_ships_has_its_own_digest_and_size() -> None:
    found = row("starter-encoder")
    assert (found.where, found.whole, found.role) == ("shipped", True, "encoder")
    assert found.digest == encoders.load("starter").info().digest
    assert found.size > 30_000_000


def test_what_is_not_here_is_known_but_nowhere() -> None:
    found = row("luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO")
    assert (found.where, found.path, found.whole, found.digest) == ("", "", False, "")
    assert found.pinned == "", "no revision is known for sure, so none is claimed"
    assert found.licence == "Apache-2.0"


def test_what_was_pulled_is_listed_with_the_licence_of_its_card(site: Site) -> None:
    got = models.pull(MODEL)
    found = row(MODEL)
    assert got.record is not None
    assert (found.where, found.revision, found.licence, found.whole) == ("mirage", COMMIT, "openrail", True)
    assert (found.digest, found.size, found.path) == (got.record.digest, got.record.size, str(got.path))
    assert found.memory == 50_000 * 4 * 1.25
    (got.path / "config.json").unlink()
    assert not row(MODEL).whole


def test_what_lies_in_the_cache_is_listed_when_known_or_asked_for(tmp_path: Path) -> None:
    hub_cache(tmp_path / "hf" / "hub")
    assert MODEL not in {found.id for found in models.listed()}
    found = row(MODEL, everything=True)
    assert (found.where, found.revision, found.licence) == ("cache", COMMIT, "openrail")
    known = "flaviagiammarino/pubmed-clip-vit-base-patch32"
    (tmp_path / "hf/hub/models--org--model").rename(tmp_path / "hf/hub" / f"models--{known.replace('/', '--')}")
    assert (row(known).where, row(known).licence) == ("cache", "MIT")


def test_a_model_with_a_missing_shard_or_a_cut_file_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(weights(10))
    assert lacking(tmp_path) == []
    index = '{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert [Path(name).name for name in lacking(tmp_path)] == ["model-00002-of-00002.safetensors"]
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(weights(10)[:-1])
    assert lacking(tmp_path) == ["the rest of model-00002-of-00002.safetensors"]
    assert parameters(tmp_path / "model-00001-of-00002.safetensors") == 10


class Slow:
    """An encoder of known speed by a clock of its own: 2 ms a text, 10 ms a picture, and the first call takes longer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.first = 5.0

    def perf_counter(self) -> float:
        return self.now

    def _take(self, count: int, each: float) -> np.ndarray:
        self.now += count * each + self.first
        self.first = 0.0
        return np.zeros((count, 4), dtype=np.float32)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._take(len(texts), 0.002)

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        return self._take(len(images), 0.01)


def test_speed_is_what_the_clock_says_without_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr("mirage.models.speed.time", slow)
    speed = measure(lambda: slow, seconds=1.0)
    assert (speed.texts, speed.query, speed.images) == (500.0, 0.002, 100.0)
    assert "cores" in speed.machine


def test_the_last_measurement_is_kept_with_its_date_and_listed(home: Path) -> None:
    assert row("starter-encoder").speed is None
    speed = Speed(500.0, 0.002, 100.0, 90_000_000, "2026-01-01T00:00:00+00:00", "a processor, 2 cores")
    place = keep("starter-encoder", speed)
    assert place.parent == home
    assert row("starter-encoder").speed == speed
    assert row("starter-encoder").memory == speed.memory
    keep("starter-encoder", dataclasses.replace(speed, texts=1.0))
    assert row("starter-encoder").speed.texts == 1.0  # type: ignore[union-attr]
    place.write_text("{")
    assert speeds() == {}


@pytest.mark.parametrize(
    ("file", "body", "adapter"),
    [
        ("open_clip_config.json", "{}", "open_clip"),
        ("config.json", '{"model_type": "siglip"}', "transformers"),
        ("config.json", '{"model_type": "bert"}', ""),
    ],
)
def test_the_files_tell_which_adapter_opens_an_encoder(tmp_path: Path, file: str, body: str, adapter: str) -> None:
    from mirage.errors import BadInput

    (tmp_path / file).write_text(body)
    if not adapter:
        with pytest.raises(BadInput, match="--adapter"):
            opening(str(tmp_path))
        assert opening(str(tmp_path), adapter="transformers").adapter == "transformers"
        return
    found = opening(str(tmp_path))
    assert found.adapter == adapter
    assert str(found.options["model"]).endswith(str(tmp_path))


class TestCard:
    def test_what_ships_prints_its_card_under_the_facts(self) -> None:
        said = models.card("starter-encoder")
        assert said.startswith("# starter-encoder\n\n- licence: Apache-2.0\n")
        assert f"digest stated in its card: {encoders.load('starter').info().digest}" in said
        assert "# Card: the starter encoder" in said

    def test_leakage_is_told_before_the_model_is_here(self) -> None:
        said = models.card("luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO")
        assert "may have been seen in training" in said
        assert "pinned revision: not pinned" in said
        assert "not on this machine" in said

    def test_a_pulled_model_prints_its_own_readme(self, site: Site) -> None:
        models.pull(MODEL)
        said = models.card(MODEL)
        assert f"revision on this machine: {COMMIT}" in said
        assert "licence: openrail" in said
        assert "# A model of the test" in said

    def test_an_unknown_one_is_not_found(self) -> None:
        from mirage.errors import NotFound

        with pytest.raises(NotFound, match="neither known"):
            models.card("some/other")
