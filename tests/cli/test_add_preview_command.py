"""``mirage add folder PATH --dry-run`` says what would come; another folder of the same name is asked about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mirage.atlas import Atlas
from parts import answered, mirage


def figures(folder: Path) -> int:
    with Atlas.open(folder) as atlas:
        return atlas.info().figures


def test_a_dry_run_says_what_would_come_and_adds_nothing(small: Path, pictures: Callable[..., Path]) -> None:
    folder = pictures(2, name="2021-03-04")
    (folder / "notes.txt").write_text("?", "utf-8")
    told = mirage("add", "folder", str(folder), "--dry-run", atlas=small)
    assert told.returncode == 0
    assert figures(small) == 6
    assert "phantom-001.png: CT axial, Phantom number 1 (line 3 of figures.csv)" in told.stdout
    assert "Passed over: notes.txt: It is no picture that can be read." in told.stderr
    assert "2 figures would be added. Nothing was added." in told.stderr


def test_two_folders_of_one_name_are_never_merged_silently(small: Path, pictures: Callable[..., Path]) -> None:
    other = pictures(2, name="other/phantoms", first=50)
    refused = mirage("add", "folder", str(other), atlas=small)
    assert refused.returncode == 2
    assert "another folder of the same name" in refused.stderr
    assert "--name" in refused.stderr
    assert figures(small) == 6
    found = json.loads(mirage("add", "folder", str(other), "--preview", "--json", atlas=small).stdout)
    assert (found["stranger"], found["held"], found["replaces"]) == (True, 6, 2)
    assert mirage("add", "folder", str(other), "--merge", atlas=small).returncode == 0
    assert figures(small) == 6


def test_of_many_files_that_are_missing_twenty_are_named_and_the_others_counted(
    small: Path, pictures: Callable[..., Path]
) -> None:
    folder = pictures(2, name="many")
    rows = "".join(f"missing-{number}.png,words\n" for number in range(600))
    (folder / "table.csv").write_text(f"scan,words\nphantom-001.png,A phantom\n{rows}x y.png,words\n,none\n")
    options = ("--words", str(folder / "table.csv"), "--column", "file=scan", "--column", "caption=words", "--name", "Many")
    told = mirage("add", "folder", str(folder), *options, atlas=small)
    assert told.returncode == 0, told.stderr
    lines = [line for line in told.stderr.splitlines() if line.startswith("Left out")]
    assert sum("missing-" in line for line in lines) == 21
    assert any(line.startswith("Left out: 581 more: The same as missing-0.png") for line in lines)
    assert "602 left out" in told.stderr
    assert "The first 20 of each kind of reason are listed" in " ".join(told.stderr.split())


def test_a_name_that_may_be_a_patients_is_asked_about(small: Path, pictures: Callable[..., Path]) -> None:
    folder, called = pictures(1, name="kept"), ("--name", "Smith_John 1961-02-03")
    code, printed = answered("n", "add", "folder", str(folder), *called, atlas=small, question="all the same?")
    assert "holds what looks like a date and a person’s name. Everybody who opens this atlas reads it." in printed
    assert "Nothing was added." in printed
    assert (code, figures(small)) == (0, 6)
    code, printed = answered("y", "add", "folder", str(folder), *called, atlas=small, question="all the same?")
    assert (code, figures(small)) == (0, 7)
