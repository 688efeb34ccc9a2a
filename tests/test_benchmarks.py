"""Every benchmark runs, on small sizes, and says what it measured. No time is ever asserted: the machine may be busy."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import many
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.measure import Outcome, Row, Setting
from benchmarks.report import markdown

from mirage.atlas import Atlas
from parts import copy_atlas, some_of_starter


@pytest.fixture(scope="module")
def setting(some_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """One folder for all, with the atlases in it that the benchmarks would make; of the starter they are given some."""
    folder = tmp_path_factory.mktemp("benchmarks")
    for name in ("starter-atlas", "starter-page-atlas"):
        copy_atlas(some_folder, folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mirage.corpora.starter.SHIPPED", some_of_starter(folder / "corpus"))
        yield Setting(folder, None, quick=True)


QUICK = ("search", "http", "explain", "adding", "stacking", "memory", "travelling", "congruence", "repeated")


@pytest.mark.parametrize("name", QUICK)
def test_a_benchmark_runs_and_reports_positive_figures(name: str, setting: Setting) -> None:
    outcome = BENCHMARKS[name](setting)
    assert not outcome.skipped
    assert any(row.bar is not None for row in outcome.rows)
    assert all(row.value > 0 for row in outcome.rows if row.what != "what HTTP and JSON add, of p50")
    json.dumps(dataclasses.asdict(outcome))


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["explaining-at-once", "crowd", "crowd-workers", "slow-clients"])
def test_a_crowd_is_answered(name: str, setting: Setting) -> None:
    outcome = BENCHMARKS[name](setting)
    values = {row.what.partition(",")[0]: row.value for row in outcome.rows}
    assert values.get("answers that were none", 0) == 0
    assert values.get("answered of 5 explanations asked for at once", 5) == 5


@pytest.mark.nightly
def test_no_request_that_is_made_from_the_description_breaks_the_api(setting: Setting) -> None:
    outcome = BENCHMARKS["fuzzing"](setting)
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert all(row.met is not False for row in outcome.rows), outcome


@pytest.mark.browser
def test_the_page_benchmark_counts_what_chromium_transferred(setting: Setting) -> None:
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no Chromium here")
    outcome = BENCHMARKS["page"](setting)
    assert [path for path in outcome.details["/"] if path.endswith(".css")], "the style sheet was not counted"
    for where, parts in outcome.details.items():
        assert parts[where.partition("?")[0]] > 1_000
        assert not any("thumbnails" in path for path in parts)


@pytest.mark.browser
def test_the_screens_benchmark_sees_pictures_on_the_first_screen(setting: Setting) -> None:
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no Chromium here")
    outcome = BENCHMARKS["screens"](setting)
    values = {row.what.partition(",")[0]: row.value for row in outcome.rows}
    assert 10 < values["first screen that is drawn pixels of results"] <= 100
    assert 0 < values["Tabs to the first picture"] < 60


@pytest.mark.parametrize("name", ["install", "starting"])
def test_quick_runs_leave_out_what_needs_the_network(name: str, setting: Setting) -> None:
    assert "left out of quick runs" in BENCHMARKS[name](setting).skipped


def test_a_grown_atlas_has_that_many_figures_and_no_twins(setting: Setting) -> None:
    real, _ = many.real_atlas(setting)
    folder = many.grow(real, setting.folder / "grown", 700)
    with Atlas.open(folder) as atlas:
        assert len(atlas.index) == 700
        rows = [row for batch in atlas.store.each() for row in batch]
        assert len({row.figure.id for row in rows}) == 700
        found = atlas.store.vectors.of([row.key for row in rows], atlas.encoder.info().digest)
        assert len({image.tobytes() for image, _ in found.values()}) == 700


def test_queries_are_all_different_and_come_back_the_same(setting: Setting) -> None:
    real, _ = many.real_atlas(setting)
    texts = many.queries(real, 200)
    assert len(set(texts)) == 200
    assert texts == many.queries(real, 200)


def test_the_command_writes_json_and_a_table(
    setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIRAGE_MEDPIX", raising=False)
    words = ["--quick", "--only", "search", "--folder", str(setting.folder), "--out", str(tmp_path)]
    assert main(words) in (0, 1)
    written = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert written["quick"] is True
    assert written["machine"]["cores"] >= 1
    assert (tmp_path / "results.md").read_text("utf-8") in capsys.readouterr().out


def test_one_that_breaks_is_said_to_have_failed_and_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Setting) -> Outcome:
        raise OSError("no such disk")

    monkeypatch.setitem(BENCHMARKS, "page", broken)
    assert main(["--quick", "--only", "page"]) == 2
    assert "failed: OSError: no such disk" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("wait", 9.0, "ms", bar=8.0), "**missed**"),
        (Row("wait", 8.0, "ms", bar=8.0), "reached"),
        (Row("rate", 39.0, "figures/s", bar=40.0, better="more"), "**missed**"),
        (Row("rate", 41.0, "figures/s", bar=40.0, better="more"), "reached"),
    ],
)
def test_the_table_says_whether_a_bar_was_reached(row: Row, verdict: str) -> None:
    machine = {
        "processor": "x",
        "cores": 2,
        "memory_GB": 8,
        "python": "3",
        "packages": {"onnxruntime": "1", "qdrant-edge-py": "1"},
    }
    outcome = dataclasses.asdict(Outcome("one", (row,), {"load_before": 0.1, "load_after": 0.2}))
    record = {"when": "now", "quick": False, "medpix": False, "machine": machine, "outcomes": {"one": outcome}}
    assert f"| {verdict} |" in markdown(record)
    assert row.met is (verdict == "reached")
