"""What looks as if it told who a patient is."""

from __future__ import annotations

import pytest

from mirage.corpora.personal import _DICOM_NAME, DATE, NAME, NUMBER, in_name, in_words


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("Smith_John_knee.png", {NAME}),
        ("SMITH^JOHN.dcm", {NAME}),
        ("hernandez maria.png", {NAME}),
        ("Müller_Jürgen/01.png", {NAME}),
        ("Patient Meier.png", {NAME}),
        ("knee 2023-11-05.png", {DATE}),
        ("5.11.23.png", {DATE}),
        ("MRN00123456.png", {NUMBER}),
        ("1.2.840.113619.2.55.3.dcm", {NUMBER}),
        ("Kowalska Zofia 20210304.png", {NAME, DATE}),
        ("Erika Mustermann", {NAME}),
        ("Müller Hans Röntgen", {NAME}),
        ("dieter kopf.png", {NAME}),
        ("Schmitz Kowalski Kurs", {NAME}),
        ("Lefèvre Camille genou", {NAME}),
        ("Pereira João.png", {NAME}),
        ("Rossi Giuseppe ginocchio", {NAME}),
        ("Frau Yilmaz", {NAME}),
        ("Hans 12.03.1965", {DATE}),
        ("Patient 4711223", {NUMBER}),
        ("PAT4711223/IM000001", {NUMBER}),
        ("IMG_20240305.jpg", {DATE}),
        ("I123456789.dcm", {NUMBER}),
        ("山田太郎.png", {NAME}),
        ("王小明/1.png", {NAME}),
        ("김철수.png", {NAME}),
        ("محمد علي.png", {NAME}),
        ("иванов иван.png", {NAME}),
        ("Nguyen Van An.png", {NAME}),
        ("Smith, J..png", {NAME}),
        ("J_Kowalski 2.png", {NAME}),
        ("3Mar1965.png", {DATE}),
        ("12. März 1965.png", {DATE}),
        ("March 3, 1965.png", {DATE}),
        ("1965年3月12日.png", {DATE}),
        ("MRN 4711.png", {NUMBER}),
        ("Patienten-Nr. 4711.png", {NUMBER}),
    ],
)
def test_a_name_a_date_or_a_number_in_the_name_of_a_file_is_told(label: str, found: set[str]) -> None:
    assert set(in_name(label)) == found


@pytest.mark.parametrize(
    "label",
    [
        "IMG_0001.png",
        "knee/01.png",
        "Chest Xray Lateral.png",
        "Colles Fracture.png",
        "Subdural Hematoma.png",
        "ct 3.5.2.png",
        "Röntgen Kurs",
        "Kopf MRT.nii.gz",
        "Knie Übungen 2",
        "Schädel Anatomie",
        "Cours Imagerie",
        "Épaule Gauche",
        "Curso Rodilla",
        "Clases Tórax",
        "Corso Radiologia",
        "Ginocchio Sinistro",
        "Aula Joelho",
        "Pulmões Casos",
        "IM000001",
        "SE000001/IM000003.dcm",
        "IMG_0001234.jpg",
        "DSC0123456",
        "I0000001",
        "肺炎.png",
        "高血压.png",
        "胸部CT.png",
        "перелом запястья.png",
        "Weber C.png",
        "May 2.png",
        "slice 120 140.png",
        "Mars 12.png",
    ],
)
def test_names_that_tell_of_nobody_are_left_alone(label: str) -> None:
    assert in_name(label) == ()


def test_words_are_read_for_the_same_things() -> None:
    assert in_words("MRI of Mr Smith, 12.03.2021") == (DATE, NAME)
    assert in_words("A 34-year-old man; 3.5 mm slices at 1.5 T") == ()
    assert in_words("患者 山田太郎 57歳") == in_words("Мужчина Иванов Иван, 57 лет") == (NAME,)
    assert in_words("born 3 March 1965; SSN 123-45-6789, NHS 943 476 5919") == (DATE, NUMBER)
    assert in_words("患者 男性 57歳") == in_words("Follow-up in May 2023") == in_words("3 markers 12 mm apart") == ()


@pytest.mark.parametrize(
    "title",
    ["Erika Mustermann", "MUSTERMANN ERIKA", "Doe, John", "Müller Hans", "Müller, Hans-Peter", "Wiśniewska Zofia"],
)
def test_a_short_text_that_is_a_name_and_nothing_else_is_told(title: str) -> None:
    assert in_words(title) == (NAME,)


@pytest.mark.parametrize(
    "title",
    [
        "Morbus Crohn", "Hodgkin Lymphoma", "Chest Xray", "Aortic Arch", "Swyer-James Syndrome", "Guillain Barré",
        "Cas Clinique", "Osgood Schlatter", "Thorax Röntgen", "Bone Scan", "Normal", "Glioblastoma Multiforme",
    ],
)  # fmt: skip
def test_no_title_of_a_case_is_taken_for_a_name(title: str) -> None:
    assert in_words(title) == ()


def test_no_more_is_looked_at_than_a_cell_may_hold() -> None:
    assert in_words("a" * 100_000 + " Mr Smith") == ()
    assert in_words("a" * 99_000 + " Mr Smith, 12.03.2021, 12.03.2021 or 1.2.3.4.5.6") == (NUMBER, DATE, NAME)
    # A name begins where a word does: else every letter of a long word would be tried as a beginning.
    assert [found.start() for found in _DICOM_NAME.finditer("xx roe^jane")] == [3]
    assert not _DICOM_NAME.match("roe^jane", 1)
