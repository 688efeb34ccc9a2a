"""Choose what makes a hit strong, likely or weak, and when nothing fits.

A logistic model over `mirage.search.confidence.HitFeatures` is fitted to hits of queries whose answers are known. The cuts
are then the lowest probabilities that keep two promises on those queries: hits called strong are right this often, and
off-topic queries see no likely hit this often.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mirage.atlas import Atlas
from mirage.calibrate.queries import KnownAnswerQuery
from mirage.errors import BadInput
from mirage.query import MAX_K
from mirage.search.confidence import Calibration, ConfidenceModel, HitFeatures
from mirage.wording import N_, _

STRONG_PRECISION = 0.9
OFF_TOPIC_QUIET = 0.98
HEARD = N_("on-topic queries that see something likely")
QUIET = N_("off-topic queries that see nothing likely")
_HITS_OF = {
    "strong": (N_("strong hits"), N_("strong hits that are right")),
    "likely": (N_("likely hits"), N_("likely hits that are right")),
}
_HITS = 12


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """One hit of one judged query."""

    query: int
    features: HitFeatures
    has_words: bool
    relevant: bool
    off_topic: bool


def collect(atlas: Atlas, asked: Iterable[KnownAnswerQuery]) -> list[JudgedHit]:
    """Ask an atlas every query and keep the features of its first hits.

    Parameters
    ----------
    atlas : Atlas
        The weights of its calibration decide which hits come first.
    asked : iterable of KnownAnswerQuery

    Returns
    -------
    list of JudgedHit
        `JudgedHit.query` is the query's place in `asked`, from 0.
    """
    samples: list[JudgedHit] = []
    for number, one in enumerate(asked):
        answer = atlas.search(replace(one.query, k=min(MAX_K, _HITS + len(one.without))))
        for hit in [hit for hit in answer.hits if hit.figure.id not in one.without][:_HITS]:
            if hit.features is not None:
                relevant = hit.figure.id in one.right or one.fits(hit.figure)
                samples.append(JudgedHit(number, hit.features, bool(one.query.text), relevant, not one.right))
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
        raise BadInput(_("Calibration needs hits that are right and hits that are wrong; these queries gave only one kind."))
    table = np.array([[1.0, s.features.image, s.features.caption, s.features.words] for s in samples])
    wanted = np.array([s.relevant for s in samples], dtype=float)
    counts = Counter(sample.query for sample in samples)
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
    for _other in range(50):
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


def quality(samples: Sequence[JudgedHit], calibration: Calibration) -> dict[str, float]:
    """How a calibration does on judged hits: shares of hits and of queries, and how many there are.

    Parameters
    ----------
    samples : sequence of JudgedHit
        As `collect` gives them.
    calibration : Calibration
        Its cuts are measured. Its weights play no part, since the hits are there already.

    Returns
    -------
    dict of str to float
        What was counted to its number, and to a share from 0 to 1, or NaN of nothing.
    """
    called = [(s, calibration.confidence(s.features, s.has_words)) for s in samples]
    told: dict[str, float] = {N_("hits"): len(samples)}
    for word, (many, so_many_right) in _HITS_OF.items():
        right = [sample.relevant for sample, said in called if said == word]
        told |= {many: len(right), so_many_right: _share(sum(right), len(right))}
    loud = {sample.query for sample, word in called if word != "weak"}
    on, off = ({sample.query for sample in samples if sample.off_topic == where} for where in (False, True))
    told |= {N_("on-topic queries"): len(on), HEARD: _share(len(on & loud), len(on))}
    return told | {N_("off-topic queries"): len(off), QUIET: _share(len(off - loud), len(off))}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
