"""PostgreSQL with pgvector: the index in a database that several servers share.

Image and caption vectors are columns of the table ``points``, slices of stacks rows of ``slices``, both with the fields that
filters name. From some thousands on a graph (HNSW) of vectors of half precision gives candidates, which the exact vectors
score. Words, case, concepts and filters are written as `mirage.indexes.postgres_postings` has them, and read and remembered
by `mirage.indexes.postgres_reading`. A filter that few figures pass is answered from the exact vectors of these; with one
that many pass, the graph is walked until enough are found.

Every change is one transaction, counted, and durable when it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from mirage.errors import AtlasError, BadInput, MirageError
from mirage.indexes import postgres_postings as postings
from mirage.indexes import postgres_reading as reading
from mirage.indexes import ranking
from mirage.indexes.base import FILTER_FIELDS, IndexOutdated, IndexQuery, Point, Ranked, Vector
from mirage.indexes.bm25 import TextChannel
from mirage.indexes.postgres_nearest import Question
from mirage.indexes.postgres_server import Server
from mirage.wording import _

if TYPE_CHECKING:
    import psycopg

_FORMAT = 2
_SECONDS = 60.0
_BATCH = 2_000
_AT_ONCE = 10_000
_GRAPH_FROM = 4_000  # points; fewer are looked at one by one, which is exact and quick enough
_MOST_COMPONENTS = 4_000  # of a graph's vectors of half precision
_SLICES = 4  # times as many slices as figures are asked for at first, and again each time that they are too few
_MOST_SLICES = 20_000
_COLUMNS = ", ".join(f"{name} text NOT NULL" for name in FILTER_FIELDS)
_FIELDS = ", ".join(FILTER_FIELDS)


class PostgresIndex:
    """A schema of a PostgreSQL database.

    Parameters
    ----------
    address : str
        As ``postgresql://user@host/database/collection``; what libpq understands may follow, as ``?sslmode=verify-full``.
        The collection is made when it is missing.
    dimension : int
        Length of the vectors.
    encoder : str
        Digest of the encoder that they are of; empty where that does not matter.
    seconds : float
        A question that takes longer is given up.

    Raises
    ------
    mirage.errors.BadInput
        When the address is none.
    mirage.errors.Unavailable
        When the server cannot be used just now, or the packages are missing.
    IndexOutdated
        When an earlier version made it.
    mirage.errors.AtlasError
        When there is no pgvector, the user may not do what is needed, or the collection is of another encoder or length.
    """

    def __init__(self, address: str, dimension: int, encoder: str = "", seconds: float = _SECONDS) -> None:
        self._server, self._dimension = Server(address, seconds), dimension
        self._memory = reading.Memory()
        try:
            if self._server.count() is None:
                self._server.prepare()
                with self._server.writing() as connection:
                    self._make(connection, encoder)
            with self._server.reading() as connection:  # waits for nobody who writes
                self._check(connection, encoder)
        except BaseException:
            self._server.close()
            raise

    def _make(self, connection: psycopg.Connection[Any], encoder: str) -> None:
        length = self._dimension
        if not connection.execute("SELECT to_regclass('mirage_about') IS NOT NULL").fetchone()[0]:  # type: ignore[index]
            for statement in (
                "CREATE TABLE mirage_about (format integer, dimension integer, encoder text, changes bigint DEFAULT 0)",
                "CREATE TABLE mirage_points (key integer PRIMARY KEY, segment integer NOT NULL, "
                f"image vector({length}) NOT NULL, caption vector({length}), {_COLUMNS})",
                f"CREATE TABLE mirage_slices (key integer, place integer, slice vector({length}) NOT NULL, {_COLUMNS}, "
                "PRIMARY KEY (key, place))",
                *postings.TABLES,
            ):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO mirage_about (format, dimension, encoder) VALUES (%s, %s, %s)", (_FORMAT, length, encoder)
            )

    def _check(self, connection: psycopg.Connection[Any], encoder: str) -> None:
        place, length = self._server.place, self._dimension
        about = connection.execute("SELECT format, dimension, encoder FROM mirage_about").fetchone()
        if about is None or about[0] != _FORMAT:
            raise IndexOutdated(
                _("The index %(place)s is of another version. `mirage atlas rebuild` makes it anew.", place=place)
            )
        if about[1] != length:
            raise AtlasError(
                _(
                    "The index %(place)s has vectors of length %(about)s, not %(length)s. `mirage atlas "
                    "rebuild` makes it anew.",
                    place=place,
                    about=about[1],
                    length=length,
                )
            )
        if encoder and about[2] and about[2] != encoder:
            raise AtlasError(
                _(
                    "The index %(place)s holds the vectors of another encoder (%(about)s, not "
                    "%(encoder)s), which cannot be compared. `mirage atlas rebuild` makes it anew.",
                    place=place,
                    about=about[2][:12],
                    encoder=encoder[:12],
                )
            )

    @contextmanager
    def _changing(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for one change, which everybody who has it open will notice."""
        with self._server.writing() as connection:
            yield connection
            connection.execute("UPDATE mirage_about SET changes = changes + 1")

    def add(self, points: Sequence[Point]) -> None:
        """Insert or replace by key; durable when it returns."""
        if wrong := [point.key for point in points if not 0 <= point.key <= postings.MOST_KEY]:
            raise BadInput(
                _(
                    "The index %(place)s takes keys of 0 to %(MOST_KEY)s; %(wrong)s is none.",
                    place=self._server.place,
                    MOST_KEY=postings.MOST_KEY,
                    wrong=wrong[0],
                )
            )
        last = list({point.key: point for point in points}.values())
        for start in range(0, len(last), _BATCH):
            with self._changing() as connection:
                some = last[start : start + _BATCH]
                _take_out(connection, [point.key for point in some])
                segment = postings.write(connection, some)
                _copy(connection, "mirage_points", ("int4", "int4", "vector", "vector"), (
                    (point.key, segment, point.image, point.caption, *_fields(point)) for point in some
                ))  # fmt: skip
                _copy(connection, "mirage_slices", ("int4", "int4", "vector"), (
                    (point.key, place, one, *_fields(point))
                    for point in some if point.slices is not None for place, one in enumerate(point.slices)
                ))  # fmt: skip

    def remove(self, keys: Sequence[int]) -> None:
        """Take points out; unknown keys are no error."""
        if known := [key for key in keys if 0 <= key <= postings.MOST_KEY]:
            with self._changing() as connection:
                _take_out(connection, known)

    def ask(self, ask: IndexQuery) -> dict[str, Ranked]:
        """Answer all channels, in one round trip where all words of the question are remembered."""
        asked = {channel: weights for channel in postings.CHANNELS if (weights := getattr(ask, channel))}
        if ask.vector is None and not asked:
            return {}
        wanted = reading.wanted(asked, ask.filters)
        with self._server.reading() as connection:
            if (found := self._memory.known(wanted)) is not None:
                with suppress(reading.Changed):
                    return self._answer(connection, ask, found, sure=False)
            return self._answer(connection, ask, self._memory.read(connection, wanted), sure=True)

    def _answer(
        self, connection: psycopg.Connection[Any], ask: IndexQuery, found: reading.Postings, *, sure: bool
    ) -> dict[str, Ranked]:
        passing = found.passing(ask.filters, ask.among)
        question = Question(connection, ask, passing, None if sure else found.state.version)
        answer: dict[str, Ranked] = {}

        def score() -> None:
            for name in postings.CHANNELS:
                if weights := getattr(ask, name):
                    answer[name] = found.ranked(name, weights, ask.limit, passing)

        if ask.vector is None:
            question.many([], exact=True, meanwhile=score)
            return answer
        nearest = self._nearest(question, ask, graph=found.state.graph, meanwhile=score)
        return answer | nearest

    def _nearest(
        self, question: Question, ask: IndexQuery, *, graph: bool, meanwhile: Callable[[], None]
    ) -> dict[str, Ranked]:
        names = ("image", "caption")[: 1 + ask.caption_channel]
        if question.passing is not None and not len(question.passing):
            question.many([], exact=True, meanwhile=meanwhile)
            return {name: [] for name in names}
        exact = question.few or not graph

        most = ask.limit + ranking.TIED
        begun = [*((name, most) for name in names), ("slice", most if exact else _SLICES * most)]
        lists = question.many(begun, exact=exact, meanwhile=meanwhile)  # in one round trip; mostly it is enough
        first = dict(zip(begun, lists, strict=True))

        def find(names: Sequence[str], most: int) -> list[Ranked]:
            wanted = [(name, most) for name in names]
            lists = [first[one] for one in wanted] if wanted[0] in first else question.many(wanted, exact=exact)
            found = dict(zip(wanted, lists, strict=True))
            short = [one for one in wanted if not exact and len(found[one]) < question.at_most(most)]
            if short:
                found |= dict(zip(short, question.many(short, exact=True), strict=True))
            return list(found.values())

        answer = ranking.listed(names, ask.limit, find)
        of_slices = first[begun[-1]]
        if not exact:
            of_slices = self._slices(question, ask.limit, answer["image"], of_slices)
        answer["image"] = ranking.with_slices(answer["image"], of_slices)
        return {name: ranking.in_order(found, ask.limit) for name, found in answer.items()}

    def _slices(self, question: Question, limit: int, figures: Ranked, found: Ranked) -> Ranked:
        """The best slice of each stack, as many as can be among those wanted, from what the graph found at first."""
        most = _SLICES * (limit + ranking.TIED)
        while True:
            best = _best(found)
            listed = ranking.in_order(ranking.with_slices(figures, best), limit)
            if len(found) < most or (len(listed) == limit and found[-1][1] <= listed[-1][1]):
                return best
            most *= _SLICES
            exact = most > _MOST_SLICES
            (found,) = question.many([("slice", limit + ranking.TIED if exact else most)], exact=exact)
            if exact:
                return found

    def vectors(self, keys: Sequence[int]) -> dict[int, Vector]:
        """Image vectors by key."""
        wanted = [key for key in keys if 0 <= key <= postings.MOST_KEY]
        with self._server.reading() as connection:
            cursor = connection.cursor(binary=True)
            cursor.execute("SELECT key, image FROM mirage_points WHERE key = ANY(%s)", (wanted,))
            return {key: image.to_numpy().astype(np.float32) for key, image in cursor}

    def facets(self, filters: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
        """Count the values of every field among the points that pass the filters."""
        with self._server.reading() as connection:
            found = reading.held(connection)
        return found.counted(found.passing(filters, None))

    def frequency(self, number: int, channel: TextChannel = "words") -> int:
        """How many points have a stem."""
        with self._server.reading() as connection:
            return self._memory.frequency(connection, channel, number)

    def keys(self) -> Iterator[int]:
        """Every key there is."""
        last = -1
        while True:
            with self._server.reading() as connection:
                statement = "SELECT key FROM mirage_points WHERE key > %s ORDER BY key LIMIT %s"
                found = [key for (key,) in connection.execute(statement, (last, _AT_ONCE))]
            yield from found
            if len(found) < _AT_ONCE:
                return
            last = found[-1]

    def __len__(self) -> int:
        """How many points there are."""
        with self._server.reading() as connection:
            return _count(connection)

    def optimise(self) -> None:
        """Merge what was added in small parts, make the graphs, and tell the server's planner how much there is."""
        with self._changing() as connection:
            postings.merge(connection)
        with self._changing() as connection:
            for table, column in (("mirage_points", "image"), ("mirage_points", "caption"), ("mirage_slices", "slice")):
                if self._dimension <= _MOST_COMPONENTS and _count(connection, table) >= _GRAPH_FROM:
                    connection.execute(
                        f"CREATE INDEX IF NOT EXISTS {table}_{column}_graph ON {table} "
                        f"USING hnsw (({column}::halfvec({self._dimension})) halfvec_ip_ops)"
                    )
            connection.execute("ANALYZE mirage_points, mirage_slices")
        with self._server.reading() as connection:
            connection.execute("SET statement_timeout = 0")
            connection.execute(
                "VACUUM (ANALYZE) mirage_postings, mirage_holdings, mirage_stale, mirage_segments, mirage_merged"
            )  # not in a transaction
            connection.execute("RESET statement_timeout")

    def warm(self) -> None:
        """Ask once, so that a connection is open; what stays in memory, the server holds."""
        with suppress(MirageError):
            self.ask(IndexQuery(np.zeros(self._dimension, np.float32), {}, 1, {}))

    def close(self) -> None:
        """Let go of the server; what was acknowledged is there."""
        self._server.close()
        self._memory.forget()

    @staticmethod
    def held(address: str) -> int | None:
        """How many points there are at an address; None where there is no index."""
        server = Server(address, _SECONDS)
        try:
            return server.count()
        finally:
            server.close()

    @staticmethod
    def drop(address: str) -> None:
        """Remove what is at an address; nothing there is no error."""
        server = Server(address, _SECONDS)
        try:
            server.drop()
        finally:
            server.close()


def _best(slices: Ranked) -> Ranked:
    best: dict[int, float] = {}
    for key, score in slices:
        best.setdefault(key, score)  # the best comes first
    return list(best.items())


def _count(connection: psycopg.Connection[Any], table: str = "mirage_points") -> int:
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    return int(found[0]) if found else 0


def _take_out(connection: psycopg.Connection[Any], keys: list[int]) -> None:
    postings.take_out(connection, keys)
    connection.execute("DELETE FROM mirage_points WHERE key = ANY(%s)", (keys,))
    connection.execute("DELETE FROM mirage_slices WHERE key = ANY(%s)", (keys,))


def _fields(point: Point) -> list[str]:
    return [point.fields.get(name, "") for name in FILTER_FIELDS]


def _copy(connection: psycopg.Connection[Any], table: str, types: Sequence[str], rows: Any) -> None:
    with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([*types, *["text"] * len(FILTER_FIELDS)])
        for row in rows:
            copy.write_row(row)
