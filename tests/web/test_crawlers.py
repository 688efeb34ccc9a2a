"""What search engines are told: of a public site its figures, and of any other nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from serving import Served, serving
from under import PREFIX

from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.corpora.live.base import Standing
from mirage.errors import BadInput
from mirage.figure import Figure
from mirage.settings import Settings
from mirage.storage.gone import heed
from mirage.storage.ingest import add
from mirage.web import crawlers
from mirage.web.root import at
from mirage.web.views.generate import SyntheticView
from parts import copy_atlas

OUTSIDE = "https://atlas.example.org/deep"
GONE, SHOWN = "starter:retina", "starter:retina-microaneurysms"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture(scope="module")
def public(tmp_path_factory, some_folder, roots) -> Iterator[Served]:
    with Atlas.open(copy_atlas(some_folder, tmp_path_factory.mktemp("public") / "atlas")) as atlas:
        add(atlas, load("folder", path=roots / "My teaching files"))  # which states no licence
        heed(atlas, "starter", [Standing(GONE, 1_790_000_000.0, "Retracted.", "https://example.org/gone")])
        settings = Settings(site_url=OUTSIDE + "/", public=True)
        with serving(atlas, settings, roots) as served:
            yield served


def figures(served: Served) -> list[Figure]:
    return [row.figure for batch in served.atlas.store.each() for row in batch]


def listed(served: Served) -> list[str]:
    with served.client() as client:
        index = ElementTree.fromstring(client.get("/sitemap.xml").text)
        parts = [each.text or "" for each in index.iter(f"{SITEMAP}loc")]
        assert all(each.startswith(f"{OUTSIDE}/sitemap/") for each in parts)
        pages = [ElementTree.fromstring(client.get(each.removeprefix(OUTSIDE)).text) for each in parts]
        return [each.text or "" for page in pages for each in page.findall(f"{SITEMAP}url/{SITEMAP}loc")]


def told(served: Served, page: str) -> tuple[dict, bool]:
    with served.client() as client:
        html = client.get(page).text
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', html)
    return json.loads(found[1]) if found else {}, '<meta name="robots" content="noindex">' in html


def test_a_site_that_says_nothing_of_it_is_not_listed(site: Served, a_figure: str) -> None:
    with site.client() as client:
        assert client.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"
        assert client.get("/sitemap.xml").status_code == client.get("/sitemap/1.xml").status_code == 404
    assert told(site, f"/figure/{a_figure}") == ({}, False)


def test_crawlers_are_led_to_the_figures_and_away_from_what_is_made_anew(public: Served) -> None:
    with public.client() as client:
        lines = client.get("/robots.txt").text.splitlines()
    assert f"Sitemap: {OUTSIDE}/sitemap.xml" in lines
    assert {f"Allow: {PREFIX}/api/pictures/", f"Disallow: {PREFIX}/search", f"Disallow: {PREFIX}/explain"} <= set(lines)
    assert "Disallow: /" not in lines


def test_every_figure_that_may_be_passed_on_is_listed_under_the_address_that_others_know(public: Served) -> None:
    ids = [each.id for each in figures(public) if each.source.corpus == "starter"]
    pages = listed(public)
    assert sorted(pages) == sorted([f"{OUTSIDE}/", *(f"{OUTSIDE}/figure/{each}" for each in ids if each != GONE)])


def test_the_list_is_cut_where_it_is_too_long_and_ends(public: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = listed(public)
    monkeypatch.setattr(crawlers, "MOST", 7)
    assert listed(public) == whole
    with public.client() as client:
        assert client.get("/sitemap/0.xml").status_code == client.get("/sitemap/9999.xml").status_code == 404


def test_a_page_tells_what_the_records_hold_of_its_picture(public: Served) -> None:
    figure = public.atlas.figure(SHOWN)
    found, silent = told(public, f"/figure/{SHOWN}")
    assert not silent
    assert found["@type"] == "ImageObject"
    assert found["url"] == f"{OUTSIDE}/figure/{SHOWN}"
    assert found["contentUrl"].startswith(f"{OUTSIDE}/api/pictures/{SHOWN}?v=")
    assert found["thumbnailUrl"].startswith(f"{OUTSIDE}/api/thumbnails/{SHOWN}?v=")
    assert found["license"] == figure.source.licence.url
    assert found["creditText"] == figure.source.attribution
    assert found["acquireLicensePage"] == figure.source.url
    assert "creator" not in found  # which no record holds
    with public.client() as client:
        assert client.get(found["contentUrl"].removeprefix(OUTSIDE)).headers["content-type"].startswith("image/")


def test_what_may_not_be_passed_on_was_withdrawn_or_is_hidden_asks_not_to_be_listed(public: Served) -> None:
    own = next(
        row.figure.id for batch in public.atlas.store.each() for row in batch if row.figure.source.corpus != "starter"
    )
    hidden = next(
        row.figure.id for batch in public.atlas.store.each() for row in batch if row.figure.id not in (GONE, SHOWN)
    )
    public.site.reviews.hidden.set(hidden, True)
    try:
        for each in (own, GONE, hidden):
            assert told(public, f"/figure/{each}") == ({}, True)
            assert f"{OUTSIDE}/figure/{each}" not in listed(public)
    finally:
        public.site.reviews.hidden.set(hidden, False)


def test_words_that_would_end_the_block_do_not(public: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = {"caption": "</script><script>alert(1)</script>"}
    monkeypatch.setattr(crawlers, "told_of_figure", lambda *_: evil)
    assert told(public, f"/figure/{SHOWN}") == (evil, False)
    with public.client() as client:
        html = client.get(f"/figure/{SHOWN}").text
    assert "</script><script>alert" not in html
    assert "\\u003c/script\\u003e" in html


def test_a_page_of_a_synthetic_image_tells_machines_that_a_model_drew_it(public: Served) -> None:
    view = SyntheticView.model_construct(page=at("/synthetic/x"), image=at("/api/synthetic/x/image"), statement="Synthetic.")
    found = crawlers.told_of_synthetic(public.site, view)
    assert found is not None
    assert found["digitalSourceType"] == "https://schema.org/TrainedAlgorithmicMediaDigitalSource"
    assert found["contentUrl"] == f"{OUTSIDE}/api/synthetic/x/image"


@pytest.mark.parametrize("given", [{"public": True}, {"public": True, "site_url": OUTSIDE, "shared": True}])
def test_a_site_that_cannot_be_listed_says_why(given: dict) -> None:
    with pytest.raises(BadInput, match="public"):
        Settings.load(**given)
