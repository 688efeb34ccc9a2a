"""What a sentence says has to be said of the same thing, as strongly, and in the same direction."""

from __future__ import annotations

import pytest

from evidence_maker import passage
from mirage import encoders
from mirage.explain.checker import Checker
from mirage.explain.evidence import Draft


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(encoders.load("starter"))


EVIDENCE = {
    "signal": "The cyst is dark on T1 and bright on T2 without enhancement.",
    "direction": "The stenosis lies 2 cm distal to the origin of the left renal artery.",
    "time": "The headache began after two spinal operations.",
    "strength": "An effusion may be present in pericarditis due to lupus.",
    "rare": "Meningiomas of the spine rarely calcify.",
    "comparison": "Horseshoe kidney is more common in men than in women.",
    "cause": "Cirrhosis leads to ascites in many patients.",
    "link": "There is no known link between sarcoidosis and osteonecrosis.",
    "share": "Of patients with a Bankart lesion, 75 % also have a Hill-Sachs lesion.",
    "measure": "The cecum is dilated to 11.5 cm. The transverse colon is dilated to 9.5 cm.",
    "vitamin": "He takes vitamin B12 for anemia.",
    "chromosome": "Neurofibromatosis type 1 is caused by a mutation on chromosome 17.",
    "stage": "Radical hysterectomy is reserved for cervical cancer of stage I or IIA.",
    "rib": "CT shows destruction of the right seventh rib.",
    "share in words": "Hepatic adenomas are multiple in 20 % of patients.",
    "both": "There is bilateral rupture of the breast implants.",
    "contrast": "Nodular heterotopia shows few seizures, while band heterotopia shows severe developmental delay.",
    "treatment": "The abscess was drained by a catheter.",
}


@pytest.mark.parametrize(
    ("about", "claim"),
    [
        ("signal", "The cyst is bright on T1 and dark on T2."),
        ("direction", "The stenosis lies 2 cm proximal to the origin of the left renal artery."),
        ("time", "The headache began before the spinal operations."),
        ("strength", "In pericarditis due to lupus an effusion is always present."),
        ("rare", "Spinal meningiomas usually calcify."),
        ("comparison", "Horseshoe kidney is more common in women than in men."),
        ("cause", "Ascites leads to cirrhosis."),
        ("link", "Sarcoidosis is a cause of osteonecrosis, for it leads to osteonecrosis."),
        ("share", "Of patients with a Hill-Sachs lesion, 75 % also have a Bankart lesion."),
        ("measure", "The transverse colon measures 11.5 cm."),
        ("vitamin", "He takes vitamin B1 for anemia."),
        ("chromosome", "Neurofibromatosis type 1 is caused by a mutation on chromosome 22."),
        ("stage", "Radical hysterectomy is reserved for cervical cancer of stage I or IIB."),
        ("rib", "CT shows destruction of the right eighth rib."),
        ("share in words", "Hepatic adenomas are multiple in one out of three patients."),
        ("both", "Only the right breast implant is ruptured."),
        ("treatment", "The abscess was drained by a catheter, and the patient died."),
    ],
)
def test_what_is_bound_otherwise_is_marked(checker: Checker, about: str, claim: str) -> None:
    assert checker.check(Draft(claim), (passage(1, EVIDENCE[about]),)).marked


@pytest.mark.parametrize(
    ("about", "claim"),
    [
        ("signal", "On T1 the cyst is hypointense, on T2 it is hyperintense."),
        ("direction", "The narrowing lies 20 mm downstream of the origin of the left renal artery."),
        ("time", "After two operations on the spine a headache began."),
        ("strength", "An effusion can accompany pericarditis in lupus."),
        ("rare", "Calcification is uncommon in spinal meningioma."),
        ("comparison", "Women have a horseshoe kidney less often than men."),
        ("cause", "Ascites can be caused by cirrhosis."),
        ("share", "Three quarters of patients with a Bankart lesion also have a Hill-Sachs lesion."),
        ("measure", "The cecum measures 11.5 cm and the transverse colon 9.5 cm."),
        ("stage", "Radical hysterectomy is kept for stage I or IIA cervical cancer."),
        ("share in words", "One out of five patients with hepatic adenoma has multiple tumors."),
        ("contrast", "Band heterotopia shows severe developmental delay."),
        ("vitamin", "For his anemia he takes vitamin B12."),
    ],
)
def test_the_same_in_other_words_is_not_marked(checker: Checker, about: str, claim: str) -> None:
    assert not checker.check(Draft(claim), (passage(1, EVIDENCE[about]),)).marked


def test_lack_of_something_is_no_denial_of_what_follows_from_it(checker: Checker) -> None:
    evidence = (passage(1, "Wernicke encephalopathy is due to thiamine deficiency in alcoholism."),)
    assert not checker.check(Draft("Lack of thiamine in alcoholism leads to Wernicke encephalopathy."), evidence).marked
    other = (passage(1, "Lack of thiamine causes Wernicke encephalopathy in alcoholism."),)
    assert not checker.check(Draft("Thiamine deficiency causes Wernicke encephalopathy."), other).marked


BOTH = {
    "both": "There are stones in both kidneys.",
    "two": "There are stones in the left and the right kidney.",
    "one": "There is a stone in the left kidney. Both kidneys are normal in size.",
    "each": "There is a fracture of the right hip. There is a fracture of the left hip.",
    "shown": "CT of both kidneys shows a stone on the right.",
    "other": "The right ovary has a cyst. Both ovaries are enlarged.",
    "ways": "A mass in the left kidney is seen on CT and MRI.",
    "lungs": "Both lungs contain nodules and the right lung has a cavity.",
    "large": "Both kidneys are enlarged, with a stone on the right.",
    "ovaries": "Both ovaries are enlarged; the right one contains a cyst.",
    "denied": "There is no stone in the right kidney. There is a stone in the left kidney.",
    "free": "The right kidney is free of stones. There is a stone in the left kidney.",
    "ureter": "There is a stone in the right ureter. There is a stone in the left kidney.",
}


@pytest.mark.parametrize(
    ("about", "claim", "marked"),
    [
        ("both", "There are stones in the left kidney only.", True),
        ("two", "There are stones in both kidneys.", False),
        ("two", "There are stones in the left kidney only.", True),
        ("one", "There are stones in both kidneys.", True),
        ("one", "There is a stone in the right kidney.", True),
        ("one", "There is a stone in the left kidney only.", False),
        ("each", "There are fractures of both hips.", False),
        ("shown", "There is a stone in the right kidney only.", False),
        ("shown", "There is a stone in the left kidney.", True),
        ("other", "The left ovary has a cyst.", True),
        ("ways", "Both CT and MRI show a mass in the left kidney.", False),
        ("lungs", "The left lung has a cavity.", True),
        ("large", "There is a stone in the left kidney.", True),
        ("ovaries", "The left ovary contains a cyst.", True),
        ("ovaries", "There is a cyst in the left ovary.", True),
        ("denied", "There are stones in both kidneys.", True),
        ("free", "There are stones in both kidneys.", True),
        ("ureter", "There are stones in both kidneys.", True),
    ],
)
def test_both_sides_are_said_of_one_thing(checker: Checker, about: str, claim: str, marked: bool) -> None:
    assert checker.check(Draft(claim), (passage(1, BOTH[about]),)).marked == marked


RETOLD = {
    "lists": "Of 29 patients 3 had pneumomediastinum and 12 had pneumothorax.",
    "sizes": "There is a 2.4 cm aneurysm of the celiac artery. The infrarenal aorta has an aneurysm of 4 cm.",
    "sides": "The right transverse sinus is hypoplastic. The dominant left transverse sinus is dense.",
    "arteries": "The geniculate body is supplied by the lateral posterior choroidal artery.",
    "share": "Optic neuritis is bilateral in 30% of cases.",
    "ratio": "The male to female ratio of osteonecrosis is 8 to 1.",
    "vertebra": "Uniformly dense vertebra at T-7 with no abnormality of its contour.",
    "modality": "MR is the best imaging modality for optic neuritis.",
    "films": "CT is more sensitive than plain films for gas in the bowel wall.",
    "cause": "Hypotension is thought to have induced acute renal cortical necrosis.",
    "short": "Steroids lead to ectasia of the liver. Hepatic adenomas (HA) are benign. Ectasia induces HA.",
    "type": "His history includes a type B dissection of the thoracic aorta.",
    "states": "The ossicles are intact. However, the scutum is blunted.",
}


@pytest.mark.parametrize(
    ("about", "claim"),
    [
        ("lists", "Of 29 patients, 12 had air in the mediastinum and 3 had a pneumothorax."),
        ("sizes", "The aneurysm of the celiac artery measures 4 cm and that of the aorta 2.4 cm."),
        ("sides", "The left transverse sinus is hypoplastic, whereas the right one is the dominant and dense one."),
        ("arteries", "The geniculate body is fed by the medial posterior choroidal artery."),
        ("share", "Optic neuritis is bilateral in most cases."),
        ("ratio", "Osteonecrosis affects eight women for every man."),
        ("vertebra", "The eighth thoracic vertebra is uniformly dense."),
        ("modality", "CT is the best imaging modality for optic neuritis."),
        ("films", "Plain films are more sensitive than CT for gas in the wall of the bowel."),
        ("cause", "Renal cortical necrosis is assumed to have brought on the hypotension."),
        ("short", "It is the adenoma that brings about the ectasia."),
        ("type", "He once had a type A dissection of the thoracic aorta."),
        ("states", "The ossicles are eroded, while the scutum is intact."),
    ],
)
def test_a_value_that_another_thing_has_is_marked(checker: Checker, about: str, claim: str) -> None:
    assert checker.check(Draft(claim), (passage(1, RETOLD[about]),)).marked


@pytest.mark.parametrize(
    ("about", "claim"),
    [
        ("lists", "Twelve of the 29 had a pneumothorax and three had air in the mediastinum."),
        ("sizes", "The aneurysm of the aorta measures 40 mm, that of the celiac artery 24 mm."),
        ("sides", "The left transverse sinus is dense and dominant, whereas the right one is hypoplastic."),
        ("arteries", "The lateral posterior choroidal artery feeds the geniculate body."),
        ("share", "In three out of ten cases optic neuritis is bilateral."),
        ("ratio", "Osteonecrosis affects eight men for every woman."),
        ("vertebra", "The seventh thoracic vertebra is uniformly dense, and its contour is normal."),
        ("films", "Plain films are less sensitive than CT."),
        ("cause", "A fall in blood pressure may have led to death of the renal cortex."),
        ("type", "He has had a type B dissection of the thoracic aorta."),
        ("states", "The scutum is blunted, but the ossicles are intact."),
    ],
)
def test_a_value_told_in_other_words_is_not_marked(checker: Checker, about: str, claim: str) -> None:
    assert not checker.check(Draft(claim), (passage(1, RETOLD[about]),)).marked


def test_a_copy_with_one_side_or_number_changed_is_marked(checker: Checker) -> None:
    evidence = (passage(1, "Axial CT shows a 3 cm mass in the left adrenal gland and a cyst in the right kidney."),)
    for wrong in (
        "Axial CT shows a 3 cm mass in the right adrenal gland and a cyst in the left kidney.",
        "Axial CT shows a 5 cm mass in the left adrenal gland and a cyst in the right kidney.",
        "Axial CT shows no 3 cm mass in the left adrenal gland and a cyst in the right kidney.",
    ):
        assert checker.check(Draft(wrong), evidence).marked
    assert not checker.check(
        Draft("A 3 cm mass lies in the left adrenal gland; the right kidney has a cyst."), evidence
    ).marked


def test_a_word_of_another_part_of_speech_is_no_invention(checker: Checker) -> None:
    evidence = (
        passage(1, "Most cavernous angiomas are supratentorial. An intimal flap was reported by a study in Israel."),
    )
    assert not checker.check(Draft("Most cavernous angiomas lie above the tentorium."), evidence).marked
    assert checker.check(Draft("Most cavernous angiomas lie below the tentorium."), evidence).support != "unsupported"
