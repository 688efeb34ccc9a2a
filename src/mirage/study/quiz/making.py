"""A quiz made of figures: questions of several kinds, in random order, each of which stands on what a source says or marks.

Nothing is asked that is not so: where figures give too few questions of a kind, it is said what they lack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from mirage.figure import Figure
from mirage.study.learning import QUESTION_KINDS, QuestionKind
from mirage.study.quiz import diagnosis as quiz_diagnosis
from mirage.study.quiz import structures as quiz_structures
from mirage.study.quiz.question import KIND_WORDS, Library, Question, own
from mirage.study.quiz.words import gives_away, kin
from mirage.wording import N_, Words, _, ngettext

MAKING: dict[QuestionKind, Callable[[Figure, Library, Random], Any]] = {
    "name": quiz_diagnosis.name,
    "choose": quiz_diagnosis.choose,
    "point": quiz_structures.points,
    "side": quiz_structures.sides,
    "unfold": quiz_diagnosis.unfold,
}
KINDS: tuple[QuestionKind, ...] = tuple(kind for kind in QUESTION_KINDS if kind in MAKING)
"""The kinds that can be asked."""
STRUCTURAL = frozenset({"point", "side"})
"""Kinds that ask about a structure, and of one case as often as it has some."""
MOST_QUESTIONS = 100
_MOST_LOOKED_AT = 1500  # figures, of each kind: looking for distractors is a search
_TODO: Words[str] = Words(
    {
        quiz_diagnosis.NO_DIAGNOSIS: N_("Choose figures with a diagnosis, or add a corpus of cases."),
        quiz_diagnosis.NOT_SHOWN: N_("Choose figures that show what was found."),
        quiz_diagnosis.NO_CASE: N_("Choose figures of cases that tell a history and findings."),
        quiz_diagnosis.NO_OTHERS: N_("Add a corpus with more diagnoses, or name the diagnosis instead."),
        quiz_structures.NO_LABELS: N_("Choose stacks with labels, such as those of the starter atlas."),
        quiz_structures.NO_NAMES: N_("Give the labels names when you add the stack."),
        quiz_structures.NO_SIDES: N_("Choose stacks in which both of a pair are labelled, or captions that say the side."),
    }
)
_TAKEN = N_(
    "were left out because their case, diagnosis or structure is asked for already, or would give another answer away"
)
_WHY: Words[str] = Words({reason: reason for reason in (*_TODO, _TAKEN)})


@dataclass(frozen=True, slots=True)
class MadeQuiz:
    """Questions, and what is lacking.

    Attributes
    ----------
    questions : tuple of Question
    lacking : dict
        Kind to why there are fewer questions of it than were asked for, and what to do, in words.
    """

    questions: tuple[Question, ...]
    lacking: dict[QuestionKind, str]


@dataclass(slots=True)
class _Source:
    """Where questions of one kind come from, one after the other, and why figures gave none."""

    kind: QuestionKind
    figures: Sequence[Figure]
    refused: Counter[str] = field(default_factory=Counter)
    looked_at: int = 0
    made: int = 0

    def questions(self, library: Library, random: Random, taken: Taken) -> Iterator[Question]:
        later: list[list[Question]] = []
        stacks = set[str]()
        for figure in self.figures:
            if self.kind not in STRUCTURAL and figure.slice_of:  # asked about as a whole
                if figure.slice_of.stack in stacks:
                    continue
                stacks.add(figure.slice_of.stack)
            if self.looked_at == _MOST_LOOKED_AT:
                break
            self.looked_at += 1
            if self.kind not in STRUCTURAL and taken.has(figure):
                self.refused[_TAKEN] += 1
                continue
            found = MAKING[self.kind](figure, library, random)
            if isinstance(found, str):
                self.refused[found] += 1
            elif isinstance(found, Question):
                yield found
            else:  # one of each stack before a second one of any
                yield found[0]
                later.append(found[1:])
        while later := [rest for rest in later if rest]:
            for rest in later:
                yield rest.pop(0)


class Taken:
    """What is asked for already: no case, diagnosis or structure twice, and no question that answers another."""

    def __init__(self) -> None:
        self._items, self._pictures = set[str](), set[Any]()
        self._cases: dict[str, bool] = {}  # case, or figure without one, to whether its diagnosis is asked for
        self._diagnoses: list[str] = []
        self._structures: list[str] = []

    def has(self, figure: Figure) -> bool:
        """Whether a figure's case, or the figure, is asked about."""
        return (figure.case_id or figure.id) in self._cases

    def takes(self, question: Question) -> bool:
        """Take a question where it goes with the others."""
        diagnosis, case = not question.value and not question.quote, question.case or own(question.figure)
        what = f"{question.structure} {question.quote}"
        same = question.item in self._items or (case in self._cases and (diagnosis or self._cases[case]))
        if diagnosis:
            names = (question.asked, *question.part)
            told = any(kin(name, other) for name in names for other in self._diagnoses)
            if same or told or any(gives_away(each, names) for each in self._structures):
                return False
            self._diagnoses += names
        else:
            key = (question.structure, own(question.figure) if question.value else case)
            if same or key in self._pictures or gives_away(what, self._diagnoses):
                return False
            self._pictures.add(key)
            self._structures.append(what)
        self._items.add(question.item)
        self._cases[case] = diagnosis
        return True


def questions(
    figures: Sequence[Figure], library: Library, *, kinds: Collection[QuestionKind] = KINDS, count: int = 10, seed: int = 0
) -> MadeQuiz:
    """Make questions of figures: as many of each kind as there can be, in turn, in random order.

    A case is asked about once, and so are a diagnosis and a structure; no question answers another one.

    Parameters
    ----------
    figures : sequence of Figure
    library : Library
        The atlas that they are of, whose other figures give distractors.
    kinds : collection of str
        Of `KINDS`.
    count : int
        How many questions at most.
    seed : int
        The same figures, atlas and seed give the same questions.
    """
    random = Random(seed)  # noqa: S311 - an order of questions is no secret once they are shown
    order = sorted(figures, key=lambda figure: figure.id)
    random.shuffle(order)
    sources = [_Source(kind, order) for kind in KINDS if kind in kinds]
    taken = Taken()
    turns = {source.kind: (source, source.questions(library, random, taken)) for source in sources}
    made: list[Question] = []
    while turns and len(made) < count:
        for kind, (source, coming) in list(turns.items()):
            question = next((each for each in coming if _takes(taken, each, source)), None)
            if question is None:
                del turns[kind]
                continue
            made.append(question)
            source.made += 1
            if len(made) == count:
                break
    random.shuffle(made)
    share = -(-count // max(1, len(sources)))
    few = [each for each in sources if each.made < share and (len(made) < count or not each.made)]
    return MadeQuiz(tuple(made), {each.kind: _lacking(each) for each in few})


def _takes(taken: Taken, question: Question, source: _Source) -> bool:
    if taken.takes(question):
        return True
    source.refused[_TAKEN] += 1
    return False


def _lacking(source: _Source) -> str:
    """Why there are no more questions of a kind, and what to do."""
    kind = KIND_WORDS[source.kind]
    kind = kind[:1].upper() + kind[1:]
    begun = _("%(kind)s: no questions.", kind=kind)
    if source.made:
        begun = ngettext("%(kind)s: %(num)s question.", "%(kind)s: %(num)s questions.", source.made, kind=kind)
    if not source.looked_at:
        return begun + " " + _("There are no figures to ask about, or all are hidden or withdrawn.")
    why = "; ".join(f"{count:,} {_WHY[reason]}" for reason, count in source.refused.most_common(2)) or _("no more was left")
    todo = next((_TODO[reason] for reason, _count in source.refused.most_common() if reason in _TODO), "")
    among = ngettext(
        "Of %(num)s figure or stack %(why)s.", "Of %(num)s figures and stacks %(why)s.", source.looked_at, why=why
    )
    return f"{begun} {among} {todo}".strip()
