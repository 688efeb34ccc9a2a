"""The map of the atlas: its page without scripts, its tiles, and wandering in a real Chromium."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from serving import serving

from browsing import expect, opened
from mirage.atlas import Atlas
from mirage.browse.browse import Browse
from mirage.browse.map import Map
from mirage.settings import Settings
from mirage.web import map as web_map
from parts import PATIENCE, until


@pytest.fixture(scope="module")
def laid_out(site) -> dict:
    """What the API says of the map, once it is there."""
    until(lambda: all(atlas.browse.map() is not None for atlas in site.atlases))
    with site.client() as client:
        return client.get("/api/map").json()


def test_tiles_hold_every_figure_once_with_its_source(site, client, laid_out):
    assert laid_out["ready"]
    size, side = laid_out["levels"][0], laid_out["tile"]
    found = []
    for row in range(-(-size["rows"] // side)):
        for column in range(-(-size["columns"] // side)):
            tile = client.get(f"/api/map/{laid_out['fingerprint']}/0/{column}/{row}").json()["figures"]
            assert all(column * side <= each["column"] < (column + 1) * side for each in tile)
            assert all(row * side <= each["row"] < (row + 1) * side for each in tile)
            found += [each["figure"] for each in tile]
    assert sorted(each["id"] for each in found) == sorted(row.figure.id for rows in site.atlas.store.each() for row in rows)
    assert all(each["source"]["licence"]["name"] for each in found)
    assert laid_out["figures"] == len(found)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("old/0/0/0", 404),
        ("{}/99/0/0", 422),
        ("{}/60/0/0", 404),
        ("{}/0/-1/0", 422),
        ("{}/0/9999999/0", 422),
        ("{}/0/999/999", 200),
    ],
)
def test_tiles_that_are_not_there_are_refused_in_words(client, laid_out, path, status):
    answer = client.get("/api/map/" + path.format(laid_out["fingerprint"]))
    assert answer.status_code == status
    assert answer.json() == {"figures": []} if status == 200 else answer.json()["detail"]


def test_without_scripts_the_page_shows_parts_of_the_map_and_leads_to_lists(client, laid_out):
    page = client.get("/map").text
    links = [unescape(each) for each in re.findall(r'<a class="shot" href="([^"]+)"', page)]
    assert 4 <= len(links) <= 60
    assert 'class="card"' in client.get(links[0]).text
    assert 'href="/browse"' in page


def test_an_empty_atlas_has_no_map_and_says_so(tmp_path, roots):
    with (
        Atlas.open(tmp_path / "empty", create=True) as atlas,
        serving(atlas, Settings(), roots) as served,
        served.client() as client,
    ):
        assert "This atlas is empty" in client.get("/map").text
        assert client.get("/api/map").json()["levels"] == []


def test_who_waits_while_a_map_is_laid_out_keeps_nobody_from_other_pages(tmp_path, roots, monkeypatch):
    laid_out, pages, looks = threading.Event(), 45, []  # more than the site has threads
    of, get = Map.of, Browse.map
    monkeypatch.setattr(web_map, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(Map, "of", lambda *given: laid_out.wait(PATIENCE) and of(*given))
    monkeypatch.setattr(Browse, "map", lambda *given, **how: looks.append(1) or get(*given, **how))
    with (
        Atlas.open(tmp_path / "empty", create=True) as atlas,
        serving(atlas, Settings(), roots) as served,
        served.client() as client,
        ThreadPoolExecutor(pages) as pool,
    ):
        try:
            asked = [pool.submit(client.get, "/map") for _ in range(pages)]
            until(lambda: len(looks) >= pages, seconds=60)
            tile = client.get("/api/map/x/0/0/0", timeout=60)
            assert (tile.status_code, "laid out" in tile.json()["detail"]) == (404, True)
            assert client.get("/about", timeout=60).status_code == 200
            assert not any(each.done() for each in asked)
        finally:
            laid_out.set()
        assert all("This atlas is empty" in each.result().text for each in asked)


@pytest.mark.one_server("what the test breaks is one of the two servers")
def test_hidden_figures_are_not_on_the_map(site, laid_out, monkeypatch):
    first = next(iter(site.atlas.browse.map().places.items()))
    key, (column, row) = first
    monkeypatch.setattr(site.atlas.browse, "hidden", lambda: frozenset({key}))
    with site.client() as client:
        side = laid_out["tile"]
        tile = client.get(f"/api/map/{laid_out['fingerprint']}/0/{column // side}/{row // side}").json()["figures"]
    assert (column, row) not in {(each["column"], each["row"]) for each in tile}


@pytest.mark.browser
def test_one_wanders_by_keys_and_wheel_and_comes_back_to_the_same_place(chromium, site, laid_out):
    page, complaints = opened(chromium, site)
    page.goto("/map")
    cells = page.locator(".map.live li a")
    expect(cells.first).to_be_visible()
    place = lambda: page.evaluate("new URLSearchParams(location.search).get('at')?.split(',').map(Number)")  # noqa: E731
    page.wait_for_function("() => location.search.includes('at=')")
    before = place()

    page.locator("#map").hover()
    page.mouse.wheel(0, 200)  # the page's own
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function("zoom => Number(location.search.split(/%2C|,|&/)[2]) > zoom * 1.2", arg=before[2])

    page.locator(".map a[tabindex='0']").focus()
    one = page.evaluate("document.activeElement.dataset.cell")
    for key in ("ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator(".map a:focus")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("one => document.activeElement.dataset.cell !== one || location.search.includes('on=')", arg=one)
    expect(page.locator("[data-about] .attribution")).not_to_be_empty()
    cell = page.evaluate("document.activeElement.dataset.cell")
    page.wait_for_function("cell => decodeURIComponent(location.search).includes(`on=${cell}`)", arg=cell)
    here = page.url

    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/figure/"))
    page.go_back()
    page.wait_for_function("cell => document.activeElement?.dataset?.cell === cell", arg=cell)
    assert page.url == here
    page.keyboard.press("0")
    page.wait_for_function("zoom => Number(location.search.split(/%2C|,|&/)[2]) <= zoom + 0.01", arg=before[2])
    assert complaints == []


@pytest.mark.browser
def test_only_what_is_seen_is_drawn_and_dragging_opens_nothing(chromium, site, laid_out):
    page, complaints = opened(chromium, site, viewport={"width": 390, "height": 844})
    page.goto("/map")
    expect(page.locator(".map.live li").first).to_be_visible()
    for _ in range(5):
        page.get_by_role("button", name="Zoom in").click()
    page.wait_for_function("() => Number(location.search.split(/%2C|,|&/)[2]) > 100")
    page.wait_for_function("most => document.querySelectorAll('.map li').length < most", arg=laid_out["figures"] / 2)
    box = page.locator("#map").bounding_box()
    before = page.url
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 120, steps=5)
    page.mouse.up()
    page.wait_for_function("before => location.href !== before", arg=before)
    assert "/map?" in page.url
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert complaints == []
