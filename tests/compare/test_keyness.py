"""What tells the cases of one side from those of the other: concepts, counted by case."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mirage.compare.confounders import confounders
from mirage.compare.keyness import CaseFindings, Keyness, cases_of, fisher, log_odds
from mirage.figure import Figure, Source
from mirage.language.concepts import lexicon
from mirage.language.mentions import mentions
from mirage.storage.searched import StoredMention

MADE = Source("made", "made for a test")


def case(number: int, text: str, discussion: str = "", **fields: str) -> list[CaseFindings]:
    """A case of one figure with such a caption and discussion, as ingest would store what they say."""
    figure = Figure(f"made:{number}", text, MADE, case_id=f"made:case-{number}", **fields)
    said = [
        StoredMention(1, each.concept, name, each.polarity)
        for name, words in (("caption", text), ("discussion", discussion))
        for each in mentions(words)
    ]
    return cases_of([(1, figure)], {1: said}, lexicon())


def side(first: int, *captions: str, discussion: str = "") -> list[CaseFindings]:
    return [one for number, text in enumerate(captions, first) for one in case(number, text, discussion)]


def compared(a: Sequence[CaseFindings], b: Sequence[CaseFindings], *asked: str) -> tuple[list[str], list[str], list[str]]:
    counted = Keyness(a, b, {}, set(asked), lexicon())
    of_a, of_b = counted.apart()
    return [[one.concept for one in found] for found in (of_a, of_b, counted.shared())]  # type: ignore[return-value]


ENHANCING = ("The mass shows ring enhancement.",) * 3
PLAIN = ("There is a mass in the frontal lobe.",) * 3


def test_a_finding_of_several_cases_of_one_side_comes_with_its_counts() -> None:
    of_a, _ = Keyness(side(0, *ENHANCING), side(9, *PLAIN), {}, set(), lexicon()).apart()
    told = {one.concept: one for one in of_a}["ring enhancement"]
    assert (told.a.affirmed, told.a.cases, told.b.affirmed, told.b.cases) == (3, 3, 0, 3)
    assert told.a.figures == ("made:0", "made:1", "made:2")
    assert told.chance == pytest.approx(0.1)


def test_what_one_case_alone_says_is_no_trait() -> None:
    of_a, of_b, shared = compared(side(0, ENHANCING[0], *PLAIN), side(9, *PLAIN))
    assert "ring enhancement" not in of_a + of_b + shared


def test_a_side_of_one_case_tells_nothing_apart() -> None:
    of_a, of_b, _ = compared(side(0, *ENHANCING), side(9, PLAIN[0]))
    assert not of_a + of_b


def test_figures_of_one_case_count_once() -> None:
    figures = [(n, Figure(f"made:{n}", ENHANCING[0], MADE, case_id="made:one")) for n in range(4)]
    said = {n: [StoredMention(n, "ring enhancement", "caption", "affirmed")] for n in range(4)}
    of_a, of_b, _ = compared(cases_of(figures, said, lexicon()), side(9, *PLAIN))
    assert not of_a + of_b


def test_a_denial_against_an_affirmation_tells_the_sides_apart() -> None:
    denying = side(9, *("There is no ring enhancement.",) * 2)
    of_a, of_b = Keyness(side(0, *ENHANCING[:2]), denying, {}, set(), lexicon()).apart()
    told = {one.concept: one for one in of_a}["ring enhancement"]
    assert (told.b.affirmed, told.b.denied) == (0, 2)
    assert not of_b, "what is denied is not had"


@pytest.mark.parametrize("asked", ["glioma", "glioblastoma", "brain tumor"])
def test_what_was_asked_its_kinds_and_what_it_is_a_kind_of_are_no_traits(asked: str) -> None:
    of_a, _, _ = compared(side(0, *("Glioma with ring enhancement.",) * 3), side(9, *PLAIN), asked)
    assert of_a == ["ring enhancement"]


def test_modality_plane_and_region_are_no_traits() -> None:
    of_a, of_b, shared = compared(side(0, *("Axial MRI of the brain.",) * 3), side(9, *("Coronal CT of the abdomen.",) * 3))
    assert not of_a + of_b + shared


def test_what_the_other_sides_discussions_say_too_does_not_tell() -> None:
    other = side(9, *PLAIN, discussion="Ring enhancement is typical.")
    assert "ring enhancement" not in compared(side(0, *ENHANCING), other)[0]


def test_signal_is_asked_of_those_cases_only_that_have_an_mri() -> None:
    bright = [one for n in range(2) for one in case(n, "T1 hyperintensity.", "T1 hyperintensity is usual.", modality="MR")]
    others = [one for n in (9, 10) for one in case(n, PLAIN[0], modality="CT")]
    assert "T1 hyperintensity" not in compared(bright, others)[0], "no CT could have shown it"
    others = [one for n in (9, 10) for one in case(n, PLAIN[0], modality="MR")]
    assert "T1 hyperintensity" in compared(bright, others)[0]


def test_of_a_finding_and_its_kind_one_is_told() -> None:
    of_a, _, _ = compared(side(0, *ENHANCING), side(9, *PLAIN))
    assert "contrast enhancement" not in of_a


def test_fishers_exact_test_agrees_with_its_table() -> None:
    assert fisher(3, 4, 1, 4) == pytest.approx(0.4857, abs=1e-4)  # the lady who tastes tea
    assert fisher(2, 2, 2, 2) == 1


def test_log_odds_are_0_where_both_say_it_alike_and_turn_with_the_sides() -> None:
    assert log_odds(2, 2, 2, 2, 1.0) == pytest.approx(0)
    assert log_odds(0, 5, 5, 5, 0.1) == -log_odds(5, 5, 0, 5, 0.1)


def test_confounders_are_said_and_blanks_are_not_counted() -> None:
    young = [*case(0, "", patient="5-year-old boy"), *case(1, "", patient="9-year-old boy"), *case(2, "")]
    old = [*case(9, "", patient="70-year-old man"), *case(10, "", patient="81-year-old man")]
    said = list(confounders(young, old))
    assert said == [
        "A's patients are all children (2 of 3 cases say it), B's patients are all 65 or older (all 2 cases say it): "
        "this difference in age is whom they show, and may explain others."
    ]


def test_nothing_is_said_of_a_side_that_leaves_it_blank() -> None:
    assert not list(confounders([*case(0, "", modality="CT"), *case(1, "")], [*case(9, "", modality="MR")] * 2))


def test_what_does_not_enhance_is_a_denial_and_no_trait_of_its_own() -> None:
    of_a, of_b, shared = compared(side(0, *("A non-enhancing mass.",) * 3), side(9, *ENHANCING))
    assert "absent enhancement" not in of_a + of_b + shared
    assert "contrast enhancement" in of_b


def test_a_kind_of_what_is_asked_without_its_place_is_no_trait() -> None:
    of_a, _, _ = compared(side(0, *("MRI shows an acute infarct with midline shift.",) * 3), side(9, *PLAIN), "stroke")
    assert of_a == ["midline shift"]


def test_words_true_of_many_a_picture_are_no_traits() -> None:
    of_a, _, _ = compared(side(0, *("Enlargement, displacement and deformity; isointense.",) * 3), side(9, *PLAIN))
    assert of_a == []


def test_a_landmark_that_both_sides_name_is_shared_only_where_both_discuss_it() -> None:
    text = ("Axial image at the level of the aorta.",) * 2
    assert "aorta" not in compared(side(0, *text), side(9, *text))[2]
    spoken = "It arises beside the aorta."
    assert "aorta" in compared(side(0, *text, discussion=spoken), side(9, *text, discussion=spoken))[2]


def test_where_parts_of_the_body_are_asked_for_the_others_are_no_traits() -> None:
    sides = [side(first, *("The kidney is seen.",) * 2, discussion="The kidney lies behind.") for first in (0, 9)]
    assert compared(*sides, "liver", "spleen")[2] == []
    assert "kidney" in compared(*sides, "pancreatitis")[2]
