"""Suggestions of the search box: the API, and the list below the box in a real Chromium."""

from __future__ import annotations

import pytest
from serving import picture

from browsing import expect, opened


def test_the_api_suggests_with_counts_and_addresses_that_find(client):
    answer = client.get("/api/suggest", params={"q": "lung", "k": 3}).json()
    assert answer["typed"] == "lung"
    first, *others = answer["suggestions"]
    assert (first["text"], first["kind"], first["url"]) == ("lung", "structure", "/search?q=lung")
    assert first["figures"] > 0
    assert len(others) <= 2
    assert "Nothing here fits" not in client.get(first["url"]).text


@pytest.mark.parametrize(
    ("asked", "status"), [({"q": ""}, 200), ({}, 200), ({"q": "x" * 5000}, 422), ({"q": "a", "k": 0}, 422)]
)
def test_the_api_answers_odd_questions_in_words(client, asked, status):
    answer = client.get("/api/suggest", params=asked)
    assert answer.status_code == status
    assert answer.json()["detail"] if status == 422 else answer.json()["suggestions"] == []


@pytest.mark.browser
def test_suggestions_are_chosen_by_keyboard_and_said(chromium, site):
    page, complaints = opened(chromium, site, viewport={"width": 320, "height": 640})
    page.goto("/")
    box = page.locator("#q")
    box.fill("lung")  # at once, so that nothing is offered for less
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("lung")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#suggest-said")).to_have_text(f"Suggestions: {options.count()}")
    assert page.evaluate("document.documentElement.scrollWidth") == 320

    box.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    expect(box).to_have_attribute("aria-activedescendant", chosen.get_attribute("id"))
    box.press("ArrowUp")
    expect(box).not_to_have_attribute("aria-activedescendant", "suggest-0")
    expect(chosen).to_have_count(0)

    box.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(box).to_have_value("lung")
    box.press("ArrowDown")
    expect(options.first).to_be_visible()
    box.press("ArrowDown")
    box.press("ArrowDown")
    text = chosen.locator(".what").text_content()
    box.press("Enter")
    page.wait_for_url("**/search?q=*")
    expect(page.locator("#q")).to_have_value(text)
    assert complaints == []


@pytest.mark.browser
def test_recent_searches_stay_in_the_browser_and_go_when_cleared(chromium, site):
    before, complaints = opened(chromium, site)
    for words in ("thalamus", "spleen"):
        before.goto(f"/search?q={words}")
        before.wait_for_function("words => localStorage.getItem('mirage.recent')?.includes(words)", arg=words)
    page = before.context.new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
    page.goto("/")
    expect(page.locator("#recent a")).to_have_text(["spleen", "thalamus"])
    page.locator("#q").click()
    expect(page.get_by_role("option")).to_have_text(["spleen", "thalamus"])
    assert not any("spleen" in each or "thalamus" in each for each in sent)

    page.get_by_role("button", name="Clear recent searches").first.click()
    expect(page.locator("#recent")).to_be_hidden()
    expect(page.get_by_role("listbox")).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0
    assert complaints == []


@pytest.mark.browser
def test_what_is_asked_with_a_dropped_picture_is_not_kept_and_a_browser_that_keeps_nothing_still_searches(chromium, site):

    page, complaints = opened(chromium, site)
    page.goto("/")
    with page.expect_file_chooser() as chooser:
        page.locator("[data-pick]").click()
    chooser.value.set_files([{"name": "dropped.png", "mimeType": "image/png", "buffer": picture()}])
    expect(page.locator(".with [data-preview] img")).to_be_visible()
    page.locator("#q").fill("secret words")
    page.locator("#q").press("Enter")
    expect(page.locator("#q")).to_have_value("secret words")
    expect(page.locator("h1")).to_contain_text("secret words")
    assert page.evaluate("localStorage.getItem('mirage.recent')") is None

    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('refused', 'SecurityError'); } })"
    )
    page.goto("/search?q=spleen")
    page.locator("#q").fill("thal")
    expect(page.get_by_role("option").first).to_contain_text("thalamus")
    assert complaints == []
