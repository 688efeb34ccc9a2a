"""An atlas's index made anew, with the same encoder or with another."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.encoders.base import EncoderInfo
from mirage.errors import AtlasError, AtlasHeld, NotFound, Unavailable
from mirage.query import Query
from mirage.storage import manifest
from mirage.storage.ingest import Progress, add
from mirage.storage.prepare import BATCH
from mirage.storage.reindex import rebuild, rebuild_open
from parts import PATIENCE, environment, picture_folder, until
from squares import LOG, Squares, installed


@pytest.fixture
def squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EncoderInfo:
    """Another encoder, installed beside the starter."""
    monkeypatch.syspath_prepend(installed(tmp_path / "site"))
    return Squares().info()


@pytest.fixture
def two_batches(tmp_path: Path, pictures: Callable[..., Path]) -> Path:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, load("folder", path=pictures(BATCH + 8)))
    return tmp_path / "atlas"


def test_the_same_encoder_makes_the_index_from_the_records_without_encoding(small: Path) -> None:
    shutil.rmtree(small / "index")
    told: list[Progress] = []
    assert rebuild(small, progress=told.append) == (6, 0)
    assert told[-1].done == told[-1].total == 6
    with Atlas.open(small) as atlas:
        assert atlas.search("phantom number 2").hits[0].figure.caption == "Phantom number 2"


def test_another_encoder_takes_over_the_atlas(small: Path, squares: EncoderInfo) -> None:
    assert rebuild(small, "squares") == (6, 6)
    known = manifest.read(small)
    assert known is not None
    assert known.encoder == squares
    assert known.corpora
    with Atlas.open(small) as atlas:
        assert atlas.encoder.info() == squares
        for row in atlas.store.rows(atlas.store.keys()).values():
            assert atlas.similar(row.figure.id, k=3).hits
        first = atlas.search("phantom number 2").hits[0]
        assert first.figure.caption == "Phantom number 2"
        assert atlas.embed(Image.open(first.picture)).digest == squares.digest[:12]
    assert rebuild(small, "starter") == (6, 6)
    with Atlas.open(small) as atlas:
        assert len(atlas.index) == 6


class Killed(BaseException):
    """Stands for a process that ends here."""


def test_cut_short_it_leaves_the_atlas_as_it_was_and_goes_on_when_run_again(two_batches: Path, squares: EncoderInfo) -> None:
    def end_here(progress: Progress) -> None:
        raise Killed

    with pytest.raises(Killed):
        rebuild(two_batches, "squares", progress=end_here)
    with Atlas.open(two_batches) as atlas:
        assert atlas.info().encoder.name == "starter"
        assert len(atlas.index) == BATCH + 8
        assert atlas.search("phantom number 33").hits[0].figure.caption == "Phantom number 33"
    figures, encoded = rebuild(two_batches, "squares")
    assert (figures, encoded) == (BATCH + 8, 8)


def test_a_lost_picture_stops_moving_to_another_encoder_and_is_named(small: Path, squares: EncoderInfo) -> None:
    with Atlas.open(small) as atlas:
        wanted = atlas.search("phantom number 4").hits[0].figure.id
        atlas.picture(wanted).unlink()
    with pytest.raises(AtlasError, match=f"The picture of {wanted} is lost or damaged"):
        rebuild(small, "squares")
    with Atlas.open(small) as atlas:
        assert len(atlas.search("phantom")) == 6
    assert rebuild(small) == (6, 0)


def test_an_atlas_that_is_open_is_not_rebuilt(small: Path) -> None:
    with Atlas.open(small) as atlas:
        with pytest.raises(AtlasHeld, match="is open in process"):
            rebuild(small)
        assert len(atlas.search("phantom")) == 6


def test_what_is_no_atlas_is_not_rebuilt(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"is empty\. `mirage up` builds"):
        rebuild(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_is_not_there_is_named(small: Path) -> None:
    with pytest.raises(NotFound, match="nobodys"):
        rebuild(small, "nobodys")


def test_what_is_added_to_it_while_it_is_encoded_is_encoded_too(
    small: Path, squares: EncoderInfo, pictures: Callable[..., Path]
) -> None:
    more = iter([load("folder", path=pictures(2, "more"))])

    def add_more(progress: Progress) -> None:
        for corpus in more:
            with Atlas.open(small) as atlas:
                add(atlas, corpus)

    assert rebuild(small, "squares", progress=add_more) == (8, 8)
    with Atlas.open(small) as atlas:
        assert sorted(atlas.index.keys()) == atlas.store.keys()


def test_a_full_disk_at_the_swap_leaves_the_old_atlas(
    small: Path, squares: EncoderInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise Unavailable("The disk is full.")

    with Atlas.open(small) as atlas:
        with monkeypatch.context() as patch:
            patch.setattr(manifest.AtlasManifest, "write", full)
            with pytest.raises(Unavailable):
                rebuild_open(atlas, Squares())
        assert atlas.encoder.info().name == "starter"
        assert len(atlas.search("phantom")) == 6
        assert [path.name for path in small.glob("index*")] == ["index"]


def test_an_answer_that_is_under_way_keeps_the_old_index_open_until_it_has_ended(small: Path, squares: EncoderInfo) -> None:
    with Atlas.open(small) as atlas, ThreadPoolExecutor(1) as pool:
        with atlas.snapshot() as before:
            swapping = pool.submit(rebuild_open, atlas, Squares())
            until(lambda: atlas.encoder.info() == squares)
            assert before.searcher.search(Query.of("phantom number 2")).hits[0].figure.caption == "Phantom number 2"
            assert not swapping.done()
        assert swapping.result(PATIENCE) == (6, 6)
        assert not (small / "index").exists()
        keys = atlas.store.keys()
        assert atlas.store.vectors.of(keys, before.info.digest) == {}


def test_a_manifest_that_names_an_index_elsewhere_is_refused(small: Path) -> None:
    path = small / manifest.NAME
    path.write_text('index = "../elsewhere"\n' + path.read_text("utf-8"), "utf-8")
    with pytest.raises(AtlasError, match="is no name of an index"):
        Atlas.open(small)


# -- killed at any point -------------------------------------------------------------------------------------------------

# One process imports the package once and forks for each point, at which the child kills itself as `kill -9` would.
_KILLING = """
import json, os, shutil, signal, sys
from pathlib import Path
from mirage.storage import manifest, reindex
from mirage.atlas import Atlas
from mirage.indexes.embedded import EmbeddedIndex
from mirage.storage.vectors import Vectors
from parts import copy_atlas
from squares import encoded

POINTS = {
    "while encoding": (Vectors, "put", "after"),
    "before the new index": (EmbeddedIndex, "__init__", "second"),
    "in the new index": (EmbeddedIndex, "add", "after"),
    "while the new index is optimised": (EmbeddedIndex, "optimise", "before"),
    "before the swap": (manifest.AtlasManifest, "write", "before"),
    "after the swap": (manifest.AtlasManifest, "write", "after"),
    "before the old index goes": (shutil, "rmtree", "last"),
}

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def killed_at(where, name, when):
    was, calls = getattr(where, name), []
    def patched(*given, **options):
        calls.append(given)
        if when == "before" or (when == "second" and len(calls) == 3):
            die()
        if when == "last" and str(given[0]).endswith(os.sep + "index"):
            die()
        came = was(*given, **options)
        if when == "after":
            die()
        return came
    setattr(where, name, patched)

def forked(work, *given):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(work(*given)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        said = file.read()
    return os.waitpid(child, 0)[1], json.loads(said or b"null")

def die_in(folder, point):
    killed_at(*POINTS[point])
    return reindex.rebuild(folder, "squares")

def state(folder):
    with Atlas.open(folder) as atlas:
        used = atlas.encoder.info()
        keys = atlas.store.keys()
        return {
            "encoder": used.name,
            "indexed": sorted(atlas.index.keys()) == keys,
            "encoded": len(atlas.store.vectors.of(keys, used.digest)),
            "found": atlas.search("phantom number 33").hits[0].figure.caption,
            "alike": len(atlas.similar(atlas.store.rows(keys[:1])[keys[0]].figure.id, k=5)),
            "indexes": sorted(path.name for path in folder.glob("index*")),
            "lock": manifest.Holder.read(folder) is not None,
        }

source, place, log = map(Path, sys.argv[1:])
for point in POINTS:
    log.unlink(missing_ok=True)
    folder = place / point.replace(" ", "-")
    copy_atlas(source, folder)
    status, _ = forked(die_in, folder, point)
    _, first = forked(state, folder)
    by_then = encoded(log)
    _, done = forked(reindex.rebuild, folder, "squares")
    _, second = forked(state, folder)
    print(json.dumps({"point": point, "signal": os.WTERMSIG(status), "first": first, "by_then": by_then,
                      "again": done, "second": second, "encoded": encoded(log)}), flush=True)
"""
POINTS = (
    "while encoding",
    "before the new index",
    "in the new index",
    "while the new index is optimised",
    "before the swap",
    "after the swap",
    "before the old index goes",
)


@pytest.fixture(scope="module")
def kills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What became of an atlas of two batches, at each point at which its rebuilding was killed."""
    place = tmp_path_factory.mktemp("kills")
    with Atlas.open(place / "atlas", create=True) as atlas:
        add(atlas, load("folder", path=picture_folder(place / "phantoms", BATCH + 8)))
    log = place / "encoded"
    given = environment(
        None, PYTHONPATH=os.pathsep.join([str(installed(place / "site")), str(Path(__file__).parents[1])]), **{LOG: str(log)}
    )
    code = [sys.executable, "-c", _KILLING, str(place / "atlas"), str(place), str(log)]
    done = subprocess.run(code, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {said["point"]: said for said in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_the_old_or_the_new_atlas_is_whole_and_nothing_is_encoded_twice(
    kills: dict[str, dict], point: str
) -> None:
    said = kills[point]
    assert said["signal"] == signal.SIGKILL
    swapped = point in ("after the swap", "before the old index goes")
    for state, encoder in ((said["first"], "squares" if swapped else "starter"), (said["second"], "squares")):
        assert state["encoder"] == encoder
        assert state["indexed"]
        assert state["encoded"] == BATCH + 8
        assert state["found"] == "Phantom number 33"
        assert state["alike"] == 5
        assert len(state["indexes"]) == 1, "what was left beside it is gone once it was opened"
    assert said["again"] == [BATCH + 8, BATCH + 8 - said["by_then"]]
    assert said["by_then"] == (BATCH if point == "while encoding" else BATCH + 8)
    assert said["encoded"] == BATCH + 8
