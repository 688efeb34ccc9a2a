"""The corpus keeps to MIRAGE's contract."""

from __future__ import annotations

import pytest
from mirage_shapes import ShapesCorpus

from mirage.corpora.contract import faults
from mirage.errors import BadInput


def test_it_keeps_to_the_contract() -> None:
    assert faults(ShapesCorpus(count=7)) == []


def test_it_draws_as_many_as_it_is_told() -> None:
    assert len(list(ShapesCorpus(count=4).items())) == 4
    with pytest.raises(BadInput, match="at least 1"):
        ShapesCorpus(count=0)
