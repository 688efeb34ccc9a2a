"""The roles, and what each may do: the one table that pages, the HTTP API, the documentation and the tests go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mirage.wording import N_, Words

Role = Literal["nobody", "learner", "educator", "owner"]
NOBODY: Role = "nobody"
LEARNER: Role = "learner"
EDUCATOR: Role = "educator"
OWNER: Role = "owner"
ROLES: tuple[Role, ...] = (LEARNER, EDUCATOR, OWNER)
"""Those that somebody can have, each with all that the one before it may do."""
ROLE_WORDS = Words({NOBODY: N_("not signed in"), LEARNER: N_("learner"), EDUCATOR: N_("educator"), OWNER: N_("owner")})
Right = Literal["enter", "search", "study", "generate", "own jobs", "teach", "add", "edit", "library", "people"]


@dataclass(frozen=True, slots=True)
class Capability:
    """Something that is done on the site.

    Attributes
    ----------
    roles : tuple of Role
        Who may.
    words : str
        What it is, for the table in the documentation.
    """

    roles: tuple[Role, ...]
    words: str


_ALL: tuple[Role, ...] = (NOBODY, *ROLES)
_TEACHING: tuple[Role, ...] = (EDUCATOR, OWNER)
CAPABILITIES: dict[Right, Capability] = {
    "enter": Capability(_ALL, "Open the page to sign in, an invitation, the privacy page, style sheets and icons"),
    "search": Capability(ROLES, "Search, look at figures and cases, explain, compare, browse, the map, check for marks"),
    "study": Capability(ROLES, "Own collections, quizzes, repetition, files to take along, own data and account"),
    "generate": Capability(ROLES, "Make synthetic images, within the limits"),
    "own jobs": Capability(ROLES, "See and stop one's own jobs"),
    "teach": Capability(_TEACHING, "Reviews and ratings; hide figures from learners"),
    "edit": Capability(_TEACHING, "Edit the words of figures that somebody added"),
    "add": Capability(_TEACHING, "Ask living sources, look through folders and files, and add them"),
    "library": Capability((OWNER,), "Remove figures and collections, import, rebuild; jobs of others"),
    "people": Capability((OWNER,), "People, invitations, sessions, limits, the log of what was done"),
}
"""Every right, with who has it."""


def may(role: Role, right: Right) -> bool:
    """Whether a role has a right.

    Parameters
    ----------
    role : Role
    right : Right
    """
    return role in CAPABILITIES[right].roles
