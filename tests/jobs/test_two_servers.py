"""Two processes on one atlas whose records and index lie in PostgreSQL: jobs, changes and what is remembered."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mirage.atlas import Atlas
from mirage.backup import move_records
from mirage.corpora.live.base import Standing
from mirage.errors import AtlasHeld, Busy, Unavailable
from mirage.jobs import Jobs
from mirage.jobs.job import Cancelled
from mirage.jobs.others import Others
from mirage.people.visitor import ALONE, Visitor, asking
from mirage.storage import staging
from mirage.storage.gone import heed
from mirage.storage.manifest import Holder
from mirage.storage.reindex import rebuild
from mirage.storage.remove import collect
from parts import picture_folder, until

Served = tuple[Atlas, Jobs]


@pytest.fixture
def shared(small: Path, postgres_url: str) -> Path:
    """An atlas of six pictures, closed, of which records and index lie on a server."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE EXTENSION vector")
    move_records(small, postgres_url)
    rebuild(small, index=postgres_url.replace("?", "/figures?"))
    return small


@pytest.fixture
def two(shared: Path) -> Iterator[list[Served]]:
    """The atlas opened twice, as two servers do."""
    with ExitStack() as stack:
        yield [serving(stack, shared) for _ in range(2)]


def serving(stack: ExitStack, folder: Path) -> tuple[Atlas, Jobs]:
    atlas = stack.enter_context(Atlas.open(folder))
    return atlas, stack.enter_context(closing(Jobs(atlas)))


def ended(jobs: Jobs, job_id: str) -> Any:
    return until(lambda: (job := jobs.get(job_id)).ended and job)


@pytest.mark.parametrize("index", ["", "embedded"])
def test_words_of_servers_that_are_gone_are_left_over_by_who_opens_it_alone(shared: Path, index: str) -> None:
    if index:
        rebuild(shared, index=index)
    gone = Holder(4711, "http://localhost:1", "x", "a-container-that-was-removed")
    for name in ("atlas.lock", "atlas.lock.a-container-that-was-removed-4711"):
        (shared / name).write_text(json.dumps(asdict(gone)))
    with Atlas.open(shared) as atlas:
        assert Holder.every(shared) == [atlas.holder]
        atlas.serving("http://localhost:8000")
        assert Holder.every(shared) == [atlas.holder]


def test_what_one_adds_the_other_finds_and_lists(two: list[Served], shared: Path) -> None:
    (_, its_jobs), (other, others_jobs) = two
    assert other.search("phantom number 7").hits[0].figure.caption != "Phantom number 7"
    more = picture_folder(shared.parent / "more", 3, first=60, captions=lambda n: f"Phantom number {n + 7}")
    job = its_jobs.start_add(corpus="folder", path=more)
    assert ended(its_jobs, job.id).added == 3
    until(lambda: other.search("phantom number 7").hits[0].figure.caption == "Phantom number 7")
    assert ended(others_jobs, job.id.partition("-")[0]).added == 3
    assert other.info().figures == len(other.index) == 9


def test_an_index_that_one_makes_anew_is_the_one_that_the_other_asks(two: list[Served]) -> None:
    (atlas, its_jobs), (other, _) = two
    before = other.index_name
    ended(its_jobs, its_jobs.start_rebuild().id)
    assert atlas.index_name != before
    until(lambda: other.index_name == atlas.index_name)
    assert len(other.index) == other.info().figures == 6
    assert other.search("phantom number 3").hits


def test_what_was_sent_to_a_server_that_is_gone_is_thrown_away(
    two: list[Served], shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_, its_jobs), (_, others_jobs) = two
    batches = [jobs.staging.begin(10**6) for jobs in (its_jobs, others_jobs)]
    left = shared / "incoming" / "4711" / "ab" / "files" / "scan.png"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a patient's")
    monkeypatch.setattr(staging, "_GONE_AFTER", 0.0)
    until(lambda: not (shared / "incoming" / "4711").exists())
    assert all(batch.folder.is_dir() for batch in batches)


def test_what_one_hides_the_other_does_not_show(two: list[Served]) -> None:
    (one, _), (other, _) = two
    first = one.search("phantom number 1").hits[0].figure.id
    other.search("phantom number 1")
    one.study.reviews.hidden.set(one.reference(first), True)
    until(lambda: first not in [hit.figure.id for hit in other.search("phantom number 1").hits])


def test_what_a_source_withdraws_while_one_asks_it_the_other_does_not_show_either(two: list[Served]) -> None:
    (one, _), (other, _) = two
    first = one.search("phantom number 1").hits[0].figure
    assert first.id in [hit.figure.id for hit in other.search("phantom number 1").hits]
    heed(one, first.source.corpus, [Standing(first.id, 1e9, "It was retracted.", "")])
    until(lambda: first.id not in [hit.figure.id for hit in other.search("phantom number 1").hits])


def test_one_person_has_so_many_jobs_at_all_servers_together(
    two: list[Served], shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, its_jobs), (_, others_jobs) = two
    monkeypatch.setattr(Others, "_look", lambda *_: None)  # nothing has been heard yet
    for jobs in (its_jobs, others_jobs):
        jobs.most_each = 2
    folders = [picture_folder(shared.parent / f"more-{number}", 1, first=60 + number) for number in range(3)]
    with one.changing(), asking(Visitor("a" * 16, "Ada", "educator")):
        kept = [
            jobs.start_add(corpus="folder", path=path)
            for jobs, path in zip((its_jobs, others_jobs), folders[:2], strict=True)
        ]
        for jobs in (its_jobs, others_jobs):
            with pytest.raises(Busy, match="2 jobs of yours wait or run"):
                jobs.start_add(corpus="folder", path=folders[2])
        assert len(its_jobs.list()) == len(others_jobs.list()) == 1
        assert {each["id"] for each in one.store.jobs()} == {each.id.partition("-")[0] for each in kept}
        with asking(Visitor("b" * 16, "Ben", "educator")):
            others_jobs.start_add(corpus="folder", path=folders[2])
    with asking(ALONE):
        until(lambda: all(job.ended for jobs in (its_jobs, others_jobs) for job in jobs.list()))


def test_only_one_changes_the_atlas_at_a_time_and_the_other_waits_for_it(two: list[Served], shared: Path) -> None:
    (one, _), (other, others_jobs) = two
    with one.changing():
        with pytest.raises(Busy, match="Another MIRAGE server changes this atlas"), other.store.alone(patience=0.0):
            pass
        job = others_jobs.start_add(corpus="folder", path=picture_folder(shared.parent / "more", 2, first=60))
        with closing(Atlas.open(shared)) as third:  # opening waits for nobody
            assert third.info().figures == 6
        assert others_jobs.get(job.id).state == "queued"
    assert ended(others_jobs, job.id).added == 2


def test_who_loses_the_connection_that_says_so_changes_nothing_more(two: list[Served], postgres_url: str) -> None:
    (one, _), (other, _) = two

    def lose_and_go_on() -> None:
        with one.adding() as put, psycopg.connect(postgres_url, autocommit=True) as connection:
            locks = "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' AND classid = 19779"
            assert connection.execute(locks).fetchall() == [(True,)]
            with other.changing():
                put([object()])  # type: ignore[list-item]

    with pytest.raises(Unavailable, match="connection to the PostgreSQL server was lost"):
        lose_and_go_on()
    assert one.info().figures == 6


def test_who_loses_that_connection_ends_no_change_and_removes_no_picture_of_who_changes_it_now(
    two: list[Served], postgres_url: str
) -> None:
    (one, _), (other, _) = two

    def lose(what: Callable[[], object]) -> None:
        with one.changing(), psycopg.connect(postgres_url, autocommit=True) as connection:
            locks = "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' AND classid = 19779"
            assert connection.execute(locks).fetchall() == [(True,)]
            other.store.set_note("unfinished", "7")  # which the other has begun since
            what()

    name = one.picture_name(one.search("phantom").hits[0].figure.id)
    for what in (
        lambda: None,
        lambda: one.remove_files([name]),
        lambda: one.swap(one.encoder, one.index, one.index_name),
    ):
        with pytest.raises(Unavailable, match="connection to the PostgreSQL server was lost"):
            lose(what)
        assert other.store.note("unfinished") == "7"


def test_files_that_no_figure_has_are_not_looked_for_while_another_adds_some(two: list[Served]) -> None:
    (one, _), (other, _) = two
    with one.changing(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(other.store, "alone", partial(other.store.sharing.alone, patience=0.0))
        with pytest.raises(Busy, match="Another MIRAGE server changes this atlas"):
            collect(other)


def test_an_atlas_that_servers_are_at_work_on_is_not_moved_from_under_them(two: list[Served], shared: Path) -> None:
    with pytest.raises(AtlasHeld, match="Stop that and run this again"):
        move_records(shared, "")
    assert two[0][0].info().figures == 6


def test_a_job_of_one_is_cancelled_by_the_other(two: list[Served]) -> None:
    (_, its_jobs), (_, others_jobs) = two
    began = threading.Event()

    def work(_update: Any, stop: Callable[[], bool]) -> None:
        began.set()
        until(stop)
        raise Cancelled

    job = its_jobs._start("rebuild", "Take a while", work)
    assert began.wait(60)
    until(lambda: others_jobs.list() and others_jobs.get(job.id).state == "running")
    assert others_jobs.cancel(job.id).stopping
    for jobs in (its_jobs, others_jobs):
        assert ended(jobs, job.id).state == "cancelled"


SERVER = """
import sys, threading
from mirage.atlas import Atlas
from mirage.jobs import Jobs
from mirage.jobs.job import Cancelled
from mirage.query import Query
from mirage.generate.synthesis import GenerationOptions
atlas = Atlas.open(sys.argv[1])
jobs = Jobs(atlas)
jobs._alone = lambda lane, stop: threading.Event().wait()  # it has the job, and comes no further
print(jobs.start_rebuild().id, flush=True)
threading.Event().wait()
"""


def test_a_job_of_one_that_is_killed_is_done_once_by_another(two: list[Served], shared: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(shared)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    job_id = server.stdout.readline().strip()
    (_, its_jobs), (_, others_jobs) = two
    for jobs in (its_jobs, others_jobs):
        until(lambda jobs=jobs: job_id in [job.id for job in jobs.list()])  # type: ignore[misc]
    assert not any(jobs.has(job_id) for jobs in (its_jobs, others_jobs))
    server.kill()
    server.communicate()
    for jobs in (its_jobs, others_jobs):
        assert ended(jobs, job_id).state == "done"
    assert ended(its_jobs, job_id).attempts == 1


def test_a_job_that_another_has_taken_is_not_written_over(two: list[Served]) -> None:
    (one, its_jobs), _ = two
    began, stopped = threading.Event(), threading.Event()

    def work(_update: Any, stop: Callable[[], bool]) -> None:
        began.set()
        until(stop)
        stopped.set()

    job = its_jobs._start("rebuild", "Take a while", work)
    assert began.wait(60)
    record = one.store.job(job.id)
    assert record is not None
    one.store.put_job(job.id, job.created, {**record, "server": "another", "state": "done", "message": "Done there."})
    its_jobs._update(job.id, message="I go on.", state="running")
    assert stopped.wait(60)
    until(lambda: its_jobs.get(job.id).message == "Done there.")
    told = one.store.job(job.id)
    assert told is not None
    assert (told["server"], told["message"]) == ("another", "Done there.")


@pytest.mark.nightly
def test_what_two_keep_at_once_is_all_kept(two: list[Served]) -> None:
    made = two[0][0].study.collections.make("Both")

    def keep(atlas: Atlas, who: str) -> None:
        for number in range(15):
            atlas.study.collections.add(made.id, "section", title=f"{who} {number}")

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(keep, atlas, who) for (atlas, _), who in zip(two, "ab", strict=True)]:
            each.result()
    assert len(two[1][0].study.collections.get(made.id).items) == 30


ADDING = """
import sys
from mirage import corpora
from mirage.atlas import Atlas
from mirage.storage.ingest import add
with Atlas.open(sys.argv[1]) as atlas:
    add(atlas, corpora.load("folder", path=sys.argv[2]), progress=lambda told: print(told.done, flush=True))
"""


@pytest.mark.nightly
def test_who_is_killed_while_it_adds_loses_nothing_and_lets_the_other_go_on(two: list[Served], shared: Path) -> None:
    more = picture_folder(shared.parent / "more", 120, first=60)
    adding = subprocess.Popen([sys.executable, "-c", ADDING, str(shared), str(more)], stdout=subprocess.PIPE, text=True)
    assert adding.stdout is not None
    told = next(int(line) for line in adding.stdout if int(line) > 0)
    adding.kill()
    adding.communicate()
    (one, its_jobs), (other, _) = two
    assert one.info().figures >= 6 + told
    job = its_jobs.start_add(corpus="folder", path=more)
    done = ended(its_jobs, job.id)
    assert (done.state, done.added + done.kept) == ("done", 120)
    until(lambda: other.info().figures == len(other.index) == 126)
    assert len(set(other.index.keys())) == 126
    assert sorted(other.index.keys()) == other.store.keys()
