"""A process that reads bytes of strangers may die, hang or be left behind; nothing else is harmed and nothing stays."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mirage.images import child
from mirage.images.child import Child, ChildError

SCRIPT = """
import os, time
def begin():
    def fail(): raise ValueError("no.")
    def swell(): return {}, bytes(10**9)
    def hold(path):
        import fcntl
        held.append(open(path, "w"))
        fcntl.flock(held[0], fcntl.LOCK_EX)
        return {}, b""
    held = []
    return {
        "echo": lambda *given: ({"given": given[:-1]}, given[-1][::-1]), "pid": lambda: ({"pid": os.getpid()}, b""),
        "abort": lambda *data: os.abort(), "sleep": lambda: time.sleep(6000), "fail": fail, "swell": swell, "hold": hold,
    }
"""


@pytest.fixture
def other(tmp_path: Path) -> Child:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    return Child(script, 300_000_000)


def pid_of(other: Child) -> int:
    return int(other.ask("pid", seconds=600, most=0)[0]["pid"])


def test_one_process_answers_until_it_dies_and_then_another_does(other: Child) -> None:
    assert other.ask("echo", 1, ["a"], data=b"\nabc", seconds=600, most=4) == ({"given": [1, ["a"]]}, b"cba\n")
    first = pid_of(other)
    assert other.ask("fail", seconds=600, most=0) == ({"error": "no"}, b"")
    assert pid_of(other) == first
    with pytest.raises(ChildError, match="breaks the program"):
        other.ask("abort", data=bytes(10**6), seconds=600, most=0)
    assert pid_of(other) != first
    assert "error" in other.ask("echo", data=bytes(9), seconds=600, most=8)[0]
    assert other.ask("echo", data=b"ab", seconds=600, most=8)[1] == b"ba"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not bound the memory of a process")
def test_memory_that_it_may_not_take_is_told(other: Child) -> None:
    assert other.ask("swell", seconds=600, most=0)[0]["memory"]


def test_one_that_takes_too_long_is_told_as_late_whichever_thread_goes_on_first(
    other: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill, told = subprocess.Popen.kill, threading.Event()

    def slowly(process: subprocess.Popen[bytes]) -> None:
        kill(process)
        if isinstance(threading.current_thread(), threading.Timer):
            told.wait(600)

    monkeypatch.setattr(subprocess.Popen, "kill", slowly)
    with pytest.raises(ChildError, match="or takes longer than 0 s"):
        other.ask("sleep", seconds=0.1, most=0)
    told.set()


def test_one_that_was_ended_by_somebody_else_is_begun_again(other: Child) -> None:
    process = other._begun()
    process.kill()
    process.wait()
    assert pid_of(other) != process.pid


def test_one_that_nobody_asks_is_ended(other: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_of(other)
    process = other._running
    assert process is not None
    other._rest()
    assert process.poll() is None
    monkeypatch.setattr(child, "_IDLE", 0.0)
    other._rest()
    assert process.poll() is not None
    assert pid_of(other) != process.pid


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    script, lock = tmp_path / "script.py", tmp_path / "lock"
    script.write_text(SCRIPT)
    begin = (
        "import sys; from pathlib import Path; from mirage.images.child import Child\n"
        "other = Child(Path(sys.argv[1]), 10**9)\n"
        "print(other.ask('hold', sys.argv[2], seconds=600, most=0), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", begin, str(script), str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent, lock.open("w") as file:
        assert parent.stdout is not None
        parent.stdout.readline()
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        parent.kill()
        fcntl.flock(file, fcntl.LOCK_EX)  # which nobody gets while the process is there
