"""Queries and what they find, one or two side by side, as pages and the API show them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from mirage.figure import Figure
from mirage.query import DEFAULT_K, PictureTerm, Query, Term
from mirage.search.answer import Answer, CaseHits, ChannelMatch, Hit, SliceFound
from mirage.search.confidence import Basis
from mirage.web import forms
from mirage.web.views.figures import ApiBody, ApiModel, FigureView, figure_view
from mirage.web.views.reading import ReadingView, reading_view
from mirage.wording import _


class SliceFoundView(ApiModel):
    """Which slice of a stack the query is about."""

    number: int = Field(description="From 0.")
    view: str = Field(description="The plane, which is the stack's first.")
    label: str = Field(description="The structure asked for, largest there; empty where it looks most like the query.")
    why: str = Field(description="The same in words.")
    words: str = Field(description="Which slice of how many, counted from 1, and the structure: slice 57 of 191: liver.")
    page: str = Field(description="The stack's page, open there.")
    thumbnail: str


class HitView(ApiModel):
    """A figure found."""

    rank: int
    confidence: Literal["strong", "likely", "weak"]
    basis: Basis = Field(
        description="What the confidence rests on: its title, diagnosis, topic or caption names what is asked for; only its "
        "findings or discussion mention it; it is of that structure, plane and modality; it has the words; it looks alike."
    )
    channels: list[ChannelMatch]
    folded: list[str] = Field(description="Ids of near-duplicates that this hit stands for.")
    figure: FigureView
    slice: SliceFoundView | None = Field(description="Of a stack: where to open it; null for a single picture.")

    @property
    def by(self) -> tuple[str, ...]:
        """The names of the channels."""
        return tuple(found.channel for found in self.channels)


class RankedFigure(ApiModel):
    """A figure among the hits."""

    rank: int
    figure: str = Field(description="Its id.")


class CaseHitsView(ApiModel):
    """The hits of one case, best first; a figure without a case stands alone."""

    case_id: str = Field(description="Empty for a figure without a case.")
    figures: list[RankedFigure]


class TermView(ApiBody):
    """One thing looked for: some text, a dropped picture's embedding, or a figure's id; with a weight."""

    text: str = ""
    picture: str = ""
    figure: str = ""
    weight: float = Field(default=1.0, description="Negative means: less of this.")


class QueryBody(ApiBody):
    """A query as JSON. Values of one filter are alternatives; filters add up."""

    terms: list[TermView]
    filters: dict[str, list[str]] = Field(default_factory=dict)
    k: int = DEFAULT_K
    refine: bool = Field(False, description="Search twice, the second time also with the explanation of the first hits.")
    withdrawn: bool = Field(False, description="Find also figures that their source has withdrawn; they are marked.")

    def query(self) -> Query:
        """Make the query that this means; a term of weight 0 is left out.

        Raises
        ------
        mirage.errors.BadQuery
        """
        terms = tuple(
            Term(term.text, PictureTerm.parse(term.picture) if term.picture else None, term.figure, term.weight)
            for term in self.terms
            if term.weight != 0
        )
        filters = {name: tuple(values) for name, values in self.filters.items()}
        return Query(terms, filters, self.k, self.refine, self.withdrawn)


class QueryView(QueryBody):
    """A query as it was understood."""

    model_config = ConfigDict(strict=False)

    url: str = Field(description="Its page; empty with a dropped picture, for that never becomes an address.")


class SearchView(ApiModel):
    """What a query found."""

    query: QueryView
    fits: bool = Field(description="False when nothing in the atlas fits; the hits are then the nearest there are.")
    notes: list[str]
    withdrawn: int = Field(description="How many that fit are left out because their source has withdrawn them.")
    seconds: float
    reading: ReadingView | None = Field(description="How the words were read; null where the query has none.")
    hits: list[HitView]
    groups: list[CaseHitsView] = Field(description="The hits by case, in the order of each case's best.")


class EmbeddingView(ApiModel):
    """A dropped picture as its embedding; the picture itself is gone."""

    picture: str = Field(description="Use it as a term's `picture`.")
    width: int
    height: int
    synthetic: str = Field(default="", description="What marks it as synthetic, in a sentence; empty without a mark.")


def query_view(query: Query) -> QueryView:
    """Show a query as it was understood."""
    terms = [TermView.of(term, picture=term.picture.print() if term.picture else "") for term in query.terms]
    return QueryView.of(query, terms=terms, filters=dict(query.filters), url=forms.search_address(query))


def hit_view(hit: Hit) -> HitView:
    """Show a figure found."""
    figure = figure_view(hit.figure, (hit.width, hit.height), Path(hit.picture).stem)
    return HitView.of(hit, figure=figure, slice=hit.slice and _slice_view(hit.figure, hit.slice))


def _slice_view(figure: Figure, found: SliceFound) -> SliceFoundView:
    count = figure.stack.shape[0] if figure.stack else 0
    return SliceFoundView.of(
        found,
        words=_("slice %(number)s of %(count)s: %(label)s", number=found.number + 1, count=count, label=found.label)
        if found.label
        else _("slice %(number)s of %(count)s", number=found.number + 1, count=count),
        page=forms.slice_address(figure.id, found.number, structure=found.label),
        thumbnail=forms.address("api/slice-pictures", figure.id) + f"?number={found.number}&small=1",
    )


def answer_view(answer: Answer) -> SearchView:
    """Show what a query found."""
    return SearchView.of(
        answer,
        query=query_view(answer.query),
        reading=reading_view(answer.query, answer.reading),
        hits=[hit_view(hit) for hit in answer.hits],
        groups=[_case_hits_view(group) for group in answer.groups],
    )


def _case_hits_view(group: CaseHits) -> CaseHitsView:
    figures = [RankedFigure(rank=hit.rank, figure=hit.figure.id) for hit in group.hits]
    return CaseHitsView(case_id=group.case_id, figures=figures)
