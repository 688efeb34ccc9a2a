"""Labels that a caption contradicts."""

from __future__ import annotations

import pytest

from mirage.figure import Figure, Source
from mirage.language.labels import contradicted


def labelled(modality: str, plane: str, caption: str) -> tuple[tuple[str, str], ...]:
    return contradicted(Figure("f:1", caption, Source("f", ""), modality=modality, plane=plane, case_id="f:case"))


@pytest.mark.parametrize(
    ("modality", "plane", "caption", "found"),
    [
        ("CT", "axial", "MR: a lesion in the left parietal lobe.", (("modality", "MR"),)),
        ("CT", "axial", "Axial T2-weighted image shows oedema.", (("modality", "MR"),)),
        ("MR", "", "CT scan with contrast shows a mass.", (("modality", "CT"),)),
        ("MR", "axial", "Plain film of the shoulder.", (("modality", "XR"),)),
        ("MR", "axial", "Coronal FLAIR image.", (("plane", "coronal"),)),
        ("CT", "axial", "Sagittal MRI of the knee.", (("modality", "MR"), ("plane", "sagittal"))),
        ("CT", "axial", "Radiografía de tórax que muestra una neumonía.", (("modality", "XR"),)),
        ("CT", "axial", "Resonancia magnética sagital de la rodilla.", (("modality", "MR"), ("plane", "sagittal"))),
        ("MR", "", "Ecografía del riñón izquierdo sin cálculos.", (("modality", "US"),)),
    ],
)
def test_a_caption_that_names_another_kind_of_picture_contradicts_its_label(
    modality: str, plane: str, caption: str, found: tuple[tuple[str, str], ...]
) -> None:
    assert labelled(modality, plane, caption) == found


@pytest.mark.parametrize(
    ("modality", "plane", "caption"),
    [
        ("CT", "axial", "Axial CT of the head."),
        ("CT", "axial", "A mass that was better seen on MRI."),
        ("MR", "axial", "A cyst, in comparison with the prior CT."),
        ("CT", "axial", "A: axial CT. B: coronal MRI."),
        ("CT", "axial", "Ultrasound-guided biopsy of the mass."),
        ("CT", "axial", "Non-contrast CT of the abdomen."),
        ("CT", "axial", "There is no MRI."),
        ("CT", "axial", "CT pulmonary angiogram."),
        ("CT", "axial", "Thrombosis of the superior sagittal sinus; the coronal suture is open."),
        ("PT", "axial", "Fused CT shows uptake."),
        ("XR", "frontal", "Frontal radiograph of the chest; axial skeleton."),
        ("", "", "Coronal MRI."),
        ("CT", "axial", "TC axial del tórax, comparada con la radiografía previa."),
        ("CT", "axial", "TC de la misma paciente que en la resonancia magnética anterior."),
        ("CT", "axial", "Biopsia de la lesión guiada por ecografía."),
        ("CT", "axial", "Trombosis del seno sagital en la TC y sutura coronal abierta."),
        ("CT", "axial", "Röntgen-Thorax ohne Befund."),
    ],
)
def test_a_second_study_and_several_panels_contradict_nothing(modality: str, plane: str, caption: str) -> None:
    assert labelled(modality, plane, caption) == ()


def test_a_contradiction_is_said_in_words() -> None:
    figure = Figure("f:1", "", Source("f", ""), modality="CT", contradicted=(("modality", "MR"),))
    assert figure.contradictions == ("labelled CT; the caption says MRI",)
