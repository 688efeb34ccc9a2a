"""From the fields of a URL or a form to a `Query`, in whatever shape a browser without scripts sends them, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from mirage.errors import BadQuery
from mirage.query import DEFAULT_K, Query

NO_PICTURE_IN_ADDRESS = "A dropped picture is not put into an address. Drop it on the search page, or send it by POST."
MOST_ADDRESS = 6_000
"""An address longer than this is cut by some browsers and proxies; the form posts it instead."""
MOST_DRAGGED = 2.0
"""What a weight can be dragged to; larger ones can be typed into the address."""

Pairs = list[tuple[str, str]]

# Fields that take a weight; a form sends it beside them, in the same order: more=…&more_weight=0.5.
_WEIGHTED = ("more", "less", "like", "picture")
_ADDRESS = re.compile(r"\s*(https?|ftp|file|data):\S+\s*", re.IGNORECASE)


def tidied(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """Drop empty fields and the token, and join weights to what they weigh."""
    given = list(pairs)
    weights = {name: [value for key, value in given if key == f"{name}_weight"] for name in _WEIGHTED}
    kept: Pairs = []
    seen: dict[str, int] = {}
    for name, value in given:
        if name == "token" or (name.removesuffix("_weight") in _WEIGHTED and name.endswith("_weight")):
            continue
        if name in _WEIGHTED:
            at = seen[name] = seen.get(name, -1) + 1
            weight = weights[name][at].strip() if at < len(weights[name]) else ""
            if value.strip() and weight and weight != "1":
                value = f"{value}@{weight}"  # noqa: PLW2901 - the value with its weight is the value
        if value.strip():
            kept.append((name, value))
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


def query_of(pairs: Pairs, *, in_address: bool) -> Query:
    """Make the query that tidied fields mean.

    Parameters
    ----------
    pairs : list of (str, str)
    in_address : bool
        Whether they stood in a URL, where a picture's embedding must not be.

    Raises
    ------
    mirage.errors.BadQuery
    """
    check_fields(pairs, in_address=in_address)
    return Query.parse(pairs)


def check_fields(pairs: Pairs, *, in_address: bool) -> None:
    """Refuse an address in place of words or of a picture, and a picture's embedding in a URL.

    Parameters
    ----------
    pairs : list of (str, str)
        Of one query, or of two with ``a.`` and ``b.`` before the names.
    in_address : bool
        Whether they stood in a URL.

    Raises
    ------
    mirage.errors.BadQuery
    """
    for name, value in pairs:
        kind = name.rpartition(".")[2]
        if kind in ("q", "picture") and _ADDRESS.fullmatch(value):
            raise BadQuery(
                "That is an address, and nothing is fetched from the network. Save the picture and drop the "
                "file, or type what it shows."
            )
        if in_address and kind == "picture":
            raise BadQuery(NO_PICTURE_IN_ADDRESS)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A line of "less of" or "more of". `weight` is as typed."""

    value: str
    weight: str = "1"

    @property
    def draggable(self) -> bool:
        """Whether a slider can show the weight."""
        return 0 <= float(self.weight) <= MOST_DRAGGED


def change_rows(pairs: Pairs, name: str) -> tuple[ChangeRow, ...]:
    """Make the lines that show one field's values; what stands after the last @ is the weight where it is a number.

    Parameters
    ----------
    pairs : list of (str, str)
    name : str
        ``less`` or ``more``.
    """
    return tuple(_change_row(value) for key, value in pairs if key == name)


def _change_row(value: str) -> ChangeRow:
    words, _, weight = value.rpartition("@")
    try:
        float(weight)
    except ValueError:
        return ChangeRow(value)
    return ChangeRow(words, weight) if words.strip() else ChangeRow(value)


@dataclass(frozen=True, slots=True)
class TermRow:
    """A weighted term in the search form."""

    name: str
    value: str
    weight: float


@dataclass(frozen=True, slots=True)
class SearchForm:
    """The search form as it is filled in.

    Attributes
    ----------
    words : str
        The main box.
    rows : tuple of TermRow
        Further words, more of and less of.
    pictures, likes : tuple of TermRow
        Dropped pictures by embedding; figures by id.
    filters : mapping
    k : int
        0 when it is the default.
    method : str
        ``post`` when a dropped picture is in it, for that never becomes an address.
    refine : bool
        Kept by the form, so that a filter does not drop it.
    """

    words: str = ""
    rows: tuple[TermRow, ...] = ()
    pictures: tuple[TermRow, ...] = ()
    likes: tuple[TermRow, ...] = ()
    filters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    k: int = 0
    method: str = "get"
    refine: bool = False

    @property
    def advanced(self) -> bool:
        """Whether anything is filled in that the main box does not show."""
        return bool(self.rows) or self.refine


def search_form(query: Query) -> SearchForm:
    """Fill in the form for a query."""
    rows: dict[str, list[TermRow]] = {"words": [], "pictures": [], "likes": []}
    words = next((value for name, value in reversed(query.pairs()) if name == "q"), "")
    taken = False
    for term in query.terms:
        if term.picture is not None:
            rows["pictures"].append(TermRow("picture", term.picture.print(), term.weight))
        elif term.figure:
            rows["likes"].append(TermRow("like", term.figure, term.weight))
        elif not taken and term.weight == 1.0 and term.text == words:
            taken = True
        else:
            rows["words"].append(TermRow("more" if term.weight > 0 else "less", term.text, abs(term.weight)))
    return SearchForm(
        words,
        tuple(rows["words"]),
        tuple(rows["pictures"]),
        tuple(rows["likes"]),
        dict(query.filters),
        query.k if query.k != DEFAULT_K else 0,
        "post" if query.has_picture else "get",
        query.refine,
    )
