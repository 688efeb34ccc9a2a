"""Who sends the head of a request a byte at a time, or never, holds no connection for long, and never a stop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mirage.web import connections
from mirage.web.connections import PatientProtocol
from mirage.web.server import listen

HALF, REST = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: a", b"b\r\n\r\n"


@pytest.fixture
def running() -> Iterator[tuple[tuple[str, int], Callable[[], None]]]:
    """Where a site is that says *here*, and how to stop it; a stop that hangs fails."""
    listening = listen("127.0.0.1", 0)
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
    config = uvicorn.Config(app, log_config=None, http=PatientProtocol, timeout_keep_alive=3600, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(120)
        assert not thread.is_alive()

    yield listening.getsockname(), stop
    stop()


@pytest.fixture
def served(running: tuple[tuple[str, int], Callable[[], None]]) -> tuple[str, int]:
    """Where that site is."""
    return running[0]


def open_to(place: tuple[str, int], data: bytes) -> socket.socket:
    connection = socket.create_connection(place, timeout=120)
    connection.sendall(data)
    return connection


def answer(connection: socket.socket) -> bytes:
    """What comes until the answer is whole, or the connection is closed."""
    got = b""
    with suppress(ConnectionResetError):
        while not got.endswith(b"here") and (part := connection.recv(4096)):
            got += part
    return got


@pytest.mark.parametrize("sent", [b"", HALF])
def test_a_head_that_does_not_come_ends_its_connection(
    served: tuple[str, int], sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_to(served, HALF) as patient, open_to(served, HALF + REST) as kept:
        assert answer(kept).endswith(b"here")
        monkeypatch.setattr(connections, "HEAD_SECONDS", 0.01)
        with open_to(served, sent) as late:
            assert answer(late) == b""
        kept.sendall(HALF)  # the next request of a connection that was answered
        assert answer(kept) == b""
        patient.sendall(REST)  # which began to wait when there was more time
        assert answer(patient).endswith(b"here")


def test_of_many_that_wait_the_oldest_gives_way(served: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_WAITING", 2)
    with open_to(served, HALF) as first:
        others = []
        for _ in range(2):
            others.append(open_to(served, HALF + REST))
            assert answer(others[-1]).endswith(b"here")
            others[-1].sendall(HALF)
        assert answer(first) == b""
        for other in others:
            other.sendall(REST)
            assert answer(other).endswith(b"here")
            other.close()
    assert not connections.PatientProtocol._waiting


def test_half_a_head_does_not_hold_a_stop(running: tuple[tuple[str, int], Callable[[], None]]) -> None:
    place, stop = running
    with open_to(place, HALF) as half, open_to(place, HALF + REST) as kept:
        assert answer(kept).endswith(b"here")
        kept.sendall(HALF)
        stop()
        assert answer(half) == answer(kept) == b""
