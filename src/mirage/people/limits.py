"""How much one person may ask for in a time."""

from __future__ import annotations

import math
import time

import sqlalchemy as sa

from mirage.errors import Busy
from mirage.people.persons import Open
from mirage.people.records import counts
from mirage.wording import N_, _

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
_WORDS = {
    "explanations": N_("One person may ask for %(most)s explanations within a minute."),
    "generations": N_("One person may ask for %(most)s synthetic images within a day."),
    "uploads": N_("One person may send %(most)s bytes within an hour."),
}


class LimitReached(Busy):
    """Somebody asked for more than one person may; says when they may again.

    Attributes
    ----------
    retry_after : int
        Seconds.
    """

    def __init__(self, words: str, retry_after: float) -> None:
        self.retry_after = max(1, math.ceil(retry_after))
        super().__init__(f"{words} " + _("It goes on in %(time)s.", time=_duration(self.retry_after)))


class PersonLimits:
    """What people have used up, each by a window of time that begins with the first use.

    Parameters
    ----------
    database : callable
        Gives the database.
    """

    def __init__(self, database: Open) -> None:
        self._open = database

    def use(self, person: str, what: str, amount: float, most: float, seconds: float) -> None:
        """Use something up, or look whether there is some left where the amount is 0.

        Parameters
        ----------
        person : str
            Id; whoever has the machine, who has none, has no limits.
        what : {"explanations", "generations", "uploads"}
        amount, most : float
            How much, less than 0 to give some back, and how much there may be in all; 0 for any.
        seconds : float
            Length of the window.

        Raises
        ------
        LimitReached
        """
        if not person or not most:
            return
        now = time.time()
        with self._open().writing(alone=True) as connection:
            mine = (counts.c.person == person) & (counts.c.what == what)
            row = connection.execute(sa.select(counts).where(mine)).first()
            fresh = row is None or not now - seconds < row.since <= now  # a clock may have been set back
            used = 0.0 if fresh or row is None else row.amount
            if used + amount > most or (not amount and used >= most):
                since = now if row is None else row.since
                number = f"{most:,.0f}"
                raise LimitReached(_(_WORDS[what], most=number), since + seconds - now)
            values = {"since": now if fresh or row is None else row.since, "amount": used + amount}
            if row is None:
                connection.execute(sa.insert(counts), {"person": person, "what": what, **values})
            elif amount:
                connection.execute(sa.update(counts).where(mine).values(**values))

    def add(self, person: str, what: str, amount: float, seconds: float) -> None:
        """Count what was used, however much that was.

        Parameters
        ----------
        person, what, amount, seconds
            As for `use`.
        """
        self.use(person, what, amount, math.inf, seconds)

    def forget(self, person: str) -> None:
        """Forget what somebody used."""
        with self._open().writing() as connection:
            connection.execute(sa.delete(counts).where(counts.c.person == person))


def _duration(seconds: int) -> str:
    if seconds < MINUTE:
        return _("%(number)s s", number=seconds)
    if seconds < HOUR:
        return _("%(number)s min", number=math.ceil(seconds / MINUTE))
    return _("%(number)s h", number=math.ceil(seconds / HOUR))
