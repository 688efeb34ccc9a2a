"""Generations are jobs: one at a time, listed, followed, stopped, bounded, and begun again after a restart."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from marks_maker import read
from mirage.atlas import Atlas
from mirage.errors import BadInput, Busy
from mirage.generate.synthesis import MAX_AHEAD, GenerationOptions
from mirage.jobs import ENDED, Job, Jobs
from mirage.query import Query
from parts import PATIENCE, environment, until
from pencil import RELEASED, drawn_with

ROOT = Path(__file__).parents[1]


@pytest.fixture
def jobs(small: Path) -> Iterator[Jobs]:
    with drawn_with(), Atlas.open(small) as atlas:
        made = Jobs(atlas)
        yield made
        made.close()


def start(jobs: Jobs, words: str, picture: Image.Image | None = None, **options: object) -> Job:
    return jobs.start_generate(Query.of(words), GenerationOptions(**options), start=picture)  # type: ignore[arg-type]


def ended(jobs: Jobs, job_id: str) -> Job:
    until(lambda: jobs.get(job_id).state in ENDED)
    return jobs.get(job_id)


def running(jobs: Jobs, job_id: str, steps: int = 1) -> Job:
    until(lambda: jobs.get(job_id).done >= steps)
    return jobs.get(job_id)


def test_a_generation_tells_how_far_it_is_and_keeps_its_images(jobs: Jobs) -> None:
    job = start(jobs, "brain MRI", count=2, seed=5, steps=4)
    assert job.title == "Generate: brain MRI"
    job = ended(jobs, job.id)
    assert job.state == "done"
    assert job.message == "2 synthetic images made."
    assert (job.done, job.total) == (8, 8)
    images = [jobs.outputs.get(name) for name in job.results]
    assert [image.record.seed for image in images] == [5, 6]


def test_a_preview_carries_the_band_and_ends_with_the_job(jobs: Jobs) -> None:
    job = start(jobs, "leisurely a brain MRI", steps=20)
    running(jobs, job.id)
    shown = jobs.preview(job.id)
    assert shown is not None
    assert any(mark.kind == "band" and mark.found for mark in read(shown).marks)
    jobs.cancel(job.id)
    ended(jobs, job.id)
    assert jobs.preview(job.id) is None


def test_one_at_a_time_and_the_others_know_their_place(jobs: Jobs) -> None:
    first, second, third = (start(jobs, f"leisurely a brain MRI {n}", steps=10) for n in range(3))
    running(jobs, first.id)
    assert [jobs.get(job.id).state for job in (first, second, third)] == ["running", "queued", "queued"]
    assert [jobs.get(job.id).ahead for job in (second, third)] == [1, 2]
    jobs.cancel(second.id)
    assert jobs.get(second.id).state == "cancelled"
    assert jobs.get(third.id).ahead == 1
    for job in (first, third):
        jobs.cancel(job.id)


def test_a_running_one_stops_at_the_next_step_and_keeps_what_is_finished(jobs: Jobs) -> None:
    job = start(jobs, "leisurely a brain MRI", steps=3, count=3)
    running(jobs, job.id, steps=4)
    jobs.cancel(job.id)
    job = ended(jobs, job.id)
    assert job.state == "cancelled"
    assert job.message == "Cancelled. 1 synthetic image made."
    assert len(job.results) == 1


def test_the_queue_has_an_end(jobs: Jobs) -> None:
    for number in range(MAX_AHEAD):
        start(jobs, f"leisurely a brain MRI {number}", steps=200)
    with pytest.raises(Busy, match=f"{MAX_AHEAD} generations wait"):
        start(jobs, "brain MRI")
    for job in jobs.list():
        jobs.cancel(job.id)


def test_what_cannot_be_drawn_is_refused_before_it_waits(jobs: Jobs) -> None:
    with pytest.raises(BadInput, match="steps"):
        start(jobs, "brain MRI", steps=0)
    assert jobs.list() == []


def test_two_alike_are_two_images(jobs: Jobs) -> None:
    first, second = start(jobs, "brain MRI"), start(jobs, "brain MRI")
    assert first.id != second.id
    assert ended(jobs, first.id).results != ended(jobs, second.id).results


def test_a_failure_says_why_and_the_next_has_its_turn(jobs: Jobs) -> None:
    job = ended(jobs, start(jobs, "a torn tendon").id)
    assert job.state == "failed"
    assert "torn. Install it again" in job.message
    assert ended(jobs, start(jobs, "brain MRI").id).state == "done"


def test_after_a_stop_words_are_drawn_again_and_uploads_are_lost(small: Path) -> None:
    with drawn_with():
        with Atlas.open(small) as atlas:
            jobs = Jobs(atlas)
            first = start(jobs, "leisurely a brain MRI", steps=100, seed=9)
            running(jobs, first.id)
            upload = start(jobs, "brain MRI", Image.new("L", (64, 64), 90))
            waiting = start(jobs, "chest X-ray", seed=4)
            jobs.close()
        with Atlas.open(small) as atlas:
            jobs = Jobs(atlas)
            lost = jobs.get(upload.id)
            assert lost.state == "failed"
            assert "began from a picture" in lost.message
            assert "stopped before it was finished" in jobs.get(waiting.id).message
            running(jobs, first.id)
            jobs.cancel(first.id)
            done = ended(jobs, waiting.id)
            assert done.state == "done"
            assert jobs.outputs.get(done.results[0]).record.seed == 4
            jobs.close()


def test_a_killed_process_loses_nothing_that_was_finished(small: Path) -> None:
    script = textwrap.dedent(
        """
        import sys, time
        from mirage.atlas import Atlas
        from mirage.jobs import Jobs
        from mirage.query import Query
        from mirage.generate.synthesis import GenerationOptions
        from pencil import drawn_with

        with drawn_with(), Atlas.open(sys.argv[1]) as atlas:
            jobs = Jobs(atlas)
            job = jobs.start_generate(Query.of("leisurely a brain MRI"), GenerationOptions(steps=5, count=4, seed=1))
            while not jobs.get(job.id).results:
                time.sleep(0.02)
            print(job.id, flush=True)
            sys.stdin.read()
        """
    )
    env = environment(None, PYTHONPATH=str(ROOT))
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", script, str(small)], stdin=pipe, stdout=pipe, text=True, env=env)
    assert process.stdout is not None
    job_id = process.stdout.readline().strip()
    process.kill()
    process.communicate()
    with drawn_with(), Atlas.open(small) as atlas:
        RELEASED.set()
        jobs = Jobs(atlas)
        kept = jobs.outputs.list()
        assert len(kept) == 1
        assert all(read(jobs.outputs.get(image.record.id).data).ours for image in kept)
        job = ended(jobs, job_id)
        assert job.state == "done"
        assert len(job.results) == 4
        jobs.close()


def test_a_generation_that_kills_its_process_is_tried_twice_and_then_said_to_have_failed(small: Path) -> None:
    script = textwrap.dedent(
        """
        import os, sys, time
        from mirage.atlas import Atlas
        from mirage.generate import synthesis
        from mirage.generate.synthesis import GenerationOptions
        from mirage.jobs import Jobs
        from mirage.query import Query
        from pencil import drawn_with

        synthesis.draw = lambda *_, **__: os._exit(7)
        with drawn_with(), Atlas.open(sys.argv[1]) as atlas:
            jobs = Jobs(atlas)
            if not jobs.list():
                jobs.start_generate(Query.of("a brain MRI"), GenerationOptions(steps=2))
            while jobs.list()[0].state != "failed":
                time.sleep(0.02)
            print(jobs.list()[0].message)
            jobs.close()
        """
    )
    codes = []
    for _ in range(3):
        env = environment(None, PYTHONPATH=str(ROOT))
        run = subprocess.run(
            [sys.executable, "-c", script, str(small)], capture_output=True, text=True, env=env, timeout=PATIENCE
        )
        codes.append(run.returncode)
    assert codes == [7, 7, 0]
    assert "ended twice while this ran" in run.stdout


def test_a_generation_that_was_stopped_in_order_is_not_counted(small: Path) -> None:
    with drawn_with(), Atlas.open(small) as atlas:
        for _ in range(3):
            jobs = Jobs(atlas)
            job = jobs.list()[0] if jobs.list() else start(jobs, "leisurely a brain MRI", steps=100)
            running(jobs, job.id)
            jobs.close()
        assert Job.of(atlas.store.jobs()[0]).attempts == 0
