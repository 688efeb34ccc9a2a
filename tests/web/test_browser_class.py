"""The first hour of a class, in a real Chromium: an owner comes in, invites, learners come and keep what is theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Served, serving

from browsing import QUESTIONS, expect, opened, rested, sized
from mirage.atlas import Atlas
from mirage.people.people import People
from mirage.settings import Settings
from parts import copy_atlas

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 390, "height": 800}}


@pytest.fixture
def shared(_small_once: Path, tmp_path: Path) -> Iterator[tuple[Served, str]]:
    """A shared site, and the link that its first start prints."""
    folder = copy_atlas(_small_once / "small", tmp_path / "atlas")
    with Atlas.open(folder) as atlas, serving(atlas, Settings(shared=True), tmp_path) as served:
        people = People(served.atlas.databases)
        yield served, f"{served.url}/invited/{people.invitations.first()}"
        people.close()


def come_in(page, link: str, name: str) -> None:
    page.goto(link)
    page.get_by_label("How shall you be called here?").fill(name)
    page.get_by_role("button", name="Come in").click()
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def broken(page, script: str) -> list[str]:
    """What axe says of the page as it stands, narrow and wide, light and dark; and whether it is wider than the screen."""
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
    rested(page)
    page.evaluate(script)
    found = []
    for width in (390, 1280):
        sized(page, width)
        found += page.evaluate("askRules()")
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{wide} wide"] if wide > width else []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found += page.evaluate("known => askColours(known)", [])[0]
    return [f"{page.url}: {each}" for each in found]


def test_the_first_hour_of_a_class(chromium, shared: tuple[Served, str]) -> None:
    served, first = shared
    olga, complaints = opened(chromium, served)
    olga.goto("/")
    expect(olga.get_by_role("heading", name="Sign in")).to_be_visible()
    come_in(olga, first, "Olga")
    olga.get_by_role("link", name="People", exact=True).click()
    olga.get_by_label("how many").fill("40")
    olga.get_by_role("button", name="Make a link").click()
    link = olga.locator("#handed").inner_text()
    assert link.startswith(f"{served.url}/invited/")
    olga.get_by_role("button", name="Copy the link").click()
    expect(olga.get_by_role("button", name="Copied")).to_be_visible()

    ada, more = opened(chromium, served, **PHONE)
    come_in(ada, link, "Ada")
    ada.goto("/collections")
    ada.get_by_label("Title").fill("Ada’s week")
    ada.get_by_role("button", name="Make it").click()
    expect(ada.get_by_role("heading", name="Ada’s week")).to_be_visible()
    ada.goto("/people")
    expect(ada.get_by_text("Your role here is learner, which may not do that")).to_be_visible()

    ben, _ = opened(chromium, served, **PHONE, java_script_enabled=False)  # it takes no script to come in
    come_in(ben, link, "Ben")
    ben.goto("/collections")
    expect(ben.get_by_text("None yet.")).to_be_visible()
    expect(ben.get_by_text("Ada’s week")).to_have_count(0)

    olga.goto("/people")
    expect(olga.get_by_role("heading", name="Ben")).to_be_visible()
    ada.goto("/me")
    ada.evaluate("localStorage.setItem('mirage.recent', '[]'); sessionStorage.setItem('mirage.pictures', '[]')")
    ada.get_by_role("button", name="Sign out", exact=True).click()
    expect(ada.get_by_role("heading", name="Sign in")).to_be_visible()
    assert ada.evaluate("[localStorage.length, sessionStorage.getItem('mirage.pictures')]") == [0, None]
    ada.go_back()
    ada.reload()
    expect(ada.get_by_role("heading", name="Sign in")).to_be_visible()
    for page in (olga, ada, ben):
        page.context.close()
    assert not [each for each in (*complaints, *more) if "403" not in each]


def test_pages_of_people_hold_what_axe_asks_of_them(chromium, shared: tuple[Served, str]) -> None:
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    script = axe.AXE_FILE_PATH.read_text("utf-8") + QUESTIONS
    served, first = shared
    page, _ = opened(chromium, served)
    found = []
    for there in ("/sign-in", "/privacy", first, "/invited/none"):
        page.goto(there)
        found += broken(page, script)
    page.goto(first)
    page.get_by_label("How shall you be called here?").fill("Olga")
    page.get_by_role("button", name="Come in").click()
    page.goto("/me")
    page.get_by_role("button", name="A link for another device").click()
    found += broken(page, script)
    page.goto("/people")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("heading", name=re.compile("Links that let"))).to_be_visible()
    found += broken(page, script)
    page.context.close()
    assert found == []
