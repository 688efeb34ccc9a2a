"""In which language a request is answered: the one that its browser chose here, else the one that it asks for.

What stays is a cookie that names a language and nothing else.
"""

from __future__ import annotations

from contextvars import ContextVar
from gettext import NullTranslations
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mirage import locales
from mirage.web.rights import wants
from mirage.web.root import at, local, root
from mirage.wording import language, speaking

COOKIE = "mirage-language"
_SECONDS = 400 * 86_400  # as long as browsers keep one
_WORDED = ("text/html", "application/json", "application/problem+json", "text/event-stream")
_PLAIN = "/:@!$&'()*+,;=~"  # of a path, beside letters and digits
_HERE: ContextVar[str] = ContextVar("here", default="/")

router = APIRouter(include_in_schema=False, dependencies=[wants("enter")])


class Speaking:
    """Answers every request in its language, and says by what it was chosen.

    Parameters
    ----------
    app : ASGI application
    language : gettext.NullTranslations, optional
        The only one; each request has its own where it is left out.
    otherwise : str
        Code of the language of who asks for none that there is.
    """

    def __init__(self, app: ASGIApp, *, language: NullTranslations | None, otherwise: str = locales.ENGLISH) -> None:
        self._app = app
        self._only, self._otherwise = language, otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        chosen = self._only or locales.translations_of(asked_for(headers, self._otherwise))
        query = scope["query_string"].decode("latin-1")
        there = quote(scope["path"], safe=_PLAIN) + (f"?{query}" if query else "")
        before = _HERE.set(there if scope["method"] == "GET" else "/")  # what a form has sent is not in its address

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                if sent.get("content-type", "").startswith(_WORDED):
                    sent.setdefault("Content-Language", language())
                    sent.add_vary_header("Accept-Language")
                    sent.add_vary_header("Cookie")
            await send(message)

        try:
            with speaking(chosen):
                await self._app(scope, receive, sending)
        finally:
            _HERE.reset(before)


def asked_for(headers: Headers, otherwise: str) -> str:
    """Give the language of a request: that of its cookie, else that of its browser.

    Parameters
    ----------
    headers : Headers
    otherwise : str
        Where it names none that there is.
    """
    cookie = headers.get("cookie", "")
    kept = locales.known(cookie_parser(cookie).get(COOKIE, "")) if COOKIE in cookie else ""
    return kept or locales.accepted(headers.get("accept-language", "")) or otherwise


def here() -> str:
    """Give the address of the page that is asked for, within the site; the start page where it cannot be asked for again."""
    return _HERE.get()


def choices() -> list[tuple[str, str]]:
    """Give the languages to choose from, by code, with what each calls itself; none where there is but one."""
    there = locales.codes()
    return [(code, locales.own_name(code)) for code in there] if len(there) > 1 else []


@router.post("/language")
async def choose(request: Request, to: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "") -> Response:
    """Keep a language in the browser and go back to the page.

    Parameters
    ----------
    request : Request
    to : str
        Its code; one that is not there changes nothing.
    next : str
        The page, within this site.
    """
    answer = RedirectResponse(at(local(next)), 303)
    if code := locales.known(to):
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, code, max_age=_SECONDS, path=root() or "/", httponly=True, samesite="lax", secure=secure)
    return answer
