"""What `mirage doctor` says of each thing that it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mirage.errors import MirageError


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was looked at.

    Attributes
    ----------
    name : str
    ok : bool or None
        None where there is nothing to be right or wrong.
    said : str
        What was found, or what is wrong and what to do.
    """

    name: str
    ok: bool | None
    said: str


class Note(str):
    """What is neither right nor wrong: there is nothing to look at yet, or another process has it."""

    __slots__ = ()


def checked(name: str, look: Callable[[], str]) -> Check:
    """Look at something.

    Parameters
    ----------
    name : str
    look : callable
        Says what it found; raises what is wrong.
    """
    try:
        said = look()
    except MirageError as error:
        return Check(name, False, str(error))
    return Check(name, None if isinstance(said, Note) else True, str(said))
