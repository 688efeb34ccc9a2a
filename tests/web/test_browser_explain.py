"""Explanations and comparisons in a real Chromium: streamed, marked, cited, stopped, by pointer and by keys."""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest
from serving import picture, serving

from browsing import expect, opened, rested
from chat_server import hanging, saying
from chat_server import serving as chatting
from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.settings import Settings
from mirage.storage.ingest import add
from parts import copy_atlas

pytestmark = pytest.mark.browser
SEARCH = "/search?q=pneumothorax"
# Name, what it is, and how it looks.
CASES = (
    ("pneumothorax", "air in the pleural space", "a lucent area without lung markings"),
    ("pleural effusion", "fluid in the pleural space", "a dense area with a meniscus"),
)


@pytest.fixture(scope="module")
def told(tmp_path_factory, some_folder, roots):
    """An atlas of some starter figures and of a folder's two cases, and the site of it under given settings."""
    folder = tmp_path_factory.mktemp("cases")
    rows = ["file,caption,title,modality,plane,case,findings,discussion,diagnosis"]
    for number, (name, what, look) in enumerate(CASES):
        discussion = f"{name.capitalize()} is defined as {what}. It appears as {look} on chest radiographs."
        for place in range(2):
            (folder / f"{number}{place}.png").write_bytes(picture(size=(160, 120), seed=2 * number + place))
            told = f"Frontal film number {place} with a {name}.,{name},XR,frontal,case-{number}"
            rows.append(f"{number}{place}.png,{told},The film shows a large {name} on the left.,{discussion},{name}")
    (folder / "figures.csv").write_text("\n".join(rows) + "\n", "utf-8")
    with Atlas.open(copy_atlas(some_folder, tmp_path_factory.mktemp("told") / "atlas")) as atlas:
        add(atlas, load("folder", path=folder))
        yield lambda **settings: serving(atlas, Settings(**settings), roots)


@contextmanager
def model_at(url):
    """Explainers ask for their settings themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRAGE_EXPLAINER_URL", url)
        yield


@pytest.fixture
def tab(chromium, told):
    """A wide page beside the explainer that ships."""
    with told() as served:
        page, complaints = opened(chromium, served, viewport={"width": 1920, "height": 900})
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield page
        page.context.close()
    assert complaints == []


def test_it_stands_beside_the_hits_and_says_once_that_it_does_not_diagnose(tab):
    tab.goto(SEARCH)
    panel = tab.locator("#explained")
    panel.locator(".claim").first.wait_for()
    panel.get_by_role("button", name="Copy with citations").wait_for()
    assert panel.inner_text().count("this does not diagnose") == 1
    assert tab.locator("main").inner_text().count("this does not diagnose") == 1
    grid = tab.locator("ol.grid").bounding_box()
    box = panel.bounding_box()
    assert box["x"] + box["width"] <= grid["x"] or grid["x"] + grid["width"] <= box["x"]
    expect(panel.get_by_role("button", name="Stop")).to_be_hidden()


def test_pointing_at_a_citation_or_reaching_it_by_keys_lights_its_figure_up(tab):
    tab.goto(SEARCH)
    tab.get_by_role("button", name="Copy with citations").wait_for()
    mark = tab.locator("#explained a.cite").first
    figure = mark.get_attribute("data-lights").split()[0]
    card = tab.locator(f"#{figure}")
    expect(card).not_to_contain_class("lit")
    mark.hover()
    expect(card).to_contain_class("lit")
    tab.mouse.move(0, 0)
    expect(card).not_to_contain_class("lit")
    mark.focus()
    expect(card).to_contain_class("lit")
    tab.keyboard.press("Enter")
    passage = tab.locator("#passage")
    passage.wait_for()
    assert passage.locator(".passage-text").inner_text().strip()
    assert passage.locator(".licence").count() == 1
    tab.keyboard.press("Escape")
    passage.wait_for(state="detached")
    expect(mark).to_be_focused()


def test_it_is_copied_with_its_citations(tab):
    tab.clock.install(time=0)
    tab.goto(SEARCH)
    tab.get_by_role("button", name="Copy with citations").wait_for()
    tab.clock.pause_at(3_600)  # the button says it for a moment
    tab.get_by_role("button", name="Copy with citations").click()
    tab.get_by_role("button", name="Copied").wait_for()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert "[4]" in copied
    assert "Licence: " in copied or "licence" in copied.lower()


def test_what_the_sources_do_not_bear_out_is_marked_in_words_and_by_a_sign(chromium, told):
    sentences = (
        "A pneumothorax on the left. [1] ",
        "The patient has a pacemaker and three stents. [1] ",
        "It grows by 9 mm. [77]",
    )
    with chatting(saying(*sentences)) as chat, model_at(chat.url), told(explainer="openai") as served:
        page, complaints = opened(chromium, served, viewport={"width": 1920, "height": 900})
        page.goto(SEARCH)
        page.get_by_role("button", name="Copy with citations").wait_for()
        marked = page.locator("#explained .claim.unsupported")
        expect(marked).to_have_count(2)
        for claim in marked.all():
            assert claim.locator(".verdict strong").inner_text().strip()
            assert claim.locator(".verdict svg").is_visible()
            assert claim.locator(".reasons li").first.inner_text().strip()
        foot = page.locator("#explained [data-foot]")
        expect(foot).to_contain_text("2 of 3 sentences are not supported by the sources.")
        page.context.close()
    assert complaints == []


def test_a_model_that_takes_its_time_is_stopped_and_what_it_said_stays(chromium, told):
    with (
        chatting(hanging("A pneumothorax on the left. [1] ", "Then it ")) as chat,
        model_at(chat.url),
        told(explainer="openai") as served,
    ):
        page, complaints = opened(chromium, served, viewport={"width": 1920, "height": 900})
        page.goto(SEARCH)
        page.locator("#explained .claim").first.wait_for()
        page.locator("#explained").get_by_role("button", name="Stop").click()
        page.locator("#explained [data-says]").get_by_text("Stopped.").wait_for()
        expect(page.locator("#explained .claim")).to_have_count(1)
        page.get_by_role("button", name="Try again").wait_for()
        assert chat.dropped.wait(120), "the model is no longer read from"
        page.context.close()
    assert complaints == []


def test_a_model_that_is_absent_leaves_the_word_to_the_sources_and_the_page_says_why(chromium, told):
    with model_at("http://127.0.0.1:9/v1"), told(explainer="openai") as served:
        page, complaints = opened(chromium, served, viewport={"width": 1920, "height": 900})
        page.goto(SEARCH)
        page.get_by_role("button", name="Copy with citations").wait_for()
        assert page.locator("#explained .remark").first.inner_text().strip()
        expect(page.locator("#explained [data-foot]")).to_contain_text("In the sources’ own words")
        page.context.close()
    assert complaints == []


def test_on_a_phone_it_is_folded_to_a_line_and_opens(chromium, told):
    with told() as served:
        page, complaints = opened(chromium, served, viewport={"width": 390, "height": 800})
        page.goto(SEARCH)
        page.locator("#explained [data-peek]").get_by_text("“").or_(
            page.locator("#explained [data-peek]:not(:empty)")
        ).wait_for()
        body = page.locator("#explained-body")
        expect(body).to_be_hidden()
        page.get_by_role("button", name="Show: Explanation").click()
        body.wait_for()
        expect(page.get_by_role("button", name="Hide: Explanation")).to_have_attribute("aria-expanded", "true")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.context.close()
    assert complaints == []


def test_a_comparison_cites_both_sides_and_a_citation_lights_the_figure_of_its_side(tab):
    tab.goto("/compare?a.q=pneumothorax&b.q=pleural+effusion")
    tab.locator("#difference [data-copy]").wait_for()
    rested(tab)
    marks = tab.locator("#difference a.cite")
    assert {mark.inner_text().strip()[0] for mark in marks.all()} == {"A", "B"}
    for side in "ab":
        tab.locator(f"#explained-{side} .claim").first.wait_for()
        mark = marks.filter(has_text=side.upper()).first
        mark.hover()
        lit = tab.locator(".lit")
        expect(lit.first).to_have_id(re.compile(f"^{side}-hit-"))
        assert all(each.get_attribute("id").startswith(f"{side}-hit-") for each in lit.all())
        tab.mouse.move(0, 0)
        expect(lit).to_have_count(0)


def test_a_weight_that_is_dragged_asks_again_and_stands_in_the_address(tab):
    tab.goto("/compare?q=brain+MRI&less=contrast@0.5")
    tab.locator(".compare-forms > summary").click()
    drag = tab.locator("input[name=less_weight][data-drag]")
    drag.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_url("**/compare?q=brain+MRI&less=contrast%400.55")
    expect(drag).to_have_value("0.55")
    expect(drag).to_be_focused()
