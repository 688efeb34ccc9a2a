"""A search of the starter atlas: what is left out, what lifts a figure, and how sure the answer is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mirage.atlas import Atlas
from mirage.figure import Figure, Source
from mirage.language import words
from mirage.language.concepts import lexicon
from mirage.language.mentions import mentions
from mirage.language.reading import read
from mirage.query import Query, Term
from mirage.search.answer import Answer, Hit
from mirage.search.concepts import CONCEPT_WEIGHTS, confidence, normality, spoken
from mirage.search.confidence import DEFAULT_CALIBRATION, ConfidenceModel
from mirage.search.fusion import RRF_K
from mirage.search.searcher import Searcher
from mirage.storage.searched import SearchRow, StoredMention


def channels_of(hit: Hit) -> list[str]:
    return [match.channel for match in hit.channels]


def fused_score(hit: Hit, weights: Mapping[str, float]) -> float:
    """Weighted reciprocal rank fusion, and what a figure gains that speaks of the query's concepts and holds its words."""
    assert hit.features is not None
    by_score = {"concepts", "case"}
    ranks = sum(weights[match.channel] / (RRF_K + match.rank) for match in hit.channels if match.channel not in by_score)
    spoken = sum(
        CONCEPT_WEIGHTS["concepts"] * min(1.0, match.score) for match in hit.channels if match.channel == "concepts"
    )
    return ranks + (spoken + weights["coverage"] * hit.features.words**2) / (RRF_K + 1)


def test_a_channel_whose_full_list_lacks_a_figure_scored_it_no_higher_than_its_last_entry(starter: Atlas) -> None:
    hits = starter.search("axial brain MRI", k=12).hits
    features = {hit.figure.id: hit.features for hit in hits if hit.features is not None}
    unlisted = [features[hit.figure.id].image for hit in hits if "image" not in channels_of(hit)]
    listed = [features[hit.figure.id].image for hit in hits if "image" in channels_of(hit)]
    assert unlisted, "the test needs a figure that the image channel did not list"
    assert len(set(unlisted)) == 1
    assert 0 < unlisted[0] <= min(listed)


def test_less_of_leaves_out_what_word_search_alone_found_and_names_it(starter: Atlas) -> None:
    stem = words.stems("MRI")
    found = starter.search(Query.of("brain", less=["MRI"], k=150)).hits
    naming = [hit for hit in found if stem <= words.stems(hit.figure.words)]
    assert not [hit.figure.id for hit in naming if channels_of(hit) == ["words"]]
    assert naming, "what another channel found too stays"


@pytest.mark.parametrize(
    ("spanish", "english"),
    [
        ({"less": ["hígado"]}, {"less": ["liver"]}),
        ({"less": ["contraste@0.5"]}, {"less": ["contrast@0.5"]}),
        ({"more": ["riñón izquierdo@0.6"]}, {"more": ["kidney left@0.6"]}),
    ],
)
def test_further_terms_in_spanish_count_as_in_english(starter: Atlas, spanish: dict, english: dict) -> None:
    there, here, without = (
        [(hit.figure.id, hit.confidence) for hit in starter.search("upper abdomen CT", **given).hits]
        for given in (spanish, english, {})
    )
    assert there == here != without


def test_a_spanish_query_is_read_with_further_terms_too(starter: Atlas) -> None:
    there, here = (
        [hit.figure.id for hit in starter.search(words, less=["contrast"]).hits][:5] for words in ("hígado", "liver")
    )
    assert there == here


def test_a_figure_to_look_like_is_not_among_its_own_hits(starter: Atlas) -> None:
    own = starter.search("axial brain MRI", k=1)[0].figure.id
    alike = [hit.figure.id for hit in starter.search(Query((Term(figure=own),), k=8))]
    assert len(alike) == 8
    assert own not in alike


def searched(atlas: Atlas, query: Query, **changed: Any) -> Answer:
    """The answer with another calibration."""
    with atlas.snapshot() as now:
        calibration = replace(now.searcher.calibration, **changed)
        return Searcher(atlas.store, now.index, now.encoder, atlas.pictures, calibration).search(query)


@pytest.mark.parametrize("text", ["chest X-ray", "lesion of the brain"])
def test_words_lift_a_figure_from_beyond_those_that_are_shown(starter: Atlas, text: str) -> None:
    weights = {"image": 1.0, "caption": 0.0, "words": 0.0, "case": 0.0, "coverage": 2.0}
    few, many = (searched(starter, Query.of(text, k=k), weights=weights).hits for k in (2, 24))
    assert [hit.figure.id for hit in few] == [hit.figure.id for hit in many[:2]]
    by_picture = sorted(match.rank for hit in few for match in hit.channels if match.channel == "image")
    assert by_picture[-1] > 2, "the pictures alone would have shown others"


def marked_in(hit: Hit) -> bool:
    stack, place = hit.figure.stack, hit.figure.slice_of
    return bool((stack and stack.labels) or (place and place.shares))


def test_a_query_has_the_calibrated_weights_and_one_with_less_of_something_equal_ones(starter: Atlas) -> None:
    with starter.snapshot() as now:
        fitted = now.searcher.calibration.weights
    assert dict(fitted) != dict(DEFAULT_CALIBRATION.weights)
    for query, weights in (
        (Query.of("axial brain CT"), fitted),
        (Query.of("axial brain CT", less=["coronal"]), DEFAULT_CALIBRATION.weights),
    ):
        # What is marked, in a stack or a slice of one, gains beside by how much of it is shown.
        hits = [hit for hit in starter.search(query) if hit.figure.caption and not marked_in(hit)]
        assert hits
        most = weights.get("case", 1.0) / (RRF_K + 1)
        for hit in hits:
            beside = hit.score - fused_score(hit, weights)
            assert 0 < beside < 1.001 * most if "case" in channels_of(hit) else abs(beside) < 1e-9


def test_an_answer_fits_when_one_hit_is_likely_and_does_not_when_all_are_weak(starter: Atlas) -> None:
    own = starter.search("axial brain MRI", k=1)[0].figure.id
    query = Query((Term(figure=own),))
    likely = searched(starter, query, picture=ConfidenceModel(0.0, 0.0, 0.0, 0.0, likely=0.4, strong=0.45))
    assert {(hit.confidence, hit.basis) for hit in likely} == {("likely", "alike")}, "what looks alike is never strong"
    assert likely.fits
    weak = searched(starter, query, picture=ConfidenceModel(0.0, 0.0, 0.0, 0.0, likely=0.6, strong=0.8))
    assert {hit.confidence for hit in weak} == {"weak"}
    assert not weak.fits


def test_structure_plane_and_modality_together_are_strong(starter: Atlas) -> None:
    hits = starter.search("axial brain MRI", k=8).hits
    assert {(hit.confidence, hit.basis) for hit in hits} == {("strong", "structure")}
    assert {(hit.figure.plane, hit.figure.modality) for hit in hits} == {("axial", "MR")}


@pytest.mark.parametrize("text", ["moyamoya", "Takotsubo cardiomyopathy", "Caroli disease", "dysgerminoma of the ovary"])
def test_a_disease_that_the_atlas_lacks_fits_nothing(starter: Atlas, text: str) -> None:
    answer = starter.search(text)
    assert not answer.fits
    assert {hit.confidence for hit in answer} == {"weak"}


def test_normal_is_asked_for_and_what_is_diseased_is_not_strong(starter: Atlas) -> None:
    answer = starter.search("normal brain MRI", k=24)
    assert answer.reading is not None
    assert answer.reading.normal
    assert answer.hits[0].confidence != "weak"
    assert {hit.figure.title.partition(",")[0] for hit in answer.hits[:4]} == {"Average brain"}
    keys = starter.store.keys_of([hit.figure.id for hit in answer])
    said = starter.store.mentions.of(list(keys.values()))
    assert not [
        hit.figure.id
        for hit in answer
        if hit.confidence == "strong" and normality(hit.figure, said[keys[hit.figure.id]], answer.reading.wanted) != "said"
    ]


def test_lesser_terms_and_what_is_wanted_less_are_no_condition(starter: Atlas) -> None:
    plain = starter.search("coronal MRI of the thalamus")
    assert plain[0].confidence == "strong"
    query = Query.of("coronal MRI of the thalamus", more=["contrast enhancement@0.5"])
    assert starter.search(query)[0].confidence == "strong"
    turned = starter.search(Query.of("axial MRI of the thalamus", less=["axial"], more=["coronal"]))
    assert (turned[0].confidence, turned[0].figure.plane) == ("strong", "coronal")
    assert turned.reading is not None
    assert [one.name for one in turned.reading.concepts] == ["magnetic resonance imaging", "thalamus", "coronal"]


PATIENT = Source("made", "A. Example")


def ranked_by(figure: Figure) -> SearchRow:
    words = frozenset(lexicon().words(f"{figure.caption} {figure.diagnosis}"))
    return SearchRow(1, figure.id, figure.caption, figure.diagnosis, "", "", "", "", 0, frozenset(), words)


def spoken_of(figure: Figure) -> list[StoredMention]:
    fields = {"title": figure.title, "diagnosis": figure.diagnosis, "caption": figure.caption}
    return [StoredMention(1, one.concept, field, one.polarity) for field, text in fields.items() for one in mentions(text)]


@pytest.mark.parametrize(
    ("diagnosis", "caption", "found"),
    [
        ("Frontonasal encephalocele", "A mass that is isointense to normal brain.", "ill"),
        ("Spinal stenosis", "Normal brain, apparent tapering of the cord.", "partly"),
        ("Glioma", "The brainstem is normal.", "ill"),
        ("Flumpo's nameless syndrome", "Normal brain.", "partly"),
        ("Leiomyosarcoma of the inferior vena cava", "A retroperitoneal mass. The brain was also normal.", "ill"),
        ("", "Normal MRI of the brain.", "said"),
        ("", "Average brain, MRI.", "said"),
        ("", "Axial MRI of the brain without evidence of a tumor.", "silent"),
        ("", "Axial MRI of the brain with a tumor.", "ill"),
        ("Developmental venous anomaly", "Axial MRI of the brain.", "ill"),
    ],
)
def test_normal_is_said_of_the_figure_and_not_of_a_part_of_what_is_ill(diagnosis: str, caption: str, found: str) -> None:
    figure = Figure("made:1", caption, PATIENT, diagnosis=diagnosis)
    wanted = read("normal brain", lambda _: False).wanted
    assert normality(figure, spoken_of(figure), wanted) == found


@pytest.mark.parametrize(
    ("asked", "diagnosis", "caption", "found"),
    [
        ("carcinoma beside the lung", "Urothelial carcinoma of the bladder", "CT of the lung.", "said"),
        ("carcinoma beside the lung", "Carcinoma", "CT of the lung.", "plain"),
        ("tumor in the adrenal gland", "Pheochromocytoma", "CT of the abdomen.", "plain"),
        ("hemorrhage beside the kidney", "Adrenal hemorrhage", "The kidney is seen.", "said"),
        ("stroke without hemorrhage", "Hypertensive hemorrhage, acute stroke", "CT of the head.", "said"),
        ("stroke without hemorrhage", "Acute stroke", "CT of the head.", "plain"),
        ("tumor beside the clivus", "Meningioma", "It reaches the clivus.", "said"),
        ("tumor beside the clivus", "Meningioma of the clivus", "CT of the head.", "plain"),
        ("esophageal cancer", "Adenocarcinoma", "Thickened wall of the esophagus.", "said"),
        ("lung adenocarcinoma", "Adenocarcinoma", "A mass of the lung.", "said"),
        ("lung adenocarcinoma", "Adenocarcinoma, breast cancer", "Nodules of the lung.", ""),
        ("lung cancer", "Metastasis", "Nodules of the lung.", ""),
        ("hip osteoarthritis", "Osteonecrosis of the femoral head, osteoarthritic changes", "MRI.", "said"),
    ],
)
def test_a_disease_of_another_organ_or_beside_what_is_denied_is_not_plainly_what_is_asked(
    asked: str, diagnosis: str, caption: str, found: str
) -> None:
    reading = read(asked, lambda _: False)
    figure = Figure("made:1", caption, PATIENT, diagnosis=diagnosis)
    first = next(one for one in reading.wanted if one.kind != "anatomy")
    assert spoken(reading.wanted, spoken_of(figure), reading.unwanted).get(first.name, "") == found


@pytest.mark.parametrize(
    ("asked", "diagnosis", "sure"),
    [
        ("meniscal tear of the knee", "Meniscal tear", "strong"),
        ("endotracheal tube, mucus plug", "Mucus plug", "likely"),
        ("moyamoya disease with stroke", "Acute stroke", "weak"),
        ("wurbelian abscess", "Retropharyngeal abscess", "weak"),
        ("large abscess", "Retropharyngeal abscess", "likely"),
        ("type 1 diabetes", "Type I diabetes mellitus", "strong"),
        ("type 1 diabetes", "Diabetes mellitus", "likely"),
        ("type 1 diabetes", "Type 2 diabetes mellitus", "weak"),
        ("stage I sarcoidosis", "Sarcoidosis, stage IV", "weak"),
        ("medial meniscus tear", "Lateral meniscus tear", "weak"),
        ("type 2 neurofibromatosis", "NF2", "strong"),
        ("MEN 2", "MEN 2", "strong"),
        ("MEN 1", "MEN 2", "weak"),
    ],
)
def test_how_sure_a_hit_is_depends_on_what_is_missing(asked: str, diagnosis: str, sure: str) -> None:
    reading = read(asked, lambda _: False)
    figure = Figure("made:1", "", PATIENT, diagnosis=diagnosis)
    support = spoken(reading.wanted, spoken_of(figure))
    assert confidence("likely", reading, ranked_by(figure), support, "silent")[0] == sure


@pytest.mark.parametrize(
    ("asked", "topic", "diagnosis", "found"),
    [
        ("schwannoma", "Schwannoma", "Epidermoid cyst", "said"),
        ("brain tumor", "Brain tumor", "Jefferson fracture", "said"),
        ("schwannoma", "Schwannoma", "Vestibular schwannoma", "plain"),
        ("vestibular schwannoma", "Vestibular schwannoma", "Schwannoma", "plain"),
        ("schwannoma", "Schwannoma", "Left-sided mass", "plain"),
        ("schwannoma", "Schwannoma", "", "plain"),
    ],
)
def test_the_topic_of_a_case_with_another_diagnosis_does_not_say_plainly_what_a_figure_shows(
    asked: str, topic: str, diagnosis: str, found: str
) -> None:
    (concept,) = (reading := read(asked, lambda _: False)).wanted
    said = [StoredMention(1, one.concept, "topic", one.polarity) for one in mentions(topic)]
    assert spoken(reading.wanted, said, frozenset(), diagnosis)[concept.name] == found


def test_hits_of_a_case_are_one_group_in_the_order_of_its_best(starter: Atlas) -> None:
    answer = starter.search("brain", k=24)
    assert answer.groups[0].hits[0] is answer[0]
    assert sorted(hit.rank for group in answer.groups for hit in group.hits) == list(range(1, len(answer) + 1))
    assert all(group.more == len(group.hits) - 1 for group in answer.groups)
    assert [group.hits[0].rank for group in answer.groups] == sorted(group.hits[0].rank for group in answer.groups)


def test_words_that_only_ask_find_nothing_and_say_what_to_do(starter: Atlas) -> None:
    answer = starter.search("what is the")
    assert not answer.hits
    assert "Name what you look for" in answer.notes[0]


def test_a_stain_is_found_by_its_letters(starter: Atlas) -> None:
    assert "H&E" in starter.search("H&E")[0].figure.title


def test_a_chest_film_is_no_mammogram(starter: Atlas) -> None:
    assert starter.search("chest X-ray").fits
    assert not starter.search("mammogram").fits


@pytest.mark.parametrize(
    "text",
    [
        "spleen x-ray",
        "lung MRI",
        "liver ultrasound",
        "kidney stones ultrasound",
        "left ventricle MRI",
        "femoral canal",
        "MRCP",
    ],
)
def test_a_structure_that_is_not_said_or_is_of_another_modality_is_not_likely(starter: Atlas, text: str) -> None:
    assert not starter.search(text).fits


@pytest.mark.parametrize(
    ("text", "name", "least"),
    [("liver", "liver", 0.8), ("sacrum", "sacrum", 0.8), ("stomach CT", "stomach", 0.8), ("vertebra L4", "vertebra L4", 0.8),
     ("tailbone and sacrum", "sacrum", 0.8)],
)  # fmt: skip
def test_what_shows_most_of_a_structure_stands_first(starter: Atlas, text: str, name: str, least: float) -> None:
    first = starter.search(text)[0].figure
    shares = dict(first.slice_of.shares) if first.slice_of else {}
    assert shares.get(name, 0.0) >= least or (first.stack and name in {label.name for label in first.stack.labels})


def test_a_lesion_that_nobody_calls_a_tumor_may_be_one(starter: Atlas) -> None:
    first = starter.search("brain tumor MRI")[0]
    assert (first.figure.diagnosis, first.confidence, first.basis) == ("Enhancing brain lesion", "likely", "mentioned")


@pytest.mark.parametrize(
    ("text", "title"), [("lung tumor", "Lung mass"), ("kidney stones", "Dense spots in the left kidney")]
)
def test_what_a_source_does_not_call_so_is_likely_at_most(starter: Atlas, text: str, title: str) -> None:
    answer = starter.search(text)
    assert answer[0].figure.title.startswith(title)
    assert {hit.confidence for hit in answer.hits} == {"likely", "weak"}


def test_a_slice_shows_what_its_own_words_say_and_not_all_that_its_case_has(starter: Atlas) -> None:
    fitting = [hit.figure for hit in starter.search("lung nodule", k=60).hits if hit.confidence != "weak"]
    assert fitting
    assert {figure.diagnosis for figure in fitting} == {"Lung nodule"}
    assert not starter.search("left-sided lung nodule").fits


@pytest.mark.parametrize(
    ("text", "detail", "plane"),
    [
        ("lung nodule right lung window", "lung window", "axial"),
        ("lung nodule mediastinal window", "mediastinum window", ""),
        ("SMA sagittal CT", "CT angiogram", "sagittal"),
        ("kidney stones CT KUB", "without contrast", ""),
    ],
)
def test_what_was_made_as_is_asked_stands_first(starter: Atlas, text: str, detail: str, plane: str) -> None:
    answer = starter.search(text)
    assert answer.fits
    assert detail in answer[0].figure.modality_detail
    assert plane in ("", answer[0].figure.plane)


@pytest.mark.parametrize("text", ["L4/L5", "L5 S1 sagittal", "male bladder CT", "adult liver"])
def test_a_structure_is_likely_where_its_neighbours_are_named_or_nobody_says_whose_it_is(starter: Atlas, text: str) -> None:
    assert (starter.search(text)[0].confidence, starter.search(text)[0].basis) == ("likely", "structure")


def test_of_two_modalities_that_no_picture_has_both_one_will_do(starter: Atlas) -> None:
    assert {hit.figure.modality for hit in starter.search("liver CT and ultrasound").hits if hit.confidence == "strong"} == {
        "CT"
    }
    assert not starter.search("liver ultrasound").fits
    assert not starter.search("PET of a lung nodule").fits


def test_contrast_medium_that_is_asked_for_has_been_given(starter: Atlas) -> None:
    assert "without contrast" not in starter.search("CT abdomen with contrast")[0].figure.modality_detail
    assert "after contrast" not in starter.search("CT abdomen without contrast")[0].figure.modality_detail


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("right lung nodule", "left lung nodule"),
        ("enhancing lesion in the left hemisphere", "right hemisphere enhancing lesion"),
        ("right lower leg x-ray", "left lower leg x-ray"),
        ("left lung mass", "right lung mass"),
        ("screw in the left thigh bone", "screw in the right thigh bone"),
        ("metal implant left femur", "metal implant right femur"),
    ],
)
def test_what_lies_on_the_other_side_is_never_strong(starter: Atlas, text: str, other: str) -> None:
    assert starter.search(text)[0].confidence == "strong"
    assert "strong" not in {hit.confidence for hit in starter.search(other).hits}


@pytest.mark.parametrize("text", ["left kidney", "right kidney", "left adrenal gland", "right hip bone", "left femur"])
def test_of_paired_organs_that_a_picture_lists_either_side_is_there(starter: Atlas, text: str) -> None:
    first = starter.search(text)[0]
    assert first.confidence == "strong"
    assert text in first.figure.caption


def sure_of(asked: str, caption: str) -> str:
    reading = read(asked, lambda _: False)
    figure = Figure("made:1", caption, PATIENT)
    support = spoken(reading.wanted, spoken_of(figure))
    return confidence("likely", reading, ranked_by(figure), support, "silent")[0]


def test_how_a_picture_is_hung_says_no_side_of_what_it_shows() -> None:
    words = "Mass in the left lung. Shows: left lung, right lung. The patient's left is on the right of the picture."
    assert sure_of("mass in the left lung", words) != "weak"
    assert sure_of("mass in the right lung", words) == "weak"
    assert sure_of("mass in the right lung", "In the right lung, a mass is seen. The left lung is clear.") != "weak"


@pytest.mark.parametrize(
    ("asked", "caption", "sure"),
    [
        ("left kidney stone", "Left kidney stone. Both kidneys are normal in size.", "strong"),
        ("left kidney stone", "Both kidneys contain kidney stones.", "likely"),
        ("left kidney stone", "Bilateral kidney stones.", "likely"),
        ("left kidney stone", "Right kidney stone. Both kidneys are normal in size.", "weak"),
        ("left kidney stone", "CT of both kidneys with a kidney stone.", "likely"),
        ("left kidney", "CT of both kidneys.", "likely"),
        ("left hip fracture", "Radiograph of both hips with a hip fracture.", "likely"),
        ("left hip fracture", "Hip fractures of both sides.", "likely"),
        ("left ovarian cyst", "Right ovarian cyst; both ovaries are enlarged.", "weak"),
        ("left pleural effusion", "Right pleural effusion with opacities of both lungs.", "likely"),
        ("bilateral kidney stones", "Left kidney stone.", "weak"),
        ("bilateral kidney stones", "Kidney stones of the left and the right kidney.", "likely"),
        ("left lung nodule", "More than one lung nodule in the right lung.", "weak"),
        ("left lung nodule", "Lung nodule less than 1 cm in the right upper lobe.", "weak"),
        ("left kidney stone", "Kidney stone of more than 3 cm on the right.", "weak"),
        ("left pleural effusion", "Pleural effusion, more than 500 ml in the right hemithorax.", "weak"),
        ("left pleural effusion", "Pleural effusion, mainly right.", "weak"),
        ("left hip fracture", "Worse hip fracture on the right.", "weak"),
        ("left pleural effusion", "Pleural effusion, more on the right than on the left.", "strong"),
        ("left pleural effusion", "Pleural effusion, right more than left.", "strong"),
        ("left pleural effusion", "Bilateral pleural effusion, worse on the right.", "likely"),
        ("left adrenal adenoma", "Adrenal adenoma on the right; the left adrenal is normal.", "weak"),
    ],
)
def test_both_sides_prove_one_only_where_what_is_asked_is_on_both(asked: str, caption: str, sure: str) -> None:
    assert sure_of(asked, caption) == sure


@pytest.mark.parametrize("text", ["ct abdomen contrast", "contrast CT of the abdomen", "brain MRI gadolinium"])
def test_a_contrast_medium_that_is_only_named_is_asked_for(starter: Atlas, text: str) -> None:
    first = starter.search(text)[0]
    assert first.confidence == "strong"
    assert "after contrast medium" in f"{first.figure.title} {first.figure.caption} {first.figure.modality_detail}"
