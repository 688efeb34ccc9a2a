"""Who asks: set once for a request, and read by whatever answers it, in the threads it uses too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from mirage.people.roles import NOBODY, OWNER, Role


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a request comes from.

    Attributes
    ----------
    id : str
        Of the person; empty for whoever has the machine, whose study is the atlas's own.
    name : str
    role : {"nobody", "learner", "educator", "owner"}
    token : str
        What requests of this session must show to change state; empty where the one of this start of the site holds.
    session : str
        Id of the session; empty where there is none.
    link : str
        Id of the link that they came by, where it lets in several; else empty.
    places : int
        How many it lets in.
    """

    id: str = ""
    name: str = ""
    role: Role = OWNER
    token: str = ""
    session: str = ""
    link: str = ""
    places: int = 1


ALONE = Visitor()
"""Whoever has the machine: asks from it, of a site that is not shared, or by a command."""
STRANGER = Visitor(role=NOBODY)
"""Who has not signed in."""
_ASKING: ContextVar[Visitor | None] = ContextVar("visitor", default=None)
_shared: list[None] = []  # one for each site of this process that people sign in to
_TOLD: ContextVar[Told | None] = ContextVar("told", default=None)


def visitor() -> Visitor:
    """Give who asks. Where nobody said: whoever has the machine, but nobody of a process that serves a shared site."""
    return _ASKING.get() or (STRANGER if _shared else ALONE)


@contextmanager
def sharing() -> Iterator[None]:
    """Serve a shared site: what is done inside, in whatever thread, is no owner's unless somebody said who asks."""
    _shared.append(None)
    try:
        yield
    finally:
        _shared.pop()


@contextmanager
def asking(who: Visitor) -> Iterator[None]:
    """Let what is done inside be asked by somebody.

    Parameters
    ----------
    who : Visitor
    """
    before = _ASKING.set(who)
    try:
        yield
    finally:
        _ASKING.reset(before)


class Deed(NamedTuple):
    """Something that is done.

    Attributes
    ----------
    target, act : str
        On what, and what; `act` is empty where the route says it.
    own : bool
        Whether it may be one's own affair: then its route says whether it is written down.
    """

    target: str
    act: str
    own: bool


@dataclass(slots=True)
class Told:
    """What was told of what is done.

    Attributes
    ----------
    deeds : list of Deed
    written : bool
        Whether it stands in the log already, or nothing was changed.
    """

    deeds: list[Deed]
    written: bool = False


@contextmanager
def listening() -> Iterator[Told]:
    """Gather what is told inside of what is done, for the log of what educators and owners did."""
    told = Told([])
    before = _TOLD.set(told)
    try:
        yield told
    finally:
        _TOLD.reset(before)


def tell(target: str, act: str = "", *, own: bool = False) -> None:
    """Tell on what something is done; nothing where nobody listens.

    Parameters
    ----------
    target : str
        Without what may name a patient: ids, and titles that all may see.
    act : str
        What is done, in the same words whether by page, API or command; where it is left out, its route says it.
    own : bool
        Whether it may be one's own affair, as making a synthetic image is: then its route says whether it is written down.
    """
    if (told := _TOLD.get()) is not None:
        told.deeds.append(Deed(target, act, own or not act))


def written() -> None:
    """Say that what is done stands in the log already, or changed nothing: the words of its route are not written down."""
    if (told := _TOLD.get()) is not None:
        told.written = True
