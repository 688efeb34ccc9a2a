"""Files from the network: fetched over a bad line, and resumed where it broke off.

The client of the model hub (huggingface_hub) throws away what had arrived when a download is stopped, and knows no other
sites; so the bytes of models and of archives both come through here.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
from filelock import FileLock, Timeout

from mirage.aside import aside
from mirage.errors import BadInput, Busy, NoNetwork, Unavailable, check_room
from mirage.locales import number
from mirage.wording import _

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and, when known, how many there will be. What it raises stops the
download, which can be resumed later."""

_CHUNK = 1 << 20
_SPARE = 64 * 2**20
_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_AGENT = {"User-Agent": "mirage-atlas"}
RETRIED = {408, 425, 429, 500, 502, 503, 504}


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


class TooLarge(Unavailable):
    """A file that is larger than may be taken; nothing of it is kept."""


class Damaged(Unavailable):
    """A file that is not the one which was stated; it was thrown away."""


class Streams(Protocol):
    """Asks for files: an ``httpx.Client``, or what asks in another way."""

    def stream(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None
    ) -> AbstractContextManager[httpx.Response]:
        """Ask, and let the answer be read as it arrives."""
        ...


class _Interrupted(Exception):
    """The line broke, or the server asked to come back; how, in words."""


def fetch(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    progress: Progress | None = None,
    headers: Mapping[str, str] | None = None,
    attempts: int = 5,
    pause: float = 1.0,
    instead: str = "",
    http: Streams | None = None,
    most: int | None = None,
) -> Path:
    """Download a file, or go on where an earlier call broke off.

    The bytes go to ``target.part``, with a ``target.part.json`` beside it that says which version of the file
    they are of; when the file has changed since, or the server cannot resume, it starts anew. A target that is
    there already, and of that `size`, is left as it is. Proxies are taken from the environment.

    Parameters
    ----------
    url : str
    target : Path
        Where the whole file will be.
    size : int, optional
        Bytes that it must have.
    progress : callable, optional
        See `Progress`.
    headers : mapping, optional
        Sent with every question beside those that downloading needs.
    attempts : int
        How often in a row to try without a single byte arriving.
    pause : float
        Seconds before the second try; they double each time.
    instead : str
        What to do without a network, for the message: "Give the path of a copy."
    http : Streams, optional
        What asks; a client that follows redirects when left out.
    most : int, optional
        Bytes that are taken at most, whatever the server says.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    mirage.errors.NoNetwork
        When the server is not reached, or breaks off again and again. What has arrived is kept.
    mirage.errors.Unavailable
        When the disk is full, the server refuses (`FetchRefused`), the file is `TooLarge`, or not the one that was wanted.
    """
    if target.is_file():
        if size in (None, target.stat().st_size):
            return target
        target.unlink()
    part, side = (target.with_name(target.name + ending) for ending in (".part", ".part.json"))
    job = _Download(url, part, side, size, progress or (lambda *_: None), instead, headers or {}, most)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            job.run(attempts, pause, http)
    except OSError as error:
        raise Unavailable(disk_words(target.parent, error)) from error
    if size not in (None, found := job.length):
        job.forget()
        raise Damaged(
            _(
                "%(url)s is not the file that was wanted (%(size)s bytes); %(found)s bytes arrived and were thrown away. "
                "Try again. If it happens again, the file has changed at its source. %(instead)s",
                url=url,
                size=number(size or 0),
                found=number(found),
                instead=instead,
            ).rstrip()
        )
    part.replace(target)
    job.forget()
    return target


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Fetch a file while nobody else does: two would write into one part."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Busy(
            _("Another process is fetching %(target)s. Wait until that has ended, and try again.", target=target.name)
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # where files that are open cannot be removed, it stays
            Path(lock.lock_file).unlink()
        lock.release()


@dataclass(frozen=True, slots=True)
class _Download:
    """A file on its way."""

    url: str
    part: Path  # what has arrived
    side: Path  # of which version of the file that is
    size: int | None
    progress: Progress
    instead: str
    headers: Mapping[str, str]
    most: int | None

    @property
    def length(self) -> int:
        """Bytes that have arrived."""
        return self.part.stat().st_size if self.part.is_file() else 0

    def forget(self) -> None:
        """Throw away what has arrived."""
        self.part.unlink(missing_ok=True)
        self.side.unlink(missing_ok=True)

    def run(self, attempts: int, pause: float, asking: Streams | None) -> None:
        """Go on until all is there, or nothing came so often in a row."""
        failures = 0
        given = nullcontext(asking) if asking else httpx.Client(follow_redirects=True, timeout=_TIMEOUT, headers=_AGENT)
        with given as http:
            while True:
                before = self.length
                try:
                    return self._stream(http)
                except _Interrupted as why:
                    have = self.length
                    failures = 1 if have > before else failures + 1
                    if failures >= attempts:
                        kept = (
                            _(
                                " %(have)s MB have arrived and are kept: run it again to go on.",
                                have=number(have / 2**20, 1),
                            )
                            if have
                            else ""
                        )
                        told = _(
                            "No network, or none to %(url)s: %(why)s.%(kept)s %(instead)s",
                            url=self.url,
                            why=why,
                            kept=kept,
                            instead=self.instead,
                        )
                        raise NoNetwork(told.rstrip()) from why
                time.sleep(min(pause * 2 ** (failures - 1), 30.0))

    def _stream(self, http: Streams) -> None:
        have, validator = self.length, self._validator()
        headers = {"Accept-Encoding": "identity", **self.headers}
        if have and validator:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        else:
            have = 0
        try:
            with http.stream("GET", self.url, headers=headers) as answer:
                have, total = self._accept(answer, have)
                if answer.status_code == 416:
                    return
                self._bound(total or 0)
                if total is not None:
                    check_room(self.part.parent, total - have + _SPARE)
                with self.part.open("ab" if have else "wb") as file:
                    # No chunk size: waiting to fill one would lose what came before the line broke.
                    for chunk in answer.iter_raw():
                        file.write(chunk)
                        have += len(chunk)
                        self._bound(have)
                        self.progress(have, total or self.size)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise BadInput(_("%(url)s is no address that can be fetched.", url=self.url)) from None
        except httpx.HTTPError as error:
            raise _Interrupted(reason(error)) from error
        if total is not None and have < total:
            raise _Interrupted(_("it broke off after %(have)s of %(total)s bytes", have=number(have), total=number(total)))

    def _bound(self, size: int) -> None:
        """Stop what is larger than may be taken."""
        if self.most is not None and size > self.most:
            self.forget()
            raise TooLarge(
                _(
                    "%(url)s has %(size)s MB or more; at most %(most)s MB are taken.",
                    url=self.url,
                    size=number(size / 1e6, 1),
                    most=number(self.most / 1e6, 1),
                )
            )

    def _accept(self, answer: httpx.Response, have: int) -> tuple[int, int | None]:
        """Bytes that may be kept and bytes that there will be; refuses an answer that is not the file."""
        status = answer.status_code
        length = int(answer.headers.get("Content-Length") or -1)
        if status in (206, 416):
            start, total = _content_range(answer.headers.get("Content-Range", ""))
            if (start if status == 206 else total) == have:
                return have, have + length if total is None and length >= 0 else total
            self.forget()
            raise _Interrupted(
                _("it went on at the wrong place") if status == 206 else _("it has fewer bytes than were fetched")
            )
        if status in RETRIED:
            raise _Interrupted(
                _("it answered %(status)s %(reason_phrase)s", status=status, reason_phrase=answer.reason_phrase)
            )
        if status != 200:
            told = _(
                "%(url)s cannot be fetched: the server answered %(status)s %(reason_phrase)s.",
                url=self.url,
                status=status,
                reason_phrase=answer.reason_phrase,
            )
            raise FetchRefused(told, status, answer.headers.get("X-Error-Code", ""))
        mark = {"url": self.url, "etag": answer.headers.get("ETag", ""), "modified": answer.headers.get("Last-Modified", "")}
        self.side.write_text(json.dumps(mark), "utf-8")
        return 0, length if length >= 0 else None

    def _validator(self) -> str:
        """What ``If-Range`` takes of a half-fetched file, by what is kept beside it; empty when nothing is.

        It is a strong ETag, else the date, never a weak ETag (RFC 9110, 13.1.5).
        """
        try:
            mark = json.loads(self.side.read_text("utf-8"))
            if mark["url"] != self.url:
                return ""
            return str(mark["modified"] if not mark["etag"] or mark["etag"].startswith("W/") else mark["etag"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return ""


def _content_range(header: str) -> tuple[int | None, int | None]:
    """Start and total of ``bytes 100-199/200`` or ``bytes */200``."""
    span, _other, total = header.removeprefix("bytes").strip().partition("/")
    start = span.partition("-")[0]
    return (int(start) if start.isdigit() else None), (int(total) if total.isdigit() else None)


def reason(error: Exception) -> str:
    """Why a server was not heard to the end, in words."""
    kind = type(error).__name__
    if "Timeout" in kind:
        return _("it does not answer in time")
    return _("it cannot be reached") if "Connect" in kind else _("the connection broke off (%(kind)s)", kind=kind)


def disk_words(folder: Path, error: OSError) -> str:
    """What to say when a folder takes no more.

    Parameters
    ----------
    folder : Path
    error : OSError
    """
    if error.errno == errno.ENOSPC:
        return _(
            "The disk that holds %(folder)s is full. Make room and run it again to go on.",
            folder=folder,
        )
    return _(
        "%(folder)s cannot be written: %(strerror)s. Choose another folder.",
        folder=folder,
        strerror=error.strerror or error,
    )


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
    done = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with aside(target) as part, source.open("rb") as read, part.open("wb") as write:
            while piece := read.read(_CHUNK):
                done += write.write(piece)
                progress(done)
    except OSError as error:
        raise Unavailable(
            _("%(source)s cannot be copied. %(parent)s", source=source, parent=disk_words(target.parent, error))
        ) from error
