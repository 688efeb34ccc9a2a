"""Facts of figures are read once, for as many as there is room for."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

from mirage.search.known import Known, size_of_mentions, size_of_row
from mirage.storage.searched import SearchRow, StoredMention


class Reading:
    """Squares of keys below 100, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, keys: Sequence[int]) -> dict[int, int]:
        self.asked.append(list(keys))
        return {key: key * key for key in keys if key < 100}


def test_what_is_known_is_not_read_again_and_comes_in_the_order_that_is_asked_for() -> None:
    read = Reading()
    known = Known(read, 1_000, lambda fact: 1)
    assert list(known.of([3, 1])) == [3, 1]
    assert known.of([2, 1, 3]) == {2: 4, 1: 1, 3: 9}
    assert list(known.of([2, 1, 3])) == [2, 1, 3]
    assert read.asked == [[3, 1], [2]]


def test_of_those_that_do_not_fit_the_ones_that_nobody_asks_for_are_forgotten() -> None:
    read = Reading()
    known = Known(read, 32, lambda fact: 2)
    known.of(range(16))
    known.of([0])
    known.of([50])  # 1 was asked for before all others
    known.of([0, *range(2, 16)])
    known.of([1])
    assert read.asked[1:] == [[50], [1]]
    assert known.bytes == 32


def test_what_is_large_or_not_there_is_read_each_time() -> None:
    read = Reading()
    known = Known(read, 16 * 50, lambda fact: fact)
    assert known.of([9, 5, 200]) == {9: 81, 5: 25}
    assert known.of([9, 5, 200]) == {9: 81, 5: 25}
    assert read.asked == [[9, 5, 200], [9, 200]]


def row_of(key: int) -> SearchRow:
    """A figure of the longest caption that is taken, in letters of two bytes, whose words no other figure has."""
    words = frozenset(f"{key} {number}" for number in range(900))
    stems = frozenset(range(key * 1_000 + 300, key * 1_000 + 1_200))
    return SearchRow(key, f"made:{key}", "я" * 8_000 + str(key), "", "mri", "axial", "head", f"No. {key}", key, stems, words)


def mentions_of(key: int) -> tuple[StoredMention, ...]:
    return tuple(StoredMention(key, *(f"{word}{number}" for word in (key, "caption", "affirmed"))) for number in range(300))


def test_what_is_kept_takes_about_the_memory_that_is_told() -> None:
    kinds: list[tuple[Callable[[int], Any], Callable[[Any], int]]] = [
        (row_of, size_of_row),
        (mentions_of, size_of_mentions),
        (lambda _key: [], size_of_mentions),  # of many figures nothing is said
    ]
    for make, size in kinds:
        known = Known(lambda keys, make=make: {key: make(key) for key in keys}, 2**22, size)
        tracemalloc.start()
        try:
            for key in range(400 if make(0) else 60_000):  # many times as much as there is room for
                known.of([key])
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert 0.9 * 2**22 < known.bytes <= 2**22
        assert 0.6 * known.bytes < taken < 1.3 * known.bytes
