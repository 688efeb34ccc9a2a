"""The HTTP API of an atlas, as every command asks it: a command has one path, whether the atlas is served or not.

Where a server holds the atlas, the API is asked over the network. Otherwise the atlas is opened here and the same
application answers in this process, without a socket.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from anyio.from_thread import BlockingPortal, start_blocking_portal

from mirage.atlas import Atlas
from mirage.cli.output import progress_bar, said_once, say
from mirage.cli.spoken import for_machines
from mirage.errors import AtlasHeld, BadInput, BadPicture, Busy, MirageError, NotFound, Removed, Unavailable
from mirage.images import DEFAULT_LIMITS, decode
from mirage.images.marks.reading import read, warned
from mirage.jobs import Jobs
from mirage.query import PictureTerm, Query
from mirage.settings import Settings
from mirage.storage.manifest import Holder
from mirage.wording import _, language

Several = list[str] | None
AtlasOption = Annotated[
    Path | None,
    typer.Option("--atlas", "-a", help="The atlas folder.", envvar="MIRAGE_ATLAS", show_default="the user's data folder"),
]
JsonOption = Annotated[bool, typer.Option("--json", callback=for_machines, help="Print JSON, as the HTTP API answers.")]
MoreOption = Annotated[Several, typer.Option(help="A further term; `words@0.5` gives it a weight.")]
LessOption = Annotated[Several, typer.Option(help="A term to have less of; `words@0.5` gives it a weight.")]
ModalityOption = Annotated[Several, typer.Option(help="Only this modality: CT, MR, US, XR …")]
PlaneOption = Annotated[Several, typer.Option(help="Only this plane: axial, coronal, sagittal …")]
RegionOption = Annotated[Several, typer.Option(help="Only this body region.")]

# What a server's answers mean here, so that a command ends alike whichever way it went.
_KINDS = {kind.status: kind for kind in (BadInput, NotFound, Removed, AtlasHeld, Busy, BadPicture, Unavailable)}
_KINDS |= {413: BadPicture, 415: BadPicture}


class AtlasClient:
    """Asks the HTTP API of one atlas.

    Parameters
    ----------
    http : httpx.AsyncClient
        Reaches the API. It is asynchronous because only that kind of client can ask an application in this process.
    portal : anyio.from_thread.BlockingPortal
        Where it runs.

    Attributes
    ----------
    url : str
        Of the server; empty when the application runs in this process.
    """

    def __init__(self, http: httpx.AsyncClient, portal: BlockingPortal) -> None:
        self._http, self._portal, self.url = http, portal, ""

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Send one request and give what the JSON of its answer holds.

        Parameters
        ----------
        method, path : str
            As in ``"GET", "/api/atlas"``.
        **options
            As for `httpx.AsyncClient.request`.

        Raises
        ------
        mirage.errors.MirageError
            In the API's own words, when it refuses.
        mirage.errors.AtlasHeld
            When the server does not answer.
        """
        return self._answered(method, path, options).json()

    def fetch(self, path: str) -> bytes:
        """Give a file of the API."""
        return self.sent(path).content

    def sent(self, path: str, **options: Any) -> httpx.Response:
        """Give a file of the API with what its headers say; options are as for `ask`."""
        return self._answered("GET", path, options)

    def _answered(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        async def send() -> httpx.Response:
            return await self._http.request(method, path, **options)

        try:
            answer = self._portal.call(send)
        except httpx.HTTPError as error:
            raise AtlasHeld(
                _("The server at %(url)s holds the atlas and does not answer (%(error)s).", url=self.url, error=error)
            ) from error
        if answer.is_success:
            return answer
        try:
            detail = str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            detail = _("The server at %(url)s answered %(status)s.", url=self.url, status=answer.status_code)
        raise _KINDS.get(answer.status_code, MirageError)(detail)

    def follow(
        self, job: dict[str, Any], each: Callable[[dict[str, Any]], None] = lambda _: None, *, unit: str = " figures/s"
    ) -> dict[str, Any]:
        """Show how far a job is until it has ended. Interrupted, it cancels the job: what was stored stays.

        Parameters
        ----------
        job : dict
            A job as the API gives it.
        each : callable
            Given the job each time it was asked for, the last time included.
        unit : str
            What the bar counts.

        Raises
        ------
        mirage.errors.MirageError
            In the job's words, when it failed or was cancelled.
        """
        pause = 0.02
        with progress_bar(job["title"], unit=unit) as move:
            try:
                each(job)
                while not job["ended"]:
                    time.sleep(pause)
                    pause = min(pause * 1.5, 0.5)  # a short job is not waited for long, a long one not asked for often
                    job = self.ask("GET", f"/api/jobs/{job['id']}")
                    move(job["done"], job["total"], job["rate"], job["seconds_left"], job["message"].rstrip("."))
                    each(job)
            except KeyboardInterrupt:
                self.ask("POST", f"/api/jobs/{job['id']}/cancel")
                raise
        if job["state"] != "done":
            failed = MirageError(job["message"])
            failed.exit_code = job.get("exit_code") or MirageError.exit_code
            raise failed
        return job

    def picture(self, path: Path) -> PictureTerm:
        """Turn a picture file into the term that a query carries.

        Raises
        ------
        mirage.errors.BadPicture
            When it is no file, or no picture; one that is damaged is told before it is sent.
        """
        refuse_address(str(path))
        if not path.is_file():
            raise BadPicture(_("There is no file %(path)s.", path=path))
        image = decode(path, name=path.name, limits=DEFAULT_LIMITS)
        data = path.read_bytes()
        if warning := warned(read(data, image)):
            say(warning.replace("you dropped", "you gave"))
        return PictureTerm.parse(self.ask("POST", "/api/embed", files={"file": (path.name, data)})["picture"])

    def search(self, query: Query) -> dict[str, Any]:
        """Search; the answer as the HTTP API gives it."""
        from mirage.web.views.search import query_view  # noqa: PLC0415 - the site takes a third of a second to load

        answer: dict[str, Any] = self.ask("POST", "/api/search", json=query_view(query).model_dump(exclude={"url"}))
        return answer


def asked(words: Sequence[str], more: Several, less: Several, **given: Any) -> Query:
    """The query of a command.

    Parameters
    ----------
    words : sequence of str
        Its arguments; an address among them is refused, since nothing is fetched.
    more, less : list of str or None
        Its options of these names.
    **given
        As for `Query.of`.
    """
    text = " ".join(words)
    refuse_address(text)
    return Query.of(text, more=more or (), less=less or (), **given)


def folder_of(atlas: Path | None) -> Path:
    """The folder a command means."""
    return atlas.expanduser() if atlas is not None else Settings.load().atlas


@contextmanager
def connect(path: Path | None, *, create: bool = False, **settings: Any) -> Iterator[AtlasClient]:
    """Reach the API of an atlas: of the server that holds it, or of the atlas opened here.

    Parameters
    ----------
    path : Path or None
        The atlas folder; the settings' one when left out.
    create : bool
        Make an empty atlas when there is none.
    **settings
        Settings of this command, for an atlas that is opened here.

    Raises
    ------
    mirage.errors.AtlasError
        When it cannot be opened.
    mirage.errors.AtlasHeld
        When a process holds it that does not answer.
    """
    folder = folder_of(path)
    try:
        atlas = Atlas.open(folder, create=create, steps=said_once())
    except AtlasHeld as held:
        with served(folder, held) as client:
            yield client
        return
    from mirage.web.server import create_app  # noqa: PLC0415 - as above

    # A command may take in as large a picture as can be decoded, and does not begin again what a server left behind.
    chosen = Settings.load(upload_max_bytes=2**62, upload_max_pixels=DEFAULT_LIMITS.pixels, **settings)
    with atlas, closing(Jobs(atlas, resume=False)) as jobs:
        app = create_app(atlas, chosen, jobs_of=jobs)
        # Nobody else can ask here, so no guard is needed; and what is raised arrives as it is, with its exit code.
        app.user_middleware.clear()
        app.exception_handlers.pop(MirageError)
        with _asking(f"http://localhost:{chosen.port}", atlas.holder, httpx.ASGITransport(app)) as client:
            yield client


def taken_in(file: Path, route: str, atlas: Path | None) -> Any:
    """Send a file of somebody's to a route that takes such files in, and give its answer.

    Parameters
    ----------
    file : Path
    route : str
    atlas : Path or None
        As for `connect`.

    Raises
    ------
    mirage.errors.BadInput
        When there is no such file.
    """
    if not file.is_file():
        raise BadInput(_("There is no file %(file)s.", file=file))
    with connect(atlas) as client:
        return client.ask("POST", route, files={"file": (file.name, file.read_bytes())})


@contextmanager
def served(folder: Path, held: AtlasHeld) -> Iterator[AtlasClient]:
    """Reach the server that holds an atlas: of those that left word there, the first that answers.

    Parameters
    ----------
    folder : Path
        Of the atlas.
    held : mirage.errors.AtlasHeld
        What opening it raised.

    Raises
    ------
    mirage.errors.AtlasHeld
        The one given, when the process that holds it serves nothing; one that says where it does not answer, else.
    """
    failed: MirageError | None = None
    holders = [each for each in Holder.every(folder) if each.url]
    for holder in holders:
        with _asking(holder.url, holder) as client:
            try:
                client.ask("GET", "/api/atlas")
            except MirageError as error:  # a word may be left of one that is gone
                failed = error
                continue
            client.url = holder.url
            yield client
            return
    if failed is None:
        raise held
    raise AtlasHeld(
        _("%(held)s It does not answer at %(urls)s.", held=held, urls=", ".join(each.url for each in holders))
    ) from failed


@contextmanager
def _asking(url: str, holder: Holder, transport: httpx.AsyncBaseTransport | None = None) -> Iterator[AtlasClient]:
    headers = {"X-Mirage-Token": holder.token, "Accept-Language": language()}
    # trust_env: a proxy that the environment names must not come between this machine and itself.
    http = httpx.AsyncClient(base_url=url, headers=headers, timeout=300, trust_env=False, transport=transport)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(http):
        yield AtlasClient(http, portal)


def refuse_address(text: str) -> None:
    """Say that an address is not fetched."""
    if re.match(r"(?i)\s*(https?|ftp):/", text):
        address = re.sub(r":/+", "://", text.strip()[:200], count=1)  # a path folds the two strokes into one
        raise BadPicture(
            _(
                "%(address)s is an address. Nothing is fetched from the network: save the picture "
                "and give its file with --image.",
                address=address,
            )
        )
