"""The people of a shared atlas."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import get_args

import sqlalchemy as sa

from mirage.errors import BadInput, NotFound, meant
from mirage.people import joining
from mirage.people.namesakes import namesake
from mirage.people.records import counts, invitations, people, sessions
from mirage.people.roles import OWNER, ROLES, Role
from mirage.storage.database import Database, put
from mirage.storage.databases import PEOPLE
from mirage.storage.migrations import lock_schema
from mirage.wording import _

MOST_NAME = 80
MOST_PEOPLE = 10_000
GONE = "gone"  # what is counted of who was removed
SEEN_EVERY = 60.0
"""Seconds within which it is known when somebody was last seen."""
Open = Callable[[], Database]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may use the site.

    Attributes
    ----------
    id, name : str
    role : Role
    created, seen : float
        Seconds since the epoch; `seen` is within a minute.
    sessions : int
        How many are open.
    subject : str
        Who a provider or a proxy says it is; empty for who came by an invitation.
    came_with : str
        Id of those who came by one link from one address, as `mirage.people.joining.JoinedTogether` has it; else empty.
    """

    id: str
    name: str
    role: Role
    created: float
    seen: float
    sessions: int = 0
    subject: str = ""
    came_with: str = ""


class Persons:
    """Who there is.

    Parameters
    ----------
    database : callable
        Gives the database.
    """

    def __init__(self, database: Open) -> None:
        self._open = database

    def list(self) -> list[Person]:
        """List everybody, owners first, then by name."""
        count = sa.select(sessions.c.person, sa.func.count().label("n")).group_by(sessions.c.person).subquery()
        wanted = sa.select(people, sa.func.coalesce(count.c.n, 0).label("n")).outerjoin(count, count.c.person == people.c.id)
        found = [_person(row, row.n) for row in self._open().rows(wanted)]
        return sorted(found, key=lambda each: (-ROLES.index(each.role), each.name.casefold(), each.id))

    def get(self, person_id: str) -> Person:
        """One of them.

        Raises
        ------
        mirage.errors.NotFound
        """
        found = next((each for each in self.list() if each.id == person_id), None)
        if found is None:
            raise NotFound(_("There is nobody of that id; perhaps they were removed."))
        return found

    def together(self) -> Sequence[joining.JoinedTogether]:
        """List those who came by one link from one address, soon after each other, the newest first."""
        with self._open().reading() as connection:
            return joining.together(connection)

    def has(self, person_id: str) -> bool:
        """Whether there is somebody of this id."""
        return bool(self._open().rows(sa.select(people.c.id).where(people.c.id == person_id)))

    @contextmanager
    def held(self, person_id: str, connection: sa.Connection | None = None) -> Iterator[None]:
        """Let nobody remove somebody meanwhile.

        Parameters
        ----------
        person_id : str
        connection : sqlalchemy.Connection, optional
            To the database of the people, whatever schema it looks in: it holds until its transaction ends.

        Raises
        ------
        mirage.errors.NotFound
            When they are gone.
        """
        if connection is None:
            with self._open().writing(alone=True) as own:
                _check_there(own, people, person_id)
                yield
            return
        lock_schema(connection, PEOPLE, shared=True)
        _check_there(connection, people.to_metadata(sa.MetaData(), schema=PEOPLE), person_id)
        yield

    def meant(self, asked: str) -> Person:
        """Find somebody by id, or by a name that only one has.

        Raises
        ------
        mirage.errors.NotFound, mirage.errors.BadInput
        """
        return self.get(meant(asked, {each.id: each.name for each in self.list()}, "person", listed_by="mirage people list"))

    def add(
        self,
        connection: sa.Connection,
        name: str,
        role: Role,
        subject: str | None = None,
        *,
        invitation: str = "",
        places: int = 1,
        came_from: str = "",
    ) -> str:
        """Add somebody, in a transaction of who calls; gives the id.

        Parameters
        ----------
        connection : sqlalchemy.Connection
        name : str
        role : Role
        subject : str, optional
            Who a provider or a proxy says it is.
        invitation : str
            Id of the link that they came by.
        places : int
            How many it lets in.
        came_from : str
            A keyed digest of the address that they came from.

        Raises
        ------
        mirage.errors.BadInput
            When the name cannot be one, or there are too many people.
        """
        called, own, now = name_of(name), secrets.token_hex(8), self._open().now(connection)
        if subject is None:  # what others are called by a provider or a proxy is not theirs to choose
            self._check_namesake(connection, called, role)
        if (connection.execute(sa.select(sa.func.count()).select_from(people)).scalar() or 0) >= MOST_PEOPLE:
            raise BadInput(_("There are %(most)s people already, and no more are taken.", most=MOST_PEOPLE))
        row = {"id": own, "name": called, "role": role, "subject": subject, "created": now, "seen": now}
        row |= {"invitation": invitation, "places": places, "came_from": came_from if places > 1 else ""}
        connection.execute(sa.insert(people), row)
        if places > 1:
            joining.mark(connection, invitation, came_from, now)
        return own

    def of_subject(
        self,
        subject: str,
        name: str,
        role: Role | None,
        otherwise: Role,
        gained: Callable[[Person], None] = lambda _: None,
    ) -> Person:
        """Find who a provider or a proxy names, added where there is nobody yet.

        Parameters
        ----------
        subject : str
            What the provider or proxy knows them by, with what makes it its own.
        name : str
        role : Role or None
            What it says that they are; None where it says nothing.
        otherwise : Role
            What somebody new is then.
        gained : callable
            Given who is new, or has another role since.
        """
        mine = sa.select(people).where(people.c.subject == subject)
        now = self._open().now()
        row = next(iter(self._open().rows(mine)), None)
        if row is None or (role is not None and role != row.role) or row.seen < now - SEEN_EVERY:
            with self._open().writing(alone=True) as connection:
                was = connection.execute(mine).first()
                if was is None:
                    self.add(connection, _shortened(name) or _shortened(subject), role or otherwise, subject)
                row = connection.execute(mine).one()
                values: dict[str, str | float] = {"seen": now}
                if role is not None and role != row.role:
                    self._check_last(connection, row.id, role)
                    self._end_links(connection, row.id, role)
                    values["role"] = role
                connection.execute(sa.update(people).where(people.c.id == row.id).values(**values))
                row = connection.execute(mine).one()
            if was is None or was.role != row.role:
                gained(_person(row))
        return _person(row)

    def change(self, person_id: str, *, role: str | None = None, name: str | None = None) -> Person:
        """Give somebody another role or name; it holds from their next request on.

        Raises
        ------
        mirage.errors.NotFound
        mirage.errors.BadInput
            When there is no such role, they are the last owner, or the name is too like that of who may do more.
        """
        if role is not None and role not in ROLES:
            raise BadInput(_("There is no such role. There are: %(roles)s.", roles=", ".join(ROLES)))
        values = {
            key: value for key, value in (("role", role), ("name", name_of(name) if name is not None else None)) if value
        }
        was = self.get(person_id)
        with self._open().writing(alone=True) as connection:
            if role is not None:
                self._check_last(connection, person_id, role)
                self._end_links(connection, person_id, role)
            if name is not None and values["name"] != was.name:
                self._check_namesake(connection, values["name"], role or was.role)
            if values:
                connection.execute(sa.update(people).where(people.c.id == person_id).values(**values))
        return self.get(person_id)

    def remove(self, person_id: str) -> Person:
        """Remove somebody with all sessions; what they kept is removed by who opens it.

        Raises
        ------
        mirage.errors.NotFound
        mirage.errors.BadInput
            When they are the last owner.
        """
        known = self.get(person_id)
        with self._open().writing(alone=True) as connection:
            self._check_last(connection, person_id, "")
            self._end_links(connection, person_id, "")
            for table in (sessions, invitations):
                connection.execute(sa.delete(table).where(table.c.person == person_id))
            connection.execute(sa.delete(people).where(people.c.id == person_id))
            put(
                connection, counts, {"person": person_id, "what": GONE, "since": self._open().now(connection), "amount": 0.0}
            )
        return known

    def gone(self) -> Sequence[str]:
        """Ids of those who were removed within two days: what a server still did for one of them may have left something."""
        return [row.person for row in self._open().rows(sa.select(counts.c.person).where(counts.c.what == GONE))]

    def _check_namesake(self, connection: sa.Connection, name: str, role: str) -> None:
        above = ROLES[ROLES.index(_role(role)) + 1 :]
        names = connection.execute(sa.select(people.c.name).where(people.c.role.in_(above))).scalars()
        if namesake(name, names):
            raise BadInput(
                _("Somebody who teaches here or owns the site is called so, or nearly so. Give a name that tells you apart.")
            )

    def _check_last(self, connection: sa.Connection, person_id: str, role: str) -> None:
        owners = list(connection.execute(sa.select(people.c.id).where(people.c.role == OWNER)).scalars())
        if role != OWNER and owners == [person_id]:
            raise BadInput(_("That is the last owner, who stays one. Make somebody else an owner first."))

    def _end_links(self, connection: sa.Connection, person_id: str, role: str) -> None:
        """Let nobody in any more by links that who owns no more may have kept, nor make owners by those of a former name."""
        was = connection.execute(sa.select(people).where(people.c.id == person_id)).first()
        if was is None or was.role != OWNER or role == OWNER:
            return
        # Of links that were made before it was written down who made them, the name is all that is known.
        theirs = (invitations.c.maker == was.id) | (invitations.c.maker == "") & (invitations.c.made_by == was.name)
        theirs |= invitations.c.role == OWNER
        ended = sa.update(invitations).where(theirs & (invitations.c.ended == 0)).values(ended=self._open().now(connection))
        connection.execute(ended)


def _check_there(connection: sa.Connection, there: sa.Table, person_id: str) -> None:
    if connection.execute(sa.select(there.c.id).where(there.c.id == person_id)).first() is None:
        raise NotFound(_("That account was deleted, with all that it kept."))


def name_of(given: str) -> str:
    """A name as it is kept.

    Raises
    ------
    mirage.errors.BadInput
        When it is empty, too long, or has characters that cannot be seen.
    """
    name = " ".join(given.split())
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise BadInput(_("Give a name of at most %(most)s characters, as others shall see it.", most=MOST_NAME))
    return name


def _shortened(name: str) -> str:
    return "".join(each for each in " ".join(name.split()) if each.isprintable())[:MOST_NAME].strip()


def _person(row: sa.Row[tuple[object, ...]], count: int = 0) -> Person:
    return Person(row.id, row.name, _role(row.role), row.created, row.seen, count, row.subject or "", row.came_with)


def _role(kept: str) -> Role:
    assert kept in get_args(Role)
    return kept  # type: ignore[return-value]
