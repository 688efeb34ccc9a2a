"""An extractive explanation of twelve hits, to the last checked claim."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import many
from benchmarks.measure import Outcome, Row, Setting, load, spread, times
from mirage.atlas import Atlas
from mirage.explain import explanation
from mirage.search.answer import Answer

_WARM = 5
_HITS = 12


def explain(setting: Setting) -> Outcome:
    """Gather the evidence of twelve hits, choose and quote, check each sentence; each query once."""
    count = setting.size(200, 8)
    real, _ = many.real_atlas(setting)
    texts = many.queries(real, 6 * (count + _WARM), seed=3)
    claims: list[int] = []
    passages: list[int] = []
    with Atlas.open(real) as atlas:
        found: list[Answer] = []
        for text in texts:
            answer = atlas.search(text, k=_HITS)
            if sum(hit.confidence != "weak" for hit in answer.hits) == _HITS or (setting.quick and answer.fits):
                found.append(answer)
            if len(found) == count + _WARM:
                break

        def whole(answer: Answer) -> Any:
            told = explanation.collect(answer.query.text, atlas.explaining(answer, explainer="extractive"))
            claims.append(len(told.claims))
            passages.append(len(told.evidence))
            return told

        times(whole, found[:_WARM])
        claims.clear()
        passages.clear()
        before = load()
        taken = spread(times(whole, found[_WARM:]))
    return Outcome(
        "explain",
        (
            Row("extractive explanation of 12 hits, to the last checked claim, p50", taken["p50"], "ms", bar=60.0),
            Row("the same, p95", taken["p95"], "ms"),
        ),
        {
            "ours": taken,
            "claims": round(float(np.mean(claims)), 1),
            "passages": round(float(np.mean(passages)), 1),
            "load": before,
        },
        (f"{taken['n']} distinct queries whose twelve hits are all strong or likely, each asked once.",),
    )
