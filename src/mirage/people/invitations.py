"""Links that let people in: for one, or for a class until a day.

A link says 256 random bits, of which only a digest is kept, and before them which server they are of.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from mirage.errors import BadInput, MirageError, NotFound
from mirage.people.persons import Open, Persons
from mirage.people.records import digest, invitations, people
from mirage.people.roles import OWNER, ROLES, Role, may
from mirage.people.times import last_day
from mirage.wording import N_, _

DAY = 86_400.0
MOST_USES = 5_000
MOST_DAYS = 400
FIRST_DAYS = 1.0
DEVICE_SECONDS = 900.0
"""How long a link to sign in on another device holds."""
_TOKEN = re.compile(r"([0-9a-f]{8})\.([A-Za-z0-9_-]{43})")


class InvitationError(MirageError):
    """A link that lets nobody in, and why."""

    status = 403
    title = N_("This link lets nobody in")


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that was made.

    Attributes
    ----------
    id : str
    role : Role
    person : str
        Id of who signs in on another device by it; empty for one that lets in who is new.
    made_by : str
    uses, used : int
        How many it lets in, and how many it has.
    created, until, ended : float
        Seconds since the epoch; `ended` is 0 as long as nobody ended it.
    maker : str
        Id of who made it; empty for a command on the machine.
    """

    id: str
    role: Role
    person: str
    made_by: str
    uses: int
    used: int
    created: float
    until: float
    ended: float
    maker: str


class Invitations:
    """The links of a shared atlas.

    Parameters
    ----------
    database : callable
        Gives the database.
    server : callable
        Gives what tells this server's links from others', eight hexadecimal digits.
    persons : Persons
    """

    def __init__(self, database: Open, server: Callable[[], str], persons: Persons) -> None:
        self._open, self._server, self._persons = database, server, persons

    def list(self) -> list[Invitation]:
        """List those that let somebody in now, newest first."""
        links = invitations.c
        still = (links.ended == 0) & (links.used < links.uses) & (links.until > self._open().now())
        with self._open().reading() as connection:
            rows = connection.execute(sa.select(invitations).where(still).order_by(links.created.desc())).all()
            return [found for row in rows if _made_by_right(connection, found := _invitation(row))]

    def make(
        self,
        role: str,
        *,
        uses: int = 1,
        until: float = 0.0,
        lasts: float = 7 * DAY,
        made_by: str = "",
        maker: str = "",
        person: str = "",
    ) -> tuple[str, str]:
        """Make a link.

        Parameters
        ----------
        role : str
        uses : int
            How many it lets in.
        until : float
            Seconds since the epoch; `lasts` says it where it is 0.
        lasts : float
            Seconds from now.
        made_by, maker : str
            Name and id of who makes it; it lets people in for as long as that one may invite.
        person : str
            Id of who signs in on another device by it.

        Returns
        -------
        str, str
            Its id, and its token, which is not kept.

        Raises
        ------
        mirage.errors.BadInput
        """
        now = self._open().now()
        if role not in ROLES:
            raise BadInput(_("There is no such role. There are: %(roles)s.", roles=", ".join(ROLES)))
        if not 1 <= uses <= MOST_USES:
            raise BadInput(_("A link lets in between 1 and %(most)s people.", most=MOST_USES))
        if role == OWNER and uses > 1:
            raise BadInput(_("A link for an owner lets in one person. Make one for each."))
        until = until or now + lasts
        if not now < until <= now + MOST_DAYS * DAY:
            raise BadInput(_("A link holds until a day from today on, at most %(most)s days.", most=MOST_DAYS))
        own, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        row: dict[str, str | float] = {"id": own, "hash": digest(secret), "role": role, "person": person}
        row |= {"made_by": made_by, "maker": maker} | {"uses": uses, "used": 0, "created": now, "until": until, "ended": 0.0}
        with self._open().writing() as connection:
            connection.execute(sa.insert(invitations), row)
        return own, f"{self._server()}.{secret}"

    def first(self) -> str:
        """Make the link for the first owner, in place of one that was made before; empty where there is an owner."""
        with self._open().writing(alone=True) as connection:
            if connection.execute(sa.select(people.c.id).where(people.c.role == OWNER).limit(1)).first():
                return ""
            mine = (invitations.c.role == OWNER) & (invitations.c.made_by == "")
            connection.execute(sa.delete(invitations).where(mine))
        return self.make(OWNER, lasts=FIRST_DAYS * DAY)[1]

    def end(self, invitation_id: str) -> Invitation | None:
        """Let nobody in by it any more; who came by it stays. Gives what was ended; None where it had ended already.

        Raises
        ------
        mirage.errors.NotFound
        """
        mine = invitations.c.id == invitation_id
        with self._open().writing() as connection:
            now = self._open().now(connection)
            open_one = mine & (invitations.c.ended == 0)
            ended = connection.execute(sa.update(invitations).where(open_one).values(ended=now)).rowcount
            row = connection.execute(sa.select(invitations).where(mine)).first()
        if row is None:
            raise NotFound(_("There is no such invitation."))
        return _invitation(row) if ended else None

    def look(self, token: str) -> Invitation:
        """Look at a link without using it.

        Raises
        ------
        InvitationError
            In a sentence for each: when it is no link, of another server, unknown, ended, used up, or too late.
        """
        with self._open().reading() as connection:
            return self._found(connection, token)

    def _found(self, connection: sa.Connection, token: str) -> Invitation:
        given = _TOKEN.fullmatch(token)
        if given is None:
            raise InvitationError(_("This link is not whole. Copy all of it, to its last letter."))
        if not secrets.compare_digest(given[1], self._server()):
            raise InvitationError(
                _("This invitation is of another MIRAGE. Open it at the address that it was made for, or ask for a new one.")
            )
        # Known by the digest of 256 random bits: how long that takes tells nothing of a link that is there.
        row = connection.execute(sa.select(invitations).where(invitations.c.hash == digest(given[2]))).first()
        if row is None:
            raise InvitationError(_("There is no such invitation here. It was mistyped, or made up, or is gone long since."))
        found = _invitation(row)
        if found.person and not self._is_there(connection, found.person):
            raise InvitationError(_("The account that this link signs in to was deleted. Ask for an invitation."))
        if found.ended:
            raise InvitationError(_("Who made this invitation has ended it. Ask for a new one."))
        if found.used >= found.uses:
            raise InvitationError(
                _("This invitation has been used. If that was you, sign in where you were, or ask for a new one.")
                if found.uses == 1
                else _("This invitation has let in as many as it was made for. Ask for a new one.")
            )
        if not _made_by_right(connection, found):
            raise InvitationError(_("Who made this invitation may invite nobody any more. Ask for a new one."))
        if self._open().now(connection) >= found.until:
            day = last_day(found.until)
            raise InvitationError(_("This invitation held until %(day)s. Ask for a new one.", day=day))
        return found

    @staticmethod
    def _is_there(connection: sa.Connection, person_id: str) -> bool:
        return connection.execute(sa.select(people.c.id).where(people.c.id == person_id)).first() is not None

    def accept(self, token: str, name: str, known: str = "", came_from: str = "") -> str:
        """Let somebody in; gives the person's id.

        Parameters
        ----------
        token : str
        name : str
            As they want to be called.
        known : str
            Id of who has signed in already: they get the invitation's role, where it may do more.
        came_from : str
            A keyed digest of the address that they come from.

        Raises
        ------
        InvitationError
            As for `look`.
        mirage.errors.BadInput
            When the name cannot be one.
        """
        with self._open().writing(alone=True) as connection:
            found = self._found(connection, token)
            used = sa.update(invitations).where(invitations.c.id == found.id).values(used=found.used + 1)
            if found.person:
                connection.execute(used)
                return found.person
            role = connection.execute(sa.select(people.c.role).where(people.c.id == known)).scalar() if known else None
            if role is None:
                connection.execute(used)
                return self._persons.add(
                    connection, name, found.role, invitation=found.id, places=found.uses, came_from=came_from
                )
            if ROLES.index(role) < ROLES.index(found.role):
                connection.execute(used)
                connection.execute(sa.update(people).where(people.c.id == known).values(role=found.role))
            return known


def _invitation(row: sa.Row[tuple[object, ...]]) -> Invitation:
    names = ("id", "role", "person", "made_by", "uses", "used", "created", "until", "ended", "maker")
    return Invitation(*(getattr(row, name) for name in names))


def _made_by_right(connection: sa.Connection, found: Invitation) -> bool:
    """Whether who made a link is still there and may make such a one: for themselves, or for all others."""
    if not found.maker:
        return True
    role = connection.execute(sa.select(people.c.role).where(people.c.id == found.maker)).scalar()
    return role is not None and (found.maker == found.person or may(role, "people"))
