"""What a prompt says to the starter generator: what leads the image, what does not, and what is refused in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mirage.errors import Unavailable
from mirage.generate.generators.conditions import Conditions, Learnt, closure
from mirage.generate.generators.evidence import Evidence, KindOfPicture, SeenFinding
from mirage.locales import translations_of
from mirage.wording import speaking

NAMES = {
    "computed tomography": "modality",
    "magnetic resonance imaging": "modality",
    "contrast-enhanced CT": "modality",
    "axial": "plane",
    "coronal": "plane",
    "brain": "anatomy",
    "abdomen": "anatomy",
    "liver": "anatomy",
    "brain tumor": "disease",
    "edema": "finding",
    "neoplasm": "disease",
}


@pytest.fixture
def conditions() -> Conditions:
    rng = np.random.default_rng(0)
    learnt = {name: Learnt(kind, 30, 9) for name, kind in NAMES.items()}
    base, states, pooled = rng.standard_normal((2, 4)), rng.standard_normal((11, 4)), rng.standard_normal((12, 3))
    return Conditions(learnt, *(part.astype(np.float32) for part in (base, states, pooled)))


@pytest.fixture
def evidence() -> Evidence:
    kinds = (
        KindOfPicture("MR", "axial", "brain", 270, 8, 8),
        KindOfPicture("CT", "coronal", "abdomen", 40, 2, 8),
        KindOfPicture("CT", "axial", "abdomen", 170, 6, 8),
        KindOfPicture("CT", "axial", "knee", 3),
        KindOfPicture("CT", "sagittal", "abdomen", 20),
    )
    findings = {"edema": SeenFinding(0.8, 0.7, 0.9, 16, 0.85), "neoplasm": SeenFinding(0.5, 0.4, 0.6, 16, 0.7)}
    return Evidence("a reader", kinds, findings)


def test_a_concept_that_was_not_learnt_leads_as_what_is_broader_and_that_is_said(conditions: Conditions) -> None:
    asked = conditions.read("axial brain MRI with a meningioma")
    assert {"axial", "brain", "magnetic resonance imaging", "brain tumor", "neoplasm"} == set(asked.names)
    assert "meningioma (as brain tumor)" in asked.used
    assert asked.unused == ()


def test_what_leads_nothing_is_told_as_it_was_typed(conditions: Conditions) -> None:
    asked = conditions.read("axial MRI of the brain, compared with CT, Blorptangles, no edema")
    assert "computed tomography" not in asked.names, "one modality leads, the first"
    assert "edema" not in asked.names
    assert {"computed tomography", "Blorptangles", "no edema"} <= set(asked.unused)


def test_a_finding_leads_to_the_place_that_it_concerns_where_none_is_named(conditions: Conditions) -> None:
    assert "liver" in conditions.read("hepatocellular carcinoma, CT").names
    assert "liver" not in conditions.read("hepatocellular carcinoma, CT of the brain").names
    assert "body" not in closure(["liver"])


def test_contrast_is_that_of_the_modality(conditions: Conditions) -> None:
    assert "contrast-enhanced CT" in conditions.read("axial CT of the abdomen with contrast").names
    assert conditions.read("axial CT of the abdomen").unused == ()


def test_numbers_do_not_depend_on_what_is_read_beside(conditions: Conditions) -> None:
    states, mask, pooled = conditions.numbers([(), ("axial", "brain", "edema")])
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert not states[0, 2:].any()
    np.testing.assert_array_equal(states[0, :2], conditions.base)
    alone, _, one = conditions.numbers([("axial", "brain", "edema")])
    np.testing.assert_array_equal(states[1], alone[0])
    np.testing.assert_allclose(pooled[1], one[0])
    np.testing.assert_array_equal(pooled[0], conditions.pooled[-1])


def test_what_was_written_is_read_and_what_is_damaged_is_said(conditions: Conditions, tmp_path: Path) -> None:
    conditions.save(tmp_path)
    again = Conditions.load(tmp_path)
    assert again.learnt == conditions.learnt
    np.testing.assert_allclose(again.states, conditions.states, atol=2e-3)
    words = json.loads((tmp_path / "conditions.json").read_text("utf-8"))
    (tmp_path / "conditions.json").write_text(json.dumps({"axial": words["axial"]}), "utf-8")
    with pytest.raises(Unavailable, match="does not belong"):
        Conditions.load(tmp_path)
    (tmp_path / "conditions.npz").write_bytes(b"x")
    with pytest.raises(Unavailable, match="damaged"):
        Conditions.load(tmp_path)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("liver ultrasound", "cannot draw ultrasound"),
        ("PET of the brain", "cannot draw PET"),
        ("mammogram", "cannot draw mammography"),
        ("echocardiogram", "cannot draw ultrasound"),
        ("fundus photograph of the left eye", "cannot draw fundus photograph"),
        ("blorptangles", "knows none of these words"),
        ("axial knee CT", "learnt from 3 pictures"),
        ("sagittal CT of the elbow", "learnt from 0 pictures"),
        ("coronal CT of the abdomen", "2 of 8 recognised by a reader"),
        ("coronal liver CT", "2 of 8 recognised by a reader"),
        ("sagittal CT of the abdomen", "Nobody has looked"),
    ],
)
def test_what_cannot_be_drawn_so_that_it_is_recognised_is_refused(
    prompt: str, said: str, conditions: Conditions, evidence: Evidence
) -> None:
    assert said in evidence.refusal(conditions, conditions.read(prompt))


@pytest.mark.parametrize("prompt", ["axial brain MRI", "abdomen CT", "CT", "brain tumor", "edema", "axial CT"])
def test_what_can_be_drawn_is_drawn(prompt: str, conditions: Conditions, evidence: Evidence) -> None:
    assert evidence.refusal(conditions, conditions.read(prompt)) == ""


def test_of_findings_it_is_said_what_was_measured(conditions: Conditions, evidence: Evidence) -> None:
    said = " ".join(evidence.said([conditions.read("axial brain MRI, edema, neoplasm")]))
    assert "sees more than chance of: edema (AUC 0.80)" in said
    assert "Nothing shows that such an image has what was asked: neoplasm." in said
    notes = " ".join(evidence.notes(conditions))
    assert "refused: coronal abdomen CT." in notes
    assert "edema (AUC 0.80)" in notes
    assert "findings or diseases was not measured" in " ".join(Evidence().notes(conditions))


def test_a_probe_that_does_not_tell_a_finding_on_real_pictures_proves_nothing() -> None:
    assert SeenFinding(0.9, 0.8, 1.0, 16, 0.7).seen
    assert not SeenFinding(0.9, 0.8, 1.0, 16, 0.5).seen
    assert not SeenFinding(0.7, 0.45, 0.9, 16, 0.7).seen


def test_evidence_is_kept_and_where_there_is_none_nothing_is_claimed(evidence: Evidence, tmp_path: Path) -> None:
    evidence.save(tmp_path / "evidence.json")
    assert Evidence.load(tmp_path / "evidence.json") == evidence
    assert Evidence.load(tmp_path / "no.json") == Evidence()
    (tmp_path / "evidence.json").write_text('{"kinds": 3}', "utf-8")
    with pytest.raises(Unavailable, match="damaged"):
        Evidence.load(tmp_path / "evidence.json")
    assert replace(evidence.kinds[0], recognised=3).fails


def test_what_it_can_draw_is_told_in_the_reader_s_language(conditions: Conditions, evidence: Evidence) -> None:
    with speaking(translations_of("es")):
        notes = evidence.notes(conditions)
    assert notes[0].startswith("Ha aprendido ")
    assert " y " in notes[0]
    assert not [note for note in notes if "pictures" in note or "measured" in note]
