"""First queries of a student: the rules say which figures answer, and each can be answered or cannot, as its kind says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mirage.atlas import Atlas
from mirage.errors import BadInput
from mirage_research.evaluation.first_queries import FILE, KINDS, answers, evaluate, misses, read, records, rows

QUERIES, RECORDS = read(), records()


def test_there_are_twenty_of_each_kind() -> None:
    assert Counter(one.kind for one in QUERIES) == dict.fromkeys(KINDS, 20)
    assert len({one.query for one in QUERIES}) == 60


@pytest.mark.parametrize("asked", [one for one in QUERIES if one.right], ids=lambda one: one.query)
def test_a_query_has_figures_that_answer_it_and_others_that_do_not(asked) -> None:
    right = [record for record in RECORDS.values() if any(answers(rule, record) for rule in asked.right)]
    assert 0 < len(right) < len(RECORDS) / 2


def test_every_part_of_a_rule_has_to_be_met() -> None:
    record = {
        "id": "starter:a", "diagnosis": "Lung mass", "modality": "CT", "region": "thorax", "plane": "axial",
        "modality_detail": "CT, lung window", "shares": {"left kidney": 0.9, "right kidney": 0.1},
    }  # fmt: skip
    assert answers({"shows": ["kidney"], "modality": "CT"}, record)
    assert not answers({"shows": ["right kidney"]}, record), "too little of it is to be seen"
    assert not answers({"shows": ["kid"]}, record), "words are whole"
    assert not answers({"shows": ["kidney"], "plane": "coronal"}, record)
    assert answers({"detail": "lung window", "diagnosis": "Lung mass"}, record)
    assert not answers({"ids": ["starter:b"]}, record)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text(
        '{"id": "a", "kind": "absent", "query": "gout", "right": []}\n{"id": "b", "kind": "held", "query": "liver"}\n'
    )
    with pytest.raises(BadInput, match=r"Line 2 of .*own\.jsonl"):
        read(file)


def test_the_starter_atlas_is_asked_and_what_went_wrong_is_told(starter: Atlas) -> None:
    asked = [next(one for one in QUERIES if one.kind == kind) for kind in KINDS]
    table, outcomes = evaluate(starter, asked)
    assert [table[f"{kind} asked"] for kind in KINDS] == [1, 1, 1]
    assert [name.split(":")[0] for name, _ in rows(table)] == list(KINDS.values())
    assert len(misses(outcomes)) == 3 - sum(table[kind] for kind in KINDS)


def test_an_atlas_of_other_things_is_refused(small: Path) -> None:
    with Atlas.open(small) as atlas, pytest.raises(BadInput, match="starter atlas"):
        evaluate(atlas, QUERIES)


def test_five_blind_sets_are_kept_beside_and_each_of_their_queries_can_be_answered_or_cannot() -> None:
    blind = read(FILE.with_name("first_queries_blind.jsonl"))
    assert Counter((one.id[0], one.kind) for one in blind) == {(name, kind): 20 for name in "ABCDE" for kind in KINDS}
    assert not {one.query for one in blind} & {one.query for one in QUERIES}
    for one in blind:
        assert all(any(answers(rule, record) for record in RECORDS.values()) for rule in one.right), one.query
