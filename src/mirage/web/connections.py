"""Connections that do not go on: a head has a time to arrive in, few may send, and who does not read an answer is let go.

What is still under way when the server has waited long enough at its stop is told so, and leaves no defect in the log.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from typing import ClassVar

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from mirage.people.proxies import place_of
from mirage.wording import _

HEAD_SECONDS = 20.0
"""From a connection's begin, or from the first byte of a later request, to the end of the request's head."""
READ_SECONDS = 30.0
"""In which who is sent an answer takes as much of it as `LEAST_READ` says."""
LEAST_READ = 1_000
"""Bytes a second."""
MOST_SENDING = 256
"""Connections of which a body is still to come; more than these give way as those do that have not sent a head."""
MOST_WAITING = 256
"""Connections without a whole head, each of which holds a file handle; of the address that has most of them the oldest
gives way to the next, so that who opens many ends their own."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that does not wait for ever for the head of a request, which a client may send a byte at a time."""

    _waiting: ClassVar[dict[PatientProtocol, asyncio.TimerHandle]] = {}
    _sending: ClassVar[dict[PatientProtocol, None]] = {}
    _held: ClassVar[dict[PatientProtocol, asyncio.TimerHandle]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes: a head may begin with them, or end."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before or self.transport.is_closing():
            self._done()
        elif self not in self._waiting and (before is None or before.response_complete):
            self._wait()
        if self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete:
            if self not in self._sending:
                _make_room(self._sending, MOST_SENDING)
                self._sending[self] = None
        else:
            self._sending.pop(self, None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._done()
        self._sending.pop(self, None)
        self._read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Hold an answer back, of which more is there than its reader takes; look after a while whether it takes any."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """Go on with an answer."""
        self._read()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that rests, and let it go if its last answer is not taken."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(READ_SECONDS, self.transport.abort)

    def _look(self, before: int | None = None) -> None:
        left = self.transport.get_write_buffer_size()
        if before is not None and before - left < LEAST_READ * READ_SECONDS:
            self.transport.abort()
            return
        self._held[self] = self.loop.call_later(READ_SECONDS, self._look, left)

    def _read(self) -> None:
        if timer := self._held.pop(self, None):
            timer.cancel()

    def _wait(self) -> None:
        _make_room(self._waiting, MOST_WAITING)
        self._waiting[self] = self.loop.call_later(HEAD_SECONDS, self._late)

    def _done(self) -> None:
        if timer := self._waiting.pop(self, None):
            timer.cancel()

    def _late(self) -> None:
        self._done()
        self._sending.pop(self, None)
        self.transport.abort()


def _make_room(there: Collection[PatientProtocol], most: int) -> None:
    """Let go of the oldest of the address that has most, where there are too many."""
    if len(there) >= most:
        busiest, _ = Counter(map(_address, there)).most_common(1)[0]
        next(each for each in there if _address(each) == busiest)._late()


def _address(connection: PatientProtocol) -> str:
    return place_of(connection.client[0]) if connection.client else ""


def until_stopped(app: ASGIApp) -> ASGIApp:
    """Make an application whose requests end quietly when its server gives them up.

    Parameters
    ----------
    app : ASGI application
    """

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await app(scope, receive, sending)
        except asyncio.CancelledError:  # of the server alone: nothing else ends a request from without
            if not started:
                gone = PlainTextResponse(_("MIRAGE was stopped before this was done."), 503, {"Connection": "close"})
                await gone(scope, receive, send)

    return answering
