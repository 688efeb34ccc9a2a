"""What a failure of a database means, in words for who has to act on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from mirage.errors import AtlasError, Busy, MirageError, Unavailable
from mirage.storage.engines import Pool
from mirage.wording import N_, _, looked_up

_UNTOUCHED = N_("What was stored before is there.")
# How codes of PostgreSQL (SQLSTATE) begin, and what they mean; the first that fits.
_MEANINGS: tuple[tuple[tuple[str, ...], type[MirageError], str], ...] = (
    (
        ("53100",),
        Unavailable,
        N_("%(where)s has no room left on its disk, so this step was not stored. %(untouched)s Make room there."),
    ),
    (
        ("53300",),
        Busy,
        N_("%(where)s takes no more connections. Try again in a moment, or let it take more (max_connections)."),
    ),
    (("53",), Unavailable, N_("%(where)s has no more room to work (%(reason)s). %(untouched)s Try again later.")),
    (
        ("25006",),
        AtlasError,
        N_("%(where)s is read-only (a replica, or set so). Give the address of the one that is written to."),
    ),
    (
        ("42501",),
        AtlasError,
        N_("%(where)s does not let this user do that (%(reason)s). Grant it the right to make schemas there."),
    ),
    (
        ("57014",),
        Unavailable,
        N_("%(where)s took too long over the %(what)s and was stopped. %(untouched)s Try again when it has less to do."),
    ),
    (
        ("55P03",),
        Unavailable,
        N_("%(where)s is busy with another change of the %(what)s. %(untouched)s Try again in a minute."),
    ),
    (
        ("57P", "08", "25P03"),
        Unavailable,
        N_("%(where)s ended the connection (%(reason)s). %(untouched)s Try again when it runs."),
    ),
    (
        ("40",),
        Busy,
        N_("%(where)s was asked for two changes that stand in each other's way. %(untouched)s Try again."),
    ),
    (
        ("42", "3F", "XX"),
        AtlasError,
        N_("%(where)s has other tables than those of the %(what)s, or damaged ones (%(reason)s). Restore them."),
    ),
)


@dataclass(frozen=True, slots=True)
class Failures:
    """What messages say of a database.

    Attributes
    ----------
    what : str
        What is in it: "records"; marked for the catalogue, as what follows.
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
                    what=looked_up(self.what),
                    reason=reason,
                    restore=looked_up(self.restore),
                )
            )
        if "full" in reason:
            what = _("the last step was not stored, everything before it is")
            return Unavailable(_("The disk is full; %(what)s. Make room and run it again.", what=what))
        if "disk I/O" in reason:  # which SQLite says, too, where the file beside the records has no room to grow
            what = _("The atlas's %(what)s cannot be read or written", what=looked_up(self.what))
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
        return AtlasError(_("The atlas's %(what)s could not be used: %(reason)s.", what=looked_up(self.what), reason=reason))

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
        where, what = _("The PostgreSQL server %(server)s", server=self.server), looked_up(self.what)
        for begins, kind, said in _MEANINGS:
            if state and state.startswith(begins):
                return kind(_(said, where=where, what=what, reason=reason, untouched=_(_UNTOUCHED)))
        if not state:
            return self._unreached(where, reason)
        return AtlasError(
            _(
                "%(where)s could not do what was asked of the %(what)s (%(reason)s). %(UNTOUCHED)s",
                where=where,
                what=looked_up(self.what),
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
