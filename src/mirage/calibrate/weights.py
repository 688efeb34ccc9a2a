"""Choose the weights of the fusion by measurement; equal weights are what a choice has to beat.

Every candidate puts every query's figures in order. nDCG@10 is averaged over the queries of a kind, then over the kinds, so
that a kind with many queries does not decide for the others. Intervals are drawn over cases: queries of one case are alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.calibrate.weighing import Seen, gain, ordered
from mirage.errors import BadInput
from mirage.search.fusion import DEFAULT_CALIBRATION

Weights = Mapping[str, float]
Array = npt.NDArray[np.float64]

EQUAL: Weights = DEFAULT_CALIBRATION.weights
MEAN = "mean"  # over the kinds
FOLDS = 6
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % bootstrap interval over cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Compared:
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
    difference: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Choice:
    """The weights chosen for one sort of query, and how sure that is.

    Attributes
    ----------
    weights : mapping
        `EQUAL` when nothing was shown to be better.
    best : mapping
        The best candidate, chosen or not.
    candidates : int
        How many were tried.
    unseen : Interval
        What `MEAN` gains over equal weights on cases that the choice did not see: each sixth of the cases is asked with the
        weights that the others would choose.
    compared : Compared
        `best` beside equal weights on the queries that it was chosen on, so flattering.
    """

    weights: Weights
    best: Weights
    candidates: int
    unseen: Interval
    compared: Compared


def for_words() -> list[Weights]:
    """Candidates for queries with words; the words channel weighs 1, since only ratios matter."""
    tried = itertools.product((0.0, 0.05, 0.1, 0.25, 0.5, 1.0), (0.1, 0.25, 0.5, 1.0), (1.0, 2.0, 4.0))
    return [{"image": i, "caption": c, "words": 1.0, "coverage": v} for i, c, v in tried]


def for_pictures() -> list[Weights]:
    """Candidates for queries by picture alone, where the words channel and coverage have nothing to say."""
    return [{**EQUAL, "caption": c} for c in (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)]


def gains(
    seen: Sequence[Seen], candidates: Sequence[Weights], progress: Callable[[int, int], None] = lambda done, total: None
) -> Array:
    """nDCG@10 of every query under every candidate, (queries, candidates)."""
    table = np.zeros((len(seen), len(candidates)))
    for row, each in enumerate(seen):
        table[row] = [gain(ordered(each, weights), each.asked) for weights in candidates]
        progress(row + 1, len(seen))
    return table


def choose(
    seen: Sequence[Seen],
    candidates: Sequence[Weights],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Choice:
    """Choose among candidates, of which `EQUAL` is one.

    The best candidate is that with the highest mean over kinds, among those that are not measurably worse than equal
    weights for any kind. It takes the place of equal weights only when choosing so gains something measurable on cases
    that the choice did not see.

    Raises
    ------
    mirage.errors.BadInput
        When there are too few cases to set some of them apart.
    """
    sample = Sample.of([each.asked.kind for each in seen], [each.asked.case for each in seen])
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
    return Choice(
        weights=candidates[best] if gained.low > 0 else EQUAL,
        best=candidates[best],
        candidates=len(candidates),
        unseen=gained,
        compared=_compared(table[:, equal], table[:, best], sample, seed),
    )


def compare(seen: Sequence[Seen], weights: Weights, *, seed: int = 0) -> Compared:
    """Set weights beside equal ones on some queries."""
    sample = Sample.of([each.asked.kind for each in seen], [each.asked.case for each in seen])
    table = gains(seen, [EQUAL, weights])
    return _compared(table[:, 0], table[:, 1], sample, seed)


def _compared(equal: Array, chosen: Array, sample: Sample, seed: int) -> Compared:
    return Compared(
        queries={kind: int((sample.kinds == kind).sum()) for kind in sample.names},
        equal=sample.means(equal),
        chosen=sample.means(chosen),
        difference=sample.interval(chosen - equal, seed),
    )


def _best(table: Array, equal: int, sample: Sample, seed: int) -> int:
    means = np.array([sample.means(column)[MEAN] for column in table.T])
    for number in np.argsort(-means, kind="stable"):
        differences = sample.interval(table[:, number] - table[:, equal], seed)
        if number == equal or all(each.high >= 0 for each in differences.values()):
            return int(number)
    return equal


@dataclass(frozen=True, eq=False)
class Sample:
    """Of which kind and which case queries are.

    Attributes
    ----------
    kinds, cases : numpy.ndarray
        (queries,) of str.
    """

    kinds: npt.NDArray[np.str_]
    cases: npt.NDArray[np.str_]

    @classmethod
    def of(cls, kinds: Sequence[str], cases: Sequence[str]) -> Sample:
        """A sample from two lists."""
        return cls(np.array(kinds, dtype=np.str_), np.array(cases, dtype=np.str_))

    def take(self, which: npt.NDArray[np.bool_]) -> Sample:
        """Some of the queries."""
        return Sample(self.kinds[which], self.cases[which])

    @property
    def names(self) -> list[str]:
        """The kinds there are."""
        return list(dict.fromkeys(self.kinds.tolist()))

    def means(self, values: Array) -> dict[str, float]:
        """Kind to mean, and `MEAN` of those."""
        by_kind = {kind: float(values[self.kinds == kind].mean()) for kind in self.names}
        return {**by_kind, MEAN: float(np.mean(list(by_kind.values())))}

    def interval(self, values: Array, seed: int) -> dict[str, Interval]:
        """`means` with intervals; cases of one corpus are drawn among themselves, so that every draw has both."""
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
            found[kind] = Interval(value, float(low), float(high))
        return found

    def folds(self, seed: int) -> npt.NDArray[np.intp]:
        """Which of `FOLDS` parts each query is in; a case is in one part."""
        cases = sorted(set(self.cases.tolist()))
        order = np.random.default_rng(seed).permutation(len(cases))
        part = {case: int(place) % FOLDS for case, place in zip(cases, order, strict=True)}
        return np.array([part[case] for case in self.cases.tolist()])


def _corpus(case: str) -> str:
    return case.partition(":")[0]
