"""Queries of students: their halves, what counts as right, and how far a second reading agrees."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medpix_maker import make_medpix
from mirage.atlas import Atlas
from mirage.calibrate.queries import items_of
from mirage.cli import app
from mirage.corpora.medpix import MedPixCorpus
from mirage.errors import BadInput
from mirage_research.evaluation import second_reading, student_queries
from mirage_research.evaluation.evaluation_set import temporary_atlas
from mirage_research.evaluation.student_queries import StudentQuery, halved

ROWS = [
    {"id": f"q{number}", "kind": kind, "query": f"query {number}", "answers": ["medpix:MPX0001"]}
    for number, kind in enumerate(["lay"] * 5 + ["error"] * 3 + ["absent"] * 4)
]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    pytest.importorskip("bm25s")
    medpix = make_medpix(tmp_path_factory.mktemp("medpix"))
    with temporary_atlas(MedPixCorpus(medpix, splits=("train", "dev"))) as made:
        yield made


def test_halves_are_alike_in_number_kind_by_kind_and_stay_when_queries_come() -> None:
    first = halved(ROWS[::2])
    whole = halved(ROWS, first)
    for kind in ("lay", "error", "absent"):
        counts = Counter(one.half for one in whole if one.kind == kind)
        assert abs(counts["work"] - counts["test"]) <= 1
    assert abs(sum(1 if one.half == "work" else -1 for one in whole)) <= 1
    halves = {one.id: one.half for one in whole}
    assert all(halves[one.id] == one.half for one in first)
    assert whole[0].answers == ("MPX0001",), "ids are the data set's own"


def test_the_committed_queries_have_equal_halves_and_hold_ids_alone() -> None:
    known = student_queries.read()
    assert len({one.id for one in known}) == len(known)
    counts = Counter((one.kind, one.half) for one in known)
    assert all(abs(counts[kind, "work"] - counts[kind, "test"]) <= 1 for kind, _ in counts)
    assert all(case.startswith("MPX") and " " not in case for one in known for case in one.answers)
    assert all(not one.answers for one in known if one.kind == "absent")


def test_a_line_that_is_no_query_is_named(tmp_path: Path) -> None:
    file = tmp_path / "queries.jsonl"
    file.write_text('{"id": "a", "half": "work", "kind": "lay", "query": "x", "answers": []}\n{"id": "b"}\n')
    with pytest.raises(BadInput, match="Line 2"):
        student_queries.read(file)


def test_a_hit_is_right_by_its_case_and_no_more_than_there_is_can_be_found(atlas: Atlas) -> None:
    trial = student_queries.StudentTrial(atlas)
    both = trial.ask(StudentQuery("a", "work", "lay", "Circle of MPX0001", ("MPX0001",)))
    other = trial.ask(StudentQuery("b", "work", "lay", "Circle of MPX0001", ("MPX0002",)))
    assert both.precision == dict.fromkeys(student_queries.SYSTEMS, 1.0), "two figures are right, and both are shown"
    assert other.precision["search"] == 1.0, "three figures are all that there is, one of them is right"
    assert trial.ask(StudentQuery("c", "work", "lay", "circle", ("MPX0003",))).precision == {}, "a case that is not there"


def test_totals_tell_the_absent_from_the_answerable(atlas: Atlas) -> None:
    asked = [
        StudentQuery("a", "work", "lay", "Circle of MPX0001", ("MPX0001",)),
        StudentQuery("b", "work", "absent", "Takotsubo cardiomyopathy", ()),
        StudentQuery("c", "work", "lay", "circle", ("MPX0003",)),
    ]
    table, outcomes = student_queries.evaluate(atlas, asked)
    assert (table["queries"], table["absent"], table["left out"]) == (1, 1, 1)
    assert table["absent and told so, with nothing explained"] == int(not outcomes[1].fits and not outcomes[1].claims)
    assert table["P@10"]["search"][0] == 1.0
    assert "Takotsubo" not in json.dumps(table), "totals tell no query"
    assert set(table["kinds"]) == {"lay", "absent"}


def test_the_half_that_is_scored_is_not_looked_at() -> None:
    told = CliRunner().invoke(app, ["evaluate", "student-queries", "--half", "test", "--misses"])
    assert isinstance(told.exception, BadInput) or told.exit_code


def test_pairs_for_a_second_reading_are_the_same_each_time_and_half_answers(atlas: Atlas) -> None:
    queries = [
        StudentQuery("a", "work", "lay", "circle of MPX0001", ("MPX0001",)),
        StudentQuery("b", "test", "lay", "circle of MPX0002", ("MPX0002",)),
    ]
    pairs = second_reading.draw(queries, items_of(atlas), 4)
    assert pairs == second_reading.draw(queries[::-1], items_of(atlas), 4)
    assert sorted(pairs) == [("a", "MPX0001"), ("a", "MPX0002"), ("b", "MPX0001"), ("b", "MPX0002")]


def test_agreement_is_cohens_kappa(tmp_path: Path) -> None:
    # The table 20, 5, 10, 15: agreed 0.7, by chance 0.5.
    queries = [StudentQuery("q", "work", "lay", "x", tuple(f"MPX{number}" for number in range(25)))]
    rights = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    file = tmp_path / "reading.jsonl"
    lines = [{"query": "q", "case": f"MPX{number}", "right": right} for number, right in enumerate(rights)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = second_reading.agreement(queries, second_reading.read(file))
    assert (found["agreed"], found["kappa"], found["pairs"]) == (0.7, 0.4, 50)
    file.write_text('{"query": "q", "case": "MPX1", "right": "yes"}\n')
    with pytest.raises(BadInput, match="Line 1"):
        second_reading.read(file)
