"""Who came by one link from one address, one soon after the other: a class in one room, or one person under many names."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from mirage.people.records import counts, people
from mirage.people.roles import LEARNER

WITHIN = 600.0
"""Seconds within which one comes after another for both to be counted together."""
MANY = 5
"""From so many on it is told."""


@dataclass(frozen=True, slots=True)
class JoinedTogether:
    """Several who came by one link from one address.

    Attributes
    ----------
    id : str
        Which tells nothing of the address.
    invitation : str
        Id of the link, which may be over.
    people : tuple of str
        Their ids, in the order in which they came.
    first, last : float
        When the first and the last came; seconds since the epoch.
    """

    id: str
    invitation: str
    people: tuple[str, ...]
    first: float
    last: float


def mark(connection: sa.Connection, invitation: str, came_from: str, now: float) -> None:
    """Mark those who came together, when one more has come by a link for many.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        In the transaction that adds the person.
    invitation : str
        Id of the link.
    came_from : str
        A keyed digest of the address; empty where it is not known.
    now : float
    """
    if not came_from:
        return
    same = (people.c.invitation == invitation) & (people.c.came_from == came_from) & (people.c.created > now - WITHIN)
    rows = connection.execute(sa.select(people.c.id, people.c.came_with).where(same)).all()
    known = next((row.came_with for row in rows if row.came_with), "")
    if known or len(rows) >= MANY:
        connection.execute(sa.update(people).where(same).values(came_with=known or secrets.token_hex(4)))


def forget_addresses(connection: sa.Connection, now: float) -> None:
    """Keep no digest of an address longer than it takes to tell who came together."""
    late = (people.c.came_from != "") & (people.c.created < now - WITHIN)
    connection.execute(sa.update(people).where(late).values(came_from=""))
    connection.execute(sa.delete(counts).where((counts.c.what == "joins") & (counts.c.since < now - WITHIN)))


def together(connection: sa.Connection) -> list[JoinedTogether]:
    """All learners that came together and are still there, the newest first: who teaches by now is known to somebody."""
    asked = sa.select(people.c.id, people.c.came_with, people.c.invitation, people.c.created)
    asked = asked.where(people.c.came_with != "", people.c.role == LEARNER)
    found = dict[str, list[Any]]()
    for row in connection.execute(asked.order_by(people.c.created, people.c.id)):
        found.setdefault(row.came_with, []).append(row)
    groups = [
        JoinedTogether(group, rows[0].invitation, tuple(row.id for row in rows), rows[0].created, rows[-1].created)
        for group, rows in found.items()
        if len(rows) > 1
    ]
    return sorted(groups, key=lambda each: -each.last)
