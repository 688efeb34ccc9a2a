"""One site, answered by several processes."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from uvicorn.supervisors import multiprocess

from mirage.errors import BadInput
from mirage.settings import Settings
from mirage.storage import read_only
from mirage.web.workers import _ANSWERS_WITHIN, _Processes, serve
from parts import PATIENCE, until


def copies() -> list[dict[str, object]]:
    """What the processes that serve say of themselves, each in its own copy."""
    locks = [path / "atlas.lock" for path in read_only._place().iterdir() if path.is_dir()]
    told = [json.loads(lock.read_text()) for lock in locks if lock.exists()]
    return [each for each in told if each["url"]]


def test_an_atlas_that_one_process_may_open_is_refused_in_words(some_copy: Path) -> None:
    with pytest.raises(BadInput, match="with --read-only, or where its records lie in PostgreSQL"):
        serve(Settings(atlas=some_copy, port=0), 2)


def test_who_dies_is_begun_again_and_all_take_the_same_token(
    some_copy: Path, started: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MIRAGE_KEPT", str(tmp_path / "kept"))  # copies of one atlas share what somebody keeps of it
    # A start of its own: processes that are forked from a test cannot begin others.
    site = started(
        "serve", "--read-only", "--workers", "2", "--port", "0", atlas=some_copy, PYTHONHASHSEED="0", MIRAGE_METRICS="1"
    )
    first = until(lambda: len(found := copies()) == 2 and found)
    url = str(first[0]["url"])
    pids = {int(each["pid"]) for each in first}
    assert len(pids) == 2

    alone = httpx.Limits(max_keepalive_connections=0)  # so that any of them may answer
    asked = httpx.Client(base_url=url, timeout=PATIENCE, limits=alone).request

    def token() -> str:
        """Of a page."""
        return re.search(r'data-token="([^"]+)"|name="token" value="([^"]+)"', asked("GET", "/repeat").text)[0]

    assert len({token() for _ in range(12)}) == 1
    # What one has found the other is given, to the very time that it took.
    found = [asked("GET", "/api/search", params={"q": "liver, axial CT"}).json() for _ in range(12)]
    assert len({each["seconds"] for each in found}) == 1
    pieces = [asked("GET", "/explain/stream", params={"q": "liver, axial CT"}).text for _ in range(12)]
    assert "event: ended" in pieces[0]
    assert len(set(pieces[1:])) == 1  # the first tells what is being written, too
    # Whichever answers, and whatever another has made by then, it answers in the language that is asked for.
    for code, way in [("es", "Explorar"), ("en", "Browse")] * 6:
        page = asked("GET", "/search", params={"q": "liver, axial CT"}, headers={"Accept-Language": code}).text
        assert (f'<html lang="{code}"' in page, f">{way}<" in page) == (True, True)
        assert bool({"Strong", "Likely", "Weak"} & set(re.findall(r"<strong>(\w+)</strong>", page))) is (code == "en")
    given = {"X-Mirage-Token": str(first[0]["token"])}
    made = [asked("POST", "/api/collections", json={"title": f"{n}"}, headers=given) for n in range(6)]
    assert {each.status_code for each in made} == {201}
    listed = {len(asked("GET", "/api/collections").json()["collections"]) for _ in range(6)}
    assert listed == {6}
    drawn = asked("POST", "/api/generate", json={"terms": [{"text": "brain MRI"}]}, headers=given)
    assert drawn.status_code == 503
    assert "know nothing of each other's jobs" in drawn.json()["detail"]

    def counted() -> dict[str, float]:
        """The requests of each route, of all processes."""
        text = asked("GET", "/metrics").text
        assert "Of the process that answers, one of several." in text
        told = re.findall(r'mirage_requests_total\{.*?route="([^"]+)".*?\} ([\d.]+)', text)
        return {route: sum(float(n) for one, n in told if one == route) for route, _ in told}

    assert {counted()["/api/collections"] for _ in range(6)} == {12.0}

    os.kill(min(pids), signal.SIGKILL)
    again = until(lambda: {int(each["pid"]) for each in copies()} - pids and len(copies()) == 2 and copies())
    assert max(pids) in {int(each["pid"]) for each in again}
    assert asked("GET", "/api/search", params={"q": "brain MRI"}).json()["hits"]
    (new,) = {int(each["pid"]) for each in again} - pids
    assert counted()["/api/collections"] == 12.0, "what one had counted that was killed is not lost"

    site.send_signal(signal.SIGTERM)
    _, said = site.communicate()
    assert site.returncode == 0
    assert f"The process {min(pids)}, which answered here, was killed by SIGKILL. {new} takes its place." in said
    assert copies() == []


def dies_when_asked(asked: Connection) -> None:
    """End as a process does that is killed while it is asked whether it lives."""
    asked.recv()
    os.kill(os.getpid(), signal.SIGKILL)


def test_one_that_dies_while_it_is_asked_whether_it_lives_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    was = multiprocess.Process.__new__(multiprocess.Process)
    was.parent_conn, was.child_conn = multiprocessing.Pipe()
    was.process = multiprocessing.get_context("spawn").Process(target=dies_when_asked, args=(was.child_conn,))
    was.start()
    monkeypatch.setattr(multiprocess, "Process", lambda *_: SimpleNamespace(start=lambda: None, pid=1))
    of_all = _Processes.__new__(_Processes)
    of_all.config, of_all.sockets = SimpleNamespace(timeout_worker_healthcheck=_ANSWERS_WITHIN), []
    of_all.should_exit, of_all.processes = threading.Event(), [was]
    with caplog.at_level(logging.WARNING):
        of_all.keep_subprocess_alive()
    assert f"The process {was.pid}, which answered here, was killed by SIGKILL. 1 takes its place." in caplog.text
