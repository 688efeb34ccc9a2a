"""From a fresh clone to the first page, and from a stopped site to the page again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from benchmarks.measure import ROOT, Outcome, Row, Setting, load

_PATIENCE = 600.0


def starting(setting: Setting) -> Outcome:
    """``git clone``, then ``make up`` until the start page comes, install included; then stop it and ``make up`` again."""
    if setting.quick:
        return Outcome("starting", (), skipped="installs everything anew; left out of quick runs")
    if missing := [tool for tool in ("git", "make") if shutil.which(tool) is None]:
        return Outcome("starting", (), skipped=f"needs {' and '.join(missing)}")
    clone = setting.folder / "clone"
    shutil.rmtree(clone, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=clone, capture_output=True, text=True, check=True)
    before = load()
    first = _up(clone, setting.folder / "fresh-atlas")
    again = sorted(_up(clone, setting.folder / "fresh-atlas") for _ in range(3))
    return Outcome(
        "starting",
        (
            Row("`make up` in a fresh clone to the first page, install included", round(first, 1), "s", bar=180.0),
            Row(
                "second start to the page, median of 3",
                round(again[1], 2),
                "s",
                bar=4.0,
                instead="the first start",
                ratio=round(first / again[1], 1),
            ),
        ),
        {"revision": revision.stdout.strip(), "second_starts_s": [round(one, 2) for one in again], "load": before},
        ("pip may have packages in its cache; the network's speed is in the first figure.",),
    )


def _up(clone: Path, atlas: Path) -> float:
    """Seconds until the start page came whole; the site is stopped again."""
    port = _free_port()
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS")}
    env |= {"MIRAGE_ATLAS": str(atlas), "MIRAGE_PORT": str(port), "PYTHON": _outside()}
    log = clone.parent / "up.log"
    with log.open("w") as out:
        started = time.perf_counter()
        process = subprocess.Popen(["make", "up"], cwd=clone, env=env, stdout=out, stderr=out, start_new_session=True)
        try:
            return _first_page(f"http://127.0.0.1:{port}/", process, started, log)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _first_page(url: str, process: subprocess.Popen[bytes], started: float, log: Path) -> float:
    while time.perf_counter() - started < _PATIENCE and process.poll() is None:
        try:
            if httpx.get(url, timeout=30, trust_env=False).status_code == 200:
                return time.perf_counter() - started
        except httpx.HTTPError:
            time.sleep(0.05)
    raise RuntimeError(f"make up brought no page:\n{log.read_text()[-2000:]}")


def _outside() -> str:
    """The Python that made this environment, so that the clone's own is made from scratch."""
    return str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
