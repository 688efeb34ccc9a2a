"""Quizzes that are kept: made once, answered question by question, and there again after a restart."""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from mirage.errors import BadInput, MirageError, NotFound
from mirage.query import shown, tidy
from mirage.storage.database import Database
from mirage.study.collections import Collections
from mirage.study.learning import GivenAnswer, Learning, QuestionKind, checked, new_id
from mirage.study.quiz.kept import JUDGEMENT, QUESTION, Asked, Given, Quiz, quiz_of, references_in
from mirage.study.quiz.making import KINDS, MOST_QUESTIONS, questions
from mirage.study.quiz.origin import Material, Origin, material
from mirage.study.quiz.question import Library, Question, own
from mirage.study.quiz.structures import GRID, concept_of, in_square, points_at
from mirage.study.quiz.words import Judgement, judged
from mirage.study.records import quiz_questions, quizzes
from mirage.wording import _

MOST_QUIZZES = 500
LONGEST = 3600.0  # seconds that an answer can have taken; who takes longer was away


class Quizzes:
    """The quizzes of the person of this machine.

    Parameters
    ----------
    database : callable
        Gives the database, made where there is none if it is told so; None where there is none.
    library : Library
        The atlas.
    collections : Collections
    learning : Learning
        Told of each answer.

    Examples
    --------
    >>> with Atlas.open() as atlas:  # doctest: +SKIP
    ...     quiz = atlas.study.quiz.make(Origin("search", "q=chest+CT"), count=5)
    ...     print(quiz.asked[0].question.asks)
    ...     atlas.study.quiz.answer(quiz.id, 1, Given(text="aortic dissection"))
    """

    def __init__(
        self, database: Callable[[bool], Database | None], library: Library, collections: Collections, learning: Learning
    ) -> None:
        self._open, self._library, self._collections, self._learning = database, library, collections, learning

    def _made(self) -> Database:
        database = self._open(True)
        assert database is not None
        return database

    def list(self) -> list[Quiz]:
        """All quizzes, the newest first."""
        database = self._open(False)
        if database is None:
            return []
        rows = database.rows(sa.select(quizzes).order_by(quizzes.c.created.desc(), quizzes.c.id))
        of: dict[str, list[Any]] = {row.id: [] for row in rows}
        for row in database.rows(sa.select(quiz_questions).order_by(quiz_questions.c.place)):
            of[row.quiz].append(row)
        known = self._there([row for found in of.values() for row in found])
        return [quiz_of(row, of[row.id], *known) for row in rows]

    def get(self, quiz_id: str) -> Quiz:
        """One quiz.

        Raises
        ------
        mirage.errors.NotFound
        """
        database = self._open(False)
        if database is None:
            raise _gone(quiz_id)
        with database.reading() as connection:
            row = connection.execute(sa.select(quizzes).where(quizzes.c.id == quiz_id)).first()
            mine = sa.select(quiz_questions).where(quiz_questions.c.quiz == quiz_id).order_by(quiz_questions.c.place)
            rows = connection.execute(mine).all()
        if row is None:
            raise _gone(quiz_id)
        return quiz_of(row, rows, *self._there(rows))

    def _there(self, rows: Collection[Any]) -> tuple[set[str], set[str]]:
        """The figures of some questions that can be asked about: the atlas has them, and they are not hidden or withdrawn.

        Beside them those that it has, and that their source has withdrawn.
        """
        store, hidden, withdrawn = self._library.store, self._library.hidden_keys(), self._library.withdrawn_keys()
        there = store.present(reference for row in rows for reference in references_in(row))
        if not hidden:
            return there, set()
        known = store.keys_of(sorted({own(each) for each in there}))
        keys = {each: known.get(own(each)) or store.row(each).key for each in there}
        return {each for each in there if keys[each] not in hidden}, {each for each in there if keys[each] in withdrawn}

    def make(
        self, origin: Origin, *, kinds: Collection[QuestionKind] = KINDS, count: int = 10, seed: int | None = None
    ) -> Quiz:
        """Make a quiz.

        Parameters
        ----------
        origin : Origin
        kinds : collection of str
            Of `mirage.study.quiz.making.KINDS`.
        count : int
            How many questions at most, 1 to 100; there are fewer where there is too little to ask about.
        seed : int, optional
            The same origin, atlas and seed give the same questions; another quiz each time when left out.

        Raises
        ------
        mirage.errors.BadInput
            When there is no question that can be asked; says what is lacking.
        """
        if not 1 <= count <= MOST_QUESTIONS:
            raise BadInput(
                _("A quiz has 1 to %(most_questions)s questions, not %(count)s.", most_questions=MOST_QUESTIONS, count=count)
            )
        if strange := [kind for kind in kinds if kind not in KINDS]:
            raise BadInput(
                _(
                    "There is no kind of question %(shown)s. There are: %(kinds)s.",
                    shown=shown(strange[0]),
                    kinds=", ".join(KINDS),
                )
            )
        if not kinds:
            raise BadInput(_("Choose at least one kind of question."))
        chosen = secrets.randbelow(2**31) if seed is None else seed
        found = material(origin, self._library, self._collections, chosen)
        made = questions(found.figures, self._library, kinds=kinds, count=count, seed=chosen)
        if not made.questions:
            raise BadInput(_("No quiz can be made of this. %(list)s", list=" ".join(made.lacking.values())))
        return self.keep(made.questions, found, origin, made.lacking)

    def keep(self, made: Collection[Question], found: Material, origin: Origin, lacking: dict[QuestionKind, str]) -> Quiz:
        """Keep a quiz of questions that are there.

        Parameters
        ----------
        made : collection of Question
        found : Material
            Of what they were made.
        origin : Origin
        lacking : dict
        """
        new = secrets.token_hex(8)  # begins with no hyphen, which a command would take for an option
        with self._made().writing(alone=True) as connection:
            number = connection.execute(sa.select(sa.func.count()).select_from(quizzes)).scalar() or 0
            if number >= MOST_QUIZZES:
                raise BadInput(_("There are %(number)s quizzes, the most there may be. Delete one first.", number=number))
            values = {"id": new, "title": found.title, "origin": origin.kind, "target": found.kept}
            told = {"lacking": json.dumps(lacking), "created": time.time()}
            connection.execute(sa.insert(quizzes).values(**values, **told))
            rows = [
                {"id": new_id(), "quiz": new, "place": place, "question": QUESTION.dump_json(each).decode()}
                for place, each in enumerate(made, start=1)
            ]
            connection.execute(sa.insert(quiz_questions), rows)
        return self.get(new)

    def asked(self, quiz_id: str, number: int, *, opening: bool = False) -> tuple[Quiz, Asked]:
        """A quiz and one of its questions.

        Parameters
        ----------
        quiz_id : str
        number : int
            From 1.
        opening : bool
            Whether it is shown to somebody now: then it is kept when it first was.

        Raises
        ------
        mirage.errors.NotFound
        """
        quiz = self.get(quiz_id)
        found = next((each for each in quiz.asked if each.number == number), None)
        if found is None:
            raise NotFound(
                _(
                    "This quiz has questions 1 to %(asked)s; there is no question %(number)s.",
                    asked=len(quiz.asked),
                    number=number,
                )
            )
        if opening and found.opened is None and found.waits:
            now = time.time()
            self._change(found.id, quiz_questions.c.opened.is_(None), opened=now)
            return quiz, replace(found, opened=now)
        return quiz, found

    def unfold(self, quiz_id: str, number: int, step: int) -> Asked:
        """Tell the next passage of a case; once, however often the same step is asked for.

        Parameters
        ----------
        quiz_id : str
        number : int
        step : int
            How many passages were told beyond the first.

        Raises
        ------
        mirage.errors.MirageError
        """
        _other, found = self.asked(quiz_id, number)
        if found.question.kind == "unfold" and found.waits and not found.unfolded:
            self._change(found.id, quiz_questions.c.step == max(0, step), step=max(0, step) + 1)
        return self.asked(quiz_id, number)[1]

    def answer(self, quiz_id: str, number: int, given: Given) -> tuple[Asked, bool]:
        """Answer a question. The first answer counts; a later one, from another page, changes nothing.

        Parameters
        ----------
        quiz_id : str
        number : int
        given : Given

        Returns
        -------
        Asked, bool
            The question as it is now, and whether this was its answer.

        Raises
        ------
        mirage.errors.BadInput
            When it is no answer to this question, or none that can be understood. It can be answered again then.
        mirage.errors.NotFound
        """
        quiz, found = self.asked(quiz_id, number)
        new = False
        if found.waits:
            judgement = self._judge(found, given)
            written, now = JUDGEMENT.dump_json(judgement).decode(), time.time()
            checked(self._answer(quiz, found, judgement, now))  # so that nothing is written that cannot be recorded
            new = self._change(found.id, quiz_questions.c.given == "", given=written, answered=now)
            quiz, found = self.asked(quiz_id, number)
        if found.given is None:
            raise NotFound(
                _(
                    "What this question asks about was removed from the atlas, is hidden, or was withdrawn by its source. "
                    "Go on with the next one."
                )
            )
        # Again where it was answered already: had the machine stopped between the two, this one would lack.
        if found.given.counts:
            self._learning.record(self._answer(quiz, found, found.given, self._answered(found.id)))
        return found, new

    def delete(self, quiz_id: str) -> None:
        """Delete a quiz. What was answered in it stays in the record of answers."""
        self.get(quiz_id)
        with self._made().writing(alone=True) as connection:
            connection.execute(sa.delete(quiz_questions).where(quiz_questions.c.quiz == quiz_id))
            connection.execute(sa.delete(quizzes).where(quizzes.c.id == quiz_id))

    def _change(self, question_id: str, still: sa.ColumnElement[bool], **values: Any) -> bool:
        with self._made().writing(alone=True) as connection:
            changed = sa.update(quiz_questions).where((quiz_questions.c.id == question_id) & still).values(**values)
            return bool(connection.execute(changed).rowcount)

    def _judge(self, found: Asked, given: Given) -> Judgement:
        question = found.question
        if given != Given() and not _fits(question, given):
            raise BadInput(_("That is no answer to this question."))
        if question.choices:
            if given.choice == 0:
                return Judgement("passed")
            if not 1 <= given.choice <= len(question.choices):
                raise BadInput(_("Choose one of the answers, 1 to %(choices)s.", choices=len(question.choices)))
            choice = question.choices[given.choice - 1]
            return Judgement("right" if choice.concept == question.asked else "wrong", choice.concept, choice.text)
        if question.kind == "point":
            return self._pointed(question, given)
        if not found.unfolded:
            raise BadInput(_("The case is not told to the end yet. Go on to the pictures, then name the diagnosis."))
        judgement = judged(given.text, question.asked, question.part, question.answer)
        if judgement.verdict == "unknown":
            raise BadInput(
                _(
                    "%(shown)s is no diagnosis that is known here. Check the spelling, use another name for it, or "
                    "say that you don't know.",
                    shown=shown(judgement.read or judgement.text),
                )
            )
        return judgement

    def _pointed(self, question: Question, given: Given) -> Judgement:
        x, y = given.x, given.y
        if (x is None or y is None) and (given.column or given.row):
            if not (1 <= given.column <= GRID and 1 <= given.row <= GRID):
                raise BadInput(_("Choose a column and a row, each from 1 to %(grid)s.", grid=GRID))
            x, y = in_square(question, self._library, given.column, given.row)
        if x is None or y is None:
            return Judgement("passed")
        if not all(math.isfinite(each) and 0 <= each <= 1 for each in (x, y)):
            raise BadInput(_("That place is not in the picture. Point at a place in it."))
        right, there = points_at(question, self._library, x, y)
        name = there or (question.structure if right else "")
        return Judgement("right" if right else "wrong", concept_of(name) if name else "", name, place=(x, y))

    def _answer(self, quiz: Quiz, found: Asked, judgement: Judgement, answered: float) -> GivenAnswer:
        question = found.question
        begun = found.opened if found.opened is not None else answered
        return GivenAnswer(
            id=found.id,
            when=answered,
            quiz=quiz.id,
            kind=question.kind,
            item=question.item,
            figure=question.figure,
            asked=question.asked,
            asked_name=question.structure if question.value else question.answer,
            given=judgement.given,
            given_text=judgement.text,
            right=judgement.right,
            graded=question.graded,
            seconds=min(LONGEST, max(0.0, answered - begun)),
        )

    def _answered(self, question_id: str) -> float:
        with self._made().reading() as connection:
            asked = sa.select(quiz_questions.c.answered).where(quiz_questions.c.id == question_id)
            when = connection.execute(asked).scalar()
        return time.time() if when is None else float(when)


def _fits(question: Question, given: Given) -> bool:
    """Whether an answer is of the sort that a question wants: a choice, a place or words."""
    if question.choices:
        return given.choice != 0
    if question.kind == "point":
        return (given.x is not None and given.y is not None) or bool(given.column or given.row)
    return bool(tidy(given.text))


def _gone(quiz_id: str) -> MirageError:
    return NotFound(
        _(
            "There is no quiz %(quiz_id)s. It was deleted, or the address is cut. /quiz lists those there are.",
            quiz_id=shown(quiz_id, 40),
        )
    )
