"""All pictures in work share one budget of memory."""

from __future__ import annotations

import io
import sys
import threading
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from test_decode import png

from dicom_maker import make_dicom
from mirage.errors import BadPicture, Busy
from mirage.images import MemoryBudget, limits, read_picture
from mirage.images.limits import BUDGET
from parts import PATIENCE, memory_of, until

DEFLATED = "1.2.840.10008.1.2.1.99"


def together(work: Callable[[], object], times: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
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

    def wait() -> None:
        with budget.reserve(50):
            begun.set()

    waiting = threading.Thread(target=wait)
    with budget.reserve(80):
        waiting.start()
        assert not begun.is_set()
    waiting.join(PATIENCE)
    assert begun.is_set()


def test_two_that_have_a_part_and_want_more_do_not_wait_for_one_another() -> None:
    budget, both, most = MemoryBudget(100), threading.Barrier(2), []

    def work() -> None:
        with budget.reserve(45):
            both.wait(PATIENCE)
            with budget.reserve(45):
                most.append(budget.used)

    together(work, 2)
    assert len(most) == 2
    assert budget.used == 0


def test_small_ones_that_come_later_do_not_keep_a_large_one_waiting() -> None:
    budget, order = MemoryBudget(100), []
    waiting = []

    def want(need: int) -> None:
        with budget.reserve(need):
            order.append(need)

    with budget.reserve(60):
        for need in (90, 30, 20):
            waiting.append(threading.Thread(target=want, args=(need,)))
            waiting[-1].start()
            until(lambda: len(budget._waiting) == len(waiting))
        assert not order
    for thread in waiting:
        thread.join(PATIENCE)
    assert order[0] == 90
    assert budget.used == 0


def test_what_is_being_sent_leaves_room_to_open_it() -> None:
    budget = MemoryBudget(100)
    budget.receive(25)
    with pytest.raises(Busy, match="being sent"):
        budget.receive(1)
    with budget.reserve(75):
        pass
    budget.received(25)
    budget.receive(20)
    assert budget.used == 20


def test_visitors_leave_room_for_other_work() -> None:
    budget = MemoryBudget(100)
    with budget.visiting():
        with pytest.raises(BadPicture, match="needs about"), budget.reserve(81):
            pass
        with budget.reserve(50), budget.reserve(30):
            assert budget.used == 80
    with budget.reserve(100):
        assert budget.used == 100


def test_who_has_waited_too_long_is_told_and_nothing_stays_reserved() -> None:
    budget = MemoryBudget(100)
    budget.receive(20)
    with pytest.raises(Busy, match=r"a\.png has to wait"), budget.reserve(90, name="a.png", wait=0.01):
        pass
    assert budget.used == 20


@pytest.mark.parametrize(("visits", "waits"), [(False, [30.0, 30.0]), (True, [30.0, 10.0])])
def test_who_adds_waits_on_while_others_finish_and_a_visitor_is_told_in_time(
    visits: bool, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    budget, now, waited = MemoryBudget(100), [0.0], []
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def another_finishes(seconds: float) -> bool:
        waited.append(seconds)
        now[0] += 20
        budget.used -= 40
        return True

    monkeypatch.setattr(budget._changed, "wait", another_finishes)
    budget.used = 100
    with budget.visiting() if visits else nullcontext(), budget.reserve(50):
        assert waited == waits


def test_a_need_beyond_the_whole_budget_is_refused_at_once() -> None:
    with (
        pytest.raises(BadPicture, match=r"a\.png needs about .*setting picture_memory"),
        MemoryBudget(100).reserve(101, name="a.png"),
    ):
        pass


def test_a_block_that_fails_gives_its_bytes_back() -> None:
    budget = MemoryBudget(100)
    with pytest.raises(ValueError, match="oh"), budget.reserve(80):
        raise ValueError("oh")
    assert budget.used == 0


def test_the_setting_bounds_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_PICTURE_MEMORY", "123456789")
    assert MemoryBudget().size == 123_456_789
    monkeypatch.delenv("MIRAGE_PICTURE_MEMORY")
    assert MemoryBudget().size == 2**30


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
    real = BUDGET._move
    monkeypatch.setattr(BUDGET, "_size", 30_000_000)
    monkeypatch.setattr(BUDGET, "_move", lambda by, **words: (real(by, **words), seen.append(BUDGET.used)))
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
@pytest.mark.parametrize("kind", ["16 bits", "colours", "WebP", "transparent", "deflated DICOM"])
def test_what_is_reserved_covers_what_a_large_picture_takes(kind: str, tmp_path: Path) -> None:
    """Measured in a process of its own: what the system gave it at most, beside what it had reserved at most."""
    side, file = 3000, tmp_path / "large"
    if kind == "deflated DICOM":
        file.write_bytes(make_dicom(np.zeros((side, side), np.uint16), syntax=DEFLATED))
    elif kind == "16 bits":
        rows = b"".join(b"\0" + bytes(2 * side) for _ in range(10)) * (side // 10)
        file.write_bytes(png(side, side, zlib.compress(rows, 1), depth=16))
    elif kind == "WebP":
        Image.new("RGB", (side, side), (90, 80, 70)).save(file, "WEBP", method=0)
    elif kind == "transparent":
        Image.new("RGBA", (side, side), (90, 80, 70, 60)).save(file, "PNG")
    else:
        Image.fromarray(np.tile(np.arange(side * 3, dtype=np.uint8).reshape(1, side, 3), (side, 1, 1))).save(file, "PNG")
    (tmp_path / "small.dcm").write_bytes(make_dicom(np.zeros((9, 9), np.uint16), syntax=DEFLATED))
    Image.new("I;16", (9, 9)).save(tmp_path / "small.png")
    Image.new("RGBA", (9, 9)).save(tmp_path / "small.webp")
    took, reserved = memory_of(file, *(tmp_path / name for name in ("small.png", "small.dcm", "small.webp")))
    assert reserved / 3 < took < 1.1 * reserved, "a system may round up to pages of some megabytes"
