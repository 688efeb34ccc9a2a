"""What a text names, under all its names, and what it only seems to name."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import pytest

from mirage.errors import BadInput
from mirage.language import lexicon_files
from mirage.language.concepts import Lexicon, lexicon
from mirage.language.lexicon_files import Concept, read


def named(text: str, *, typed: bool = True) -> list[str]:
    return [match.concept for match in lexicon().find(text, typed=typed).matches]


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("uterine fibroids", "uterine leiomyoma"),
        ("leiomyoma of the uterus", "uterine leiomyoma"),
        ("mioma uterino", "uterine leiomyoma"),
        ("kidney stones", "nephrolithiasis"),
        ("renal calculi", "nephrolithiasis"),
        ("a stone in the kidney, or calculi of the kidney", "nephrolithiasis"),
        ("phaeochromocytoma", "pheochromocytoma"),
        ("oesophageal cancer", "esophageal cancer"),
        ("subdural haematomas", "subdural hematoma"),
        ("esclerosis múltiple", "multiple sclerosis"),
        ("ESCLEROSIS MULTIPLE", "multiple sclerosis"),
        ("Crohn's disease", "Crohn disease"),
        ("crohns disease", "Crohn disease"),
        ("collapsed lung", "collapsed lung"),
        ("acl tear", "anterior cruciate ligament tear"),
    ],
)
def test_one_thing_is_found_under_all_its_names(text: str, concept: str) -> None:
    assert concept in named(text)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("appendiceal mucocele", "appendicitis"),
        ("appendix", "appendicitis"),
        ("pancreas", "pancreatitis"),
        ("pancreatic head", "head"),
        ("hepatic vein", "hepatitis"),
        ("renal cyst", "renal cell carcinoma"),
        ("cholecystitis", "cholelithiasis"),
        ("meningitis", "meningioma"),
        ("osteomyelitis", "osteomalacia"),
        ("prostatic hyperplasia", "prostatitis"),
    ],
)
def test_no_name_is_taken_for_another(text: str, other: str) -> None:
    assert other not in named(text)


def test_a_doubtful_short_form_needs_a_word_that_settles_it() -> None:
    found = lexicon().find("MS", typed=True)
    assert found.matches == ()
    assert "multiple sclerosis" in found.doubtful["MS"]
    assert named("MS plaques in the white matter")[0] == "multiple sclerosis"
    assert "pulmonary embolism" in named("PE on CT angiogram, filling defect")
    assert "pulmonary embolism" not in named("pleural effusion and PE of the heart, pericardial")


def test_short_forms_in_small_letters_are_read_only_where_somebody_types() -> None:
    assert named("hcc") == ["hepatocellular carcinoma"]
    assert named("hcc", typed=False) == []
    assert named("all of us") == []


def test_a_short_form_may_have_a_plural() -> None:
    assert named("two AVMs", typed=False) == ["arteriovenous malformation"]
    assert named("KCOT's of the jaw", typed=False)[0] == "odontogenic keratocyst"
    assert named("hccs") == ["hepatocellular carcinoma"]
    assert named("hccs", typed=False) == []


@pytest.mark.parametrize(
    ("short", "meanings"),
    [
        ("PE", {"pulmonary embolism", "pleural effusion", "pericardial effusion"}),
        ("CHD", {"congenital heart disease", "coronary artery disease", "common hepatic duct"}),
        ("GCT", {"giant cell tumor of bone", "germ cell tumor", "granulosa cell tumor"}),
        ("CBD", {"common bile duct", "corticobasal degeneration"}),
        ("SMA", {"superior mesenteric artery", "spinal muscular atrophy"}),
        ("CP", {"chest pain", "chronic pancreatitis", "choroid plexus"}),
        ("BE", {"barium enema", "Barrett esophagus"}),
        ("CC", {"corpus callosum", "craniocaudal view"}),
    ],
)
def test_of_a_typed_short_form_all_meanings_are_offered_though_one_is_usual(short: str, meanings: set[str]) -> None:
    found = lexicon().find(short, typed=True)
    assert found.matches == ()
    assert meanings <= set(found.doubtful[short])


@pytest.mark.parametrize(
    ("text", "short", "meanings"),
    [
        ("PT scan", "PT", ("positron emission tomography",)),
        ("severe MR", "MR", ("mitral regurgitation",)),
        ("fracture of T1", "T1", ("first thoracic vertebra",)),
        ("MSK", "MSK", ("medullary sponge kidney",)),
        ("TOS", "TOS", ("cough", "thoracic outlet syndrome")),
        ("PSA 3 cm", "PSA", ("pseudoaneurysm",)),
        ("70% RA stenosis", "RA", ("right atrium", "rheumatoid arthritis")),
        ("PD 2 mm", "PD", ("main pancreatic duct", "proton density-weighted imaging", "Parkinson disease")),
        ("PD 1.5T knee", "PD", ("main pancreatic duct", "proton density-weighted imaging", "Parkinson disease")),
    ],
)
def test_letters_that_mean_something_else_as_well_are_doubtful_and_their_other_meaning_is_told(
    text: str, short: str, meanings: tuple[str, ...]
) -> None:
    found = lexicon().find(text, typed=True)
    assert found.doubtful == {short: meanings}
    assert short not in {text[match.start : match.end] for match in found.matches}


def test_letters_in_brackets_behind_the_words_that_they_stand_for_are_those() -> None:
    assert named("anterior chamber (AC) of the joint", typed=False) == ["anterior chamber of the eye", "joint"]
    assert named("an acromioclavicular joint (AC)", typed=False)[0] == "acromioclavicular joint"


def test_words_of_everyday_english_are_those_in_a_text_of_capitals() -> None:
    assert lexicon().find("ALL OF THE MASS AS SEEN", typed=True).doubtful == {}
    assert lexicon().find("AS", typed=True).doubtful.keys() == {"AS"}


def test_how_a_picture_is_made_and_what_is_a_kind_of_the_usual_meaning_leave_no_doubt() -> None:
    assert named("MR") == ["magnetic resonance imaging"]
    assert named("TB") == ["tuberculosis"]
    assert named("PE", typed=False) == ["pulmonary embolism"]


def test_a_number_behind_a_short_form_or_before_a_name_belongs_to_the_name() -> None:
    assert named("MEN 1", typed=False) == ["multiple endocrine neoplasia type 1"]
    assert named("type 2 neurofibromatosis") == ["neurofibromatosis type 2"]


def test_an_adjective_of_a_structure_of_several_words_is_that_structure_where_nothing_else_is_called_so() -> None:
    assert named("sellar and infratentorial") == ["sella turcica", "posterior cranial fossa"]
    assert named("lumbar puncture") == ["lumbar puncture"]


def test_where_something_has_spread_to_is_named_with_it() -> None:
    assert named("Metastatic breast cancer to lungs and liver") == [
        "metastasis",
        "breast cancer",
        "pulmonary metastasis",
        "hepatic metastasis",
    ]
    assert named("Chondrosarcoma metastatic to brain", typed=False) == ["chondrosarcoma", "brain metastasis"]
    assert "brain metastasis" not in named("Metastatic disease. Injury to the brain")
    assert "knee" in named("radiograph of the right knee"), "what says how a picture was made hides no place"


def test_the_longer_name_stands() -> None:
    assert named("renal artery stenosis") == ["renal artery stenosis"]


def test_kinds_of_a_thing_are_its_children() -> None:
    known = lexicon()
    assert "glioblastoma" in known.children("neoplasm")
    assert "neoplasm" in known.parents("glioblastoma")
    assert not known.children("glioblastoma") & known.parents("glioblastoma")


def test_what_lies_elsewhere_is_no_kind_of_what_its_parents_are() -> None:
    known = lexicon()
    assert "spinal meningioma" in known.children("meningioma")
    assert "spinal meningioma" not in known.children("brain tumor")
    assert "brain tumor" not in known.parents("myxopapillary ependymoma")
    assert {"neoplasm", "ependymoma"} <= known.parents("myxopapillary ependymoma")


def test_the_lexicon_is_large_and_every_concept_is_whole() -> None:
    known = lexicon().concepts
    assert len(known) >= 1500
    for concept in known.values():
        assert concept.kind in lexicon_files.KINDS
        assert not concept.organ or known[concept.organ].kind == "anatomy", concept
    assert not any(concept.reviewed for concept in known.values()), "the docs say that no clinician has reviewed any"


def test_it_is_read_quickly_enough_not_to_be_noticed() -> None:
    tracemalloc.start()
    Lexicon(concept for path in lexicon_files.FOLDER.glob("*.jsonl") for concept in read(path).values())
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 20_000_000


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['{"name": "ax", "kind": "disease"}', '{"name": "ax", "kind": "disease"}'], "“ax” twice"),
        (
            ['{"name": "ax", "kind": "disease", "parents": ["bx"]}', '{"name": "bx", "kind": "disease", "parents": ["ax"]}'],
            "circle",
        ),
        (['{"name": "ax", "kind": "disease", "parents": ["cx"]}'], "has the parent “cx”"),
        (['{"name": "ax", "kind": "disease"}', '{"name": "bx",'], "Line 2"),
        (['{"name": "ax", "kind": "disaese"}'], "Line 1"),
        (['{"name": "ax", "kind": "disease", "colour": "red"}'], "no field 'colour'"),
    ],
)
def test_a_broken_lexicon_is_refused_in_words(lines: list[str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(BadInput, match=said):
        Lexicon(read(path).values())


@pytest.mark.parametrize("text", ["", "the of and", "a", "?!", "of the", "MS MS MS", "x" * 100_000, "stone of " * 20_000])
def test_any_text_is_read(text: str) -> None:
    started = time.thread_time()
    lexicon().find(text, typed=True)
    assert time.thread_time() - started < 30


def test_a_name_is_not_read_across_the_end_of_a_sentence() -> None:
    own = Lexicon([Concept("aortic arch", "anatomy"), Concept("arch", "anatomy")])
    assert [match.concept for match in own.find("It is aortic. Arch is normal.").matches] == ["arch"]


def test_lines_of_the_files_are_one_concept_each() -> None:
    for path in lexicon_files.FOLDER.glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            assert json.loads(line)["name"]


def test_the_tables_that_ship_are_those_of_the_files_and_read_texts_alike() -> None:
    kept = json.loads(lexicon_files.TABLES.read_text("utf-8"))
    assert kept["digest"] == lexicon_files.digest_of(lexicon_files.files()), "run scripts/lexicon_tables.py"
    known = lexicon_files.read_all(lexicon_files.files())
    made = Lexicon(known.values())
    assert {name: kept[name] for name in made.tables} == json.loads(json.dumps(made.tables))
    shipped = Lexicon.from_tables(kept, kept["digest"], lambda: known)
    for text in ("No evidence of a pneumothorax", "stones of the kidney", "MS plaque on FLAIR", "apendicitis aguda"):
        assert shipped.find(text, typed=True) == made.find(text, typed=True)
    assert shipped.children("fracture") == made.children("fracture") != frozenset()


def test_a_text_of_short_forms_is_read_in_a_time_that_grows_as_it_does() -> None:
    """Each is settled by the words of the whole text, which are counted once."""
    found = lexicon().find("MS " * 10_000 + "mitral valve")
    assert {each.concept for each in found.matches} == {"mitral stenosis", "mitral valve"}
    assert len(found.matches) == 10_001


def test_between_a_thing_and_its_place_lie_a_few_words() -> None:
    (found,) = lexicon().find("abscess of the right kidney").matches
    assert found.concept == "renal abscess"
    assert lexicon().find("metastatic " + "to the " * 5_000 + "lung").matches
