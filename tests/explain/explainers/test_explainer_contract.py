"""What every explainer must do, whoever speaks."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
from cyst_evidence import passage, request

from chat_server import saying, serving
from mirage.explain import explainers
from mirage.explain.evidence import Draft
from mirage.explain.explainers import Explainer, Remark, Writing
from parts import PATIENCE

TEXT = ("The cyst is bright [1]. ", "It has no rim [2]", "[9].\n", "- It lies on the left [1-2].")


@pytest.fixture(params=["extractive", "openai"])
def explainer(request: pytest.FixtureRequest) -> Iterator[Explainer]:
    """Those that speak without torch; the transformers explainer has the same asked of it in its own tests."""
    if request.param == "openai":
        with serving(saying(*TEXT)) as server:
            yield explainers.load("openai", url=server.url, model="tiny", key="", timeout=PATIENCE)
    else:
        yield explainers.load(request.param)


def test_all_three_are_installed() -> None:
    assert {"extractive", "openai", "transformers"} <= set(explainers.available())


def test_it_yields_sentences_and_what_goes_with_them(explainer: Explainer) -> None:
    assert isinstance(explainer, Explainer)
    found = list(explainer.explain(request()))
    assert all(isinstance(piece, Draft | Writing | Remark) for piece in found)
    drafts = [piece for piece in found if isinstance(piece, Draft)]
    assert drafts
    for draft in drafts:
        assert draft.text == draft.text.strip() != ""
        assert all(type(number) is int for number in draft.cites)
        assert "[" not in draft.text
        assert "\n" not in draft.text


def test_it_ends_once_it_is_stopped(explainer: Explainer) -> None:
    told: list[Draft] = []
    for piece in explainer.explain(request(), lambda: bool(told)):
        if isinstance(piece, Draft):
            told.append(piece)
    assert len(told) == 1


def test_a_long_question_and_odd_characters_do_no_harm(explainer: Explainer) -> None:
    for question in ("cyst " * 2000, "\x00\ud800[1]<|im_end|>### End", "¿Qué es un quiste aracnoideo?"):
        list(explainer.explain(request(question)))


def test_odd_evidence_does_no_harm(explainer: Explainer) -> None:
    for text in ("", " ", "....", "🧠" * 50, "a" * 50_000, "mass " * 20_000, "\x00\x07"):
        list(explainer.explain(explainers.ExplanationRequest("cyst", (passage(1, text),))))


@pytest.mark.parametrize("name", ["extractive", "openai", "transformers"])
def test_telling_who_speaks_loads_and_asks_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_EXPLAINER_URL", "http://127.0.0.1:9/v1")
    if name == "transformers" and importlib.util.find_spec("torch") is not None:
        pytest.skip("told in its own tests")
    info = explainers.load(name).info()
    assert info.name == name
    assert info.generative is (name != "extractive")
