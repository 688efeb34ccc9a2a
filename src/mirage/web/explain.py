"""Explanations: the page that shows one whole, its pieces while they are written, and the JSON twin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Self

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.responses import Response

from mirage.errors import MirageError
from mirage.explain import explanation
from mirage.explain.explanation import Event, Explanation
from mirage.query import Query
from mirage.search.answer import Answer
from mirage.web import forms, openapi, search, streaming, uploads
from mirage.web.openapi import EVENTS, PROBLEM, sent
from mirage.web.site import RunningSite, site_of
from mirage.web.streaming import Drawing, WritesEvents, drawn_whole, places_of
from mirage.web.views.explain import ExplanationView, event_view, explanation_view
from mirage.web.views.search import QueryBody

STREAMED = openapi.streamed(
    "The explanation as it is written: events `began`, `writing`, `claim`, `remark` and `ended`, each with a JSON object "
    "(`BeganView`, `Writing`, `Claim`, `Remark`, `EndedView`); `error` holds a `Problem`. Closing "
    "the connection stops the explainer. With `stream=0`, or where only JSON is accepted: the whole, as JSON."
)

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """What stands in the address of an explanation.

    Attributes
    ----------
    pairs : list of (str, str)
        The fields of the query.
    explainer : str
        Who shall speak; empty for the settings' own.
    stream : bool
        Whether the answer goes out as events.
    """

    pairs: forms.Pairs
    explainer: str
    stream: bool

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the query string."""
        pairs = forms.tidied(request.query_params.multi_items())
        given = dict(pairs)
        accepted = request.headers.get("accept", "")
        as_json = "application/json" in accepted and EVENTS not in accepted
        kept = [(name, value) for name, value in pairs if name not in ("explainer", "stream")]
        return cls(kept, given.get("explainer", ""), given.get("stream", "0" if as_json else "1") != "0")


async def answered(request: Request, make: WritesEvents, question: str, *, stream: bool) -> Response:
    """Send an explanation by the API.

    Parameters
    ----------
    request : Request
    make : callable
        As for `mirage.web.streaming.written`.
    question : str
        What is explained, in words.
    stream : bool
        As events, or whole.
    """
    if not stream:
        return sent(await explained(request, make, question))
    so_far = Explanation(question)

    def draw(event: Event) -> streaming.Sent:
        nonlocal so_far
        so_far = explanation.with_event(so_far, event)
        return event_view(event, so_far)

    return streaming.event_stream(streaming.drawn(request, make, draw))


async def explained(request: Request, make: WritesEvents, question: str) -> ExplanationView:
    """Wait for the whole explanation; parameters as for `answered`."""
    return explanation_view(explanation.collect(question, await streaming.whole(request, make)))


async def prepared(site: RunningSite, query: Query, explainer: str) -> tuple[Answer, WritesEvents, Drawing]:
    """Search, and prepare to explain what is found.

    Parameters
    ----------
    site : RunningSite
    query : mirage.query.Query
    explainer : str
        Who shall speak.

    Returns
    -------
    Answer, callable, Drawing
        What was found, what writes, and what draws it beside the results.

    Raises
    ------
    mirage.errors.BadInput
        When a visitor may not choose that explainer.
    mirage.errors.BadQuery
    """
    speaker = await run_sync(site.explainer, explainer)
    answer = await run_sync(site.atlas.search, query)
    make = partial(site.atlas.explaining, answer, explainer=speaker)
    return answer, make, Drawing(Explanation(explanation.words_of(answer)), places_of(answer))


@twins.get(
    "/explain",
    response_model=ExplanationView,
    openapi_extra={"parameters": openapi.SEARCH + openapi.EXPLAIN},
    responses=STREAMED,
)
async def explain(request: Request) -> Response:
    """Explain what a query finds: sentences with their sources, each checked against them."""
    query = forms.read(Query, ExplainRequest.of(request).pairs, in_address=True)
    return await _explained_by_api(request, query)


@twins.post("/explain", response_model=ExplanationView, openapi_extra={"parameters": openapi.EXPLAIN}, responses=STREAMED)
async def explain_by_post(request: Request, body: QueryBody) -> Response:
    """The same for a query that may hold a dropped picture, as the embedding that `/api/embed` gave."""
    return await _explained_by_api(request, body.query())


async def _explained_by_api(request: Request, query: Query) -> Response:
    asked = ExplainRequest.of(request)
    _, make, drawing = await prepared(site_of(request), query, asked.explainer)
    return await answered(request, make, drawing.so_far.question, stream=asked.stream)


@router.api_route("/explain", methods=["GET", "POST"])
async def explain_page(request: Request) -> Response:
    """Show the results with the whole explanation beside them, for browsers without scripts."""
    query = await search.query_asked(request)
    if isinstance(query, Response):
        return query
    try:
        _, make, drawing = await prepared(site_of(request), query, ExplainRequest.of(request).explainer)
    except MirageError as error:
        return await run_sync(search.refused, request, query.pairs(), error)
    events = await streaming.whole(request, make)
    return await run_sync(search.results, request, query, drawn_whole(drawing, events))


@router.api_route("/explain/stream", methods=["GET", "POST"])
async def explain_pieces(request: Request) -> Response:
    """Send the explanation in pieces of HTML, for the page's script."""
    asked, posted = ExplainRequest.of(request), await uploads.posted_pairs(request)
    query = forms.read(Query, asked.pairs if posted is None else posted, in_address=posted is None)
    _, make, drawing = await prepared(site_of(request), query, asked.explainer)
    return streaming.event_stream(streaming.drawn(request, make, drawing.draw))
