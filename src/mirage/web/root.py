"""The site below a path of a server that has others: every address on it is made here, or passes here on its way out.

A proxy may take the path away before it passes a request on, or leave it; both are understood.
"""

from __future__ import annotations

import re
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mirage.errors import BadInput
from mirage.wording import _

_ROOT: ContextVar[str] = ContextVar("root", default="")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
# Of a template: what stands in an attribute of a tag, and begins at the root of the site.
_ATTRIBUTES = re.compile(r'((?:\s(?:href|src|action|formaction|data-[a-z-]+))=")/(?!/)')
_CODE = re.compile(r"(\{%[-+]?\s*trans\b.*?\bendtrans\s*[-+]?%\}|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\})", re.DOTALL)


def root() -> str:
    """Where the site begins, as ``/mirage``; empty where it has a server to itself."""
    return _ROOT.get()


def at(address: str) -> str:
    """An address on this site, from one that begins with the stroke at its begin.

    Parameters
    ----------
    address : str
    """
    return _ROOT.get() + address


def local(address: str) -> str:
    """An address of this site to go on to, or the start page where it is none: nobody is led elsewhere.

    Parameters
    ----------
    address : str
        As it came in ``next``.
    """
    plain = address.isascii() and address.isprintable() and len(address) <= 2_000
    if not plain or not address.startswith("/") or address.startswith("//") or "\\" in address:
        return "/"
    return address


def checked(path: str) -> str:
    """A root path without a stroke at its end.

    Parameters
    ----------
    path : str

    Raises
    ------
    mirage.errors.BadInput
        When it is no path.
    """
    path = path.rstrip("/")
    if path and not _PATH.fullmatch(path):
        raise BadInput(
            _(
                "%(path)s is no path that a site can begin at. Write it like /mirage: letters, digits, . _ ~ and -.",
                path=repr(path),
            )
        )
    return path


def rooted_source(source: str) -> str:
    """The source of a template, whose literal addresses begin where the site does; those of translated texts do later.

    Parameters
    ----------
    source : str
    """
    parts = _CODE.split(source)
    return "".join(part if n % 2 else _ATTRIBUTES.sub(r"\1{{ root() }}/", part) for n, part in enumerate(parts))


def rooted_text(text: str) -> str:
    """A text of a page, in its language, whose literal addresses begin where the site does.

    Parameters
    ----------
    text : str
    """
    here = _ROOT.get()
    return _ATTRIBUTES.sub(rf"\1{here}/", text) if here and '="/' in text else text


class Rooted:
    """Takes the path at which the site begins from what is asked for, and gives it to redirections.

    Parameters
    ----------
    app : ASGI application
    path : str
        As ``/mirage``; empty where the site has a server to itself.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = checked(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        here = scope.get("mirage.root", self._path)  # a proxy that is named may have told another
        if here and (scope["path"] == here or scope["path"].startswith(f"{here}/")):
            path = scope["path"][len(here) :] or "/"
            scope = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        host = Headers(scope=scope).get("host", "")

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # Of a stroke too many: the framework names the machine as the proxy calls it.
                for scheme in ("http", "https"):
                    if (own := f"{scheme}://{host}") and headers.get("location", "").startswith(f"{own}/"):
                        headers["location"] = here + headers["location"].removeprefix(own)
            await send(message)

        before = _ROOT.set(here)
        try:
            await self._app(scope, receive, sending)
        finally:
            _ROOT.reset(before)
