"""How much more often one side says something than the other."""

from __future__ import annotations

import pytest

from mirage.compare.keyness import apart


def test_what_every_case_of_the_atlas_says_tells_nothing_apart() -> None:
    assert apart(2, 2, 2, 2, 1.0) == pytest.approx(0)
    assert abs(apart(2, 2, 1, 1, 1.0)) < 1


def test_what_one_side_says_alone_tells_it_apart() -> None:
    assert apart(5, 5, 0, 5, 0.1) > 1.5
    assert apart(0, 5, 5, 5, 0.1) == -apart(5, 5, 0, 5, 0.1)
