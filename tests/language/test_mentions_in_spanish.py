"""Captions that are not in English are not read as if they were."""

from __future__ import annotations

import itertools

import pytest

from mirage.language.concepts import lexicon
from mirage.language.mentions import mentions
from mirage.language.sentences import is_english, language_of
from parts import assert_linear


def spoken(text: str) -> dict[str, str]:
    return {mention.concept: mention.polarity for mention in mentions(text)}


def test_the_language_of_a_caption_is_told_by_its_small_words() -> None:
    assert language_of("Tomografía de tórax que muestra una lesión en el pulmón derecho") == "Spanish"
    assert language_of("Coupe axiale du thorax avec une lésion dans le poumon") == "French"
    assert language_of("Снимок грудной клетки") == "another language"
    assert language_of("Axial CT of the chest shows a lesion in the right lung") == language_of("CT") == ""
    assert not is_english("123")


def test_spanish_is_read_by_spanish_names_with_its_own_denials() -> None:
    said = spoken("Radiografía de tórax que muestra una neumonía en el lóbulo inferior, sin neumotórax.")
    assert said["pneumonia"] == "affirmed"
    assert said["pneumothorax"] == "denied"


def test_other_languages_are_not_read_as_english() -> None:
    assert spoken("Coupe axiale du thorax avec une mass dans le poumon et pneumonia") == {}
    assert "pneumonia" in spoken("Axial section of the thorax with pneumonia")


def test_a_caption_of_100_kb_takes_time_in_proportion_to_its_length() -> None:
    words = "The CT shows a mass in the liver without evidence of metastasis and MRI of the PE "
    number = itertools.count()  # for a sentence that was read is known
    assert mentions(words * 10)
    assert_linear(lambda count: mentions(f"Number {next(number)} {words * count}"), 150, 8)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Röntgen-Thorax: kein Nachweis eines Pneumothorax. Ausgedehnter Pleuraerguss links.", "German"),
        ("geen pneumothorax", "Dutch"),
        ("Sin fractura", "Spanish"),
        ("Sans fracture", "French"),
        ("Pas de fracture", "French"),
        ("Nessuna frattura", "Italian"),
        ("Sem fratura", "Portuguese"),
        ("No fracture", ""),
        ("Fractures of the radius", ""),
    ],
)
def test_one_foreign_word_of_denial_tells_the_language_of_a_short_caption(text: str, language: str) -> None:
    assert language_of(text) == language
    assert "affirmed" not in spoken(text).values() or not language


@pytest.mark.parametrize("text", ["Fractura descartada", "Fractura no visible", "Sin fractura", "Se descarta fractura."])
def test_spanish_denies_before_and_behind_a_name(text: str) -> None:
    assert spoken(text) == {"fracture": "denied"}


def test_a_spanish_denial_leaves_open_what_stands_behind_and() -> None:
    said = spoken("Ausencia de neumotórax y fractura de costilla")
    assert (said["pneumothorax"], said["rib fracture"]) == ("denied", "possible")


@pytest.mark.parametrize(
    ("text", "typed", "named"),
    [
        ("Radiografía de tórax que muestra una neumonía", False, ["chest radiography", "pneumonia"]),
        ("cómo se ve una disección aórtica", True, ["aortic dissection"]),
        ("la aorta", True, ["aorta"]),
        ("la pelvis", True, ["pelvis"]),
        ("tumor en la cabeza", True, ["neoplasm", "head"]),
        ("hongos en las uñas", True, ["nail"]),
        ("la dilation", True, ["left atrium", "dilation"]),
        ("LA aorta", True, ["left atrium", "aorta"]),
    ],
)
def test_an_article_of_spanish_is_neither_a_nail_nor_the_left_atrium(text: str, typed: bool, named: list[str]) -> None:
    assert [match.concept for match in lexicon().find(text, typed=typed).matches] == named
