"""The benchmarks of many figures, on few: they find what is there, say what they measured, and keep what they built."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import clouds, engines, many, paper, wording
from benchmarks.__main__ import BENCHMARKS
from benchmarks.measure import Outcome, Setting

from parts import copy_atlas, some_of_starter
from vision import vision

FIGURES, DIMENSION = 300, 32


@pytest.fixture(scope="module")
def setting(some_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("scale")
    copy_atlas(some_folder, folder / "starter-atlas")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mirage.corpora.starter.SHIPPED", some_of_starter(folder / "corpus"))
        yield Setting(folder, None, quick=True, figures=(FIGURES,), dimension=DIMENSION)


@pytest.fixture(scope="module")
def scaled(setting: Setting) -> Outcome:
    return BENCHMARKS["scale"](setting)


@pytest.fixture(scope="module")
def details(scaled: Outcome) -> dict[str, Any]:
    return scaled.details[f"{FIGURES} x {DIMENSION}"]


def test_every_way_to_search_finds_the_nearest(details: dict[str, Any]) -> None:
    assert {"mirage", "mirage-plain", "numpy"} <= set(details["asked"])
    for name, told in details["asked"].items():
        assert told["recall"] >= 0.99, name
        assert told["n"] == (10 if engines.ENGINES[name].exhaustive else 30)
        assert told["memory_MB"]["anonymous"] > 0


def test_the_lines_tell_time_recall_memory_and_building(scaled: Outcome) -> None:
    told = {row.what: row.value for row in scaled.rows}
    assert all(value > 0 for value in told.values())
    assert told["the same, recall@10"] == 1
    assert any("RssAnon" in what for what in told)
    assert any(what.startswith("building the index") for what in told)
    json.dumps(dataclasses.asdict(scaled))


def test_ratios_are_of_the_times_that_stand_beside_them(scaled: Outcome, details: dict[str, Any]) -> None:
    row = scaled.rows[0]
    theirs, mine = details["asked"]["numpy"]["p50"], details["asked"]["mirage"]["p50"]
    assert row.value == mine
    assert row.ratio == pytest.approx(theirs / mine, rel=0.06)


def test_what_was_built_is_kept_for_the_next_run(setting: Setting, scaled: Outcome) -> None:
    folder = setting.folder / f"scale-{FIGURES}-{DIMENSION}"
    again = engines.build("mirage", folder)
    assert again["kept"]
    assert again["seconds"] == scaled.details[f"{FIGURES} x {DIMENSION}"]["built"]["mirage"]["seconds"]
    written = (folder / "vectors.npy").stat().st_mtime_ns
    clouds.kept(folder, FIGURES, DIMENSION, 50)
    assert (folder / "vectors.npy").stat().st_mtime_ns == written


def test_a_cloud_comes_back_the_same_and_its_nearest_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clouds, "BLOCK", 64)
    folder = clouds.kept(tmp_path / "cloud", 200, 16, 12)
    vectors, queries = np.load(folder / "vectors.npy"), np.load(folder / "queries.npy")
    assert [start for start, _ in clouds.Cloud(200, 16).blocks()] == [0, 64, 128, 192]
    np.testing.assert_array_equal(vectors, np.concatenate([block for _, block in clouds.Cloud(200, 16).blocks()]))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    nearest = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    assert [set(row) for row in np.load(folder / "nearest.npy").tolist()] == [set(row) for row in nearest.tolist()]


def test_recall_is_the_share_of_the_nearest_that_was_found() -> None:
    nearest = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert clouds.recall([[4, 3, 2, 1], [5, 6, 7, 8]], nearest) == 1
    assert clouds.recall([[1, 2, 9, 10], []], nearest) == 0.25


def test_vectors_in_three_directions_spread_in_about_three() -> None:
    rng = np.random.default_rng(0)
    flat = np.zeros((1500, 40), np.float32)
    flat[:, :4] = rng.normal(size=(1500, 4))
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)  # a sphere in four dimensions has three
    assert clouds.spread_of(flat) == pytest.approx(3, abs=0.4)


def test_words_of_a_figure_are_always_the_same_and_differ_from_its_originals(setting: Setting, scaled: Outcome) -> None:
    words = wording.Words.read(setting.folder / f"scale-{FIGURES}-{DIMENSION}")
    count = len(words.figures)
    assert words.of(3) == words.of(3)
    assert words.of(3)[0] != words.of(3 + count)[0]
    assert words.of(3)[1] == words.of(3 + count)[1]
    texts = json.loads((setting.folder / f"scale-{FIGURES}-{DIMENSION}" / "texts.json").read_text("utf-8"))
    assert texts == many.queries(many.real_atlas(setting)[0], len(texts))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["text", "adding-open-clip"])
def test_the_papers_encoder_is_compared_where_open_clip_is(name: str, setting: Setting) -> None:
    vision()
    outcome = BENCHMARKS[name](setting)
    assert not outcome.skipped
    assert all(row.value > 0 and row.ratio for row in outcome.rows)


def test_without_open_clip_what_needs_it_is_left_out_and_says_so(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper, "reach", lambda: False)
    full = dataclasses.replace(setting, quick=False)
    assert "open_clip is not installed" in BENCHMARKS["encoding"](full).skipped
    assert "left out of quick runs" in BENCHMARKS["encoding"](setting).skipped
    assert "open_clip is not installed" in BENCHMARKS["text"](setting).skipped
    assert "open_clip is not installed" in BENCHMARKS["adding-open-clip"](setting).skipped


def test_postgresql_is_asked_what_the_index_in_this_process_is(
    setting: Setting, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIRAGE_POSTGRES_URL", raising=False)
    assert "MIRAGE_POSTGRES_URL names no database" in BENCHMARKS["postgres"](setting).skipped
    monkeypatch.setenv("MIRAGE_POSTGRES_URL", postgres_url)
    outcome = BENCHMARKS["postgres"](setting)
    assert {told["shared"] for told in outcome.details["asked"].values()} == {1.0}
    assert [row.unit for row in outcome.rows if row.bar == 4] == ["×"] * 3
    assert all(row.value >= 0 for row in outcome.rows)
    json.dumps(dataclasses.asdict(outcome))
