"""Key images in one step: the pictures as they are kept, with attribution and licence of each beside them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from mirage.study.along.bundle import Bundle, Picture, line

COLUMNS = ("file", "figure", "title", "diagnosis", "kind", "attribution", "licence", "licence text", "source", "note")


def write(bundle: Bundle, out: BinaryIO) -> int:
    """Write a zip of pictures, ``credits.csv`` and ``credits.txt``; return how many pictures it has.

    Parameters
    ----------
    bundle : Bundle
        Gathered for the way ``images``.
    out : binary file
        That can be sought in.
    """
    table = io.StringIO()
    rows, told = csv.writer(table), [bundle.title, *bundle.standing, *bundle.stayed, ""]
    rows.writerow(COLUMNS)
    number = 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for number, picture in enumerate(bundle.pictures(), start=1):
            name = f"pictures/{number:04}{picture.path.suffix}"
            file.write(picture.path, name)
            rows.writerow([harmless(each) for each in (name, *_row(picture))])
            told += [name, *_credited(picture), ""]
        # Excel reads UTF-8 only where it is told so.
        file.writestr("credits.csv", table.getvalue().encode("utf-8-sig"))
        file.writestr("credits.txt", "\n".join(told).encode())
    return number


def _row(picture: Picture) -> tuple[str, ...]:
    figure = picture.figure
    attribution, licence, *more = picture.credit()
    terms = " ".join([licence.removeprefix("Licence: "), *more])
    return (
        figure.id, picture.title, line(figure.diagnosis), picture.kind, attribution, terms, picture.licence_link,
        picture.link, line(picture.note),
    )  # fmt: skip


def _credited(picture: Picture) -> Iterator[str]:
    yield picture.title
    yield from picture.credit()
    yield from filter(None, (picture.licence_link, picture.link))


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.lstrip(" '").startswith(("=", "+", "-", "@", "\t", "\r", "|", "%")) else cell
