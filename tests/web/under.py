"""The site below a path, for all of its tests: `MIRAGE_TEST_PREFIX=/a/path`, or `make test-prefix`.

Tests ask for ``/search`` and read ``/figure/…``. Below a path a client puts it before what is asked for, and takes it from
what is answered, once it has seen that no address in the answer is without it.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator

import httpx
from playwright.sync_api import Page

PREFIX = os.environ.get("MIRAGE_TEST_PREFIX", "")
_ADDRESS = re.compile(r'\s(?:href|src|action|formaction|poster|data-[a-z-]+)="(/[^"]*)"')
_WRITTEN = ("text/html", "application/json", "text/event-stream", "application/problem+json")


def escaped(html: str, prefix: str) -> list[str]:
    """Addresses of a page that lead out of the site."""
    return [each for each in _ADDRESS.findall(html) if not f"{each}/".startswith(f"{prefix}/")]


class Under(httpx.BaseTransport):
    """Asks a site that begins at a path as if it had a server to itself."""

    def __init__(self, prefix: str, **options: object) -> None:
        self._prefix = prefix
        self._inner = httpx.HTTPTransport(**options)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(raw_path=self._prefix.encode() + request.url.raw_path)
        sent = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        answer = self._inner.handle_request(sent)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if (to := answer.headers.get("location", "")).startswith("/"):
            assert f"{to}/".startswith(f"{self._prefix}/"), to
        headers = [
            (name, to.removeprefix(self._prefix) if name == "location" else value)
            for name, value in answer.headers.multi_items()
            if kind not in _WRITTEN or name != "content-length"
        ]
        if kind == "text/event-stream":
            return httpx.Response(answer.status_code, headers=headers, stream=_Events(answer, self._prefix), request=request)
        if kind not in _WRITTEN:
            return httpx.Response(answer.status_code, headers=headers, stream=answer.stream, request=request)
        answer.read()
        text = answer.text
        assert kind != "text/html" or not escaped(text, self._prefix), escaped(text, self._prefix)
        answer.close()
        body = text.replace(self._prefix, "").encode()
        if answer.headers.get("content-encoding") == "gzip":
            body = gzip.compress(body)
        return httpx.Response(answer.status_code, headers=headers, content=body, request=request)

    def close(self) -> None:
        self._inner.close()


class _Events(httpx.SyncByteStream):
    def __init__(self, answer: httpx.Response, prefix: str) -> None:
        self._answer = answer
        self._prefix = prefix.encode()

    def __iter__(self) -> Iterator[bytes]:
        for part in self._answer.iter_bytes():
            yield part.replace(self._prefix, b"")

    def close(self) -> None:
        self._answer.close()


def client(url: str, **options: object) -> httpx.Client:
    """A client of the site at an address, which ends in `PREFIX` where there is one."""
    if not PREFIX:
        return httpx.Client(base_url=url, **options)
    inner = {"limits": options.pop("limits")} if "limits" in options else {}
    return httpx.Client(base_url=url.removesuffix(PREFIX), transport=Under(PREFIX, **inner), **options)


def browse_below() -> None:
    """Let browsers go to addresses of the site as tests write them, below `PREFIX` where there is one."""
    if PREFIX:
        go = Page.goto

        def below(page: Page, url: str, **options: object) -> object:
            inside = not url.startswith("/") or f"{url}/".startswith(f"{PREFIX}/")
            return go(page, url if inside else PREFIX + url, **options)

        Page.goto = below  # type: ignore[method-assign]
