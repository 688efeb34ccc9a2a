"""Figures, cases, corpora, vectors and jobs in SQL. These records are the truth; the index is made from them."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from sys import intern
from typing import Any

import sqlalchemy as sa

from mirage.figure import Case, SlicePlace
from mirage.language.concepts import lexicon
from mirage.language.proof import proof_of
from mirage.language.words import unpacked_stems
from mirage.storage.contents import Contents, contents_of
from mirage.storage.database import AT_ONCE, Database, put, put_new
from mirage.storage.databases import RECORDS_NAME, Databases
from mirage.storage.dialects import INTEGER, among
from mirage.storage.edits import Edits
from mirage.storage.mentions import Mentions, put_mentions
from mirage.storage.migrations import upgrade
from mirage.storage.names import LocalNames, local_names
from mirage.storage.records import (
    CASE_WORDS,
    HASH,
    CorpusRecord,
    FigureRecord,
    FigureRow,
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
    source_of,
    source_values,
    stack_values,
    vector_values,
)
from mirage.storage.searched import SearchRow
from mirage.storage.sharing import PATIENCE, Sharing
from mirage.storage.vectors import Vectors
from mirage.storage.withdrawals import Withdrawals

ID_KEY = "id_key"  # note
LEXICON = "lexicon"  # note: digest of the lexicon that mentions were read with
_PART = 10_000  # rows read at once
_BY_KEY = FIGURE_ROWS.where(among(figures.c.key, "keys"))
# Put together once: that takes longer than what it asks for.
_COLUMNS = ("key", "id", "caption", "diagnosis", "modality", "plane", "region", "title", "look", "stems", "folded")
_FOR_SEARCH = sa.select(*(figures.c[name] for name in _COLUMNS)).where(among(figures.c.key, "keys"))
_PICTURES = sa.select(figures.c.key, figures.c.picture).order_by(figures.c.key)
_NOTE = sa.select(notes.c.value).where(notes.c.name == sa.bindparam("own"))
_UNCAPTIONED = sa.select(figures.c.key).where(figures.c.caption == "", figures.c.title == "")


class Store:
    """The records of one atlas.

    Parameters
    ----------
    database : Database
    place : str
        Where it lies, by which the names of somebody's own files are known on this computer.
    sharing : mirage.storage.sharing.Sharing, optional
        This process among those that have it open; None where it is the only one.

    Attributes
    ----------
    mentions : Mentions
        What figures and cases speak of.
    removals : Removals
        What was removed, and the removing.
    edits : Edits
        What was edited of figures' words.
    vectors : Vectors
        What encoders made of figures.
    withdrawals : Withdrawals
        What sources have withdrawn since it was added.

    """

    def __init__(self, database: Database, place: str, sharing: Sharing | None = None) -> None:
        self._database, self._place, self.sharing = database, place, sharing
        self.mentions = Mentions(self._database)
        self.removals = Removals(self._database)
        self.edits = Edits(self._database)
        self.vectors = Vectors(self._database)
        self.withdrawals = Withdrawals(self._database)

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
            When the records are damaged, or of another version than this program's; see `mirage.storage.migrations`.
        """
        if upgraded:
            upgrade(path)
        return cls(Database(f"sqlite:///{path}"), str(path))

    @classmethod
    def of(cls, databases: Databases, *, upgraded: bool = False) -> Store:
        """Open or make the records of an atlas.

        Parameters
        ----------
        databases : mirage.storage.databases.Databases
        upgraded : bool
            As for `at`.

        Raises
        ------
        mirage.errors.AtlasError, mirage.errors.Unavailable
            As `at` does.
        """
        database = databases.open(RECORDS_NAME, upgraded=upgraded)
        return cls(database, databases.place, Sharing(databases.url(RECORDS_NAME)) if databases.server else None)

    def close(self) -> None:
        """Let go of all connections."""
        if self.sharing is not None:
            self.sharing.close()
        self._database.close()

    def alone(self, stop: Callable[[], bool] = lambda: False, patience: float = PATIENCE) -> AbstractContextManager[None]:
        """Change the atlas while no other process does, as `mirage.storage.sharing.Sharing.alone` has it."""
        return nullcontext() if self.sharing is None else self.sharing.alone(stop, patience)

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
        found = [mentions_of(record.figure) for record in records]
        derived = [derived_of(record.figure) for record in records]
        called = {record.figure.id: record.name for record in records} | {
            record.figure.case_id: record.case_name for record in records
        }
        self._keep_names({own: name for own, name in called.items() if name})
        with self._database.writing() as connection:
            _put_cases(connection, {record.case.id: record.case for record in records if record.case}.values())
            proofs = _proofs(connection, [record.figure.case_id for record in records])
            put(connection, figures, *(
                figure_values(record, stamp) | words | {"proof": proofs.get(record.figure.case_id, "")}
                for record, words in zip(records, derived, strict=True)
            ), key="id")  # fmt: skip
            own = _keys_of(connection, [record.figure.id for record in records])
            keys = [own[record.figure.id] for record in records]
            kept = list(zip(keys, records, strict=True))
            put(connection, vectors, *(vector_values(key, encoder, each.image, each.caption) for key, each in kept))
            _put_stacks(connection, encoder, kept)
            named = {
                own: name
                for each in records
                for own, name in ((each.figure.id, each.name), (each.figure.case_id, each.case_name))
            }
            put(connection, names, *({"id": own, "name": ""} for own, name in named.items() if name))
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
        found = self._database.rows_of(figure_ids, asked.where(among(figures.c.id, "keys")))
        return {name for row in found for name in row if name}

    def used(self, names: Collection[str]) -> set[str]:
        """Those of some names of pictures and stacks that a figure has."""
        own = (figures.c.picture, stacks.c.voxels, stacks.c.labels)
        if len(names) > AT_ONCE:  # each part of them would be looked for through all figures
            return {row[0] for column in own for row in self._database.rows(sa.select(column))}.intersection(names)
        return {
            row[0] for column in own for row in self._database.rows_of(names, sa.select(column).where(among(column, "keys")))
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

    def fingerprints(self, corpus: str) -> dict[str, str]:
        """Id to fingerprint for every figure of a corpus."""
        found = self._database.rows(sa.select(figures.c.id, figures.c.fingerprint).where(figures.c.corpus == corpus))
        return {row.id: row.fingerprint for row in found}

    def rows(self, keys: Sequence[int]) -> dict[int, FigureRow]:
        """Figures by key; keys that are not there are left out."""
        return {row.key: row_of(row) for row in self._database.rows_of(keys, _BY_KEY)}

    def search_rows(self, keys: Sequence[int]) -> dict[int, SearchRow]:
        """What a search has to know of figures, by key; keys that are not there are left out."""
        return {
            row[0]: SearchRow._make(
                (*row[:8], int(row[8], 16), unpacked_stems(row[9]), frozenset(map(intern, row[10].split())))
            )
            for row in self._database.rows_of(keys, _FOR_SEARCH)
        }

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

        Empty where none is known on this computer.
        """
        return self._names.of(own_id) if self.is_own(own_id) else ""

    def is_own(self, own_id: str) -> bool:
        """Whether a figure, a case or a corpus was made here of somebody's own files."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(names.c.id).where(names.c.id == own_id)).first() is not None

    def put_name(self, own_id: str, name: str) -> None:
        """Keep the name of a figure, a case or a corpus, for its owner's eyes.

        Parameters
        ----------
        own_id, name : str
        """
        self._keep_names({own_id: name})
        with self._database.writing() as connection:
            put(connection, names, {"id": own_id, "name": ""})

    def _keep_names(self, called: Mapping[str, str]) -> None:
        if called:
            self._names.put(called)

    @cached_property
    def _names(self) -> LocalNames:
        return local_names(self.id_key, self._place)

    def forget(self) -> None:
        """See to it that nothing is left of what was removed: no name, and no words in the records' files."""
        self._names.keep([row.id for row in self._database.rows(sa.select(names.c.id))])
        self._database.settle()

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
        for each in self._database.rows_of(sorted(case_ids), sa.select(cases).where(among(cases.c.id, "keys"))):
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

    def keys_with(self, filters: Mapping[str, Sequence[str]]) -> list[int]:
        """The keys of figures that pass filters, ascending.

        Parameters
        ----------
        filters : mapping
            Field of `mirage.query.FILTERS` to accepted values.
        """
        passing = [figures.c[name].in_(list(values)) for name, values in filters.items()]
        return [row.key for row in self._database.rows(sa.select(figures.c.key).where(*passing).order_by(figures.c.key))]

    def columns(self, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Every figure's key, ascending, and what it has in some columns.

        Parameters
        ----------
        names : sequence of str
        """
        asked = sa.select(figures.c.key, *(figures.c[name] for name in names)).order_by(figures.c.key)
        with self._database.reading() as connection:
            for part in connection.execute(asked).partitions(_PART):
                yield from map(tuple, part)

    def picture_names(self) -> list[tuple[int, str]]:
        """Every figure's key, ascending, and the name of its picture, which says what is in it."""
        return [(row.key, row.picture) for row in self._database.rows(_PICTURES)]

    def keys_of(self, figure_ids: Sequence[str]) -> dict[str, int]:
        """The keys of some figures, by id; ids that are not there are left out."""
        found = self._database.rows_of(figure_ids, sa.select(figures.c.id, figures.c.key).where(among(figures.c.id, "keys")))
        return {row.id: row.key for row in found}

    def present(self, references: Iterable[str]) -> set[str]:
        """Which of some references, or ids, lead to a figure that is there, as `row` would find it; asked all at once."""
        asked = set(references)
        parts = {each: each.rpartition("~") for each in asked}
        own = {each: before or each for each, (before, _, _) in parts.items()}
        ids = sorted({*asked, *own.values()})
        former = sa.select(former_ids.c.former).join(figures, figures.c.id == former_ids.c.id)
        found = {
            *self.keys_of(ids),
            *(row[0] for row in self._database.rows_of(ids, former.where(among(former_ids.c.former, "keys")))),
        }
        there = {each for each in asked if {each, own[each]} & found}
        begins = sa.func.substr(figures.c.picture, 1, HASH)
        wanted = sorted({parts[each][2] for each in asked - there if parts[each][1]})
        pictures = {row[0] for row in self._database.rows_of(wanted, sa.select(begins).where(among(begins, "keys")))}
        return there | {each for each in asked - there if parts[each][2] in pictures}

    def counts(self) -> dict[str, tuple[int, int, int, int]]:
        """Corpus to how many figures, cases and bytes of pictures it has, and of how many figures the licence is stated."""
        sums = (sa.func.coalesce(sa.func.sum(column), 0) for column in (figures.c.bytes, stacks.c.bytes))
        size = sa.cast(sum(sums), INTEGER)
        stated = sa.func.count(sa.case((figures.c.licence != "", 1)))
        counted = sa.select(figures.c.corpus, sa.func.count(), size, stated).outerjoin_from(figures, stacks)
        of_figures = self._database.rows(counted.group_by(figures.c.corpus))
        of_cases = self._database.rows(sa.select(cases.c.corpus, sa.func.count()).group_by(cases.c.corpus))
        found = {corpus: (count, 0, total, known) for corpus, count, total, known in of_figures}
        for corpus, count in of_cases:
            number, _, total, known = found.get(corpus, (0, 0, 0, 0))
            found[corpus] = (number, count, total, known)
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

    def put_job(self, job_id: str, created: float, record: Mapping[str, Any], had_by: Collection[str] = ()) -> bool:
        """Insert or replace a job.

        Parameters
        ----------
        job_id : str
        created : float
            Seconds since 1970.
        record : mapping
            What JSON can hold.
        had_by : collection of str
            Replace it only where one of these has it, as ``server`` in its record says; whoever has it when left out.

        Returns
        -------
        bool
            Whether it was kept.
        """
        with self._database.writing() as connection:
            if had_by:
                asked = sa.select(jobs.c.record).where(jobs.c.id == job_id).with_for_update()
                there = connection.execute(asked).scalar()
                if there is not None and json.loads(there).get("server", "") not in had_by:
                    return False
            put(connection, jobs, {"id": job_id, "created": created, "record": json.dumps(record)})
        return True

    def job(self, job_id: str) -> dict[str, Any] | None:
        """A job's record; None where there is none."""
        found = self._database.rows(sa.select(jobs.c.record).where(jobs.c.id == job_id))
        return json.loads(found[0].record) if found else None

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
            return connection.execute(_NOTE, {"own": name}).scalar()

    @cached_property
    def id_key(self) -> bytes:
        """The random key of this atlas's keyed ids. It is made when it is first needed, and never leaves the records."""
        with self._database.writing() as connection:
            made = {"name": ID_KEY, "value": secrets.token_hex(32)}
            put_new(connection, notes, made)
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
    found = list(found)
    put(connection, cases, *(
        {"id": case.id, **{name: getattr(case, name) for name in CASE_WORDS}, **source_values(case.source)} for case in found
    ))  # fmt: skip
    put_mentions(connection, case_mentions.c.case_id, {case.id: mentions_of(case) for case in found})
    came_back(connection, "case", [case.id for case in found])


def _put_stacks(connection: sa.Connection, encoder: str, kept: Sequence[tuple[int, FigureRecord]]) -> None:
    """Replace what is kept of figures, by their keys, as stacks; nothing is where they are none."""
    values = {key: stack_values(key, record) for key, record in kept}
    for part in batched([key for key, told in values.items() if told is None], AT_ONCE):
        for table in (stacks, slice_vectors):
            connection.execute(sa.delete(table).where(table.c.key.in_(part)))
    slices = {key: record.slices for key, record in kept if values[key] is not None and record.slices is not None}
    put(connection, stacks, *(told for told in values.values() if told is not None))
    put(connection, slice_vectors, *(slice_values(key, encoder, own) for key, own in slices.items()))


def _keys_of(connection: sa.Connection, ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in batched(ids, AT_ONCE):
        found |= {
            row.id: row.key
            for row in connection.execute(sa.select(figures.c.id, figures.c.key).where(figures.c.id.in_(part)))
        }
    return found


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
    values = [{**derived[row.key], "proof": proofs.get(row.figure.case_id, ""), "own": row.key} for row in rows]
    if values:
        connection.execute(sa.update(figures).where(figures.c.key == sa.bindparam("own")), values)


def _now(former: str) -> sa.Select[Any]:
    """The id that a former one leads to."""
    return sa.select(former_ids.c.id).where(former_ids.c.former == former)
