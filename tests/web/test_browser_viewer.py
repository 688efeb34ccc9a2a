"""The viewer in a real Chromium: one for pictures and stacks, by mouse, by touch and by keys, and two of them in step."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import numpy as np
import pytest
from serving import serving

from browsing import expect, opened, rested
from mirage.atlas import Atlas
from mirage.settings import Settings
from mirage.storage.ingest import add
from scan_maker import MadeStacks, phantom

pytestmark = pytest.mark.browser
STACK, PICTURE = "/figure/made:scan?slice=12", "/figure/made:scan-coronal"
GREY = """() => {
  const canvas = document.querySelector('.layers canvas');
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const { centre, width, inverted } = document.querySelector('[data-viewing]').viewer.tone;
  return [[...data.filter((_, at) => at % 4 === 0)], centre, width, inverted];
}"""
STATE = """() => [...document.querySelectorAll('[data-viewing]')].map(({ viewer: { stack, tone, camera } }) =>
  ({ number: stack.number, view: stack.view, centre: tone.centre, width: tone.width, ...camera.view }))"""


class Thicker(MadeStacks):
    """Another scan, whose slices are twice as thick: 6 mm."""

    def __init__(self) -> None:
        volume = phantom(12, 40, 56)
        super().__init__(replace(volume, affine=np.diag([1.0, 1.0, 6.0, 1.0])), "thick")

    def items(self):
        item = next(super().items())
        figure = replace(item.figure, caption="Axial CT of the pancreas.", title="Thick pancreas, CT")
        yield replace(item, figure=figure)


@pytest.fixture(scope="module")
def two(tmp_path_factory, roots):
    with Atlas.open(tmp_path_factory.mktemp("two") / "atlas", create=True) as atlas:
        add(atlas, MadeStacks())
        add(atlas, Thicker())
        with serving(atlas, Settings(), roots) as served:
            yield served


@pytest.fixture
def tab(chromium, stacked):
    page, complaints = opened(chromium, stacked)
    yield page
    page.context.close()
    assert complaints == []


def middle(page, nth: int = 0) -> tuple[float, float]:
    box = page.locator("[data-viewer]").nth(nth).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def dragged(page, across: float, down: float, button: str = "left") -> None:
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    page.mouse.move(x + across, y + down, steps=6)
    page.mouse.up(button=button)


def told(page, words: str) -> None:
    expect(page.locator("[data-told]").first).to_have_text(re.compile(words))


def test_a_window_is_dragged_inverted_chosen_and_reset(tab, corpus):
    tab.goto(STACK)
    rested(tab)
    hounsfield = corpus.volume.slice("axial", 11).astype(float)

    def drawn() -> tuple[float, float]:
        rested(tab)
        grey, centre, width, inverted = tab.evaluate(GREY)
        wanted = ((hounsfield - centre) / width * 255 + 127.5).clip(0, 255)
        assert np.abs(np.reshape(grey, hounsfield.shape) - (255 - wanted if inverted else wanted)).max() <= 0.51
        return centre, width

    centre, width = drawn()
    dragged(tab, 60, -40, "right")
    told(tab, r"^Window \d+, centre −?\d+ HU$")
    brighter, wider = drawn()
    assert brighter < centre
    assert wider > width
    tab.locator("[data-viewer]").focus()
    tab.keyboard.press("i")
    told(tab, "inverted$")
    drawn()
    tab.keyboard.press("w")
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_function("old => document.querySelector('[data-viewing]').viewer.tone.width < old", arg=wider)
    tab.keyboard.press("3")
    third = tab.locator("a[data-window]").nth(2)
    expect(third).to_have_attribute("aria-current", "true")
    tab.wait_for_url(f"**window={third.inner_text()}")
    tab.get_by_role("button", name="Reset").click()
    told(tab, "^A drag moves")
    assert drawn() == (centre, width)
    expect(tab.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "false")
    # Of a plain picture brightness and contrast, by the same gesture.
    tab.goto(PICTURE)
    tab.get_by_label("Brightness and contrast").select_option("brighter")
    image = tab.locator("[data-viewer] img")
    expect(image).to_have_css("filter", re.compile("url"))
    dragged(tab, 40, 0, "right")
    expect(tab.get_by_label("Brightness and contrast")).to_have_value("own")
    told(tab, r"^Contrast \d+ %, centre at \d+ of 255 grey levels$")
    tab.get_by_role("button", name="Reset").click()
    expect(image).to_have_css("filter", "none")


def test_lengths_are_measured_in_millimetres_or_said_to_be_in_pixels(tab):
    tab.goto(STACK)
    rested(tab)
    shown = tab.locator(".layers canvas").first.bounding_box()
    pixel = shown["width"] / 56
    tab.get_by_role("button", name="Measure").click()
    expect(tab.get_by_text("Lengths are in millimetres")).to_be_visible()
    dragged(tab, 20 * pixel, 0)
    lengths = tab.locator("[data-lengths] li")
    expect(lengths).to_have_text([re.compile("^20.0 mm")])
    viewer = tab.locator("[data-viewer]")
    viewer.focus()
    for key in ("Enter", "Enter", *["Shift+ArrowRight"] * 3, *["Shift+ArrowDown"] * 4, "Enter"):
        tab.keyboard.press(key)
    expect(lengths).to_have_text([re.compile("^20.0 mm"), re.compile("^5.0 mm")])
    told(tab, "^Length 2: 5.0 mm$")
    # Another slice has its own; the list leads back.
    tab.keyboard.press("PageUp")
    expect(tab.locator(".lengths text")).to_have_count(0)
    lengths.first.get_by_role("button", name="axial, slice 12").click()
    expect(tab.locator(".lengths text")).to_have_count(2)
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Remove length 1").click()
    expect(lengths).to_have_text([re.compile("^5.0 mm")])
    tab.keyboard.press("Delete")
    expect(lengths).to_have_count(0)
    tab.goto(PICTURE)
    tab.get_by_role("button", name="Measure").click()
    expect(tab.get_by_text("No scale is known for this picture: lengths are in pixels.")).to_be_visible()
    dragged(tab, 100, 0)
    expect(lengths).to_have_text([re.compile(r"^\d+ pixels")])


def test_a_plain_wheel_scrolls_the_page_past_pictures_and_at_the_ends_of_a_stack(chromium, stacked):
    page, _ = opened(chromium, stacked, viewport={"width": 1000, "height": 500})
    page.goto(PICTURE)
    rested(page)
    page.mouse.move(*middle(page))
    page.mouse.wheel(0, 120)
    page.wait_for_function("() => scrollY > 0")
    expect(page.locator("[data-viewer]")).to_have_attribute("data-scale", "1.00")
    page.goto(STACK.replace("12", "24"))
    rested(page)
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(*middle(page))
    page.mouse.wheel(0, 120)  # the last slice is shown
    page.wait_for_function("() => scrollY > 0")
    expect(page.locator("[data-count]")).to_have_text("axial, slice 24 of 24")
    # A turn of the wheel is a new one after a pause.
    page.evaluate("window.turned = performance.now()")
    page.wait_for_function("() => performance.now() - window.turned > 300")
    page.mouse.wheel(0, -120)
    expect(page.locator("[data-count]")).to_have_text("axial, slice 23 of 24")
    page.context.close()


def test_a_finger_scrolls_flicks_pinches_and_leaves_the_page_to_scroll(chromium, stacked):
    size = {"width": 390, "height": 700}
    page, complaints = opened(chromium, stacked, viewport=size, has_touch=True, reduced_motion="no-preference")
    tools = page.context.new_cdp_session(page)

    now = 0.0

    def touch(kind: str, *points: tuple[float, float]) -> None:
        nonlocal now
        now += 0.01  # a busy machine makes no slow finger, and fingers of before a page was there are not heeded
        places = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
        tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places, "timestamp": now})

    def swipe(down: float) -> None:
        x, y = middle(page)
        touch("touchStart", (x, y))
        for step in range(1, 9):
            touch("touchMove", (x, y + down * step / 8))
        touch("touchEnd")

    page.goto(PICTURE)
    rested(page)
    now = time.time()
    swipe(-150)
    page.wait_for_function("() => scrollY > 50")
    page.goto(STACK.replace("12", "3"))
    rested(page)
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    now = time.time()
    swipe(100)
    # Further than the finger went: 24 pixels are the most for a slice.
    page.wait_for_function("() => document.querySelector('[data-viewing]').viewer.stack.number > 2 + 100 / 15 + 1")
    assert page.evaluate("scrollY") == 0
    x, y = middle(page)
    touch("touchStart", (x - 20, y), (x + 20, y))
    touch("touchMove", (x - 40, y), (x + 40, y))
    touch("touchMove", (x - 60, y), (x + 60, y))
    touch("touchEnd")
    expect(page.locator("[data-viewer]")).to_have_attribute("data-scale", "3.00")
    for _ in range(2):
        touch("touchStart", (x, y))
        touch("touchEnd")
    expect(page.locator("[data-viewer]")).to_have_attribute("data-scale", "1.00")
    page.context.close()
    assert complaints == []


def test_structures_are_found_by_typing_and_keys_are_listed_and_the_screen_is_filled(tab):
    tab.goto(STACK)
    rested(tab)
    tab.get_by_text("Go to one of 2 structures").click()
    tab.get_by_label("Find").fill("KID")
    expect(tab.locator("[data-sought]")).to_have_text("1 of 2 structures")
    expect(tab.locator(".structures li:visible")).to_have_text(["left kidney"])
    tab.keyboard.press("Enter")
    tab.wait_for_url("**structure=left+kidney")
    viewer = tab.locator("[data-viewer]")
    viewer.focus()
    tab.keyboard.press("?")
    expect(tab.get_by_text("full screen, and back")).to_be_visible()
    tab.keyboard.press("End")
    told(tab, "^slice 24 of 24$")
    tab.keyboard.press("f")
    tab.wait_for_function("() => document.fullscreenElement?.contains(document.querySelector('[data-viewer]'))")
    expect(tab.get_by_role("button", name="Leave full screen")).to_be_visible()
    expect(tab.locator("[data-slider]")).to_be_in_viewport()
    expect(tab.locator(".full-source")).to_contain_text("A test, 2026")  # no figure without its source
    tab.keyboard.press("f")
    tab.wait_for_function("() => !document.fullscreenElement")
    expect(tab.locator("[data-do=full]")).to_have_text("Full screen")


def test_two_sides_scroll_zoom_and_window_in_step_until_they_are_let_go(chromium, two):
    page, complaints = opened(chromium, two)
    page.goto("/compare?a.q=liver&b.q=pancreas")
    rested(page)
    expect(page.locator(".paired .layers canvas")).to_have_count(4)
    a, b = page.evaluate(STATE)
    page.locator("[data-viewer]").first.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "+"):
        page.keyboard.press(key)
    dragged(page, 40, 30, "right")
    page.wait_for_function(f"() => ({STATE})()[1].scale > 1.2")
    after_a, after_b = page.evaluate(STATE)
    # Four slices of 3 mm are two of 6 mm.
    assert (after_a["number"] - a["number"], after_b["number"] - b["number"]) == (4, 2)
    assert {key: after_a[key] for key in ("scale", "centre", "width")} == {
        key: after_b[key] for key in ("scale", "centre", "width")
    }
    assert after_a["centre"] != a["centre"]
    # A finger on one side and the mouse on the other.
    tools = page.context.new_cdp_session(page)
    (x, y), (across, down) = middle(page, 0), middle(page, 1)
    tools.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    page.mouse.move(across, down)
    page.mouse.down()
    for step in range(1, 6):
        tools.send(
            "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + 9 * step, "y": y - 7 * step}]}
        )
        page.mouse.move(across - 5 * step, down + 8 * step)
    tools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.mouse.up()
    a, b = page.evaluate(STATE)
    assert a["scale"] == b["scale"] == after_a["scale"]
    assert a["middle"] == pytest.approx(b["middle"], abs=0.01)
    page.get_by_role("button", name="Linked").click()
    told(page, "Each moves alone")
    page.locator("[data-viewer]").nth(1).focus()
    page.keyboard.press("0")
    page.wait_for_function(f"() => ({STATE})()[1].scale === 1")
    assert page.evaluate(STATE)[0]["scale"] == a["scale"]
    page.context.close()
    assert complaints == []
