"""From the fields of a URL or a form to a `Query`, in whatever shape a browser without scripts sends them, and back
to addresses on this site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar
from urllib.parse import quote, urlencode

from mirage.compare.dual import Dual
from mirage.errors import BadQuery
from mirage.query import Query, parse_weight
from mirage.web.root import at
from mirage.wording import N_, _

NO_PICTURE_IN_ADDRESS = N_("A dropped picture is not put into an address. Drop it on the search page, or send it by POST.")
MOST_ADDRESS = 6_000
"""An address longer than this is cut by some browsers and proxies; the form posts it instead."""
MOST_DRAGGED = 2.0
"""What a weight can be dragged to; larger ones can be typed into the address."""

Pairs = list[tuple[str, str]]
Asked = TypeVar("Asked", Query, Dual)

# Fields that take a weight; a form sends it beside them, in the same order: more=…&more_weight=0.5.
_WEIGHTED = ("more", "less", "like", "picture")
_ADDRESS = re.compile(r"\s*(https?|ftp|file|data):\S+\s*", re.IGNORECASE)


def tidied(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """Drop empty fields and the token, and join weights to what they weigh."""
    given = list(pairs)
    weights = {name: iter([value.strip() for key, value in given if key == f"{name}_weight"]) for name in _WEIGHTED}
    beside = {"token", *(f"{name}_weight" for name in _WEIGHTED)}
    kept: Pairs = []
    for name, value in given:
        weight = next(weights[name], "") if name in weights else ""
        if value.strip() and name not in beside:
            kept.append((name, f"{value}@{weight}" if weight not in ("", "1") else value))
    return kept


def is_blank(pairs: Pairs) -> bool:
    """Whether nothing is looked for: no words, no picture, no figure."""
    return not any(name.rpartition(".")[2] in ("q", *_WEIGHTED) for name, _ in pairs)


def first(pairs: Pairs, name: str) -> str:
    """Find the first value of a field.

    Parameters
    ----------
    pairs : list of (str, str)
    name : str

    Returns
    -------
    str
        Empty where the field is not given.
    """
    return next((value for key, value in pairs if key == name), "")


def read(kind: type[Asked], pairs: Pairs, *, in_address: bool) -> Asked:
    """Make the query, or the two queries, that tidied fields mean.

    An address in place of words or of a picture is refused, and so is a picture's embedding in a URL.

    Parameters
    ----------
    kind : {Query, Dual}
    pairs : list of (str, str)
    in_address : bool
        Whether they stood in a URL.

    Raises
    ------
    mirage.errors.BadQuery
    """
    for name, value in pairs:
        what = name.rpartition(".")[2]
        if what in ("q", "picture") and _ADDRESS.fullmatch(value):
            raise BadQuery(
                _(
                    "That is an address, and nothing is fetched from the network. Save the picture and drop the "
                    "file, or type what it shows."
                )
            )
        if in_address and what == "picture":
            raise BadQuery(_(NO_PICTURE_IN_ADDRESS))
    return kind.parse(pairs)


@dataclass(frozen=True, slots=True)
class TermRow:
    """A weighted term in a form.

    Attributes
    ----------
    name : {"more", "less", "picture", "like"}
        Of its field.
    value : str
        Words, the embedding of a dropped picture, or a figure's id.
    weight : str
        As typed.
    """

    name: str
    value: str
    weight: str

    @property
    def draggable(self) -> bool:
        """Whether a slider can show the weight."""
        return 0 <= float(self.weight) <= MOST_DRAGGED


def term_rows(pairs: Pairs, *names: str) -> list[TermRow]:
    """Make the lines that show some fields' values, each with its weight.

    Parameters
    ----------
    pairs : list of (str, str)
    *names : str
        Of the fields.
    """
    found = [(name, value, parse_weight(value)[0]) for name, value in pairs if name in names]
    return [TermRow(name, thing, value[len(thing) + 1 :] or "1") for name, value, thing in found]


@dataclass(frozen=True, slots=True)
class SearchForm:
    """The search form as it is filled in.

    Attributes
    ----------
    words : str
        The main box.
    rows : list of TermRow
        Everything else that is looked for: further words, dropped pictures, figures.
    method : str
        ``post`` when a dropped picture is in it, for that never becomes an address.
    """

    words: str = ""
    rows: list[TermRow] = field(default_factory=list)
    method: str = "get"

    @classmethod
    def of(cls, query: Query) -> Self:
        """Fill in the form for a query."""
        pairs = query.pairs()
        return cls(first(pairs, "q"), term_rows(pairs, *_WEIGHTED), "post" if query.has_picture else "get")


# -- addresses on this site --------------------------------------------------------------------------------------------
# Ids hold colons and may hold slashes and dots; only these functions quote them.


def address(path: str, identifier: str) -> str:
    """Address of what has an id: ``address("figure", "starter:1")`` is the page of a figure.

    Parameters
    ----------
    path : str
        Of its kind, without strokes at its ends.
    identifier : str
    """
    return at(f"/{path}/{quote(identifier, safe=':')}")


def picture_address(kind: str, figure_id: str, version: str) -> str:
    """A figure's picture as a file.

    Parameters
    ----------
    kind : {"pictures", "thumbnails"}
        As it is stored, or at most 320 pixels wide or high.
    figure_id : str
    version : str
        Names the picture's content, so that a browser may keep it for good.
    """
    return f"{address(f'api/{kind}', figure_id)}?v={quote(version[:20])}"


def slice_address(figure_id: str, number: int, view: str = "", window: str = "", structure: str = "") -> str:
    """Page of a stack, open at a slice.

    Parameters
    ----------
    figure_id : str
    number : int
        From 0; the address counts from 1, as people do.
    view, window : str
        The stack's first when empty.
    structure : str
        Name of what is marked there and looked at; other views are cut through it.
    """
    asked = {"slice": str(number + 1), "view": view, "window": window, "structure": structure}
    return with_query(address("figure", figure_id), asked)


def with_query(page: str, fields: Mapping[str, str]) -> str:
    """An address with what is asked of it; empty fields are left out.

    Parameters
    ----------
    page : str
    fields : mapping of str to str
    """
    asked = urlencode({name: value for name, value in fields.items() if value})
    return f"{page}?{asked}" if asked else page


def keep_address(kind: str, target: str) -> str:
    """Page that asks where to keep something.

    Parameters
    ----------
    kind, target : str
        As `mirage.study.collections.Collections.add` takes them.
    """
    return with_query(at("/keep"), {"kind": kind, "target": target})


def take_address(kind: str, target: str) -> str:
    """Page that asks in which form to take something along.

    Parameters
    ----------
    kind : str
        Of `mirage.study.along.taking.WHAT`.
    target : str
    """
    return with_query(at("/take"), {"kind": kind, "target": target})


def quiz_address(of: str, target: str) -> str:
    """Where a quiz is made of something: the kind of `mirage.study.quiz.origin.Origin`, and what finds it.

    Parameters
    ----------
    of : str
    target : str
    """
    return with_query(at("/quiz/new"), {"of": of, "target": target})


def repeat_address(source: str, target: str) -> str:
    """Page that asks which questions of something to repeat.

    Parameters
    ----------
    source, target : str
        As `mirage.study.repeating.Repeating.add` takes them.
    """
    return with_query(at("/repeat/add"), {"source": source, "target": target})


def similar_address(figure_id: str) -> str:
    """Search page for the like of a figure."""
    return at("/search?") + urlencode({"like": figure_id})


def search_address(query: Query) -> str:
    """Search page of a query; empty when a dropped picture is in it, for that never becomes an address."""
    return "" if query.has_picture else at(f"/search?{query.print()}")


def explain_address(query: Query, *, stream: bool = False) -> str:
    """Page that explains what a query finds; without the query where a picture is in it.

    Parameters
    ----------
    query : mirage.query.Query
    stream : bool
        Whether the stream of the page's pieces is meant.
    """
    path = at("/explain/stream" if stream else "/explain")
    return path if query.has_picture else f"{path}?{query.print()}"


def image_address(image_id: str, format: str = "") -> str:
    """A synthetic image, marked.

    Parameters
    ----------
    image_id : str
    format : str
        Of a file to keep; empty for the image to look at.
    """
    return address("api/synthetic", image_id) + "/image" + (f"?format={format}" if format else "")


def preview_address(job_id: str, step: int) -> str:
    """The image that a job draws, as far as it has come.

    Parameters
    ----------
    job_id : str
    step : int
        Keeps addresses apart.
    """
    return f"{address('api/jobs', job_id)}/preview?step={step}"


def compare_address(dual: Dual, path: str = "/compare") -> str:
    """Address of a comparison, or of a part of its page; without the queries where a picture is in one.

    Parameters
    ----------
    dual : mirage.compare.dual.Dual
    path : str
    """
    return at(path) if dual.has_picture else at(f"{path}?{dual.print()}")


def comparing(query: Query) -> dict[str, str]:
    """From a page of results: where to say what to compare it with, and its comparison with the unmodified query."""
    if query.has_picture:
        return {"compare_url": "", "unmodified_url": ""}
    given = urlencode([(f"a.{name}", value) for name, value in query.pairs()])
    try:
        dual = Dual.modify(query)
    except BadQuery:
        return {"compare_url": at(f"/compare?{given}"), "unmodified_url": ""}
    return {"compare_url": at(f"/compare?{given}"), "unmodified_url": compare_address(dual) if dual.changes else ""}


def generate_address(query: Query | None, **choices: str) -> str:
    """Page that makes a synthetic image, its form filled in.

    Parameters
    ----------
    query : mirage.query.Query or None
    **choices
        Other fields of the form; empty ones are left out.
    """
    pairs = (query.pairs() if query else []) + [(name, value) for name, value in choices.items() if value]
    return at("/generate") + (f"?{urlencode(pairs)}" if pairs else "")
