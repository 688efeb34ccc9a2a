"""The slices of stacks in Qdrant Edge: a shard of their own inside the index's folder.

In the figures' shard the engine would keep a place for slices of every figure, half as much again as all their vectors.
This one is made with the first stack. It has no write-ahead log: what is added is flushed at once, and who has locked the
figures' shard has this one too.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import qdrant_edge as edge

from mirage.indexes.base import Point, Ranked, Vector

_NAME = "slices"


class SliceShard:
    """Many vectors to a key, of which the engine scores the best.

    Parameters
    ----------
    index : Path
        The index's folder, whose lock this process has.
    vectors : qdrant_edge.EdgeVectorParams
        With a `qdrant_edge.MultiVectorConfig`.
    """

    def __init__(self, index: Path, vectors: edge.EdgeVectorParams) -> None:
        self._path, self._vectors = index / _NAME, vectors
        self._shard = edge.EdgeShard.load(str(self._path)) if self._path.exists() else None

    def add(self, points: Sequence[Point]) -> None:
        """Keep the slices of those that are stacks, and forget what was kept of the others."""
        single = [point.key for point in points if point.slices is None]
        kept = [
            edge.Point(id=point.key, vector={_NAME: point.slices.tolist()}, payload=dict(point.fields))
            for point in points
            if point.slices is not None
        ]
        self.remove(single)
        if kept:
            self._shard = self._shard or self._made()
            self._shard.update(edge.UpdateOperation.upsert_points(kept))
            self._shard.flush()

    def remove(self, keys: Sequence[int]) -> None:
        """Forget keys; unknown ones are no error."""
        if keys and self._shard is not None:
            self._shard.update(edge.UpdateOperation.delete_points(list(keys)))
            self._shard.flush()

    def ask(self, vector: Vector, limit: int, condition: edge.Filter | None, params: edge.SearchParams) -> Ranked:
        """The keys whose best slice is nearest, and its score.

        Parameters
        ----------
        vector : (d,) float32
        limit : int
        condition : qdrant_edge.Filter or None
        params : qdrant_edge.SearchParams
        """
        if self._shard is None:
            return []
        query: Any = edge.Query.Nearest([vector.tolist()], using=_NAME)
        request = edge.QueryRequest(limit=limit, query=query, filter=condition, params=params)
        (found,) = self._shard.query_batch(edge.QueryBatchRequest([request]))
        return [(int(hit.id), hit.score) for hit in found]

    def optimise(self) -> None:
        """Merge segments and build the graph."""
        if self._shard is not None:
            self._shard.optimize()
            self._shard.flush()

    def close(self) -> None:
        """Write everything and let go of the files."""
        if self._shard is not None:
            self._shard.close()

    def _made(self) -> edge.EdgeShard:
        """Make it beside its place and move it there, so that a shard that is there is whole."""
        partial = self._path.with_name(f"{_NAME}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        optimizers = edge.EdgeOptimizersConfig(default_segment_number=1)
        config = edge.EdgeConfig(vectors={_NAME: self._vectors}, optimizers=optimizers, wal_enabled=False)
        made = edge.EdgeShard.create(str(partial), config)
        made.flush()
        made.close()
        partial.replace(self._path)
        return edge.EdgeShard.load(str(self._path))
