"""Words as the words channel sees them."""

from __future__ import annotations

import pytest

from mirage import wordform


@pytest.mark.parametrize(("one", "other"), [("lesion", "Lesions"), ("enhance", "enhancing"), ("café", "cafe")])
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert wordform.stem(one) == wordform.stem(other) is not None


def test_stop_words_have_none() -> None:
    assert wordform.stem("the") is None
    assert wordform.words("the of and") == {}


def test_a_text_has_the_stems_of_its_words() -> None:
    text = "Ring-enhancing lesion, T1-weighted: the patient's brain"
    assert set(wordform.words(text)) <= wordform.stems(text) | {wordform.stem("patient's")}
    assert wordform.stem("lesions") in wordform.stems(text)
    assert next(iter(wordform.words("a brain and brains"))) == wordform.stem("brain")


@pytest.mark.parametrize("text", ["", "🧠", "…—()", " \n"])
def test_a_text_without_words_has_none(text: str) -> None:
    assert wordform.words(text) == {}
