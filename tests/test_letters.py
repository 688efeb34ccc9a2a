"""Letters in a normal form: what the standard library gives, but for marks that nobody reads."""

from __future__ import annotations

import unicodedata

import pytest

from mirage.figure import clean_text
from mirage.letters import normalised, unaccented
from mirage.query import tidy

WRITTEN = [
    "",
    "plain",
    "cafe\u0301",
    "ﬁ",
    "Ångström",
    "i\u0307\u0323",
    "각",
    "ｶﾞ",
    "\u0f71\u0f72",
    "e" + "\u0301" * 30,
    "😀\ud800",
]


@pytest.mark.parametrize("text", WRITTEN, ids=ascii)
def test_what_people_write_becomes_what_the_standard_library_makes_of_it(text: str) -> None:
    for form in ("NFC", "NFKC"):
        assert normalised(form, text) == unicodedata.normalize(form, text)
    plain = unicodedata.normalize("NFKD", text)
    assert unaccented(text) == "".join(sign for sign in plain if not unicodedata.combining(sign))


@pytest.mark.parametrize("marks", ["\u0315\u0300", "\u0345\uff9e", "\u0f73", "\u0344"], ids=ascii)
def test_a_text_of_nothing_but_marks_keeps_some_and_is_read_at_once(marks: str) -> None:
    """Sorted one by one, they would take minutes."""
    many = "x" + marks * (200_000 // len(marks)) + "y"
    for read in (lambda text: normalised("NFC", text), lambda text: normalised("NFKC", text), clean_text, tidy):
        told = read(many)
        assert told[-1] == "y"
        assert len(told) < 70
    assert unaccented(many) == "xy"
