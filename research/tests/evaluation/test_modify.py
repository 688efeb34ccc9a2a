"""Less of and more of, measured on built triples."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mirage.figure import Figure, Source
from mirage_research.evaluation.modify import KINDS, evaluate, triples


def figures() -> list[Figure]:
    source = Source("made", "A. Example")
    kinds = [("CT", "axial"), ("MR", "axial"), ("MR", "sagittal")]
    return [
        Figure(f"made:{m}-{p}-{n}", "", source, modality=m, plane=p, region="brain", case_id=f"made:{n}")
        for m, p in kinds
        for n in range(12)
    ]


def test_a_triple_is_wrong_in_one_thing_and_right_are_the_targets_figures() -> None:
    made = triples(figures(), 100, 0)
    known = {(each.query, each.less, each.more, each.written): each for each in made}
    triple = known["axial CT of the brain", "CT", "MRI", "axial MRI of the brain"]
    assert triple.right.sum() == 12
    assert np.flatnonzero(triple.right).tolist() == list(range(12, 24))
    assert ("axial MRI of the brain", "axial", "sagittal", "sagittal MRI of the brain") in known


def test_triples_are_the_same_for_the_same_seed() -> None:
    def named(seed: int) -> list[str]:
        return [f"{each.query} {each.more}" for each in triples(figures(), 3, seed)]

    assert named(1) == named(1)
    assert named(1) != named(2)


@pytest.mark.medpix
@pytest.mark.skipif(not os.environ.get("MIRAGE_MEDPIX"), reason="needs MIRAGE_MEDPIX")
def test_modified_queries_go_where_they_are_sent() -> None:
    table = evaluate(Path(os.environ["MIRAGE_MEDPIX"]), each=30, splits=["dev"])
    assert table["triples"] >= 60
    assert set(KINDS) <= set(table)
    assert table["all"]["gain"][0] >= 0.15
    assert table["all"]["behind"][0] <= 0.05
