"""Fetch a file over a bad line: resumed where it broke off, verified, and in place only when it is whole."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from mirage.errors import BadInput, NoNetwork, Unavailable

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and, when known, how many there will be. What it raises stops the
download, which can be resumed later."""

_SPARE = 64 * 2**20
_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_RETRIED = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is known of a half-fetched file, kept beside it."""

    url: str
    etag: str = ""
    modified: str = ""

    @property
    def validator(self) -> str:
        """What ``If-Range`` takes: a strong ETag, else the date, never a weak ETag (RFC 9110, 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class Refused(Unavailable):
    """The server answered that it will not give the file.

    Attributes
    ----------
    answered : int
        Its HTTP status.
    reason : str
        What it says why, in its header ``X-Error-Code``; empty when it says nothing.
    """

    def __init__(self, message: str, answered: int, reason: str = "") -> None:
        super().__init__(message)
        self.answered = answered
        self.reason = reason


class _Interrupted(Exception):
    """The line broke, or the server asked to come back; how, in words."""


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress | None = None,
    client: httpx.Client | None = None,
    attempts: int = 5,
    pause: float = 1.0,
    instead: str = "",
) -> Path:
    """Download a file, or go on where an earlier call broke off.

    The bytes go to ``target.part``, with a ``target.part.json`` beside it that says which version of the file
    they are of; when the file has changed since, or the server cannot resume, it starts anew. A target that is
    there already, and fits `sha256` and `size`, is left as it is. Proxies are taken from the environment.

    Parameters
    ----------
    url : str
    target : Path
        Where the whole, verified file will be.
    sha256 : str, optional
        Digest in hexadecimal that the file must have.
    size : int, optional
        Bytes that it must have.
    progress : callable, optional
        See `Progress`.
    client : httpx.Client, optional
    attempts : int
        How often in a row to try without a single byte arriving.
    pause : float
        Seconds before the second try; they double each time.
    instead : str
        What to do without a network, for the message: "Give the path of a copy."

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    mirage.errors.NoNetwork
        When the server is not reached, or breaks off again and again. What has arrived is kept.
    mirage.errors.Unavailable
        When the disk is full, the server refuses (`Refused`), or the file is not the one that was wanted.
    """
    if target.is_file():
        if _fits(target, sha256, size):
            return target
        target.unlink()
    part = target.with_name(target.name + ".part")
    side = target.with_name(target.name + ".part.json")
    own = client is None
    http = client or httpx.Client(follow_redirects=True, timeout=_TIMEOUT)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _until_whole(http, _Job(url, part, side, size, progress, instead), attempts, pause)
    except OSError as error:
        raise Unavailable(_disk_words(target, error)) from error
    finally:
        if own:
            http.close()
    if not _fits(part, sha256, size):
        found = part.stat().st_size
        part.unlink()
        side.unlink(missing_ok=True)
        wanted = f"{size:,} bytes" if size is not None and found != size else f"SHA-256 {sha256}"
        raise Unavailable(
            f"{url} is not the file that was wanted ({wanted}); {found:,} bytes arrived and were thrown away. "
            f"Try again. If it happens again, the file has changed at its source. {instead}".rstrip()
        )
    part.replace(target)
    side.unlink(missing_ok=True)
    return target


@dataclass(frozen=True, slots=True)
class _Job:
    url: str
    part: Path
    side: Path
    size: int | None
    progress: Progress | None
    instead: str


def _until_whole(http: httpx.Client, job: _Job, attempts: int, pause: float) -> None:
    failures = 0
    while True:
        before = _length(job.part)
        try:
            _stream(http, job)
            return
        except _Interrupted as interrupted:
            failures = 1 if _length(job.part) > before else failures + 1
            if failures >= attempts:
                raise NoNetwork(_network_words(job, str(interrupted))) from interrupted
        time.sleep(min(pause * 2 ** (failures - 1), 30.0))


def _stream(http: httpx.Client, job: _Job) -> None:
    have = _length(job.part)
    mark = _read_mark(job.side, job.url)
    headers = {"Accept-Encoding": "identity", "User-Agent": "mirage-atlas"}
    if have and mark is not None and mark.validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark.validator}
    else:
        have = 0
    try:
        with http.stream("GET", job.url, headers=headers, follow_redirects=True) as answer:
            have, total = _accept(answer, job, have)
            if answer.status_code == 416:
                return
            _check_room(job.part, total, have)
            with job.part.open("ab" if have else "wb") as file:
                # No chunk size: waiting to fill one would lose what came before the line broke.
                for chunk in answer.iter_raw():
                    file.write(chunk)
                    have += len(chunk)
                    if job.progress:
                        job.progress(have, total or job.size)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise BadInput(f"{job.url} is no address that can be fetched.") from None
    except httpx.HTTPError as error:
        raise _Interrupted(_reason(error)) from error
    if total is not None and have < total:
        raise _Interrupted(f"it broke off after {have:,} of {total:,} bytes")


def _accept(answer: httpx.Response, job: _Job, have: int) -> tuple[int, int | None]:
    """Bytes that may be kept and bytes that there will be; refuses an answer that is not the file."""
    status = answer.status_code
    length = int(answer.headers.get("Content-Length") or -1)
    if status == 206:
        start, total = _content_range(answer.headers.get("Content-Range", ""))
        if start == have:
            return have, total if total is not None else (have + length if length >= 0 else None)
        _forget(job.part, job.side)
        raise _Interrupted("it went on at the wrong place")
    if status == 416:
        _, total = _content_range(answer.headers.get("Content-Range", ""))
        if total is not None and total == have:
            return have, total
        _forget(job.part, job.side)
        raise _Interrupted("it has fewer bytes than were fetched before")
    if status in _RETRIED:
        raise _Interrupted(f"it answered {status} {answer.reason_phrase}")
    if status != 200:
        told = f"{job.url} cannot be fetched: the server answered {status} {answer.reason_phrase}."
        raise Refused(told, status, answer.headers.get("X-Error-Code", ""))
    mark = _Mark(job.url, answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""))
    job.side.write_text(json.dumps(asdict(mark)), "utf-8")
    return 0, length if length >= 0 else None


def _content_range(header: str) -> tuple[int | None, int | None]:
    """Start and total of ``bytes 100-199/200`` or ``bytes */200``."""
    span, _, total = header.removeprefix("bytes").strip().partition("/")
    start = span.partition("-")[0]
    return (int(start) if start.isdigit() else None), (int(total) if total.isdigit() else None)


def _read_mark(side: Path, url: str) -> _Mark | None:
    try:
        mark = _Mark(**json.loads(side.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return mark if mark.url == url else None


def _forget(part: Path, side: Path) -> None:
    part.unlink(missing_ok=True)
    side.unlink(missing_ok=True)


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _check_room(part: Path, total: int | None, have: int) -> None:
    if total is None:
        return
    free = shutil.disk_usage(part.parent).free
    if total - have + _SPARE > free:
        raise Unavailable(
            f"{part.parent} has {free / 2**20:,.0f} MB free, and {(total - have) / 2**20:,.0f} MB are still to "
            "come. Make room, or choose another folder."
        )


def _fits(path: Path, sha256: str | None, size: int | None) -> bool:
    if size is not None and path.stat().st_size != size:
        return False
    if sha256 is None:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256.lower()


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectTimeout | httpx.ReadTimeout | httpx.PoolTimeout):
        return "it does not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "it cannot be reached"
    if isinstance(error, httpx.TooManyRedirects):
        return "it sends from one address to another without end"
    return "the connection broke off"


def _network_words(job: _Job, reason: str) -> str:
    have = _length(job.part)
    kept = f" {have / 2**20:,.1f} MB have arrived and are kept: run it again to go on." if have else ""
    return f"No network, or none to {job.url}: {reason}.{kept} {job.instead}".rstrip()


def _disk_words(target: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk that holds {target.parent} is full. Make room and run it again to go on."
    return f"{target} cannot be written: {error.strerror or error}. Choose another folder."
