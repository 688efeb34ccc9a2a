"""Answers that many ask for, and what is shown of them: made once and kept, packed, until the atlas changes.

Nothing is kept of a query with a dropped picture. What is kept of a page is the same for all who may see the same: where a
form in it holds a token, that of who asks is put in each time.
"""

from __future__ import annotations

import hashlib
import pickle
import weakref
import zlib
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mirage.atlas import Atlas
from mirage.compare.comparison import Comparison
from mirage.compare.dual import Dual
from mirage.query import Query
from mirage.search.answer import Answer, FoundFacets
from mirage.web.cache import Cache
from mirage.web.root import root
from mirage.wording import language

Made = TypeVar("Made")
Asked = Query | Dual
_TOKEN = "\ue000token\ue000"  # noqa: S105 - what stands in its place
_READ: ContextVar[list[Hashable] | None] = ContextVar("read", default=None)
_LEVEL = 3  # of zlib: pages are made a tenth as large in half a millisecond


@dataclass(frozen=True, slots=True)
class _Json:
    packed: bytes
    tag: str


def _size(made: _Json) -> int:
    return len(made.packed)


class ReadOnce:
    """Lets requests that change nothing ask once what the atlas is, at their begin: all that they show is of then or later.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        before = _READ.set([] if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None)
        try:
            await self._app(scope, receive, send)
        finally:
            _READ.reset(before)


class Answers:
    """What queries find, for all who ask.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    cache : mirage.web.cache.Cache
    """

    def __init__(self, atlas: Atlas, cache: Cache) -> None:
        self._atlas = atlas
        self._cache = cache

    @property
    def searched(self) -> Hashable:
        """What changes with the figures, the index and the encoder; to be compared."""
        if self._atlas.copy is not None:  # which never changes: each process that has one tells it in the same words
            return self._copied
        with self._atlas.snapshot() as now:
            return weakref.ref(now.searcher)  # another one once the atlas has changed

    @cached_property
    def _copied(self) -> Hashable:
        return self._atlas.index_name, self._atlas.encoder_info.digest, len(self._atlas.index)

    @property
    def state(self) -> Hashable:
        """What changes whenever the atlas does, words of its figures included; to be compared."""
        return self._atlas.store.note("stamp"), self.searched  # that of a change is noted at its begin

    @property
    def of(self) -> Hashable:
        """What changes whenever an answer may: the atlas, and what of it learners are not shown; read once for a request."""
        here = _READ.get()
        if not here:
            now = self.state, self._atlas.hidden_keys(), self._atlas.untold
            if here is None:
                return now
            here.append(now)
        return here[0]

    def search(self, query: Query) -> Answer:
        """Answer a query, once for all who ask it."""
        return self._packed("answer", query, lambda: self._atlas.search(query))

    def facets(self, answer: Answer) -> FoundFacets:
        """Count what a query finds by its filter fields."""
        if answer.query.has_picture:
            return self._atlas.facets_found(answer)
        # Of what is found by now, not of what was found before the state was read: a request that only reads reads it first.
        read_first = bool(_READ.get())

        def counted() -> FoundFacets:
            return self._atlas.facets_found(answer if read_first else self.search(answer.query))

        return self._packed("facets", answer.query, counted)

    def compare(self, dual: Dual) -> Comparison:
        """Compare two queries, once for a page and for the explanations that follow it."""
        return self._packed("comparison", dual, lambda: self._atlas.compare(dual))

    def _packed(self, kind: str, asked: Asked, make: Callable[[], Made]) -> Made:
        if asked.has_picture:
            return make()
        packed = self._cache.made((kind, language(), asked.print()), self.of, lambda: pickle.dumps(make()), len)
        made: Made = pickle.loads(packed)  # noqa: S301 - ours, and never out of this process
        return made

    def knows(self, asked: Asked, *, counted: bool = False) -> bool:
        """Whether what a query finds, or its counts, are kept, so that nothing has to be found for it."""
        kind = "facets" if counted else "answer" if isinstance(asked, Query) else "comparison"
        return not asked.has_picture and self._cache.known((kind, language(), asked.print()), self.of, len) is not None

    def json(self, request: Request, kind: str, asked: Asked, make: Callable[[], Response]) -> Response:
        """Send JSON that is the same for all who ask, written once; who has it already is told that.

        Parameters
        ----------
        request : Request
        kind : str
            Of what is sent.
        asked : Query or Dual
        make : callable
            Writes it.
        """
        if asked.has_picture:
            return make()

        def packed() -> _Json:
            body = bytes(make().body)
            return _Json(zlib.compress(body, _LEVEL, zlib.MAX_WBITS | 16), f'W/"{hashlib.sha256(body).hexdigest()[:20]}"')

        kept = self._cache.made((kind, *_here(), asked.print()), self.of, packed, _size)
        return _sent(request, kept)

    def json_kept(self, request: Request, kind: str, asked: Asked) -> Response | None:
        """Send what `json` sends where it is kept, so that nothing has to be found for it; None where it is not."""
        kept = None if asked.has_picture else self._cache.known((kind, *_here(), asked.print()), self.of, _size)
        return None if kept is None else _sent(request, kept)

    def has_piece(self, key: Hashable) -> bool:
        """Whether a piece of a page is there, so that nothing has to be found for it.

        Parameters
        ----------
        key : hashable
            As for `piece`.
        """
        return self._cache.known((*_here(), key), self.of) is not None

    def piece(self, key: Hashable, token: str, make: Callable[[], str]) -> str:
        """Draw a piece of a page, once for all who see the same.

        Parameters
        ----------
        key : hashable
            What is drawn and for whom: all that it depends on beside the atlas.
        token : str
            Of who asks, which forms in it hold.
        make : callable
        """

        def packed() -> bytes:
            html = make()
            return zlib.compress((html.replace(token, _TOKEN) if token else html).encode(), _LEVEL)

        kept = self._cache.made((*_here(), key), self.of, packed, len)
        return zlib.decompress(kept).decode().replace(_TOKEN, token)


def _here() -> tuple[str, str]:
    """By what every page and answer differs, whoever asks and whatever for: addresses stand in it, and words."""
    return root(), language()


def _sent(request: Request, kept: _Json) -> Response:
    headers = {"ETag": kept.tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if kept.tag.removeprefix("W/") in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(kept.packed, headers=headers, media_type="application/json")
    return Response(zlib.decompress(kept.packed, zlib.MAX_WBITS | 16), headers=headers, media_type="application/json")
