"""The written queries of the starter atlas, asked of the real atlas with the real encoder."""

from __future__ import annotations

from functools import cache

import pytest
from starter_queries import ATLAS, QUERIES, answering, read_jsonl

from mirage.atlas import Atlas
from mirage.search.answer import Answer


@pytest.fixture(scope="module")
def ask(starter: Atlas):
    return cache(lambda text: starter.search(text, k=10))


def found(answer: Answer, rule: dict, first: int) -> bool:
    wanted = answering(rule, read_jsonl(ATLAS / "figures.jsonl"))
    # A near-duplicate that a hit stands for is found with it.
    return any(wanted & {hit.figure.id, *hit.folded} for hit in answer.hits[:first])


def test_there_are_forty_queries_and_twenty_for_what_it_does_not_hold() -> None:
    assert len(QUERIES["query"]) == 40
    assert len(QUERIES["absent"]) == 20


def test_nine_of_ten_queries_find_an_answer_among_the_first_five(ask) -> None:
    missed = [query["text"] for query in QUERIES["query"] if not found(ask(query["text"]), query["answer"], 5)]
    assert len(missed) <= 4, f"nothing among the first five for: {missed}"


def test_most_answerable_queries_are_not_called_unanswerable(ask) -> None:
    unheard = [query["text"] for query in QUERIES["query"] if not ask(query["text"]).fits]
    assert len(unheard) <= 8, f"called unanswerable: {unheard}"


def test_nothing_fits_a_query_for_what_the_atlas_does_not_hold(ask) -> None:
    loud = {
        query["text"]: [(hit.figure.id, hit.confidence) for hit in ask(query["text"]).hits if hit.confidence != "weak"][:2]
        for query in QUERIES["absent"]
        if ask(query["text"]).fits
    }
    assert not loud, f"more than weak: {loud}"


@pytest.mark.parametrize(
    ("words", "stack", "label"),
    [
        ("kidney stones", "starter:abdomen-pelvis", "dense spots in the left kidney"),
        ("right kidney stone", "starter:abdomen-pelvis", "dense spots in the right kidney"),
        ("brain tumor", "starter:brain-lesion", "enhancing lesion"),
        ("abdominal aortic aneurysm", "starter:aortic-aneurysm", "aneurysm sac"),
        ("metal implant in the left femur", "starter:abdomen-pelvis", "metal implant (screw and nail)"),
    ],
)
def test_a_stack_opens_where_its_caption_says_that_what_is_asked_is_marked(
    starter: Atlas, words: str, stack: str, label: str
) -> None:
    hit = next(hit for hit in starter.search(words).hits if hit.figure.id == stack)
    assert hit.slice is not None
    assert hit.figure.stack is not None
    assert hit.slice.label == label
    assert hit.slice.number == next(each.best for each in hit.figure.stack.labels if each.name == label)
