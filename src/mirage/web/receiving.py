"""Many files in one body, written to their places as they come: no memory and no temporary folder holds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mirage.errors import BadInput
from mirage.storage.staging import Batch, Receiving
from mirage.web.uploads import FORM_BYTES, kind_of
from mirage.wording import _

_MOST_HEADER, _MOST_FIELDS = 16_000, 50


class FilesForm:
    """A multipart form of words, then files.

    Parameters
    ----------
    batch_of : callable
        Given the words that came before the first file; says where files go, or raises what refuses them.
    """

    def __init__(self, batch_of: Callable[[dict[str, str]], Batch]) -> None:
        self._batch_of = batch_of
        self.fields: dict[str, str] = {}
        self.batch: Batch | None = None
        self._file: Receiving | None = None
        self._field: str | None = None
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._name = self._said = b""

    async def read(self, request: Request) -> None:
        """Take all of it. What was not whole when it broke off is forgotten; whole files stay.

        Raises
        ------
        mirage.errors.MirageError
            When it is no such form, or what `batch_of` raises.
        """
        _kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind_of(request.headers) != "multipart/form-data" or not (boundary := options.get(b"boundary")):
            raise BadInput(_("Send a form: multipart/form-data, with the files in the field “file”."))
        events: list[tuple[str, bytes]] = []
        plain = ("part_begin", "header_end", "headers_finished", "part_end")
        calls: Any = {f"on_{name}": _noting(events, name) for name in plain}
        calls |= {f"on_{name}": _noting_data(events, name) for name in ("header_field", "header_value", "part_data")}
        try:
            parser = MultipartParser(boundary, calls)
            async for chunk in request.stream():
                parser.write(chunk)
                if events:
                    await run_sync(self._take, events)
                    events.clear()
            parser.finalize()
        except FormParserError:
            raise BadInput(_("The upload arrived damaged. Send it again.")) from None
        finally:
            if self._file is not None:
                self._file.drop()
        if self.batch is None:
            self.batch = self._batch_of(self.fields)

    def _take(self, events: list[tuple[str, bytes]]) -> None:
        for what, data in events:
            getattr(self, f"_{what}")(data)

    def _part_begin(self, _: bytes) -> None:
        self._headers, self._name, self._said, self._field, self._value = {}, b"", b"", None, b""

    def _header_field(self, data: bytes) -> None:
        self._name += data
        self._check(self._name)

    def _header_value(self, data: bytes) -> None:
        self._said += data
        self._check(self._said)

    def _check(self, text: bytes) -> None:
        if len(text) > _MOST_HEADER:
            raise BadInput(_("The upload arrived damaged: a name in it is too long. Send it again."))

    def _header_end(self, _: bytes) -> None:
        self._headers[self._name.lower()] = self._said
        self._name = self._said = b""

    def _headers_finished(self, _data: bytes) -> None:
        _kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"filename" not in options:
            self._field = options.get(b"name", b"").decode("utf-8", "replace")
            if len(self.fields) >= _MOST_FIELDS:
                raise BadInput(_("The upload arrived damaged: it holds too many fields."))
            return
        if self.batch is None:
            self.batch = self._batch_of(self.fields)
        # What is no text stays what it is: it is refused in words, and not kept under a name that nobody gave it.
        if name := options[b"filename"].decode("utf-8", "surrogateescape"):  # a field for files that was left empty has none
            self._file = self.batch.receive(name)

    def _part_data(self, data: bytes) -> None:
        if self._field is not None:
            self._value += data
            if len(self._value) > FORM_BYTES:
                raise BadInput(_("The upload arrived damaged: a field in it is too long."))
        elif self._file is not None:
            self._file.write(data)

    def _part_end(self, _: bytes) -> None:
        if self._field is not None:
            self.fields[self._field] = self._value.decode("utf-8", "replace")
        elif self._file is not None:
            self._file.done()
            self._file = None


def _noting(events: list[tuple[str, bytes]], name: str) -> Callable[[], None]:
    return lambda: events.append((name, b""))


def _noting_data(events: list[tuple[str, bytes]], name: str) -> Callable[[bytes, int, int], None]:
    return lambda data, start, end: events.append((name, data[start:end]))
