"""Corpora: the Library page with what the atlas holds and what can be added, the adding, and the JSON twins."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from mirage import corpora
from mirage.corpora import CorpusCard
from mirage.corpora.personal import in_name, listed
from mirage.errors import BadInput, MirageError, NotFound
from mirage.images.bucket import is_address
from mirage.jobs.job import GENERATE
from mirage.people.roles import may
from mirage.people.visitor import visitor
from mirage.shipped import SHIPPED
from mirage.storage.staging import MOST_FILES
from mirage.web.jobs import jobs_view
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import RefusedError, wants
from mirage.web.security import check_token
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page
from mirage.web.uploads import TokenForm, texts_of
from mirage.web.views.corpora import AddableView, CorporaView, OptionView, held_view
from mirage.web.views.figures import ApiBody, CorpusView, atlas_view, licence_view
from mirage.web.views.generate import JobView, job_view
from mirage.wording import N_, _, looked_up

_MOST_FOLDERS = 200
_NO_SOURCES = N_(
    "Pages of this site ask no source on the network, because others reach it too. Whoever serves it can allow that by the "
    "setting add_files; the command `mirage add %(corpus)s` works without it."
)
_LABELS = (
    *(N_("Name"), N_("Words"), N_("Licence"), N_("Licences"), N_("Attribution"), N_("Splits"), N_("Stacks"), N_("Frames")),
    *(N_("Modality"), N_("Collection"), N_("Body part"), N_("Annotations"), N_("Only"), N_("Most"), N_("Refresh")),
)
"""What a form calls an option that has no label: its name, looked up."""
_KINDS = {str: "text", int: "number", bool: "yes or no"}

router = APIRouter(include_in_schema=False, dependencies=[wants("search")])
twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("search")])


class AddBody(ApiBody):
    """Start adding a corpus."""

    corpus: str
    path: str | None = Field(default=None, description="A folder under one of the roots that settings name.")
    options: dict[str, Any] = Field(default_factory=dict, description="What else is chosen, by name.")
    bring_back: bool = Field(default=True, description="Whether figures of it that were removed from the atlas come back.")
    merge: bool = Field(default=False, description="Whether a folder may join the collection of another of the same name.")
    call_so: bool = Field(default=False, description="Whether it gets a name that may be a person’s, a date or a number.")
    prune: Literal["", "ask", "all"] = Field(
        default="",
        description="Whether figures are taken out that are gone from the source: not, unless something speaks against it "
        "(more than half would go), or in any case.",
    )
    on: str = Field(default="", description="Where its pictures are read and encoded: a cluster. Only a command may say it.")


def cards() -> dict[str, CorpusCard]:
    """Find the corpora that can be used here, by name: those that are downloaded first, living sources after these.

    One that cannot say what it is, or that misses a package, is left out.
    """
    found: dict[str, CorpusCard] = {}
    for name in corpora.available():
        with suppress(MirageError):
            if (card := corpora.card(name)).usable:
                found[name] = card
    return dict(sorted(found.items(), key=lambda one: (not one[1].downloads, one[1].live, one[1].place)))


def addable(site: RunningSite, held: list[CorpusView], known: Mapping[str, CorpusCard] | None = None) -> list[AddableView]:
    """List what can be added from the page: not what ships, nor what wants a folder while none may be named.

    Parameters
    ----------
    site : RunningSite
    held : list of CorpusView
        What the atlas holds.
    known : mapping, optional
        What `cards` found; found anew when left out, which takes longer than a search.
    """
    # Names of folders on this machine are for who may read them.
    folders = _folders_under(site.settings.folder_roots) if may(visitor().role, "add") else []
    complete = {corpus.name for corpus in held if corpus.complete}
    return [
        AddableView.of(
            card,
            name=name,
            licence=licence_view(card.licence),
            present=name in complete,
            folders=folders if card.folder_option else [],
            options=[
                OptionView.of(
                    option,
                    label=option.label or looked_up(option.name.replace("_", " ").capitalize()),
                    kind=_KINDS[option.type],
                )
                for option in card.options
                if option.type in _KINDS and not option.by_command
            ],
        )
        for name, card in ((name, each.spoken) for name, each in (cards() if known is None else known).items())
        if not card.ships
        and (site.settings.live or not card.live)
        and (folders or not card.folder_option or not card.folder_option.required)
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
    held, known = atlas_view(site.atlas).corpora, cards()
    # Looking through all figures takes time.
    shown = site.kept(
        "contents",
        (held, site.state),
        lambda: [held_view(site.atlas, each, known.get(each.name)) for each in held],
    )
    return CorporaView(corpora=shown, addable=addable(site, held))


def start(
    site: RunningSite,
    corpus: str,
    given: Mapping[str, Any],
    *,
    by_command: bool = False,
    bring_back: bool = True,
    merge: bool = False,
    prune: str = "",
    call_so: bool = False,
    on: str = "",
) -> JobView:
    """Start adding a corpus.

    Parameters
    ----------
    site, corpus, given, by_command
        As for `options_of`.
    bring_back, merge, prune, on
        As for `mirage.jobs.Jobs.start_add`.
    call_so : bool
        As for `check_name`; a command has asked.

    Raises
    ------
    mirage.errors.MirageError
        As `options_of`.
    """
    options = options_of(site, corpus, given, by_command=by_command)
    if on and not by_command:  # what is there gets to run what it likes in this process
        raise BadInput(_("Only a command may say on which machines pictures are read."))
    if corpora.card(corpus).private and not by_command:
        check_name(str(options.get("name", "")), call_so=call_so)
    how: dict[str, Any] = {"bring_back": bring_back, "merge": merge, "prune": prune, "on": on}
    return job_view(site.jobs.start_add(corpus=corpus, **how, **options))


def check_name(name: str, *, call_so: bool) -> None:
    """Refuse a name of a collection that may be a patient's.

    Parameters
    ----------
    name : str
    call_so : bool
        Whether somebody said that it is called so all the same.

    Raises
    ------
    mirage.errors.BadInput
    """
    if not call_so and (found := in_name(name)):
        raise BadInput(
            _(
                "The name holds what looks like %(found)s, and everybody who opens this atlas reads it. Nothing was added: "
                "choose another name, or say that the collection is called so all the same.",
                found=listed(found),
            )
        )


def options_of(site: RunningSite, corpus: str, given: Mapping[str, Any], *, by_command: bool = False) -> dict[str, Any]:
    """Read what a corpus is opened with. A command of the user who serves may name any path and corpus; the page may not.

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
    mirage.errors.ReadOnly
        When the atlas can only be read.
    mirage.web.security.RefusedError
        When an option is one that only a command may choose, or a page may not ask a living source.
    """
    known = cards()
    if corpus in known and known[corpus].live and not by_command and not site.takes_files:
        site.atlas.check_writable()
        raise RefusedError(_(_NO_SOURCES, corpus=corpus))
    if not by_command and (corpus not in known or known[corpus].ships):
        there = ", ".join(offer.name for offer in corpora_view(site).addable)
        raise NotFound(
            _("There is no library %(corpus)s to add from here. There are: %(there)s.", corpus=repr(corpus), there=there)
        )
    card = corpora.card(corpus)
    options = {name: value for name, value in given.items() if value not in (None, "")}
    folder = card.folder_option
    if folder and "path" in options:
        options[folder.name] = options.pop("path")
    chosen = [option for option in card.options if option.name in options and not by_command]
    for option in chosen:
        if option.by_command:
            command = f"mirage add {corpus} --{option.name.replace('_', '-')}"
            raise RefusedError(
                _("Only a command of the user who serves this atlas may choose that: `%(command)s`.", command=command)
            )
    for option in chosen:
        if option.type is Path:
            path = str(options[option.name])
            if is_address(path):
                raise RefusedError(
                    _(
                        "Only a command of the user who serves this atlas may read there: `mirage add %(corpus)s …`.",
                        corpus=corpus,
                    )
                )
            options[option.name] = allowed_path(path, site.settings.folder_roots, folder=option.is_folder)
    if folder and folder.name not in options:
        if corpus in site.settings.corpora:
            options[folder.name] = site.settings.corpora[corpus]
        elif folder.required:
            raise BadInput(_("Say which folder to add."))
    return card.read(options)


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
            _(
                "Folders can be added from the page once the setting folder_roots names where they lie; until "
                "then use the command: mirage add folder PATH."
            )
        )
    try:
        found = Path(path).expanduser().resolve()
    except (ValueError, RuntimeError, OSError) as error:  # a zero byte, an unknown user, a circle of links
        raise BadInput(_("%(path)s is no path: %(error)s.", path=repr(path[:200]), error=error)) from error
    if not any(found.is_relative_to(root.resolve()) for root in roots):
        names = ", ".join(str(root) for root in roots)
        raise BadInput(
            _("%(path)s is not under a folder that the setting folder_roots names (%(names)s).", path=path, names=names)
        )
    if not (found.is_dir() if folder else found.is_file()):
        raise BadInput(
            _(
                "%(path)s is no %(value)s that is there. Check its name.",
                path=path,
                value=_("folder") if folder else _("file"),
            )
        )
    return found


@twins.get("/corpora", response_model=CorporaView)
def corpora_twin(site: Site) -> Response:
    """What the atlas holds, and what can be added to it."""
    return sent(corpora_view(site))


@twins.post("/jobs", response_model=JobView, status_code=202, dependencies=[wants("add")])
def add(request: Request, body: AddBody) -> Response:
    """Start adding a corpus. Wants this start's token in the header X-Mirage-Token."""
    by_command = check_token(request, None)
    given = {"path": body.path, **body.options}
    how: dict[str, Any] = {"by_command": by_command, "bring_back": body.bring_back, "merge": body.merge, "prune": body.prune}
    how |= {"call_so": body.call_so, "on": body.on}
    return sent(start(site_of(request), body.corpus, given, **how), 202)


@router.get("/corpora")
def corpora_page(site: Site) -> Response:
    """Show what the atlas holds, what changes it, and what can be added."""
    return _corpora_page(site)


@router.get("/notices")
def notices_page() -> Response:
    """Show the licences and notices of what ships, word for word."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(path for path in SHIPPED.rglob("*") if path.suffix in (".txt", ".md")):
        if not path.name.startswith("log"):  # of a training
            parts.setdefault(path.relative_to(SHIPPED).parts[0], []).append((path.stem, path.read_text("utf-8")))
    return page("notices.html", parts=parts)


def _corpora_page(site: RunningSite, tried: Mapping[str, str] | None = None, error: MirageError | None = None) -> Response:
    """The page; where a form could not be used, with what was chosen in it, and why."""
    view = corpora_view(site)
    # An atlas keeps folders' names to itself; those that may be chosen below are no secret here.
    offered = {Path(folder).name for offer in view.addable for folder in offer.folders}
    return page(
        "corpora.html",
        error,
        view=view,
        own_names={one.name: name for one in view.corpora if (name := site.atlas.store.name_of(one.name)) in offered},
        tried=tried or {},
        problem=str(error) if error else "",
        atlas=atlas_view(site.atlas),
        jobs=[job for job in jobs_view(site).jobs if job.kind != GENERATE],
        token=site.token,
        copies=set(site.settings.corpora),
        takes_files=site.takes_files,
        most_files=MOST_FILES,
        most_bytes=site.settings.add_max_bytes,
        folders_named=bool(site.settings.folder_roots),
    )


@router.post("/corpora", dependencies=[wants("add")])
def add_by_form(site: Site, form: TokenForm) -> Response:
    """Start adding a corpus from the page."""
    given = {name: value.strip() for name, value in texts_of(form) if name not in ("token", "corpus", "call_so")}
    corpus, call_so = str(form.get("corpus", "")), bool(form.get("call_so"))
    try:
        return RedirectResponse(start(site, corpus, given, call_so=call_so).page, 303)
    except BadInput as error:
        return _corpora_page(site, {**given, "corpus": corpus}, error)
