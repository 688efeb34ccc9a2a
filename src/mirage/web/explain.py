"""Explanations: the page that shows one whole, its pieces while they are written, and the JSON twin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from mirage.errors import MirageError
from mirage.explain import explanation
from mirage.explain.explanation import Event, Explanation
from mirage.query import Query
from mirage.search.fusion import Answer
from mirage.web import explained, fields, pages, schemas, streaming, uploads, views
from mirage.web.api import PROBLEM, documented, sent
from mirage.web.drawing import Drawing, drawn, places_of
from mirage.web.site import Site, site_of

EVENTS = "text/event-stream"
_EVENT_WORDS = (
    "The explanation as it is written: events `began`, `writing`, `claim`, `remark` and `ended`, each with a JSON object "
    "(`BeganView`, `WritingView`, `ClaimView`, `RemarkView`, `EndedView`); `error` holds a `Problem`. Closing "
    "the connection stops the explainer. With `stream=0`, or where only JSON is accepted: the whole, as JSON."
)
STREAMED: dict[int | str, dict[str, Any]] = {200: {"description": _EVENT_WORDS, "content": {EVENTS: {}}}}

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)


_MORE = {
    "explainer": "Who shall speak: the one that the settings choose (when left out), or extractive, which only quotes.",
    "stream": "0 for the whole as one JSON object.",
}
OPTIONS: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in _MORE.items()
    ]
}


def explain_documented() -> dict[str, Any]:
    """The query string of an explanation for OpenAPI."""
    return {"parameters": documented(required=True)["parameters"] + OPTIONS["parameters"]}


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands beside a query: who shall speak, and in which form the answer goes out."""

    pairs: fields.Pairs
    explainer: str
    stream: bool

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the query string."""
        pairs = fields.tidied(request.query_params.multi_items())
        given = dict(pairs)
        accepted = request.headers.get("accept", "")
        as_json = "application/json" in accepted and EVENTS not in accepted
        kept = [(name, value) for name, value in pairs if name not in ("explainer", "stream")]
        return cls(kept, given.get("explainer", ""), given.get("stream", "0" if as_json else "1") != "0")


async def making(site: Site, query: Query, explainer: str) -> tuple[Answer, streaming.Make]:
    """Search, and prepare to explain.

    Raises
    ------
    mirage.errors.BadInput
        When a visitor may not choose that explainer.
    mirage.errors.BadQuery
    """
    speaker = await anyio.to_thread.run_sync(site.speaker, explainer)
    answer = await anyio.to_thread.run_sync(site.atlas.search, query)
    return answer, partial(site.atlas.explaining, answer, explainer=speaker)


async def answered(request: Request, make: streaming.Make, question: str, *, stream: bool) -> Response:
    """Send an explanation by the API: as events, or whole."""
    if not stream:
        events = await streaming.whole(request, make)
        return sent(explained.explanation_view(explanation.collect(question, events)))
    so_far = Explanation(question)

    def draw(event: Event) -> streaming.Sent:
        nonlocal so_far
        so_far = explanation.with_event(so_far, event)
        return explained.event_view(event, so_far)

    return streaming.EventStream(streaming.drawn(request, make, draw))


@twins.get("/explain", response_model=schemas.ExplanationView, openapi_extra=explain_documented(), responses=STREAMED)
async def explain(request: Request) -> Response:
    """Explain what a query finds: sentences with their sources, each checked against them."""
    asked = Asked.of(request)
    query = fields.query_of(asked.pairs, in_address=True)
    answer, make = await making(site_of(request), query, asked.explainer)
    return await answered(request, make, explanation.words_of(answer), stream=asked.stream)


@twins.post("/explain", response_model=schemas.ExplanationView, openapi_extra=OPTIONS, responses=STREAMED)
async def explain_by_post(request: Request, body: schemas.QueryBody) -> Response:
    """The same for a query that may hold a dropped picture, as the embedding that `/api/embed` gave."""
    asked = Asked.of(request)
    answer, make = await making(site_of(request), views.query_of(body), asked.explainer)
    return await answered(request, make, explanation.words_of(answer), stream=asked.stream)


async def _page(request: Request, query: Query | Response, explainer: str) -> Response:
    """The results with the whole explanation beside them, for browsers without scripts."""
    if not isinstance(query, Query):
        return query
    try:
        answer, make = await making(site_of(request), query, explainer)
    except MirageError as error:
        return await pages.refused(request, [pair for pair in query.pairs() if pair[0] != "picture"], error)
    events = await streaming.whole(request, make)
    drawing = Drawing(Explanation(explanation.words_of(answer)), places_of(answer))
    return await pages.results(request, query, drawn(drawing, events))


@router.get("/explain")
async def explain_page(request: Request) -> Response:
    """Results and explanation of a query that stands in the address."""
    asked = Asked.of(request)
    return await _page(request, await pages.from_address(request, asked.pairs), asked.explainer)


@router.post("/explain")
async def explain_page_by_post(request: Request) -> Response:
    """The same for a query with a dropped picture."""
    return await _page(request, await pages.from_form(request), "")


async def _pieces(request: Request, query: Query, explainer: str) -> Response:
    answer, make = await making(site_of(request), query, explainer)
    drawing = Drawing(Explanation(explanation.words_of(answer)), places_of(answer))
    return streaming.EventStream(streaming.drawn(request, make, drawing.draw))


@router.get("/explain/stream")
async def explain_pieces(request: Request) -> Response:
    """The explanation in pieces of HTML, for the page's script."""
    asked = Asked.of(request)
    return await _pieces(request, fields.query_of(asked.pairs, in_address=True), asked.explainer)


@router.post("/explain/stream")
async def explain_pieces_by_post(request: Request) -> Response:
    """The same for a query with a dropped picture."""
    form = await uploads.read_form(request, site_of(request))
    pairs = fields.tidied((name, value) for name, value in form.multi_items() if isinstance(value, str))
    return await _pieces(request, fields.query_of(pairs, in_address=False), Asked.of(request).explainer)
