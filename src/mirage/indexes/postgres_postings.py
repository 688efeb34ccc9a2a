"""Words, concepts and fields in PostgreSQL: the figures that have a number, in one piece for many of them.

A row holds, of one channel, one number (of a stem, a concept) and one segment, the keys of all figures that have it and
their weights, as little-endian int32 and float32. A segment is what was added at once; its rows are never changed. Scores
are sums over the rows of a query, made here by numpy. Of 80,000 figures with 232 stems each in the channel of cases that
takes a thirtieth of the time of pgvector's ``sparsevec``, which has to look at every figure, with or without an inverted
index of stems before it.

What has been replaced or removed since is listed as stale, with the segment that has it, until `merge` leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mirage.indexes.base import FILTER_FIELDS, Point, Ranked

if TYPE_CHECKING:
    import psycopg

Keys = npt.NDArray[np.int32]
CHANNELS: tuple[str, ...] = ("words", "case", "concepts")
MOST_KEY = 2**31 - 1
TABLES = (
    "CREATE TABLE mirage_segments (id serial PRIMARY KEY, points integer NOT NULL)",
    "CREATE TABLE mirage_stale (segment integer, key integer, PRIMARY KEY (segment, key))",
    "CREATE TABLE mirage_postings (channel smallint, number bigint, segment integer, keys bytea NOT NULL, "
    "weights bytea NOT NULL, PRIMARY KEY (channel, number, segment))",
    "CREATE TABLE mirage_holdings (field smallint, value text, segment integer, keys bytea NOT NULL)",
    "CREATE INDEX ON mirage_holdings (field, value)",
    # Not compressed: reading is what must be quick.
    "ALTER TABLE mirage_postings ALTER keys SET STORAGE EXTERNAL, ALTER weights SET STORAGE EXTERNAL",
    "ALTER TABLE mirage_holdings ALTER keys SET STORAGE EXTERNAL",
)
_POSTINGS, _HOLDINGS, _STALE = range(3)
_READ = f"""
SELECT {_POSTINGS}, channel::int, number, '', segment, keys, weights FROM mirage_postings
WHERE (channel, number) IN (SELECT * FROM unnest(%s::smallint[], %s::bigint[]))
UNION ALL
SELECT {_HOLDINGS}, field::int, 0, value, segment, keys, '' FROM mirage_holdings
WHERE (field, value) IN (SELECT * FROM unnest(%s::smallint[], %s::text[]))
UNION ALL
SELECT {_STALE}, 0, 0, '', segment, string_agg(int4send(key), ''), '' FROM mirage_stale GROUP BY segment
"""  # noqa: S608 - numbers of ours; one statement, so that all of it is of one moment
_SAME = 4  # decimals up to which scores are alike
_SMALL = 1_000  # points of a segment below which it is always merged with others
_STALE_SHARE = 0.1  # of a segment, from which on it is made anew
_ROWS = 4_000  # that merging holds at once
_SPREAD = 1_000_000  # places for sums beyond which keys that lie far apart are counted otherwise


@dataclass(frozen=True, slots=True)
class Postings:
    """What was read for one question.

    Attributes
    ----------
    rows : mapping
        (Channel, number) to keys and weights.
    held : mapping
        (Field, value) to keys.
    """

    rows: Mapping[tuple[int, int], Sequence[tuple[Keys, npt.NDArray[np.float32]]]]
    held: Mapping[tuple[int, str], Sequence[Keys]]

    def passing(self, filters: Mapping[str, Sequence[str]], among: Sequence[int] | None) -> Keys | None:
        """The keys that pass, ascending; None where all do."""
        passing = None if among is None else np.unique([key for key in among if 0 <= key <= MOST_KEY]).astype(np.int32)
        for name, values in filters.items():
            place = FILTER_FIELDS.index(name)
            parts = [keys for value in set(values) for keys in self.held.get((place, value), ())]
            one = np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int32)
            passing = one if passing is None else np.intersect1d(passing, one)
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
        rows = [(*row, weights[number]) for number in weights for row in self.rows.get((place, number), ())]
        every = np.concatenate([np.empty(0, np.int32), *(keys for keys, _, _ in rows)])
        if not len(every) or limit < 1:
            return []
        parts = np.concatenate([own * np.float32(weight) for _, own, weight in rows])
        if int(every.max()) > 16 * len(every) + _SPREAD:
            keys, places = np.unique(every, return_inverse=True)
            scores = np.bincount(places, parts)
            if passing is not None:
                scores = np.where(np.isin(keys, passing, assume_unique=True), scores, 0)
        else:
            scores = np.bincount(every, parts)
            keys = np.arange(len(scores)) if passing is None else passing[passing < len(scores)]
            scores = scores if passing is None else scores[keys]
        # What is rounded, and put in order, is little beside what is scored.
        least = np.partition(scores, -limit)[-limit] - 10.0**-_SAME if len(scores) > limit else 0.0
        best = np.flatnonzero(scores >= least) if least > 0 else np.flatnonzero(scores)
        keys, scores = keys[best], scores[best]
        alike = np.round(scores, _SAME)
        order = np.lexsort((keys, -alike))[:limit]
        return list(zip(keys[order].tolist(), scores[order].tolist(), strict=True))


def read(
    connection: psycopg.Connection[Any], asked: Mapping[str, Mapping[int, float]], filters: Mapping[str, Sequence[str]]
) -> Postings:
    """Read what a question needs in one statement.

    Parameters
    ----------
    connection : psycopg.Connection
    asked : mapping
        Channel to the query's weights.
    filters : mapping
    """
    numbers = [(CHANNELS.index(channel), number) for channel, weights in asked.items() for number in weights]
    values = [(FILTER_FIELDS.index(name), value) for name, wanted in filters.items() for value in set(wanted)]
    if not numbers and not values:
        return Postings({}, {})
    given = [*_columns(numbers), *_columns(values)]
    return _sorted(connection.cursor(binary=True).execute(_READ, given).fetchall())


def held(connection: psycopg.Connection[Any]) -> Postings:
    """Read the keys of every value of every field."""
    every = _READ.replace("WHERE (field, value) IN (SELECT * FROM unnest(%s::smallint[], %s::text[]))", "")
    return _sorted(connection.cursor(binary=True).execute(every, [[], []]).fetchall())


def _columns(pairs: Sequence[tuple[int, Any]]) -> tuple[list[int], list[Any]]:
    return [one for one, _ in pairs], [other for _, other in pairs]


def _sorted(found: Iterable[Any]) -> Postings:
    rows: dict[tuple[int, int], list[tuple[Keys, npt.NDArray[np.float32]]]] = {}
    values: dict[tuple[int, str], list[Keys]] = {}
    found = list(found)
    stale = {row[4]: np.frombuffer(row[5], ">i4") for row in found if row[0] == _STALE}
    for kind, place, number, value, segment, keys, weights in found:
        if kind == _STALE:
            continue
        live, own = _live(np.frombuffer(keys, "<i4"), np.frombuffer(weights, "<f4"), stale.get(segment))
        if kind == _POSTINGS:
            rows.setdefault((place, number), []).append((live, own))
        else:
            values.setdefault((place, value), []).append(live)
    return Postings(rows, values)


def _live(keys: Keys, weights: npt.NDArray[np.float32], stale: Keys | None) -> tuple[Keys, npt.NDArray[np.float32]]:
    if stale is None:
        return keys, weights
    kept = ~np.isin(keys, stale)
    return keys[kept], weights[kept] if len(weights) else weights


def write(connection: psycopg.Connection[Any], points: Sequence[Point]) -> int:
    """Add a segment; gives its number.

    Parameters
    ----------
    connection : psycopg.Connection
        In a transaction.
    points : sequence of Point
        No key twice.
    """
    made = connection.execute("INSERT INTO mirage_segments (points) VALUES (%s) RETURNING id", (len(points),)).fetchone()
    assert made is not None
    segment = int(made[0])
    _copy_postings(
        connection, (row for place, channel in enumerate(CHANNELS) for row in _rows(place, channel, segment, points))
    )
    values: dict[tuple[int, str], list[int]] = {}
    for point in points:
        for place, name in enumerate(FILTER_FIELDS):
            values.setdefault((place, point.fields.get(name, "")), []).append(point.key)
    _copy_holdings(connection, ((*pair, segment, _bytes(keys)) for pair, keys in values.items()))
    return segment


def _rows(place: int, channel: str, segment: int, points: Sequence[Point]) -> Iterator[tuple[int, int, int, bytes, bytes]]:
    said: list[Mapping[int, float]] = [getattr(point, channel) for point in points]
    counts = [len(one) for one in said]
    numbers = np.fromiter((number for one in said for number in one), np.int64, sum(counts))
    weights = np.fromiter((weight for one in said for weight in one.values()), "<f4", sum(counts))
    keys = np.repeat(np.array([point.key for point in points], "<i4"), counts)
    order = np.argsort(numbers, kind="stable")
    numbers, weights, keys = numbers[order], weights[order], keys[order]
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(numbers)], strict=True) if len(numbers) else ():
        yield place, int(numbers[start]), segment, keys[start:end].tobytes(), weights[start:end].tobytes()


def _bytes(keys: Sequence[int] | Keys) -> bytes:
    return np.asarray(keys, "<i4").tobytes()


def _copy_postings(connection: psycopg.Connection[Any], rows: Iterable[tuple[int, int, int, bytes, bytes]]) -> None:
    with connection.cursor().copy("COPY mirage_postings FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int2", "int8", "int4", "bytea", "bytea"])
        for row in rows:
            copy.write_row(row)


def _copy_holdings(connection: psycopg.Connection[Any], rows: Iterable[tuple[int, str, int, bytes]]) -> None:
    with connection.cursor().copy("COPY mirage_holdings FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int2", "text", "int4", "bytea"])
        for row in rows:
            copy.write_row(row)


def frequency(connection: psycopg.Connection[Any], channel: str, number: int) -> int:
    """How many figures have a number in a channel."""
    counted = connection.execute(
        "SELECT coalesce(sum(octet_length(keys)) / 4, 0)::bigint, EXISTS (SELECT FROM mirage_stale) FROM mirage_postings "
        "WHERE channel = %s AND number = %s",
        (CHANNELS.index(channel), number),
    ).fetchone()
    assert counted is not None
    if counted[0] and counted[1]:
        found = read(connection, {channel: {number: 1.0}}, {})
        return sum(len(keys) for keys, _ in found.rows.get((CHANNELS.index(channel), number), ()))
    return int(counted[0])


def merge(connection: psycopg.Connection[Any]) -> None:
    """Make one segment of small ones, and of those with much that is stale.

    Parameters
    ----------
    connection : psycopg.Connection
        In a transaction in which nobody else writes.
    """
    segments = connection.execute(
        "SELECT id, points, count(key) FROM mirage_segments LEFT JOIN mirage_stale ON segment = id GROUP BY id "
        "ORDER BY points, id"
    ).fetchall()
    chosen = _to_merge(segments)
    if not chosen:
        return
    gone = {row[0]: row[1] for row in segments}
    aged = connection.execute("SELECT segment, key FROM mirage_stale WHERE segment = ANY(%s)", (chosen,)).fetchall()
    stale = {one: np.array([key for segment, key in aged if segment == one], np.int32) for one in {row[0] for row in aged}}
    kept = sum(gone[one] for one in chosen) - len(aged)
    made = connection.execute("INSERT INTO mirage_segments (points) VALUES (%s) RETURNING id", (kept,)).fetchone()
    assert made is not None
    new = int(made[0])
    select = "SELECT channel, number, segment, keys, weights FROM mirage_postings WHERE segment = ANY(%s)"
    for rows in _groups(connection, f"{select} ORDER BY channel, number", chosen):
        joined = ((*of, new, *_joined(parts, stale)) for of, parts in rows.items())
        _copy_postings(connection, [row for row in joined if row[3]])
    select = (
        "SELECT field, value, segment, keys, ''::bytea FROM mirage_holdings WHERE segment = ANY(%s) ORDER BY field, value"
    )
    for rows in _groups(connection, select, chosen):
        values = [(*of, new, _joined(parts, stale)[0]) for of, parts in rows.items()]
        _copy_holdings(connection, [row for row in values if row[3]])
    connection.execute("UPDATE mirage_points SET segment = %s WHERE segment = ANY(%s)", (new, chosen))
    for table, column in (("postings", "segment"), ("holdings", "segment"), ("stale", "segment"), ("segments", "id")):
        connection.execute(f"DELETE FROM mirage_{table} WHERE {column} = ANY(%s)", (chosen,))  # noqa: S608


def _to_merge(segments: Sequence[tuple[int, int, int]]) -> list[int]:
    """Small segments, with any that those together outweigh: no point is written anew more often than its number doubles."""
    chosen, together = list[int](), 0
    for one, points, stale in segments:
        if stale > _STALE_SHARE * points or points <= max(together, _SMALL):
            chosen.append(one)
            together += points
    return chosen if len(chosen) > 1 or any(stale for one, _, stale in segments if one in chosen) else []


def _groups(
    connection: psycopg.Connection[Any], select: Any, chosen: list[int]
) -> Iterator[dict[tuple[Any, Any], list[Any]]]:
    """Rows of the same first two columns together, some thousands at once."""
    with connection.cursor("merging", binary=True) as cursor:
        cursor.execute(select, (chosen,))
        left: list[Any] = []
        while rows := cursor.fetchmany(_ROWS):
            rows = left + rows
            last = rows[-1][:2]
            left = [row for row in rows if row[:2] == last]  # more of it may follow
            yield _by_two(row for row in rows if row[:2] != last)
        yield _by_two(left)


def _by_two(rows: Iterable[Any]) -> dict[tuple[Any, Any], list[Any]]:
    found: dict[tuple[Any, Any], list[Any]] = {}
    for row in rows:
        found.setdefault(row[:2], []).append(row[2:])
    return found


def _joined(parts: Sequence[tuple[int, bytes, bytes]], stale: Mapping[int, Keys]) -> tuple[bytes, bytes]:
    live = [_live(np.frombuffer(k, "<i4"), np.frombuffer(w, "<f4"), stale.get(segment)) for segment, k, w in parts]
    return b"".join(keys.tobytes() for keys, _ in live), b"".join(weights.tobytes() for _, weights in live)
