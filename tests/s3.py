"""A server of S3's kind (moto) on loopback, behind one that can be told to answer badly."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

BUCKET = "pictures"
_REFUSED = b"<Error><Code>AccessDenied</Code><Message>key AKIASECRET may not</Message></Error>"
_BUSY = b"<Error><Code>ServiceUnavailable</Code><Message>Reduce</Message></Error>"
_SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>The clock</Message></Error>"


@dataclass
class S3:
    """Where it is, what it was asked, and how the next questions are answered."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # for the next questions of `of`: "403", "503", "skewed", "cut", "half"
    of: str = "GET"

    def fault(self, asked: str) -> str:
        self.asked.append(asked)
        return self.faults.pop(0) if self.faults and asked.startswith(self.of) else ""


@contextmanager
def s3_server() -> Iterator[S3]:
    """An empty bucket, really over HTTP."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    s3 = S3()

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            fault = s3.fault(f"{self.command} {self.path}{' ' + each if (each := self.headers.get('range')) else ''}")
            if fault in ("403", "503", "skewed"):
                told = {"403": _REFUSED, "503": _BUSY, "skewed": _SKEWED}[fault]
                self.reply(503 if fault == "503" else 403, {"Content-Type": "application/xml"}, told)
                return
            asked = http.client.HTTPConnection(host, port, timeout=30)
            asked.request(self.command, self.path, body, dict(self.headers))
            got = asked.getresponse()
            data = got.read()
            headers = {key: value for key, value in got.getheaders() if key.lower() not in ("connection", "content-length")}
            if fault == "half":  # the storage itself has no more
                headers = {key: value for key, value in headers.items() if "checksum" not in key.lower()}
                data = data[: len(data) // 2]
            length = got.getheader("content-length") if self.command == "HEAD" else str(len(data))
            self.reply(
                got.status, headers | {"Content-Length": length or "0"}, data[: len(data) // 2] if fault == "cut" else data
            )
            if fault == "cut":
                self.close_connection = True
            asked.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815

        def reply(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response_only(status)
            for key, value in ({"Content-Length": str(len(data))} | headers).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    between = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    between.daemon_threads = True
    Thread(target=between.serve_forever, daemon=True).start()
    s3.url = f"http://127.0.0.1:{between.server_port}"
    asked = http.client.HTTPConnection("127.0.0.1", between.server_port)
    asked.request(
        "PUT", f"/{BUCKET}", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request"}
    )
    assert asked.getresponse().status == 200
    asked.close()
    try:
        yield s3
    finally:
        between.shutdown()
        between.server_close()
        moto.stop()
