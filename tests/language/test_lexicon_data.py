"""The shipped lexicon's data: whole, without contradictions, and read as a radiologist reads it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirage.errors import BadInput
from mirage.language.concepts import Lexicon, lexicon
from mirage.language.lexicon_files import Concept, digest_of, files, read_all

READ_AS = """
metastatic to the brain | brain metastasis
mets to the liver | hepatic metastasis
metastases in the spine | vertebral metastasis
stress fracture right femoral neck | femoral neck stress fracture
osteoarthritic changes | osteoarthritis
cirrhotic | cirrhosis
spleen rupture | splenic rupture
adenocarcinoma of the gastroesophageal junction | gastroesophageal junction cancer
collapsed left upper lobe | left upper lobe atelectasis
sinus cancer | sinonasal carcinoma
voice box cancer | laryngeal carcinoma
womb infection | endometritis
blood infection | sepsis
gluteus minimus partial tear | gluteus minimus tear
avulsion of the patellar tendon | patellar tendon tear
anterior cruciate ligament disruption | anterior cruciate ligament tear
torn meniscus | meniscal tear
broken collarbone | clavicle fracture
broken hip | hip fracture
fracture of the femur | femoral fracture
wrist fracture | wrist fracture
flesh-eating bacteria | necrotizing fasciitis
giant cell tumour | giant cell tumor of bone
tripartite patella | multipartite patella
heel spur | calcaneal spur
herniated disk | disc herniation
squared vertebra | vertebral squaring
L5 vertebral body | fifth lumbar vertebra
colloid cyst | colloid cyst of the third ventricle
cavernous angioma | cavernous malformation
Arnold-Chiari malformation | Arnold-Chiari malformation
Chiari type I malformation | Chiari I malformation
brain tumour | brain tumor
brain bleed | intracranial hemorrhage
water on the brain | hydrocephalus
maple syrup urine disease | maple syrup urine disease
NBIA | neurodegeneration with brain iron accumulation
unilateral coronal synostosis | coronal synostosis
ventriculoperitoneal shunt failure | ventriculoperitoneal shunt malfunction
hyperostosis frontalis interna | hyperostosis frontalis interna
hyperdense MCA sign | hyperdense middle cerebral artery sign
medial deviation of the internal carotid artery | medialized carotid artery
medial migration of tympanostomy tube | tympanostomy tube migration
supernumerary premolar | supernumerary tooth
orthopantomogram | panoramic radiography
lateral cephalogram | cephalometric radiography
anterior segment | anterior segment of the eye
swollen parotid | parotitis
right pulmonary artery | right pulmonary artery
four-chamber view | four-chamber view
heart defect | congenital heart disease
coarctation | coarctation of the aorta
left ventricular non compaction | left ventricular noncompaction
absence of the pericardium | pericardial agenesis
calcified pericardium | pericardial calcification
duplicated inferior vena cava | duplicated inferior vena cava
azygous lobe | azygos lobe
pyopneumothorax | pyopneumothorax
mucous plugging | mucus plug
collapsed lung | collapsed lung
clot in the lung | pulmonary embolism
fluid around the heart | pericardial effusion
iliac vein compression | May-Thurner syndrome
aneurysm of the aorta | aortic aneurysm
lung mass | pulmonary mass
egg on a string | egg-on-a-string sign
benign metastasizing leiomyoma | benign metastasizing leiomyoma
ruptured appendicitis | perforated appendicitis
inflamed appendix | appendicitis
thromboembolism of SMA | superior mesenteric artery embolism
replaced right hepatic artery | replaced hepatic artery
focal fatty infiltration of the liver | hepatic steatosis
focal sparing | focal fatty sparing
blocked bowel | bowel obstruction
Rapunzel syndrome | trichobezoar
Killian-Jamieson diverticulum | Killian-Jamieson diverticulum
omental torsion | omental torsion
liver cancer | liver cancer
cáncer de hígado | liver cancer
kidney cancer | kidney cancer
renal duplicity | duplicated collecting system
calyceal diverticulum | calyceal diverticulum
faceless kidney | faceless kidney
stone in the ureter | ureterolithiasis
twisted testicle | testicular torsion
pneumoscrotum | pneumoscrotum
twisted ovary | ovarian torsion
ovarian neoplasm | ovarian tumor
cancer of the uterus | uterine cancer
bullet wound | gunshot wound
swollen glands | lymphadenopathy
skin cancer | skin cancer
sarcoid | sarcoidosis
hypodense lesion | hypoattenuation
diffusion restriction | restricted diffusion
extravasation of blood | active extravasation
"""

# What is asked in general finds what is special.
BROADER = """
glioblastoma | brain tumor
hepatocellular carcinoma | liver cancer
Wilms tumor | kidney cancer
lung adenocarcinoma | lung cancer
osteosarcoma | bone tumor
Colles fracture | wrist fracture
scaphoid fracture | wrist fracture
femoral neck fracture | femoral fracture
hangman fracture | vertebral fracture
tibial plateau fracture | tibial fracture
tetralogy of Fallot | congenital heart disease
sigmoid volvulus | torsion
pulmonary tuberculosis | tuberculosis
tuberculous spondylitis | tuberculosis
Chiari II malformation | Arnold-Chiari malformation
hepatic hemangioma | hemangioma
cerebral arteriovenous malformation | arteriovenous malformation
abdominal aortic aneurysm | aortic aneurysm
Bochdalek hernia | hernia
adrenal myelolipoma | adrenal mass
renal agenesis | agenesis
neoplasm | mass
spinal meningioma | spinal tumor
spinal cord ependymoma | spinal tumor
vertebral metastasis | bone metastasis
cryptococcal pneumonia | pneumonia
femoral neck stress fracture | hip fracture
sacral insufficiency fracture | sacral fracture
invasive ductal carcinoma | breast cancer
acute calculous cholecystitis | cholelithiasis
choledocholithiasis | cholelithiasis
ureterolithiasis | nephrolithiasis
splenic laceration | splenic rupture
gastroesophageal junction cancer | esophageal cancer
pneumothorax | collapsed lung
lobar atelectasis | collapsed lung
"""

NO_KIND_OF = """
osteochondritis dissecans | osteonecrosis
nonspecific interstitial pneumonia | pneumonia
lipoid pneumonia | infection
ovarian torsion | ischemia
achalasia | obstruction
"""

SHORT_FORMS = """
chest CT for PE | pulmonary embolism
pleural PE after thoracentesis | pleural effusion
AML of the kidney | angiomyolipoma
AML with marrow blasts | acute myeloid leukemia
RA of the hand | rheumatoid arthritis
RA and tricuspid valve | right atrium
MS with brain lesions | multiple sclerosis
MS of a rheumatic valve | mitral stenosis
TOF repair in a child with VSD | tetralogy of Fallot
reactivation TB | tuberculosis
SMA origin | superior mesenteric artery
IAC | internal auditory canal
GBM | glioblastoma
AC arthritis at the shoulder | acromioclavicular joint
LAD stenosis | left anterior descending artery
"""


def pairs(lines: str) -> Iterator[tuple[str, str]]:
    """Text and concept of each line."""
    for line in lines.strip().splitlines():
        text, _, name = line.partition(" | ")
        yield text, name


@pytest.fixture(scope="module")
def shipped() -> dict[str, Concept]:
    """All concepts that ship, read from their files."""
    return read_all(files())


@pytest.mark.parametrize(("text", "name"), list(pairs(READ_AS)))
def test_a_name_is_read_as_the_concept_that_it_means(text: str, name: str) -> None:
    assert [match.concept for match in lexicon().find(text, typed=True).matches] == [name]


@pytest.mark.parametrize(("narrow", "broad"), list(pairs(BROADER)))
def test_what_is_special_has_the_general_above_it(narrow: str, broad: str) -> None:
    assert broad in lexicon().parents(narrow)


@pytest.mark.parametrize(("one", "other"), list(pairs(NO_KIND_OF)))
def test_what_is_caused_by_a_disease_or_is_near_it_is_no_kind_of_it(one: str, other: str) -> None:
    assert other not in lexicon().parents(one)


@pytest.mark.parametrize(("text", "name"), list(pairs(SHORT_FORMS)))
def test_a_short_form_takes_its_meaning_from_the_words_around(text: str, name: str) -> None:
    assert name in {match.concept for match in lexicon().find(text, typed=True).matches}


def test_every_preferred_name_is_found_as_itself(shipped: dict[str, Concept]) -> None:
    known = lexicon()
    wrong = {
        name: names
        for name in shipped
        if len(names := [match.concept for match in known.find(name).matches]) != 1 or names[0] != name
    }
    assert not wrong


def test_parents_exist_without_a_circle_and_organs_are_anatomy(shipped: dict[str, Concept]) -> None:
    Lexicon(shipped.values())
    assert all(shipped[each.organ].kind == "anatomy" for each in shipped.values() if each.organ)


def test_a_short_form_has_one_usual_meaning_at_most(shipped: dict[str, Concept]) -> None:
    usual: dict[str, list[str]] = {}
    for concept in shipped.values():
        for short, context in concept.abbreviations.items():
            if not context:
                usual.setdefault(short, []).append(concept.name)
    assert not {short: names for short, names in usual.items() if len(names) > 1}


def test_no_name_stands_twice_within_a_concept(shipped: dict[str, Concept]) -> None:
    for concept in shipped.values():
        names = (concept.name, *concept.synonyms, *concept.lay)
        assert len(set(names)) == len(names), concept.name


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["", "[" * 100_000], "Line 2 of"),
        (["[]"], "Line 1 of .* it has to be an object"),
        (['{"name": "of", "kind": "finding"}'], "Line 1 of .* “of” has no word"),
        (['{"name": "our sign", "kind": "finding", "parents": ["nowhere"]}'], "Line 1 of .* the parent “nowhere”"),
        (
            ['{"name": "our sign", "kind": "finding", "parents": ["our sign"]}'],
            "Line 1 of .* in a circle: our sign → our sign",
        ),
        (['{"name": "our sign", "kind": "finding"}'] * 2, "Line 2 of .* stands before it already"),
    ],
)
def test_an_error_of_ones_own_file_names_the_file_and_the_line(tmp_path: Path, lines: list[str], said: str) -> None:
    own = tmp_path / "ours.jsonl"
    own.write_text("\n".join(lines), "utf-8")
    with pytest.raises(BadInput, match=said) as told:
        read_all([own])
    assert str(own) in str(told.value)


def test_a_long_chain_of_parents_is_read(tmp_path: Path) -> None:
    own = tmp_path / "ours.jsonl"
    lines = [json.dumps({"name": f"thing {n}", "kind": "finding", "parents": [f"thing {n + 1}"]}) for n in range(5_000)]
    own.write_text("\n".join([*lines, '{"name": "thing 5000", "kind": "finding"}']), "utf-8")
    assert len(read_all([own])) == 5_001


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device")
def test_what_is_no_file_is_no_lexicon() -> None:
    with pytest.raises(BadInput, match="is no file"):
        digest_of([Path("/dev/zero")])
