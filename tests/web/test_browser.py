"""The site in a real Chromium: no script needed, no policy broken, nothing asked of elsewhere, every width, every key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from serving import picture, serving

from browsing import drawn, ended, expect, focused, holding, opened, rested
from mirage.atlas import Atlas
from mirage.settings import Settings
from parts import copy_atlas

pytestmark = pytest.mark.browser
DROP = """async ([name, bytes, kind]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type: kind }));
  for (const type of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""

SHIFTS = """{
  const found = [], take = (entries) => { for (const each of entries) found.push([each.value,
    ...each.sources.map(({ node, previousRect, currentRect }) =>
      [node?.nodeName, node?.className, previousRect.x, previousRect.y, currentRect.x, currentRect.y].join(" "))]); };
  const observer = new PerformanceObserver((list) => take(list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  window.moved = () => { take(observer.takeRecords()); return found; };
}"""
RECENT = [{"words": f"axial brain MRI {number}", "url": f"/search?q={number}"} for number in range(8)]


@pytest.fixture
def tab(chromium, site):
    """A page that fails the test when it logs an error, breaks the policy or asks another host."""
    page, complaints = opened(chromium, site, viewport={"width": 1280, "height": 820})
    page.complaints = complaints
    yield page
    page.context.close()
    assert complaints == []


def test_searching_and_reading_need_no_javascript(chromium, site):
    context = chromium.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("What do you look for?").fill("axial brain MRI")
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_url("**/search?q=*")
    expect(page.locator(".card").first).to_be_visible()
    assert 12 <= page.locator(".card").count() <= 24  # no more than a few of a stack
    page.locator(".filters > summary").click()
    page.get_by_label("coronal").check()
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**plane=coronal*")
    # Of those too that are folded under their case.
    planes = page.locator(".card .line > .chip:nth-child(3)").all_text_contents()
    assert {plane.strip() for plane in planes} == {"coronal"}
    page.get_by_text("More of, less of").click()
    page.get_by_label("Less of").first.fill("contrast")
    page.locator("input[name=less_weight]").last.fill("0.5")
    page.get_by_role("button", name="Search again").click()
    page.wait_for_url(lambda address: address.endswith("?q=axial+brain+MRI&less=contrast%400.5&plane=coronal"))
    page.locator(".card .shot").first.click()
    page.wait_for_url("**/figure/**")
    assert page.get_by_role("link", name="Full").count() == 0
    page.locator(".viewer a.whole").click()
    page.wait_for_url("**/api/pictures/**")
    context.close()


def test_a_picture_is_searched_for_by_a_plain_form_without_javascript(chromium, site, tmp_path):
    a_figure = site.atlas.search("chest X-ray").hits[0].figure.id  # what is like it is of several kinds
    file = tmp_path / "scan.png"
    file.write_bytes(site.atlas.picture(a_figure).read_bytes())
    context = chromium.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Search with it").click()
    page.wait_for_url(f"{site.url}/search")
    assert a_figure in page.locator(".card .shot").first.get_attribute("href")
    # The next step keeps the picture and still is no address.
    page.locator(".filters > summary").click()
    page.locator("input[name=modality]").first.check()
    with page.expect_navigation():
        page.get_by_role("button", name="Apply").click()
    assert page.url == f"{site.url}/search"
    assert page.locator(".with input[name=picture]").count() == 1
    context.close()


def test_a_dropped_picture_is_shown_searched_for_and_stays_out_of_the_address(tab, site, a_figure):
    data = site.atlas.picture(a_figure).read_bytes()
    tab.goto("/")
    tab.evaluate(DROP, ["scan.png", list(data), "image/png"])
    tab.wait_for_selector(".with .preview img")
    assert tab.url == f"{site.url}/search"
    assert tab.locator(".with .preview img").get_attribute("src").startswith("blob:")
    assert a_figure in tab.locator(".card .shot").first.get_attribute("href")
    focused(tab, "main")
    tab.locator("#q").fill("coronal")
    tab.keyboard.press("Enter")
    tab.wait_for_function("() => document.querySelector('#q').value === 'coronal' && document.title.startsWith('coronal')")
    expect(tab.locator(".with .preview img")).to_have_count(1)
    tab.locator(".with input[type=checkbox]").click()  # what it says is gone with the page
    tab.wait_for_url("**/search?q=coronal")
    tab.go_back()
    tab.wait_for_selector(".with .preview img")
    assert tab.url == f"{site.url}/search"


def test_a_pasted_picture_is_searched_for(tab):
    tab.goto("/about")
    tab.evaluate(
        """bytes => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "clip.png", { type: "image/png" }));
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        list(picture()),
    )
    tab.wait_for_selector(".with .preview img")


def test_a_bad_drop_says_why_and_loses_nothing(tab, site):
    tab.goto("/search?q=brain")
    tab.evaluate(DROP, ["notes.txt", list(b"just words"), "text/plain"])
    expect(tab.locator("#toast")).to_contain_text("notes.txt")
    expect(tab.locator("#toast")).to_contain_text("not a picture")
    assert tab.url.endswith("/search?q=brain")
    expect(tab.locator(".card")).to_have_count(24)
    tab.keyboard.press("Escape")
    expect(tab.locator("#toast")).to_be_hidden()
    # The browser itself logs an answer of 422; that is no fault of the page.
    tab.complaints[:] = [words for words in tab.complaints if "422" not in words]


def test_a_dropped_address_is_not_fetched(tab):
    tab.goto("/")
    tab.evaluate(
        """() => {
          const data = new DataTransfer();
          data.setData("text/uri-list", "https://example.org/cat.png");
          for (const type of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    expect(tab.locator("#toast")).to_contain_text("nothing is fetched from the network")


def test_everything_can_be_reached_and_used_by_keyboard(tab):
    tab.goto("/search?q=axial")
    rested(tab)  # what streams in takes no focus away from now on
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    tab.wait_for_url("**#hit-1")
    drawn(tab)  # only then the browser jumps there
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.matches('#hit-1 > .shot')")
    tab.keyboard.press("/")
    focused(tab, "q")
    after = []  # the picture button and the search button, then the first picture
    for _ in range(3):
        tab.keyboard.press("Tab")
        after.append(tab.evaluate("document.activeElement.className"))
    assert "shot" in after
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    tab.keyboard.press("/")
    reached = set()
    for _ in range(400):
        tab.keyboard.press("Tab")
        here = tab.evaluate(
            """() => { const e = document.activeElement; if (e === document.body) return null;
            const s = getComputedStyle(e); const box = e.closest('.box');
            const name = e.name || e.className || e.textContent.trim().slice(0, 20);
            return [e.tagName, name, s.outlineStyle !== 'none' || !!box] }"""
        )
        if here is None:
            break
        assert here[2], f"{here} shows no focus"
        reached.add((here[0], here[1]))
    for wanted in (("INPUT", "modality"), ("SUMMARY", "More of, less of"), ("A", "shot"), ("A", "More like this")):
        assert wanted in reached, wanted
    shots = tab.locator("[data-grid] a.shot")
    shots.first.focus()
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("[data-grid] > li:nth-child(2) > a.shot")).to_be_focused()
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowDown")
    tab.wait_for_function("() => !document.activeElement.closest('.card').matches(':nth-child(-n+2)')")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/figure/**")


def test_a_figure_zooms_by_wheel_and_keys_and_pans_by_drag(tab, a_figure):
    tab.goto(f"/figure/{quote(a_figure)}")
    viewer = tab.locator("[data-viewer]")
    scaled = lambda to: expect(viewer).to_have_attribute("data-scale", re.compile(to))  # noqa: E731
    viewer.focus()
    tab.keyboard.press("+")
    tab.keyboard.press("+")
    scaled(r"^1\.69")
    tab.keyboard.press("0")
    scaled(r"^1(\.0*)?$")
    box = viewer.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -300)
    tab.mouse.wheel(0, -300)
    tab.keyboard.up("Control")
    tab.wait_for_function("() => document.querySelector('[data-viewer]').dataset.scale > 2")
    before = viewer.locator("img").evaluate("each => each.style.transform")
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + box["height"] / 2 - 40, steps=4)
    tab.mouse.up()
    tab.wait_for_function("old => document.querySelector('[data-viewer] img').style.transform !== old", arg=before)
    tab.get_by_role("button", name="Fit the picture").click()
    scaled(r"^1(\.0*)?$")


def test_cite_copies_the_citation(chromium, site, a_figure):
    context = chromium.new_context(base_url=site.url, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.clock.install(time=0)
    page.goto(f"/figure/{quote(a_figure)}")
    page.clock.pause_at(3_600)  # the button says it for a moment
    page.get_by_role("button", name="Cite").click()
    page.get_by_role("button", name="Copied").wait_for()
    page.clock.run_for(5_000)
    page.get_by_role("button", name="Cite").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert a_figure in copied
    assert "Licence: " in copied
    context.close()


@pytest.mark.timeout(1200)  # a slow machine is made six times as slow
@pytest.mark.parametrize("width", [pytest.param(1000, marks=pytest.mark.nightly), 390])
def test_nothing_on_a_page_moves_while_it_comes_slowly_to_a_slow_machine(chromium, site, a_figure, a_case, width):
    """Pages that come in pieces, and scripts that start late: whatever they bring has its place already."""
    page, complaints = opened(chromium, site, viewport={"width": width, "height": 600})
    page.add_init_script(SHIFTS)
    page.add_init_script(f"localStorage.setItem('mirage.recent', JSON.stringify({json.dumps(RECENT)}))")
    tools = page.context.new_cdp_session(page)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    line = {"offline": False, "latency": 40, "downloadThroughput": 150_000, "uploadThroughput": 150_000}
    tools.send("Network.emulateNetworkConditions", line)
    own = [f"/figure/{quote(a_figure)}", f"/case/{quote(a_case)}"]
    searches = ["/search?q=brain&k=60", "/compare?a.q=axial+brain+MRI&b.q=coronal+brain+MRI"]
    for address in ("/", *searches, *own, "/map", "/corpora"):
        page.goto(address)
        rested(page)
        assert page.evaluate("moved()") == [], address
    page.context.close()
    assert complaints == []


def test_pictures_far_below_are_fetched_when_one_comes_near(tab):
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if "/thumbnails/" in request.url else None)
    tab.set_viewport_size({"width": 1000, "height": 600})
    tab.goto("/search?q=brain&k=60")
    rested(tab)
    assert 4 <= len(asked) < 60
    last = tab.locator("[data-grid] > li > .shot img").last
    last.scroll_into_view_if_needed()
    tab.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=last.element_handle())


def test_a_filter_that_is_ticked_before_the_script_comes_is_applied(tab):
    held = holding(tab, "**/site.js")
    tab.goto("/search?q=brain", wait_until="commit")
    tab.locator(".filters > summary").click()
    tab.locator("input[name=modality][value=CT]").check()
    held(0).continue_()
    tab.wait_for_url("**/search?q=brain&modality=CT")


def test_a_filter_that_the_browser_ticks_again_after_back_is_not_applied_again(tab):
    tab.goto("/search?q=brain")
    tab.locator(".filters > summary").click()
    tab.locator("input[name=modality][value=CT]").check()
    tab.wait_for_url("**/search?q=brain&modality=CT")
    tab.go_back()
    expect(tab.locator("html")).to_contain_class("scripted")
    drawn(tab)
    assert tab.url.endswith("/search?q=brain")


def test_an_answer_that_comes_late_does_not_take_the_place_of_a_later_one(tab, site, a_figure):
    tab.goto("/")
    tab.evaluate(DROP, ["scan.png", list(site.atlas.picture(a_figure).read_bytes()), "image/png"])
    tab.wait_for_selector(".with .preview img")
    held = holding(tab, "**/search", times=3)
    for words in ("coronal", "sagittal"):
        tab.locator("#q").fill(words)
        tab.locator("#q").press("Enter")
    held(1).continue_()
    expect(tab.locator("h1")).to_contain_text("sagittal")
    with tab.expect_response("**/search") as answer:
        held(0).continue_()
    answer.value.finished()
    drawn(tab)
    expect(tab.locator("h1")).to_contain_text("sagittal")
    expect(tab.locator("#main")).not_to_contain_class("busy")
    assert tab.evaluate("history.state.fields.find(([name]) => name === 'q')[1]") == "sagittal"


@pytest.mark.one_server("names of somebody's own files are told by the server that read them")
@pytest.mark.writes("a page of such an atlas offers no change")
def test_a_folder_is_added_by_a_click_with_progress(chromium, roots, tmp_path):
    with (
        Atlas.open(tmp_path / "atlas", create=True) as atlas,
        serving(atlas, Settings(folder_roots=(roots,)), roots) as served,
    ):
        context = chromium.new_context(base_url=served.url)
        page = context.new_page()
        page.goto("/corpora")
        form = page.locator("#folder form")
        form.locator("select[name=path]").select_option(label=str(Path(roots) / "My teaching files"))
        form.get_by_role("button").click()
        page.wait_for_url("**/jobs/*")
        ended(page)
        expect(page.locator("main")).to_contain_text("2 figures added")
        expect(page.locator("main")).to_contain_text("broken.png")
        page.get_by_role("link", name="Search", exact=True).click()
        page.wait_for_url(f"{served.url}/")
        page.locator("#q").fill("frontal chest film")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=*")
        expect(page.locator(".card")).to_have_count(2)
        context.close()


def test_a_message_with_a_long_path_is_no_wider_than_a_phone(chromium, tmp_path, some_folder, roots, monkeypatch):
    missing = "/".join(["", *["a-folder-with-a-long-name"] * 6])
    monkeypatch.setenv("MIRAGE_GENERATOR_PATH", missing)
    with Atlas.open(copy_atlas(some_folder, tmp_path / "atlas")) as atlas, serving(atlas, Settings.load(), roots) as served:
        page = chromium.new_context(base_url=served.url, viewport={"width": 320, "height": 800}).new_page()
        page.goto("/search?q=brain")
        assert "a-folder-with-a-long-name" in page.content(), page.inner_text("main")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.context.close()
