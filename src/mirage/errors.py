"""What can go wrong, in words for the person who has to act on it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mirage.locales import number
from mirage.wording import N_, _, looked_up

ROOM = 128_000_000  # bytes that have to stay free on a disk that an atlas is written to
_TEXT = re.compile(rb'(?s)"(?:[^"\\]++|\\.)*+"?')  # of JSON; the last one may have no end


class MirageError(Exception):
    """An expected failure. The message says what happened, to which input, and what to do next.

    Interfaces show the message as it is; anything else that is raised is a defect of ours.

    Attributes
    ----------
    exit_code : int
        What the command line ends with.
    status : int
        What the HTTP API answers with.
    title : str
        What a page or the API calls it; empty where that follows from the status.
    """

    exit_code = 1
    status = 400
    title = ""


class BadQuery(MirageError):
    """A query that cannot be answered as it stands."""

    exit_code = 2


class BadPicture(MirageError):
    """Bytes that are no picture we can or may decode."""

    exit_code = 2
    status = 422


class BadInput(MirageError):
    """A corpus, file, setting or option that cannot be used as it stands."""

    exit_code = 2


class NotFound(MirageError):
    """A figure, case, corpus, adapter or job that is not there."""

    exit_code = 4
    status = 404


class Removed(NotFound):
    """A figure, case or corpus that was there, and was removed."""

    status = 410


class AtlasError(MirageError):
    """An atlas folder that is missing, foreign, damaged, newer, or made by another encoder."""

    exit_code = 3
    status = 503


class BadAtlasFile(AtlasError):
    """A file to import that is not there, is no atlas file, is damaged, or does not go with the atlas."""

    status = 422


class AtlasHeld(AtlasError):
    """Another process holds the atlas."""

    exit_code = 5
    status = 409


class ReadOnly(AtlasError):
    """An atlas that is opened to be read only, and was to be changed."""

    status = 409
    title = N_("This atlas can only be read")


class NoNetwork(MirageError):
    """Something has to be downloaded and the network does not answer."""

    exit_code = 6
    status = 503


class Unavailable(MirageError):
    """A part that is optional and is not installed, or a resource that has run out (a full disk)."""

    exit_code = 7
    status = 503


class Busy(MirageError):
    """Too much waits already; what was asked for was not begun.

    Attributes
    ----------
    retry_after : int
        Seconds after which to ask again.
    """

    exit_code = 7
    status = 429
    retry_after = 10


def has_more_values(data: bytes, most: int) -> bool:
    """Whether a JSON text has more fields and values than so many: of each one that is wrong an error is kept, a kilobyte.

    Parameters
    ----------
    data : bytes
    most : int
    """
    return data.count(b",") > most and _TEXT.sub(b"", data).count(b",") > most


def first_fault(error: Exception) -> str:
    """What is wrong, in a line: of a failed validation the first field and why, of any other error its text."""
    from pydantic_core import ValidationError  # noqa: PLC0415 - in a browser, where search runs too, there is none

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(step) for step in first["loc"])
    if first["type"] == "missing":
        return _("%(field)s is missing", field=field[:80])
    where = field[:80] or _("the record")
    return f"{where}: {said_of(first)[:200]}"


# What pydantic says of values that people give, word for word; of others it is said in English.
_OF_VALUES = (
    N_("Input should be a valid integer"),
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("Input should be a valid integer, got a number with a fractional part"),
    N_("Input should be a valid number"),
    N_("Input should be a valid number, unable to parse string as a number"),
    N_("Input should be a finite number"),
    N_("Input should be a valid boolean"),
    N_("Input should be a valid boolean, unable to interpret input"),
    N_("Input should be a valid string"),
    N_("Input should be a valid list"),
    N_("Input should be a valid dictionary"),
    N_("Input should be {expected}"),
    N_("Input should be greater than {gt}"),
    N_("Input should be greater than or equal to {ge}"),
    N_("Input should be less than {lt}"),
    N_("Input should be less than or equal to {le}"),
    N_("String should have at most {max_length} character{expected_plural}"),
    N_("String should have at least {min_length} character{expected_plural}"),
    N_("String should match pattern '{pattern}'"),
    N_("Extra inputs are not permitted"),
    N_("Field required"),
)


def said_of(fault: Mapping[str, Any]) -> str:
    """What is wrong with a value, of one of a failed validation's errors, in the reader's language.

    Parameters
    ----------
    fault : mapping
        As `pydantic_core.ValidationError.errors` lists it, with its ``ctx``.
    """
    from pydantic_core import PydanticKnownError  # noqa: PLC0415 - as above

    said, given = str(fault["msg"]).removeprefix("Value error, "), dict(fault.get("ctx", {}))
    with suppress(KeyError, IndexError, TypeError, ValueError):  # a type of its own, as of a validator
        template = PydanticKnownError(fault["type"], given).message_template
        if (spoken := looked_up(template)) != template:
            if "expected" in given:  # the last two of 'a', 'b' or 'c'
                given["expected"] = str(given["expected"]).replace("' or '", "' " + _("or") + " '")
            return spoken.format(**{"expected_plural": "", **given})
    return said


def meant(asked: str, called: Mapping[str, str], kind: str, *, listed_by: str = "") -> str:
    """The id of what somebody names by its id, or by its title where only one is called so.

    Parameters
    ----------
    asked : str
    called : mapping of str to str
        Titles by id.
    kind : str
        What they are, in the singular and in English: "collection".
    listed_by : str
        The command that prints them; they are listed in the message when empty.

    Raises
    ------
    NotFound
        When nothing is called so.
    BadInput
        When several are; the message names their ids.
    """
    if asked in called:
        return asked
    folded = asked.strip().casefold()
    found = [own for own, title in called.items() if folded and title == asked]
    found = found or [own for own, title in called.items() if folded and title.strip().casefold() == folded]
    if len(found) > 1:
        raise BadInput(
            _(
                "%(found)s %(kind)ss are called %(asked)s. Give the id of one: %(found2)s.",
                found=len(found),
                kind=looked_up(kind),
                asked=repr(asked[:80]),
                found2=", ".join(found),
            )
        )
    if not found:
        known = ", ".join(f"{own} ({title})" if title and title != own else own for own, title in called.items())
        there = (
            _("`%(command)s` prints those that there are.", command=listed_by)
            if listed_by
            else _("There are: %(known)s.", known=known or _("none"))
        )
        raise NotFound(
            _("There is no %(kind)s %(asked)s. %(there)s", kind=looked_up(kind), asked=repr(asked[:80]), there=there)
        )
    return found[0]


def check_new(path: Path | None) -> None:
    """Stop before a file is written over.

    Parameters
    ----------
    path : Path or None
        Where a file is to be written; a folder, or nothing said, is no matter.

    Raises
    ------
    BadInput
        When a file is there already.
    """
    if path is not None and path.exists() and not path.is_dir():
        raise BadInput(_("%(path)s is there already, and is not written over. Choose another name.", path=path))


def check_room(folder: Path, needed: int = ROOM) -> None:
    """Stop before the disk is full: the memory-mapped files of an index that meet a full disk take the process down.

    Parameters
    ----------
    folder : Path
        On the disk in question.
    needed : int
        Bytes.

    Raises
    ------
    Unavailable
        When fewer bytes than needed are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Unavailable(
            _(
                "The disk that holds %(folder)s is full (%(free)s MB left; %(needed)s MB have to "
                "stay free). Make room and run it again; what is stored stays.",
                folder=folder,
                free=number(free / 1e6),
                needed=number(needed / 1e6),
            )
        )
