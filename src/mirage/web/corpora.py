"""The Corpora page: what the atlas holds, and what can be added, as each corpus says of itself; and the JSON twins."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mirage import corpora
from mirage.corpora import CorpusCard
from mirage.errors import BadInput, MirageError, NotFound
from mirage.jobs.job import GENERATE
from mirage.web.jobs import jobs_view
from mirage.web.openapi import PROBLEM, sent
from mirage.web.security import RefusedError, check_token
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page
from mirage.web.uploads import TokenForm, texts_of
from mirage.web.views.figures import CorpusView, atlas_view, licence_view
from mirage.web.views.jobs import AddableView, AddBody, CorporaView, JobView, OptionView, job_view

_MOST_FOLDERS = 200
_KINDS = {str: "text", int: "number", bool: "yes or no"}

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)


def cards() -> dict[str, CorpusCard]:
    """Find the corpora that can be used here, by name: those that are downloaded first.

    One that cannot say what it is, or that misses a package, is left out.
    """
    found: dict[str, CorpusCard] = {}
    for name in corpora.available():
        with suppress(MirageError):
            if (card := corpora.card(name)).usable:
                found[name] = card
    return dict(sorted(found.items(), key=lambda one: not one[1].downloads))


def addable(site: RunningSite, held: list[CorpusView]) -> list[AddableView]:
    """List what can be added from the page: not what ships, nor what wants a folder while none may be named.

    Parameters
    ----------
    site : RunningSite
    held : list of CorpusView
        What the atlas holds.
    """
    folders = _folders_under(site.settings.folder_roots)
    complete = {corpus.name for corpus in held if corpus.complete}
    return [
        AddableView.of(
            card,
            name=name,
            licence=licence_view(card.licence),
            present=name in complete,
            folders=folders if card.folder_option else [],
            options=[
                OptionView.of(option, kind=_KINDS[option.type])
                for option in card.options
                if option.type in _KINDS and not option.by_command
            ],
        )
        for name, card in cards().items()
        if not card.ships and (folders or not card.folder_option or not card.folder_option.required)
    ]


def _folders_under(roots: tuple[Path, ...]) -> list[str]:
    """The roots and the folders right under them, as far as they are there."""
    found: list[str] = []
    for root in filter(Path.is_dir, roots):
        inside = (entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        found += [str(root), *sorted(str(entry) for entry in inside)]
    return found[:_MOST_FOLDERS]


def corpora_view(site: RunningSite) -> CorporaView:
    """Show what the atlas holds and what can be added."""
    held = atlas_view(site.atlas).corpora
    return CorporaView(corpora=held, addable=addable(site, held))


def start(site: RunningSite, corpus: str, given: Mapping[str, Any], *, by_command: bool = False) -> JobView:
    """Start adding a corpus. A command of the user who serves may name any path and corpus; the page may not.

    Parameters
    ----------
    site : RunningSite
    corpus : str
        Name of its adapter.
    given : mapping
        Options of the corpus by name, as text or as they are; empty ones are as if left out. ``path`` is its folder.
    by_command : bool

    Raises
    ------
    mirage.errors.NotFound
        When there is no such corpus to add.
    mirage.errors.BadInput
        When an option cannot be used, or a path is not under a root that the settings name.
    mirage.web.security.RefusedError
        When an option is one that only a command may choose.
    """
    known = cards()
    if not by_command and (corpus not in known or known[corpus].ships):
        there = ", ".join(offer.name for offer in corpora_view(site).addable)
        raise NotFound(f"There is no collection {corpus!r} to add from here. There are: {there}.")
    card = corpora.card(corpus)
    options = {name: value for name, value in given.items() if value not in (None, "")}
    folder = card.folder_option
    if folder and "path" in options:
        options[folder.name] = options.pop("path")
    chosen = [option for option in card.options if option.name in options and not by_command]
    for option in chosen:
        if option.by_command:
            command = f"mirage add {corpus} --{option.name.replace('_', '-')}"
            raise RefusedError(f"Only a command of the user who serves this atlas may choose that: `{command}`.")
    for option in chosen:
        if option.type is Path:
            path = str(options[option.name])
            options[option.name] = allowed_path(path, site.settings.folder_roots, folder=option.is_folder)
    if folder and folder.name not in options:
        if corpus in site.settings.corpora:
            options[folder.name] = site.settings.corpora[corpus]
        elif folder.required:
            raise BadInput("Say which folder to add.")
    return job_view(site.jobs.start_add(corpus=corpus, **card.read(options)))


def allowed_path(path: str, roots: tuple[Path, ...], *, folder: bool = True) -> Path:
    """Find what a path names, links followed, if it lies under a root.

    Parameters
    ----------
    path : str
    roots : tuple of Path
    folder : bool
        Whether it must be a folder; else a file.

    Raises
    ------
    mirage.errors.BadInput
    """
    if not roots:
        raise BadInput(
            "Folders can be added from the page once the setting folder_roots names where they lie; "
            "until then use the command: mirage add folder PATH."
        )
    found = Path(path).expanduser().resolve()
    if not any(found.is_relative_to(root.resolve()) for root in roots):
        names = ", ".join(str(root) for root in roots)
        raise BadInput(f"{path} is not under a folder that the setting folder_roots names ({names}).")
    if not (found.is_dir() if folder else found.is_file()):
        raise BadInput(f"{path} is no {'folder' if folder else 'file'} that is there. Check its name.")
    return found


@twins.get("/corpora", response_model=CorporaView)
def corpora_twin(site: Site) -> Response:
    """What the atlas holds, and what can be added to it."""
    return sent(corpora_view(site))


@twins.post("/jobs", response_model=JobView, status_code=202)
def add(request: Request, body: AddBody) -> Response:
    """Start adding a corpus. Wants this start's token in the header X-Mirage-Token."""
    by_command = check_token(request, None)
    given = {"path": body.path, **body.options}
    return sent(start(site_of(request), body.corpus, given, by_command=by_command), 202)


@router.get("/corpora")
def corpora_page(site: Site) -> Response:
    """Show what the atlas holds, what changes it, and what can be added."""
    return page(
        "corpora.html",
        view=corpora_view(site),
        atlas=atlas_view(site.atlas),
        jobs=[job for job in jobs_view(site).jobs if job.kind != GENERATE],
        token=site.token,
        copies=set(site.settings.corpora),
        folders_named=bool(site.settings.folder_roots),
    )


@router.post("/corpora")
def add_by_form(site: Site, form: TokenForm) -> Response:
    """Start adding a corpus from the page."""
    given = {name: value.strip() for name, value in texts_of(form) if name not in ("token", "corpus")}
    return RedirectResponse(start(site, str(form.get("corpus", "")), given).page, 303)
