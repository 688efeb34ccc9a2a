"""Two sources that exclude each other are found; two that only differ are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explaining_parts import SOURCE
from mirage.explain.disagreement import disagree
from mirage.explain.evidence import Evidence, Scope
from mirage.explain.statements import Statement


def statement(text: str, case: str, scope: Scope = "") -> Statement:
    item = Evidence(1, "discussion", text, ("made:1",), SOURCE, case=case, diagnosis="Meningioma")
    return Statement(text, item, 0, False, True, scope)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Meningioma is more common in women.", "Meningioma is more common in men."),
        ("Meningioma usually occurs at 20-40 years of age.", "Meningioma usually occurs between 60 and 70 years of age."),
        ("Meningioma is most common in the second decade.", "Meningioma peaks in the sixth and seventh decades of life."),
        ("Meningioma shows contrast enhancement.", "Meningioma shows no contrast enhancement."),
        ("Calcification is seen in 20% of meningiomas.", "Calcification is seen in 50-60% of meningiomas."),
    ],
)
def test_claims_that_exclude_each_other_disagree(one: str, other: str) -> None:
    assert disagree(statement(one, "a"), statement(other, "b"))
    assert disagree(statement(other, "b"), statement(one, "a"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Meningioma is more common in women.", "Meningioma affects women and men equally."),
        ("Meningioma usually occurs at 20-40 years of age.", "Meningioma usually occurs at 30-60 years of age."),
        ("Meningioma often shows contrast enhancement.", "Some meningiomas show no contrast enhancement."),
        ("Meningioma shows contrast enhancement on MRI.", "Meningioma shows no contrast enhancement on CT."),
        ("Calcification is seen in 20% of meningiomas.", "Edema is seen in 60% of meningiomas."),
    ],
)
def test_claims_that_go_together_do_not(one: str, other: str) -> None:
    assert not disagree(statement(one, "a"), statement(other, "b"))


def test_cases_and_sentences_of_one_source_may_differ() -> None:
    one, other = "Meningioma is more common in women.", "Meningioma is more common in men."
    assert not disagree(statement(one, "a"), statement(other, "a"))
    assert not disagree(statement(one, "a"), statement(other, "b", "case"))


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("Meningiomas are hypointense on T1.", "Meningiomas are usually isointense on T1, but can vary.", True),
        ("Meningiomas are hypointense on T1.", "Meningiomas are isointense on T2.", False),
        ("Meningiomas are iso- to hypointense on T1.", "Meningiomas are hypointense on T1.", False),
        ("Meningiomas are hypointense on T1.", "Meningiomas have high signal on T1 after gadolinium.", False),
    ],
)
def test_two_signals_of_one_sequence_disagree(one: str, other: str, apart: bool) -> None:
    assert disagree(statement(one, "a"), statement(other, "b")) is apart


def test_sentences_about_two_things_do_not_disagree() -> None:
    one = replace(statement("The flocculus is not a lesion.", "a"), own=False)
    other = replace(statement("A lesion of the nose is seen in the fossa.", "b"), own=False)
    assert not disagree(one, other)
    calcified = replace(statement("Calcification is seen in 20% of cases.", "a"), own=False)
    assert disagree(calcified, replace(statement("Calcification is seen in 60% of cases.", "b"), own=False))
    assert not disagree(calcified, replace(statement("The capsule shows calcification in 60% of cases.", "b"), own=False))
