"""A disk that is full: said in a sentence, and nothing is lost, doubled or left over."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks import kills
from benchmarks.killed import Ack

from mirage.errors import Unavailable
from mirage.storage.failures import Failures

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("said", ["database or disk is full", "disk I/O error"])
def test_what_sqlite_says_of_a_full_disk_is_told_as_that(said: str) -> None:
    with pytest.raises(Unavailable, match=r"disk is full.* Make room and run it again"), Failures("records", "").told():
        raise sqlite3.OperationalError(said)


@pytest.mark.nightly
@pytest.mark.parametrize("how", ["kill", "full disk"])
def test_operations_that_are_cut_short_lose_and_leave_nothing(how: str) -> None:
    if how == "full disk" and (os.name != "posix" or os.getuid() or not shutil.which("mount")):
        pytest.skip("A small disk can only be made by the owner of the machine, on Linux.")
    more = ["--full-disk"] if how == "full disk" else []
    command = [sys.executable, "-m", "benchmarks.kills", "--count", "16", "--seed", "11", *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if "mount failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("This machine lets nobody make a disk.")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Processes are forked, which this system cannot do.")
def test_what_a_process_told_before_it_was_killed_is_known_and_half_a_word_is_not() -> None:
    def work(ack: Ack) -> None:
        ack("first")
        ack("second")
        ack("first")
        time.sleep(600)

    assert kills.forked(work, 1.0) == (["first", "second"], False)
    assert kills.forked(lambda ack: ack("done")) == (["done"], True)

    def fails(ack: Ack) -> None:
        raise ValueError("of itself")

    assert kills.forked(fails) == (["error ValueError: of itself"], False)
