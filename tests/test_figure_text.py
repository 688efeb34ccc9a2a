"""Text of a source is made readable without losing what it says."""

from __future__ import annotations

import time

import pytest

from mirage.figure import clean_text
from parts import assert_linear


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


@pytest.mark.parametrize(
    "part",
    [
        *("<a" + " " * 40, "<" + " " * 40, "<!--", "<!-- -", "<script", "<script>", "<style>a", "</script", "<br /", "</p"),
        *('<a b="', '<a b="<a" ', "<a b='<a c=\"", "<p b=", "<a b=c ", "< ", "&", "&#", "&amp", " \n", "\n", "\u00c3"),
    ],
)
def test_a_text_that_is_eight_times_as_long_takes_about_eight_times_as_long(part: str) -> None:
    text = part * (80_000 // len(part) + 1)
    assert_linear(lambda length: clean_text(text[:length]), 10_000, 8)


@pytest.mark.parametrize("text", ["<a" + " " * 100_000, "<!--" * 25_000, "<" * 100_000, '<a b="' + "< " * 50_000])
def test_a_hostile_text_is_read_at_once(text: str) -> None:
    started = time.thread_time()
    clean_text(text)
    assert time.thread_time() - started < 20, "the square of its length takes minutes"


def test_what_is_quoted_in_a_tag_may_hold_a_sign() -> None:
    assert clean_text('<img alt="nodules < 3 cm and > 1 cm">Nodules') == "Nodules"
    assert clean_text("a <!-- <b>not shown</b> --> b <!-- not closed") == "a b <!-- not closed"
    assert clean_text("<script>x</script>a<style>y</style>b<script>c") == "a b c"
