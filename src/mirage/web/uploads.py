"""Pictures that somebody drops: bounded, decoded off the event loop, never on disk and never in a log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from functools import partial
from typing import NoReturn

import anyio.to_thread
from fastapi import Request
from PIL import Image
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from mirage.errors import BadInput, BadPicture
from mirage.images import Limits, decode
from mirage.images.marks.reading import read, warned
from mirage.query import PictureTerm
from mirage.web.schemas import EmbeddingView
from mirage.web.site import Site

# At debug level these write the metadata of what they read, names of patients among it, whoever asked for the log.
for _reader in ("PIL", "pydicom"):
    logging.getLogger(_reader).setLevel(logging.WARNING)

# Room for the words, filters and embeddings that a form carries beside the picture.
FORM_BYTES = 256_000
# How far past the limit a body is read and thrown away, so that the browser gets to hear why.
_DRAIN = 10


class TooLargeError(BadPicture):
    """An upload above the limit."""

    status = 413


class _InMemory(MultiPartParser):
    """Starlette's parser writes files above 1 MB to disk. The body's size is bounded before it gets here."""

    spool_max_size = 1 << 62


async def read_form(request: Request, site: Site) -> FormData:
    """Read a form, with at most one file, wholly in memory.

    Raises
    ------
    TooLargeError
        When it is larger than the settings allow, whatever its headers say.
    mirage.errors.BadInput
        When it is no form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    most = site.settings.upload_max_bytes + FORM_BYTES
    if kind == "application/x-www-form-urlencoded":
        return await FormParser(request.headers, _bounded(request, FORM_BYTES, site)).parse()
    if kind != "multipart/form-data":
        raise BadInput("Send a form: multipart/form-data, with the picture in the field “file”.")
    parser = _InMemory(request.headers, _bounded(request, most, site), max_files=1, max_fields=200)
    try:
        return await parser.parse()
    except MultiPartException as error:
        if "Too many files" in str(error):
            raise BadInput("One picture at a time. Drop a single file.") from None
        raise BadInput("The upload arrived damaged. Send it again.") from None


async def read_json(request: Request) -> bytes:
    """Read a body of JSON, which is words and numbers alone.

    Raises
    ------
    TooLargeError
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            await _drain(request, len(body), FORM_BYTES * _DRAIN)
            raise TooLargeError(f"The JSON is larger than {FORM_BYTES / 1e3:g} kB. A prompt is a sentence or two.")
    return body


async def _bounded(request: Request, most: int, site: Site) -> AsyncGenerator[bytes, None]:
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > most:
            await _drain(request, total, most * _DRAIN)
            _too_large(site)
        yield chunk


async def _drain(request: Request, total: int, most: int) -> None:
    async for chunk in request.stream():
        total += len(chunk)
        if total > most:
            return


def _too_large(site: Site) -> NoReturn:
    most = site.settings.upload_max_bytes / 1e6
    raise TooLargeError(f"The upload is larger than {most:g} MB. Save the picture smaller, or crop it, and try again.")


async def embed(form: FormData, site: Site) -> EmbeddingView:
    """The form's picture as its embedding. Pixels and metadata are gone when this returns.

    Raises
    ------
    mirage.errors.BadPicture
    """
    data, name = await file_of(form, site)
    return await anyio.to_thread.run_sync(partial(_embed, site, data, name), limiter=site.decoding)


async def picture(form: FormData, site: Site) -> Image.Image:
    """The form's picture, decoded in memory; its metadata is gone.

    Raises
    ------
    mirage.errors.BadPicture
    """
    data, name = await file_of(form, site)
    return await anyio.to_thread.run_sync(partial(_decoded, site, data, name), limiter=site.decoding)


async def file_of(form: FormData, site: Site) -> tuple[bytes, str]:
    """The form's file as it came, and its name.

    Raises
    ------
    mirage.errors.BadPicture
    """
    given = form.get("file")
    if isinstance(given, str) and given.strip():
        raise BadPicture(
            "An address or text came in place of a picture. Nothing is fetched from the network: save the "
            "picture, then drop the file."
        )
    if not isinstance(given, UploadFile) or (not given.filename and not given.size):
        raise BadPicture("No picture came with the form. Choose a file first.")
    try:
        data = await given.read()
    finally:
        await given.close()
    if len(data) > site.settings.upload_max_bytes:
        _too_large(site)
    return data, given.filename or "the picture"


def _decoded(site: Site, data: bytes, name: str) -> Image.Image:
    limits = Limits(file_bytes=site.settings.upload_max_bytes, pixels=site.settings.upload_max_pixels)
    return decode(data, name=name, limits=limits)


def _embed(site: Site, data: bytes, name: str) -> EmbeddingView:
    image = _decoded(site, data, name)
    term: PictureTerm = site.atlas.embed(image)
    return EmbeddingView(picture=term.print(), width=image.width, height=image.height, synthetic=warned(read(data, image)))
