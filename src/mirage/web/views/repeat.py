"""Repetition as the API and the pages show it."""

from __future__ import annotations

from pydantic import Field

from mirage.compare.dual import Dual
from mirage.study import Study
from mirage.study.learning import GivenAnswer, QuestionKind
from mirage.study.progress import Confusion
from mirage.web import forms
from mirage.web.views.figures import ApiBody, ApiModel

MISTAKES = 20


class PaceView(ApiBody):
    """How somebody wants to repeat."""

    retention: float = Field(description="The share of cards that should still be known when they are asked.")
    new_per_day: int
    most_per_day: int


class RepeatView(ApiModel):
    """What is to do on this day; times are seconds since 1970."""

    due: int = Field(description="Cards to ask now that were asked before.")
    new: int = Field(description="Cards to ask now for the first time.")
    waiting: int = Field(description="Cards that are due too, beyond what is wanted in a day.")
    soon: int = Field(description="Cards that come back within this day.")
    answered: int = Field(description="Cards that were answered on this day.")
    cards: int
    removed: int = Field(
        description="Cards that are not asked: the atlas has their figures no more, or they are hidden or withdrawn."
    )
    ahead: int = Field(description="Cards that were answered later than it is now, by this machine's clock.")
    ahead_until: float
    next_due: float = Field(description="When the next card comes; 0 where none does.")
    pace: PaceView


class CardView(ApiModel):
    """A card, without what it asks about."""

    id: str
    kind: QuestionKind
    added: float
    due: float
    answered: int = Field(description="How often.")
    removed: bool
    withdrawn: bool = Field(description="Whether it is not asked because the figure's source has withdrawn it.")


class CardsView(ApiModel):
    """Some of the cards, those due first first."""

    cards: list[CardView]
    total: int
    offset: int


class CardsBody(ApiBody):
    """From what to make cards."""

    source: str = Field(description="figure, mistakes (of a quiz), search, collection, case or filter.")
    target: str = Field(description="Id of a figure, quiz, collection or case; query string of a search or filter.")
    kinds: list[str] = Field(default_factory=list, description="Kinds of question; all where none is given.")


class CardsAddedView(ApiModel):
    """What became of it."""

    new: int
    there: int = Field(description="Cards that there were already.")
    refused: list[str] = Field(description="Why there is no card of some figures, in words.")


class BegunView(ApiModel):
    """A quiz of the cards that are due."""

    quiz: str
    page: str
    questions: int


class RateBody(ApiBody):
    """How hard the last answer was."""

    answer: str = Field(description="Its id.")
    rating: str = Field(description="hard, good or easy.")


class DueView(ApiModel):
    """When a card comes again."""

    due: float


class UndoneView(ApiModel):
    """The answer that was taken back."""

    answer: str


class DayView(ApiModel):
    """The answers of a day; only what was proven or reviewed is right or wrong."""

    begins: float
    right: int
    wrong: int
    practice: int


class WeekView(ApiModel):
    """What was still known of the cards that had been learned."""

    begins: float
    known: int
    asked: int
    share: float | None
    low: float | None = Field(description="Of the 95 % interval.")
    high: float | None


class ComingView(ApiModel):
    """How many cards come on a day."""

    begins: float
    due: int


class ConfusionView(ApiModel):
    """What was answered where something else was asked."""

    asked: str
    given: str
    count: int
    practice: int = Field(description="How many of these were for practice.")
    compare: str = Field(description="Page that compares the two.")


class MistakeView(ApiModel):
    """The last answer to a question, where it was wrong."""

    when: float
    kind: QuestionKind
    asked: str
    given: str
    graded: bool
    figure: str
    page: str = Field(description="Of the figure.")


class LearningView(ApiModel):
    """How somebody gets on."""

    answers: int
    graded: int
    right: int
    days: list[DayView]
    weeks: list[WeekView]
    forecast: list[ComingView]
    confusions: list[ConfusionView]
    mistakes: list[MistakeView] = Field(description="None to a card that is due: it is asked again.")


def today_view(study: Study) -> RepeatView:
    """What is to do on this day."""
    return RepeatView.of(study.schedule.today(), pace=PaceView.of(study.schedule.pace))


def _confusion(found: Confusion) -> ConfusionView:
    return ConfusionView.of(found, compare=comparing(found.asked, found.given))


def comparing(asked: str, given: str) -> str:
    """Address that compares two concepts."""
    return forms.compare_address(Dual.of(asked, given))


def _mistake(answer: GivenAnswer) -> MistakeView:
    own = answer.figure.rpartition("~")[0] or answer.figure
    shown = {"asked": answer.asked_name or answer.asked, "given": answer.given_text or answer.given}
    return MistakeView.of(answer, **shown, page=forms.address("figure", own))


def progress_view(study: Study) -> LearningView:
    """All that is told of how somebody gets on."""
    mine = study.progress
    answers, graded, right = mine.totals()
    weeks = [
        WeekView.of(week, share=week.share, low=(week.interval or (None,))[0], high=(week.interval or (None,))[-1])
        for week in mine.weeks()
    ]
    return LearningView(
        answers=answers,
        graded=graded,
        right=right,
        days=[DayView.of(day) for day in mine.days()],
        weeks=weeks,
        forecast=[ComingView.of(coming) for coming in mine.forecast()],
        confusions=[_confusion(each) for each in mine.confusions()],
        mistakes=[_mistake(each) for each in mine.mistakes(limit=MISTAKES)],
    )
