"""Explanations while they are written, and as pieces of a page.

They are written in a thread, so many at once, stopped when nobody reads on, and sent as server-sent events. The pieces are
the same whether they come one by one or all at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

import anyio
import anyio.to_thread
from fastapi import Request
from pydantic_core import to_json
from starlette.responses import StreamingResponse

from mirage.errors import MirageError, Unavailable
from mirage.explain import explanation
from mirage.explain.evidence import Claim
from mirage.explain.explainers.base import Remark, Writing
from mirage.explain.explanation import Ended, Event, Explanation
from mirage.search.answer import Answer
from mirage.web.problems import defect, problem_of
from mirage.web.site import RunningSite, site_of
from mirage.web.templating import render
from mirage.web.views.explain import EndedView, event_view, evidence_view
from mirage.web.views.figures import ApiModel

HEARTBEAT = 10.0
"""Seconds of silence after which a sign of life is sent, so that nobody on the way hangs up."""
MOST_WAITING = 16
BUSY = "Too many explanations are being written for others. Try again in a moment."

Sent = tuple[str, object]


class WritesEvents(Protocol):
    """Yields the events of an explanation, told how to know that it was stopped. Called in a thread."""

    def __call__(self, *, stopped: Callable[[], bool]) -> Iterator[Event]: ...


async def written(site: RunningSite, make: WritesEvents) -> AsyncGenerator[Event | None, None]:
    """The events of an explanation as they come; None when nothing has come for a while.

    Closing this generator stops the explainer.

    Parameters
    ----------
    site : RunningSite
    make : WritesEvents

    Raises
    ------
    mirage.errors.Unavailable
        When too many wait already.
    """
    if len(site.writing) >= site.explaining.total_tokens + MOST_WAITING:
        raise Unavailable(BUSY)
    stopped = threading.Event()
    queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def put(event: Event | Exception | None) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, event)

    def work() -> None:
        try:
            for event in make(stopped=stopped.is_set) if not stopped.is_set() else ():
                put(event)
            put(None)
        except Exception as error:
            put(error)

    # Kept until its thread ends, which may be a little after the reader has gone: only then is its place free.
    task = asyncio.ensure_future(anyio.to_thread.run_sync(work, limiter=site.explaining))
    site.writing.add(task)
    task.add_done_callback(site.writing.discard)
    try:
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), HEARTBEAT)
            except TimeoutError:
                yield None
                continue
            if event is None:
                return
            if isinstance(event, Exception):
                raise event
            if isinstance(event, Writing) and not queue.empty():
                continue  # a later one replaces it
            yield event
    finally:
        stopped.set()


def event_stream(events: AsyncIterator[Sent | None]) -> StreamingResponse:
    """Answer with server-sent events (the WHATWG's ``text/event-stream``), until they end or the reader goes away.

    Parameters
    ----------
    events : async iterator of (str, object) or None
        Name and content of each event; None is a sign of life.
    """

    async def parts() -> AsyncIterator[str]:
        async for event in events:
            yield f"event: {event[0]}\ndata: {to_json(event[1]).decode()}\n\n" if event else ": still here\n\n"

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(parts(), headers=headers, media_type="text/event-stream")


async def drawn(request: Request, make: WritesEvents, draw: Callable[[Event], Sent]) -> AsyncGenerator[Sent | None, None]:
    """The events of an explanation for `event_stream`.

    What goes wrong half-way becomes an event ``error`` that holds problem details.

    Parameters
    ----------
    request : Request
    make : callable
        As for `written`.
    draw : callable
        An event to its name and content. Called once for each, in order.
    """
    try:
        async with aclosing(written(site_of(request), make)) as events:
            async for event in events:
                yield draw(event) if event is not None else None
    except MirageError as error:
        yield "error", problem_of(request.url.path, error.status, str(error))
    except Exception:
        yield "error", problem_of(request.url.path, 500, defect(request.method, request.url.path))


async def whole(request: Request, make: WritesEvents) -> list[Event]:
    """Wait for all events; when the reader goes away meanwhile, those so far.

    Parameters
    ----------
    request : Request
    make : callable
        As for `written`.
    """
    events: list[Event] = []
    async with aclosing(written(site_of(request), make)) as coming:
        async for event in coming:
            if event is not None:
                events.append(event)
            elif await request.is_disconnected():
                break
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
    _aspect: str = ""

    def draw(self, event: Event) -> tuple[str, PagePiece]:
        """One event's name and piece."""
        whole = self.so_far = explanation.with_event(self.so_far, event)
        name, view = event_view(event, whole)
        if isinstance(view, Writing):
            return name, PagePiece(text=view.text)
        text, evidence, more = "", "", {"whole": whole, "places": self.places, "prefix": self.prefix}
        if isinstance(view, Claim):
            known = {each.number: evidence_view(each) for each in whole.evidence}
            fresh = [known[number] for number in view.cites if number in known and number not in self._shown]
            self._shown |= {each.number for each in fresh}
            more |= {"known": known, "heading": view.aspect if view.aspect != self._aspect else ""}
            self._aspect = view.aspect
            evidence = render("explain_piece.html", kind="evidence", items=fresh, **more) if fresh else ""
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
        if name in ("claim", "remark"):
            sentences += piece.html
        elif name == "ended":
            foot, text = piece.html, piece.text
        evidence += piece.evidence
    return DrawnExplanation(sentences, evidence, foot, text)


def nothing() -> DrawnExplanation:
    """What is shown where no figure fits, so that there is nothing to explain."""
    return drawn_whole(Drawing(Explanation(""), {}), [Remark(explanation.NO_EVIDENCE), Ended(stopped=False, seconds=0.0)])


def places_of(answer: Answer, *, side: str = "", prefix: str = "") -> dict[tuple[str, str], str]:
    """Where an answer's figures stand: the ids of their cards.

    Parameters
    ----------
    answer : mirage.search.fusion.Answer
    side : {"", "a", "b"}
        Of a comparison, whose evidence it is.
    prefix : str
        Of the cards' ids.
    """
    return {(side, hit.figure.id): f"{prefix}hit-{hit.rank}" for hit in answer.hits}
