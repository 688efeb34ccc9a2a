"""Reach an atlas from the command line: open it here, or, when a server holds it, work through that server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from mirage.atlas import Atlas
from mirage.cli.output import progress_bar, say
from mirage.errors import AtlasHeld, BadInput, BadPicture, Busy, MirageError, NotFound, Unavailable
from mirage.images import DEFAULT_LIMITS, decode
from mirage.images.marks.reading import read, warned
from mirage.query import PictureTerm, Query
from mirage.settings import Settings
from mirage.storage.manifest import Holder
from mirage.web.views.search import answer_view

AtlasOption = Annotated[
    Path | None,
    typer.Option("--atlas", "-a", help="The atlas folder.", envvar="MIRAGE_ATLAS", show_default="the user's data folder"),
]


class Served:
    """An atlas that another process serves, reached through its HTTP API."""

    def __init__(self, holder: Holder) -> None:
        # trust_env: a proxy that the environment names must not come between this machine and itself.
        headers = {"X-Mirage-Token": holder.token}
        self._client = httpx.Client(base_url=holder.url, headers=headers, timeout=60, trust_env=False)
        self.url = holder.url

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """One call; the server's own words when it refuses."""
        try:
            answer = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise AtlasHeld(f"The server at {self.url} holds the atlas and does not answer ({error}).") from error
        if answer.is_success:
            return answer.json()
        raise self._refused(answer)

    def fetch(self, path: str) -> bytes:
        """A file."""
        try:
            answer = self._client.get(path)
        except httpx.HTTPError as error:
            raise AtlasHeld(f"The server at {self.url} holds the atlas and does not answer ({error}).") from error
        if not answer.is_success:
            raise self._refused(answer)
        return answer.content

    def _refused(self, answer: httpx.Response) -> MirageError:
        try:
            detail = str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            detail = f"The server at {self.url} answered {answer.status_code}."
        return _KINDS.get(answer.status_code, MirageError)(detail)


# What the server's answers mean here, so that a command ends alike whichever way it went.
_KINDS: dict[int, type[MirageError]] = {
    BadInput.status: BadInput,
    NotFound.status: NotFound,
    AtlasHeld.status: AtlasHeld,
    Busy.status: Busy,
    413: BadPicture,
    415: BadPicture,
    BadPicture.status: BadPicture,
    Unavailable.status: Unavailable,
}
Reached = Atlas | Served


def folder_of(atlas: Path | None) -> Path:
    """The folder a command means."""
    return atlas.expanduser() if atlas is not None else Settings.load().atlas


@contextmanager
def reach(path: Path | None, *, create: bool = False) -> Iterator[Reached]:
    """Open an atlas, or reach the server that holds it.

    Raises
    ------
    mirage.errors.AtlasHeld
        When a process holds it that does not answer.
    """
    folder = folder_of(path)
    try:
        atlas = Atlas.open(folder, create=create)
    except AtlasHeld as held:
        yield server_of(folder, held)
        return
    with atlas:
        yield atlas


def server_of(folder: Path, held: AtlasHeld) -> Served:
    """The server that holds an atlas.

    Raises
    ------
    mirage.errors.AtlasHeld
        The one given, when the process that holds it serves nothing; one that says where it does not answer, else.
    """
    holder = Holder.read(folder)
    if holder is None or not holder.url:
        raise held
    served = Served(holder)
    try:
        served.ask("GET", "/api/atlas")
    except MirageError as error:
        raise AtlasHeld(f"{held} It does not answer at {holder.url}.") from error
    return served


def follow(served: Served, job: dict[str, Any], unit: str = " figures/s") -> dict[str, Any]:
    """Show how far a job of the server is until it has ended; interrupted here, it is cancelled there.

    Raises
    ------
    mirage.errors.MirageError
        In the job's words, when it failed or was cancelled.
    """
    with progress_bar(job["title"], unit=unit) as move:
        try:
            while not job["ended"]:
                time.sleep(0.5)
                job = served.ask("GET", f"/api/jobs/{job['id']}")
                move(job["done"], job["total"], job["rate"], job["seconds_left"])
        except KeyboardInterrupt:
            served.ask("POST", f"/api/jobs/{job['id']}/cancel")
            raise
    if job["state"] != "done":
        raise MirageError(job["message"])
    return job


def search(reached: Reached, make: Callable[[list[PictureTerm]], Query], picture: Path | None) -> dict[str, Any]:
    """Search wherever the atlas is; the answer as the HTTP API gives it."""
    if isinstance(reached, Atlas):
        pictures = [reached.embed(_decoded(picture))] if picture else []
        return answer_view(reached.search(make(pictures))).model_dump(mode="json", by_alias=True)
    pictures = []
    if picture:
        _decoded(picture)
        with picture.open("rb") as file:
            embedded = reached.ask("POST", "/api/embed", files={"file": (picture.name, file)})
        pictures = [PictureTerm.parse(embedded["picture"])]
    query = make(pictures)
    terms = [
        {
            "text": term.text,
            "picture": term.picture.print() if term.picture else "",
            "figure": term.figure,
            "weight": term.weight,
        }
        for term in query.terms
    ]
    filters = {name: list(values) for name, values in query.filters.items()}
    body = {"terms": terms, "filters": filters, "k": query.k, "refine": query.refine}
    answer: dict[str, Any] = reached.ask("POST", "/api/search", json=body)
    return answer


def refuse_address(text: str) -> None:
    """Say that an address is not fetched."""
    if re.match(r"(?i)\s*(https?|ftp):/", text):
        address = re.sub(r":/+", "://", text.strip()[:200], count=1)  # a path folds the two strokes into one
        raise BadPicture(
            f"{address} is an address. Nothing is fetched from the network: save the picture and give its file with --image."
        )


def _decoded(path: Path) -> Any:
    refuse_address(str(path))
    if not path.is_file():
        raise BadPicture(f"There is no file {path}.")
    image = decode(path, name=path.name, limits=DEFAULT_LIMITS)
    if warning := warned(read(path.read_bytes(), image)):
        say(warning.replace("you dropped", "you gave"))
    return image
