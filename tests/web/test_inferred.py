"""A page says what its source does not: an inferred kind of picture, an article's link, a licence's limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from serving import serving

from mirage.atlas import Atlas
from mirage.corpora.folder import FolderCorpus
from mirage.corpora.roco import RocoCorpus
from mirage.settings import Settings
from mirage.storage.ingest import add
from roco_maker import make_roco


def page_of(client: httpx.Client, name: str) -> str:
    """What a figure's page says of that figure itself."""
    record = client.get(f"/api/figures/roco:{name}").json()
    return client.get(record["links"]["page"]).text.partition("More like this")[0]


@pytest.fixture(scope="module")
def roco(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    place = tmp_path_factory.mktemp("roco")
    with Atlas.open(place / "atlas", create=True) as atlas:
        add(atlas, RocoCorpus(make_roco(place / "copy")))
        with serving(atlas, Settings(folder_roots=(place,)), place) as served, served.client() as client:
            yield client


def test_an_inferred_kind_of_picture_is_marked_on_the_page_and_in_the_api(roco: httpx.Client) -> None:
    record = roco.get("/api/figures/roco:ROCO_00002").json()
    assert (record["modality"], record["inferred"]) == ("CT", ["modality", "plane"])
    page = page_of(roco, "ROCO_00002")
    assert "CT (inferred)" in page
    assert "axial (inferred)" in page
    assert "Not stated by the source" in page
    for name in ("ROCO_00003", "ROCO_00004"):
        inferred = roco.get(f"/api/figures/roco:{name}").json().get("inferred", [])
        assert page_of(roco, name).count("(inferred)") == len(inferred)


def test_the_link_is_to_the_article_and_a_licence_without_derivatives_says_so(roco: httpx.Client) -> None:
    page = page_of(roco, "ROCO_00002")
    assert 'href="https://www.ncbi.nlm.nih.gov/pmc/articles/PMC1000002/"' in page
    assert "Source (article)" in page
    assert "forbids passing on altered copies" in page
    assert "forbids passing on altered copies" not in page_of(roco, "ROCO_00003")


def test_the_licence_filter_tells_no_derivatives_and_not_stated_apart(roco: httpx.Client) -> None:
    for licence, count in (("CC BY-NC-ND", 1), ("not stated", 2), ("CC BY", 1)):
        found = roco.get("/api/search", params={"q": "drawn", "licence": licence}).json()["hits"]
        assert len(found) == count
        assert {hit["figure"]["source"]["licence"]["name"] for hit in found} == {licence}


def test_the_corpora_page_offers_roco_and_adds_it_from_a_folder(roco: httpx.Client) -> None:
    offers = {offer["name"]: offer for offer in roco.get("/api/corpora").json()["addable"]}
    assert {"roco", "rocov2"} <= set(offers)
    assert "each figure&#39;s own" in roco.get("/corpora").text


def test_a_label_that_the_caption_contradicts_is_marked_where_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "ward"
    folder.mkdir()
    for number, caption in enumerate(["MRI: T2-weighted image of the knee.", "CT of the knee."]):
        Image.new("L", (64, 64), 60 * number).save(folder / f"{number}.png")
        (folder / "captions.csv").open("a", encoding="utf-8").write(
            ("" if number else "file,caption,modality\n") + f"{number}.png,{caption},CT\n"
        )
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, FolderCorpus(folder))
        with serving(atlas, Settings(), tmp_path) as served, served.client() as client:
            page = client.get("/search", params={"q": "knee"}).text
    assert page.count("CT (doubtful)") == 1
    assert "labelled CT; the caption says MRI" in page
