"""Asking a living source: what it would give is shown, chosen from, and added. Nothing is asked before somebody presses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mirage.errors import BadInput, MirageError, NotFound
from mirage.jobs.job import ASK
from mirage.storage.preview import SourcePreview, as_of_now
from mirage.web.corpora import addable, options_of
from mirage.web.corpora import start as start_adding
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.security import check_token
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page
from mirage.web.uploads import TokenForm, texts_of
from mirage.web.views.corpora import AddableView
from mirage.web.views.generate import JobView, job_view, look_address
from mirage.web.views.look import offer_view
from mirage.wording import _

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("add")])
router = APIRouter(include_in_schema=False, dependencies=[wants("add")])

_NOT_OPTIONS = ("token", "corpus", "job", "again", "untick")


def sources(site: RunningSite) -> list[AddableView]:
    """List the living sources that can be asked, in the order in which they are offered.

    Parameters
    ----------
    site : RunningSite
    """
    return [each for each in addable(site, site.holds().corpora) if each.live]


def _source(site: RunningSite, name: str) -> AddableView:
    known = {each.name: each for each in sources(site)}
    if name not in known:
        there = ", ".join(known) or _("none")
        raise NotFound(_("There is no source %(name)s to ask. There are: %(there)s.", name=repr(name[:80]), there=there))
    return known[name]


@router.get("/look")
def look_page(request: Request, corpus: str = "", job: str = "", untick: str = "") -> Response:
    """Show what a source would give; before it was asked, the form that asks."""
    site = site_of(request)
    return _page(site, _source(site, corpus), _chosen(request.query_params.multi_items()), job=job, ticked=not untick)


def _page(
    site: RunningSite,
    source: AddableView,
    tried: Mapping[str, object],
    *,
    job: str = "",
    ticked: bool = True,
    error: MirageError | None = None,
) -> Response:
    asked, found, gone = None, None, False
    if job:
        with suppress(NotFound):
            known = site.jobs.get(job)
            if known.kind == ASK and known.asked and known.asked["corpus"] == source.name:
                asked, tried = job_view(known), known.asked["options"]
                with suppress(NotFound):
                    looked = site.jobs.preview_of(job)
                    found = offer_view(job, as_of_now(site.atlas, looked)) if isinstance(looked, SourcePreview) else None
        gone = asked is None or (asked.state == "done" and found is None)
    return page(
        "look.html",
        error,
        source=source,
        asked=asked,
        found=found,
        gone=gone,
        ticked=ticked,
        problem=str(error) if error else "",
        tried=tried,
        address=look_address(source.name, tried, job),
        token=site.token,
        takes_files=site.takes_files,
    )


def _chosen(form: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What a form chooses of a source's options; those that may have several values, as a list."""
    given: dict[str, Any] = {name: value.strip() for name, value in form if name not in _NOT_OPTIONS and "." not in name}
    return {name: value for name, value in given.items() if value}


@router.post("/look")
def ask_by_form(site: Site, form: TokenForm) -> Response:
    """Ask a source."""
    pairs = texts_of(form)
    fields = dict(pairs)
    source, given = _source(site, fields.get("corpus", "")), _chosen(pairs)
    try:
        options = options_of(site, source.name, given)
        job = site.jobs.start_look(corpus=source.name, again=bool(fields.get("again")), **options)
    except BadInput as error:
        return _page(site, source, given, error=error)
    return RedirectResponse(job_view(job).page, 303)


@router.post("/look/add")
def add_by_form(site: Site, form: TokenForm) -> Response:
    """Add what is ticked of what a source would give: figures whose group is ticked, too."""
    pairs = texts_of(form)
    fields = dict(pairs)
    source, given = _source(site, fields.get("corpus", "")), _chosen(pairs)
    groups = {value for name, value in pairs if name == "group.ticked"}
    only = [value for name, value in pairs if name.startswith("only.") and name.removeprefix("only.") in groups]
    try:
        if not only:
            raise BadInput(_("Nothing is ticked. Tick at least one picture, then add."))
        return RedirectResponse(start_adding(site, source.name, {**given, "only": only}).page, 303)
    except BadInput as error:
        return _page(site, source, given, job=fields.get("job", ""), error=error)


# -- going on --------------------------------------------------------------------------------


def _again(site: RunningSite, job_id: str, *, by_command: bool) -> JobView:
    """Begin once more, if whoever asks might begin it."""
    job = site.jobs.get(job_id)
    if job.asked and "corpus" in job.asked and "options" in job.asked:
        options_of(site, job.asked["corpus"], job.asked["options"], by_command=by_command)
    return job_view(site.jobs.start_again(job_id))


@router.post("/jobs/{job_id}/again")
def again_by_form(site: Site, job_id: str, _form: TokenForm) -> Response:
    """Begin a job again that broke or was stopped."""
    return RedirectResponse(_again(site, job_id, by_command=False).page, 303)


@twins.post("/jobs/{job_id}/again", response_model=JobView, status_code=202)
def again(request: Request, job_id: str) -> Response:
    """Begin adding of a living source again, where it broke or was stopped. Wants this start's token in X-Mirage-Token."""
    by_command = check_token(request, None)
    return sent(_again(site_of(request), job_id, by_command=by_command), 202)
