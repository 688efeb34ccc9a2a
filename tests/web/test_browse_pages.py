"""Browsing by organ and condition: pages without scripts, and their twins."""

from __future__ import annotations

import re
from html import unescape

import pytest
from serving import serving

from browsing import opened, too_wide
from mirage.atlas import Atlas
from mirage.settings import Settings


def test_every_organ_leads_to_what_it_holds_and_that_to_figures(client):
    page = client.get("/browse").text
    links = set(re.findall(r'<h2><a href="(/browse/[a-z]+)"', page))
    twin = client.get("/api/browse").json()
    assert links == {each["page"] for each in twin["systems"]} != set()
    for system in twin["systems"]:
        inside = client.get(system["page"]).text
        held = client.get(system["twin"]).json()
        lists = [each for name in ("conditions", "findings", "structures") for each in held[name]]
        assert [len(held[name]) for name in ("conditions", "findings", "structures")] == [
            system[name] for name in ("conditions", "findings", "structures")
        ]
        searches = [unescape(found) for found in re.findall(r'<a class="shot" href="(/search\?q=[^"]+)"', inside)]
        assert searches == [each["url"] for each in lists]
        assert inside.count('class="attribution"') == len(lists), "no picture without its source"
        first = client.get(searches[0]).text
        assert "Nothing here fits" not in first
        assert 'class="card"' in first


def test_what_is_under_a_condition_is_affirmed_by_the_figures_words(site, client):
    counted = 0
    for system in client.get("/api/browse").json()["systems"]:
        for held in client.get(system["twin"]).json()["conditions"]:
            figure = held["example"]
            (key,) = site.atlas.store.keys_of([figure["id"]]).values()
            told = [one for one in site.atlas.store.mentions.of([key])[key] if one.polarity == "affirmed"]
            assert any(one.field in ("title", "diagnosis", "caption", "topic") for one in told), held["name"]
            assert not any((one.concept, one.polarity) == (held["name"], "denied") for one in told)
            counted += 1
    assert counted > 0


def test_an_organ_that_is_not_held_is_not_found_in_words(client):
    for path in ("/browse/none", "/api/browse/none", "/browse/%00", "/browse/" + "x" * 3000):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "This atlas holds nothing under" in answer.text


def test_an_empty_atlas_says_so(tmp_path, roots):
    with (
        Atlas.open(tmp_path / "empty", create=True) as atlas,
        serving(atlas, Settings(), roots) as served,
        served.client() as client,
    ):
        assert "This atlas is empty" in client.get("/browse").text
        assert client.get("/api/browse").json() == {"figures": 0, "systems": []}
        assert client.get("/api/suggest?q=brain").json()["suggestions"] == []


@pytest.mark.browser
def test_no_page_of_an_organ_is_wider_than_a_small_screen(chromium, site, client):
    page, complaints = opened(chromium, site)
    pages = [each["page"] for each in client.get("/api/browse").json()["systems"]][:3]
    assert too_wide(page, "/browse", *pages) == []
    assert complaints == []
