"""A real Chromium for tests: found, started, and asked what it complains of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = os.environ.get("MIRAGE_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]

# That a page has done what it does by itself: explanations, slices of stacks, tiles, pictures in view.
RESTED = """() => document.readyState === 'complete'
  && !document.querySelector('[data-explain][data-state=running], [aria-busy], .map.live .map-plane:empty')
  && [...document.querySelectorAll('[data-viewing]')].every(({ dataset, viewer }) =>
    viewer && !viewer.waiting.size && (!dataset.stack || viewer.stack?.shown))
  && [...document.images].every((each) => {
    const { top, bottom } = each.getBoundingClientRect();
    return each.complete || (each.loading === 'lazy' && (bottom < 0 || top > innerHeight || !each.checkVisibility()));
  })"""
DRAWN = "() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))"

QUESTIONS = Path(__file__).with_name("axe_questions.js").read_text("utf-8")  # functions that a page may be asked by


def expect(what):
    """Playwright's own: what is expected of a page is waited for."""
    from playwright.sync_api import expect as expected

    return expected(what)


def focused(page, identity: str) -> None:
    """Wait until what has an id has the focus."""
    page.wait_for_function("id => document.activeElement.id === id", arg=identity)


def drawn(page) -> None:
    """Wait until a page has been drawn anew: what the browser does in the next frame, as jumping to a place, is done."""
    page.evaluate(DRAWN)


def rested(page) -> None:
    """Wait until a page has done all that it does by itself, and shows it."""
    page.wait_for_function(RESTED)
    drawn(page)


def sized(page, width: int, height: int = 800) -> None:
    """Give the page another size, and wait until it has it."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function("size => innerWidth === size[0] && innerHeight === size[1]", arg=[width, height])


def ended(page) -> None:
    """Wait until the job of a page is done and the page, which then loads itself again, says so."""
    expect(page.locator("[data-state=done]")).to_be_visible()


def holding(page, pattern: str, times: int = 1):
    """Hold back the first things that a page asks for; gives what waits for one of them, by its number.

    Once the last of them goes on, the others do, too.
    """
    held = []
    page.route(pattern, lambda route: held.append(route), times=times)  # noqa: PLW0108 - it wants a function of its own

    def nth(number: int):
        while len(held) <= number:
            page.wait_for_timeout(20)
        return held[number]

    return nth


@contextmanager
def started() -> Iterator:
    """A Chromium; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the playwright package is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium found; install one, or name it in MIRAGE_CHROMIUM")
    playwright.expect.set_options(timeout=120_000)  # for a machine that is busy with other things
    with playwright.sync_playwright() as driver:
        if CHROMIUM is None and not Path(driver.chromium.executable_path).exists():
            pytest.skip("no Chromium found; install one, or name it in MIRAGE_CHROMIUM")
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        make = browser.new_context

        def patient(**options):
            # Nothing moves on its way to where it will be, unless a test wants that.
            context = make(**{"reduced_motion": "reduce", **options})
            context.set_default_timeout(120_000)  # a state is waited for; a busy machine reaches it late
            return context

        browser.new_context = patient
        yield browser
        browser.close()


def opened(chromium, served, **options):
    """A page, and what it complains of: an error, a breach of the policy, a request to another host."""
    context = chromium.new_context(base_url=served.url, **{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith((served.url, "blob:")) else complaints.append(r.url))
    return page, complaints


def too_wide(page, *addresses: str) -> list[str]:
    """Open pages, with every fold open, and say which are wider than a screen of some width."""
    found = []
    for address in addresses:
        page.goto(address)
        rested(page)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        for width in (320, 390, 1280, 3840):
            sized(page, width)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{address} needs {wide} of {width} pixels")
    return found
