"""What questions read of the words, concepts and fields in PostgreSQL, and what of it is remembered.

Segments are never changed, so that a row which was read once holds for as long as its segment is there. A question then
needs only to know that nothing has changed since: one number, asked in the same round trip as the nearest vectors. When it
has, rows of new segments are read, and those of segments that are gone, and keys that are stale, are left out. Scores are
sums over rows, made here by numpy.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mirage.indexes.base import FILTER_FIELDS, Ranked
from mirage.indexes.postgres_postings import CHANNELS, MOST_KEY, Keys, Weights

if TYPE_CHECKING:
    import psycopg

_STATE, _STALE, _POSTINGS, _HOLDINGS = range(4)
# Beside the count of changes: which run of the server, since one that was put back to an earlier state counts anew, and
# which table, since another index may get the name.
_OWN = "extract(epoch FROM pg_postmaster_start_time()) || ' ' || mirage_about.tableoid"
VERSION = f"SELECT changes, {_OWN} FROM mirage_about"  # noqa: S608
_NOW = f"""
SELECT {_STATE}, (to_regclass('mirage_points_image_graph') IS NOT NULL)::int, changes, {_OWN}, 0,
       (SELECT string_agg(int4send(id), '') FROM mirage_segments), ''::bytea FROM mirage_about
UNION ALL
SELECT {_STALE}, 0, 0, '', segment, string_agg(int4send(key), ''), '' FROM mirage_stale GROUP BY segment
UNION ALL
"""  # noqa: S608 - numbers of ours
_READ = f"""{_NOW}
SELECT {_POSTINGS}, own.channel::int, own.number, '', own.segment, own.keys, own.weights
FROM unnest(%s::smallint[], %s::bigint[], %s::integer[]) AS asked (channel, number, after) JOIN mirage_postings AS own
ON own.channel = asked.channel AND own.number = asked.number AND own.segment > asked.after
UNION ALL
SELECT {_HOLDINGS}, own.field::int, 0, own.value, own.segment, own.keys, ''
FROM unnest(%s::smallint[], %s::text[], %s::integer[]) AS asked (field, value, after) JOIN mirage_holdings AS own
ON own.field = asked.field AND own.value = asked.value AND own.segment > asked.after
"""  # noqa: S608 - one statement, so that all of it is of one moment
_HELD = f"{_NOW} SELECT {_HOLDINGS}, field::int, 0, value, segment, keys, '' FROM mirage_holdings"  # noqa: S608
_MOST_BYTES = 128_000_000  # remembered of one index
_ROW_BYTES = 400  # of a row beside its keys and weights, about
_SAME = 4  # decimals up to which scores are alike
_SPREAD = 1_000_000  # places for sums beyond which keys that lie far apart are counted otherwise
_LOOK_UP = 8  # times as long as adding one weight, looking for a key takes

Asked = tuple[int, int, "int | str"]
"""A row: of postings with a channel and a number, or of holdings with a field and a value."""


class Changed(Exception):
    """What was remembered is not what the index has now."""


@dataclass(frozen=True, slots=True)
class State:
    """One moment of an index.

    Attributes
    ----------
    own : str
        Which index, and which run of its server.
    changes : int
        How many there had been.
    graph : bool
        Whether vectors have graphs.
    segments : frozenset of int
    stale : mapping
        Segment to keys that are not to be found in it any more.
    """

    own: str
    changes: int
    graph: bool
    segments: frozenset[int]
    stale: Mapping[int, Keys]

    @property
    def version(self) -> tuple[int, str]:
        """What `VERSION` gives as long as nothing has changed."""
        return self.changes, self.own

    @property
    def last(self) -> int:
        """The newest segment; what is added later has a higher number."""
        return max(self.segments, default=0)


class _Part(NamedTuple):
    """Of a row, what one segment has: keys ascending, and how many keys of the segment were left out as stale."""

    segment: int
    gone: int
    keys: Keys
    weights: Weights


class _Row(NamedTuple):
    """Parts as they were after so many changes, of all segments up to one."""

    changes: int
    last: int
    parts: tuple[_Part, ...]

    @property
    def size(self) -> int:
        return _ROW_BYTES + sum(_ROW_BYTES + part.keys.nbytes + part.weights.nbytes for part in self.parts)


@dataclass(frozen=True, slots=True)
class Postings:
    """What one question needs, all of one moment.

    Attributes
    ----------
    state : State
    rows : mapping
        Row to its parts.
    """

    state: State
    rows: Mapping[Asked, Sequence[_Part]]

    def counted(self, passing: Keys | None) -> dict[str, dict[str, int]]:
        """How many figures each value of each field has, of all or of those that pass."""
        counts: dict[str, dict[str, int]] = {name: {} for name in FILTER_FIELDS}
        for (_, field, value), parts in self.rows.items():
            keys = _joined(parts)
            count = len(keys) if passing is None else int(np.isin(keys, passing, assume_unique=True).sum())
            if count:
                counts[FILTER_FIELDS[field]][str(value)] = count
        return counts

    def passing(self, filters: Mapping[str, Sequence[str]], among: Sequence[int] | None) -> Keys | None:
        """The keys that pass, ascending; None where all do."""
        passing = None if among is None else np.unique([key for key in among if 0 <= key <= MOST_KEY]).astype(np.int32)
        for name, values in filters.items():
            place = FILTER_FIELDS.index(name)
            one = _joined([part for value in set(values) for part in self.rows.get((_HOLDINGS, place, value), ())])
            passing = one if passing is None else np.intersect1d(passing, one, assume_unique=True)
        return passing

    def ranked(self, channel: str, weights: Mapping[int, float], limit: int, passing: Keys | None) -> Ranked:
        """The best of a channel, what scores alike in the order of keys.

        Parameters
        ----------
        channel : str
            One of `CHANNELS`.
        weights : mapping
            Of the query's numbers.
        limit : int
        passing : (n,) int32 or None
        """
        place = CHANNELS.index(channel)
        found = [
            (part.keys, part.weights, np.float32(weight))
            for number, weight in weights.items()
            for part in self.rows.get((_POSTINGS, place, number), ())
            if len(part.keys)
        ]
        if not found or limit < 1:
            return []
        keys, scores = _scored(found, passing)
        some = np.flatnonzero(scores)
        keys, scores = keys[some], scores[some]
        if len(keys) > limit:
            # What is rounded, and put in order, is little beside what is scored.
            least = np.partition(scores, -limit)[-limit]
            near = np.flatnonzero(scores >= least - 10.0**-_SAME)
            keys, scores = keys[near], scores[near]
            alike, cut = np.round(scores, _SAME), np.round(least, _SAME)
            above = np.flatnonzero(alike > cut)
            best = np.concatenate([above, np.flatnonzero(alike == cut)[: limit - len(above)]])  # which may be thousands
            keys, scores = keys[best], scores[best]
        order = np.lexsort((keys, -np.round(scores, _SAME)))
        return list(zip(keys[order].tolist(), scores[order].tolist(), strict=True))


def _joined(parts: Sequence[_Part]) -> Keys:
    if len(parts) == 1:
        return parts[0].keys
    return np.sort(np.concatenate([np.empty(0, np.int32), *(part.keys for part in parts)]))


def _scored(
    found: Sequence[tuple[Keys, Weights, np.float32]], passing: Keys | None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Keys, ascending, and what their weights come to; 0 for those that have none."""
    total = sum(len(keys) for keys, _, _ in found)
    if passing is not None and len(passing) * len(found) * _LOOK_UP < total:
        scores = np.zeros(len(passing))
        for keys, weights, weight in found:
            places = np.minimum(np.searchsorted(keys, passing), len(keys) - 1)
            scores += np.where(keys[places] == passing, weights[places] * weight, 0)
        return passing, scores
    every = np.concatenate([keys for keys, _, _ in found])
    parts = np.concatenate([weights * weight for _, weights, weight in found])
    if max(int(keys[-1]) for keys, _, _ in found) > 16 * total + _SPREAD:
        own, places = np.unique(every, return_inverse=True)
        scores = np.bincount(places, parts).astype(np.float64, copy=False)
        return own, scores if passing is None else np.where(np.isin(own, passing, assume_unique=True), scores, 0)
    scores = np.bincount(every, parts).astype(np.float64, copy=False)
    if passing is None:
        return np.arange(len(scores)), scores
    keys = passing[: int(np.searchsorted(passing, len(scores)))]
    return keys, scores[keys]


def wanted(asked: Mapping[str, Mapping[int, float]], filters: Mapping[str, Sequence[str]]) -> list[Asked]:
    """The rows that a question needs.

    Parameters
    ----------
    asked : mapping
        Channel to the query's weights.
    filters : mapping
    """
    numbers = [(_POSTINGS, CHANNELS.index(channel), number) for channel, weights in asked.items() for number in weights]
    return [*numbers, *((_HOLDINGS, FILTER_FIELDS.index(name), one) for name, some in filters.items() for one in set(some))]


class Memory:
    """Rows that questions have read, the last that were asked for, within so many bytes. Threads may share it."""

    def __init__(self, most: int = _MOST_BYTES) -> None:
        self._most, self._size = most, 0
        self._state: State | None = None
        self._rows: OrderedDict[Asked, _Row] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, wanted: Sequence[Asked]) -> Postings | None:
        """What a question needs as it was in the last state that was seen; None unless all of it is here.

        Whether that is the state now, `VERSION` tells.
        """
        state, rows = self._look(wanted)
        if state is None or len(rows) < len(wanted) or any(row.last < state.last for row in rows.values()):
            return None
        return self._kept(state, rows, {})

    def read(self, connection: psycopg.Connection[Any], wanted: Sequence[Asked]) -> Postings:
        """Read what a question needs and is not here, in one statement."""
        while True:
            before, rows = self._look(wanted)
            given = [(*one[1:], rows[one].last if one in rows else 0) for one in wanted]
            columns = [
                [one[place] for one, (kind, *_) in zip(given, wanted, strict=True) if kind == which]
                for which in (_POSTINGS, _HOLDINGS)
                for place in range(3)
            ]
            state, found = _sorted(connection.cursor(binary=True).execute(_READ, columns).fetchall())
            if not rows or (before and before.own == state.own):
                return self._kept(state, {one: rows.get(one, _Row(-1, 0, ())) for one in wanted}, found)
            self.forget()  # it is another index

    def _look(self, wanted: Sequence[Asked]) -> tuple[State | None, dict[Asked, _Row]]:
        with self._lock:
            return self._state, {one: self._rows[one] for one in wanted if one in self._rows}

    def _kept(self, state: State, rows: Mapping[Asked, _Row], found: Mapping[Asked, Sequence[_Part]]) -> Postings:
        """Rows, with parts that were found besides, as they are in a state; remembered."""
        now = {
            one: row
            if row.changes == state.changes
            else _Row(state.changes, state.last, tuple(_live([*row.parts, *found.get(one, ())], state)))
            for one, row in rows.items()
        }
        with self._lock:
            if self._state is None or self._state.own != state.own:
                self._forget()
            if self._state is None or self._state.changes < state.changes:
                self._state = state
            for one, row in now.items():
                old = self._rows.get(one)
                if old is None or old.changes < row.changes:  # else another thread may have a newer one
                    self._size += row.size - (old.size if old else 0)
                    self._rows[one] = row
                self._rows.move_to_end(one)
            while self._size > self._most:
                self._size -= self._rows.popitem(last=False)[1].size
        return Postings(state, {one: row.parts for one, row in now.items()})

    def frequency(self, connection: psycopg.Connection[Any], channel: str, number: int) -> int:
        """How many figures have a number in a channel."""
        place = CHANNELS.index(channel)
        counted = connection.execute(
            "SELECT coalesce(sum(octet_length(keys)) / 4, 0)::bigint, EXISTS (SELECT FROM mirage_stale) "
            "FROM mirage_postings WHERE channel = %s AND number = %s",
            (place, number),
        ).fetchone()
        assert counted is not None
        if counted[0] and counted[1]:
            one = (_POSTINGS, place, number)
            return sum(len(part.keys) for part in self.read(connection, [one]).rows[one])
        return int(counted[0])

    def forget(self) -> None:
        """Let go of all of it."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._state, self._size = None, 0
        self._rows.clear()


def held(connection: psycopg.Connection[Any]) -> Postings:
    """Read the keys of every value of every field."""
    state, found = _sorted(connection.cursor(binary=True).execute(_HELD).fetchall())
    return Postings(state, {one: tuple(_live(parts, state)) for one, parts in found.items()})


def _sorted(rows: Iterable[Any]) -> tuple[State, dict[Asked, list[_Part]]]:
    state, stale, found = None, dict[int, Keys](), dict[Asked, list[_Part]]()
    for kind, place, number, value, segment, keys, weights in rows:
        if kind == _STATE:
            state = State(value, number, bool(place), frozenset(np.frombuffer(keys or b"", ">i4").tolist()), stale)
        elif kind == _STALE:
            stale[segment] = np.frombuffer(keys, ">i4").astype(np.int32)
        else:
            part = _Part(segment, 0, np.frombuffer(keys, "<i4"), np.frombuffer(weights, "<f4"))
            found.setdefault((kind, place, number if kind == _POSTINGS else value), []).append(part)
    assert state is not None
    return state, found


def _live(parts: Iterable[_Part], state: State) -> Iterator[_Part]:
    for part in parts:
        stale = state.stale.get(part.segment)
        if part.segment not in state.segments:
            continue  # it was merged with others
        if stale is None or len(stale) == part.gone:
            yield part
        else:
            kept = ~np.isin(part.keys, stale, assume_unique=True)
            weights = part.weights[kept] if len(part.weights) else part.weights
            yield _Part(part.segment, len(stale), part.keys[kept], weights)
