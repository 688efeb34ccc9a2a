"""Facts of figures are read once, for as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from mirage.search.known import Known


class Reading:
    """Squares of keys below 100, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, keys: Sequence[int]) -> dict[int, int]:
        self.asked.append(list(keys))
        return {key: key * key for key in keys if key < 100}


def test_what_is_known_is_not_read_again_and_comes_in_the_order_that_is_asked_for() -> None:
    read = Reading()
    known = Known(read, 10, lambda fact: True)
    assert list(known.of([3, 1])) == [3, 1]
    assert known.of([2, 1, 3]) == {2: 4, 1: 1, 3: 9}
    assert list(known.of([2, 1, 3])) == [2, 1, 3]
    assert read.asked == [[3, 1], [2]]


def test_of_those_that_do_not_fit_the_ones_that_nobody_asks_for_are_forgotten() -> None:
    read = Reading()
    known = Known(read, 2, lambda fact: True)
    known.of([1, 2])
    known.of([1, 3])  # 2 was asked for before 1
    known.of([1, 3])
    known.of([2])
    assert read.asked == [[1, 2], [3], [2]]


def test_what_is_large_or_not_there_is_read_each_time() -> None:
    read = Reading()
    known = Known(read, 10, lambda fact: fact < 50)
    assert known.of([9, 5, 200]) == {9: 81, 5: 25}
    assert known.of([9, 5, 200]) == {9: 81, 5: 25}
    assert read.asked == [[9, 5, 200], [9, 200]]
