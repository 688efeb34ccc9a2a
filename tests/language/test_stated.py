from __future__ import annotations

import pytest

from mirage import corpora
from mirage.language.stated import agreement, asked_beside_names, may_tell_side, stated, without_shown


@pytest.mark.parametrize(
    ("asked", "told", "agreed"),
    [
        ("grade 4 astrocytoma", "Astrocytoma, WHO grade IV", "held"),
        ("grade 4 astrocytoma", "Low-grade astrocytoma", "contrary"),
        ("grade 4 astrocytoma", "WHO Grade 3 astrocytoma", "contrary"),
        ("grade 4 astrocytoma", "Astrocytoma of the frontal lobe", "silent"),
        ("grade 2 glioma", "Low-grade glioma", "silent"),
        ("Bosniak IV", "Bosniak Class III renal cyst", "contrary"),
        ("Bosniak class 4", "Bosniak IV renal cyst", "held"),
        ("Bosniak II cyst", "Bosniak IIF cyst", "contrary"),
        ("type 1 diabetes", "Diabetes mellitus type II", "contrary"),
        ("type 1 diabetes", "Type I diabetes", "held"),
        ("type 1 diabetes", "Type 2 diabetes with a type 1 endoleak", "contrary"),
        ("hepatitis b", "Chronic hepatitis B", "held"),
        ("hepatitis b", "Hepatitis C", "contrary"),
        ("hepatitis b", "Hepatitis", "silent"),
        ("stage I sarcoidosis", "Sarcoidosis, stage IV", "contrary"),
        ("stage 2 cancer", "Cancer, stage IIA", "held"),
        ("reflux grade v", "Grade I vesicoureteral reflux", "contrary"),
        ("Weber B fracture", "Weber C ankle fracture", "contrary"),
        ("cancer of the right lung", "Large left upper lobe mass", "contrary"),
        ("cancer of the right lung", "RUL mass", "held"),
        ("left renal mass", "Bilateral renal masses", "held"),
        ("bilateral renal masses", "Left renal mass", "contrary"),
        ("left renal mass", "Right renal mass, both lungs are clear", "silent"),
        ("right renal mass", "Right renal mass, both lungs are clear", "held"),
        ("bilateral renal masses", "Right renal mass, both lungs are clear", "silent"),
        ("left pleural effusion", "Bilateral pleural effusions larger on the right", "held"),
        ("left pleural effusion", "Pleural effusion, larger on the right", "contrary"),
        ("left pleural effusion", "Bilateral pleural effusions, worse on the right", "held"),
        ("left pleural effusion", "Pleural effusions, more on the right than on the left", "held"),
        ("left pleural effusion", "Pleural effusions, right more than left", "held"),
        ("left lung nodule", "Both lungs are clear. Nodule, more on the right", "silent"),
        ("cálculo renal izquierdo", "Cálculos en ambos riñones", "held"),
        ("cálculos en ambos riñones", "Cálculo en el riñón izquierdo", "contrary"),
        ("medial meniscus tear", "Tear of the lateral meniscus", "contrary"),
        ("medial meniscus tear", "Meniscal tear", "silent"),
        ("anterior cruciate ligament tear", "Posterior horn of the meniscus", "held"),
        ("acute appendicitis", "Appendicitis", "held"),
        ("acute appendicitis", "Chronic appendicitis", "contrary"),
        ("chest x-ray 2 views", "Pneumonia", "held"),
        ("where can I see OPLL of the c-spine", "OPLL", "held"),
        ("CT with IV contrast of a 45 year old", "Stroke, CT after intravenous contrast", "held"),
        ("CT abdomen with contrast", "CT of the abdomen without contrast medium", "contrary"),
        ("unenhanced CT of the liver", "Liver, CT after contrast medium", "contrary"),
        ("CT of the liver with contrast", "Liver, CT", "silent"),
    ],
)
def test_a_number_a_side_and_a_contrary_adjective_are_held_missing_or_another(asked: str, told: str, agreed: str) -> None:
    assert agreement(asked_beside_names(asked), (told,)) == agreed


def test_what_the_diagnosis_says_of_a_side_counts_before_the_caption() -> None:
    asked = asked_beside_names("mass of the right kidney")
    assert agreement(asked, ("Left renal mass", "The right kidney is normal.")) == "contrary"
    assert agreement(asked, ("Renal mass", "Mass of the right kidney.")) == "held"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Radiograph of both hips with a fracture", "Radiograph of  hips with a fracture"),
        ("CT of the left and right kidney", "CT of the  kidney"),
        ("Bilateral mammogram with a cancer", " mammogram with a cancer"),
        ("A stone in one of both kidneys", "A stone in one of  kidneys"),
        ("Both kidneys are normal in size", " kidneys are normal in size"),
        ("CT of bilateral hip fractures", "CT of bilateral hip fractures"),
        ("Both kidneys contain stones", "Both kidneys contain stones"),
        ("Stones in both kidneys", "Stones in both kidneys"),
    ],
)
def test_both_that_says_what_is_shown_says_not_where_something_is(text: str, rest: str) -> None:
    assert without_shown(text) == rest


@pytest.mark.parametrize("piece", ["a", "a-", "type ", "a'b/"])
def test_a_caption_of_one_word_or_of_one_word_again_and_again_is_read_at_once(piece: str) -> None:
    """Begun anew with every letter, a hundred thousand of them took minutes."""
    told = stated(piece * (100_000 // len(piece)) + " Bosniak IV")
    assert told.ranks[-1].value == "4"
    assert "bosniak" in told.ranks[-1].names


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("Left renal mass", True),
        ("masa renal izquierda", True),
        ("RUL mass", True),
        ("bi-lateral effusions", True),
        ("a left-sided effusion", True),
        ("both kidneys", True),
        ("a cleft palate", True),  # letters are enough to look closer
        ("a mass of the liver", False),
        ("rul", False),
        ("", False),
    ],
)
def test_what_has_no_letters_of_a_side_states_none(text: str, may: bool) -> None:
    assert may_tell_side(text) is may
    assert may or "side" not in stated(text).adjectives


def test_no_text_of_the_starter_atlas_states_a_side_without_its_letters() -> None:
    figures = [item.figure for item in corpora.load("starter").items() if hasattr(item, "figure")]
    told = [text for each in figures for text in (each.caption, each.title, each.diagnosis) if text]
    sided = [text for text in told if "side" in stated(text).adjectives]
    assert len(sided) > 100
    assert all(map(may_tell_side, sided))
