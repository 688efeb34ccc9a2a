"""How much one person may ask for in a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from mirage.errors import Busy, MirageError
from mirage.people.persons import Open
from mirage.people.records import counts
from mirage.people.visitor import Visitor
from mirage.wording import N_, _

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
_WORDS = {
    "explanations": N_("One person may ask for %(most)s explanations within a minute."),
    "generations": N_("One person may ask for %(most)s synthetic images within a day."),
    "joins": N_("From one address %(most)s people may come in by such a link within a minute. Nothing was used up."),
    "uploads": N_("One person may send %(most)s bytes within an hour."),
}
_TOGETHER = {
    "explanations": N_("All who came by the same link may ask for %(most)s explanations together within a minute."),
    "generations": N_("All who came by the same link may ask for %(most)s synthetic images together within a day."),
    "uploads": N_("All who came by the same link may send %(most)s bytes together within an hour."),
}
_FEWEST, _SHARE = 5, 4  # all who came by a link may use what a quarter of them may, and at least what five may


class LimitReached(Busy):
    """Somebody asked for more than one person may; says when they may again."""

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

    def use(self, who: Visitor, what: str, amount: float, most: float, seconds: float, *, beyond: bool = False) -> None:
        """Use something up, of what one person may, and of what all may who came by the same link.

        A link for a class makes as many people as it has places, whoever opens it so often: without what they may together,
        one with the link would have the limits of them all.

        Parameters
        ----------
        who : Visitor
            Whoever has the machine, who has no id, has no limits.
        what : {"explanations", "generations", "uploads"}
        amount, most : float
            How much, and how much there may be in all; 0 for any.
        seconds : float
            Length of the window.
        beyond : bool
            Whether the last use may go beyond what there is left.

        Raises
        ------
        LimitReached
        """
        if not who.id or not most:
            return
        self._use(who.id, what, amount, most, seconds, _WORDS, beyond=beyond)
        if who.link:
            together = most * max(_FEWEST, math.ceil(who.places / _SHARE))
            try:
                self._use(_of_link(who), what, amount, together, seconds, _TOGETHER, beyond=beyond)
            except LimitReached:
                self._give_back(who.id, what, amount)
                raise

    @contextmanager
    def joining(self, came_from: str, most: float) -> Iterator[None]:
        """Count one more who comes in by a link for many; nobody is counted where what is done inside fails.

        A class behind one address types names that are taken, or none. Who guesses which names are taken comes in by each
        other one, and is counted; where all is used up, no name is looked at.

        Parameters
        ----------
        came_from : str
            A keyed digest of the address; empty where nobody is counted.
        most : float
            How many may within a minute; 0 for any.

        Raises
        ------
        LimitReached
        """
        if not (came_from and most):
            yield
            return
        whose = f"address {came_from}"
        self._use(whose, "joins", 1, most, MINUTE, _WORDS, beyond=False)
        try:
            yield
        except MirageError:
            self._give_back(whose, "joins", 1)
            raise

    def _use(
        self, whose: str, what: str, amount: float, most: float, seconds: float, words: dict[str, str], *, beyond: bool
    ) -> None:
        with self._open().writing(alone=True) as connection:
            now = self._open().now(connection)
            mine = (counts.c.person == whose) & (counts.c.what == what)
            row = connection.execute(sa.select(counts).where(mine)).first()
            fresh = row is None or not now - seconds < row.since <= now  # a clock may have been set back
            used = 0.0 if fresh or row is None else row.amount
            if used >= most if beyond else used + amount > most:
                since = now if row is None else row.since
                number = f"{most:,.0f}"
                raise LimitReached(_(words[what], most=number), since + seconds - now)
            values = {"since": now if fresh or row is None else row.since, "amount": used + amount}
            if row is None:
                connection.execute(sa.insert(counts), {"person": whose, "what": what, **values})
            else:
                connection.execute(sa.update(counts).where(mine).values(**values))

    def give_back(self, who: Visitor, what: str, amount: float) -> None:
        """Give back what was not used after all.

        Parameters
        ----------
        who, what, amount
            As for `use`.
        """
        for whose in filter(None, (who.id, _of_link(who))):
            self._give_back(whose, what, amount)

    def _give_back(self, whose: str, what: str, amount: float) -> None:
        left = sa.case((counts.c.amount > amount, counts.c.amount - amount), else_=0.0)
        mine = (counts.c.person == whose) & (counts.c.what == what)
        with self._open().writing() as connection:
            connection.execute(sa.update(counts).where(mine).values(amount=left))

    def forget(self, person: str) -> None:
        """Forget what somebody used."""
        with self._open().writing() as connection:
            connection.execute(sa.delete(counts).where((counts.c.person == person) & counts.c.what.in_(_WORDS)))


def _of_link(who: Visitor) -> str:
    return f"link {who.link}" if who.link else ""


def _duration(seconds: int) -> str:
    if seconds < MINUTE:
        return _("%(number)s s", number=seconds)
    if seconds < HOUR:
        return _("%(number)s min", number=math.ceil(seconds / MINUTE))
    return _("%(number)s h", number=math.ceil(seconds / HOUR))
