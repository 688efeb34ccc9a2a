"""Repetition: its pages, which work without scripts, and the JSON twins. Before a card is asked, nothing here names it."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from mirage.errors import BadInput, MirageError, NotFound
from mirage.study.memory import day_of, start_of
from mirage.study.quiz.making import KINDS
from mirage.study.repeating import ROUND, Added
from mirage.web import forms
from mirage.web.openapi import PROBLEM, sent
from mirage.web.plots import dotted, stacked
from mirage.web.rights import wants
from mirage.web.root import at
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, Site
from mirage.web.templating import page
from mirage.web.uploads import TokenForm, texts_of
from mirage.web.views.quiz import page_of
from mirage.web.views.repeat import (
    BegunView,
    CardsAddedView,
    CardsBody,
    CardsView,
    CardView,
    DueView,
    LearningView,
    PaceView,
    RateBody,
    RepeatView,
    UndoneView,
    comparing,
    progress_view,
    today_view,
)
from mirage.wording import N_, Words, _, ngettext

_CARDS = 50
KIND_WORDS: Words[str] = Words(
    {
        "name": N_("Name the diagnosis"),
        "choose": N_("Choose the diagnosis among four"),
        "point": N_("Point at the structure"),
        "side": N_("Which side"),
        "next": N_("What next to look for"),
        "unfold": N_("Unfold the case"),
    }
)

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("study")])
router = APIRouter(include_in_schema=False, dependencies=[wants("study")])


@twins.get("/repeat", response_model=RepeatView)
def today(site: Site) -> Response:
    """What is to repeat on this day."""
    return sent(today_view(site.study))


@twins.patch("/repeat", response_model=RepeatView, dependencies=[NEEDS_TOKEN])
def choose(site: Site, body: PaceView) -> Response:
    """Choose how to repeat. Wants this start's token in the header X-Mirage-Token, as all that changes something."""
    site.study.schedule.choose(**body.model_dump())
    return sent(today_view(site.study))


Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Limit = Annotated[int, Query(ge=1, le=1000)]


@twins.get("/repeat/cards", response_model=CardsView)
def cards(site: Site, offset: Offset = 0, limit: Limit = _CARDS) -> Response:
    """The cards, without what they ask about."""
    schedule = site.study.schedule
    found = [CardView.of(card) for card in schedule.cards(limit=limit, offset=offset)]
    return sent(CardsView(cards=found, total=schedule.today().cards, offset=offset))


@twins.post("/repeat/cards", response_model=CardsAddedView, status_code=201, dependencies=[NEEDS_TOKEN])
def add(site: Site, body: CardsBody) -> Response:
    """Make cards of a figure, of a quiz's mistakes, or of what a quiz can be made of."""
    return sent(CardsAddedView.of(site.study.repeating.add(body.source, body.target, body.kinds)), 201)


@twins.delete("/repeat/cards/{card_id}", response_model=RepeatView, dependencies=[NEEDS_TOKEN])
def take_out(site: Site, card_id: str) -> Response:
    """Take a card out of the repetition; what was learned of it stays."""
    site.study.schedule.take_out(card_id)
    return sent(today_view(site.study))


@twins.post("/repeat/cards/{card_id}/restore", response_model=RepeatView, dependencies=[NEEDS_TOKEN])
def put_back(site: Site, card_id: str) -> Response:
    """Put a card back as it was."""
    site.study.schedule.take_out(card_id, back=True)
    return sent(today_view(site.study))


@twins.post("/repeat/begin", response_model=BegunView, status_code=201, dependencies=[NEEDS_TOKEN])
def begin(site: Site, count: Annotated[int, Query(ge=1, le=100)] = ROUND) -> Response:
    """Go on with the round that was begun, or else make a quiz of the cards that are due."""
    quiz = site.study.repeating.begin(count)
    return sent(BegunView(quiz=quiz.id, page=page_of(quiz.id), questions=len(quiz.asked)), 201)


@twins.post("/repeat/rate", response_model=DueView, dependencies=[NEEDS_TOKEN])
def rate(site: Site, body: RateBody) -> Response:
    """Say how hard the last answer was."""
    return sent(DueView(due=site.study.schedule.rate(body.answer, body.rating)))


@twins.post("/repeat/undo", response_model=UndoneView, dependencies=[NEEDS_TOKEN])
def undo(site: Site) -> Response:
    """Take back the last answer to a card."""
    return sent(UndoneView(answer=site.study.schedule.undo()))


@twins.get("/repeat/progress", response_model=LearningView)
def progress(site: Site) -> Response:
    """How somebody gets on."""
    return sent(progress_view(site.study))


# -- the pages -----------------------------------------------------------------------------------------------------------


def date_of(when: float) -> str:
    """The day of a moment, as 2026-11-29."""
    return time.strftime("%Y-%m-%d", time.localtime(when))


def wait_words(seconds: float) -> str:
    """How long until a card comes, as a person would say it.

    Parameters
    ----------
    seconds : float
    """
    if seconds < 3600:
        return ngettext("%(num)s minute", "%(num)s minutes", max(1, round(seconds / 60)))
    if seconds < 86_400:
        return ngettext("%(num)s hour", "%(num)s hours", round(seconds / 3600))
    return ngettext("%(num)s day", "%(num)s days", round(seconds / 86_400))


def moved(site: RunningSite, answer_id: str = "") -> dict[str, str] | None:
    """Of the last answer that moved a card what a page shows; None where it is of another day, or of another question.

    Its wait is empty where the card is due.

    Parameters
    ----------
    site : RunningSite
    answer_id : str
        Of the question's answer; empty for any.
    """
    last, now = site.study.schedule.last(), site.study.schedule.clock()
    if last is None or day_of(last.when) != day_of(now) or answer_id not in ("", last.answer):
        return None
    return {"answer": last.answer, "rating": last.rating, "wait": wait_words(last.due - now) if last.due > now else ""}


@router.get("/repeat")
def repeat_page(site: Site, said: str = "", count: int = 0) -> Response:
    """Show what is to do today.

    Parameters
    ----------
    site : Site
    said : str
        What was just done: ``added``, ``undone`` or ``chosen``.
    count : int
        How many, of what was added.
    """
    return _repeat_page(site, said=said, count=count)


def _repeat_page(site: RunningSite, error: MirageError | None = None, said: str = "", count: int = 0) -> Response:
    view, now = today_view(site.study), site.study.schedule.clock()
    going = site.study.repeating.begun()
    return page(
        "repeat.html",
        error,
        view=view,
        next_wait=wait_words(view.next_due - now) if view.next_due else "",
        ahead_until=date_of(view.ahead_until),
        today=date_of(now),
        moved=moved(site),
        going=page_of(going.id, going.waiting[0].number) if going else "",
        left=len(going.waiting) if going else 0,
        problem=str(error) if error else "",
        said=said,
        count=count,
        round=ROUND,
        token=site.token,
    )


@router.post("/repeat")
def change(site: Site, form: TokenForm) -> Response:
    """Begin, undo, rate or choose from the page; the field ``do`` says which."""
    given = dict(texts_of(form))
    study, do = site.study, given.get("do", "")
    try:
        if do == "begin":
            return RedirectResponse(page_of(study.repeating.begin().id), 303)
        if do == "undo":
            study.schedule.undo()
        elif do == "choose":
            study.schedule.choose(**_pace(given))
        elif do in ("hard", "good", "easy"):
            study.schedule.rate(given.get("answer", ""), do)
        else:
            raise BadInput(_("The form does not say what to do. Load the page again."))
    except (BadInput, NotFound) as error:
        return _repeat_page(site, error)
    if given.get("quiz"):
        number = given.get("number", "")
        return RedirectResponse(page_of(given["quiz"], int(number) if number.isdecimal() and len(number) < 6 else 0), 303)
    said = {"undo": "undone", "choose": "chosen"}.get(do, "rated")
    return RedirectResponse(forms.with_query(at("/repeat"), {"said": said}), 303)


def _pace(given: dict[str, str]) -> dict[str, float]:
    try:
        share = float(given.get("retention", "")) / 100
        return {"retention": share, **{name: int(given.get(name, "")) for name in ("new_per_day", "most_per_day")}}
    except ValueError:
        raise BadInput(_("Give whole numbers: the share to remember in percent, and how many cards a day.")) from None


@router.get("/repeat/add")
def add_page(site: Site, source: str = "", target: str = "") -> Response:
    """Ask which questions to repeat of something."""
    return _add_page(site, source, target)


def _add_page(site: RunningSite, source: str, target: str, kinds: list[str] | None = None, error: str = "") -> Response:
    site.study.repeating.check(source, target)
    return page(
        "repeat_add.html",
        400 if error else 200,
        source=source,
        target=target,
        kinds=KINDS,
        words=KIND_WORDS,
        chosen=kinds if kinds is not None else ["name", "point"],
        problem=error,
        token=site.token,
    )


@router.post("/repeat/add")
def add_by_form(site: Site, form: TokenForm) -> Response:
    """Make cards from the page."""
    given = texts_of(form)
    source, target = forms.first(given, "source"), forms.first(given, "target")
    kinds = [value for name, value in given if name == "kind"]
    try:
        if source != "mistakes" and not kinds:
            raise BadInput(_("Choose at least one kind of question."))
        added: Added = site.study.repeating.add(source, target, kinds)
    except BadInput as error:
        return _add_page(site, source, target, kinds, str(error))
    return RedirectResponse(forms.with_query(at("/repeat"), {"said": "added", "count": str(added.new)}), 303)


@router.get("/repeat/cards")
def cards_page(site: Site, offset: Offset = 0, out: str = "") -> Response:
    """List the cards in neutral words.

    Parameters
    ----------
    site : Site
    offset : int
    out : str
        Id of the card that was just taken out.
    """
    schedule = site.study.schedule
    now = schedule.clock()
    tomorrow = start_of(day_of(now) + 1)
    found = [
        {"card": card, "due": date_of(card.due), "now": card.due <= now, "today": card.due < tomorrow}
        for card in schedule.cards(limit=_CARDS, offset=offset)
    ]
    total = schedule.today().cards
    return page(
        "repeat_cards.html",
        cards=found,
        words=KIND_WORDS,
        total=total,
        offset=offset,
        before=max(offset - _CARDS, 0) if offset else None,
        after=offset + _CARDS if offset + _CARDS < total else None,
        out=out,
        token=site.token,
    )


@router.post("/repeat/cards")
def change_card(site: Site, form: TokenForm) -> Response:
    """Take a card out, or put it back, from the page."""
    given = dict(texts_of(form))
    card, back = given.get("card", ""), given.get("do") == "put back"
    site.study.schedule.take_out(card, back=back)
    fields = {"offset": given.get("offset", "") if given.get("offset", "").isdigit() else "", "out": "" if back else card}
    return RedirectResponse(forms.with_query(at("/repeat/cards"), fields), 303)


@router.get("/repeat/progress")
def progress_page(site: Site) -> Response:
    """Show how somebody gets on: plots with their numbers, what is taken for what, mistakes."""
    view = progress_view(site.study)
    matrix = site.study.progress.matrix()
    told = site.study.progress.weeks()
    weeks = [(week.share, week.interval) if week.share is not None and week.interval else None for week in told]
    drawn: dict[str, Any] = {
        "days": stacked([{"right": day.right, "wrong": day.wrong, "practice": day.practice} for day in view.days]),
        "weeks": dotted(weeks),
        "forecast": stacked([{"due": coming.due} for coming in view.forecast]),
    }
    return page(
        "repeat_progress.html",
        view=view,
        matrix=matrix,
        comparing=comparing,
        drawn=drawn,
        date_of=date_of,
        words=KIND_WORDS,
        pace=site.study.schedule.pace,
    )
