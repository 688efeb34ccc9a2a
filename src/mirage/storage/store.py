"""Figures, cases, corpora, vectors and jobs in SQL. These records are the truth; the index is made from them."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert

from mirage.figure import Case, SlicePlace
from mirage.language.concepts import lexicon
from mirage.language.proof import proof_of
from mirage.storage.contents import Contents, contents_of
from mirage.storage.database import AT_ONCE, Database, each_of, put, upserting
from mirage.storage.mentions import Mentions, put_mentions
from mirage.storage.migrations import upgrade
from mirage.storage.records import (
    CASE_WORDS,
    HASH,
    CorpusRecord,
    FigureRecord,
    FigureRow,
    Half,
    SearchRow,
    SliceVectors,
    Vector,
    batched,
    case_mentions,
    cases,
    corpora,
    figure_mentions,
    figures,
    former_ids,
    jobs,
    names,
    notes,
    slice_vectors,
    stacks,
    unit,
    vectors,
)
from mirage.storage.removed import Removals, came_back
from mirage.storage.rows import (
    FIGURE_ROWS,
    Derived,
    derived_of,
    figure_values,
    mentions_of,
    place_of,
    row_of,
    slice_values,
    slices_of,
    source_of,
    source_values,
    stack_values,
    vector_values,
)

ID_KEY = "id_key"  # note
LEXICON = "lexicon"  # note: digest of the lexicon that mentions were read with
_KEYS = each_of("keys")
_BY_KEY = FIGURE_ROWS.where(figures.c.key.in_(_KEYS))
# Put together once: that takes longer than what it asks for.
_FOR_SEARCH = sa.select(*(figures.c[name] for name in SearchRow._fields)).where(figures.c.key.in_(_KEYS))
_UNCAPTIONED = sa.select(figures.c.key).where(figures.c.caption == "", figures.c.title == "")


class Store:
    """The records of one atlas.

    Parameters
    ----------
    url : str
        SQLAlchemy URL. SQLite by file; the schema is plain SQL.

    Attributes
    ----------
    mentions : Mentions
        What figures and cases speak of.
    removals : Removals
        What was removed, and the removing.

    Raises
    ------
    mirage.errors.AtlasError
        When the records are damaged, or of another version than this program's; see `mirage.storage.migrations`.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.mentions = Mentions(self._database)
        self.removals = Removals(self._database)

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
        self._database.close()

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
        with self._database.writing() as connection:
            _put_cases(connection, {record.case.id: record.case for record in records if record.case}.values())
            proofs = _proofs(connection, [record.figure.case_id for record in records])
            for record, words in zip(records, derived, strict=True):
                values = figure_values(record, stamp) | words | {"proof": proofs.get(record.figure.case_id, "")}
                statement = upserting(figures, tuple(values), "id").returning(figures.c.key)
                key = connection.execute(statement, values).scalar_one()
                put(connection, vectors, vector_values(key, encoder, record.image, record.caption))
                _put_stack(connection, key, encoder, record)
                for own_id, name in ((record.figure.id, record.name), (record.figure.case_id, record.case_name)):
                    if name:
                        put(connection, names, {"id": own_id, "name": name})
                keys.append(key)
            for part in batched(keys, AT_ONCE):
                for table in (vectors, slice_vectors):
                    stale = table.c.key.in_(part) & (table.c.encoder != encoder)
                    connection.execute(sa.delete(table).where(stale))
            put_mentions(connection, figure_mentions.c.key, dict(zip(keys, found, strict=True)))
            came_back(connection, "figure", [record.figure.id for record in records])
        return keys

    def succeed(self, former: Mapping[str, str], corpus: str) -> list[int]:
        """Remove figures in whose place others stand now, which are found by their ids from then on.

        Parameters
        ----------
        former : mapping
            The id of each to the id of the one in its place.
        corpus : str
            Figures of others stay.

        Returns
        -------
        list of int
            Keys of those that were there.
        """
        gone: list[int] = []
        with self._database.writing() as connection:
            for part in batched(former, AT_ONCE):
                theirs = figures.c.id.in_(part) & (figures.c.corpus == corpus)
                gone += connection.execute(sa.delete(figures).where(theirs).returning(figures.c.key)).scalars()
                there = set(connection.execute(sa.select(figures.c.id).where(figures.c.id.in_(part))).scalars())
                for old in part:
                    if old not in there:
                        # Also what that one had been in the place of.
                        connection.execute(sa.update(former_ids).where(former_ids.c.id == old).values(id=former[old]))
                        put(connection, former_ids, {"former": old, "id": former[old]})
                        came_back(connection, "figure", [old])
        return gone

    def files(self, figure_ids: Sequence[str]) -> set[str]:
        """Names of the pictures and stacks of some figures; ids that are not there are left out."""
        asked = sa.select(figures.c.picture, stacks.c.voxels, stacks.c.labels).outerjoin_from(figures, stacks)
        found = self._database.rows_of(figure_ids, asked.where(figures.c.id.in_(_KEYS)))
        return {name for row in found for name in row if name}

    def used(self, names: Collection[str]) -> set[str]:
        """Those of some names of pictures and stacks that a figure has."""
        own = (figures.c.picture, stacks.c.voxels, stacks.c.labels)
        if len(names) > AT_ONCE:  # each part of them would be looked for through all figures
            return {row[0] for column in own for row in self._database.rows(sa.select(column))}.intersection(names)
        return {
            row[0] for column in own for row in self._database.rows_of(names, sa.select(column).where(column.in_(_KEYS)))
        }

    def elsewhere(self, corpus: str) -> int:
        """How many figures of a corpus show a picture that another corpus has too."""
        others = sa.select(figures.c.picture).where(figures.c.corpus != corpus)
        asked = sa.select(sa.func.count()).where((figures.c.corpus == corpus) & figures.c.picture.in_(others))
        with self._database.reading() as connection:
            return connection.execute(asked).scalar() or 0

    def put_cases(self, found: Iterable[Case]) -> None:
        """Insert or replace cases in one transaction."""
        with self._database.writing() as connection:
            _put_cases(connection, found)

    def put_vectors(
        self,
        rows: Sequence[FigureRow],
        images: Vector,
        captions: Sequence[Vector | None],
        encoder: str,
        slices: Mapping[int, SliceVectors] | None = None,
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
        slices : mapping, optional
            Of those that are stacks, by key.
        """
        keys = [row.key for row in rows]
        with self._database.writing() as connection:
            # The deletion comes first: it takes the write lock, so that nobody replaces a figure after the look at it.
            for table in (vectors, slice_vectors):
                connection.execute(sa.delete(table).where(table.c.key.in_(keys) & (table.c.encoder == encoder)))
            now = {found.key: row_of(found) for found in connection.execute(_BY_KEY, {"keys": keys})}
            blobs = [
                vector_values(row.key, encoder, image, caption)
                for row, image, caption in zip(rows, images, captions, strict=True)
                if now.get(row.key) == row
            ]
            if blobs:
                connection.execute(sa.insert(vectors), blobs)
            for blob in blobs:
                if made := (slices or {}).get(blob["key"]):
                    put(connection, slice_vectors, slice_values(blob["key"], encoder, made))

    def forget_vectors(self, but: str) -> None:
        """Drop the vectors of every encoder but one."""
        with self._database.writing() as connection:
            for table in (vectors, slice_vectors):
                connection.execute(sa.delete(table).where(table.c.encoder != but))

    def fingerprints(self, corpus: str) -> dict[str, str]:
        """Id to fingerprint for every figure of a corpus."""
        found = self._database.rows(sa.select(figures.c.id, figures.c.fingerprint).where(figures.c.corpus == corpus))
        return {row.id: row.fingerprint for row in found}

    def rows(self, keys: Sequence[int]) -> dict[int, FigureRow]:
        """Figures by key; keys that are not there are left out."""
        return {row.key: row_of(row) for row in self._database.rows_of(keys, _BY_KEY)}

    def search_rows(self, keys: Sequence[int]) -> dict[int, SearchRow]:
        """What a search has to know of figures, by key; keys that are not there are left out."""
        return {row[0]: SearchRow(*row) for row in self._database.rows_of(keys, _FOR_SEARCH)}

    def row(self, figure_id: str) -> FigureRow:
        """One figure by its id, by an id that it had before, or by a reference; see `mirage.storage.records.reference_of`.

        Raises
        ------
        mirage.errors.NotFound
            `mirage.errors.Removed` where it was removed, and so for `case`.
        """
        own, _, picture = figure_id.rpartition("~")
        asked = [figures.c.id == figure_id, figures.c.id.in_(_now(figure_id))]
        if re.fullmatch(f"[0-9a-f]{{{HASH}}}", picture):
            asked += [figures.c.id == own, figures.c.id.in_(_now(own)), figures.c.picture.startswith(picture)]
        with self._database.reading() as connection:
            for condition in asked:
                row = connection.execute(FIGURE_ROWS.where(condition).order_by(figures.c.key).limit(1)).first()
                if row is not None:
                    return row_of(row)
        raise self.removals.missing(figure_id)

    def name_of(self, own_id: str) -> str:
        """The name of a figure's file, of a case or of a corpus's folder; only for the owner's eyes.

        Empty where none is kept.
        """
        with self._database.reading() as connection:
            return connection.execute(sa.select(names.c.name).where(names.c.id == own_id)).scalar() or ""

    def put_name(self, own_id: str, name: str) -> None:
        """Keep the name of a figure, a case or a corpus, for its owner's eyes.

        Parameters
        ----------
        own_id, name : str
        """
        with self._database.writing() as connection:
            put(connection, names, {"id": own_id, "name": name})

    def case(self, case_id: str) -> Case:
        """One case by its id, or by one that it had before.

        Raises
        ------
        mirage.errors.NotFound
        """
        with self._database.reading() as connection:
            case_id = connection.execute(_now(case_id)).scalar() or case_id
        found = self.cases({case_id})
        if case_id not in found:
            raise self.removals.missing(case_id, "case")
        return found[case_id]

    def cases(self, case_ids: Collection[str]) -> dict[str, Case]:
        """Cases by id; ids that are not there are left out."""
        found: dict[str, Case] = {}
        for each in self._database.rows_of(sorted(case_ids), sa.select(cases).where(cases.c.id.in_(_KEYS))):
            row = each._mapping
            words = {name: row[name] for name in CASE_WORDS}
            found[row["id"]] = Case(id=row["id"], source=source_of(row), **words, proof=proof_of(row["diagnosis_by"]))
        return found

    def figures_of(self, case_id: str) -> list[FigureRow]:
        """The figures of a case, in the order they were added."""
        statement = FIGURE_ROWS.where(figures.c.case_id == case_id).order_by(figures.c.key)
        return [row_of(row) for row in self._database.rows(statement)]

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
            statement = FIGURE_ROWS.where(figures.c.key > last, figures.c.stamp >= since)
            found = [row_of(row) for row in self._database.rows(statement.order_by(figures.c.key).limit(batch))]
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
        asked = sa.select(vectors).where(vectors.c.key.in_(_KEYS), vectors.c.encoder == encoder)
        for row in self._database.rows_of(keys, asked):
            caption = np.frombuffer(row.caption, dtype=np.float16) if row.caption else None
            found[row.key] = (np.frombuffer(row.image, dtype=np.float16), caption)
        return found

    def slices(self, keys: Sequence[int], encoder: str) -> dict[int, SliceVectors]:
        """The vectors of slices, by key of the stacks among some figures, as far as this encoder made them.

        Parameters
        ----------
        keys : sequence of int
        encoder : str
            Its digest.
        """
        asked = sa.select(slice_vectors).where(slice_vectors.c.key.in_(_KEYS), slice_vectors.c.encoder == encoder)
        return {row.key: slices_of(row.numbers, row.vectors) for row in self._database.rows_of(keys, asked)}

    def slice_counts(self, encoder: str) -> dict[int, int]:
        """How many slices of each stack this encoder has encoded, by the stack's key."""
        size = sa.func.length(slice_vectors.c.numbers)
        found = self._database.rows(sa.select(slice_vectors.c.key, size).where(slice_vectors.c.encoder == encoder))
        return {key: size // 4 for key, size in found}

    def families(self) -> dict[int, str]:
        """The stacks, and the figures that are slices of one, by key: to the id of the stack."""
        own = dict(self._database.rows(sa.select(figures.c.key, figures.c.id).join(stacks)))
        if not own:  # by far the most atlases; looking through all figures takes time
            return {}
        return own | {key: place.stack for key, place in self.slice_places().items()}

    def slice_places(self) -> dict[int, SlicePlace]:
        """Of which stack each single slice is one, and what is marked in it, by key."""
        cut = self._database.rows(sa.select(figures.c.key, figures.c.slice_of).where(figures.c.slice_of != ""))
        return {key: place_of(written) for key, written in cut}

    def uncaptioned(self) -> frozenset[int]:
        """The figures that have neither a caption nor a title in its place, by key."""
        return frozenset(row.key for row in self._database.rows(_UNCAPTIONED))

    def keys(self) -> list[int]:
        """Every figure's key, ascending."""
        return [row.key for row in self._database.rows(sa.select(figures.c.key).order_by(figures.c.key))]

    def keys_of(self, figure_ids: Sequence[str]) -> dict[str, int]:
        """The keys of some figures, by id; ids that are not there are left out."""
        found = self._database.rows_of(figure_ids, sa.select(figures.c.id, figures.c.key).where(figures.c.id.in_(_KEYS)))
        return {row.id: row.key for row in found}

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """Corpus to how many figures, cases and bytes of pictures it has."""
        size = sa.func.coalesce(sa.func.sum(figures.c.bytes), 0) + sa.func.coalesce(sa.func.sum(stacks.c.bytes), 0)
        counted = sa.select(figures.c.corpus, sa.func.count(), size).outerjoin_from(figures, stacks)
        of_figures = self._database.rows(counted.group_by(figures.c.corpus))
        of_cases = self._database.rows(sa.select(cases.c.corpus, sa.func.count()).group_by(cases.c.corpus))
        found = {corpus: (count, 0, total) for corpus, count, total in of_figures}
        for corpus, count in of_cases:
            number, _, total = found.get(corpus, (0, 0, 0))
            found[corpus] = (number, count, total)
        return found

    def contents(self, corpus: str) -> Contents:
        """What the figures of a corpus are."""
        return contents_of(self._database, corpus)

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
        with self._database.writing() as connection:
            every = connection.execute(sa.select(cases.c.id)).scalars().all()
        for part in batched(every, AT_ONCE):
            read = {name: mentions_of(case) for name, case in self.cases(part).items()}
            with self._database.writing() as connection:
                put_mentions(connection, case_mentions.c.case_id, read)
        for rows in self.each():
            found = {row.key: mentions_of(row.figure) for row in rows}
            derived = {row.key: derived_of(row.figure) for row in rows}
            with self._database.writing() as connection:
                put_mentions(connection, figure_mentions.c.key, found)
                _put_derived(connection, rows, derived)
            done += len(rows)
            progress(done, len(keys))
        self.set_note(LEXICON, lexicon().digest)

    # -- corpora, jobs, notes ---------------------------------------------------------------------------------------

    def put_corpus(self, corpus: CorpusRecord) -> None:
        """Insert or replace what is known of a corpus; it is added now."""
        with self._database.writing() as connection:
            put(connection, corpora, {**asdict(corpus), "added": time.time()})
            came_back(connection, "corpus", [corpus.name])

    def corpora(self) -> list[CorpusRecord]:
        """What is known of every corpus, oldest first."""
        return [CorpusRecord(**row._mapping) for row in self._database.rows(sa.select(corpora).order_by(corpora.c.added))]

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
        with self._database.writing() as connection:
            put(connection, jobs, {"id": job_id, "created": created, "record": json.dumps(record)})

    def jobs(self) -> list[dict[str, Any]]:
        """Every job's record, newest first."""
        newest_first = sa.select(jobs.c.record).order_by(jobs.c.created.desc())
        return [json.loads(row.record) for row in self._database.rows(newest_first)]

    def remove_jobs(self, job_ids: Sequence[str]) -> None:
        """Forget jobs; unknown ids are no error."""
        with self._database.writing() as connection:
            for part in batched(job_ids, AT_ONCE):
                connection.execute(sa.delete(jobs).where(jobs.c.id.in_(part)))

    def note(self, name: str) -> str | None:
        """A small fact about the atlas, or None."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(notes.c.value).where(notes.c.name == name)).scalar()

    @cached_property
    def id_key(self) -> bytes:
        """The random key of this atlas's keyed ids. It is made when it is first needed, and never leaves the records."""
        with self._database.writing() as connection:
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
        with self._database.writing() as connection:
            if value is None:
                connection.execute(sa.delete(notes).where(notes.c.name == name))
            else:
                put(connection, notes, {"name": name, "value": value})


def _put_cases(connection: sa.Connection, found: Iterable[Case]) -> None:
    for case in found:
        values = {"id": case.id, **{name: getattr(case, name) for name in CASE_WORDS}, **source_values(case.source)}
        put(connection, cases, values)
        put_mentions(connection, case_mentions.c.case_id, {case.id: mentions_of(case)})
        came_back(connection, "case", [case.id])


def _put_stack(connection: sa.Connection, key: int, encoder: str, record: FigureRecord) -> None:
    """Replace what is kept of a figure as a stack; nothing is where it is none."""
    values = stack_values(key, record)
    if values is None:
        for table in (stacks, slice_vectors):
            connection.execute(sa.delete(table).where(table.c.key == key))
        return
    put(connection, stacks, values)
    if record.slices is not None:
        put(connection, slice_vectors, slice_values(key, encoder, record.slices))


def _proofs(connection: sa.Connection, case_ids: Iterable[str]) -> dict[str, str]:
    """How the diagnoses of cases were proven."""
    found: dict[str, str] = {}
    for part in batched(sorted(set(case_ids) - {""}), AT_ONCE):
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
