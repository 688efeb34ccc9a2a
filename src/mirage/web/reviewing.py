"""Whose a rating is, and who may end a review: where people sign in, each rates as nobody else."""

from __future__ import annotations

from contextlib import suppress

from mirage.errors import NotFound
from mirage.people.roles import OWNER
from mirage.people.visitor import tell, visitor, written
from mirage.study.reviews.files import by_name
from mirage.study.reviews.ratings import Reviewer
from mirage.study.reviews.reviews import Review
from mirage.web.rights import RefusedError
from mirage.web.site import RunningSite
from mirage.wording import N_, _


def own() -> Reviewer | None:
    """Who has signed in, whose ratings are theirs alone; None where nobody does, and a name is all that is known."""
    who = visitor()
    return Reviewer(who.name, who.id) if who.id else None


def called(site: RunningSite, review_id: str, name: str) -> Reviewer:
    """Whom a name means: who has signed in where it is theirs, else who rated by it, else who is known by it alone."""
    mine, given = own(), Reviewer.of(name)
    if mine and mine.name.casefold() == given.name.casefold():
        return mine
    return by_name(site.reviews, review_id).get(given.name.casefold(), given)


def rater(named: str) -> Reviewer:
    """Who rates: who has signed in, whatever they are called, else whoever the name says."""
    return own() or Reviewer.of(named)


def _check_ends(site: RunningSite, review_id: str) -> None:
    """Let who owns the site close, delete and restore a review, and others one that nobody but they have rated.

    Raises
    ------
    RefusedError
    """
    mine = own()
    if visitor().role != OWNER and site.reviews.raters(review_id) - {mine.key if mine else ""}:
        raise RefusedError(
            _("Others have rated this review, so an owner of this site closes, deletes and restores it. Ask one of them.")
        )


def close(site: RunningSite, review_id: str) -> Review:
    """End the rating of a review for good, and write down that it was done."""
    _check_ends(site, review_id)
    was_closed, found = site.reviews.get(review_id).closed, site.reviews.close(review_id)
    if was_closed:
        written()
    else:
        tell(found.query, N_("Close a review"))
    return found


def delete(site: RunningSite, review_id: str) -> None:
    """Delete a review, and write down that it was done."""
    _check_ends(site, review_id)
    query = site.reviews.get(review_id).query
    site.reviews.delete(review_id)
    tell(query, N_("Delete a review"))


def restore(site: RunningSite, review_id: str) -> Review:
    """Give a deleted review back, and write down that it was done."""
    _check_ends(site, review_id)
    with suppress(NotFound):  # it is there
        there = site.reviews.get(review_id)
        written()
        return there
    found = site.reviews.restore(review_id)
    tell(found.query, N_("Restore a review"))
    return found
