"""From the fields of a URL or a form to a `Query`, in whatever shape a browser without scripts sends them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mirage.errors import BadQuery
from mirage.query import Query

NO_PICTURE_IN_ADDRESS = "A dropped picture is not put into an address. Drop it on the search page, or send it by POST."

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
    return not any(name in ("q", *_WEIGHTED) for name, _ in pairs)


def query_of(pairs: Pairs, *, in_address: bool) -> Query:
    """The query that tidied fields mean.

    Parameters
    ----------
    pairs : list of (str, str)
    in_address : bool
        Whether they stood in a URL, where a picture's embedding must not be.

    Raises
    ------
    mirage.errors.BadQuery
    """
    for name, value in pairs:
        refuse_address(name, value)
    if in_address and any(name == "picture" for name, _ in pairs):
        raise BadQuery(NO_PICTURE_IN_ADDRESS)
    return Query.parse(pairs)


def refuse_address(name: str, value: str) -> None:
    """Say so when somebody gives the address of a picture in place of words or of the picture.

    Raises
    ------
    mirage.errors.BadQuery
    """
    if name in ("q", "picture") and _ADDRESS.fullmatch(value):
        raise BadQuery(
            "That is an address, and nothing is fetched from the network. Save the picture and drop the "
            "file, or type what it shows."
        )
