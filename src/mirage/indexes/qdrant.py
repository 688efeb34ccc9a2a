"""Qdrant: the index in a server, or in a cluster of them, for more figures than one machine should hold.

The same points as Qdrant Edge has in this process (`mirage.indexes.embedded`): named vectors ``image`` and ``caption``,
sparse ones for concepts and, by BM25, for words and case, the fields and the numbers of the stems in the payload. The exact
vectors lie on disk, those of 8 bits a component stay in memory, and the candidates that these give are scored by the exact
ones. Slices of stacks are a collection of their own beside it, made with the first stack. What a collection was made for is
in its metadata.

Every change waits until the server has it (``wait``), so that what is added is durable when `QdrantIndex.add` returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mirage.errors import AtlasError
from mirage.indexes import ranking
from mirage.indexes.base import FILTER_FIELDS, IndexOutdated, IndexQuery, Point, Ranked, Vector
from mirage.indexes.bm25 import TEXT_CHANNELS, TextChannel
from mirage.indexes.qdrant_server import Address, asked
from mirage.wording import N_, _

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_SPARSE = ("concepts", *TEXT_CHANNELS)
_BATCH = 256
_AT_ONCE = 2_000
_SLICES = "slices"
_QUANTILE = 0.99  # the components that 8 bits span; the few beyond are cut to the ends of the range
_WAS_CLOSED = N_("The atlas was closed. Open it again to go on.")


class QdrantIndex:
    """A collection of a Qdrant server.

    Parameters
    ----------
    address : str
        As `mirage.indexes.qdrant_server.Address` has it. The collection is made when it is missing.
    dimension : int
        Length of the vectors.
    encoder : str
        Digest of the encoder that they are of; empty where that does not matter.
    client : qdrant_client.QdrantClient, optional
        What speaks to the server; one that the address names when left out.

    Raises
    ------
    mirage.errors.BadInput
        When the address is none.
    mirage.errors.Unavailable
        When the server cannot be reached, or the package is missing.
    IndexOutdated
        When the collection lacks what this version asks for.
    mirage.errors.AtlasError
        When the server refuses, or the collection is of another encoder or length.
    """

    def __init__(self, address: str, dimension: int, encoder: str = "", client: QdrantClient | None = None) -> None:
        self._address = Address.of(address)
        self._client = client or self._address.connect()
        self._name, self._beside = self._address.collection, f"{self._address.collection}-{_SLICES}"
        self._dimension, self._closed = dimension, False
        if not self._asked("collection_exists", self._name):
            self._make(encoder)
        self._check(encoder)
        self._sliced = bool(self._asked("collection_exists", self._beside))

    def add(self, points: Sequence[Point]) -> None:
        """Insert or replace by key; durable when it returns."""
        from qdrant_client import models  # noqa: PLC0415 - of an extra

        for start in range(0, len(points), _BATCH):
            some = points[start : start + _BATCH]
            batch = [models.PointStruct(id=point.key, vector=_vectors(point), payload=_payload(point)) for point in some]
            self._asked("upsert", self._name, batch, wait=True)
            self._add_slices(some)

    def _add_slices(self, points: Sequence[Point]) -> None:
        from qdrant_client import models  # noqa: PLC0415

        stacks = [point for point in points if point.slices is not None]
        if stacks and not self._sliced:
            best = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
            self._create(self._beside, {_SLICES: self._params(best)})
            self._index_fields(self._beside, FILTER_FIELDS)
            self._sliced = True
        if self._sliced:
            if single := [point.key for point in points if point.slices is None]:
                self._asked("delete", self._beside, single, wait=True)
            for point in stacks:
                assert point.slices is not None
                made = models.PointStruct(id=point.key, vector={_SLICES: point.slices.tolist()}, payload=dict(point.fields))
                self._asked("upsert", self._beside, [made], wait=True)

    def remove(self, keys: Sequence[int]) -> None:
        """Take points out; unknown keys are no error."""
        for start in range(0, len(keys), _AT_ONCE):
            for name in (self._name, self._beside)[: 1 + self._sliced]:
                self._asked("delete", name, list(keys[start : start + _AT_ONCE]), wait=True)

    def ask(self, ask: IndexQuery) -> dict[str, Ranked]:
        """Answer all channels in one batched call."""
        from qdrant_client import models  # noqa: PLC0415

        extra = [] if ask.among is None else [models.HasIdCondition(has_id=list(ask.among))]
        condition, vector = _filter(ask.filters, extra), None if ask.vector is None else ask.vector.tolist()
        question: dict[str, Any] = {}
        if vector is not None:
            question |= dict.fromkeys(("image", "caption")[: 1 + ask.caption_channel], vector)
        question |= {name: _sparse(weights) for name in _SPARSE if (weights := getattr(ask, name))}
        exactly = models.SearchParams(quantization=models.QuantizationSearchParams(rescore=True))

        def find(names: Sequence[str], most: int, collection: str = self._name) -> list[Ranked]:
            requests = [
                models.QueryRequest(
                    query=question[name],
                    using=name,
                    filter=condition,
                    limit=most,
                    params=None if name in _SPARSE else exactly,
                )
                for name in names
            ]
            answers = self._asked("query_batch_points", collection, requests)
            return [[(int(hit.id), hit.score) for hit in answer.points] for answer in answers]

        answer = ranking.listed(list(question), ask.limit, find) if question else {}
        if vector is not None and self._sliced:
            question[_SLICES] = [vector]
            (of_slices,) = find([_SLICES], ask.limit + ranking.TIED, self._beside)
            answer["image"] = ranking.with_slices(answer["image"], of_slices)
        return {name: ranking.in_order(found, ask.limit) for name, found in answer.items()}

    def vectors(self, keys: Sequence[int]) -> dict[int, Vector]:
        """Image vectors by key."""
        records = self._asked("retrieve", self._name, list(keys), with_payload=False, with_vectors=["image"])
        return {int(record.id): np.asarray(record.vector["image"], dtype=np.float32) for record in records if record.vector}

    def facets(self, filters: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
        """Count the values of every field among the points that pass the filters."""
        counted: dict[str, dict[str, int]] = {}
        for field in FILTER_FIELDS:
            answer = self._asked("facet", self._name, field, facet_filter=_filter(filters), limit=1000, exact=True)
            counted[field] = {str(hit.value): hit.count for hit in answer.hits if hit.count}
        return counted

    def frequency(self, number: int, channel: TextChannel = "words") -> int:
        """How many points have a stem."""
        from qdrant_client import models  # noqa: PLC0415

        condition = models.FieldCondition(key=channel, match=models.MatchValue(value=number))
        return int(self._asked("count", self._name, count_filter=models.Filter(must=[condition]), exact=True).count)

    def keys(self) -> Iterator[int]:
        """Every key there is."""
        offset: Any = None
        while True:
            found = self._asked("scroll", self._name, limit=_AT_ONCE, offset=offset, with_payload=False, with_vectors=False)
            records, offset = found
            yield from (int(record.id) for record in records)
            if offset is None:
                return

    def __len__(self) -> int:
        """How many points there are."""
        return int(self._asked("count", self._name, exact=True).count)

    def optimise(self) -> None:
        """Nothing: the server does that by itself, while it answers."""

    def warm(self) -> None:
        """Nothing: what stays in memory, the server holds."""

    def close(self) -> None:
        """Let go of the server; what was acknowledged is there."""
        if not self._closed:
            self._closed = True
            self._client.close()

    @staticmethod
    def held(address: str, client: QdrantClient | None = None) -> int | None:
        """How many points a collection has; None where there is none."""
        place = Address.of(address)
        server = client or place.connect()
        try:
            if not asked(place, lambda: server.collection_exists(place.collection)):
                return None
            return asked(place, lambda: server.count(place.collection, exact=True)).count
        finally:
            if client is None:
                server.close()

    @staticmethod
    def drop(address: str, client: QdrantClient | None = None) -> None:
        """Remove a collection and what lies beside it; one that is missing is no error."""
        place = Address.of(address)
        server = client or place.connect()
        try:
            for name in (place.collection, f"{place.collection}-{_SLICES}"):
                if asked(place, lambda name=name: server.collection_exists(name)):  # type: ignore[misc]
                    asked(place, lambda name=name: server.delete_collection(name))  # type: ignore[misc]
        finally:
            if client is None:
                server.close()

    def _asked(self, what: str, *given: Any, **more: Any) -> Any:
        """Ask the server; every change may be made twice, since points are put and taken out by key."""
        try:
            if self._closed:
                raise AtlasError(_(_WAS_CLOSED))
            call = partial(getattr(self._client, what), *given, **more)
            return asked(self._address, call, again=what != "create_collection")
        except AtlasError as error:
            if self._closed:
                raise AtlasError(_(_WAS_CLOSED)) from error
            raise

    def _params(self, many: Any = None) -> Any:
        from qdrant_client import models  # noqa: PLC0415

        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=_QUANTILE, always_ram=True)
        return models.VectorParams(
            size=self._dimension,
            distance=models.Distance.DOT,
            on_disk=True,
            multivector_config=many,
            quantization_config=models.ScalarQuantization(scalar=scalar),
        )

    def _make(self, encoder: str) -> None:
        from qdrant_client import models  # noqa: PLC0415

        sparse = {name: models.SparseVectorParams() for name in _SPARSE}
        vectors = {"image": self._params(), "caption": self._params()}
        self._create(self._name, vectors, sparse, {"encoder": encoder, "made by": "MIRAGE"})

    def _create(self, name: str, vectors: Any, sparse: Any = None, told: Any = None) -> None:
        from qdrant_client import models  # noqa: PLC0415

        self._asked(
            "create_collection",
            name,
            vectors_config=vectors,
            sparse_vectors_config=sparse,
            hnsw_config=models.HnswConfigDiff(m=16, ef_construct=128),
            shard_number=self._address.shards,
            replication_factor=self._address.replicas,
            write_consistency_factor=self._address.consistency,
            on_disk_payload=True,
            metadata=told,
        )

    def _index_fields(self, name: str, fields: Iterable[str]) -> None:
        from qdrant_client import models  # noqa: PLC0415

        numbers = models.IntegerIndexParams(
            type=models.IntegerIndexType.INTEGER, lookup=True, range=False, enable_hnsw=False
        )
        for field in fields:
            kind = numbers if field in TEXT_CHANNELS else models.PayloadSchemaType.KEYWORD
            self._asked("create_payload_index", name, field, field_schema=kind, wait=True)

    def _check(self, encoder: str) -> None:
        found = self._asked("get_collection", self._name)
        config = found.config
        vectors, sparse = config.params.vectors or {}, config.params.sparse_vectors or {}
        image = vectors.get("image") if isinstance(vectors, dict) else None
        told = config.metadata or {}
        if image is None or "made by" not in told:
            raise AtlasError(
                _(
                    "The collection %(address)s is no index of MIRAGE. Nothing was changed; name another one.",
                    address=self._address,
                )
            )
        if lacking := set(_SPARSE) - set(sparse):
            raise IndexOutdated(
                _(
                    "The collection %(address)s lacks %(lacking)s. `mirage atlas rebuild` makes it anew.",
                    address=self._address,
                    lacking=", ".join(sorted(lacking)),
                )
            )
        if image.size != self._dimension:
            raise AtlasError(
                _(
                    "The collection %(address)s has vectors of length %(size)s, not %(dimension)s. "
                    "`mirage atlas rebuild` makes it anew.",
                    address=self._address,
                    size=image.size,
                    dimension=self._dimension,
                )
            )
        if encoder and told.get("encoder") and told["encoder"] != encoder:
            raise AtlasError(
                _(
                    "The collection %(address)s holds the vectors of another encoder (%(encoder)s, not "
                    "%(encoder2)s), which cannot be compared. `mirage atlas rebuild` makes it anew.",
                    address=self._address,
                    encoder=told["encoder"][:12],
                    encoder2=encoder[:12],
                )
            )
        # All of them are lacking where who made the collection was stopped in between.
        self._index_fields(
            self._name, [name for name in (*FILTER_FIELDS, *TEXT_CHANNELS) if name not in found.payload_schema]
        )


def _vectors(point: Point) -> dict[str, Any]:
    vectors: dict[str, Any] = {"image": point.image.tolist()}
    if point.caption is not None:
        vectors["caption"] = point.caption.tolist()
    return vectors | {name: _sparse(weights) for name in _SPARSE if (weights := getattr(point, name))}


def _payload(point: Point) -> dict[str, Any]:
    return {**point.fields, **{name: list(getattr(point, name)) for name in TEXT_CHANNELS}}


def _sparse(weights: Mapping[int, float]) -> Any:
    from qdrant_client import models  # noqa: PLC0415

    return models.SparseVector(indices=list(weights), values=list(weights.values()))


def _filter(filters: Mapping[str, Sequence[str]], extra: Sequence[Any] = ()) -> Any:
    from qdrant_client import models  # noqa: PLC0415

    must = [models.FieldCondition(key=name, match=models.MatchAny(any=list(values))) for name, values in filters.items()]
    return models.Filter(must=[*must, *extra]) if must or extra else None
