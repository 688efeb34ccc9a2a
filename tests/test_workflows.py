"""The workflows: what they may do, what they fetch, and that what they call is there. No hosted runner has run them yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from test_docs import fault_of

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# What a runner is told by whoever pushes, asks or sets it, and a shell would read as its own words.
_TOLD = re.compile(r"\$\{\{\s*(github|inputs|vars|secrets|env|needs|steps)\b")
_COMMAND = re.compile(r"(?:^|\s|/)mirage ((?:[a-z][a-z-]*|--?[a-z])[^\n#|;()>&]*)")


@pytest.fixture(params=PATHS, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def told(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8"))


def _steps(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in told["jobs"].values():
        yield from job.get("steps", ())


def _lines(told: dict[str, Any]) -> list[str]:
    runs = [step["run"] for step in _steps(told) if "run" in step]
    runs += [each for job in told["jobs"].values() for each in job.get("strategy", {}).get("matrix", {}).get("run", ())]
    return [line.strip() for run in runs for line in run.replace("\\\n", " ").splitlines()]


def test_it_reads_only_unless_a_job_says_otherwise_and_says_that_it_was_not_run(path: Path, told: dict[str, Any]) -> None:
    assert told["permissions"] == {"contents": "read"}
    assert "Not yet run" in path.read_text("utf-8").splitlines()[0]
    assert all("timeout-minutes" in job or "uses" in job for job in told["jobs"].values())
    named = [job.get("needs", []) for job in told["jobs"].values()]
    assert {each for some in named for each in ([some] if isinstance(some, str) else some)} <= set(told["jobs"])


def test_whoever_writes_beyond_it_waits_for_somebody_who_approves(told: dict[str, Any]) -> None:
    for name, job in told["jobs"].items():
        writes = any(right == "write" for right in job.get("permissions", {}).values())
        secret = "secrets." in str(job)
        assert "environment" in job or not (writes or secret), name


def test_what_others_wrote_is_taken_at_one_commit(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", path.read_text("utf-8"))
    taken = [each for each in used if not each[0].startswith("./")]
    assert [each for each in taken if not re.fullmatch(r"\S+@[0-9a-f]{40}", each[0])] == []
    assert [each for each in taken if not re.fullmatch(r" # v\d+\.\d+\.\d+", each[1])] == []


def test_no_checkout_leaves_its_credentials_behind(told: dict[str, Any]) -> None:
    checkouts = [step for step in _steps(told) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_nothing_that_somebody_tells_becomes_a_command(told: dict[str, Any]) -> None:
    assert [line for line in _lines(told) if _TOLD.search(line)] == []


def test_what_is_installed_is_pinned_with_its_hash_or_was_built_here(told: dict[str, Any]) -> None:
    installing = [line for line in _lines(told) if re.search(r"\b(pip|pipx|uvx?|npm) install\b", line)]
    ours = re.compile(r"--require-hashes|--editable|dist/mirage_atlas-\*\.whl")
    assert [line for line in installing if not ours.search(line)] == []


def test_every_command_of_mirage_is_there(told: dict[str, Any]) -> None:
    commands = [words for line in _lines(told) for words in _COMMAND.findall(line)]
    assert {words: fault for words in commands if (fault := fault_of(words.split()))} == {}


def test_nothing_is_published_that_was_not_checked_and_approved() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))["jobs"]

    def before(name: str) -> set[str]:
        needs = jobs[name].get("needs", [])
        needs = [needs] if isinstance(needs, str) else needs
        return {*needs, *(each for need in needs for each in before(need))}

    assert jobs["check"]["uses"] == "./.github/workflows/check.yml"
    for name in ("index", "archive", "pages", "space"):
        assert "check" in before(name)
        assert name == "index" or "index" in before(name)
    assert jobs["index"]["environment"] == "release"


def test_every_tool_of_the_workflows_is_pinned() -> None:
    wanted = (ROOT / "requirements" / "tools.in").read_text("utf-8").split()
    pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / "tools.txt").read_text("utf-8"), re.M)
    assert set(wanted) <= set(pinned)
