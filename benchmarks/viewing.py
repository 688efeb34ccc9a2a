"""Frames a second of the viewer in a real Chromium, while a stack is scrolled and while its window is dragged."""

from __future__ import annotations

import os
import shutil
import statistics
from typing import Any

from benchmarks.measure import Outcome, Row, Setting
from benchmarks.page import FLAGS
from benchmarks.scrolling import write_scan
from benchmarks.serving import Served
from mirage import corpora
from mirage.atlas import Atlas
from mirage.storage import ingest
from mirage.web.forms import address

_BAR = 30.0
# Milliseconds from frame to frame, and from one that drew the picture anew to the next that did.
_WATCH = """() => {
  const canvas = document.querySelector(".layers canvas"), pen = canvas.getContext("2d");
  const put = pen.putImageData.bind(pen);
  let fresh = false, last = 0, drew = 0;
  window.seen = { frames: [], drawn: [], on: false };
  pen.putImageData = (...given) => { fresh = true; put(...given); };
  const frame = (now) => {
    if (window.seen.on && last) window.seen.frames.push(now - last);
    if (window.seen.on && fresh && drew) window.seen.drawn.push(now - drew);
    if (fresh) drew = now;
    fresh = false;
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
_BEGIN = "() => Object.assign(window.seen, { frames: [], drawn: [], on: true })"
_END = "() => { window.seen.on = false; return [window.seen.frames, window.seen.drawn]; }"
# Real events, one a frame: what a hand does at its quickest.
_SCROLL = """async (count) => {
  const stage = document.querySelector("[data-viewer]");
  stage.focus();
  for (let at = 0; at < count; at += 1) {
    stage.dispatchEvent(new WheelEvent("wheel", { deltaY: 100, bubbles: true, cancelable: true }));
    await new Promise(requestAnimationFrame);
  }
}"""


def viewing(setting: Setting) -> Outcome:
    """Scroll through a CT-like stack of 300 slices, and drag its window."""
    browser = os.environ.get("MIRAGE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return Outcome("viewer", (), skipped="needs Chromium; MIRAGE_CHROMIUM may name it")
    count, side = setting.size(300, 12), setting.size(512, 64)
    scan, folder = setting.folder / "viewed", setting.folder / "viewed-atlas"
    write_scan(scan / "scan.nii", count, side)
    with Atlas.open(folder, create=True) as atlas:
        ingest.add(atlas, corpora.load("folder", path=scan))
        stack = atlas.search("CT").hits[0].figure.id
    with Served(folder) as served:
        found = _frames(browser, served.url + address("figure", stack) + "?slice=1", count)
    size = f"{count} slices of {side} × {side}, 16 bits"
    rows = tuple(
        Row(f"{words}, {what}, median ({size})", _rate(found[name][at]), "a second", _BAR, "more")
        for name, words in (("scroll", "a stack scrolled by a slice a frame"), ("window", "a window dragged"))
        for at, what in enumerate(("frames", "pictures drawn anew"))
    )
    details = {
        name: {"frames": len(frames), "drawn": len(drawn), "slowest frame, ms": round(max(frames), 1)}
        for name, (frames, drawn) in found.items()
    }
    return Outcome("viewer", rows, details, ("Wheel and pointer events of one a frame and more",))


def _rate(between: list[float]) -> float:
    return round(1000 / statistics.median(between), 1)


def _frames(browser: str, page: str, count: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a development dependency

    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        tab = window.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(page)
        tab.wait_for_selector(".layers canvas")
        tab.wait_for_load_state("networkidle")
        tab.evaluate(_WATCH)
        tab.evaluate(_BEGIN)
        tab.evaluate(_SCROLL, count)
        found = {"scroll": tab.evaluate(_END)}
        tab.wait_for_load_state("networkidle")
        box = tab.locator("[data-viewer]").bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        tab.mouse.move(*middle)
        tab.mouse.down(button="right")
        tab.evaluate(_BEGIN)
        for turn in range(3):
            tab.mouse.move(middle[0] + (150 if turn % 2 else -150), middle[1] - 100 + 100 * turn, steps=120)
        found["window"] = tab.evaluate(_END)
        tab.mouse.up(button="right")
        window.close()
    return found
