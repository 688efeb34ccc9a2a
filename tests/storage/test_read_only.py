"""An atlas that is opened to read it only: by as many as want, from a folder that nobody can write to."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from mirage.atlas import Atlas
from mirage.errors import AtlasHeld, ReadOnly, Unavailable
from mirage.jobs import Jobs
from mirage.storage import read_only
from mirage.storage.reindex import rebuild
from parts import PATIENCE, mirage, until


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of these tests lie apart from those of others that run meanwhile."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MIRAGE_KEPT", str(tmp_path / "kept"))


WORDS = "brain MRI, axial"


def found(atlas: Atlas) -> list[tuple[str, str]]:
    return [(hit.figure.id, hit.confidence) for hit in atlas.search(WORDS).hits]


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def copies() -> list[Path]:
    return [path for path in read_only._place().iterdir() if path.is_dir()]


def test_a_folder_that_cannot_be_written_to_is_searched_and_stays_as_it_is(
    some_folder: Path, some: Atlas, locked_disk: Callable[[Path], Path]
) -> None:
    folder = locked_disk(some_folder)
    before = state(folder)
    with Atlas.open(folder) as atlas:
        assert atlas.info().read_only
        assert atlas.info().path == folder
        assert found(atlas) == found(some)
        assert atlas.picture(found(atlas)[0][0]).is_relative_to(folder)
        with pytest.raises(ReadOnly, match="open the copy"):
            atlas.remove(corpus="starter")
    assert state(folder) == before
    assert copies() == []


def test_any_number_of_processes_read_what_one_has_open(some_copy: Path, some: Atlas) -> None:
    with Atlas.open(some_copy), Atlas.open(some_copy, to_read=True) as first, Atlas.open(some_copy, to_read=True) as second:
        assert found(first) == found(second) == found(some)
        with pytest.raises(AtlasHeld):
            Atlas.open(some_copy, to_read=False)


def test_who_reads_does_not_keep_out_who_writes(some_copy: Path) -> None:
    with Atlas.open(some_copy, to_read=True) as reading:
        figures = reading.info().figures
        with Atlas.open(some_copy) as writing:
            gone = found(writing)[0][0]
            writing.remove(gone)
            assert reading.figure(gone).id == gone
            assert len(found(reading)) > 0
        with Atlas.open(some_copy, to_read=True) as later:
            assert later.info().figures == figures - 1


def test_what_is_written_and_not_yet_in_the_database_is_read(some_copy: Path, locked_disk: Callable[[Path], Path]) -> None:
    """A server that was killed leaves its last changes in the log beside the records."""
    with Atlas.open(some_copy) as writing:
        gone = found(writing)[0][0]
        writing.remove(gone)
        folder = locked_disk(some_copy)  # as a power cut would leave it
    assert (folder / "records.sqlite-wal").exists()
    with Atlas.open(folder) as atlas:
        assert gone not in dict(found(atlas))


def test_copies_of_processes_that_were_killed_are_removed(
    some_copy: Path, started: Callable[..., object], tmp_path: Path
) -> None:
    process = started("serve", "--read-only", "--port", "0", atlas=some_copy)
    (left,) = until(copies)
    until(lambda: (left / "atlas.lock").exists() and json.loads((left / "atlas.lock").read_text())["url"])
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert left.exists()
    with Atlas.open(some_copy, to_read=True):
        assert not left.exists()
    assert copies() == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has other rights")
def test_nobody_else_on_the_machine_reads_a_copy(some_copy: Path, tmp_path: Path) -> None:
    place = tmp_path / "cache" / "mirage" / "read-only"
    place.mkdir(parents=True)
    place.chmod(0o755)  # as an earlier version made it
    with Atlas.open(some_copy, to_read=True):
        assert [oct(each.stat().st_mode & 0o077) for each in (place, *copies())] == ["0o0", "0o0"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has other rights")
@pytest.mark.parametrize("made", ["link", "folder"])
def test_no_copy_is_made_where_another_has_made_the_folder(
    made: str, some_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("no folder", "utf-8")
    (tmp_path / "theirs").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    there = tmp_path / f"mirage-read-only-{os.getuid()}"
    if made == "link":
        there.symlink_to(tmp_path / "theirs")
    else:
        there.mkdir()
        own = os.getuid()
        there.rename(tmp_path / f"mirage-read-only-{own + 1}")
        monkeypatch.setattr(os, "getuid", lambda: own + 1)
    with pytest.raises(Unavailable, match=r"not this user's alone.*XDG_CACHE_HOME"):
        Atlas.open(some_copy, to_read=True)
    assert list((tmp_path / "theirs").iterdir()) == []


def test_holes_of_the_engines_files_stay_holes(some_copy: Path) -> None:
    with Atlas.open(some_copy, to_read=True) as atlas:
        files = [path for path in (atlas.path / "index").rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) > 2 * read_only._used(atlas.path / "index")


def test_nothing_is_begun_that_would_change_it_nor_what_another_left(some_copy: Path) -> None:
    with Atlas.open(some_copy) as atlas:
        atlas.store.put_job("left", 1.0, {"id": "left", "kind": "rebuild", "title": "Make the index anew", "created": 1.0})
    with Atlas.open(some_copy, to_read=True) as atlas:
        jobs = Jobs(atlas)
        try:
            assert jobs.list() == []
            for start in (jobs.start_rebuild, lambda: jobs.start_remove(corpus="starter"), jobs.start_collect):
                with pytest.raises(ReadOnly, match="nothing in it can be changed"):
                    start()
        finally:
            jobs.close()
    with sqlite3.connect(some_copy / "records.sqlite") as records:
        assert records.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
    records.close()


def test_what_somebody_keeps_of_it_stays_and_what_is_hidden_in_the_folder_is_heeded(
    some_copy: Path, locked_disk: Callable[[Path], Path]
) -> None:
    with Atlas.open(some_copy) as atlas:
        (hidden, _), (shown, _) = found(atlas)[:2]
        atlas.study.reviews.hidden.set(atlas.reference(hidden), True)
    folder = locked_disk(some_copy)
    with Atlas.open(folder) as atlas:
        assert hidden not in dict(found(atlas))
        mine = atlas.study.collections.make("Heads")
        atlas.study.collections.add(mine.id, "figure", shown)
        with pytest.raises(ReadOnly):
            atlas.study.reviews.hidden.set(atlas.reference(shown), True)
    with Atlas.open(folder) as atlas:
        assert [each.title for each in atlas.study.collections.list()] == ["Heads"]
        assert hidden not in dict(found(atlas))


def test_a_rebuild_is_refused_in_words(some_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_READ_ONLY", "1")
    with pytest.raises(ReadOnly, match="without the setting read_only"):
        rebuild(some_copy)


def test_commands_search_and_export_from_a_folder_that_cannot_be_written_to(
    some_folder: Path, locked_disk: Callable[[Path], Path], tmp_path: Path
) -> None:
    folder = locked_disk(some_folder)
    with ThreadPoolExecutor(3) as pool:
        search, export, add = pool.map(
            lambda asked: mirage(*asked, atlas=folder),
            (("search", WORDS, "--json"), ("export", tmp_path / "all.mirage"), ("add", "starter")),
        )
    assert search.returncode == 0, search.stderr
    assert json.loads(search.stdout)["hits"]
    assert export.returncode == 0, export.stderr
    assert (tmp_path / "all.mirage").stat().st_size > 100_000
    assert add.returncode == ReadOnly.exit_code
    assert "can be changed" in add.stderr
    assert "Traceback" not in add.stderr


def test_servers_of_one_folder_say_that_it_can_only_be_read(some_copy: Path, started: Callable[..., object]) -> None:
    before = set(copies())
    for _ in range(2):
        started("serve", "--read-only", "--port", "0", atlas=some_copy)

    def served() -> list[str]:
        locks = [path / "atlas.lock" for path in set(copies()) - before]
        urls = [json.loads(lock.read_text())["url"] for lock in locks if lock.exists()]
        return urls if len(urls) == 2 and all(urls) else []

    for url in until(served):  # type: ignore[attr-defined]
        with httpx.Client(base_url=url, timeout=PATIENCE) as client:
            library = client.get("/corpora").text
            found = client.get("/api/search", params={"q": WORDS}).json()["hits"]
            assert "open to be read only" in library
            assert "Add pictures" not in library
            assert "Remove" not in library
            assert client.get("/api/atlas").json()["read_only"]
            assert "/remove?" not in client.get(found[0]["figure"]["links"]["page"]).text
            assert "add more" not in client.get("/").text
