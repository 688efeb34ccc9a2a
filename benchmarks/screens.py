"""What stands on the first screen: how much of it is pictures, how far down the first is, how many Tabs lead to it."""

from __future__ import annotations

import gzip
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from benchmarks.measure import Outcome, Row, Setting
from benchmarks.page import FLAGS, found_browser
from benchmarks.serving import Served
from mirage import corpora
from mirage.atlas import Atlas
from mirage.storage import ingest

_SEARCHES = ("brain MRI", "kidney stone", "aortic dissection", "lung mass", "hippocampus", "liver CT axial")
_COMPARISONS = (
    *("a.q=brain+MRI&b.q=brain+CT", "a.q=aortic+dissection&b.q=abdominal+aortic+aneurysm"),
    *("a.q=lung+mass&b.q=aortic+dissection", "q=brain+MRI&less=contrast@0.5"),
)
_LAPTOP, _PHONE = (1280, 800), (390, 844)
_MOST_TABS = 60
# Of each picture only what is drawn of it: a frame's empty margins are no picture.
_DRAWN = """(chosen) => {
  let drawn = 0;
  for (const image of document.querySelectorAll(chosen)) {
    const frame = image.getBoundingClientRect();
    if (!frame.width || !image.naturalWidth) continue;
    const scale = Math.min(frame.width / image.naturalWidth, frame.height / image.naturalHeight);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const [x, y] = [frame.x + (frame.width - width) / 2, frame.y + (frame.height - height) / 2];
    const across = Math.min(innerWidth, x + width) - Math.max(0, x);
    const down = Math.min(innerHeight, y + height) - Math.max(0, y);
    if (across > 0 && down > 0) drawn += across * down;
  }
  return drawn / (innerWidth * innerHeight);
}"""
_TOP = "(chosen) => document.querySelector(chosen).getBoundingClientRect().top + scrollY"
_REACHED = "() => !!document.activeElement.closest('.card')"
_PICTURES, _PAIR = ".card .shot img", ".pair img, .pair canvas"


def screens(setting: Setting) -> Outcome:
    """Results and comparisons of the starter atlas in a real Chromium, with all pictures loaded."""
    browser = found_browser()
    if browser is None:
        return Outcome("screens", (), skipped="needs Chromium; MIRAGE_CHROMIUM may name it")
    folder = setting.folder / "starter-page-atlas"
    with Atlas.open(folder, create=True) as atlas:
        ingest.add(atlas, corpora.load("starter"))
    searches = [f"/search?q={words.replace(' ', '+')}" for words in _SEARCHES]
    comparisons = [f"/compare?{words}" for words in _COMPARISONS]
    if setting.quick:
        searches, comparisons = searches[:1], comparisons[:1]
    details: dict[str, Any] = {}
    with Served(folder) as served, _window(browser) as window:

        def each(size: tuple[int, int], paths: list[str], script: str, chosen: str) -> list[float]:
            found = []
            with _tab(window, size) as tab:
                for path in paths:
                    tab.goto(served.url + path, wait_until="networkidle")
                    tab.wait_for_selector(chosen)
                    found.append(float(tab.evaluate(script, chosen)))
                    details[f"{path} at {size[0]} × {size[1]}: {script.split('(', 1)[0] or chosen}"] = round(found[-1], 3)
            return found

        share = each(_LAPTOP, searches, _DRAWN, _PICTURES)
        first = each(_PHONE, searches, _TOP, _PICTURES)
        pair, pair_on_phone = (each(size, comparisons, _TOP, _PAIR) for size in (_LAPTOP, _PHONE))
        with _tab(window, _LAPTOP) as tab:
            tab.goto(served.url + searches[0], wait_until="networkidle")
            tabs = next((count for count in range(1, _MOST_TABS) if tab.keyboard.press("Tab") or tab.evaluate(_REACHED)), 0)
    scripts = [entry for entry in (files("mirage.web") / "static").iterdir() if entry.name.endswith(".js")]
    packed = sum(len(gzip.compress(entry.read_bytes(), 9)) for entry in scripts)
    rows = (
        Row(
            "first screen that is drawn pixels of results, 1280 × 800, median",
            round(100 * statistics.median(share)),
            "%",
            bar=50,
            better="more",
        ),
        Row("the least of them", round(100 * min(share)), "%"),
        Row("top of the first picture at 390 × 844, farthest down", round(max(first)), "px", bar=330),
        Row("top of a comparison's first pair at 1280 × 800, farthest down", round(max(pair)), "px", bar=300),
        Row("top of a comparison's first pair at 390 × 844, farthest down", round(max(pair_on_phone)), "px", bar=400),
        Row("Tabs to the first picture", tabs, "", bar=6),
        Row("all JavaScript, each file gzipped", round(packed / 1e3, 1), "kB", bar=60),
    )
    return Outcome("screens", rows, details, (f"Of {len(searches)} searches and {len(comparisons)} comparisons.",))


@contextmanager
def _window(browser: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a development dependency

    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        yield window
        window.close()


@contextmanager
def _tab(window: Any, size: tuple[int, int]) -> Iterator[Any]:
    context = window.new_context(viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(120_000)
    yield context.new_page()
    context.close()
