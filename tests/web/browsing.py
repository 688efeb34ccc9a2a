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

QUESTIONS = Path(__file__).with_name("axe_questions.js").read_text("utf-8")  # functions that a page may be asked by


def expect(what):
    """Playwright's own: what is expected of a page is waited for."""
    from playwright.sync_api import expect as expected

    return expected(what)


def focused(page, identity: str) -> None:
    """Wait until what has an id has the focus."""
    page.wait_for_function("id => document.activeElement.id === id", arg=identity)


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
            context = make(**options)
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


def too_wide(page, *addresses: str, until: str = "load") -> list[str]:
    """Open pages, with every fold open, and say which are wider than a screen of some width."""
    found = []
    page.emulate_media(reduced_motion="reduce")
    for address in addresses:
        page.goto(address, wait_until=until)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        for width in (320, 390, 1280, 3840):
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{address} needs {wide} of {width} pixels")
    return found
