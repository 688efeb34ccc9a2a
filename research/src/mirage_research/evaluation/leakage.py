"""What of a split could be known already: look-alikes across splits, and cases that an encoder was trained on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage.encoders.base import Encoder
from mirage.errors import BadInput
from mirage.images import LOOK_BITS
from mirage.language import words as wordform
from mirage.search.deduplication import SAME_LOOK_BITS, SAME_LOOK_COSINE
from mirage.shipped import SHIPPED
from mirage_research.evaluation.evaluation_set import EvaluationSet, FigureVectors, Matrix

SAME_WORDS = 0.8  # share of two captions' words, stemmed, that both have, from which they count as nearly the same
_NEAR_CAPTION = 0.9  # cosine from which two captions are looked at word by word
_FEWEST_WORDS = 4  # "Axial CT" is no sign of a copy
_ROWS = 1024


# Pairs that are identical, and near; and the places of the figures asked about that are in one.
LookAlikes = tuple[int, int, frozenset[int]]


def across(pool: EvaluationSet, vectors: FigureVectors, asked: Sequence[int]) -> tuple[dict[str, Any], frozenset[int]]:
    """Compare the figures asked about with those of other splits, other cases alone.

    Parameters
    ----------
    pool : EvaluationSet
    vectors : FigureVectors
    asked : sequence of int
        Places.

    Returns
    -------
    table : dict
        ``compared with`` how many figures of other splits, and counts for ``pictures`` and ``captions``, without names.
    figures : frozenset of int
        Places of the figures asked about that have a look-alike.

    Notes
    -----
    Pictures are identical when their files are, near when their difference hashes and their vectors agree as far as those of
    figures that a search folds. Captions are identical when they are the same words in any case and order, near when four
    fifths of their words are the same.
    """
    mine = {pool.splits[place] for place in asked}
    others = [place for place in range(len(pool)) if pool.splits[place] not in mine]
    found = {
        "pictures": _pictures(pool, vectors.images, asked, others),
        "captions": _captions(pool, vectors, asked, others),
    }
    table: dict[str, Any] = {"compared with": len(others)}
    for what, (identical, near, touched) in found.items():
        table[what] = {"identical pairs": identical, "near pairs": near, "figures asked about": len(touched)}
    return table, found["pictures"][2] | found["captions"][2]


def _pictures(pool: EvaluationSet, images: Matrix, asked: Sequence[int], others: Sequence[int]) -> LookAlikes:
    bits = _bits([row.picture.look for row in pool.rows])
    ones = bits.sum(1)

    def close(some: list[int], other: list[int]) -> npt.NDArray[np.bool_]:
        apart = ones[some][:, None] + ones[other][None, :] - 2 * (bits[some] @ bits[other].T)
        return np.asarray((apart < SAME_LOOK_BITS) & (images[some] @ images[other].T >= SAME_LOOK_COSINE))

    pairs = list(_close_pairs(pool, asked, others, close))
    identical = sum(pool.rows[a].picture.name == pool.rows[b].picture.name for a, b in pairs)
    return identical, len(pairs) - identical, frozenset(a for a, _ in pairs)


def _close_pairs(
    pool: EvaluationSet,
    asked: Sequence[int],
    others: Sequence[int],
    close: Callable[[list[int], list[int]], npt.NDArray[np.bool_]],
) -> Iterator[tuple[int, int]]:
    """Places of two figures of different cases that are close, a block at a time, since the pool may be large."""
    for start in range(0, len(asked), _ROWS):
        some = list(asked[start : start + _ROWS])
        for begin in range(0, len(others), _ROWS):
            other = list(others[begin : begin + _ROWS])
            for row, column in np.argwhere(close(some, other)):
                if pool.groups[some[row]] != pool.groups[other[column]]:
                    yield some[row], other[column]


def _bits(looks: Sequence[int]) -> Matrix:
    size = LOOK_BITS // 8
    packed = np.frombuffer(b"".join(look.to_bytes(size, "big") for look in looks), dtype=np.uint8)
    return np.asarray(np.unpackbits(packed.reshape(len(looks), size), axis=1), dtype=np.float32)


def _captions(pool: EvaluationSet, vectors: FigureVectors, asked: Sequence[int], others: Sequence[int]) -> LookAlikes:
    folded = [" ".join(sorted(re.findall(r"\w+", figure.caption.lower()))) for figure in pool.figures]
    words = cache(lambda place: wordform.stems(pool.figures[place].caption))
    same_words: dict[str, list[int]] = {}
    for place in others:
        if folded[place].count(" ") >= _FEWEST_WORDS - 1:
            same_words.setdefault(folded[place], []).append(place)
    alike = [(a, b) for a in asked for b in same_words.get(folded[a], ()) if pool.groups[a] != pool.groups[b]]

    def close(some: list[int], other: list[int]) -> npt.NDArray[np.bool_]:
        return np.asarray(vectors.captions[some] @ vectors.captions[other].T >= _NEAR_CAPTION)

    near = [
        (a, b)
        for a, b in _close_pairs(pool, asked, others, close)
        if folded[a] != folded[b] and _share(words(a), words(b)) >= SAME_WORDS
    ]
    return len(alike), len(near), frozenset(a for a, _ in (*alike, *near))


def _share(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b) if min(len(a), len(b)) >= _FEWEST_WORDS else 0.0


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What is known of an encoder's training.

    Attributes
    ----------
    cases : frozenset of str
        Ids of cases it was trained on.
    aside : frozenset of str
        Ids of cases that were set aside for choosing; measured on, they flatter.
    corpora : frozenset of str
        Corpora that it was trained on as a whole.
    known : bool
        Whether there was a file that tells.
    """

    cases: frozenset[str] = frozenset()
    aside: frozenset[str] = frozenset()
    corpora: frozenset[str] = frozenset()
    known: bool = False


def training_of(encoder: Encoder, model: str = "") -> TrainingRecord:
    """Read what an encoder was trained on from the ``splits.json`` beside it, or one folder up, as training leaves it.

    Parameters
    ----------
    encoder : Encoder
    model : str
        Folder or hub id it was opened with; empty for the one that ships.

    Raises
    ------
    mirage.errors.BadInput
        When the file is damaged.
    """
    if model:
        folder = Path(model.removeprefix("local-dir:")).expanduser()
        folders = [folder, folder.parent] if folder.is_dir() else []
    else:
        folders = [SHIPPED / "encoder"] if encoder.info().name == "starter" else []
    file = next((folder / "splits.json" for folder in folders if (folder / "splits.json").is_file()), None)
    if file is None:
        return TrainingRecord()
    try:
        splits = json.loads(file.read_text("utf-8"))
        config = file.with_name("config.train.json")
        told = json.loads(config.read_text("utf-8")) if config.is_file() else {}
        whole = {"starter"} if int(told.get("starter_per_epoch") or 0) > 0 else set()
        return TrainingRecord(
            frozenset(map(str, splits.get("train", ()))),
            frozenset(map(str, splits.get("holdout", ()))),
            frozenset(whole),
            known=True,
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{file} is damaged ({error}): what the encoder was trained on cannot be told.") from error


def refuse_trained(pool: EvaluationSet, asked: Sequence[int], training: TrainingRecord, encoder: str, what: str) -> None:
    """Refuse to ask about figures that an encoder was trained on.

    Parameters
    ----------
    pool : EvaluationSet
    asked : sequence of int
        Places.
    training : TrainingRecord
    encoder, what : str
        What the encoder and the figures asked about are called in the message.

    Raises
    ------
    mirage.errors.BadInput
        Naming the encoder, how many cases overlap, and some of them.
    """
    known = [
        place
        for place in asked
        if pool.figures[place].case_id in training.cases or pool.figures[place].source.corpus in training.corpora
    ]
    if not known:
        return
    cases = list(dict.fromkeys(pool.groups[place] for place in known))
    more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
    raise BadInput(
        f"The encoder {encoder} was trained on {len(known)} of the {len(asked)} figures of {what} "
        f"({', '.join(cases[:3])}{more}), so measuring on them would say nothing of figures it has not seen. "
        "Ask about another split (--split dev), or about the cases set aside from training "
        "(--split train --cases aside)."
    )
