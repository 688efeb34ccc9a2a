"""Words, concepts and fields in PostgreSQL: the figures that have a number, in one piece for many of them.

A row holds, of one channel, one number (of a stem, a concept) and one segment, the keys of all figures that have it and
their weights, as little-endian int32 and float32, the keys ascending. A segment is what was added at once; its rows are
never changed. `mirage.indexes.postgres_reading` reads and scores them.

What has been replaced or removed since is listed as stale, with the segment that has it, until `merge` leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mirage.indexes.base import FILTER_FIELDS, Point

if TYPE_CHECKING:
    import psycopg

Keys = npt.NDArray[np.int32]
Weights = npt.NDArray[np.float32]
CHANNELS: tuple[str, ...] = ("words", "case", "concepts")
MOST_KEY = 2**31 - 1
TABLES = (
    "CREATE TABLE mirage_segments (id serial PRIMARY KEY, points integer NOT NULL)",
    # Points keep the number of the segment that they were written in: a new row of theirs would be a new place in a graph.
    "CREATE TABLE mirage_merged (id integer PRIMARY KEY, now integer NOT NULL)",
    "CREATE INDEX ON mirage_merged (now)",
    "CREATE TABLE mirage_stale (segment integer, key integer, PRIMARY KEY (segment, key))",
    "CREATE TABLE mirage_postings (channel smallint, number bigint, segment integer, keys bytea NOT NULL, "
    "weights bytea NOT NULL, PRIMARY KEY (channel, number, segment))",
    "CREATE TABLE mirage_holdings (field smallint, value text, segment integer, keys bytea NOT NULL)",
    "CREATE INDEX ON mirage_holdings (field, value)",
    # Not compressed: reading is what must be quick.
    "ALTER TABLE mirage_postings ALTER keys SET STORAGE EXTERNAL, ALTER weights SET STORAGE EXTERNAL",
    "ALTER TABLE mirage_holdings ALTER keys SET STORAGE EXTERNAL",
)
_SMALL = 1_000  # points of a segment below which it is always merged with others
_STALE_SHARE = 0.1  # of a segment, from which on it is made anew
_ROWS = 4_000  # that merging holds at once


def write(connection: psycopg.Connection[Any], points: Sequence[Point]) -> int:
    """Add a segment; gives its number.

    Parameters
    ----------
    connection : psycopg.Connection
        In a transaction.
    points : sequence of Point
        No key twice.
    """
    points = sorted(points, key=lambda point: point.key)
    segment = _made(connection, len(points))
    _copy_postings(
        connection, (row for place, channel in enumerate(CHANNELS) for row in _rows(place, channel, segment, points))
    )
    values: dict[tuple[int, str], list[int]] = {}
    for point in points:
        for place, name in enumerate(FILTER_FIELDS):
            values.setdefault((place, point.fields.get(name, "")), []).append(point.key)
    _copy_holdings(connection, ((*pair, segment, np.asarray(keys, "<i4").tobytes()) for pair, keys in values.items()))
    return segment


def _made(connection: psycopg.Connection[Any], points: int) -> int:
    made = connection.execute("INSERT INTO mirage_segments (points) VALUES (%s) RETURNING id", (points,)).fetchone()
    assert made is not None
    return int(made[0])


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


def take_out(connection: psycopg.Connection[Any], keys: Sequence[int]) -> None:
    """Note that points are not to be found any more in the segments that they were written in, or that these became."""
    connection.execute(
        "INSERT INTO mirage_stale SELECT coalesce(now, segment), key FROM mirage_points "
        "LEFT JOIN mirage_merged ON id = segment WHERE key = ANY(%s)",
        (keys,),
    )


def merge(connection: psycopg.Connection[Any]) -> None:
    """Make one segment of small ones, of many alike, and of those with much that is stale.

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
    new = _made(connection, kept)
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
    connection.execute("UPDATE mirage_merged SET now = %s WHERE now = ANY(%s)", (new, chosen))
    connection.execute("INSERT INTO mirage_merged SELECT *, %s FROM unnest(%s::integer[])", (new, chosen))
    for table, column in (("postings", "segment"), ("holdings", "segment"), ("stale", "segment"), ("segments", "id")):
        connection.execute(f"DELETE FROM mirage_{table} WHERE {column} = ANY(%s)", (chosen,))  # noqa: S608


def _to_merge(segments: Sequence[tuple[int, int, int]]) -> list[int]:
    """Small segments, and those that all smaller ones outweigh: what is written anew is twice as many points, or few."""
    together = last = 0
    for place, (_, points, _) in enumerate(segments, 1):
        if points <= max(together, _SMALL):
            last = place
        together += points
    chosen = [one for place, (one, points, stale) in enumerate(segments) if place < last or stale > _STALE_SHARE * points]
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
    if len(parts) == 1 and parts[0][0] not in stale:
        return parts[0][1:]
    segments = np.repeat([segment for segment, _, _ in parts], [len(keys) // 4 for _, keys, _ in parts])
    keys = np.frombuffer(b"".join(keys for _, keys, _ in parts), "<i4")
    weights = np.frombuffer(b"".join(weights for _, _, weights in parts), "<f4")
    order = np.argsort(keys, kind="stable")
    for segment in {segment for segment, _, _ in parts} & stale.keys():
        order = order[(segments[order] != segment) | ~np.isin(keys[order], stale[segment])]
    return keys[order].tobytes(), weights[order].tobytes() if len(weights) else b""
