"""Who is signed in: a secret in a cookie, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets

import sqlalchemy as sa

from mirage.people.persons import SEEN_EVERY, Open
from mirage.people.records import digest, invitations, people, sessions
from mirage.people.visitor import Visitor

_MOST = 20  # of one person; who signs in once more ends the one that was used longest ago


class Sessions:
    """The sessions of everybody.

    Parameters
    ----------
    database : callable
        Gives the database.
    """

    def __init__(self, database: Open) -> None:
        self._open = database

    def begin(self, person_id: str) -> str:
        """Sign somebody in; gives the secret for the cookie, which is new each time and not kept.

        Parameters
        ----------
        person_id : str
        """
        secret, now = secrets.token_urlsafe(32), self._open().now()
        row = {"id": secrets.token_hex(8), "hash": digest(secret), "person": person_id, "created": now, "seen": now}
        mine = sa.select(sessions.c.id).where(sessions.c.person == person_id).order_by(sessions.c.seen.desc())
        with self._open().writing(alone=True) as connection:
            surplus = list(connection.execute(mine.offset(_MOST - 1)).scalars())
            connection.execute(sa.delete(sessions).where(sessions.c.id.in_(surplus)))
            connection.execute(sa.insert(sessions), row)
        return secret

    def find(self, secret: str, days: float) -> Visitor | None:
        """Find who is signed in by a secret, with the role of this moment; None where nobody is.

        Parameters
        ----------
        secret : str
            Of the cookie.
        days : float
            How long a session holds that is not used.
        """
        now = self._open().now()
        theirs = (people.c.id.label("person"), people.c.name, people.c.role, people.c.invitation, people.c.places)
        wanted = (
            sa.select(sessions.c.id, sessions.c.seen, *theirs)
            .join(people, people.c.id == sessions.c.person)
            .where((sessions.c.hash == digest(secret)) & (sessions.c.seen > now - days * 86_400))
        )
        row = next(iter(self._open().rows(wanted)), None)
        if row is None:
            return None
        if row.seen < now - SEEN_EVERY:
            with self._open().writing() as connection:
                connection.execute(sa.update(sessions).where(sessions.c.id == row.id).values(seen=now))
                connection.execute(sa.update(people).where(people.c.id == row.person).values(seen=now))
        link = (row.invitation, row.places) if row.places > 1 else ("", 1)
        return Visitor(row.person, row.name, row.role, token_of(secret), row.id, *link)

    def end(self, session_id: str) -> None:
        """Sign out one session."""
        with self._open().writing() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.id == session_id))

    def end_all(self, person_id: str) -> tuple[int, int]:
        """Sign somebody out everywhere, and end links by which they would sign in again; gives how many of each."""
        with self._open().writing() as connection:
            links = connection.execute(sa.delete(invitations).where(invitations.c.person == person_id)).rowcount
            return connection.execute(sa.delete(sessions).where(sessions.c.person == person_id)).rowcount, links


def token_of(secret: str) -> str:
    """What forms of a session show: it tells nothing of the secret, and who does not have that cannot make it."""
    return hmac.new(secret.encode(), b"what changes state", hashlib.sha256).hexdigest()
