"""The page of the paper's results, from the figures of a small measurement with the starter: its form, not its numbers."""

from __future__ import annotations

import json
from pathlib import Path

import paper_page
import pytest

from parts import mirage
from shelf_maker import make_collection

WORKFLOWS = Path(__file__).parents[1] / ".github" / "workflows"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    collection = make_collection(tmp_path_factory.mktemp("collection"))
    command = ["evaluate", "retrieval", "--medpix", collection, "--refined", "0", "--json", folder / "retrieval.json"]
    done = mirage(*command)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_page_puts_what_was_measured_beside_the_card(measured: Path) -> None:
    paper_page.main(measured)
    page = (measured / "README.md").read_text("utf-8")
    told = json.loads((measured / "retrieval.json").read_text("utf-8"))
    for task, card in paper_page.CARD.items():
        main = told["tasks"][task]["main"]
        [line] = [each for each in page.splitlines() if each.startswith(f"| {task} | {main} |")]
        assert f"{told['tasks'][task]['systems'][main]['R@10'][0]:.3f}" in line
        assert line.endswith(f"| {card:.3f} |")
    assert "may have been seen in training" in page


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_every_workflow_reads_only_unless_it_says_otherwise_and_says_that_it_was_not_run(path: Path) -> None:
    text = path.read_text("utf-8")
    told = pytest.importorskip("yaml").safe_load(text)
    assert told["permissions"] == {"contents": "read"}
    assert "Not yet run" in text.splitlines()[0]
    named = [job.get("needs", []) for job in told["jobs"].values()]
    needed = {each for some in named for each in ([some] if isinstance(some, str) else some)}
    assert needed <= set(told["jobs"])
    assert all("timeout-minutes" in job or "runs-on" in job for job in told["jobs"].values())
