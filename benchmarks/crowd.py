"""A class: 200 people who search, look and have explained; 40 who ask for explanations at once; clients that stop."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import httpx
import numpy as np

from benchmarks import many
from benchmarks.measure import ROOT, Outcome, Row, Setting, load
from benchmarks.serving import Served
from mirage.atlas import Atlas

FIGURES = 2_400
PEOPLE, DISTINCT, SECONDS = 200, 1_000, 300
_PAUSE = 2.4  # mean seconds that a person thinks: 200 people then ask some 80 times a second
_AT_ONCE = 40
_HALF_SENT, _SENT = 100, 19_000_000
_HEAD = (
    "POST /api/embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    'Content-Length: 19900000\r\n\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
)


def crowd(setting: Setting) -> Outcome:
    """People that search (70 %), open a figure (20 %) and have explained (10 %), on an atlas that was just opened."""
    return _crowded("crowd", setting, "one process")


def crowd_by_two(setting: Setting) -> Outcome:
    """The same people, served by two processes that only read."""
    return _crowded("crowd-workers", setting, "two processes, read only", "--read-only", "--workers", "2")


def _crowded(name: str, setting: Setting, how: str, *served_by: str) -> Outcome:
    folder, texts = _atlas(setting)
    people, seconds = setting.size(PEOPLE, 10), setting.count or setting.size(SECONDS, 3)
    some = texts[: setting.size(DISTINCT, 20)]
    with Atlas.open(folder) as atlas:
        rows = [row for batch in atlas.store.each() for row in batch]
        # An atlas that was grown has no slices of stacks.
        whole = [row.figure.id for row in rows if not row.figure.slice_of and not row.figure.stack]
        ids = whole[:: max(1, len(whole) // 500)]
    zipf = [1 / rank for rank in range(1, len(some) + 1)]
    parts = {
        "search": {"share": 7, "addresses": [f"/search?q={quote_plus(text)}" for text in some], "weights": zipf},
        "figure": {"share": 2, "addresses": [f"/figure/{quote(own, safe=':')}" for own in ids], "weights": [1] * len(ids)},
        "explain": {"share": 1, "addresses": [f"/explain/stream?q={quote_plus(text)}" for text in some], "weights": zipf},
    }
    before = load()
    with Served(folder, *served_by) as served, _memory(served) as seen:
        told = _client(what="crowd", url=served.url, people=people, seconds=seconds, pause=_PAUSE, parts=parts)
        cpu = served.cpu()
    every = [each for taken in told["taken"].values() for each in taken]
    failed = sum(status != 200 for _, status in every)
    late = float(np.percentile([taken for taken, _ in every], 99))
    # From the half, when what is kept has come to its size.
    growth = round(
        float(np.mean(seen[-max(1, len(seen) // 10) :]) - np.mean(seen[len(seen) // 2 :][: max(1, len(seen) // 10)])), 1
    )
    words = f"{people} people, {len(some):,} distinct queries, {seconds} s, {how}"
    return Outcome(
        name,
        (
            Row(f"requests a second, {words}", round(len(every) / told["seconds"], 1), "/s", bar=60.0, better="more"),
            Row(f"the slowest of a hundred answers, p99, {how}", round(late, 3), "s", bar=1.0),
            Row(f"answers that were none, {how}", failed, "", bar=0),
            Row(f"memory of the server, from the half to the end, {how}", growth, "MB", bar=50.0),
        ),
        {
            "by kind": {kind: _spread(taken) for kind, taken in told["taken"].items()},
            "memory": seen[:: max(1, len(seen) // 60)],
            "server_cpu_ms_a_request": round(1000 * cpu / max(1, len(every)), 2),
            "load": before,
        },
        ("The people are a process of their own on the same two cores; each thinks for 2.4 s in the mean.",),
    )


def explaining_at_once(setting: Setting) -> Outcome:
    """Forty people who want forty explanations at the same moment, none of which is there yet."""
    folder, texts = _atlas(setting)
    addresses = [f"/explain/stream?q={quote_plus(text)}" for text in texts[-setting.size(_AT_ONCE, 5) :]]
    before = load()
    with Served(folder) as served:
        _client(what="at once", url=served.url, addresses=[f"/search?q={quote_plus(texts[0])}"])
        before_it = served.cpu()
        told = _client(what="at once", url=served.url, addresses=addresses)
        cpu = round(served.cpu() - before_it, 2)
    taken = told["taken"]["at once"]
    answered = sum(status == 200 for _, status in taken)
    words = f"of {len(addresses)} explanations asked for at once"
    return Outcome(
        "explaining-at-once",
        (
            Row(f"answered {words}", answered, "", bar=len(addresses), better="more"),
            Row("the last of them", round(max(each for each, _ in taken), 2), "s", bar=10.0),
        ),
        {"seconds": _spread(taken), "server_cpu_seconds": cpu, "load": before},
    )


def repeated(setting: Setting) -> Outcome:
    """The same twenty queries again and again, as JSON."""
    folder, texts = _atlas(setting)
    addresses = [f"/api/search?q={quote_plus(text)}" for text in texts[:20]]
    before = load()
    with Served(folder) as served:
        times = setting.size(400, 5)
        before_it = served.cpu()
        told = _client(what="again", url=served.url, addresses=addresses, connections=8, times=times)
        cpu = round(1000 * (served.cpu() - before_it) / (len(told["taken"]["again"]) + len(addresses)), 2)
    taken = told["taken"]["again"]
    rate = round(len(taken) / told["seconds"], 1)
    row = Row("repeated queries, JSON, eight connections", rate, "/s", bar=300.0, better="more")
    return Outcome("repeated", (row,), {"seconds": _spread(taken), "server_cpu_ms_a_request": cpu, "load": before})


def slow_clients(setting: Setting) -> Outcome:
    """A hundred uploads of 19 MB that stop before their end, and what a page takes meanwhile."""
    folder, _ = _atlas(setting)
    count, part = setting.size(_HALF_SENT, 5), b"x" * 65_536
    before = load()
    with Served(folder) as served, httpx.Client(base_url=served.url, trust_env=False, timeout=60) as client:
        client.get("/about").raise_for_status()
        idle = served.memory_of_all()
        where = urlsplit(served.url)
        with _memory(served) as seen:
            open_ = [socket.create_connection((where.hostname, where.port), timeout=10) for _ in range(count)]
            pages: list[float] = []
            for connection in open_:
                _send(connection, part, setting.size(_SENT, 200_000))
                started = time.perf_counter()
                client.get("/about").raise_for_status()
                pages.append(time.perf_counter() - started)
            for connection in open_:
                connection.close()
    return Outcome(
        "slow-clients",
        (
            Row(f"memory that {count} half-sent uploads of 19 MB take", round(max(seen) - idle, 1), "MB", bar=600.0),
            Row("a page meanwhile, the slowest", round(max(pages), 2), "s", bar=1.0),
        ),
        {"idle": idle, "load": before},
    )


def _send(connection: socket.socket, part: bytes, most: int) -> None:
    """Send as much as is taken, and not the end."""
    try:
        connection.sendall(_HEAD.encode())
        for _ in range(most // len(part)):
            connection.sendall(part)
    except OSError:  # refused: the site has no room for it
        return


def _atlas(setting: Setting) -> tuple[Path, list[str]]:
    real, _ = many.real_atlas(setting)
    figures = setting.size(FIGURES, 500)
    return many.grow(real, setting.folder / f"{figures}-figures", figures), many.queries(
        real, setting.size(DISTINCT + 50, 60), seed=5
    )


def _client(**asked: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.crowd_client"]
    ran = subprocess.run(command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _spread(taken: Sequence[tuple[float, int]]) -> dict[str, float]:
    p50, p95, p99 = np.percentile([seconds for seconds, _ in taken], (50, 95, 99)) if taken else (0, 0, 0)
    return {"p50": round(float(p50), 4), "p95": round(float(p95), 4), "p99": round(float(p99), 4), "n": len(taken)}


@contextmanager
def _memory(served: Served) -> Iterator[list[float]]:
    """Memory of the server's processes in MB, twice a second while a block runs."""
    seen, done = [served.memory_of_all()], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            seen.append(served.memory_of_all())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
