"""First queries of a student to the starter atlas alone: is the first figure right, is it said when nothing fits.

Sixty queries: twenty of anatomy in a student's words, twenty wordings of what the atlas holds, twenty of what it does not
hold. Which figures answer is a rule over what records say (labelled structures, diagnosis, modality, region), written before
any of them was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.atlas import Atlas
from mirage.corpora.starter import SHIPPED
from mirage.errors import BadInput
from mirage.query import Query
from mirage.search.answer import Hit

FILE = Path(__file__).with_name("first_queries.jsonl")
KINDS = {"anatomy": "anatomy", "held": "what is held", "absent": "what is not held"}
LEAST_SHARE = 0.25
Record = Mapping[str, Any]
Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FirstQuery:
    """A query, and rules of which one is met by every figure that answers it.

    Attributes
    ----------
    id, kind, query : str
        The kind is one of `KINDS`.
    right : tuple of dict
        None where the atlas holds nothing that answers. A rule's parts must all be met: ``ids``; ``shows``, words of which
        the name of a labelled structure has one whole (a slice shows a quarter of the structure's largest section);
        ``diagnosis``, ``modality``, ``region`` and ``plane``, equal to the record's; ``detail``, part of its detail.
    """

    id: str
    kind: str
    query: str
    right: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstOutcome:
    """What one query showed: the first figure, and whether it is right; for absent queries, whether it was told so."""

    asked: FirstQuery
    first: str
    right: bool
    fits: bool


def read(path: Path = FILE) -> list[FirstQuery]:
    """The queries of a file, one a line.

    Raises
    ------
    mirage.errors.BadInput
        When a line is broken; the message names it.
    """
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            found.append(FirstQuery(**{**row, "right": tuple(row.get("right", ()))}))
        except (ValueError, TypeError) as error:
            raise BadInput(f"Line {number} of {path} is no query: {error}.") from error
        if found[-1].kind not in KINDS or bool(found[-1].right) == (found[-1].kind == "absent"):
            raise BadInput(f"Line {number} of {path}: an absent query has no rule, any other has one.")
    return found


def records(folder: Path = SHIPPED) -> dict[str, Record]:
    """What the starter atlas says of its figures, by id."""
    lines = (folder / "figures.jsonl").read_text("utf-8").split("\n")
    return {row["id"]: row for row in map(json.loads, filter(None, lines))}


def answers(rule: Rule, record: Record) -> bool:
    """Whether a figure meets every part of a rule.

    Parameters
    ----------
    rule, record : dict
    """
    if "ids" in rule and record["id"] not in rule["ids"]:
        return False
    if any(record[key] != rule[key] for key in ("diagnosis", "modality", "region", "plane") if key in rule):
        return False
    if rule.get("detail", "") not in record["modality_detail"]:
        return False
    shares = record.get("shares") or dict.fromkeys(record.get("structures", ()), 1.0)
    return "shows" not in rule or any(
        share >= LEAST_SHARE and re.search(rf"\b{re.escape(words)}\b", name)
        for name, share in shares.items()
        for words in rule["shows"]
    )


def is_right(hit: Hit, rules: Sequence[Rule], known: Mapping[str, Record]) -> bool:
    """Whether a hit, or a near-duplicate that it stands for, answers.

    Parameters
    ----------
    hit : Hit
    rules : sequence of dict
    known : dict of str to dict
        Of `records`.
    """
    found = [known[name] for name in (hit.figure.id, *hit.folded) if name in known]
    return any(answers(rule, record) for rule in rules for record in found)


def evaluate(
    atlas: Atlas, queries: Sequence[FirstQuery], progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[dict[str, int], list[FirstOutcome]]:
    """Ask the queries and count, kind by kind, how many were answered rightly.

    Parameters
    ----------
    atlas : Atlas
        Holds the starter atlas and nothing else.
    queries : sequence of FirstQuery
    progress : callable
        Told how many queries are done, and of how many.
    """
    if [holding.name for holding in atlas.info().corpora] != ["starter"]:
        raise BadInput(
            f"{atlas.path} holds more than the starter atlas, or other things, and the queries are about that alone."
        )
    known, outcomes = records(), []
    for number, asked in enumerate(queries, 1):
        answer = atlas.search(Query.of(asked.query))
        first = answer.hits[0] if answer.hits else None
        right = (
            not answer.fits
            if asked.kind == "absent"
            else bool(first and answer.fits and is_right(first, asked.right, known))
        )
        outcomes.append(FirstOutcome(asked, first.figure.id if first else "", right, answer.fits))
        progress(number, len(queries))
    table: dict[str, int] = {}
    for kind in KINDS:
        these = [one for one in outcomes if one.asked.kind == kind]
        table |= {kind: sum(one.right for one in these), f"{kind} asked": len(these)}
    return table, outcomes


def rows(table: Mapping[str, int]) -> list[tuple[str, str]]:
    """The figures for a reader."""
    right = {"absent": "told that nothing fits"}
    return [
        (f"{name}: {right.get(kind, 'the first figure is right')}", f"{table[kind]} of {table[f'{kind} asked']}")
        for kind, name in KINDS.items()
    ]


def misses(outcomes: Iterable[FirstOutcome]) -> list[tuple[str, str]]:
    """What went wrong, query by query."""
    said = {True: "said to fit", False: "said that nothing fits"}
    return [(one.asked.query, f"{said[one.fits]}; first {one.first or 'nothing'}") for one in outcomes if not one.right]
