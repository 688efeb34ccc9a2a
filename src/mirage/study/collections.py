"""Collections: figures, cases, searches and comparisons that somebody keeps, in order, with notes and sections.

Every change is one transaction in which nobody else writes, and says what is to change and not what all should be; so two
pages, or a page and a command, can work on one collection.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import sqlalchemy as sa

from mirage.errors import BadInput, MirageError, NotFound
from mirage.figure import Source
from mirage.query import Query, shown
from mirage.storage.database import Database
from mirage.storage.records import reference_of
from mirage.storage.store import Store
from mirage.study.kept import MOST_ITEMS, Content, Kept, asked, cut, kind_of, note_of, title_of
from mirage.study.records import collections, items
from mirage.wording import N_, _

MOST_COLLECTIONS = 500
FIRST = "Kept"
"""What the first collection is called where nobody names one."""
_UNDO = 24 * 3600.0  # seconds for which what was deleted can be had back
_FIELDS = tuple(field.name for field in fields(Content))


class Changed(MirageError):
    """A text that somebody else, or another page, has changed meanwhile."""

    status = 409
    title = N_("It was changed meanwhile")


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """What a collection is called and how much is in it; times are seconds since 1970."""

    id: str
    title: str
    notes: str
    created: float
    changed: float
    count: int


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection with what is in it, in order."""

    id: str
    title: str
    notes: str
    created: float
    changed: float
    items: tuple[Kept, ...]


class Collections:
    """The collections beside one atlas.

    Parameters
    ----------
    database : callable
        Gives the database, made where there is none if it is told so; None where there is none.
    store : mirage.storage.store.Store
        The atlas's records.

    Examples
    --------
    >>> with Atlas.open() as atlas:  # doctest: +SKIP
    ...     mine = atlas.study.collections.make("Chest, week 3")
    ...     atlas.study.collections.add(mine.id, "figure", atlas.search("pneumothorax").hits[0].figure.id)
    """

    def __init__(self, database: Callable[[bool], Database | None], store: Store) -> None:
        self._open, self._store = database, store

    def _made(self) -> Database:
        database = self._open(True)
        assert database is not None
        return database

    # -- reading --------------------------------------------------------------------------------------------------------

    def list(self) -> list[CollectionInfo]:
        """All collections, the one changed last first."""
        database = self._open(False)
        if database is None:
            return []
        mine = items.c.collection == collections.c.id
        number = sa.select(sa.func.count()).where(mine & items.c.deleted.is_(None) & (items.c.kind != "section"))
        columns = (collections.c[name] for name in ("id", "title", "notes", "created", "changed"))
        asked_for = sa.select(*columns, number.scalar_subquery()).where(collections.c.deleted.is_(None))
        return [CollectionInfo(*row) for row in database.rows(asked_for.order_by(collections.c.changed.desc()))]

    def get(self, collection_id: str) -> Collection:
        """One collection; what the atlas has no more is marked as removed, what a source has withdrawn as withdrawn.

        Raises
        ------
        mirage.errors.NotFound
        """
        database = self._open(False)
        if database is None:
            raise _gone(collection_id)
        with database.reading() as connection:
            row = _row(connection, collection_id)
            found = connection.execute(_in_order(collection_id)).all()
        kept = tuple(self._checked(_kept(each)) for each in found)
        return Collection(row.id, row.title, row.notes, row.created, row.changed, kept)

    def item(self, collection_id: str, item_id: str) -> Kept:
        """Something of a collection, one that was just removed included; `mirage.errors.NotFound` where it is not there."""
        database = self._open(False)
        if database is None:
            raise _gone(collection_id)
        with database.reading() as connection:
            return _kept(_item(connection, collection_id, item_id, deleted=None))

    def _checked(self, kept: Kept) -> Kept:
        if kept.kind not in ("figure", "case"):
            return kept
        with suppress(NotFound):
            if kept.kind == "figure":
                shown = [self._store.row(kept.target)]
            else:
                shown = self._store.figures_of(self._store.case(kept.target).id)
            return replace(kept, withdrawn=bool(shown) and all(row.figure.withdrawn for row in shown))
        return replace(kept, removed=True)

    # -- collections ----------------------------------------------------------------------------------------------------

    def make(self, title: str, notes: str = "") -> Collection:
        """Make an empty collection.

        Parameters
        ----------
        title : str
            200 characters at most.
        notes : str

        Raises
        ------
        mirage.errors.BadInput
        """
        return self.get(self._make(title_of(title), note_of(notes), time.time(), ()))

    def _make(self, title: str, notes: str, created: float, contents: Sequence[Content]) -> str:
        own, now = _new_id(), time.time()
        with self._made().writing(alone=True) as connection:
            there = connection.execute(sa.select(sa.func.count()).where(collections.c.deleted.is_(None))).scalar() or 0
            if there >= MOST_COLLECTIONS:
                raise BadInput(_("There are %(there)s collections, the most there may be. Delete one first.", there=there))
            values = {"id": own, "title": title, "notes": notes, "created": created, "changed": now}
            connection.execute(sa.insert(collections).values(values))
            rows = [
                {**asdict(content), "id": _new_id(), "collection": own, "place": place}
                for place, content in enumerate(contents)
            ]
            if rows:
                connection.execute(sa.insert(items), rows)
        return own

    def taken_in(self, title: str, notes: str, created: float, contents: Sequence[Content]) -> Collection:
        """Make a collection of contents that were checked, as a file has them.

        Parameters
        ----------
        title, notes : str
        created : float
        contents : sequence of Content
        """
        return self.get(self._make(title, notes, created, contents))

    def edit(
        self, collection_id: str, *, title: str | None = None, notes: str | None = None, was: str | None = None
    ) -> None:
        """Give a collection another title or other notes.

        Parameters
        ----------
        collection_id : str
        title, notes : str, optional
            Left as it is when left out.
        was : str, optional
            What the text was when the person began to write; when it is another one now, nothing is changed.

        Raises
        ------
        mirage.errors.BadInput, mirage.errors.NotFound, Changed
        """
        texts = _texts(title=None if title is None else title_of(title), notes=None if notes is None else note_of(notes))
        with self._made().writing(alone=True) as connection:
            _check_was(_row(connection, collection_id), texts, was)
            _touch(connection, collection_id, **texts)

    def delete(self, collection_id: str) -> None:
        """Delete a collection; `restore` gives it back for a day."""
        with self._made().writing(alone=True) as connection:
            _row(connection, collection_id)
            _touch(connection, collection_id, deleted=time.time())
            for table in (items, collections):
                connection.execute(sa.delete(table).where(table.c.deleted < time.time() - _UNDO))

    def restore(self, collection_id: str) -> Collection:
        """Give back a collection that was deleted within the last day.

        Raises
        ------
        mirage.errors.NotFound
        """
        with self._made().writing(alone=True) as connection:
            _row(connection, collection_id, deleted=True)
            _touch(connection, collection_id, deleted=None)
        return self.get(collection_id)

    # -- what is in them ------------------------------------------------------------------------------------------------

    def content(self, kind: str, target: str, title: str = "", note: str = "") -> Content:
        """What would be kept: checked, and called what the atlas calls it where no title is given.

        Parameters
        ----------
        kind : str
            Of `mirage.study.kept.KINDS`.
        target : str
            Id of a figure or case; a query string, or an address of this site, of a search or comparison.
        title, note : str

        Raises
        ------
        mirage.errors.MirageError
            When there is no such thing, or it cannot be kept.
        """
        of, told, note = kind_of(kind), title_of(title) if title.strip() else "", note_of(note)
        common: dict[str, Any] = {"note": note, "added": time.time()}
        if of == "section":
            return Content(kind=of, title=title_of(title, N_("section")), **common)
        if of == "figure":
            row = self._store.row(target)
            named = told or cut(row.figure.title or row.figure.alt)
            return Content(kind=of, target=reference_of(row), title=named, **_source(row.figure.source), **common)
        if of == "case":
            case = self._store.case(target)
            return Content(
                kind=of, target=case.id, title=told or cut(case.title or case.id), **_source(case.source), **common
            )
        found = asked(of, target)
        words = _words(found) if isinstance(found, Query) else f"{_words(found.a)} or {_words(found.b)}"
        return Content(kind=of, target=found.print(), title=told or cut(words), **common)

    def add(self, collection_id: str, kind: str, target: str = "", *, title: str = "", note: str = "") -> tuple[Kept, bool]:
        """Keep something at the end of a collection; what is in it already is not kept twice.

        Parameters
        ----------
        collection_id : str
            Empty for the one changed last; where there is none, one is made.
        kind, target, title, note : str
            As for `content`.

        Returns
        -------
        Kept, bool
            What is kept, and whether it is new there.

        Raises
        ------
        mirage.errors.MirageError
        """
        content = self.content(kind, target, title, note)
        if not collection_id:
            there = self.list()
            collection_id = there[0].id if there else self.make(FIRST).id
        with self._made().writing(alone=True) as connection:
            _row(connection, collection_id)
            there_are = connection.execute(_in_order(collection_id)).all()
            for row in there_are:
                if content.kind != "section" and (row.kind, _same(row)) == (content.kind, _same(content)):
                    return _kept(row), False
            _check_room(len(there_are))
            own, place = _new_id(), max((row.place for row in there_are), default=-1) + 1
            values = {**asdict(content), "id": own, "collection": collection_id, "place": place}
            connection.execute(sa.insert(items).values(values))
            _touch(connection, collection_id)
        return Kept(id=own, **asdict(content)), True

    def edit_item(
        self, collection_id: str, item_id: str, *, title: str | None = None, note: str | None = None, was: str | None = None
    ) -> None:
        """Give something another title or note; as `edit`."""
        texts = _texts(
            title=None if title is None else title_of(title, N_("title")), note=None if note is None else note_of(note)
        )
        with self._made().writing(alone=True) as connection:
            _check_was(_item(connection, collection_id, item_id), texts, was)
            _set(connection, item_id, **texts)
            _touch(connection, collection_id)

    def move(self, collection_id: str, item_id: str, *, by: int = 0, before: str | None = None, to: str = "") -> None:
        """Move something within its collection, or to the end of another one.

        Parameters
        ----------
        collection_id, item_id : str
        by : int
            How many places further down; negative for up. It stops at the ends.
        before : str, optional
            Id of what it shall stand before; empty for the end.
        to : str
            Id of the other collection.

        Raises
        ------
        mirage.errors.NotFound
            When one of them is not there any more.
        """
        with self._made().writing(alone=True) as connection:
            _row(connection, collection_id)
            _item(connection, collection_id, item_id)
            if to and to != collection_id:
                _row(connection, to)
                there = connection.execute(_in_order(to)).all()
                _check_room(len(there))
                place = max((row.place for row in there), default=-1) + 1
                _set(connection, item_id, collection=to, place=place)
                _touch(connection, to)
            else:
                order = [row.id for row in connection.execute(_in_order(collection_id))]
                at = order.index(item_id)
                order.remove(item_id)
                if before:
                    _item(connection, collection_id, before)
                    at = order.index(before) if before != item_id else at
                else:
                    at = len(order) if before is not None else min(max(at + by, 0), len(order))
                order.insert(at, item_id)
                changed = sa.update(items).where(items.c.id == sa.bindparam("own")).values(place=sa.bindparam("now"))
                connection.execute(changed, [{"own": own, "now": place} for place, own in enumerate(order)])
            _touch(connection, collection_id)

    def remove(self, collection_id: str, item_id: str) -> None:
        """Take something out; `restore_item` puts it back where it was, for a day."""
        with self._made().writing(alone=True) as connection:
            _row(connection, collection_id)
            _item(connection, collection_id, item_id)
            _set(connection, item_id, deleted=time.time())
            _touch(connection, collection_id)

    def restore_item(self, collection_id: str, item_id: str) -> None:
        """Put something back that was taken out within the last day; `mirage.errors.NotFound` where it cannot be."""
        with self._made().writing(alone=True) as connection:
            _row(connection, collection_id)
            _item(connection, collection_id, item_id, deleted=True)
            _check_room(len(connection.execute(_in_order(collection_id)).all()))
            _set(connection, item_id, deleted=None)
            _touch(connection, collection_id)


def _new_id() -> str:
    return secrets.token_hex(8)


def _gone(collection_id: str) -> NotFound:
    return NotFound(
        _("There is no collection %(collection_id)s; it may have been deleted.", collection_id=shown(collection_id))
    )


def _in_order(collection_id: str) -> sa.Select[Any]:
    mine = (items.c.collection == collection_id) & items.c.deleted.is_(None)
    return sa.select(items).where(mine).order_by(items.c.place, items.c.added, items.c.id)


def _row(connection: sa.Connection, collection_id: str, *, deleted: bool = False) -> Any:
    state = collections.c.deleted.is_not(None) if deleted else collections.c.deleted.is_(None)
    row = connection.execute(sa.select(collections).where((collections.c.id == collection_id) & state)).first()
    if row is None:
        raise _gone(collection_id)
    return row


def _item(connection: sa.Connection, collection_id: str, item_id: str, *, deleted: bool | None = False) -> Any:
    mine = (items.c.id == item_id) & (items.c.collection == collection_id)
    if deleted is not None:
        mine &= items.c.deleted.is_not(None) if deleted else items.c.deleted.is_(None)
    row = connection.execute(sa.select(items).where(mine)).first()
    if row is None:
        raise NotFound(_("That is not in the collection any more: it was moved or removed meanwhile. Load its page again."))
    return row


def _kept(row: Any) -> Kept:
    return Kept(id=row.id, **{name: getattr(row, name) for name in _FIELDS})


def _same(what: Any) -> str:
    """What tells two things of a kind apart: of figures the id, whatever their pictures."""
    return str(what.target).rpartition("~")[0] or str(what.target)


def _set(connection: sa.Connection, item_id: str, **values: Any) -> None:
    connection.execute(sa.update(items).where(items.c.id == item_id).values(values))


def _touch(connection: sa.Connection, collection_id: str, **values: Any) -> None:
    changed = {"changed": time.time(), **values}
    connection.execute(sa.update(collections).where(collections.c.id == collection_id).values(changed))


def _texts(**given: str | None) -> dict[str, str]:
    return {name: text for name, text in given.items() if text is not None}


def _check_was(row: Any, texts: dict[str, str], was: str | None) -> None:
    for name in texts if was is not None else ():
        now = str(getattr(row, name))
        if now not in (note_of(was or ""), texts[name]):
            raise Changed(
                _(
                    "It was changed meanwhile, in another page or by a command, and is now: %(now)s. Nothing was changed.",
                    now=shown(now, 300),
                )
            )


def _check_room(number: int) -> None:
    if number >= MOST_ITEMS:
        raise BadInput(
            _(
                "The collection holds %(number)s things, the most that one may. Begin another one.",
                number=format(number, ","),
            )
        )


def _source(source: Source) -> dict[str, Any]:
    terms = {"licence": source.licence.name, "licence_url": source.licence.url}
    return {"attribution": source.attribution, "url": source.url, **terms}


def _words(query: Query) -> str:
    """What a search is called: its words, and its filters where it has some."""
    words = [query.text or next((_("like %(figure)s", figure=term.figure) for term in query.terms if term.figure), "")]
    words += [_("less %(words)s", words=term.text) for term in query.terms if term.text and term.weight < 0]
    return ", ".join(filter(None, [*words, *(value for values in query.filters.values() for value in values)]))
