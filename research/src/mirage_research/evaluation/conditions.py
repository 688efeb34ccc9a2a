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

from mirage_research.evaluation.shelf import Shelf

_WORD = re.compile(r"\w+")
NAMES = ("title", "diagnosis")
PICTURES = ("same condition", "same kind")
LONGEST = 300  # characters of a name; what is longer is a story, and nobody types it


@dataclass(frozen=True, slots=True)
class Asked:
    """A query whose answers are known.

    Attributes
    ----------
    kind : str
        One of `NAMES` or `PICTURES`.
    case : str
        Whose name or picture it is; intervals and tests are over cases.
    place : int
        On the shelf: of the picture that is asked with, or of the first figure of the case.
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


def subjects(shelf: Shelf) -> list[frozenset[str]]:
    """Diagnosis, title and topic of every figure, in a form in which equal ones meet: lower case, words in order."""
    found = []
    for figure in shelf.figures:
        case = shelf.cases.get(figure.case_id)
        names = [figure.diagnosis, figure.title, case.topic if case else ""]
        found.append(frozenset(filter(None, map(_folded, names))))
    return found


def _folded(name: str) -> str:
    return " ".join(sorted(_WORD.findall(name.lower())))


class _Relevance:
    """Which figures share a subject."""

    def __init__(self, shelf: Shelf) -> None:
        self.subjects = subjects(shelf)
        self._by_subject: dict[str, set[int]] = {}
        for place, names in enumerate(self.subjects):
            for name in names:
                self._by_subject.setdefault(name, set()).add(place)

    def sharing(self, names: Iterable[str]) -> frozenset[int]:
        return frozenset(place for name in names for place in self._by_subject[name])


def named(shelf: Shelf, asked: Sequence[int]) -> list[Asked]:
    """The queries by name of the cases that some figures belong to.

    Parameters
    ----------
    shelf : Shelf
        The pool.
    asked : sequence of int
        Places of the figures whose cases are asked for.
    """
    relevance = _Relevance(shelf)
    queries: list[Asked] = []
    done: set[str] = set()
    of_case = _by_case(shelf)
    for place in asked:
        case, figure = shelf.groups[place], shelf.figures[place]
        if case in done:
            continue
        done.add(case)
        right = relevance.sharing(frozenset().union(*(relevance.subjects[other] for other in of_case[case])))
        seen: set[str] = set()
        for kind, text in zip(NAMES, (figure.title, figure.diagnosis), strict=True):
            folded = _folded(text)
            # A diagnosis that only repeats the title would count the same question twice.
            if folded and folded not in seen and len(text) <= LONGEST:
                queries.append(Asked(kind, case, place, text, right))
            seen.add(folded)
    return queries


def pictured(shelf: Shelf, asked: Sequence[int]) -> list[Asked]:
    """The queries by picture: some figures, each asked for figures of other cases.

    Parameters
    ----------
    shelf : Shelf
        The pool.
    asked : sequence of int
        Places of the figures to ask with; one that no other case answers is passed over.
    """
    relevance = _Relevance(shelf)
    of_case = _by_case(shelf)
    of_kind: dict[tuple[str, str], set[int]] = {}
    for place, figure in enumerate(shelf.figures):
        if figure.modality and figure.region:
            of_kind.setdefault((figure.modality, figure.region), set()).add(place)
    queries = []
    for place in asked:
        figure, case = shelf.figures[place], shelf.groups[place]
        own = frozenset(of_case[case])
        same = relevance.sharing(relevance.subjects[place]) - own
        alike = frozenset(of_kind.get((figure.modality, figure.region), ())) - own
        kind, right = (PICTURES[0], same) if same else (PICTURES[1], alike)
        if right:
            queries.append(Asked(kind, case, place, "", right, own))
    return queries


def _by_case(shelf: Shelf) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for place, case in enumerate(shelf.groups):
        found.setdefault(case, set()).add(place)
    return found
