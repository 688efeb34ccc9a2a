"""What a quiz asks: that it is true, that it can be told, and that no question answers another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mirage.atlas import Atlas
from mirage.errors import BadInput
from mirage.figure import Figure
from mirage.language.concepts import lexicon
from mirage.storage.ingest import add
from mirage.study.quiz import making as quiz
from mirage.study.quiz.diagnosis import NO_OTHERS
from mirage.study.quiz.structures import points_at, reviewed_by
from mirage.study.quiz.words import diagnosis_of, gives_away, judged, kept_quiet, kin
from quiz_maker import MadeCases, diagnoses
from scan_maker import MadeStacks, phantom


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    with Atlas.open(tmp_path_factory.mktemp("quiz") / "atlas", create=True) as opened:
        add(opened, MadeCases(12))
        add(opened, MadeStacks())
        yield opened


@pytest.fixture(scope="module")
def figures(atlas: Atlas) -> list[Figure]:
    return [row.figure for batch in atlas.store.each() for row in batch]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Acute appendicitis.", "appendicitis"),
        ("Hemangioblastoma (WHO Grade I)", "hemangioblastoma"),
        ("Lung cancer or pneumonia", None),
        ("Possible meningioma", None),
        ("Acromegaly from pituitary macroadenoma", None),
        ("High-grade chondroid neoplasm", None),
        ("Meningioma of planum sphenoidale", None),
        ("Mass", None),
        ("", None),
    ],
)
def test_only_one_plain_diagnosis_is_asked_for(text: str, asked: str | None) -> None:
    found = diagnosis_of(text)
    assert (found.concept if found else None) == asked


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("glioblastoma", "right"),
        ("GBM", "right"),
        ("glioblastoma multiforme", "right"),
        ("gliobastoma", "right"),
        ("glioma", "broader"),
        ("brain tumor", "broader"),
        ("meningioma", "wrong"),
        ("oligodendroglioma", "wrong"),
        ("something bad", "unknown"),
        ("not glioblastoma", "unknown"),
        ("  ", "passed"),
    ],
)
def test_what_is_typed_is_judged_by_what_it_means(typed: str, verdict: str) -> None:
    assert judged(typed, "glioblastoma", source="Glioblastoma").verdict == verdict


def test_more_than_the_source_says_is_neither_right_nor_wrong() -> None:
    judgement = judged("glioblastoma", "glioma", source="Glioma")
    assert (judgement.verdict, judgement.right, judgement.counts) == ("narrower", False, False)


def test_another_side_or_number_than_the_source_says_is_told() -> None:
    assert (
        judged("right renal cell carcinoma", "renal cell carcinoma", source="Left renal cell carcinoma").verdict
        == "contrary"
    )
    assert judged("renal cell carcinoma", "renal cell carcinoma", source="Left renal cell carcinoma").verdict == "right"


def test_who_names_several_is_asked_for_one_and_learns_nothing() -> None:
    for answer in ("glioblastoma", "appendicitis"):
        with pytest.raises(BadInput, match="names several: glioblastoma, brain abscess"):
            judged("glioblastoma or brain abscess", answer)


def test_a_short_form_does_not_tell_which_of_its_meanings_is_right() -> None:
    said = set()
    for answer in ("mitral stenosis", "multiple sclerosis", "appendicitis"):
        with pytest.raises(BadInput) as error:
            judged("MS or glioblastoma", answer)
        said.add(str(error.value))
    assert len(said) == 1
    assert judged("MS", "mitral stenosis").right
    assert judged("MS", "multiple sclerosis").right


def test_a_spelling_error_is_mended_and_said() -> None:
    assert judged("menigioma", "meningioma").read == "meningioma"


def test_all_names_give_an_answer_away_whatever_is_said_of_it() -> None:
    for text in ("No glioblastoma.", "A GBM of 3 cm", "recurrent glioblastomas", "Glioblastoma multiforme?"):
        assert gives_away(text, ["glioblastoma"]), text
    assert not gives_away("A glioma was thought of.", ["glioblastoma"])
    for text in ("Appendi-\ncitis.", "An appendi\u2010 \r\n citis", "appen\u00addicitis", "appen\u200bdicitis"):
        assert gives_away(text, ["appendicitis"]), text
    assert gives_away("A non-\nHodgkin lymphoma.", ["non-Hodgkin lymphoma"])
    for text, concept in (
        ("A meningiomatous mass.", "meningioma"),
        ("glioblastomatous cells", "glioblastoma"),
        ("an osteosarcomatous matrix", "osteosarcoma"),
        ("tuberculous", "tuberculosis"),
        ("a stenotic valve", "stenosis"),
        ("metastatic nodules", "metastasis"),
    ):
        assert gives_away(text, [concept]), text
    assert not gives_away("Thrombocytopenia.", ["venous thrombosis", "thrombosis"])
    assert gives_away("Known glioblastoma.", ["glioma"]), "a kind of it tells it"
    assert gives_away("A sudden left hemichorea.", ["hyperglycemic hemichorea"]), "a word that only it has tells it"


def test_a_broken_word_goes_with_its_sentence_and_the_others_stay_readable() -> None:
    kept = kept_quiet(
        "history", "Pain for two days, well-\nknown. Seen as appendi-\ncitis then. No fe\u00adver.", ["appendicitis"]
    )
    assert (kept.text, kept.left_out) == ("Pain for two days, well-known.\nNo fever.", 1)


def test_a_kind_that_gave_nothing_is_told_of_when_others_filled_the_quiz(atlas: Atlas, figures: list[Figure]) -> None:
    cases = [figure for figure in figures if figure.case_id]
    made = quiz.questions(cases, atlas, kinds=["name", "point"], count=3)
    assert len(made.questions) == 3
    assert list(made.lacking) == ["point"]


def test_what_is_told_beside_a_picture_leaves_out_what_tells_the_answer(atlas: Atlas, figures: list[Figure]) -> None:
    made = quiz.questions(figures, atlas, kinds=["unfold"], count=12).questions
    assert len(made) == 12
    for question in made:
        assert [each.name for each in question.told] == ["history", "findings"]
        for passage in question.told:
            assert passage.text
            assert passage.left_out == 1
            assert not gives_away(passage.text, [question.asked])


def test_graded_is_only_what_was_proven(atlas: Atlas, figures: list[Figure]) -> None:
    for question in quiz.questions(figures, atlas, kinds=["name"], count=12).questions:
        proven = diagnoses().index(question.asked) % 2 == 1
        assert (question.graded, question.proof) == (proven, "pathology" if proven else "")
        assert question.grounds.startswith("Graded" if proven else "For practice")


def test_choices_are_of_other_cases_and_cannot_be_true_as_well(atlas: Atlas, figures: list[Figure]) -> None:
    made = quiz.questions(figures, atlas, kinds=["choose"], count=12).questions
    assert len(made) >= 8
    places = set()
    for question in made:
        choices = [choice.concept for choice in question.choices]
        assert len(set(choices)) == 4
        assert question.asked in choices
        assert not any(kin(one, other) for one in choices for other in choices if one != other)
        places.add(choices.index(question.asked))
    assert len(places) > 1, "the right one would always stand in one place"


def test_a_diagnosis_that_the_words_affirm_is_no_distractor(tmp_path) -> None:
    class Affirming(MadeCases):
        def items(self):
            for number, item in enumerate(super().items()):
                words = f"{item.figure.caption} There is also {diagnoses()[1]}." if number == 0 else item.figure.caption
                yield replace(item, figure=replace(item.figure, caption=words))

    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, Affirming(4))
        first = atlas.figure(f"cases:figure-{diagnoses()[0].replace(' ', '-')}")
        assert NO_OTHERS in quiz.questions([first], atlas, kinds=["choose"]).lacking["choose"]
        other = atlas.figure(f"cases:figure-{diagnoses()[3].replace(' ', '-')}")
        assert len(quiz.questions([other], atlas, kinds=["choose"]).questions) == 1


def test_two_figures_give_what_they_can_and_say_what_is_lacking(atlas: Atlas, figures: list[Figure]) -> None:
    two = [figure for figure in figures if figure.case_id][:2]
    made = quiz.questions(two, atlas, count=10)
    assert 0 < len(made.questions) <= 2
    assert "are no stacks with labelled structures" in made.lacking["point"]
    assert all("question" in why for why in made.lacking.values())


def test_no_figures_give_no_questions_and_say_so(atlas: Atlas) -> None:
    made = quiz.questions([], atlas)
    assert made.questions == ()
    assert "There are no figures to ask about, or all are hidden or withdrawn." in made.lacking["name"]


def test_a_case_and_a_diagnosis_are_asked_about_once(atlas: Atlas, figures: list[Figure]) -> None:
    made = quiz.questions(figures, atlas, count=30).questions
    of_cases = [question for question in made if question.kind in ("name", "choose", "unfold")]
    assert len({question.case for question in of_cases}) == len(of_cases) == 12
    assert len({question.item for question in made}) == len(made)


def test_the_same_seed_asks_the_same_and_another_one_does_not(atlas: Atlas, figures: list[Figure]) -> None:
    one, same = (quiz.questions(figures, atlas, seed=5).questions for _ in range(2))
    assert one == same
    assert quiz.questions(list(reversed(figures)), atlas, seed=5).questions == one
    assert quiz.questions(figures, atlas, seed=6).questions != one


def test_a_place_is_judged_on_the_label_map(atlas: Atlas, figures: list[Figure]) -> None:
    made = quiz.questions(figures, atlas, kinds=["point"], count=5).questions
    assert {question.structure for question in made} == {"liver", "left kidney"}
    for question in made:
        picture = question.pictures[0]
        marks = atlas.stack(question.figure).marks(picture.number, picture.view)
        rows, columns = marks.shape
        for value, name in ((1, "liver"), (2, "left kidney")):
            y, x = (marks == value).nonzero()
            if not len(y):
                continue
            middle = ((x.mean() + 0.5) / columns, (y.mean() + 0.5) / rows)
            assert points_at(question, atlas, *middle) == (value == question.value, name)
        assert points_at(question, atlas, 0.0, 0.0) == (False, "")
        assert points_at(question, atlas, 1.0, 1.0) == (False, "")


def test_a_label_map_without_names_is_not_asked_about(tmp_path) -> None:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, MadeStacks(replace(phantom(), label_names=())))
        made = quiz.questions([atlas.figure("made:scan")], atlas, kinds=["point"])
    assert made.questions == ()
    assert "labels without names" in made.lacking["point"]
    assert "Give the labels names" in made.lacking["point"]


def test_labels_of_a_program_are_for_practice() -> None:
    assert reviewed_by("CerebrA (Manera et al., 2020)")
    assert not reviewed_by("TotalSegmentator, a program; nobody says that a radiologist checked them")
    assert not reviewed_by("")


def test_a_side_is_asked_where_both_of_a_pair_are_labelled(some: Atlas) -> None:
    stack = some.figure("starter:abdomen-mri")
    made = quiz.questions([stack], some, kinds=["side"], count=4).questions
    assert len(made) == 4
    for question in made:
        assert question.answer == question.structure.split()[0]
        x, y = question.mark or (0, 0)
        picture = question.pictures[0]
        marks = some.stack(stack.id).marks(picture.number, picture.view)
        assert marks[int(y * marks.shape[0]), int(x * marks.shape[1])] == question.value
        # The patient's right is on the left of the picture.
        assert (x < 0.5) == (question.answer == "right")


def test_every_name_of_the_lexicon_is_judged_right_for_its_own_concept() -> None:
    known = lexicon()
    names = list(known.concepts)[:: len(known) // 150]
    ill = [name for name in names if known.kind(name) in ("disease", "finding")]
    wrong = [name for name in ill if judged(name, name).verdict != "right"]
    assert not wrong


def test_a_structure_that_nobody_can_see_is_not_asked_for(tmp_path) -> None:
    """A kidney with the grey of what is around it, and a liver that is brighter."""
    volume = phantom()
    flat = replace(volume, voxels=(volume.voxels - 180 * (volume.labels == 2)).astype(np.int16))
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, MadeStacks(flat))
        made = quiz.questions([atlas.figure("made:scan")], atlas, kinds=["point"], count=5).questions
    assert [question.structure for question in made] == ["liver"]


def test_a_place_in_a_part_of_a_structure_is_in_it(some: Atlas) -> None:
    stack = some.figure("starter:icbm152-t1")
    made = quiz.questions([stack], some, kinds=["point"], count=100).questions
    whole = next(question for question in made if question.structure == "lateral ventricle")
    part = next(question for question in made if question.structure == "temporal horn of the lateral ventricle")
    picture = part.pictures[0]
    marks = some.stack(stack.id).marks(picture.number, picture.view)
    y, x = (marks == part.value).nonzero()
    at = ((x[0] + 0.5) / marks.shape[1], (y[0] + 0.5) / marks.shape[0])
    assert points_at(replace(whole, pictures=part.pictures), some, *at) == (True, part.structure)
    y, x = (marks == whole.value).nonzero()
    if len(y):
        at = ((x[0] + 0.5) / marks.shape[1], (y[0] + 0.5) / marks.shape[0])
        assert not points_at(part, some, *at)[0]
