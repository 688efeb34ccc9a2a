"""A rating: what somebody thinks of one item, why, and where in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirage.errors import BadInput, first_fault
from mirage.query import shown, tidy
from mirage.study.kept import note_of
from mirage.wording import _

Word = Literal["misleading", "accurate", "helpful"]
WORDS: tuple[Word, ...] = get_args(Word)
"""From the worst to the best."""
MEANS: dict[Word, str] = {
    "helpful": "right, and I would show it to somebody who learns this",
    "accurate": "right, but it helps little to learn this",
    "misleading": "somebody who learns this from it would learn something wrong",
}
MOST_NAME, MOST_PLACE = 100, 500  # characters
_PERSON = "P:"
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who rates.

    Attributes
    ----------
    name : str
    person : str
        Id of who has signed in to a shared site; empty where a name is all that is known of somebody.
    """

    name: str
    person: str = ""

    @classmethod
    def of(cls, given: str | Reviewer) -> Reviewer:
        """A reviewer, by a name that is checked as `name_of` does, or as given."""
        return given if isinstance(given, Reviewer) else cls(name_of(given))

    @classmethod
    def kept(cls, key: str, name: str) -> Reviewer:
        """The one whom a rating that is kept is of, by its `key` and the name beside it."""
        return cls(name, key.removeprefix(_PERSON) if key.startswith(_PERSON) else "")

    @property
    def key(self) -> str:
        """What tells them from all others: no name in small letters is what a person has."""
        return f"{_PERSON}{self.person}" if self.person else self.name.casefold()


class Region(BaseModel):
    """A rectangle in a picture.

    Attributes
    ----------
    picture : int
        Which of the item's pictures, from 0.
    left, top, width, height : float
        Shares of the picture's width and height.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    picture: int = Field(0, ge=0, le=9)
    left: _Share
    top: _Share
    width: _Share
    height: _Share


class Place(BaseModel):
    """Where in an item: words of it, a region of a picture, both or neither."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: str = Field(default="", max_length=MOST_PLACE)
    region: Region | None = None


class Rating(BaseModel):
    """What one reviewer thinks of one item.

    Attributes
    ----------
    item : str
        Its id.
    rating : {"misleading", "accurate", "helpful"} or empty
        Empty where there is only a comment.
    comment : str
    place : Place
    rated : float
        When; seconds since 1970.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str = Field(max_length=64)
    rating: Word | Literal[""] = ""
    comment: str = Field("", max_length=10_000)
    place: Place = Place(words="")
    rated: float = Field(0.0, ge=0, le=1e11, allow_inf_nan=False)

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.rating or self.comment or self.place.words or self.place.region)


def rating_of(item: str, rating: str, comment: str, words: str, region: str, rated: float) -> Rating:
    """A rating as a form or a program gives it.

    Parameters
    ----------
    item, rating, comment, words : str
    region : str
        ``picture left top width height``, the last four in percent; empty for none.
    rated : float

    Raises
    ------
    mirage.errors.BadInput
        When a part of it cannot be.
    """
    if rating and rating not in WORDS:
        raise BadInput(_("%(rating)s is no rating. Choose %(list)s.", rating=shown(rating), list=", ".join(reversed(WORDS))))
    try:
        place = Place(words=tidy(words), region=_region(region))
        return Rating(item=item, rating=rating, comment=note_of(comment), place=place, rated=rated)
    except ValidationError as error:
        raise BadInput(_("The rating cannot be kept: %(error)s.", error=first_fault(error))) from error


def _region(given: str) -> Region | None:
    parts = given.split()
    if not parts:
        return None
    try:
        numbers = [float(part) for part in parts]
        picture, left, top, width, height = numbers
        if not all(map(math.isfinite, numbers)) or picture != int(picture):
            raise ValueError
    except ValueError:
        raise BadInput(
            _(
                "%(given)s is no region of a picture. Give four numbers in percent: left, top, width, height.",
                given=shown(given),
            )
        ) from None
    if not (width > 0 and height > 0):
        return None
    left, top = (min(max(each, 0.0), 100.0) for each in (left, top))
    width, height = min(width, 100 - left), min(height, 100 - top)
    return Region(picture=int(picture), left=left / 100, top=top / 100, width=width / 100, height=height / 100)


def name_of(given: str) -> str:
    """A reviewer's name as it is kept.

    Raises
    ------
    mirage.errors.BadInput
        When it is empty or too long.
    """
    name = tidy(given)
    if not name:
        raise BadInput(_("Who rates? Give a name, so that your ratings can be told from those of others."))
    if len(name) > MOST_NAME:
        raise BadInput(
            _(
                "The name has %(name)s characters; %(most_name)s is the most. Shorten it.",
                name=format(len(name), ","),
                most_name=MOST_NAME,
            )
        )
    return name
