"""Quizzes: their pages, which work without scripts, and the JSON twins. Neither tells an answer before it is given."""

from __future__ import annotations

import math
import time
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from mirage.corpora import spoken
from mirage.errors import BadInput, MirageError
from mirage.study.learning import QuestionKind
from mirage.study.quiz.kept import Given
from mirage.study.quiz.making import KINDS, MOST_QUESTIONS
from mirage.study.quiz.origin import OriginKind, material, origin_of
from mirage.study.quiz.pictures import MEDIA_TYPE, PictureAddresses, drawn
from mirage.study.quiz.structures import GRID, columns
from mirage.web import forms, openapi
from mirage.web.openapi import PROBLEM, sent
from mirage.web.repeat import moved
from mirage.web.rights import wants
from mirage.web.root import at
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, Site
from mirage.web.templating import page
from mirage.web.uploads import TokenForm
from mirage.web.views.figures import ApiBody
from mirage.web.views.quiz import (
    QuestionView,
    QuizView,
    QuizzesView,
    info_view,
    kinds_words,
    page_of,
    question_view,
    quiz_view,
)
from mirage.wording import _

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("study")])
router = APIRouter(include_in_schema=False, dependencies=[wants("study")])

Number = Annotated[int, Path(ge=1, le=MOST_QUESTIONS, description="Which question, from 1.")]


class QuizBody(ApiBody):
    """Of what to make a quiz."""

    origin: OriginKind = "filter"
    target: str = Field(
        "", description="Query string of a search, id of a collection or case, or filters: corpus=medpix&proof=pathology."
    )
    kinds: list[QuestionKind] = Field(
        list(KINDS), description="Which kinds of question; all that can be asked when left out."
    )
    count: int = Field(10, ge=1, le=MOST_QUESTIONS)
    seed: int | None = Field(None, description="The same gives the same questions, as long as the atlas stays as it is.")


class GivenBody(ApiBody):
    """An answer: words, a choice, or a place. None of them says that one does not know."""

    text: str = ""
    choice: int = Field(0, description="Which of the choices, from 1.")
    x: float | None = Field(None, description="Share of the picture's width, from the left.")
    y: float | None = Field(None, description="Share of the picture's height, from the top.")
    column: int = Field(0, description="Instead of a place, a square of the grid: its column, from 1.")
    row: int = Field(0, description="And its row.")


class UnfoldBody(ApiBody):
    """How far a case was unfolded when the next passage was asked for."""

    step: int = Field(ge=0)


def _addresses(site: RunningSite) -> PictureAddresses:
    return site.kept("quiz pictures", "", lambda: PictureAddresses(site.atlas.store.id_key), worded=False)


def _question(site: RunningSite, quiz_id: str, number: int) -> QuestionView:
    quiz, asked = site.study.quiz.asked(quiz_id, number, opening=True)
    return question_view(site.atlas, _addresses(site), quiz, asked)


@twins.get("/quiz", response_model=QuizzesView)
def quizzes(site: Site) -> Response:
    """All quizzes."""
    return sent(QuizzesView(quizzes=[info_view(each) for each in site.study.quiz.list()]))


@twins.post("/quiz", response_model=QuizView, status_code=201, dependencies=[NEEDS_TOKEN])
def make(site: Site, body: QuizBody) -> Response:
    """Make a quiz. Wants this start's token in the header X-Mirage-Token, as all that changes something."""
    origin = origin_of(body.origin, body.target)
    made = site.study.quiz.make(origin, kinds=body.kinds, count=body.count, seed=body.seed)
    return sent(quiz_view(made), 201)


@twins.get("/quiz/{quiz_id}", response_model=QuizView)
def quiz(site: Site, quiz_id: str) -> Response:
    """A quiz: how far it is, and how it went."""
    return sent(quiz_view(site.study.quiz.get(quiz_id)))


@twins.delete("/quiz/{quiz_id}", response_model=QuizzesView, dependencies=[NEEDS_TOKEN])
def delete(site: Site, quiz_id: str) -> Response:
    """Delete a quiz. What was answered in it stays in the record of answers."""
    site.study.quiz.delete(quiz_id)
    return quizzes(site)


@twins.get("/quiz/{quiz_id}/questions/{number}", response_model=QuestionView)
def question(site: Site, quiz_id: str, number: Number) -> Response:
    """One question; its answer, source and case once it was answered."""
    return sent(_question(site, quiz_id, number))


@twins.post("/quiz/{quiz_id}/questions/{number}/answer", response_model=QuestionView, dependencies=[NEEDS_TOKEN])
def answer(site: Site, quiz_id: str, number: Number, body: GivenBody) -> Response:
    """Answer a question. The first answer counts; a later one changes nothing and is told what the first one was."""
    given = Given(body.text, body.choice, body.x, body.y, body.column, body.row)
    site.study.quiz.answer(quiz_id, number, given)
    return sent(_question(site, quiz_id, number))


@twins.post("/quiz/{quiz_id}/questions/{number}/unfold", response_model=QuestionView, dependencies=[NEEDS_TOKEN])
def unfold(site: Site, quiz_id: str, number: Number, body: UnfoldBody) -> Response:
    """Tell the next passage of a case."""
    site.study.quiz.unfold(quiz_id, number, body.step)
    return sent(_question(site, quiz_id, number))


@twins.get(
    "/quiz/{quiz_id}/pictures/{name}",
    response_class=Response,
    responses=openapi.files("The picture. Nothing in it or beside it says whose it is.", MEDIA_TYPE),
)
def picture(site: Site, quiz_id: str, name: str) -> Response:
    """A picture of a question, by an address that was made for one showing of it."""
    questions = [asked.question for asked in site.study.quiz.get(quiz_id).asked]
    may_be = ((each, tinted) for question in questions for each in question.pictures for tinted in {0, question.value})
    found, highlight = _addresses(site).get(quiz_id, name, may_be)
    return Response(drawn(found, site.atlas, highlight), media_type=MEDIA_TYPE)


# -- the pages -----------------------------------------------------------------------------------------------------------


def _fields(form: FormData, *names: str) -> list[str]:
    return [value if isinstance(value := form.get(name, ""), str) else "" for name in names]


@router.get("/quiz")
def quizzes_page(site: Site, deleted: str = "") -> Response:
    """List the quizzes, and offer to make one of the whole atlas."""
    there = [info_view(each) for each in site.study.quiz.list()]
    corpora = [(corpus.name, spoken(corpus.name, corpus.title)[0]) for corpus in site.atlas.info().corpora]
    return page(
        "quizzes.html", quizzes=there, corpora=corpora, deleted=bool(deleted), kinds=kinds_words(KINDS), token=site.token
    )


@router.get("/quiz/new")
def new_page(site: Site, of: str = "filter", target: str = "") -> Response:
    """Ask what kinds of question, and how many."""
    return _new_page(site, of, target, {})


def _new_page(site: RunningSite, of: str, target: str, tried: dict[str, Any], error: MirageError | None = None) -> Response:
    title = material(origin_of(of, target), site.atlas, site.study.collections).title if not error else ""
    return page(
        "quiz_new.html",
        error,
        of=of,
        target=target,
        title=title,
        kinds=kinds_words(KINDS),
        chosen=tried.get("kinds", list(KINDS)),
        count=tried.get("count", "10"),
        problem=str(error) if error else "",
        token=site.token,
    )


@router.post("/quiz")
def make_by_form(site: Site, form: TokenForm) -> Response:
    """Make a quiz from a page, and go to its first question."""
    of, target, count = _fields(form, "of", "target", "count")
    kinds = [str(each) for each in form.getlist("kind")]
    try:
        if not count.strip().isdecimal():
            raise BadInput(
                _("How many questions? Type a number from 1 to %(most_questions)s.", most_questions=MOST_QUESTIONS)
            )
        made = site.study.quiz.make(origin_of(of, target), kinds=kinds, count=int(count[:6]))  # type: ignore[arg-type]
    except BadInput as error:
        return _new_page(site, of, target, {"kinds": kinds, "count": count}, error)
    return RedirectResponse(page_of(made.id, 1), 303)


@router.get("/quiz/{quiz_id}")
def quiz_page(site: Site, quiz_id: str) -> Response:
    """Show how far a quiz is, and how it went."""
    found = site.study.quiz.get(quiz_id)
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.created))
    return page(
        "quiz.html", quiz=quiz_view(found), made=made, kinds=kinds_words(KINDS), origin=found.origin.kind, token=site.token
    )


@router.post("/quiz/{quiz_id}/delete")
def delete_by_form(site: Site, quiz_id: str, form: TokenForm) -> Response:
    """Delete a quiz from its page."""
    site.study.quiz.delete(quiz_id)
    return RedirectResponse(at("/quiz?deleted=1"), 303)


router.add_api_route("/quiz/{quiz_id}/pictures/{name}", picture, methods=["GET"])


@router.get("/quiz/{quiz_id}/{number}")
def question_page(site: Site, quiz_id: str, number: Number, again: str = "") -> Response:
    """Ask a question, or show its answer once that was given.

    Parameters
    ----------
    site : Site
    quiz_id : str
    number : int
    again : str
        Anything says that it had been answered before, in another page.
    """
    return _question_page(site, quiz_id, number, again=bool(again))


def _question_page(
    site: RunningSite, quiz_id: str, number: int, error: MirageError | None = None, *, again: bool = False, tried: str = ""
) -> Response:
    found = _question(site, quiz_id, number)
    waiting = [each.number for each in site.study.quiz.get(quiz_id).waiting if each.number != number]
    following = next((each for each in waiting if each > number), waiting[0] if waiting else 0)
    return page(
        "quiz_question.html",
        error,
        question=found,
        quiz_id=quiz_id,
        quiz_page=page_of(quiz_id),
        lacking=site.study.quiz.get(quiz_id).lacking if number == 1 and found.state == "asked" else {},
        next_page=page_of(quiz_id, following) if following else "",
        grid=range(1, GRID + 1),
        columns=columns(),
        again=again,
        moved=moved(site, site.study.quiz.asked(quiz_id, number)[1].id) if found.given else None,
        problem=str(error) if error else "",
        tried=tried,
        token=site.token,
    )


@router.post("/quiz/{quiz_id}/{number}")
def answer_by_form(site: Site, quiz_id: str, number: Number, form: TokenForm) -> Response:
    """Answer a question from its page, or tell the next passage of a case; the field ``do`` says which."""
    do, text, choice, x, y, column, row, step = _fields(form, "do", "text", "choice", "x", "y", "column", "row", "step")
    mine, here = site.study.quiz, page_of(quiz_id, number)
    if do == "unfold":
        mine.unfold(quiz_id, number, int(_number(step) or 0))
        return RedirectResponse(f"{here}#told", 303)
    try:
        given = Given()
        if do != "pass":
            given = Given(
                text, int(_number(choice) or 0), _number(x), _number(y), int(_number(column) or 0), int(_number(row) or 0)
            )
            if not (text.strip() or given.choice or given.x is not None or given.column):
                raise BadInput(_("No answer was given. Give one, or say that you don't know."))
        _asked, new = mine.answer(quiz_id, number, given)
    except BadInput as error:
        return _question_page(site, quiz_id, number, error, tried=text)
    return RedirectResponse(here if new else forms.with_query(here, {"again": "1"}), 303)


def _number(given: str) -> float | None:
    """A number that a form has; None for an empty field."""
    if not given.strip():
        return None
    try:
        number = float(given)
    except ValueError:
        raise BadInput(_("That is no place in the picture. Point at it again.")) from None
    if not math.isfinite(number) or abs(number) > 1e6:
        raise BadInput(_("That is no place in the picture. Point at it again."))
    return number
