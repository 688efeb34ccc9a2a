"""Slices that show most of a structure stand before those with a scrap of it."""

from __future__ import annotations

from mirage.figure import SlicePlace
from mirage.language.reading import QueryReading, read
from mirage.search.shares import SectionShares


def place(number: int, view: str = "axial", stack: str = "a", **shares: float) -> SlicePlace:
    return SlicePlace(stack, view, number, tuple((name.replace("_", " "), share) for name, share in shares.items()))


def asked(text: str) -> QueryReading:
    return read(text, lambda _: True)


def best_first(places: list[SlicePlace], text: str) -> list[int]:
    shown = SectionShares(dict(enumerate(places))).asked(asked(text))
    return sorted(shown, key=lambda key: -shown[key])


def test_the_slice_through_the_middle_comes_before_a_scrap_and_that_before_none() -> None:
    assert best_first([place(0, liver=0.06), place(1, spleen=1.0), place(2, liver=1.0)], "liver CT") == [2, 0, 1]


def test_of_what_has_two_sides_the_slice_with_both_is_best_and_of_one_side_that_side() -> None:
    places = [place(0, left_kidney=1.0), place(1, left_kidney=0.8, right_kidney=0.9), place(2, right_kidney=1.0)]
    assert best_first(places, "kidneys")[0] == 1
    assert best_first(places, "right kidney")[0] == best_first(places, "riñón derecho")[0] == 2
    assert best_first(places, "riñones izquierdos")[0] == 0
    assert SectionShares(dict(enumerate(places))).best("a", "axial", asked("kidneys")) == (1, "kidney")


def test_a_part_counts_before_the_whole_that_it_is_asked_for_in() -> None:
    places = [place(0, putamen=0.1, insula=1.0, thalamus=1.0, amygdala=1.0), place(1, putamen=1.0)]
    assert best_first(places, "brain at the level of the putamen") == [1, 0]


def test_what_is_marked_as_itself_counts_before_what_has_it_in_its_name() -> None:
    places = [place(0, stack="b", true_lumen_of_the_aorta=1.0), place(1, aorta=1.0)]
    assert best_first(places, "aorta") == [1, 0]


def test_a_sagittal_slice_comes_first_only_where_it_shows_more() -> None:
    assert best_first([place(0, "sagittal", spleen=1.0), place(1, spleen=0.95)], "spleen") == [1, 0]
    assert best_first([place(0, "sagittal", spleen=1.0), place(1, spleen=0.7)], "spleen") == [0, 1]


def test_what_is_not_marked_tells_nothing() -> None:
    assert SectionShares({0: place(0, liver=1.0)}).asked(asked("spleen")) == {}
    assert not SectionShares({0: place(0)})
