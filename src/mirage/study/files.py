"""A collection as one file: JSON with a version, to keep, to send, and to take in. Pictures never stand in it.

Whoever wrote a file may have put anything into it: sizes, types and links are checked before anything is kept.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mirage.errors import BadInput, MirageError, first_fault
from mirage.study.collections import Collection, Collections
from mirage.study.exchange import MOST_BYTES, headed, plain_name, read_head
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
from mirage.wording import N_, _

FORMAT = 1
ENDING = ".mirage-collection"
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
        **headed(FORMAT),
        "collection": {
            "title": collection.title,
            "notes": collection.notes,
            "created": collection.created,
            "items": contents,
        },
    }
    return json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"


def file_name(collection: Collection) -> str:
    """What its file may be called."""
    return f"{plain_name(collection.title, 'collection')}{ENDING}"


def take_in(into: Collections, data: bytes, name: str = "") -> Collection:
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
    name = name or _("The file")
    size = _(
        "%(name)s has %(data)s MB; a collection has %(most_bytes)s MB at most. Nothing was changed.",
        name=name,
        data=format(len(data) / 1000000.0, ".1f"),
        most_bytes=format(MOST_BYTES / 1000000.0, ".0f"),
    )
    other = _(
        "%(name)s is no collection. Choose a file that ends in %(ending)s, as MIRAGE writes it. Nothing was changed.",
        name=name,
        ending=ENDING,
    )
    read_head(data, name, "collection", FORMAT, too_large=size, another=other)
    try:
        read = _File.model_validate_json(data).collection
        contents = [_content(number, item) for number, item in enumerate(read.items, start=1)]
        title, notes = title_of(read.title), note_of(read.notes)
    except (ValidationError, MirageError) as error:
        raise BadInput(
            _("%(name)s cannot be taken in: %(error)s Nothing was changed.", name=name, error=first_fault(error))
        ) from error
    return into.taken_in(title, notes, read.created, contents)


def checked_item(values: dict[str, Any]) -> dict[str, Any]:
    """What stands in a collection, from a file of somebody's: checked as one of a collection's file is.

    Parameters
    ----------
    values : dict
        As `mirage.study.kept.Content` has them.

    Raises
    ------
    ValueError, mirage.errors.MirageError
    """
    return asdict(_content(1, _Item.model_validate(values)))


def _content(number: int, item: _Item) -> Content:
    what = f"number {number}, a {item.kind}"
    try:
        title, note = title_of(item.title, N_("title")), note_of(item.note)
        if item.kind in ("search", "comparison"):
            target = asked(item.kind, item.target).print()
        else:
            target = item.target
            if item.kind == "section" and target:
                raise BadInput(_("a section leads nowhere."))
            if item.kind != "section" and not _ID.fullmatch(target):
                raise BadInput(_("%(target)s is no id.", target=repr(target[:60])))
    except MirageError as error:
        raise BadInput(_("%(what)s: %(error)s", what=what, error=error)) from error
    words: dict[str, Any] = {name: note_of(getattr(item, name)) for name in ("attribution", "licence")}
    return Content(**{**item.model_dump(), "title": title, "note": note, "target": target, **words})
