"""Connections whose request does not come: their head has a time to arrive in, and few may wait for it.

What is still under way when the server has waited long enough at its stop is told so, and leaves no defect in the log.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import ClassVar

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 20.0
"""From a connection's begin, or from the first byte of a later request, to the end of the request's head."""
MOST_WAITING = 256
"""Connections without a whole head, each of which holds a file handle; of the address that has most of them the oldest
gives way to the next, so that who opens many ends their own."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that does not wait for ever for the head of a request, which a client may send a byte at a time."""

    _waiting: ClassVar[dict[PatientProtocol, asyncio.TimerHandle]] = {}

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

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._done()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if len(self._waiting) >= MOST_WAITING:
            most, _ = Counter(map(_address, self._waiting)).most_common(1)[0]
            next(each for each in self._waiting if _address(each) == most)._late()
        self._waiting[self] = self.loop.call_later(HEAD_SECONDS, self._late)

    def _done(self) -> None:
        if timer := self._waiting.pop(self, None):
            timer.cancel()

    def _late(self) -> None:
        self._done()
        self.transport.abort()


def _address(connection: PatientProtocol) -> str:
    return connection.client[0] if connection.client else ""


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
                gone = PlainTextResponse("MIRAGE was stopped before this was done.", 503, {"Connection": "close"})
                await gone(scope, receive, send)

    return answering
