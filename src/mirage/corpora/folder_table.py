"""The table of words beside a folder of pictures: which file it is, and its rows, from CSV, JSON or a workbook."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from mirage.corpora.base import Refused
from mirage.corpora.folder_columns import (
    COLUMNS,
    header_of,
    is_header,
    is_picture_name,
    lacks_names,
    places_of,
    synonyms_in,
    withheld,
)
from mirage.corpora.inside import Inside, is_inside
from mirage.corpora.table_json import is_json, joined, of_json
from mirage.corpora.table_text import Row, Unread, bare, decoded, delimited
from mirage.corpora.table_workbook import is_workbook, read_workbook
from mirage.errors import BadInput
from mirage.figure import clean_text
from mirage.locales import counted, number
from mirage.wording import N_, _

CELL_MOST = 100_000
_FILE_MOST = 512 * 2**20
_COLUMNS_MOST = 1_000  # of objects, each of which may have names of its own
_LOOKED_AT = 2 * 2**20  # of a table of another name, to see whether it names files
_TABLES_MOST = 30  # in one folder, that are opened to see whether they name files
_FIRST = 80  # rows, in which the header is looked for
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
TEXTS = (".txt", ".text", ".dat")
"""Endings of tables, too, where what is in them says so."""
_STEMS = ("figures", "metadata", "labels", "captions")
NAMES = ("figures.csv", "figures.jsonl", "metadata.csv", "metadata.jsonl", "labels.csv", "captions.csv")
"""Those that are mentioned; with the other endings of `TABLES` they are found as well."""
_SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_EMPTY = {"nan", "<na>", "#n/a", "n/a", "n.a.", "null", "none", "-", "–", "—", "--", "#ref!", "#value!", "#name?", "#div/0!"}
"""What programs and people write where nothing is."""

There = Callable[[str], bool]
"""Whether a file that a table names is there."""
NO_FILE = N_("It names no file.")
"""Why a row is refused that cannot be of any."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of the table.

    Attributes
    ----------
    line : int
        Its number in the file, from 1.
    words : dict
        Cleaned text by the names of `COLUMNS`; what is empty is left out.
    """

    line: int
    words: dict[str, str] = field(default_factory=dict)


def tables_in(folder: Path, root: Path) -> list[Path]:
    """What may be tables in a folder below a root, or that itself, those that are looked for by name first."""
    try:
        # Not the entry's own `is_file`, which fails at a link in a circle.
        names = [
            each.name
            for each in folder.iterdir()
            if each.name.lower().endswith((*TABLES, *TEXTS)) and each.is_file() and is_inside(each, root)
        ]
    except OSError:
        return []
    order = [stem + ending for stem in _STEMS for ending in TABLES]
    order = [*NAMES, *(name for name in order if name not in NAMES)]
    known = {name: place for place, name in enumerate(order)}
    names = sorted(names, key=lambda name: (name.lower().endswith(TEXTS), known.get(name.lower(), len(known)), name))
    return [folder / name for name in names if not name.startswith((".", "~$"))]


def is_known_name(path: Path) -> bool:
    """Whether a table is one of those that are looked for by name."""
    return path.stem.lower() in _STEMS and path.suffix.lower() in TABLES


def find_table(folder: Path, there: There | None = None, root: Path | None = None) -> Path | None:
    """The table of a folder: by the names that are looked for, else the only one that has a column for files; or None."""
    root = root or folder
    tables = tables_in(folder, root)
    if tables and is_known_name(tables[0]):
        return tables[0]
    for endings in (TABLES, TEXTS):
        of_these = [path for path in tables if path.name.lower().endswith(endings)]
        if own := [path for path in of_these[:_TABLES_MOST] if names_files(path, there, root)]:
            return own[0] if len(own) == 1 else None
    return None


def names_files(path: Path, there: There | None, root: Path) -> bool:
    """Whether a table below a root, of some other name, has a column for the files' names."""
    return not why_no_table(path, there, root)


def mentions_files(path: Path, there: There, root: Path) -> bool:
    """Whether a text below a root holds names of files that are there, each in a cell of its own, in its first rows."""
    try:
        sheets, _other = _sheets(path, path.name, _LOOKED_AT, root)
    except BadInput:
        return False
    rows = (cells for each in sheets for _, cells in islice(each.rows, _FIRST) if not isinstance(cells, Unread))
    return any(is_picture_name(cell) and there(bare(cell)) for cells in rows for cell in cells[:20])


def why_no_table(path: Path, there: There | None, root: Path) -> str:
    """Why a file below a root is no table of words, from its beginning; empty where it has a column for the files' names."""
    try:
        sheets, _other = _sheets(path, path.name, _LOOKED_AT, root)
        firsts = [list(islice(each.rows, _FIRST)) for each in sheets]
        if any(header_of(rows, {}, there)[0] >= 0 for rows in firsts):
            return ""
        return str(lacks_names(path.name, next((first for first in firsts if first), [])))
    except BadInput as error:
        return str(error)


def tables_below(folder: Path, there: Callable[[Path], There] | None = None) -> Iterator[Path]:
    """The tables of the folders in a folder, by name."""
    for top, folders, _other in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        own = Path(top)
        if own != folder and (table := find_table(own, there(own) if there else None, folder)):
            yield table


@dataclass(frozen=True, slots=True)
class Table:
    """A table's rows, which can be gone through once; one that cannot be used is a `Refused`.

    Attributes
    ----------
    columns : dict
        Names of `COLUMNS` to what the table calls them.
    ignored : tuple of str
        Its columns that are not read.
    rows : iterator of TableRow or RefusedRow
    notes : tuple of str
        What a person should know of how it was read.
    """

    columns: dict[str, str]
    ignored: tuple[str, ...]
    rows: Iterator[TableRow | RefusedRow]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[TableRow | RefusedRow]:
        return self.rows


def read_table(
    path: Path,
    columns: Mapping[str, str] | None = None,
    *,
    name: str = "",
    there: There | None = None,
    root: Path | None = None,
) -> Table:
    """Read the rows of a CSV, JSON, JSON Lines or workbook file; what it is is told by its content.

    Parameters
    ----------
    path : Path
    columns : mapping, optional
        Name of a column of the file for names of `COLUMNS`, where it has another: ``{"caption": "legend"}``.
    name : str
        What to call it in messages; its path when left out.
    there : callable, optional
        Whether a file is there that a table names: then a column is taken for the files' names whose cells are such.
    root : Path, optional
        The folder outside which nothing is read.

    Raises
    ------
    mirage.errors.BadInput
        When the file cannot be read, is in another encoding, or has no column for the files' names.
    """
    given = dict(columns or {})
    if unknown := [each for each in given if each not in COLUMNS]:
        raise BadInput(
            _("There is no column “%(unknown)s”. Columns are: %(COLUMNS)s.", unknown=unknown[0], COLUMNS=", ".join(COLUMNS))
        )
    name = name or str(path)
    sheets, notes = _sheets(path, name, root=root)
    firsts = [list(islice(each.rows, _FIRST)) for each in sheets]
    headers = [header_of(first, given, there) for first in firsts]
    # Of several sheets the first whose header is named; else the first whose cells name files.
    found = [number for number, (place, _) in enumerate(headers) if place >= 0]
    chosen = min(found, key=lambda number: headers[number][1] is not None, default=None)
    if chosen is None:
        first = max(firsts, key=lambda rows: max((len(cells) for _, cells in rows[:5]), default=0), default=[])
        places_of(name, next((cells for _, cells in first if not isinstance(cells, Unread)), []), given)
        raise lacks_names(name, first)
    sheet, first, (place, named) = sheets[chosen], firsts[chosen], headers[chosen]
    cells = first[place][1]
    assert not isinstance(cells, Unread)
    header = [clean_text(cell) for cell in cells]
    if len(sheets) > 1:
        others = ", ".join(f"“{each.name}”" for each in sheets if each is not sheet)
        notes.append(_("Its sheet “%(sheet)s” was read; not read: %(others)s.", sheet=sheet.name, others=others))
    if above := [clean_text(" ".join(filter(None, row))) for _, row in first[:place] if not isinstance(row, Unread)]:
        notes.append(
            _("What stands above its header was not read: “%(text)s” and more.", text=above[0][:80])
            if above[1:]
            else _("What stands above its header was not read: “%(text)s”.", text=above[0][:80])
        )
    if named is not None:
        given = {"file": header[named]} | given
        notes.append(
            _(
                "Its column “%(column)s” is taken for the files’ names, because files of these names are here.",
                column=header[named],
            )
        )
    places = places_of(name, header, given)
    if "file" not in places:
        raise lacks_names(name, first[place:])
    ignored = tuple(each for number, each in enumerate(header) if each and number not in places.values())
    if told := withheld(ignored):
        notes.append(told)
    rows = chain(first[place + 1 :], sheet.rows)
    read = (_row(path, line, row, header, places, sheet.delimiter) for line, row in rows)
    return Table({each: header[column] for each, column in places.items()}, ignored, read, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    rows: Iterator[Row]
    delimiter: str = ""


def _sheets(path: Path, name: str, most: int = 0, root: Path | None = None) -> tuple[list[_Sheet], list[str]]:
    """The sheets of a file, and what a person should know of how it was read; of a text only the first bytes, if asked."""
    try:
        with path.open("rb") if root is None else Inside(root).open(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            head = file.read(512)
            workbook = read_workbook(file, name) if is_workbook(head) else None
            if workbook is None and not most and size > _FILE_MOST:
                raise BadInput(
                    _("%(name)s has more than %(FILE_MOST)s MB. Split it.", name=name, FILE_MOST=_FILE_MOST // 2**20)
                )
            data = head + file.read(most or _FILE_MOST) if workbook is None else b""
    except OSError as error:
        raise BadInput(
            _("%(name)s cannot be read: %(strerror)s. Check the path.", name=name, strerror=error.strerror or error)
        ) from error
    if not size:
        raise BadInput(_("%(name)s is empty (0 bytes). Save it again, or take it away.", name=name))
    if workbook is not None:
        found = [_Sheet(each.name, iter(each.rows)) for each in workbook]
        odd = not path.name.lower().endswith(_SPREADSHEETS)
        return found, [_("It is a workbook that calls itself something else, and was read as one.")] if odd else []
    if most and size > most:
        data = data[: data.rfind(b"\n") + 1 or most]
    text, note = decoded(data, name)
    notes = [note] if note else []
    if path.name.lower().endswith(_SPREADSHEETS):
        if text.lstrip()[:200].lower().startswith(("<html", "<!doctype", "<?xml", "<table")):
            raise BadInput(
                _(
                    "%(name)s is a web page or XML that calls itself a workbook. Open it in a "
                    "spreadsheet and save it as CSV.",
                    name=name,
                )
            )
        notes.append(_("It is text that calls itself a workbook, and was read as CSV."))
    if is_json(text):
        return [_Sheet("", _of_objects(text, name))], notes
    rows, delimiter = delimited(text, is_header)
    return [_Sheet("", rows, delimiter)], notes


def _of_objects(text: str, name: str) -> Iterator[Row]:
    """Rows of JSON, with a header above them that has all their names."""
    records = list(of_json(text, name, is_header))
    header = list(dict.fromkeys(key for _, cells in records if isinstance(cells, dict) for key in cells))
    if len(header) > _COLUMNS_MOST:
        raise BadInput(
            _(
                "The objects in %(name)s have %(header)s different names, where a table has "
                "%(COLUMNS_MOST)s columns at most. Give all of them the same names.",
                name=name,
                header=number(len(header)),
                COLUMNS_MOST=number(_COLUMNS_MOST),
            )
        )
    yield 0, header
    places, several = {key: place for place, key in enumerate(header)}, synonyms_in(header)
    for line, cells in records:
        if isinstance(cells, Unread):
            yield line, cells
            continue
        own = [""] * len(header)
        for key, cell in cells.items():
            own[places[key]] = cell
        for first, *others in several:  # what some objects call otherwise is the same column
            own[first] = own[first] or next(filter(None, (own[each] for each in others)), "")
        yield line, own


@dataclass(frozen=True, slots=True)
class RefusedRow(Refused):
    """A row that cannot be used, and the file that it seems to name: that does not go in without its words."""

    file: str = ""


def _row(
    path: Path, line: int, given: Sequence[str] | Unread, header: Sequence[str], places: Mapping[str, int], delimiter: str
) -> TableRow | RefusedRow:
    where = f"{path.name}, line {line}"
    seen = given.cells if isinstance(given, Unread) else given
    file = bare(seen[places["file"]])[:300] if places["file"] < len(seen) else ""
    file = "" if file.casefold() in _EMPTY else file
    if isinstance(given, Unread):
        return RefusedRow(where, given, file=file)
    if any(cell.strip() for cell in given[len(header) :]):
        width = max(number for number, cell in enumerate(given, start=1) if cell.strip())
        cells_here = counted(width, "cell")
        reason = (
            _(
                "It has %(cells)s and the header %(header)s: put text that holds %(delimiter)s in quotes.",
                cells=cells_here,
                header=len(header),
                delimiter=delimiter,
            )
            if delimiter
            else _("It has %(cells)s and the header %(header)s.", cells=cells_here, header=len(header))
        )
        return RefusedRow(where, reason, file=file)
    cells = {name: bare(given[place]) for name, place in places.items() if place < len(given)}
    label = file or where
    for name, cell in cells.items():
        if len(cell) > CELL_MOST:
            told = _(
                "Its %(name)s in line %(line)s of %(table)s has %(long)s characters; %(most)s are allowed.",
                name=name,
                line=line,
                table=path.name,
                long=number(len(cell)),
                most=number(CELL_MOST),
            )
            return RefusedRow(label, told, file=file)
    if not file:
        return RefusedRow(label, _(NO_FILE))
    cleaned = {name: clean_text(joined(cell)) for name, cell in cells.items() if cell.casefold() not in _EMPTY} | {
        "file": file
    }
    return TableRow(line, {name: text for name, text in cleaned.items() if text})
