"""What a student asks, with answers that are known: names of conditions, and pictures.

| kind | the query | right figures |
|---|---|---|
| title, diagnosis | a case's title or diagnosis | of all cases with that title, diagnosis or topic, its own too |
| picture, same condition | a figure | of other cases with its title, diagnosis or topic |
| picture, same kind | a figure whose case shares its condition with no other | of other cases, same region and modality |

A case's own figures answer its name: that is what somebody who types the name wants to see, and neither the name nor the
diagnosis is in any channel of the atlas that is asked. They never answer a picture of their own case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mirage_research.evaluation.evaluation_set import EvaluationSet

_WORD = re.compile(r"\w+")
NAMES = ("title", "diagnosis")
PICTURES = ("same condition", "same kind")
LONGEST = 300  # characters of a name; what is longer is a story, and nobody types it


@dataclass(frozen=True, slots=True)
class Topic:
    """A query whose answers are known.

    Attributes
    ----------
    kind : str
        One of `NAMES` or `PICTURES`.
    case : str
        Whose name or picture it is; intervals and tests are over cases.
    place : int
        In the evaluation set: of the picture that is asked with, or of the first figure of the case.
    text : str
        What is typed; empty for a picture.
    right : frozenset of int
        Places of the figures that answer it.
    without : frozenset of int
        Places of figures that are left out of every answer.
    """

    kind: str
    case: str
    place: int
    text: str
    right: frozenset[int]
    without: frozenset[int] = frozenset()


def subjects(pool: EvaluationSet) -> list[frozenset[str]]:
    """Diagnosis, title and topic of every figure, in a form in which equal ones meet: lower case, words in order."""
    found = []
    for figure in pool.figures:
        case = pool.cases.get(figure.case_id)
        names = [figure.diagnosis, figure.title, case.topic if case else ""]
        found.append(frozenset(filter(None, map(_folded, names))))
    return found


def _folded(name: str) -> str:
    return " ".join(sorted(_WORD.findall(name.lower())))


class _Relevance:
    """Which figures share a subject."""

    def __init__(self, pool: EvaluationSet) -> None:
        self.subjects = subjects(pool)
        self._by_subject: dict[str, set[int]] = {}
        for place, names in enumerate(self.subjects):
            for name in names:
                self._by_subject.setdefault(name, set()).add(place)

    def sharing(self, names: Iterable[str]) -> frozenset[int]:
        return frozenset(place for name in names for place in self._by_subject[name])


def named(pool: EvaluationSet, asked: Sequence[int]) -> list[Topic]:
    """The queries by name of the cases that some figures belong to.

    Parameters
    ----------
    pool : EvaluationSet
        The pool.
    asked : sequence of int
        Places of the figures whose cases are asked for.
    """
    relevance = _Relevance(pool)
    queries: list[Topic] = []
    done: set[str] = set()
    of_case = _by_case(pool)
    for place in asked:
        case, figure = pool.groups[place], pool.figures[place]
        if case in done:
            continue
        done.add(case)
        right = relevance.sharing(frozenset().union(*(relevance.subjects[other] for other in of_case[case])))
        seen: set[str] = set()
        for kind, text in zip(NAMES, (figure.title, figure.diagnosis), strict=True):
            folded = _folded(text)
            # A diagnosis that only repeats the title would count the same question twice.
            if folded and folded not in seen and len(text) <= LONGEST:
                queries.append(Topic(kind, case, place, text, right))
            seen.add(folded)
    return queries


def pictured(pool: EvaluationSet, asked: Sequence[int]) -> list[Topic]:
    """The queries by picture: some figures, each asked for figures of other cases.

    Parameters
    ----------
    pool : EvaluationSet
        The pool.
    asked : sequence of int
        Places of the figures to ask with; one that no other case answers is passed over.
    """
    relevance = _Relevance(pool)
    of_case = _by_case(pool)
    of_kind: dict[tuple[str, str], set[int]] = {}
    for place, figure in enumerate(pool.figures):
        if figure.modality and figure.region:
            of_kind.setdefault((figure.modality, figure.region), set()).add(place)
    queries = []
    for place in asked:
        figure, case = pool.figures[place], pool.groups[place]
        own = frozenset(of_case[case])
        same = relevance.sharing(relevance.subjects[place]) - own
        alike = frozenset(of_kind.get((figure.modality, figure.region), ())) - own
        kind, right = (PICTURES[0], same) if same else (PICTURES[1], alike)
        if right:
            queries.append(Topic(kind, case, place, "", right, own))
    return queries


def _by_case(pool: EvaluationSet) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for place, case in enumerate(pool.groups):
        found.setdefault(case, set()).add(place)
    return found
