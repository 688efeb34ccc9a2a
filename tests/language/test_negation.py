"""What a sentence denies, leaves open, and only seems to deny."""

from __future__ import annotations

import pytest

from mirage.language import negation
from mirage.language.annotation import annotate

# Sentence and a word of what it denies.
DENIALS = """
There is no hemorrhage. | hemorrhage
No evidence of hydrocephalus. | hydrocephalus
The lesion is homogeneous without calcification. | calcification
The vein is not invaded. | invaded
Hemorrhage is not seen. | hemorrhage
A mass is never visible. | mass
The mass doesn't enhance. | enhance
The mass doesn’t enhance. | enhance
CT doesn't show hydrocephalus. | hydrocephalus
The mass does not clearly enhance. | enhance
The nodes don't enhance. | enhance
The scan didn't show an effusion. | effusion
Hydrocephalus isn't present. | hydrocephalus
The ventricles aren't dilated. | dilated
Edema wasn't seen. | edema
Fractures weren't identified. | fractures
The tumor hasn't invaded the dura. | invaded
The ventricles haven't enlarged. | enlarged
CT hadn't shown an abscess. | abscess
An aneurysm can't be seen. | aneurysm
A fracture couldn't be identified. | fracture
The cyst won't enhance. | enhance
The mass wouldn't enhance. | enhance
The cyst mustn't enhance. | enhance
The cyst shouldn't enhance. | enhance
The cyst needn't enhance. | enhance
The cyst ain't enhancing. | enhancing
Calcifications cannot be seen. | calcifications
The cyst doesnt enhance. | enhance
Edema wasnt seen. | edema
Hydrocephalus isnt present. | hydrocephalus
Pneumothorax was ruled out. | pneumothorax
CT rules out a hematoma. | hematoma
CT ruled out a hematoma. | hematoma
A fracture has been excluded. | fracture
The scan excludes an aneurysm. | aneurysm
Pneumonia is unlikely. | pneumonia
Pneumonia is felt to be unlikely. | pneumonia
The nodule is unlikely to be an abscess. | abscess
The lesion fails to enhance. | enhance
MRI failed to reveal a syrinx. | syrinx
The pleural space is free of effusion. | effusion
The joint is free from effusion. | effusion
There is an absence of edema. | edema
Flow is absent. | flow
Absent enhancement is noted. | enhancement
The scan is negative for hemorrhage. | hemorrhage
The effusion is no longer seen. | effusion
There is no longer an effusion. | effusion
The effusion has resolved. | effusion
An effusion that has resolved. | effusion
There is neither hemorrhage nor hydrocephalus. | hydrocephalus
Neither an abscess nor a fistula is seen. | abscess
None of the ventricles are dilated. | dilated
The patient denied hemoptysis. | hemoptysis
The kidney lacks enhancement. | enhancement
Nothing suggests hemorrhage. | hemorrhage
The lungs are clear of nodules. | nodules
There is no mass, edema or hemorrhage. | hemorrhage
MRI did not find hydrocephalus. | hydrocephalus
CT has not shown hydrocephalus. | hydrocephalus
"""
# Sentence and a word of what it does not deny.
AFFIRMATIONS = """
There is hemorrhage. | hemorrhage
There is no increase in the edema. | edema
There has been no change in the mass. | mass
No significant interval change in the hematoma. | hematoma
The lesion is not only cystic but also calcified. | calcified
The abscess is not uncommon. | abscess
There is no doubt that this is an abscess. | abscess
Gram negative pneumonia is seen. | pneumonia
There is no hemorrhage, but edema is seen. | edema
No mass is seen; however, hydrocephalus is present. | hydrocephalus
There is no mass effect although edema is seen. | edema
Aside from a small effusion, nothing is seen. | effusion
No abnormality aside from a small effusion. | effusion
No abnormality other than a fracture. | fracture
No fracture is seen except a nodule. | nodule
Hydrocephalus is due to a mass, not to hemorrhage. | mass
There is no hydrocephalus secondary to the mass. | mass
The tumor does exist beside the toe and shoes a calcification. | calcification
CT with and without contrast shows an abscess. | abscess
The hemorrhage is no more than 3 mm wide. | hemorrhage
The aneurysm was reached without difficulty. | aneurysm
Pneumonia is not unlikely. | pneumonia
The effusion is not absent. | effusion
A mass which does not enhance displaces the ventricle. | mass
Edema is present and hemorrhage is absent. | edema
Hemorrhage is ruled out because the nodule is calcified. | calcified
Not all of the nodules calcify. | nodules
The wound cant be closed over the fracture. | fracture
Whether or not a stone is present, the ureter is dilated. | dilated
"""
# Sentence and a word that it neither affirms nor denies.
OPEN = """
Rule out pneumonia. | pneumonia
CT was performed to rule out a hematoma. | hematoma
MRI was obtained to exclude an abscess. | abscess
Pneumonia cannot be excluded. | pneumonia
Pneumonia can't be ruled out. | pneumonia
An abscess isn't excluded. | abscess
The findings do not rule out a fracture. | fracture
A fracture should be excluded. | fracture
It is not certain whether there is an abscess. | abscess
"""


def cases(table: str) -> list[tuple[str, ...]]:
    return [tuple(part.strip() for part in line.split("|")) for line in table.strip().splitlines()]


def concept(word: str) -> str:
    (found,) = annotate(word).concepts
    return found


@pytest.mark.parametrize(("sentence", "word"), cases(DENIALS))
def test_what_is_denied_is_read_as_denied(sentence: str, word: str) -> None:
    found = annotate(sentence)
    assert concept(word) in found.denied
    assert concept(word) not in found.affirmed


@pytest.mark.parametrize(("sentence", "word"), cases(AFFIRMATIONS))
def test_what_only_stands_near_a_denial_is_read_as_affirmed(sentence: str, word: str) -> None:
    found = annotate(sentence)
    assert concept(word) in found.affirmed
    assert concept(word) not in {head for denial in found.denials for head in denial.heads}


@pytest.mark.parametrize(("sentence", "word"), cases(OPEN))
def test_what_is_to_be_ruled_out_is_neither_affirmed_nor_denied(sentence: str, word: str) -> None:
    found = annotate(sentence)
    assert concept(word) in {head for question in found.questions for head in question.heads}
    assert concept(word) not in found.affirmed | found.denied


def test_no_increase_denies_the_increase() -> None:
    assert concept("increase") in annotate("There is no increase in the edema.").denied


def test_a_denial_tells_its_words() -> None:
    (denial,) = annotate("The mass doesn’t enhance.").denials
    assert denial.words == "doesn’t enhance"


@pytest.mark.parametrize("sentence", ["There is NO edema.", "The mass doesn’t enhance.", "No evidence (no edema), it says."])
def test_a_sentence_that_may_deny_is_told_from_its_words_alone(sentence: str) -> None:
    assert negation.may_deny(sentence)
    assert annotate(sentence).denials
    assert not negation.may_deny("A nodule is seen; nothingness and notable findings lie beside the notch.")
