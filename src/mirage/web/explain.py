"""Explanations: the page that shows one whole, its pieces while they are written, and the JSON twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.responses import Response

from mirage.compare.comparison import Comparison
from mirage.compare.dual import Dual
from mirage.errors import MirageError
from mirage.explain import explanation
from mirage.explain.explanation import Event, Explanation
from mirage.query import Query
from mirage.search.answer import Answer
from mirage.web import forms, openapi, search, streaming, uploads
from mirage.web.forms import Asked, Pairs
from mirage.web.openapi import EVENTS, PROBLEM, sent
from mirage.web.site import RunningSite, site_of
from mirage.web.streaming import Drawing, DrawnExplanation, WritesEvents, drawn_whole, places_of
from mirage.web.views.explain import ExplanationView, event_view, explanation_view
from mirage.web.views.search import QueryBody

STREAMED = openapi.streamed(
    "The explanation as it is written: events `began`, `writing`, `claim`, `remark` and `ended`, each with a JSON object "
    "(`BeganView`, `Writing`, `Claim`, `Remark`, `EndedView`); `error` holds a `Problem`. Closing "
    "the connection stops the explainer. With `stream=0`, or where only JSON is accepted: the whole, as JSON."
)

Whose = Literal["a", "b", ""]

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

    pairs: Pairs
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


async def prepared(
    site: RunningSite, asked: Query | Dual, explainer: str, side: Whose = ""
) -> tuple[Answer | Comparison, WritesEvents, Drawing]:
    """Search or compare, and prepare to explain what is found.

    Parameters
    ----------
    site : RunningSite
    asked : mirage.query.Query or mirage.compare.dual.Dual
    explainer : str
        Who shall speak.
    side : {"a", "b", ""}
        Of two queries, which is explained; empty for the difference.

    Returns
    -------
    Answer or Comparison, callable, Drawing
        What was found, what writes, and what draws it on the page.

    Raises
    ------
    mirage.errors.BadInput
        When a visitor may not choose that explainer.
    mirage.errors.BadQuery
    """
    speaker = await run_sync(site.explainer, explainer)
    if isinstance(asked, Query):
        answer = await run_sync(site.atlas.search, asked)
        drawing = Drawing(Explanation(explanation.words_of(answer)), places_of(answer))
        return answer, partial(site.atlas.explaining, answer, explainer=speaker), drawing
    found = await run_sync(site.compare, asked)
    if side:
        answer, words = (found.a, found.words[0]) if side == "a" else (found.b, found.words[1])
        drawing = Drawing(Explanation(words), places_of(answer, prefix=f"{side}-"), prefix=f"{side}-")
        return found, partial(site.atlas.explaining, answer, explainer=speaker), drawing
    places = places_of(found.a, side="a", prefix="a-") | places_of(found.b, side="b", prefix="b-")
    drawing = Drawing(Explanation("{}, compared with {}".format(*found.words)), places, prefix="ab-")
    return found, partial(site.atlas.contrasting, found, explainer=speaker), drawing


async def explained(request: Request, make: WritesEvents, question: str) -> ExplanationView:
    """Wait for the whole explanation.

    Parameters
    ----------
    request : Request
    make : callable
        As for `mirage.web.streaming.written`.
    question : str
        What is explained, in words.
    """
    return explanation_view(explanation.collect(question, await streaming.whole(request, make)))


async def by_api(request: Request, asked: Query | Dual) -> Response:
    """Send an explanation by the API, as events or whole.

    Parameters
    ----------
    request : Request
    asked : mirage.query.Query or mirage.compare.dual.Dual
    """
    given = ExplainRequest.of(request)
    _, make, drawing = await prepared(site_of(request), asked, given.explainer)
    so_far = drawing.so_far
    if not given.stream:
        return sent(await explained(request, make, so_far.question))

    def draw(event: Event) -> streaming.Sent:
        nonlocal so_far
        so_far = explanation.with_event(so_far, event)
        return event_view(event, so_far)

    return streaming.event_stream(streaming.drawn(request, make, draw))


async def in_pieces(request: Request, kind: type[Asked], side: Whose = "") -> Response:
    """Send an explanation in pieces of HTML, for the page's script.

    Parameters
    ----------
    request : Request
    kind : {Query, Dual}
    side : {"a", "b", ""}
        As for `prepared`.
    """
    given, posted = ExplainRequest.of(request), await uploads.posted_pairs(request)
    asked = forms.read(kind, given.pairs if posted is None else posted, in_address=posted is None)
    _, make, drawing = await prepared(site_of(request), asked, given.explainer, side)
    return streaming.event_stream(streaming.drawn(request, make, drawing.draw))


async def on_page(
    request: Request,
    asked: Query | Dual | Response,
    instead: Callable[[Request, Pairs, MirageError], Response],
    show: Callable[[Request, Any, DrawnExplanation], Response],
    side: Whose = "",
) -> Response:
    """Show a page with the whole explanation, for browsers without scripts.

    Parameters
    ----------
    request : Request
    asked : mirage.query.Query, mirage.compare.dual.Dual or Response
        As `mirage.web.uploads.asked` gives it.
    instead : callable
        What to show when it cannot be answered.
    show : callable
        Given what was found and its explanation, in a thread.
    side : {"a", "b", ""}
        As for `prepared`.
    """
    if isinstance(asked, Response):
        return asked
    try:
        found, make, drawing = await prepared(site_of(request), asked, ExplainRequest.of(request).explainer, side)
    except MirageError as error:
        return await run_sync(instead, request, asked.pairs(), error)
    whole = drawn_whole(drawing, await streaming.whole(request, make))
    return await run_sync(show, request, found, whole)


@twins.get(
    "/explain",
    response_model=ExplanationView,
    openapi_extra={"parameters": openapi.SEARCH + openapi.EXPLAIN},
    responses=STREAMED,
)
async def explain(request: Request) -> Response:
    """Explain what a query finds: sentences with their sources, each checked against them."""
    return await by_api(request, forms.read(Query, ExplainRequest.of(request).pairs, in_address=True))


@twins.post("/explain", response_model=ExplanationView, openapi_extra={"parameters": openapi.EXPLAIN}, responses=STREAMED)
async def explain_by_post(request: Request, body: QueryBody) -> Response:
    """The same for a query that may hold a dropped picture, as the embedding that `/api/embed` gave."""
    return await by_api(request, body.query())


@router.api_route("/explain", methods=["GET", "POST"])
async def explain_page(request: Request) -> Response:
    """Show the results with the whole explanation beside them, for browsers without scripts."""
    return await on_page(request, await search.query_asked(request), search.refused, search.results)


@router.api_route("/explain/stream", methods=["GET", "POST"])
async def explain_pieces(request: Request) -> Response:
    """Send the explanation in pieces of HTML, for the page's script."""
    return await in_pieces(request, Query)
