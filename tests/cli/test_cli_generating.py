"""``mirage generate`` and ``mirage ask`` as a person runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from mirage.cli import app
from parts import copy_atlas, mirage
from pencil import drawn_with


@pytest.fixture(scope="module")
def folder(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_atlas(starter_folder, tmp_path_factory.mktemp("cli") / "atlas")


def run(*words: str, folder: Path) -> Result:
    with drawn_with():
        return CliRunner().invoke(app, [*words, "--atlas", str(folder)])


def flat(done: Result) -> str:
    return " ".join(done.output.split())


@pytest.mark.parametrize("words", [["generate"], ["generate", "--count", "2"], ["ask"]], ids=" ".join)
def test_a_file_that_is_there_is_not_written_over(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "real.png"
    file.write_bytes(b"precious")
    done = mirage(*words, "axial", "brain", "MRI", "--out", file, atlas=tmp_path / "atlas")
    assert done.returncode == 2
    assert f"{file} is there already" in " ".join(done.stderr.split())
    assert "Choose another name" in " ".join(done.stderr.split())
    assert file.read_bytes() == b"precious"
    assert not (tmp_path / "atlas").exists(), "it is told before any work is done"


def test_nor_is_one_in_a_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirage.generate.synthesis.secrets.token_hex", lambda _: "0" * 16)
    file = tmp_path / f"synthetic-{'0' * 16}.png"
    words = ("generate", "axial brain MRI", "--count", "2", "--out", str(tmp_path))
    done = run(*words, folder=folder)
    assert done.exit_code == 2, done.output  # the second has the name of the first
    assert f"{file} is there already" in flat(done)
    assert file.stat().st_size


def test_two_questions_want_a_folder(folder: Path, tmp_path: Path) -> None:
    words = ("ask", "brain MRI", "--versus", "brain CT", "--out")
    done = run(*words, str(tmp_path / "one.png"), folder=folder)
    assert done.exit_code == 2
    assert "give --out a folder" in flat(done)
    done = run(*words, str(tmp_path / "both"), folder=folder)
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "both").glob("*.png"))) == 2


def test_an_empty_atlas_that_is_made_is_told(tmp_path: Path) -> None:
    done = run("generate", "axial brain MRI", "--out", str(tmp_path / "one.png"), folder=tmp_path / "atlas")
    assert done.exit_code == 0, done.output
    assert f"an empty one was made in {tmp_path / 'atlas'}. `mirage up` builds" in flat(done)
    again = run("generate", "axial brain MRI", "--out", str(tmp_path / "two.png"), folder=tmp_path / "atlas")
    assert "empty one" not in flat(again)
