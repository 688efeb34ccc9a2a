"""Stacks in a real Chromium: the very values of the scan reach the page, and every way to scroll through it works."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from PIL import Image
from serving import serving
from under import PREFIX

from browsing import QUESTIONS, expect, opened, rested, too_wide
from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.images.packing import pack
from mirage.settings import Settings
from mirage.storage.ingest import add
from mirage.web.templating import address as in_site

pytestmark = pytest.mark.browser
PAGE = "/figure/made:scan"
UNPACKED = """async ([script, address, rows, columns, colours]) => {
  const { inflate, unpredict } = await import(script);
  const values = unpredict(await inflate(await fetch(address)), rows, columns, colours);
  return [values.constructor.name, [...values]];
}"""
FETCHED = """() => {
  const { values, labels } = document.querySelector("[data-viewing]").viewer.stack;
  return [values, labels].every(({ running, waiting }) => !running && !waiting.length);
}"""
SHOWN = """() => {
  const canvas = document.querySelector('[data-stack] canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height, [...data.filter((_, at) => at % 4 === 0)]];
}"""


@pytest.fixture
def tab(chromium, stacked):
    page, complaints = opened(chromium, stacked)
    yield page
    page.context.close()
    assert complaints == []


def address(name: str) -> str:
    """Address of a script, on a page."""
    return PREFIX + in_site(name)


def answered(body: bytes, route) -> None:
    route.fulfill(body=body)


def slider(page):
    return page.locator("[data-slider]")


def told(page, words: str) -> None:
    """Wait until the slider says something."""
    expect(slider(page)).to_have_attribute("aria-valuetext", words)


@pytest.mark.parametrize(("dtype", "colours"), [(np.uint8, 1), (np.uint16, 1), (np.uint8, 3)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (37, 53)])
def test_the_page_unpacks_what_was_packed_value_by_value(tab, dtype, colours, shape):
    rng = np.random.default_rng(shape[0] * 100 + shape[1])
    most = np.iinfo(dtype).max
    smooth = np.linspace(0, most, shape[1])[None] + rng.integers(-9, 9, (*shape, colours))[..., 0]
    for made in (rng.integers(0, most, (*shape, colours), endpoint=True), np.stack([smooth.clip(0, most)] * colours, -1)):
        values = made.astype(dtype)
        packed = pack(values if colours == 3 else values[..., 0])
        tab.goto("/about")
        tab.route("**/packed", partial(answered, packed))
        kind, found = tab.evaluate(UNPACKED, [address("slices.js"), f"{PREFIX}/packed", *shape, colours])
        tab.unroute("**/packed")
        assert kind == ("Uint8Array" if dtype is np.uint8 else "Uint16Array")
        assert np.array_equal(found, values.transpose(2, 0, 1).ravel())


@pytest.mark.parametrize("view", ["axial", "coronal", "sagittal"])
def test_the_canvas_shows_the_scan_through_its_window(tab, corpus, view):
    tab.goto(f"{PAGE}?slice=20&view={view}&window=lung")
    rested(tab)
    told(tab, re.compile("slice 20 of "))
    width, height, grey = tab.evaluate(SHOWN)
    hounsfield = corpus.volume.slice(view, 19).astype(float)
    assert (height, width) == hounsfield.shape
    wanted = ((hounsfield + 1350) / 1500 * 255).clip(0, 255)
    assert np.abs(np.reshape(grey, hounsfield.shape) - wanted).max() <= 0.51
    # What is on the screen has the proportions of the body, not of the array.
    box = tab.locator(".layers canvas").first.bounding_box()
    tall = {"axial": 40 / 56, "coronal": 72 / 56, "sagittal": 72 / 40}[view]
    assert box["height"] / box["width"] == pytest.approx(tall, rel=0.01)


def test_keys_wheel_slider_and_links_scroll_and_the_address_follows(tab):
    tab.goto(f"{PAGE}?slice=12")
    told(tab, "slice 12 of 24, left kidney, liver")
    slider(tab).focus()
    for key, slice_ in (("ArrowRight", 13), ("PageUp", 23), ("Home", 1), ("End", 24), ("PageDown", 14), ("ArrowDown", 13)):
        tab.keyboard.press(key)
        told(tab, re.compile(rf"^slice {slice_} of 24"))
    viewer = tab.locator("[data-viewer]")
    viewer.focus()
    tab.keyboard.press("PageDown")
    told(tab, "slice 3 of 24")
    tab.keyboard.press("ArrowUp")
    told(tab, re.compile("^slice 4 of 24"))
    viewer.hover()
    tab.mouse.wheel(0, 100)
    told(tab, "slice 5 of 24, left kidney")
    tab.mouse.wheel(0, 100)
    told(tab, re.compile("^slice 6 of 24"))
    tab.get_by_role("link", name="One slice back").click()
    told(tab, "slice 5 of 24, left kidney")
    tab.wait_for_url(f"**{PAGE}?slice=5")
    tab.reload()
    told(tab, "slice 5 of 24, left kidney")


def test_ctrl_and_the_wheel_zoom_and_do_not_scroll(tab):
    tab.goto(f"{PAGE}?slice=12")
    viewer = tab.locator("[data-viewer]")
    rested(tab)
    viewer.hover()
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -100)
    tab.keyboard.up("Control")
    tab.wait_for_function("() => document.querySelector('[data-viewer]').dataset.scale > 1.5")
    told(tab, "slice 12 of 24, left kidney, liver")
    assert "scale" in tab.locator(".layers").evaluate("each => each.style.transform")


def test_views_windows_and_structures_are_chosen_in_place_and_can_be_shared(tab):
    tab.goto(PAGE)
    rested(tab)
    tab.get_by_role("link", name="coronal", exact=True).click()
    told(tab, re.compile("^slice 21 of 40"))
    expect(tab.get_by_role("link", name="coronal", exact=True)).to_have_attribute("aria-current", "true")
    assert tab.locator("[data-side]").all_inner_texts() == ["R", "L", "S", "I"]
    drawn = "document.querySelector('[data-stack] canvas').toDataURL()"
    before = tab.evaluate(drawn)
    tab.get_by_role("link", name="bone", exact=True).click()
    tab.wait_for_function(f"old => {drawn} !== old", arg=before)
    tab.wait_for_url("**?slice=21&view=coronal&window=bone")
    tab.get_by_text("Go to one of 2 structures").click()
    tab.get_by_role("link", name="liver", exact=True).click()
    told(tab, re.compile(r"^slice \d+ of 24.*liver"))
    expect(tab.get_by_role("link", name="axial", exact=True)).to_have_attribute("aria-current", "true")
    href = tab.get_by_role("link", name="sagittal", exact=True).get_attribute("href")
    assert href.endswith("view=sagittal&window=bone&structure=liver")


def test_what_is_marked_is_outlined_and_named_until_it_is_switched_off(tab, corpus):
    tab.goto(f"{PAGE}?slice=12")
    told(tab, "slice 12 of 24, left kidney, liver")
    drawn = """() => { const canvas = document.querySelector('.overlay');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return [...data.filter((_, at) => at % 4 === 3)].map(Boolean) }"""
    marks = corpus.volume.labels[11]
    padded = np.pad(marks, 1)
    inside = np.logical_and.reduce(
        [marks == padded[1 + dy : 41 + dy, 1 + dx : 57 + dx] for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    )
    wanted = (marks > 0) & ~inside
    assert np.array_equal(np.reshape(tab.evaluate(drawn), marks.shape), wanted)
    assert tab.locator("[data-legend] li").all_inner_texts() == ["left kidney", "liver"]
    tab.get_by_label("Outline what is marked").uncheck()
    assert tab.evaluate(
        """() => { const seen = document.querySelector('.overlay'), empty = document.createElement('canvas');
        [empty.width, empty.height] = [seen.width, seen.height];
        return seen.toDataURL() === empty.toDataURL() }"""
    )


DRAWN = """() => { const canvas = document.querySelector('.overlay'), found = new Set();
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 200) found.add([...data.slice(at, at + 3)].join());
  return found.size }"""


def test_a_structure_is_named_where_it_is_pointed_at_and_shown_alone_by_its_button(tab, corpus):
    tab.goto(f"{PAGE}?slice=12")
    told(tab, "slice 12 of 24, left kidney, liver")
    assert tab.evaluate(DRAWN) == 2
    named, box = tab.locator("[data-named]"), tab.locator(".overlay").bounding_box()
    marks = corpus.volume.labels[11]
    for button in tab.locator("[data-legend] button").all():
        row, column = np.argwhere(marks == int(button.get_attribute("data-value")))[0]
        tab.mouse.move(
            box["x"] + (column + 0.5) / marks.shape[1] * box["width"],
            box["y"] + (row + 0.5) / marks.shape[0] * box["height"],
        )
        expect(named).to_have_text(button.inner_text())
    tab.get_by_role("heading").first.hover()
    expect(named).to_have_text("")
    kidney = tab.get_by_role("button", name="left kidney")
    kidney.focus()
    tab.keyboard.press("Enter")
    expect(kidney).to_have_attribute("aria-pressed", "true")
    assert tab.evaluate(f"({DRAWN})()") == 1
    row, column = np.argwhere(marks == int(kidney.get_attribute("data-value"))).mean(0)
    tab.get_by_role("link", name="coronal", exact=True).click()
    told(tab, re.compile(f"^slice {int(row + 0.5) + 1} of {marks.shape[0]}.*left kidney"))
    tab.get_by_role("link", name="sagittal", exact=True).click()
    told(tab, re.compile(f"^slice {int(column + 0.5) + 1} of {marks.shape[1]}.*left kidney"))
    tab.get_by_role("link", name="axial", exact=True).click()
    told(tab, "slice 12 of 24, left kidney, liver")


def test_from_what_a_search_found_another_view_goes_through_it_also_after_a_reload(tab, corpus):
    marks = corpus.volume.labels[7] == 1
    row, column = np.argwhere(marks).mean(0)
    tab.goto(f"{PAGE}?slice=8&structure=liver")
    told(tab, "slice 8 of 24, left kidney, liver")
    tab.get_by_role("link", name="sagittal", exact=True).click()
    told(tab, re.compile(f"^slice {int(column + 0.5) + 1} of 56.*liver"))
    tab.wait_for_url("**view=sagittal&structure=liver")
    tab.reload()
    tab.get_by_role("link", name="coronal", exact=True).click()
    told(tab, re.compile(f"^slice {int(row + 0.5) + 1} of 40.*liver"))
    # A place of one's own takes the structure's place.
    box = tab.locator(".layers canvas").first.bounding_box()
    tab.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    tab.wait_for_url(re.compile("view=coronal$"))
    tab.get_by_role("link", name="sagittal", exact=True).click()
    told(tab, "slice 51 of 56")


def test_structures_on_a_slice_have_colours_that_differ_and_keep_them(tab):
    tab.goto("/about")
    least = tab.evaluate(
        """async (script) => { const { Colours } = await import(script);
        const colours = new Colours(), all = Array.from({ length: 24 }, (_, at) => at * 5 + 1);
        colours.choose(all.slice(0, 8));
        const before = all.slice(0, 8).map((value) => colours.of(value).join());
        colours.choose(all);
        const same = before.every((each, at) => each === colours.of(all[at]).join());
        const apart = all.flatMap((a) => all.filter((b) => b > a).map((b) =>
          Math.hypot(...colours.of(a).map((part, at) => part - colours.of(b)[at]))));
        return same && Math.min(...apart) }""",
        address("outlines.js"),
    )
    assert least > 40


def test_gaps_in_a_structure_and_specks_beside_it_are_not_outlined_and_small_structures_are(tab):
    tab.goto("/about")
    marks = np.zeros((200, 200), np.uint8)
    marks[20:120, 20:120] = 1
    marks[60:62, 60:63] = 0  # a vessel in a lung
    marks[80:100, 80:100] = 0  # a hole that is no speck
    marks[150, 150] = 1  # a speck of it
    marks[170, 170] = 2  # a stone
    clean = tab.evaluate(
        "async ([script, marks]) => [...(await import(script)).withoutSpecks(Uint8Array.from(marks), 200, 200)]",
        [address("outlines.js"), marks.ravel().tolist()],
    )
    wanted = marks.copy()
    wanted[60:62, 60:63], wanted[150, 150] = 1, 0
    assert np.array_equal(np.reshape(clean, marks.shape), wanted)


def test_only_what_is_near_is_fetched_before_it_is_asked_for(tab):
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if "/api/slices/" in request.url else None)
    tab.goto(f"{PAGE}?slice=12")
    rested(tab)
    tab.wait_for_function(FETCHED)
    numbers = sorted(int(re.search(r"number=(\d+)", each)[1]) for each in asked)
    assert numbers == list(range(5, 18))


def test_a_slice_that_cannot_be_fetched_is_said_and_the_next_one_still_comes(chromium, stacked):
    page, _ = opened(chromium, stacked)
    problem = '{"detail": "The stack is damaged: its slice 24 has changed."}'
    page.route("**/api/slices/*number=23*", lambda route: route.fulfill(status=422, body=problem))
    page.goto(f"{PAGE}?slice=12")
    told(page, "slice 12 of 24, left kidney, liver")
    slider(page).focus()
    page.keyboard.press("End")
    expect(page.locator("[data-problem]")).to_contain_text("its slice 24 has changed")
    page.keyboard.press("Home")
    expect(page.locator("[data-problem]")).to_have_text("")
    page.context.close()


def test_without_a_script_links_lead_from_slice_to_slice(chromium, stacked):
    context = chromium.new_context(base_url=stacked.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{PAGE}?slice=12")
    page.get_by_role("link", name="One slice on").click()
    page.wait_for_url("**?slice=13")
    page.get_by_role("link", name="lung", exact=True).click()
    page.wait_for_url("**?slice=13&window=lung")
    page.get_by_role("link", name="sagittal", exact=True).click()
    page.wait_for_url("**view=sagittal&window=lung")
    assert page.locator(".viewer img").evaluate("each => each.complete && each.naturalWidth") == 40
    assert not slider(page).is_visible()
    context.close()


SHIFTS = """window.shifts = []; new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) {
    const moved = each.sources.map((of) => `${of.node?.className} ${of.previousRect.top} ${of.currentRect.top}`);
    window.shifts.push([each.value, ...moved]);
  }
}).observe({ type: 'layout-shift', buffered: true })"""


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_when_the_script_has_come(chromium, stacked, width):
    page, _ = opened(chromium, stacked, viewport={"width": width, "height": 860})
    page.add_init_script(SHIFTS)
    for address_ in (f"{PAGE}?slice=12", f"{PAGE}-coronal", "/"):
        page.goto(address_)
        rested(page)
        assert page.evaluate("window.shifts.reduce((all, each) => all + each[0], 0)") < 0.01, page.evaluate("window.shifts")
    page.context.close()


def test_a_slice_without_marks_says_so(tab):
    tab.goto(f"{PAGE}?slice=1")
    rested(tab)
    expect(tab.get_by_text("Nothing is marked on this slice.")).to_be_visible()
    expect(tab.get_by_text("Marked on this slice:")).to_be_hidden()
    slider(tab).focus()
    tab.keyboard.press("PageUp")
    told(tab, re.compile("^slice 11 of 24.*liver"))
    expect(tab.get_by_text("Nothing is marked on this slice.")).to_be_hidden()


def test_a_stack_fits_every_screen_has_contrast_and_names_its_controls(chromium, stacked):
    for scheme in ("light", "dark"):
        page, complaints = opened(chromium, stacked, color_scheme=scheme)
        page.goto(PAGE)
        rested(page)
        page.evaluate(QUESTIONS)
        assert page.evaluate("askContrast()") == []
        page.context.close()
        assert complaints == []
    page, _ = opened(chromium, stacked)
    assert too_wide(page, PAGE, "/figure/made:plain") == []
    page.context.close()


def test_frames_of_a_film_are_slices_of_no_plane(chromium, roots, tmp_path):
    """Before the script and after it: nobody knows how a film, or numbered pictures, lie in the patient."""
    frames = [Image.fromarray(np.full((40, 56), 50 * number, np.uint8)) for number in range(1, 4)]
    (tmp_path / "films").mkdir()
    frames[0].save(tmp_path / "films" / "film.gif", save_all=True, append_images=frames[1:])
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, load("folder", path=tmp_path / "films"))
        (row,) = atlas.store.rows(atlas.store.keys()).values()
        with serving(atlas, Settings(), roots) as served:
            page, complaints = opened(chromium, served)
            address = f"/figure/{quote(row.figure.id)}?slice=2"
            plain = httpx.get(f"{served.url}{address}").text.partition("<main")[2].partition("</main>")[0]
            assert "slice 2 of 3" in plain
            assert "3 slices of 56 × 40 pixels" in plain
            assert not re.search("axial,? slice", plain)
            page.goto(address)
            rested(page)
            page.locator("[data-step='1']").click()
            expect(page.locator("[data-count]")).to_have_text("slice 3 of 3")
            assert "axial" not in page.locator("main").inner_text()
            page.context.close()
            assert complaints == []
