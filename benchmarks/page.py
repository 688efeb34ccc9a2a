"""What a browser transfers to show search results, before any thumbnail."""

from __future__ import annotations

import os
import shutil
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measure import Outcome, Row, Setting
from benchmarks.serving import Served
from mirage import corpora
from mirage.atlas import Atlas
from mirage.storage import ingest

_BAR = 60.0
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
_QUERY = "axial+brain+MRI+at+the+level+of+the+thalamus"


def found_browser() -> str | None:
    """Where Chromium is; None where there is none."""
    return os.environ.get("MIRAGE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def page(setting: Setting) -> Outcome:
    """Bytes over the wire (headers included) of the results page in a real Chromium with an empty cache."""
    browser = found_browser()
    if browser is None:
        return Outcome("page", (), skipped="needs Chromium; MIRAGE_CHROMIUM may name it")
    folder = setting.folder / "starter-page-atlas"
    with Atlas.open(folder, create=True) as atlas:
        ingest.add(atlas, corpora.load("starter"))
    with Served(folder) as served:
        found = {where: _transferred(browser, served.url + where) for where in ("/", f"/search?q={_QUERY}")}
    rows = []
    details: dict[str, Any] = {}
    for (where, parts), what in zip(found.items(), ("start page", "search page, 24 hits"), strict=True):
        own = {name: size for name, size in parts.items() if not name.startswith(("/api/thumbnails", "/api/pictures"))}
        rows.append(Row(f"{what}, transferred before thumbnails", round(sum(own.values()) / 1e3, 1), "kB", bar=_BAR))
        details[where] = own
    return Outcome("page", tuple(rows), details, ("First visit: style, scripts and icon are in it.",))


def _transferred(browser: str, url: str) -> dict[str, int]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a development dependency

    paths: dict[str, str] = {}
    sizes: dict[str, int] = {}
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        tab = window.new_page(viewport={"width": 1280, "height": 900})
        tab.set_default_timeout(120_000)
        tools = tab.context.new_cdp_session(tab)
        tools.send("Network.enable")
        tools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        tools.on("Network.requestWillBeSent", lambda e: paths.update({e["requestId"]: urlsplit(e["request"]["url"]).path}))
        tools.on("Network.loadingFinished", lambda e: sizes.update({e["requestId"]: int(e["encodedDataLength"])}))
        tab.goto(url, wait_until="networkidle")
        window.close()
    found: dict[str, int] = {}
    for request, size in sizes.items():
        name = paths.get(request, "?")
        found[name] = found.get(name, 0) + size
    return found
