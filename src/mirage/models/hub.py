"""The model hub, or a mirror with its layout, over HTTP: which commit a revision is, which files it has, and where they are.

Three calls of its public API are used: ``/api/models/ID/revision/REV``, ``/api/models/ID/commits/main`` and
``/api/models/ID/tree/REV``; files come from ``/ID/resolve/REV/FILE``. The package huggingface_hub is not needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from mirage.errors import BadInput, MirageError, NoNetwork, NotFound, Unavailable
from mirage.models.cache import hub_home
from mirage.models.finding import is_beginning, is_commit
from mirage.models.record import inside

PUBLIC = "https://huggingface.co"
_COMMITS_LOOKED_AT = 5_000
# The first question tells whether there is a network at all, so it does not wait long.
_TIMEOUT = httpx.Timeout(30.0, connect=8.0)
_YES = {"1", "on", "yes", "true"}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a model at the hub.

    Attributes
    ----------
    path : str
        Below the model's folder, with slashes.
    size : int
        Bytes.
    sha256 : str
        Stated for files of the large-file store; empty for the others.
    git_id : str
        Git's name of the content, stated for the others; empty for large files.
    """

    path: str
    size: int
    sha256: str = ""
    git_id: str = ""


class Hub:
    """A hub at one address.

    Parameters
    ----------
    address : str, optional
        ``HF_ENDPOINT`` or the public hub when left out.
    client : httpx.Client, optional
        Made, with the token, when left out.

    Raises
    ------
    mirage.errors.NoNetwork
        When ``HF_HUB_OFFLINE`` says that the network shall not be asked and no mirror is named.
    """

    def __init__(self, address: str = "", *, client: httpx.Client | None = None) -> None:
        if not address and os.environ.get("HF_HUB_OFFLINE", "").lower() in _YES:
            raise NoNetwork(f"HF_HUB_OFFLINE is set, so the hub is not asked. Unset it. {INSTEAD}")
        self.address = (address or os.environ.get("HF_ENDPOINT") or PUBLIC).rstrip("/")
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", self.address):
            raise BadInput(f"{self.address!r} is no address of a mirror. Give one as https://mirror.example, or a folder.")
        self._token = token() if self._may_have_the_token(address) else ""
        headers = {"User-Agent": "mirage-atlas"} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        self.client = client or httpx.Client(headers=headers, timeout=_TIMEOUT, follow_redirects=True)

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.client.close()

    def url(self, model_id: str, commit: str, path: str) -> str:
        """Where a file is."""
        return f"{self.address}/{quote(model_id)}/resolve/{commit}/{quote(path)}"

    def commit(self, model_id: str, revision: str) -> str:
        """The whole commit that a branch, a tag, a whole commit or the first digits of one (at least 7) means.

        Raises
        ------
        mirage.errors.NoNetwork, mirage.errors.NotFound, mirage.errors.Unavailable
        """
        if is_beginning(revision) and (whole := self._commit_beginning(model_id, revision)):
            return whole
        told = self._ask(f"/api/models/{quote(model_id)}/revision/{quote(revision, safe='')}", model_id, revision).json()
        commit = told.get("sha", "") if isinstance(told, dict) else ""
        if not is_commit(str(commit)):
            raise Unavailable(f"{self.address} does not say which commit {revision} of {model_id} is. {INSTEAD}")
        return str(commit)

    def files(self, model_id: str, commit: str) -> list[RemoteFile]:
        """All files of a commit, with size and digest.

        Raises
        ------
        mirage.errors.NoNetwork, mirage.errors.NotFound, mirage.errors.Unavailable
        """
        start = f"/api/models/{quote(model_id)}/tree/{quote(commit, safe='')}?recursive=true"
        found = []
        try:
            for entry in self._pages(start, model_id, commit):
                if entry["type"] != "file":
                    continue
                if not inside(entry["path"]):
                    raise Unavailable(f"{model_id} has a file that lies outside its folder: {entry['path']!r}. Not fetched.")
                large = entry.get("lfs") or {}
                size = int(large.get("size", entry["size"]))
                git_id = "" if large else str(entry["oid"])
                found.append(RemoteFile(entry["path"], size, str(large.get("oid", "")).lower(), git_id.lower()))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unavailable(f"{self.address} lists the files of {model_id} in a way that is not understood.") from error
        return found

    # -- asking -----------------------------------------------------------------------------------------------------

    def _commit_beginning(self, model_id: str, digits: str) -> str:
        found: set[str] = set()
        commits = self._pages(f"/api/models/{quote(model_id)}/commits/main", model_id, digits)
        for number, entry in enumerate(commits):
            whole = str(entry.get("id", "")) if isinstance(entry, dict) else ""
            if whole.startswith(digits.lower()):
                found.add(whole)
            if number >= _COMMITS_LOOKED_AT:
                break
        if len(found) > 1:
            raise BadInput(f"Several commits of {model_id} begin with {digits}: {', '.join(sorted(found))}. Name one whole.")
        return found.pop() if found else ""

    def _pages(self, start: str, model_id: str, revision: str) -> Iterator[Any]:
        answer = self._ask(start, model_id, revision)
        while True:
            page = answer.json()
            if not isinstance(page, list):
                raise Unavailable(f"{self.address} answers about {model_id} in a way that is not understood.")
            yield from page
            following = answer.links.get("next", {}).get("url")
            if not following:
                return
            answer = self._ask(str(answer.url.join(following)), model_id, revision)

    def _ask(self, place: str, model_id: str, revision: str) -> httpx.Response:
        url = place if place.startswith("http") else self.address + place
        if not url.startswith(self.address + "/"):
            raise Unavailable(f"{self.address} sends on to {url}, which is elsewhere. Not followed.")
        try:
            answer = self.client.get(url)
        except httpx.HTTPError as error:
            raise NoNetwork(f"No network, or none to {self.address} ({_why(error)}). {INSTEAD}") from error
        if answer.status_code != httpx.codes.OK:
            raise refused(model_id, revision, self.address, answer.status_code, answer.headers.get("X-Error-Code", ""))
        try:
            answer.json()
        except ValueError as error:
            raise NoNetwork(
                f"{self.address} answers with a page and not as a hub does: does this network want a log-in first? {INSTEAD}"
            ) from error
        return answer

    def _may_have_the_token(self, address: str) -> bool:
        """A token is for the hub of the person's own settings, not for any mirror named on the way; nor in the clear."""
        return not address and (self.address.startswith("https://") or "//127.0.0.1" in self.address)


INSTEAD = "Or copy the model from another machine or a mirror: mirage models pull ID --from FOLDER-OR-ADDRESS."


def refused(model_id: str, revision: str, address: str, status: int, code: str) -> MirageError:
    """What to say when the hub will not answer about a model, by status and ``X-Error-Code``."""
    if code == "GatedRepo" or status == httpx.codes.FORBIDDEN:
        return Unavailable(
            f"{model_id} is given only to those who accepted its terms. Open {address}/{model_id}, log in, accept them, "
            "make a token in your settings there, and run this again with HF_TOKEN=… in the environment."
        )
    if code == "RevisionNotFound" or (status == httpx.codes.NOT_FOUND and code == "EntryNotFound"):
        return NotFound(f"{model_id} has no revision {revision} at {address}. Name another with --revision.")
    if status == httpx.codes.UNAUTHORIZED:
        return Unavailable(
            f"{address} does not show {model_id} to strangers: it is spelt otherwise, private, or its terms must be "
            f"accepted first. Look at {address}/{model_id}; if it is there, accept its terms and run this again with "
            "your token in the environment as HF_TOKEN."
        )
    if status == httpx.codes.NOT_FOUND:
        return NotFound(f"There is no model {model_id} at {address}, or no revision {revision} of it. Check both.")
    if status in (429, 500, 502, 503, 504):
        return NoNetwork(f"{address} is too busy to answer ({status}). Try again later; what has arrived is kept.")
    return Unavailable(f"{address} will not answer about {model_id} ({status}). {INSTEAD}")


def token() -> str:
    """The person's token: ``HF_TOKEN``, else what ``hf auth login`` stored; empty when there is none."""
    if given := os.environ.get("HF_TOKEN", "").strip():
        return given
    place = os.environ.get("HF_TOKEN_PATH")
    with suppress(OSError, ValueError):
        return (Path(place).expanduser() if place else hub_home() / "token").read_text("utf-8").strip()
    return ""


def _why(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it does not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "it cannot be reached"
    return "the connection broke off"
