"""All of one's own data, as one file: written, taken in again, and deleted.

It goes by the tables of `mirage.study.records`, so a table that is added there is in the file from its first day.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json

from mirage.errors import BadInput, MirageError, first_fault
from mirage.query import shown
from mirage.storage.database import Database, put_new
from mirage.study.collections import MOST_COLLECTIONS
from mirage.study.exchange import headed
from mirage.study.learning import LATEST
from mirage.study.owndata_checks import CHECKS, Row
from mirage.study.records import SCHEMA
from mirage.study.schedule import MOST_CARDS
from mirage.wording import _

FORMAT = 1
ENDING = ".mirage-data.zip"
MOST_ROWS = {"cards": MOST_CARDS, "collections": MOST_COLLECTIONS}
MOST_BYTES, MOST_WHOLE = 50_000_000, 200_000_000  # of the file, and of what is in it
MOST_VALUES = 4_000_000  # in all its tables: a megabyte of nothing but "{}," takes thirty of memory
MOST_CELL = 5_000_000  # characters
EXCLUDED: dict[str, str] = {"alembic_version": "It says of which version the tables are, which the file says itself."}
"""Tables that are no data of a person's, and why."""
PARTS: dict[str, tuple[str, ...]] = {
    "learning": ("answers", "cards", "repetitions", "choices"),
    "collections": ("collections", "items"),
    "quizzes": ("quizzes", "quiz_questions"),
    "reviews": ("reviews", "review_items", "ratings", "hidden"),
}
"""What goes together when it is deleted, by table; one that is in no part is a part of its own."""
_ABOUT = "about.json"


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a file brought.

    Attributes
    ----------
    new, renewed, there : dict of str to int
        By table: rows that were added, that replaced an older state, and that were there already.
    """

    new: dict[str, int]
    renewed: dict[str, int]
    there: dict[str, int]


class OwnData:
    """What ``study.sqlite`` holds of the person of this machine.

    Parameters
    ----------
    database : callable
        Gives the database, made where there is none if it is told so; None where there is none.
    then : callable
        Told when something was deleted or taken in.
    """

    def __init__(self, database: Callable[[bool], Database | None], then: Callable[[], None] = lambda: None) -> None:
        self._open, self._then = database, then

    def counts(self) -> dict[str, int]:
        """How many rows each table has, by its name; the empty ones too."""
        database = self._open(False)
        if database is None:
            return dict.fromkeys((table.name for table in own_tables()), 0)
        with database.reading() as connection:
            return {table.name: _count(connection, table) for table in own_tables()}

    def printed(self) -> bytes:
        """All of it as the bytes of a file: a zip with ``about.json`` and a file of JSON for each table."""
        database = self._open(False)
        told: dict[str, list[Row]] = {table.name: [] for table in own_tables()}
        if database is not None:
            with database.reading() as connection:
                for table in own_tables():
                    found = connection.execute(sa.select(table).order_by(*table.primary_key.columns))
                    told[table.name] = [_sealed(table, dict(row._mapping)) for row in found]
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            about = {
                **headed(FORMAT),
                "tables": {name: len(rows) for name, rows in told.items()},
            }
            archive.writestr(_ABOUT, json.dumps(about, indent=1))
            for name, rows in told.items():
                archive.writestr(_name(name), json.dumps(rows, ensure_ascii=False, indent=1))
        return written.getvalue()

    def take_in(self, data: bytes, name: str = "") -> TakenIn:
        """Add what a file holds to what is there; of two states of one thing the later stays.

        Parameters
        ----------
        data : bytes
        name : str
            Of the file, for messages.

        Raises
        ------
        mirage.errors.BadInput
            When it is no such file, of a later version, too large, or something in it cannot be; nothing was changed.
        """
        name = name or _("The file")
        told = _read(data, name)
        database = self._open(True)
        assert database is not None
        new, renewed, there = dict.fromkeys(told, 0), dict.fromkeys(told, 0), dict.fromkeys(told, 0)
        with database.writing(alone=True) as connection:
            for table in own_tables():
                for number, row in enumerate(told[table.name], start=1):
                    try:
                        held = _put(connection, table, row)
                    except sa.exc.IntegrityError as error:
                        what = _(
                            "%(table)s, number %(number)s, refers to what is not there",
                            table=_name(table.name),
                            number=number,
                        )
                        raise BadInput(
                            _("%(name)s cannot be taken in: %(what)s. Nothing was changed.", name=name, what=what)
                        ) from error
                    {"new": new, "renewed": renewed, "there": there}[held][table.name] += 1
        self._then()
        return TakenIn(new, renewed, there)

    def parts(self) -> dict[str, dict[str, int]]:
        """What could be deleted by itself: part to table to how many rows it has; parts without any are left out."""
        counts = self.counts()
        parted = {name: {table: counts[table] for table in tables} for name, tables in all_parts().items()}
        return {name: tables for name, tables in parted.items() if any(tables.values())}

    def delete(self, *parts: str) -> dict[str, int]:
        """Delete all of it, or some parts, for good.

        Parameters
        ----------
        *parts : str
            Of `all_parts`; all where none is given.

        Returns
        -------
        dict of str to int
            How many rows went, by table.

        Raises
        ------
        mirage.errors.BadInput
        """
        known = all_parts()
        if unknown := set(parts) - set(known):
            raise BadInput(
                _(
                    "There is no %(shown)s to delete. There are: %(known)s.",
                    shown=shown(sorted(unknown)[0]),
                    known=", ".join(known),
                )
            )
        going = [table for table in own_tables() if any(table.name in known[part] for part in parts or known)]
        database = self._open(False)
        if database is None:
            return {table.name: 0 for table in going}
        with database.writing(alone=True) as connection:
            gone = {table.name: _count(connection, table) for table in going}
            for table in reversed(going):
                connection.execute(sa.delete(table))
        database.compact()
        self._then()
        return gone


def all_parts() -> dict[str, tuple[str, ...]]:
    """Every part of one's own data, with its tables."""
    parted = {table for tables in PARTS.values() for table in tables}
    return {**PARTS, **{table.name: (table.name,) for table in own_tables() if table.name not in parted}}


def own_tables() -> list[sa.Table]:
    """The tables of a person's data, each after those that it refers to."""
    return [table for table in SCHEMA.tables.sorted_tables if table.name not in EXCLUDED]


def _sealed(table: sa.Table, row: Row) -> Row:
    """A row in which nobody reads by the way what is not to be seen yet: how a review's items were found, what is right."""
    hidden = {name: base64.b64encode(row[name].encode()).decode() for name in table.info.get("sealed", ())}
    return {**row, **hidden}


def _unsealed(table: sa.Table, row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    there = [name for name in table.info.get("sealed", ()) if isinstance(row.get(name), str)]
    return {**row, **{name: base64.b64decode(row[name], validate=True).decode() for name in there}}


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0


def _name(table: str) -> str:
    return f"{table}.json"


# -- taking in ------------------------------------------------------------------------------------------------------------


def _read(data: bytes, name: str) -> dict[str, list[Row]]:
    if len(data) > MOST_BYTES:
        raise BadInput(
            _(
                "%(name)s has %(data)s MB; %(most_bytes)s MB is the most. Nothing was changed.",
                name=name,
                data=format(len(data) / 1000000.0, ".1f"),
                most_bytes=format(MOST_BYTES / 1000000.0, ".0f"),
            )
        )
    large = _("%(name)s is larger unpacked than such a file can be. Nothing was changed.", name=name)
    no = _(
        "%(name)s is no file of one's own data. Choose one that ends in %(ENDING)s, as MIRAGE writes it. "
        "Nothing was changed.",
        name=name,
        ENDING=ENDING,
    )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(each.file_size for each in archive.infolist()) > MOST_WHOLE:
                raise BadInput(large)
            contents = _Contents(archive, large)
            about = contents.json(_ABOUT)
            if not isinstance(about, dict) or not isinstance(about.get("format"), int):
                raise BadInput(no)
            if about["format"] != FORMAT:
                raise BadInput(
                    _(
                        "%(name)s has format %(about)s; this MIRAGE reads %(format)s. Update MIRAGE. Nothing was changed.",
                        name=name,
                        about=about["format"],
                        format=FORMAT,
                    )
                )
            known = {_name(table.name): table for table in own_tables()}
            if unknown := {each.filename for each in archive.infolist()} - {_ABOUT, *known}:
                what = shown(sorted(unknown)[0])
                raise BadInput(
                    _(
                        "%(name)s holds %(what)s, which this MIRAGE does not know. Update MIRAGE. Nothing was changed.",
                        name=name,
                        what=what,
                    )
                )
            # A table that is newer than the file is not in it.
            there = set(archive.namelist())
            given = {table.name: contents.json(file) if file in there else [] for file, table in known.items()}
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadInput(no) from error
    return {table.name: _rows(table, given[table.name], name) for table in own_tables()}


class _Contents:
    """Files of a zip that are read as JSON, together no more than there may be.

    Parameters
    ----------
    archive : zipfile.ZipFile
    large : str
        What is said where there is more.
    """

    def __init__(self, archive: zipfile.ZipFile, large: str) -> None:
        self._archive, self._large = archive, large
        self._bytes, self._values = MOST_WHOLE, MOST_VALUES

    def json(self, file: str) -> Any:
        """What one of them says."""
        with self._archive.open(file) as opened:  # what the directory says of its size may be a lie
            data = opened.read(self._bytes + 1)
        self._bytes -= len(data)
        self._values -= sum(map(data.count, (b",", b"[", b"{")))
        if min(self._bytes, self._values) < 0:
            raise BadInput(self._large)
        return from_json(data, allow_inf_nan=False)


def _rows(table: sa.Table, given: Any, name: str) -> list[Row]:
    if not isinstance(given, list):
        raise BadInput(
            _("%(name)s cannot be taken in: %(name2)s is no list. Nothing was changed.", name=name, name2=_name(table.name))
        )
    if len(given) > MOST_ROWS.get(table.name, len(given)):
        raise BadInput(
            _(
                "%(name)s has %(given)s %(name2)s, more than there may be. Nothing was changed.",
                name=name,
                given=format(len(given), ","),
                name2=table.name,
            )
        )
    rows = []
    for number, row in enumerate(given, start=1):
        try:
            read = _row(table, _unsealed(table, row))
            rows.append(CHECKS[table.name](read) if table.name in CHECKS else read)
        except (MirageError, ValueError, TypeError, KeyError) as error:
            what = _("%(table)s, number %(number)s", table=_name(table.name), number=number) + f": {first_fault(error)}"
            raise BadInput(_("%(name)s cannot be taken in: %(what)s Nothing was changed.", name=name, what=what)) from error
    return rows


def _row(table: sa.Table, given: Any) -> Row:
    """A row with the right columns, each of its type."""
    if not isinstance(given, dict):
        raise BadInput(_("it is no row."))
    needed = {column.name for column in table.columns if not column.nullable and column.server_default is None}
    if unknown := given.keys() - {column.name for column in table.columns}:
        raise BadInput(_("%(shown)s is no column.", shown=shown(sorted(unknown)[0])))
    if lacking := needed - given.keys():
        raise BadInput(_("it has no %(lacking)s.", lacking=sorted(lacking)[0]))
    row: Row = {}
    for name, value in given.items():
        column = table.columns[name]
        if not (_fits(column, value) if value is not None else column.nullable):
            raise BadInput(_("its %(name)s cannot be %(value)s.", name=name, value=shown(value)))
        row[name] = float(value) if isinstance(column.type, sa.Float) and value is not None else value
    return row


def _fits(column: sa.Column[Any], value: Any) -> bool:
    kind = column.type.python_type
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LATEST
    if kind is int:
        return type(value) is int and abs(value) < 2**53
    return type(value) is kind and not (kind is str and (len(value) > MOST_CELL or "\0" in value))


def _put(connection: sa.Connection, table: sa.Table, row: Row) -> str:
    """Add a row; where one of its key is there, keep the later of both."""
    known_by = table.info.get("known_by", [column.name for column in table.primary_key.columns])
    mine = sa.and_(*(table.columns[name] == row[name] for name in known_by))
    there = connection.execute(sa.select(table).where(mine)).first()
    if there is None:
        # Another row may have its primary key where it is known by something else.
        return "new" if put_new(connection, table, row) else "there"
    later = table.info.get("later")
    if later is None or (row.get(later) or 0) <= (getattr(there, later) or 0):
        return "there"
    keys = {column.name for column in table.primary_key.columns}
    values = {name: value for name, value in row.items() if name not in keys}
    connection.execute(sa.update(table).where(mine).values(values))
    return "renewed"
