"""Whose turn it is when more is asked for than is done at once.

Each asker has a row of their own, and one of each row has a turn after the other: who asks for twenty waits for twenty, and
others wait for one of theirs.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable

from mirage.errors import Busy
from mirage.wording import N_, _

MOST_WAITING = 1_000
"""Far above a class of 200; each one that waits holds a connection."""
FULL = N_("More people ask for an explanation than can wait here at once. Try again in a minute.")


class Place:
    """One who waits for a turn, or has it."""

    def __init__(self, turns: Turns, who: Hashable) -> None:
        self._turns = turns
        self.who = who
        self.called = asyncio.Event()
        self.refused = False

    @property
    def ahead(self) -> int:
        """How many have their turn before this one; 0 for who has it."""
        return 0 if self.called.is_set() else self._turns.ahead(self)

    async def turn(self, seconds: float) -> bool:
        """Wait so long for the turn; tell whether it has come.

        Raises
        ------
        mirage.errors.Busy
            When the place was taken back, because too many wait and of this asker's most do.
        """
        try:
            await asyncio.wait_for(self.called.wait(), seconds)
        except TimeoutError:
            return False
        if self.refused:
            raise Busy(_(FULL))
        return True

    def leave(self) -> None:
        """Give the place back, whether the turn came or not."""
        self._turns.left(self)


class Turns:
    """Who waits, and who has a turn. It belongs to one event loop.

    Parameters
    ----------
    at_once : int
        How many have a turn at a time.
    most : int
        How many may wait.
    """

    def __init__(self, at_once: int, most: int = MOST_WAITING) -> None:
        self._at_once = at_once
        self._most = most
        self._rows: OrderedDict[Hashable, deque[Place]] = OrderedDict()  # the next row comes first
        self._busy: set[Place] = set()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._rows.values()))

    @property
    def busy(self) -> int:
        """How many have a turn now."""
        return len(self._busy)

    def place(self, who: Hashable) -> Place:
        """Take a place at the end of somebody's row.

        Parameters
        ----------
        who : hashable
            Who asks.

        Raises
        ------
        mirage.errors.Busy
            When too many wait, and of nobody else's more than of this asker's: else the last of the longest row gives way.
        """
        if self.waiting >= self._most:
            longest = max(self._rows.values(), key=len)
            if len(longest) <= len(self._rows.get(who, ())) + 1:
                raise Busy(_(FULL))
            last = longest.pop()
            last.refused = True
            last.called.set()
        place = Place(self, who)
        self._rows.setdefault(who, deque()).append(place)
        self._call()
        return place

    def ahead(self, place: Place) -> int:
        """How many have a turn before one who waits.

        Parameters
        ----------
        place : Place
        """
        row = self._rows.get(place.who)
        if row is None or place not in row:
            return 0
        rows, mine = list(self._rows.values()), row.index(place)
        before = next(number for number, each in enumerate(rows) if each is row)
        # Of a row that comes earlier as many as stand up to this place, of a later one those before it.
        return mine + sum(min(len(each), mine + (number < before)) for number, each in enumerate(rows) if each is not row)

    def left(self, place: Place) -> None:
        """Let somebody go, who waits or has had a turn.

        Parameters
        ----------
        place : Place
        """
        self._busy.discard(place)
        row = self._rows.get(place.who)
        if row is not None and place in row:
            row.remove(place)
            if not row:
                del self._rows[place.who]
        self._call()

    def _call(self) -> None:
        while self._rows and len(self._busy) < self._at_once:
            who, row = next(iter(self._rows.items()))
            place = row.popleft()
            if row:
                self._rows.move_to_end(who)
            else:
                del self._rows[who]
            self._busy.add(place)
            place.called.set()
