"""Pictures read and encoded by other processes: every figure once, as a plain addition makes it, whoever is lost."""

from __future__ import annotations

import os
import pickle
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora.base import Findable, Item
from mirage.corpora.folder import FolderCorpus
from mirage.corpora.roco import RocoCorpus
from mirage.encoders.base import EncoderInfo
from mirage.errors import BadInput, Unavailable
from mirage.storage import manifest
from mirage.storage.ingest import add
from mirage.storage.spread import base, opened
from mirage.storage.spread.base import Done, Lost, Recipe, Task, Worker, spread
from mirage.storage.spread.processes import Processes
from parts import mirage, picture_folder
from roco_maker import make_roco
from s3 import BUCKET, S3
from spread_maker import added, contents, mixed_folder, plainly
from squares import Squares, installed


@pytest.fixture
def atlas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Atlas]:
    monkeypatch.syspath_prepend(installed(tmp_path / "site"))
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as made:
        yield made


def test_a_folder_is_added_as_in_one_process_though_a_worker_is_killed(
    atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"path": mixed_folder(tmp_path / "ward"), "stacks": "series"}
    killed: list[int] = []
    begin = Processes.begin

    def watched(workers: Processes) -> Any:
        worker = begin(workers)
        if not killed:  # the first one, when it has had work
            killed.append(worker.process.pid)

            def kill() -> None:
                while len(worker.asked) < 2 or atlas.store.keys() == []:
                    if not worker.process.is_alive():
                        return
                os.kill(worker.process.pid, signal.SIGKILL)

            threading.Thread(target=kill, daemon=True).start()
        return worker

    monkeypatch.setattr(Processes, "begin", watched)
    told = added(atlas, "folder", given, "processes?workers=2")
    assert (told["state"], told["added"]) == ("done", 71)
    assert [each.label for each in told["refused"]] == ["broken.png"]
    with plainly(tmp_path / "plain", "folder", given) as plain:
        assert contents(atlas) == contents(plain)
        assert len(atlas.index) == len(plain.index)
    assert added(atlas, "folder", given, "processes?workers=1")["kept"] == 71
    assert not list(atlas.pictures.folder.glob("*/.*.part"))


def test_rows_of_parquet_files_are_read_where_the_workers_are(
    atlas: Atlas, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRAGE_PICTURES", f"s3://{BUCKET}/spread")
    monkeypatch.setenv("MIRAGE_PICTURE_CACHE", str(tmp_path / "cache"))
    given = {"path": make_roco(tmp_path / "roco")}
    with Atlas.open(tmp_path / "bucket", encoder=Squares(), create=True) as apart:
        told = added(apart, "roco", given, "processes?workers=1")
        assert manifest.read(tmp_path / "bucket").pictures == f"s3://{BUCKET}/spread"
        monkeypatch.setenv("MIRAGE_PICTURES", "")
        with plainly(tmp_path / "plain", "roco", given) as plain:
            assert contents(apart) == contents(plain)
            assert told["added"] == len(plain.store.keys())


@pytest.mark.parametrize("kind", ["folder", "roco"])
def test_items_are_found_by_their_places_alone(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mixed_folder(tmp_path / "ward", 3) if kind == "folder" else make_roco(tmp_path / "roco")
    given: dict[str, Any] = {"path": path} | ({"stacks": "series"} if kind == "folder" else {})
    here, there = corpora.load(kind, **given), corpora.load(kind, **given)
    assert isinstance(here, Findable)
    items = [each for each in here.items() if not hasattr(each, "reason")]
    places = here.places_of(items)
    assert set(places) == {each.figure.id for each in items}

    def looked(*_: object) -> None:
        raise AssertionError("it looks through everything")

    monkeypatch.setattr(FolderCorpus, "_scan", looked)
    monkeypatch.setattr(RocoCorpus, "_rows", looked)
    there.find_at(places)
    for item in items:
        if item.stacked:
            assert there.read_stack(item).voxels.tobytes() == here.read_stack(item).voxels.tobytes()
        elif item.label != "broken.png":
            assert there.read(item).image.tobytes() == here.read(item).image.tobytes()


def test_a_worker_whose_encoder_is_another_names_its_node(atlas: Atlas, tmp_path: Path) -> None:
    info = EncoderInfo("squares", "0" * 64, 48, 64)
    recipe = Recipe("folder", {"path": picture_folder(tmp_path / "some", 2)}, info)
    with pytest.raises(Unavailable, match=r"The node .*, process \d+ cannot encode .* is another one "):
        add(atlas, FolderCorpus(tmp_path / "some"), elsewhere=Processes(recipe, 1))
    assert atlas.store.keys() == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"version": "0.0.1"}, r"of version .* there, and of 0\.0\.1 here"),
        ({"given": {"path": "/not/on/this/node"}}, "/not/on/this/node is not there"),
        ({"encoder": EncoderInfo("nobodys", "0" * 64, 48, 64)}, "nobodys"),
    ],
)
def test_what_is_missing_at_a_node_is_said(changed: dict[str, Any], told: str, atlas: Atlas, tmp_path: Path) -> None:
    recipe = Recipe("folder", {"path": picture_folder(tmp_path / "some", 1)}, atlas.encoder_info)
    done = Worker(replace(recipe, **changed), "node 7")(None)
    assert done.node == "node 7"
    assert re.search(told, done.trouble)


def test_a_defect_is_told_by_the_worker_that_has_it(atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe.of("folder", {"path": picture_folder(tmp_path / "some", 1)}, atlas.encoder_info, atlas.pictures)

    def find_at(self: FolderCorpus, places: Any) -> None:
        raise KeyError("a.nii")

    monkeypatch.setattr(FolderCorpus, "find_at", find_at)
    done = Worker(recipe, "node 7")(Task(()))
    assert (done.node, done.trouble) == ("node 7", "a defect of the program (KeyError: 'a.nii').")


def test_what_a_worker_makes_does_not_depend_on_its_clock(
    atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe.of("folder", {"path": picture_folder(tmp_path / "some", 2)}, atlas.encoder_info, atlas.pictures)
    items = [each for each in FolderCorpus(tmp_path / "some").items() if isinstance(each, Item)]
    task = Task(tuple((each, each) for each in items))
    now = Worker(recipe)(task)
    monkeypatch.setattr(time, "time", lambda: 1.0)
    monkeypatch.setattr(time, "time_ns", lambda: 10**9)
    then = Worker(recipe)(task)
    assert pickle.dumps([each.record for each in then.made]) == pickle.dumps([each.record for each in now.made])
    assert len(now.made) == 2
    assert then.files == now.files


def test_a_stop_is_heeded_and_the_next_addition_goes_on(atlas: Atlas, tmp_path: Path) -> None:
    given = {"path": picture_folder(tmp_path / "some", 100)}
    recipe = Recipe.of("folder", given, atlas.encoder_info, atlas.pictures)
    report = add(
        atlas, FolderCorpus(**given), elsewhere=opened("processes?workers=1", recipe), stop=lambda: bool(atlas.store.keys())
    )
    assert report.stopped
    assert 0 < report.added < 100
    again = add(atlas, FolderCorpus(**given), elsewhere=opened("processes?workers=1", recipe))
    assert (again.kept, again.added) == (report.added, 100 - report.added)


class Made:
    """Workers that are lost as a test has it: `dies` is told worker and task."""

    def __init__(self, count: int, dies: Any) -> None:
        self.count, self.dies = count, dies
        self.begun, self.asked, self.ended, self.closed = 0, 0, list[int](), False
        self.known: dict[int, tuple[int, Task | None]] = {}

    def begin(self) -> int:
        self.begun += 1
        return self.begun

    def ask(self, worker: int, task: Task | None) -> Any:
        self.asked += 1
        self.known[self.asked] = worker, task
        return self.asked

    def wait(self, asked: Any, seconds: float) -> Any:
        return asked[:1]

    def get(self, asked: Any) -> Done:
        worker, task = self.known.pop(asked)
        if worker in self.ended or self.dies(worker, task):
            raise Lost("out of memory.")
        return Done(refused=task.entries if task else ())

    def end(self, worker: int) -> None:
        self.ended.append(worker)

    def close(self) -> None:
        self.closed = True


def tasks(count: int) -> Iterator[Task]:
    return (Task((number,)) for number in range(count))


@pytest.mark.parametrize("dying", [{1}, {1, 2}, {2, 4}])
def test_each_task_is_done_once_though_workers_are_lost(dying: set[int]) -> None:
    workers = Made(2, lambda worker, task: task is not None and worker in dying)
    done = [each.refused[0] for each in spread(workers, tasks(20))]
    assert sorted(done) == list(range(20))
    assert set(workers.ended) <= dying
    assert workers.begun == 2 + len(workers.ended)
    assert workers.closed


def test_a_task_that_takes_workers_with_it_is_named() -> None:
    class Item:
        label = "huge.dcm"

    workers = Made(2, lambda worker, task: task is not None and task.entries[0] == (Item, Item))
    with pytest.raises(
        Unavailable, match=r"3 workers ended while they read huge\.dcm: out of memory\. One of these may take"
    ):
        list(spread(workers, iter([Task((1,)), Task(((Item, Item),)), Task((2,))])))
    assert workers.closed


def test_workers_that_end_before_they_have_begun_are_said() -> None:
    workers = Made(3, lambda worker, task: task is None)
    with pytest.raises(Unavailable, match=r"cannot be begun: out of memory\."):
        list(spread(workers, tasks(3)))
    assert workers.begun < 10


def test_where_there_is_never_a_worker_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_PATIENCE", 0.0)
    workers = Made(1, lambda worker, task: False)
    monkeypatch.setattr(workers, "wait", lambda asked, seconds: [])
    with pytest.raises(Unavailable, match="There are no workers"):
        list(spread(workers, tasks(3)))


@pytest.mark.parametrize(
    "address",
    ["", "ray:", "ray://", "http://host", "ray?worker=2", "processes?workers=x", "processes?workers=-1", "ray://me@host"],
)
def test_an_address_of_nobody_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no address of workers"):
        opened(address, Recipe("folder", {}, Squares().info()))


def test_the_command_takes_workers_and_living_sources_take_none(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "ward", 3)
    done = mirage("add", "folder", folder, "--on", "processes?workers=1", atlas=tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert "3 figures added" in done.stderr
    refused = mirage("add", "folder", folder, "--on", "nowhere", atlas=tmp_path / "new")
    assert (refused.returncode, "is no address of workers" in refused.stderr) == (2, True)
    assert mirage("add", "pmc", "aneurysm", "--on", "processes", atlas=tmp_path / "new").returncode == 2
