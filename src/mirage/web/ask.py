"""The paper's one gesture over HTTP: hits, an explanation of them, and a synthetic image, for one query or for two."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from mirage.compare.dual import Dual
from mirage.errors import Unavailable
from mirage.explain import explanation
from mirage.query import Query
from mirage.web import generate_forms, streaming, views
from mirage.web.api import PROBLEM, sent
from mirage.web.comparing import comparison_view
from mirage.web.explain import making
from mirage.web.explained import explanation_view
from mirage.web.generate import started, started_pair, wanted
from mirage.web.jobs import job_view
from mirage.web.schemas import ExplanationView, JobView
from mirage.web.schemas.generating import AskBody, AskView
from mirage.web.site import Site, site_of

NO_WORDS = "A synthetic image is made of words; say in words what each side shall show."

twins = APIRouter(prefix="/api", responses=PROBLEM)


@twins.post("/ask", response_model=AskView, dependencies=[wanted])
async def ask(request: Request, body: AskBody) -> Response:
    """Ask one question, or two to be compared: hits, an explanation, and the job of a synthetic image. Wants the token.

    Two sides are drawn from the same seed. Where no generator is installed, the rest is answered and `no_image` says so.
    """
    site = site_of(request)
    queries = tuple(views.query_of(side) for side in (body.a, body.b) if side is not None)
    seed, jobs, why = await _drawn(site, queries, body)
    if len(queries) == 1:
        answer, make = await making(site, queries[0], body.explainer)
        whole = await _explained(request, make, explanation.words_of(answer))
        view = AskView(
            search=views.answer_view(answer), comparison=None, explanation=whole, seed=seed, jobs=jobs, no_image=why
        )
        return sent(view)
    speaker = await anyio.to_thread.run_sync(site.speaker, body.explainer)
    comparison = await anyio.to_thread.run_sync(site.atlas.compare, Dual.of(*queries))
    question = "{}, compared with {}".format(*comparison.words)
    whole = await _explained(request, partial(site.atlas.contrasting, comparison, explainer=speaker), question)
    compared = comparison_view(comparison)
    return sent(AskView(search=None, comparison=compared, explanation=whole, seed=seed, jobs=jobs, no_image=why))


async def _explained(request: Request, make: streaming.Make, question: str) -> ExplanationView:
    return explanation_view(explanation.collect(question, await streaming.whole(request, make)))


async def _drawn(site: Site, queries: tuple[Query, ...], body: AskBody) -> tuple[int | None, list[JobView], str]:
    """The seed and the jobs; or why there are none."""
    wanted_of = [query for each in queries if (query := generate_forms.drawable(each))]
    if len(wanted_of) < len(queries):
        return None, [], NO_WORDS
    options = generate_forms.options_in(body)
    try:
        if len(wanted_of) == 2:
            pair = await started_pair(site, (wanted_of[0], wanted_of[1]), options)
            return pair.seed, [pair.a, pair.b], ""
        return options.seed, [job_view(await started(site, wanted_of[0], options))], ""
    except Unavailable as error:
        return None, [], str(error)
