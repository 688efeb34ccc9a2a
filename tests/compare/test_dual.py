"""Two queries side by side: built, printed and read again."""

from __future__ import annotations

import pytest

from mirage.compare.dual import Dual
from mirage.errors import BadQuery
from mirage.query import Query


@pytest.mark.parametrize(
    "address",
    [
        "a.q=glioblastoma&a.modality=MR&b.q=meningioma",
        "a.q=brain&a.less=CT%400.5&b.like=made%3A1",
        "q=brain+MRI&less=contrast%400.7&more=edema&modality=MR",
        "q=brain&more=edema",
    ],
)
def test_what_is_printed_reads_as_the_same(address: str) -> None:
    dual = Dual.parse(address)
    assert Dual.parse(dual.print()) == dual


def test_a_modified_query_is_the_query_and_its_changes() -> None:
    dual = Dual.modify("brain MRI", less=["MRI@0.7"], more=["CT"])
    assert dual.modified
    assert dual.a == Query.of("brain MRI")
    assert [(term.text, term.weight) for term in dual.b.terms] == [("brain MRI", 1.0), ("CT", 1.0), ("MRI", -0.7)]


def test_a_weight_of_zero_leaves_the_term_out() -> None:
    dual = Dual.modify("brain", less=["CT@0"], more=["edema@0"])
    assert dual.a == dual.b


@pytest.mark.parametrize("weight", ["-5", "1000000", "nan", "inf"])
@pytest.mark.parametrize("name", ["less", "more"])
def test_impossible_weights_are_refused_in_words(name: str, weight: str) -> None:
    with pytest.raises(BadQuery, match="a number from 0 to 100"):
        Dual.parse([("q", "brain"), (name, f"CT@{weight}")])


def test_less_alone_points_nowhere() -> None:
    with pytest.raises(BadQuery, match="nothing to take away from"):
        Dual.modify("", less=["CT"])


def test_names_without_a_side_beside_two_queries_are_refused() -> None:
    with pytest.raises(BadQuery, match=r"begins with a\. or b\."):
        Dual.parse("a.q=brain&b.q=chest&modality=MR")
