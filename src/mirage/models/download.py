"""Files from the network: fetched over a bad line, resumed where it broke off, verified, and unpacked safely.

The client of the model hub (huggingface_hub) throws away what had arrived when a download is stopped, and knows no other
sites; so the bytes of models and of archives both come through here.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx

from mirage.errors import BadInput, NoNetwork, Unavailable

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and, when known, how many there will be. What it raises stops the
download, which can be resumed later."""

_CHUNK = 1 << 20
_SPARE = 64 * 2**20
_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_RETRIED = {408, 425, 429, 500, 502, 503, 504}


class FetchRefused(Unavailable):
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
        When the disk is full, the server refuses (`FetchRefused`), or the file is not the one that was wanted.
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
        raise Unavailable(disk_words(target.parent, error)) from error
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
    validator = _validator(job) if have else ""
    headers = {"Accept-Encoding": "identity", "User-Agent": "mirage-atlas"}
    if validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
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
        raise FetchRefused(told, status, answer.headers.get("X-Error-Code", ""))
    mark = {"url": job.url, "etag": answer.headers.get("ETag", ""), "modified": answer.headers.get("Last-Modified", "")}
    job.side.write_text(json.dumps(mark), "utf-8")
    return 0, length if length >= 0 else None


def _content_range(header: str) -> tuple[int | None, int | None]:
    """Start and total of ``bytes 100-199/200`` or ``bytes */200``."""
    span, _, total = header.removeprefix("bytes").strip().partition("/")
    start = span.partition("-")[0]
    return (int(start) if start.isdigit() else None), (int(total) if total.isdigit() else None)


def _validator(job: _Job) -> str:
    """What ``If-Range`` takes of a half-fetched file, by what is kept beside it; empty when nothing is.

    It is a strong ETag, else the date, never a weak ETag (RFC 9110, 13.1.5).
    """
    try:
        mark = json.loads(job.side.read_text("utf-8"))
        if mark["url"] != job.url:
            return ""
        return str(mark["modified"] if not mark["etag"] or mark["etag"].startswith("W/") else mark["etag"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return ""


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


def disk_words(folder: Path, error: OSError) -> str:
    """What to say when a folder takes no more.

    Parameters
    ----------
    folder : Path
    error : OSError
    """
    if error.errno == errno.ENOSPC:
        return f"The disk that holds {folder} is full. Make room and run it again to go on."
    return f"{folder} cannot be written: {error.strerror or error}. Choose another folder."


def copy_file(source: Path, target: Path, progress: Callable[[int], None] = lambda _: None) -> None:
    """Copy a file; it is in place only when all of it is there.

    Parameters
    ----------
    source, target : Path
    progress : callable, optional
        Called with the bytes that are there.

    Raises
    ------
    mirage.errors.Unavailable
        When the disk is full, or one of them cannot be read or written.
    """
    part, done = target.with_name(target.name + ".part"), 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as read, part.open("wb") as write:
            while piece := read.read(_CHUNK):
                done += write.write(piece)
                progress(done)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Unavailable(f"{source} cannot be copied. {disk_words(target.parent, error)}") from error


# -- unpacking ----------------------------------------------------------------------------------------------------------


def unzip(
    archive: Path,
    folder: Path,
    *,
    wanted: Callable[[str], str | None] = lambda name: name,
    most_bytes: int = 4 * 2**30,
    most_files: int = 100_000,
    progress: Callable[[int, int | None], None] | None = None,
) -> int:
    """Unpack an archive and check every file against its checksum (CRC-32) on the way.

    Each file is written under a temporary name and then renamed, and a file that is there already with the
    right size is passed over: when it is killed, run it again.

    Parameters
    ----------
    archive, folder : Path
    wanted : callable
        Gives the path, relative to `folder`, of a member by its name, or None to leave it out.
    most_bytes, most_files : int
        What the archive may unpack to.
    progress : callable, optional
        Called with files done and files in all.

    Returns
    -------
    int
        How many files are in place.

    Raises
    ------
    mirage.errors.Unavailable
        When the archive is damaged, too large, holds a path that leads outside or a link, or the disk is full.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, folder, wanted, archive)
            if len(members) > most_files or sum(info.file_size for info, _ in members) > most_bytes:
                raise Unavailable(f"{archive} unpacks to more than is allowed. It is not what was wanted.")
            for number, (info, target) in enumerate(members, start=1):
                _extract(opened, info, target)
                if progress:
                    progress(number, len(members))
            return len(members)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Unavailable(f"{archive} is damaged ({error}). Remove it and download it again.") from error
    except OSError as error:
        full = "The disk is full. Make room and run it again." if error.errno == errno.ENOSPC else str(error)
        raise Unavailable(f"{archive} cannot be unpacked into {folder}: {full}") from error


def comment_of(archive: Path) -> str:
    """Comment of an archive; those that git makes carry the commit there. Empty when there is none.

    Raises
    ------
    mirage.errors.Unavailable
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.comment.decode("ascii", "replace")
    except (zipfile.BadZipFile, OSError) as error:
        raise Unavailable(f"{archive} is no zip archive ({error}). Remove it and download it again.") from error


def _members(
    opened: zipfile.ZipFile, folder: Path, wanted: Callable[[str], str | None], archive: Path
) -> list[tuple[zipfile.ZipInfo, Path]]:
    members = []
    for info in opened.infolist():
        if info.is_dir():
            continue
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
            raise Unavailable(f"{archive} holds a path that leads outside: {info.filename!r}. It was not unpacked.")
        name = wanted(str(path))
        if name is None:
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Unavailable(f"{archive} holds a link: {info.filename!r}. It was not unpacked.")
        members.append((info, folder / name))
    return members


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    if target.is_file() and target.stat().st_size == info.file_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    left = info.file_size
    with opened.open(info) as source, part.open("wb") as out:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile(f"{info.filename} is larger than the archive says")
            out.write(chunk)
    if left:
        raise zipfile.BadZipFile(f"{info.filename} is cut short")
    part.replace(target)
