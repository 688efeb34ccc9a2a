"""The paper's one gesture over HTTP: hits, an explanation of them, and a synthetic image, for one query or for two."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from mirage.compare.dual import Dual
from mirage.errors import Unavailable
from mirage.query import Query
from mirage.web import compare, explain, generate
from mirage.web.openapi import PROBLEM, sent
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, site_of
from mirage.web.views.explain import ExplanationView
from mirage.web.views.figures import ApiModel
from mirage.web.views.generate import ChoicesBody
from mirage.web.views.jobs import JobView
from mirage.web.views.search import ComparisonView, QueryBody, SearchView, answer_view, comparison_view

NO_WORDS = "A synthetic image is made of words; say in words what each side shall show."

twins = APIRouter(prefix="/api", responses=PROBLEM)


class AskBody(ChoicesBody):
    """A question, or two to be compared: hits, an explanation and a synthetic image of each."""

    a: QueryBody
    b: QueryBody | None = None
    explainer: str = Field("", description="Who shall speak; the settings' one when left out.")


class AskView(ApiModel):
    """The paper's one gesture: what is real, what is said of it, and a synthetic image in the making."""

    search: SearchView | None = Field(description="Of one query.")
    comparison: ComparisonView | None = Field(description="Of two.")
    explanation: ExplanationView
    seed: int | None
    jobs: list[JobView] = Field(description="One for each query; follow `/api/jobs/{id}/events`.")
    no_image: str = Field(description="Why no image is being made; empty when one is.")


@twins.post("/ask", response_model=AskView, dependencies=[NEEDS_TOKEN])
async def ask(request: Request, body: AskBody) -> Response:
    """Ask one question, or two to be compared: hits, an explanation, and the job of a synthetic image. Wants the token.

    Two sides are drawn from the same seed. Where no generator is installed, the rest is answered and `no_image` says so.
    """
    site = site_of(request)
    queries = [side.query() for side in (body.a, body.b) if side is not None]
    seed, jobs, why = await _drawn(site, queries, body)
    found, compared = None, None
    if len(queries) == 1:
        answer, make, drawing = await explain.prepared(site, queries[0], body.explainer)
        found = answer_view(answer)
    else:
        comparison, make, drawing = await compare.prepared(site, Dual.of(*queries), "", body.explainer)
        compared = comparison_view(comparison)
    whole = await explain.explained(request, make, drawing.so_far.question)
    return sent(AskView(search=found, comparison=compared, explanation=whole, seed=seed, jobs=jobs, no_image=why))


async def _drawn(site: RunningSite, queries: Sequence[Query], body: AskBody) -> tuple[int | None, list[JobView], str]:
    """The seed and the jobs; or why there are none."""
    wanted = [query for each in queries if (query := generate.drawable(each))]
    if len(wanted) < len(queries):
        return None, [], NO_WORDS
    try:
        return (*await generate.started(site, wanted, body.options()), "")
    except Unavailable as error:
        return None, [], str(error)
