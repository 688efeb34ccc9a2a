"""An atlas whose index lies in PostgreSQL: it answers as the one in the folder, and two processes use it at once."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from mirage import corpora
from mirage.atlas import Atlas
from mirage.backup.moving import move_records
from mirage.query import Query, Term
from mirage.storage import manifest
from mirage.storage.ingest import add
from mirage.storage.reindex import rebuild
from parts import copy_atlas, mirage, picture_folder
from squares import Squares, installed

FILTERS: tuple[dict[str, list[str]], ...] = (
    {},
    {"modality": ["MR"]},
    {"modality": ["CT", "XR"], "plane": ["axial", "frontal"]},
)
TEXTS = ("brain", "heart", "axial CT of the chest", "fracture", "meningioma", "normal anatomy of the eye", "fluid")


def at(url: str, collection: str = "figures") -> str:
    """The address of a collection in a database."""
    database, mark, rest = url.partition("?")
    return f"{database}/{collection}{mark}{rest}"


def answers(folder: Path) -> list[list[tuple[str, str, int]]]:
    """What each question finds, how sure, and by how many channels."""
    with Atlas.open(folder) as atlas:
        keys = [row.figure.id for batch in atlas.store.each() for row in batch][::10]
        asked = [Query((Term(text=text),), filters=filters, k=10) for text in TEXTS for filters in FILTERS]
        asked += [Query((Term(figure=one),), k=10) for one in keys]
        return [[(hit.figure.id, str(hit.confidence), hit.rank) for hit in atlas.search(one).hits] for one in asked]


def schemas(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'index%' ORDER BY 1").fetchall()
    return [name for (name,) in found]


def test_moved_to_a_server_and_back_it_answers_the_same(some_folder: Path, tmp_path: Path, postgres_url: str) -> None:
    folder = copy_atlas(some_folder, tmp_path / "atlas")
    before = answers(folder)
    assert sum(map(len, before)) > 100
    rebuild(folder, index=at(postgres_url))
    assert manifest.finished(folder).index == at(postgres_url)
    assert (schemas(postgres_url), (folder / "index").exists()) == (["index_figures"], False)
    assert answers(folder) == before
    rebuild(folder, index="embedded")
    assert (schemas(postgres_url), manifest.finished(folder).index) == ([], "index")
    assert answers(folder) == before


def test_two_processes_add_to_one_atlas_and_find_what_the_other_added(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRAGE_RECORDS", postgres_url)
    site = installed(tmp_path / "site")
    monkeypatch.syspath_prepend(site)
    folder = tmp_path / "atlas"
    with Atlas.open(folder, encoder=Squares(), create=True) as atlas:
        add(atlas, corpora.load("folder", path=picture_folder(tmp_path / "phantoms", 4)))
    rebuild(folder, index=at(postgres_url))
    with Atlas.open(folder, encoder=Squares()) as atlas:
        more = picture_folder(tmp_path / "more", 3, first=10, captions=lambda number: f"Zebra {number}")
        done = mirage("add", "folder", more, atlas=folder, PYTHONPATH=str(site))
        assert done.returncode == 0, done.stderr
        assert len(atlas.index) == 7
        assert atlas.search("zebra").hits[0].figure.caption.startswith("Zebra")
        add(atlas, corpora.load("folder", path=picture_folder(tmp_path / "others", 1, first=20)))
        assert len(atlas.index) == len(atlas.store.keys())
        assert sorted(atlas.index.keys()) == sorted(atlas.store.keys())


def test_made_anew_it_lies_beside_the_one_there_is_and_that_one_goes(
    small: Path, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path / "site"))
    rebuild(small, index=at(postgres_url))
    rebuild(small, "squares")
    name = f"figures-{Squares().info().digest[:12]}"
    assert schemas(postgres_url) == [f"index_{name}"]
    assert manifest.finished(small).index == at(postgres_url, name)
    with Atlas.open(small) as atlas:
        assert atlas.search("phantom number 2").hits


def test_who_changes_an_atlas_goes_by_the_index_that_another_has_just_made(
    some_folder: Path, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_atlas(some_folder, tmp_path / "atlas")
    move_records(folder, postgres_url)
    rebuild(folder, index=at(postgres_url))
    with Atlas.open(folder) as atlas:
        before, ids = atlas.index_name, [row.figure.id for rows in atlas.store.each() for row in rows]
        monkeypatch.setattr(atlas, "follow", lambda: None)  # as one who has not heard of it yet
        with monkeypatch.context() as unseen:  # opened after the other had looked who is there
            unseen.setattr("mirage.storage.sharing.Sharing.others", lambda _: 0)
            rebuild(folder)
        assert manifest.finished(folder).index != before == atlas.index_name
        atlas.remove(ids[0])
        assert atlas.index_name == manifest.finished(folder).index
        assert len(atlas.index) == len(ids) - 1
