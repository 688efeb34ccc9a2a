"""Answers: each is kept once, as it was given, and what cannot be is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mirage.atlas import Atlas
from mirage.errors import BadInput
from mirage.study.learning import GivenAnswer, Learning, item_of, new_id

ONE: dict[str, Any] = {
    "id": "a1",
    "when": 1_700_000_000.0,
    "quiz": "q1",
    "kind": "choose",
    "item": "choose:folder:1",
    "figure": "folder:1~abc",
    "asked": "C1",
    "asked_name": "Appendicitis",
    "given": "C2",
    "given_text": "Diverticulitis",
    "right": False,
    "graded": True,
    "seconds": 7.5,
}


@pytest.fixture
def learning(unkept: Atlas) -> Learning:
    return unkept.study.learning


def test_an_answer_is_kept_as_it_was_given(learning: Learning) -> None:
    assert learning.answers() == []
    assert learning.record(GivenAnswer(**ONE))
    assert learning.answers() == [GivenAnswer(**ONE)]


def test_the_same_answer_from_two_pages_counts_once_and_the_first_stays(learning: Learning) -> None:
    first = GivenAnswer(**ONE)
    assert [learning.record(first), learning.record(replace(first, right=True)), learning.record(first)] == [
        True,
        False,
        False,
    ]
    assert learning.answers() == [first]


def test_answers_come_last_first_and_in_parts(learning: Learning) -> None:
    for number in (2, 0, 1):
        learning.record(GivenAnswer(**{**ONE, "id": f"a{number}", "when": ONE["when"] + number}))
    assert [each.id for each in learning.answers(limit=2)] == ["a2", "a1"]
    assert [each.id for each in learning.answers(limit=2, offset=2)] == ["a0"]
    assert [each.id for each in learning.answers(since=ONE["when"] + 1)] == ["a2", "a1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "x" * 700},
        {"kind": "sing"},
        {"item": "name:folder:1"},
        {"figure": "a\x00b"},
        {"when": float("nan")},
        {"when": -1.0},
        {"when": 1e30},
    ],
)
def test_what_no_answer_can_be_is_refused_and_nothing_is_kept(learning: Learning, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        learning.record(GivenAnswer(**(ONE | wrong)))
    assert learning.answers() == []


def test_words_are_cut_and_a_clock_that_ran_backwards_gives_no_negative_seconds(learning: Learning) -> None:
    learning.record(GivenAnswer(**(ONE | {"given_text": "x\x07" * 5000, "seconds": -3.0})))
    kept = learning.answers()[0]
    assert (len(kept.given_text), "\x07" in kept.given_text, kept.seconds) == (500, False, 0.0)


def test_an_item_is_the_same_whatever_its_picture_is_now() -> None:
    assert item_of("point", "a:1~f00", "Liver") == item_of("point", "a:1", "Liver") == "point:a:1:Liver"
    assert item_of("name", "a:1") != item_of("choose", "a:1")
    assert new_id() != new_id()
