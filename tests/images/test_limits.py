"""All pictures in work share one budget of memory."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from test_decode import png

from dicom_maker import make_dicom
from mirage.errors import BadPicture, Busy
from mirage.images import MemoryBudget, read_picture
from mirage.images.limits import BUDGET

DEFLATED = "1.2.840.10008.1.2.1.99"


def together(work: Callable[[], object], times: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_what_is_reserved_at_once_never_exceeds_the_budget() -> None:
    budget = MemoryBudget(100)
    seen: list[int] = []

    def work() -> None:
        for _ in range(50):
            with budget.reserve(40):
                seen.append(budget.used)

    together(work, 8)
    assert len(seen) == 400
    assert max(seen) <= 100
    assert budget.used == 0


def test_who_waits_gets_its_turn_when_another_has_finished() -> None:
    budget = MemoryBudget(100)
    begun = threading.Event()
    budget.take(80)

    def wait() -> None:
        with budget.reserve(50):
            begun.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not begun.is_set()
    budget.give_back(80)
    waiting.join(60)
    assert begun.is_set()


def test_who_has_waited_too_long_is_told_and_nothing_stays_reserved() -> None:
    budget = MemoryBudget(100)
    with budget.reserve(80), pytest.raises(Busy, match=r"a\.png has to wait"), budget.reserve(50, name="a.png", wait=0.01):
        pass
    assert budget.used == 0


def test_a_need_beyond_the_whole_budget_is_refused_at_once() -> None:
    with pytest.raises(BadPicture, match=r"a\.png needs about .*setting picture_memory"):
        MemoryBudget(100).take(101, name="a.png")


def test_a_block_that_fails_gives_its_bytes_back() -> None:
    budget = MemoryBudget(100)
    with pytest.raises(ValueError, match="oh"), budget.reserve(80):
        raise ValueError("oh")
    assert budget.used == 0


def test_the_setting_bounds_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_PICTURE_MEMORY", "123456789")
    assert MemoryBudget().size == 123_456_789
    monkeypatch.delenv("MIRAGE_PICTURE_MEMORY")
    assert 2**30 <= MemoryBudget().size <= 3 * 2**30


@pytest.mark.parametrize("kind", ["PNG", "deflated DICOM", "DICOM"])
def test_pictures_wait_for_the_budget_and_leave_it_as_it_was(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.tile(np.arange(1000, dtype=np.uint16), (1000, 1))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    data = {
        "PNG": out.getvalue(),
        "deflated DICOM": make_dicom(pixels, syntax=DEFLATED),
        "DICOM": make_dicom(pixels),
    }[kind]
    seen: list[int] = []
    real = BUDGET.take
    monkeypatch.setattr(BUDGET, "_size", 30_000_000)
    monkeypatch.setattr(BUDGET, "take", lambda need, **words: (real(need, **words), seen.append(BUDGET.used)))
    together(lambda: read_picture(data), 6)
    assert 2_000_000 <= max(seen) <= 30_000_000
    assert BUDGET.used == 0
    monkeypatch.setattr(BUDGET, "_size", 1_500_000)
    with pytest.raises(BadPicture, match="needs about"):
        read_picture(data)
    assert BUDGET.used == 0


def test_large_pictures_decoded_at_once_stay_within_the_budget(tmp_path) -> None:
    """Measured in a process of its own: what the system gave it at most."""
    side = 3000
    rows = b"".join(b"\0" + bytes(2 * side) for _ in range(10)) * (side // 10)
    (tmp_path / "deep.png").write_bytes(png(side, side, zlib.compress(rows, 1), depth=16))
    volume = np.zeros((2, side, side), np.uint16)
    (tmp_path / "deflated.dcm").write_bytes(make_dicom(volume, syntax=DEFLATED))
    program = """
import resource, sys, threading
from pathlib import Path
from mirage.images import BUDGET, dicom, read_picture
datas = [Path(name).read_bytes() for name in sys.argv[1:] for _ in range(3)]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
threads = [threading.Thread(target=read_picture, args=(data,)) for data in datas]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert BUDGET.used == 0
print((peak() - before) // 1024)
"""
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "deep.png"), str(tmp_path / "deflated.dcm")],
        env={"MIRAGE_PICTURE_MEMORY": str(200 * 2**20), "PATH": ""},
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    # The pictures that are done, 9 MB each, stand beside the budget; without it the six take far more.
    assert int(told.stdout) < 200 + 6 * 9 + 60
