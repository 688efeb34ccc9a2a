"""Explanations while they are written: each in a thread, once for all who ask for the same, in turn among many askers.

One stops when nobody reads on. One that came to its end is kept until the atlas changes.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Protocol

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Request

from mirage.explain.explainers.base import Writing
from mirage.explain.explanation import Began, Ended, Event
from mirage.people.proxies import place_of
from mirage.people.visitor import visitor
from mirage.web.cache import Cache
from mirage.web.turns import Place, Turns

HEARTBEAT = 10.0
"""Seconds of silence after which a sign of life is sent, so that nobody on the way hangs up."""
_LOOK = 1.0  # seconds between two looks at how many are still before one who waits


class WritesEvents(Protocol):
    """Yields the events of an explanation, told how to know that it was stopped. Called in a thread."""

    def __call__(self, *, stopped: Callable[[], bool]) -> Iterator[Event]: ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """Others have their turn first.

    Attributes
    ----------
    ahead : int
        How many.
    """

    ahead: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """An explanation that somebody asks for.

    Attributes
    ----------
    make : WritesEvents
    key : hashable
        What is explained, and by whom, where others may be given the same; None where it is of a dropped picture.
    of : object
        State of the atlas that `make` reads, which was read before.
    """

    make: WritesEvents
    key: Hashable = None
    of: object = None


class Tellings:
    """The explanations that are being written. It belongs to one event loop.

    Parameters
    ----------
    cache : Cache
        Keeps those that came to their end.
    at_once : int
        How many are written at a time.
    """

    def __init__(self, cache: Cache, at_once: int) -> None:
        self.turns = Turns(at_once)
        self._cache = cache
        self._limiter = CapacityLimiter(at_once)
        self._running: dict[Hashable, _Telling] = {}

    async def told(
        self, wanted: Wanted, who: Hashable, every: float = HEARTBEAT
    ) -> AsyncGenerator[Event | Waiting | None, None]:
        """The events of an explanation as they come; None when nothing has come for a while.

        Closing this generator leaves the explanation to the others who read it, and stops it where nobody does.

        Parameters
        ----------
        wanted : Wanted
        who : hashable
            Who asks.
        every : float
            Seconds after which nothing is said to have come.

        Raises
        ------
        mirage.errors.Busy
            When too many wait already.
        """
        key = (wanted.key, wanted.of) if wanted.key is not None else object()
        if wanted.key is not None and (kept := self._cache.known(wanted.key, wanted.of)) is not None:
            for event in pickle.loads(kept):  # noqa: S301 - ours, and never out of this process
                yield event
            return
        telling = self._running.get(key)
        if telling is None or telling.stopped.is_set():
            place = self.turns.place(who)
            telling = self._running[key] = _Telling(wanted, place)
            telling.task = asyncio.ensure_future(self._tell(key, telling))
        telling.readers += 1
        try:
            async for event in telling.read(every):
                yield event
        finally:
            telling.readers -= 1
            if not telling.readers:
                telling.stopped.set()
                if not telling.place.called.is_set():
                    telling.task.cancel()

    async def _tell(self, key: Hashable, telling: _Telling) -> None:
        try:
            while not await telling.place.turn(_LOOK):
                telling.say()
            if not telling.stopped.is_set():
                # The turn is kept until the thread ends, which may be a little after the last reader has gone.
                await run_sync(telling.work, asyncio.get_running_loop(), limiter=self._limiter)
            self._keep(telling)
        except Exception as error:
            telling.end(error)
        finally:
            telling.place.leave()
            if self._running.get(key) is telling:
                del self._running[key]
            telling.end()

    def _keep(self, telling: _Telling) -> None:
        """Keep what came to its end as it was meant: not stopped, and nobody had to speak in another's place."""
        events = [event for event in telling.events if not isinstance(event, Writing)]
        whole = bool(events) and isinstance(events[-1], Ended) and not events[-1].stopped
        if telling.wanted.key is None or not whole or sum(isinstance(event, Began) for event in events) > 1:
            return
        packed = pickle.dumps(events)
        self._cache.keep(telling.wanted.key, telling.wanted.of, packed, len(packed))


class _Telling:
    """One explanation, for all who read it."""

    def __init__(self, wanted: Wanted, place: Place) -> None:
        self.wanted = wanted
        self.place = place
        self.task: asyncio.Future[None]
        self.events: list[Event] = []
        self.stopped = threading.Event()
        self.readers = 0
        self._error: Exception | None = None
        self._over = False
        self._news = asyncio.Event()

    def work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write it, in a thread."""
        for event in self.wanted.make(stopped=self.stopped.is_set):
            loop.call_soon_threadsafe(self._take, event)

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.say()

    def say(self) -> None:
        """Wake who reads."""
        self._news.set()
        self._news = asyncio.Event()

    def end(self, error: Exception | None = None) -> None:
        """Tell that nothing more comes."""
        self._error = self._error or error
        self._over = True
        self.say()

    async def read(self, every: float) -> AsyncGenerator[Event | Waiting | None, None]:
        """Read it from its begin."""
        at, ahead, clock = 0, 0, asyncio.get_running_loop().time
        silent = clock()
        while True:
            news = self._news
            if at < len(self.events):
                at += 1
                event = self.events[at - 1]
                if not isinstance(event, Writing) or at == len(self.events):  # a later one replaces it
                    yield event
                    silent = clock()
                continue
            if self._over:
                if self._error is not None:
                    raise self._error
                return
            if (now := self.place.ahead) != ahead:
                ahead = now
                yield Waiting(ahead)
                silent = clock()
            try:
                await asyncio.wait_for(news.wait(), silent + every - clock())
            except TimeoutError:
                yield None
                silent = clock()


def asker(request: Request) -> Hashable:
    """Who asks, for whom things are shared out fairly: the person who is signed in, else the address.

    Parameters
    ----------
    request : Request
    """
    return visitor().id or (place_of(request.client.host) if request.client else "")
