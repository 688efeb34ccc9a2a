"""Measuring whether searching twice helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medpix_maker import make_medpix
from mirage.atlas import Atlas
from mirage.calibrate.queries import queries
from mirage.corpora.base import Item
from mirage.corpora.medpix import MedPixCorpus
from mirage.errors import BadInput
from mirage.explain.refine import Refinement
from mirage.storage.ingest import add
from mirage_research.evaluation import refine


def test_a_split_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="elsewhere"):
        refine.run(make_medpix(tmp_path), "elsewhere")


def test_a_copy_without_the_cases_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none of the cases"):
        refine.run(make_medpix(tmp_path), "aside")


@pytest.mark.medpix
def test_a_few_cases_are_asked_in_every_kind_and_no_share_means_no_difference(tmp_path: Path) -> None:
    if not (path := os.environ.get("MIRAGE_MEDPIX")):
        pytest.skip("MIRAGE_MEDPIX names no copy of MedPix 2.0")
    collection = MedPixCorpus(path, splits=("dev",))
    items = [item for item in collection.items() if isinstance(item, Item)][:40]
    cases = {item.figure.case_id for item in items}
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, _Some(collection, items))
        asked = [one for one in queries(atlas, items, cases) if one.kind in refine.KINDS]
        table = refine.measure(atlas, items, cases, {"none": Refinement(share=0.0), "paper": refine.PAPER})
    assert {one.kind for one in asked} >= {"caption", "short", "long", "picture"}
    assert all(one.right and not one.right & one.without for one in asked)
    assert sum(kind["queries"] for kind in table["kinds"].values()) == len(asked)
    for kind in table["kinds"].values():
        assert kind["none"]["difference R@10"] == [0, 0, 0]
        assert 0 <= kind["paper"]["R@1"][0] <= kind["paper"]["R@10"][0] <= 1


class _Some:
    """A corpus that yields only some items."""

    def __init__(self, corpus: MedPixCorpus, items: list[Item]) -> None:
        self._corpus, self._items = corpus, items
        self.info, self.read, self.prepare, self.ready = corpus.info, corpus.read, corpus.prepare, True

    def items(self) -> list[Item]:
        return self._items

    def __len__(self) -> int:
        return len(self._items)
