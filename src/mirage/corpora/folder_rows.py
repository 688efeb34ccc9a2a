"""The tables of words of a folder: which are read, and which file each of their rows names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from mirage.corpora.base import Refused
from mirage.corpora.folder_match import FileNames, ambiguous, is_written_alike
from mirage.corpora.folder_table import (
    NAMES,
    NO_FILE,
    TABLES,
    TEXTS,
    RefusedRow,
    TableRow,
    find_table,
    mentions_files,
    read_table,
    tables_below,
    why_no_table,
)
from mirage.corpora.folder_walk import is_plain_file, no_file
from mirage.corpora.inside import Inside
from mirage.corpora.preview import TableRead
from mirage.errors import BadInput
from mirage.locales import number
from mirage.wording import _, ngettext


class Worded(NamedTuple):
    """A file, or a folder of slices, with its row, and what the table is called."""

    place: Path
    row: TableRow
    table: str


class FolderTables:
    """The tables of one folder.

    Parameters
    ----------
    folder : Path
    words : Path or str or None
        The only one that is read; those that lie in the folder when left out.
    columns : mapping
        Columns that they call otherwise.
    stacks : bool
        Whether a row may name a folder, for the stack in it.

    Attributes
    ----------
    own : Path or None
        The table that was named, or that of the folder itself.
    read : list of TableRead
        What is known of each, when `worded` has come to its end.
    listed : set of Path
        What is in a row, also where that was refused.
    unread : int
        Rows and tables that cannot be read.
    inside : Inside
        The files of the folder.

    Raises
    ------
    mirage.errors.BadInput
        When the table that was named is not there.
    """

    def __init__(self, folder: Path, words: Path | str | None, columns: Mapping[str, str], *, stacks: bool) -> None:
        self._folder, self._given, self._columns, self._stacks = folder, words is not None, columns, stacks
        self._names = FileNames(self._files)
        self._prefix, self.inside = str(folder / "_")[:-1], Inside(folder)
        self._names_of_folders: dict[Path, str] = {}
        self.own = Path(words).expanduser() if words is not None else find_table(folder, self._there(folder))
        if self.own is not None and not self.own.is_file():
            raise BadInput(_("%(own)s is not there. Give the CSV, Excel or JSON file with the words.", own=self.own))
        self.read: list[TableRead] = []
        self.listed: set[Path] = set()
        self.unread = 0
        self._nearly: Counter[str] = Counter()  # names of each table that fit only nearly

    @property
    def all(self) -> tuple[Path, ...]:
        """The tables that are read."""
        return (*([self.own] if self.own else []), *self._below)

    def worded(self) -> Iterator[Worded | Refused]:
        """Read all tables: each row with the file that it names, each file once."""
        self.read, self.listed, self.unread, self._nearly = [], set(), 0, Counter()
        self.inside = Inside(self._folder)
        rows: list[Worded] = []
        firsts: dict[str | Path, tuple[str, int]] = {}  # the table and line in which an id or a file was taken
        for base, table, row in self._rows():
            if isinstance(row, Refused):
                yield self._refused(base, row, table)
                self.unread += row.reason != _(NO_FILE)
                continue
            place = self._place(base, row, table)
            if isinstance(place, Refused):
                yield place
                continue
            own = row.words.get("id", "")
            known, here = own or place, (table, row.line)
            if known in firsts or (not own and place in self.listed):
                where = _twice(firsts.get(known), here)
                told = _("The id “%(id)s” is %(where)s", id=own, where=where) if own else _("It is %(where)s", where=where)
                yield Refused(row.words["file"], told)
                continue
            self.listed.add(place)
            firsts.setdefault(place, here)
            firsts[known] = here
            rows.append(Worded(place, row, table))
        self._count_matched(rows)
        yield from rows

    def _refused(self, base: Path, row: Refused, table: str) -> Refused:
        """A row that cannot be used, whose picture does not go in without its words."""
        label = f"{self.label(base)}/{row.label}" if base != self._folder else row.label
        if not isinstance(row, RefusedRow) or not row.file:
            return Refused(label, row.reason)
        place = self._place(base, TableRow(0, {"file": row.file}), table)
        if not isinstance(place, Path) or place in self.listed:
            return Refused(label, row.reason)
        self.listed.add(place)
        more = _("Until then its picture, %(picture)s, stays out, too.", picture=self.label(place))
        return Refused(label, f"{row.reason} {more}")

    def why_not_read(self, path: Path) -> str:
        """Why a table that lies here was not read; empty for a text that is none."""
        if path.suffix.lower() in TEXTS and not mentions_files(path, self._there(path.parent), self._folder):
            return ""
        if self._given:
            return _("It is not the table of words that was named.")
        read = next((table for table in self.all if table.parent == path.parent), None)
        if read is not None:
            return _(
                "The table of words here is %(read)s; this one was not read. To take it instead, call it %(name)s (in the "
                "command: name it, --words).",
                read=read.name,
                name=NAMES[0],
            )
        if why := why_no_table(path, self._there(path.parent), self._folder):
            return _("It is not read as a table of words. %(why)s", why=why)
        return _(
            "It is not read as a table of words, because several tables here name files. Call the one with the words "
            "%(name)s (or, in the command, name it: --words).",
            name=NAMES[0],
        )

    def label(self, path: Path) -> str:
        """A path in the folder, as people read it."""
        told = os.fspath(path)
        if not told.startswith(self._prefix):
            return path.relative_to(self._folder).as_posix()
        return told[len(self._prefix) :].replace(os.sep, "/")

    def _rows(self) -> Iterator[tuple[Path, str, TableRow | Refused]]:
        """The rows of the table and of those in folders within, each with its folder and what the table is called."""
        if self.own:
            name = self.label(self.own) if self.inside(self.own) else self.own.name
            yield from ((self._folder, name, row) for row in self._read_one(self.own, name))
        for table in self._below:
            base, own_folder, name = table.parent, self.label(table.parent), self.label(table)
            try:
                for row in self._read_one(table, name):
                    # Two tables may call different things by one name.
                    own = (
                        {key: f"{own_folder}/{row.words[key]}" for key in ("id", "case") if key in row.words}
                        if isinstance(row, TableRow)
                        else {}
                    )
                    yield base, name, replace(row, words=row.words | own) if isinstance(row, TableRow) else row
            except BadInput as error:
                self.unread += 1
                yield self._folder, name, Refused(name, _("It was not read as a table of words. %(error)s", error=error))

    def _read_one(self, table: Path, name: str) -> Iterator[TableRow | Refused]:
        root = None if self._given and table == self.own else self._folder
        read = read_table(table, self._columns, name=name, there=self._there(table.parent), root=root)
        rows = list(read)
        columns = tuple((theirs, ours) for ours, theirs in read.columns.items())
        notes = read.notes if rows else (*read.notes, _("No row stands below its header, so it gives no picture words."))
        self.read.append(TableRead(name, len(rows), 0, columns, read.ignored, notes))
        yield from rows

    def _count_matched(self, rows: Sequence[Worded]) -> None:
        matched = Counter(each.table for each in rows)
        for place, table in enumerate(self.read):
            nearly = self._nearly[table.label]
            told = ngettext(
                "%(count)s row names a file of other folders, known here by the last part of the name: look.",
                "%(count)s rows name files of other folders, known here by the last part of the name: look.",
                nearly,
                count=number(nearly),
            )
            self.read[place] = replace(
                table, matched=matched[table.label], notes=(*table.notes, *([told] if nearly else []))
            )

    def _place(self, base: Path, row: TableRow, table: str) -> Path | Refused:
        """The file that a row names, inside the folder."""
        name, line = row.words["file"], row.line
        path = Path(os.path.normpath(base / name.replace("\\", "/")))
        first, _other, rest = name.replace("\\", "/").partition("/")
        if first == self._called(base) and not os.path.lexists(base / first):
            path = Path(os.path.normpath(base / rest))  # the table names its own folder, as one beside the folder would
        if is_plain_file(path) and self.inside(path):
            return path  # as most do
        if not os.path.lexists(path) or not path.is_relative_to(self._folder):
            own = "" if base == self._folder or not self.inside(base) else self.label(base)
            nearly = self._names.find(name, own)
            if len(nearly) > 1:
                told = _(
                    "It may be one of several files (line %(line)s of the table): %(files)s. Write the whole name.",
                    line=line,
                    files=ambiguous(nearly),
                )
                return Refused(name, told)
            if nearly:
                path = self._folder / nearly[0]
                self._nearly[table] += not is_written_alike(name, path.relative_to(base).as_posix() if own else nearly[0])
            elif Path(name).is_absolute() or not path.is_relative_to(self._folder):
                return Refused(name, _outside(line))
            else:
                told = (
                    _("Line %(line)s of the table names it, and it is not in the folder.", line=line)
                    if base == self._folder
                    else _(
                        "Line %(line)s of the table names it, and it is not in the folder “%(folder)s”.",
                        line=line,
                        folder=self.label(base),
                    )
                )
                return Refused(name, told)
        why = no_file(path)
        if not self.inside(path):
            why = _outside(line)
        elif path.is_dir() and not self._stacks:
            why = _("Line %(line)s of the table names a folder, and nothing is to become a stack.", line=line)
        if why:
            return Refused(name, why)
        return path

    def _called(self, base: Path) -> str:
        """What a folder is called, links followed."""
        if base not in self._names_of_folders:
            self._names_of_folders[base] = base.resolve().name
        return self._names_of_folders[base]

    @cached_property
    def _below(self) -> list[Path]:
        """The tables of folders within."""
        return [] if self._given else [table for table in tables_below(self._folder, self._there) if self.inside(table)]

    def _there(self, base: Path) -> Callable[[str], bool]:
        """Whether a file of a folder is meant by a name."""
        own = "" if base == self._folder or not self.inside(base) else self.label(base)
        return lambda name: bool(name) and len(self._names.find(name, own)) == 1

    def _files(self) -> Iterator[str]:
        """The files of the folder that are not hidden, for tables that write their names otherwise."""
        for top, folders, files in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = Path(top).relative_to(self._folder).as_posix()
            names = (name for name in files if not name.startswith(".") and not name.lower().endswith(TABLES))
            yield from (name if inside == "." else f"{inside}/{name}" for name in names)


def _outside(line: int) -> str:
    return _("It lies outside the folder (line %(line)s of the table). Move it in.", line=line)


def _twice(first: tuple[str, int] | None, here: tuple[str, int]) -> str:
    """Where something stands that was taken before, and where it was taken; of a row that was refused nobody knows that."""
    if first is None:
        return _("in the table twice (here in line %(line)s); the first row counts.", line=here[1])
    if first[0] == here[0]:
        return _(
            "in the table twice, in lines %(first)s and %(line)s; line %(first)s was taken.", first=first[1], line=here[1]
        )
    return _(
        "in two tables, line %(first)s of %(table)s and line %(line)s of %(other)s; %(table)s was taken.",
        first=first[1],
        table=first[0],
        line=here[1],
        other=here[0],
    )
