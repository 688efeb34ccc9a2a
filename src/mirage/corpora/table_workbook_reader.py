"""Reads a workbook in a process of its own: a hostile file ends it, and nothing else.

A script of `mirage.images.child.Child`; it imports nothing of MIRAGE.
"""

from __future__ import annotations

import datetime
import io
from typing import Any

CELLS_MOST, SIGNS_MOST = 5_000_000, 64_000_000
FILLED_MOST = 1_000_000  # rows that merged cells go over


def shown(value: Any) -> str:
    """A cell's value as a person sees it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
    if isinstance(value, datetime.datetime):
        return str(value.date()) if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    return "" if value is None else str(value)


def sheets(data: bytes) -> list[dict[str, Any]]:
    """The visible sheets, with the rows that are not empty."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum  # noqa: PLC0415

    found, room, signs = [], CELLS_MOST, SIGNS_MOST
    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
        for about in book.sheets_metadata:
            if about.visible != SheetVisibleEnum.Visible or about.typ != SheetTypeEnum.WorkSheet:
                continue
            sheet = book.get_sheet_by_name(about.name)
            room -= sheet.height * sheet.width
            if room < 0:
                raise MemoryError
            left = (sheet.start or (0, 0))[1]  # rows are given from the first on, columns from the first that is filled
            # One cell far below makes a million rows: only those that hold something are looked at.
            rows = {
                number: [shown(value) for value in row]
                for number, row in enumerate(sheet.iter_rows())
                if any(map(is_filled, row))
            }
            fill(rows, sheet.merged_cell_ranges or [], left)
            signs -= sum(len(cell) for row in rows.values() for cell in row)
            if signs < 0:
                raise MemoryError
            kept = [(number + 1, row) for number, row in sorted(rows.items()) if any(cell.strip() for cell in row)]
            found.append({"name": about.name, "rows": kept})
    return found


def is_filled(value: Any) -> bool:
    """Whether a cell holds anything."""
    return value is not None and value != ""


def fill(rows: dict[int, list[str]], merged: list[Any], left: int) -> None:
    """Write what stands in a cell that was merged over several rows into each of them, as a person reads it."""
    width = max(map(len, rows.values()), default=0)
    room = FILLED_MOST
    for (first, start), (last, end) in merged:
        column = start - left
        if start != end or not 0 <= column < width or not rows.get(first, [""] * width)[column]:
            continue
        for number in range(first + 1, last + 1):
            room -= 1
            if room < 0:
                return
            if number in rows:
                rows[number][column] = rows[first][column]


def begin() -> dict[str, Any]:
    """What it is asked, by name."""

    def read(data: bytes) -> tuple[Any, bytes]:
        try:
            return {"sheets": sheets(data)}, b""
        except ImportError:
            return {"fault": "missing"}, b""
        except MemoryError:
            return {"fault": "large"}, b""
        except BaseException as error:  # whatever the library makes of somebody's bytes
            return {"fault": "password" if "assword" in f"{type(error).__name__}{error}" else "damaged"}, b""

    return {"read": read}
