"""Words as the words channel sees them."""

from __future__ import annotations

import pytest

from mirage.language import words


@pytest.mark.parametrize(("one", "other"), [("lesion", "Lesions"), ("enhance", "enhancing"), ("café", "cafe")])
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert words.stem(one) == words.stem(other) is not None


def test_stop_words_have_none() -> None:
    assert words.stem("the") is None
    assert words.words("the of and") == {}


def test_a_text_has_the_stems_of_its_words() -> None:
    text = "Ring-enhancing lesion, T1-weighted: the patient's brain"
    assert set(words.words(text)) <= words.stems(text) | {words.stem("patient's")}
    assert words.stem("lesions") in words.stems(text)
    assert next(iter(words.words("a brain and brains"))) == words.stem("brain")


@pytest.mark.parametrize("text", ["", "🧠", "…—()", " \n"])
def test_a_text_without_words_has_none(text: str) -> None:
    assert words.words(text) == {}


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("oedema", "edema"), ("lymphoedema", "lymphedema"), ("Oesophagus", "esophagus"), ("oestrogen", "estrogen"),
        ("gastrooesophageal", "gastroesophageal"), ("foetal", "fetal"), ("coeliac", "celiac"), ("diarrhoea", "diarrhea"),
        ("dyspnoea", "dyspnea"), ("amoebic", "amebic"), ("haemorrhage", "hemorrhage"), ("tumours", "tumor"),
        ("centre", "center"), ("localised", "localized"), ("grey", "gray"), ("dilatation", "dilation"),
    ],
)  # fmt: skip
def test_british_spelling_is_read_as_american(british: str, american: str) -> None:
    assert words.fold(british) == words.fold(american)


@pytest.mark.parametrize(
    "word", ["doesn't", "toe", "shoe", "coexist", "coefficient", "roentgen", "aerated", "four", "hour", "contour"]
)
def test_letters_that_only_look_british_stay(word: str) -> None:
    assert words.fold(word) == word


def test_an_apostrophe_is_one_however_it_is_typed() -> None:
    assert {words.fold(f"isn{mark}t") for mark in "'’‘ʼ´`"} == {"isn't"}


def test_what_is_read_is_remembered_but_no_long_text() -> None:
    read = list[str]()

    @words.remembered(2**12)
    def loud(text: str) -> str:
        read.append(text)
        return text.upper()

    short, long = "x" * 2**11, "x" * (2**11 + 1)
    assert [loud(short), loud(short), loud(long), loud(long)] == [short.upper()] * 2 + [long.upper()] * 2
    assert read == [short, long, long]
