"""The page of reckoning says what the command reckons from what was measured."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from benchmarks import reckoning


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return dict(json.loads(reckoning.MEASURED.read_text("utf-8")))


def test_the_page_has_the_tables_of_what_was_measured(told: dict[str, Any]) -> None:
    text = reckoning.PAGE.read_text("utf-8")
    assert reckoning.page(text, told) == text
    assert len(re.findall(r"<!-- \w+ -->", text)) == 10


def test_each_line_s_arithmetic_comes_to_what_it_says(told: dict[str, Any]) -> None:
    for line in reckoning.disk(told, 1_000_000):
        figures, size = (float(number.replace(",", "")) for number in re.findall(r"[\d,]+", line.how))
        told_size, unit = re.fullmatch(r"([\d,.]+) (GB|TB)", line.comes).groups()  # type: ignore[union-attr]
        came = float(told_size.replace(",", "")) * {"GB": 1e9, "TB": 1e12}[unit]
        assert came == pytest.approx(figures * size, rel=0.01, abs=0.06e9)


def test_twice_the_figures_take_twice_as_long_and_cost_what_their_hours_do(told: dict[str, Any]) -> None:
    once, twice = (next(reckoning.hours(told, count, price=0.5)) for count in (10**8, 2 * 10**8))
    assert hours_of(twice) == pytest.approx(2 * hours_of(once), rel=0.01)
    cost = re.search(r"a core and hour: ([\d,]+)", once.comes)
    assert cost
    assert float(cost[1].replace(",", "")) == pytest.approx(hours_of(once) * 0.5, rel=0.01)


def hours_of(line: reckoning.Line) -> float:
    found = re.search(r"= ([\d,]+) core-hours", line.how)
    assert found
    return float(found[1].replace(",", ""))
