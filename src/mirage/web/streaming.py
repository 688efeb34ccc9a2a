"""Explanations while they are written: in a thread, so many at once, stopped when nobody reads on; as server-sent events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Protocol

import anyio
import anyio.to_thread
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mirage.errors import MirageError, Unavailable
from mirage.explain.explainers.base import Writing
from mirage.explain.explanation import Event
from mirage.web.problems import defect, problem_of
from mirage.web.site import RunningSite, site_of

HEARTBEAT = 10.0
"""Seconds of silence after which a sign of life is sent, so that nobody on the way hangs up."""
MOST_WAITING = 16
BUSY = "Too many explanations are being written for others. Try again in a moment."

Sent = tuple[str, BaseModel]


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


class EventStream(Response):
    """Server-sent events (the WHATWG's ``text/event-stream``), until they end or the reader goes away.

    Parameters
    ----------
    events : async generator of (str, BaseModel) or None
        Name and content of each event; None is a sign of life.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[Sent | None, None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with anyio.create_task_group() as group:

            async def listen() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(listen)
            async with aclosing(self._events) as events:
                async for event in events:
                    body = f"event: {event[0]}\ndata: {event[1].model_dump_json()}\n\n" if event else ": still here\n\n"
                    await send({"type": "http.response.body", "body": body.encode(), "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            group.cancel_scope.cancel()


async def drawn(request: Request, make: WritesEvents, draw: Callable[[Event], Sent]) -> AsyncGenerator[Sent | None, None]:
    """The events of an explanation for `EventStream`.

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
