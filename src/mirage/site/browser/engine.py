"""The search of an atlas in a visitor's browser: `mirage.search.searcher.Searcher` over the files of the site.

The page's script holds vectors and postings and counts with them (`Host`); everything else is here. What a search lacks, the
vector of a text that the tower has yet to make or a file that was not fetched, is raised as `Wanted`: the script brings it
and asks again.
"""

from __future__ import annotations

import base64
import gc
import io
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from gettext import GNUTranslations
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

import numpy as np

from mirage import licensing
from mirage.errors import MirageError, NotFound
from mirage.figure import Figure, Licence, SlicePlace, Source, Stack, StackLabel, Window
from mirage.indexes import ranking
from mirage.indexes.base import FILTER_FIELDS, IndexQuery, Ranked, Vector
from mirage.indexes.bm25 import TextChannel
from mirage.query import PictureTerm, Query
from mirage.search.answer import Answer, Hit
from mirage.search.confidence import Calibration, ConfidenceModel
from mirage.search.searcher import Searcher
from mirage.site.browser.wordpiece import WordPiece
from mirage.storage.searched import SearchRow, SliceVectors, StoredMention
from mirage.wording import _, looked_up, settle

SHARD = 200  # figures whose words lie in one file


class Host(Protocol):
    """What the page's script counts, over all figures. Numbers come as they are in its arrays."""

    def nearest(self, channel: str, vector: Sequence[float], limit: int, among: Sequence[int] | None) -> Sequence[float]:
        """Keys and scores, one after the other, best first; see `mirage.indexes.ranking.in_order`."""
        ...

    def matching(
        self, channel: str, numbers: Sequence[int], weights: Sequence[float], limit: int, among: Sequence[int] | None
    ) -> Sequence[float]:
        """The same, for what is known by numbers."""
        ...

    def frequency(self, channel: str, number: int) -> int:
        """How many figures have a number."""
        ...

    def vector(self, channel: str, key: int) -> Sequence[float]:
        """A figure's vector; empty where it has none."""
        ...

    def slices(self, key: int) -> Sequence[Sequence[float]]:
        """The vectors of a stack's slices."""
        ...


class Wanted(Exception):
    """What a search lacks.

    Attributes
    ----------
    texts : tuple of str
        That the text tower has to read.
    shards, cases : tuple of int
        Files of figures' words, and of their cases.
    """

    def __init__(self, texts: Iterable[str] = (), shards: Iterable[int] = (), cases: Iterable[int] = ()) -> None:
        super().__init__()
        self.texts, self.shards, self.cases = tuple(texts), tuple(shards), tuple(cases)


class AtOnce(Executor):
    """Runs what it is given there and then: a browser's Python has no threads."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it; what it raises is kept for who asks for the result."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _Row(NamedTuple):
    key: int
    figure: Figure
    picture: Any


class SiteStore:
    """The records of a site, as far as a search asks for them; see `mirage.storage.store.Store` for what is alike.

    Parameters
    ----------
    head : mapping
        What `mirage.site.data` gathered of the whole atlas.
    host : Host
    """

    def __init__(self, head: Mapping[str, Any], host: Host) -> None:
        self._head, self._host = head, host
        self._ids: list[str] = head["ids"]
        self._keys = {id: key for key, id in enumerate(self._ids)}
        self._keys |= {former: self._keys[now] for former, now in head["former"].items()}
        self._shards: dict[int, list[Any]] = {}
        self._cases: dict[int, dict[str, Any]] = {}
        self.vectors = SimpleNamespace(of=self._vectors, slice_counts=self._slice_counts, slices=self._slices)
        self.mentions = SimpleNamespace(of=self._mentions, title_words=lambda: head["title words"])

    def take(self, shard: int, rows: list[Any]) -> None:
        """Take the words of some figures."""
        self._shards[shard] = rows

    def take_cases(self, shard: int, cases: dict[str, Any]) -> None:
        """Take the cases of some figures."""
        self._cases[shard] = cases

    def cases(self, ids: Iterable[str]) -> dict[str, Any]:
        """The cases of some figures by id, as far as they may be told."""
        shards = {key // SHARD for key in self.keys_of(list(ids)).values()}
        if lacking := sorted(shards - self._cases.keys()):
            raise Wanted(cases=lacking)
        return {id: case for shard in sorted(shards) for id, case in self._cases[shard].items()}

    def _rows(self, keys: Iterable[int]) -> dict[int, Any]:
        keys = list(keys)
        if lacking := sorted({key // SHARD for key in keys} - self._shards.keys()):
            raise Wanted(shards=lacking)
        return {key: self._shards[key // SHARD][key % SHARD] for key in keys}

    def rows(self, keys: Sequence[int]) -> dict[int, _Row]:
        """Figures by key."""
        return {key: _Row(key, figure_of(own), SimpleNamespace(**own["picture"])) for key, own in self._rows(keys).items()}

    def search_rows(self, keys: Sequence[int]) -> dict[int, SearchRow]:
        """What a search ranks figures by, by key."""
        return {
            key: SearchRow(
                key, self._ids[key], own["caption"], own["diagnosis"], own["modality"], own["plane"], own["region"],
                own["title"], int(own["look"], 16), frozenset(own["stems"]), frozenset(own["folded"].split()),
            )
            for key, own in self._rows(keys).items()
        }  # fmt: skip

    def row(self, figure_id: str) -> _Row:
        """One figure by its id, or by a reference.

        Raises
        ------
        mirage.errors.NotFound
        """
        key = self._keys.get(figure_id, self._keys.get(figure_id.rpartition("~")[0]))
        if key is None:
            raise NotFound(_("No figure %(id)s is on this site.", id=figure_id[:80]))
        return self.rows([key])[key]

    def keys_of(self, ids: Sequence[str]) -> dict[str, int]:
        """The keys of some figures, by id."""
        return {id: self._keys[id] for id in ids if id in self._keys}

    def families(self) -> dict[int, str]:
        """Key to the id of the stack that a figure is or is cut from."""
        return {int(key): stack for key, stack in self._head["families"].items()}

    def slice_places(self) -> dict[int, SlicePlace]:
        """Key to the place that a figure has in a stack."""
        return {int(key): place_of(place) for key, place in self._head["slice places"].items()}

    def uncaptioned(self) -> frozenset[int]:
        """The keys of figures without a caption."""
        return frozenset(self._head["uncaptioned"])

    def _vectors(self, keys: Sequence[int], encoder: str) -> dict[int, tuple[Vector, Vector | None]]:
        return {
            key: (np.asarray(self._host.vector("image", key)), _or_none(self._host.vector("caption", key))) for key in keys
        }

    def _slice_counts(self, encoder: str) -> dict[int, int]:
        return {int(key): len(numbers) for key, numbers in self._head["slices"].items()}

    def _slices(self, keys: Sequence[int], encoder: str) -> dict[int, SliceVectors]:
        return {
            key: SliceVectors(
                np.asarray(self._head["slices"][str(key)]), np.asarray([np.asarray(row) for row in self._host.slices(key)])
            )
            for key in keys
        }

    def _mentions(
        self, keys: Sequence[int], concepts: Collection[str], fields: Collection[str]
    ) -> dict[int, list[StoredMention]]:
        # Of concepts none is ever left out here: a search chooses among what is told by itself.
        return {
            key: [StoredMention(key, name, field, polarity) for name, field, polarity in own["mentions"] if field in fields]
            for key, own in self._rows(keys).items()
        }


class SiteIndex:
    """The five channels, counted by the page's script; see `mirage.indexes.base.Index` for what is alike.

    Parameters
    ----------
    head : mapping
    host : Host
    words_only : bool
        Whether vectors of queries mean nothing, for want of the towers that make them.
    """

    def __init__(self, head: Mapping[str, Any], host: Host, words_only: bool = False) -> None:
        self._host, self._size, self._words_only = host, len(head["ids"]), words_only
        self._values: Mapping[str, list[str]] = head["values"]
        self._columns: Mapping[str, list[int]] = head["columns"]

    def __len__(self) -> int:
        return self._size

    def ask(self, ask: IndexQuery) -> dict[str, Ranked]:
        """Answer all channels."""
        among = self._passing(ask.filters, ask.among)
        found: dict[str, Ranked] = {}
        if ask.vector is not None and not self._words_only:
            vector = ask.vector.tolist()
            for channel in ("image", "caption"):
                found[channel] = _pairs(self._host.nearest(channel, vector, ask.limit, among))
        for channel in ("words", "case", "concepts"):
            if weights := getattr(ask, channel):
                asked = list(weights), list(weights.values())
                found[channel] = _pairs(self._host.matching(channel, *asked, ask.limit, among))
        return {channel: ranking.in_order(ranked, ask.limit) for channel, ranked in found.items()}

    def _passing(self, filters: Mapping[str, Sequence[str]], among: Sequence[int] | None) -> list[int] | None:
        if not filters:
            return None if among is None else list(among)
        wanted = [
            (self._columns[field], {place for place, value in enumerate(self._values[field]) if value in values})
            for field, values in filters.items()
        ]
        keys = range(self._size) if among is None else among
        return [key for key in keys if all(column[key] in places for column, places in wanted)]

    def vectors(self, keys: Sequence[int]) -> dict[int, Vector]:
        """Image vectors by key."""
        return {key: np.asarray(self._host.vector("image", key)) for key in keys}

    def facets(self, filters: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
        """Field to value to how many figures have it, of those that pass."""
        passing = self._passing(filters, None)
        keys = range(self._size) if passing is None else passing
        counts: dict[str, dict[str, int]] = {}
        for field in FILTER_FIELDS:
            names, column = self._values[field], self._columns[field]
            own = counts.setdefault(field, {})
            for key in keys:
                own[names[column[key]]] = own.get(names[column[key]], 0) + 1
        return counts

    def frequency(self, number: int, channel: TextChannel = "words") -> int:
        """How many figures have a stem."""
        return self._host.frequency(channel, number)

    def warm(self) -> None:
        """Everything is in memory."""


class SiteEncoder:
    """The vectors of texts that the script's towers made; see `mirage.encoders.base.Encoder` for what is alike.

    Parameters
    ----------
    head : mapping
    host : Host
    pieces : mapping
        Of the tokenizer; empty where the site has no towers, and texts then have no vectors.
    """

    def __init__(self, head: Mapping[str, Any], host: Host, pieces: Mapping[str, int]) -> None:
        self._info = SimpleNamespace(**head["encoder"])
        self._known: dict[str, Vector] = {}
        self._reader = WordPiece(pieces, self._info.max_tokens) if pieces else None

    def info(self) -> Any:
        """Name, digest and sizes."""
        return self._info

    def know(self, text: str, vector: Sequence[float]) -> None:
        """Take what the tower made of a text."""
        self._known[text] = np.asarray(vector)

    def ids(self, text: str) -> list[int]:
        """What the tower is to read of a text."""
        return self._reader.ids(text) if self._reader else []

    def unread(self, text: str) -> str:
        """The end of a text that is not read."""
        return self._reader.unread(text) if self._reader else ""

    def encode_texts(self, texts: Sequence[str]) -> Any:
        """The vectors of texts, unless the tower has to make some first.

        Raises
        ------
        Wanted
        """
        if self._reader is None:
            return np.asarray([np.asarray([1.0] * self._info.dimension) for _ in texts])  # which nobody looks with
        if lacking := [text for text in dict.fromkeys(texts) if text not in self._known]:
            raise Wanted(texts=lacking)
        return np.asarray([self._known[text] for text in texts])


class Engine:
    """Answers the page's script.

    Parameters
    ----------
    head : str
        JSON of what is known of the whole atlas.
    host : Host
    pieces : str
        JSON of the tokenizer's pieces; ``{}`` where the site has no towers.
    """

    def __init__(self, head: str, host: Host, pieces: str) -> None:
        known = json.loads(head)
        self._head = known
        if "language" in known:
            settle(GNUTranslations(io.BytesIO(base64.b64decode(known["language"]))))
        weights = known["calibration"]
        calibration = Calibration(
            weights["encoder"], weights["weights"], ConfidenceModel(**weights["text"]),
            ConfidenceModel(**weights["picture"]), weights["picture_weights"],
        )  # fmt: skip
        self._words_only = pieces == "{}"
        self._store, self._index = SiteStore(known, host), SiteIndex(known, host, self._words_only)
        self._encoder = SiteEncoder(known, host, json.loads(pieces))
        self._prepared: Query | None = None
        self._last: tuple[Query, Answer] | None = None
        places = SimpleNamespace(places=lambda name: (name, name))
        self._searcher = Searcher(
            self._store,  # type: ignore[arg-type]
            self._index,  # type: ignore[arg-type]
            self._encoder,  # type: ignore[arg-type]
            places,  # type: ignore[arg-type]
            calibration,
            beside=AtOnce(),
        )

    def take(self, shard: int, rows: str) -> None:
        """Take a file of figures' words."""
        self._store.take(shard, json.loads(rows))
        gc.freeze()  # words of figures are held for good: to look through all of them for garbage takes a second

    def take_cases(self, shard: int, cases: str) -> None:
        """Take a file of figures' cases."""
        self._store.take_cases(shard, json.loads(cases))

    def know(self, text: str, vector: Iterable[float]) -> None:
        """Take what the tower made of a text."""
        self._encoder.know(text, list(vector))

    def ids(self, text: str) -> list[int]:
        """What the text tower is to read of a text."""
        return self._encoder.ids(text)

    def picture(self, vector: Iterable[float]) -> str:
        """A dropped picture as a term of a query's address."""
        return PictureTerm.of(np.asarray(list(vector)), self._encoder.info().digest).print()

    def answer(self, query: str) -> str:
        """Answer a query's address: JSON with ``hits``, or ``wanted``, or ``error`` in words."""
        return json.dumps(self._tried(lambda: self._answered(Query.parse(query))), ensure_ascii=False)

    def _tried(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return ask()
        except Wanted as lacking:
            return {"wanted": {"texts": lacking.texts, "shards": lacking.shards, "cases": lacking.cases}}
        except MirageError as error:
            return {"error": str(error)}

    def _answered(self, query: Query) -> dict[str, Any]:
        if self._words_only and not query.text:
            raise MirageError(_("This site searches words only: it was made without the models that read pictures."))
        if not self._words_only and query != self._prepared:
            self._prepared = query
            self._searcher.vector(query)  # so that what the towers have to read is told before anything is counted
        found = self._searcher.search(query)
        self._last = query, found
        return {
            "query": query.print(),
            "text": query.text,
            "fits": found.fits,
            "notes": found.notes,
            "withdrawn": found.withdrawn,
            "reading": _reading(found),
            "hits": [self._hit(hit) for hit in found.hits],
            "facets": self._searcher.facets,
        }

    def explain(self, query: str) -> str:
        """What the sources of the hits say of a query's address: JSON as `explaining.explained` gives it, or ``wanted``.

        It takes longer than the search, so it is asked for by itself; only what was answered last is explained.
        """
        asked, found = self._last or (None, None)
        if found is None or Query.parse(query) != asked:
            return json.dumps({"claims": [], "evidence": [], "remarks": [], "page": ""})
        return json.dumps(self._tried(lambda: self._told(found)), ensure_ascii=False)

    def _told(self, found: Answer) -> dict[str, Any]:
        from mirage.site.browser.explaining import explained  # noqa: PLC0415 - a second, in a browser

        cases = self._store.cases([hit.figure.id for hit in found.hits if hit.figure.case_id])
        told = explained(found, cases, self._encoder, lambda id: str(self._head["pages"][self._store.keys_of([id])[id]]))
        return {**told, "page": self._explained(found)}

    def _explained(self, found: Answer) -> str:
        """The page that explains what is asked for, where it is one thing."""
        wanted = [each.name for each in found.reading.wanted if each.kind != "anatomy"] if found.reading else []
        wanted = wanted or ([each.name for each in found.reading.wanted] if found.reading else [])
        return str(self._head["explained"].get(wanted[0], "")) if len(wanted) == 1 else ""

    def _hit(self, hit: Hit) -> dict[str, Any]:
        figure = hit.figure
        key = self._store.keys_of([figure.id])[figure.id]
        return {
            "id": figure.id,
            "key": key,
            "page": self._head["pages"][key],
            "thumbnail": self._head["thumbnails"][key],
            "title": figure.title,
            "caption": figure.caption,
            "alt": figure.alt,
            "language": figure.language,
            "case": figure.case_id,
            "confidence": hit.confidence,
            "basis": hit.basis,
            "folded": len(hit.folded),
            "slice": {"number": hit.slice.number, "why": hit.slice.why} if hit.slice else None,
            "stack": figure.stack.shape[0] if figure.stack else 0,
            "contradictions": figure.contradictions,
            "attribution": figure.source.attribution,
            "url": figure.source.url,
            "licence": looked_up(str(figure.source.licence)),
            "condition": licensing.passing_on(figure),
            "width": hit.width,
            "height": hit.height,
            "channels": [each.channel for each in hit.channels],
        }


def _reading(found: Answer) -> dict[str, Any] | None:
    reading = found.reading
    if reading is None:
        return None
    return {
        "mended": reading.mended,
        "concepts": [each.name for each in reading.concepts],
        "doubtful": reading.doubtful,
        "denied": reading.denied,
        "english": reading.english if reading.english.lower() != reading.text.lower() else "",
    }


def _pairs(flat: Sequence[float]) -> Ranked:
    values = flat.to_py().tolist() if hasattr(flat, "to_py") else list(flat)  # an array of the script's, else of a test
    return [(int(key), score) for key, score in zip(values[::2], values[1::2], strict=True)]


def _or_none(values: Sequence[float]) -> Vector | None:
    return np.asarray(values) if len(values) else None


def place_of(own: Mapping[str, Any]) -> SlicePlace:
    """A place in a stack from JSON."""
    return SlicePlace(own["stack"], own["view"], own["number"], tuple(map(tuple, own["shares"])))


def figure_of(own: Mapping[str, Any]) -> Figure:
    """A figure from JSON."""
    source, licence = own["source"], own["source"]["licence"]
    stack, place = own["stack"], own["slice_of"]
    return Figure(
        id=own["id"], caption=own["caption"], title=own["title"], diagnosis=own["diagnosis"], modality=own["modality"],
        modality_detail=own["modality_detail"], plane=own["plane"], region=own["region"], case_id=own["case_id"],
        patient=own["patient"], inferred=tuple(own["inferred"]), language=own["language"], proof=own["proof"],
        contradicted=tuple((name, said) for name, said in own["contradicted"]),
        source=Source(**{**source, "licence": Licence(**licence)}),
        stack=stack and _stack_of(stack), slice_of=place and place_of(place),
    )  # fmt: skip


def _stack_of(own: Mapping[str, Any]) -> Stack:
    labels = tuple(StackLabel(**each) for each in own["labels"])
    return Stack(**{**own, "labels": labels, "windows": tuple(Window(**each) for each in own["windows"])})
