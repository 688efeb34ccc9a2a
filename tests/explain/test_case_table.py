"""The table *In the cases here* counts what stored mentions say, each cell with its figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mirage.explain.case_table import HEADING, MOST_CASES, case_table
from mirage.figure import Case, Figure, Source
from mirage.storage.records import FigureRecord, PictureRow
from mirage.storage.store import Store

SOURCE = Source("made", "Written for the tests")
CAPTIONS = (
    "MRI shows a mass with contrast enhancement.",
    "CT shows ring enhancement of the mass.",
    "There is no contrast enhancement.",
    "Possible contrast enhancement of the mass.",
    "CT shows a mass beside the falx.",
)


def record(number: int, caption: str, diagnosis: str = "Meningioma", findings: str = "") -> FigureRecord:
    figure = Figure(f"made:{number}", caption, SOURCE, diagnosis=diagnosis, case_id=f"made:case-{number}")
    case = Case(f"made:case-{number}", diagnosis, SOURCE, diagnosis=diagnosis, findings=findings)
    vector = np.eye(16, dtype=np.float32)[0]
    return FigureRecord(figure, case, f"print-{number}", PictureRow(f"{number:064x}.png", 8, 8, 10, number), vector, vector)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.at(tmp_path / "records.sqlite")
    made.put([record(number, caption) for number, caption in enumerate(CAPTIONS)], "encoder", 1)
    made.put([record(50, "CT shows contrast enhancement.", "Glioblastoma")], "encoder", 1)
    yield made
    made.close()


def test_present_denied_open_and_silent_cases_are_counted_apart(store: Store) -> None:
    table = case_table("meningioma MRI", (), store)
    assert table is not None
    assert table.heading.startswith(HEADING)
    assert len(table.cases) == table.known == len(CAPTIONS)
    (row,) = (row for row in table.rows if row.finding == "contrast enhancement")
    counts = (row.present, row.denied, row.possible, row.silent)
    assert [each.figures for each in counts] == [("made:0", "made:1"), ("made:2",), ("made:3",), ("made:4",)]
    assert [len(each.cases) for each in counts] == [2, 1, 1, 1]
    assert row.words == "contrast enhancement: 2 of 5 say so, 1 denies it, 1 leaves it open, 1 says nothing"


def test_what_is_denied_in_a_narrower_finding_is_not_denied_in_a_wider_one(store: Store) -> None:
    store.put([record(7, "There is no ring enhancement."), record(8, "There is no ring enhancement.")], "encoder", 2)
    table = case_table("meningioma", (), store)
    assert table is not None
    (row,) = (row for row in table.rows if row.finding == "contrast enhancement")
    assert row.denied.figures == ("made:2",)


def test_a_finding_that_only_the_case_tells_of_cites_a_figure_of_the_case(store: Store) -> None:
    store.put([record(9, "An axial image.", findings="There is contrast enhancement of the mass.")], "encoder", 2)
    table = case_table("meningioma", (), store)
    assert table is not None
    (row,) = (row for row in table.rows if row.finding == "contrast enhancement")
    assert "made:9" in row.present.figures


@pytest.mark.parametrize("question", ["glioblastoma", "appendicitis", "contrast enhancement", "zzyzx", ""])
def test_nothing_is_counted_without_two_cases_of_a_disease(store: Store, question: str) -> None:
    assert case_table(question, (), store) is None


def test_of_many_cases_some_are_counted_and_the_heading_says_how_many_there_are(store: Store) -> None:
    store.put([record(number, CAPTIONS[0]) for number in range(100, 120)], "encoder", 2)
    table = case_table("meningioma", (), store)
    assert table is not None
    assert len(table.cases) == MOST_CASES
    assert f"{MOST_CASES} of 25 cases of meningioma" in table.heading


def test_what_does_not_enhance_denies_enhancement_and_is_no_finding_of_its_own(store: Store) -> None:
    store.put([record(7, "A non-enhancing mass."), record(8, "A non-enhancing mass.")], "encoder", 2)
    table = case_table("meningioma", (), store)
    assert table is not None
    rows = {row.finding: row for row in table.rows}
    assert "absent enhancement" not in rows
    assert rows["contrast enhancement"].denied.figures == ("made:2", "made:7", "made:8")


def test_what_is_true_of_many_a_picture_or_is_the_diagnosis_itself_is_not_counted(store: Store) -> None:
    captions = ("Displacement and enlargement by a hematoma with midline shift.",) * 2
    store.put([record(20 + place, text, "Subdural hematoma") for place, text in enumerate(captions)], "encoder", 2)
    table = case_table("subdural hematoma", (), store)
    assert table is not None
    assert [row.finding for row in table.rows] == ["midline shift"]


def test_a_tumor_elsewhere_is_not_counted_among_those_of_a_place(store: Store) -> None:
    store.put([record(30, "Spinal mass with contrast enhancement.", "Spinal meningioma")], "encoder", 2)
    for asked, counted in (("brain tumor", False), ("meningioma", True)):
        table = case_table(asked, (), store)
        assert table is not None
        assert ("made:case-30" in table.cases) is counted


def test_a_case_that_a_short_form_only_seems_to_name_is_not_counted(store: Store) -> None:
    clots = [replace_case(record(40 + n, "CT shows a filling defect.", "Pulmonary embolism"), "") for n in range(2)]
    tube = replace_case(record(49, "CT shows a filling defect.", "Migration of PE (ear) tube"), "Tympanostomy tube")
    store.put([*clots, tube], "encoder", 2)
    table = case_table("pulmonary embolism", (), store)
    assert table is not None
    assert (table.cases, table.known) == (("made:case-40", "made:case-41"), 2)


def replace_case(made: FigureRecord, topic: str) -> FigureRecord:
    assert made.case is not None
    return replace(made, case=replace(made.case, topic=topic))


def test_only_cases_of_the_place_that_is_asked_for_are_counted(store: Store) -> None:
    store.put([record(60 + n, "CT shows calcification.", "Metastasis to the liver") for n in range(2)], "encoder", 2)
    store.put([record(70 + n, "CT shows calcification.", "Metastasis to the bone") for n in range(2)], "encoder", 2)
    table = case_table("metastasis in the liver", (), store)
    assert table is not None
    assert (table.cases, table.known) == (("made:case-60", "made:case-61"), 2)


def test_of_a_disease_and_its_cause_the_disease_is_counted(store: Store) -> None:
    store.put([record(60 + n, "CT shows calcification.", "Stroke") for n in range(2)], "encoder", 2)
    store.put([record(70 + n, "CT shows calcification.", "Venous thrombosis") for n in range(2)], "encoder", 2)
    table = case_table("stroke due to a thrombosis", (), store)
    assert table is not None
    assert (table.diagnosis, table.known) == ("stroke", 2)


def test_a_disease_is_not_counted_as_the_finding_that_it_is_a_kind_of(tmp_path: Path) -> None:
    made = Store.at(tmp_path / "stones.sqlite")
    texts = (*("CT shows gallstones with wall thickening.",) * 2, "CT shows coronary artery calcification.", "CT is shown.")
    made.put([record(number, text, "Sarcoidosis") for number, text in enumerate(texts)], "encoder", 1)
    table = case_table("sarcoidosis", (), made)
    made.close()
    assert table is not None
    assert "calcification" not in [row.finding for row in table.rows]


def test_a_disease_whose_name_says_a_wider_finding_counts_for_it(tmp_path: Path) -> None:
    made = Store.at(tmp_path / "bleeding.sqlite")
    texts = ("CT shows a subarachnoid hemorrhage.", "CT shows hemorrhage.")
    made.put([record(number, text, "Meningioma") for number, text in enumerate(texts)], "encoder", 1)
    table = case_table("meningioma", (), made)
    made.close()
    assert table is not None
    (row,) = (row for row in table.rows if row.finding == "hemorrhage")
    assert row.present.figures == ("made:0", "made:1")
