"""What somebody answered: asked what, given what, right or not. Quizzes write it; repetition and progress read it."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import sqlalchemy as sa

from mirage.errors import BadInput
from mirage.query import shown, tidy
from mirage.storage.database import Database, put_new
from mirage.study.records import answers
from mirage.wording import _

QuestionKind = Literal["name", "choose", "point", "side", "next", "unfold"]
QUESTION_KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
MOST_TEXT, MOST_KEY = 500, 600  # characters
LATEST = 1e11  # seconds since 1970: no clock is right that is later
_KEY = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """One answer to one question.

    Attributes
    ----------
    id : str
        Its own; the same one again is the same answer, so that two pages cannot count one twice.
    when : float
        Seconds since 1970, by the clock of this machine.
    quiz : str
        Id of the quiz, empty where there was none.
    kind : {"name", "choose", "point", "side", "next", "unfold"}
        What was asked: the diagnosis in words, the diagnosis among some, where a structure is, on which side, what next to
        look for, the case step by step.
    item : str
        What was asked about, the same each time: ``kind:figure`` or ``kind:figure:structure``; see `item_of`.
    figure : str
        Reference of the figure (`mirage.storage.records.reference_of`).
    asked, asked_name : str
        Concept that is the right answer, and what it is called.
    given, given_text : str
        Concept that was given, empty where it is none that is known, and the words as they were given.
    right : bool
    graded : bool
        Whether the right answer was proven or reviewed; what is not is for practice, and counted apart.
    seconds : float
        From the question to the answer.
    """

    id: str
    when: float
    quiz: str = ""
    kind: QuestionKind
    item: str
    figure: str
    asked: str
    asked_name: str
    given: str = ""
    given_text: str = ""
    right: bool
    graded: bool
    seconds: float = 0.0


_FIELDS = tuple(field.name for field in fields(GivenAnswer))


def item_of(kind: str, figure: str, structure: str = "") -> str:
    """The key of what is asked about, the same each time it is asked.

    Parameters
    ----------
    kind : str
        Of `QUESTION_KINDS`.
    figure : str
        Reference of a figure; its id alone is what counts, so that a picture that was replaced is still the same item.
    structure : str
        Label of a structure in it, where one is asked for.
    """
    return ":".join(filter(None, (kind, figure.rpartition("~")[0] or figure, structure)))


def new_id() -> str:
    """An id for an answer."""
    return secrets.token_hex(8)


class Learning:
    """The answers of the person of this machine.

    Parameters
    ----------
    database : callable
        Gives the database, made where there is none if it is told so; None where there is none.
    then : callable
        Told of each new answer, in the transaction that keeps it.

    Examples
    --------
    >>> atlas.study.learning.record(
    ...     GivenAnswer(
    ...         id=new_id(),
    ...         when=time.time(),
    ...         kind="name",
    ...         item="name:starter:retina",
    ...         figure="starter:retina",
    ...         asked="C1",
    ...         asked_name="Retina",
    ...         given_text="retina",
    ...         right=True,
    ...         graded=True,
    ...     )
    ... )  # doctest: +SKIP
    True
    """

    def __init__(
        self,
        database: Callable[[bool], Database | None],
        then: Callable[[sa.Connection, GivenAnswer], None] = lambda connection, answer: None,
    ) -> None:
        self._open, self._then = database, then

    def record(self, answer: GivenAnswer) -> bool:
        """Keep an answer, and move the card that it is to; one that is kept already stays as it is.

        Parameters
        ----------
        answer : GivenAnswer

        Returns
        -------
        bool
            Whether it is new.

        Raises
        ------
        mirage.errors.BadInput
            When a part of it cannot be; nothing was kept.
        """
        answer = checked(answer)
        database = self._open(True)
        assert database is not None
        with database.writing(alone=True) as connection:
            new = put_new(connection, answers, asdict(answer))
            if new:
                self._then(connection, answer)
        return new

    def answers(self, *, since: float = 0.0, limit: int = 100, offset: int = 0) -> list[GivenAnswer]:
        """What was answered, the last first.

        Parameters
        ----------
        since : float
            Seconds since 1970.
        limit, offset : int
        """
        database = self._open(False)
        if database is None:
            return []
        found = sa.select(answers).where(answers.c.when >= since).order_by(answers.c.when.desc(), answers.c.id)
        return [answer_of(row) for row in database.rows(found.limit(limit).offset(offset))]

    def mistakes_of(self, quiz_id: str) -> list[GivenAnswer]:
        """What was answered wrong in a quiz, in the order it was."""
        database = self._open(False)
        if database is None or not quiz_id:
            return []
        found = sa.select(answers).where(answers.c.quiz == quiz_id, ~answers.c.right)
        return [answer_of(row) for row in database.rows(found.order_by(answers.c.when, answers.c.id))]


def checked(answer: GivenAnswer) -> GivenAnswer:
    """An answer as it is kept: texts cut and without what nobody sees.

    Raises
    ------
    mirage.errors.BadInput
        When a key, a time or the kind cannot be.
    """
    if answer.kind not in QUESTION_KINDS:
        raise BadInput(
            _(
                "%(kind)s is no kind of question. There are: %(question_kinds)s.",
                kind=shown(answer.kind),
                question_kinds=", ".join(QUESTION_KINDS),
            )
        )
    for name in ("id", "item", "figure", "quiz", "asked", "given"):
        value = getattr(answer, name)
        if len(value) > MOST_KEY or not _KEY.fullmatch(value) or (not value and name in ("id", "item", "figure")):
            raise BadInput(_("An answer cannot have %(value)s as its %(name)s.", value=shown(value), name=name))
    if not answer.item.startswith(f"{answer.kind}:"):
        raise BadInput(_("An answer of the kind %(kind)s cannot be to %(item)s.", kind=answer.kind, item=shown(answer.item)))
    if not (math.isfinite(answer.when) and 0 <= answer.when < LATEST):
        raise BadInput(_("%(when)s is no time of an answer.", when=answer.when))
    words = {name: tidy(getattr(answer, name))[:MOST_TEXT] for name in ("asked_name", "given_text")}
    seconds = answer.seconds if math.isfinite(answer.seconds) and answer.seconds > 0 else 0.0
    values: dict[str, Any] = {name: getattr(answer, name) for name in _FIELDS}
    return GivenAnswer(**{**values, **words, "seconds": seconds})


def answer_of(row: Any) -> GivenAnswer:
    """A row of the table as an answer."""
    return GivenAnswer(**{name: getattr(row, name) for name in _FIELDS})
