"""A model's sentence that the evidence holds is still marked where it would teach something wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from explaining_parts import SOURCE
from mirage import encoders
from mirage.explain import explanation
from mirage.explain.checker import Checker
from mirage.explain.evidence import Claim, Draft, Evidence
from mirage.explain.explainers import ExplainerInfo, ExplanationRequest
from mirage.explain.explainers.base import Piece
from mirage.explain.explainers.language_model import RULES


def passage(number: int, kind: str, text: str) -> Evidence:
    return Evidence(
        number, kind, text, (f"made:{number}",), SOURCE, case="made:case", title="Meningioma", diagnosis="Meningioma",
        topic="Meningioma",
    )  # fmt: skip


EVIDENCE = (
    passage(1, "caption", "Axial CT shows a calcified meningioma beside the falx."),
    passage(
        2,
        "discussion",
        "Meningiomas are dural-based tumors. Spinal meningiomas are usually found in the thoracic spine. "
        "Glioblastomas are malignant tumors of the brain. The differential diagnosis includes schwannoma and metastasis.",
    ),
)


class Model:
    """Says what a test wants."""

    def __init__(self, *drafts: Draft) -> None:
        self.drafts = drafts

    def info(self) -> ExplainerInfo:
        return ExplainerInfo("model", generative=True)

    def explain(self, request: ExplanationRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        yield from self.drafts


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(encoders.load("starter"))


@pytest.mark.parametrize(
    "text",
    [
        "Differential diagnosis: meningiomas and lymphoma.",
        "Consider also a spinal meningioma.",
        "Other possible diagnoses are meningioma and lymphoma.",
        "It should be distinguished from spinal meningioma and schwannoma.",
    ],
)
def test_the_diagnosis_is_marked_in_its_own_differential_however_that_is_worded(
    said: Callable[[str, int], Claim], text: str
) -> None:
    assert any("the diagnosis itself" in found.reason for found in said(text, 2).breaks)


def test_a_sentence_about_all_that_it_is_a_kind_of_is_marked(said: Callable[[str, int], Claim]) -> None:
    assert "subject" in kinds(said("Tumors of the brain are malignant.", 2))
    assert "subject" not in kinds(said("The tumor is dural-based.", 2))


def test_what_points_back_to_another_disease_is_marked_with_it(checker: Checker) -> None:
    drafts = [Draft(text, (2,)) for text in ("Glioblastomas are malignant tumors of the brain.", "They are malignant.")]
    events = explanation.explain(ExplanationRequest("meningioma", EVIDENCE), Model(*drafts), checker)
    claims = [event for event in events if isinstance(event, Claim)]
    assert ["subject" in kinds(claim) for claim in claims] == [True, True]


@pytest.fixture
def said(checker: Checker) -> Callable[[str, int], Claim]:
    def say(text: str, cited: int) -> Claim:
        request = ExplanationRequest("meningioma", EVIDENCE)
        events = explanation.explain(request, Model(Draft(text, (cited,))), checker)
        return next(event for event in events if isinstance(event, Claim))

    return say


def kinds(claim: Claim) -> set[str]:
    return {found.kind for found in claim.breaks}


def test_a_sentence_about_another_disease_is_marked(said: Callable[[str, int], Claim]) -> None:
    claim = said("Glioblastomas are malignant tumors of the brain.", 2)
    assert "subject" in kinds(claim)
    assert claim.marked
    assert any("meningioma" in found.reason for found in claim.breaks)


def test_a_sentence_about_what_was_asked_is_not(said: Callable[[str, int], Claim]) -> None:
    claim = said("Meningiomas are dural-based tumors.", 2)
    assert (claim.support, claim.scope, claim.breaks) == ("supported", "", ())


def test_other_diseases_may_stand_in_the_differential_and_the_diagnosis_itself_may_not(
    said: Callable[[str, int], Claim],
) -> None:
    assert "subject" not in kinds(said("The differential diagnosis includes schwannoma and metastasis.", 2))
    claim = said("The differential diagnosis includes schwannoma and meningioma.", 2)
    assert "subject" in kinds(claim)
    assert claim.marked


def test_one_cases_words_told_as_general_are_marked(said: Callable[[str, int], Claim]) -> None:
    claim = said("A meningioma is calcified and lies beside the falx on CT.", 1)
    assert "scope" in kinds(claim)
    assert claim.support != "supported"
    assert "in one case" in claim.marks
    assert "scope" not in kinds(said("In one case, CT shows a calcified meningioma beside the falx.", 1))


def test_what_holds_for_some_only_is_marked_where_it_is_told_of_all(said: Callable[[str, int], Claim]) -> None:
    assert "scope" in kinds(said("Meningiomas are usually found in the thoracic spine.", 2))
    assert "scope" not in kinds(said("Spinal meningiomas are usually found in the thoracic spine.", 2))


@pytest.mark.parametrize("asked", ["another disease", "In one case", "of some only", "disagree"])
def test_the_prompt_asks_for_it(asked: str) -> None:
    assert asked in RULES
