"""The records in an atlas file, each field checked: whoever wrote the file may have put anything there.

Types come from the dataclasses themselves, which pydantic reads strictly from JSON. What a type does not say stands here:
how long a text may be, which values a field may have, that a link leads to a web page, and that an id belongs to its corpus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from mirage.errors import BadPicture, first_fault, has_more_values
from mirage.figure import EDITABLE, INFERABLE, MODALITIES, PLANES, Case, Figure, is_link
from mirage.images.stacks import check_stack
from mirage.images.volume import MOST_LABELS
from mirage.locales import number
from mirage.storage.records import PictureRow, StackRow
from mirage.wording import _

Read = TypeVar("Read")
_reader: Any = lru_cache(maxsize=8)(TypeAdapter)

_MOST_PROSE, _MOST_TEXT, _MOST_NAME = 200_000, 10_000, 500  # characters of a passage, of another text, of a name or link
_PROSE = {"caption", "summary", *Case.PASSAGES}
_LINKS = {"url", "licence_url", "homepage"}
_IDS = {"id", "case_id", "stack"}
_MOST_VALUE = 2.0**40  # of a voxel, and of what is made of it
_MOST_NOTES = 100  # and windows
_MOST_SECONDS = 2.0**35  # since 1970
_MOST_VALUES = 100_000  # of a record; the slices of a stack are 65,535 at most
_NAMES = {"corpus", "name", "url_of", "fingerprint", "version"} | _LINKS | _IDS
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")  # a terminal's commands, a text's direction


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedStack(StackRow):
    """The files of a stack in an atlas file, and of which slices there are vectors."""

    slices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFigure(Figure):
    """A figure in an atlas file, with the fingerprint of what it was made from."""

    fingerprint: str
    picture: PictureRow
    files: ArchivedStack | None = None


def read_record(kind: type[Read], line: bytes) -> Read:
    """A dataclass from a line of JSON in UTF-8: every field of its type, none missing or unknown, and each one possible.

    Parameters
    ----------
    kind : type
        `ArchivedFigure`, `mirage.figure.Case`, `mirage.storage.records.CorpusRecord`, or what holds the like.
    line : bytes

    Raises
    ------
    ValueError
        Naming the first field that cannot be used, and why.
    """
    if has_more_values(line, _MOST_VALUES):
        raise ValueError(_("the record: it has more fields and values than a record can have"))
    try:
        record: Read = _reader(kind).validate_json(line, strict=True, extra="forbid")
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error
    _check(record)
    return record


def fault_of(*records: Figure | Case) -> str:
    """What is wrong with records that somebody else made, in words; empty where an atlas file may hold them.

    Parameters
    ----------
    *records : Figure or Case
    """
    try:
        for record in records:
            _check(record)
    except ValueError as error:
        return _("Its words cannot be kept: %(why)s.", why=error)
    return ""


def id_of(line: bytes) -> str:
    """The id or name that a record gives itself, for messages; empty when it gives none."""
    try:
        record = from_json(line)
    except ValueError:
        return ""
    found = (record.get("id") or record.get("name")) if isinstance(record, dict) else ""
    return repr(found[:80]) if isinstance(found, str) else ""


def _check(record: Any, place: str = "", corpus: str = "") -> None:
    """Look at each text of a record and of what it holds."""
    corpus = corpus or (record.source.corpus if hasattr(record, "source") else "")
    for name in (field.name for field in fields(record)):
        value, where = getattr(record, name), f"{place}{name}"
        for one in value if isinstance(value, tuple) else (value,):
            if is_dataclass(one):
                _check(one, f"{where}.", corpus)
            elif isinstance(one, str):
                _check_text(where, name, one)
                if name in _IDS and (one or name == "id"):
                    _check_id(where, one, corpus)
    if isinstance(record, Figure):
        for name, known in (("modality", MODALITIES), ("plane", PLANES), ("inferred", INFERABLE)):
            told = getattr(record, name)
            if strange := {told} - {""} - set(known) if isinstance(told, str) else set(told) - set(known):
                raise ValueError(
                    _(
                        "%(field)s: %(value)s is none of %(known)s",
                        field=name,
                        value=repr(min(strange)[:40]),
                        known=", ".join(known),
                    )
                )
        if any(field not in EDITABLE or not _DAY.fullmatch(day) for field, day in record.edited):
            raise ValueError(_("edited: it names no field that can be, or no day"))
        if record.withdrawn and not (record.withdrawn.said and 0 <= record.withdrawn.seen < _MOST_SECONDS):
            raise ValueError(_("withdrawn: it tells nothing, or no time"))
    if isinstance(record, ArchivedFigure):
        _check_stacked(record)


def _check_stacked(figure: ArchivedFigure) -> None:
    """Whether what is told of a stack, and of a slice of one, can be."""
    stack, files, place = figure.stack, figure.files, figure.slice_of
    if stack is None and files is not None:
        raise ValueError(_("stack: it is missing, and its files are told"))
    if stack is not None and files is None:
        raise ValueError(_("files: a stack has them, and this one has none"))
    if place is not None and (stack is not None or place.view not in PLANES or not 0 <= place.number < 2**31):
        raise ValueError(_("slice_of: no figure can be that slice"))
    if place is not None and (len(place.shares) > MOST_LABELS or not all(0 <= share <= 1 for _, share in place.shares)):
        raise ValueError(_("slice_of: no slice can show that much of what is marked in it"))
    if stack is None or files is None:
        return
    try:
        check_stack(stack, _("the stack"))
    except BadPicture as error:
        raise ValueError(f"stack: {error}") from error
    values = stack.least, stack.slope, stack.intercept, *(stack.spacing or ())
    values += tuple(value for window in stack.windows for value in (window.centre, window.width, *chain(*window.each)))
    if max(map(abs, values)) > _MOST_VALUE or max(len(stack.notes), len(stack.windows)) > _MOST_NOTES:
        raise ValueError(_("stack: it is described as no stack can be"))
    if len({label.value for label in stack.labels}) < len(stack.labels) or (files.labels and not stack.labels):
        raise ValueError(_("stack.labels: they are not those of the file of labels"))
    if stack.labels and not files.labels:
        raise ValueError(_("files.labels: the stack has labels, and no file of them"))
    if list(files.slices) != sorted({*files.slices}) or not all(0 <= number < stack.shape[0] for number in files.slices):
        raise ValueError(_("files.slices: they are not slices of the stack in their order"))
    if not files.slices:
        raise ValueError(_("files.slices: there are none"))


def _check_text(where: str, name: str, text: str) -> None:
    most = _MOST_PROSE if name in _PROSE else _MOST_NAME if name in _NAMES else _MOST_TEXT
    if len(text) > most:
        raise ValueError(
            _(
                "%(where)s: %(number)s characters, where %(most)s may be",
                where=where,
                number=number(len(text)),
                most=number(most),
            )
        )
    if (_CONTROL if name in _NAMES else _UNSEEN).search(text):
        raise ValueError(_("%(where)s: it holds a control character", where=where))
    if name in _LINKS and text and not is_link(text):
        raise ValueError(
            _("%(where)s: %(text)s is no link to a web page (https or http)", where=where, text=repr(text[:60]))
        )


def _check_id(where: str, identity: str, wanted: str) -> None:
    corpus, _colon, name = identity.partition(":")
    if corpus != wanted:
        raise ValueError(
            _(
                "%(where)s: %(id)s does not belong to the corpus %(corpus)s",
                where=where,
                id=repr(identity[:60]),
                corpus=repr(wanted[:60]),
            )
        )
    if not name or name != name.strip() or "@" in name or {".", ".."} & set(name.split("/")):
        raise ValueError(_("%(where)s: %(id)s is no id", where=where, id=repr(identity[:60])))
