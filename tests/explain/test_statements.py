"""Only sentences about what is asked are told, each with how far it reaches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explaining_parts import SOURCE
from mirage.explain.evidence import Evidence
from mirage.explain.statements import Statement, relevant, statements
from mirage.explain.subject import is_itself, subject_of


def passage(text: str, kind: str = "discussion", diagnosis: str = "Appendicitis", topic: str = "") -> Evidence:
    figures = ("made:1",)
    return Evidence(
        1, kind, text, figures, SOURCE, case="made:case", title=diagnosis, diagnosis=diagnosis, topic=topic or diagnosis
    )


def told(question: str, item: Evidence) -> list[Statement]:
    subject = subject_of(question, (item,))
    assert subject is not None
    return statements(item, subject)


def texts(question: str, item: Evidence) -> list[str]:
    return [one.text for one in told(question, item)]


GENERAL = "Most appendicitis is found in the right lower quadrant."


@pytest.mark.parametrize(
    "question",
    [
        "appendicitis",
        "acute appendicitis",
        "inflammation of the appendix",
        "apendicitis CT",
        "dx appendicitis",
        "pls appendicitis",
    ],
)
def test_a_sentence_is_about_what_is_asked_under_any_of_its_names(question: str) -> None:
    assert texts(question, passage(GENERAL)) == [GENERAL]


@pytest.mark.parametrize(
    ("question", "text", "diagnosis"),
    [
        ("pancreatitis", "Pancreatic cancer is a malignant tumor of the pancreas.", "Pancreatic cancer"),
        ("pleuritis", "The pleural space is filled with air in pneumothorax.", "Pneumothorax"),
        ("appendicitis", "An appendiceal mucocele is a dilated appendix.", "Appendiceal mucocele"),
        ("meningitis", "Meningioma is a dural-based tumor.", "Meningioma"),
        ("hepatitis", "Hepatic cysts are common in the liver.", "Hepatic cyst"),
    ],
)
def test_an_inflammation_and_the_adjective_of_its_organ_share_nothing(question: str, text: str, diagnosis: str) -> None:
    assert texts(question, passage(text, diagnosis=diagnosis)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Crohn disease is an inflammatory bowel disease.",
        "Unlike appendicitis, Crohn disease shows skip lesions.",
        "In contrast to appendicitis, diverticulitis affects the sigmoid colon.",
        "Similar to appendicitis, a mucocele is a dilated tube on CT.",
        "It looked much like an early appendicitis on ultrasound.",
        "Diverticulitis may mimic appendicitis.",
        "Mesenteric adenitis should be considered.",
    ],
)
def test_a_disease_of_the_differential_is_not_what_was_asked(text: str) -> None:
    assert texts("appendicitis", passage(text)) == []


def test_what_follows_a_sentence_about_another_disease_is_about_that_one() -> None:
    item = passage("Crohn disease is an inflammatory bowel disease. The wall is usually thickened.")
    assert texts("appendicitis", item) == []


def test_a_heading_of_another_disease_leads_away_and_one_of_the_asked_disease_back() -> None:
    item = passage(
        "About Crohn disease:\nThe wall is usually thickened.\nAbout appendicitis:\nThe lumen is usually obstructed."
    )
    assert texts("appendicitis", item) == ["The lumen is usually obstructed."]


def test_findings_are_of_the_disease_that_the_diagnosis_names_first() -> None:
    text = "CT shows a thickened wall."
    assert texts("appendicitis", passage(text, "findings", "Appendicitis secondary to Crohn disease")) == [text]
    assert texts("Crohn disease", passage(text, "findings", "Appendicitis secondary to Crohn disease")) == []
    assert texts("appendicitis", passage(text, "findings", "1. Appendicitis. 2. Crohn disease")) == []


def test_a_case_whose_title_names_it_but_whose_diagnosis_is_another_disease_is_not_about_it() -> None:
    item = replace(passage("CT shows a thickened wall.", "caption", "Crohn disease"), title="Rule out appendicitis")
    assert texts("appendicitis", item) == []


def test_a_name_that_the_lexicon_has_only_the_end_of_counts_whole() -> None:
    text = "Zebra cysts are rare."
    assert texts("zebra cyst", passage(text, diagnosis="Zebra cyst", topic="Zebra cyst")) == [text]
    assert texts("zebra cyst", passage("Arachnoid cysts are common.", diagnosis="Arachnoid cyst")) == []


def test_a_place_that_is_asked_for_beside_a_disease_must_be_there() -> None:
    liver = passage("Metastases are the most common tumors of the liver.", diagnosis="Metastasis to the liver")
    assert texts("metastasis to the brain", liver) == []
    assert texts("metastasis to the liver", liver) != []


def test_one_cases_words_are_told_as_one_cases() -> None:
    assert [one.scope for one in told("appendicitis", passage("CT shows a dilated appendix.", "caption"))] == ["case"]
    own = passage("The patient's appendix was dilated and the appendicitis was removed.")
    assert [one.scope for one in told("appendicitis", own)] == ["case"]
    assert [one.scope for one in told("appendicitis", passage(GENERAL))] == [""]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("In retrocecal appendicitis, pain may be felt in the right upper quadrant.", "retrocecal appendicitis"),
        ("Retrocecal appendicitis may be felt in the right upper quadrant.", "Retrocecal appendicitis"),
        ("In children, appendicitis may be hard to see.", "In children"),
        ("Some cases of appendicitis have no fat stranding.", "Some cases of appendicitis"),
    ],
)
def test_a_sentence_about_some_only_says_of_which(text: str, limit: str) -> None:
    (one,) = told("appendicitis", passage(text))
    assert one.scope == "subset"
    assert one.limit == limit


def test_a_sentence_about_a_kind_of_it_says_of_which_kind() -> None:
    (one,) = told("osteosarcoma", passage("Parosteal osteosarcoma is a surface tumor.", diagnosis="Parosteal osteosarcoma"))
    assert (one.scope, one.limit) == ("subset", "parosteal osteosarcoma")


@pytest.mark.parametrize(
    ("name", "itself"),
    [
        ("Acute appendicitis", True),
        ("Appendicits", True),
        ("appendicits with perforation", True),
        ("Cecitis/appendicitis", True),
        ("Inflammation", True),
        ("Crohn disease", False),
        ("Mesenteric adenitis", False),
    ],
)
def test_a_diagnosis_its_misspelling_and_what_it_is_a_kind_of_are_not_its_differential(name: str, itself: bool) -> None:
    item = passage(name, "differential")
    subject = subject_of("appendicitis", (item,))
    assert subject is not None
    assert is_itself(name, item, subject) is itself


def test_passages_about_something_else_are_no_evidence() -> None:
    other = passage("Crohn disease is an inflammatory bowel disease.", diagnosis="Crohn disease")
    own = passage(GENERAL)
    assert relevant((other, own), subject_of("appendicitis", (other, own))) == (own,)
    assert relevant((other,), subject_of("appendicitis", (other,))) == ()


@pytest.mark.parametrize(
    ("question", "diagnosis", "name", "itself"),
    [
        ("epidermoid", "Suprasellar epidermoid cyst", "Epidermoid inclusion cyst", True),
        ("stroke", "Thromboembolic stroke", "Embolic infarction", True),
        ("brain tumor", "Glioblastoma", "Metastatic disease", True),
        ("pulmonary embolism", "Pulmonary embolism", "Thromboemboli", True),
        ("PE chest", "Pulmonary embolism", "Pulmonary emboli", True),
        ("stroke", "Thromboembolic stroke", "Meningoencephalitis", False),
        ("brain tumor", "Glioblastoma", "Brain abscess", False),
        ("renal cell carcinoma", "Renal cell carcinoma", "Transitional cell carcinoma", False),
    ],
)
def test_a_diagnosis_without_its_place_or_with_more_words_is_itself(
    question: str, diagnosis: str, name: str, itself: bool
) -> None:
    item = passage(name, "differential", diagnosis)
    subject = subject_of(question, (item,))
    assert subject is not None
    assert is_itself(name, item, subject) is itself


def test_a_kind_that_lies_elsewhere_is_no_kind_of_what_is_named_after_its_place() -> None:
    spinal = passage("Spinal meningiomas are benign tumors.", diagnosis="Spinal meningioma")
    assert texts("brain tumor", spinal) == []
    assert texts("meningioma", spinal) != []


def test_of_a_name_and_what_it_is_a_kind_of_the_name_is_asked() -> None:
    assert texts("PCP pneumonia", passage("Pneumonia is an infection.", diagnosis="Pneumonia")) == []


def test_a_case_with_a_disease_tells_nothing_of_what_is_normal() -> None:
    text = "The mass is isointense to normal brain."
    assert texts("normal brain MRI", passage(text, "caption", "Meningioma")) == []
    plain = passage("Axial MRI of the normal brain.", "caption", "")
    assert texts("normal brain MRI", plain) == [plain.text]


@pytest.mark.parametrize(
    ("text", "scope", "limit"),
    [
        ("The gangrenous form of appendicitis is rare.", "subset", "gangrenous form of appendicitis"),
        ("Type II appendicitis is rare.", "subset", "Type II appendicitis"),
        ("Appendicitis in pregnancy is difficult to see.", "subset", "Appendicitis in pregnancy"),
        ("If the appendix has ruptured, appendicitis may show free fluid.", "subset", "If the appendix has ruptured"),
        ("The most common form of appendicitis is obstructive.", "", ""),
        ("The lesion is most likely an inflamed appendix, leading to the diagnosis of appendicitis.", "case", ""),
    ],
)
def test_a_form_a_group_a_condition_and_one_patients_reasoning_are_marked(text: str, scope: str, limit: str) -> None:
    (one,) = told("appendicitis", passage(text))
    assert (one.scope, one.limit) == (scope, limit)


def test_a_line_that_concludes_on_one_patient_is_no_statement() -> None:
    assert texts("appendicitis", passage("Dx: Appendicitis, though other causes can not be ruled out.")) == []


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Hereditary nonpolyposis appendicitis is rare.", "Hereditary nonpolyposis appendicitis"),
        ("Appendicitis arising from a fecalith is often severe.", "Appendicitis arising from a fecalith"),
    ],
)
def test_words_before_and_after_the_name_limit_it(text: str, limit: str) -> None:
    (one,) = told("appendicitis", passage(text))
    assert (one.scope, one.limit) == ("subset", limit)


def test_what_another_disease_lies_beside_is_not_what_is_told_of() -> None:
    text = "The calcification extends toward the adjacent lipoma."
    assert texts("lipoma", passage(text, "caption", "Osteochondroma")) == []


def test_the_mirror_image_of_a_variant_is_another() -> None:
    text = "CT shows a right arch with an aberrant left subclavian artery."
    item = passage(text, "caption", "Right aortic arch with aberrant left subclavian artery")
    assert texts("aberrant right subclavian artery", item) == []
    assert texts("aberrant left subclavian artery", item) == [text]


def test_a_short_form_that_means_something_else_in_a_case_makes_it_no_case_of_the_disease() -> None:
    text = "CT shows a round hollow structure in the middle ear."
    tube = passage(text, "caption", "Migration of PE (tympanostomy) tube", "Migration of tympanostomy tube")
    assert texts("pulmonary embolism", tube) == []
    clot = passage("CT shows a filling defect.", "caption", "Acute PE", "Pulmonary embolism")
    assert texts("pulmonary embolism", clot) == ["CT shows a filling defect."]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("The most common organisms grown from these abscesses are streptococci.", "hepatic abscess"),
        ("Diffusion is restricted within the abscess.", "hepatic abscess"),
        ("The abscesses of all organs are collections of pus.", ""),
        ("An abscess is a collection of pus.", ""),
        ("On CT, abscesses show rim enhancement.", ""),
    ],
)
def test_the_wide_name_may_mean_the_kind_that_a_discussion_is_of(text: str, limit: str) -> None:
    (one,) = told("abscess", passage(text, "discussion", "Liver abscess"))
    assert one.limit == limit


@pytest.mark.parametrize(
    ("question", "text", "diagnosis", "limit"),
    [
        (
            "adenocarcinoma",
            "The most common location for adenocarcinoma is the duodenum.",
            "Adenocarcinoma of the small bowel",
            "small bowel adenocarcinoma",
        ),
        ("lipoma", "Lipomas grow into the bowel.", "Lipomas of the small bowel", "in the small bowel"),
        ("lipoma", "Lipomas are benign tumors of fat.", "Lipomas of the small bowel", ""),
        ("lipoma", "Lipomas are most common in the shoulder.", "Lipomas of the small bowel", ""),
        ("lipoma", "Lipomas may occur in the bowel, the shoulder and the brain.", "Lipomas of the small bowel", ""),
        ("appendicitis", "Appendicitis is an infection of the cecum.", "Appendicitis of the cecum", ""),
    ],
)
def test_what_a_source_about_one_organ_says_of_places_holds_there(
    question: str, text: str, diagnosis: str, limit: str
) -> None:
    (one,) = told(question, passage(text, diagnosis=diagnosis))
    assert one.limit == limit
    assert one.scope == ("subset" if limit else "")


def test_a_part_of_the_body_is_told_of_by_sentences_that_it_is_the_subject_of() -> None:
    text = (
        "The cerebellum is a part of the brain. The flocculus of the cerebellum is no lesion. A mass is in the cerebellum."
    )
    assert texts("cerebellum MRI", passage(text, diagnosis="Meningioma")) == ["The cerebellum is a part of the brain."]
    assert texts("cerebellum", passage("MRI shows a mass of the cerebellum.", "caption", "Mass of the cerebellum")) == []


@pytest.mark.parametrize("question", ["CT", "chest x-ray", "axial T2", "coronal MRI"])
def test_a_kind_of_picture_is_no_subject(question: str) -> None:
    assert subject_of(question, (passage(GENERAL),)) is None
