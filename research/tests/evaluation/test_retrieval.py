"""Recall at K counts what a student would call found."""

from __future__ import annotations

import numpy as np
import pytest

from mirage_research.evaluation.retrieval import bootstrap, chance_by_query, ranks_of_first_right, recalls, within_kind

SCORES = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.2, 0.2, 0.2]], dtype=np.float32)
OWN = np.eye(3, dtype=bool)


def test_the_rank_is_that_of_the_best_right_answer() -> None:
    right = np.array([[True, False, True], [False, False, True], [False, True, False]])
    assert ranks_of_first_right(SCORES, right)[:2].tolist() == [1, 3]


def test_ties_count_against_the_encoder() -> None:
    assert ranks_of_first_right(SCORES, OWN)[2] == 3


def test_a_query_without_a_right_answer_is_never_found() -> None:
    assert np.isinf(ranks_of_first_right(SCORES, np.zeros((3, 3), dtype=bool))).all()


def test_recall_is_the_share_of_queries_answered_among_the_first() -> None:
    found = recalls(SCORES, OWN, ["a", "b", "c"], at=(1, 2, 3))
    assert [found[k].value for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_chance_agrees_with_random_orders() -> None:
    rng = np.random.default_rng(3)
    right = rng.random((30, 20)) < 0.15
    right[:, 0] = True
    drawn = []
    for _ in range(400):
        drawn.append(ranks_of_first_right(rng.random((30, 20)).astype(np.float32), right) <= 5)
    assert chance_by_query(right, np.ones_like(right), at=(5,))[5].mean() == pytest.approx(np.mean(drawn), abs=0.02)


def test_chance_is_certain_when_no_wrong_answer_is_allowed() -> None:
    assert chance_by_query(OWN, OWN, at=(1, 5))[1].tolist() == [1, 1, 1]
    assert chance_by_query(OWN, OWN, at=(1, 5))[5].tolist() == [1, 1, 1]


def test_intervals_are_wider_when_figures_come_from_few_cases() -> None:
    values = np.repeat([0.0, 1.0], 50)
    apart = bootstrap(values, list(range(100)))
    together = bootstrap(values, [number // 10 for number in range(100)])
    assert apart.low < apart.value < apart.high
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_intervals_are_the_same_every_time() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0])
    assert bootstrap(values, "abcd") == bootstrap(values, "abcd")


def test_within_a_kind_only_its_own_figures_answer_and_only_real_choices_are_asked() -> None:
    scores, allowed, asked = within_kind(SCORES, OWN, ["ct", "ct", "mr"])
    assert asked.tolist() == [True, True, False]
    assert np.isneginf(scores[~allowed]).all()
    assert (ranks_of_first_right(scores, OWN) <= 1).tolist() == [True, False, True]
