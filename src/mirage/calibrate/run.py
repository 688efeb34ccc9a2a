"""Calibrate an atlas: choose the weights of the channels, then what makes a hit strong, likely or weak.

The atlas is asked for its own figures, by their captions, titles, findings and pictures, and for what no atlas holds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mirage.atlas import Atlas
from mirage.calibrate import queries, weights
from mirage.calibrate.confidence import HEARD, choose, collect, quality
from mirage.calibrate.queries import KnownAnswerQuery
from mirage.calibrate.weights import FEWEST_CASES, WeightChoice, copied, uncaptioned
from mirage.errors import BadInput, meant
from mirage.figure import Figure
from mirage.query import DEFAULT_K
from mirage.search import calibrations
from mirage.search.calibrations import calibration_for
from mirage.search.confidence import Calibration
from mirage.wording import N_, _, looked_up

# Names of lines of the report, which keeps them in English.
_CUTS, _WEIGHTS, _BEST, _NOW_AND_BEST = N_("cuts"), N_("weights"), N_("best"), N_("now and best")
_GAIN, _ALL_KINDS = N_("gain on unseen cases"), N_("all kinds")
_MOST_COPIED = 20_000
_HEARD = 0.5  # share of the queries with an answer that must see a likely hit


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """A calibration and how it does.

    Attributes
    ----------
    calibration : Calibration
    report : list of tuple of str
        Name and value: the weights and what they gain, and how often strong and likely hits are right. Measured on the
        queries that the choice was made on, so flattering, but for the gain on unseen cases.
    notes : list of str
        What was left as it is, and why.
    """

    calibration: Calibration
    report: list[tuple[str, str]]
    notes: list[str]


def calibrate(
    atlas: Atlas,
    corpora: Collection[str] = (),
    *,
    seed: int = 0,
    most: int = 100,
    progress: Callable[[int, int], None] = lambda done, total: None,
    judged: Sequence[KnownAnswerQuery] = (),
) -> CalibrationResult:
    """Ask an atlas, choose weights, ask again with them, and choose cuts. The atlas then searches with them.

    What they have to beat are the weights and cuts of the atlas's encoder.

    Parameters
    ----------
    atlas : Atlas
        Nothing in its folder is changed; see `write`.
    corpora : collection of str
        Names of the corpora whose figures are asked for; all when left out. What they are told from is the whole atlas.
    seed : int
        Random seed of the queries and the intervals.
    most : int
        How many cases are asked about at most.
    progress : callable
        Told how many times all queries have been asked, and of how many.
    judged : sequence of KnownAnswerQuery
        Further queries, whose answers people judged; see `mirage.calibrate.judged`.

    Raises
    ------
    mirage.errors.NotFound
        When the atlas has no such corpus.
    mirage.errors.BadInput
        When fewer than `FEWEST_CASES` cases have words, or all hits are right.
    """
    there = {holding.name: holding.title for holding in atlas.info().corpora}
    corpora = [meant(each, there, N_("corpus")) for each in corpora]
    items = queries.items_of(atlas)
    asked_about = [item for item in items if not corpora or item.figure.source.corpus in corpora]
    cases = {queries.case_of(item) for item in asked_about}
    worded = {(queries.case_of(i), i.figure.title) for i in asked_about if i.figure.caption or i.figure.title}
    if len(worded) < FEWEST_CASES:
        raise BadInput(
            _(
                "Calibration asks for figures by their captions and titles: it needs "
                "%(FEWEST_CASES)s cases or more with words. %(corpora)s has %(worded)s. Add more "
                "first; until then searches stay as they are.",
                FEWEST_CASES=FEWEST_CASES,
                corpora=", ".join(corpora) or atlas.path,
                worded=len(worded),
            )
        )
    now = replace(calibration_for(atlas.encoder_info.digest), encoder=atlas.encoder_info.digest)
    words = [now.weights, *weights.for_words(), *weights.for_fields(now.weights)]
    pictures = [now.weights_for(words=False, picture=True), *weights.for_pictures()]
    done, total = count(1), 2 * len(words) + len(pictures)

    def searched() -> None:
        progress(next(done), total)

    drawn = list(queries.queries(atlas, items, cases, seed, k=DEFAULT_K, most=most))
    looked = [one for one in drawn if one.kind == "picture"]
    titles = [one for one in drawn if one.kind == "title"]
    typed = [*(one for one in drawn if one.kind not in ("picture", "title")), *judged]
    tables = [weights.gains(atlas, typed, words, searched)]
    with TemporaryDirectory(prefix="mirage-calibration-") as folder, _bared(atlas, titles, seed, Path(folder)) as bare:
        tables.append(weights.gains(bare, titles, words, searched))
    chosen = weights.choose([*typed, *titles], np.concatenate(tables), words, seed)
    found = replace(now, weights=chosen.weights, picture_weights=pictures[0])
    result = CalibrationResult(found, [*_told("words", chosen)], [])
    asked = {N_("words"): [*typed, *titles, *queries.off_topic()]}
    if len({one.case for one in looked}) >= FEWEST_CASES:
        chosen = weights.choose(looked, weights.gains(atlas, looked, pictures, searched), pictures, seed)
        found = replace(found, picture_weights=chosen.weights)
        result.report.extend(_told("pictures", chosen))
        asked[N_("pictures")] = [*looked, *queries.off_topic_pictures(atlas, seed)]
    else:
        result.notes.append(_("Too few figures share a case, title or diagnosis: queries by picture are left as they were."))
    atlas.calibrate(found)
    for sort, known in asked.items():
        samples = collect(atlas, known)
        model = choose(samples)
        fitted = replace(found, text=model) if sort == "words" else replace(found, picture=model)
        if quality(samples, fitted)[HEARD] >= _HEARD:
            found = fitted
        else:
            result.notes.append(
                _(
                    "No thresholds for %(sort)s reject off-topic queries and answer most others: they stay as they were.",
                    sort=looked_up(sort),
                )
            )
        result.report.append((f"{_CUTS}, {sort}", ""))
        result.report.extend((f"  {name}", f"{value:.3g}") for name, value in quality(samples, found).items())
    atlas.calibrate(found)
    return replace(result, calibration=found)


def _bared(atlas: Atlas, asked: Sequence[KnownAnswerQuery], seed: int, path: Path) -> Atlas:
    """A copy without titles and diagnoses, where every second figure has no words; of a large atlas, of a part of it."""
    rng = random.Random(seed)  # noqa: S311 - draws figures
    ids = sorted(row.figure.id for rows in atlas.store.each() for row in rows)
    there = set(rng.sample(ids, min(_MOST_COPIED, len(ids)))).union(*(one.right for one in asked))
    silent = set(rng.sample(sorted(there), len(there) // 2))

    def bare(figure: Figure) -> Figure | None:
        if figure.id not in there:
            return None
        return uncaptioned(figure) if figure.id in silent else replace(figure, title="", diagnosis="")

    return copied(atlas, path, bare)


def _told(sort: str, choice: WeightChoice) -> Iterator[tuple[str, str]]:
    for name, given in ((f"{_WEIGHTS}, {sort}", choice.weights), (f"  {_BEST}", choice.best)):
        yield name, ", ".join(f"{channel} {weight:g}" for channel, weight in given.items())
    gained, low, high = choice.unseen
    yield f"  {_GAIN}", f"{gained:+.3f} ({low:+.3f} to {high:+.3f})"
    for kind, now in choice.ndcg_now.items():
        number = choice.queries.get(kind, _ALL_KINDS)
        yield f"  nDCG@10, {_NOW_AND_BEST}, {kind}, {number}", f"{now:.3f}, {choice.ndcg_best[kind]:.3f}"


def write(result: CalibrationResult, path: Path) -> None:
    """Write a calibration with how it does.

    Parameters
    ----------
    result : CalibrationResult
    path : Path
        A JSON file, which is replaced; its folder is made when there is none.

    Raises
    ------
    mirage.errors.BadInput
        When it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        calibrations.write(result.calibration, path, report=result.report, command="mirage evaluate calibrate")
    except OSError as error:
        raise BadInput(
            _(
                "The calibration cannot be written to %(path)s (%(strerror)s). Name a file with --out.",
                path=path,
                strerror=error.strerror,
            )
        ) from error
