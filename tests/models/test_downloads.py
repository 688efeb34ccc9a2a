"""Downloads go on where they broke, and only the whole, right file gets in place."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mirage.errors import BadInput, Busy, NoNetwork, Unavailable
from mirage.models.download import fetch
from parts import until

BODY = random.Random(1).randbytes(900_000)


class Site:
    """What the server does; tests change it."""

    def __init__(self) -> None:
        self.body = BODY
        self.etag = '"one"'
        self.ranges = True
        self.chunked = False
        self.drops: list[int] = []
        self.statuses: list[int] = []
        self.asked: list[str | None] = []
        self.sent = 0


class Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site = self.site
        wanted = self.headers.get("Range")
        site.asked.append(wanted)
        if site.statuses:
            self.send_response(site.statuses.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = 0
        if wanted and site.ranges and self.headers.get("If-Range") == site.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(site.body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(site.body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(site.body) - 1}/{len(site.body)}")
        else:
            self.send_response(200)
        if site.etag:
            self.send_header("ETag", site.etag)
        piece = site.body[start:]
        if site.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(piece)))
        self.end_headers()
        if site.drops:
            piece = piece[: site.drops.pop(0)]
            self.close_connection = True
            if site.chunked:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                site.sent += len(piece)
                return
        elif site.chunked:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n0\r\n\r\n")
            return
        self.wfile.write(piece)
        site.sent += len(piece)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[tuple[Site, str]]:
    state = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"site": state}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state, f"http://127.0.0.1:{server.server_port}/file.zip"
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_verified_and_reported(site: tuple[Site, str], tmp_path: Path) -> None:
    _, url = site
    seen: list[tuple[int, int | None]] = []
    target = fetch(url, tmp_path / "deep" / "file", size=len(BODY), progress=lambda *at: seen.append(at))
    assert target.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_file_that_is_there_and_right_is_not_fetched_again(site: tuple[Site, str], tmp_path: Path) -> None:
    state, url = site
    for _ in range(2):
        fetch(url, tmp_path / "file", size=len(BODY))
    assert len(state.asked) == 1


def test_a_broken_connection_is_resumed_where_it_broke(site: tuple[Site, str], tmp_path: Path) -> None:
    state, url = site
    state.drops = [300_000, 300_000]
    assert fetch(url, tmp_path / "file", size=len(BODY), pause=0.01).read_bytes() == BODY
    assert state.asked[0] is None
    assert all(wanted and wanted.startswith("bytes=") for wanted in state.asked[1:])
    until(lambda: state.sent >= len(BODY))  # the server counts after the bytes have left
    assert state.sent == len(BODY)


def test_a_later_call_goes_on_after_one_that_was_stopped(site: tuple[Site, str], tmp_path: Path) -> None:
    state, url = site

    def stop(done: int, _: int | None) -> None:
        if done > 400_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(url, tmp_path / "file", progress=stop)
    assert not (tmp_path / "file").exists()
    had = (tmp_path / "file.part").stat().st_size
    assert fetch(url, tmp_path / "file", size=len(BODY)).read_bytes() == BODY
    assert state.asked == [None, f"bytes={had}-"]


def test_a_file_is_fetched_by_one_at_a_time(site: tuple[Site, str], tmp_path: Path) -> None:
    target = tmp_path / "file"

    def another(_there: int, _all: int | None) -> None:
        with pytest.raises(Busy, match="Another process is fetching file"):
            fetch(site[1], target)

    fetch(site[1], target, progress=another)
    assert target.read_bytes() == BODY
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("etag", ['"one"', 'W/"weak"', ""])
def test_a_server_that_cannot_resume_sends_it_all_again(site: tuple[Site, str], tmp_path: Path, etag: str) -> None:
    state, url = site
    state.ranges, state.etag, state.drops = False, etag, [100_000]
    assert fetch(url, tmp_path / "file", size=len(BODY), pause=0.01).read_bytes() == BODY


def test_a_chunked_answer_that_breaks_off_is_not_taken_for_the_whole(site: tuple[Site, str], tmp_path: Path) -> None:
    state, url = site
    state.chunked, state.drops = True, [500_000]
    assert fetch(url, tmp_path / "file", pause=0.01).read_bytes() == BODY


def test_a_file_that_changed_meanwhile_is_not_mixed_with_the_old(site: tuple[Site, str], tmp_path: Path) -> None:
    state, url = site
    state.drops = [300_000]
    with pytest.raises(NoNetwork):
        fetch(url, tmp_path / "file", attempts=1)
    state.body, state.etag = BODY[::-1], '"two"'
    assert fetch(url, tmp_path / "file").read_bytes() == BODY[::-1]


def test_all_bytes_there_but_not_yet_renamed_needs_no_second_download(site: tuple[Site, str], tmp_path: Path) -> None:
    state, url = site
    state.drops = [300_000]
    with pytest.raises(NoNetwork):
        fetch(url, tmp_path / "file", attempts=1)
    (tmp_path / "file.part").write_bytes(BODY)
    sent = state.sent
    assert fetch(url, tmp_path / "file", size=len(BODY)).read_bytes() == BODY
    assert state.sent == sent


def test_a_busy_server_is_asked_again_and_a_refusing_one_is_not(site: tuple[Site, str], tmp_path: Path) -> None:
    state, url = site
    state.statuses = [503, 429]
    assert fetch(url, tmp_path / "file", pause=0.01, size=len(BODY)).is_file()
    state.statuses = [404]
    with pytest.raises(Unavailable, match="404"):
        fetch(url, tmp_path / "other")
    assert len(state.asked) == 4


def test_a_wrong_file_is_thrown_away_and_told(site: tuple[Site, str], tmp_path: Path) -> None:
    _, url = site
    with pytest.raises(Unavailable, match="not the file that was wanted"):
        fetch(url, tmp_path / "file", size=5)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_told_with_what_to_do_instead(tmp_path: Path) -> None:
    with pytest.raises(NoNetwork, match=r"127\.0\.0\.1:9/.*Give a path"):
        fetch("http://127.0.0.1:9/x", tmp_path / "x", attempts=2, pause=0.01, instead="Give a path.")


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        fetch("file:///etc/passwd", tmp_path / "x")


def test_too_little_room_is_told_before_the_download(
    site: tuple[Site, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(Unavailable, match="Make room"):
        fetch(site[1], tmp_path / "file")
