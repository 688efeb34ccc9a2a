"""Explanations, sent as server-sent events or whole, by the JSON twin or as pieces of a page.

The pieces of a page are the same whether they come one by one or all at once.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response, StreamingResponse

from mirage.compare.comparison import Comparison
from mirage.compare.dual import Dual
from mirage.errors import MirageError
from mirage.explain import explanation
from mirage.explain.explainers.base import Explainer, Remark, Writing
from mirage.explain.explanation import Began, Ended, Event, Explanation
from mirage.query import Query
from mirage.search.answer import Answer
from mirage.web import forms, openapi, uploads
from mirage.web.cache import Cache
from mirage.web.forms import Asked, Pairs
from mirage.web.openapi import EVENTS, PROBLEM, sent
from mirage.web.problems import defect, problem_of
from mirage.web.rights import wants
from mirage.web.root import root
from mirage.web.site import RunningSite, site_of
from mirage.web.telling import Waiting, Wanted, asker
from mirage.web.templating import render
from mirage.web.views.explain import (
    CaseTableView,
    ClaimView,
    EndedView,
    ExplanationView,
    event_view,
    evidence_view,
    explanation_view,
)
from mirage.web.views.figures import ApiModel
from mirage.web.views.search import QueryBody
from mirage.wording import _, language

_LOOK = 1.0  # seconds between two looks at whether a reader who waits for the whole is still there

STREAMED = openapi.streamed(
    "The explanation as it is written: events `began`, `writing`, `claim`, `remark`, `cases` and `ended`, each with a JSON "
    "object (`BeganView`, `Writing`, `ClaimView`, `Remark`, `CaseTableView`, `EndedView`); `error` holds a `Problem`. "
    '`waiting` tells how many have their turn first: `{"ahead": 3}`. '
    "Closing the connection stops the explainer. With `stream=0`, or where only JSON is accepted: the whole, as JSON."
)

Whose = Literal["a", "b", ""]

Sent = tuple[str, object]

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("search")])


_AS_IT_COMES = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


# -- while they are written ----------------------------------------------------------------------------------------------


def event_stream(events: AsyncGenerator[Sent | None, None]) -> StreamingResponse:
    """Answer with server-sent events (the WHATWG's ``text/event-stream``), until they end or the reader goes away.

    Parameters
    ----------
    events : async generator of (str, object) or None
        Name and content of each event; None is a sign of life.
    """

    async def parts() -> AsyncIterator[str]:
        async with aclosing(events):
            async for event in events:
                yield _written(event) if event else ": still here\n\n"

    return StreamingResponse(parts(), headers=_AS_IT_COMES, media_type=EVENTS)


def _written(event: Sent) -> str:
    return f"event: {event[0]}\ndata: {to_json(event[1]).decode()}\n\n"


async def drawn(request: Request, wanted: Wanted, draw: Callable[[Event], Sent]) -> AsyncGenerator[Sent | None, None]:
    """The events of an explanation for `event_stream`; ``waiting`` tells how many have their turn first.

    What goes wrong half-way becomes an event ``error`` that holds problem details.

    Parameters
    ----------
    request : Request
    wanted : mirage.web.telling.Wanted
    draw : callable
        An event to its name and content. Called once for each, in order.
    """
    try:
        async with aclosing(site_of(request).tellings.told(wanted, asker(request))) as events:
            async for event in events:
                if isinstance(event, Waiting):
                    yield "waiting", event
                else:
                    yield draw(event) if event is not None else None
    except MirageError as error:
        yield "error", problem_of(request.url.path, error.status, str(error))
    except Exception:
        yield "error", problem_of(request.url.path, 500, defect(request.method, request.url.path))


async def whole(request: Request, wanted: Wanted) -> list[Event]:
    """Wait for all events; when the reader goes away meanwhile, those so far.

    Parameters
    ----------
    request : Request
    wanted : mirage.web.telling.Wanted
    """
    events: list[Event] = []
    async with aclosing(site_of(request).tellings.told(wanted, asker(request), _LOOK)) as coming:
        async for event in coming:
            if event is None or isinstance(event, Waiting):
                if await request.is_disconnected():
                    break
            else:
                events.append(event)
    return events


# -- as pieces of a page --------------------------------------------------------------------------------------------------

Places = Mapping[tuple[str, str], str]
"""Side and figure id to the id of its card on the page."""


class PagePiece(ApiModel):
    """One event, drawn.

    Attributes
    ----------
    html : str
    evidence : str
        Items for the list of evidence: what this sentence cites and no sentence before it did.
    text : str
        Of a sentence being written, its words so far; of a sentence and of the last piece, what "Copy with citations"
        copies when it stops here.
    """

    html: str = ""
    evidence: str = ""
    text: str = ""


@dataclass
class Drawing:
    """Draws event after event, and remembers what the page has been given.

    Attributes
    ----------
    so_far : Explanation
    places : mapping
        Where the figures stand on the page.
    prefix : str
        Goes before the ids of evidence, where a page holds several explanations.
    """

    so_far: Explanation
    places: Places
    prefix: str = ""
    _shown: set[int] = field(default_factory=set)
    _heading: tuple[str, str] = ("", "")

    def draw(self, event: Event) -> tuple[str, PagePiece]:
        """One event's name and piece."""
        whole = self.so_far = explanation.with_event(self.so_far, event)
        # A page is given what a sentence cites, and of all the other evidence nothing.
        name, view = ("began", event) if isinstance(event, Began) else event_view(event, whole)
        if isinstance(view, Writing):
            return name, PagePiece(text=view.text)
        text, evidence, more = "", "", {"whole": whole, "places": self.places, "prefix": self.prefix}
        if isinstance(view, ClaimView):
            known = {each.number: each for each in whole.evidence}
            fresh = [evidence_view(known[each]) for each in view.cites if each in known and each not in self._shown]
            self._shown |= {each.number for each in fresh}
            heading = view.aspect, view.modality
            more |= {"known": known, "heading": view.aspect if heading != self._heading else ""}
            self._heading = heading
            evidence = render("explain_piece.html", kind="evidence", items=fresh, **more) if fresh else ""
            text = whole.cited()
        elif isinstance(view, CaseTableView):
            text = whole.cited()
        elif isinstance(view, EndedView) and whole.claims:
            text = view.cited
        return name, PagePiece(html=render("explain_piece.html", kind=name, view=view, **more), evidence=evidence, text=text)


@dataclass(frozen=True, slots=True)
class DrawnExplanation:
    """A whole explanation, drawn."""

    sentences: str
    evidence: str
    foot: str
    text: str


def drawn_whole(drawing: Drawing, events: list[Event]) -> DrawnExplanation:
    """Draw all events and put them together, with the evidence that no sentence cites last.

    Parameters
    ----------
    drawing : Drawing
    events : list of Event
    """
    sentences, evidence, foot, text = "", "", "", ""
    for event in events:
        name, piece = drawing.draw(event)
        if name in ("claim", "remark", "cases"):
            sentences += piece.html
        elif name == "ended":
            foot, text = piece.html, piece.text
        evidence += piece.evidence
    return DrawnExplanation(sentences, evidence, foot, text)


def nothing() -> DrawnExplanation:
    """What is shown where no figure fits, so that there is nothing to explain."""
    return drawn_whole(Drawing(Explanation(""), {}), [Remark(_(explanation.NO_EVIDENCE)), Ended(stopped=False, seconds=0.0)])


def places_of(answer: Answer, *, side: str = "", prefix: str = "") -> dict[tuple[str, str], str]:
    """Where an answer's figures stand: the ids of their cards.

    Parameters
    ----------
    answer : mirage.search.answer.Answer
    side : {"", "a", "b"}
        Of a comparison, whose evidence it is.
    prefix : str
        Of the cards' ids.
    """
    return {(side, hit.figure.id): f"{prefix}hit-{hit.rank}" for hit in answer.hits}


# -- asked for -------------------------------------------------------------------------------------------------------------


def fields_of(request: Request) -> Pairs:
    """Read the query, or the two queries, that stand in the address of an explanation."""
    return forms.tidied(pair for pair in request.query_params.multi_items() if pair[0] not in uploads.BESIDE)


def _streams(request: Request) -> bool:
    """Whether the answer goes out as events."""
    accepted = request.headers.get("accept", "")
    as_json = "application/json" in accepted and EVENTS not in accepted
    return (request.query_params.get("stream") or ("0" if as_json else "1")) != "0"


def _key(asked: Query | Dual, side: Whose, speaker: Explainer | str) -> Hashable:
    """What an explanation is kept under; None for one that is not kept."""
    # What is said in another's place, because that one could not be loaded, is said for now.
    if asked.has_picture or isinstance(speaker, str):
        return None
    return "explained", language(), type(asked), asked.print(), side, speaker.info()


def _kept_pieces(request: Request, asked: Query | Dual, side: Whose) -> bytes | None:
    """The pieces of an explanation as they are kept, for which nothing has to be found."""
    site = site_of(request)
    key = _key(asked, side, site.explainer(request.query_params.get("explainer", "").strip()))
    packed: bytes | None = site.cache.known(("pieces", root(), key), site.answers.of) if key is not None else None
    return packed


async def prepared(
    request: Request, asked: Query | Dual, side: Whose = "", *, explainer: str = ""
) -> tuple[Answer | Comparison, Wanted, Drawing]:
    """Search or compare, and prepare to explain what is found.

    Parameters
    ----------
    request : Request
    asked : mirage.query.Query or mirage.compare.dual.Dual
    side : {"a", "b", ""}
        Of two queries, which is explained; empty for the difference.
    explainer : str
        Who shall speak, when the address does not say.

    Returns
    -------
    Answer or Comparison, Wanted, Drawing
        What was found, what explains it, and what draws that on the page.

    Raises
    ------
    mirage.errors.BadInput
        When a visitor may not choose that explainer.
    mirage.errors.BadQuery
    """
    site = site_of(request)
    await site.spend("explanations")
    speaker = await run_sync(site.explainer, request.query_params.get("explainer", explainer).strip())
    of, found = await site.found(asked, lambda: _found(site, asked))
    key = _key(asked, side, speaker)
    if isinstance(found, Answer):
        drawing = Drawing(Explanation(explanation.words_of(found)), places_of(found))
        return found, Wanted(partial(site.atlas.explaining, found, explainer=speaker), key, of), drawing
    if side:
        answer, words = (found.a, found.words[0]) if side == "a" else (found.b, found.words[1])
        drawing = Drawing(Explanation(words), places_of(answer, prefix=f"{side}-"), prefix=f"{side}-")
        return found, Wanted(partial(site.atlas.explaining, answer, explainer=speaker), key, of), drawing
    places = places_of(found.a, side="a", prefix="a-") | places_of(found.b, side="b", prefix="b-")
    drawing = Drawing(Explanation(_("%(a)s, compared with %(b)s", a=found.words[0], b=found.words[1])), places, prefix="ab-")
    return found, Wanted(partial(site.atlas.contrasting, found, explainer=speaker), key, of), drawing


def _found(site: RunningSite, asked: Query | Dual) -> tuple[Hashable, Answer | Comparison]:
    """What is found, and the state of the atlas before it was looked for."""
    return site.answers.of, site.search(asked) if isinstance(asked, Query) else site.compare(asked)


def _found_and_shown(
    request: Request, asked: Query | Dual, show: Callable[[Request, Any, DrawnExplanation | None], Response]
) -> Response:
    return show(request, _found(site_of(request), asked)[1], None)


async def explained(request: Request, wanted: Wanted, question: str) -> ExplanationView:
    """Wait for the whole explanation.

    Parameters
    ----------
    request : Request
    wanted : mirage.web.telling.Wanted
    question : str
        What is explained, in words.
    """
    return explanation_view(explanation.collect(question, await whole(request, wanted)))


async def by_api(request: Request, asked: Query | Dual) -> Response:
    """Send an explanation by the API, as events or whole.

    Parameters
    ----------
    request : Request
    asked : mirage.query.Query or mirage.compare.dual.Dual
    """
    _, wanted, drawing = await prepared(request, asked)
    so_far = drawing.so_far
    if not _streams(request):
        return sent(await explained(request, wanted, so_far.question))

    def draw(event: Event) -> Sent:
        nonlocal so_far
        so_far = explanation.with_event(so_far, event)
        return event_view(event, so_far)

    return event_stream(drawn(request, wanted, draw))


async def in_pieces(request: Request, kind: type[Asked], side: Whose = "") -> Response:
    """Send an explanation in pieces of HTML, for the page's script.

    Parameters
    ----------
    request : Request
    kind : {Query, Dual}
    side : {"a", "b", ""}
        As for `prepared`.
    """
    posted = request.method == "POST"
    pairs = forms.tidied(uploads.texts_of(await uploads.read_form(request))) if posted else fields_of(request)
    asked = forms.read(kind, pairs, in_address=not posted)
    if (kept := await run_sync(_kept_pieces, request, asked, side)) is not None:
        return Response(zlib.decompress(kept), headers=_AS_IT_COMES, media_type=EVENTS)  # all is there: nothing to wait for
    _, wanted, drawing = await prepared(request, asked, side)
    cache, key = site_of(request).cache, ("pieces", root(), wanted.key)
    return event_stream(_kept(drawn(request, wanted, drawing.draw), cache, key, wanted))


async def _kept(
    events: AsyncGenerator[Sent | None, None], cache: Cache, key: Hashable, wanted: Wanted
) -> AsyncGenerator[Sent | None, None]:
    """Keep the pieces of an explanation that is kept itself."""
    pieces = ""
    async with aclosing(events):
        async for event in events:
            yield event
            if event and event[0] not in ("waiting", "writing"):
                pieces += _written(event)
    if wanted.key is not None and cache.known(wanted.key, wanted.of) is not None:
        packed = zlib.compress(pieces.encode())
        cache.keep(key, wanted.of, packed, len(packed))


async def on_page(
    request: Request,
    asked: Query | Dual | Response,
    instead: Callable[[Request, Pairs, MirageError], Response],
    show: Callable[[Request, Any, DrawnExplanation | None], Response],
    side: Whose | None = None,
) -> Response:
    """Show a page with what is found and, for browsers without scripts, a whole explanation of it.

    Parameters
    ----------
    request : Request
    asked : mirage.query.Query, mirage.compare.dual.Dual or Response
        As `mirage.web.uploads.asked` gives it.
    instead : callable
        What to show when it cannot be answered.
    show : callable
        Given what was found and its explanation, in a thread.
    side : {"a", "b", ""} or None
        As for `prepared`; None explains nothing.
    """
    if isinstance(asked, Response):
        return asked
    try:
        if side is None:
            return await site_of(request).found(asked, lambda: _found_and_shown(request, asked, show))
        found, wanted, drawing = await prepared(request, asked, side)
    except MirageError as error:
        return await run_sync(instead, request, asked.pairs(), error)
    return await run_sync(show, request, found, drawn_whole(drawing, await whole(request, wanted)))


@twins.get(
    "/explain",
    response_model=ExplanationView,
    openapi_extra={"parameters": openapi.SEARCH + openapi.EXPLAIN},
    responses=STREAMED,
)
async def explain(request: Request) -> Response:
    """Explain what a query finds: sentences with their sources, each checked against them."""
    return await by_api(request, forms.read(Query, fields_of(request), in_address=True))


@twins.post("/explain", response_model=ExplanationView, openapi_extra={"parameters": openapi.EXPLAIN}, responses=STREAMED)
async def explain_by_post(request: Request, body: QueryBody) -> Response:
    """The same for a query that may hold a dropped picture, as the embedding that `/api/embed` gave."""
    return await by_api(request, body.query())
