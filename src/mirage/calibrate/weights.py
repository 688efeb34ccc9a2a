"""Choose the weights of the fusion by measurement; equal weights are what a choice has to beat.

Every candidate puts every query's figures in order. nDCG@10 is averaged over the queries of a kind, then over the kinds, so
that a kind with many queries does not decide for the others. Intervals are drawn over cases: queries of one case are alike.

One query's lists are fetched once and put in order under any weights: fetching asks the encoder and the index; ordering is
`mirage.search.fusion` alone, so many weights cost little. A test holds the order to that of `Atlas.search`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from mirage.atlas import Atlas
from mirage.calibrate.queries import KnownAnswerQuery, as_typed, queries, starter_words, withheld
from mirage.corpora.base import Item
from mirage.errors import BadInput
from mirage.figure import Figure
from mirage.indexes.base import IndexQuery, Ranked
from mirage.language import words
from mirage.search import fusion
from mirage.search.confidence import DEFAULT_CALIBRATION
from mirage.search.deduplication import deduplicated, look_alikes
from mirage.search.searcher import SPARE, Searcher, depth_of
from mirage.storage.ingest import caption_text, encode_captions
from mirage.storage.records import FigureRecord

Weights = Mapping[str, float]
Array = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float32]

EQUAL: Weights = DEFAULT_CALIBRATION.weights
MEAN = "mean"  # over the kinds
FOLDS = 6
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class WeightInterval:
    """A value with its 95 % bootstrap interval over cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WeightComparison:
    """Chosen weights beside equal ones: nDCG@10 by kind of query, and `MEAN` over the kinds.

    Attributes
    ----------
    queries : mapping
        Kind to how many.
    equal, chosen : mapping
        Kind to nDCG@10.
    difference : mapping
        Kind to chosen less equal, paired.
    """

    queries: Mapping[str, int]
    equal: Mapping[str, float]
    chosen: Mapping[str, float]
    difference: Mapping[str, WeightInterval]


@dataclass(frozen=True, slots=True)
class WeightChoice:
    """The weights chosen for one sort of query, and how sure that is.

    Attributes
    ----------
    weights : mapping
        `EQUAL` when nothing was shown to be better.
    best : mapping
        The best candidate, chosen or not.
    candidates : int
        How many were tried.
    unseen : WeightInterval
        What `MEAN` gains over equal weights on cases that the choice did not see: each sixth of the cases is asked with the
        weights that the others would choose.
    compared : WeightComparison
        `best` beside equal weights on the queries that it was chosen on, so flattering.
    """

    weights: Weights
    best: Weights
    candidates: int
    unseen: WeightInterval
    compared: WeightComparison


def for_words() -> list[Weights]:
    """Candidates for queries with words; the words channel weighs 1, since only ratios matter."""
    tried = itertools.product((0.0, 0.05, 0.1, 0.25, 0.5, 1.0), (0.1, 0.25, 0.5, 1.0), (1.0, 2.0, 4.0))
    return [{"image": i, "caption": c, "words": 1.0, "coverage": v} for i, c, v in tried]


def for_pictures() -> list[Weights]:
    """Candidates for queries by picture alone, where the words channel and coverage have nothing to say."""
    return [{**EQUAL, "caption": c} for c in (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)]


def gains(
    seen: Sequence[ChannelLists],
    candidates: Sequence[Weights],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Array:
    """nDCG@10 of every query under every candidate, (queries, candidates).

    Parameters
    ----------
    seen : sequence of ChannelLists
        One for each query.
    candidates : sequence of mapping
        Weights: channel to its weight, and ``coverage``.
    progress : callable
        Told after each query how many are done, and of how many.

    Returns
    -------
    numpy.ndarray
        (queries, candidates) float64, each from 0 to 1.
    """
    table = np.zeros((len(seen), len(candidates)))
    for row, each in enumerate(seen):
        table[row] = [gain(ordered(each, weights), each.asked) for weights in candidates]
        progress(row + 1, len(seen))
    return table


def choose(
    seen: Sequence[ChannelLists],
    candidates: Sequence[Weights],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> WeightChoice:
    """Choose among candidates, of which `EQUAL` is one.

    The best candidate is that with the highest mean over kinds, among those that are not measurably worse than equal
    weights for any kind. It takes the place of equal weights only when choosing so gains something measurable on cases
    that the choice did not see.

    Parameters
    ----------
    seen : sequence of ChannelLists
        One for each query.
    candidates : sequence of mapping
        Weights to choose among; `EQUAL` must be one of them.
    seed : int
        Draws the cases that are set apart, and those of the intervals.
    progress : callable
        Told after each query how many are done, and of how many.

    Raises
    ------
    mirage.errors.BadInput
        When there are too few cases to set some of them apart.
    """
    sample = QuerySample.of([each.asked.kind for each in seen], [each.asked.case for each in seen])
    if len(set(sample.cases)) < 2 * FOLDS:
        raise BadInput(
            f"Weights are chosen by queries of {2 * FOLDS} cases or more; here there are {len(set(sample.cases))}."
        )
    table = gains(seen, candidates, progress)
    equal = list(candidates).index(EQUAL)
    best = _best(table, equal, sample, seed)
    folds = sample.folds(seed)
    unseen = np.zeros(len(seen))
    for fold in range(FOLDS):
        apart = folds == fold
        picked = _best(table[~apart], equal, sample.take(~apart), seed)
        unseen[apart] = (table[:, picked] - table[:, equal])[apart]
    gained = sample.interval(unseen, seed)[MEAN]
    return WeightChoice(
        weights=candidates[best] if gained.low > 0 else EQUAL,
        best=candidates[best],
        candidates=len(candidates),
        unseen=gained,
        compared=_compared(table[:, equal], table[:, best], sample, seed),
    )


def compare(seen: Sequence[ChannelLists], weights: Weights, *, seed: int = 0) -> WeightComparison:
    """Set weights beside equal ones on some queries.

    Parameters
    ----------
    seen : sequence of ChannelLists
        One for each query.
    weights : mapping
        What is set beside `EQUAL`.
    seed : int
        Draws the cases of the intervals.
    """
    sample = QuerySample.of([each.asked.kind for each in seen], [each.asked.case for each in seen])
    table = gains(seen, [EQUAL, weights])
    return _compared(table[:, 0], table[:, 1], sample, seed)


def _compared(equal: Array, chosen: Array, sample: QuerySample, seed: int) -> WeightComparison:
    return WeightComparison(
        queries={kind: int((sample.kinds == kind).sum()) for kind in sample.names},
        equal=sample.means(equal),
        chosen=sample.means(chosen),
        difference=sample.interval(chosen - equal, seed),
    )


def _best(table: Array, equal: int, sample: QuerySample, seed: int) -> int:
    means = np.array([sample.means(column)[MEAN] for column in table.T])
    for number in np.argsort(-means, kind="stable"):
        differences = sample.interval(table[:, number] - table[:, equal], seed)
        if number == equal or all(each.high >= 0 for each in differences.values()):
            return int(number)
    return equal


@dataclass(frozen=True, eq=False)
class QuerySample:
    """Of which kind and which case queries are.

    Attributes
    ----------
    kinds, cases : numpy.ndarray
        (queries,) of str.
    """

    kinds: npt.NDArray[np.str_]
    cases: npt.NDArray[np.str_]

    @classmethod
    def of(cls, kinds: Sequence[str], cases: Sequence[str]) -> QuerySample:
        """A sample from two lists.

        Parameters
        ----------
        kinds, cases : sequence of str
            Of each query its kind and its case; both of one length.
        """
        return cls(np.array(kinds, dtype=np.str_), np.array(cases, dtype=np.str_))

    def take(self, which: npt.NDArray[np.bool_]) -> QuerySample:
        """Some of the queries."""
        return QuerySample(self.kinds[which], self.cases[which])

    @property
    def names(self) -> list[str]:
        """The kinds there are."""
        return list(dict.fromkeys(self.kinds.tolist()))

    def means(self, values: Array) -> dict[str, float]:
        """Kind to mean, and `MEAN` of those."""
        by_kind = {kind: float(values[self.kinds == kind].mean()) for kind in self.names}
        return {**by_kind, MEAN: float(np.mean(list(by_kind.values())))}

    def interval(self, values: Array, seed: int) -> dict[str, WeightInterval]:
        """`means` with intervals; cases of one corpus are drawn among themselves, so that every draw has both.

        Parameters
        ----------
        values : numpy.ndarray
            (queries,) float64, one for each query of the sample.
        seed : int
            Draws the cases.

        Returns
        -------
        dict of str to WeightInterval
            By kind, and under `MEAN` over the kinds.
        """
        totals = dict.fromkeys(self.names, np.zeros(_DRAWS))
        sizes = dict.fromkeys(self.names, np.zeros(_DRAWS))
        rng = np.random.default_rng(seed)
        for corpus in dict.fromkeys(_corpus(case) for case in self.cases):
            cases = list(dict.fromkeys(case for case in self.cases.tolist() if _corpus(case) == corpus))
            place = {case: number for number, case in enumerate(cases)}
            drawn = rng.multinomial(len(cases), np.full(len(cases), 1 / len(cases)), _DRAWS).astype(float)
            for kind in self.names:
                mine = [n for n, case in enumerate(self.cases.tolist()) if self.kinds[n] == kind and case in place]
                which = np.array([place[self.cases[n]] for n in mine], dtype=int)
                totals[kind] = totals[kind] + drawn @ np.bincount(which, values[mine], len(cases))
                sizes[kind] = sizes[kind] + drawn @ np.bincount(which, minlength=len(cases))
        by_kind = {kind: totals[kind] / np.where(sizes[kind] > 0, sizes[kind], np.nan) for kind in self.names}
        by_kind[MEAN] = np.mean(list(by_kind.values()), axis=0)
        found = {}
        for kind, value in self.means(values).items():
            low, high = np.nanpercentile(by_kind[kind], (2.5, 97.5))
            found[kind] = WeightInterval(value, float(low), float(high))
        return found

    def folds(self, seed: int) -> npt.NDArray[np.intp]:
        """Which of `FOLDS` parts each query is in; a case is in one part."""
        cases = sorted(set(self.cases.tolist()))
        order = np.random.default_rng(seed).permutation(len(cases))
        part = {case: int(place) % FOLDS for case, place in zip(cases, order, strict=True)}
        return np.array([part[case] for case in self.cases.tolist()])


def _corpus(case: str) -> str:
    return case.partition(":")[0]


@dataclass(frozen=True, slots=True)
class ChannelLists:
    """What a query saw: every channel's list, and of the figures in them what ordering needs.

    Attributes
    ----------
    asked : KnownAnswerQuery
    lists : mapping
        Channel to its ranked list.
    covered : mapping
        Key to `mirage.search.fusion.coverage`.
    names : mapping
        Key to the figure's id.
    looks, vectors : mapping
        Of the figures that have a near look-alike among these.
    uncaptioned : frozenset of int
        Those of which no caption and no title are known.
    """

    asked: KnownAnswerQuery
    lists: Mapping[str, Ranked]
    covered: Mapping[int, float]
    names: Mapping[int, str]
    looks: Mapping[int, int]
    vectors: Mapping[int, Vector]
    uncaptioned: frozenset[int]


class ChannelReader:
    """Asks one atlas, and remembers how rare its words are."""

    def __init__(self, atlas: Atlas) -> None:
        self._index = atlas.index
        self._searcher = Searcher(atlas.store, atlas.index, atlas.encoder, atlas.pictures)
        self._rows = {row.key: row for rows in atlas.store.each() for row in rows}
        self._uncaptioned = atlas.store.uncaptioned(list(self._rows))
        self._stems = {key: words.stems(row.figure.words) for key, row in self._rows.items()}
        self._rarity: dict[str, float] = {}

    def look(self, asked: KnownAnswerQuery) -> ChannelLists:
        """Fetch what a query's channels list."""
        query = asked.query
        lists = self._index.ask(IndexQuery(self._searcher.vector(query), query.text, depth_of(query), query.filters))
        keys = list(dict.fromkeys(key for ranked in lists.values() for key, _ in ranked if key in self._rows))
        wanted = {stem: self._rare(word) for stem, word in words.words(query.text).items()}
        looks = {key: self._rows[key].picture.look for key in keys}
        near = look_alikes(keys, looks)
        return ChannelLists(
            asked,
            lists,
            {key: fusion.coverage(wanted, self._stems[key]) for key in keys},
            {key: self._rows[key].figure.id for key in keys},
            {key: looks[key] for key in near},
            self._index.vectors(near) if near else {},
            frozenset(keys) & self._uncaptioned,
        )

    def _rare(self, word: str) -> float:
        if word not in self._rarity:
            self._rarity[word] = fusion.inverse_document_frequency(self._index.frequency(word), len(self._rows))
        return self._rarity[word]


def ordered(seen: ChannelLists, weights: Mapping[str, float]) -> list[tuple[str, ...]]:
    """What a search with these weights would show, best first: each hit's figure id and the ids folded into it.

    Parameters
    ----------
    seen : ChannelLists
        What the query saw.
    weights : mapping
        Channel to its weight, and ``coverage``.

    Returns
    -------
    list of tuple of str
        At most as many as the query asks for.
    """
    fused = fusion.fuse(seen.lists, weights, seen.asked.query.k + SPARE, seen.uncaptioned)
    fused = fusion.boost_coverage([entry for entry in fused if entry.key in seen.names], seen.covered, weights)
    near = [entry.key for entry in fused if entry.key in seen.looks]
    stays, folded = deduplicated(near, seen.looks, lambda _: seen.vectors)
    gone = set(near) - set(stays)
    kept = [entry.key for entry in fused if entry.key not in gone][: seen.asked.query.k]
    return [tuple(seen.names[k] for k in (key, *folded.get(key, ()))) for key in kept]


def gain(shown: Sequence[tuple[str, ...]], asked: KnownAnswerQuery, k: int = 10) -> float:
    """nDCG@K with two grades, right and wrong (Järvelin and Kekäläinen, TOIS 2002).

    Hits that the query does without are passed over. A hit is right when it, or one folded into it, is.

    Parameters
    ----------
    shown : sequence of tuple of str
        Hits as `ordered` gives them, best first.
    asked : KnownAnswerQuery
        Says which figures are right, and which are passed over.
    k : int
        How many hits count.

    Returns
    -------
    float
        From 0 to 1; 0 where no figure is right.
    """
    there = [hit for hit in shown if hit[0] not in asked.without][:k]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    right = np.array([not asked.right.isdisjoint(hit) for hit in there], dtype=float)
    best = discounts[: min(k, len(asked.right))].sum()
    return float((right * discounts[: len(there)]).sum() / best) if best else 0.0


def of_collection(atlas: Atlas, items: Sequence[Item], cases: set[str], seed: int) -> list[ChannelLists]:
    """What every query of some cases sees of the items, and of the items without titles and diagnoses.

    Parameters
    ----------
    atlas : Atlas
        Holds all the items, and maybe others.
    items : sequence of Item
        What is searched in.
    cases : set of str
        Ids of the cases to ask about.
    seed : int
    """
    there = {item.figure.id for item in items}
    seen: list[ChannelLists] = []
    with TemporaryDirectory(prefix="mirage-weighing-") as folder:
        with copied(atlas, Path(folder) / "whole", lambda f: f if f.id in there else None) as whole:
            eyes = ChannelReader(whole)
            seen += [eyes.look(as_typed(asked)) for asked in queries(atlas, items, cases, seed)]
        with copied(atlas, Path(folder) / "bare", lambda f: untitled(f) if f.id in there else None) as bare:
            eyes = ChannelReader(bare)
            seen += [eyes.look(asked) for asked in withheld(items, cases)]
    return seen


def of_starter(atlas: Atlas, seed: int, count: int = 200) -> list[ChannelLists]:
    """What every query of the starter atlas sees of it, and of it when every second figure has no caption.

    Parameters
    ----------
    atlas : Atlas
        The starter atlas.
    seed : int
        Draws the queries, and the figures that lose their captions.
    count : int
        As `mirage.calibrate.queries.starter_words` takes it; of queries with the same words one is kept.

    Returns
    -------
    list of ChannelLists
        Every query twice: first of the atlas as it is, then, of kind ``uncaptioned``, of the copy.
    """
    rng = random.Random(seed)  # noqa: S311 - draws queries
    asked = {one.query.text: one for one in starter_words(rng, count)}
    ids = sorted(row.figure.id for rows in atlas.store.each() for row in rows)
    silent = set(rng.sample(ids, len(ids) // 2))
    eyes = ChannelReader(atlas)
    seen = [eyes.look(one) for one in asked.values()]
    with (
        TemporaryDirectory(prefix="mirage-weighing-") as folder,
        copied(atlas, Path(folder), lambda f: uncaptioned(f) if f.id in silent else f) as half,
    ):
        eyes = ChannelReader(half)
        seen += [eyes.look(replace(one, kind="uncaptioned")) for one in asked.values()]
    return seen


def copied(atlas: Atlas, path: Path, change: Callable[[Figure], Figure | None] = lambda figure: figure) -> Atlas:
    """Copy an atlas's figures into a new atlas.

    Image vectors are taken as they are. The vector of a caption is made anew where its text changes. Cases and pictures
    are not copied.

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
        vectors = atlas.store.vectors([row.key for row in rows], digest)
        kept = [(row, figure) for row in rows if row.key in vectors and (figure := change(row.figure)) is not None]
        captions = [vectors[row.key][1] for row, _ in kept]
        anew = [n for n, (row, figure) in enumerate(kept) if caption_text(row.figure) != caption_text(figure)]
        for number, vector in zip(anew, encode_captions(atlas.encoder, [kept[n][1] for n in anew]), strict=True):
            captions[number] = vector
        records = [
            FigureRecord(figure, None, "copied", row.picture, vectors[row.key][0], caption)
            for (row, figure), caption in zip(kept, captions, strict=True)
        ]
        made.store.put(records, digest, stamp=1)
    made.reconcile()
    made.changed()
    return made


def untitled(figure: Figure) -> Figure:
    """A figure that cannot be found by its case's name: neither word search nor the caption's vector has it."""
    return replace(figure, title="", diagnosis="")


def uncaptioned(figure: Figure) -> Figure:
    """A figure of which only the picture and the modality are there, as out of a folder of DICOM files."""
    return replace(figure, caption="", title="", diagnosis="", modality_detail="", plane="", region="")
