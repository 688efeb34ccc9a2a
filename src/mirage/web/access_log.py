"""One line for each request: method, path, status, time. No query strings: they tell what is looked for."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("mirage.web.access")


class AccessLog:
    """Writes the line once the response has started."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                taken = (time.perf_counter() - begun) * 1000
                log.info("%s %s %d %.0f ms", scope["method"], scope["path"], message["status"], taken)
            await send(message)

        await self._app(scope, receive, noted)
