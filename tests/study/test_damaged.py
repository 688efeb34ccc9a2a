"""What somebody keeps is damaged: what the atlas holds is found all the same, and it is said what cannot be told."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mirage.atlas import Atlas
from mirage.errors import AtlasError
from mirage.settings import Settings
from mirage.study.along import taking
from mirage.study.records import FILE
from mirage.web.server import create_app
from parts import copy_atlas


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as there:
        there.executescript(
            "CREATE TABLE alembic_version (version_num VARCHAR(32)); INSERT INTO alembic_version VALUES ('0099');"
        )
    there.close()


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.write_bytes(b"no database" * 800), Path.mkdir, _newer],
    ids=["noise", "a folder of its name", "of a later version"],
)
def test_a_damaged_file_of_what_is_kept_stops_no_search(
    some_folder: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    folder = copy_atlas(some_folder, tmp_path / "atlas")
    damage(folder / FILE)
    with Atlas.open(folder) as atlas:
        answer = atlas.search("axial brain MRI")
        assert answer.hits
        assert "cannot be told now" in answer.notes[-1]
        with pytest.raises(AtlasError):
            atlas.study.collections.list()
        client = TestClient(create_app(atlas, Settings()), base_url="http://localhost")
        for page in ("/", "/search?q=brain", "/compare?a.q=brain&b.q=chest", "/browse", "/corpora", "/about"):
            assert client.get(page).status_code == 200, page
        assert client.get("/collections").status_code == 503


def test_nothing_leaves_while_it_cannot_be_told_what_is_hidden(some_folder: Path, tmp_path: Path) -> None:
    folder = copy_atlas(some_folder, tmp_path / "atlas")
    with Atlas.open(folder) as atlas:
        first = next(row.figure.id for batch in atlas.store.each() for row in batch)
        atlas.study.reviews.hidden.set(first, True)
    (folder / FILE).write_bytes(b"no database" * 800)
    with Atlas.open(folder) as atlas:
        public = Settings(public=True, site_url="http://localhost")
        client = TestClient(create_app(atlas, public), base_url="http://localhost")
        leaving = [f"/api/take/file?kind=figure&target={first}&as={form}" for form in taking.FORMATS]
        for address in (*leaving, "/sitemap.xml", "/sitemap/1.xml"):
            answer = client.get(address)
            assert answer.status_code == 503, (address, answer.text)
            assert "cannot be told now what is hidden" in answer.text, address
        assert "application/ld+json" not in client.get(f"/figure/{first}").text
