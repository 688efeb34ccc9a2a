"""Each route says what right it wants, of those in `mirage.people.roles`; who has it not is told so."""

from __future__ import annotations

from typing import Any

from fastapi import Depends

from mirage.errors import MirageError
from mirage.people.roles import CAPABILITIES, NOBODY, ROLE_WORDS, Right, may
from mirage.people.visitor import visitor
from mirage.wording import N_, _

SIGN_IN = N_("Sign in first: open the link of your invitation, or ask whoever runs this site for one.")


class RefusedError(MirageError):
    """A request that did not come from this site, does not show its token, or wants what its person may not do."""

    status = 403


class NotSignedInError(MirageError):
    """A request of nobody, to a site whose people sign in."""

    status = 401


class Wants:
    """Lets a request pass whose person has a right.

    Parameters
    ----------
    right : Right
    """

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(self) -> None:
        """Check who asks.

        Raises
        ------
        NotSignedInError, RefusedError
        """
        who = visitor()
        if may(who.role, self.right):
            return
        if who.role == NOBODY:
            raise NotSignedInError(_(SIGN_IN))
        who_may = ", ".join(ROLE_WORDS[role] for role in CAPABILITIES[self.right].roles)
        raise RefusedError(
            _("Your role here is %(role)s, which may not do that. Who may: %(who)s.", role=ROLE_WORDS[who.role], who=who_may)
        )


def wants(right: Right) -> Any:
    """Declare that a route, or all of a router, wants a right; of several, all are wanted.

    Parameters
    ----------
    right : Right
    """
    return Depends(Wants(right))
