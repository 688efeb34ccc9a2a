"""What educators and owners did: when, who, what, on what."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from mirage.people.persons import Open
from mirage.people.records import audit
from mirage.people.visitor import Visitor

_MOST_TEXT = 300


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done.

    Attributes
    ----------
    when : float
        Seconds since the epoch.
    person, name, role : str
        Who did it, as they were then.
    what, target : str
    """

    when: float
    person: str
    name: str
    role: str
    what: str
    target: str


class AuditLog:
    """The log of what was done.

    Parameters
    ----------
    database : callable
        Gives the database.
    """

    def __init__(self, database: Open) -> None:
        self._open = database

    def note(self, who: Visitor, what: str, target: str = "") -> None:
        """Write down that somebody did something.

        Parameters
        ----------
        who : Visitor
        what, target : str
        """
        row = {"id": secrets.token_hex(8), "when": self._open().now(), "person": who.id, "role": who.role}
        row |= {"name": who.name, "what": what[:_MOST_TEXT], "target": target[:_MOST_TEXT]}
        with self._open().writing() as connection:
            connection.execute(sa.insert(audit), row)

    def list(self, most: int = 200, before: float = 0.0) -> list[AuditEntry]:
        """List what was done, newest first.

        Parameters
        ----------
        most : int
        before : float
            Only what was done before this moment; 0 for all.
        """
        wanted = sa.select(audit).order_by(audit.c.when.desc(), audit.c.id).limit(most)
        if before:
            wanted = wanted.where(audit.c.when < before)
        return [
            AuditEntry(row.when, row.person, row.name, row.role, row.what, row.target) for row in self._open().rows(wanted)
        ]
