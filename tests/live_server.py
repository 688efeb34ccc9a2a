"""A source on this machine, for living sources: it answers what a test puts there, with the faults that a test asks for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from mirage.settings import Settings
from parts import PATIENCE

LOGIN = b"<!DOCTYPE html><html><head><title>Guest network</title></head><body>Please log in.</body></html>"


@dataclass
class Reply:
    """An answer, and what is wrong with it.

    Attributes
    ----------
    promised : int or None
        Its Content-Length where that is not its length; -1 sends none.
    waits : threading.Event or None
        What has to happen before the body goes on after its first half.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    waits: threading.Event | None = None


Query = dict[str, str]
Route = Reply | bytes | Callable[[Query], "Reply | bytes"]


def of_json(told: Any) -> Reply:
    return Reply(json.dumps(told).encode(), headers={"Content-Type": "application/json"})


@dataclass
class Place:
    """What the source holds, and what it was asked.

    Attributes
    ----------
    routes : dict
        By path; a function gets the parameters of the question.
    faults : dict
        By a part of the path: replies that come first, each once, in this order.
    asked : list of (str, dict)
        Paths and parameters, in order.
    times : list of (str, float)
        The path and when, by the clock of this machine.
    """

    routes: dict[str, Route] = field(default_factory=dict)
    faults: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[tuple[str, Query]] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    address: str = ""

    def paths(self, part: str = "") -> list[str]:
        return [path for path, _ in self.asked if part in path]

    def broken(self, part: str, count: int, seconds: float) -> int:
        """How many requests came before they might: more than count of them in a span of so many seconds."""
        when = sorted(moment for path, moment in self.times if part in path)
        return sum(1 for first, later in zip(when, when[count:], strict=False) if later - first < seconds)


class _Handler(BaseHTTPRequestHandler):
    place: Place
    lock: threading.Lock
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        with self.lock:
            self.place.times.append((path, time.time()))
            self.place.asked.append((path, query))
            self.place.agents.add(self.headers.get("User-Agent", ""))
            first = next((replies for part, replies in self.place.faults.items() if part in path and replies), None)
            fault = first.pop(0) if first else None
        self._send(fault or self._found(path, query))

    def _found(self, path: str, query: Query) -> Reply:
        route = self.place.routes.get(path, Reply(b"not here", 404))
        reply = route(query) if callable(route) else route
        return Reply(reply) if isinstance(reply, bytes) else reply

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.body) if reply.promised is None else reply.promised
        if length >= 0:
            self.send_header("Content-Length", str(length))
        if length != len(reply.body):
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        half = len(reply.body) // 2 if reply.waits else 0
        try:
            self.wfile.write(reply.body[:half])
            if reply.waits:
                self.wfile.flush()
                reply.waits.wait(PATIENCE)
            self.wfile.write(reply.body[half:])
        except OSError:  # who asked has gone
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def living(place: Place) -> Iterator[str]:
    """Serve a source for the time of a block; gives its address."""
    handler = type("Bound", (_Handler,), {"place": place, "lock": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    place.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield place.address
    finally:
        server.shutdown()
        server.server_close()


def settings_for(cache: Path, addresses: Mapping[str, str], **more: Any) -> Settings:
    """Settings of a test: nothing of the person who runs it is seen, and nothing but the stand-in is asked."""
    return Settings(live_cache=cache, live_addresses=dict(addresses), **more)
