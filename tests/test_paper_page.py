"""The page of the paper's results, from the figures of a small measurement with the starter: its form, not its numbers."""

from __future__ import annotations

import json
from pathlib import Path

import paper_page
import pytest

from parts import mirage
from shelf_maker import make_collection


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    collection = make_collection(tmp_path_factory.mktemp("collection"))
    command = ["evaluate", "retrieval", "--medpix", collection, "--refined", "0", "--json", folder / "retrieval.json"]
    done = mirage(*command)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_page_puts_what_was_measured_beside_the_card(measured: Path) -> None:
    (measured / "roco-revision.txt").write_text("0" * 40 + "\n")
    paper_page.main(measured)
    page = (measured / "README.md").read_text("utf-8")
    told = json.loads((measured / "retrieval.json").read_text("utf-8"))
    for task, card in paper_page.CARD.items():
        main = told["tasks"][task]["main"]
        [line] = [each for each in page.splitlines() if each.startswith(f"| {task} | {main} |")]
        assert f"{told['tasks'][task]['systems'][main]['R@10'][0]:.3f}" in line
        assert line.endswith(f"| {card:.3f} |")
    assert "may have been seen in training" in page
    assert f"mdwiratathya/ROCO-radiology at {'0' * 40}" in page
