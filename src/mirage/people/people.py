"""The facade over who may use a shared atlas."""

from __future__ import annotations

import secrets
import threading

import sqlalchemy as sa

from mirage.people.auditing import AuditLog
from mirage.people.invitations import Invitations
from mirage.people.joining import forget_addresses
from mirage.people.limits import DAY, PersonLimits
from mirage.people.persons import Persons
from mirage.people.records import SCHEMA, audit, counts, invitations, keys, people, sessions
from mirage.people.sessions import Sessions
from mirage.storage.database import Database
from mirage.storage.databases import PEOPLE, Databases

_TIDY_EVERY = 3_600.0  # seconds


class People:
    """Who may use an atlas, in the database ``people``, which is made when it is first needed.

    Parameters
    ----------
    databases : mirage.storage.databases.Databases
        Of the atlas.

    Attributes
    ----------
    persons : mirage.people.persons.Persons
    invitations : mirage.people.invitations.Invitations
    sessions : mirage.people.sessions.Sessions
    audit : mirage.people.auditing.AuditLog
    limits : mirage.people.limits.PersonLimits
    """

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._opened: Database | None = None
        self._lock = threading.Lock()
        self._tidied = 0.0
        self._keys: dict[str, str] = {}
        self.persons = Persons(self._database)
        self.invitations = Invitations(self._database, lambda: self.key("server")[:8], self.persons)
        self.sessions = Sessions(self._database)
        self.audit = AuditLog(self._database)
        self.limits = PersonLimits(self._database)

    @property
    def there(self) -> bool:
        """Whether anybody was ever invited."""
        return self._opened is not None or self._databases.there(PEOPLE)

    def _database(self) -> Database:
        with self._lock:
            if self._opened is None:
                self._opened = self._databases.open(PEOPLE, SCHEMA, upgraded=True)
            return self._opened

    def now(self) -> float:
        """Seconds since the epoch, by the one clock of all servers of this site."""
        return self._database().now()

    def key(self, name: str) -> str:
        """A secret of this server, 64 hexadecimal digits, made when it is first asked for.

        Parameters
        ----------
        name : str
            What it is for.
        """
        if name not in self._keys:
            with self._database().writing(alone=True) as connection:
                wanted = sa.select(keys.c.value).where(keys.c.name == name)
                found = connection.execute(wanted).scalar()
                if found is None:
                    found = secrets.token_hex(32)
                    connection.execute(sa.insert(keys), {"name": name, "value": found})
            self._keys[name] = found
        return self._keys[name]

    def tidy(self, session_days: float, audit_days: float, *, always: bool = False) -> None:
        """Delete what is kept no longer: once an hour, however often it is called.

        Parameters
        ----------
        session_days : float
            How long a session holds that is not used.
        audit_days : float
            How long is kept what was done, and invitations that let nobody in any more.
        always : bool
            Now, whenever it was done last.
        """
        now = self._database().now()
        with self._lock:
            if not always and now - self._tidied < _TIDY_EVERY:
                return
            self._tidied = now
        late = now - audit_days * DAY
        with self._database().writing() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.seen < now - session_days * DAY))
            connection.execute(sa.delete(audit).where(audit.c.when < late))
            over = (invitations.c.until < late) | ((invitations.c.ended > 0) & (invitations.c.ended < late))
            connection.execute(sa.delete(invitations).where(over))
            forget_addresses(connection, now)
            connection.execute(sa.delete(counts).where(counts.c.since < now - 2 * DAY))
            there = sa.select(people.c.id)
            connection.execute(
                sa.delete(invitations).where((invitations.c.person != "") & invitations.c.person.not_in(there))
            )

    def close(self) -> None:
        """Let go of all connections."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None
