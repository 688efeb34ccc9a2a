"""Serving: the port, stopping, the log."""

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from mirage.atlas import Atlas
from mirage.errors import BadInput
from mirage.settings import Settings
from mirage.web import serve
from mirage.web.server import listen
from parts import PATIENCE

PROGRAM = (
    "import sys; from pathlib import Path; from mirage.settings import Settings; from mirage.web import serve; "
    "serve(Path(sys.argv[1]), host='127.0.0.1', port=0, settings=Settings())"
)


def test_a_taken_port_is_told_with_what_to_do(tmp_path, taken_port):
    with pytest.raises(BadInput, match=f"Port {taken_port} is taken by another program.*--port"):
        serve(tmp_path / "atlas", host="127.0.0.1", port=taken_port, settings=Settings())
    assert not (tmp_path / "atlas").exists()


def test_a_port_taken_by_another_mirage_is_told_with_its_address(site, tmp_path):
    port = httpx.URL(site.url).port
    with pytest.raises(BadInput, match=f"another MIRAGE. Open http://localhost:{port}"):
        serve(tmp_path / "atlas", host="127.0.0.1", port=port, settings=Settings())


def test_an_address_of_another_machine_is_told(tmp_path):
    with pytest.raises(BadInput, match="no address of this machine"):
        serve(tmp_path / "atlas", host="192.0.2.1", port=0, settings=Settings())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to stop a program with")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_served_atlas_says_where_it_is_logs_no_query_and_closes_when_stopped(tmp_path, stop):
    folder = tmp_path / "atlas"
    with Atlas.open(folder, create=True):
        pass
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        first = program.stdout.readline()
        url = first.split()[3]
        assert first.startswith("MIRAGE is at http://localhost:")
        lock = json.loads((folder / "atlas.lock").read_text("utf-8"))
        assert lock["url"] == url
        assert lock["pid"] == program.pid
        answer = httpx.get(f"{url}/search?q=a+private+matter", follow_redirects=True, timeout=PATIENCE)
        assert answer.status_code == 200
        refused = httpx.post(f"{url}/api/jobs", json={"corpus": "folder"}, headers={"X-Mirage-Token": "x"}, timeout=PATIENCE)
        assert refused.status_code == 403
        allowed = httpx.post(
            f"{url}/api/jobs", json={"corpus": "folder"}, headers={"X-Mirage-Token": lock["token"]}, timeout=PATIENCE
        )
        assert allowed.status_code == 400
    finally:
        program.send_signal(stop)
        out, log = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0
    assert "GET /search 200" in log
    assert "private" not in log
    assert "Traceback" not in log
    assert "Stopping" in out
    assert not (folder / "atlas.lock").exists()
    with Atlas.open(folder) as atlas:
        assert atlas.info().figures == 0


def test_no_answer_waits_for_its_first_packet_to_be_acknowledged() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
