"""What the search form shows for a query: words, dropped pictures, figures and weighted terms."""

from __future__ import annotations

from dataclasses import dataclass, field

from mirage.query import DEFAULT_K, Query

# One empty row each, so that a term can be added without JavaScript.
_WORDS_ROW = ("more", "", 1.0)


@dataclass(frozen=True, slots=True)
class Row:
    """A weighted term in the form."""

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
    rows : tuple of Row
        Further words, more of and less of.
    pictures, likes : tuple of Row
        Dropped pictures by embedding; figures by id.
    filters : mapping
    k : int
        0 when it is the default.
    refine : bool
        Kept by the form, so that a filter does not drop it.
    method : str
        ``post`` when a dropped picture is in it, for that never becomes an address.
    """

    words: str = ""
    rows: tuple[Row, ...] = ()
    pictures: tuple[Row, ...] = ()
    likes: tuple[Row, ...] = ()
    filters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    k: int = 0
    method: str = "get"
    refine: bool = False

    @property
    def advanced(self) -> bool:
        """Whether anything is filled in that the main box does not show."""
        return bool(self.rows) or self.refine


def search_form(query: Query | None, *, words: str = "") -> SearchForm:
    """The form for a query; for none, an empty one."""
    if query is None:
        return SearchForm(words=words)
    rows: list[Row] = []
    pictures: list[Row] = []
    likes: list[Row] = []
    for name, value in query.pairs():
        if name == "q":
            words = value
    taken = False
    for term in query.terms:
        if term.picture is not None:
            pictures.append(Row("picture", term.picture.print(), term.weight))
        elif term.figure:
            likes.append(Row("like", term.figure, term.weight))
        elif not taken and term.weight == 1.0 and term.text == words:
            taken = True
        else:
            rows.append(Row("more" if term.weight > 0 else "less", term.text, abs(term.weight)))
    return SearchForm(
        words,
        tuple(rows),
        tuple(pictures),
        tuple(likes),
        dict(query.filters),
        query.k if query.k != DEFAULT_K else 0,
        "post" if query.has_picture else "get",
        query.refine,
    )
