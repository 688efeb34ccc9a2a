"""What a browser keeps of a site, and what becomes of a page whose site is replaced or damaged, or who saves data."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browsing import expect
from hosting import hosted
from mirage.atlas import Atlas
from mirage.site import data, export
from parts import copy_atlas

pytestmark = pytest.mark.browser

COMPARED = "#sides section:nth-of-type(2) .summary"
HELD = """async (folder) => {
  const names = await caches.keys();
  const held = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
  return held.flat().filter(({ url }) => url.includes(folder)).length;
}"""


def kept(page: Any) -> str:
    """What the browser keeps without being asked, once the service worker is there."""
    return str(page.evaluate("mirageSite.kept"))


def replace(site: Path, other: Path) -> None:
    """Put another site in the place of one, as an export does."""
    copied = copy_atlas(other, site.with_name("next"))
    for path in copied.rglob("*"):
        path.touch()  # a host says of what is older than what a browser has that it has not changed
    site.rename(site.with_name("before"))
    copied.rename(site)


def compare(page: Any, a: str, b: str) -> None:
    page.fill("[name=a]", a)
    page.fill("[name=b]", b)
    page.click("#compared button")


def searched(page: Any, base: str) -> None:
    page.goto("about:blank")  # an address that differs behind its # only loads nothing anew
    page.goto(f"{base}#?q=liver+CT")
    page.wait_for_selector("#results:not([aria-busy]) .summary")


def test_what_else_a_host_has_is_neither_answered_for_nor_kept(chromium: Any, whole_site: Path, tmp_path: Path) -> None:
    site = copy_atlas(whole_site, tmp_path / "site")
    other = site / "app" / "index.html"
    other.parent.mkdir()
    other.write_text("of Alice")
    with hosted(site) as base:
        page = chromium.new_context().new_page()
        page.goto(base)
        kept(page)
        page.wait_for_function("navigator.serviceWorker.controller")
        page.goto(f"{base}app/?user=alice")
        assert page.inner_text("body") == "of Alice"
        other.write_text("of Bob")
        page.goto(f"{base}app/?user=bob")
        assert page.inner_text("body") == "of Bob"
        assert page.evaluate(HELD, f"{base}app/") == 0
        page.context.close()


def test_all_that_pages_of_a_site_lead_to_is_there_without_a_network(chromium: Any, whole_site: Path) -> None:
    with hosted(whole_site) as base:
        page = chromium.new_context().new_page()
        page.goto(f"{base}about.html")
        kept(page)
        page.wait_for_function("navigator.serviceWorker.controller")
    links = page.eval_on_selector_all("main a[href]", "all => all.map(({ href }) => href)")
    own = [link for link in links if link.startswith(base)]
    assert any(link.endswith("licences.csv") for link in own)
    for link in own:
        assert page.evaluate("(address) => fetch(address).then(({ ok }) => ok)", link), link
    page.context.close()


def test_an_open_page_goes_on_when_its_site_is_replaced_and_offers_the_new_one(
    chromium: Any, whole_site: Path, plain_site: Path, tmp_path: Path
) -> None:
    site = copy_atlas(whole_site, tmp_path / "site")
    with hosted(site) as base:
        page = chromium.new_context().new_page()
        page.goto(f"{base}compare.html")
        assert kept(page) == "all"
        page.wait_for_function("navigator.serviceWorker.controller")
        second = page.context.new_page()
        second.goto(f"{base}about.html")
        replace(site, plain_site)
        page.evaluate("navigator.serviceWorker.ready.then((found) => found.update())")
        expect(page.locator("#newer")).to_contain_text("A newer version of this site is there")
        compare(page, "liver", "brain MRI")  # the search begins only now
        page.wait_for_selector(COMPARED)
        assert page.locator("#sides .sure").count() > 3
        assert page.locator("#sides .problem").count() == 0
        expect(page.locator("header.top")).to_contain_text("A MIRAGE atlas")
        with page.expect_navigation():
            page.click("#newer button")
        expect(page.locator("header.top")).to_contain_text("Some <of> it")
        expect(page.locator("#newer")).to_have_count(0)
        with second.expect_navigation():  # it is told, too, and nothing of it is lost
            second.click("#newer button")
        expect(second.locator("header.top")).to_contain_text("Some <of> it")
        page.context.close()


def test_without_a_service_worker_a_page_of_a_site_that_was_replaced_says_so(
    chromium: Any, whole_site: Path, plain_site: Path, tmp_path: Path
) -> None:
    site = copy_atlas(whole_site, tmp_path / "site")
    with hosted(site) as base:
        page = chromium.new_context(service_workers="block").new_page()
        page.goto(f"{base}compare.html")
        replace(site, plain_site)
        compare(page, "liver", "brain MRI")
        expect(page.locator("#sides .problem").first).to_contain_text("was replaced by a newer version")
        page.context.close()


def test_who_saves_data_gets_the_search_and_no_page_or_picture_unasked(chromium: Any, plain_site: Path) -> None:
    with hosted(plain_site) as base:
        saving = chromium.new_context()
        saving.add_init_script("Object.defineProperty(navigator, 'connection', { value: { saveData: true } })")
        page = saving.new_page()
        page.goto(base)
        assert kept(page) == "search"
        assert page.evaluate(HELD, "/data/") > 3
        assert page.evaluate(HELD, "/figure/") == page.evaluate(HELD, "/pictures/") == 0
        saving.close()
        page = chromium.new_context().new_page()
        page.goto(base)
        assert kept(page) == "all"
        page.wait_for_function(f"({HELD})('/figure/').then((count) => count > 3)")
        page.context.close()


def cut(script: str) -> str:
    return script[: len(script) // 2]


def changed(script: str) -> str:
    middle = len(script) // 2
    return script[:middle] + ("A" * 40 if script[middle : middle + 40] != "A" * 40 else "B" * 40) + script[middle + 40 :]


@pytest.mark.parametrize("damaged", [cut, changed])
def test_a_damaged_part_is_told_words_are_searched_and_what_was_mended_is_brought_anew(
    chromium: Any, whole_site: Path, tmp_path: Path, damaged: Callable[[str], str]
) -> None:
    site = copy_atlas(whole_site, tmp_path / "site")
    part = next(site.glob("data/postings-*.js"))
    whole = part.read_text()
    part.write_text(damaged(whole))
    with hosted(site) as base:
        page = chromium.new_context().new_page()
        page.goto(f"{base}about.html")
        kept(page)  # the damaged part, too
        searched(page, base)
        expect(page.locator("#results .notes")).to_contain_text(
            "damaged or cut short (postings), so words alone are searched"
        )
        assert page.locator("#results .card").count() > 3
        assert page.locator("#results .sure").count() == 0
        part.write_text(whole)
        for _ in range(2):  # the first may still have what the browser itself keeps, and forgets that
            searched(page, base)
        assert page.locator("#results .sure").count() > 3
        page.context.close()


def test_of_words_that_are_damaged_the_others_are_searched_and_it_is_told(
    chromium: Any, some: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "SHARD", 50)
    export.write(some, tmp_path / "site", fetch=False, explain=False)
    part = next((tmp_path / "site").glob("data/words-0-*.js"))
    part.write_text(cut(part.read_text()))
    with hosted(tmp_path / "site") as base:
        page = chromium.new_context(service_workers="block").new_page()
        searched(page, base)
        expect(page.locator("#results .notes")).to_contain_text(re.compile(r"50 of \d+ figures could not be loaded"))
        assert page.locator("#results .card").count() > 0
        page.context.close()


def test_back_and_forward_show_the_comparisons_of_before(chromium: Any, whole_site: Path) -> None:
    with hosted(whole_site) as base:
        page = chromium.new_context().new_page()
        page.goto(f"{base}compare.html")
        heads = page.locator("#sides section h2")
        for pair in (("liver", "brain MRI"), ("lung", "kidney")):
            compare(page, *pair)
            expect(heads).to_have_text(list(pair))
        page.go_back()
        expect(heads).to_have_text(["liver", "brain MRI"])
        assert page.input_value("[name=a]") == "liver"
        page.go_back()
        expect(heads).to_have_count(0)
        assert page.input_value("[name=b]") == ""
        page.go_forward()
        expect(heads).to_have_text(["liver", "brain MRI"])
        page.context.close()
