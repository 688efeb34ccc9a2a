"""``mirage verify``: read the marks of synthetic images back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from mirage.cli.output import complain, facts, out, print_json
from mirage.errors import BadPicture
from mirage.images import DEFAULT_LIMITS, read_picture
from mirage.images.marks import Marks, reading


def verify(
    files: Annotated[list[Path], typer.Argument(help="Pictures: PNG, JPEG, WebP, TIFF, BMP, GIF or DICOM.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a file.")] = False,
) -> None:
    """Say which marks of a synthetic image each file carries: band, watermark, XMP, C2PA, DICOM, and the record.

    Ends with 0 when all files could be read, whatever was found in them, and with 2 when one could not. That no
    mark is found does not mean that an image is real.
    """
    told: list[dict[str, Any]] = []
    failed = False
    for number, path in enumerate(files):
        try:
            marks = _read(path)
        except BadPicture as error:
            failed = True
            complain(str(error))
            told.append({"file": str(path), "error": str(error)})
            continue
        told.append({"file": str(path), **asdict(marks)})
        if not json:
            if number:
                out.print()
            _print(path, marks)
    if json:
        print_json(told)
    if failed:
        raise typer.Exit(BadPicture.exit_code)


def _read(path: Path) -> Marks:
    if path.is_dir():
        raise BadPicture(f"{path} is a folder. Name the files in it.")
    image = read_picture(path, name=str(path), limits=DEFAULT_LIMITS, allow_burned_in=True).image
    return reading.read(path.read_bytes(), image)


def _print(path: Path, marks: Marks) -> None:
    rows = [("file", str(path)), ("verdict", marks.summary)]
    rows += [(mark.kind, ("found: " if mark.found else "not found: ") + mark.said) for mark in marks.marks]
    if marks.id:
        rows.append(("id", marks.id))
    facts(rows)
    if marks.record is not None:
        record = asdict(marks.record)
        record["terms"] = ", ".join(f"{text}@{weight:g}" for text, weight in marks.record.terms)
        facts([(f"  {name}", str(value)) for name, value in record.items() if value not in ("", None) and name != "id"])
