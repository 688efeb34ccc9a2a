"""Reviews as pages and the API show them: nothing of which way of searching found something, or how far up."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import Field

from mirage.figure import Source
from mirage.study.quiz.question import own
from mirage.study.reviews.export import Misleading
from mirage.study.reviews.pool import Kind, ReviewItem, ReviewSource
from mirage.study.reviews.protocol import Protocol
from mirage.study.reviews.ratings import Place, Reviewer
from mirage.study.reviews.reviews import Rated, Review, Reviews
from mirage.web import forms
from mirage.web.views.figures import ApiBody, ApiModel, SourceView, source_view


class ReviewInfoView(ApiModel):
    """A review, without its items."""

    id: str
    query: str = Field(description="The condition.")
    versus: str = Field(description="What it is compared with; may be empty.")
    protocol: str = Field(description="Hash of the protocol that it was begun under.")
    digest: str = Field(description="Hash of the protocol's and of all that is shown.")
    created: float = Field(description="Seconds since 1970.")
    closed: float | None = Field(description="When the rating ended; null while it is open.")
    items: int
    raters: int
    page: str


class ConditionView(ApiModel):
    """A condition of the protocol."""

    query: str
    versus: str
    review: str = Field(description="Id of its review; empty where none was begun.")


class ReviewsView(ApiModel):
    """All reviews, and the protocol's conditions."""

    educators: int = Field(description="How many people have rated something.")
    protocol: str = Field(description="Hash of the protocol.")
    conditions: list[ConditionView]
    reviews: list[ReviewInfoView]


class PictureToRateView(ApiModel):
    """A picture of an item."""

    picture: str = Field(description="Where it is.")
    alt: str
    title: str
    caption: str
    made: str = Field(description="Plane, modality, region.")
    synthetic: bool
    withdrawn: bool = Field(description="Whether its source has withdrawn it since.")
    source: SourceView | None = Field(description="None of a synthetic image.")


class PassageToRateView(ApiModel):
    """What a sentence cites."""

    letter: str
    text: str
    title: str
    withdrawn: bool = Field(description="Whether its source has withdrawn it since.")
    source: SourceView


class RatingView(ApiModel):
    """What the reviewer said of an item."""

    rating: str
    comment: str
    place: Place
    rated: float


class ItemToRateView(ApiModel):
    """One thing to rate."""

    id: str
    kind: Kind
    text: str
    marks: list[str]
    lines: list[str]
    pictures: list[PictureToRateView]
    passages: list[PassageToRateView]
    rating: RatingView | None = Field(description="The reviewer's own, where there is one.")


class ReviewView(ReviewInfoView):
    """A review with what is to be rated, in an order of the reviewer's own."""

    reviewer: str
    to_rate: list[ItemToRateView]


class RatingBody(ApiBody):
    """A rating; one that says nothing takes back what was there."""

    reviewer: str = Field("", description="Who rates; may be left out where people sign in, as it is who has signed in.")
    rating: str = Field("", description="helpful, accurate or misleading; empty for a comment alone.")
    comment: str = ""
    place: Place = Place(words="")


class ReviewBody(ApiBody):
    """What to review."""

    query: str
    versus: str | None = Field(None, description="What to compare it with; what the protocol says when left out.")


class HideBody(ApiBody):
    """A figure to hide from learners, or to show again."""

    figure: str = Field(description="As in the list of what is misleading.")
    hidden: bool


class TakenView(ApiModel):
    """What a file of ratings brought."""

    review: ReviewInfoView
    names: list[str]
    new: int
    changed: int
    same: int
    words: str


class MisleadingView(ApiModel):
    """What somebody called misleading."""

    review: str
    query: str
    item: ItemToRateView
    figure: str = Field(description="What finds the figure again; empty of another kind of item.")
    misleading: int
    rated: int
    comments: list[str]
    hidden: bool


class MisleadingsView(ApiModel):
    """What was called misleading, by how many called it so, and all figures that are hidden."""

    misleading: list[MisleadingView]
    hidden: list[str]


def info_view(review: Review) -> ReviewInfoView:
    """Show a review without its items."""
    return ReviewInfoView.of(review, page=forms.address("reviews", review.id))


def reviews_view(mine: Reviews, protocol: Protocol) -> ReviewsView:
    """Show all reviews.

    Parameters
    ----------
    mine : mirage.study.reviews.reviews.Reviews
    protocol : Protocol
    """
    there = mine.list()
    begun = {each.query.casefold(): each.id for each in there}
    planned = [
        ConditionView(query=each.query, versus=each.versus, review=begun.get(each.query.casefold(), ""))
        for each in protocol.conditions
    ]
    shown = [info_view(each) for each in there]
    return ReviewsView(educators=mine.educators(), protocol=protocol.hash, conditions=planned, reviews=shown)


def review_view(mine: Reviews, review_id: str, reviewer: Reviewer | None, withdrawn: Collection[str] = ()) -> ReviewView:
    """Show a review to somebody who rates it.

    Parameters
    ----------
    mine : mirage.study.reviews.reviews.Reviews
    review_id : str
    reviewer : Reviewer or None
        None shows what is to be rated to nobody in particular.
    withdrawn : collection of str
        As for `item_view`.
    """
    review = mine.get(review_id)
    said = {each.rating.item: each for each in mine.rated(review_id, reviewer)} if reviewer else {}
    there = mine.items(review_id, reviewer or "")
    items = [item_view(review_id, item, said.get(item.id), withdrawn=withdrawn) for item in there]
    info = info_view(review).model_dump()
    return ReviewView(**info, reviewer=reviewer.name if reviewer else "", to_rate=items)


def item_view(
    review_id: str,
    item: ReviewItem,
    rated: Rated | None = None,
    *,
    pictures: Sequence[str] = (),
    withdrawn: Collection[str] = (),
) -> ItemToRateView:
    """Show an item.

    Parameters
    ----------
    review_id : str
    item : ReviewItem
        Its key is not looked at.
    rated : Rated, optional
        What the reviewer said of it.
    pictures : sequence of str
        Where its pictures are; on this site when left out.
    withdrawn : collection of str
        As `mirage.storage.withdrawals.Withdrawals.known_by`.
    """
    content = item.content
    at = f"{forms.address('api/reviews', review_id)}/items/{item.id}/pictures/"
    shown = [
        PictureToRateView(
            picture=pictures[number] if pictures else f"{at}{number}",
            alt=each.caption or each.title or each.made,
            title=each.title,
            caption=each.caption,
            made=each.made,
            synthetic=each.synthetic,
            withdrawn=bool(own(each.figure) in withdrawn or each.source.url in withdrawn),
            source=None if each.synthetic else _source(each.source),
        )
        for number, each in enumerate(content.pictures)
    ]
    cited = [
        PassageToRateView.of(each, source=_source(each.source), withdrawn=each.source.url in withdrawn)
        for each in content.passages
    ]
    return ItemToRateView(
        id=item.id,
        kind=item.kind,
        text=content.text,
        marks=list(content.marks),
        lines=list(content.lines),
        pictures=shown,
        passages=cited,
        rating=RatingView.of(rated.rating) if rated else None,
    )


def misleading_view(each: Misleading, withdrawn: Collection[str] = ()) -> MisleadingView:
    """Show what was called misleading; `withdrawn` as for `item_view`."""
    figure = each.item.content.pictures[0].figure if each.item.kind == "figure" else ""
    return MisleadingView.of(
        each, item=item_view(each.review, each.item, withdrawn=withdrawn), figure=figure, comments=list(each.comments)
    )


def _source(source: ReviewSource) -> SourceView:
    return source_view(Source("", source.attribution, source.url, source.url_of, source.terms))
