"""Adding of a living source is a job that goes on where it was stopped, whatever stopped it."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_maker import Answers, MadeLive, installed
from mirage.atlas import Atlas
from mirage.errors import BadInput, Busy, NoNetwork, NotFound
from mirage.jobs import ENDED, Job, Jobs
from parts import PATIENCE, until


@pytest.fixture
def atlas(tmp_path: Path) -> Iterator[Atlas]:
    with Atlas.open(tmp_path / "atlas", create=True) as made:
        yield made


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    with installed(tmp_path / "cache", monkeypatch) as made:
        yield made


@pytest.fixture
def jobs(atlas: Atlas, answers: Answers) -> Iterator[Jobs]:
    made = Jobs(atlas, resume=False)
    yield made
    made.close()


def ended(jobs: Jobs, job: Job) -> Job:
    until(lambda: jobs.get(job.id).state in ENDED)
    return jobs.get(job.id)


class Held:
    """Lets fetching stand still at a figure until it may go on; tells what the job says there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.there, self.go_on = threading.Event(), threading.Event()
        prepare = MadeLive.prepare

        def held(source, steps=None):
            def telling(what, done, total):
                if steps:
                    steps(what, done, total)
                if what == "fetching" and done == at and not self.there.is_set():
                    self.there.set()
                    self.go_on.wait(PATIENCE)
                    steps(what, done, total)

            prepare(source, telling)

        monkeypatch.setattr(MadeLive, "prepare", held)


def test_it_tells_megabytes_and_figures_and_stops_when_asked(
    jobs: Jobs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, at=2)
    job = jobs.start_add(corpus="made", query="stop")
    held.there.wait(PATIENCE)
    now = jobs.get(job.id)
    assert now.message == "Fetching: 2 of 5 figures, 0.2 of 0.5 MB."
    assert (now.done, now.total) == (2, 5)
    jobs.cancel(job.id)
    held.go_on.set()
    done = ended(jobs, job)
    assert (done.state, done.message) == (
        "cancelled",
        "Stopped before anything was added. What was fetched is kept on disk for when you go on.",
    )
    assert answers.fetched == ["made:0", "made:1"]
    assert ended(jobs, jobs.start_again(job.id)).added == 5
    assert answers.fetched == [f"made:{number}" for number in range(5)]


def test_it_goes_on_after_a_restart(jobs: Jobs, atlas: Atlas, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch, at=3)
    job = jobs.start_add(corpus="made", query="restart", only=["made:1", "made:2", "made:3", "made:4"])
    held.there.wait(PATIENCE)
    closing = threading.Thread(target=jobs.close)
    closing.start()
    until(lambda: jobs._closing)
    held.go_on.set()
    closing.join()
    assert answers.fetched == ["made:1", "made:2", "made:3"]
    later = Jobs(atlas)
    try:
        done = ended(later, later.get(job.id))
        assert (done.state, done.done) == ("done", 4)
        assert answers.fetched == ["made:1", "made:2", "made:3", "made:4"]
    finally:
        later.close()


def test_one_that_was_asked_to_stop_is_not_begun_again_after_a_kill(
    jobs: Jobs, atlas: Atlas, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, at=1)
    job = jobs.start_add(corpus="made", query="stopped, then killed", only=["made:0", "made:1"])
    held.there.wait(PATIENCE)
    assert jobs.cancel(job.id).stopping
    later = Jobs(atlas)  # as after a kill: of the first, nothing more is kept than at this moment
    try:
        found = later.get(job.id)
        assert (found.state, found.message) == (
            "cancelled",
            "Cancelled, and MIRAGE was stopped before it had ended. What it had stored is there.",
        )
    finally:
        later.close()
        held.go_on.set()
    ended(jobs, job)
    assert answers.fetched == ["made:0"]


def test_two_of_one_source_wait_for_one_another_and_the_same_one_is_one(
    jobs: Jobs, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, at=1)
    first = jobs.start_add(corpus="made", query="one", only=["made:0", "made:1"])
    other = jobs.start_add(corpus="made", query="two", only=["made:2"])
    assert jobs.start_add(corpus="made", query="one", only=["made:0", "made:1"]).id == first.id
    assert other.id != first.id
    held.there.wait(PATIENCE)
    # Asking waits for no fetching.
    assert ended(jobs, jobs.start_look(corpus="made", query="three")).state == "done"
    assert jobs.get(other.id).state == "queued"
    held.go_on.set()
    assert [ended(jobs, each).state for each in (first, other)] == ["done", "done"]


def test_a_corpus_removed_while_it_is_added_is_removed_after_it(
    jobs: Jobs, atlas: Atlas, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(jobs, jobs.start_add(corpus="made", query="nodule", only=["made:0", "made:3", "made:4"]))
    held = Held(monkeypatch, at=1)
    adding = jobs.start_add(corpus="made", query="mass", only=["made:1", "made:2"])
    held.there.wait(PATIENCE)
    removing = jobs.start_remove(corpus="made")
    held.go_on.set()
    assert ended(jobs, adding).state == "done"
    assert ended(jobs, removing).state == "done"
    assert atlas.info().figures == 0
    found = ended(jobs, jobs.start_look(corpus="made", query="effusion"))
    assert set(jobs.preview_of(found.id).states) == {"removed"}
    assert ended(jobs, jobs.start_add(corpus="made", query="effusion")).added == 5


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (NoNetwork("The line broke."), "The line broke. Nothing was added. What was fetched by then is kept on disk", 6),
        (OSError(errno.ENOSPC, "No space left on device"), "could not be kept: No space left on device. Make room", 7),
    ],
)
def test_what_breaks_in_the_middle_says_how_to_go_on(
    jobs: Jobs, answers: Answers, error: Exception, said: str, code: int
) -> None:
    answers.breaks = {2: error}
    broken = ended(jobs, jobs.start_add(corpus="made", query=f"break {code}"))
    assert (broken.state, broken.exit_code) == ("failed", code)
    assert said in broken.message
    assert answers.fetched == ["made:0", "made:1"]
    assert ended(jobs, jobs.start_again(broken.id)).state == "done"
    assert len(answers.fetched) == 5


def test_what_a_source_may_not_be_asked_is_refused_before_anything(jobs: Jobs, answers: Answers) -> None:
    for wrong in (
        {},
        {"query": "lung\x07nodule"},
        {"query": "of the"},
        {"query": "x" * 1001},
        {"query": "x", "most": 999},
        {"query": "x", "no": 1},
    ):
        with pytest.raises(BadInput):
            jobs.start_look(corpus="made", **wrong)
    with pytest.raises(NotFound):
        jobs.start_again("nothing")
    assert answers.asked == []


def test_questions_to_sources_are_bounded(jobs: Jobs, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(MadeLive, "offer", lambda *_, **__: go_on.wait(PATIENCE) and None)
    asked = [jobs.start_look(corpus="made", query=f"word {number}") for number in range(8)]
    with pytest.raises(Busy):
        jobs.start_look(corpus="made", query="one more")
    for job in asked:
        jobs.cancel(job.id)
    go_on.set()
