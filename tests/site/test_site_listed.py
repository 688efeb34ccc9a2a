"""What a site without a server tells search engines: whose a picture is, and where its pages lie where that is known."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mirage import listing
from mirage.atlas import Atlas
from mirage.errors import BadInput
from mirage.figure import Figure
from mirage.site import export
from mirage.site.pages import slug

ADDRESS = "https://atlas.example.org/year-3"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
IMAGE = "{http://www.google.com/schemas/sitemap-image/1.1}"


@pytest.fixture(scope="module")
def listed(some: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listed") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "MOST", 100)
        export.write(some, folder, address=ADDRESS, fetch=False, explain=False)
    return folder


def figures(atlas: Atlas) -> list[Figure]:
    return [row.figure for batch in atlas.store.each() for row in batch]


def told(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page)
    return dict(json.loads(found[1])) if found else {}


def test_a_figure_tells_whose_it_is_and_where_its_licence_is_had(plain_site: Path, some: Atlas) -> None:
    for figure in figures(some)[::40]:
        page = (plain_site / "figure" / f"{slug(figure.id)}.html").read_text("utf-8")
        said = told(page)
        assert said["@type"] == "ImageObject"
        assert said.get("license", "") == figure.source.licence.url
        assert said.get("acquireLicensePage", "") == figure.source.url
        assert said.get("creditText", "") == figure.source.attribution
        assert not said.keys() & {"url", "contentUrl", "thumbnailUrl"}  # nobody knows where it will lie
        assert "canonical" not in page
        assert '<meta name="description" content="' in page
    assert not list(plain_site.glob("sitemap*"))


def test_where_its_address_is_known_pages_and_pictures_are_named_by_it(listed: Path, some: Atlas) -> None:
    for figure in figures(some)[::40]:
        address = f"{ADDRESS}/figure/{slug(figure.id)}.html"
        page = (listed / "figure" / f"{slug(figure.id)}.html").read_text("utf-8")
        assert told(page)["url"] == address
        assert f'<link rel="canonical" href="{address}">' in page
        assert f'<meta property="og:url" content="{address}">' in page
        picture = told(page)["contentUrl"].removeprefix(f"{ADDRESS}/")
        assert (listed / picture).is_file()
        assert f'<meta property="og:image" content="{ADDRESS}/{picture}">' in page
    assert f'<link rel="canonical" href="{ADDRESS}/">' in (listed / "index.html").read_text("utf-8")


def test_every_page_is_listed_once_in_files_of_limited_length(listed: Path, some: Atlas) -> None:
    index = ElementTree.parse(listed / "sitemap.xml").getroot()
    parts = [str(each.text) for each in index.iter(f"{SITEMAP}loc")]
    assert len(parts) > 1
    pages, pictures = list[str](), list[str]()
    for part in parts:
        urls = ElementTree.parse(listed / part.removeprefix(f"{ADDRESS}/")).getroot()
        assert 0 < len(urls) <= 100
        pages += [str(each.text) for each in urls.findall(f"{SITEMAP}url/{SITEMAP}loc")]
        pictures += [str(each.text) for each in urls.iter(f"{IMAGE}loc")]
    there = {path.relative_to(listed).as_posix() for path in listed.rglob("*.html")} - {"404.html", "index.html"}
    assert sorted(pages) == sorted({f"{ADDRESS}/", *(f"{ADDRESS}/{page}" for page in there)})
    assert len(pictures) == len(figures(some))
    assert all((listed / each.removeprefix(f"{ADDRESS}/")).is_file() for each in pictures)
    assert not (listed / "robots.txt").exists()  # a crawler looks for it at the root of a host alone


def test_what_may_be_shown_to_oneself_only_asks_not_to_be_listed(small: Path, tmp_path: Path) -> None:
    with Atlas.open(small) as atlas:  # its pictures state no licence
        export.write(atlas, tmp_path / "site", address="https://one.example", purpose="myself", fetch=False, explain=False)
    pages = [path.read_text("utf-8") for path in (tmp_path / "site" / "figure").iterdir()]
    assert pages
    assert all('<meta name="robots" content="noindex">' in page and not told(page) for page in pages)
    assert "/figure/" not in (tmp_path / "site" / "sitemap.xml").read_text()
    assert "Sitemap: https://one.example/sitemap.xml" in (tmp_path / "site" / "robots.txt").read_text()


@pytest.mark.parametrize(
    "address", ["atlas.example.org", "file:///home/me", "https://", "https://a.example/?x=1", "https://a b"]
)
def test_what_is_no_address_is_refused_before_anything_is_written(small: Path, tmp_path: Path, address: str) -> None:
    with Atlas.open(small) as atlas, pytest.raises(BadInput, match="is no address of a site"):
        export.write(atlas, tmp_path / "site", address=address, fetch=False)
    assert not (tmp_path / "site").exists()
