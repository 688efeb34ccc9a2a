"""The index in a Qdrant server: its address, what it refuses, and what is said when the server does not do as it should."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models

from index_kinds import local_qdrant
from mirage import indexes
from mirage.errors import AtlasError, BadInput, MirageError, NotFound, Unavailable
from mirage.indexes import qdrant_server
from mirage.indexes.qdrant import QdrantIndex
from mirage.indexes.qdrant_server import Address

pytestmark = pytest.mark.filterwarnings("ignore:(Payload indexes|Local mode|Api key)")


def test_an_address_says_where_the_collection_is_and_what_it_is_made_with() -> None:
    assert Address.of("qdrant://host/atlas") == Address("http://host:6333", "atlas")
    far = Address.of("qdrants://h.example:443/behind/atlas-1?shards=6&replicas=2&consistency=2")
    assert far == Address("https://h.example:443/behind", "atlas-1", 6, 2, 2)
    assert Address.of("qdrant://[::1]/a").url == "http://[::1]:6333"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("qdrant://host", "no address of a Qdrant collection"),
        ("qdrant:///atlas", "no address of a Qdrant collection"),
        ("qdrant://host/a b", "no address"),
        ("qdrant://host:x/atlas", "no address of a Qdrant server"),
        ("qdrant://key@host/atlas", "Leave it out, and set MIRAGE_QDRANT_KEY"),
        ("qdrant://host/atlas?shard=2", "“shard=2” .* There are: shards, replicas, consistency"),
        ("qdrant://host/atlas?replicas=0", "“replicas=0” .* each a number"),
    ],
)
def test_what_is_no_address_is_refused_in_words(address: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Address.of(address)


def test_the_scheme_of_an_address_names_the_adapter() -> None:
    assert indexes.is_address("qdrants://host/atlas")
    assert not indexes.is_address("index-0123456789ab")
    with pytest.raises(NotFound, match=r"begin with nowhere://\. There are: postgresql://…, qdrant://"):
        indexes.open("nowhere://host/atlas", 4)
    with pytest.raises(BadInput, match="no address of an index"):
        indexes.held("host/atlas")


def test_a_collection_of_another_encoder_is_refused(tmp_path: Path) -> None:
    local_qdrant(tmp_path, 4, "a" * 64).close()
    local_qdrant(tmp_path, 4, "a" * 64).close()
    with pytest.raises(AtlasError, match=r"another encoder \(aaaaaaaaaaaa, not bbbbbbbbbbbb\).*mirage atlas rebuild"):
        local_qdrant(tmp_path, 4, "b" * 64)


def test_a_collection_of_vectors_of_another_length_is_refused() -> None:
    client = QdrantClient(":memory:")
    QdrantIndex("qdrant://local/atlas", 4, client=client)
    with pytest.raises(AtlasError, match=r"atlas of .* has vectors of length 4, not 8\. `mirage atlas rebuild`"):
        QdrantIndex("qdrant://local/atlas", 8, client=client)
    assert client.get_collection("atlas").config.params.vectors["image"].size == 4  # type: ignore[call-overload, union-attr]


def test_a_collection_that_somebody_else_made_is_left_alone() -> None:
    client = QdrantClient(":memory:")
    client.create_collection("theirs", vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT))
    with pytest.raises(AtlasError, match=r"theirs of .* is no index of MIRAGE\. Nothing was changed"):
        QdrantIndex("qdrant://local/theirs", 4, client=client)


def test_how_much_lies_at_an_address_is_told_and_removed() -> None:
    client = QdrantClient(":memory:")
    assert QdrantIndex.held("qdrant://local/atlas", client) is None
    QdrantIndex("qdrant://local/atlas", 4, client=client)
    assert QdrantIndex.held("qdrant://local/atlas", client) == 0
    QdrantIndex.drop("qdrant://local/atlas", client)
    QdrantIndex.drop("qdrant://local/atlas", client)
    assert QdrantIndex.held("qdrant://local/atlas", client) is None


@contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[tuple[str, list[str | None]]]:
    """The address of a server on loopback that answers thus, the last for ever, and the keys that it was shown."""
    left, keys = list(answers), list[str | None]()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers.get("api-key"))
            status, said = left.pop(0) if len(left) > 1 else left[0]
            body = said.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"qdrant://127.0.0.1:{server.server_port}/atlas", keys
    finally:
        server.shutdown()
        server.server_close()


def error(said: str) -> str:
    return json.dumps({"status": {"error": said}, "time": 0.0})


NONE = json.dumps({"result": {"exists": False}, "status": "ok", "time": 0.0})


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between two tries take no time."""
    monkeypatch.setattr(qdrant_server, "_PAUSES", (0.0, 0.0))


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, error("Must provide an API key"), AtlasError, "refuses no key, and MIRAGE_QDRANT_KEY is not set"),
        (403, error("Forbidden: Global write access is required"), AtlasError, "refuses no key"),
        (503, error("not enough active replicas"), Unavailable, "too few replicas running .*503.* Try again later"),
        (500, error("1 out of 2 shards failed to apply operation, consistency"), Unavailable, "too few replicas running"),
        (503, error("Service starting"), Unavailable, "is busy or not ready"),
        (500, error("Service internal error: No space left on device"), Unavailable, "disk of the Qdrant server .* is full"),
        (400, error("Wrong input"), AtlasError, "refuses what is asked of atlas: .*Wrong input"),
        (200, "<html>a proxy's page</html>", Unavailable, "is no Qdrant server"),
    ],
)
@pytest.mark.usefixtures("at_once")
def test_whatever_the_server_answers_is_said_in_words(
    status: int, body: str, kind: type[MirageError], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIRAGE_QDRANT_KEY", raising=False)
    with answering((status, body)) as (address, _), pytest.raises(kind, match=said):
        indexes.held(address)


@pytest.mark.usefixtures("at_once")
def test_a_key_is_taken_from_the_environment_and_one_that_is_refused_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIRAGE_QDRANT_KEY", "wrong")
    with answering((403, error("Invalid API key"))) as (address, keys), pytest.raises(AtlasError) as raised:
        indexes.held(address)
    assert keys == ["wrong"]
    assert "refuses the key in MIRAGE_QDRANT_KEY" in str(raised.value)
    assert "wrong" not in str(raised.value)


@pytest.mark.usefixtures("at_once")
def test_a_server_that_is_busy_for_a_moment_is_asked_again() -> None:
    with answering((503, error("Service starting")), (502, "bad gateway"), (200, NONE)) as (address, keys):
        assert indexes.held(address) is None
    assert len(keys) == 3


@pytest.mark.usefixtures("at_once")
def test_a_server_that_is_not_there_is_said_in_words() -> None:
    with answering((200, NONE)) as (address, _):
        pass
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1.* does not answer \(.+\)\. See that it runs"):
        indexes.open(address, 4)
