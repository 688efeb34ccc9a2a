"""From what a quiz is made: a search, a collection, a case, or all figures that pass filters."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Literal
from urllib.parse import parse_qsl

from mirage.compare.dual import Dual
from mirage.errors import BadInput, NotFound
from mirage.figure import Figure, called
from mirage.query import FILTERS, Query, shown, tidy
from mirage.study.collections import Collections
from mirage.study.kept import Kept, asked, cut
from mirage.study.quiz.question import Library, seen
from mirage.wording import _, ngettext

OriginKind = Literal["search", "collection", "case", "filter", "repetition"]
ORIGINS: tuple[OriginKind, ...] = ("search", "collection", "case", "filter")
"""Those that somebody can name; of cards that are due `mirage.study.repeating` makes a quiz."""
_MOST_HITS = 200
_MOST_FIGURES = 3000  # of a filter, chosen at random


@dataclass(frozen=True, slots=True)
class Origin:
    """From what a quiz is made.

    Attributes
    ----------
    kind : {"search", "collection", "case", "filter", "repetition"}
    target : str
        Of a search its query string or address, of a collection or case its id, of a filter a query string of filters alone,
        such as ``corpus=medpix&proof=pathology``; empty for the whole atlas.
    """

    kind: OriginKind
    target: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to ask about.

    Attributes
    ----------
    figures : tuple of Figure
    title : str
        What it is called. It may name an answer.
    kept : str
        What of the target may be written down; a dropped picture is not.
    """

    figures: tuple[Figure, ...]
    title: str
    kept: str


def origin_of(kind: str, target: str) -> Origin:
    """Read an origin as it was given; `mirage.errors.BadInput` where it is none."""
    for known in ORIGINS:
        if known == kind:
            return Origin(known, target.strip())
    raise BadInput(
        _("A quiz cannot be made of %(kind)s. It can be of: %(origins)s.", kind=shown(kind), origins=", ".join(ORIGINS))
    )


def material(origin: Origin, library: Library, collections: Collections, seed: int = 0) -> Material:
    """Find what a quiz is to ask about.

    Parameters
    ----------
    origin : Origin
    library : Library
    collections : Collections
    seed : int
        Which figures are taken where there are very many.

    Raises
    ------
    mirage.errors.MirageError
        When there is no such thing, or nothing in it.
    """
    found = _material(origin, library, collections, seed)
    return replace(found, figures=tuple(seen(library, found.figures)))


def _material(origin: Origin, library: Library, collections: Collections, seed: int) -> Material:
    if origin.kind == "collection":
        collection = collections.get(origin.target)
        figures = list(_each_once(figure for item in collection.items for figure in _of_item(item, library)))
        if not figures:
            gone = sum(item.removed for item in collection.items)
            why = (
                ngettext(
                    "the %(num)s thing in it was removed from the atlas",
                    "all %(num)s things in it were removed from the atlas",
                    gone,
                )
                if gone
                else _("it is empty")
            )
            raise BadInput(
                _(
                    "No quiz can be made of the collection “%(title)s”: %(why)s. Keep figures, cases or searches in it.",
                    title=collection.title,
                    why=why,
                )
            )
        return Material(tuple(figures), collection.title, origin.target)
    if origin.kind == "case":
        case = library.case(origin.target)
        return Material(tuple(library.figures_of(case.id)), cut(case.title or case.id), case.id)
    if origin.kind == "filter":
        return _filtered(origin.target, library, seed)
    string = origin.target.partition("?")[2] if origin.target.startswith("/") else origin.target
    query = Query.parse(string)
    kept = replace(query, terms=tuple(term for term in query.terms if term.picture is None)) if _has_words(query) else None
    title = query.text or (_("like a dropped picture") if query.has_picture else _("like a figure"))
    return Material(tuple(_found(query, library)), cut(title), kept.print() if kept else "")


def _has_words(query: Query) -> bool:
    return any(term.picture is None and term.weight > 0 for term in query.terms)


def _found(query: Query, library: Library) -> list[Figure]:
    answer = library.search(replace(query, k=_MOST_HITS))
    if not answer.fits:
        raise BadInput(
            _(
                "Nothing in this atlas clearly fits %(shown)s, so no quiz is made of it. Search for something "
                "that it holds, or take away filters.",
                shown=shown(query.text or _("this search")),
            )
        )
    return [hit.figure for hit in answer.hits if hit.confidence != "weak"]


def _of_item(item: Kept, library: Library) -> Iterable[Figure]:
    """The figures of something in a collection; none of what was removed."""
    with suppress(NotFound, BadInput):
        if item.removed or item.kind == "section":
            return ()
        if item.kind == "figure":
            return (library.figure(item.target),)
        if item.kind == "case":
            return library.figures_of(item.target)
        query = asked(item.kind, item.target)
        sides = (query.a, query.b) if isinstance(query, Dual) else (query,)
        return [figure for side in sides for figure in _found(side, library)]
    return ()


def _each_once(figures: Iterable[Figure]) -> Iterable[Figure]:
    return {figure.id: figure for figure in figures}.values()


def _filtered(target: str, library: Library, seed: int) -> Material:
    string = target.partition("?")[2] if target.startswith("/") else target
    filters: dict[str, list[str]] = {}
    for name, value in parse_qsl(string):
        if name not in FILTERS:
            raise BadInput(
                _("There is no filter %(name)s. Filters are: %(filters)s.", name=shown(name), filters=", ".join(FILTERS))
            )
        filters.setdefault(name, []).append(tidy(value))
    clean = Query.of("x", **filters).filters  # type: ignore[arg-type]
    keys = library.store.keys_with(clean)
    if not keys:
        raise BadInput(_("No figure passes these filters, so there is nothing to ask about. Take some away."))
    if len(keys) > _MOST_FIGURES:
        keys = Random(seed).sample(keys, _MOST_FIGURES)  # noqa: S311 - a choice of figures is no secret
    figures = [row.figure for row in library.store.rows(keys).values()]
    words = [called(value) for values in clean.values() for value in values]
    kept = "&".join(f"{name}={value}" for name, values in clean.items() for value in values)
    return Material(tuple(figures), cut(", ".join(words) or _("all figures")), kept)
