"""What the checker catches, and what it rightly lets stand."""

from __future__ import annotations

import pytest

from evidence_maker import EVERY
from mirage import encoders
from mirage.explain.checker import Checker
from mirage.explain.evidence import Claim, Draft


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(encoders.load("starter"))


def check(checker: Checker, text: str) -> Claim:
    return checker.check(Draft(text), EVERY, "")


FAITHFUL = [
    "A heterogeneous tumour of 36 mm lies at the top of the left kidney.",
    "In the left kidney there is a mass; the right kidney looks normal.",
    "The renal vein is not invaded.",
    "The renal mass is on the left, not on the right.",
    "The mass holds 2 small calcifications.",
    "An enhancing mass arises from the dura along the falx and presses on the frontal lobe.",
    "There is vasogenic oedema around the lesion but no bleeding.",
    "The ventricles are of normal size.",
    "The ventricles are not enlarged.",
    "Computed tomography shows a thick-walled cavity in the right upper lobe of the lung.",
    "RUL cavity with a small pleural effusion on the right.",
    "Lymph nodes in the mediastinum are up to 1.4 cm in size.",
    "Tuberculosis that returns after the first infection usually affects the apices of the upper lobes.",
    "About 20 to 45 percent of patients show cavities.",
    "Both femoral heads show a serpiginous line of low signal on T1.",
    "The articular surface has not collapsed and the joint space is kept.",
    "The appendix is dilated to 1.2 cm, with stranding of the fat around it.",
    "There is neither an abscess nor free air.",
    "An appendicolith is seen at the base of the appendix.",
    "The patient had no haemoptysis.",
]
WRONG = [
    ("A 3.6 cm mass lies in the upper pole of the right kidney.", "contradicted", "laterality"),
    ("A small left pleural effusion is present.", "contradicted", "laterality"),
    ("The left kidney is unremarkable.", "contradicted", "laterality"),
    ("There is renal vein invasion.", "contradicted", "negation"),
    ("Hemorrhage is seen around the dural-based mass.", "contradicted", "negation"),
    ("The ventricles are dilated.", "contradicted", "negation"),
    ("An abscess and free air are present.", "contradicted", "negation"),
    ("The mass along the falx does not enhance.", "contradicted", "negation"),
    ("The mass in the left kidney measures 6.3 cm.", "contradicted", "number"),
    ("The appendix measures 12 cm.", "contradicted", "number"),
    ("Three small calcifications are seen within the mass.", "contradicted", "number"),
    ("MRI shows a cavitary lesion in the right upper lobe.", "contradicted", "modality"),
    ("Sagittal T2-weighted MRI demonstrates an enhancing, dural-based mass along the falx.", "contradicted", "modality"),
    ("Axial T1-weighted image shows a low-signal line in both femoral heads.", "contradicted", "plane"),
    ("The dural-based mass along the falx is a schwannoma.", "unsupported", "term"),
    ("The dural-based mass compresses the cerebellum.", "unsupported", "term"),
    ("A cavitary lesion is seen in the right lower lobe.", "unsupported", "term"),
    ("Moyamoya vessels surround the enhancing dural mass.", "unsupported", "term"),
    ("The gallbladder holds stones and its wall is thickened.", "unsupported", "unrelated"),
    ("The stock market fell sharply on Monday.", "unsupported", "unrelated"),
]


@pytest.mark.parametrize("text", FAITHFUL)
def test_a_faithful_sentence_is_not_marked(checker: Checker, text: str) -> None:
    claim = check(checker, text)
    assert not claim.marked, claim.breaks


@pytest.mark.parametrize(("text", "support", "kind"), WRONG)
def test_a_wrong_sentence_is_marked_for_what_is_wrong(checker: Checker, text: str, support: str, kind: str) -> None:
    claim = check(checker, text)
    assert claim.marked
    assert kind in {broken.kind for broken in claim.breaks}, claim.breaks
    if support == "contradicted" and kind != "term":
        assert claim.support == "contradicted"
