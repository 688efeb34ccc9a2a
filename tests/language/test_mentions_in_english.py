"""What an English caption says of each thing that it names."""

from __future__ import annotations

import pytest

from mirage.language.mentions import mentions

SAID = """
Unlikely to represent lymphoma. | lymphoma | denied
Low probability for pulmonary embolism. | pulmonary embolism | denied
Neg. for fracture | fracture | denied
No longer seen pneumothorax | pneumothorax | denied
Appendicitis? | appendicitis | possible
? appendicitis | appendicitis | possible
Question of appendicitis. | appendicitis | possible
Differential diagnosis includes sarcoidosis. | sarcoidosis | possible
The patient's mother had breast cancer. | breast cancer | named
Not shown: the intussusception of the patient. | intussusception | named
Meningioma mimic: a dural metastasis. | meningioma | named
Meningioma mimic: a dural metastasis. | metastasis | affirmed
The appendicitis was treated 5 years ago. | appendicitis | history
No evidence of hemorrhage within the glioblastoma. | hemorrhage | denied
No evidence of hemorrhage within the glioblastoma. | glioblastoma | affirmed
No surrounding edema around the abscess. | abscess | affirmed
Mass without calcification consistent with meningioma. | meningioma | affirmed
Findings not consistent with meningioma. | meningioma | denied
There was no response to treatment of the lymphoma. | lymphoma | affirmed
Absence of flow void in the left carotid indicating thrombosis. | thrombosis | affirmed
No pulmonary nodules to suggest metastasis. | metastasis | denied
No fracture of the femur or dislocation. | dislocation | denied
Doubtful for abscess. | abscess | possible
Abscess is doubtful. | abscess | possible
The abscess was felt to be less likely. | abscess | possible
Meningioma is suspected. | meningioma | possible
The abscess is likely due to appendicitis. | abscess | affirmed
Meningioma is considered a benign tumor. | meningioma | affirmed
The known fibrous dysplasia is again seen. | fibrous dysplasia | affirmed
"""


@pytest.mark.parametrize("line", SAID.strip().splitlines())
def test_a_caption_says_of_a_thing_what_a_reader_takes_from_it(line: str) -> None:
    text, concept, polarity = (part.strip() for part in line.split("|"))
    assert (concept, polarity) in [(mention.concept, mention.polarity) for mention in mentions(text)]
