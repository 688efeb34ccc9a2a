"""Sheets of a workbook (xlsx, xlsm, xlsb, xls, ods), read in a process of their own that may run out of memory or time."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mirage.corpora.table_text import Row
from mirage.errors import BadInput
from mirage.images.child import ChildError, child_of
from mirage.installed import to_install
from mirage.wording import N_, _

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = b"PK\x03\x04"
_FILE_MOST, _UNPACKED_MOST = 64 * 2**20, 400 * 2**20
_SECONDS, _MEMORY = 60.0, 900 * 2**20
_PACKED = {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}
_READER = Path(__file__).with_name("table_workbook_reader.py")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet, as far as somebody sees it.

    Attributes
    ----------
    name : str
    rows : list of Row
        Their numbers as the spreadsheet counts them.
    """

    name: str
    rows: list[Row]


def is_workbook(head: bytes) -> bool:
    """Whether a file that begins so may be a workbook, whatever it is called."""
    return head.startswith((OLE, ZIP))


def read_workbook(file: BinaryIO, name: str) -> list[Sheet]:
    """Read what its visible sheets show: values of formulas, numbers and dates as text, merged cells in each of their rows.

    Parameters
    ----------
    file : binary file
        That what was looked at is what is read, it is not opened again.
    name : str
        What to call it in messages.

    Raises
    ------
    mirage.errors.BadInput
        When it is none, is protected by a password, is damaged, or is too large.
    """
    data = _checked(file, name)
    try:
        told, _other = child_of(_READER, _MEMORY).ask("read", data=data, seconds=_SECONDS, most=0)
    except ChildError:
        told = {"fault": "harm"}
    if fault := told.get("fault") or ("harm" if "error" in told else ""):
        raise _faulty(name, fault)
    return [Sheet(each["name"], [(line, cells) for line, cells in each["rows"]]) for each in told["sheets"]]


_AS_CSV = N_("Save it as CSV (in a spreadsheet: “CSV UTF-8”).")
_FAULTS = {
    "password": N_("%(name)s is protected by a password. Save it without one."),
    "damaged": N_(
        "%(name)s is damaged, or no workbook that can be read. Open it in a spreadsheet and save it as .xlsx or as CSV."
    ),
    "large": N_(
        "%(name)s holds more cells than a table of words may have (five million, or 64 million characters). %(AS_CSV)s"
    ),
    "harm": N_("%(name)s takes more memory or time than a table may. %(AS_CSV)s"),
    "missing": N_(
        "%(name)s is a workbook, and what reads those is not installed. Save it as CSV, or whoever runs MIRAGE here can "
        "install it (%(install)s)."
    ),
}


def _faulty(name: str, fault: str) -> BadInput:
    said = _FAULTS.get(fault, _FAULTS["damaged"])
    return BadInput(_(said, name=name, AS_CSV=_(_AS_CSV), install=to_install("python-calamine")))


def _checked(file: BinaryIO, name: str) -> bytes:
    """Its bytes; refuse what its directory of contents says to be no workbook, or too large, before anything is unpacked."""
    try:
        file.seek(0)
        data = file.read(_FILE_MOST + 1)
        if len(data) > _FILE_MOST:
            raise BadInput(
                _(
                    "%(name)s has more than %(FILE_MOST)s MB. %(AS_CSV)s",
                    name=name,
                    FILE_MOST=_FILE_MOST // 2**20,
                    AS_CSV=_(_AS_CSV),
                )
            )
        if data.startswith(OLE):
            return data
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            entries = packed.infolist()
            if not _PACKED & {entry.filename for entry in entries}:
                raise BadInput(_("%(name)s is a zip archive and no workbook. Unpack it, and add what is in it.", name=name))
            if sum(entry.file_size for entry in entries) > _UNPACKED_MOST:
                raise BadInput(
                    _(
                        "%(name)s unpacks to more than %(UNPACKED_MOST)s MB. %(AS_CSV)s",
                        name=name,
                        UNPACKED_MOST=_UNPACKED_MOST // 2**20,
                        AS_CSV=_(_AS_CSV),
                    )
                )
        return data
    except OSError as error:
        raise BadInput(
            _("%(name)s cannot be read: %(strerror)s. Check the path.", name=name, strerror=error.strerror or error)
        ) from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise _faulty(name, "damaged") from error
