"""How many figures have which value of each filter field, within what a query finds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from mirage.figure import NOT_STATED, Figure
from mirage.indexes.base import FILTER_FIELDS
from mirage.search.answer import Answer, FoundFacets
from mirage.search.concepts import PLAIN_FIELDS
from mirage.storage.store import Store

_NO_FILTERS: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_LICENCE, _REGION = FILTER_FIELDS.index("licence"), FILTER_FIELDS.index("region")


class FilterValues:
    """What the figures of an atlas have in the filter fields, in one state of it: 20 bytes a figure.

    Parameters
    ----------
    store : mirage.storage.store.Store
    """

    def __init__(self, store: Store) -> None:
        self._mentions = store.mentions
        numbers: dict[tuple[str, ...], int] = {}
        by_key = {row[0]: numbers.setdefault(row[1:], len(numbers)) for row in store.columns(FILTER_FIELDS)}
        self._keys = np.fromiter(by_key, np.int64, len(by_key))  # ascending
        self._number = np.fromiter(by_key.values(), np.int32, len(by_key))  # of each figure's values
        self._values = list(numbers)

    def counts(self, asked: Sequence[Collection[str]], hidden: Collection[int]) -> dict[tuple[str, ...], int]:
        """Values to how many figures have them of those that speak plainly of all that is asked.

        Parameters
        ----------
        asked : sequence of collection of str
            For each thing asked the names of the concepts that tell it, one of which a figure or its case affirms, or has as
            its region.
        hidden : collection of int
            Keys of figures that are not counted.
        """
        counted = ~np.isin(self._keys, sorted(hidden)) if hidden else np.ones(len(self._keys), bool)
        for names in asked:
            regions = [number for number, values in enumerate(self._values) if values[_REGION] in names]
            told = np.isin(self._keys, self._mentions.plainly(names, PLAIN_FIELDS))
            counted &= told | np.isin(self._number, regions) if regions else told
        numbers = np.bincount(self._number[counted], minlength=len(self._values))
        return {self._values[place]: int(numbers[place]) for place in np.flatnonzero(numbers)}


def found(values: FilterValues, answer: Answer, hidden: Collection[int] = ()) -> FoundFacets:
    """Count within what a query finds.

    Parameters
    ----------
    values : FilterValues
    answer : Answer
    hidden : collection of int
        Keys of figures that are never found.
    """
    reading, query = answer.reading, answer.query
    by_concepts = reading is not None and reading.wanted and not reading.normal and all(term.text for term in query.terms)
    if not (reading and by_concepts):
        shown: dict[tuple[str, ...], int] = {}
        for hit in answer.hits:
            own = _values(hit.figure)
            shown[own] = shown.get(own, 0) + 1
        return FoundFacets(_counted(shown, _NO_FILTERS), "shown")
    named = values.counts([each.narrower | {each.name} for each in reading.wanted], hidden)
    stated = {(*those[:_LICENCE], those[_LICENCE] or NOT_STATED, *those[_LICENCE + 1 :]): n for those, n in named.items()}
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
