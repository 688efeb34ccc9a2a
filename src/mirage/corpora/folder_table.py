"""The table of words beside a folder of pictures: CSV or JSON Lines."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mirage.corpora.base import Refused
from mirage.errors import BadInput
from mirage.figure import clean_text

CELL_MOST = 100_000
_FILE_MOST = 512 * 2**20
NAMES = ("figures.csv", "figures.jsonl", "metadata.csv", "metadata.jsonl", "labels.csv", "captions.csv")

COLUMNS: dict[str, tuple[str, ...]] = {
    "file": ("file_name", "filename", "image", "image_file", "image_path", "path", "picture"),
    "id": ("figure_id", "image_id"),
    "caption": ("text", "description", "image_caption"),
    "title": ("case_title", "name"),
    "diagnosis": ("label", "class", "case_diagnosis", "condition"),
    "modality": ("type", "imaging_modality"),
    "plane": ("view", "projection", "orientation"),
    "region": ("body_part", "body_region", "anatomy", "location"),
    "patient": ("age_and_sex",),
    "case": ("case_id", "study", "study_id"),
    "history": ("clinical_history", "indication"),
    "findings": ("finding", "report"),
    "differential": ("differential_diagnosis",),
    "discussion": ("comment",),
    "licence": ("license", "rights"),
    "licence_url": ("license_url",),
    "attribution": ("credit", "author", "source"),
    "url": ("link", "source_url"),
}
"""Columns that are read, and other names that each may have. Only ``file`` is required."""


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


def find_table(folder: Path) -> Path | None:
    """The table of a folder, by the names that are looked for, or None."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read_table(path: Path, columns: Mapping[str, str] | None = None) -> Iterator[TableRow | Refused]:
    """Read the rows of a CSV or JSON Lines file; a row that cannot be used is yielded as `Refused`.

    Parameters
    ----------
    path : Path
        Ending in ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson``. UTF-8, or UTF-16 with a byte order mark.
    columns : mapping, optional
        Name of a column of the file for names of `COLUMNS`, where it has another: ``{"caption": "legend"}``.

    Raises
    ------
    mirage.errors.BadInput
        When the file cannot be read, is in another encoding, or has no column for the files' names.
    """
    given = dict(columns or {})
    if unknown := [name for name in given if name not in COLUMNS]:
        raise BadInput(f"There is no column “{unknown[0]}”. Columns are: {', '.join(COLUMNS)}.")
    text = _decoded(path)
    lines = path.suffix.lower() in (".jsonl", ".ndjson")
    return _read_lines(path, text, given) if lines else _read_csv(path, text, given)


def _decoded(path: Path) -> str:
    try:
        if path.stat().st_size > _FILE_MOST:
            raise BadInput(f"{path} has more than {_FILE_MOST // 2**20} MB. Split it.")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{path} is not UTF-8: byte 0x{data[error.start]:02x} in line {line} belongs to another encoding, perhaps "
            "Windows-1252. Save it as UTF-8 (in a spreadsheet: “CSV UTF-8”)."
        ) from None


def _read_csv(path: Path, text: str, given: Mapping[str, str]) -> Iterator[TableRow | Refused]:
    # The limit is the module's own; cells are measured here, so that one too long costs its row and no other.
    csv.field_size_limit(_FILE_MOST)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [cell.strip() for cell in next(reader, [])]
    places = _places(path, header, given)
    return _csv_rows(path, reader, header, places)


def _csv_rows(
    path: Path, reader: Iterator[list[str]], header: list[str], places: dict[str, int]
) -> Iterator[TableRow | Refused]:
    number = 1
    while True:
        start = getattr(reader, "line_num", number) + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refused(f"{path.name}, line {start}", f"The row cannot be read: {error}.")
            continue
        number = start
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            words = f"It has {len(cells)} cells and the header {len(header)}: put text that holds a comma in quotes."
            yield Refused(f"{path.name}, line {start}", words)
            continue
        yield _row(path, start, {name: cells[at] for name, at in places.items() if at < len(cells)})


def _read_lines(path: Path, text: str, given: Mapping[str, str]) -> Iterator[TableRow | Refused]:
    found: dict[str, None] = {}
    parsed: list[tuple[int, object]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        parsed.append((number, record))
        if isinstance(record, dict):
            found.update(dict.fromkeys(map(str, record)))
    header = list(found)
    places = _places(path, header, given)
    return _json_rows(path, parsed, header, places)


def _json_rows(
    path: Path, parsed: list[tuple[int, object]], header: list[str], places: dict[str, int]
) -> Iterator[TableRow | Refused]:
    for number, record in parsed:
        if not isinstance(record, dict):
            yield Refused(f"{path.name}, line {number}", "It is no JSON object.")
            continue
        cells = {name: record.get(header[at]) for name, at in places.items()}
        yield _row(path, number, {name: "" if cell is None else str(cell) for name, cell in cells.items()})


def _places(path: Path, header: list[str], given: Mapping[str, str]) -> dict[str, int]:
    """Where each known column stands, by its own name, then by a synonym."""
    plain = [name.lower().replace(" ", "_").replace("-", "_") for name in header]
    places: dict[str, int] = {}
    for name, column in given.items():
        if column not in header:
            raise BadInput(f"{path} has no column “{column}”. It has: {', '.join(header) or 'none'}.")
        places[name] = header.index(column)
    for name, synonyms in COLUMNS.items():
        for known in (name, *synonyms):
            if name not in places and known in plain and plain.index(known) not in places.values():
                places[name] = plain.index(known)
    if "file" not in places:
        raise BadInput(
            f"{path} has no column for the files' names. It has: {', '.join(header) or 'no columns'}. "
            f"Wanted is “file” (or {', '.join(COLUMNS['file'])}); also read are {', '.join(list(COLUMNS)[1:])}."
        )
    return places


def _row(path: Path, line: int, cells: dict[str, str]) -> TableRow | Refused:
    file = cells.get("file", "").strip()[:300]
    label = file or f"{path.name}, line {line}"
    for name, cell in cells.items():
        if len(cell) > CELL_MOST:
            words = f"Its {name} in line {line} of {path.name} has {len(cell):,} characters; {CELL_MOST:,} are allowed."
            return Refused(label, words)
    if not file:
        return Refused(label, "It names no file.")
    cleaned = {name: clean_text(cell) for name, cell in cells.items() if name != "file"}
    return TableRow(line, {"file": file, **{name: text for name, text in cleaned.items() if text}})
