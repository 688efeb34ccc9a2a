"""What a failure of a database means, in words for who has to act on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from mirage.errors import AtlasError, Busy, MirageError, Unavailable
from mirage.storage.engines import Pool
from mirage.wording import N_, _

_UNTOUCHED = N_("What was stored before is there.")
# How codes of PostgreSQL (SQLSTATE) begin, and what they mean; the first that fits.
_MEANINGS: tuple[tuple[tuple[str, ...], type[MirageError], str], ...] = (
    (
        ("53100",),
        Unavailable,
        f"has no room left on its disk, so this step was not stored. {_UNTOUCHED} Make room there.",
    ),
    (("53300",), Busy, "takes no more connections. Try again in a moment, or let it take more (max_connections)."),
    (("53",), Unavailable, f"has no more room to work ({{reason}}). {_UNTOUCHED} Try again later."),
    (
        ("25006",),
        AtlasError,
        "is read-only (a replica, or set so). Give the address of the one that is written to.",
    ),
    (
        ("42501",),
        AtlasError,
        "does not let this user do that ({reason}). Grant it the right to make schemas there.",
    ),
    (
        ("57014",),
        Unavailable,
        f"took too long over the {{what}} and was stopped. {_UNTOUCHED} Try again when it has less to do.",
    ),
    (("55P03",), Unavailable, f"is busy with another change of the {{what}}. {_UNTOUCHED} Try again in a minute."),
    (("57P", "08", "25P03"), Unavailable, f"ended the connection ({{reason}}). {_UNTOUCHED} Try again when it runs."),
    (("40",), Busy, f"was asked for two changes that stand in each other's way. {_UNTOUCHED} Try again."),
    (("42", "3F", "XX"), AtlasError, "has other tables than those of the {what}, or damaged ones ({reason}). Restore them."),
)


@dataclass(frozen=True, slots=True)
class Failures:
    """What messages say of a database.

    Attributes
    ----------
    what : str
        What is in it: "records".
    restore : str
        What to do when it is damaged, as a sentence.
    server : str
        Host and name of the PostgreSQL database; empty for a file.
    """

    what: str
    restore: str
    server: str = ""

    @classmethod
    def of(cls, pool: Pool, what: str, restore: str) -> Failures:
        """What messages say of the database that connections lead to.

        Parameters
        ----------
        pool : mirage.storage.engines.Pool
        what, restore : str
        """
        url = pool.engine.url
        return cls(what, restore, f"{url.query.get('host') or url.host or 'here'}/{url.database}" if pool.on_server else "")

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say what an error of the database's driver means.

        Raises
        ------
        mirage.errors.AtlasError, mirage.errors.Unavailable, mirage.errors.Busy
        """
        try:
            yield
        except (sa.exc.DatabaseError, sa.exc.InterfaceError, sa.exc.TimeoutError, sqlite3.DatabaseError) as error:
            raise (self._of_server(error) if self.server else self._of_file(error)) from error

    def _of_file(self, error: Exception) -> MirageError:
        reason = str(getattr(error, "orig", error))
        if not isinstance(error, (sa.exc.OperationalError, sqlite3.OperationalError)):
            return AtlasError(
                _(
                    "The atlas's %(what)s are damaged (%(reason)s). %(restore)s",
                    what=self.what,
                    reason=reason,
                    restore=self.restore,
                )
            )
        if "full" in reason:
            what = "the last step was not stored, everything before it is"
            return Unavailable(_("The disk is full; %(what)s. Make room and run it again.", what=what))
        if "disk I/O" in reason:  # which SQLite says, too, where the file beside the records has no room to grow
            what = f"The atlas's {self.what} cannot be read or written"
            return Unavailable(
                _(
                    "%(what)s: the disk is full, or broken (%(reason)s). Make room and run it again.",
                    what=what,
                    reason=reason,
                )
            )
        if "readonly" in reason:
            return AtlasError(
                _("The atlas cannot be written to (%(reason)s). Check the folder's permissions.", reason=reason)
            )
        return AtlasError(_("The atlas's %(what)s could not be used: %(reason)s.", what=self.what, reason=reason))

    def _of_server(self, error: Exception) -> MirageError:
        if isinstance(error, sa.exc.TimeoutError):
            return Busy(
                _(
                    "All connections to the PostgreSQL server %(server)s are in use. Try again in a moment.",
                    server=self.server,
                )
            )
        cause = getattr(error, "orig", None) or error
        state = str(getattr(cause, "sqlstate", None) or "")
        reason = " ".join(str(cause).split())[:300]
        where = f"The PostgreSQL server {self.server}"
        for begins, kind, said in _MEANINGS:
            if state and state.startswith(begins):
                return kind(f"{where} {said.format(what=self.what, reason=reason)}")
        if not state:
            return self._unreached(where, reason)
        return AtlasError(
            _(
                "%(where)s could not do what was asked of the %(what)s (%(reason)s). %(UNTOUCHED)s",
                where=where,
                what=self.what,
                reason=reason,
                UNTOUCHED=_(_UNTOUCHED),
            )
        )

    def _unreached(self, where: str, reason: str) -> MirageError:
        said = reason.casefold()
        if "password" in said or "authentication failed" in said or "pg_hba.conf" in said:
            return AtlasError(
                _(
                    "%(where)s did not let MIRAGE in (%(reason)s). Give the password as PGPASSWORD, in "
                    "~/.pgpass or in a service file, and see that the server admits this user from this "
                    "machine.",
                    where=where,
                    reason=reason,
                )
            )
        if "does not exist" in said:
            return AtlasError(
                _(
                    "%(where)s has no such database or user (%(reason)s). Make it, or correct the address.",
                    where=where,
                    reason=reason,
                )
            )
        return Unavailable(
            _(
                "%(where)s does not answer (%(reason)s). See that it runs and is reached from here; then try again.",
                where=where,
                reason=reason,
            )
        )
