"""A sentence that denies what its evidence states is never called supported, however it denies it."""

from __future__ import annotations

import pytest

from evidence_maker import passage
from mirage import encoders
from mirage.explain.checker import Checker
from mirage.explain.evidence import Draft
from mirage.language import negation

AFFIRMING = (
    passage(
        1,
        "Axial CT of the chest shows a large left pleural effusion. A nodule in the right upper lobe enhances avidly. "
        "There is pneumonia in the left lower lobe. An acute fracture of the sixth rib is present. "
        "The mediastinal lymph nodes are enlarged.",
        title="Pneumonia", diagnosis="Pneumonia", modality="CT", plane="axial", region="thorax",
    ),
    passage(
        2,
        "Axial MRI of the brain demonstrates hydrocephalus. The ventricles are dilated. There is hemorrhage in the pons. "
        "A cyst compresses the cerebellum. Vasogenic edema surrounds the mass.",
        title="Pontine hemorrhage", diagnosis="Hemorrhage", modality="MR", plane="axial", region="brain",
    ),
)  # fmt: skip
DENIALS = """
CT doesn't show a left pleural effusion.
CT doesn’t show a left pleural effusion.
CT does not show a left pleural effusion.
CT didn't show a left pleural effusion.
There isn't a left pleural effusion.
A left pleural effusion isn't present.
A left pleural effusion wasn't seen.
A left pleural effusion can't be seen.
A left pleural effusion couldn't be identified.
A left pleural effusion cannot be seen.
A left pleural effusion was ruled out.
A left pleural effusion has been excluded.
A left pleural effusion is unlikely.
CT rules out a left pleural effusion.
The left pleural effusion has resolved.
The left pleural effusion is no longer seen.
The left pleural effusion is absent.
The left chest is free of pleural effusion.
The nodule in the right upper lobe doesn't enhance.
The nodule in the right upper lobe fails to enhance.
The nodule in the right upper lobe doesnt enhance.
Pneumonia in the left lower lobe is unlikely.
Pneumonia of the left lower lobe was ruled out.
There is neither pneumonia nor a rib fracture.
An acute rib fracture couldn't be found.
There is absence of a rib fracture.
The mediastinal lymph nodes aren't enlarged.
The mediastinal lymph nodes weren't enlarged.
MRI is negative for hemorrhage in the pons.
Hemorrhage in the pons hasn't been demonstrated.
MRI fails to reveal hydrocephalus.
MRI failed to demonstrate hydrocephalus.
The ventricles aren't dilated.
The ventricles haven't dilated.
Hydrocephalus was never present.
There is no longer any hydrocephalus.
The cyst doesn't compress the cerebellum.
Vasogenic edema around the mass is not evident.
The brain lacks vasogenic edema.
Left pleural effusion: none.
Left pleural effusion: absent.
It is unlikely that there is pneumonia.
Hydrocephalus did not develop.
Hydrocephalus hasn't developed.
Hemorrhage in the pons was not confirmed.
The ventricles fail to dilate.
The cyst doesn't exist.
Pneumonia, which was suspected, has been excluded.
The scan argues against pneumonia.
At no time was hydrocephalus seen.
""".strip().splitlines()
# These deny nothing that the evidence states.
OTHERS = """
There is no increase in the left pleural effusion.
The left pleural effusion is not only present but also large.
There is a left pleural effusion, but no abscess.
Pneumonia of the left lower lobe cannot be excluded.
There is no doubt that the ventricles are dilated.
""".strip().splitlines()


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(encoders.load("starter"))


@pytest.mark.parametrize("text", DENIALS)
def test_a_denial_of_what_the_evidence_states_is_contradicted(checker: Checker, text: str) -> None:
    claim = checker.check(Draft(text), AFFIRMING)
    assert claim.support == "contradicted", claim.breaks
    assert "negation" in {broken.kind for broken in claim.breaks}


@pytest.mark.parametrize("text", OTHERS)
def test_what_only_looks_like_a_denial_is_not_held_against_it(checker: Checker, text: str) -> None:
    claim = checker.check(Draft(text), AFFIRMING)
    assert "negation" not in {broken.kind for broken in claim.breaks}, claim.breaks


@pytest.mark.parametrize("word", [word for word in negation.CONTRACTED if word != "ain't"])
@pytest.mark.parametrize("apostrophe", ["'", "’"])
def test_every_contracted_not_denies(checker: Checker, word: str, apostrophe: str) -> None:
    cue = word.replace("'", apostrophe)
    participle = word.startswith(("is", "are", "was", "were", "has", "have", "had"))
    text = f"A left pleural effusion {cue} {'seen' if participle else 'be seen'}."
    text = text.replace(" seen", " been seen") if word.startswith("ha") else text
    assert checker.check(Draft(text), AFFIRMING).support == "contradicted"


def test_a_scan_that_is_called_negative_is_not_supported_by_what_it_shows(checker: Checker) -> None:
    assert checker.check(Draft("CT is negative."), AFFIRMING).support != "supported"


def test_what_is_only_to_be_ruled_out_is_not_stated(checker: Checker) -> None:
    evidence = (passage(1, "CT of the chest was performed to rule out a pulmonary embolism. A rib fracture is seen."),)
    claim = checker.check(Draft("CT of the chest shows a pulmonary embolism."), evidence)
    assert claim.support != "supported"
    assert "negation" in {broken.kind for broken in claim.breaks}


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        ("There is no evidence whatsoever of lymphoma.", "There is lymphoma."),
        ("No convincing evidence for osteomyelitis was found.", "There is osteomyelitis."),
        ("Not a trace of hemorrhage was left.", "Hemorrhage is present."),
        ("Pneumonia could not be found.", "Pneumonia is found."),
        ("An aneurysm is nowhere to be seen.", "An aneurysm is seen."),
        ("Hardly any effusion is left.", "There is effusion."),
        ("Hemorrhage has cleared.", "Hemorrhage is present."),
        ("At no point was a fracture seen.", "A fracture was seen."),
        ("The suspected abscess turned out to be absent.", "An abscess is present."),
    ],
)
def test_what_is_denied_in_other_words_is_not_supported(checker: Checker, evidence: str, text: str) -> None:
    assert checker.check(Draft(text), (passage(1, evidence),)).support != "supported"


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        ("A negative biopsy despite obvious lymphoma on CT.", "There is obvious lymphoma on CT."),
        ("An effusion that was not there before is seen.", "An effusion is seen."),
        ("No one missed the pneumothorax on the film.", "There is a pneumothorax on the film."),
    ],
)
def test_what_denies_something_else_does_not_contradict(checker: Checker, evidence: str, text: str) -> None:
    assert checker.check(Draft(text), (passage(1, evidence),)).support != "contradicted"
