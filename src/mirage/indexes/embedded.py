"""Qdrant Edge: the index in this process.

One named vector for the image, one for the caption, sparse ones for the concepts and, by BM25, for words and case, and a
keyword index for each filter. The numbers of the stems are in the payload too, where they are counted. Slices of stacks lie
in a shard of their own, see `mirage.indexes.embedded_slices`. The write-ahead log stays on: it makes acknowledged writes
durable and it is the lock that keeps a second process out.

How vectors lie on disk and in memory is the shard's *layout*. Until the vectors of one kind pass 20 MB they are searched
whole, in every layout; from then on there is a graph, and with the layout ``compact`` the graph is walked over vectors of
8 bits a component that stay in memory, a quarter of their size, while the exact ones wait on disk: the candidates' are read
for the scores, so that scores and order are those of the exact vectors.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import qdrant_edge as edge

from mirage.aside import forsaken
from mirage.errors import ROOM, AtlasError, AtlasHeld, BadInput, MirageError, Unavailable, check_room
from mirage.indexes import ranking
from mirage.indexes.base import FILTER_FIELDS, IndexOutdated, IndexQuery, Point, Ranked, Vector
from mirage.indexes.bm25 import TEXT_CHANNELS, TextChannel
from mirage.indexes.embedded_slices import SliceShard
from mirage.wording import N_, _

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_SPARSE = ("concepts", *TEXT_CHANNELS)
_BATCH = 512
_WARM_BYTES = 512_000_000  # of vectors; a million figures are left on disk until they are looked at
_ROOM_TO_OPEN = 64_000_000  # opening takes the next piece of the log, 34 MB, even when nothing will be written
_FORSAKEN_SECONDS = 600  # an unfinished shard so old belongs to a process that was killed
_PARTIAL = re.compile(r"index(-[0-9a-f]{12}(-2)?)?\.\d{1,9}\.partial")
_CONFIG = "edge_config.json"
_WAS_CLOSED = N_("The atlas was closed. Open it again to go on.")
Layout = Literal["compact", "plain"]
_LAYOUTS: tuple[Layout, ...] = get_args(Layout)
# Candidates come from the 8-bit vectors, and are scored by the exact ones. Asking for more candidates than are wanted found
# no more (recall@10 1.000 either way at 80,000 × 768) and took three times as long; `ranking.TIED` gives some to spare.
_EXACTLY = edge.SearchParams(quantization=edge.QuantizationSearchParams(rescore=True))
_HELD = ("WouldBlock", "failed to open WAL", "Resource temporarily unavailable")
# Below this many kB of vectors a segment is searched whole, which is exact and quick enough.
_INDEXING_THRESHOLD_KB = 20_000
_QUANTILE = 0.99  # the components that 8 bits span; the few beyond are cut to the ends of the range
_FULL_SCAN_THRESHOLD_KB = 10_000


def _vectors(dimension: int, layout: Layout, many: edge.MultiVectorConfig | None = None) -> edge.EdgeVectorParams:
    if layout == "plain":
        return edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Dot, multivector_config=many)
    return edge.EdgeVectorParams(
        size=dimension,
        distance=edge.Distance.Dot,
        multivector_config=many,
        memory=edge.Memory.Cold,
        quantization_config=edge.ScalarQuantizationConfig(
            edge.ScalarType.Int8, quantile=_QUANTILE, memory=edge.Memory.Pinned
        ),
    )


def _config(dimension: int, layout: Layout) -> edge.EdgeConfig:
    params = _vectors(dimension, layout)
    return edge.EdgeConfig(
        vectors={"image": params, "caption": params},
        sparse_vectors={name: edge.EdgeSparseVectorParams() for name in _SPARSE},
        hnsw_config=edge.HnswIndexConfig(m=16, ef_construct=128, full_scan_threshold=_FULL_SCAN_THRESHOLD_KB),
        optimizers=edge.EdgeOptimizersConfig(default_segment_number=2, indexing_threshold=_INDEXING_THRESHOLD_KB),
        wal_enabled=True,
    )


def _field_indexes() -> Iterator[edge.UpdateOperation]:
    for field in FILTER_FIELDS:
        yield edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword)
    for (
        name
    ) in TEXT_CHANNELS:  # that are counted: no vectors are looked for among them, which would want graphs of their own
        yield edge.UpdateOperation.create_field_index(
            name, edge.IntegerIndexParams(lookup=True, range=False, enable_hnsw=False)
        )


def _filter(filters: Mapping[str, Sequence[str]], extra: Sequence[Any] = ()) -> edge.Filter | None:
    must: list[Any] = [edge.FieldCondition(key=name, match=edge.MatchAny(list(values))) for name, values in filters.items()]
    must += extra
    return edge.Filter(must=must) if must else None


class EmbeddedIndex:
    """A shard of Qdrant Edge in a folder.

    Parameters
    ----------
    path : Path
        The shard's folder; made when it is missing.
    dimension : int
        Length of the vectors.
    layout : {"compact", "plain"}
        For a shard that is made now. One that is there keeps the layout that it was made with, which it knows itself.

    Raises
    ------
    mirage.errors.AtlasHeld
        When another process has it open.
    IndexOutdated
        When an earlier version made it.
    mirage.errors.AtlasError
        When the files are not a shard that can be opened; rebuilding mends it.
    """

    def __init__(self, path: Path, dimension: int, layout: Layout = "compact") -> None:
        if layout not in _LAYOUTS:
            raise BadInput(
                _(
                    "An index has no layout %(layout)s. There are: %(LAYOUTS)s.",
                    layout=repr(layout),
                    LAYOUTS=", ".join(_LAYOUTS),
                )
            )
        self._path = Path(path)
        self._dimension = dimension
        self._closed, self._using = False, threading.Lock()
        with _explained(self._path):
            if not self._path.exists() or not any(self._path.iterdir()):
                _make(self._path, dimension, layout)
            check_room(self._path.parent, _ROOM_TO_OPEN)
            _refuse_held(self._path)
            self._shard = edge.EdgeShard.load(str(self._path))
            _sweep(self._path)
            lacking = set(FILTER_FIELDS) - set(self._shard.info().payload_schema)
            config = json.loads((self._path / _CONFIG).read_text("utf-8"))
            kept = config["vectors"]["image"]
            size = kept["size"]
            lacking |= set(_SPARSE) - set(config.get("sparse_vectors") or ())
        self.layout: Layout = "compact" if kept.get("quantization_config") else "plain"
        if size != dimension or lacking:
            self._shard.close()
            if lacking:
                raise IndexOutdated(
                    _(
                        "The index %(path)s lacks %(lacking)s. `mirage atlas rebuild` makes it anew.",
                        path=self._path,
                        lacking=", ".join(sorted(lacking)),
                    )
                )
            raise AtlasError(
                _(
                    "The index %(path)s has vectors of length %(size)s, not %(dimension)s. `mirage atlas rebuild` makes "
                    "it anew.",
                    path=self._path,
                    size=size,
                    dimension=dimension,
                )
            )
        best_of = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
        with self._open():
            self._slices = SliceShard(self._path, _vectors(dimension, self.layout, best_of))

    def add(self, points: Sequence[Point]) -> None:
        """Insert or replace by key; durable when it returns."""
        for start in range(0, len(points), _BATCH):
            batch = [
                edge.Point(
                    id=point.key,
                    vector={"image": point.image.tolist()}
                    | ({} if point.caption is None else {"caption": point.caption.tolist()})
                    | {name: _sparse(weights) for name in _SPARSE if (weights := getattr(point, name))},
                    payload={**point.fields, **{name: list(getattr(point, name)) for name in TEXT_CHANNELS}},
                )
                for point in points[start : start + _BATCH]
            ]
            self._update(edge.UpdateOperation.upsert_points(batch))
            with self._open():
                self._slices.add(points[start : start + _BATCH])

    def remove(self, keys: Sequence[int]) -> None:
        """Take points out; unknown keys are no error."""
        if keys:
            self._update(edge.UpdateOperation.delete_points(list(keys)))
            with self._open():
                self._slices.remove(keys)

    def _update(self, operation: edge.UpdateOperation) -> None:
        with self._open():
            self._shard.update(operation)

    def ask(self, ask: IndexQuery) -> dict[str, Ranked]:
        """Answer all channels in one batched call."""
        condition = _filter(ask.filters, [] if ask.among is None else [edge.HasIdCondition(set(ask.among))])
        asked: dict[str, Any] = {}
        if ask.vector is not None:
            vector = ask.vector.tolist()
            asked["image"] = edge.Query.Nearest(vector, using="image")
            if ask.caption_channel:
                asked["caption"] = edge.Query.Nearest(vector, using="caption")
        for name in _SPARSE:
            if weights := getattr(ask, name):
                asked[name] = edge.Query.Nearest(_sparse(weights), using=name)
        if not asked:
            return {}

        def find(names: Sequence[str], most: int) -> list[Ranked]:
            requests = [
                edge.QueryRequest(
                    limit=most,
                    query=asked[name],
                    filter=condition,
                    params=_EXACTLY if name in ("image", "caption") else None,
                )
                for name in names
            ]
            with self._open():
                lists = self._shard.query_batch(edge.QueryBatchRequest(requests))
            return [[(_key(hit), hit.score) for hit in found] for found in lists]

        answer = ranking.listed(list(asked), ask.limit, find)
        if ask.vector is not None:
            with self._open():
                of_slices = self._slices.ask(ask.vector, ask.limit + ranking.TIED, condition, _EXACTLY)
            answer["image"] = ranking.with_slices(answer["image"], of_slices)
        return {name: ranking.in_order(found, ask.limit) for name, found in answer.items()}

    def vectors(self, keys: Sequence[int]) -> dict[int, Vector]:
        """Image vectors by key."""
        with self._open():
            records: Any = self._shard.retrieve(list(keys), with_payload=False, with_vector=["image"])
        return {_key(record): np.asarray(record.vector["image"], dtype=np.float32) for record in records if record.vector}

    def facets(self, filters: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
        """Count the values of every field among the points that pass the filters."""
        condition = _filter(filters)
        with self._open():
            return {
                field: {
                    str(hit.value): hit.count
                    for hit in self._shard.facet(edge.FacetRequest(field, limit=1000, exact=True, filter=condition)).hits
                    if hit.count  # the engine still lists values that no point has any more
                }
                for field in FILTER_FIELDS
            }

    def frequency(self, number: int, channel: TextChannel = "words") -> int:
        """How many points have a stem."""
        condition = _filter({}, [edge.FieldCondition(key=channel, match=edge.MatchValue(number))])
        with self._open():
            return int(self._shard.count(edge.CountRequest(exact=True, filter=condition)))

    def keys(self) -> Iterator[int]:
        """Every key there is."""
        offset: Any = None
        while True:
            with self._open():
                records, offset = self._shard.scroll(
                    edge.ScrollRequest(limit=2000, offset=offset, with_payload=False, with_vector=False)
                )
            yield from map(_key, records)
            if offset is None:
                return

    def __len__(self) -> int:
        """How many points there are."""
        with self._open():
            return int(self._shard.count(edge.CountRequest(exact=True)))

    def optimise(self) -> None:
        """Merge segments and build the graph; left for another time when the disk has no room for a second copy."""
        used = sum(getattr(path.stat(), "st_blocks", 0) * 512 for path in self._path.rglob("*") if path.is_file())
        with self._open():
            if shutil.disk_usage(self._path).free > used + ROOM:
                self._shard.optimize()
            self._shard.flush()
            self._slices.optimise()

    def warm(self) -> None:
        """Touch the exact vectors of a few hundred thousand figures, so that a search need not wait for their pages."""
        offset: Any = None
        while True:
            with self._using:
                if self._closed or len(self) * self._dimension * 8 > _WARM_BYTES:
                    return
                _other, offset = self._shard.scroll(
                    edge.ScrollRequest(limit=_BATCH, offset=offset, with_payload=False, with_vector=["image", "caption"])
                )
            if offset is None:
                return

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Whatever the engine says once it was closed, at the beginning or meanwhile, means that it was closed."""
        try:
            with _explained(self._path):
                if self._closed:
                    raise AtlasError(_(_WAS_CLOSED))
                yield
        except AtlasError as error:
            if self._closed:
                raise AtlasError(_(_WAS_CLOSED)) from error
            raise

    def close(self) -> None:
        """Write everything and let go of the files."""
        with self._using:
            if self._closed:
                return
            self._closed = True
            with _explained(self._path):
                self._slices.close()
                self._shard.flush()
                self._shard.close()


def _sparse(weights: Mapping[int, float]) -> edge.SparseVector:
    return edge.SparseVector(list(weights), list(weights.values()))


def _key(record: Any) -> int:
    return int(record.id)


def _make(path: Path, dimension: int, layout: Layout) -> None:
    """Make an empty shard beside the place and move it there, so that a shard that is there is whole."""
    check_room(path.parent)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        shard = edge.EdgeShard.create(str(partial), _config(dimension, layout))
        for operation in _field_indexes():
            shard.update(operation)
        shard.flush()
        shard.close()
        partial.replace(path)
    except Exception:
        shutil.rmtree(partial, ignore_errors=True)
        if not (path / _CONFIG).exists():
            raise
        # Another process made it meanwhile, and opening will tell whether it holds it.


def _sweep(path: Path) -> None:
    """Remove what processes that have ended left unfinished: segments of this shard, and shards beside it."""
    for segment in (path / "temp_segments").glob("*"):
        shutil.rmtree(segment, ignore_errors=True)
    for left in path.parent.glob(f"{path.name.partition('-')[0]}*.partial"):
        with suppress(OSError):
            if _PARTIAL.fullmatch(left.name) and forsaken(left, int(left.name.split(".")[-2]), _FORSAKEN_SECONDS):
                shutil.rmtree(left, ignore_errors=True)


def _refuse_held(path: Path) -> None:
    """Look at the engine's lock before the engine does.

    It opens its segments before it finds its write-ahead log locked, and by that shortens files which the process that
    holds them has yet to flush: that process could then store nothing more.
    """
    log = path / "wal"
    if fcntl is None or not log.is_dir():
        return
    descriptor = os.open(log, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AtlasHeld(_("Another process has this atlas open.")) from None
    finally:
        os.close(descriptor)  # which lets go of the lock


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except MirageError:
        raise
    except Exception as error:
        raise _explain(error, path) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what a damaged file makes the engine raise; not an Exception
            raise
        raise _explain(error, path) from error


def _explain(error: BaseException, path: Path) -> Exception:
    reason = str(error)
    if any(sign in reason for sign in _HELD):
        return AtlasHeld(_("Another process has this atlas open."))
    if "No space left" in reason or "os error 28" in reason:
        return Unavailable(_("The disk is full; the last step was not indexed. Make room and run it again."))
    if "Permission denied" in reason or "Read-only" in reason:
        return AtlasError(_("The index %(path)s cannot be written to. Check the folder's permissions.", path=path))
    first = reason.splitlines()[0][:300] if reason else type(error).__name__
    return AtlasError(
        _("The index %(path)s cannot be used (%(first)s). `mirage atlas rebuild` makes it anew.", path=path, first=first)
    )
