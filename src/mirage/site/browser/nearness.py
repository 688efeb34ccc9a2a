"""Words that are near a word, by optimal string alignment; in a browser it goes by the names of rapidfuzz's modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache


@lru_cache(maxsize=60_000)
def _letters(word: str) -> int:
    """Which letters a word has, as bits."""
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) & 63)
    return bits


def _may_be_near(letters: int, word: str, farthest: float) -> bool:
    """Whether a word has about these letters: a change takes one away and brings another, so two of them differ at most."""
    return (letters ^ _letters(word)).bit_count() <= 2 * farthest


class OSA:
    """Where rapidfuzz has `distance`."""

    @staticmethod
    def distance(one: str, other: str, score_cutoff: float | None = None) -> int:
        """How many letters are changed, left out, put in or changed places with their neighbours, none twice.

        Parameters
        ----------
        one, other : str
        score_cutoff : float, optional
            What is farther may be told as one more than this.
        """
        if score_cutoff is not None and (
            abs(len(one) - len(other)) > score_cutoff or not _may_be_near(_letters(one), other, score_cutoff)
        ):
            return int(score_cutoff) + 1
        before, last = [0] * (len(other) + 1), list(range(len(other) + 1))
        for row, letter in enumerate(one, 1):
            now = [row, *([0] * len(other))]
            for column, its in enumerate(other, 1):
                now[column] = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (letter != its))
                if row > 1 < column and letter == other[column - 2] and one[row - 2] == its:
                    now[column] = min(now[column], before[column - 2] + 1)
            before, last = last, now
        return last[-1]


def extract(
    query: str, choices: Sequence[str], *, scorer: Callable[..., int], score_cutoff: float, limit: int
) -> list[tuple[str, int, int]]:
    """The choices that are near enough, the nearest first and of those as near the first: each with its distance and place.

    Parameters
    ----------
    query : str
    choices : sequence of str
    scorer : callable
    score_cutoff : float
        The largest distance.
    limit : int
    """
    size, letters = len(query), _letters(query)
    near = [
        (place, choice)
        for place, choice in enumerate(choices)
        if -score_cutoff <= len(choice) - size <= score_cutoff and _may_be_near(letters, choice, score_cutoff)
    ]
    found = [
        (distance, place, choice)
        for place, choice in near
        if (distance := scorer(query, choice, score_cutoff)) <= score_cutoff
    ]
    return [(choice, distance, place) for distance, place, choice in sorted(found)[:limit]]
