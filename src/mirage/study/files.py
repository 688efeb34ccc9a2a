"""A collection as one file: JSON with a version, to keep, to send, and to take in. Pictures never stand in it.

Whoever wrote a file may have put anything into it: sizes, types and links are checked before anything is kept.
"""

from __future__ import annotations

import json
import re
import time
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from mirage import __version__
from mirage.errors import BadInput, MirageError, first_fault
from mirage.study.collections import Collection, Collections
from mirage.study.kept import (
    MOST_ITEMS,
    MOST_NOTE,
    MOST_TARGET,
    MOST_TITLE,
    Content,
    Kind,
    asked,
    link_of,
    note_of,
    title_of,
)

FORMAT = 1
ENDING = ".mirage-collection"
MOST_BYTES = 5_000_000
_ID = re.compile(r"[^\s:~@?#]{1,100}:[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,400}")
_Link = Annotated[str, Field(max_length=500), AfterValidator(link_of)]
_Time = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Item(_Strict):
    kind: Kind
    target: str = Field("", max_length=MOST_TARGET)
    title: str = Field("", max_length=MOST_TITLE)
    note: str = Field("", max_length=MOST_NOTE)
    attribution: str = Field("", max_length=10_000)
    url: _Link = ""
    licence: str = Field("", max_length=500)
    licence_url: _Link = ""
    added: _Time = 0.0


class _Collection(_Strict):
    title: str = Field(max_length=MOST_TITLE)
    notes: str = Field("", max_length=MOST_NOTE)
    created: _Time = 0.0
    items: list[_Item] = Field(max_length=MOST_ITEMS)


class _File(_Strict):
    format: int
    software: str = Field("", max_length=200)
    written: str = Field("", max_length=40)
    collection: _Collection


def printed(collection: Collection) -> bytes:
    """A collection as the bytes of a file."""
    contents = [{name: getattr(item, name) for name in _Item.model_fields} for item in collection.items]
    told: dict[str, Any] = {
        "format": FORMAT,
        "software": f"MIRAGE {__version__}",
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "collection": {
            "title": collection.title,
            "notes": collection.notes,
            "created": collection.created,
            "items": contents,
        },
    }
    return json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"


def file_name(collection: Collection) -> str:
    """What its file may be called: words of its title, whatever that holds and however long it is."""
    slug = re.sub(r"[^a-z0-9]+", "-", collection.title.lower()).strip("-")[:60].strip("-")
    return f"{slug or 'collection'}{ENDING}"


def take_in(into: Collections, data: bytes, name: str = "The file") -> Collection:
    """Make a collection of the bytes of a file. What this atlas does not have is kept, and marked as removed.

    Parameters
    ----------
    into : Collections
    data : bytes
    name : str
        Of the file, for messages.

    Raises
    ------
    mirage.errors.BadInput
        When it is no such file, of a later version, too large, or something in it cannot be; nothing was changed.
    """
    if len(data) > MOST_BYTES:
        raise BadInput(
            f"{name} has {len(data) / 1e6:.1f} MB; a collection has {MOST_BYTES / 1e6:.0f} MB at most. Nothing was changed."
        )
    try:
        given = from_json(data)
    except ValueError:
        given = None
    if not isinstance(given, dict) or "collection" not in given or not isinstance(given.get("format"), int):
        raise BadInput(
            f"{name} is no collection. Choose a file that ends in {ENDING}, as MIRAGE writes it. Nothing was changed."
        )
    if given["format"] != FORMAT:
        then = "Update MIRAGE" if given["format"] > FORMAT else "Write it anew with this MIRAGE"
        raise BadInput(f"{name} has format {given['format']}; this MIRAGE reads {FORMAT}. {then}. Nothing was changed.")
    try:
        read = _File.model_validate_json(data).collection
        contents = [_content(number, item) for number, item in enumerate(read.items, start=1)]
        title, notes = title_of(read.title), note_of(read.notes)
    except (ValidationError, MirageError) as error:
        raise BadInput(f"{name} cannot be taken in: {first_fault(error)} Nothing was changed.") from error
    return into.taken_in(title, notes, read.created, contents)


def _content(number: int, item: _Item) -> Content:
    what = f"number {number}, a {item.kind}"
    try:
        title, note = title_of(item.title, "title"), note_of(item.note)
        if item.kind in ("search", "comparison"):
            target = asked(item.kind, item.target).print()
        else:
            target = item.target
            if item.kind == "section" and target:
                raise BadInput("a section leads nowhere.")
            if item.kind != "section" and not _ID.fullmatch(target):
                raise BadInput(f"{target[:60]!r} is no id.")
    except MirageError as error:
        raise BadInput(f"{what}: {error}") from error
    words: dict[str, Any] = {name: note_of(getattr(item, name)) for name in ("attribution", "licence")}
    return Content(**{**item.model_dump(), "title": title, "note": note, "target": target, **words})
