"""How a query's words were read, as pages and the API show it, with the queries to ask instead."""

from __future__ import annotations

import re
from dataclasses import replace

from pydantic import Field

from mirage.compare.dual import Dual
from mirage.language.asking import ASKING
from mirage.language.concepts import lexicon
from mirage.language.denying import HOW
from mirage.language.reading import AskedConcept, QueryReading
from mirage.query import Query
from mirage.web import forms
from mirage.web.views.figures import ApiModel


class OtherQuery(ApiModel):
    """A query to ask instead."""

    words: str = Field(description="What is put in place of the word.")
    url: str = Field(description="Its page; empty with a dropped picture, for that never becomes an address.")


class MendedView(ApiModel):
    """A word that was read as another."""

    typed: str
    read: str
    as_typed: str = Field(description="Page of the query with the word as it was typed; empty with a dropped picture.")


class DoubtfulView(ApiModel):
    """A short form with several meanings, of which the query's words settle none."""

    short: str
    meanings: list[OtherQuery]


class SidesView(ApiModel):
    """What the query wants side by side."""

    a: str
    b: str
    url: str = Field(description="The page that compares them.")


class ReadingView(ApiModel):
    """How a query's words were read."""

    typed: str
    text: str = Field(description="With its typing errors mended.")
    english: str = Field(description="With the preferred English names of the concepts.")
    understood: list[str] = Field(description="Names of concepts that the query calls by other words.")
    concepts: list[str]
    normal: bool = Field(description="Whether what is not diseased is asked for.")
    mended: list[MendedView]
    doubtful: list[DoubtfulView]
    versus: SidesView | None


def reading_view(query: Query, reading: QueryReading | None) -> ReadingView | None:
    """Show how a query's words were read.

    Parameters
    ----------
    query : Query
    reading : QueryReading or None
    """
    if reading is None:
        return None
    mended = [
        MendedView(typed=each.typed, read=each.read, as_typed=_instead(query, each.typed, f'"{each.typed}"'))
        for each in reading.mended
    ]
    doubtful = [
        DoubtfulView(short=short, meanings=[OtherQuery(words=name, url=_instead(query, short, name)) for name in names])
        for short, names in reading.doubtful.items()
    ]
    return ReadingView(
        typed=reading.typed,
        text=reading.text,
        english=reading.english,
        understood=[
            each.name
            for each in reading.concepts
            if (each.kind not in HOW and _otherwise(each)) or each.name == ASKING["codes"].get(reading.typed.strip())
        ],
        concepts=[each.name for each in reading.concepts],
        normal=reading.normal,
        mended=mended,
        doubtful=doubtful,
        versus=_side_by_side(query, reading.versus),
    )


def _otherwise(concept: AskedConcept) -> bool:
    """Whether the query calls a concept by other words than its name's."""
    return bool({lexicon().canonical(word) for word in re.findall(r"\w+", concept.name)} - set(concept.words))


def _instead(query: Query, word: str, other: str) -> str:
    """The page of the query with other words in place of one; empty where it has no address."""
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    terms = [
        replace(term, text=whole.sub(lambda _: other, term.text)) if term.text and term.weight > 0 else term
        for term in query.terms
    ]
    return forms.search_address(replace(query, terms=tuple(terms)))


def _side_by_side(query: Query, sides: tuple[str, str] | None) -> SidesView | None:
    if sides is None or len(query.terms) != 1:
        return None
    dual = Dual.of(*(replace(query, terms=(replace(query.terms[0], text=side),)) for side in sides))
    return SidesView(a=sides[0], b=sides[1], url=forms.compare_address(dual))
