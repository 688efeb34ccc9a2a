"""A sentence is quoted for what it says of the thing, not for where or how its picture was made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explaining_parts import SOURCE
from mirage.explain.evidence import Draft, Evidence
from mirage.explain.explainers import ExplanationRequest, load
from mirage.explain.explainers.telling import tells
from mirage.explain.record import is_of_record
from mirage.explain.statements import describes
from mirage.explain.subject import subject_of


def says(question: str, text: str) -> bool:
    subject = subject_of(question, ())
    assert subject is not None
    return tells(text, subject)


@pytest.mark.parametrize(
    "text",
    [
        "Axial CT of the upper abdomen after contrast, liver window, slice 19 of 20, z = 36 mm from the lowest slice.",
        "Axial CT of the liver, Se:5 Im:22, 120 kV, FOV 350.",
        "Axial CT of the abdomen, soft tissue window (centre 40, width 400 HU).",
        "Image 12/45 is an axial slice through the liver.",
        "Fig. 3a: the liver.",
        "The liver is shown on slice 12.",
        "Slice 19 of 20 lies at the level of the liver.",
        "CT of the liver was obtained with contrast medium at 120 kV.",
        "The liver is at the centre of the picture.",
        "This series shows the liver from the dome to the tip.",
        "Shows: liver, spleen, stomach, right kidney.",
        "Structures include the liver, the spleen and the stomach.",
        "The arrow points to the liver.",
        "The window is 400 HU wide.",
    ],
)
def test_place_technique_and_a_list_of_parts_say_nothing_of_a_part(text: str) -> None:
    assert not says("liver", text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("liver", "The liver contains the hepatic veins."),
        ("liver", "Axial CT shows a bright liver."),
        ("stent graft", "A stent graft lies in the aorta."),
        ("lymph node", "Ultrasound of a lymph node with power Doppler: flow shown in orange and yellow."),
        ("appendicitis", "Axial CT image through the pelvis demonstrates a dilated tube with fat stranding."),
        ("appendicitis", "The appendix measures more than 6 mm."),
        ("pulmonary nodule", "CT of the chest, obtained after a fall, shows multiple large nodules."),
        ("cholecystitis", "Findings: thickened wall, pericholecystic fluid, stones."),
        ("meningioma", "On T1W MR meningiomas are hypointense."),
    ],
)
def test_what_it_does_how_it_looks_and_how_large_it_is_says_something(question: str, text: str) -> None:
    assert says(question, text)


def test_that_a_list_holds_the_finding_is_not_how_it_looks() -> None:
    assert not says("lung nodule", "Shows: trachea, left lung, right lung, lung nodule.")
    assert not says("lung nodule", "Image 34 of 120 shows a lung nodule in the right upper lobe.")
    assert says("lung nodule", "A nodule of about 14 mm lies in the upper part of the right lung.")


@pytest.mark.parametrize(
    "text",
    [
        "Cropped to the body; the air around it has one value.",
        "The labels of the left femur include metal and streaks.",
        "The left lobe of the liver is partly missing in its label.",
        "Courtesy of a teaching hospital.",
        "The file states no spacing: nothing can be measured.",
        "The face is cut away (structures named by the editors, the publisher names none; the side is not stated).",
    ],
)
def test_a_note_on_the_record_is_known(text: str) -> None:
    assert is_of_record(text)


@pytest.mark.parametrize(
    "text",
    [
        "Dense spots lie in both kidneys; they look as stones do, but nobody trained has said so.",
        "The disease is marked by fever.",
        "The lumen is outlined by gas.",
        "Leukocytes labeled with a tracer gather in the abscess.",
        "A profile view of the wrist shows the break.",
    ],
)
def test_medical_prose_is_not_taken_for_a_note_on_the_record(text: str) -> None:
    assert not is_of_record(text)


ANEURYSM = Evidence(
    1,
    "discussion",
    "The aorta below the kidneys is widened to a sac (abdominal aortic aneurysm). The arms lie beside the trunk.\n\n"
    "The file states no spacing: nothing can be measured. 32 steps of about 62.5 Hounsfield units; what is below 0 is not "
    "in the file.\n\nLabels: made by a program; not checked by a radiologist.",
    ("made:1",),
    SOURCE,
    case="made:case",
    title="Abdominal aortic aneurysm, CT",
    diagnosis="Abdominal aortic aneurysm",
    topic="Abdominal aortic aneurysm",
)


def quoted(question: str, *items: Evidence) -> list[Draft]:
    return [piece for piece in load("extractive").explain(ExplanationRequest(question, items)) if isinstance(piece, Draft)]


def test_a_description_of_one_case_is_quoted_for_how_the_thing_looks_there_and_nothing_else_of_it() -> None:
    (draft,) = quoted("abdominal aortic aneurysm", ANEURYSM)
    assert draft.text.startswith("The aorta below the kidneys is widened")
    assert (draft.aspect, draft.scope) == ("look", "case")


def test_a_discussion_that_speaks_in_general_is_no_description_of_a_case() -> None:
    general = "An aneurysm is a dilatation of an artery. Most lie below the kidneys."
    assert describes(ANEURYSM)
    assert not describes(replace(ANEURYSM, text=general))
    assert not describes(replace(ANEURYSM, text=f"{general} The patient was sent home."))
    assert not describes(replace(ANEURYSM, kind="caption"))


def test_a_vertebra_is_no_mr_sequence() -> None:
    text = "T12 shows a compression fracture with sclerotic margins."
    name = "Compression fracture"
    item = replace(ANEURYSM, kind="findings", text=text, title=name, diagnosis=name, topic=name, modality="CT")
    assert [draft.modality for draft in quoted("compression fracture", item)] == ["CT"]
