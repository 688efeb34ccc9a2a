"""A model is found by its id wherever it lies: what MIRAGE pulled first, then the Hugging Face cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub_server import COMMIT, MODEL, OLDER, Site
from mirage import models
from mirage.models.files import RECORD, ModelRecord
from mirage.models.hub import locate
from mirage.models.pins import PINS, pin_of


def kept(folder: Path, revision: str, pulled: str = "2026-01-01T00:00:00+00:00", asked: str = "main") -> Path:
    ModelRecord(MODEL, revision, "MIT", "a test", asked, pulled).write(folder)
    return folder


def in_cache(tmp_path: Path, name: str, commit: str, ref: str = "main") -> Path:
    place = tmp_path / "hf" / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = place / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (place / "refs").mkdir(exist_ok=True)
    (place / "refs" / ref).write_text(commit)
    return snapshot


def test_what_was_pulled_comes_before_the_cache(home: Path, tmp_path: Path) -> None:
    cached = in_cache(tmp_path, MODEL, COMMIT)
    assert models.find(MODEL) == cached
    own = kept(home / "org--model" / COMMIT, COMMIT)
    assert models.find(MODEL) == own
    assert models.find(f"hf-hub:{MODEL}") == own


def test_the_one_pulled_last_is_meant_when_no_revision_is_named(home: Path) -> None:
    kept(home / "org--model" / COMMIT, COMMIT, pulled="2026-01-01T00:00:00+00:00")
    last = kept(home / "org--model" / OLDER, OLDER, pulled="2026-02-01T00:00:00+00:00")
    assert models.find(MODEL) == last


def test_a_revision_is_found_by_commit_first_digits_or_the_name_it_was_pulled_by(home: Path) -> None:
    own = kept(home / "org--model" / COMMIT, COMMIT, asked="v2")
    for named in (COMMIT, COMMIT[:7], COMMIT[:12], "v2"):
        assert models.find(MODEL, named) == own
    for other in (OLDER, COMMIT[:4], "v1", "main"):
        assert models.find(MODEL, other) is None


def test_what_was_fetched_in_part_is_not_found(home: Path) -> None:
    kept(home / "org--model" / COMMIT, COMMIT, pulled="")
    assert models.find(MODEL) is None


def test_of_a_pinned_model_another_revision_is_not_taken_for_it(home: Path, tmp_path: Path) -> None:
    name = "databricks/dolly-v2-3b"
    in_cache(tmp_path, name, OLDER)
    assert models.find(name) is None
    assert models.find(name, "main") is not None
    pinned = pin_of(name)
    assert pinned is not None
    right = in_cache(tmp_path, name, pinned.revision, "pinned")
    assert models.find(name) == right


def test_the_cache_is_where_the_environment_says(tmp_path: Path) -> None:
    in_cache(tmp_path, MODEL, COMMIT)
    code = f"from mirage import models; print(models.find({MODEL!r}) is not None)"
    for cache, found in (("hf/hub", True), ("own", False)):
        env = {**os.environ, "HF_HUB_CACHE": str(tmp_path / cache)}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(found)


def test_what_ships_is_found_by_its_name() -> None:
    folder = models.find("starter-encoder")
    assert folder is not None
    assert (folder / "text.onnx").is_file()


@pytest.mark.parametrize("name", ["", "../..", "*", "org/*", "/etc", "a b"])
def test_what_is_no_id_finds_nothing(home: Path, name: str) -> None:
    kept(home / "org--model" / COMMIT, COMMIT)
    assert models.find(name) is None


def test_a_damaged_record_is_told(home: Path) -> None:
    from mirage.errors import Unavailable

    folder = kept(home / "org--model" / COMMIT, COMMIT)
    (folder / RECORD).write_text('{"format": 1, "id":')
    with pytest.raises(Unavailable, match=r"is damaged.*pull the model again"):
        models.find(MODEL)


def test_every_pin_says_what_it_is_for_and_pins_only_what_is_a_revision() -> None:
    import re

    for pin in PINS:
        assert pin.licence, pin.id
        assert pin.used_for, pin.id
        assert re.fullmatch(r"|[0-9a-f]{7,40}", pin.revision), pin.id
        assert pin_of(pin.id.upper()) is pin
    assert pin_of("some/other") is None


def test_the_explainer_reads_what_was_pulled(site: Site) -> None:
    from mirage.explain.explainers.transformers import TransformersExplainer

    got = models.pull(MODEL)
    explainer = TransformersExplainer(MODEL, dtype="float32", device="cpu")
    assert explainer._weights() == [got.path / "model.safetensors"]


def test_the_generator_reads_what_was_pulled(site: Site) -> None:
    from mirage.generate.generators.diffusers import DiffusersGenerator

    models.pull(MODEL, revision=COMMIT)
    assert DiffusersGenerator(MODEL).info().revision == DiffusersGenerator(MODEL, revision=COMMIT).info().revision == COMMIT


def test_a_tokenizer_that_is_here_without_weights_is_enough_where_none_are_wanted(site: Site, tmp_path: Path) -> None:
    cached = in_cache(tmp_path, MODEL, COMMIT)
    assert locate(MODEL, download=True, weights=False).folder == cached
    assert site.asked == []
    assert (locate(MODEL, download=True).folder / "model.safetensors").is_file(), "what lacks its weights is fetched whole"
