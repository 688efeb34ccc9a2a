"""How well something is remembered, and when to ask it again: FSRS, by days as a person has them.

FSRS counts whole days of 24 hours. A person counts nights: what was answered on Monday evening is due on Tuesday morning. So
time goes to FSRS in days that begin at four in the morning, by the clock of this machine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from fsrs import Card, Rating, Scheduler, State

from mirage.errors import BadInput
from mirage.query import shown
from mirage.wording import _

_BEGINS = 4  # the hour at which a day does: an evening that grows late is one day
AHEAD = 60.0
"""Seconds by which what was answered may lie ahead of the clock before the clock is doubted."""
Felt = Literal["again", "hard", "good", "easy"]
RATINGS: dict[Felt, Rating] = {"again": Rating.Again, "hard": Rating.Hard, "good": Rating.Good, "easy": Rating.Easy}


def day_of(when: float) -> int:
    """The day of a moment, as a number that grows by one a day.

    Parameters
    ----------
    when : float
        Seconds since 1970.
    """
    local = time.localtime(when)
    return date(local.tm_year, local.tm_mon, local.tm_mday).toordinal() - (local.tm_hour < _BEGINS)


def start_of(day: int) -> float:
    """When a day begins, in seconds since 1970."""
    then = date.fromordinal(day)
    return time.mktime((then.year, then.month, then.day, _BEGINS, 0, 0, 0, 0, -1))


@dataclass(frozen=True, slots=True)
class Memory:
    """What FSRS knows of a card after an answer.

    Attributes
    ----------
    state : dict
        FSRS's own, and ``unsure``: whether the clock had gone back when it was answered.
    due : float
        When to ask again, in seconds since 1970; always later than the answer.
    """

    state: dict[str, Any]
    due: float


def felt(given: str) -> Felt:
    """One of `RATINGS`; `mirage.errors.BadInput` for anything else."""
    for name in RATINGS:
        if name == given:
            return name
    raise BadInput(_("%(given)s is no rating. There are: %(ratings)s.", given=shown(given), ratings=", ".join(RATINGS)))


def state_of(written: dict[str, Any]) -> dict[str, Any]:
    """What FSRS knows of a card, as somebody wrote it.

    Raises
    ------
    ValueError
        When it is none.
    """
    try:
        card = Card.from_dict(written)  # type: ignore[arg-type]
        times = [card.due, card.last_review]
        numbers = [card.stability, card.difficulty]
        sound = all(each is not None and each.tzinfo is not None for each in times)
        sound &= all(each is not None and 0 < each < 1e6 for each in numbers)
        if card.state == State.Review:
            card.step = None
        else:
            sound &= isinstance(card.step, int) and 0 <= card.step < 100
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        sound = False
    if not sound:
        raise ValueError(_("it is no state of FSRS"))
    return {**card.to_dict(), "unsure": written.get("unsure") is True}


def phase_of(state: dict[str, Any] | None) -> str:
    """How far a card is: "new", "learning", "review" or "relearning"."""
    return State(int(state["state"])).name.lower() if state else "new"


def reviewed(state: dict[str, Any] | None, rating: Felt, when: float, retention: float) -> Memory:
    """What is known of a card after an answer.

    A clock that was set back never makes an interval negative: no time has passed then. What is answered with such a clock
    is marked, and at the next answer no more time counts than was planned, whatever the clock says by then.

    Parameters
    ----------
    state : dict or None
        Before; None for a new card.
    rating : {"again", "hard", "good", "easy"}
    when : float
        Seconds since 1970.
    retention : float
        The share of cards that should be known when they are asked.
    """
    now = datetime.fromtimestamp(when, UTC)
    card = Card.from_dict(state) if state else Card(card_id=0, due=now)  # type: ignore[arg-type]
    last = card.last_review
    asked = now
    if state and last is not None:
        days = day_of(when) - day_of(last.timestamp())
        if state.get("unsure"):
            days = min(days, day_of(card.due.timestamp()) - day_of(last.timestamp()))
        asked = last + timedelta(days=max(days, 0))
    after, _ = _scheduler(retention).review_card(card, RATINGS[rating], asked)
    wait = after.due - asked
    due = start_of(day_of(when) + wait.days) if wait.days else when + wait.total_seconds()
    after.due, after.last_review = datetime.fromtimestamp(due, UTC), now
    back = last is not None and when < last.timestamp() - AHEAD
    return Memory({**after.to_dict(), "unsure": back}, due)


@lru_cache(maxsize=4)
def _scheduler(retention: float) -> Scheduler:
    return Scheduler(desired_retention=retention)
