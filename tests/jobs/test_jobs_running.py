"""Long work that is listed, shown, cancelled and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora import folder as folder_corpus
from mirage.errors import BadInput, NotFound, Unavailable
from mirage.jobs import ENDED, Job, Jobs
from mirage.jobs.job import Cancelled
from mirage.jobs.lanes import KEPT_JOBS, KEPT_SECONDS
from mirage.storage.ingest import add
from mirage.storage.prepare import BATCH
from parts import PATIENCE, environment, until


@pytest.fixture
def atlas(tmp_path: Path) -> Iterator[Atlas]:
    with Atlas.open(tmp_path / "atlas", create=True) as made:
        yield made


@pytest.fixture
def jobs(atlas: Atlas) -> Iterator[Jobs]:
    made = Jobs(atlas)
    yield made
    made.close()


def ended(jobs: Jobs, job: Job) -> Job:
    until(lambda: jobs.get(job.id).state in ENDED)
    return jobs.get(job.id)


def test_one_figure_is_told_as_one(jobs: Jobs, pictures: Callable[..., Path]) -> None:
    done = ended(jobs, jobs.start_add(corpus="folder", path=pictures(1)))
    assert done.message.startswith("1 figure added, 0 were there already.")


def test_a_job_adds_a_corpus_and_tells_how_it_went(jobs: Jobs, atlas: Atlas, pictures: Callable[..., Path]) -> None:
    folder = pictures(40)
    (folder / "phantom-007.png").write_bytes(b"broken")
    job = jobs.start_add(corpus="folder", path=folder)
    assert job.state == "queued"
    done = ended(jobs, job)
    assert (done.state, done.done, done.total) == ("done", 40, 40)
    assert done.message.startswith("39 figures added, 0 were there already, 1 left out. The corpus is called folder-")
    assert "--name" not in done.message, "which would make a second collection of it"
    assert [Path(entry.label).name for entry in done.refused] == ["phantom-007.png"]
    assert done.finished >= done.created
    assert atlas.info().figures == 39
    (public,) = jobs.list()
    assert (public.id, public.message, public.refused) == (done.id.partition("-")[0], done.message, ()), "it names no file"


class Slow:
    """Hold the reading of pictures until somebody lets go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.reading = threading.Event()
        read = folder_corpus.FolderCorpus.read

        def slowly(corpus: folder_corpus.FolderCorpus, item: object) -> object:
            self.reading.set()
            self.go.wait(PATIENCE)
            return read(corpus, item)

        monkeypatch.setattr(folder_corpus.FolderCorpus, "read", slowly)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow(monkeypatch)
    yield made
    made.go.set()


def test_the_same_job_twice_is_one_while_it_runs(jobs: Jobs, slow: Slow, pictures: Callable[..., Path]) -> None:
    folder = pictures(2)
    first, second = (jobs.start_add(corpus="folder", path=folder) for _ in range(2))
    assert first.id == second.id
    slow.go.set()
    ended(jobs, first)
    assert jobs.start_add(corpus="folder", path=folder).id != first.id


def test_a_running_job_is_cancelled_and_goes_on_when_it_is_started_again(
    jobs: Jobs, slow: Slow, pictures: Callable[..., Path], atlas: Atlas
) -> None:
    folder = pictures(70)
    job = jobs.start_add(corpus="folder", path=folder)
    assert slow.reading.wait(PATIENCE)
    stopping = jobs.cancel(job.id)
    assert (stopping.state, stopping.stopping, stopping.message[:9]) == ("running", True, "Stopping:")
    slow.go.set()
    done = ended(jobs, job)
    assert done.state == "cancelled"
    assert done.message.startswith("Cancelled. ")
    assert 0 < atlas.info().figures < 70
    again = ended(jobs, jobs.start_add(corpus="folder", path=folder))
    assert again.state == "done"
    assert atlas.info().figures == 70
    assert jobs.cancel(again.id) == again


def test_a_waiting_job_is_cancelled_before_it_begins(
    jobs: Jobs, slow: Slow, pictures: Callable[..., Path], atlas: Atlas
) -> None:
    first = jobs.start_add(corpus="folder", path=pictures(2))
    assert slow.reading.wait(PATIENCE)
    second = jobs.start_add(corpus="folder", path=pictures(2, "others"))
    assert jobs.get(second.id).message == "Waiting for its turn."
    assert jobs.cancel(second.id).state == "cancelled"
    slow.go.set()
    ended(jobs, first)
    jobs.close()
    assert atlas.info().figures == 2
    assert [job.state for job in jobs.list()] == ["cancelled", "done"]


def test_a_job_that_fails_says_why_and_the_next_has_its_turn(
    jobs: Jobs, tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    (tmp_path / "empty").mkdir()
    failed = ended(jobs, jobs.start_add(corpus="folder", path=tmp_path / "empty"))
    assert failed.state == "failed"
    assert failed.message == "empty holds nothing to add: no pictures and no DICOM files were found in it."
    assert ended(jobs, jobs.start_add(corpus="folder", path=pictures(2))).state == "done"


def test_a_defect_of_ours_is_not_shown_raw(
    jobs: Jobs, pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise SystemExit("0x7f secret detail")

    monkeypatch.setattr(folder_corpus.FolderCorpus, "info", broken)
    failed = ended(jobs, jobs.start_add(corpus="folder", path=pictures(2)))
    assert failed.state == "failed"
    assert "secret" not in failed.message
    monkeypatch.undo()
    assert ended(jobs, jobs.start_add(corpus="folder", path=pictures(2, "others"))).state == "done"


def test_a_full_disk_does_not_take_the_jobs_down(
    jobs: Jobs, atlas: Atlas, pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(type(atlas.store), "put_job", full)
    monkeypatch.setattr(type(atlas.store), "put", full)
    failed = ended(jobs, jobs.start_add(corpus="folder", path=pictures(2)))
    assert (failed.state, failed.message) == ("failed", "The disk is full.")
    monkeypatch.undo()
    assert ended(jobs, jobs.start_add(corpus="folder", path=pictures(2))).state == "done"


def test_what_cannot_be_started_is_refused_at_once(jobs: Jobs, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no corpus “pixels”\. There are: .*folder"):
        jobs.start_add(corpus="pixels")
    with pytest.raises(BadInput, match=r"There is no folder .*nowhere"):
        jobs.start_add(corpus="folder", path=tmp_path / "nowhere")
    with pytest.raises(NotFound, match="There is no job 'x'"):
        jobs.get("x")
    assert jobs.list() == []


def test_what_is_kept_last_of_a_job_is_what_it_is_by_then(jobs: Jobs, atlas: Atlas) -> None:
    running, go = threading.Event(), threading.Event()

    def work(_update: Any, _stop: Callable[[], bool]) -> None:
        running.set()
        assert go.wait(PATIENCE)
        raise Cancelled

    job = jobs._start("rebuild", "Take a while", work)
    assert running.wait(PATIENCE)
    (before,) = jobs._jobs.values()  # as another thread has it, which is about to keep it
    go.set()
    ended(jobs, job)
    jobs._keep(before)
    assert [each["state"] for each in atlas.store.jobs()] == [jobs.get(job.id).state]


def test_jobs_are_remembered_when_the_atlas_is_opened_again(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        jobs = Jobs(atlas)
        done = ended(jobs, jobs.start_add(corpus="folder", path=pictures(2)))
        jobs.close()
    with Atlas.open(tmp_path / "atlas") as atlas:
        assert Jobs(atlas).list() == [replace(done.public, id=done.id.partition("-")[0])]


RUN = """
import sys, threading
from mirage.atlas import Atlas
from mirage.jobs import Jobs
from mirage.storage.store import Store
atlas = Atlas.open(sys.argv[1], create=True)
put, calls = Store.put, []
def held(*given):
    if calls:
        print("working", flush=True)
        threading.Event().wait()
    calls.append(given)
    return put(*given)
Store.put = held
Jobs(atlas).start_add(corpus="folder", path=sys.argv[2])
sys.stdin.read()
"""


def test_a_job_that_a_killed_process_left_is_shown_as_failed_and_can_go_on(
    tmp_path: Path, pictures: Callable[..., Path]
) -> None:
    folder = pictures(120)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path / "atlas"), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(None),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with Atlas.open(tmp_path / "atlas") as atlas:
        had = atlas.info().figures
        assert had == BATCH
        jobs = Jobs(atlas)
        (left,) = jobs.list()
        assert left.state == "failed"
        assert left.message == "MIRAGE was stopped while this ran. What it had stored is there; start it again to go on."
        again = ended(jobs, jobs.start_add(corpus="folder", path=folder))
        jobs.close()
        assert again.message.startswith(f"{120 - had} figures added, {had} were there already.")
        assert len(atlas.index) == atlas.info().figures == 120


def kept(atlas: Atlas, count: int, *, state: str, age: float = 0.0, **values: Any) -> list[Job]:
    """Leave jobs in the records, as a process that ended would; the first is the oldest."""
    made = []
    for number in range(count):
        created = time.time() - age - count + number
        job = Job(f"{state}-{number}", "add", "Add folder", state, created=created, **values)  # type: ignore[arg-type]
        atlas.store.put_job(job.id, job.created, job.record())
        made.append(job)
    return made


def test_of_many_ended_jobs_the_newest_are_kept(atlas: Atlas, pictures: Callable[..., Path]) -> None:
    left = kept(atlas, KEPT_JOBS + 5, state="done")
    jobs = Jobs(atlas)
    assert {job.id for job in jobs.list()} == {job.id for job in left[5:]}
    assert len(atlas.store.jobs()) == KEPT_JOBS
    done = ended(jobs, jobs.start_add(corpus="folder", path=pictures(2)))
    until(lambda: len(atlas.store.jobs()) == KEPT_JOBS)
    assert {job.id for job in jobs.list()} == {done.id.partition("-")[0], *(job.id for job in left[6:])}
    jobs.close()


def test_jobs_that_ended_long_ago_are_forgotten(atlas: Atlas) -> None:
    kept(atlas, 1, state="failed", age=KEPT_SECONDS + 3600)
    recent = kept(atlas, 1, state="done", age=KEPT_SECONDS - 3600)
    assert [job.id for job in Jobs(atlas).list()] == [recent[0].id]
    assert [record["id"] for record in atlas.store.jobs()] == [recent[0].id]


def test_a_rebuild_that_two_processes_did_not_survive_is_not_begun_again(small: Path) -> None:
    asked = {"encoder": "", "model": ""}
    with Atlas.open(small) as atlas:
        (job,) = kept(atlas, 1, state="running", attempts=2, asked=asked)
        atlas.store.put_job(job.id, job.created, {**job.record(), "kind": "rebuild"})
        (left,) = Jobs(atlas).list()
        assert left.state == "failed"
        assert "ended twice while this ran" in left.message
        atlas.store.put_job(job.id, job.created, {**job.record(), "kind": "rebuild", "attempts": 1})
        jobs = Jobs(atlas)
        again = ended(jobs, left)
        assert (again.state, again.attempts) == ("done", 2)
        jobs.close()


def test_figures_are_removed_by_a_job_and_two_removals_of_as_many_are_two(
    jobs: Jobs, atlas: Atlas, pictures: Callable[..., Path]
) -> None:
    ended(jobs, jobs.start_add(corpus="folder", path=pictures(5)))
    ids = [row.figure.id for rows in atlas.store.each() for row in rows]
    both = [jobs.start_remove(*ids[:2]), jobs.start_remove(*ids[2:4])]
    assert both[0].id != both[1].id
    for job in both:
        done = ended(jobs, job)
        assert (done.state, done.removed) == ("done", 2)
        assert done.message.startswith("2 figures, ")
    with pytest.raises(NotFound, match="was removed"):
        jobs.start_remove(ids[0])
    assert atlas.info().figures == 1


def test_a_removal_that_a_process_left_behind_is_not_begun_again(atlas: Atlas, pictures: Callable[..., Path]) -> None:
    add(atlas, corpora.load("folder", path=pictures(2)))
    (name,) = (corpus.name for corpus in atlas.store.corpora())
    asked = {"figures": [], "corpus": name}
    left = Job("0123456789ab", "remove", f"Remove {name}", state="running", asked=asked, attempts=1, created=time.time())
    atlas.store.put_job(left.id, left.created, left.record())
    jobs = Jobs(atlas)
    try:
        assert jobs.get(left.id).state == "failed"
        assert "all removed, or all still there" in jobs.get(left.id).message
    finally:
        jobs.close()
    assert atlas.info().figures == 2
