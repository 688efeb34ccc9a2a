"""Does looking twice help? Queries over MedPix 2.0 whose answers are known, asked once and refined.

Every query is asked over the figures of ``train`` and ``dev`` together.

| kind | the query | right figures |
|---|---|---|
| caption | plane, modality and caption of a figure, picture channel alone, as in the paper | same case and caption |
| short | a sentence of a case's findings that no caption of it holds, up to 10 words | of that case |
| long | the same, more than 10 words | of that case |
| condition | a case's title, in an atlas without that case | of the same diagnosis or topic |
| picture | a figure, cropped and brightened a little, in an atlas without it | of its case or diagnosis |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage.atlas import Atlas
from mirage.calibrate.queries import KnownAnswerQuery, queries
from mirage.corpora.base import Item
from mirage.corpora.medpix import MedPixCorpus
from mirage.errors import BadInput
from mirage.explain import refine
from mirage.explain.explanation import MOST_HITS
from mirage.explain.refine import Refinement
from mirage.search.answer import Answer
from mirage.search.calibrations import calibration_for
from mirage.search.confidence import DEFAULT_CALIBRATION
from mirage.search.query_vector import Feedback
from mirage.search.searcher import Searcher
from mirage.shipped import SHIPPED
from mirage.storage.ingest import Progress
from mirage_research.evaluation.encoder import holdout
from mirage_research.evaluation.evaluation_set import temporary_atlas
from mirage_research.evaluation.intervals import bootstrap

KINDS = ("caption", "short", "long", "condition", "picture")
AT = (1, 5, 10)
ONCE = "once"
PAPER = Refinement(share=1.0, hits=3, whole=True)
SHARES = (0.2, 0.35, 0.5, 0.75, 1.0)

Ranks = npt.NDArray[np.float64]
Table = dict[str, Any]


def ways() -> dict[str, Refinement]:
    """The ways of refining that are compared, the paper's among them."""
    found = {"paper": PAPER}
    for share in SHARES:
        found[f"share {share:g}"] = Refinement(share=share, hits=MOST_HITS)
        found[f"share {share:g}, words"] = Refinement(share=share, hits=MOST_HITS, words=True)
    found["share 0.5, whole"] = Refinement(share=0.5, hits=MOST_HITS, whole=True)
    found["chosen"] = refine.DEFAULT
    return found


def run(
    medpix: Path,
    split: str,
    *,
    seed: int = 0,
    adding: Callable[[Progress], None] = lambda _: None,
    asking: Callable[[int, int], None] = lambda done, total: None,
) -> Table:
    """Build an atlas of MedPix's train and dev splits, ask it, and measure; see `measure`.

    Parameters
    ----------
    medpix : Path
        A copy of MedPix 2.0.
    split : str
        ``aside``: the cases set aside from training, in all the ways; ``dev``: in the chosen way and the paper's.
    seed : int
    adding, asking : callable
        Told how far it is.

    Raises
    ------
    mirage.errors.BadInput
        When there is no such split, or none of its cases are in the copy.
    """
    if split not in ("aside", "dev"):
        raise BadInput(f"There is no split “{split}” to ask about. There are aside and dev.")
    collection = MedPixCorpus(medpix, splits=("train", "dev"))
    items = [item for item in collection.items() if isinstance(item, Item)]
    there = {item.figure.case_id for item in items}
    if split == "aside":
        cases = set(holdout(SHIPPED / "encoder" / "splits.json"))
    else:
        cases = {item.figure.case_id for item in items if collection.split_of(item) == "dev"}
    if not cases & there:
        raise BadInput(f"{medpix} has none of the cases to ask about (“{split}”).")
    compared = ways() if split == "aside" else {"chosen": refine.DEFAULT, "paper": PAPER}
    with temporary_atlas(collection, adding) as atlas:
        return {"split": split, "seed": seed, **measure(atlas, items, cases & there, compared, seed=seed, progress=asking)}


class RefineTrial:
    """Asks queries of one atlas, once and in several ways of refining."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        weights = {"image": 1.0, "caption": 0.0, "words": 0.0, "coverage": 0.0}
        pictures_only = replace(DEFAULT_CALIBRATION, encoder="", weights=weights, picture_weights=None)
        parts = (atlas.store, atlas.index, atlas.encoder, atlas.pictures)
        own = calibration_for(atlas.encoder_info.digest)
        self._searchers = {True: Searcher(*parts, pictures_only), False: Searcher(*parts, own)}
        self.seconds: dict[str, list[float]] = {"first": [], "explaining": [], "second": []}

    def ranks(self, asked: KnownAnswerQuery, compared: Mapping[str, Refinement]) -> dict[str, float]:
        """Rank of the first right figure, by way; `ONCE` is the search as it stands. inf where none is found.

        Parameters
        ----------
        asked : KnownAnswerQuery
        compared : mapping
            Name to way of refining.
        """
        searcher = self._searchers[asked.kind == "caption"]
        first = _without(self._timed("first", partial(searcher.search, asked.query)), asked.without)
        found = {ONCE: _rank(first, asked.right)}
        # Without the words there is nothing to tell how sure a hit is, so the picture channel explains all its first hits.
        likely = tuple(replace(hit, confidence="likely") for hit in first.hits)
        explained = replace(first, hits=likely) if asked.kind == "caption" else first

        def quote(hits: int) -> refine.Quoted:
            return refine.quote(explained, self._atlas.cases_of(explained.hits[:hits]), hits)

        quoted: dict[int, refine.Quoted] = {}
        for name, way in compared.items():
            if way.hits not in quoted:
                quoted[way.hits] = self._timed("explaining", partial(quote, way.hits))
            told = quoted[way.hits]
            if not told.sentences:
                found[name] = found[ONCE]
                continue
            vector, _ = refine.embed(told.sentences, self._atlas.encoder, whole=way.whole)
            feedback = Feedback(vector, way.share, " ".join(told.sentences) if way.words else "")
            second = self._timed("second", partial(searcher.search, asked.query, feedback))
            found[name] = _rank(_without(second, asked.without), asked.right)
        return found

    def _timed(self, name: str, work: Callable[[], Any]) -> Any:
        started = perf_counter()
        result = work()
        self.seconds[name].append(perf_counter() - started)
        return result


def _without(answer: Answer, names: frozenset[str]) -> Answer:
    return replace(answer, hits=tuple(hit for hit in answer.hits if hit.figure.id not in names)) if names else answer


def _rank(answer: Answer, right: frozenset[str]) -> float:
    hits = enumerate(answer.hits, 1)
    return next((float(rank) for rank, hit in hits if not right.isdisjoint((hit.figure.id, *hit.folded))), float("inf"))


def measure(
    atlas: Atlas,
    items: Sequence[Item],
    cases: set[str],
    compared: Mapping[str, Refinement],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Table:
    """Ask the queries of some cases, and tell R@K of each way and its difference to searching once.

    Parameters
    ----------
    atlas : Atlas
        Of the items alone.
    items : sequence of Item
    cases : set of str
    compared : mapping
        Name to way of refining.
    seed : int
    progress : callable
        Told how many queries are done, and of how many.

    Returns
    -------
    dict
        ``pool``, ``cases``, ``milliseconds`` (medians), and ``kinds``: kind to ``queries`` and, by way, ``R@K``, ``MRR`` and
        the ``difference`` of each to searching once, as ``[value, low, high]`` with paired 95 % intervals over cases.
    """
    trial = RefineTrial(atlas)
    asked = [one for one in queries(atlas, items, cases, seed) if one.kind in KINDS]
    names = [ONCE, *compared]
    ranks = np.zeros((len(asked), len(names)))
    for number, one in enumerate(asked):
        found = trial.ranks(one, compared)
        ranks[number] = [found[name] for name in names]
        progress(number + 1, len(asked))
    kinds = {}
    for kind in KINDS:
        which = [number for number, one in enumerate(asked) if one.kind == kind]
        if which:
            kinds[kind] = _table(names, ranks[which], [asked[number].case for number in which])
    return {
        "pool": len(items),
        "cases": len(cases),
        "kinds": kinds,
        "milliseconds": {name: round(1000 * float(np.median(times)), 1) for name, times in trial.seconds.items() if times},
    }


def _table(names: Sequence[str], ranks: Ranks, cases: Sequence[str]) -> Table:
    table: Table = {"queries": len(ranks)}
    measures = {f"R@{k}": (ranks <= k).astype(float) for k in AT} | {"MRR": 1 / ranks}
    for column, name in enumerate(names):
        entry: Table = {}
        for measured, values in measures.items():
            entry[measured] = bootstrap(values[:, column], cases).row()
            if column:
                entry[f"difference {measured}"] = bootstrap(values[:, column] - values[:, 0], cases).row()
        table[name] = entry
    return table


def rows(table: Table) -> list[tuple[str, str]]:
    """The figures for a reader: R@1, R@5 and R@10, and after refining how each differs from searching once."""
    found = [("figures, cases asked about", f"{table['pool']:,}, {table['cases']}")]
    for kind, measured in table["kinds"].items():
        found.append((f"{kind} ({measured['queries']} queries)", ""))
        for way, entry in measured.items():
            if way != "queries":
                found.append((f"  {way}", ", ".join(_told(entry, k) for k in AT)))
    return [*found, ("milliseconds (median)", ", ".join(f"{name} {took:g}" for name, took in table["milliseconds"].items()))]


def _told(entry: Table, k: int) -> str:
    change = entry.get(f"difference R@{k}")
    differs = f" ({change[0]:+.3f}, {change[1]:+.3f} to {change[2]:+.3f})" if change else ""
    return f"R@{k} {entry[f'R@{k}'][0]:.3f}{differs}"
