"""Editing the words of figures of one's own: a form on the figure's page, and its JSON twin."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from mirage.corpora.personal import in_words
from mirage.errors import BadInput, MirageError
from mirage.figure import EDITABLE, MODALITIES, PLANES, Figure
from mirage.locales import day
from mirage.people.roles import may
from mirage.people.visitor import visitor
from mirage.storage.edit import is_own
from mirage.web import forms
from mirage.web.add import check_takes_files
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.site import RunningSite, site_of
from mirage.web.templating import page, value_words
from mirage.web.uploads import TokenForm, texts_of
from mirage.web.views.figures import ApiBody, ApiModel, FigureView, figure_in
from mirage.web.views.generate import JobView, job_view
from mirage.wording import _

_PATIENCE, _LOOK_EVERY = 10.0, 0.02  # seconds

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("edit")])
router = APIRouter(include_in_schema=False, dependencies=[wants("edit")])


class WordsView(ApiModel):
    """One field of a figure."""

    value: str
    source: str = Field(description="What its source says, where it was edited; the value otherwise.")
    edited: str = Field(description="On which day it was edited here: 2026-11-29; empty where it was not.")


class EditView(ApiModel):
    """What can be edited of a figure."""

    figure: str
    own: bool = Field(description="Whether it was added here from a file of one's own; words of others stay their source's.")
    words: dict[str, WordsView]


class EditBody(ApiBody):
    """Edit a figure's words."""

    figure: str
    words: dict[str, str] = Field(default_factory=dict, description=f"New words of {', '.join(EDITABLE)}.")
    undo: list[str] = Field(default_factory=list, description="Fields that shall say again what the source says.")


def edit_view(site: RunningSite, figure: Figure) -> EditView:
    """Show what can be edited of a figure."""
    edits = site.atlas.store.edits.of([figure.id]).get(figure.id, {})
    words = {}
    for field in EDITABLE:
        value, edit = str(getattr(figure, field)), edits.get(field)
        words[field] = WordsView(value=value, source=edit.source if edit else value, edited=edit.on if edit else "")
    return EditView(figure=figure.id, own=is_own(site.atlas, figure), words=words)


@twins.get("/edit", response_model=EditView)
def editable(request: Request, figure: Annotated[str, Query(description="Its id.")]) -> Response:
    """What can be edited of a figure, and what its source says. Wants this start's token in the header X-Mirage-Token."""
    check_takes_files(request)  # somebody may have edited a name away, which the source still says
    site = site_of(request)
    return sent(edit_view(site, site.atlas.figure(figure)))


@twins.post("/edit", response_model=JobView, status_code=202)
def edit(request: Request, body: EditBody) -> Response:
    """Start editing the words of a figure of one's own. Wants this start's token in the header X-Mirage-Token."""
    check_takes_files(request)
    return sent(job_view(site_of(request).jobs.start_edit(body.figure, body.words, body.undo)), 202)


def form_of(site: RunningSite, found: FigureView, tried: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    """Make what the form on a figure's page needs; None where nothing can be edited.

    Parameters
    ----------
    site : RunningSite
    found : FigureView
    tried : mapping, optional
        What was written into it, where it could not be used.
    """
    if not may(visitor().role, "edit") or not site.takes_files:
        return None
    figure = site.atlas.figure(found.id)
    if not is_own(site.atlas, figure):
        return None
    view = edit_view(site, figure)
    return {
        "figure": figure.id,
        "words": view.words,
        "seen": _seen(view),
        "personal": {field: in_words(words.value) for field, words in view.words.items()},
        "tried": tried or {},
        "modalities": [(value, value_words("modality", value)) for value in MODALITIES],
        "planes": [(plane, value_words("plane", plane)) for plane in PLANES],
        "token": site.token,
    }


def edited_words(edited: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """The days on which a figure was edited, newest first, in words, each with its fields."""
    days: dict[str, list[str]] = {}
    for field, on in edited.items():
        days.setdefault(on, []).append(field)
    return [(day(date.fromisoformat(on)), fields) for on, fields in sorted(days.items(), reverse=True)]


def _seen(view: EditView) -> str:
    return hashlib.sha256(repr([view.words[field].value for field in EDITABLE]).encode()).hexdigest()[:16]


@router.post("/edit")
def edit_by_form(request: Request, form: TokenForm) -> Response:
    """Edit a figure's words from its page."""
    given = dict(texts_of(form))
    check_takes_files(request, given.get("token"))
    site = site_of(request)
    figure = site.atlas.figure(given.get("figure", ""))
    view = edit_view(site, figure)
    undo = [field for field in EDITABLE if given.get("undo") == field]
    words = {field: given[field] for field in EDITABLE if field in given and field not in undo}
    try:
        if not undo and given.get("seen", "") != _seen(view):
            raise BadInput(
                _("Its words were changed elsewhere meanwhile. Nothing was changed now; yours stand below: look again.")
            )
        if undo:
            words = {}
        job = site.jobs.start_edit(figure.id, words, undo)
    except MirageError as error:
        found = figure_in(site.atlas, figure)
        filled = form_of(site, found, given)
        return page("edit.html", error, figure=found, edit=filled, problem=str(error))
    until = time.monotonic() + _PATIENCE  # it takes a moment, unless something else is being added
    while not (job := site.jobs.get(job.id)).ended and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)
    return RedirectResponse(forms.address("figure", figure.id) if job.state == "done" else job_view(job).page, 303)
