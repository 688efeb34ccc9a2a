"""Who asks: set once for a request, and read by whatever answers it, in the threads it uses too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

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
_TOLD: ContextVar[list[str] | None] = ContextVar("told", default=None)


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


@contextmanager
def listening() -> Iterator[list[str]]:
    """Gather what is told inside of what is done, for the log of what educators and owners did."""
    told: list[str] = []
    before = _TOLD.set(told)
    try:
        yield told
    finally:
        _TOLD.reset(before)


def tell(target: str) -> None:
    """Tell on what something is done; nothing where nobody listens.

    Parameters
    ----------
    target : str
        Without what may name a patient: ids, and titles that all may see.
    """
    told = _TOLD.get()
    if told is not None:
        told.append(target)
