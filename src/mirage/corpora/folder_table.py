"""The table of words beside a folder of pictures, CSV or JSON Lines, and its rows as figures and cases."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mirage.corpora.base import Refused, plane_of
from mirage.errors import BadInput
from mirage.figure import MODALITIES, Case, Figure, Licence, Source, clean_text

if TYPE_CHECKING:
    from mirage.images.dicom_header import DicomHeader

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
    "diagnosis_by": ("proof", "proven_by", "confirmed_by", "diagnosis_confirmed_by"),
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


def tables_below(folder: Path) -> Iterator[Path]:
    """The tables of the folders in a folder, by name."""
    for top, folders, _ in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if Path(top) != folder and (table := find_table(Path(top))):
            yield table


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
    header, rows = (_json_rows if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows)(text)
    places = _places(path, header, given)
    return (_row(path, line, cells, places) for line, cells in rows)


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


_Rows = Iterator[tuple[int, dict[str, str] | str]]
"""Lines' numbers with their cells by column, or with why they cannot be read."""


def _csv_rows(text: str) -> tuple[list[str], _Rows]:
    # The limit is the module's own; cells are measured later, so that one too long costs its row and no other.
    csv.field_size_limit(_FILE_MOST)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [cell.strip() for cell in next(reader, [])]

    def rows() -> _Rows:
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) > len(header) and any(cell.strip() for cell in cells):
                yield line, f"It has {len(cells)} cells and the header {len(header)}: put text that holds a comma in quotes."
            elif any(cell.strip() for cell in cells):
                yield line, dict(reversed([*zip(header, cells, strict=False)]))  # of two columns alike, the first
            line = reader.line_num + 1

    return header, rows()


def _json_rows(text: str) -> tuple[list[str], _Rows]:
    rows = [(number, _cells(line)) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    header = dict.fromkeys(name for _, cells in rows if isinstance(cells, dict) for name in cells)
    return list(header), iter(rows)


def _cells(line: str) -> dict[str, str] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        return "It is no JSON object."
    return {name: "" if value is None else str(value) for name, value in record.items()}


def _places(path: Path, header: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """The table's own name for each known column: what was given, else that name itself, else a synonym."""
    plain = [name.lower().replace(" ", "_").replace("-", "_") for name in header]
    places: dict[str, str] = {}
    for name, column in given.items():
        if column not in header:
            raise BadInput(f"{path} has no column “{column}”. It has: {', '.join(header) or 'none'}.")
        places[name] = column
    for name, synonyms in COLUMNS.items():
        for known in (name, *synonyms):
            if name not in places and known in plain and header[plain.index(known)] not in places.values():
                places[name] = header[plain.index(known)]
    if "file" not in places:
        raise BadInput(
            f"{path} has no column for the files' names. It has: {', '.join(header) or 'no columns'}. "
            f"Wanted is “file” (or {', '.join(COLUMNS['file'])}); also read are {', '.join(list(COLUMNS)[1:])}."
        )
    return places


def _row(path: Path, line: int, given: dict[str, str] | str, places: Mapping[str, str]) -> TableRow | Refused:
    if isinstance(given, str):
        return Refused(f"{path.name}, line {line}", given)
    cells = {name: given[column] for name, column in places.items() if column in given}
    file = cells.get("file", "").strip()[:300]
    label = file or f"{path.name}, line {line}"
    for name, cell in cells.items():
        if len(cell) > CELL_MOST:
            where = f"in line {line} of {path.name}"
            return Refused(label, f"Its {name} {where} has {len(cell):,} characters; {CELL_MOST:,} are allowed.")
    if not file:
        return Refused(label, "It names no file.")
    cleaned = {name: clean_text(cell) for name, cell in cells.items()} | {"file": file}
    return TableRow(line, {name: text for name, text in cleaned.items() if text})


# -- rows as figures ----------------------------------------------------------------------------------------------------

_MODALITY_WORDS = {name.lower(): key for key, name in MODALITIES.items()} | {
    "mr": "MR", "magnetic resonance": "MR", "computed tomography": "CT", "xray": "XR", "x ray": "XR",
    "radiograph": "XR", "radiography": "XR", "cr": "XR", "dx": "XR", "chest x-ray": "XR", "us": "US",
    "sonography": "US", "echocardiography": "US", "angiogram": "XA", "mammogram": "MG", "fundus": "OP",
    "histology": "SM", "histopathology": "SM", "pathology": "SM", "pet": "PT", "nuclear": "NM",
}  # fmt: skip
STORY = ("history", "findings", "differential", "diagnosis_by", "discussion")
"""Words that make a case of a single row."""
_AGE_AND_SEX = re.compile(
    r"(?i)(?:(?:\d{1,3}|years?|months?|weeks?|days?|old|aged?|y|yr?s?|yo|y/o|mo|m|f|male|female|man|woman|boy|girl|infant|"
    r"neonate|newborn|child|adult|an?)(?:[\s,.;:/-]+|$)|\d{1,3}(?:y|m|w|d|f)(?:[\s,.;:/-]+|$))*"
)
_SHARED = re.compile(r"(?i)^(cc0|cc[ -]by\b|creative commons|public domain|apache|mit\b|bsd|odc|pddl)")


def licence_of(name: str, url: str) -> Licence:
    """A licence by its name; sharing is allowed only where the name is one that is known to allow it.

    Parameters
    ----------
    name, url : str
    """
    return Licence(name, url if _is_link(url) else "", bool(_SHARED.match(name)))


def figure_of(
    identity: str, words: Mapping[str, str], defaults: Mapping[str, str], header: DicomHeader | None, case: Case | None
) -> Figure:
    """Make a figure of a row and a header; the row's words come before the header's.

    Parameters
    ----------
    identity : str
        ``corpus:name``.
    words : mapping
        The row, by the names of `COLUMNS`; empty for a picture without words.
    defaults : mapping
        ``licence``, ``licence_url`` and ``attribution`` for what the row leaves open.
    header : DicomHeader or None
    case : Case or None
    """
    told = words.get("modality", "")
    modality = modality_of(told)
    return Figure(
        id=identity,
        caption=words.get("caption", ""),
        source=source_of(identity.partition(":")[0], words, defaults),
        title=words.get("title", ""),
        diagnosis=words.get("diagnosis", ""),
        modality=modality or (header.modality if header and not told else ""),
        modality_detail=told if told and told.upper() != modality else "",
        plane=plane_of(words.get("plane", "")) or (header.plane if header else ""),
        region=words.get("region", "").lower() or (header.region if header else ""),
        case_id=case.id if case else "",
        patient=age_and_sex(words.get("patient", "")),
    )


def age_and_sex(words: str) -> str:
    """What a table says of a patient, where it is nothing but age and sex; anything else may tell who it was."""
    return words if _AGE_AND_SEX.fullmatch(words) else ""


def modality_of(words: str) -> str:
    """A key of `mirage.figure.MODALITIES` for what somebody wrote; empty when it is none that we know."""
    return words.upper() if words.upper() in MODALITIES else _MODALITY_WORDS.get(words.lower(), "")


def source_of(corpus: str, words: Mapping[str, str], defaults: Mapping[str, str]) -> Source:
    """Where a row's figure comes from, in its own words or the folder's.

    Parameters
    ----------
    corpus : str
    words : mapping
        The row, by the names of `COLUMNS`.
    defaults : mapping
        As for `figure_of`.
    """
    told = words if words.get("licence") else defaults
    licence = licence_of(told.get("licence", ""), told.get("licence_url", ""))
    attribution = words.get("attribution") or defaults["attribution"]
    if _is_link(url := words.get("url", "")):
        return Source(corpus, attribution, url, "figure", licence)
    return Source(corpus, attribution, licence=licence)


def case_of(corpus: str, identity: str, rows: Sequence[Mapping[str, str]], defaults: Mapping[str, str]) -> Case:
    """The case that some rows share: of each passage, the first that says something.

    Parameters
    ----------
    corpus : str
    identity : str
        Its name in the id.
    rows : sequence of mapping
        As for `figure_of`.
    defaults : mapping
        As for `figure_of`.
    """

    def first(name: str) -> str:
        return next((row[name] for row in rows if row.get(name)), "")

    return Case(
        id=f"{corpus}:case-{identity}",
        title=first("title") or first("diagnosis"),  # what the case is called may be whose it is
        source=source_of(corpus, rows[0], defaults),
        **{name: first(name) for name in (*STORY, "diagnosis")},
    )


def _is_link(text: str) -> bool:
    return text.startswith(("https://", "http://")) and not re.search(r"\s", text)
