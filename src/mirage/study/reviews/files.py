"""Ratings as one file, which reviewers exchange: JSON with the hashes of the review and of the protocol that it is of.

Whoever wrote a file may have put anything into it: sizes and types are checked before anything is kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mirage.errors import BadInput, MirageError, first_fault
from mirage.query import tidy
from mirage.study.exchange import MOST_BYTES, headed, plain_name, read_head
from mirage.study.kept import note_of
from mirage.study.reviews.ratings import Place, Rating, Reviewer
from mirage.study.reviews.reviews import Review, Reviews, names_apart
from mirage.wording import _, ngettext

FORMAT = 1
LATEST = 1e10  # seconds since 1970; a rating that is changed here comes after the one that it replaces
ENDING = ".mirage-ratings"
_HASH = re.compile(r"[0-9a-f]{64}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Reviewer(_Strict):
    name: str = Field(max_length=1000)
    person: str = Field("", pattern=r"|[0-9a-f]{32}")  # of who has signed in: a digest that holds whatever their name is
    ratings: list[Rating] = Field(max_length=1000)


class _File(_Strict):
    format: int
    software: str = Field("", max_length=200)
    written: str = Field("", max_length=40)
    review: str = Field(pattern=_HASH.pattern)
    protocol: str = Field(pattern=_HASH.pattern)
    query: str = Field("", max_length=500)
    reviewers: list[_Reviewer] = Field(max_length=1000)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file of ratings brought.

    Attributes
    ----------
    review : Review
    names : tuple of str
        Of the reviewers in it.
    new, changed, same : int
        Ratings that were not there; that took the place of earlier ones; that were there, as late or later.
    """

    review: Review
    names: tuple[str, ...]
    new: int
    changed: int
    same: int

    @property
    def words(self) -> str:
        """The same in words."""
        total = self.new + self.changed + self.same
        if not total:
            return _(
                "%(names)s rated nothing in this file. Nothing was changed.", names=", ".join(self.names) or _("Nobody")
            )
        return ngettext(
            "%(num)s rating of %(query)s by %(names)s: %(new)s new, %(changed)s changed, %(same)s there already.",
            "%(num)s ratings of %(query)s by %(names)s: %(new)s new, %(changed)s changed, %(same)s there already.",
            total,
            query=self.review.query,
            names=", ".join(self.names),
            new=self.new,
            changed=self.changed,
            same=self.same,
        )


def printed(mine: Reviews, review_id: str, reviewer: str | Reviewer | None = None) -> bytes:
    """The ratings of a review as the bytes of a file.

    Parameters
    ----------
    mine : Reviews
    review_id : str
    reviewer : str or Reviewer, optional
        Those of this one only; they stand there even where they rated nothing.
    """
    review = mine.get(review_id)
    by: dict[str, dict[str, Any]] = {}
    names = names_apart(mine.rated(review_id))  # of one too: where others have the name, it is not theirs in a file either
    if reviewer is not None:
        one = Reviewer.of(reviewer)
        by[one.key] = _told(review, one, names.get(one.key, one.name))
    for each in mine.rated(review_id, reviewer):
        kept = Reviewer.kept(each.reviewer, each.name)
        mine_of = by.setdefault(each.reviewer, _told(review, kept, names[each.reviewer]))
        mine_of["ratings"].append(each.rating.model_dump(mode="json"))
    told = {
        **headed(FORMAT),
        "review": review.digest,
        "protocol": review.protocol,
        "query": review.query,
        "reviewers": list(by.values()),
    }
    return json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"


def _told(review: Review, one: Reviewer, name: str) -> dict[str, Any]:
    return {"name": name, **({"person": _digest(review, one)} if one.person else {}), "ratings": []}


def _digest(review: Review, one: Reviewer) -> str:
    """What tells a person apart in the files of a review, and in those of no other."""
    return hashlib.sha256(f"{review.digest} {one.key}".encode()).hexdigest()[:32]


class _Raters:
    """Who has rated a review here, and whom a file may mean.

    Parameters
    ----------
    mine : Reviews
    review : Review
    people : iterable of Reviewer
        Who may sign in here, whether or not they rated it.
    """

    def __init__(self, mine: Reviews, review: Review, people: Iterable[Reviewer]) -> None:
        rated = mine.rated(review.id)
        kept = {each.reviewer: Reviewer.kept(each.reviewer, each.name) for each in rated}
        self._named = by_name(mine, review.id)
        self._people = {_digest(review, one): one for one in (*people, *kept.values()) if one.person}
        self._earlier, self._given = dict[str, set[str]](), dict[tuple[str, float], set[str]]()
        for each in rated:
            self._earlier.setdefault(each.name.casefold(), set()).add(each.reviewer)
            self._given.setdefault((each.rating.item, each.rating.rated), set()).add(each.reviewer)
        self._kept = kept

    def meant(self, said: _Reviewer, given: Sequence[Rating]) -> Reviewer:
        """Whom a file means: by what tells a person apart, by a rating that is here, by a name of now or of before."""
        if one := self._people.get(said.person):
            return one
        same = Counter(key for each in given for key in self._given.get((each.item, each.rated), ()) if each.rated)
        if same and len(most := [key for key, number in same.items() if number == max(same.values())]) == 1:
            return self._kept[most[0]]
        named = Reviewer.of(said.name)
        earlier = self._earlier.get(named.key, set())
        return self._named.get(named.key) or (self._kept[next(iter(earlier))] if len(earlier) == 1 else named)


def by_name(mine: Reviews, review_id: str) -> dict[str, Reviewer]:
    """Who has rated a review, by the name that its files call them, in small letters.

    Parameters
    ----------
    mine : Reviews
    review_id : str
    """
    rated = mine.rated(review_id)
    kept = {each.reviewer: Reviewer.kept(each.reviewer, each.name) for each in rated}
    return {name.casefold(): kept[key] for key, name in names_apart(rated).items()}


def file_name(review: Review, reviewer: str = "", ending: str = ENDING) -> str:
    """What a file of a review may be called, whatever its words are."""
    return f"{plain_name(f'{review.query} {reviewer}', 'review')}{ending}"


def take_in(
    mine: Reviews,
    data: bytes,
    name: str = "",
    reviewer: Reviewer | None = None,
    people: Callable[[], Iterable[Reviewer]] = tuple,
) -> Taken:
    """Take in a file of ratings. The same file again changes nothing, nor does one that was written here.

    Who rated here is known again whatever they are called now: by what stands in the file of who had signed in, by ratings
    that are the same, and by their names of now and of before.

    Parameters
    ----------
    mine : Reviews
    data : bytes
    name : str
        Of the file, for messages.
    reviewer : Reviewer, optional
        Who takes it in as their own ratings: then those of one reviewer may stand in it, by whatever name.
    people : callable
        Gives who may sign in here, whether or not they rated anything.

    Raises
    ------
    mirage.errors.MirageError
        When it is no such file, is of a review that is not here or is closed, or something in it cannot be; nothing was
        changed.
    """
    name = name or _("The file")
    size = _(
        "%(name)s has %(data)s MB; ratings have %(most_bytes)s MB at most. Nothing was changed.",
        name=name,
        data=format(len(data) / 1000000.0, ".1f"),
        most_bytes=format(MOST_BYTES / 1000000.0, ".0f"),
    )
    other = _(
        "%(name)s holds no ratings. Choose a file that ends in %(ending)s, as a packet saves it. Nothing was changed.",
        name=name,
        ending=ENDING,
    )
    given = read_head(data, name, "reviewers", FORMAT, too_large=size, another=other)
    try:
        read = _File.model_validate(given)
        by = [(Reviewer.of(each.name), [_checked(rating) for rating in each.ratings]) for each in read.reviewers]
    except (ValueError, MirageError) as error:
        raise BadInput(
            _("%(name)s cannot be taken in: %(error)s Nothing was changed.", name=name, error=first_fault(error))
        ) from error
    here = next((each for each in mine.list() if each.digest == read.review), None)
    if here is None:
        same = any(each.query == read.query for each in mine.list())
        of = _("of %(query)s", query=repr(tidy(read.query)[:80])) + " " if read.query else ""
        why = _("the review of it that is here shows other items") if same else _("no such review is here")
        raise BadInput(
            _(
                "%(name)s does not match: it rates a review %(of)swith the hash %(review)s, and %(why)s. Take "
                "it in where the packet was made. Nothing was changed.",
                name=name,
                of=of,
                review=read.review[:12],
                why=why,
            )
        )
    if here.protocol != read.protocol:
        raise BadInput(
            _(
                "%(name)s does not match: its ratings follow a protocol with the hash %(protocol)s, the review "
                "here one with %(protocol2)s. Nothing was changed.",
                name=name,
                protocol=read.protocol[:12],
                protocol2=here.protocol[:12],
            )
        )
    if reviewer is not None:
        if len(by) > 1:
            raise BadInput(
                _(
                    "%(name)s holds ratings of %(number)s people. Take in your own file; an owner of this site takes in "
                    "those of others. Nothing was changed.",
                    name=name,
                    number=len(by),
                )
            )
        by = [(reviewer, given) for _name, given in by]
    whose = by
    if reviewer is None:
        raters = _Raters(mine, here, people())
        whose = [(raters.meant(said, given), given) for said, (_, given) in zip(read.reviewers, by, strict=True)]
    new, changed, same_ones = mine.take(here.id, whose)
    return Taken(mine.get(here.id), tuple(each.name for each, _ratings in by), new, changed, same_ones)


def _checked(rating: Rating) -> Rating:
    if rating.rated > LATEST:
        raise BadInput(_("%(rated)s is no time of a rating.", rated=rating.rated))
    place = Place(words=tidy(rating.place.words), region=rating.place.region)
    return rating.model_copy(update={"comment": note_of(rating.comment), "place": place})
