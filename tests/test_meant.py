"""Things are meant by their ids, or by titles that only one of them has."""

from __future__ import annotations

import pytest

from mirage.errors import BadInput, NotFound, meant

CALLED = {"a1": "Week 3", "b2": "Week 3", "c3": "week 4", "Week 4": "Heart", "d4": ""}


@pytest.mark.parametrize(
    ("asked", "own"), [("a1", "a1"), ("Week 4", "Week 4"), ("week 4", "c3"), ("HEART", "Week 4"), ("  heart ", "Week 4")]
)
def test_an_id_comes_first_then_a_title_as_it_is_then_in_any_letters(asked: str, own: str) -> None:
    assert meant(asked, CALLED, "collection") == own


def test_what_is_called_so_several_times_is_told_with_the_ids() -> None:
    with pytest.raises(BadInput, match=r"2 collections are called 'week 3'. Give the id of one: a1, b2."):
        meant("week 3", CALLED, "collection")


@pytest.mark.parametrize("asked", ["Week 5", "", " "])
def test_what_nothing_is_called_names_those_there_are(asked: str) -> None:
    with pytest.raises(NotFound, match=r"There are: a1 \(Week 3\), b2 \(Week 3\), c3 \(week 4\), Week 4 \(Heart\), d4\."):
        meant(asked, CALLED, "collection")
    with pytest.raises(NotFound, match="`mirage collection list` prints those that there are"):
        meant(asked, CALLED, "collection", listed_by="mirage collection list")
    with pytest.raises(NotFound, match="There are: none"):
        meant(asked, {}, "collection")
