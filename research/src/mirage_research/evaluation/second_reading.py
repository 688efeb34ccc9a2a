"""A second reading: does somebody who does not know the answers find the same cases right?

A hundred pairs of a query and a case are drawn: fifty answers, and fifty near misses, cases that BM25 over all their
texts ranks high though they are no answers. The reader sees neither which is which nor what the first reader said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mirage.calibrate.queries import case_of
from mirage.corpora.base import Item
from mirage.errors import BadInput
from mirage_research.evaluation.bm25 import Bm25Baseline
from mirage_research.evaluation.student_queries import CORPUS, StudentQuery, texts_of

FILE = Path(__file__).with_name("student_queries_second.jsonl")
PAIRS = 100
_NEAR = 5  # how far down a ranking a near miss may stand, answers not counted

Pair = tuple[str, str]


def draw(queries: Sequence[StudentQuery], items: Iterable[Item], count: int = PAIRS) -> list[Pair]:
    """Draw pairs of query id and case id, half of them answers, the same ones every time; no query twice in a half.

    Parameters
    ----------
    queries : sequence of StudentQuery
    items : iterable of Item
        Figures with their cases.
    count : int
    """
    words: dict[str, list[str]] = {}
    for item in items:
        words.setdefault(case_of(item).removeprefix(f"{CORPUS}:"), []).append(texts_of(item))
    cases = sorted(words)
    baseline = Bm25Baseline([" ".join(dict.fromkeys(words[case])) for case in cases])
    answers, misses = [], []
    for one in queries:
        answers += [(one.id, case) for case in one.answers if case in words]
        ranked = [cases[place] for place in baseline.best(one.query, _NEAR + len(one.answers))]
        misses += [(one.id, case) for case in ranked if case not in one.answers][:_NEAR]
    drawn = [*_once_each(answers, count // 2), *_once_each(misses, count - count // 2)]
    return sorted(drawn, key=_dice)


def _dice(pair: Pair) -> str:
    return hashlib.sha256(" ".join(pair).encode()).hexdigest()


def _once_each(pairs: Iterable[Pair], count: int) -> list[Pair]:
    found: dict[str, Pair] = {}
    for pair in sorted(pairs, key=_dice):
        found.setdefault(pair[0], pair)
    return sorted(found.values(), key=_dice)[:count]


def read(path: Path) -> dict[Pair, bool]:
    """What a reader said: JSON Lines of ``query``, ``case`` and ``right``.

    Raises
    ------
    mirage.errors.BadInput
        When a line is broken; the message names it.
    """
    found = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            if not isinstance(row["right"], bool):
                raise ValueError("“right” is true or false")
            found[str(row["query"]), str(row["case"])] = row["right"]
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(f"Line {number} of {path} is no judgement: {error}.") from error
    return found


def agreement(queries: Iterable[StudentQuery], second: dict[Pair, bool]) -> dict[str, Any]:
    """How often two readings agree, and Cohen's kappa (Educational and Psychological Measurement 20 (1960) 37-46).

    Parameters
    ----------
    queries : iterable of StudentQuery
        The first reading; a pair of a query that is not among them is passed over.
    second : dict
        As `read` gives it.
    """
    answers = {one.id: one.answers for one in queries}
    said = [(case in answers[query], right) for (query, case), right in second.items() if query in answers]
    if not said:
        raise BadInput("The second reading judges none of these queries.")
    size = len(said)
    agreed = sum(first == other for first, other in said) / size
    first, other = (sum(each[place] for each in said) / size for place in (0, 1))
    chance = first * other + (1 - first) * (1 - other)
    kappa = (agreed - chance) / (1 - chance) if chance < 1 else 1.0
    return {"pairs": size, "agreed": round(agreed, 4), "kappa": round(kappa, 4), "right at first": round(first, 4)} | {
        "right at second": round(other, 4)
    }
