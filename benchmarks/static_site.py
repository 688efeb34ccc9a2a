"""A site without a server against the server's search: the same queries of words and pictures, in Chromium and here.

The site is the starter atlas's. 150 texts that somebody would type and 50 pictures, each a figure's cut at its edges, are
searched in both. Then an atlas of 10,000 figures, made of the starter's, is searched in the browser.
"""

from __future__ import annotations

import base64
import functools
import http.server
import io
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import many
from benchmarks.measure import Outcome, Row, Setting
from benchmarks.page import FLAGS, found_browser
from mirage import corpora
from mirage.atlas import Atlas
from mirage.query import Query
from mirage.site import export
from mirage.site.choosing import Choice
from mirage.site.pages import Shown
from mirage.site.writing import Writing
from mirage.storage import ingest

_TOP = 10
_TEXTS, _PICTURES = 150, 50
_FIGURES = 10_000
_BEGIN = "async () => { const { towers } = await mirageSite.begin(); return towers; }"
_ASK = "async (query) => { const answer = await mirageSite.ask(query); return answer; }"
_LOOK = """async (coded) => {
  const bytes = Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
  return (await mirageSite.look(new Blob([bytes], { type: "image/png" }))).token;
}"""


def static_site(setting: Setting) -> Outcome:
    """Sizes, times, and what share of the answers is the server's."""
    if not found_browser():
        return Outcome("static-site", (), {}, ("No Chromium was found.",))
    folder = setting.folder / "starter-atlas"
    with Atlas.open(folder, create=True) as atlas:
        ingest.add(atlas, corpora.load("starter"))
    texts = many.queries(folder, setting.size(_TEXTS, 6), seed=5)
    with Atlas.open(folder) as atlas:
        site = setting.folder / "site"
        made = export.write(atlas, site, explain=not setting.quick)
        queries = list(known_queries(atlas, texts, setting.size(_PICTURES, 2)))
        with searching(site) as browser:
            told = congruent(atlas, browser, queries)
    asked = told["queries"]
    rows = [
        Row("towers and what they run on, gzipped", round(made.search_gzipped / 1e6, 1), "MB", bar=40),
        Row("the whole site with its pictures, gzipped", round(made.gzipped / 1e6, 1), "MB", bar=70),
        Row("from an empty browser until the search is ready", round(browser.ready, 2), "s"),
        Row("the first search after that", round(told["first"] / 1e3, 2), "s", bar=1),
        Row("requests to other hosts", len(browser.elsewhere), "", bar=0),
        Row(f"of the first {_TOP} of the server, {asked} queries", told["shared"], "of 1", bar=0.97, better="more"),
        Row("the same first", told["same first"], f"of {asked}", bar=round(0.95 * asked), better="more"),
        Row("confidences alike of the figures that both have", told["sure"], "of 1", bar=0.98, better="more"),
        Row("a search of the starter atlas, p50", round(told["p50"]), "ms"),
    ]
    details: dict[str, Any] = {"starter": told, "missing": made.missing}
    large = setting.size(_FIGURES, 1_500)
    grown = many.grow(folder, setting.folder / f"site-{large}-atlas", large)
    others = many.queries(folder, setting.size(100, 10), seed=9)
    with Atlas.open(grown) as atlas:
        wide = setting.folder / "wide-site"
        _without_pictures(atlas, wide)
        with searching(wide) as browser:
            times = [browser.asked(Query.of(text).print())["milliseconds"] for text in others]
    rows.append(Row(f"a search of {large:,} figures in the browser, p50", round(statistics.median(times)), "ms", bar=150))
    details["wide"] = {"ready": browser.ready, "milliseconds": times}
    return Outcome("static-site", tuple(rows), details)


def _without_pictures(atlas: Atlas, target: Path) -> None:
    """A site of figures that are repeated, whose pictures nobody looks at."""

    class Unasked(Choice):
        def examples(self) -> list[str]:
            return []

        def pairs(self) -> list[tuple[str, str]]:
            return []

    class Pictureless(Writing):
        def _pictures(self, meter: ingest.ProgressMeter) -> Iterator[Any]:
            return ((row, Shown(row.figure, "none.webp", "none.webp", 1, 1)) for row in self.choice.rows)

    choice = Unasked(atlas, "pass-on", non_commercial=False)
    choice.take(())
    target.mkdir()
    Pictureless(choice, target, export.runtime.find(), 64, explain=False).all("wide", lambda _: None)


def known_queries(atlas: Atlas, texts: Sequence[str], pictures: int) -> Iterator[tuple[str, bytes]]:
    """Addresses of queries of words; and pictures as bytes, each a figure's without a part of its edge."""
    yield from ((Query.of(text).print(), b"") for text in texts)
    dice = random.Random(7)
    rows = [row for batch in atlas.store.each() for row in batch]
    for row in dice.sample(rows, pictures):
        image = Image.open(io.BytesIO(atlas.pictures.read(row.picture.name))).convert("RGB")
        left, top = (round(side * dice.uniform(0, 0.08)) for side in image.size)
        made = io.BytesIO()
        image.crop((left, top, image.width, image.height)).save(made, "PNG")
        yield "", made.getvalue()


def congruent(atlas: Atlas, browser: Searching, queries: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """Compare a site's answers with the atlas's own."""
    shared, sure, same, times, odd = list[float](), list[bool](), 0, list[float](), list[Any]()
    for address, picture in queries:
        if picture:
            there = browser.asked(f"picture={browser.looked(picture)}")
            here = atlas.search(Query(terms=(_term(atlas, picture),)))
        else:
            there, here = browser.asked(address), atlas.search(Query.parse(address))
        own = [hit.figure.id for hit in here.hits[:_TOP]]
        found = [hit["id"] for hit in there["hits"][:_TOP]]
        shared.append(len({*own} & {*found}) / max(1, len(own)))
        same += own[:1] == found[:1]
        said = {hit.figure.id: hit.confidence for hit in here.hits}
        alike = [said[hit["id"]] == hit["confidence"] for hit in there["hits"] if hit["id"] in said]
        sure += alike
        times.append(there["milliseconds"])
        if own != found or not all(alike):
            odd.append(
                {
                    "query": address or "picture",
                    "server": own,
                    "site": found,
                    "confidences alike": sum(alike),
                    "of": len(alike),
                }
            )
    return {
        "queries": len(queries), "shared": round(statistics.mean(shared), 4), "same first": same,
        "sure": round(statistics.mean(sure), 4), "first": times[0], "p50": statistics.median(times), "odd": odd,
    }  # fmt: skip


def _term(atlas: Atlas, picture: bytes) -> Any:
    from mirage.query import Term  # noqa: PLC0415

    return Term(picture=atlas.embed(Image.open(io.BytesIO(picture))))


class Searching:
    """A site open in Chromium."""

    def __init__(self, tab: Any, base: str) -> None:
        self._tab = tab
        self.elsewhere: list[str] = []
        tab.on(
            "request", lambda request: request.url.startswith((base, "blob:", "data:")) or self.elsewhere.append(request.url)
        )
        started = time.perf_counter()
        tab.goto(base)
        self.towers = tab.evaluate(_BEGIN)
        self.ready = time.perf_counter() - started

    def asked(self, address: str) -> dict[str, Any]:
        """The answer to a query's address."""
        answer: dict[str, Any] = self._tab.evaluate(_ASK, address)
        if "hits" not in answer:
            raise RuntimeError(json.dumps(answer)[:500])
        return answer

    def looked(self, picture: bytes) -> str:
        """What the site makes of a picture."""
        return str(self._tab.evaluate(_LOOK, base64.b64encode(picture).decode()))


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """Serve a folder as any web host does."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def searching(folder: Path) -> Iterator[Searching]:
    """Open a site in a Chromium that has never seen it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a development dependency

    with hosted(folder) as base, sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        window = playwright.chromium.launch_persistent_context(profile, executable_path=found_browser(), args=list(FLAGS))
        tab = window.new_page()
        tab.set_default_timeout(600_000)
        try:
            yield Searching(tab, base)
        finally:
            window.close()
