"""Queries as students type them: what share of what is shown answers them, and is it said when nothing does.

The queries are over MedPix's train and dev cases: conditions, findings, abbreviations, lay words, British spelling, typing
errors, questions, Spanish, normal anatomy, and conditions that are absent. Each holds the ids of the cases that answer it,
found by reading titles, diagnoses and captions. One half is there to work on; the other was scored once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mirage.atlas import Atlas
from mirage.calibrate.queries import case_of, items_of
from mirage.corpora.base import Item
from mirage.errors import BadInput
from mirage.query import DEFAULT_K, Query
from mirage_research.evaluation.bm25 import Bm25Baseline
from mirage_research.evaluation.intervals import Floats, bootstrap, compare, holm, told

Table = dict[str, Any]

FILE = Path(__file__).with_name("student_queries.jsonl")
HALVES = ("work", "test")
CORPUS = "medpix"
SHOWN = 10
SEARCH, WORDS, TEXTS = "search", "BM25 over words", "BM25 over all case texts"
SYSTEMS = (SEARCH, WORDS, TEXTS)


@dataclass(frozen=True, slots=True)
class StudentQuery:
    """One query and the cases that answer it.

    Attributes
    ----------
    id, half, kind, query : str
        The half is one of `HALVES`.
    answers : tuple of str
        Ids of cases as the data set has them; none where the atlas has nothing that answers.
    """

    id: str
    half: str
    kind: str
    query: str
    answers: tuple[str, ...]


def read(path: Path = FILE) -> list[StudentQuery]:
    """The committed queries.

    Raises
    ------
    mirage.errors.BadInput
        When a line is broken; the message names it.
    """
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            found.append(StudentQuery(**{**row, "answers": tuple(row["answers"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(f"Line {number} of {path} is no query: {error}.") from error
    return found


def halved(rows: Iterable[dict[str, Any]], known: Iterable[StudentQuery] = ()) -> list[StudentQuery]:
    """Draw the half of each new query by a hash of its id, kind by kind, so that the halves of a kind are alike in number.

    Parameters
    ----------
    rows : iterable of dict
        With ``id``, ``kind``, ``query`` and ``answers``.
    known : iterable of StudentQuery
        Keep the half that they have.
    """
    found = {one.id: one for one in known}
    for row in sorted(rows, key=lambda row: (row["kind"], hashlib.sha256(row["id"].encode()).hexdigest())):
        half = found[row["id"]].half if row["id"] in found else ""
        if not half:
            counts = [sum(one.half == name and one.kind == row["kind"] for one in found.values()) for name in HALVES]
            whole = [sum(one.half == name for one in found.values()) for name in HALVES]
            half = HALVES[int(np.lexsort((whole, counts))[0])]
        answers = tuple(dict.fromkeys(str(name).removeprefix(f"{CORPUS}:") for name in row["answers"]))
        found[row["id"]] = StudentQuery(row["id"], half, row["kind"], row["query"], answers)
    return sorted(found.values(), key=lambda one: (one.kind, one.id))


def write(queries: Iterable[StudentQuery], path: Path = FILE) -> None:
    """Write queries, one a line.

    Parameters
    ----------
    queries : iterable of StudentQuery
    path : Path
    """
    path.write_text("".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in queries), "utf-8")


@dataclass(frozen=True, slots=True)
class QueryOutcome:
    """What one query showed.

    Attributes
    ----------
    asked : StudentQuery
    precision : dict of str to float
        System to the share that is right of the first ten; of fewer where the atlas has fewer that are right.
    fits : bool
        Whether the search said that something fits.
    strong : tuple of bool
        Of each strong hit among the first ten, whether it is right.
    claims : int
        Sentences of the explanation; counted for absent queries only.
    """

    asked: StudentQuery
    precision: dict[str, float]
    fits: bool
    strong: tuple[bool, ...]
    claims: int = 0


class StudentTrial:
    """Asks an atlas and the baselines over the same figures.

    Parameters
    ----------
    atlas : Atlas
        Holds MedPix's train and dev cases; of other corpora nothing is asked.
    """

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._items = [item for item in items_of(atlas) if item.figure.source.corpus == CORPUS]
        if not self._items:
            raise BadInput(f"{atlas.path} holds nothing of MedPix, which the queries are about.")
        alone = {holding.name for holding in atlas.info().corpora} == {CORPUS}
        self._filters: dict[str, Any] = {} if alone else {"corpus": CORPUS}
        self._cases = [case_of(item).removeprefix(f"{CORPUS}:") for item in self._items]
        self._baselines = {
            WORDS: Bm25Baseline([item.figure.words for item in self._items]),
            TEXTS: Bm25Baseline([texts_of(item) for item in self._items]),
        }

    def ask(self, asked: StudentQuery) -> QueryOutcome:
        """Ask one query; a hit is right if its case is among the answers."""
        answer = self._atlas.search(Query.of(asked.query, k=DEFAULT_K, **self._filters))
        shown = [(hit.figure.case_id.removeprefix(f"{CORPUS}:"), hit.confidence) for hit in answer.hits[:SHOWN]]
        cases = {SEARCH: [case for case, _ in shown]}
        for name, baseline in self._baselines.items():
            cases[name] = [self._cases[place] for place in baseline.best(asked.query, SHOWN)]
        most = min(SHOWN, sum(case in asked.answers for case in self._cases))
        precision = {name: sum(case in asked.answers for case in found) / most for name, found in cases.items() if most}
        strong = tuple(case in asked.answers for case, confidence in shown if confidence == "strong")
        outcome = QueryOutcome(asked, precision, answer.fits, strong)
        if asked.answers:
            return outcome
        return replace(outcome, claims=len(self._atlas.explain(answer.query, explainer="extractive").claims))


def texts_of(item: Item) -> str:
    """All that is written of a figure: its words, and the topic and every passage of its case."""
    case = item.case
    return " ".join([item.figure.words, *((case.topic, *case.passages.values()) if case else ())])


def evaluate(
    atlas: Atlas, queries: Sequence[StudentQuery], progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[Table, list[QueryOutcome]]:
    """Ask queries, and tell totals and each kind's; queries whose answers the atlas lacks are left out and counted.

    Parameters
    ----------
    atlas : Atlas
    queries : sequence of StudentQuery
    progress : callable
        Told how many queries are done, and of how many.
    """
    trial = StudentTrial(atlas)
    outcomes = []
    for number, asked in enumerate(queries, 1):
        outcomes.append(trial.ask(asked))
        progress(number, len(queries))
    found = [one for one in outcomes if one.precision or not one.asked.answers]
    kinds = dict.fromkeys(one.asked.kind for one in found)
    table = _summary(found) | {"left out": len(outcomes) - len(found)}
    return table | {"kinds": {kind: _summary([one for one in found if one.asked.kind == kind]) for kind in kinds}}, found


def _summary(outcomes: Sequence[QueryOutcome]) -> Table:
    answerable = [one for one in outcomes if one.asked.answers]
    absent = [one for one in outcomes if not one.asked.answers]
    ids = [one.asked.id for one in answerable]
    values: dict[str, Floats] = {name: np.array([one.precision[name] for one in answerable]) for name in SYSTEMS}
    strong = [(right, one.asked.id) for one in outcomes for right in one.strong]
    rights = np.array([right for right, _ in strong], dtype=np.float64)
    pairs = {name: compare(values[SEARCH], values[name], ids) for name in SYSTEMS[1:]} if ids else {}
    adjusted = holm([p for _, p in pairs.values()])
    return {
        "queries": len(answerable),
        "P@10": {name: bootstrap(values[name], ids).row() for name in SYSTEMS},
        "compared": {
            name: {"difference": gained.row(), "p adjusted": p}
            for (name, (gained, _)), p in zip(pairs.items(), adjusted, strict=True)
        },
        "told that nothing fits": sum(not one.fits for one in answerable),
        "strong that is right": bootstrap(rights, [name for _, name in strong]).counted(),
        "absent": len(absent),
        "absent and told so, with nothing explained": sum(not one.fits and not one.claims for one in absent),
    }


def rows(table: Table) -> list[tuple[str, str]]:
    """The figures for a reader."""
    found = [("answerable queries", str(table["queries"]))]
    found += [(f"P@10, {name}", told(row)) for name, row in table["P@10"].items()]
    for name, other in table["compared"].items():
        gained, low, high = other["difference"]
        found.append((f"  more than {name}", f"{gained:+.3f} ({low:+.3f} to {high:+.3f}), p {other['p adjusted']:.4f}"))
    found += [
        ("told that nothing fits", f"{table['told that nothing fits']} of {table['queries']}"),
        ("strong that is right", told(table["strong that is right"])),
        (
            "absent, told so, nothing explained",
            f"{table['absent and told so, with nothing explained']} of {table['absent']}",
        ),
    ]
    if table["left out"]:
        found.append(("left out: the atlas has none of the answers", str(table["left out"])))
    return found + [(f"  {kind}", _kind(each)) for kind, each in table["kinds"].items()]


def _kind(each: Table) -> str:
    if not each["queries"]:
        return f"{each['absent and told so, with nothing explained']} of {each['absent']} told that nothing fits"
    right = ", ".join(f"{name} {row[0]:.3f}" for name, row in each["P@10"].items())
    strong = each["strong that is right"]
    sure = f"{strong[0]:.2f} of {strong[3]}" if strong[3] else "none"
    return f"{each['queries']}: {right}; nothing fits {each['told that nothing fits']}; strong and right {sure}"


def misses(outcomes: Iterable[QueryOutcome]) -> list[tuple[str, str]]:
    """What went wrong, query by query; for the half to work on."""
    found = []
    for one in outcomes:
        right = one.precision.get(SEARCH, 0.0)
        wrong = [f"P@10 {right:.2f}"] if one.asked.answers and right < 1 else []
        wrong += ["told that nothing fits"] if one.asked.answers and not one.fits else []
        wrong += [f"{one.strong.count(False)} strong and wrong"] if False in one.strong else []
        wrong += ["told that something fits"] if not one.asked.answers and one.fits else []
        wrong += [f"{one.claims} claims"] if one.claims else []
        if wrong:
            found.append((f"{one.asked.id} {one.asked.query}", ", ".join(wrong)))
    return found
