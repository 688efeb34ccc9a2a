"""Every index that the tests of the port run against, and how each is made.

A line in `KINDS`, and how it is made in `maker`, is all that another adapter needs.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from mirage import indexes
from mirage.indexes import Index
from mirage.indexes.qdrant import QdrantIndex
from postgres import PostgresServer

_SERVER = os.environ.get("MIRAGE_QDRANT_URL", "")  # of a real one: qdrant://localhost:6333
Make = Callable[..., Index]

# The index in this process, also as earlier versions laid it out; a PostgreSQL server's; Qdrant's client, which answers by
# itself; a server's.
KINDS = ["embedded", "embedded plain", "postgres", "qdrant local", *(["qdrant server"] if _SERVER else [])]


def maker(kind: str, request: pytest.FixtureRequest) -> Make:
    """What makes an index of a kind at a path, or at an address that is named after it.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    request : pytest.FixtureRequest
        Of the fixture that gives it on; what is left on a server goes when that ends.
    """
    if kind.startswith("embedded"):
        options = {"layout": "plain"} if kind.endswith("plain") else {}
        return lambda path, dimension=32: indexes.load("embedded", path=path, dimension=dimension, **options)
    if kind == "postgres":
        return _in_postgres(request)
    if kind == "qdrant local":
        return lambda path, dimension=32: local_qdrant(path, dimension)
    if kind == "qdrant server":

        def at_server(path: Path, dimension: int = 32) -> Index:
            address = f"{_SERVER}/test-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
            request.addfinalizer(lambda: indexes.remove(address))
            return indexes.open(address, dimension)

        return at_server
    raise AssertionError(kind)


def _in_postgres(request: pytest.FixtureRequest) -> Make:
    server: PostgresServer = request.getfixturevalue("postgres_server")
    database = server.create()
    request.addfinalizer(lambda: server.drop(database))

    def make(path: Path, dimension: int = 32) -> Index:
        url, mark, rest = server.url(database).partition("?")
        name = hashlib.sha256(str(path).encode()).hexdigest()[:12]
        return indexes.open(f"{url}/{name}{mark}{rest}", dimension)

    return make


def local_qdrant(path: Path, dimension: int, encoder: str = "") -> Index:
    """An index in the client's local mode, which speaks the server's language and keeps its collections in a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has no indexes of fields
        client = QdrantClient(path=str(path), force_disable_check_same_thread=True)
        return QdrantIndex("qdrant://local/atlas", dimension, encoder, client=client)


class LocalServer:
    """Stands in for a Qdrant server at any address: the client that answers by itself, and stays when it is let go of."""

    def __init__(self) -> None:
        self.client = QdrantClient(":memory:", force_disable_check_same_thread=True)

    def __getattr__(self, name: str) -> object:
        return getattr(self.client, name)

    def close(self) -> None:
        """It goes on for the next one who connects."""

    @property
    def collections(self) -> dict[str, int]:
        """How many points each collection has."""
        return {one.name: self.client.count(one.name).count for one in self.client.get_collections().collections}
