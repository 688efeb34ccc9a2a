"""The polite client of living sources: within each one's rate, with every answer kept, and nothing believed.

What a source answers is kept on disk with its date, and used again; so work that was stopped goes on, and a preview costs
nothing the second time. Whatever its headers promise, no more bytes are read than were agreed on; it may not send us to
addresses of a private network; and what is no answer (a page that wants a log-in, half a document, another shape than is
documented) is told in words and not kept.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from hashlib import md5
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from mirage.corpora.live.addresses import LedAstray, check, origin, proxied, public, refusal
from mirage.corpora.live.answers import Answers
from mirage.corpora.live.pace import AskedToWait, Pace, Pulse, Rate, begun, day, wait_until, when
from mirage.errors import MirageError, NoNetwork, Unavailable, first_fault
from mirage.locales import number
from mirage.models.download import RETRIED, Damaged, FetchRefused, Progress, TooLarge, disk_words, fetch, reason
from mirage.settings import Settings
from mirage.wording import _, looked_up

T = TypeVar("T")
_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_PATIENCE = 30.0  # seconds that a source may ask to wait before somebody is told instead
_MOST_HOPS, _MOST_SECONDS = 5, 120.0  # for an answer
_LEAST_SPEED = 4_096  # bytes a second of a file, after the first minute
_ANSWER, _FILE = 16_000_000, 64_000_000  # bytes
_SHAPE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)  # what reading another shape raises
_SAID = 200  # characters of what a source says when it refuses


class Changed(Unavailable):
    """A source answered otherwise than it documents."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a source answered, and when, in seconds since 1970."""

    value: T
    asked: float


class Client:
    """Asks one source; made without asking it anything.

    Parameters
    ----------
    name : str
        Of the source, for its rate, its folder in the cache and the setting ``live_addresses``.
    title : str
        For messages.
    rate : Rate
        What it permits.
    base : str
        Its address; the setting ``live_addresses`` may name another, and what the source says of its own address is
        looked for there too.
    settings : Settings, optional
        Those of the environment when left out.
    sent : mapping, optional
        Parameters for every question at `base` that are not part of it, as who asks and with which key.
    refresh : bool
        Whether to ask again what was answered before this client was made.
    pulse : callable, optional
        Called while something is waited for and as bytes arrive; what it raises stops the work.
    instead : str
        What to do without a network, for messages.

    Attributes
    ----------
    pause : float
        Seconds before a question is asked the second time.
    """

    pause = 1.0

    def __init__(
        self,
        name: str,
        title: str,
        rate: Rate,
        *,
        base: str,
        settings: Settings | None = None,
        sent: Mapping[str, str] | None = None,
        refresh: bool = False,
        pulse: Pulse | None = None,
        instead: str = "",
    ) -> None:
        self.settings = settings or Settings.load()
        self.name, self.title, self.instead = name, looked_up(title), instead
        self._theirs = base.rstrip("/")
        self.base = self.settings.live_addresses.get(name, self._theirs).rstrip("/")
        self.folder = self.settings.live_cache / name
        self._sent = dict(sent or {})
        self._refresh, self._made = refresh, time.time()
        self.pulse: Pulse = pulse or (lambda: None)
        self._answers = Answers(self.folder / "answers")
        self._pace = Pace(self.settings.live_cache / "rates", name, rate)

    def get(
        self,
        url: str,
        read: Callable[[bytes], T],
        params: Mapping[str, str | int] | None = None,
        *,
        most: int = _ANSWER,
    ) -> Answer[T]:
        """Ask, or take the answer that is kept.

        Parameters
        ----------
        url : str
            Whole, or the part after `base`, beginning with a slash.
        read : callable
            Makes of the bytes what is wanted. What it cannot make anything of, by a `ValueError`, `LookupError`,
            `TypeError`, `AttributeError` or `RecursionError`, is told as an answer of another shape, and not kept.
        params : mapping, optional
        most : int
            Bytes of the answer.

        Raises
        ------
        Changed
            When it answers otherwise than it documents.
        mirage.models.download.FetchRefused
            When the source refuses; ``answered`` is its status.
        mirage.errors.NoNetwork, mirage.errors.Unavailable
        """
        whole = self.whole(url) + (f"?{urlencode(params)}" if params else "")
        key = whole.removeprefix(self.base)
        if (kept := self._answers.kept(key, self._made if self._refresh else 0.0)) is not None:
            try:
                return Answer(read(kept[1]), kept[0])
            except _SHAPE:
                pass  # of an earlier version of MIRAGE, or damaged
        body = self._ask(whole, most)
        self._no_page(body, whole)
        try:
            value = read(body)
        except _SHAPE as error:
            raise self.changed(_told(error), whole) from error
        return Answer(value, self._answers.keep(key, whole, body))

    def json(
        self,
        url: str,
        read: Callable[[Any], T],
        params: Mapping[str, str | int] | None = None,
        *,
        most: int = _ANSWER,
    ) -> Answer[T]:
        """Ask for JSON; as `get`, and `read` gets what was parsed."""
        return self.get(url, lambda body: read(json.loads(body)), params, most=most)

    def file(
        self,
        url: str,
        target: Path,
        *,
        size: int | None = None,
        digest: str = "",
        most: int = _FILE,
        progress: Progress | None = None,
    ) -> Path:
        """Fetch a file, or go on where that broke off; one that is there, of that size and digest, is left as it is.

        Parameters
        ----------
        url : str
        target : Path
        size : int, optional
            Bytes that it must have.
        digest : str
            Its MD5 in hexadecimal digits, as the source states it; empty where it does not.
        most : int
            Bytes that are taken at most, whatever `size` and the source's headers say.
        progress : callable, optional
            Told the bytes that are there and, when known, how many there will be.

        Raises
        ------
        mirage.models.download.FetchRefused, mirage.models.download.TooLarge, mirage.models.download.Damaged
        mirage.errors.NoNetwork, mirage.errors.Unavailable
        """
        try:
            with self._pace.alone(str(target), self.pulse):
                return self._file(self.whole(url), target, size, digest, most, progress)
        except OSError as error:
            raise Unavailable(disk_words(self.settings.live_cache, error)) from error

    def _file(self, whole: str, target: Path, size: int | None, digest: str, most: int, progress: Progress | None) -> Path:
        began, first = time.monotonic(), -1
        if target.is_file() and digest and _md5(target) != digest:
            target.unlink()

        def tell(there: int, total: int | None) -> None:
            nonlocal first
            first = there if first < 0 else first
            spent = time.monotonic() - began
            if spent > 60 and there - first < (spent - 60) * _LEAST_SPEED:
                raise NoNetwork(
                    _(
                        "%(title)s is too slow: %(there)s bytes of %(whole)s in %(spent)s s. What came is kept.",
                        title=begun(self.title),
                        there=number(there),
                        whole=whole,
                        spent=number(spent),
                    )
                )
            self.pulse()
            if progress is not None:
                progress(there, total)

        fetch(
            whole, target, size=size, most=most, progress=tell, attempts=3, pause=self.pause, instead=self.instead, http=self
        )
        with target.open("rb") as file:
            beginning = file.read(512)
        try:
            self._no_page(beginning, whole)
            if digest and _md5(target) != digest:
                raise Damaged(
                    _(
                        "%(whole)s is damaged: it is not the file that %(title)s states (MD5 %(digest)s), "
                        "and was thrown away. Try again; if it happens again, the file has changed at its "
                        "source.",
                        whole=whole,
                        title=self.title,
                        digest=digest,
                    )
                )
        except MirageError:
            target.unlink()
            raise
        return target

    def whole(self, url: str) -> str:
        """An address with the source's own, as it is configured, before it."""
        if url.startswith("/"):
            return self.base + url
        return self.base + url[len(self._theirs) :] if url.startswith(f"{self._theirs}/") else url

    def changed(self, what: str, url: str = "") -> Changed:
        """What to raise when the source answers otherwise than it documents.

        Parameters
        ----------
        what : str
            What is not as it should be: "esearchresult lacks idlist".
        url : str
            Which was asked.
        """
        where = " " + _("at %(place)s", place=_place(url)) if url else ""
        return Changed(
            _(
                "%(title)s answers otherwise than it documents (%(what)s)%(where)s. Try again later; "
                "if it stays so, the source has changed, and a newer MIRAGE is needed.",
                title=begun(self.title),
                what=what,
                where=where,
            )
        )

    # -- one question -------------------------------------------------------------------------------------------------------

    @contextmanager
    def stream(self, method: str, url: str, *, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """Ask once, in turn, following what may be followed; as ``httpx.Client.stream``.

        A source that asks to wait is left alone by all processes for so long.

        Raises
        ------
        httpx.HTTPError
        mirage.errors.NoNetwork, mirage.errors.Unavailable
        """
        if not self.settings.live:
            raise NoNetwork(
                _("The setting live is off, so %(title)s is not asked. Set MIRAGE_LIVE=true to ask it.", title=self.title)
            )
        if self.base.startswith("https:") and not url.startswith("https:"):
            raise refusal(self.title, url, _("which is not https, as the source itself is"))
        for hop in range(_MOST_HOPS):
            try:
                check(url, (self.base,), self.title)
            except LedAstray as error:  # where a redirect leads inside, the network wants a log-in: that concerns all files
                raise Unavailable(str(error)) if hop else error from None
            self._pace.wait_out(self.title, _PATIENCE, self.pulse)
            with self._pace.turn(self.pulse):
                parameters = self._sent if url.startswith(f"{self.base}/") else {}
                asked = httpx.URL(url).copy_merge_params(parameters) if parameters else url
                watched = {"trace": partial(self._check_peer, url)}
                with self._http.stream(method, asked, headers=headers, extensions=watched) as answer:
                    if answer.status_code in (429, 503):
                        self._pace.hold_for(answer.headers.get("Retry-After", ""), self.title, _PATIENCE, self.pulse)
                    if answer.next_request is None:
                        yield answer
                        return
                    url = self._next(url, str(answer.next_request.url))
        raise Unavailable(
            _("%(title)s sends us from address to address without end. Try again later.", title=begun(self.title))
        )

    @cached_property
    def _http(self) -> httpx.Client:
        contact = self.settings.live_contact
        agent = f"mirage-atlas/{version('mirage-atlas')}" + (f" ({contact})" if contact else "")
        headers = {"User-Agent": agent, "Accept-Encoding": "identity"}
        return httpx.Client(timeout=_TIMEOUT, headers=headers, verify=_certificates())

    def _next(self, before: str, after: str) -> str:
        if before.startswith("https:") and not after.startswith("https:"):
            raise Unavailable(
                _(
                    "%(title)s sends us from https to %(after)s. It was not asked.",
                    title=begun(self.title),
                    after=repr(after[:_SAID]),
                )
            )
        return urljoin(before, after)

    def _check_peer(self, url: str, event: str, told: Mapping[str, Any]) -> None:
        """Look at whom a line really leads to before anything is asked there: a name may be looked up twice."""
        if event != "connection.connect_tcp.complete" or origin(url) == origin(self.base) or proxied(urlsplit(url)):
            return
        line = told["return_value"]
        peer = line.get_extra_info("server_addr")
        if not peer or not public(str(peer[0])):
            line.close()
            raise refusal(self.title, url, _("which is inside of a private network"))

    def _ask(self, url: str, most: int) -> bytes:
        why, error = "", None
        for attempt in range(3):
            if attempt:
                wait_until(time.time() + self.pause * 2 ** (attempt - 1), self.pulse)
            try:
                with self.stream("GET", url) as answer:
                    if answer.status_code == 200:
                        return self._body(answer, url, most)
                    if answer.status_code not in RETRIED:
                        raise self._refused(answer, url)
                    status = f"{answer.status_code} {answer.reason_phrase}"
                    why, error = _("it answered %(status)s", status=status), None
            except (httpx.InvalidURL, httpx.UnsupportedProtocol):
                raise self.changed(_("it names an address that is none"), url) from None
            except httpx.HTTPError as raised:
                why, error = reason(raised), raised
            except OSError as raised:  # where the rate is kept
                raise Unavailable(disk_words(self.settings.live_cache, raised)) from raised
        if error is None:
            raise AskedToWait(
                _(
                    "%(title)s is too busy: %(why)s, three times. Try again later; what has arrived is kept.",
                    title=begun(self.title),
                    why=why,
                )
            )
        told = _("No network, or none to %(title)s: %(why)s.", title=self.title, why=why)
        raise NoNetwork(f"{told} {self.instead}".rstrip()) from error

    def _body(self, answer: httpx.Response, url: str, most: int) -> bytes:
        if answer.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
            raise self.changed(_("it packs its answer, which was not asked for"), url)
        parts, size, began = [], 0, time.monotonic()
        for chunk in answer.iter_raw():
            self.pulse()
            parts.append(chunk)
            if (size := size + len(chunk)) > most:
                raise TooLarge(
                    _(
                        "%(url)s is larger than an answer of %(title)s may be (%(most)s bytes).",
                        url=url[:_SAID],
                        title=self.title,
                        most=number(most),
                    )
                )
            if time.monotonic() - began > _MOST_SECONDS:
                raise NoNetwork(
                    _(
                        "%(title)s is too slow: %(size)s bytes in %(MOST_SECONDS)s s. Try again later.",
                        title=begun(self.title),
                        size=number(size),
                        MOST_SECONDS=number(_MOST_SECONDS),
                    )
                )
        return b"".join(parts)

    def _refused(self, answer: httpx.Response, url: str) -> FetchRefused:
        said = ""
        try:
            text = self._body(answer, url, 4_000).decode("utf-8", "replace")
            said = "" if "<" in text else f" ({' '.join(text.split())[:_SAID]})"
        except (MirageError, httpx.HTTPError):
            pass
        told = _(
            "%(title)s refuses %(place)s: it answered %(status)s.",
            title=begun(self.title),
            place=_place(url),
            status=f"{answer.status_code} {answer.reason_phrase}{said}",
        )
        return FetchRefused(told, answer.status_code)

    def _no_page(self, body: bytes, url: str) -> None:
        """Tell a page for people, as networks that want a log-in answer whatever is asked, from an answer."""
        beginning = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if beginning.startswith(b"<") and (b"<!doctype html" in beginning or b"<html" in beginning):
            told = _(
                "A page came in place of an answer of %(title)s (%(place)s): does this network, or its proxy, want a log-in "
                "first?",
                title=self.title,
                place=_place(url),
            )
            raise NoNetwork(f"{told} {self.instead}".rstrip())


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to believe who they are; read once, for it takes as long as a short answer."""
    return httpx.create_ssl_context()


def _place(url: str) -> str:
    """An address as people read it: without what was asked there, which they know."""
    return url.partition("?")[0][:_SAID]


def _told(error: Exception) -> str:
    """What is wrong with an answer, in a line."""
    if isinstance(error, json.JSONDecodeError):
        return _("its JSON breaks off or is damaged")
    if isinstance(error, UnicodeDecodeError):
        return _("its text is no UTF-8")
    if isinstance(error, RecursionError):
        return _("it is nested too deep")
    if isinstance(error, KeyError):
        return _("it lacks %(what)s", what=str(error)[:80])
    return first_fault(error)[:_SAID] or type(error).__name__


def _md5(path: Path) -> str:
    made = md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            made.update(piece)
    return made.hexdigest()


__all__ = ["Answer", "Changed", "Client", "Pulse", "Rate", "day", "when"]
