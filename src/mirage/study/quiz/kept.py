"""A quiz as it is kept: its questions, what was answered, and how it is read from its tables."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from mirage.study.learning import QuestionKind
from mirage.study.quiz.origin import Origin
from mirage.study.quiz.question import Question, names_asked
from mirage.study.quiz.words import Judgement, gives_away

QUESTION: TypeAdapter[Question] = TypeAdapter(Question)
JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as somebody gives it.

    Attributes
    ----------
    text : str
        A diagnosis, in words; empty for *I don't know*.
    choice : int
        Which of the choices, from 1; 0 for none.
    x, y : float or None
        A place, as shares of the picture's width and height.
    column, row : int
        Instead of a place, a square of a grid of `mirage.study.quiz.structures.GRID` by as many, from 1; 0 for none.
    """

    text: str = ""
    choice: int = 0
    x: float | None = None
    y: float | None = None
    column: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a quiz and what became of it.

    Attributes
    ----------
    id : str
    number : int
        From 1.
    question : Question
    step : int
        How many passages of a case are told beyond the first.
    opened : float or None
        When it was first shown, in seconds since 1970.
    given : Judgement or None
        None until it is answered.
    removed : bool
        Whether its figure is not in the atlas any more, or is hidden or withdrawn, and so cannot be asked about.
    withdrawn : bool
        Whether it cannot be asked about because the figure's source has withdrawn it.
    """

    id: str
    number: int
    question: Question
    step: int
    opened: float | None
    given: Judgement | None
    removed: bool
    withdrawn: bool = False

    @property
    def waits(self) -> bool:
        """Whether it can still be answered."""
        return self.given is None and not self.removed

    @property
    def told(self) -> int:
        """How many passages are told now; all, unless a case is being unfolded."""
        count = len(self.question.told)
        return min(self.step + 1, count) if self.question.kind == "unfold" and self.given is None else count

    @property
    def unfolded(self) -> bool:
        """Whether pictures are shown and the diagnosis is asked for; of a case that is after all passages."""
        return self.question.kind != "unfold" or self.given is not None or self.step >= len(self.question.told)


@dataclass(frozen=True, slots=True)
class Score:
    """How many were answered, and how many of these right."""

    right: int
    answered: int


@dataclass(frozen=True, slots=True)
class Quiz:
    """A quiz with its questions.

    Attributes
    ----------
    id : str
    title : str
        Of what it was made; empty while that would give an answer away.
    origin : Origin
    created : float
        Seconds since 1970.
    lacking : dict
        Kind to why there are few questions of it.
    asked : tuple of Asked
    """

    id: str
    title: str
    origin: Origin
    created: float
    lacking: dict[QuestionKind, str]
    asked: tuple[Asked, ...]

    @property
    def waiting(self) -> tuple[Asked, ...]:
        """The questions that can still be answered."""
        return tuple(each for each in self.asked if each.waits)

    @property
    def graded(self) -> Score:
        """What counts: questions whose answers were proven or reviewed."""
        return _score([each for each in self.asked if each.question.graded])

    @property
    def practice(self) -> Score:
        """The others."""
        return _score([each for each in self.asked if not each.question.graded])


def quiz_of(row: Any, rows: Collection[Any], there: Collection[str], withdrawn: Collection[str] = ()) -> Quiz:
    """A quiz from its row and those of its questions.

    Parameters
    ----------
    row : row of `quizzes`
    rows : rows of `quiz_questions`
    there : collection of str
        References of those figures that the atlas has and that are not hidden or withdrawn.
    withdrawn : collection of str
        Of those that their source has withdrawn.
    """
    asked = tuple(_asked(each, there, withdrawn) for each in rows)
    waiting = [each.question for each in asked if each.waits]
    hidden = gives_away(row.title, names_asked(waiting)) or any(
        gives_away(row.title, [q.structure]) for q in waiting if q.quote
    )
    lacking = json.loads(row.lacking or "{}")
    return Quiz(row.id, "" if hidden else row.title, Origin(row.origin, row.target), row.created, lacking, asked)


def _asked(row: Any, there: Collection[str], withdrawn: Collection[str]) -> Asked:
    question = QUESTION.validate_json(row.question)
    given = JUDGEMENT.validate_json(row.given) if row.given else None
    first, *beside = question.pictures
    gone = given is None and not (question.figure in there and first.figure in there)
    question = replace(question, pictures=(first, *(each for each in beside if each.figure in there)))
    recalled = gone and (question.figure in withdrawn or first.figure in withdrawn)
    return Asked(row.id, row.place, question, row.step, row.opened, given, gone, recalled)


def references_in(row: Any) -> set[str]:
    """The figure that a row of a question is about, and those that are shown beside it."""
    question = json.loads(row.question)
    return {str(question["figure"]), *(str(each["figure"]) for each in question["pictures"])}


def _score(asked: Collection[Asked]) -> Score:
    told = [each.given for each in asked if each.given is not None and each.given.counts]
    return Score(sum(each.right for each in told), len(told))
