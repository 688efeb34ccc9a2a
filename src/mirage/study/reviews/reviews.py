"""Reviews by educators: a condition's items, rated blind to which way of searching found them and how far up.

As long as a review is open nobody gets to see what its items' keys say: no page, no file, no answer of the API. `close` ends
the rating for good; then the results tell the arms apart.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from mirage import locales
from mirage.errors import BadInput, MirageError, NotFound
from mirage.query import Query, shown
from mirage.storage.database import Database, put
from mirage.study.records import ratings, review_items, reviews
from mirage.study.reviews import protocol as reviews_protocol
from mirage.study.reviews.hidden import Hidden
from mirage.study.reviews.pool import Key, PoolContent, ReviewItem, Searched, collect
from mirage.study.reviews.ratings import Place, Rating, Reviewer
from mirage.wording import N_, _, ngettext

_UNDO = 24 * 3600.0  # seconds for which a review that was deleted can be had back


class Closed(MirageError):
    """A review that is closed: its arms may have been seen, so nobody rates blind any more."""

    status = 409
    title = N_("This review is closed")


@dataclass(frozen=True, slots=True)
class Review:
    """A review, without its items.

    Attributes
    ----------
    id : str
    query, versus : str
        The condition as it was asked, and what it was compared with.
    protocol : str
        Hash of the protocol that it was begun under.
    digest : str
        Hash of the protocol's and of all that is shown: ratings with another one are of another review.
    created : float
        Seconds since 1970.
    closed : float or None
    items : int
    raters : int
        How many have rated something of it.
    """

    id: str
    query: str
    versus: str
    protocol: str
    digest: str
    created: float
    closed: float | None
    items: int
    raters: int


@dataclass(frozen=True, slots=True)
class Rated:
    """A rating with who gave it."""

    reviewer: str
    name: str
    rating: Rating


class Reviews:
    """The reviews beside one atlas.

    Parameters
    ----------
    database : callable
        Gives the database, made where there is none if it is told so; None where there is none.

    Attributes
    ----------
    hidden : mirage.study.reviews.hidden.Hidden
        Figures that are hidden from learners.

    Examples
    --------
    >>> with Atlas.open() as atlas:  # doctest: +SKIP
    ...     review = atlas.study.reviews.begin(atlas, "acute appendicitis")
    ...     for item in atlas.study.reviews.items(review.id, reviewer="Dr Example"):
    ...         print(item.kind, item.content.text)
    """

    def __init__(self, database: Callable[[bool], Database | None]) -> None:
        self._open = database
        self.hidden = Hidden(database)

    def _made(self) -> Database:
        database = self._open(True)
        assert database is not None
        return database

    # -- reviews --------------------------------------------------------------------------------------------------------

    def list(self) -> list[Review]:
        """All reviews, by condition."""
        database = self._open(False)
        if database is None:
            return []
        return sorted((_review(row) for row in database.rows(_reviews())), key=lambda each: each.query.casefold())

    def get(self, review_id: str) -> Review:
        """One review; `mirage.errors.NotFound` where it is not there."""
        database = self._open(False)
        found = database.rows(_reviews().where(reviews.c.id == review_id)) if database is not None else []
        if not found:
            raise NotFound(_("There is no review %(review_id)s.", review_id=shown(review_id)))
        return _review(found[0])

    def begin(self, atlas: Searched, query: str, versus: str | None = None) -> Review:
        """Begin to review a condition, or go on with the review of it that there is.

        Parameters
        ----------
        atlas : Searched
            What is reviewed.
        query : str
        versus : str, optional
            What it is compared with; what the protocol says when left out.

        Raises
        ------
        mirage.errors.BadInput
            When nothing in the atlas fits.
        mirage.errors.BadQuery
        """
        protocol = reviews_protocol.shipped()
        planned = protocol.condition(Query.of(query).text)
        query = planned.query if planned else Query.of(query).text
        versus = (planned.versus if planned else "") if versus is None else versus
        same = [each for each in self.list() if each.query.casefold() == query.casefold()]
        if same:
            return same[0]
        found = collect(atlas, query, versus, protocol.items)
        shown_of = [(each.id, each.kind, each.content.model_dump(mode="json")) for each in found]
        told = json.dumps([protocol.hash, query, versus, shown_of], ensure_ascii=False, sort_keys=True)
        own = secrets.token_hex(8)
        values = {"id": own, "query": query, "versus": versus, "protocol": protocol.hash, "created": time.time()}
        values["digest"] = hashlib.sha256(told.encode()).hexdigest()
        rows = [
            {
                "id": each.id,
                "review": own,
                "kind": each.kind,
                "content": each.content.model_dump_json(),
                "key": each.key.model_dump_json(),
            }
            for each in found
        ]
        with self._made().writing(alone=True) as connection:
            connection.execute(sa.insert(reviews).values(values))
            connection.execute(sa.insert(review_items), rows)
        return self.get(own)

    def close(self, review_id: str) -> Review:
        """End the rating of a review for good; then its results tell the arms apart."""
        self.get(review_id)
        with self._made().writing(alone=True) as connection:
            open_one = (reviews.c.id == review_id) & reviews.c.closed.is_(None)
            connection.execute(sa.update(reviews).where(open_one).values(closed=time.time()))
        return self.get(review_id)

    def delete(self, review_id: str) -> None:
        """Delete a review with its ratings; `restore` gives it back for a day."""
        self.get(review_id)
        with self._made().writing(alone=True) as connection:
            connection.execute(sa.update(reviews).where(reviews.c.id == review_id).values(deleted=time.time()))
            connection.execute(sa.delete(reviews).where(reviews.c.deleted < time.time() - _UNDO))

    def restore(self, review_id: str) -> Review:
        """Give back a review that was deleted within the last day; `mirage.errors.NotFound` where it cannot be."""
        with self._made().writing(alone=True) as connection:
            gone = (reviews.c.id == review_id) & reviews.c.deleted.is_not(None)
            connection.execute(sa.update(reviews).where(gone).values(deleted=None))
        return self.get(review_id)

    # -- items, blind ---------------------------------------------------------------------------------------------------

    def items(self, review_id: str, reviewer: str | Reviewer = "") -> Sequence[ReviewItem]:
        """What is to be rated, without its keys, in an order of the reviewer's own.

        Parameters
        ----------
        review_id : str
        reviewer : str or Reviewer
            The same one gets the same order, and every other one another.
        """
        found = [replace_key(each) for each in self.keyed(review_id)]
        seed = Reviewer.of(reviewer).key if reviewer else ""
        return sorted(found, key=lambda item: hashlib.sha256(f"{seed} {item.id}".encode()).digest())

    def item(self, review_id: str, item_id: str) -> ReviewItem:
        """One item of a review without its key; `mirage.errors.NotFound` where it is not there."""
        database = self._open(False)
        mine = (review_items.c.id == item_id) & (review_items.c.review == review_id)
        asked = sa.select(review_items).join(reviews).where(mine, reviews.c.deleted.is_(None))
        found = database.rows(asked) if database is not None else []
        if not found:
            raise NotFound(_("There is no item %(item_id)s to rate.", item_id=shown(item_id)))
        return replace_key(_item(found[0]))

    def keyed(self, review_id: str) -> Sequence[ReviewItem]:
        """The items with their keys, by id. Nothing that somebody who rates may see is made of it."""
        self.get(review_id)
        asked = sa.select(review_items).where(review_items.c.review == review_id).order_by(review_items.c.id)
        return [_item(row) for row in self._made().rows(asked)]

    # -- ratings --------------------------------------------------------------------------------------------------------

    def rate(self, review_id: str, reviewer: str | Reviewer, rating: Rating) -> None:
        """Rate an item, or change the rating; one that says nothing takes it back.

        Parameters
        ----------
        review_id : str
        reviewer : str or Reviewer
        rating : Rating

        Raises
        ------
        mirage.errors.BadInput, mirage.errors.NotFound, Closed
        """
        self.take(review_id, [(Reviewer.of(reviewer), [rating])], now=True)

    def take(
        self, review_id: str, given: Sequence[tuple[Reviewer, Sequence[Rating]]], *, now: bool = False
    ) -> tuple[int, int, int]:
        """Take ratings, all or none; of two of one item by one reviewer the later one stays.

        Parameters
        ----------
        review_id : str
        given : sequence of (Reviewer, sequence of Rating)
        now : bool
            Whether they are given just now: each takes the place of what was there, and one that says nothing takes it back.

        Returns
        -------
        new, changed, same : int
            How many were not there, took the place of an earlier one, or were there already.

        Raises
        ------
        mirage.errors.NotFound
            When the review, or an item of it, is not there.
        mirage.errors.BadInput
            When a region is of a picture that its item does not have.
        Closed
        """
        review = self.get(review_id)
        pictures = {item.id: len(item.content.pictures) for item in self.keyed(review_id)}
        new = changed = same = 0
        with self._made().writing(alone=True) as connection:
            if connection.execute(sa.select(reviews.c.closed).where(reviews.c.id == review_id)).scalar() is not None:
                raise Closed(
                    _(
                        "The review of %(query)s is closed: which way of searching found what may have been "
                        "seen, so ratings that come now would not be blind. Nothing was changed.",
                        query=shown(review.query),
                    )
                )
            for by, each in ((by, rating) for by, mine in given for rating in mine):
                if each.item not in pictures:
                    raise NotFound(
                        _(
                            "The review of %(query)s has no item %(item)s. Nothing was changed.",
                            query=shown(review.query),
                            item=shown(each.item),
                        )
                    )
                if each.place.region and each.place.region.picture >= pictures[each.item]:
                    raise BadInput(
                        _(
                            "The item %(item)s has no picture %(number)s to mark a region in. Nothing was changed.",
                            item=shown(each.item),
                            number=each.place.region.picture,
                        )
                    )
                mine = (ratings.c.item == each.item) & (ratings.c.reviewer == by.key)
                before = connection.execute(sa.select(ratings).where(mine)).first()
                if each.empty:
                    if now and before is not None:
                        connection.execute(sa.delete(ratings).where(mine))
                    continue
                when = each.rated
                if before is not None and before.rated >= when:
                    if not now:
                        same += 1
                        continue
                    when = before.rated + 0.001  # a clock that was set back loses nothing that is rated here
                new, changed = new + (before is None), changed + (before is not None)
                values = {"item": each.item, "reviewer": by.key, "name": by.name, "rating": each.rating}
                values |= {"comment": each.comment, "place": each.place.model_dump_json()}
                put(connection, ratings, {**values, "rated": when})
        return new, changed, same

    def rated(self, review_id: str, reviewer: str | Reviewer | None = None) -> Sequence[Rated]:
        """The ratings of a review, by item and name.

        Parameters
        ----------
        review_id : str
        reviewer : str or Reviewer, optional
            Those of this one only.
        """
        self.get(review_id)
        asked = sa.select(ratings).join(review_items).where(review_items.c.review == review_id)
        if reviewer is not None:
            asked = asked.where(ratings.c.reviewer == Reviewer.of(reviewer).key)
        found = self._made().rows(asked.order_by(ratings.c.item, ratings.c.reviewer))
        return [_rated(row) for row in found]

    def raters(self, review_id: str) -> set[str]:
        """Keys of those who have rated something of a review, of a deleted one too; see `Reviewer.key`."""
        database = self._open(False)
        asked = sa.select(ratings.c.reviewer).distinct().select_from(ratings.join(review_items))
        found = database.rows(asked.where(review_items.c.review == review_id)) if database is not None else []
        return {row.reviewer for row in found}

    def educators(self) -> int:
        """How many people have rated something, in all reviews that are there and in the ratings that ship."""
        database = self._open(False)
        if database is None:
            return len(shipped_reviewers())
        asked = sa.select(ratings.c.reviewer).distinct().select_from(ratings.join(review_items).join(reviews))
        found = database.rows(asked.where(reviews.c.deleted.is_(None), ratings.c.rating != ""))
        return len({row.reviewer for row in found} | shipped_reviewers())


def names_apart(given: Sequence[Rated]) -> dict[str, str]:
    """What to call each reviewer where several people have one name: the key of each to a name of its own."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    # The same names, whichever item is rated next: of one who has changed theirs the last.
    for each in sorted(given, key=lambda each: (each.reviewer, -each.rating.rated)):
        if each.reviewer not in names:
            name, number = each.name, 1
            while name.casefold() in taken:
                number += 1
                name = f"{each.name} ({number})"
            taken.add(name.casefold())
            names[each.reviewer] = name
    return names


def replace_key(item: ReviewItem) -> ReviewItem:
    """The same item without what is not shown of it."""
    return item.model_copy(update={"key": Key()})


@lru_cache(maxsize=1)
def shipped_reviewers() -> frozenset[str]:
    """Who rated something in the files of ratings that ship, in small letters; nobody until there are some."""
    read = (json.loads(path.read_text("utf-8")) for path in reviews_protocol.FOLDER.glob("*.mirage-ratings"))
    rated = (each for file in read for each in file["reviewers"] if any(one.get("rating") for one in each["ratings"]))
    return frozenset(each["name"].casefold() for each in rated)


def rated_by(number: int) -> str:
    """How many educators have rated what MIRAGE shows, in words."""
    return ngettext("rated by %(num)s educator", "rated by %(num)s educators", number, num=locales.number(number))


def _reviews() -> sa.Select[Any]:
    mine = review_items.c.review == reviews.c.id
    items = sa.select(sa.func.count()).select_from(review_items).where(mine).scalar_subquery()
    by = sa.select(sa.func.count(ratings.c.reviewer.distinct())).select_from(ratings.join(review_items)).where(mine)
    counted = (items.label("items"), by.scalar_subquery().label("raters"))
    return sa.select(reviews, *counted).where(reviews.c.deleted.is_(None))


def _review(row: Any) -> Review:
    return Review(row.id, row.query, row.versus, row.protocol, row.digest, row.created, row.closed, row.items, row.raters)


def _item(row: Any) -> ReviewItem:
    content, key = PoolContent.model_validate_json(row.content), Key.model_validate_json(row.key)
    return ReviewItem(id=row.id, kind=row.kind, content=content, key=key)


def _rated(row: Any) -> Rated:
    place = Place.model_validate_json(row.place)
    told = Rating(item=row.item, rating=row.rating, comment=row.comment, place=place, rated=row.rated)
    return Rated(row.reviewer, row.name, told)
