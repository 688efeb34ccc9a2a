"""Synthetic images in a real Chromium: asked for in place, followed, stopped, without scripts and by keys alone."""

from __future__ import annotations

import time

import pytest
from serving import serving
from under import PREFIX

from browsing import expect, opened, too_wide
from mirage.atlas import Atlas
from mirage.settings import Settings
from parts import copy_atlas
from pencil import RELEASED, drawn_with

pytestmark = pytest.mark.browser
BUTTON = "Make a synthetic image of this"


@pytest.fixture(scope="module")
def drawing(tmp_path_factory, some_folder, roots):
    """A site whose generator is a pencil."""
    folder = copy_atlas(some_folder, tmp_path_factory.mktemp("drawing") / "atlas")
    with drawn_with(), Atlas.open(folder) as atlas, serving(atlas, Settings(), roots) as served:
        yield served


@pytest.fixture(autouse=True)
def _held():
    """A leisurely drawing waits until the test has seen enough of it."""
    RELEASED.clear()


@pytest.fixture
def tab(chromium, drawing):
    page, complaints = opened(chromium, drawing)
    yield page
    page.context.close()
    assert complaints == []
    quiet(drawing)


def quiet(served):
    """Stop what a test has left under way."""
    with served.client(headers={"X-Mirage-Token": served.token}) as client:
        for job in client.get("/api/jobs").json()["jobs"]:
            if not job["ended"]:
                client.post(f"/api/jobs/{job['id']}/cancel")
                while not client.get(f"/api/jobs/{job['id']}").json()["ended"]:
                    time.sleep(0.05)


@pytest.mark.one_server("a picture in the making is shown by the server that draws it")
def test_on_the_search_page_the_image_is_drawn_in_place_and_stays_out_of_the_grid(tab):
    tab.goto("/search?q=leisurely+axial+brain+MRI")
    cards = tab.locator("ol.grid > li").count()
    tab.get_by_role("button", name=BUTTON).click()
    tab.locator(".unfinished img[src^='blob:']").wait_for()
    tab.get_by_role("progressbar").wait_for()
    RELEASED.set()
    image = tab.locator(".making .made img").first
    image.wait_for()
    assert tab.url.endswith("/search?q=leisurely+axial+brain+MRI")
    assert image.get_attribute("alt") == "Synthetic image: leisurely axial brain MRI"
    assert tab.locator(".made").inner_text().count("It shows no patient and proves nothing.") == 1
    assert tab.locator(".made .real-list li").count() > 0
    assert tab.locator(".made .real-list .licence").count() == tab.locator(".made .real-list li").count()
    assert tab.locator("ol.grid > li").count() == cards
    expect(tab.locator("ol.grid .synthetic-frame")).to_have_count(0)
    tab.locator(".making [data-part=says]").get_by_text("The synthetic image is there.").wait_for(state="attached")


def test_coming_back_shows_the_same_image_again(tab):
    tab.goto("/search?q=coronal+brain+MRI")
    tab.get_by_role("button", name=BUTTON).click()
    shown = tab.locator(".making .made img").first
    shown.wait_for()
    address = shown.get_attribute("src")
    tab.locator("ol.grid .shot").first.click()
    tab.wait_for_url("**/figure/**")
    tab.go_back()
    expect(tab.locator(".making .made img").first).to_have_attribute("src", address)


def test_by_keys_alone_the_image_is_made_and_stopped(tab):
    tab.goto("/search?q=leisurely+heart+ultrasound")
    button = tab.get_by_role("button", name=BUTTON)
    button.focus()
    tab.keyboard.press("Enter")
    stop = tab.get_by_role("button", name="Stop", exact=True).and_(tab.locator(".making button"))
    stop.wait_for()
    expect(stop).to_be_focused()
    tab.keyboard.press("Enter")
    tab.locator(".drawing[data-state=cancelled]").wait_for()
    expect(tab.locator(".drawing .state")).to_have_text("stopped")
    expect(tab.locator(".made")).to_have_count(0)
    tab.wait_for_function("() => document.activeElement !== document.body")


def test_a_comparison_shows_both_sides_next_to_each_other_from_one_seed(tab, drawing):
    tab.goto("/compare?a.q=axial+brain+MRI&b.q=coronal+brain+MRI")
    tab.get_by_role("button", name="Make a synthetic image of each side").click()
    frames = tab.locator(".made > .synthetic-frame")
    frames.nth(1).wait_for()
    # Both in one look: what streams in above moves them down together.
    a, b = frames.evaluate_all("each => each.map(one => one.getBoundingClientRect().toJSON())")
    assert abs(a["y"] - b["y"]) < 3
    assert a["x"] < b["x"]
    with drawing.client() as client:
        pages = [each.get_attribute("href").removeprefix(PREFIX) for each in tab.locator(".made .synthetic-frame a").all()]
        assert len({client.get(f"/api{page}").json()["record"]["seed"] for page in pages}) == 1


def test_a_refusal_is_told_where_one_looks(chromium, drawing):
    page, complaints = opened(chromium, drawing)
    page.goto("/search?q=brain")
    page.evaluate("document.querySelector('.making [name=token]').value = 'of an earlier start'")
    page.get_by_role("button", name=BUTTON).click()
    refused = page.locator(".making [role=alert]")
    refused.wait_for()
    expect(refused).to_contain_text("Reload it and try again")
    assert complaints == [each for each in complaints if "403" in each], "Chromium itself logs the refused request"
    page.context.close()


def test_a_failed_job_says_why_in_place(tab):
    tab.goto("/search?q=a+torn+tendon")
    tab.get_by_role("button", name=BUTTON).click()
    # It stands there to be read, and once more for screen readers.
    tab.locator("[data-part=message]").get_by_text("The model file is torn. Install it again.").wait_for()
    tab.get_by_role("button", name="Make another").wait_for()


def test_the_form_says_what_is_wrong_and_keeps_what_was_typed(chromium, drawing):
    page, _ = opened(chromium, drawing)
    page.goto("/generate")
    make = page.get_by_role("button", name="Make the image")
    with page.expect_navigation():
        make.click()
    expect(page.get_by_role("alert").first).to_contain_text("Say in words what the image shall show")
    page.get_by_label("What shall it show?").fill("sagittal spine MRI")
    page.get_by_text("More choices").click()
    for name, value in (("Steps", "10000"), ("Guidance", "NaN"), ("Size in pixels", "7")):
        page.get_by_label(name).fill(value)
        with page.expect_navigation():
            make.click()
        expect(page.locator("#problem")).not_to_be_empty()
        expect(page.get_by_label("What shall it show?")).to_have_value("sagittal spine MRI")
        expect(page.get_by_label(name)).to_have_value(value)
        page.get_by_label(name).fill("")
    make.click()
    page.locator(".made img").first.wait_for()
    page.context.close()


@pytest.mark.one_server("a picture in the making is shown by the server that draws it")
def test_everything_works_without_scripts(chromium, drawing):
    page, complaints = opened(chromium, drawing, java_script_enabled=False)
    page.goto("/search?q=leisurely+axial+brain+MRI")
    page.get_by_role("button", name=BUTTON).click()
    page.wait_for_url("**/generate/**")
    RELEASED.set()
    page.locator(".made img").first.wait_for()  # the page reloads itself
    RELEASED.clear()
    page.locator(".made .synthetic-frame a").first.click()
    page.wait_for_url("**/synthetic/**")
    with page.expect_download() as file:
        page.get_by_role("link", name="DICOM").click()
    assert file.value.suggested_filename.startswith("synthetic-")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_url("**/generate/**")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".drawing[data-state=cancelled]")).to_be_visible()
    page.goto("/compare?a.q=brain&b.q=heart")
    page.get_by_role("button", name="Make a synthetic image of each side").click()
    expect(page.locator("[data-drawing]")).to_have_count(2)
    page.context.close()
    assert complaints == []
    quiet(drawing)


def test_no_page_of_synthetic_images_is_wider_than_the_screen(chromium, drawing):
    with drawing.client(headers={"X-Mirage-Token": drawing.token}) as client:
        words = "an-unbroken-word-that-is-long-enough-to-need-breaking-on-any-phone, axial brain MRI"
        job = client.post("/api/generate", json={"terms": [{"text": words}], "count": 2}).json()
        while not (now := client.get(f"/api/jobs/{job['id']}").json())["ended"]:
            time.sleep(0.05)
    page, complaints = opened(chromium, drawing)
    pages = ("/generate?q=brain&less=contrast", "/synthetic", f"/synthetic/{now['results'][0]}", now["page"])
    assert too_wide(page, *pages) == []
    page.context.close()
    assert complaints == []


def test_always_makes_it_without_a_click(chromium, drawing, roots):
    with serving(drawing.atlas, Settings(generate_always=True), roots) as served:
        page, complaints = opened(chromium, served)
        page.goto("/search?q=frontal+chest+X-ray")
        page.locator(".making .made img").first.wait_for()
        page.context.close()
    assert complaints == []
