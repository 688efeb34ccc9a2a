"""Measuring the lexicon: what counts as understood, what is drawn to be read, and verdicts that no longer hold."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from medpix_maker import make_medpix
from mirage.errors import BadInput
from mirage.language.concepts import Lexicon
from mirage.language.lexicon_files import Concept
from mirage_research.evaluation import lexicon as measurement
from mirage_research.evaluation.lexicon import CaseLabel, drawn, evaluate, judged, labels, named

KNOWN = Lexicon(
    [
        Concept("meningioma", "disease", es=("meningeoma",)),
        Concept("ring enhancement", "finding"),
        Concept("cerebellum", "anatomy"),
        Concept("computed tomography", "modality", abbreviations={"CT": ()}),
        Concept("cerebellum CT", "modality"),
    ]
)
LABELS = [
    CaseLabel("MPX1", "diagnosis", "Meningioma of the cerebellum"),
    CaseLabel("MPX1", "topic", "Meningioma of the cerebellum"),
    CaseLabel("MPX2", "diagnosis", "Cerebellum, CT"),
    CaseLabel("MPX3", "topic", "Ring enhancement"),
]


def test_a_label_wants_a_disease_or_finding_and_a_caption_may_name_a_structure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "cost", dict)
    monkeypatch.setattr(measurement, "READ", Path("nowhere"))
    table, lost = evaluate(LABELS, KNOWN, ["The cerebellum.", "Cerebellum CT.", "CT of a shoe.", "La cabeza de la TC."])
    assert (table["diagnosis"], table["topic"]) == ({"labels": 2, "resolved": 1}, {"labels": 2, "resolved": 2})
    assert table["captions"] == {"labels": 4, "resolved": 2}
    assert table["captions in English"] == {"labels": 3, "resolved": 2}, "a modality's name may hold a structure"
    assert [line.split("\t")[1:3] for line in lost][:2] == [["MPX2", "Cerebellum, CT"], ["", "CT of a shoe."]]


def test_the_same_labels_are_drawn_each_time_and_no_text_twice() -> None:
    found = drawn(LABELS, KNOWN)
    assert found == drawn(LABELS[::-1], KNOWN)
    assert sorted(one.text for one in found) == ["Meningioma of the cerebellum", "Ring enhancement"]
    assert len(drawn(LABELS, KNOWN, 1)) == 1


def test_a_verdict_counts_as_long_as_the_label_is_read_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "read.jsonl"
    rows = [
        {"case": "MPX1", "field": "topic", "concepts": ["meningioma"], "right": True},
        {"case": "MPX3", "field": "topic", "concepts": ["meningioma"], "right": False},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert judged(LABELS, KNOWN, file) == {"read": 1, "right": 1, "by a broader word": 0, "read otherwise since": 1}


def test_labels_are_of_train_and_dev_alone(tmp_path: Path) -> None:
    found = labels(make_medpix(tmp_path))
    assert {one.case for one in found if one.field == "diagnosis"} == {"MPX0001", "MPX0002"}
    assert [one.text for one in found if one.field == "topic"] == ["Circles"], "what is told twice is one label"
    assert named("nothing at all", KNOWN) == ()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_cost_of_loading_is_measured_in_a_process_of_its_own() -> None:
    found = measurement.cost()
    assert set(found) == {"loading, ms", "memory, MB"}
    assert found["loading, ms"] > 0


def test_a_file_without_captions_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    file.write_text('{"caption": "a"}\n{"text": "b"}\n')
    with pytest.raises(BadInput, match="no captions"):
        list(measurement.captions(file))
