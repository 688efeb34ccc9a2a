"""Stacks among hits: which slice of one was found, and how a stack and the figures cut from it stand together.

A stack is found by the best of many slices, so that it would look like any picture more than a single figure does.
`cosine_of_best` takes off what the many slices give. How much was measured on the average brain's slices in place of stacks
(134 axial, 112 coronal, 46 sagittal) and MedPix's MR pictures as queries: for as many of them to reach a cosine of 0.81 with
the best of n slices as do with a single one, the best of 16 has to lose 0.01 to 0.05, of 64 0.03 to 0.05. Without it 10 to
45 times as many reach it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mirage.figure import Figure, Stack, StackLabel
from mirage.indexes.base import Index, IndexQuery, Ranked, Vector
from mirage.language import words as wordform
from mirage.language.concepts import lexicon
from mirage.language.mentions import mentions
from mirage.language.reading import AskedConcept, QueryReading
from mirage.once import loaded_once
from mirage.search.answer import Hit, SliceFound
from mirage.search.confidence import HitFeatures
from mirage.search.fusion import FusedFigure, coverage
from mirage.search.shares import SectionShares, read_label, side_of
from mirage.storage.searched import SearchRow, SliceVectors

if TYPE_CHECKING:  # a browser, where searches run too, has no database
    from mirage.storage.store import Store

MOST = 3  # hits of one stack: itself and figures cut from it
CONSIDERED = 12  # of them, until it is known which fit the words best
_SHOWN = frozenset({"affirmed", "possible"})  # what is said of what a caption shows
_MADE = frozenset({"device", "procedure"})
_FOR_MANY = 0.012  # cosine that the best of n gains over one, for each ln(n)


def cosine_of_best(best: float, count: int) -> float:
    """What the cosine of the best of some slices is worth as the cosine of a single picture.

    Parameters
    ----------
    best : float
    count : int
        How many slices it is the best of.
    """
    return best - _FOR_MANY * math.log(max(1, count))


def most_alike(stack: Stack, slices: SliceVectors | None, vector: Vector) -> SliceFound:
    """The slice of a stack that is most like the query.

    Parameters
    ----------
    stack : Stack
    slices : SliceVectors or None
        None where the atlas has no vectors of them.
    vector : (d,) float32
        The query's.
    """
    view = stack.views[0]
    if slices is None or not len(slices.numbers):
        return SliceFound(stack.best, view)
    return SliceFound(int(slices.numbers[int((slices.vectors @ vector).argmax())]), view)


def _itself(asked: Iterable[AskedConcept]) -> frozenset[str]:
    return frozenset[str]().union(*(each.narrower | each.nearly | {each.name} for each in asked))


def _label_asked(labels: Sequence[StackLabel], reading: QueryReading) -> StackLabel | None:
    asked = wordform.stems(f"{reading.text} {reading.english}")
    told = frozenset[str]().union(*(each.told_by for each in reading.wanted))
    # What is asked for itself, and its kinds, before the places where it may be: of a "lung tumor" the mass, not the lung.
    itself, things = _itself(reading.wanted), _itself(each for each in reading.wanted if each.kind != "anatomy")
    found: tuple[tuple[bool, bool, int], StackLabel] | None = None
    for label in labels:
        concepts, stems = read_label(label.name)
        if not concepts.isdisjoint(reading.unwanted) or not (concepts & told or (stems and stems <= asked)):
            continue
        fits = not concepts.isdisjoint(things), not concepts.isdisjoint(itself), len(stems & asked)
        if found is None or fits > found[0]:
            found = fits, label
    return found and found[1]


def _label_told(labels: Sequence[StackLabel], reading: QueryReading, figure: Figure) -> StackLabel | None:
    """The mark of which title or caption says that it is what is asked for, where no mark is called so.

    "Dense spots in the left kidney, as kidney stones look": the marked spots are what shows kidney stones, and the kidney is
    where. Of the marks that a sentence names the one with most words is meant.
    """
    known = lexicon()
    things = [each for each in reading.wanted if each.kind != "anatomy"]
    itself = _itself(things)
    called = itself | {each.general for each in things}
    if not itself or any(not read_label(label.name)[0].isdisjoint(called) for label in labels):
        return None
    side, text = side_of(reading.text), f"{figure.title}.\n{figure.caption}"
    sentences = {one.sentence for one in mentions(text) if one.concept in itself and one.polarity in _SHOWN}
    found: tuple[int, StackLabel] | None = None
    for label in labels:
        concepts, stems = read_label(label.name)
        another = any(known.kind(one) in _MADE for one in concepts) or (side and side_of(label.name) not in ("", side))
        if another or not stems or not any(stems <= wordform.stems(sentence) for sentence in sentences):
            continue
        if found is None or len(stems) > found[0]:
            found = len(stems), label
    return found and found[1]


def most_shown(shares: Mapping[int, float]) -> list[int]:
    """The keys that show most of what is asked for, at most `CONSIDERED` and none that shows nothing."""
    return [key for key in sorted(shares, key=lambda key: (-shares[key], key))[:CONSIDERED] if shares[key] > 0]


def together(
    keys: Sequence[int], families: Mapping[int, str], stacks: Collection[int], leading: Collection[int]
) -> list[int]:
    """Keys with no more than `MOST` of one stack, which is one of them where it was found.

    Parameters
    ----------
    keys : sequence of int
        Best first.
    families : mapping
        As `mirage.storage.store.Store.families` gives them.
    stacks : collection of int
        Those that are stacks.
    leading : collection of int
        Stacks that come before the figures cut from them.
    """
    members: dict[str, list[int]] = {}
    for key in keys:
        if key in families:
            members.setdefault(families[key], []).append(key)
    chosen: dict[str, list[int]] = {}
    for family, those in members.items():
        stack = next((key for key in those if key in stacks), None)
        if stack is None:
            chosen[family] = those[:MOST]
            continue
        singles = [key for key in those if key != stack]
        place = 0 if stack in leading else min(those.index(stack), MOST - 1)
        chosen[family] = [*singles[:place], stack, *singles[place : MOST - 1]]
    # Each family keeps its places, in the order in which its figures are to stand.
    waiting = {family: iter(those) for family, those in chosen.items()}
    found = (next(waiting[families[key]], None) if key in families else key for key in keys)
    return [key for key in found if key is not None]


class Stacks:
    """The stacks of an atlas, in one state of it; false where it has none.

    Parameters
    ----------
    store : Store
    index : Index
    encoder : str
        Digest of the atlas's encoder.
    """

    def __init__(self, store: Store, index: Index, encoder: str) -> None:
        self._store, self._index, self._encoder = store, index, encoder

    def __bool__(self) -> bool:
        return bool(self.families)

    @loaded_once
    def families(self) -> dict[int, str]:
        """See `mirage.storage.store.Store.families`."""
        return self._store.families()

    @loaded_once
    def _shares(self) -> SectionShares:
        return SectionShares(self._store.slice_places() if self.families else {})

    def shares(self, reading: QueryReading | None) -> dict[int, float]:
        """Key to how much a figure shows of what is asked for, as `SectionShares.asked` tells; a stack as its best slice."""
        found = self._shares.asked(reading)
        best: dict[str, float] = {}
        for key, share in found.items():
            best[self.families[key]] = max(share, best.get(self.families[key], 0.0))
        return found | {key: best[self.families[key]] for key in self.counts if self.families[key] in best}

    @loaded_once
    def counts(self) -> dict[int, int]:
        """The key of each stack to how many of its slices are encoded."""
        return self._store.vectors.slice_counts(self._encoder) if self.families else {}

    def slices(self, keys: Iterable[int]) -> dict[int, SliceVectors]:
        """The vectors of the slices of those among some figures that are stacks."""
        own = [key for key in keys if key in self.counts]
        return self._store.vectors.slices(own, self._encoder) if own else {}

    def list_missing(self, asked: IndexQuery, lists: dict[str, Ranked], shares: Mapping[int, float]) -> None:
        """Add to the channels' lists the stacks of which only slices are listed: many of these may stand before them.

        So are those slices of them that show most of what is asked for.

        Parameters
        ----------
        asked : IndexQuery
            All that was asked, of all channels.
        lists : dict
        shares : mapping
            As `shares` gives it.
        """
        listed = {key for ranked in lists.values() for key, _ in ranked}
        found = {self.families[key] for key in listed & self.families.keys()}
        missing = sorted(key for key in {*self.counts, *most_shown(shares)} - listed if self.families[key] in found)
        if missing:
            for channel, ranked in self._index.ask(replace(asked, limit=len(missing), among=missing)).items():
                cap = 1.0 if channel == "concepts" else math.inf
                lists.setdefault(channel, []).extend((key, min(cap, score)) for key, score in ranked)

    def considered(self, keys: Sequence[int], most: int) -> set[int]:
        """The first keys, of one stack at most `CONSIDERED` among them, and the stacks of those, wherever they stand.

        Parameters
        ----------
        keys : sequence of int
            Best first.
        most : int
            How many to consider, stacks beyond them left out.
        """
        seen: dict[str, int] = {}
        kept = set[int]()
        for key in keys:
            family = self.families.get(key, "")
            if len(kept) < most and (not family or seen.get(family, 0) < CONSIDERED):
                seen[family] = seen.get(family, 0) + 1
                kept.add(key)
        return kept.union(key for key in keys if key in self.counts and self.families[key] in seen)

    def levelled(self, features: Mapping[int, HitFeatures]) -> dict[int, HitFeatures]:
        """The features of those that are stacks, without what many slices give; see `cosine_of_best`."""
        return {
            key: replace(features[key], image=cosine_of_best(features[key].image, self.counts[key]))
            for key in features.keys() & self.counts.keys()
        }

    def named(self, rows: Mapping[int, SearchRow], wanted: Mapping[int, float]) -> dict[int, float]:
        """Key of a stack to the share of a query's words that its title and diagnosis hold; none for a query without words.

        Parameters
        ----------
        rows : mapping
            Of the figures found, by key.
        wanted : mapping
            As `mirage.search.fusion.coverage` takes it.
        """
        return {
            key: coverage(wanted, wordform.stems(f"{rows[key].title}. {rows[key].diagnosis}"))
            for key in (rows.keys() & self.counts.keys() if wanted else ())
        }

    def gathered(
        self,
        fused: Sequence[FusedFigure],
        tiers: Mapping[int, int],
        named: Mapping[int, float],
        covered: Mapping[int, float],
    ) -> list[FusedFigure]:
        """A few figures of each stack; first itself, where its title or diagnosis has the words that they have.

        Parameters
        ----------
        fused : sequence of FusedFigure
            Best first.
        tiers : mapping
            Key to how sure it is, 0 for the surest.
        named : mapping
            Of stacks, as `named` gives it.
        covered : mapping
            Key to the share of the query's words that it has at all.
        """
        by_key = {entry.key: entry for entry in fused}
        best: dict[str, tuple[int, float]] = {}  # of each family: its first tier, and the words found in that, negative
        for key in by_key.keys() & self.families.keys():
            family, mine = self.families[key], (tiers[key], -covered[key])
            best[family] = min(mine, best.get(family, mine))
        leading = {
            key
            for key in by_key.keys() & named.keys()
            if tiers[key] == best[self.families[key]][0] and named[key] >= -best[self.families[key]][1]
        }
        found = [by_key[key] for key in together(list(by_key), self.families, self.counts, leading)]
        return sorted(found, key=lambda entry: tiers[entry.key])  # nobody stands before who is surer

    def _marked(self, figure: Figure, stack: Stack, reading: QueryReading | None) -> SliceFound | None:
        """Where what is asked for is largest, by the marks; None where none tells it."""
        if reading is None:
            return None
        if told := _label_told(stack.labels, reading, figure):
            return SliceFound(told.best, stack.views[0], told.name)
        if best := self._shares.best(figure.id, stack.views[0], reading):
            return SliceFound(best[0], stack.views[0], best[1])
        label = _label_asked(stack.labels, reading)
        return None if label is None else SliceFound(label.best, stack.views[0], label.name)

    def at_slices(self, hits: list[Hit], vector: Vector, reading: QueryReading | None) -> list[Hit]:
        """The hits, those that are stacks with the slice to show.

        Parameters
        ----------
        hits : list of Hit
        vector : (d,) float32
            The query's.
        reading : QueryReading or None
            Of its words.
        """
        figures = {hit.figure.id: hit.figure for hit in hits}
        stacks = {id: stack for id, figure in figures.items() if (stack := figure.stack)}
        found = {id: self._marked(figures[id], stack, reading) for id, stack in stacks.items()}
        keys = self._store.keys_of(unmarked) if (unmarked := [id for id, one in found.items() if one is None]) else {}
        slices = self.slices(keys.values())

        found |= {id: most_alike(stacks[id], slices.get(key), vector) for id, key in keys.items()}
        return [replace(hit, slice=found[hit.figure.id]) if hit.figure.id in found else hit for hit in hits]
