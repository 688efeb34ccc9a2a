"""Krippendorff's alpha on the examples of his own paper, and what has no alpha; nDCG; intervals."""

from __future__ import annotations

import math

import pytest

from mirage.study.reviews.agreement import agreement, alpha, coincidences, mean, ndcg


def of(rows: list[str], level: str) -> float | None:
    """Alpha of observers' rows, where a dot is a missing value."""
    values = sorted({value for row in rows for value in row if value != "."})
    units = [[values.index(row[unit]) for row in rows if row[unit] != "."] for unit in range(len(rows[0]))]
    return alpha(coincidences(units, len(values)).sum(axis=0), level)


# Krippendorff (2011), sections A, B and C.
BINARY = ["0100000010", "1110010000"]
NOMINAL = ["aabbdcccedda", "babbbccceddd"]
MISSING = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]


@pytest.mark.parametrize(
    ("rows", "level", "told"),
    [
        (BINARY, "nominal", 0.095),
        (NOMINAL, "nominal", 0.692),
        (MISSING, "nominal", 0.743),
        (MISSING, "ordinal", 0.815),
    ],
)
def test_alpha_is_that_of_the_published_examples(rows: list[str], level: str, told: float) -> None:
    found = of(rows, level)
    assert found is not None
    assert round(found, 3) == told


def test_what_nobody_rated_twice_and_what_is_all_alike_has_no_alpha() -> None:
    assert of(["12.", "..3"], "nominal") is None
    assert of(["111", "111"], "ordinal") is None
    assert agreement([], 3, [], "nominal").value is None


def test_perfect_agreement_is_one_and_systematic_disagreement_is_below_zero() -> None:
    assert of(["1212", "1212"], "ordinal") == 1
    below = of(["1212", "2121"], "nominal")
    assert below is not None
    assert below < 0


def test_an_interval_is_drawn_over_whole_groups_and_there_is_none_of_one() -> None:
    one = mean([0.0, 1.0], ["a", "a"])
    assert (one.value, one.low, one.high, one.count) == (0.5, None, None, 2)
    # Two groups, each all alike: drawing single values would hardly ever give 0 or 1.
    two = mean([0.0] * 50 + [1.0] * 50, ["a"] * 50 + ["b"] * 50)
    assert (two.value, two.low, two.high) == (0.5, 0.0, 1.0)
    assert mean([], []).value is None


def test_ndcg_of_the_best_order_is_one_and_of_another_less() -> None:
    assert ndcg([2, 1, 0], [0, 1, 2]) == 1
    # (0 + 1/log2(3) + 2/2) / (2 + 1/log2(3))
    assert ndcg([0, 1, 2], [0, 1, 2]) == pytest.approx((1 / math.log2(3) + 1) / (2 + 1 / math.log2(3)))
    assert ndcg([], [2.0]) == 0
    assert ndcg([0.0], [0.0]) is None
