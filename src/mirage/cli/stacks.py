"""What ``mirage show`` tells of a stack, and the picture it writes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from mirage.cli.client import AtlasClient
from mirage.cli.output import counted
from mirage.errors import BadInput
from mirage.images.packing import unpack
from mirage.wording import _, looked_up


@dataclass(frozen=True, slots=True)
class StackShown:
    """A stack at one slice.

    Attributes
    ----------
    picture : str
        Address of the slice as a picture.
    rows : list of (str, str)
        What there is to tell.
    """

    picture: str
    rows: list[tuple[str, str]]


def stack_shown(
    client: AtlasClient, record: dict[str, Any], slice_: int | None, view: str, window: str
) -> StackShown | None:
    """Ask for a slice of a stack; None for a single picture.

    Parameters
    ----------
    client : AtlasClient
    record : dict
        The figure, as the API gives it.
    slice_ : int or None
        Counted from 1; the best, or the middle one of another view, when left out.
    view, window : str
        The stack's first when empty.

    Raises
    ------
    mirage.errors.MirageError
        When there is no such slice, view or window.
    """
    if not record["slices"]:
        if slice_ is not None or view or window:
            raise BadInput(
                _("%(id)s is a single picture: it has no slices, views or windows to choose from.", id=record["id"])
            )
        return None
    told = client.ask("GET", f"/api/stacks/{quote(record['id'], safe='')}")
    first = told["planes"][0]
    plane = next((each for each in told["planes"] if each["plane"] == view.strip().lower()), first)
    best = told["best"] if plane is first else plane["slices"] // 2
    number = best if slice_ is None else slice_ - 1
    # What is not there is said by the API, in words.
    asked = {"{number}": str(number), "{view}": quote(view or plane["plane"])}

    def address(template: str) -> str:
        for name, value in asked.items():
            template = template.replace(name, value)
        return template

    picture = address(told["links"]["pictures"]) + (f"&window={quote(window)}" if window else "")
    client.fetch(picture)
    here = ""
    if told["labels"]:
        marks = unpack(client.fetch(address(told["links"]["labels"])), (plane["rows"], plane["columns"]))
        values = set(np.unique(marks).tolist())
        here = ", ".join(sorted(each["name"] for each in told["labels"] if each["value"] in values))
    where = _("%(plane)s, %(number)s of %(slices)s", plane=_(plane["plane"]), number=number + 1, slices=plane["slices"])
    rows = [
        (
            _("stack"),
            _(
                "%(slices)s of %(columns)s × %(rows)s pixels",
                slices=counted(first["slices"], "slice"),
                columns=first["columns"],
                rows=first["rows"],
            ),
        ),
        (_("views"), ", ".join(looked_up(each["plane"]) for each in told["planes"])),
        (_("windows"), ", ".join(looked_up(each["name"]) for each in told["windows"])),
        (_("slice"), where + (f": {here}" if here else "")),
        (_("marked"), ", ".join(sorted(each["name"] for each in told["labels"]))),
        (_("marked by"), told["labels_by"] if told["labels"] else ""),
        (_("notes"), "\n".join(told["notes"])),
    ]
    return StackShown(picture, rows)


def save_picture(data: bytes, path: Path) -> None:
    """Write a picture in the format that its file's name asks for.

    Parameters
    ----------
    data : bytes
        Of a picture.
    path : Path

    Raises
    ------
    mirage.errors.BadInput
        When the name asks for no format, or the file cannot be written.
    """
    try:
        Image.open(io.BytesIO(data)).save(path)
    except (ValueError, KeyError, OSError) as error:
        raise BadInput(
            _(
                "%(path)s cannot be written (%(error)s). End its name in .png, .jpg or .webp, in a folder that exists.",
                path=path,
                error=error,
            )
        ) from None
