"""Every address of the site begins where the site does; and only proxies that are named say where that is."""

from __future__ import annotations

import asyncio
import re
from importlib.resources import files

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from under import escaped

from mirage.errors import BadInput
from mirage.settings import Settings
from mirage.web.proxies import Proxied
from mirage.web.root import Rooted, at, root, rooted_source, rooted_text

WEB = files("mirage.web")
TEMPLATES = sorted(each.name for each in (WEB / "templates").iterdir())
SCRIPTS = sorted(each.name for each in (WEB / "static").iterdir() if each.name.endswith(".js"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_has_an_address_that_begins_elsewhere(name: str) -> None:
    html = rooted_source((WEB / "templates" / name).read_text("utf-8")).replace("{{ root() }}", "/here")
    html = re.sub(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}|\{%.*?%\}|\{\{.*?\}\}", "…", html, flags=re.DOTALL)
    assert escaped(html, "/here") == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_asks_for_an_address_that_begins_elsewhere(name: str) -> None:
    script = (WEB / "static" / name).read_text("utf-8")
    assert re.findall(r"""["'`]/[a-z][a-z/-]*[?"'`$]""", script) == []


def test_code_in_a_template_and_texts_to_be_translated_are_left_as_they_are() -> None:
    source = (
        '{% macro m(a, action="/generate") %}<a class="x" href="/about">{% trans %}<a href="/verify">x</a>{% endtrans %}'
    )
    assert rooted_source(source) == source.replace('class="x" href="/', 'class="x" href="{{ root() }}/')


async def _told(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    if request.url.path == "/away":
        await RedirectResponse(f"http://{request.headers['host']}/there")(scope, receive, send)
        return
    told = {"path": scope["path"], "at": at("/x"), "client": request.client.host, "scheme": request.url.scheme}
    told |= {"host": request.headers["host"], "link": rooted_text('<a href="/y">')}
    await JSONResponse(told)(scope, receive, send)


def asked(app: ASGIApp, path: str, peer: str = "10.0.0.1", **headers: str) -> Message:
    given = {"host": "inner", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "server": ("inner", 80),
        "client": (peer, 1),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, None, send))  # type: ignore[arg-type]
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return {"headers": headers, "body": sent[1]["body"].decode()}


@pytest.mark.parametrize("path", ["/mirage/figure/a", "/figure/a"])
def test_it_is_the_same_whether_the_path_was_taken_away(path: str) -> None:
    told = asked(Rooted(_told, "/mirage"), path)["body"]
    assert '"path":"/figure/a"' in told
    assert '"at":"/mirage/x"' in told
    assert '<a href=\\"/mirage/y\\">' in told
    assert root() == ""


def test_a_redirection_by_the_framework_stays_below_the_path() -> None:
    assert asked(Rooted(_told, "/mirage"), "/away")["headers"]["location"] == "/mirage/there"


def test_what_a_named_proxy_tells_is_believed_and_of_others_nothing() -> None:
    app = Proxied(Rooted(_told, ""), ("10.0.0.0/8",))
    told = {"x_forwarded_for": "203.0.113.9, 198.51.100.7:51, 10.0.0.2", "x_forwarded_proto": "https"}
    told |= {"x_forwarded_host": "atlas.example.org", "x_forwarded_prefix": "/mirage/", "x_request_id": "abc-1"}
    answer = asked(app, "/figure/a", **told)
    assert answer["headers"]["x-request-id"] == "abc-1"
    for part in ('"client":"198.51.100.7"', '"scheme":"https"', '"host":"atlas.example.org"', '"at":"/mirage/x"'):
        assert part in answer["body"]
    stranger = asked(app, "/figure/a", "203.0.113.1", **told)
    assert stranger["headers"]["x-request-id"] != "abc-1"
    for part in ('"client":"203.0.113.1"', '"scheme":"http"', '"host":"inner"', '"at":"/x"'):
        assert part in stranger["body"]


@pytest.mark.parametrize("prefix", ["https://elsewhere.example", "//elsewhere", '/a"b', "/a b", "mirage"])
def test_what_is_no_path_is_no_place_to_begin(prefix: str) -> None:
    app = Proxied(Rooted(_told, "/mine"), ("10.0.0.1",))
    assert '"at":"/mine/x"' in asked(app, "/figure/a", x_forwarded_prefix=prefix)["body"]
    with pytest.raises(BadInput, match="root_path"):
        Settings.load(root_path=prefix)


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(BadInput, match="names 'here'"):
        Proxied(_told, ("here",))
