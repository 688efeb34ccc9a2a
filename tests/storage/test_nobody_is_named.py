"""What names a patient in files that are added comes out nowhere: no atlas, export, log or page of others has it."""

from __future__ import annotations

import base64
import logging
import sqlite3
import stat
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from benchmarks.personal import Seeds, files_of, found_in, make, pages_of
from fastapi.testclient import TestClient

from mirage.atlas import Atlas
from mirage.errors import BadInput, MirageError
from mirage.jobs import Jobs
from mirage.settings import Settings
from mirage.storage.archive_export import export
from mirage.storage.store import Store
from mirage.web import create_app
from parts import draw, until


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Seeds:
    return make(tmp_path_factory.mktemp("given"), 7)


@pytest.fixture(scope="module")
def given(seeds: Seeds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Atlas, Jobs, str]]:
    """An atlas with all of it, its jobs, and the id of the job that added it, as who started it knows that."""
    with Atlas.open(tmp_path_factory.mktemp("atlas") / "atlas", create=True) as atlas, closing(Jobs(atlas)) as jobs:
        job = jobs.start_add(corpus="folder", path=seeds.folder)
        until(lambda: jobs.get(job.id).ended)
        yield atlas, jobs, job.id


def test_the_search_finds_what_is_there(seeds: Seeds) -> None:
    found = {word for word, _ in found_in(seeds.words, files_of(seeds.folder))}
    assert len(found) > 0.9 * len(seeds.words)  # the others are packed by zlib, or cut to the length of their field
    assert found_in(["Qanubodiga"], [("", b"xx" + base64.b64encode(b"a qanubodiga"))]) == [("Qanubodiga", "")]


def test_nothing_of_it_is_in_the_atlas_or_in_an_export_of_it(
    given: tuple[Atlas, Jobs, str], seeds: Seeds, tmp_path: Path
) -> None:
    atlas, jobs, job = given
    assert (jobs.get(job).state, jobs.get(job).added) == ("done", 7)
    export(atlas.path, tmp_path / "mine.mirage", purpose="myself")
    with pytest.raises(BadInput):  # no licence is stated
        export(atlas.path, tmp_path / "others.mirage")
    assert found_in(seeds.words, (*files_of(atlas.path), *files_of(tmp_path))) == []


def test_nothing_of_it_is_on_a_page_that_others_see_or_in_the_log(
    given: tuple[Atlas, Jobs, str], seeds: Seeds, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    atlas, jobs, _ = given
    with TestClient(create_app(atlas, Settings.load(), jobs_of=jobs), base_url="http://localhost") as client:
        seen = list(pages_of(lambda address: client.get(address).content, atlas))
    assert len(seen) > 30
    assert found_in(seeds.words, (*seen, ("log", caplog.text.encode()))) == []


def test_who_started_it_sees_the_names_until_it_ends_and_nobody_after_a_restart(
    given: tuple[Atlas, Jobs, str], seeds: Seeds
) -> None:
    atlas, jobs, own = given
    mine = jobs.get(own)
    assert "damaged file name" in {seeds.words[Path(each.label).stem] for each in mine.refused}
    assert (jobs.get(own.rpartition("-")[0]).refused, jobs.list()[0].title) == ((), "Add a folder of pictures")
    with closing(Jobs(atlas, resume=True)) as again:
        assert again.get(own).refused == ()
        assert found_in(seeds.words, [("after", str(again.list()).encode())]) == []


def test_the_names_lie_apart_from_the_atlas_for_this_person_alone_and_go_with_the_figure(
    given: tuple[Atlas, Jobs, str], seeds: Seeds
) -> None:
    atlas, _, _ = given
    (path,) = [each for each in Settings.load().names.glob("*.jsonl") if found_in(seeds.words, [("", each.read_bytes())])]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (first, *_) = [row.figure.id for rows in atlas.store.each() for row in rows]
    name = atlas.store.name_of(first)
    assert name
    atlas.remove(first)
    assert atlas.store.name_of(first) == ""
    assert Path(name).stem not in path.read_text("utf-8")


def test_words_of_what_is_removed_are_not_left_in_the_records(given: tuple[Atlas, Jobs, str], tmp_path: Path) -> None:
    atlas, jobs, _ = given
    draw(tmp_path / "one" / "a.png", 5)
    (tmp_path / "one" / "figures.csv").write_text("file,caption\na.png,Seen in Quxovalipo\n", encoding="utf-8")
    job = jobs.start_add(corpus="folder", path=tmp_path / "one", name="One")
    until(lambda: jobs.get(job.id).ended)
    records = [("before", b"".join(each.read_bytes() for each in atlas.path.glob("records.sqlite*")))]
    atlas.remove(corpus="folder-one")
    records += [("after", b"".join(each.read_bytes() for each in atlas.path.glob("records.sqlite*")))]
    assert found_in(["Quxovalipo"], records) == [("Quxovalipo", "before")]


def test_what_could_not_be_stored_is_not_in_the_log(tmp_path: Path) -> None:
    record = {"path": "/home/quxovalipo"}
    with closing(Store.at(tmp_path / "records.sqlite")) as store:
        with closing(sqlite3.connect(tmp_path / "records.sqlite")) as other:
            other.execute("DROP TABLE jobs")
        with pytest.raises(MirageError, match="no such table") as caught:
            store.put_job("1", 0.0, record)
    assert record["path"] not in "".join(traceback.format_exception(caught.value))
