"""Speak to a Qdrant server: where it is, and what it says when something is wrong, in words.

An address is ``qdrant://HOST:6333/COLLECTION``, ``qdrants://`` where the server has TLS. Behind ``?`` stands what a new
collection is made with: ``shards``, ``replicas`` and ``consistency`` (how many replicas have a change before it is
acknowledged). The server's key is never part of it: it is read from the environment variable ``MIRAGE_QDRANT_KEY``.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, urlsplit

from mirage.errors import AtlasError, BadInput, Unavailable
from mirage.installed import to_install
from mirage.wording import N_, _

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

KEY = "MIRAGE_QDRANT_KEY"
EXTRA = N_("The index needs the package qdrant-client. Install it: %(install)s")
_PORT = 6333
_SECONDS = 60  # for one request; a batch of points that is written to several replicas takes some
_PAUSES = (0.2, 1.0, 3.0)  # seconds before a request that failed is made again
_BUSY = (429, 502, 503, 504)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_NUMBERS = ("shards", "replicas", "consistency")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a collection is, and what it is made with; None is the server's own choice."""

    url: str
    collection: str
    shards: int | None = None
    replicas: int | None = None
    consistency: int | None = None

    @classmethod
    def of(cls, address: str) -> Address:
        """Read an address.

        Parameters
        ----------
        address : str

        Raises
        ------
        mirage.errors.BadInput
            When it is none.
        """
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port or _PORT
        except ValueError as error:
            raise BadInput(
                _(
                    "%(address)s is no address of a Qdrant server, or its port is none: "
                    "qdrant://HOST:%(PORT)s/COLLECTION is one.",
                    address=address,
                    PORT=_PORT,
                )
            ) from error
        if parts.username is not None or parts.password is not None:
            raise BadInput(
                _("An address with a key in it would be kept and shown. Leave it out, and set %(KEY)s to it.", KEY=KEY)
            )
        prefix, _other, collection = parts.path.rpartition("/")
        if not host or not _NAME.fullmatch(collection):
            raise BadInput(
                _(
                    "%(address)s is no address of a Qdrant collection: qdrant://HOST:%(PORT)s/COLLECTION is one.",
                    address=address,
                    PORT=_PORT,
                )
            )
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        for name, value in asked.items():
            if name not in _NUMBERS or not re.fullmatch("[1-9][0-9]{0,3}", value):
                there = ", ".join(_NUMBERS)
                raise BadInput(
                    _(
                        "“%(name)s=%(value)s” in %(address)s is not understood. There are: %(there)s, each a number.",
                        name=name,
                        value=value,
                        address=address,
                        there=there,
                    )
                )
        scheme = "https" if parts.scheme == "qdrants" else "http"
        host = f"[{host}]" if ":" in host else host
        return cls(f"{scheme}://{host}:{port}{prefix}", collection, **{name: int(value) for name, value in asked.items()})

    def __str__(self) -> str:
        return _("%(collection)s of the Qdrant server %(url)s", collection=self.collection, url=self.url)

    def connect(self) -> QdrantClient:
        """What speaks to the server; nothing is asked of it yet.

        Raises
        ------
        mirage.errors.Unavailable
            When the package is missing.
        """
        try:
            from qdrant_client import QdrantClient  # noqa: PLC0415 - of an extra
        except ImportError as error:
            raise Unavailable(_(EXTRA, install=to_install("qdrant-client"))) from error
        key = os.environ.get(KEY) or None
        return QdrantClient(url=self.url, api_key=key, timeout=_SECONDS, check_compatibility=False)


def asked(address: Address, call: Callable[[], T], *, again: bool = True) -> T:
    """What a call answers, made again a few times where the server is busy or cannot be reached.

    Parameters
    ----------
    address : Address
        For what is said.
    call : callable
    again : bool
        Whether it may be made twice.

    Raises
    ------
    mirage.errors.Unavailable
        When the server does not answer, is busy, or has too few replicas.
    mirage.errors.AtlasError
        When it refuses.
    """
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse  # noqa: PLC0415
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse  # noqa: PLC0415

    for pause in (*(_PAUSES if again else ()), None):
        try:
            return call()
        except ResponseHandlingException as error:
            if pause is None:
                raise Unavailable(
                    _(
                        "The Qdrant server %(url)s does not answer (%(source)s). See that it runs and can be "
                        "reached; what was acknowledged is kept there.",
                        url=address.url,
                        source=_line(error.source),
                    )
                ) from error
        except json.JSONDecodeError as error:  # something else answers there
            raise Unavailable(
                _("What answers at %(url)s is no Qdrant server (%(error)s).", url=address.url, error=_line(error))
            ) from error
        except ResourceExhaustedResponse as error:
            if pause is None:
                raise _busy(address, 429, str(error)) from error
        except UnexpectedResponse as error:
            if pause is None or error.status_code not in _BUSY:
                raise _refused(address, error.status_code or 0, error.content.decode("utf-8", "replace")) from error
        time.sleep(pause)
    raise AssertionError  # the last try returns or raises


def _refused(address: Address, status: int, said: str) -> Exception:
    if status in (401, 403):
        which = _("the key in %(KEY)s", KEY=KEY) if os.environ.get(KEY) else _("no key, and %(KEY)s is not set", KEY=KEY)
        return AtlasError(
            _(
                "The Qdrant server %(url)s refuses %(which)s. Ask who runs it for one that reads and writes.",
                url=address.url,
                which=which,
            )
        )
    if status == 404:
        return AtlasError(
            _("There is no collection %(address)s any more. `mirage atlas rebuild` makes it anew.", address=address)
        )
    if status == 507 or "No space left" in said:
        return Unavailable(
            _("The disk of the Qdrant server %(url)s is full. What was acknowledged is kept there.", url=address.url)
        )
    if status in _BUSY or status >= 500:
        return _busy(address, status, said)
    return AtlasError(
        _(
            "The Qdrant server %(url)s refuses what is asked of %(collection)s: %(said)s.",
            url=address.url,
            collection=address.collection,
            said=_line(said),
        )
    )


def _busy(address: Address, status: int, said: str) -> Unavailable:
    few = "replica" in said.lower() or "consistency" in said.lower()
    why = _("has too few replicas running") if few else _("is busy or not ready")
    return Unavailable(
        _(
            "The Qdrant server %(url)s %(why)s (%(status)s: %(said)s). Try again later.",
            url=address.url,
            why=why,
            status=status,
            said=_line(said),
        )
    )


def _line(error: object) -> str:
    """What was said, in a line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(".")
