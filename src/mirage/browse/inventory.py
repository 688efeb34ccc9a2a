"""Which figures of an atlas speak plainly of which concept: an inverted index over the mentions that are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from mirage.language.concepts import Lexicon, lexicon
from mirage.language.reading import NORMAL, VARIANT
from mirage.storage.searched import StoredMention
from mirage.storage.store import Store

Keys = npt.NDArray[np.int64]
CONDITION, FINDING, STRUCTURE = "disease", "finding", "anatomy"  # kinds of the lexicon
_TOLD = {"title": 2, "diagnosis": 2, "topic": 2, "caption": 1}  # bits: what the figure is of, and what its picture shows


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the figures of an atlas show, as their words affirm it.

    Attributes
    ----------
    figures : mapping
        Concept to the keys of the figures whose title, diagnosis, caption or case's topic affirms it or a kind of it, and
        does not deny it.
    named : frozenset of str
        Those concepts that some figure names itself, not only a kind of it.
    subjects : mapping
        Topics and diagnoses as they are written, to how many figures have them.
    examples : mapping
        Concept to the key of the figure that stands for it.
    """

    figures: Mapping[str, Keys]
    named: frozenset[str]
    subjects: Mapping[str, int]
    examples: Mapping[str, int]

    @classmethod
    def of(cls, store: Store, hidden: Set[int] = frozenset()) -> Self:
        """Read it from the records of an atlas.

        Parameters
        ----------
        store : mirage.storage.store.Store
        hidden : set of int
            Keys of figures that are left out.
        """
        known = lexicon()
        plain = _plain((one for one in store.mentions.told() if one.key not in hidden), known)
        stacks = {key for key, name in store.families().items()} - set(store.slice_places())
        wide: dict[str, list[Keys]] = {}
        examples: dict[str, int] = {}
        for name, found in plain.items():
            keys = np.array(sorted(found), np.int64)
            examples[name] = _example(found, stacks)
            for each in (name, *known.parents(name)):
                wide.setdefault(each, []).append(keys)
                examples.setdefault(each, examples[name])
        figures = {name: parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts)) for name, parts in wide.items()}
        return cls(figures, frozenset(plain), store.mentions.subjects(), examples)

    def count(self, concept: str) -> int:
        """How many figures show a concept."""
        return len(self.figures.get(concept, ()))


def _plain(told: Iterable[StoredMention], known: Lexicon) -> dict[str, dict[int, int]]:
    """Concept to the figures that affirm it, and where, as `_TOLD` has it."""
    affirmed: dict[str, dict[int, int]] = {}
    denied: set[tuple[str, int]] = set()
    diagnosed: dict[int, set[str]] = {}
    topics: list[StoredMention] = []
    left_out = {NORMAL, VARIANT}
    for one in told:
        if one.concept not in known or one.concept in left_out:
            continue
        if one.polarity == "denied":
            denied.add((one.concept, one.key))
        elif one.field == "topic":
            topics.append(one)
        else:
            found = affirmed.setdefault(one.concept, {})
            found[one.key] = found.get(one.key, 0) | _TOLD[one.field]
            if one.field == "diagnosis" and known.kind(one.concept) == CONDITION:
                diagnosed.setdefault(one.key, set()).add(one.concept)
    for one in topics:  # of a case with two diseases, each figure is of the one that it was diagnosed with
        own = diagnosed.get(one.key)
        alike = {one.concept, *known.parents(one.concept), *known.children(one.concept)} if own else set()
        if not own or known.kind(one.concept) != CONDITION or not own.isdisjoint(alike):
            found = affirmed.setdefault(one.concept, {})
            found[one.key] = found.get(one.key, 0) | _TOLD[one.field]
    for name, key in denied:
        affirmed.get(name, {}).pop(key, None)
    return {name: found for name, found in affirmed.items() if found}


def _example(found: Mapping[int, int], stacks: set[int]) -> int:
    """A stack, whose picture is its best slice; else the middle one of those that show most of what they are of."""
    best = max(found.values())
    main = sorted(key for key, where in found.items() if where == best)
    return next((key for key in main if key in stacks), main[len(main) // 2])
