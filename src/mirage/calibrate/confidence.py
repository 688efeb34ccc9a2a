"""Choose what makes a hit strong, likely or weak, and when nothing fits.

A logistic model over `mirage.search.confidence.HitFeatures` is fitted to hits of queries whose answers are known. The cuts
are then the lowest probabilities that keep two promises on those queries: hits called strong are right this often, and
off-topic queries see no likely hit this often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mirage.atlas import Atlas
from mirage.calibrate.queries import RelevanceJudgement
from mirage.errors import BadInput
from mirage.query import Query
from mirage.search.confidence import Calibration, ConfidenceModel, HitFeatures

STRONG_PRECISION = 0.9
OFF_TOPIC_QUIET = 0.98
_HITS = 12


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """One hit of one judged query."""

    query: int
    features: HitFeatures
    has_words: bool
    relevant: bool
    off_topic: bool


def collect(atlas: Atlas, judged: Iterable[RelevanceJudgement]) -> list[JudgedHit]:
    """Ask an atlas every query and keep the features of its first hits.

    Parameters
    ----------
    atlas : Atlas
        The weights of its calibration decide which hits come first.
    judged : iterable of RelevanceJudgement

    Returns
    -------
    list of JudgedHit
        `JudgedHit.query` is the query's place in `judged`, from 0.
    """
    samples: list[JudgedHit] = []
    for number, entry in enumerate(judged):
        answer = atlas.search(Query(entry.query.terms, entry.query.filters, _HITS))
        samples += [
            JudgedHit(number, hit.features, bool(entry.query.text), entry.relevant(hit), entry.off_topic)
            for hit in answer.hits
            if hit.features is not None
        ]
    return samples


def choose(samples: Sequence[JudgedHit]) -> ConfidenceModel:
    """Fit the model and choose its cuts."""
    model = fit(samples)
    likely, strong = cuts(samples, lambda sample: model.probability(sample.features))
    return replace(model, likely=likely, strong=strong)


def fit(samples: Sequence[JudgedHit], *, ridge: float = 1.0) -> ConfidenceModel:
    """Logistic regression by Newton's method with a ridge penalty; every query weighs the same.

    Coefficients are kept at zero or above: more evidence never makes a hit less sure.

    Parameters
    ----------
    samples : sequence of JudgedHit
    ridge : float
        Strength of the penalty on every coefficient but the constant.

    Returns
    -------
    ConfidenceModel
        With the default cuts; `cuts` chooses others.

    Raises
    ------
    mirage.errors.BadInput
        When all hits are right, or none is.
    """
    if not any(s.relevant for s in samples) or all(s.relevant for s in samples):
        raise BadInput("Calibration needs hits that are right and hits that are wrong; these queries gave only one kind.")
    table = np.array([[1.0, s.features.image, s.features.caption, s.features.words] for s in samples])
    wanted = np.array([s.relevant for s in samples], dtype=float)
    counts: dict[int, int] = {}
    for sample in samples:
        counts[sample.query] = counts.get(sample.query, 0) + 1
    weight = np.array([_HITS / counts[s.query] for s in samples])
    used = np.array([True, *(np.ptp(table[:, 1:], axis=0) > 1e-9)])
    while True:
        beta = np.zeros(4)
        beta[used] = _newton(table[:, used], wanted, weight, ridge)
        negative = used & (beta < 0) & (np.arange(4) > 0)
        if not negative.any():
            return ConfidenceModel(*(round(float(value), 4) for value in beta))
        used &= ~negative


def _newton(
    table: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64], weight: npt.NDArray[np.float64], ridge: float
) -> npt.NDArray[np.float64]:
    beta = np.zeros(table.shape[1])
    penalty = np.eye(table.shape[1]) * ridge
    penalty[0, 0] = 1e-6
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(table @ beta, -40, 40)))
        slope = table.T @ (weight * (wanted - chance)) - penalty @ beta
        curve = (table * (weight * chance * (1 - chance))[:, None]).T @ table + penalty
        step = np.linalg.solve(curve, slope)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-6:
            break
    return beta


def cuts(samples: Sequence[JudgedHit], probability: Callable[[JudgedHit], float]) -> tuple[float, float]:
    """The probabilities from which a hit is likely and strong.

    *likely* is the lowest cut, one half or above, that keeps `OFF_TOPIC_QUIET` of the off-topic queries without a
    likely hit; *strong* the lowest above it at which hits are right with `STRONG_PRECISION`.

    Parameters
    ----------
    samples : sequence of JudgedHit
    probability : callable
        A hit to the probability, from 0 to 1, that it is right.

    Returns
    -------
    likely, strong : float
        To three digits. *strong* is 0.99 where no lower cut keeps the promise on ten hits or more.
    """
    chances = np.array([probability(sample) for sample in samples])
    best: dict[int, float] = {}
    for sample, chance in zip(samples, chances, strict=True):
        if sample.off_topic:
            best[sample.query] = max(best.get(sample.query, 0.0), float(chance))
    loudest = sorted(best.values())
    allowed = math.floor(len(loudest) * (1 - OFF_TOPIC_QUIET))
    quiet = loudest[len(loudest) - 1 - allowed] if loudest else 0.0
    likely = min(0.95, max(0.5, math.nextafter(quiet, 1.0) + 0.01))
    relevant = np.array([sample.relevant for sample in samples])
    for cut in np.arange(likely, 0.99, 0.01):
        above = chances >= cut
        if above.sum() >= 10 and relevant[above].mean() >= STRONG_PRECISION:
            return round(likely, 3), round(float(cut), 3)
    return round(likely, 3), 0.99


@dataclass(frozen=True, slots=True)
class ConfidenceQuality:
    """How a calibration does: shares over hits and over queries, with how many there were."""

    hits: int
    strong: int
    strong_right: float
    likely: int
    likely_right: float
    off_topic: int
    off_topic_quiet: float
    on_topic: int
    on_topic_heard: float


def quality(samples: Sequence[JudgedHit], calibration: Calibration) -> ConfidenceQuality:
    """Measure a calibration on judged hits.

    Parameters
    ----------
    samples : sequence of JudgedHit
        As `collect` gives them.
    calibration : Calibration
        Its cuts are measured. Its weights play no part, since the hits are there already.
    """
    called = [(s, calibration.confidence(s.features, s.has_words)) for s in samples]
    strong = [s.relevant for s, word in called if word == "strong"]
    likely = [s.relevant for s, word in called if word == "likely"]
    off = {s.query for s in samples if s.off_topic}
    on = {s.query for s in samples if not s.off_topic}
    loud = {s.query for s, word in called if word != "weak"}
    return ConfidenceQuality(
        hits=len(samples),
        strong=len(strong),
        strong_right=_share(sum(strong), len(strong)),
        likely=len(likely),
        likely_right=_share(sum(likely), len(likely)),
        off_topic=len(off),
        off_topic_quiet=_share(len(off - loud), len(off)),
        on_topic=len(on),
        on_topic_heard=_share(len(on & loud), len(on)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
