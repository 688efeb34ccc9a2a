"""Is this a prompt for a generator of medical images? A simple rule with its reasons, no judge of people's intentions.

A prompt is taken when it names something medical: a modality or a plane, a body region or structure, a disease or
finding, or a word that ends as names of diseases do. It is refused when it names nothing of the kind, and when it asks for
the likeness of a person: a portrait, a photo of somebody, or "of" two names with capitals that are no medical words.
"""

from __future__ import annotations

import re

from mirage.errors import BadInput
from mirage.language.annotation import annotate
from mirage.language.words import fold

FOR = (
    "It draws medical images for teaching, as in “axial brain MRI”, “frontal chest X-ray, pneumonia” or “coronal CT of the "
    "abdomen”."
)
_IMAGING = frozenset(
    """
    ct mri mr mra cta pet spect xray x-ray radiograph radiography ultrasound sonogram echo echocardiogram doppler
    scan tomography angiogram angiography mammogram mammography fluoroscopy scintigraphy myelogram venogram
    arthrogram cystogram urogram flair dwi adc stir t1 t2 t1w t2w gadolinium contrast axial coronal sagittal
    transverse oblique frontal anteroposterior section slice histology microscopy fundus retina film barium
    """.split()
)
_BODY = frozenset(
    """
    abdomen abdominal adrenal ankle aorta arm artery arterial bladder bone bowel brain brainstem breast bronchus
    cardiac cartilage cerebellum cerebral cervical chest clavicle colon cortex cranial diaphragm disc ear elbow
    esophagus eye facial femur fetus fibula finger foot gallbladder gastric gland hand head heart hepatic hip
    humerus intestine jaw joint kidney knee larynx leg ligament limb lip liver lobe lumbar lung lymph mandible
    maxilla mediastinum meninges meniscus muscle nasal neck nerve orbit orbital ovary palate pancreas paranasal
    parotid pelvis pelvic penis pharynx pituitary placenta pleura pleural prostate pulmonary radius rectum renal
    rib sacrum scalp scrotum shoulder sinus skeleton skin skull spinal spine spleen stomach tendon testis thigh
    thoracic thorax thymus thyroid tibia toe tongue tooth trachea ulna ureter urethra uterus vein venous ventricle
    vertebra vessel wrist leg throat cranium thalamus hippocampus temporal occipital parietal
    """.split()
)
_FINDINGS = frozenset(
    """
    abscess aneurysm atrophy avulsion bleed calcification cancer carcinoma clot collapse contusion cyst
    dislocation effusion edema embolism embolus emphysema fracture gout hematoma hemorrhage hernia herniation
    infarct infarction infection injury ischemia lesion leukemia mass malformation metastasis metastatic nodule
    obstruction opacity perforation pneumothorax rupture sarcoma sepsis stenosis stone stroke syndrome tear
    thrombosis thrombus trauma tumor tuberculosis ulcer varix disease pathology consolidation ground-glass
    pneumonia rickets scoliosis spondylolisthesis covid covid-19 enhancing hypodense hyperintense
    """.split()
)
_ENDINGS = (
    "itis", "itides", "oma", "omas", "omata", "osis", "oses", "pathy", "plasia", "trophy", "stenosis", "ectasis", "ectasia",
    "emia", "cele", "rrhage", "megaly", "sclerosis", "malacia", "lysis", "genesis", "thorax", "graphy", "ectomy", "blastoma",
)  # fmt: skip
_PERSON = re.compile(
    r"\b(selfie|portrait|celebrity|celebrities|mug ?shot|headshot|passport photo|self-portrait)\b"
    r"|\b(photo|photograph|picture|image|painting|drawing)s? of (a |an |the |my |me\b|his |her |some)?"
    r"(young |old |smiling |naked |nude |beautiful |pretty )*"
    r"(me|man|woman|men|women|boy|girl|child|person|people|face|patient's face|mother|father|friend|teacher|doctor)\b"
    r"|\b(face|smile|likeness) of (?!the\b)[A-Z]|\b(his|her|my|your) face\b|\bface of (a|my|his|her|our)\b",
    re.IGNORECASE,
)
_LIKENESS = re.compile(r"\b(?:[Ff]ace|[Ss]mile|[Ll]ikeness) of [A-Z]")
_NAMED = re.compile(
    r"\b(?:[Oo]f|[Ff]rom|[Ll]ike|[Nn]amed|[Pp]atient|[Pp]resident|[Mm]r\.?|[Mm]rs\.?|[Mm]s\.?)\s+([A-Z][a-z]{2,})\s+([A-Z][a-z]{2,})"
)
_WORDS = re.compile(r"[A-Za-z][\w'-]*")


def check(prompt: str) -> None:
    """Refuse what the generators are not for.

    Raises
    ------
    mirage.errors.BadInput
        With what they are for.
    """
    if _likeness(prompt):
        raise BadInput(f"This generator does not draw faces or real persons. {FOR}")
    if not _medical(prompt):
        raise BadInput(f"Nothing medical is named in “{prompt[:120]}”, and this generator can draw nothing else. {FOR}")


def _likeness(prompt: str) -> bool:
    found = _PERSON.search(prompt)
    if found and not (
        found.group().lower().startswith(("face of", "smile of", "likeness of")) and not _LIKENESS.search(prompt)
    ):
        return True
    return any(not _known(first) and not _known(second) for first, second in _NAMED.findall(prompt))


def _medical(prompt: str) -> bool:
    return any(_known(word) for word in _WORDS.findall(prompt)) or any(
        token.kind in ("anatomy", "disease", "finding") for token in annotate(prompt).tokens
    )


def _known(word: str) -> bool:
    """Whether one word is medical."""
    folded = fold(word)
    if {folded, word.lower(), *folded.split("-")} & (_IMAGING | _BODY | _FINDINGS):
        return True
    if len(folded) > 6 and folded.endswith(_ENDINGS):
        return True
    return any(token.kind in ("anatomy", "disease", "finding") for token in annotate(word.lower()).tokens)
