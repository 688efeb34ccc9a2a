"""Wikimedia Commons as it answers: how many files fit, what is told of each, and their smaller copies."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mirage.corpora.live.client import Answer, Client, Pulse, Rate
from mirage.corpora.live.commons_file import FILES, THUMBS, Lagging, Page, Told, read_told
from mirage.corpora.live.pace import wait_until
from mirage.errors import Unavailable
from mirage.images.limits import DEFAULT_LIMITS
from mirage.models.download import FetchRefused
from mirage.settings import Settings
from mirage.wording import _

BASE = "https://commons.wikimedia.org/w"
TITLE = "Wikimedia Commons"
RATE = Rate(1, 0.25)  # "one request at a time"; the pause is ours
PAGE = 50  # files with thumbnails in one answer, at most
MOST_PICTURE = 30_000_000  # bytes
LAG = 5.0  # seconds to wait where its servers lag behind
CATEGORY = "category:"
_MOST_ANSWERS = 400
_SMALL_WIDTH = 330
_WIDTHS = (3840, 1920, 1280, 960)  # pixels; of the widths that it makes smaller copies in

Asked = dict[str, str | int]


class Source:
    """Asks Wikimedia Commons; as the servers for files are others, each is a client of its own."""

    def __init__(self, settings: Settings, *, refresh: bool, pulse: Pulse) -> None:
        def client(name: str, base: str, sent: dict[str, str] | None = None) -> Client:
            return Client(name, TITLE, RATE, base=base, settings=settings, sent=sent, refresh=refresh, pulse=pulse)

        self._api = client("commons", BASE, {"maxlag": "5"})
        self._files = {FILES: client("commons-files", FILES), THUMBS: client("commons-thumbs", THUMBS)}

    def file(self, url: str, target: Path, size: int | None, most: int) -> Path:
        """Fetch a file of Wikimedia's own servers."""
        try:
            return self._files[server(url)].file(url, target, size=size, most=most)
        except FetchRefused as error:
            raise _with_contact(error, self._api.settings) from error

    def count(self, query: str) -> Answer[int | None]:
        """How many files fit, as far as that is said."""
        if in_category(query):
            answer = self._ask({"prop": "categoryinfo", "titles": query})
            counts = [each.categoryinfo.files for each in answer.value.query.pages if each.categoryinfo]
            if not counts and any(each.missing for each in answer.value.query.pages):
                named = query[len(CATEGORY) :].strip()[:80]
                raise Unavailable(
                    _("Wikimedia Commons has no category “%(named)s”. Write it as its page does, capitals too.", named=named)
                )
            return Answer(counts[0] if counts else None, answer.asked)
        asked: Asked = {
            "list": "search",
            "srsearch": _words(query),
            "srnamespace": 6,
            "srlimit": 1,
            "srinfo": "totalhits",
            "srprop": "",
        }
        answer = self._ask(asked)
        hits = answer.value.query.searchinfo
        return Answer(hits.totalhits if hits else None, answer.asked)

    def pages(self, query: str) -> Iterator[Answer[list[Page]]]:
        """Pages of files that fit, the best first, some in each answer."""
        if in_category(query):
            asked: Asked = {"generator": "categorymembers", "gcmtitle": query, "gcmtype": "file", "gcmlimit": PAGE}
        else:
            asked = {"generator": "search", "gsrsearch": _words(query), "gsrnamespace": 6, "gsrlimit": PAGE}
        asked |= _wanted(_SMALL_WIDTH)
        going_on: Asked = {}
        found: dict[int, Page] = {}
        seen, given = set[str](), set[int]()
        for _other in range(_MOST_ANSWERS):
            answer = self._ask(asked | going_on)
            for page in answer.value.query.pages:
                # One batch may come in several answers, with what is told of each file in only one of them.
                if page.pageid not in found or page.imageinfo:
                    found[page.pageid] = page
            going_on = answer.value.going_on
            if answer.value.batchcomplete or not going_on:
                ordered = sorted(found.values(), key=lambda page: page.index)
                fresh = [page for page in ordered if page.pageid > 0 and page.pageid not in given]
                if found and not fresh:
                    return
                yield Answer(fresh, answer.asked)
                given |= found.keys()
                found = {}
            mark = json.dumps(going_on, sort_keys=True)
            if not going_on or mark in seen:
                return
            seen.add(mark)

    def smaller(self, pages: Sequence[Page]) -> dict[int, str]:
        """Addresses of smaller copies, the widest that are read; by the pages' ids."""
        found: dict[int, str] = {}
        for width in _WIDTHS:
            fitting = [str(page.pageid) for page in pages if width_for(page) == width]
            for start in range(0, len(fitting), PAGE):
                answer = self._ask({"pageids": "|".join(fitting[start : start + PAGE]), **_wanted(width)})
                found |= {page.pageid: page.info.thumburl for page in answer.value.query.pages}
        return found

    def standing(self, pageids: Iterable[int]) -> dict[int, tuple[bool, float]]:
        """Whether these files were deleted, and when that was said."""
        ids, found = [str(each) for each in sorted(pageids)], dict[int, tuple[bool, float]]()
        for start in range(0, len(ids), PAGE):
            answer = self._ask({"pageids": "|".join(ids[start : start + PAGE])})
            found |= {page.pageid: (page.missing, answer.asked) for page in answer.value.query.pages}
        return found

    def _ask(self, asked: Asked) -> Answer[Told]:
        params: Asked = {"action": "query", "format": "json", "formatversion": 2, **asked}
        for attempt in range(3):
            try:
                return self._api.json("/api.php", read_told, params)
            except FetchRefused as error:
                raise _with_contact(error, self._api.settings) from error
            except Lagging:
                if attempt == 2:
                    raise
                wait_until(time.time() + LAG * 2**attempt, self._api.pulse)
        raise AssertionError


def _with_contact(error: FetchRefused, settings: Settings) -> FetchRefused:
    """A refusal, with what to do where Wikimedia may have refused us because it does not know whom to write to."""
    if error.answered != 403 or settings.live_contact:
        return error
    told = _("Wikimedia asks programs to say whom it may write to: set MIRAGE_LIVE_CONTACT to your e-mail address.")
    return FetchRefused(f"{error} {told}", error.answered)


def _wanted(width: int) -> Asked:
    """What to tell of files, and in which width to offer a copy."""
    return {
        "prop": "imageinfo",
        "iiprop": "url|size|mime|sha1|extmetadata",
        "iiextmetadatamultilang": 1,
        "iiurlwidth": width,
    }


def too_large(page: Page) -> bool:
    """Whether a file itself is larger than is taken."""
    return (page.info.size or 0) > MOST_PICTURE or page.info.width * page.info.height > DEFAULT_LIMITS.pixels


def width_for(page: Page) -> int:
    """The widest copy that is narrower than the file and not too large; 0 where there is none."""
    info = page.info
    tall = info.height / max(info.width, 1)
    return next((each for each in _WIDTHS if each < info.width and each * each * tall <= DEFAULT_LIMITS.pixels), 0)


def server(url: str) -> str:
    """The one of Wikimedia's servers that an address is at; empty for any other."""
    return next((each for each in (FILES, THUMBS) if url.startswith(f"{each}/")), "")


def in_category(query: str) -> bool:
    """Whether a query names a category."""
    return query.lower().startswith(CATEGORY)


def _words(query: str) -> str:
    return query if "filetype:" in query.lower() else f"{query} filetype:bitmap"
