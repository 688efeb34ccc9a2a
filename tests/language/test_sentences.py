"""Medical prose cut into sentences."""

from __future__ import annotations

import time

import pytest

from mirage.language.sentences import LONGEST, _lines, _pieces, clip, cut, split


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It is T2-weighted. 3.5 cm mass, e.g. in the liver. See Fig. 1 by Dr. Smith. S. aureus was grown.",
         ["It is T2-weighted.", "3.5 cm mass, e.g. in the liver.", "See Fig. 1 by Dr. Smith.", "S. aureus was grown."]),
        ("This is hepatitis type A. It is viral.", ["This is hepatitis type A.", "It is viral."]),
        ("• One item\n• Another item\n- A third\n1) A fourth", ["One item", "Another item", "A third", "A fourth"]),
        ("A line of prose that is so long that it had to be broken in\nthe middle. Next one.",
         ["A line of prose that is so long that it had to be broken in the middle.", "Next one."]),
        ("Filling defects.There is an effusion.", ["Filling defects.", "There is an effusion."]),
        ("Findings:\nA mass.", ["Findings:", "A mass."]),
        ("WHO grade 2. The mass is solid.", ["WHO grade 2.", "The mass is solid."]),
        ("Differential: 1. Abscess 2. Lymphoma 3. Glioma", ["Differential:", "Abscess", "Lymphoma", "Glioma"]),
        ("Mass on Figure 1. Axial CT.", ["Mass on Figure 1.", "Axial CT."]),
        ("Abscess • Lymphoma • Glioma", ["Abscess", "Lymphoma", "Glioma"]),
        ("", []),
    ],
)  # fmt: skip
def test_medical_prose_is_cut_at_the_ends_of_its_sentences(text: str, sentences: list[str]) -> None:
    assert [sentence.text for sentence in split(text)] == sentences


@pytest.mark.parametrize("unit", ["A. ", "1. ", "Dr. ", "e.g. ", "• a ", ". ", "A.B", "word; ", " ", "(", "[1]."])
def test_a_text_of_nothing_but_stops_takes_no_longer_than_any_other(unit: str) -> None:
    started = time.thread_time()
    split(unit * (200_000 // len(unit)))
    assert time.thread_time() - started < 20, "it took a minute when each stop looked at all that stood before it"


def test_what_stands_under_a_heading_knows_it() -> None:
    heading, sentence = split("About cysts:\nThey are benign.")
    assert (heading.is_heading, sentence.is_heading, sentence.heading, sentence.place) == (True, False, "About cysts", 0)


def test_a_run_without_a_stop_is_cut_and_loses_no_word() -> None:
    text = "the mass in the left kidney and " * 160
    assert all(len(one) <= LONGEST for one in cut(text))
    assert " ".join(cut(text)).split() == text.split()


def test_a_long_sentence_is_cut_at_a_clause_and_shows_it() -> None:
    text = "The mass is bright, " * 30
    short = clip(text, 120)
    assert len(short) <= 120
    assert short.endswith("bright …")
    assert text.startswith(short.removesuffix(" …"))


@pytest.mark.parametrize(
    "mark", ["• ", "•", "* ", "*", "**", ">> ", ">", "» ", "- ", "--", "\uf0a7\t", "1. ", "2) ", "3.) ", "1)1 "]
)
def test_no_mark_of_a_list_is_left_at_its_item(mark: str) -> None:
    assert split(f"CT:\n{mark}The mass enhances.")[-1].text == "The mass enhances."


def test_a_line_that_was_broken_after_each_word_is_one_however_long_it_is() -> None:
    words = ["Words"] * 12 + ["word"] * 40_000
    (line, *more) = _lines("\n".join((" ".join(words[:12]), *words[12:])))
    assert (line, more) == ((" ".join(words), False), [])


def test_what_is_longer_than_a_sentence_is_cut_without_a_word_lost() -> None:
    text = "word, " * 50_000
    pieces = _pieces(text.strip(" ,"))
    assert max(map(len, pieces)) <= LONGEST
    assert sum(piece.count("word") for piece in pieces) == 50_000
    assert _pieces("x" * 2_000) == ["x" * 800, "x" * 800, "x" * 400]
