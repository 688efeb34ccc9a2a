"""Text of a source is made readable without losing what it says."""

from __future__ import annotations

import pytest

from mirage.figure import clean_text


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("A lesion &lt; 3 cm and > 1 cm", "A lesion < 3 cm and > 1 cm"),
        ("a<b and c>d", "a<b and c>d"),
        ("<p class='x'>One</p><p>Two<br/>Three</p>", "One\nTwo\nThree"),
        ("<script>alert(1)</script>Words", "Words"),
        ("Crohn&amp;#39;s &amp; others", "Crohn's & others"),
        ("one\r\ntwo\rthree\x0bfour", "one\ntwo\nthree\nfour"),
        ("many    spaces\t here \n\n\n\n next", "many spaces here\n\nnext"),
        ("soft\u00adhyphen and\u200b zero", "softhyphen and zero"),
        ("\uf0a7 item", "• item"),
        ("“ring” œdème – 37 °C", "“ring” œdème – 37 °C"),
        ("â€œringâ€\x9d Ã©dÃ¨me", "“ring” édème"),
        ("e\u0301", "é"),
        (73, "73"),
        (None, ""),
    ],
)
def test_text_is_made_readable(given: object, wanted: str) -> None:
    assert clean_text(given) == wanted


@pytest.mark.parametrize("nothing", ["N/A", "n/a.", " NA ", "None", "-", "<br>", "&nbsp;", "No caption.", "not applicable"])
def test_what_says_nothing_becomes_empty(nothing: str) -> None:
    assert clean_text(nothing) == ""


def test_words_that_only_begin_like_nothing_stay() -> None:
    assert clean_text("None needed.") == "None needed."
    assert clean_text("NAFLD") == "NAFLD"
