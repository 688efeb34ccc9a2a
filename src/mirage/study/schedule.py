"""Repetition: which questions come back, and when.

A card is one question about one figure. Whatever answers that question, in a quiz or in a repetition, moves the card.
Nothing here names the answer of a card: what is listed is the kind of question, and when it is due.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from mirage.errors import BadInput, NotFound
from mirage.query import shown
from mirage.storage.database import Database, put
from mirage.storage.store import Store
from mirage.study.learning import QUESTION_KINDS, GivenAnswer, QuestionKind, item_of, new_id
from mirage.study.memory import AHEAD, Felt, day_of, felt, phase_of, reviewed, start_of
from mirage.study.records import answers, cards, choices, quiz_questions, repetitions
from mirage.wording import _

MOST_CARDS = 20_000
_NAME = "repetition"  # of the choices


@dataclass(frozen=True, slots=True)
class Pace:
    """How somebody wants to repeat.

    Attributes
    ----------
    retention : float
        The share of cards that should still be known when they are asked, 0.7 to 0.97.
    new_per_day, most_per_day : int
        Cards that are asked for the first time, and cards in all.
    """

    retention: float = 0.9
    new_per_day: int = 10
    most_per_day: int = 100

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0.7 <= self.retention <= 0.97:
            raise BadInput(
                _("The share to remember can be 0.70 to 0.97, not %(retention)s.", retention=format(self.retention, "g"))
            )
        if not (0 <= self.new_per_day <= 1000 and 1 <= self.most_per_day <= 1000):
            raise BadInput(_("New cards a day can be 0 to 1,000, and all cards a day 1 to 1,000."))


@dataclass(frozen=True, slots=True)
class CardQuestion:
    """What a card asks.

    Attributes
    ----------
    kind : str
        Of `mirage.study.learning.QUESTION_KINDS`.
    figure : str
        Reference of the figure.
    structure : str
        Label of a structure in it, where one is asked for.
    """

    kind: QuestionKind
    figure: str
    structure: str = ""

    @property
    def item(self) -> str:
        """The key by which answers know it."""
        return item_of(self.kind, self.figure, self.structure)


@dataclass(frozen=True, slots=True)
class CardInfo:
    """A card without what it asks about.

    Attributes
    ----------
    id : str
        Its own, in which no figure stands.
    kind : str
    added, due : float
        Seconds since 1970.
    answered : int
        How often.
    removed : bool
        Whether the atlas has its figure no more, or it is hidden from learners or withdrawn; it is not asked then.
    withdrawn : bool
        Whether it is not asked because the figure's source has withdrawn it.
    """

    id: str
    kind: QuestionKind
    added: float
    due: float
    answered: int
    removed: bool
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Today:
    """What is to do on this day.

    Attributes
    ----------
    due, new : int
        Cards to ask now: that were asked before, and for the first time.
    waiting : int
        Cards that are due too, beyond what somebody wants to do in a day.
    soon : int
        Cards that come back within this day.
    answered : int
        Cards that were answered on this day.
    cards, removed : int
        Cards in all, and those of them that are not asked since the atlas has their figures no more, or they are hidden or
        withdrawn.
    ahead : int
        Cards that were answered later than it is now, by the clock; it was set back, or was wrong then.
    ahead_until : float
        The latest time of these.
    next_due : float
        When the next card comes that is not due; 0 where none does.
    """

    due: int = 0
    new: int = 0
    waiting: int = 0
    soon: int = 0
    answered: int = 0
    cards: int = 0
    removed: int = 0
    ahead: int = 0
    ahead_until: float = 0.0
    next_due: float = 0.0


@dataclass(frozen=True, slots=True)
class Moved:
    """The last answer that moved a card, and what it did.

    Attributes
    ----------
    answer : str
        Its id.
    rating : {"again", "hard", "good", "easy"}
    when, due : float
        When it was given, and when the card comes again; seconds since 1970.
    """

    answer: str
    rating: Felt
    when: float
    due: float


class Schedule:
    """The cards of the person of this machine.

    Parameters
    ----------
    database : callable
        Gives the database, made where there is none if it is told so; None where there is none.
    store : mirage.storage.store.Store
        The atlas's records.
    hidden : callable
        Gives references of figures that are hidden from learners.
    clock : callable
        Gives seconds since 1970.
    """

    def __init__(
        self,
        database: Callable[[bool], Database | None],
        store: Store,
        hidden: Callable[[], frozenset[str]] = frozenset,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._open, self._store, self._hidden, self.clock = database, store, hidden, clock

    def _made(self) -> Database:
        database = self._open(True)
        assert database is not None
        return database

    # -- how somebody wants to repeat ---------------------------------------------------------------------------------------

    @property
    def pace(self) -> Pace:
        """How this person wants to repeat."""
        database = self._open(False)
        if database is None:
            return Pace()
        with database.reading() as connection:
            return _pace(connection)

    def choose(self, **values: Any) -> Pace:
        """Change how to repeat: any of the fields of `Pace`.

        Raises
        ------
        mirage.errors.BadInput
        """
        with self._made().writing(alone=True) as connection:
            pace = replace(_pace(connection), **values)
            put(connection, choices, {"name": _NAME, "value": json.dumps(asdict(pace))})
        return pace

    # -- cards --------------------------------------------------------------------------------------------------------------

    def add(self, questions: Iterable[CardQuestion]) -> int:
        """Make cards of questions; those there are stay as they are, and those taken out come back as they were.

        Returns
        -------
        int
            How many are new or came back.

        Raises
        ------
        mirage.errors.BadInput
            When there would be too many.
        """
        asked = {question.item: question for question in questions}
        now = self.clock()
        with self._made().writing(alone=True) as connection:
            there = {row.item: row.taken for row in connection.execute(sa.select(cards.c.item, cards.c.taken))}
            fresh = [question for item, question in asked.items() if item not in there]
            back = [item for item in asked if there.get(item) is not None]
            if len(there) + len(fresh) > MOST_CARDS:
                raise BadInput(
                    _(
                        "There would be more than %(most_cards)s cards, the most there may be. Nothing was added.",
                        most_cards=format(MOST_CARDS, ","),
                    )
                )
            if fresh:
                # A little later each, so that they stay in this order.
                rows = [_new_card(question, now + number * 1e-6) for number, question in enumerate(fresh)]
                connection.execute(sa.insert(cards), rows)
            for item in back:
                connection.execute(sa.update(cards).where(cards.c.item == item).values(taken=None))
        return len(fresh) + len(back)

    def take_out(self, card_id: str, *, back: bool = False) -> None:
        """Take a card out of the repetition, or put it back; what was learned of it stays.

        Parameters
        ----------
        card_id : str
        back : bool

        Raises
        ------
        mirage.errors.NotFound
        """
        with self._made().writing(alone=True) as connection:
            changed = sa.update(cards).where(cards.c.id == card_id).values(taken=None if back else self.clock())
            if not connection.execute(changed).rowcount:
                raise NotFound(
                    _("There is no card %(card_id)s; your data may have been deleted meanwhile.", card_id=shown(card_id))
                )

    def cards(self, *, limit: int = 50, offset: int = 0) -> list[CardInfo]:
        """The cards, those due first first; without what they ask about.

        Parameters
        ----------
        limit, offset : int
        """
        rows = self._rows(sa.select(cards).where(_ASKED).order_by(cards.c.due, cards.c.id).limit(limit).offset(offset))
        there, withdrawn = self._there(rows), self._store.withdrawals.ids()
        return [
            CardInfo(
                row.id, row.kind, row.added, row.due, row.answered, row.figure not in there, _own(row.figure) in withdrawn
            )
            for row in rows
        ]

    def _there(self, rows: Sequence[Any]) -> set[str]:
        """The figures of some cards that can be asked about: the atlas has them, and they are not hidden or withdrawn."""
        hidden = self._store.withdrawals.ids().union(map(_own, self._hidden()))
        there = self._store.present([row.figure for row in rows])
        return {each for each in there if _own(each) not in hidden} if hidden else there

    def _rows(self, asked: sa.Select[Any]) -> list[Any]:
        database = self._open(False)
        return database.rows(asked) if database is not None else []

    # -- what is due --------------------------------------------------------------------------------------------------------

    def today(self) -> Today:
        """What is to do on this day."""
        now = self.clock()
        rows = self._rows(sa.select(*_LIGHT).where(_ASKED))
        if not rows:
            return Today()
        chosen = self._chosen(rows, now)
        ahead = [row.reviewed for row in rows if (row.reviewed or 0.0) > now + AHEAD]
        later = [row.due for row in rows if row.due > now and row.begun is not None]
        return Today(
            due=len(chosen.again) + len(chosen.due),
            new=len(chosen.new),
            waiting=chosen.waiting,
            soon=sum(due < start_of(day_of(now) + 1) for due in later),
            answered=_answered_on(rows, now),
            cards=len(rows),
            removed=chosen.removed,
            ahead=len(ahead),
            ahead_until=max(ahead, default=0.0),
            next_due=min(later, default=0.0),
        )

    def queue(self, limit: int = 20) -> list[CardQuestion]:
        """What to ask now, first first: what was just wrong, what is due the longest, what is new.

        Parameters
        ----------
        limit : int
            Of questions; the rest stays due.
        """
        rows = self._rows(sa.select(*_LIGHT).where(_ASKED))
        chosen = self._chosen(rows, self.clock())
        return [
            CardQuestion(row.kind, row.figure, row.structure)
            for row in (*chosen.again, *chosen.due, *chosen.new)[: max(limit, 0)]
        ]

    def _chosen(self, rows: Sequence[Any], now: float) -> _Chosen:
        pace, today = self.pace, start_of(day_of(now))
        there = self._there(rows)
        known = sorted((row for row in rows if row.figure in there), key=lambda row: (row.due, row.id))
        due = [row for row in known if row.begun is not None and (row.due <= now or row.reviewed > now + AHEAD)]
        again = [row for row in due if today <= row.reviewed <= now + AHEAD]
        old = [row for row in due if not today <= row.reviewed <= now + AHEAD]
        new = sorted((row for row in known if row.begun is None), key=lambda row: (row.added, row.id))
        room = max(pace.most_per_day - _answered_on(rows, now), 0)
        begun = sum(row.begun is not None and today <= row.begun <= now + AHEAD for row in rows)
        first = min(max(pace.new_per_day - begun, 0), max(room - len(old), 0))
        return _Chosen(again, old[:room], new[:first], max(len(old) - room, 0), len(rows) - len(known))

    # -- answers ------------------------------------------------------------------------------------------------------------

    def answered(self, connection: sa.Connection, answer: GivenAnswer) -> None:
        """Move the card that an answer is to, where there is one, in the transaction that keeps the answer.

        Parameters
        ----------
        connection : sqlalchemy.Connection
        answer : mirage.study.learning.GivenAnswer
        """
        card = connection.execute(sa.select(cards).where(cards.c.item == answer.item, _ASKED)).first()
        if card is not None:
            place = (connection.execute(sa.select(sa.func.max(repetitions.c.place))).scalar() or 0) + 1
            before = {name: getattr(card, name) for name in _MOVED}
            _move(connection, card.item, before, "good" if answer.right else "again", answer.when)
            values = {
                "id": answer.id,
                "place": place,
                "item": card.item,
                "when": answer.when,
                "rating": "good" if answer.right else "again",
                "phase": phase_of(json.loads(card.state) if card.state else None),
                "before": json.dumps(before),
            }
            connection.execute(sa.insert(repetitions).values(values))

    def last(self) -> Moved | None:
        """The last answer that moved a card; None where there is none."""
        moved = sa.select(repetitions.c.id, repetitions.c.rating, repetitions.c.when, cards.c.due)
        joined = moved.join_from(repetitions, cards, repetitions.c.item == cards.c.item)
        rows = self._rows(joined.order_by(repetitions.c.place.desc()).limit(1))
        return Moved(*rows[0]) if rows else None

    def rate(self, answer_id: str, rating: str) -> float:
        """Say how hard the answer was that was given last; a wrong one stays wrong.

        Parameters
        ----------
        answer_id : str
            Of the last answer.
        rating : {"hard", "good", "easy"}

        Returns
        -------
        float
            When the card is due now, in seconds since 1970.

        Raises
        ------
        mirage.errors.BadInput
            When it was wrong, or another one was given since.
        mirage.errors.NotFound
        """
        how = felt(rating)
        with self._made().writing(alone=True) as connection:
            row = _last(connection)
            if row is None or row.id != answer_id:
                raise NotFound(_("Only the last answer can be rated, and this is another one by now."))
            if (row.rating == "again") != (how == "again"):
                raise BadInput(
                    _("A wrong answer comes back soon, however easy it seems. Right ones are hard, good or easy.")
                )
            connection.execute(sa.update(repetitions).where(repetitions.c.id == answer_id).values(rating=how))
            return _move(connection, row.item, json.loads(row.before), how, row.when)

    def undo(self) -> str:
        """Take back the last answer to a card: it is as if it had not been given.

        Returns
        -------
        str
            The answer's id.

        Raises
        ------
        mirage.errors.NotFound
            When there is none.
        """
        with self._made().writing(alone=True) as connection:
            row = _last(connection)
            if row is None:
                raise NotFound(_("There is no answer to take back."))
            connection.execute(sa.update(cards).where(cards.c.item == row.item).values(json.loads(row.before)))
            for table in (repetitions, answers):
                connection.execute(sa.delete(table).where(table.c.id == row.id))
            asked = sa.update(quiz_questions).where(quiz_questions.c.id == row.id)
            connection.execute(asked.values(given="", answered=None))  # where it was asked in a quiz, it is asked again
            return str(row.id)


@dataclass(frozen=True, slots=True)
class _Chosen:
    again: list[Any]
    due: list[Any]
    new: list[Any]
    waiting: int
    removed: int


_ASKED = cards.c.taken.is_(None)
_LIGHT = [cards.c[name] for name in ("id", "kind", "figure", "structure", "added", "begun", "reviewed", "due")]
_MOVED = ("begun", "reviewed", "due", "answered", "lapses", "state")


def _pace(connection: sa.Connection) -> Pace:
    written = connection.execute(sa.select(choices.c.value).where(choices.c.name == _NAME)).scalar()
    return Pace(**json.loads(written)) if written else Pace()


def _new_card(question: CardQuestion, now: float) -> dict[str, Any]:
    if question.kind not in QUESTION_KINDS or not question.figure:
        raise BadInput(_("%(item)s cannot be asked.", item=shown(question.item)))
    return {**asdict(question), "id": new_id(), "item": question.item, "added": now, "due": now}


def _answered_on(rows: Sequence[Any], now: float) -> int:
    today = start_of(day_of(now))
    return sum(row.reviewed is not None and today <= row.reviewed <= now + AHEAD for row in rows)


def _last(connection: sa.Connection) -> Any:
    return connection.execute(sa.select(repetitions).order_by(repetitions.c.place.desc()).limit(1)).first()


def _move(connection: sa.Connection, item: str, before: dict[str, Any], rating: Felt, when: float) -> float:
    after = reviewed(json.loads(before["state"]) if before["state"] else None, rating, when, _pace(connection).retention)
    values = {
        "begun": when if before["begun"] is None else before["begun"],
        "reviewed": when,
        "due": after.due,
        "answered": before["answered"] + 1,
        "lapses": before["lapses"] + (rating == "again" and before["begun"] is not None),
        "state": json.dumps(after.state),
    }
    connection.execute(sa.update(cards).where(cards.c.item == item).values(values))
    return after.due


def _own(reference: str) -> str:
    """The figure's id of a reference."""
    return reference.rpartition("~")[0] or reference
