"""Adding one's own files: they are sent, looked through, and added once somebody has seen what would come."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from mirage import licensing
from mirage.corpora import card, load
from mirage.corpora.base import Item
from mirage.corpora.folder_columns import mapped
from mirage.corpora.personal import in_name
from mirage.errors import BadInput, MirageError, NotFound
from mirage.figure import NOT_STATED, clean_text
from mirage.jobs.queue import OWN_FILES
from mirage.locales import counted, number
from mirage.storage.preview import Preview, as_of_now
from mirage.storage.private import kept_item, settle
from mirage.storage.staging import Batch
from mirage.web import forms
from mirage.web.corpora import check_name, options_of
from mirage.web.openapi import PROBLEM, files, sent
from mirage.web.receiving import FilesForm
from mirage.web.rights import RefusedError, wants
from mirage.web.root import at
from mirage.web.security import NEEDS_TOKEN, check_token
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page
from mirage.web.uploads import TokenForm, texts_of
from mirage.web.views.add import PreviewView, UploadView, preview_view, upload_view
from mirage.web.views.figures import ApiBody
from mirage.web.views.generate import JobView, job_view
from mirage.web.views.look import OfferView, offer_view
from mirage.wording import N_, _, ngettext

_SHOWN = 200
_LONGEST_NAME = 100
_NOT_HERE = N_(
    "Pages of this site take no files and edit no words, because others reach it too. Whoever serves it can allow that by "
    "the setting add_files; the commands `mirage add folder` and `mirage edit` work without it."
)

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("add")])
router = APIRouter(include_in_schema=False, dependencies=[wants("add")])


class LookBody(ApiBody):
    """Look through a corpus before it is added."""

    corpus: str
    path: str | None = Field(default=None, description="A folder under one of the roots that settings name.")
    options: dict[str, Any] = Field(default_factory=dict, description="What else is chosen, by name.")
    again: bool = Field(default=False, description="Of a living source: ask it even where its answers are kept.")


class AddSentBody(ApiBody):
    """Add what was sent."""

    name: str = Field(description="Of the collection, for all to see.")
    licence: str = Field(default="", description="Of all pictures whose table names none; empty where it is not stated.")
    licence_url: str = ""
    attribution: str = Field(default="", description="The line to print beside each picture.")
    merge: bool = Field(default=False, description="Whether they join a collection of that name, if there is one.")
    call_so: bool = Field(default=False, description="Whether it gets a name that may be a person’s, a date or a number.")
    prune: bool = Field(default=False, description="Whether what that collection has and they have not is taken out.")


# -- looking ---------------------------------------------------------------------------------------------------------------


@twins.post("/previews", response_model=JobView, status_code=202)
def look(request: Request, body: LookBody) -> Response:
    """Start looking through a corpus as adding would; nothing is added. Wants this start's token in X-Mirage-Token."""
    by_command = check_token(request, None)
    site = site_of(request)
    options = options_of(site, body.corpus, {"path": body.path, **body.options}, by_command=by_command)
    return sent(job_view(site.jobs.start_look(corpus=body.corpus, again=body.again, **options)), 202)


@twins.get("/previews/{job_id}", response_model=PreviewView | OfferView, dependencies=[NEEDS_TOKEN])
def preview(site: Site, job_id: str) -> Response:
    """What such a look found, kept for a while: of a living source its offer. Wants the token in X-Mirage-Token."""
    found = site.jobs.preview_of(job_id)
    if isinstance(found, Preview):
        return sent(preview_view(job_id, found))
    return sent(offer_view(job_id, as_of_now(site.atlas, found)))


@twins.get(
    "/previews/{job_id}/thumbnails/{place}",
    response_class=Response,
    responses=files("A small picture of what would come.", "image/webp"),
)
def thumbnail(site: Site, job_id: str, place: int) -> Response:
    """A picture of it, small."""
    found = site.jobs.preview_of(job_id)
    figures = found.figures if isinstance(found, Preview) else found.offer.figures
    if not 0 <= place < len(figures) or not figures[place].thumbnail:
        raise NotFound(_("There is no such picture."))
    return Response(figures[place].thumbnail, media_type="image/webp")


# -- sending: the API ------------------------------------------------------------------------------------------------------


def check_takes_files(request: Request, given: str | None = None) -> None:
    """Let a request pass that shows a token, of a site whose pages take files; a command's always does.

    Raises
    ------
    RefusedError
    mirage.errors.ReadOnly
    """
    site = site_of(request)
    if not check_token(request, given) and not site.settings.takes_files:
        raise RefusedError(_(_NOT_HERE))
    site.atlas.check_writable()


@twins.post("/uploads", response_model=UploadView, status_code=201)
def begin(request: Request) -> Response:
    """Make room for files to be added. Its id is known to who began it alone. Wants the token in X-Mirage-Token."""
    check_takes_files(request)
    site = site_of(request)
    return sent(upload_view(site.jobs.staging.begin(site.settings.add_max_bytes)), 201)


@twins.get("/uploads/{upload_id}", response_model=UploadView, dependencies=[NEEDS_TOKEN])
def upload(site: Site, upload_id: str) -> Response:
    """What has come of them."""
    return sent(upload_view(site.jobs.staging.get(upload_id)))


@twins.post("/uploads/{upload_id}", response_model=UploadView)
async def receive(request: Request, upload_id: str) -> Response:
    """Take files: a multipart form, each in a field `file`, named by its path. Wants the token in X-Mirage-Token."""
    check_takes_files(request)
    batch = await run_sync(site_of(request).jobs.staging.get, upload_id)
    await FilesForm(lambda _: batch).read(request)
    return sent(upload_view(batch))


@twins.delete("/uploads/{upload_id}", status_code=204, response_class=Response, dependencies=[NEEDS_TOKEN])
def forget(site: Site, upload_id: str) -> Response:
    """Throw them away. Wants the token in X-Mirage-Token."""
    _throw_away(site, upload_id)
    return Response(status_code=204)


def _throw_away(site: RunningSite, batch_id: str) -> None:
    """Throw away what was sent; what is being added of it stops, and what was added by then stays."""
    with suppress(NotFound):
        if job := site.jobs.staging.get(batch_id).adding:
            site.jobs.cancel(job)
    site.jobs.staging.drop(batch_id)


@twins.post("/uploads/{upload_id}/look", response_model=JobView, status_code=202)
def look_at(request: Request, upload_id: str, stacks: str = "", columns: str | None = None) -> Response:
    """Start looking through them; `GET /api/previews/{job}` has what is found. Wants the token in X-Mirage-Token."""
    check_takes_files(request)
    return sent(_look_at(site_of(request), upload_id, stacks, columns), 202)


@twins.post("/uploads/{upload_id}/add", response_model=JobView, status_code=202)
def add_sent(request: Request, upload_id: str, body: AddSentBody) -> Response:
    """Start adding them; the files are thrown away when they are in the atlas. Wants the token in X-Mirage-Token."""
    check_takes_files(request)
    return sent(_add(site_of(request), upload_id, body), 202)


def _look_at(site: RunningSite, upload_id: str, stacks: str, columns: str | None) -> JobView:
    batch = site.jobs.staging.get(upload_id)
    if stacks:
        batch.stacks = card(OWN_FILES).read({"path": batch.folder, "stacks": stacks})["stacks"]
    if columns is not None:
        given = [pair.strip() for pair in columns.split(",") if pair.strip()]
        mapped(given)  # which refuses what is none
        batch.columns = tuple(given)
    return job_view(site.jobs.start_look_at(batch))


def _add(site: RunningSite, upload_id: str, body: AddSentBody) -> JobView:
    batch = site.jobs.staging.get(upload_id)
    if batch.adding:
        return job_view(site.jobs.get(batch.adding))
    name = clean_text(body.name)
    if not name or len(name) > _LONGEST_NAME or "\n" in name:
        raise BadInput(
            _(
                "Give the collection a name of at most %(longest_name)s characters. Everybody may see it.",
                longest_name=_LONGEST_NAME,
            )
        )
    if (taken := taken_by(site, batch, name)) and not body.merge:
        raise BadInput(
            _("%(taken)s Nothing was added: choose another name, or say that these belong to it.", taken=taken[0])
        )
    check_name(name, call_so=body.call_so or bool(taken))
    given = {key: clean_text(getattr(body, key)) for key in ("licence", "licence_url", "attribution")}
    terms = {key: text for key, text in given.items() if text}
    return job_view(site.jobs.start_add_sent(batch, name=name, prune="all" if body.prune and taken else "", **terms))


def taken_by(site: RunningSite, batch: Batch, name: str) -> tuple[str, str, str] | None:
    """Say that a collection has a name already: in a sentence, and in two questions; None where none has.

    The first question is whether what is sent belongs to it; the second, which may be empty, is whether to take out what it
    has beside that.

    Parameters
    ----------
    site : RunningSite
    batch : mirage.storage.staging.Batch
        What would join it.
    name : str
    """
    corpus = load(OWN_FILES, path=batch.root, name=name, stacks=batch.stacks, columns=batch.columns)
    settle(site.atlas, corpus)
    there = next((each for each in site.atlas.info().corpora if each.name == corpus.name), None)  # type: ignore[attr-defined]
    if there is None:
        return None
    known = site.atlas.store.fingerprints(there.name)
    ids = [kept_item(site.atlas, corpus, there.name, each).figure.id for each in corpus.items() if isinstance(each, Item)]
    same = sum(own in known for own in ids)
    beside = len(known) - same
    what = {"title": there.title, "figures": counted(there.figures, "figure")}
    if same:
        joins = _(
            "They belong to the collection “%(title)s” that is there already, with %(figures)s; %(same)s of these have the "
            "names of files that are there, and take their place.",
            same=number(same),
            **what,
        )
    else:
        joins = _("They belong to the collection “%(title)s” that is there already, with %(figures)s.", **what)
    return (
        _("There is a collection “%(title)s” of that name already, with %(figures)s.", **what),
        joins,
        ngettext(
            "Take out the %(num)s of its figures that is not among these files.",
            "Take out the %(num)s of its figures that are not among these files.",
            beside,
            num=number(beside),
        )
        if beside
        else "",
    )


# -- the pages -------------------------------------------------------------------------------------------------------------


@router.post("/add")
async def send_by_form(request: Request) -> Response:
    """Take the files of a form, and look through them."""
    site = site_of(request)

    def batch_of(fields: dict[str, str]) -> Batch:
        check_takes_files(request, fields.get("token", ""))
        return site.jobs.staging.begin(site.settings.add_max_bytes)

    form = FilesForm(batch_of)
    try:
        await form.read(request)
    except BaseException:  # nobody has its id
        if form.batch is not None:
            await run_sync(site.jobs.staging.drop, form.batch.id)
        raise
    assert form.batch is not None
    await run_sync(site.jobs.start_look_at, form.batch)
    return RedirectResponse(forms.with_query(at("/add"), {"batch": form.batch.id}), 303)


@router.get("/add")
def add_page(site: Site, batch: str = "") -> Response:
    """Show what somebody sent, and what would come of it."""
    if not batch:
        return RedirectResponse(at("/corpora#add"), 303)
    sent_files = site.jobs.staging.get(batch)
    if sent_files.adding:
        return RedirectResponse(forms.address("jobs", sent_files.adding), 303)
    return _add_page(site, sent_files)


def _add_page(
    site: RunningSite, batch: Batch, tried: dict[str, str] | None = None, error: MirageError | None = None
) -> Response:
    job, looked = None, None
    if batch.look:
        job = job_view(site.jobs.get(batch.look))
        with suppress(NotFound):  # it is not there yet, or not any more
            found = site.jobs.preview_of(job.id)
            looked = preview_view(job.id, found) if isinstance(found, Preview) else None
    name = (tried or {}).get("name", "")
    taken = taken_by(site, batch, clean_text(name)) if name else None
    return page(
        "add.html",
        error,
        batch=batch,
        job=job,
        failed=job.message if job else "",
        looked=looked,
        left_out=[*batch.refused, *(looked.skipped if looked else ())],
        left_out_count=len(batch.refused) + (looked.left_out if looked else 0),
        warned=[each for each in looked.figures if each.warnings] if looked else [],
        shown=_SHOWN,
        suggested="" if in_name(batch.named) else batch.named[:_LONGEST_NAME],
        tried=tried or {},
        taken=taken[1] if taken else "",
        personal=not taken and bool(in_name(clean_text(name))),
        beside=taken[2] if taken else "",
        problem=str(error) if error else "",
        licences=[{"name": each.name, "allows": licensing.allows(each)} for each in licensing.OFFERED],
        stacks=_stack_choices(),
        token=site.token,
        NOT_STATED=NOT_STATED,
    )


def _stack_choices() -> list[tuple[str, str]]:
    option = next(each for each in card(OWN_FILES).options if each.name == "stacks")
    return [(choice, _(words)) for choice, words in zip(option.choices, option.choice_words, strict=True)]


@router.post("/add/look")
def look_by_form(request: Request, form: TokenForm) -> Response:
    """Look through them, again or for the first time."""
    given = dict(texts_of(form))
    check_takes_files(request, given.get("token"))
    batch = given.get("batch", "")
    try:
        _look_at(site_of(request), batch, given.get("stacks", ""), given.get("columns"))
    except BadInput as error:
        return _add_page(site_of(request), site_of(request).jobs.staging.get(batch), given, error)
    return RedirectResponse(forms.with_query(at("/add"), {"batch": batch}), 303)


@router.post("/add/start")
def add_by_form(request: Request, form: TokenForm) -> Response:
    """Add them, with the terms that were chosen."""
    given = dict(texts_of(form))
    check_takes_files(request, given.get("token"))
    site, batch = site_of(request), given.get("batch", "")
    name = given.get("licence", "")
    url = next((each.url for each in licensing.OFFERED if each.name == name), "")
    body = AddSentBody(
        name=given.get("name", ""),
        licence=given.get("licence_other", "") if name == "other" else name,
        licence_url=url,
        attribution=given.get("attribution", ""),
        merge=bool(given.get("merge")),
        call_so=bool(given.get("call_so")),
        prune=bool(given.get("merge")) and bool(given.get("prune")),
    )
    try:
        return RedirectResponse(_add(site, batch, body).page, 303)
    except BadInput as error:
        return _add_page(site, site.jobs.staging.get(batch), given, error)


@router.post("/add/cancel")
def cancel_by_form(site: Site, form: TokenForm) -> Response:
    """Throw them away."""
    _throw_away(site, dict(texts_of(form)).get("batch", ""))
    return RedirectResponse(at("/corpora#add"), 303)
