"""From a figure's words to its picture and back, over all figures of a split.

The words are what the caption vector is made of: plane and modality, then the caption; *caption alone* leaves the first two
out. A hit is a figure with the same caption in the same case. Ties count against the encoder. A figure without a caption
is an answer and no query. Only an encoder's picture channel can be asked so: the other channels hold the very words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mirage.encoders.base import Encoder
from mirage.storage.ingest import caption_text
from mirage_research.evaluation.by_chance import ByChance, Tier, expected
from mirage_research.evaluation.metrics import reciprocal
from mirage_research.evaluation.retrieval import ranks_of_first_right
from mirage_research.evaluation.shelf import Matrix, Shelf, Vectors

TASKS = ("text to image", "image to text", "caption alone to image")
AT = (1, 5, 10)
_ROWS = 1024

Floats = npt.NDArray[np.float64]
_expected = lru_cache(maxsize=100_000)(lambda size, right, rest, others: expected([Tier(size, right), Tier(rest, others)]))


@dataclass(frozen=True)
class Paired:
    """A task's queries.

    Attributes
    ----------
    asked : (queries,) int
        Places on the shelf of the figures asked with.
    answers : (answers,) int
        Places of those that may answer.
    """

    asked: npt.NDArray[np.intp]
    answers: npt.NDArray[np.intp]


def of_task(task: str, shelf: Shelf) -> Paired:
    """Who is asked and who answers in a task of `TASKS`."""
    spoken = np.array([place for place, figure in enumerate(shelf.figures) if figure.caption], dtype=np.intp)
    everyone = np.arange(len(shelf))
    return Paired(spoken, spoken if task == "image to text" else everyone)


def captions_alone(shelf: Shelf, vectors: Vectors, encoder: Encoder) -> Matrix:
    """Vectors of the captions without what kind of picture it is; those that are so already are not read again."""
    found = vectors.captions.copy()
    longer = [n for n, figure in enumerate(shelf.figures) if figure.caption and caption_text(figure) != figure.caption]
    if longer:
        texts = [shelf.figures[place].caption for place in longer]
        different = list(dict.fromkeys(texts))
        read = dict(zip(different, encoder.encode_texts(different), strict=True))
        found[longer] = np.stack([read[text] for text in texts])
    return found


def ranks(task: str, shelf: Shelf, images: Matrix, words: Matrix, pairs: Paired) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Rank of the first right answer of each query, and the place of the best answer of all."""
    looking, at = (images, words) if task == "image to text" else (words, images)
    keys = _codes([(shelf.groups[n], figure.caption) for n, figure in enumerate(shelf.figures)])
    found: list[Floats] = []
    first: list[npt.NDArray[np.intp]] = []
    for start in range(0, len(pairs.asked), _ROWS):
        asked = pairs.asked[start : start + _ROWS]
        scores = looking[asked] @ at[pairs.answers].T
        right = keys[asked][:, None] == keys[pairs.answers][None, :]
        found.append(ranks_of_first_right(scores, right))
        # What came first; a wrong answer that scores as high as a right one counts as before it.
        first.append(pairs.answers[np.where(right & (found[-1][:, None] > 1), -np.inf, scores).argmax(1)])
    return np.concatenate(found), np.concatenate(first)


def measures(found: Floats) -> dict[str, Floats]:
    """Measures of each query from the rank of its first right answer."""
    return {**{f"R@{k}": (found <= k).astype(float) for k in AT}, "MRR": reciprocal(found), "rank": found}


def expected_measures(known: Sequence[ByChance]) -> dict[str, Floats]:
    """The same, of lists in random order."""
    return {
        **{f"R@{k}": np.array([one.success(k) for one in known]) for k in AT},
        "MRR": np.array([one.reciprocal() for one in known]),
        "rank": np.array([one.median_rank() for one in known]),
    }


def guesses(shelf: Shelf, pairs: Paired) -> Mapping[str, dict[str, Floats]]:
    """What chance is worth, and the coarse oracle, who is told modality, plane and region and guesses within them."""
    keys = _codes([(shelf.groups[n], figure.caption) for n, figure in enumerate(shelf.figures)])
    kinds = _codes(shelf.kinds)
    chance, oracle = [], []
    for place in pairs.asked:
        right = keys[pairs.answers] == keys[place]
        first = kinds[pairs.answers] == kinds[place]
        total, size = int(right.sum()), int(first.sum())
        within = int((right & first).sum())
        chance.append(_expected(len(right), total, 0, 0))
        oracle.append(_expected(size, within, len(right) - size, total - within))
    return {"coarse oracle": expected_measures(oracle), "random": expected_measures(chance)}


def _codes(values: Sequence[object]) -> npt.NDArray[np.intp]:
    index = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([index[value] for value in values], dtype=np.intp)
