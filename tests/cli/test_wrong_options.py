"""A value that an option does not take is told under the name that was typed, before anything is opened or asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mirage.atlas import Atlas
from mirage.cli import app
from mirage.errors import BadInput


def run(*arguments: str, folder: Path):
    told = CliRunner().invoke(app, [*arguments], env={"MIRAGE_ATLAS": str(folder / "atlas"), "COLUMNS": "200"})
    return told.exit_code, " ".join(told.stderr.split())


_FEW = {
    "export x.mirage --for nobody": "'--for': 'nobody' is none of myself, pass-on.",
    "collection take Mine x.apkg --for nobody": "'--for': 'nobody' is none of myself, pass-on.",
    "collection take Mine x.apkg --as scrolls": "'--as': 'scrolls' is none of anki,",
    "collection take Mine x.apkg --kind dream": "'--kind': 'dream' is none of collection, quiz,",
    "collection add Mine dream x": "'kind': 'dream' is none of figure, case,",
    "review packet Mine x.html --for nobody": "'--for': 'nobody' is none of myself, pass-on.",
    "quiz begin lung --kind riddle": "'--kind': 'riddle' is none of name, choose,",
    "quiz begin lung --count 0": "'--count': give 1 or more.",
    "quiz begin lung --count 1000": "'--count': give 100 or less.",
    "repeat add dream x": "'source': 'dream' is none of figure, mistakes,",
    "repeat add figure x --kind riddle": "'--kind': 'riddle' is none of name, choose,",
    "repeat delete --part dreams --yes": "'--part': 'dreams' is none of learning,",
    "edit figure x --undo colour": "'--undo': 'colour' is none of title,",
    "generate brain --format scroll": "--format is one of png,",
    "add pmc lung --most 0": "--most is a number from 1 to 5,000, not 0.",
    "add pmc lung --most many": "'--most': give a whole number, in digits.",
    "add pmc lung --licence MIT": "--licence is one of CC BY, CC0,",
    "add pmc lung --option licences=MIT": "--option licences is one of CC BY, CC0,",
    "add isic mole --licence MIT": "--licence is one of CC-0, CC-BY,",
    "add commons lung --licence MIT": "--licence is one of CC BY, CC BY-SA,",
    "add idc lung --modality XX": "--modality is one of CT, MR,",
    "add idc lung --most-megabytes 0": "--most-megabytes is a number from 1 to",
}


@pytest.mark.parametrize("line", list(_FEW))
def test_a_wrong_value_is_told_under_the_name_that_was_typed(tmp_path: Path, line: str) -> None:
    code, said = run(*line.split(), folder=tmp_path)
    assert (code, _FEW[line] in said) == (BadInput.exit_code, True), said
    assert not (tmp_path / "atlas").exists()


_NOTHING = {"none": "", "blank": "  ", "no word": "the of and", "bell": "a\x07b", "long": "x" * 5_000}


@pytest.mark.parametrize(("source", "words"), [("pmc", each) for each in _NOTHING] + [("idc", "none"), ("isic", "blank")])
def test_words_by_which_nothing_can_be_looked_for_ask_nobody(tmp_path: Path, source: str, words: str) -> None:
    code, said = run("add", source, _NOTHING[words], folder=tmp_path)
    assert code == BadInput.exit_code
    assert ": say what to look for" in said or "to look for" in said
    assert ", for example “" in said
    assert not (tmp_path / "atlas").exists()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    Atlas.open(tmp_path / "atlas", create=True).close()
    (tmp_path / "in-the-way").write_bytes(b"")
    code, said = run("evaluate", "reviews", "--csv", str(tmp_path / "in-the-way" / "ratings.csv"), folder=tmp_path)
    assert (code, "in-the-way is a file, so nothing can lie in it." in said) == (BadInput.exit_code, True), said
    code, said = run("evaluate", "reviews", "--csv", str(tmp_path), folder=tmp_path)
    assert (code, "is a folder. Name a file, as in" in said) == (BadInput.exit_code, True), said
