"""Queries of several kinds whose answers are known, to choose weights by. Each kind counts the same.

| kind | the query | right figures |
|---|---|---|
| caption | plane, modality and caption of a figure | same case and caption |
| short | a sentence of a case's findings that no caption of it holds, up to 10 words | of that case |
| long | the same, more than 10 words | of that case |
| condition | a case's title, in an atlas without that case | of the same diagnosis, title or topic |
| withheld | a case's title, and its diagnosis, where no figure has either | of the same diagnosis, title or topic, its own too |
| wordless | as caption, where that case's figures have no words and those of other cases have | same case and caption |
| starter | of the starter atlas's records, asked of the starter atlas | that show the structure, or have the title |
| picture | a figure, cropped and brightened a little, in an atlas without it | of its case, diagnosis, title or topic |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mirage.corpora.base import Item
from mirage.evaluation.refine_queries import Asked, by_subject, subjects
from mirage.query import DEFAULT_K, Query

WORDS = ("caption", "short", "long", "condition", "withheld", "wordless", "starter")
PICTURES = ("picture",)


def as_typed(asked: Asked) -> Asked:
    """The same query for as many hits as a student is shown, so that what is measured is what is seen."""
    return replace(asked, query=replace(asked.query, k=DEFAULT_K))


def withheld(items: Sequence[Item], cases: set[str]) -> Iterator[Asked]:
    """A case's title and its diagnosis, for an atlas whose figures are `mirage.evaluation.copying.untitled`.

    Parameters
    ----------
    items : sequence of Item
        Every figure of the collection.
    cases : set of str
        Ids of the cases to ask about.
    """
    alike = by_subject(items)
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.figure.case_id, item)
    for case in sorted(cases & set(first)):
        figure = first[case].figure
        right = frozenset().union(*(alike[subject] for subject in subjects(first[case])))
        for text in {text.lower(): text for text in (figure.title, figure.diagnosis) if text}.values():
            yield Asked("withheld", case, Query.of(text), right)
