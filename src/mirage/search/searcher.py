"""Answer queries over one state of an atlas.

What a `Searcher` remembers (how rare words are, the facets) holds until the atlas changes; then the atlas
makes a new one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mirage.encoders.base import Encoder
from mirage.errors import BadQuery
from mirage.images import PictureStore
from mirage.indexes.base import Ask, Index, Ranked
from mirage.language import words as wordform
from mirage.models.runtime import loaded_once
from mirage.query import Query, Term, shown
from mirage.search import fusion
from mirage.search.arithmetic import CHANGE, Middle
from mirage.search.fusion import Answer, Calibration, Fused, Hit, Signs
from mirage.storage.records import FigureRow
from mirage.storage.store import Store

Vector = npt.NDArray[np.float32]

SPARE = 40  # more than k, for those that are folded or whose words lift them


@dataclass(frozen=True, slots=True)
class Steer:
    """What a second look goes by beside the query; see `mirage.explain.refine`.

    Attributes
    ----------
    vector : (d,) float32
        Unit length.
    share : float
        Of it in the vector that is looked with, 0 to 1.
    words : str
        What word search looks for beside the query's own words.
    """

    vector: Vector
    share: float
    words: str = ""


class Searcher:
    """The search of an atlas.

    Parameters
    ----------
    store, index, encoder, pictures
        The atlas's own.
    calibration : Calibration, optional
        The one fitted for the encoder when left out.
    """

    def __init__(
        self,
        store: Store,
        index: Index,
        encoder: Encoder,
        pictures: PictureStore,
        calibration: Calibration | None = None,
    ) -> None:
        self._store, self._index, self._encoder, self._pictures = store, index, encoder, pictures
        self._encoder_info = encoder.info()
        self.calibration = calibration or fusion.calibration_for(self._encoder_info.digest)
        self._frequency = lru_cache(maxsize=20_000)(index.frequency)
        self._size = len(index)
        self._middle = Middle(encoder)

    @loaded_once
    def facets(self) -> dict[str, dict[str, int]]:
        """Field to value to number of figures, over the whole atlas."""
        return self._index.facets({})

    def search(self, query: Query, steer: Steer | None = None) -> Answer:
        """Answer one query; see `mirage.atlas.Atlas.search`. A steer changes what is found, not how sure a hit is."""
        started = time.perf_counter()
        self._check_filters(query)
        notes: list[str] = []
        if not self._size:
            return Answer(query, (), False, ("This atlas is empty. Add a corpus to it.",), 0.0)
        vector = self._embed(query, notes)
        depth = depth_of(query)
        looking, wording = (vector, query.text) if steer is None else _steered(vector, query.text, steer)
        asked = Ask(looking, wording, depth, query.filters)
        lists = self._index.ask(asked)
        own = {self._store.row(term.figure).key for term in query.terms if term.figure}
        weights = self.calibration.weights_for(
            words=bool(query.text),
            picture=any(not term.text for term in query.terms),
            less=any(term.weight < 0 for term in query.terms),
        )
        fused = fusion.fuse(lists, weights, query.k + SPARE + len(own), self._uncaptioned(lists))
        fused = [entry for entry in fused if entry.key not in own][: query.k + SPARE]
        rows = self._store.rows([entry.key for entry in fused])
        fused = _without_unwanted(query, [entry for entry in fused if entry.key in rows], rows)
        wanted = {
            stem: fusion.rarity(self._frequency(word), self._size) for stem, word in wordform.words(query.text).items()
        }
        covered = {entry.key: fusion.coverage(wanted, _stems(rows[entry.key].figure.words)) for entry in fused}
        fused = fusion.favour(fused, covered, weights)
        fused, folded = self._fold(fused, rows)
        floors = {channel: ranked[-1][1] for channel, ranked in lists.items() if len(ranked) >= depth}
        if steer is None:
            signs = {entry.key: fusion.signs(entry, floors, covered[entry.key]) for entry in fused[: query.k]}
        else:
            signs = self._signs(vector, [entry.key for entry in fused[: query.k]], covered)
        hits = self._hits(query, fused[: query.k], rows, folded, signs)
        if folded and any(hit.folded for hit in hits):
            count = sum(len(hit.folded) for hit in hits)
            notes.append(f"{count} near-duplicate{'s' if count > 1 else ''} folded into the figure that stands for them.")
        fits = any(hit.confidence != "weak" for hit in hits)
        return Answer(query, tuple(hits), fits, tuple(notes), time.perf_counter() - started)

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
                raise BadQuery(f"No figure in this atlas has the {name} {shown(strange[0])}. There is: {there}.")

    def vector(self, query: Query) -> Vector:
        """The (d,) float32 unit vector that the picture channels look with."""
        return self._embed(query, [])

    def _embed(self, query: Query, notes: list[str]) -> Vector:
        texts = [term for term in query.terms if term.text]
        encoded = self._encoder.encode_texts([term.text for term in texts]) if texts else np.zeros((0, 1), np.float32)
        total = np.zeros(self._encoder_info.dimension, np.float32)
        plain = np.zeros_like(total)  # what the terms as they were weighed come to: nothing, when they cancel
        changed = any(term.weight < 0 for term in texts)
        middle = self._middle() if changed else np.float32(0)
        for place, (term, vector) in enumerate(zip(texts, encoded, strict=True)):
            loudness = CHANGE if changed and (place or term.weight < 0) else np.float32(1)
            total += loudness * np.float32(term.weight) * (vector - middle)
            plain += np.float32(term.weight) * vector
            unread = self._encoder.unread(term.text)
            if unread:
                notes.append(
                    f"The picture channels read the first {self._encoder_info.max_tokens - 2} word pieces; "
                    f"not read by them: “{_shorten(unread)}”. Word search used all of it."
                )
        for term in query.terms:
            if not term.text:
                own = np.float32(term.weight) * self._term_vector(term)
                total += own
                plain += own
        norm = float(np.linalg.norm(total))
        if norm < 1e-4 or float(np.linalg.norm(plain)) < 1e-4:
            raise BadQuery("The terms of this query cancel each other out: nothing is left to look for.")
        return np.asarray(total / norm, dtype=np.float32)

    def _term_vector(self, term: Term) -> Vector:
        if term.picture is not None:
            mine = self._encoder_info
            if term.picture.digest != mine.digest[:12] or len(term.picture.codes) != mine.dimension:
                raise BadQuery("This picture was embedded by another encoder than this atlas uses. Drop it again.")
            return term.picture.vector
        key = self._store.row(term.figure).key
        return self._store.vectors([key], self._encoder_info.digest)[key][0]

    def _signs(self, vector: Vector, keys: Sequence[int], covered: Mapping[int, float]) -> dict[int, Signs]:
        """What speaks for figures by the query alone: an explanation resembles what it was quoted from."""
        stored = self._store.vectors(keys, self._encoder_info.digest)
        cosines = {
            key: (float(vector @ image), float(vector @ caption) if caption is not None else 0.0)
            for key, (image, caption) in stored.items()
        }
        return {key: Signs(*cosines.get(key, (0.0, 0.0)), covered[key]) for key in keys}

    def _uncaptioned(self, lists: Mapping[str, Ranked]) -> frozenset[int]:
        """Those whose caption's vector, if any, knows only what kind of picture they are."""
        listed = {key for channel in ("image", "caption") for key, _ in lists.get(channel, ())}
        return self._store.uncaptioned(sorted(listed))

    def _fold(self, fused: list[Fused], rows: Mapping[int, FigureRow]) -> tuple[list[Fused], dict[int, list[int]]]:
        keys = [entry.key for entry in fused]
        looks = {key: rows[key].picture.look for key in keys}
        near = fusion.look_alikes(keys, looks)
        stands_for = fusion.fold(near, looks, self._index.vectors(near)) if near else {}
        folded: dict[int, list[int]] = {}
        for key, other in stands_for.items():
            folded.setdefault(other, []).append(key)
        return [entry for entry in fused if entry.key not in stands_for], folded

    def _hits(
        self,
        query: Query,
        fused: Sequence[Fused],
        rows: Mapping[int, FigureRow],
        folded: Mapping[int, Sequence[int]],
        signs: Mapping[int, Signs],
    ) -> list[Hit]:
        hits: list[Hit] = []
        for rank, entry in enumerate(fused, 1):
            row = rows[entry.key]
            picture, thumbnail = self._pictures.places(row.picture.name)
            hits.append(
                Hit(
                    rank=rank,
                    figure=row.figure,
                    confidence=self.calibration.confidence(signs[entry.key], bool(query.text)),
                    channels=entry.channels,
                    score=entry.score,
                    folded=tuple(rows[key].figure.id for key in folded.get(entry.key, ())),
                    picture=picture,
                    thumbnail=thumbnail,
                    width=row.picture.width,
                    height=row.picture.height,
                    signs=signs[entry.key],
                )
            )
        return hits


def depth_of(query: Query) -> int:
    """How many figures each channel lists for a query."""
    return max(64, query.k * 2)


def _steered(vector: Vector, text: str, steer: Steer) -> tuple[Vector, str]:
    mixed = np.float32(1 - steer.share) * vector + np.float32(steer.share) * steer.vector
    norm = float(np.linalg.norm(mixed))
    looking = np.asarray(mixed / norm, dtype=np.float32) if norm > 1e-4 else vector
    return looking, f"{text} {steer.words}".strip()


def _without_unwanted(query: Query, fused: list[Fused], rows: Mapping[int, FigureRow]) -> list[Fused]:
    """Leave out what only word search found although its words name what the query wants less of."""
    unwanted = [wordform.stems(term.text) for term in query.terms if term.text and term.weight < 0]
    if not unwanted:
        return fused
    return [
        entry
        for entry in fused
        if [found.channel for found in entry.channels] != ["words"]
        or not any(stems and stems <= _stems(rows[entry.key].figure.words) for stems in unwanted)
    ]


_stems = lru_cache(maxsize=50_000)(wordform.stems)


def _shorten(text: str, length: int = 120) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
