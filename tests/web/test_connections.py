"""Who sends the head of a request a byte at a time, or never, holds no connection for long, and never a stop."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mirage.web import connections
from mirage.web.connections import PatientProtocol, until_stopped
from mirage.web.server import listen
from parts import until

HALF, REST = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: a", b"b\r\n\r\n"


READING = threading.Event()


LARGE = b"x" * 40_000_000  # more than the system keeps for a connection


async def large(_: Request) -> PlainTextResponse:
    return PlainTextResponse(LARGE)


async def read(request: Request) -> PlainTextResponse:
    READING.set()
    return PlainTextResponse(await request.body())


@pytest.fixture
def running() -> Iterator[tuple[tuple[str, int], Callable[[], None]]]:
    """Where a site is that says *here*, and how to stop it; a stop that hangs fails."""
    listening = listen("127.0.0.1", 0)
    app = until_stopped(
        Starlette(
            routes=[
                Route("/", lambda _: PlainTextResponse("here")),
                Route("/", read, methods=["POST"]),
                Route("/large", large),
            ]
        )
    )
    told = {"log_config": None, "timeout_keep_alive": 3600, "lifespan": "off", "timeout_graceful_shutdown": 0}
    config = uvicorn.Config(app, http=PatientProtocol, **told)
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


def open_to(place: tuple[str, int], data: bytes, address: str = "127.0.0.1") -> socket.socket:
    connection = socket.create_connection(place, timeout=120, source_address=(address, 0))
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


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere this machine has one address of its own")
def test_who_opens_many_ends_their_own_and_nobody_else_s(served: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_WAITING", 3)
    with open_to(served, HALF, "127.0.0.2") as honest:
        crowd = []
        for number in range(6):
            crowd.append(open_to(served, HALF))
            if number >= 2:
                assert answer(crowd[number - 2]) == b""
        honest.sendall(REST)
        assert answer(honest).endswith(b"here")
        for each in crowd:
            each.close()


def test_half_a_head_does_not_hold_a_stop(running: tuple[tuple[str, int], Callable[[], None]]) -> None:
    place, stop = running
    with open_to(place, HALF) as half, open_to(place, HALF + REST) as kept:
        assert answer(kept).endswith(b"here")
        kept.sendall(HALF)
        stop()
        assert answer(half) == answer(kept) == b""


def test_half_a_body_does_not_hold_a_stop_and_is_no_defect(
    running: tuple[tuple[str, int], Callable[[], None]], caplog: pytest.LogCaptureFixture
) -> None:
    place, stop = running
    READING.clear()
    with open_to(place, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc") as half:
        assert READING.wait(120)
        with caplog.at_level(logging.INFO):
            stop()
        got = answer(half)
    assert (got[:12], got.endswith(b"stopped before this was done.")) == (b"HTTP/1.1 503", True)
    assert [each.getMessage() for each in caplog.records if each.exc_info] == []


LARGE_ASKED = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_who_does_not_take_an_answer_is_let_go_and_who_takes_it_slowly_is_not(
    served: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.05)
    monkeypatch.setattr(connections, "LEAST_READ", 2_000_000_000)
    looked, look = [], PatientProtocol._look

    def looking(connection: PatientProtocol, *before: int) -> None:
        look(connection, *before)
        looked.append(before)

    monkeypatch.setattr(PatientProtocol, "_look", looking)
    with open_to(served, LARGE_ASKED) as idle:
        got = 0
        with suppress(ConnectionResetError):
            got += len(idle.recv(10))
            until(lambda: len(looked) == 2)
            while got < len(LARGE) and (part := idle.recv(1 << 20)):
                got += len(part)
        assert got < len(LARGE)
    monkeypatch.setattr(connections, "LEAST_READ", 1)
    with open_to(served, LARGE_ASKED) as slow:
        got = 0
        while got < len(LARGE):
            got += len(slow.recv(1 << 18))


def test_of_many_bodies_that_do_not_come_the_oldest_of_the_busiest_gives_way(
    served: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_SENDING", 2)
    begun = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nhe"
    with open_to(served, begun) as first:
        until(lambda: len(PatientProtocol._sending) == 1)
        others = []
        for number in range(2):
            others.append(open_to(served, begun))
            until(lambda most=number: len(PatientProtocol._sending) == min(2, most + 2))
        assert answer(first) == b""
        for other in others:
            other.sendall(b"re")
            assert answer(other).endswith(b"here")
            other.close()
    until(lambda: not PatientProtocol._sending)
