"""Who asks for an explanation waits for a turn, one asker after the other, and one that many ask for is written once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing, suppress

import pytest

from mirage.errors import Busy
from mirage.explain.explainers.base import ExplainerInfo, Remark
from mirage.explain.explanation import Began, Ended, Event
from mirage.web import telling
from mirage.web.cache import Cache
from mirage.web.telling import Tellings, Waiting, Wanted
from mirage.web.turns import Turns


def in_a_loop(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


@in_a_loop
async def test_who_asks_for_twenty_does_not_come_before_who_asks_for_one() -> None:
    turns = Turns(at_once=1)
    first = turns.place("ann")
    twenty = [turns.place("ann") for _ in range(20)]
    bea, cal = turns.place("bea"), turns.place("cal")
    assert (twenty[0].ahead, bea.ahead, cal.ahead, twenty[1].ahead, twenty[19].ahead) == (0, 1, 2, 3, 21)
    order = []
    begun = first
    while begun:
        begun.leave()
        begun = next((each for each in (*twenty, bea, cal) if each.called.is_set() and each not in order), None)
        order += [begun] if begun else []
    assert order[:4] == [twenty[0], bea, cal, twenty[1]]
    assert order[4:] == twenty[2:]
    assert (turns.waiting, turns.busy) == (0, 0)


@in_a_loop
async def test_who_goes_away_frees_the_place() -> None:
    turns = Turns(at_once=1)
    first, second, third = (turns.place(who) for who in ("ann", "bea", "cal"))
    assert third.ahead == 1
    second.leave()
    assert third.ahead == 0
    first.leave()
    assert third.called.is_set()


@in_a_loop
async def test_where_all_places_are_taken_the_last_of_who_has_most_gives_way() -> None:
    turns = Turns(at_once=1, most=4)
    turns.place("ann")
    waiting = [turns.place("ann") for _ in range(4)]
    with pytest.raises(Busy, match="Try again"):
        turns.place("ann")
    bea = turns.place("bea")
    with pytest.raises(Busy, match="Try again"):
        await waiting[-1].turn(60)
    assert (turns.waiting, bea.ahead) == (4, 1)


class Written:
    """An explanation that stops at a word, and counts how often it was begun."""

    def __init__(self, *, begun_by: int = 1) -> None:
        self.begun = self.stopped = 0
        self.go_on = threading.Event()
        self._speakers = begun_by

    def __call__(self, *, stopped: Callable[[], bool]) -> Iterator[Event]:
        self.begun += 1
        for _ in range(self._speakers):
            yield Began(ExplainerInfo("made"), ())
        while not self.go_on.wait(0.005):
            if stopped():
                self.stopped += 1
                yield Ended(stopped=True, seconds=0)
                return
        yield Remark("Said.")
        yield Ended(stopped=False, seconds=0)


async def read(tellings: Tellings, wanted: Wanted, who: str = "ann", seen: list[object] | None = None) -> list[object]:
    got: list[object] = [] if seen is None else seen
    async with aclosing(tellings.told(wanted, who)) as events:
        async for event in events:
            got.append(event)
    return got


async def until(ready: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not ready():
            await asyncio.sleep(0.002)


@in_a_loop
async def test_one_that_many_ask_for_is_written_once_and_kept_until_the_atlas_changes() -> None:
    made, cache = Written(), Cache()
    tellings = Tellings(cache, at_once=1)
    seen: list[object] = []
    readers = [
        asyncio.create_task(read(tellings, Wanted(made, "fibroid", 1), f"{n}", seen if n == 0 else [])) for n in range(9)
    ]
    await until(lambda: seen)
    made.go_on.set()
    told = await asyncio.gather(*readers)
    assert all(each == told[0] and isinstance(each[-1], Ended) for each in told)
    assert await read(tellings, Wanted(made, "fibroid", 1)) == told[0]
    assert made.begun == 1
    await read(tellings, Wanted(made, "fibroid", 2))
    assert made.begun == 2


@in_a_loop
async def test_one_of_a_dropped_picture_is_each_reader_s_own() -> None:
    made, cache = Written(), Cache()
    made.go_on.set()
    tellings = Tellings(cache, at_once=2)
    await asyncio.gather(*(read(tellings, Wanted(made)) for _ in range(3)))
    assert (made.begun, len(cache)) == (3, 0)


@in_a_loop
async def test_one_goes_on_while_somebody_reads_it_and_stops_when_nobody_does() -> None:
    made, cache = Written(), Cache()
    tellings = Tellings(cache, at_once=1)
    seen: list[object] = []
    first, second = (asyncio.create_task(read(tellings, Wanted(made, "fibroid", 1), seen=seen)) for _ in range(2))
    await until(lambda: len(seen) == 2)
    for reader in (first, second):
        assert made.stopped == 0
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader
    await until(lambda: made.stopped)
    await until(lambda: not tellings.turns.busy)
    assert len(cache) == 0  # half an explanation is kept for nobody
    made.go_on.set()
    assert len(await read(tellings, Wanted(made, "fibroid", 1))) == 3


@in_a_loop
async def test_what_another_had_to_say_in_a_model_s_place_is_not_kept() -> None:
    made, cache = Written(begun_by=2), Cache()
    made.go_on.set()
    await read(Tellings(cache, at_once=1), Wanted(made, "fibroid", 1))
    assert len(cache) == 0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "_LOOK", 0.01)


@pytest.mark.usefixtures("quick")
@in_a_loop
async def test_who_waits_is_told_how_many_come_first_and_who_goes_leaves_no_place() -> None:
    held, mine = Written(), Written()
    mine.go_on.set()
    tellings = Tellings(Cache(), at_once=1)
    seen: list[object] = []
    busy = asyncio.create_task(read(tellings, Wanted(held, "held", 1)))
    await until(lambda: tellings.turns.busy)
    before = asyncio.create_task(read(tellings, Wanted(mine, "before", 1), "bea"))
    await until(lambda: tellings.turns.waiting == 1)
    waiting = asyncio.create_task(read(tellings, Wanted(mine, "mine", 1), "cal", seen))
    await until(lambda: seen)
    before.cancel()
    await until(lambda: len(seen) == 2)
    held.go_on.set()
    await waiting
    await busy
    assert [each.ahead for each in seen if isinstance(each, Waiting)] == [1, 0]
    assert (mine.begun, tellings.turns.busy) == (1, 0)


@in_a_loop
async def test_what_goes_wrong_is_told_to_all_and_frees_the_turn() -> None:
    def broken(*, stopped: Callable[[], bool]) -> Iterator[Event]:
        yield Remark("half")
        raise ValueError("broken")

    tellings = Tellings(Cache(), at_once=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await read(tellings, Wanted(broken, "fibroid", 1))
    await until(lambda: not tellings.turns.busy)
