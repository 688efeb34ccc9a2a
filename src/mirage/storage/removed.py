"""What leaves an atlas's records: figures or a whole corpus, in one transaction, and which ids were removed and when."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from rapidfuzz import process
from rapidfuzz.distance import OSA

from mirage.errors import BadInput, NotFound, Removed
from mirage.locales import day
from mirage.query import shown
from mirage.storage.database import AT_ONCE, Database, replacing
from mirage.storage.dialects import among, insert_for
from mirage.storage.records import MADE_OF_A_NAME, batched, cases, corpora, figures, former_ids, names, removed, stacks
from mirage.storage.rows import place_of
from mirage.wording import _, looked_up

_ALIKE, _NEAR, _MOST_NEAR = OSA.normalized_similarity, 0.6, 3
_LISTED = 12  # figures of a case
_FILES = (figures.c.picture, stacks.c.voxels, stacks.c.labels)


@dataclass(frozen=True, slots=True)
class Going:
    """What the records know of something that is to be removed.

    Attributes
    ----------
    figures, cases : int
        How many go.
    corpora : tuple of str
        Those that go whole: the named one, and those of which no figure is left.
    files : frozenset of str
        Names of the pictures and stacks that no other figure has.
    shared : int
        How many of its files stay, because another figure has them too.
    cut : int
        Single figures that were cut from a stack among those that go, and that stay.
    """

    figures: int
    cases: int
    corpora: tuple[str, ...]
    files: frozenset[str]
    shared: int
    cut: int


class Removals:
    """What was removed from the records of one atlas, and the removing.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def when(self, ids: Collection[str], kind: str = "figure") -> dict[str, datetime]:
        """When things were removed, by id; those that were not are left out, and so are those that came back.

        Parameters
        ----------
        ids : collection of str
            Of figures also those that they had before.
        kind : {"figure", "case", "corpus"}
        """
        own = sa.select(removed.c.id, removed.c.at).where(removed.c.kind == kind, among(removed.c.id, "keys"))
        before = sa.select(former_ids.c.former, removed.c.at).join(removed, removed.c.id == former_ids.c.id)
        before = before.where(removed.c.kind == kind, among(former_ids.c.former, "keys"))
        found = [*self._database.rows_of(ids, before), *self._database.rows_of(ids, own)]
        return {name: datetime.fromtimestamp(at) for name, at in found}

    def corpora(self) -> list[str]:
        """The names of the corpora that were removed, in the order in which they were."""
        asked = sa.select(removed.c.id).where(removed.c.kind == "corpus").order_by(removed.c.at, removed.c.id)
        return [row.id for row in self._database.rows(asked)]

    def of(self, corpus: str) -> frozenset[str]:
        """The ids of all figures of a corpus that were removed."""
        asked = sa.select(removed.c.id).where(removed.c.corpus == corpus, removed.c.kind == "figure")
        return frozenset(row.id for row in self._database.rows(asked))

    def missing(self, own_id: str, kind: str = "figure") -> NotFound:
        """The error that says why a figure, case or corpus is not there.

        Parameters
        ----------
        own_id : str
        kind : {"figure", "case", "corpus"}
        """
        own = own_id.rpartition("~")[0]  # of a reference
        found = self.when([own_id, own] if own else [own_id], kind)
        if not found:
            return NotFound(_("This atlas has no %(kind)s %(own_id)s.", kind=looked_up(kind), own_id=shown(own_id)))
        at = found.get(own_id) or found[own]
        what = {"kind": looked_up(kind), "own_id": shown(own_id), "when": day(at)}
        if kind == "corpus":
            return Removed(
                _(
                    "The %(kind)s %(own_id)s was removed from this atlas on %(when)s. Adding it again brings it back, "
                    "if its source still has it.",
                    **what,
                )
            )
        return Removed(
            _(
                "The %(kind)s %(own_id)s was removed from this atlas on %(when)s. Adding its corpus again brings it back, "
                "if its source still has it.",
                **what,
            )
        )

    def going(self, figure_ids: Sequence[str] = (), corpus: str = "") -> Going:
        """What would go.

        Parameters
        ----------
        figure_ids : sequence of str
        corpus : str
            Either this or ids.

        Raises
        ------
        mirage.errors.BadInput
            When neither is named, or both.
        mirage.errors.NotFound
            When one is not there; names what is like it.
        """
        with self._database.reading() as connection:
            return _going(connection, *self._wanted(figure_ids, corpus))

    def remove(self, figure_ids: Sequence[str] = (), corpus: str = "") -> tuple[Going, list[int]]:
        """Remove figures, or a corpus, with all that no other figure needs, in one transaction.

        Parameters
        ----------
        figure_ids, corpus
            As for `going`.

        Returns
        -------
        tuple
            What has gone, and the keys of the figures.
        """
        theirs, given = self._wanted(figure_ids, corpus)
        with self._database.writing() as connection:
            # The first statement writes, so that nobody changes what the others find.
            now, ids = time.time(), sa.select(figures.c.id).where(theirs)
            told = sa.select(figures.c.id, sa.literal("figure"), figures.c.corpus, sa.literal(now)).where(theirs)
            _tell(connection, told, given)
            going = _going(connection, theirs, given)
            of_cases = list(connection.execute(_emptied(theirs, given), given).scalars())
            formers = sa.select(former_ids.c.former).where(former_ids.c.id.in_(ids))
            named = [each for each in connection.execute(formers, given).scalars() if MADE_OF_A_NAME.fullmatch(each)]
            connection.execute(sa.delete(former_ids).where(among(former_ids.c.former, "keys")), {"keys": named})
            connection.execute(sa.delete(names).where(names.c.id.in_(ids)), given)
            gone = list(connection.execute(sa.delete(figures).where(theirs).returning(figures.c.key), given).scalars())
            for table, kind, column, those in (
                (cases, "case", cases.c.id, of_cases),
                (corpora, "corpus", corpora.c.name, list(going.corpora)),
            ):
                of = table.c.corpus if kind == "case" else column
                row = sa.select(column, sa.literal(kind), of, sa.literal(now)).where(among(column, "keys"))
                _tell(connection, row, {"keys": those})
                connection.execute(sa.delete(table).where(among(column, "keys")), {"keys": those})
                connection.execute(sa.delete(names).where(among(names.c.id, "keys")), {"keys": those})
        return going, gone

    def _wanted(self, figure_ids: Sequence[str], corpus: str) -> tuple[sa.ColumnElement[bool], dict[str, Any]]:
        """The condition by which figures go, and its parameters."""
        if bool(figure_ids) == bool(corpus):
            raise BadInput(_("Say what to remove: figures by their ids, or one corpus by its name. Nothing was changed."))
        if corpus:
            titles = {row.name: row.title for row in self._database.rows(sa.select(corpora.c.name, corpora.c.title))}
            if corpus not in titles:
                raise self._unknown(corpus, "corpus", {name: name for name in titles} | {t: n for n, t in titles.items()})
            return figures.c.corpus == sa.bindparam("corpus"), {"corpus": corpus}
        asked = sa.select(former_ids.c.former, former_ids.c.id).where(among(former_ids.c.former, "keys"))
        now = {row.former: row.id for row in self._database.rows_of(figure_ids, asked)}
        there = sa.select(figures.c.id).where(among(figures.c.id, "keys"))
        held = {row.id for row in self._database.rows_of([*figure_ids, *now.values()], there)}
        ids = [own if own in held else now.get(own, "") for own in figure_ids]
        for asked_for, own in zip(figure_ids, ids, strict=True):
            if own not in held:
                every = [row.id for row in self._database.rows(sa.select(figures.c.id))]
                raise self._unknown(asked_for, "figure", {each: each for each in every})
        return among(figures.c.id, "ids"), {"ids": sorted(set(ids))}

    def _unknown(self, asked: str, kind: str, known: Mapping[str, str]) -> NotFound:
        """Why something cannot be removed, with what it may have been meant for."""
        error = self.missing(asked, kind)
        if isinstance(error, Removed):
            return error
        with self._database.reading() as connection:
            if kind == "figure" and connection.execute(sa.select(corpora.c.name).where(corpora.c.name == asked)).first():
                return NotFound(
                    _(
                        "%(error)s It is a corpus: `mirage remove corpus %(asked)s`. Nothing was changed.",
                        error=error,
                        asked=asked,
                    )
                )
            members = connection.execute(sa.select(figures.c.id).where(figures.c.case_id == asked)).scalars().all()
        if kind == "figure" and members:
            few = ", ".join(members[:_LISTED]) + (", …" if len(members) > _LISTED else "")
            return NotFound(_("%(error)s It is a case; its figures are %(few)s. Nothing was changed.", error=error, few=few))
        near = process.extract(asked, list(known), scorer=_ALIKE, processor=str.lower, limit=_MOST_NEAR, score_cutoff=_NEAR)
        if found := list(dict.fromkeys(known[name] for name, *_ in near)):
            return NotFound(_("%(error)s Did you mean %(found)s? Nothing was changed.", error=error, found=", ".join(found)))
        if kind == "corpus":
            return NotFound(
                _(
                    "%(error)s There are: %(values)s. Nothing was changed.",
                    error=error,
                    values=", ".join(dict.fromkeys(known.values())) or _("none"),
                )
            )
        return NotFound(_("%(error)s `mirage search` prints the ids of what it finds. Nothing was changed.", error=error))


def came_back(connection: sa.Connection, kind: str, ids: Collection[str]) -> None:
    """Forget that things were removed: they are there again.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    kind : {"figure", "case", "corpus"}
    ids : collection of str
    """
    for part in batched(ids, AT_ONCE):
        connection.execute(sa.delete(removed).where(removed.c.kind == kind, removed.c.id.in_(part)))


def _tell(connection: sa.Connection, those: sa.Select[Any], given: Mapping[str, Any]) -> None:
    """Write down that things were removed, given their columns in the table's order."""
    columns = [column.name for column in removed.c]
    statement = insert_for(connection, removed).from_select(columns, those)
    connection.execute(replacing(statement, removed, columns), given)


def _emptied(theirs: sa.ColumnElement[bool], given: Mapping[str, Any]) -> sa.Select[Any]:
    """The cases that have no figure but those that go."""
    touched = cases.c.id.in_(sa.select(figures.c.case_id).where(theirs))
    own = cases.c.corpus == sa.bindparam("corpus") if "corpus" in given else sa.false()
    others = sa.select(figures.c.case_id).where(sa.not_(theirs))
    return sa.select(cases.c.id).where(sa.or_(touched, own), cases.c.id.not_in(others))


def _going(connection: sa.Connection, theirs: sa.ColumnElement[bool], given: dict[str, Any]) -> Going:
    def found(statement: sa.Select[Any], **more: Any) -> list[Any]:
        return list(connection.execute(statement, {**given, **more}).all())

    stay, joined = sa.not_(theirs), figures.outerjoin(stacks)
    rows = found(sa.select(figures.c.id, figures.c.corpus, *_FILES).select_from(joined).where(theirs))
    files = {name for row in rows for name in row[2:] if name}
    kept = set[str]()
    for column in _FILES:
        shared = sa.select(column).select_from(joined).where(stay, among(column, "files"))
        kept |= {name for (name,) in found(shared, files=sorted(files))}
    of_stacks, cut = {row.id for row in rows if row.voxels}, 0
    if of_stacks:
        places = found(sa.select(figures.c.slice_of).where(stay, figures.c.slice_of != ""))
        cut = sum(place_of(written).stack in of_stacks for (written,) in places)
    touched = {row.corpus for row in rows}.union([given["corpus"]] if "corpus" in given else [])
    left = found(sa.select(figures.c.corpus).distinct().where(stay, among(figures.c.corpus, "keys")), keys=sorted(touched))
    whole = touched - {name for (name,) in left}
    emptied = found(_emptied(theirs, given))
    return Going(len(rows), len(emptied), tuple(sorted(whole)), frozenset(files - kept), len(kept), cut)
