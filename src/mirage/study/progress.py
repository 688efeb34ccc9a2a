"""How somebody gets on: answers a day, what is remembered, what comes, and what is taken for what."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from mirage.storage.database import Database
from mirage.storage.dialects import member
from mirage.study.learning import GivenAnswer, answer_of
from mirage.study.memory import AHEAD, day_of, start_of
from mirage.study.records import answers, cards, quiz_questions, repetitions
from mirage.study.schedule import Schedule

# Of these the answer is a concept. Left is not mistaken for right as a disease is for another.
NAMING = ("name", "choose", "unfold", "point")
_DIAGNOSIS = ("name", "choose", "unfold")
_Z = 1.959964  # of 95 %


@dataclass(frozen=True, slots=True)
class Day:
    """The answers of one day.

    Attributes
    ----------
    begins : float
        Seconds since 1970.
    right, wrong : int
        Where the right answer was proven or reviewed.
    practice : int
        Where it was not.
    """

    begins: float
    right: int
    wrong: int
    practice: int


@dataclass(frozen=True, slots=True)
class Week:
    """What was remembered of the cards that had been learned, when they were due again.

    Attributes
    ----------
    begins : float
    known, asked : int
    """

    begins: float
    known: int
    asked: int

    @property
    def share(self) -> float | None:
        """Of those asked; None where there was none."""
        return self.known / self.asked if self.asked else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between which shares the true one lies, by Wilson's interval of 95 %."""
        if not self.asked:
            return None
        share, weight = self.known / self.asked, _Z**2 / self.asked
        middle = (share + weight / 2) / (1 + weight)
        half = _Z / (1 + weight) * math.sqrt(share * (1 - share) / self.asked + weight / (4 * self.asked))
        return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass(frozen=True, slots=True)
class Coming:
    """How many cards come on one day; on the first day also what is due already."""

    begins: float
    due: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """What was answered where something else was asked.

    Attributes
    ----------
    asked, given : str
        Concepts; given is empty for what is none that is known.
    count : int
        How often.
    practice : int
        How often of these the right answer was neither proven nor reviewed.
    """

    asked: str
    given: str
    count: int
    practice: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """What was asked, against what was given; the right answers stand where both are the same.

    Attributes
    ----------
    asked, given : tuple of str
        Rows and columns.
    counts : dict
        (asked, given) to how often.
    """

    asked: tuple[str, ...]
    given: tuple[str, ...]
    counts: dict[tuple[str, str], int]


class LearningProgress:
    """What the answers of the person of this machine tell.

    Parameters
    ----------
    database : callable
        Gives the database, made where there is none if it is told so; None where there is none.
    schedule : mirage.study.schedule.Schedule
        Whose clock is looked at.
    """

    def __init__(self, database: Callable[[bool], Database | None], schedule: Schedule) -> None:
        self._open, self._schedule = database, schedule

    def _rows(self, asked: sa.Select[Any]) -> list[Any]:
        database = self._open(False)
        return database.rows(asked) if database is not None else []

    def days(self, count: int = 30) -> list[Day]:
        """The last days, today last.

        Parameters
        ----------
        count : int
        """
        today = day_of(self._schedule.clock())
        found = sa.select(answers.c.when, answers.c.right, answers.c.graded)
        rows = self._rows(found.where(answers.c.when >= start_of(today - count + 1), answers.c.when < start_of(today + 1)))
        told = Counter(
            (day_of(row.when), "practice" if not row.graded else "right" if row.right else "wrong") for row in rows
        )
        return [
            Day(start_of(day), *(told[day, name] for name in ("right", "wrong", "practice")))
            for day in range(today - count + 1, today + 1)
        ]

    def weeks(self, count: int = 12) -> list[Week]:
        """Stretches of seven days, the last one ending today.

        Parameters
        ----------
        count : int
        """
        today = day_of(self._schedule.clock())
        first = today - 7 * count + 1
        found = sa.select(repetitions.c.when, repetitions.c.rating).where(repetitions.c.phase == "review")
        rows = self._rows(found.where(repetitions.c.when >= start_of(first), repetitions.c.when < start_of(today + 1)))
        told = Counter(((day_of(row.when) - first) // 7, row.rating != "again") for row in rows)
        return [
            Week(start_of(first + 7 * week), told[week, True], told[week, True] + told[week, False]) for week in range(count)
        ]

    def forecast(self, count: int = 30) -> list[Coming]:
        """How many cards come on the next days, as things stand, today first.

        Parameters
        ----------
        count : int
        """
        now = self._schedule.clock()
        today = day_of(now)
        found = sa.select(cards.c.due, cards.c.reviewed).where(cards.c.taken.is_(None), cards.c.begun.is_not(None))
        ahead = cards.c.reviewed > now + AHEAD
        rows = self._rows(found.where((cards.c.due < start_of(today + count)) | ahead))
        told = Counter(today if row.reviewed > now + AHEAD else max(day_of(row.due), today) for row in rows)
        return [Coming(start_of(day), told[day]) for day in range(today, today + count)]

    def confusions(self, limit: int = 20) -> list[Confusion]:
        """What was taken for what, the most frequent first.

        Parameters
        ----------
        limit : int
        """
        times = sa.func.count()
        practice = sa.func.sum(sa.case((answers.c.graded, 0), else_=1))
        found = sa.select(answers.c.asked, answers.c.given, times, practice).where(_WRONG, answers.c.given != "")
        order = (times.desc(), answers.c.asked, answers.c.given)
        rows = self._rows(found.group_by(answers.c.asked, answers.c.given).order_by(*order).limit(limit))
        return [Confusion(*row) for row in rows]

    def matrix(self, size: int = 8) -> Matrix:
        """A confusion matrix of what was mistaken most.

        Parameters
        ----------
        size : int
            Rows, and columns besides those of the rows, at most.
        """
        pairs = self.confusions(200)
        weight = Counter[str]()
        for pair in pairs:
            weight[pair.asked] += pair.count
        rows = [asked for asked, _ in weight.most_common(size)]
        given = Counter[str]()
        for pair in pairs:
            if pair.asked in rows and pair.given not in rows:
                given[pair.given] += pair.count
        columns = [*rows, *(name for name, _ in given.most_common(size))]
        answered = sa.case((answers.c.right, answers.c.asked), else_=answers.c.given)
        found = sa.select(answers.c.asked, answered, sa.func.count()).group_by(answers.c.asked, answered)
        told = self._rows(found.where(answers.c.kind.in_(NAMING), answers.c.asked.in_(rows)))
        counts = {(asked, given): int(count) for asked, given, count in told if given in columns}
        return Matrix(tuple(rows), tuple(columns), counts)

    def mistakes(self, *, limit: int = 20, offset: int = 0) -> list[GivenAnswer]:
        """The last answer to each question, where it was wrong, the latest first; none that is to be asked again.

        What is due, or waits in a quiz, is left out, and so is what else was asked about the diagnosis of the same figure:
        to show its answer would give it away.

        Parameters
        ----------
        limit, offset : int
        """
        now = self._schedule.clock()
        due = cards.c.taken.is_(None) & ((cards.c.due <= now) | (cards.c.reviewed > now + AHEAD))
        waits = quiz_questions.c.given == ""
        item, figure, kind = (member(quiz_questions.c.question, name) for name in ("item", "figure", "kind"))
        items = sa.select(cards.c.item).where(due).union(sa.select(item).where(waits))
        asked = sa.select(cards.c.figure).where(due, cards.c.kind.in_(_DIAGNOSIS))
        figures = asked.union(sa.select(figure).where(waits, kind.in_(_DIAGNOSIS)))
        told = answers.c.item.in_(items) | (answers.c.kind.in_(_DIAGNOSIS) & answers.c.figure.in_(figures))
        last = answers.alias()
        later = sa.select(last.c.id).where(last.c.item == answers.c.item, _after(last)).exists()
        found = sa.select(answers).where(~answers.c.right, ~later, ~told)
        order = (answers.c.when.desc(), answers.c.id)
        return [answer_of(row) for row in self._rows(found.order_by(*order).limit(limit).offset(offset))]

    def totals(self) -> tuple[int, int, int]:
        """How many answers there are, how many of these were graded, and how many of the graded were right."""
        graded = sa.func.sum(sa.case((answers.c.graded, 1), else_=0))
        right = sa.func.sum(sa.case((answers.c.graded & answers.c.right, 1), else_=0))
        number: sa.ColumnElement[Any] = sa.func.count()
        rows = self._rows(sa.select(number, graded, right).select_from(answers))
        return (int(rows[0][0]), int(rows[0][1] or 0), int(rows[0][2] or 0)) if rows else (0, 0, 0)


_WRONG = ~answers.c.right & answers.c.kind.in_(NAMING)


def _after(last: Any) -> sa.ColumnElement[bool]:
    later: sa.ColumnElement[bool] = sa.tuple_(last.c.when, last.c.id) > sa.tuple_(answers.c.when, answers.c.id)
    return later
