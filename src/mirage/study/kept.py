"""What can stand in a collection, and what may be written there: checked alike for people, programs and files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from mirage.compare.dual import Dual
from mirage.errors import BadInput
from mirage.figure import Licence
from mirage.query import Query, shown, tidy
from mirage.wording import N_, _, looked_up

Kind = Literal["figure", "case", "search", "comparison", "section"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_ITEMS = 1000
MOST_TITLE, MOST_NOTE, MOST_TARGET = 200, 10_000, 8_000  # characters
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Something kept, with what is known of it even when the atlas has it no more.

    Attributes
    ----------
    kind : {"figure", "case", "search", "comparison", "section"}
        A section is a heading over what follows it.
    target : str
        Of a figure a reference (`mirage.storage.records.reference_of`), of a case its id, of a search or a comparison its
        query string, of a section nothing.
    title, note : str
        What it was called when it was kept, or since; what the person wrote.
    attribution, url, licence, licence_url : str
        Of its source, as it was when it was kept; empty for what has none.
    added : float
        Seconds since 1970.
    """

    kind: Kind
    target: str = ""
    title: str = ""
    note: str = ""
    attribution: str = ""
    url: str = ""
    licence: str = ""
    licence_url: str = ""
    added: float = 0.0

    @property
    def terms(self) -> Licence:
        """The licence, as it was when this was kept."""
        return Licence(self.licence, self.licence_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Content):
    """Something in a collection.

    Attributes
    ----------
    id : str
    removed : bool
        Of a figure or a case: whether the atlas has it no more.
    withdrawn : bool
        Of a figure, or of all figures of a case: whether the source has withdrawn it.
    """

    id: str
    removed: bool = False
    withdrawn: bool = False

    @property
    def figure(self) -> str:
        """The figure's id, without the hash of its picture."""
        return self.target.rpartition("~")[0] or self.target


def title_of(given: str, what: str = N_("collection")) -> str:
    """A title as it is kept.

    Parameters
    ----------
    given : str
    what : str
        Of what, for the message, in English.

    Raises
    ------
    mirage.errors.BadInput
        When it is empty or too long.
    """
    title = tidy(given)
    if not title:
        raise BadInput(_("A %(what)s needs a title. Type one.", what=looked_up(what)))
    if len(title) > MOST_TITLE:
        raise BadInput(
            _(
                "The title has %(title)s characters; %(most_title)s is the most. Shorten it; notes may be long.",
                title=format(len(title), ","),
                most_title=MOST_TITLE,
            )
        )
    return title


def note_of(given: str) -> str:
    """Notes as they are kept: line breaks stay, what nobody sees goes.

    Raises
    ------
    mirage.errors.BadInput
        When they are too long.
    """
    note = _UNSEEN.sub("", given.replace("\r\n", "\n").encode("utf-8", "replace").decode()).strip()
    if len(note) > MOST_NOTE:
        raise BadInput(
            _(
                "The notes have %(note)s characters; %(most_note)s is the most. Shorten them, or make a second section.",
                note=format(len(note), ","),
                most_note=format(MOST_NOTE, ","),
            )
        )
    return note


def cut(title: str) -> str:
    """A title of the atlas, as long as one may be."""
    return title if len(title) <= MOST_TITLE else title[: MOST_TITLE - 1] + "…"


def asked(kind: str, target: str) -> Query | Dual:
    """The search or comparison that a query string, or an address of this site, means.

    Parameters
    ----------
    kind : {"search", "comparison"}
    target : str

    Raises
    ------
    mirage.errors.BadQuery
        When it is none.
    mirage.errors.BadInput
        When a dropped picture is in it, for that is never kept.
    """
    if len(target) > MOST_TARGET:
        raise BadInput(
            _(
                "The query has %(target)s characters; %(most_target)s is the most that is kept.",
                target=format(len(target), ","),
                most_target=format(MOST_TARGET, ","),
            )
        )
    string = target.partition("?")[2] if target.startswith("/") else target
    found = Query.parse(string) if kind == "search" else Dual.parse(string)
    if found.has_picture:
        raise BadInput(_("A dropped picture is never kept, so a search with one cannot be. Keep the figures that it found."))
    return found


def kind_of(given: str) -> Kind:
    """One of `KINDS`; `mirage.errors.BadInput` for anything else."""
    for kind in KINDS:
        if kind == given:
            return kind
    raise BadInput(_("%(given)s cannot be kept. What can be: %(kinds)s.", given=shown(given), kinds=", ".join(KINDS)))


def link_of(given: str) -> str:
    """A link to a web page.

    Raises
    ------
    ValueError
        When it is none.
    """
    try:
        parts = urlsplit(given)
    except ValueError:  # brackets that do not match
        parts = urlsplit("")
    if given and (parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\"<>\\]", given)):
        raise ValueError(_("%(given)s is no link to a web page", given=repr(given[:60])))
    return given
