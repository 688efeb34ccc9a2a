"""``mirage evaluate retrieval`` as a person runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from parts import mirage
from shelf_maker import make_collection


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("collection"))


def test_it_prints_a_table_for_every_task_and_writes_figures_and_a_report(collection: Path, tmp_path: Path) -> None:
    wanted, page = tmp_path / "out" / "dev.json", tmp_path / "report"
    done = mirage(
        "evaluate", "retrieval", "--medpix", collection, "--keep", tmp_path / "kept",
        "--refined", "0", "--json", wanted, "--report", page,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for said in (
        "condition queries: 7 queries",
        "text to image: 14 queries",
        "BM25 over the same words",
        "nDCG@10",
        "R@10",
        "random",
    ):
        assert said in re.sub(r"\s+", " ", done.stdout)
    assert "pictures: 0 identical, 0 near" in re.sub(r"\s+", " ", done.stderr)
    table = json.loads(wanted.read_text("utf-8"))
    assert table["command"].startswith("mirage evaluate retrieval")
    assert table["tasks"]["condition queries"]["pool"] == 22
    assert (page / "index.html").is_file()
    assert next(folder.name for folder in (tmp_path / "kept").iterdir()).startswith("medpix-starter-")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cases", "some"], "--cases is all or aside"),
        (["--split", "elsewhere"], "one of train, dev, test"),
        (["--encoder", "nobody"], "There is no encoder “nobody”"),
        (["--option", "annotations"], "--option is given as NAME=VALUE"),
        (["--calibration", "missing.json"], "is no calibration"),
        (["--corpus", "nothing", "--path", "."], "nothing"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_line(collection: Path, arguments: list[str], said: str) -> None:
    done = mirage("evaluate", "retrieval", "--medpix", collection, *arguments)
    assert done.returncode in (2, 4)
    assert said in re.sub(r"\s+", " ", done.stderr)
    assert "Traceback" not in done.stderr


def test_an_atlas_without_medpix_is_measured_by_itself_though_a_copy_is_named_in_the_environment(
    collection: Path, starter_copy: Path
) -> None:
    done = mirage("evaluate", "retrieval", "--atlas", starter_copy, MIRAGE_MEDPIX=str(collection))
    assert done.returncode == 2
    assert "was trained on" in done.stderr
    assert "split “all”" in done.stderr


def test_without_anything_to_measure_on_it_says_what_to_name() -> None:
    done = mirage("evaluate", "retrieval", MIRAGE_MEDPIX="")
    assert done.returncode == 2
    assert "--atlas FOLDER, --medpix PATH" in re.sub(r"\s+", " ", done.stderr)
