"""`mirage quiz`, on an atlas that nobody serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mirage.atlas import Atlas
from mirage.cli import app
from mirage.storage.ingest import add
from quiz_maker import MadeCases, diagnoses


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases") / "atlas"
    with Atlas.open(folder, create=True) as atlas:
        add(atlas, MadeCases(6))
    return folder


def run(atlas: Path, *words: str, typed: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, ["quiz", *words, "--atlas", str(atlas)], input=typed)
    return done.exit_code, " ".join(done.output.split())


def test_a_quiz_is_asked_question_by_question_and_goes_on_where_it_was_left(cases: Path) -> None:
    code, told = run(cases, "begin", "--kind", "name", "--count", "3", "--seed", "1", typed="xyzzy\n\n")
    assert code == 0
    assert "no diagnosis that is known here" in told
    assert "Not answered." in told
    assert "Stopped. `mirage quiz go" in told
    own = told.partition("mirage quiz go ")[2].partition("`")[0]
    asked = told.partition("Question 2 of 3")[2]
    assert asked
    assert not any(name in asked for name in diagnoses()[:6])
    code, told = run(cases, "go", own, typed="\n\n")
    assert "3 of 3 answered." in told
    assert "For practice: 0 of" in told
    assert own in run(cases, "list")[1]


def test_everything_is_there_as_json(cases: Path) -> None:
    told = run(cases, "begin", "--kind", "unfold", "--count", "1", "--json")[1]
    own = json.loads(told)["id"]
    question = json.loads(run(cases, "show", own, "1", "--json")[1])
    assert question["given"] is None
    answer = json.loads(run(cases, "answer", own, "1", "--json")[1])
    assert answer["given"]["verdict"] == "passed"
    assert answer["given"]["case"]["passages"]["discussion"]
    assert run(cases, "delete", own)[0] == 0
    assert run(cases, "show", own)[0] == 4


def test_what_cannot_be_is_told(cases: Path) -> None:
    assert "Give words, or a collection, or a case" in run(cases, "begin", "brain", "--case", "x")[1]
    assert "no stacks with labelled structures" in run(cases, "begin", "--kind", "point")[1]
    assert "There is no quiz" in run(cases, "go", "nothing")[1]
    code, told = run(cases, "begin", "--kind", "next")
    assert code == 2
    assert "kind" in told
