"""What a reverse proxy that is named says of a request: who asked it, how, under which name, and where the site begins.

Of anybody else such headers are not read: who wrote them could be anyone.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mirage.errors import BadInput
from mirage.people.proxies import is_trusted, networks
from mirage.web.root import checked

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,80}")
PEER = "mirage.peer"
"""In a request's scope: the end of the connection itself, where a proxy told of another."""


class Proxied:
    """Reads ``X-Forwarded-For``, ``-Proto``, ``-Host`` and ``-Prefix``, and ``X-Request-Id``, of proxies that are named.

    Every request has an id, which its line in the log has too; the answer tells it.

    Parameters
    ----------
    app : ASGI application
    proxies : tuple of str
        As of the setting ``trusted_proxies``.
    """

    def __init__(self, app: ASGIApp, proxies: tuple[str, ...]) -> None:
        self._app = app
        self._proxies = proxies
        networks(proxies)  # says so where one is no address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, client = Headers(scope=scope), scope.get("client")
        trusted = bool(self._proxies and client and is_trusted(client[0], self._proxies))
        told = headers.get("x-request-id", "") if trusted else ""
        own = told if _REQUEST_ID.fullmatch(told) else secrets.token_hex(8)
        scope = {**scope, "mirage.id": own}
        if trusted:
            scope |= {PEER: client, **self._told(scope, headers)}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = own
            await send(message)

        await self._app(scope, receive, sending)

    def _told(self, scope: Scope, headers: Headers) -> Scope:
        told: Scope = {}
        if (scheme := _last(headers.get("x-forwarded-proto", "")).lower()) in ("http", "https"):
            told["scheme"] = scheme
        if asked := self._asker(headers.getlist("x-forwarded-for")):
            told["client"] = (asked, 0)
        if host := _last(headers.get("x-forwarded-host", "")):
            kept = [(name, value) for name, value in scope["headers"] if name != b"host"]
            told["headers"] = [*kept, (b"host", host.encode("latin-1", "replace"))]
        if prefix := _last(headers.get("x-forwarded-prefix", "")):
            with suppress(BadInput):  # what is no path changes nothing
                told["mirage.root"] = checked(prefix)
        return told

    def _asker(self, lines: list[str]) -> str:
        """Who asked the first of the proxies that are named: the last address that is not one of theirs."""
        given = [each.strip().strip('"') for line in lines for each in line.split(",")]
        addresses = [_plain(each) for each in given if each]
        return next((each for each in reversed(addresses) if not is_trusted(each, self._proxies)), "")


def _plain(address: str) -> str:
    """An address without its port: ``1.2.3.4:80`` and ``[::1]:80`` are told too."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _last(value: str) -> str:
    """What the nearest proxy says, where each has added its own."""
    return value.rpartition(",")[2].strip()
