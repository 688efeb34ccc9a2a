"""All pictures in work share one budget of memory."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

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


@pytest.mark.skipif(
    sys.platform != "linux", reason="the peak is read from /proc; what getrusage tells begins with the parent's"
)
@pytest.mark.parametrize("kind", ["16 bits", "colours", "deflated DICOM"])
def test_what_is_reserved_covers_what_a_large_picture_takes(kind: str, tmp_path: Path) -> None:
    """Measured in a process of its own: what the system gave it at most, beside what it had reserved at most."""
    side, file = 3000, tmp_path / "large"
    if kind == "deflated DICOM":
        file.write_bytes(make_dicom(np.zeros((side, side), np.uint16), syntax=DEFLATED))
    elif kind == "16 bits":
        rows = b"".join(b"\0" + bytes(2 * side) for _ in range(10)) * (side // 10)
        file.write_bytes(png(side, side, zlib.compress(rows, 1), depth=16))
    else:
        Image.fromarray(np.tile(np.arange(side * 3, dtype=np.uint8).reshape(1, side, 3), (side, 1, 1))).save(file, "PNG")
    (tmp_path / "small.dcm").write_bytes(make_dicom(np.zeros((9, 9), np.uint16), syntax=DEFLATED))
    Image.new("I;16", (9, 9)).save(tmp_path / "small.png")
    program = """
import re, sys
from pathlib import Path
from mirage.images import BUDGET, read_picture
folder = Path(sys.argv[1])
for name in ("small.png", "small.dcm"): read_picture(folder / name)  # what is imported and kept is no part of it
peak = lambda: 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
reserved, real = [], BUDGET.take
BUDGET.take = lambda need, **words: (real(need, **words), reserved.append(BUDGET.used))
before = peak()
read_picture(folder / "large")
print(peak() - before, max(reserved))
"""
    told = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    took, reserved = map(int, told.stdout.split())
    assert reserved / 3 < took < reserved
