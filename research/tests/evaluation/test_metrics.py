"""The measures are TREC's: compared with trec_eval itself, ties included."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, P, Success, nDCG

from mirage_research.evaluation import metrics
from mirage_research.evaluation.by_chance import Tier, expected
from mirage_research.evaluation.paired import compare, holm
from mirage_research.evaluation.retrieval import ranks_of_first_right

ANSWERS, QUERIES = 60, 40


def _drawn(levels: int | None, seed: int = 5) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Scores, what is right, and ids; few levels make many ties."""
    rng = np.random.default_rng(seed)
    scores = rng.random((QUERIES, ANSWERS)).astype(np.float32)
    if levels:
        scores = np.floor(scores * levels) / np.float32(levels)
    right = rng.random((QUERIES, ANSWERS)) < 0.08
    right[0] = False  # a query that nothing answers
    right[1] = True
    return scores, right, [f"figure:{number:03}" for number in rng.permutation(ANSWERS)]


def _trec(measure: object, scores: np.ndarray, right: np.ndarray, ids: list[str]) -> list[float]:
    run = {str(q): {ids[n]: float(scores[q, n]) for n in range(ANSWERS)} for q in range(QUERIES)}
    known = {str(q): {ids[n]: int(right[q, n]) for n in range(ANSWERS)} for q in range(QUERIES)}
    found = {metric.query_id: metric.value for metric in ir_measures.iter_calc([measure], known, run)}
    return [found[str(q)] for q in range(QUERIES)]


@pytest.mark.parametrize("levels", [None, 12, 2], ids=["no ties", "some ties", "nearly all tied"])
def test_every_measure_agrees_with_trec_eval(levels: int | None) -> None:
    scores, right, ids = _drawn(levels)
    ties = metrics.latest_first(ids)
    table = np.stack([right[q][metrics.in_order(scores[q], ties)] for q in range(QUERIES)])
    total = right.sum(1)
    ranks = metrics.first_rank(table)
    for measure, ours in (
        (nDCG @ 10, metrics.ndcg(table, total, 10)),
        (nDCG @ 3, metrics.ndcg(table, total, 3)),
        (P @ 10, metrics.precision(table, 10)),
        (Success @ 5, metrics.success(table, 5)),
        (Success @ 1, metrics.success(table, 1)),
        (RR, metrics.reciprocal(ranks)),
    ):
        assert ours == pytest.approx(_trec(measure, scores, right, ids), abs=1e-6), measure


def test_a_list_shorter_than_k_agrees_with_trec_eval_too() -> None:
    lists = [[True, False], [False], []]
    table, total = metrics.flags(lists, 10), np.array([3, 1, 2])
    known = {str(q): {f"r{n}": 1 for n in range(total[q])} for q in range(3)}
    run: dict[str, dict[str, float]] = {}
    for q, found in enumerate(lists):
        run[str(q)] = {(f"r{n}" if right else f"w{n}"): 10.0 - n for n, right in enumerate(found)}
    run["2"] = {"w0": 1.0}  # trec_eval leaves out a query without any answer
    for measure, ours in ((nDCG @ 10, metrics.ndcg(table, total, 10)), (P @ 10, metrics.precision(table, 10))):
        theirs = {metric.query_id: metric.value for metric in ir_measures.iter_calc([measure], known, run)}
        assert ours == pytest.approx([theirs[str(q)] for q in range(3)])


@pytest.mark.parametrize("levels", [None, 6])
def test_recall_over_pairs_is_trec_evals_success_when_ties_count_against_us(levels: int | None) -> None:
    scores, right, _ = _drawn(levels)
    ranks = ranks_of_first_right(scores, right)
    for k in (1, 5, 10):
        theirs = []
        for q in range(QUERIES):
            # trec_eval puts the later id first, so that wrong answers are given the later ids.
            run = {"q": {f"{'a' if right[q, n] else 'z'}{n}": float(scores[q, n]) for n in range(ANSWERS)}}
            known = {"q": {f"{'a' if right[q, n] else 'z'}{n}": int(right[q, n]) for n in range(ANSWERS)}}
            theirs += [metric.value for metric in ir_measures.iter_calc([Success @ k], known, run)]
        assert (ranks <= k).astype(float) == pytest.approx(theirs)


def test_an_answer_that_is_left_out_is_not_in_the_order() -> None:
    scores = np.array([0.5, -np.inf, 0.9], dtype=np.float32)
    assert metrics.in_order(scores, metrics.latest_first(["a", "b", "c"])).tolist() == [2, 0]


def test_the_rank_of_what_was_not_found_is_infinite_and_worth_nothing() -> None:
    ranks = metrics.first_rank(np.array([[False, True], [False, False]]))
    assert ranks.tolist() == [2, np.inf]
    assert metrics.reciprocal(ranks).tolist() == [0.5, 0]


@pytest.mark.parametrize(
    "tiers", [[Tier(40, 3)], [Tier(6, 1), Tier(34, 2)], [Tier(0, 0), Tier(12, 12)], [Tier(5, 0), Tier(9, 2)]]
)
def test_what_chance_is_worth_agrees_with_random_orders(tiers: list[Tier]) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(4000):
        parts = [rng.permutation(np.arange(tier.size) < tier.right) for tier in tiers]
        rows.append(np.concatenate(parts))
    drawn = np.array(rows)
    known, total = expected(tiers), np.full(len(drawn), sum(tier.right for tier in tiers))
    ranks = metrics.first_rank(drawn)
    assert known.precision(10) == pytest.approx(metrics.precision(drawn, 10).mean(), abs=0.01)
    assert known.ndcg(10) == pytest.approx(metrics.ndcg(drawn, total, 10).mean(), abs=0.015)
    assert known.success(5) == pytest.approx(metrics.success(drawn, 5).mean(), abs=0.03)
    assert known.reciprocal() == pytest.approx(metrics.reciprocal(ranks).mean(), abs=0.015)
    assert abs(known.median_rank() - np.median(ranks)) <= 1


def test_chance_without_a_right_answer_is_worth_nothing() -> None:
    known = expected([Tier(7, 0)])
    assert (known.precision(10), known.ndcg(10), known.success(10), known.reciprocal()) == (0, 0, 0, 0)
    assert known.median_rank() == np.inf


def test_a_system_that_is_always_better_is_told_apart_and_one_that_is_the_same_is_not() -> None:
    rng = np.random.default_rng(2)
    values = rng.random(60)
    cases = [number // 2 for number in range(60)]
    better = compare(values + 0.1, values, cases)
    assert better.value == pytest.approx(0.1)
    assert better.low > 0
    assert better.p < 0.001
    assert (better.queries, better.cases) == (60, 30)
    same = compare(values, values, cases)
    assert (same.value, same.p) == (0, 1)


def test_many_queries_of_few_cases_prove_little() -> None:
    gained = np.full(100, 0.2)
    few = compare(gained, np.zeros(100), [number % 3 for number in range(100)])
    assert few.p == pytest.approx(0.25, abs=0.02), "three cases agree by chance in one of four draws"


def test_the_paired_test_calls_alike_systems_different_as_rarely_as_it_says() -> None:
    rng = np.random.default_rng(3)
    cases = [number // 4 for number in range(120)]
    by_case = rng.normal(size=(200, 30)).repeat(4, 1)
    ps = [compare(by_case[n] + rng.normal(size=120), np.zeros(120), cases, draws=400, seed=n).p for n in range(200)]
    assert 0.01 <= np.mean(np.array(ps) <= 0.05) <= 0.10


def test_several_p_values_are_adjusted_as_holm_did() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
