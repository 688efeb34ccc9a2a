"""Figures, cases, corpora, vectors and jobs in SQL. These records are the truth; the index is made from them."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.pool import QueuePool

from mirage.errors import AtlasError, MirageError, NotFound, Unavailable
from mirage.figure import Case
from mirage.language.concepts import lexicon
from mirage.language.mentions import Polarity
from mirage.language.proof import proof_of
from mirage.query import shown
from mirage.storage.migrations import RESTORE, upgrade, version_of
from mirage.storage.records import (
    CASE_WORDS,
    HASH,
    VERSION,
    CorpusRecord,
    FigureRecord,
    FigureRow,
    Half,
    SearchRow,
    StoredMention,
    Vector,
    batched,
    case_mentions,
    cases,
    corpora,
    figure_mentions,
    figures,
    former_ids,
    jobs,
    metadata,
    names,
    notes,
    unit,
    vectors,
    version,
)
from mirage.storage.rows import (
    CASE_FIELDS,
    FIGURE_FIELDS,
    Derived,
    derived_of,
    figure_values,
    mentions_of,
    row_of,
    source_of,
    source_values,
    vector_values,
)

ID_KEY = "id_key"  # note
LEXICON = "lexicon"  # note: digest of the lexicon that mentions were read with
_WORDS = re.compile(r"[^\W\d_]{4,}")
_AT_ONCE = 500  # things that a statement takes
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000", "mmap_size=268435456")


def _each_of(name: str) -> sa.Select[Any]:
    """The things in a parameter that is a list: as JSON, so that the statement is the same however many there are."""
    return sa.select(sa.func.json_each(sa.bindparam(name, type_=sa.JSON)).table_valued("value").c.value)


_KEYS = _each_of("keys")
_BY_KEY = sa.select(figures).where(figures.c.key.in_(_KEYS))
# Put together once: that takes longer than what they ask for. The plus keeps the database from looking for each concept of
# each figure by itself.
_FOR_SEARCH = sa.select(*(figures.c[name] for name in SearchRow._fields)).where(figures.c.key.in_(_KEYS))
_CASES_OF = sa.select(figures.c.key, figures.c.case_id).where(figures.c.key.in_(_KEYS), figures.c.case_id != "")
_SAID = {
    table.name: sa.select(next(iter(table.columns)), table.c.concept, table.c.field, table.c.polarity).where(
        next(iter(table.columns)).in_(_KEYS), table.c.field.in_(_each_of("fields"))
    )
    for table in (figure_mentions, case_mentions)
}
_SAID_OF = {
    table.name: _SAID[table.name].where(sa.literal("").concat(table.c.concept).in_(_each_of("concepts")))
    for table in (figure_mentions, case_mentions)
}
_UNCAPTIONED = sa.select(figures.c.key).where(figures.c.caption == "", figures.c.title == "")


class Store:
    """The records of one atlas.

    Parameters
    ----------
    url : str
        SQLAlchemy URL. SQLite by file; the schema is plain SQL.

    Raises
    ------
    mirage.errors.AtlasError
        When the records are damaged, or of another version than this program's; see `mirage.storage.migrations`.
    """

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=QueuePool, pool_size=8, max_overflow=32)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _sqlite_pragmas)
        with self._clear_errors():
            self._check_version()

    @classmethod
    def at(cls, path: Path, *, upgraded: bool = False) -> Store:
        """Open or make the SQLite file at a path.

        Parameters
        ----------
        path : Path
        upgraded : bool
            Bring records of an earlier version up to date first. Only for who holds the atlas.

        Raises
        ------
        mirage.errors.AtlasError, mirage.errors.Unavailable
        """
        if upgraded:
            upgrade(path)
        return cls(f"sqlite:///{path}")

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _check_version(self) -> None:
        with self._engine.connect() as connection:
            found = version_of(connection)
        if found is None:
            with self._engine.begin() as connection:
                if self._engine.dialect.name == "sqlite":  # whose driver begins none for changes of tables
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                metadata.create_all(connection)
                connection.execute(sa.insert(version), {"version_num": VERSION})
        elif found != VERSION:
            self.close()
            raise AtlasError(
                "The records are of another version of MIRAGE. Opening the atlas once, as `mirage atlas info` does, brings "
                "those of an earlier one up to date. Nothing was changed."
            )

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
            reason = str(getattr(error, "orig", error))
            told: MirageError = AtlasError(f"The atlas's records could not be used: {reason}.")
            if not isinstance(error, (sa.exc.OperationalError, sqlite3.OperationalError)):
                told = AtlasError(f"The atlas's records are damaged ({reason}). {RESTORE}")
            elif "full" in reason:
                what = "the last step was not stored, everything before it is"
                told = Unavailable(f"The disk is full; {what}. Make room and run it again.")
            elif "readonly" in reason:
                told = AtlasError(f"The atlas cannot be written to ({reason}). Check the folder's permissions.")
            raise told from error

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with self._clear_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self._clear_errors(), self._engine.begin() as connection:
            yield connection

    def _rows(self, statement: sa.Select[Any]) -> list[Any]:
        with self._read() as connection:
            return list(connection.execute(statement).all())

    def _rows_of(self, keys: Iterable[Any], statement: sa.Select[Any]) -> Iterator[Any]:
        """The rows for keys, as many of these at once as a statement takes; it has a parameter ``keys`` for them."""
        with self._read() as connection:
            for part in batched(keys, _AT_ONCE):
                yield from connection.execute(statement, {"keys": part}).all()

    # -- figures and cases ------------------------------------------------------------------------------------------

    def put(self, records: Sequence[FigureRecord], encoder: str, stamp: int) -> list[int]:
        """Insert or replace figures with their cases and vectors in one transaction.

        What another encoder made of a figure that is replaced is forgotten.

        Parameters
        ----------
        records : sequence of FigureRecord
        encoder : str
            Digest of the encoder that made the vectors.
        stamp : int
            Number of the ingest; each is higher than those before.

        Returns
        -------
        list of int
            The figures' keys, in order. A figure keeps its key when it is replaced.
        """
        keys: list[int] = []
        found = [mentions_of(record.figure) for record in records]
        derived = [derived_of(record.figure) for record in records]
        with self._write() as connection:
            _put_cases(connection, {record.case.id: record.case for record in records if record.case}.values())
            proofs = _proofs(connection, [record.figure.case_id for record in records])
            for record, words in zip(records, derived, strict=True):
                values = figure_values(record, stamp) | words | {"proof": proofs.get(record.figure.case_id, "")}
                key = connection.execute(
                    upsert(figures).values(values).on_conflict_do_update(["id"], set_=values).returning(figures.c.key)
                ).scalar_one()
                _put(connection, vectors, vector_values(key, encoder, record.image, record.caption))
                for own_id, name in ((record.figure.id, record.name), (record.figure.case_id, record.case_name)):
                    if name:
                        _put(connection, names, {"id": own_id, "name": name})
                keys.append(key)
            for part in batched(keys, _AT_ONCE):
                stale = vectors.c.key.in_(part) & (vectors.c.encoder != encoder)
                connection.execute(sa.delete(vectors).where(stale))
            _put_mentions(connection, figure_mentions.c.key, dict(zip(keys, found, strict=True)))
        return keys

    def put_cases(self, found: Iterable[Case]) -> None:
        """Insert or replace cases in one transaction."""
        with self._write() as connection:
            _put_cases(connection, found)

    def put_vectors(
        self, rows: Sequence[FigureRow], images: Vector, captions: Sequence[Vector | None], encoder: str
    ) -> None:
        """Replace the vectors of at most 500 figures, (n, d) each; used when an atlas is encoded anew.

        A figure that was replaced since its row was read gets none: they would be another picture's.

        Parameters
        ----------
        rows : sequence of FigureRow
        images : (n, d) float32
        captions : sequence of (d,) float32 or None
        encoder : str
            Digest of the encoder that made them.
        """
        keys = [row.key for row in rows]
        with self._write() as connection:
            # The deletion comes first: it takes the write lock, so that nobody replaces a figure after the look at it.
            mine = vectors.c.key.in_(keys) & (vectors.c.encoder == encoder)
            connection.execute(sa.delete(vectors).where(mine))
            now = {found.key: row_of(found) for found in connection.execute(_BY_KEY, {"keys": keys})}
            blobs = [
                vector_values(row.key, encoder, image, caption)
                for row, image, caption in zip(rows, images, captions, strict=True)
                if now.get(row.key) == row
            ]
            if blobs:
                connection.execute(sa.insert(vectors), blobs)

    def forget_vectors(self, but: str) -> None:
        """Drop the vectors of every encoder but one."""
        with self._write() as connection:
            connection.execute(sa.delete(vectors).where(vectors.c.encoder != but))

    def fingerprints(self, corpus: str) -> dict[str, str]:
        """Id to fingerprint for every figure of a corpus."""
        found = self._rows(sa.select(figures.c.id, figures.c.fingerprint).where(figures.c.corpus == corpus))
        return {row.id: row.fingerprint for row in found}

    def rows(self, keys: Sequence[int]) -> dict[int, FigureRow]:
        """Figures by key; keys that are not there are left out."""
        return {row.key: row_of(row) for row in self._rows_of(keys, _BY_KEY)}

    def search_rows(self, keys: Sequence[int]) -> dict[int, SearchRow]:
        """What a search has to know of figures, by key; keys that are not there are left out."""
        return {row[0]: SearchRow(*row) for row in self._rows_of(keys, _FOR_SEARCH)}

    def row(self, figure_id: str) -> FigureRow:
        """One figure by its id, by an id that it had before, or by a reference; see `mirage.storage.records.reference_of`.

        Raises
        ------
        mirage.errors.NotFound
        """
        own, _, picture = figure_id.rpartition("~")
        asked = [figures.c.id == figure_id, figures.c.id.in_(_now(figure_id))]
        if re.fullmatch(f"[0-9a-f]{{{HASH}}}", picture):
            asked += [figures.c.id == own, figures.c.id.in_(_now(own)), figures.c.picture.startswith(picture)]
        with self._read() as connection:
            for condition in asked:
                row = connection.execute(sa.select(figures).where(condition).order_by(figures.c.key).limit(1)).first()
                if row is not None:
                    return row_of(row)
        raise NotFound(f"This atlas has no figure {shown(figure_id)}.")

    def name_of(self, own_id: str) -> str:
        """The name of a figure's file, of a case or of a corpus's folder; only for the owner's eyes.

        Empty where none is kept.
        """
        with self._read() as connection:
            return connection.execute(sa.select(names.c.name).where(names.c.id == own_id)).scalar() or ""

    def put_name(self, own_id: str, name: str) -> None:
        """Keep the name of a figure, a case or a corpus, for its owner's eyes.

        Parameters
        ----------
        own_id, name : str
        """
        with self._write() as connection:
            _put(connection, names, {"id": own_id, "name": name})

    def case(self, case_id: str) -> Case:
        """One case by its id, or by one that it had before.

        Raises
        ------
        mirage.errors.NotFound
        """
        with self._read() as connection:
            case_id = connection.execute(_now(case_id)).scalar() or case_id
        found = self.cases({case_id})
        if case_id not in found:
            raise NotFound(f"This atlas has no case {shown(case_id)}.")
        return found[case_id]

    def cases(self, case_ids: Collection[str]) -> dict[str, Case]:
        """Cases by id; ids that are not there are left out."""
        found: dict[str, Case] = {}
        for each in self._rows_of(sorted(case_ids), sa.select(cases).where(cases.c.id.in_(_KEYS))):
            row = each._mapping
            words = {name: row[name] for name in CASE_WORDS}
            found[row["id"]] = Case(id=row["id"], source=source_of(row), **words, proof=proof_of(row["diagnosis_by"]))
        return found

    def figures_of(self, case_id: str) -> list[FigureRow]:
        """The figures of a case, in the order they were added."""
        statement = sa.select(figures).where(figures.c.case_id == case_id).order_by(figures.c.key)
        return [row_of(row) for row in self._rows(statement)]

    def each(self, batch: int = 500, since: int = 0) -> Iterator[list[FigureRow]]:
        """Every figure whose stamp is `since` or later, in batches by key.

        Parameters
        ----------
        batch : int
            How many at once.
        since : int
        """
        last = -1
        while True:
            statement = sa.select(figures).where(figures.c.key > last, figures.c.stamp >= since)
            found = [row_of(row) for row in self._rows(statement.order_by(figures.c.key).limit(batch))]
            if not found:
                return
            yield found
            last = found[-1].key

    def vectors(self, keys: Sequence[int], encoder: str) -> dict[int, tuple[Vector, Vector | None]]:
        """Image and caption vectors by key, as far as this encoder made them.

        Parameters
        ----------
        keys : sequence of int
        encoder : str
            Its digest.
        """
        raw = self.raw_vectors(keys, encoder)
        return {key: (unit(image), None if caption is None else unit(caption)) for key, (image, caption) in raw.items()}

    def raw_vectors(self, keys: Sequence[int], encoder: str) -> dict[int, tuple[Half, Half | None]]:
        """Like `vectors`, (d,) float16 to the bit as they are kept.

        Parameters
        ----------
        keys : sequence of int
        encoder : str
            Its digest.
        """
        found: dict[int, tuple[Half, Half | None]] = {}
        for row in self._rows_of(keys, sa.select(vectors).where(vectors.c.key.in_(_KEYS), vectors.c.encoder == encoder)):
            caption = np.frombuffer(row.caption, dtype=np.float16) if row.caption else None
            found[row.key] = (np.frombuffer(row.image, dtype=np.float16), caption)
        return found

    def uncaptioned(self) -> frozenset[int]:
        """The figures that have neither a caption nor a title in its place, by key."""
        return frozenset(row.key for row in self._rows(_UNCAPTIONED))

    def keys(self) -> list[int]:
        """Every figure's key, ascending."""
        return [row.key for row in self._rows(sa.select(figures.c.key).order_by(figures.c.key))]

    def keys_of(self, figure_ids: Sequence[str]) -> dict[str, int]:
        """The keys of some figures, by id; ids that are not there are left out."""
        found = self._rows_of(figure_ids, sa.select(figures.c.id, figures.c.key).where(figures.c.id.in_(_KEYS)))
        return {row.id: row.key for row in found}

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """Corpus to how many figures, cases and bytes of pictures it has."""
        size = sa.func.coalesce(sa.func.sum(figures.c.bytes), 0)
        of_figures = self._rows(sa.select(figures.c.corpus, sa.func.count(), size).group_by(figures.c.corpus))
        of_cases = self._rows(sa.select(cases.c.corpus, sa.func.count()).group_by(cases.c.corpus))
        found = {corpus: (count, 0, total) for corpus, count, total in of_figures}
        for corpus, count in of_cases:
            number, _, total = found.get(corpus, (0, 0, 0))
            found[corpus] = (number, count, total)
        return found

    # -- mentions ----------------------------------------------------------------------------------------------------

    def mentions_by(
        self, keys: Sequence[int], concepts: Collection[str] = (), fields: Collection[str] = ()
    ) -> dict[int, list[StoredMention]]:
        """What figures, and their cases, speak of, denials too.

        Parameters
        ----------
        keys : sequence of int
        concepts : collection of str
            Only these, at most 30,000; all when left out.
        fields : collection of str
            Only what these say; all when left out.

        Returns
        -------
        dict
            Key to mentions; to an empty list where there are none.
        """
        said = _SAID_OF if concepts else _SAID
        asked, wanted = {"concepts": list(concepts)} if concepts else {}, set(fields or (*FIGURE_FIELDS, *CASE_FIELDS))
        own, cases_own = [{"fields": sorted(wanted.intersection(some))} for some in (FIGURE_FIELDS, CASE_FIELDS)]
        found: dict[int, list[StoredMention]] = {key: [] for key in keys}
        with self._read() as connection:
            for part in batched(keys, _AT_ONCE):
                for row in connection.execute(said["figure_mentions"], {**asked, **own, "keys": part}).all():
                    found[row[0]].append(StoredMention(*row))
                members: dict[str, list[int]] = {}  # what a case says is read once, however many figures it has
                for key, case_id in connection.execute(_CASES_OF, {"keys": part}).all():
                    members.setdefault(case_id, []).append(key)
                for row in connection.execute(said["case_mentions"], {**asked, **cases_own, "keys": list(members)}).all():
                    for key in members[row[0]]:
                        found[key].append(StoredMention(key, *row[1:]))
        return found

    def counts_of(
        self, asked: Sequence[Collection[str]], fields: Collection[str], columns: Sequence[str]
    ) -> dict[tuple[str, ...], int]:
        """Count the figures that speak plainly of all that is asked, by the values of some columns.

        Parameters
        ----------
        asked : sequence of collection of str
            For each thing asked the names of the concepts that tell it, one of which a figure or its case affirms, or has as
            its region. At most 10,000 names altogether.
        fields : collection of str
            Those in which it counts.
        columns : sequence of str
            Of the figures.
        """
        own, case = figure_mentions.c, case_mentions.c
        values = [figures.c[name] for name in columns]
        statement = sa.select(*values, sa.func.count()).group_by(*values)
        for names_told in map(sorted, asked):
            plainly = [
                sa.select(what).where(c.concept.in_(names_told), c.field.in_(fields), c.polarity == "affirmed")
                for what, c in ((own.key, own), (case.case_id, case))
            ]
            said = figures.c.key.in_(plainly[0]) | figures.c.case_id.in_(plainly[1])
            statement = statement.where(said | figures.c.region.in_(names_told))
        return {tuple(row[:-1]): row[-1] for row in self._rows(statement)}

    def diagnosed(self, concepts: Collection[str]) -> dict[str, dict[int, str]]:
        """The cases of which a figure's diagnosis affirms one of some concepts: case id to such figures' ids, by key.

        Parameters
        ----------
        concepts : collection of str
            At most 30,000.
        """
        own = figure_mentions.c
        statement = (
            sa.select(figures.c.case_id, figures.c.key, figures.c.id)
            .select_from(figure_mentions.join(figures))
            .where(own.concept.in_(sorted(concepts)), own.field == "diagnosis", own.polarity == "affirmed")
            .where(figures.c.case_id != "")
            .order_by(figures.c.key)
        )
        found: dict[str, dict[int, str]] = {}
        for row in self._rows(statement):
            found.setdefault(row.case_id, {})[row.key] = row.id
        return found

    def title_words(self) -> set[str]:
        """The words of the titles, diagnoses and topics that there are."""
        told = [
            sa.select(column).distinct() for column in (figures.c.title, figures.c.diagnosis, cases.c.title, cases.c.topic)
        ]
        with self._read() as connection:
            return {word for statement in told for (text,) in connection.execute(statement) for word in _WORDS.findall(text)}

    def mentions_outdated(self) -> bool:
        """Whether words were read with another lexicon, or never."""
        return self.note(LEXICON) != lexicon().digest

    def read_mentions(self, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Read all words anew.

        Parameters
        ----------
        progress : callable
            Told how many figures are done, of how many.
        """
        keys, done = self.keys(), 0
        with self._write() as connection:
            every = connection.execute(sa.select(cases.c.id)).scalars().all()
        for part in batched(every, _AT_ONCE):
            read = {name: mentions_of(case) for name, case in self.cases(part).items()}
            with self._write() as connection:
                _put_mentions(connection, case_mentions.c.case_id, read)
        for rows in self.each():
            found = {row.key: mentions_of(row.figure) for row in rows}
            derived = {row.key: derived_of(row.figure) for row in rows}
            with self._write() as connection:
                _put_mentions(connection, figure_mentions.c.key, found)
                _put_derived(connection, rows, derived)
            done += len(rows)
            progress(done, len(keys))
        self.set_note(LEXICON, lexicon().digest)

    # -- corpora, jobs, notes ---------------------------------------------------------------------------------------

    def put_corpus(self, corpus: CorpusRecord) -> None:
        """Insert or replace what is known of a corpus; it is added now."""
        with self._write() as connection:
            _put(connection, corpora, {**asdict(corpus), "added": time.time()})

    def corpora(self) -> list[CorpusRecord]:
        """What is known of every corpus, oldest first."""
        return [CorpusRecord(**row._mapping) for row in self._rows(sa.select(corpora).order_by(corpora.c.added))]

    def put_job(self, job_id: str, created: float, record: Mapping[str, Any]) -> None:
        """Insert or replace a job.

        Parameters
        ----------
        job_id : str
        created : float
            Seconds since 1970.
        record : mapping
            What JSON can hold.
        """
        with self._write() as connection:
            _put(connection, jobs, {"id": job_id, "created": created, "record": json.dumps(record)})

    def jobs(self) -> list[dict[str, Any]]:
        """Every job's record, newest first."""
        return [json.loads(row.record) for row in self._rows(sa.select(jobs.c.record).order_by(jobs.c.created.desc()))]

    def remove_jobs(self, job_ids: Sequence[str]) -> None:
        """Forget jobs; unknown ids are no error."""
        with self._write() as connection:
            for part in batched(job_ids, _AT_ONCE):
                connection.execute(sa.delete(jobs).where(jobs.c.id.in_(part)))

    def note(self, name: str) -> str | None:
        """A small fact about the atlas, or None."""
        with self._read() as connection:
            return connection.execute(sa.select(notes.c.value).where(notes.c.name == name)).scalar()

    @cached_property
    def id_key(self) -> bytes:
        """The random key of this atlas's keyed ids. It is made when it is first needed, and never leaves the records."""
        with self._write() as connection:
            made = {"name": ID_KEY, "value": secrets.token_hex(32)}
            connection.execute(upsert(notes).values(made).on_conflict_do_nothing())
            return bytes.fromhex(connection.execute(sa.select(notes.c.value).where(notes.c.name == ID_KEY)).scalar_one())

    def set_note(self, name: str, value: str | None) -> None:
        """Keep a small fact, or forget it (None).

        Parameters
        ----------
        name : str
        value : str or None
        """
        with self._write() as connection:
            if value is None:
                connection.execute(sa.delete(notes).where(notes.c.name == name))
            else:
                _put(connection, notes, {"name": name, "value": value})


def _put(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or replace the one of the same primary key."""
    connection.execute(upsert(table).values(values).on_conflict_do_update(table.primary_key.columns, set_=values))


def _put_cases(connection: sa.Connection, found: Iterable[Case]) -> None:
    for case in found:
        values = {"id": case.id, **{name: getattr(case, name) for name in CASE_WORDS}, **source_values(case.source)}
        _put(connection, cases, values)
        _put_mentions(connection, case_mentions.c.case_id, {case.id: mentions_of(case)})


def _put_mentions(
    connection: sa.Connection, subject: sa.Column[Any], found: Mapping[Any, Mapping[tuple[str, str], Polarity]]
) -> None:
    """Replace the mentions of figures or cases."""
    for part in batched(found, _AT_ONCE):
        connection.execute(sa.delete(subject.table).where(subject.in_(part)))
    rows = [
        {subject.name: own, "concept": concept, "field": field, "polarity": polarity}
        for own, said in found.items()
        for (concept, field), polarity in said.items()
    ]
    if rows:
        connection.execute(sa.insert(subject.table), rows)


def _proofs(connection: sa.Connection, case_ids: Iterable[str]) -> dict[str, str]:
    """How the diagnoses of cases were proven."""
    found: dict[str, str] = {}
    for part in batched(sorted(set(case_ids) - {""}), _AT_ONCE):
        for row in connection.execute(sa.select(cases.c.id, cases.c.diagnosis_by).where(cases.c.id.in_(part))):
            found[row.id] = proof_of(row.diagnosis_by)
    return found


def _put_derived(connection: sa.Connection, rows: Sequence[FigureRow], derived: Mapping[int, Derived]) -> None:
    """Replace what is derived of figures."""
    proofs = _proofs(connection, [row.figure.case_id for row in rows])
    for row in rows:
        proof = proofs.get(row.figure.case_id, "")
        connection.execute(sa.update(figures).where(figures.c.key == row.key).values(**derived[row.key], proof=proof))


def _now(former: str) -> sa.Select[Any]:
    """The id that a former one leads to."""
    return sa.select(former_ids.c.id).where(former_ids.c.former == former)


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
