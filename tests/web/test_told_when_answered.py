"""Several processes that begin to answer: where the site is is told once one does."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mirage.web.workers import _say_when_answered
from parts import PATIENCE


def test_the_address_is_told_when_a_process_answers(capsys: pytest.CaptureFixture[str]) -> None:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as site:  # it takes connections, and answers nobody yet
        url = f"http://127.0.0.1:{site.server_address[1]}"
        telling = threading.Thread(target=_say_when_answered, args=(f"{url}/healthz", ["MIRAGE is there"]))
        telling.start()
        telling.join(0.2)
        assert capsys.readouterr().out == ""
        site.handle_request()
        telling.join(PATIENCE)
    assert capsys.readouterr().out == "MIRAGE is there\n"
