"""``mirage add`` of a living source says what comes before it fetches; ``mirage doctor --sources`` tries each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from live_maker import Answers, installed
from mirage.atlas import Atlas
from mirage.cli import app, doctor, sources
from mirage.corpora.live.pace import AskedToWait
from mirage.errors import NoNetwork, Unavailable

WORDS = ("add", "made", "aortic dissection")


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MIRAGE_ATLAS", str(tmp_path / "atlas"))
    with installed(tmp_path / "cache", monkeypatch) as made:
        yield made


def run(*arguments: str, **options):
    return CliRunner().invoke(app, arguments, **options)


def held(tmp_path: Path) -> int:
    with Atlas.open(tmp_path / "atlas") as atlas:
        return atlas.info().figures


def test_a_preview_says_what_would_come_and_fetches_nothing(answers: Answers, tmp_path: Path) -> None:
    told = run(*WORDS, "--preview", "--most", "4")
    assert told.exit_code == 0
    assert (answers.asked, answers.fetched, held(tmp_path)) == (["aortic dissection"], [], 0)
    assert "Article 1: a case" in told.stdout
    assert "made:2: Figure 2 (CT, 30 slices, 0.3 MB, CC BY 4.0)" in told.stdout
    for said in (
        "Made-up Central: 1,204 articles fit; 40 were looked at.",
        "8 left out: 7 articles without a stated licence; 1 article marked as retracted.",
        "Look at made:0: The article was corrected.",
        "4 figures would come, 1.0 MB.",
        "Nothing was added.",
    ):
        assert said in told.stderr


def test_adding_says_how_much_comes_and_goes_on_where_nobody_can_be_asked(answers: Answers, tmp_path: Path) -> None:
    told = run(*WORDS, "--most", "3")
    assert told.exit_code == 0
    assert "3 figures would come, 0.6 MB." in told.stderr
    assert "3 figures added" in told.stderr
    assert answers.fetched == ["made:0", "made:1", "made:2"]
    again = run(*WORDS, "--most", "3", "--json")
    assert json.loads(again.stdout)["kept"] == 3
    assert "3 are there already" in again.stderr
    assert held(tmp_path) == 3


@pytest.mark.parametrize(("more", "answer", "asked", "fetched"), [((), "n\n", True, 0), (("--yes",), "", False, 5)])
def test_on_a_terminal_it_is_asked(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], answer: str, asked: bool, fetched: int
) -> None:
    monkeypatch.setattr(sources, "_on_a_terminal", lambda: True)
    told = run(*WORDS, *more, input=answer)
    assert told.exit_code == 0
    assert ("Fetch and add 5 figures?" in told.stderr) is asked
    assert len(answers.fetched) == fetched
    assert ("Nothing was added." in told.stderr) is (fetched == 0)


def test_a_source_that_fails_is_told_with_its_exit_code(answers: Answers) -> None:
    answers.fails = NoNetwork("Made-up Central cannot be reached.")
    told = run(*WORDS)
    assert isinstance(told.exception, NoNetwork) or told.exit_code == NoNetwork.exit_code
    assert answers.fetched == []


@pytest.mark.parametrize(
    ("fails", "state", "said"),
    [
        (None, "answers", "Answers as it documents. Asked at most 3 requests a second."),
        (AskedToWait("It has asked to be left alone until 14:05."), "waits", "14:05. Nothing is wrong with it, nor here."),
        (NoNetwork("It cannot be reached."), "unreachable", "It cannot be reached."),
        (Unavailable("It answered with a page to sign in."), "otherwise", "a page to sign in"),
    ],
)
def test_the_doctor_tries_each_source_and_says_first_what_is_asked(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, fails: Exception | None, state: str, said: str
) -> None:
    monkeypatch.setattr(doctor, "_live", lambda found=doctor._live: [each for each in found() if each[0] == "made"])
    assert "source made" in run("doctor").stdout
    assert answers.asked == []
    answers.fails = fails
    told = run("doctor", "--sources", "--json")
    (tried,) = json.loads(told.stdout)["sources"]
    assert (tried["state"], answers.asked) == (state, ["pneumonia"])
    assert said in tried["said"]
    assert "Asks Made-up Central's servers for these words: “pneumonia”, one figure; nothing is added." in told.stderr
    assert told.exit_code == (0 if state in ("answers", "waits") else 1)


def test_the_doctor_names_what_each_optional_part_enables(answers: Answers) -> None:
    found = {each["name"]: each["said"] for each in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert found["extra parquet"].endswith("for the corpora roco and rocov2")
    assert "free at" in found["disk"]
    assert "extra dev" not in found
