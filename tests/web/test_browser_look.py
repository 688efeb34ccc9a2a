"""Choosing of what a source offers, with scripts and without, by mouse and keyboard."""

from __future__ import annotations

import re

import pytest
from serving import serving

from browsing import ended, expect, holding, opened
from live_maker import installed
from mirage.atlas import Atlas
from mirage.settings import Settings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_server("what is sent, and what was looked through, stays with one server"),
    pytest.mark.writes("a page of such an atlas offers no change"),
]


@pytest.fixture
def offering(tmp_path, monkeypatch):
    with (
        installed(tmp_path / "source", monkeypatch) as answers,
        Atlas.open(tmp_path / "atlas", create=True) as atlas,
        serving(atlas, Settings(), tmp_path) as served,
    ):
        yield served, answers


def test_the_button_says_how_many_are_ticked_and_a_group_is_ticked_as_one(chromium, offering):
    served, answers = offering
    page, complaints = opened(chromium, served)
    page.goto("/search?q=pneumonia")
    assert answers.asked == []
    page.get_by_label("Words").first.press("Enter")
    button = page.locator("[data-add-these]")
    expect(button).to_have_text("Add these 5 pictures (at least 1.0 MB)")
    page.locator("[data-group]").first.uncheck()
    expect(button).to_have_text("Add the 3 that are ticked (at least 700 kB)")
    page.locator("#f2").focus()
    page.keyboard.press("Space")
    expect(button).to_have_text("Add the 4 that are ticked (at least 900 kB)")
    expect(page.locator("[data-group]").first).to_be_checked()
    button.click()
    ended(page)
    assert answers.fetched == ["made:1", "made:2", "made:3", "made:4"]
    page.go_back()
    expect(page.locator(".tally")).to_contain_text("4 in the library already")
    assert complaints == []
    page.context.close()


def test_what_is_ticked_before_the_script_comes_is_counted(chromium, offering):
    served, _ = offering
    page, complaints = opened(chromium, served)
    page.goto("/look?corpus=made&query=asthma")
    page.get_by_role("button", name="Ask Made-up Central").click()
    button = page.locator("[data-add-these]")
    expect(button).to_be_visible()
    address = page.url
    held = holding(page, "**/site.js")
    page.goto(address, wait_until="commit")
    page.locator("[data-group]").last.uncheck()
    ticked = page.locator("[data-size]:enabled:checked")
    before = ticked.count()
    held(0).continue_()
    expect(button).to_have_text(re.compile("^Add the [0-9]+ that are ticked"))
    assert 0 < ticked.count() < before
    assert int(re.search("[0-9]+", button.inner_text())[0]) == ticked.count()
    assert complaints == []
    page.context.close()


def test_without_scripts_all_of_it_works(chromium, offering):
    served, answers = offering
    page, _ = opened(chromium, served, java_script_enabled=False)

    def asked() -> None:
        page.goto("/look?corpus=made&query=stroke&most=3")
        page.get_by_role("button", name="Ask Made-up Central").click()
        expect(page.locator("[data-choose]")).to_be_visible()  # the page loads itself again
        page.get_by_role("link", name="Untick all").click()

    asked()
    page.locator("#f1").check()
    page.get_by_role("button", name="Add what is ticked").click()
    ended(page)
    asked()
    expect(page.locator("#f1")).to_be_disabled()  # it is there already
    page.locator("#f3").check()
    page.get_by_role("button", name="Add what is ticked").click()
    ended(page)
    assert answers.fetched == ["made:0", "made:2"]
    assert page.url.startswith(f"{served.url}/jobs/")
    page.context.close()
