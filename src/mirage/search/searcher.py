"""Answer queries over one state of an atlas.

What a `Searcher` remembers (how rare words are, the facets) holds until the atlas changes; then the atlas
makes a new one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from mirage.errors import BadQuery
from mirage.indexes import bm25
from mirage.indexes.base import Index, IndexQuery, Ranked, Vector
from mirage.language import words as wordform
from mirage.language.concepts import lexicon
from mirage.language.reading import QueryReading, from_spanish, read
from mirage.once import loaded_once
from mirage.query import Query, Term, shown
from mirage.search import concepts, fusion
from mirage.search.answer import Answer, Hit
from mirage.search.confidence import Basis, Calibration, Confidence, HitFeatures
from mirage.search.deduplication import deduplicated
from mirage.search.fusion import FusedFigure
from mirage.search.known import Known, size_of_mentions, size_of_row
from mirage.search.making import made_as_asked
from mirage.search.query_vector import Feedback, QueryEncoder
from mirage.search.shares import GAIN
from mirage.search.stacks import Stacks, most_shown
from mirage.storage.searched import SearchRow, StoredMention
from mirage.wording import _, ngettext

if TYPE_CHECKING:  # what a browser, where searches run too, has not
    from mirage.encoders.base import Encoder
    from mirage.images import PictureStore
    from mirage.search.facets import FilterValues
    from mirage.storage.store import Store

_POOR = 1 / 3  # of what a text scores with all words of a query; where the best has less, it gains less
_ROWS_BYTES, _MENTIONS_BYTES = 32 * 2**20, 16 * 2**20  # for what figures are ranked by, some 8 kB and 6 kB of each
_READ = 32  # queries whose reading is remembered
SPARE = 40  # more than k, for those that are folded or whose words lift them


class Searcher:
    """The search of an atlas.

    Parameters
    ----------
    store, index, encoder, pictures
        The atlas's own.
    calibration : Calibration
        Fitted for the encoder.
    hidden : callable
        Gives the keys of figures that are never found.
    withdrawn : callable
        Gives the keys of those that their source has withdrawn: found where the query asks for them too, else counted.
    beside : Executor, optional
        Runs what can be done at the same time; threads when left out.
    """

    def __init__(
        self,
        store: Store,
        index: Index,
        encoder: Encoder,
        pictures: PictureStore,
        calibration: Calibration,
        hidden: Callable[[], frozenset[int]] = frozenset,
        withdrawn: Callable[[], frozenset[int]] = frozenset,
        beside: Executor | None = None,
    ) -> None:
        self._beside = beside or _BESIDE
        self._hidden, self._withdrawn = hidden, withdrawn
        self._store, self._index, self._encoder, self._pictures = store, index, encoder, pictures
        self._encoder_info = encoder.info()
        self.calibration = calibration
        self._rarity = bm25.Rarity(index)
        self._size = self._rarity.points
        self._vectors = QueryEncoder(encoder, self._figure_vector)
        self._stacks = Stacks(store, index, self._encoder_info.digest)
        self._rows = Known(store.search_rows, _ROWS_BYTES, size_of_row)
        self._told = Known(self._read_mentions, _MENTIONS_BYTES, size_of_mentions)
        # Who asks again, for the next page or with a filter or because something was missing, asks in the same words.
        self._read = lru_cache(maxsize=_READ)(self._reading)

    @loaded_once
    def facets(self) -> dict[str, dict[str, int]]:
        """Field to value to number of figures, over the whole atlas."""
        return self._index.facets({})

    @loaded_once
    def filter_values(self) -> FilterValues:
        """What the figures have in the filter fields."""
        from mirage.search.facets import FilterValues  # noqa: PLC0415 - a browser has no database to count in

        return FilterValues(self._store)

    def search(self, query: Query, feedback: Feedback | None = None) -> Answer:
        """Answer one query; see `mirage.atlas.Atlas.search`.

        Parameters
        ----------
        query : Query
        feedback : Feedback, optional
            It changes what is found, not how sure a hit is.
        """
        started = time.perf_counter()
        self._check_filters(query)
        notes: list[str] = []
        if not self._size:
            return Answer(query, (), False, (_("This atlas is empty. Add a corpus to it."),), 0.0)
        reading = self._read(query.terms)
        if reading and reading.says_nothing and all(term.text and term.weight > 0 for term in query.terms):
            notes.append(_said_nothing(reading))
            return Answer(query, (), False, tuple(notes), time.perf_counter() - started, reading)
        words = _words_asked(query, reading)
        self._beside.submit(self._warmed)
        vector, lists, wanted = self._asked(query, reading, words, feedback, notes)
        floors = {channel: ranked[-1][1] for channel, ranked in lists.items() if len(ranked) >= depth_of(query)}
        shares = self._stacks.shares(reading)
        if self._stacks:
            asked = replace(self._words_at(words, 0, query), vector=vector, concepts=self._numbers(reading))
            self._stacks.list_missing(asked, lists, shares)
        own = {self._store.row(term.figure).key for term in query.terms if term.figure}
        weights = self.calibration.weights_for(
            words=bool(query.text),
            picture=any(not term.text for term in query.terms),
            less=any(term.weight < 0 for term in query.terms),
        )
        hidden, withdrawn = self._hidden() - own, self._withdrawn() - own
        gained = _with_shares(_gained(lists, weights, sum(wanted.values())), shares, reading)
        ranked, silent = {**weights, "case": 0.0, "concepts": 0.0}, self._uncaptioned(lists)
        # Those that speak most plainly of what is asked are considered wherever the other channels put them.
        speaking = {*most_shown(shares), *(key for key, _ in lists.get("concepts", ())[: query.k])}
        most = query.k + SPARE + len(hidden | withdrawn)

        def staying(order: list[int]) -> set[int]:
            others = [key for key in order if key not in own]
            return self._stacks.considered(others, most) | speaking.intersection(others)

        fused = fusion.fuse(lists, ranked, None, silent, gained, staying)
        mentions = self._beside.submit(self._mentions, reading, [entry.key for entry in fused], lists.get("concepts", []))
        rows = self._rows.of([entry.key for entry in fused])
        fused = _without_unwanted(query, [entry for entry in fused if entry.key in rows], rows)
        covered = {entry.key: fusion.coverage(wanted, rows[entry.key].stems) for entry in fused}
        fused = fusion.boost_coverage(fused, covered, weights)
        fused, folded, dropped = self._distinct(fused, rows, hidden, withdrawn)
        if feedback is None:
            features = {entry.key: fusion.features_of(entry, floors, covered[entry.key]) for entry in fused}
        else:
            features = self._features(vector, [entry.key for entry in fused], covered)
        features |= self._stacks.levelled(features)
        sure = self._confidences(reading, rows, features, mentions.result())
        tiers = {entry.key: _tier(sure[entry.key][0], reading, rows[entry.key]) for entry in fused}
        fused = sorted(fused, key=lambda entry: tiers[entry.key])
        if self._stacks:
            fused = self._stacks.gathered(fused, tiers, self._stacks.named(rows, wanted), covered)
        fused, left_out = _standing(query, fused, withdrawn, sure)
        hits = self._stacks.at_slices(self._hits(fused[: query.k], rows, folded, features, sure), vector, reading)
        notes += [*_said_hidden(dropped), *_said_withdrawn(left_out), *_remarks(query, hits)]
        if reading and reading.denied:
            names = ", ".join(reading.denied)
            notes.append(
                _("The words deny %(names)s, so that is not looked for. “Less of” turns a search away from it.", names=names)
            )
        fits = any(hit.confidence != "weak" for hit in hits)
        return Answer(query, tuple(hits), fits, tuple(notes), time.perf_counter() - started, reading, left_out)

    def _distinct(
        self, fused: Sequence[FusedFigure], rows: Mapping[int, SearchRow], hidden: frozenset[int], withdrawn: frozenset[int]
    ) -> tuple[list[FusedFigure], Mapping[int, Sequence[int]], int]:
        """Without near-duplicates and hidden figures; which key stands for which others, and how many were hidden.

        Another source may show what one has withdrawn: no figure that is withdrawn stands for others.
        """
        # A stack looks like the figure that is cut where its picture is, and is more than that.
        alone = self._stacks.counts.keys() | withdrawn
        looks = {entry.key: rows[entry.key].look for entry in fused if entry.key not in alone}
        kept, folded = deduplicated(list(looks), looks, self._index.vectors)
        staying = [entry for entry in fused if entry.key in {*kept, *alone}]
        # A near-duplicate shows the same.
        left = [entry for entry in staying if not hidden & {entry.key, *folded.get(entry.key, ())}]
        return left, folded, len(staying) - len(left)

    def _asked(
        self, query: Query, reading: QueryReading | None, words: str, feedback: Feedback | None, notes: list[str]
    ) -> tuple[Vector, dict[str, Ranked], dict[int, float]]:
        """The query's vector, what each channel lists, and how rare each stem is; see `fusion.coverage`.

        Words and concepts are looked up while the text tower runs.
        """
        depth, more = depth_of(query), feedback.words if feedback else ""
        numbers = self._numbers(reading)

        def by_words_alone() -> tuple[dict[str, Ranked], dict[int, float]]:
            asked = replace(self._words_at(f"{words} {more}", depth, query), concepts=numbers)
            stems = wordform.words(words).items()
            rare = {
                stem: fusion.inverse_document_frequency(self._rarity.frequency(word), self._size) for stem, word in stems
            }
            return self._index.ask(asked), rare

        by_words = self._beside.submit(by_words_alone)
        try:
            vector = self._vectors.vector(_in_english(query, reading), notes)
            seen = vector if feedback is None else feedback.mixed(vector)
            lists = self._index.ask(IndexQuery(seen, {}, depth, query.filters))
        finally:
            wait([by_words])
        found, rare = by_words.result()
        lists |= found
        spoken = lists.get("concepts", [])
        if len(spoken) >= depth:  # more figures speak of it than are listed: see which of those that other channels list do
            beside = {key for ranked in lists.values() for key, _ in ranked} - {key for key, _ in spoken}
            rest = IndexQuery(None, {}, max(1, len(beside)), {}, concepts=numbers, among=sorted(beside))
            lists["concepts"] = [*spoken, *self._index.ask(rest).get("concepts", [])]
        lists["concepts"] = [(key, min(1.0, score)) for key, score in lists.get("concepts", [])]
        if reading is not None and reading.normal and (spoken := lists["concepts"]):
            among = sorted(key for key, _ in spoken)
            called = IndexQuery(None, {}, len(among), {}, concepts=concepts.SAYING_NORMAL, among=among)
            so = {key for key, _ in self._index.ask(called).get("concepts", [])}
            lists["concepts"] = [(key, score + concepts.CALLED_NORMAL * (key in so)) for key, score in spoken]
        return vector, lists, rare

    def _words_at(self, words: str, limit: int, query: Query) -> IndexQuery:
        """Words to look for, in figures and in cases."""
        asked, of_case = self._rarity.asked(words), self._rarity.asked(words, "case")
        return IndexQuery(None, asked, limit, query.filters, case=of_case)

    def _numbers(self, reading: QueryReading | None) -> dict[int, float]:
        return concepts.numbers(reading, self.calibration.weights) if reading is not None else {}

    def _mentions(
        self, reading: QueryReading | None, keys: Sequence[int], speaking: Ranked
    ) -> Mapping[int, Sequence[StoredMention]]:
        """What figures say of all that is asked; where *normal* is asked for, all that they say."""
        if reading is None or not (reading.wanted or reading.normal):
            return {}
        if reading.normal:
            return self._told.of(keys)
        every, told = reading.unwanted.union(*(each.told_by for each in reading.wanted)), {key for key, _ in speaking}
        found = self._told.of([key for key in keys if key in told])
        return {key: [one for one in said if one.concept in every] for key, said in found.items()}

    def _read_mentions(self, keys: Sequence[int]) -> dict[int, tuple[StoredMention, ...]]:
        found = self._store.mentions.of(keys, (), concepts.COUNTED_FIELDS)
        return {key: tuple(said) for key, said in found.items()}

    @loaded_once
    def _warm(self) -> None:
        """Touch the vectors once, so that the first hundreds of searches need not wait for their pages one by one."""
        self._index.warm()

    def _warmed(self) -> None:
        return self._warm

    def _confidences(
        self,
        reading: QueryReading | None,
        rows: Mapping[int, SearchRow],
        features: Mapping[int, HitFeatures],
        mentions: Mapping[int, Sequence[StoredMention]],
    ) -> dict[int, tuple[Confidence, Basis]]:
        """How sure each figure is, and by what. A picture alone names nothing: what resembles it is never *strong*."""
        base = {key: self.calibration.confidence(one, reading is not None) for key, one in features.items()}
        if reading is None:
            return {key: ("weak" if one == "weak" else "likely", "alike") for key, one in base.items()}
        sure: dict[int, tuple[Confidence, Basis]] = {}
        for key, one in base.items():
            figure, told = rows[key], mentions.get(key, ())
            if key in self._stacks.families and key not in self._stacks.counts:
                told = [
                    one for one in told if one.field != "topic"
                ]  # a slice shows what its own words say, not all its case has
            said = concepts.spoken(reading.wanted, told, reading.unwanted, figure.diagnosis)
            normal = concepts.normality(figure, mentions[key], reading.wanted) if reading.normal else "silent"
            sure[key] = concepts.confidence(one, reading, figure, said, normal)
        return sure

    def _reading(self, terms: Sequence[Term]) -> QueryReading | None:
        """The query's words as they are read, if it has any.

        What counts for less than a whole term is no condition, nor is what the query wants less of.
        """
        texts = [(term.text, term.weight) for term in terms if term.text]
        asked = [text for text, weight in texts if weight >= 1] or [text for text, weight in texts if weight > 0]
        if not asked:
            return None
        reading = read(" ".join(asked), self._has_word, self._words_of_atlas, self._cases_have_word)
        less = {match.concept for text, weight in texts if weight < 0 for match in lexicon().find(text, typed=True).matches}
        staying = (one for one in reading.concepts if one.name not in less and lexicon().parents(one.name).isdisjoint(less))
        return replace(reading, concepts=tuple(staying)) if less else reading

    def _has_word(self, word: str) -> bool:
        return self._rarity.frequency(word) > 0

    def _cases_have_word(self, word: str) -> bool:
        return self._rarity.frequency(word, "case") > 0

    @loaded_once
    def _atlas_words(self) -> frozenset[str]:
        return frozenset(map(lexicon().canonical, self._store.mentions.title_words()))

    def _words_of_atlas(self) -> frozenset[str]:
        return self._atlas_words

    def _check_filters(self, query: Query) -> None:
        if not query.filters:
            return
        known = self.facets
        for name, values in query.filters.items():
            strange = [value for value in values if value not in known[name]]
            if strange:
                # The most frequent first, and not all of a hundred regions.
                by_count = sorted((value for value in known[name] if value), key=lambda value: -known[name][value])
                there = ", ".join(by_count[:12]) + (", …" if len(by_count) > 12 else "") or "nothing"
                raise BadQuery(
                    _(
                        "No figure in this atlas has the %(name)s %(shown)s. There is: %(there)s.",
                        name=name,
                        shown=shown(strange[0]),
                        there=there,
                    )
                )

    def vector(self, query: Query) -> Vector:
        """The (d,) float32 unit vector that the picture channels search with."""
        return self._vectors.vector(_in_english(query, self._read(query.terms)), [])

    def _figure_vector(self, figure_id: str) -> Vector:
        key = self._store.row(figure_id).key
        found = self._store.vectors.of([key], self._encoder_info.digest)
        if key not in found:
            self._store.row(figure_id)  # says so where it was removed since
        return found[key][0]

    def _features(self, vector: Vector, keys: Sequence[int], covered: Mapping[int, float]) -> dict[int, HitFeatures]:
        """What speaks for figures by the query alone: an explanation resembles what it was quoted from."""
        stored = self._store.vectors.of(keys, self._encoder_info.digest)
        cosines = {
            key: (float(vector @ image), float(vector @ caption) if caption is not None else 0.0)
            for key, (image, caption) in stored.items()
        }
        for key, slices in self._stacks.slices(keys).items():
            cosines[key] = float((slices.vectors @ vector).max()), cosines[key][1]
        return {key: HitFeatures(*cosines.get(key, (0.0, 0.0)), covered[key]) for key in keys}

    def _uncaptioned(self, lists: Mapping[str, Ranked]) -> frozenset[int]:
        """Those whose caption's vector, if any, knows only what kind of picture they are."""
        listed = {key for channel in ("image", "caption") for key, _ in lists.get(channel, ())}
        return self._silent & listed

    @loaded_once
    def _silent(self) -> frozenset[int]:
        return self._store.uncaptioned()

    def _hits(
        self,
        fused: Sequence[FusedFigure],
        rows: Mapping[int, SearchRow],
        folded: Mapping[int, Sequence[int]],
        features: Mapping[int, HitFeatures],
        sure: Mapping[int, tuple[Confidence, Basis]],
    ) -> list[Hit]:
        shown = self._store.rows([entry.key for entry in fused])
        hits: list[Hit] = []
        for rank, entry in enumerate([entry for entry in fused if entry.key in shown], 1):
            row = shown[entry.key]
            picture, thumbnail = self._pictures.places(row.picture.name)
            hits.append(
                Hit(
                    rank=rank,
                    figure=row.figure,
                    confidence=sure[entry.key][0],
                    channels=entry.channels,
                    score=entry.score,
                    folded=tuple(rows[key].id for key in folded.get(entry.key, ())),
                    picture=picture,
                    thumbnail=thumbnail,
                    width=row.picture.width,
                    height=row.picture.height,
                    features=features[entry.key],
                    basis=sure[entry.key][1],
                )
            )
        return hits


def _tier(sure: Confidence, reading: QueryReading | None, figure: SearchRow) -> int:
    """Where a figure stands, 0 first: the surest, and of those that are likely first what was made as is asked."""
    if sure != "likely" or reading is None:
        return {"strong": 0, "likely": 1, "weak": 3}[sure]
    return 1 if made_as_asked(reading, figure) else 2


_BESIDE: Executor = ThreadPoolExecutor(8, "mirage-search")


def _gained(lists: Mapping[str, Ranked], weights: Mapping[str, float], most: float) -> dict[int, float]:
    """What figures gain by score and not by rank: figures of one case score alike there, and ranks would part them.

    Parameters
    ----------
    lists, weights
        Of the channels.
    most : float
        The sum of the query's inverse document frequencies: about what a text scores that holds every word of it.
    """
    gain = weights.get("concepts", concepts.CONCEPT_WEIGHTS["concepts"])
    gained = {key: gain * score for key, score in lists.get("concepts", ())}
    told = lists.get("case", [])
    best = max(told[0][1], most * _POOR) if told else 1.0
    for key, score in told:
        gained[key] = gained.get(key, 0.0) + weights.get("case", 1.0) * score / best
    return gained


def _with_shares(gained: dict[int, float], shares: Mapping[int, float], reading: QueryReading | None) -> dict[int, float]:
    """What figures gain, with what they show of a structure: of that alone, or else only what scraps of it lose.

    Parameters
    ----------
    gained : dict
        Key to what it gains.
    shares : mapping
        Key to how much it shows.
    reading : QueryReading or None
    """
    least = 0.0 if reading and all(each.kind == "anatomy" for each in reading.wanted) else -1.0
    return gained | {key: gained.get(key, 0.0) + GAIN * (share + least) for key, share in shares.items()}


def _remarks(query: Query, hits: Sequence[Hit]) -> list[str]:
    """What the person should know of the hits: near-duplicates, and labels that captions contradict."""
    told: list[str] = []
    if count := sum(len(hit.folded) for hit in hits):
        told.append(
            ngettext(
                "%(num)s near-duplicate removed; the best figure of each is shown.",
                "%(num)s near-duplicates removed; the best figure of each is shown.",
                count,
            )
        )
    if count := sum(any(field in query.filters for field, _ in hit.figure.contradicted) for hit in hits):
        told.append(
            ngettext(
                "%(num)s figure here may not fit the filters: label and caption disagree.",
                "%(num)s figures here may not fit the filters: label and caption disagree.",
                count,
            )
        )
    return told


def _said_nothing(reading: QueryReading) -> str:
    """Why nothing is looked for."""
    what = _("These words only ask.")
    if reading.denied:
        what = _("These words only say what is not to be there: %(denied)s.", denied=", ".join(reading.denied))
    elif all(len(word) == 1 for word in wordform.WORD.findall(reading.text)):
        what = _("“%(text)s” is too short to look for.", text=reading.text)
    return " ".join((what, _("Name what you look for: a condition, a finding, a structure.")))


def _said_hidden(number: int) -> list[str]:
    """That figures are left out, never silently."""
    if not number:
        return []
    why = _("hidden on the page of reviews, and can be shown again there")
    return [
        ngettext(
            "%(num)s figure is left out of what was found: %(why)s.",
            "%(num)s figures are left out of what was found: %(why)s.",
            number,
            why=why,
        )
    ]


def _standing(
    query: Query,
    fused: list[FusedFigure],
    withdrawn: frozenset[int],
    sure: Mapping[int, tuple[Confidence, Basis]],
) -> tuple[list[FusedFigure], int]:
    """Without what was withdrawn, unless it is asked for; and how many would be among the hits and fit."""
    if query.withdrawn:
        return fused, 0
    left_out = sum(entry.key in withdrawn and sure[entry.key][0] != "weak" for entry in fused[: query.k])
    return [entry for entry in fused if entry.key not in withdrawn], left_out


def _said_withdrawn(number: int) -> list[str]:
    """That figures are left out which their source has withdrawn."""
    if not number:
        return []
    return [
        ngettext(
            "%(num)s figure that fits is left out: its source has withdrawn it.",
            "%(num)s figures that fit are left out: their sources have withdrawn them.",
            number,
        )
    ]


def _words_asked(query: Query, reading: QueryReading | None) -> str:
    """What word search looks for: the words as they were read, preferred names where they are others, and lesser terms."""
    if reading is None:
        return query.text
    lesser = [
        from_spanish(term.text)
        for term in query.terms
        if term.text and 0 < term.weight < 1 and term.text not in reading.typed
    ]
    names = [] if reading.english.lower() == reading.text.lower() else [reading.english]
    return " ".join((reading.text, *names, *lesser))


def _in_english(query: Query, reading: QueryReading | None) -> Query:
    """A query of one text with the names that the encoder learned in place of others; of several, Spanish ones alone are."""
    if reading is not None and len(query.terms) == 1:
        return replace(query, terms=(replace(query.terms[0], text=reading.english),))
    return replace(query, terms=tuple(replace(term, text=from_spanish(term.text)) for term in query.terms))


def depth_of(query: Query) -> int:
    """How many figures each channel lists for a query."""
    return max(64, query.k * 2)


def _without_unwanted(query: Query, fused: list[FusedFigure], rows: Mapping[int, SearchRow]) -> list[FusedFigure]:
    """Leave out what only word search found although its words name what the query wants less of."""
    unwanted = [wordform.stems(from_spanish(term.text)) for term in query.terms if term.text and term.weight < 0]
    if not unwanted:
        return fused
    return [
        entry
        for entry in fused
        if not {found.channel for found in entry.channels} <= {"words", "case"}
        or not any(stems and stems <= rows[entry.key].stems for stems in unwanted)
    ]


_TRIED = (
    "axial brain MRI at the level of the thalamus",
    "aortic dissection, CT angiogram",
    "lung nodule, CT of the chest",
    "liver, CT of the upper abdomen",
    "subdural hematoma",
    "chest X-ray",
    "pulmonary embolism CT",
    "cerebellum, coronal MRI",
    "appendicitis",
    "normal retina, fundus photograph",
    "meningioma MRI",
    "heart ultrasound with colour Doppler",
    "meniscus tear, knee MRI",
    "skin histology",
    "whole-body bone scan",
)


def example_queries(search: Callable[..., Answer]) -> list[Query]:
    """Those that find something in this very atlas, given how it is searched."""
    tried = [search(text, k=4) for text in _TRIED]
    # A fit in all its words: the picture beside an example must be what the example says.
    sure = [a for a in tried if a.fits and a[0].features is not None and a[0].features.words > 0.95]
    return [Query.of(answer.query.text) for answer in sure]
