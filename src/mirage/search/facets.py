"""How many figures have which value of each filter field, within what a query finds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from mirage.figure import NOT_STATED, Figure
from mirage.indexes.base import FILTER_FIELDS
from mirage.search.answer import Answer, FoundFacets
from mirage.search.concepts import PLAIN_FIELDS
from mirage.storage.store import Store

_NO_FILTERS: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_LICENCE = FILTER_FIELDS.index("licence")


def found(store: Store, answer: Answer, hidden: Collection[int] = ()) -> FoundFacets:
    """Count within what a query finds.

    Parameters
    ----------
    store : mirage.storage.store.Store
    answer : Answer
    hidden : collection of int
        Keys of figures that are never found.
    """
    reading, query = answer.reading, answer.query
    by_concepts = reading is not None and reading.wanted and not reading.normal and all(term.text for term in query.terms)
    if not (reading and by_concepts):
        shown: dict[tuple[str, ...], int] = {}
        for hit in answer.hits:
            values = _values(hit.figure)
            shown[values] = shown.get(values, 0) + 1
        return FoundFacets(_counted(shown, _NO_FILTERS), "shown")
    asked = [each.narrower | {each.name} for each in reading.wanted]
    named = store.mentions.counts(asked, PLAIN_FIELDS, FILTER_FIELDS, hidden)
    stated = {
        (*values[:_LICENCE], values[_LICENCE] or NOT_STATED, *values[_LICENCE + 1 :]): n for values, n in named.items()
    }
    return FoundFacets(_counted(stated, query.filters), "named")


def without(
    counts: Mapping[str, Mapping[str, int]], hidden: Iterable[Figure], filters: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, int]]:
    """Counts of the figures that pass some filters, less those of figures that are never found.

    Parameters
    ----------
    counts : mapping
        Field to value to number.
    hidden : iterable of Figure
    filters : mapping
        Field to the values of which a figure has to have one.
    """
    less = {name: dict(each) for name, each in counts.items()}
    for figure in hidden:
        values = dict(zip(FILTER_FIELDS, _values(figure), strict=True))
        if all(values[name] in wanted for name, wanted in filters.items()):
            for name, value in values.items():
                if value in less[name]:
                    less[name][value] -= 1
    return {name: {value: number for value, number in each.items() if number > 0} for name, each in less.items()}


def _values(figure: Figure) -> tuple[str, ...]:
    source = figure.source
    return figure.modality, figure.plane, figure.region, figure.proof, source.corpus, str(source.licence)


def _counted(rows: Mapping[tuple[str, ...], int], filters: Mapping[str, tuple[str, ...]]) -> dict[str, dict[str, int]]:
    """Field to value to number, the most frequent first; a field's own filter is left out of its counts."""
    counts: dict[str, dict[str, int]] = {field: {} for field in FILTER_FIELDS}
    for values, number in rows.items():
        failed = [
            name for name, value in zip(FILTER_FIELDS, values, strict=True) if value not in filters.get(name, (value,))
        ]
        for name, value in zip(FILTER_FIELDS, values, strict=True):
            if not set(failed) - {name}:
                counts[name][value] = counts[name].get(value, 0) + number
    return {name: dict(sorted(each.items(), key=lambda item: (-item[1], item[0]))) for name, each in counts.items()}
