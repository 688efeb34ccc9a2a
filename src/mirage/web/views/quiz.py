"""Quizzes as pages and the API show them: of a question that waits nothing that tells its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from mirage.atlas import Atlas
from mirage.compare.dual import Dual
from mirage.errors import NotFound
from mirage.figure import called
from mirage.images.notes import marked_by
from mirage.language.concepts import lexicon
from mirage.query import Query
from mirage.study.learning import QuestionKind
from mirage.study.quiz.kept import Asked, Quiz, Score
from mirage.study.quiz.pictures import PictureAddresses
from mirage.study.quiz.question import KIND_WORDS, Question, own
from mirage.study.quiz.words import ILL, Judgement, Verdict, gives_away
from mirage.web import forms
from mirage.web.views.figures import ApiModel, CaseView, FigureView, case_in, figure_in
from mirage.wording import N_, Words, _, looked_up

State = Literal["asked", "answered", "removed", "withdrawn"]
VERDICTS: Words[Verdict] = Words(
    {
        "right": N_("Right."),
        "broader": N_("Not precise enough: it is a kind of that."),
        "narrower": N_("More precise than the source says. Whether it is so cannot be told, so it does not count."),
        "contrary": N_("Nearly: a side or a number is another one than the source says."),
        "part": N_("That is a part of it, not all of it."),
        "wrong": N_("Wrong."),
        "unknown": N_("Not understood."),
        "passed": N_("Not answered."),
    }
)


class ScoreView(ApiModel):
    """How many were answered, and how many of these right."""

    right: int
    answered: int


class QuestionStateView(ApiModel):
    """A question of a quiz in a list."""

    number: int
    kind: QuestionKind
    state: State
    graded: bool = Field(description="Whether the answer was proven or reviewed; what is not is for practice.")
    right: bool | None = Field(description="Null until it is answered, and where that cannot be told.")
    page: str


class QuizInfoView(ApiModel):
    """A quiz."""

    id: str
    title: str = Field(description="Of what it was made; empty while that would give an answer away.")
    created: float = Field(description="Seconds since 1970.")
    count: int
    waiting: int = Field(description="How many questions can still be answered.")
    graded: ScoreView = Field(description="Of questions whose answers were proven or reviewed.")
    practice: ScoreView = Field(description="Of the others.")
    page: str


class QuizView(QuizInfoView):
    """A quiz with its questions, as far as they may be told."""

    lacking: dict[QuestionKind, str] = Field(description="Why there are few questions of a kind, and what to do.")
    questions: list[QuestionStateView]


class QuizzesView(ApiModel):
    """All quizzes, the newest first."""

    quizzes: list[QuizInfoView]


class QuizPictureView(ApiModel):
    """A picture of a question. The address is made anew each time, and leads there for half an hour."""

    address: str
    alt: str


class PassageView(ApiModel):
    """What the source says beside the picture."""

    name: str
    text: str
    left_out: int = Field(description="How many sentences are left out because they would give the answer away.")


class ChoiceView(ApiModel):
    """One of the answers to choose from."""

    number: int
    text: str


class GivenView(ApiModel):
    """What became of a question: only after it was answered."""

    verdict: Verdict
    says: str = Field(description="The same in words.")
    right: bool
    counts: bool = Field(description="Whether it can be told; what is more precise than the source says cannot.")
    text: str = Field(description="What was given.")
    read: str = Field(description="As it was read, where spelling was mended.")
    place: tuple[float, float] | None = Field(description="Where somebody pointed.")
    answer: str = Field(description="The right answer, of a diagnosis in the source's words.")
    concept: str = Field(description="The same as the lexicon calls it.")
    proven: str = Field(description="How the diagnosis was proven, in words; empty where the source does not say.")
    structure: str = Field(description="The structure that was asked about; empty where a diagnosis was.")
    quote: str = Field(description="The sentence of the source that says the side, where words do.")
    labels_by: str = Field(description="Who marked the structures.")
    figure: FigureView | None = Field(description="Null where the atlas has it no more.")
    figure_page: str = Field(description="Its page, of a stack at the slice that was shown.")
    case: CaseView | None
    compare: str = Field(description="Address of a comparison of what was given with the answer; empty where there is none.")


class QuestionView(QuestionStateView):
    """A question: until it is answered, what may be shown before."""

    count: int = Field(description="How many questions the quiz has.")
    asks: str
    grounds: str = Field(description="Why it is graded or for practice.")
    patient: str
    told: list[PassageView]
    untold: int = Field(description="How many passages of a case are still to be unfolded before its pictures.")
    step: int
    unfolded: bool = Field(description="Whether the pictures are shown, and it can be answered.")
    pictures: list[QuizPictureView]
    mark: tuple[float, float] | None = Field(description="Where the picture is marked, as shares of width and height.")
    choices: list[ChoiceView]
    licences: list[str] = Field(description="Under which the pictures are; their sources are told after the answer.")
    given: GivenView | None


def _score(score: Score) -> ScoreView:
    return ScoreView(right=score.right, answered=score.answered)


def _state(quiz: Quiz, asked: Asked) -> QuestionStateView:
    given = asked.given
    return QuestionStateView(
        number=asked.number,
        kind=asked.question.kind,
        state="withdrawn" if asked.withdrawn else "removed" if asked.removed else "asked" if given is None else "answered",
        graded=asked.question.graded,
        right=given.right if given and given.counts else None,
        page=page_of(quiz.id, asked.number),
    )


def page_of(quiz_id: str, number: int = 0) -> str:
    """The page of a quiz, or of one of its questions."""
    return f"{forms.address('quiz', quiz_id)}{f'/{number}' if number else ''}"


def info_view(quiz: Quiz) -> QuizInfoView:
    """Show a quiz in a list."""
    return QuizInfoView(
        id=quiz.id,
        title=quiz.title,
        created=quiz.created,
        count=len(quiz.asked),
        waiting=len(quiz.waiting),
        graded=_score(quiz.graded),
        practice=_score(quiz.practice),
        page=page_of(quiz.id),
    )


def quiz_view(quiz: Quiz) -> QuizView:
    """Show a quiz."""
    states = [_state(quiz, each) for each in quiz.asked]
    return QuizView(**dict(info_view(quiz)), lacking=quiz.lacking, questions=states)


def question_view(atlas: Atlas, addresses: PictureAddresses, quiz: Quiz, asked: Asked) -> QuestionView:
    """Show a question; its answer too, where that was given.

    Parameters
    ----------
    atlas : Atlas
    addresses : PictureAddresses
        Where addresses of its pictures are made.
    quiz : Quiz
    asked : Asked
    """
    question, given = asked.question, asked.given
    answered = _given(atlas, question, given) if given else None
    return QuestionView(
        **dict(_state(quiz, asked)),
        count=len(quiz.asked),
        asks=question.asks,
        grounds=question.grounds,
        patient=question.patient,
        told=[PassageView.of(each) for each in question.told[: asked.told]],
        untold=len(question.told) - asked.told,
        step=asked.step,
        unfolded=asked.unfolded,
        pictures=[] if asked.removed or not asked.unfolded else _pictures(addresses, quiz, asked, answered),
        mark=question.mark,
        choices=[ChoiceView(number=number, text=each.text) for number, each in enumerate(question.choices, start=1)],
        licences=_licences(atlas, question) if asked.waits else [],
        given=answered,
    )


def _pictures(addresses: PictureAddresses, quiz: Quiz, asked: Asked, answered: GivenView | None) -> list[QuizPictureView]:
    shown: list[QuizPictureView] = []
    pictures = asked.question.pictures
    for number, each in enumerate(pictures, start=1):
        name = addresses.make(quiz.id, each, asked.question.value if answered else 0)
        which = {"number": asked.number, "count": len(quiz.asked), "what": each.what}
        alt = _("Picture %(number)s of %(count)s, %(what)s", **which)
        if len(pictures) > 1:
            alt = _("Question %(number)s of %(count)s, picture %(picture)s, %(what)s", picture=number, **which)
        if answered and answered.figure and number == 1 and not asked.question.value:
            alt = answered.figure.alt
        shown.append(QuizPictureView(address=f"{page_of(quiz.id)}/pictures/{name}", alt=alt))
    return shown


def _licences(atlas: Atlas, question: Question) -> list[str]:
    """Names of the pictures' licences; one that would tell the answer waits for it."""
    names: list[str] = []
    for picture in question.pictures:
        try:
            name = str(atlas.figure(picture.figure).source.licence)
        except NotFound:
            continue
        hidden = gives_away(name, (question.asked, *question.part))
        names.append(_("told after the answer") if hidden else looked_up(name))
    return list(dict.fromkeys(names))


def _given(atlas: Atlas, question: Question, given: Judgement) -> GivenView:
    figure = case = None
    try:
        figure = figure_in(atlas, question.figure)
        case = case_in(atlas, figure.case_id) if figure.case_id else None
    except NotFound:
        pass
    picture = question.pictures[0]
    at = figure.links.page if figure else ""
    if figure and picture.view:
        structure = question.structure if question.value else ""
        at = forms.slice_address(own(figure.id), picture.number, picture.view, picture.window, structure)
    return GivenView(
        verdict=given.verdict,
        says=VERDICTS[given.verdict],
        right=given.right,
        counts=given.counts,
        text=given.text,
        read=given.read,
        place=given.place,
        answer=question.answer,
        concept=question.asked,
        proven=called(question.proof),
        structure=question.structure,
        quote=question.quote,
        labels_by=marked_by(question.labels_by),
        figure=figure,
        figure_page=at,
        case=case,
        compare=_compare(question, given),
    )


def _compare(question: Question, given: Judgement) -> str:
    ill = [each in lexicon() and lexicon().kind(each) in ILL for each in (given.given, question.asked)]
    if given.given == question.asked or not all(ill):
        return ""
    return forms.compare_address(Dual.of(Query.of(given.given), Query.of(question.asked)))


def kinds_words(kinds: Sequence[QuestionKind]) -> dict[QuestionKind, str]:
    """Kinds of question and what to call them, in the page's language."""
    return {kind: KIND_WORDS[kind] for kind in kinds}
