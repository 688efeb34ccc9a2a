"""Ranked lists, random order, intervals and paired tests."""

from __future__ import annotations

import numpy as np
import pytest

from mirage_research.evaluation.intervals import bootstrap, compare, holm
from mirage_research.evaluation.ranking import MEASURES, RandomOrder, best_first, measures, ranks_of_first_right

SCORES = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.2, 0.2, 0.2]], dtype=np.float32)
OWN = np.eye(3, dtype=bool)


def test_a_list_is_measured_as_trec_defines_it() -> None:
    found = measures([[(7,), (1,), (8,), (2,)]], [frozenset({1, 2, 3})])
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert found["nDCG@10"][0] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / best)
    assert found["P@10"][0] == pytest.approx(0.2), "a short list counts as filled up with wrong ones"
    assert (found["success@5"][0], found["MRR"][0], found["rank"][0]) == (1, 0.5, 2)


def test_a_query_that_nothing_answers_is_worth_nothing() -> None:
    found = measures([[(4,), (5,)], [], [(1,)]], [frozenset({1}), frozenset({1}), frozenset({1})])
    for name in MEASURES:
        assert found[name][:2].tolist() == [0, 0]
    assert found["rank"].tolist() == [np.inf, np.inf, 1]


def test_what_a_search_folds_neither_hides_a_right_answer_nor_counts_it_twice() -> None:
    found = measures([[(9, 1, 2), (3,)]], [frozenset({1, 2, 3})])
    assert found["rank"][0] == 1
    assert found["P@10"][0] == pytest.approx(0.2)
    assert found["nDCG@10"][0] < 1, "one of the three right figures has no place of its own"


def test_answers_stand_best_first_and_one_that_is_left_out_does_not() -> None:
    scores = np.array([0.5, -np.inf, 0.9, 0.5], dtype=np.float32)
    assert best_first(scores, ["a", "b", "c", "d"], 10).tolist() == [2, 3, 0], (
        "alike: the last id first, as trec_eval has it"
    )
    assert best_first(scores, ["a", "b", "c", "d"], 1).tolist() == [2]


def test_the_rank_is_that_of_the_best_right_answer() -> None:
    right = np.array([[True, False, True], [False, False, True], [False, True, False]])
    assert ranks_of_first_right(SCORES, right)[:2].tolist() == [1, 3]


def test_ties_count_against_the_encoder() -> None:
    assert ranks_of_first_right(SCORES, OWN)[2] == 3


def test_a_query_without_a_right_answer_is_never_found() -> None:
    assert np.isinf(ranks_of_first_right(SCORES, np.zeros((3, 3), dtype=bool))).all()


@pytest.mark.parametrize("tiers", [[(40, 3)], [(6, 1), (34, 2)], [(0, 0), (12, 12)], [(5, 0), (9, 2)]])
def test_what_random_order_is_worth_agrees_with_random_orders(tiers: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(1)
    orders = [np.concatenate([rng.permutation(np.arange(size) < right) for size, right in tiers]) for _ in range(2000)]
    total = sum(right for _, right in tiers)
    wanted = frozenset(range(total))
    lists = []
    for order in orders:
        places = np.where(order, np.cumsum(order) - 1, total + np.arange(len(order)))
        lists.append([(int(place),) for place in places])
    drawn, known = measures(lists, [wanted] * len(lists)), RandomOrder.of(tiers)
    for name in MEASURES:
        assert known.expected(name) == pytest.approx(drawn[name].mean(), abs=0.03), name
    assert abs(known.expected("rank") - np.median(drawn["rank"])) <= 1


def test_random_order_without_a_right_answer_is_worth_nothing() -> None:
    known = RandomOrder.of([(7, 0)])
    assert [known.expected(name) for name in (*MEASURES, "R@1")] == [0, 0, 0, 0, 0]
    assert known.expected("rank") == np.inf


def test_a_right_answer_is_certain_where_no_wrong_one_is() -> None:
    assert [RandomOrder.of([(3, 3)]).expected(f"R@{k}") for k in (1, 5)] == [1, 1]


def test_intervals_are_wider_when_figures_come_from_few_cases() -> None:
    values = np.repeat([0.0, 1.0], 50)
    apart = bootstrap(values, list(range(100)))
    together = bootstrap(values, [number // 10 for number in range(100)])
    assert apart.low < apart.value < apart.high
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_intervals_are_the_same_every_time() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0])
    assert bootstrap(values, "abcd") == bootstrap(values, "abcd")


def test_one_case_alone_has_no_interval_and_no_query_has_no_mean() -> None:
    one = bootstrap(np.array([0.0, 1.0]), ["a", "a"])
    assert (one.value, one.low, one.high, one.count) == (0.5, 0.5, 0.5, 2)
    assert np.isnan(bootstrap(np.zeros(0), []).value)
    assert compare(np.ones(2), np.zeros(2), ["a", "a"])[1] == 1


def test_a_system_that_is_always_better_is_told_apart_and_one_that_is_the_same_is_not() -> None:
    rng = np.random.default_rng(2)
    values = rng.random(60)
    cases = [number // 2 for number in range(60)]
    better, p = compare(values + 0.1, values, cases)
    assert better.value == pytest.approx(0.1)
    assert better.low > 0
    assert p < 0.001
    same, p = compare(values, values, cases)
    assert (same.value, p) == (0, 1)


def test_many_queries_of_few_cases_prove_little() -> None:
    gained = np.full(100, 0.2)
    _, p = compare(gained, np.zeros(100), [number % 3 for number in range(100)])
    assert p == pytest.approx(0.25, abs=0.02), "three cases agree by chance in one of four draws"


def test_the_paired_test_calls_alike_systems_different_as_rarely_as_it_says() -> None:
    rng = np.random.default_rng(3)
    cases = [number // 4 for number in range(120)]
    by_case = rng.normal(size=(200, 30)).repeat(4, 1)
    ps = [compare(by_case[n] + rng.normal(size=120), np.zeros(120), cases, draws=400, seed=n)[1] for n in range(200)]
    assert 0.01 <= np.mean(np.array(ps) <= 0.05) <= 0.10


def test_several_p_values_are_adjusted_as_holm_did() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
