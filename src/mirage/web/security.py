"""Who may ask, and what a page may do. Loopback is not trusted: any web page can post to it."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mirage.people.visitor import visitor
from mirage.web import problems
from mirage.web.measures import Measures
from mirage.web.rights import RefusedError
from mirage.web.site import site_of
from mirage.wording import N_, _

# Of a job's id: who knows it is told names of files. Of an invitation: who knows it is let in.
_SECRET = re.compile(r"-[0-9a-f]{32}\b|(?<=/invited/).+")
access_log = logging.getLogger("mirage.web.access")
TOKEN_HEADER = "X-Mirage-Token"  # noqa: S105 - the name of the header, not a token
_FOREIGN = N_("Another web page tried to use this site. Nothing was done. Open the site itself and do it there.")
_AWAY = N_(
    "Another web page asked for this, and it takes work, or would not be seen. Nothing was done. Open the search page of "
    "this site and ask there."
)
# What is made when it is asked for: a link elsewhere leads to a search, which leads there.
_COSTLY = re.compile(
    r"/(?:api/)?(?:explain|compare/explain|take/file|my-data/file|collections/[^/]+/file|synthetic/[^/]+/image"
    r"|reviews/[^/]+/(?:packet|ratings)|reviews/(?:ratings\.csv|queries\.json))(?:/|$)"
)
_PROBES = ("/healthz", "/readyz")  # who looks after a machine asks it by its address
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "img-src 'self' blob:",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would make browsers send "Origin: null" with our own forms; this tells others nothing.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}


def _host_name(host: str) -> str:
    """``localhost:8000`` as ``localhost``, ``[::1]:8000`` as ``[::1]``; empty when it is no host."""
    if any(c in host for c in "/?#@\\ \t"):
        return ""
    name, bracket, _other = host.partition("]")
    return (name + bracket if bracket else host.partition(":")[0]).lower().rstrip(".")


class Guard:
    """The first to see a request: refuses foreign hosts and foreign pages, and answers what nobody foresaw.

    The Host rule stops a foreign name that has been pointed at this machine (DNS rebinding) from reading the
    site. The Origin rule stops another page from posting to it; browsers always say where a post comes from.
    Every response gets the security headers, and one line in the log: method, path, status, time. No query strings stand
    there: they tell what is looked for. A defect is logged under a number, which the person is told.

    Parameters
    ----------
    app : ASGI application
    hosts : iterable of str
        Names under which the site may be asked for, without port.
    measures : Measures, optional
        Counts every answer.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], measures: Measures | None = None) -> None:
        self._app = app
        self._measures = measures
        self._hosts = frozenset(_host_name(host) for host in hosts) - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, started = time.perf_counter(), False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
                self._note(scope, message["status"], time.perf_counter() - begun)
            await send(message)

        if refusal := self._refusal(Headers(scope=scope), scope["method"], scope["path"]):
            await problems.answer(Request(scope), 403, refusal)(scope, receive, sending)
            return
        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception:
            detail = problems.defect(scope["method"], _SECRET.sub("", scope["path"]))
            if started:
                raise
            await problems.answer(Request(scope), 500, detail)(scope, receive, sending)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Log and count an answer: as a line with its address, and in fields with its route, which holds no id."""
        method, path = scope["method"], _SECRET.sub("", scope["path"])
        route = str(getattr(scope.get("route"), "path", ""))
        told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        told["id"] = scope.get("mirage.id", "")
        access_log.info("%s %s %d %.0f ms", method, path, status, seconds * 1000, extra={"request": told})
        if self._measures is not None:
            self._measures.answered(method, route, status, seconds)

    def _refusal(self, headers: Headers, method: str, path: str) -> str:
        host = headers.get("host", "")
        if _host_name(host) not in self._hosts and path not in _PROBES:
            return _(
                "This site does not answer to the name %(name)s. Open "
                "it as http://localhost with its port, or add the name to the setting allowed_hosts.",
                name=repr(_host_name(host)[:80]) if host else _("asked for"),
            )
        if method in SAFE_METHODS:
            return _(_AWAY) if _starts_work(headers, path) else ""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        foreign = (origin is not None and not _same_origin(origin, host)) or (
            site is not None and site not in ("same-origin", "none")
        )
        return _(_FOREIGN) if foreign else ""


def _starts_work(headers: Headers, path: str) -> bool:
    """Whether another site's page lets its visitor's browser ask for something that costs, or for something unseen.

    Following a link to a page that somebody then looks at is no such thing. What is no browser says nothing of all that.
    """
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return False
    seen = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"
    return not seen or "prefetch" in headers.get("sec-purpose", "") or bool(_COSTLY.match(path))


def _same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def same_secret(given: str, known: str) -> bool:
    """Whether two secrets are the same, in a time that tells nothing of where they differ; an empty one never is."""
    return bool(known) and secrets.compare_digest(given.encode("utf-8", "replace"), known.encode())


def check_token(request: Request, given: str | None) -> bool:
    """Let a request pass that shows this start's token, in the header or in a form's field ``token``.

    Parameters
    ----------
    request : Request
    given : str or None
        What stood in the form.

    Returns
    -------
    bool
        Whether it showed the command's token, which only programs of the user who serves can read.

    Raises
    ------
    RefusedError
    """
    shown = request.headers.get(TOKEN_HEADER) or given or ""
    site = site_of(request)
    # What commands of the same user find in atlas.lock; it also opens folders outside the settings' roots.
    if same_secret(shown, site.atlas.holder.token):
        return True
    if not same_secret(shown, site.token):
        raise RefusedError(
            _(
                "The page is of another session: somebody has signed in or out in this browser "
                "since. Reload it and try again."
            )
            if visitor().token
            else _("The page is older than this start of the site, or came from elsewhere. Reload it and try again.")
        )
    return False


async def _shown(request: Request) -> None:
    check_token(request, None)


NEEDS_TOKEN = Depends(_shown)
"""Refuses a request without a token in its header, before its body is looked at."""
