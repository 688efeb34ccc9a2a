"""Bodies of requests, and the pictures that somebody drops: bounded, kept in memory, never on disk and never in a log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

import anyio
from anyio.to_thread import run_sync
from fastapi import Depends, Request
from PIL import Image
from starlette.datastructures import FormData, Headers, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mirage.errors import BadInput, BadPicture, Busy, MirageError
from mirage.images import Limits, read_picture
from mirage.images.limits import BUDGET
from mirage.images.marks.reading import read, warned
from mirage.locales import number
from mirage.web import forms
from mirage.web.forms import Asked, Pairs, is_blank, tidied
from mirage.web.root import at
from mirage.web.security import SAFE_METHODS, check_token
from mirage.web.site import RunningSite, site_of
from mirage.web.telling import asker
from mirage.web.templating import again_after
from mirage.web.views.search import EmbeddingView
from mirage.wording import _

# At debug level these write the metadata of what they read, names of patients among it, whoever asked for the log.
for _reader in ("PIL", "pydicom"):
    logging.getLogger(_reader).setLevel(logging.WARNING)

FORM_BYTES = 256_000
"""Room for the words, filters and embeddings that a form carries beside the picture, and for all of a body of JSON."""
IDLE_SECONDS = 30.0
"""How long a body may rest."""
WHOLE_SECONDS = 300.0
"""How long a body may take in all."""
LEAST_SENT = 2_000
"""Bytes a second that come of a body, after `IDLE_SECONDS`, or nobody waits for it."""
STREAMED_SECONDS = 3600.0
"""How long one may that goes to disk as it comes."""
BESIDE = ("explainer", "file", "stream")
"""What may stand in an address beside a query and is no part of it."""
Made = TypeVar("Made")
# How far past the limit a body is read and thrown away.
_DRAIN = 10


class BodyRefusedError(MirageError, HTTPException):
    """A body that is too large, too slow, or too much beside the others.

    It is both, since FastAPI hands on an `HTTPException` as it is while it reads a body, and the routes answer every
    `MirageError` with a page.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        HTTPException.__init__(self, status, detail, headers)
        self.status = status

    def __str__(self) -> str:
        return self.detail


class BodyLimits:
    """Bounds what the bodies of all requests may take: each by its kind and by time, together by one budget of bytes.

    Parameters
    ----------
    app : ASGI application
    upload_bytes : int
        The largest file.
    streamed : mapping, optional
        Beginnings of addresses whose forms go to disk as they come, to the bytes of one: they take no memory.
    """

    def __init__(self, app: ASGIApp, upload_bytes: int, streamed: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._upload_bytes = upload_bytes
        self._streamed = dict(streamed or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        kind = kind_of(Headers(scope=scope))
        most = next((most for start, most in self._streamed.items() if scope["path"].startswith(start)), 0)
        streamed = bool(most) and kind == "multipart/form-data"
        body = _Body(receive, kind, most if streamed else self._upload_bytes, asker(Request(scope)), streamed=streamed)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and body.refusal is not None:
                MutableHeaders(scope=message).update(body.refusal.headers or {})
            await send(message)

        try:
            await self._app(scope, body.receive, told)
        finally:
            BUDGET.received(body.reserved, body.who)


class _Body:
    """One body as it comes in."""

    def __init__(
        self, receive: Receive, kind: str, upload_bytes: int, who: Hashable = "", *, streamed: bool = False
    ) -> None:
        self._receive = receive
        self.who = who
        self._kind = kind
        self._upload_bytes = upload_bytes
        self._streamed = streamed
        self._begun = time.monotonic()
        self._until = self._begun + (STREAMED_SECONDS if streamed else WHOLE_SECONDS)
        self._bytes = 0
        self._whole = False
        self.reserved = 0
        self.refusal: BodyRefusedError | None = None

    async def receive(self) -> Message:
        """Take the next part, in the place of the server's own ``receive``."""
        if self._whole:  # what comes now is that the other side has gone
            return await self._receive()
        try:
            return await self._bounded()
        except BodyRefusedError as error:
            self.refusal = error
            raise

    async def _bounded(self) -> Message:
        message = await self._part()
        most = self._upload_bytes + FORM_BYTES if self._kind == "multipart/form-data" else FORM_BYTES
        if self._bytes > most:
            await self._drain(most)
            if self._kind != "application/json":
                raise too_large(self._upload_bytes)
            words = _("The JSON is larger than %(size)s kB. A prompt is a sentence or two.", size=number(FORM_BYTES / 1e3))
            raise BodyRefusedError(413, words)
        need = 0 if self._streamed else len(message.get("body", b""))
        try:
            BUDGET.receive(need, self.who, self.reserved)
        except Busy as busy:
            await self._drain(most)
            raise BodyRefusedError(503, str(busy), {**again_after(busy), "Connection": "close"}) from None
        self.reserved += need
        return message

    async def _drain(self, most: int) -> None:
        """Read on for a while and throw it away: who is still sending would not hear why it was refused."""
        with suppress(BodyRefusedError):
            while not self._whole and self._bytes <= most * _DRAIN:
                await self._part()

    async def _part(self) -> Message:
        late = self._begun + IDLE_SECONDS + self._bytes / LEAST_SENT  # a byte now and then does not make it later by much
        try:
            with anyio.fail_after(min(IDLE_SECONDS, min(self._until, late) - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            words = _("What was sent stopped half-way, or took too long. Try again, over a quicker connection if you can.")
            raise BodyRefusedError(408, words, {"Connection": "close"}) from None
        self._bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        return message


def kind_of(headers: Headers) -> str:
    """Read a body's media type."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def too_large(most: int) -> BodyRefusedError:
    """Say that an upload is larger than so many bytes."""
    words = _(
        "The upload is larger than %(size)s MB. Save the picture smaller, or crop it, and try again.",
        size=number(most / 1e6),
    )
    return BodyRefusedError(413, words)


class _InMemory(MultiPartParser):
    """Starlette's parser writes files above 1 MB to disk. The body's size is bounded before it gets here."""

    spool_max_size = 1 << 62


async def read_form(request: Request) -> FormData:
    """Read a form, with at most one file, wholly in memory.

    Raises
    ------
    BodyRefusedError
        When it is too large or too slow.
    mirage.errors.BadInput
        When it is no form.
    """
    kind = kind_of(request.headers)
    plain = kind == "application/x-www-form-urlencoded"
    if not plain and kind != "multipart/form-data":
        raise BadInput(_("Send a form: multipart/form-data, with the picture in the field “file”."))
    try:
        if plain:
            return await FormParser(request.headers, request.stream()).parse()
        return await _InMemory(request.headers, request.stream(), max_files=1, max_fields=200).parse()
    except MultiPartException as error:
        if "Too many files" in str(error):
            raise BadInput(_("One picture at a time. Drop a single file.")) from None
        raise BadInput(_("The upload arrived damaged. Send it again.")) from None


async def _with_token(request: Request) -> FormData:
    form = await read_form(request)
    check_token(request, str(form.get("token", "")))
    return form


TokenForm = Annotated[FormData, Depends(_with_token)]
"""A form of a page, which must show this start's token."""


def texts_of(form: FormData) -> list[tuple[str, str]]:
    """List the fields of a form that are words; its file is not among them, whatever stands in its place."""
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str) and name != "file"]


def has_file(form: FormData) -> bool:
    """Whether a form's field for a file holds something."""
    given: Any = form.get("file") or ""
    return bool(given.strip()) if isinstance(given, str) else bool(given.filename or given.size)


async def decoded(
    form: FormData, site: RunningSite, use: Callable[[bytes, Image.Image], Made], *, allow_burned_in: bool = False
) -> Made:
    """Decode the form's picture within the settings' limits and make something of it; its metadata is gone after that.

    Parameters
    ----------
    form : FormData
    site : RunningSite
    use : callable
        Given the file's bytes and its picture, in a thread.
    allow_burned_in : bool
        Whether a header may say that text is burned in.

    Raises
    ------
    mirage.errors.BadPicture
    BodyRefusedError
        When it is too large, or too many pictures are being opened.
    """
    given, most = form.get("file"), site.settings.upload_max_bytes
    if isinstance(given, str) and given.strip():
        raise BadPicture(
            _(
                "An address or text came in place of a picture. Nothing is fetched from the network: save the "
                "picture, then drop the file."
            )
        )
    if not isinstance(given, UploadFile) or not has_file(form):
        raise BadPicture(_("No picture came with the form. Choose a file first."))
    try:
        data = await given.read()
    finally:
        await given.close()
    if len(data) > most:
        raise too_large(most)
    limits = Limits(file_bytes=most, pixels=site.settings.upload_max_pixels)

    def made() -> Made:
        with BUDGET.visiting():
            return used()

    def used() -> Made:
        try:
            found = read_picture(data, name=name_of(form), limits=limits, allow_burned_in=allow_burned_in)
        except Busy as error:
            raise BodyRefusedError(503, str(error), again_after(error)) from None
        image = found.image
        # What is made of it looks at copies of its pixels, one after the other.
        with BUDGET.reserve(2 * image.width * image.height * (1 if image.mode == "L" else 4), name=name_of(form)):
            return use(data, image)

    return await run_sync(made, limiter=site.decoding)


def name_of(form: FormData) -> str:
    """Find how a form's file is called."""
    return getattr(form.get("file"), "filename", "") or _("the picture")


async def embed(form: FormData, site: RunningSite) -> EmbeddingView:
    """Make the embedding of the form's picture. Pixels and metadata are gone when this returns.

    Parameters
    ----------
    form : FormData
    site : RunningSite

    Raises
    ------
    mirage.errors.BadPicture
    """

    def embedded(data: bytes, image: Image.Image) -> EmbeddingView:
        term, marked = site.atlas.embed(image), warned(read(data, image))
        return EmbeddingView(picture=term.print(), width=image.width, height=image.height, synthetic=marked)

    return await decoded(form, site, embedded)


async def asked(
    request: Request,
    kind: type[Asked],
    instead: Callable[[Request, Pairs, MirageError | None], Response],
    blank: Callable[[Pairs, Pairs], bool],
) -> Asked | Response:
    """Read what stands in the address or what a form posts, or say what to show instead.

    A plain form sends empty fields and weights apart: the address bar gets the short form. What is posted gets an address
    unless a picture is in it. ``explainer`` beside it is passed on.

    Parameters
    ----------
    request : Request
    kind : {Query, Dual}
    instead : callable
        Given the fields and what is wrong with them, if anything, in a thread.
    blank : callable
        Given the fields of an address, tidied and as they came: whether that is too little to begin with.
    """
    path, by_post, given = request.url.path, request.method == "POST", request.query_params.multi_items()
    beside = () if path == "/search" else BESIDE
    kept = [pair for pair in given if pair[0] == "explainer" in beside]
    pairs: Pairs = []
    try:
        if by_post:
            form = await read_form(request)
            pairs = tidied(texts_of(form))  # before the picture, so that they are there where it is refused
            if form.get("file") is not None and (is_blank(pairs) or has_file(form)):
                embedded = await embed(form, site_of(request))
                request.state.synthetic = embedded.synthetic
                pairs.append(("picture", embedded.picture))
        else:
            pairs = tidied(pair for pair in given if pair[0] not in beside)
            if blank(pairs, given):
                return await run_sync(instead, request, pairs, None)
        found = forms.read(kind, pairs, in_address=not by_post)
    except MirageError as error:
        return await run_sync(instead, request, pairs, error)
    address = urlencode(pairs + kept)
    plain = not found.has_picture and len(address) < forms.MOST_ADDRESS
    if plain if by_post else [pair for pair in given if pair not in kept] != pairs:
        return RedirectResponse(at(f"{path}?{address}"), 303)
    return found
