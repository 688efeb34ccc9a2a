"""A chat-completions server on this machine that answers, and misbehaves, as a test wants."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the answers in turn, the last one for all that follow."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(body)})
        answer = self.server.answers[min(len(self.server.asked), len(self.server.answers)) - 1]
        try:
            answer(self)
        except OSError:
            self.server.dropped.set()
        self.close_connection = True

    def start(self, kind: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()

    def say(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked: list[dict[str, Any]] = []
        self.dropped, self.hangs, self.over = threading.Event(), threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    """Serve these answers for the time of a block."""
    server = Server(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


def event(text: str, **more: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}, **more}]}).encode() + b"\n\n"


def saying(*parts: str, done: bool = True, pause: float = 0.0) -> Answer:
    """Stream these parts."""

    def answer(handler: Handler) -> None:
        handler.start()
        for part in parts:
            handler.say(event(part))
            time.sleep(pause)
        if done:
            handler.say(b"data: [DONE]\n\n")

    return answer


def sending(*chunks: bytes, kind: str = "text/event-stream") -> Answer:
    """Send these very bytes."""

    def answer(handler: Handler) -> None:
        handler.start(kind)
        for chunk in chunks:
            handler.say(chunk)

    return answer


def refusing(code: int, body: str = "", **headers: str) -> Answer:
    """Answer with a status."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.say(body.encode())

    return answer


def hanging(*parts: str) -> Answer:
    """Say these parts (or nothing at all) and go silent with the line open, as long as the server is there."""

    def answer(handler: Handler) -> None:
        if parts:
            handler.start()
            for part in parts:
                handler.say(event(part))
        handler.server.hangs.set()
        while not handler.server.over.wait(0.05):
            if parts:
                handler.say(b": still here\n\n")

    return answer


def cutting(*parts: str) -> Answer:
    """Promise more than is sent."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for part in parts:
            handler.say(event(part))

    return answer
