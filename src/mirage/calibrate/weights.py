"""Choose the weights of the fusion by measurement; the weights of now are what a choice has to beat.

Every query is searched with every candidate. nDCG@10 is averaged over the queries of a kind, then over the kinds, so that a
kind with many queries does not decide for the others. Intervals are drawn over cases: queries of one case are alike.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.atlas import Atlas
from mirage.calibrate.queries import KnownAnswerQuery
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.errors import BadInput
from mirage.figure import Figure
from mirage.search.answer import Hit
from mirage.search.concepts import CONCEPT_WEIGHTS
from mirage.search.confidence import DEFAULT_CALIBRATION
from mirage.search.searcher import Searcher
from mirage.storage.caption_vectors import caption_text, encode_captions
from mirage.storage.records import FigureRecord
from mirage.wording import _

Weights = Mapping[str, float]
Array = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Words = npt.NDArray[np.str_]

MEAN = "mean"  # over the kinds
FOLDS = 6
FEWEST_CASES = 2 * FOLDS
_DRAWS = 2000


class CachedEncoder:
    """An encoder that reads each text once: the same words are asked again and again."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._read: dict[str, Vectors] = {}
        self.info: Callable[[], EncoderInfo] = encoder.info
        self.unread: Callable[[str], str] = encoder.unread

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """As the encoder itself."""
        if not texts:
            return self._encoder.encode_texts(texts)
        new = [text for text in dict.fromkeys(texts) if text not in self._read]
        self._read.update(zip(new, self._encoder.encode_texts(new), strict=True))
        return np.stack([self._read[text] for text in texts])

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """As the encoder itself."""
        return self._encoder.encode_images(images)


@dataclass(frozen=True, slots=True)
class WeightChoice:
    """The weights chosen for one sort of query, and how sure that is.

    Attributes
    ----------
    weights : mapping
        Those of now when nothing was shown to be better.
    best : mapping
        The best candidate, chosen or not.
    unseen : tuple of float
        What `MEAN` gains on cases that the choice did not see, with the lower and upper end of its 95 % bootstrap interval:
        each sixth of the cases is asked with the weights that the others would choose.
    queries : mapping
        Kind to how many.
    ndcg_now, ndcg_best : mapping
        Kind, and `MEAN`, to nDCG@10 with the weights of now and with `best`, on the queries that it was chosen on.
    """

    weights: Weights
    best: Weights
    unseen: tuple[float, float, float]
    queries: Mapping[str, int]
    ndcg_now: Mapping[str, float]
    ndcg_best: Mapping[str, float]


def for_words() -> list[Weights]:
    """Candidates for queries with words; the words channel weighs 1, since only ratios matter."""
    tried = itertools.product((0.0, 0.1, 0.25, 1.0), (0.1, 0.25, 1.0), (1.0, 2.0, 4.0))
    return [{"image": i, "caption": c, "words": 1.0, "coverage": v} for i, c, v in tried]


def for_fields(now: Weights) -> list[Weights]:
    """Candidates for what concepts and the texts of cases count: each weight of now, halved and doubled."""
    counted = {"case": 1.0, **CONCEPT_WEIGHTS}
    counted |= {name: weight for name, weight in now.items() if name in counted}
    return [{**now, **counted, name: weight * by} for name, weight in counted.items() for by in (0.5, 2.0)]


def for_pictures() -> list[Weights]:
    """Candidates for queries by picture alone, where the words channel and coverage have nothing to say."""
    return [{**DEFAULT_CALIBRATION.weights, "caption": c} for c in (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)]


def gains(
    atlas: Atlas, asked: Sequence[KnownAnswerQuery], candidates: Sequence[Weights], searched: Callable[[], None]
) -> Array:
    """nDCG@10 of every query under every candidate.

    Parameters
    ----------
    atlas : Atlas
        Is asked.
    asked : sequence of KnownAnswerQuery
    candidates : sequence of mapping
        Weights: channel to its weight, and ``coverage``.
    searched : callable
        Called after each candidate.

    Returns
    -------
    numpy.ndarray
        (queries, candidates) float64, each from 0 to 1.
    """
    searcher = Searcher(atlas.store, atlas.index, CachedEncoder(atlas.encoder), atlas.pictures, DEFAULT_CALIBRATION)
    table = np.zeros((len(asked), len(candidates)))
    for column, weights in enumerate(candidates):
        searcher.calibration = replace(DEFAULT_CALIBRATION, weights=weights)
        table[:, column] = [gain(searcher.search(one.query).hits, one) for one in asked]
        searched()
    return table


def gain(hits: Sequence[Hit], asked: KnownAnswerQuery, k: int = 10) -> float:
    """nDCG@K with two grades, right and wrong (Järvelin and Kekäläinen, TOIS 2002).

    Hits that the query does without are passed over. A hit is right when it, or one folded into it, is.

    Parameters
    ----------
    hits : sequence of Hit
        Best first.
    asked : KnownAnswerQuery
        Says which figures are right, and which are passed over.
    k : int
        How many hits count.

    Returns
    -------
    float
        From 0 to 1; 0 where no figure is right.
    """
    there = [hit for hit in hits if hit.figure.id not in asked.without][:k]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    right = np.array([not asked.right.isdisjoint((hit.figure.id, *hit.folded)) for hit in there], dtype=float)
    best = discounts[: min(k, len(asked.right))].sum()
    return float((right * discounts[: len(there)]).sum() / best) if best else 0.0


def choose(asked: Sequence[KnownAnswerQuery], table: Array, candidates: Sequence[Weights], seed: int = 0) -> WeightChoice:
    """Choose among candidates, of which the first are the weights of now.

    The best candidate is that with the highest mean over kinds, among those that are not measurably worse than the first for
    any kind. It takes the place of the first only when choosing so gains something measurable on cases that the choice did
    not see.

    Parameters
    ----------
    asked : sequence of KnownAnswerQuery
    table : numpy.ndarray
        (queries, candidates), as `gains` gives it.
    candidates : sequence of mapping
        Weights to choose among.
    seed : int
        Draws the cases that are set apart, and those of the intervals.

    Raises
    ------
    mirage.errors.BadInput
        When there are too few cases to set some of them apart.
    """
    kinds, cases = np.array([one.kind for one in asked]), np.array([one.case for one in asked])
    names, place = np.unique(cases, return_inverse=True)
    if len(names) < FEWEST_CASES:
        raise BadInput(
            _(
                "Weights are chosen by queries of %(FEWEST_CASES)s cases or more; here there are %(names)s.",
                FEWEST_CASES=FEWEST_CASES,
                names=len(names),
            )
        )
    best = _best(table, kinds, cases, seed)
    folds = np.random.default_rng(seed).permutation(len(names))[place] % FOLDS
    unseen = np.zeros(len(asked))
    for fold in range(FOLDS):
        apart = folds == fold
        picked = _best(table[~apart], kinds[~apart], cases[~apart], seed)
        unseen[apart] = (table[:, picked] - table[:, 0])[apart]
    low, high = _intervals(unseen, kinds, cases, seed)[MEAN]
    return WeightChoice(
        weights=candidates[best] if low > 0 else candidates[0],
        best=candidates[best],
        unseen=(_means(unseen, kinds)[MEAN], low, high),
        queries=Counter(kinds.tolist()),
        ndcg_now=_means(table[:, 0], kinds),
        ndcg_best=_means(table[:, best], kinds),
    )


def _best(table: Array, kinds: Words, cases: Words, seed: int) -> int:
    means = np.array([_means(column, kinds)[MEAN] for column in table.T])
    for number in np.argsort(-means, kind="stable"):
        intervals = _intervals(table[:, number] - table[:, 0], kinds, cases, seed)
        if all(high >= 0 for _, high in intervals.values()):
            return int(number)
    return 0


def _means(values: Array, kinds: Words) -> dict[str, float]:
    """Kind to mean, and `MEAN` of those."""
    by_kind = {kind: float(values[kinds == kind].mean()) for kind in dict.fromkeys(kinds.tolist())}
    return {**by_kind, MEAN: float(np.mean(list(by_kind.values())))}


def _intervals(values: Array, kinds: Words, cases: Words, seed: int) -> dict[str, tuple[float, float]]:
    """The 95 % bootstrap intervals of `_means`, over cases."""
    names, place = np.unique(cases, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), _DRAWS)
    by_kind = {}
    for kind in dict.fromkeys(kinds.tolist()):
        mine = kinds == kind
        total = drawn @ np.bincount(place[mine], values[mine], len(names))
        size = drawn @ np.bincount(place[mine], minlength=len(names))
        by_kind[kind] = total / np.where(size > 0, size, np.nan)
    by_kind[MEAN] = np.mean(list(by_kind.values()), axis=0)
    ends = {kind: np.nanpercentile(means, (2.5, 97.5)).tolist() for kind, means in by_kind.items()}
    return {kind: (low, high) for kind, (low, high) in ends.items()}


def copied(atlas: Atlas, path: Path, change: Callable[[Figure], Figure | None]) -> Atlas:
    """Copy an atlas's figures into a new atlas.

    Vectors of pictures and of the slices of stacks are taken as they are. The vector of a caption is made anew where its
    text changes. Cases and the files of pictures and stacks are not copied.

    Parameters
    ----------
    atlas : Atlas
        Open in this process.
    path : Path
        The new atlas's folder, missing or empty.
    change : callable
        A figure to the figure in its place, with the same id; None leaves it out.

    Returns
    -------
    Atlas
        Open; the caller closes it.
    """
    made = Atlas.open(path, encoder=atlas.encoder, create=True)
    digest = atlas.encoder.info().digest
    for rows in atlas.store.each():
        vectors = atlas.store.vectors.of([row.key for row in rows], digest)
        slices = atlas.store.vectors.slices([row.key for row in rows if row.stack], digest)
        kept = [(row, figure) for row in rows if row.key in vectors and (figure := change(row.figure)) is not None]
        captions = [vectors[row.key][1] for row, _ in kept]
        anew = [n for n, (row, figure) in enumerate(kept) if caption_text(row.figure) != caption_text(figure)]
        for number, vector in zip(anew, encode_captions(atlas.encoder, [kept[n][1] for n in anew]), strict=True):
            captions[number] = vector
        records = [
            FigureRecord(
                *(figure, None, "copied", row.picture, vectors[row.key][0], caption),
                stack=row.stack,
                slices=slices.get(row.key),
            )
            for (row, figure), caption in zip(kept, captions, strict=True)
        ]
        made.store.put(records, digest, stamp=1)
    made.reconcile()
    made.changed()
    return made


def uncaptioned(figure: Figure) -> Figure:
    """A figure of which only the picture and the modality are there, as out of a folder of DICOM files."""
    return replace(figure, caption="", title="", diagnosis="", modality_detail="", plane="", region="")
