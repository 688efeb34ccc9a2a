"""Figures in whose place a new edition of a corpus has others: found by their former ids, and not there twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from mirage.atlas import Atlas
from mirage.corpora.starter import StarterCorpus
from mirage.errors import NotFound
from mirage.settings import Settings
from mirage.storage.ingest import add
from mirage.web import create_app
from parts import copy_atlas, some_of_starter


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some_of_starter(tmp_path_factory.mktemp("succession") / "now")


@pytest.fixture(scope="module")
def _of_then(now: Path) -> Path:
    """An atlas of the same corpus before its slices had those ids: each that has former ids has the first of them."""
    folder = some_of_starter(now.parent / "then")
    records = [json.loads(line) for line in (folder / "figures.jsonl").read_text("utf-8").splitlines()]
    for record in records:
        if record.get("former_ids"):
            record["id"] = record.pop("former_ids")[0]
    (folder / "figures.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    with Atlas.open(now.parent / "atlas", create=True) as atlas:
        add(atlas, StarterCorpus(folder))
    return now.parent / "atlas"


@pytest.fixture
def then(_of_then: Path, tmp_path: Path) -> Path:
    """A closed copy of that atlas."""
    return copy_atlas(_of_then, tmp_path / "atlas")


def successors(folder: Path) -> dict[str, str]:
    records = map(json.loads, (folder / "figures.jsonl").read_text("utf-8").splitlines())
    found = {former: record["id"] for record in records for former in record.get("former_ids", ())}
    assert len(found) >= 5
    return found


def test_a_figure_is_found_by_the_id_that_an_earlier_edition_gave_it(then: Path, now: Path) -> None:
    after = successors(now)
    with Atlas.open(then) as atlas:
        old = next(name for name in after if atlas.store.keys_of([name]))
        reference = atlas.reference(old)
        report = add(atlas, StarterCorpus(now))
        assert (report.added, report.refused) == (len(set(after.values())), ())
        assert atlas.info().figures == len(atlas.index) == len(StarterCorpus(now)), "none is there twice"
        for former, own in after.items():
            assert atlas.figure(former).id == own
            assert not atlas.store.keys_of([former])
        assert atlas.figure(reference).id == after[old]
        assert after[old] not in {hit.figure.id for hit in atlas.similar(old, k=5).hits}
        kept = set().union(*(row.files for rows in atlas.store.each() for row in rows))
        assert set(atlas.pictures.names()) == kept
        with TestClient(create_app(atlas, Settings.load()), base_url="http://localhost") as client:
            assert client.get(f"/api/figures/{quote(old)}").json()["id"] == after[old]
            page = client.get(f"/figure/{quote(old)}")
            assert page.status_code == 200
            assert atlas.figure(old).title in page.text


def test_an_atlas_that_has_the_figures_already_learns_their_former_ids(tmp_path: Path, now: Path) -> None:
    after = successors(now)
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, _Silent(now))
        with pytest.raises(NotFound):
            atlas.figure(next(iter(after)))
        assert add(atlas, StarterCorpus(now)).added == 0
        assert {atlas.figure(former).id for former in after} == set(after.values())


def test_a_figure_of_another_corpus_and_one_whose_successor_is_refused_stay(then: Path, now: Path) -> None:
    after = successors(now)
    with Atlas.open(then) as atlas:
        old = next(name for name in after if atlas.store.keys_of([name]))
        atlas.succeed({old: "starter:not-there", "starter:chest-pa": after[old]}, "starter")
        atlas.succeed({old: "starter:chest-pa"}, "another")
        assert atlas.store.keys_of([old, "starter:chest-pa"]).keys() == {old, "starter:chest-pa"}
        assert atlas.figure(old).id == old
        assert atlas.picture(old).is_file()


class _Silent(StarterCorpus):
    """The corpus as a version of the program read it that did not know of former ids."""

    def items(self):
        for item in super().items():
            yield replace(item, former_ids=())
