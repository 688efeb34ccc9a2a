"""The systems that are compared: each answers the same queries over the same shelf.

An answer is a list of slots, best first. A slot holds the places of the figure shown and of its near-duplicates that the
search folded into it, so that folding neither hides a right answer nor counts it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.atlas import Atlas
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.indexes import Ask, Index
from mirage.query import DEFAULT_K, MAX_K, Query
from mirage_research.evaluation.by_chance import ByChance, Tier, expected
from mirage_research.evaluation.conditions import Asked
from mirage_research.evaluation.metrics import in_order, latest_first
from mirage_research.evaluation.shelf import Matrix, Shelf

DEPTH = 1000  # of a channel's list
_ROWS = 512
Slot = tuple[int, ...]
Answer = list[Slot]


class Remembering:
    """An encoder that reads each text once: many systems ask with the same words."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._read: dict[str, Matrix] = {}
        self.info: Callable[[], EncoderInfo] = encoder.info
        self.unread: Callable[[str], str] = encoder.unread

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """As the encoder itself."""
        if not texts:
            return self._encoder.encode_texts(texts)
        new = [text for text in dict.fromkeys(texts) if text not in self._read]
        self._read.update(zip(new, self._encoder.encode_texts(new), strict=True))
        return np.stack([self._read[text] for text in texts])

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """As the encoder itself."""
        return self._encoder.encode_images(images)


def by_vectors(looking: Matrix, at: Matrix, ids: Sequence[str], queries: Sequence[Asked]) -> list[Answer]:
    """One channel alone: the nearest vectors.

    Parameters
    ----------
    looking : (queries, d) float32
    at : (n, d) float32
        Rows of zeros are figures that the channel does not have.
    ids : sequence of str
    queries : sequence of Asked
    """
    there, ties = at.any(1), latest_first(ids)
    answers: list[Answer] = []
    for start in range(0, len(queries), _ROWS):
        scores = np.where(there, looking[start : start + _ROWS] @ at.T, -np.inf).astype(np.float32)
        for row, asked in zip(scores, queries[start : start + _ROWS], strict=True):
            row[list(asked.without)] = -np.inf
            answers.append([(int(place),) for place in in_order(row, ties, DEPTH)])
    return answers


def by_words(index: Index, queries: Sequence[Asked], places: Callable[[int], int]) -> list[Answer]:
    """BM25 alone, over whatever words the index holds.

    Parameters
    ----------
    index : Index
    queries : sequence of Asked
    places : callable
        The index's key to a place on the shelf.
    """
    answers: list[Answer] = []
    for asked in queries:
        ask = Ask(None, asked.text, DEPTH, {}, image_channel=False, caption_channel=False)
        answers.append([(places(key),) for key, _ in index.ask(ask).get("words", [])] if asked.text else [])
    return answers


def by_search(
    atlas: Atlas,
    shelf: Shelf,
    queries: Sequence[Asked],
    *,
    refine: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> list[Answer]:
    """The search as it is served: all channels fused, near-duplicates folded.

    Parameters
    ----------
    atlas : Atlas
    shelf : Shelf
    queries : sequence of Asked
    refine : bool
    progress : callable
        Called after every query.
    """
    place_of = {figure_id: place for place, figure_id in enumerate(shelf.ids)}
    answers: list[Answer] = []
    for asked in queries:
        k = min(MAX_K, DEFAULT_K + len(asked.without))
        like = () if asked.text else (shelf.ids[asked.place],)
        found = atlas.search(Query.of(asked.text, like=like, k=k, refine=refine))
        answers.append([tuple(place_of[name] for name in (hit.figure.id, *hit.folded)) for hit in found.hits])
        progress()
    return answers


def judged(answers: Sequence[Answer], queries: Sequence[Asked]) -> tuple[list[list[bool]], list[list[int]]]:
    """Which slots are right, and the figures shown, once what is left out of the answer is gone.

    A slot is right when one of its figures is.
    """
    rights: list[list[bool]] = []
    shown: list[list[int]] = []
    for answer, asked in zip(answers, queries, strict=True):
        kept = [left for slot in answer if (left := [place for place in slot if place not in asked.without])]
        rights.append([not asked.right.isdisjoint(slot) for slot in kept])
        shown.append([slot[0] for slot in kept])
    return rights, shown


def at_random(shelf: Shelf, queries: Sequence[Asked]) -> list[ByChance]:
    """All figures in random order."""
    return [expected([Tier(len(shelf) - len(asked.without), len(asked.right))]) for asked in queries]


def coarse_oracle(shelf: Shelf, queries: Sequence[Asked]) -> list[ByChance]:
    """One who is told modality, plane and region and nothing else, and guesses within them.

    For a name: those of the case's own figures. For a picture: its own.
    """
    _, numbers = np.unique(np.array(["\0".join(kind) for kind in shelf.kinds]), return_inverse=True)
    of_case: dict[str, list[int]] = {}
    for place, group in enumerate(shelf.groups):
        of_case.setdefault(group, []).append(place)
    found = []
    for asked in queries:
        known = of_case[asked.case] if asked.text else [asked.place]
        first: npt.NDArray[np.bool_] = np.isin(numbers, numbers[known])
        left = np.ones(len(shelf), dtype=bool)
        left[list(asked.without)] = False
        right = np.zeros(len(shelf), dtype=bool)
        right[list(asked.right)] = True
        tiers = [Tier(int((part & left).sum()), int((part & right).sum())) for part in (first, ~first)]
        found.append(expected(tiers))
    return found
