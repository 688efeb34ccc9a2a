"""Cards from figures, and quizzes from the cards that are due."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from mirage.errors import BadInput, NotFound
from mirage.figure import Figure
from mirage.query import shown
from mirage.study.collections import Collections
from mirage.study.learning import GivenAnswer, Learning, QuestionKind
from mirage.study.quiz import diagnosis as quiz_diagnosis
from mirage.study.quiz.keeping import Quizzes
from mirage.study.quiz.kept import Quiz
from mirage.study.quiz.making import KINDS, MAKING, STRUCTURAL, Taken
from mirage.study.quiz.origin import ORIGINS, Material, Origin, material, origin_of
from mirage.study.quiz.question import Library, Question, own
from mirage.study.schedule import CardQuestion, Schedule
from mirage.wording import _

SOURCES = ("figure", "mistakes", *ORIGINS)
"""From what cards are made: a figure, the mistakes of a quiz, or what a quiz can be made of."""
_KEPT = 24 * 3600.0  # seconds for which a round can be looked at
ROUND = 20
"""Questions of a round."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of figures that were to be repeated.

    Attributes
    ----------
    new, there : int
        Cards that are new or came back, and those that were there already.
    refused : tuple of str
        Why there is no card of some figures, in words, with how many.
    """

    new: int
    there: int
    refused: tuple[str, ...] = ()


class Repeating:
    """Repetition by the questions of a quiz.

    Parameters
    ----------
    library : Library
        The atlas.
    schedule : Schedule
    quizzes : Quizzes
    collections : Collections
    learning : Learning
    """

    def __init__(
        self, library: Library, schedule: Schedule, quizzes: Quizzes, collections: Collections, learning: Learning
    ) -> None:
        self._library, self._schedule, self._quizzes = library, schedule, quizzes
        self._collections, self._learning = collections, learning

    def add(self, source: str, target: str, kinds: Collection[str] = ()) -> Added:
        """Make cards, of which the schedule asks from then on.

        Parameters
        ----------
        source : str
            Of `SOURCES`.
        target : str
            Id of a figure, quiz, collection or case; of a search or filter its query string.
        kinds : collection of str
            Of `mirage.study.quiz.making.KINDS`; all of them where none is given. Mistakes are asked as they were.

        Raises
        ------
        mirage.errors.MirageError
            When there is nothing to ask about; says why.
        """
        if strange := [kind for kind in kinds if kind not in KINDS]:
            raise BadInput(
                _(
                    "There is no kind of question %(shown)s. There are: %(kinds)s.",
                    shown=shown(strange[0]),
                    kinds=", ".join(KINDS),
                )
            )
        refused = Counter[str]()
        if source == "mistakes":
            found = [question_of(answer) for answer in self._learning.mistakes_of(target)]
            if not found:
                raise BadInput(_("That quiz has no mistakes to repeat."))
        else:
            figures = self._figures(source, target)
            found = list(self._askable(figures, [kind for kind in KINDS if not kinds or kind in kinds], refused))
        why = tuple(f"{count:,} {reason}" for reason, count in refused.most_common(3))
        if not found:
            raise BadInput(
                _(
                    "Nothing can be asked here: %(value)s.",
                    value="; ".join(why) or _("there are no figures, or all are hidden or withdrawn"),
                )
            )
        new = self._schedule.add(found)
        return Added(new, len(found) - new, why)

    def check(self, source: str, target: str) -> None:
        """Whether there is something of which cards could be made.

        Parameters
        ----------
        source, target : str
            As for `add`.

        Raises
        ------
        mirage.errors.MirageError
            When there is no such thing.
        """
        if source == "mistakes":
            if not self._learning.mistakes_of(target):
                raise BadInput(_("That quiz has no mistakes to repeat."))
        elif source == "figure":
            self._library.figure(target)
        elif origin_of(source, target).kind == "collection":
            self._collections.get(target)
        elif source == "case":
            self._library.case(target)

    def _figures(self, source: str, target: str) -> Sequence[Figure]:
        if source == "figure":
            return [self._library.figure(target)]
        return material(origin_of(source, target), self._library, self._collections).figures

    def _askable(
        self, figures: Sequence[Figure], kinds: Sequence[QuestionKind], refused: Counter[str]
    ) -> Iterator[CardQuestion]:
        seen = set[tuple[str, str]]()
        for figure in figures:
            for kind in kinds:
                # Whether there are three others to choose from is looked for when it is asked: that takes a search.
                making = quiz_diagnosis.name if kind == "choose" else MAKING[kind]
                made = making(figure, self._library, Random(0))  # noqa: S311 - the questions are drawn anew when they are asked
                if isinstance(made, str):
                    refused[made] += 1
                    continue
                for each in [made] if isinstance(made, Question) else made:
                    about = each.item if kind in STRUCTURAL else each.case or own(each.figure)
                    if (kind, about) not in seen:  # a case has one diagnosis, however many figures
                        seen.add((kind, about))
                        yield CardQuestion(kind, each.figure, each.structure if kind in STRUCTURAL else "")

    def begun(self) -> Quiz | None:
        """The newest round that still has questions to answer; None where there is none."""
        since = time.time() - _KEPT
        rounds = (quiz for quiz in self._quizzes.list() if quiz.origin.kind == "repetition" and quiz.created >= since)
        return next((quiz for quiz in rounds if quiz.waiting), None)

    def begin(self, count: int = ROUND) -> Quiz:
        """Go on with the round that was begun, or else make a quiz of the cards that are due.

        What would answer another one's question waits for the next round.

        Parameters
        ----------
        count : int
            How many questions a new round has at most.

        Raises
        ------
        mirage.errors.BadInput
            When none is due, or none can be asked.
        """
        if (going := self.begun()) is not None:
            return going
        due = self._schedule.queue(200)
        if not due:
            raise BadInput(_("No card is due now."))
        taken, made, refused = Taken(), list[Question](), Counter[str]()
        for card in due:
            question = self._made(card)
            if isinstance(question, str):
                refused[question] += 1
            elif taken.takes(question):
                made.append(question)
            if len(made) == count:
                break
        if not made:
            why = "; ".join(f"{number:,} {reason}" for reason, number in refused.most_common(3))
            raise BadInput(
                _("The cards that are due cannot be asked: %(why)s. Take them out, or add what is lacking.", why=why)
            )
        for quiz in self._quizzes.list():  # rounds would fill the list of quizzes; their answers stay
            if quiz.origin.kind == "repetition" and quiz.created < time.time() - _KEPT:
                self._quizzes.delete(quiz.id)
        return self._quizzes.keep(made, Material((), "Repetition", ""), Origin("repetition"), {})

    def _made(self, card: CardQuestion) -> Question | str:
        """The question of a card, with the card's own key: its figure may have another id by now."""
        try:
            found = MAKING[card.kind](self._library.figure(card.figure), self._library, Random())  # noqa: S311
        except NotFound:
            return _("are of figures that were removed")
        if isinstance(found, str):
            return found
        for each in [found] if isinstance(found, Question) else found:
            if card.kind not in STRUCTURAL or each.structure == card.structure:
                return replace(each, item=card.item)
        return _("ask for structures that are not marked any more")


def question_of(answer: GivenAnswer) -> CardQuestion:
    """The question that an answer was to."""
    head = f"{answer.kind}:{answer.figure.rpartition('~')[0] or answer.figure}"
    return CardQuestion(answer.kind, answer.figure, answer.item.removeprefix(head).removeprefix(":"))
