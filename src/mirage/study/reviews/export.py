"""What of the ratings goes elsewhere: a table, judged queries for the calibration, and what the owner should look at."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mirage.study.reviews.pool import ARMS, ReviewItem
from mirage.study.reviews.results import RatedReview, average
from mirage.study.reviews.reviews import Rated, Reviews, names_apart

COLUMNS = (
    *("condition", "item", "kind", "what", "reviewer", "rating", "comment", "words", "region", "rated"),
    *("mirage_rank", "keywords_rank", "said"),
)


def as_csv(mine: Reviews) -> str:
    """Every rating as a row, by condition and item; ranks are empty while a review is open."""
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(COLUMNS)
    for review in mine.list():
        items = {item.id: item for item in mine.keyed(review.id)}
        rated_of = mine.rated(review.id)
        names = names_apart(rated_of)
        for each in rated_of:
            item, rating = items[each.rating.item], each.rating
            # While a review is open, a figure's id could be looked for in a search.
            closed, pictures = review.closed is not None, item.content.pictures
            shown = (picture.figure if closed else picture.title or picture.caption for picture in pictures)
            what = item.content.text or "; ".join(shown)
            place = rating.place.region.model_dump_json() if rating.place.region else ""
            rated = datetime.fromtimestamp(rating.rated, UTC).isoformat(timespec="seconds")
            row = [
                review.query,
                item.id,
                item.kind,
                what,
                names[each.reviewer],
                rating.rating,
                rating.comment,
                rating.place.words,
            ]
            key = [item.key.ranks.get(arm, "") for arm in ARMS] if closed else ["", ""]
            said = item.key.said if closed else ""
            table.writerow([_plain(str(cell)) for cell in (*row, place, rated, *key, said)])
    return file.getvalue()


def _plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def judged_queries(mine: Reviews) -> str:
    """The conditions of closed reviews as judged queries, in the form that ``mirage evaluate calibrate --judged`` takes.

    A figure is right when most who rated it called it accurate or helpful, and wrong when most called it misleading; where
    they are even, and where nobody rated it, it is neither.
    """
    told: list[dict[str, Any]] = []
    for one in (RatedReview.of(mine, review) for review in mine.list() if review.closed is not None):
        right: list[str] = []
        wrong: list[str] = []
        for item, given in one.items:
            share = average([word > 0 for word in given]) if given and item.kind == "figure" else 0.5
            if share != 0.5:
                (right if share > 0.5 else wrong).append(item.content.pictures[0].figure)
        if right:
            told.append({"query": one.review.query, "right": sorted(right), "wrong": sorted(wrong), "raters": one.raters})
    return json.dumps({"format": 1, "queries": told}, ensure_ascii=False, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class Misleading:
    """An item that somebody called misleading, for the owner.

    Attributes
    ----------
    review, query : str
        Id and condition.
    item : ReviewItem
        Without its key.
    misleading, rated : int
        How many called it so, of how many who rated it.
    comments : tuple of str
        What they wrote.
    hidden : bool
        Whether its figure is hidden from learners.
    """

    review: str
    query: str
    item: ReviewItem
    misleading: int
    rated: int
    comments: tuple[str, ...]
    hidden: bool


def misleading(mine: Reviews) -> list[Misleading]:
    """What was called misleading, by how many called it so."""
    hidden = mine.hidden.figures()
    found: list[Misleading] = []
    for review in mine.list():
        by: dict[str, list[Rated]] = {}
        for each in mine.rated(review.id):
            by.setdefault(each.rating.item, []).append(each)
        for item in mine.items(review.id):
            rated = [each.rating for each in by.get(item.id, []) if each.rating.rating]
            bad = [each for each in rated if each.rating == "misleading"]
            if bad:
                comments = tuple(each.comment for each in bad if each.comment)
                away = item.kind == "figure" and item.content.pictures[0].figure in hidden
                found.append(Misleading(review.id, review.query, item, len(bad), len(rated), comments, away))
    return sorted(found, key=lambda each: (-each.misleading, each.item.id))
