"""Two queries side by side ("dual search"): A and B, or a query and its modified self.

As a URL's query string, two queries write each side's names with ``a.`` and ``b.`` before them::

    a.q=glioblastoma&a.modality=MR&b.q=meningioma

and a modified query writes one query and what to take away and add::

    q=brain+MRI&less=contrast@0.7&more=edema&modality=MR

Then A is the plain query and B is A with those terms. `Dual.parse` reads either, and `Dual.print` writes it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self
from urllib.parse import parse_qsl, urlencode

from mirage.errors import BadQuery
from mirage.query import MAX_WEIGHT, PictureTerm, Query, Term, parse_weight, tidy, with_weight
from mirage.wording import _

Side = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")
EXAMPLES = (
    "a.q=glioblastoma&b.q=meningioma",
    "a.q=subdural+hematoma&b.q=epidural+hematoma",
    "q=brain+MRI&less=contrast@0.7&more=edema",
    "a.q=pulmonary+embolism&b.q=pneumonia",
    "a.q=multiple+sclerosis&b.q=brain+abscess",
    "a.q=renal+cell+carcinoma&b.q=angiomyolipoma",
    "a.q=aortic+aneurysm&b.q=aortic+dissection",
    "a.q=lung+nodule&b.q=lung+mass",
    "a.q=axial+brain+MRI&b.q=sagittal+brain+MRI",
    "a.q=brain+MRI&b.q=chest+X-ray",
    "a.q=malaria&b.q=normal+blood+smear",
)
"""What a first-time visitor may compare, where both sides find something."""
_CHANGES = ("less", "more")
# What else than words one may want less or more of; for words the bare name serves.
_KINDS = ("picture", "like")
_TERMS = ("q", "picture", "like", "more", "less")


@dataclass(frozen=True, slots=True)
class Dual:
    """Two queries side by side.

    Attributes
    ----------
    a, b : Query
    modified : bool
        B is A with terms added and taken away, under the same filters.
    """

    a: Query
    b: Query
    modified: bool = False

    @classmethod
    def of(cls, a: str | Query, b: str | Query) -> Self:
        """Two queries that stand for themselves.

        Parameters
        ----------
        a, b : str or Query
        """
        first, second = (each if isinstance(each, Query) else Query.of(each) for each in (a, b))
        return cls(first, second)

    @classmethod
    def modify(cls, query: str | Query, *, less: Iterable[str | Term] = (), more: Iterable[str | Term] = ()) -> Self:
        """A query and its modified self.

        Parameters
        ----------
        query : str or Query
            May be the empty string; then what is wanted more of is the query, and A goes without the less. Terms of
            a Query that are weighted or negative count as part of the modification: A is its plain part.
        less, more : iterable of str or Term
            What B has less and more of: ``words@0.7``, or a `Term` whose weight, 0 to 100, says how much. A weight
            of 0 leaves the term out.

        Raises
        ------
        mirage.errors.BadQuery
            When nothing is left to look for, or a weight is negative, too large or no number.
        """
        given = query.terms if isinstance(query, Query) else (Term(text=query),) if tidy(query) else ()
        base = [term for term in given if _is_plain(term)]
        # A query's first words of weight 1 are its own; further ones came as "more of".
        texts = [term for term in base if term.text]
        base = [term for term in base if not term.text or term is texts[0]]
        change = [term for term in given if not any(term is kept for kept in base)]
        change += [term for value in more if (term := _change(value, 1.0))]
        change += [term for value in less if (term := _change(value, -1.0))]
        change.sort(key=lambda term: term.weight < 0)
        if not base:
            base = [term for term in change if term.weight > 0]
            change = [term for term in change if term.weight < 0]
        if not base:
            raise BadQuery(
                _("There is nothing to take away from. Type a query, drop a picture, or say what you want more of.")
                if change
                else _("The query is empty. Type what you look for, or drop a picture, and what to have less or more of.")
            )
        a = replace(query, terms=tuple(base)) if isinstance(query, Query) else Query(tuple(base))
        return cls(a, replace(a, terms=(*a.terms, *change)), modified=True)

    @classmethod
    def parse(cls, query_string: str | Iterable[tuple[str, str]]) -> Self:
        """Read a URL's query string, or its pairs, in either form.

        Names of two queries are those of `Query.parse` after ``a.`` or ``b.``. Names of a modified query are those of
        `Query.parse`, with ``less`` and ``more`` for words, and ``less.picture``, ``more.picture``, ``less.like`` and
        ``more.like`` for pictures and figures, each with an optional ``@weight`` and repeated.

        Raises
        ------
        mirage.errors.BadQuery
            Says which side it means.
        """
        pairs = parse_qsl(query_string) if isinstance(query_string, str) else list(query_string)
        # A form sends its empty fields too.
        pairs = [(name, value) for name, value in pairs if value.strip()]
        sides: dict[str, list[tuple[str, str]]] = {"a": [], "b": [], "": []}
        for name, value in pairs:
            side, dot, rest = name.partition(".")
            if dot and side in SIDES:
                sides[side].append((rest, value))
            else:
                sides[""].append((name, value))
        if not sides["a"] and not sides["b"]:
            return cls._parse_modified(sides[""])
        if sides[""]:
            names = ", ".join(sorted({repr(name[:40]) for name, _ in sides[""]})[:5])
            raise BadQuery(_("With two queries every name begins with a. or b.; this one does not: %(names)s.", names=names))
        return cls(_side("a", sides["a"]), _side("b", sides["b"]))

    @classmethod
    def _parse_modified(cls, pairs: Sequence[tuple[str, str]]) -> Self:
        plain: list[tuple[str, str]] = []
        changes: dict[str, list[str | Term]] = {"less": [], "more": []}
        for name, value in pairs:
            change, dot, kind = name.partition(".")
            if change not in _CHANGES or (dot and kind not in _KINDS):
                plain.append((name, value))
            else:
                thing, weight = parse_weight(value)
                if not dot:
                    changes[change].append(value)
                elif (weight := _how_much(thing if kind == "like" else _("the picture"), weight)) != 0:
                    what = {"figure": thing} if kind == "like" else {"picture": PictureTerm.parse(thing)}
                    changes[change].append(Term(**what, weight=weight))
        if any(tidy(value) for name, value in plain if name in ("q", "picture", "like")):
            return cls.modify(Query.parse(plain), **changes)
        # Query.parse wants a term: lend it one for the sake of the filters.
        lent = Query.parse([*((name, value) for name, value in plain if name != "q"), ("q", "-")])
        dual = cls.modify("", **changes)
        a, b = (replace(query, filters=lent.filters, k=lent.k) for query in (dual.a, dual.b))
        return cls(a, b, modified=True)

    @property
    def changes(self) -> tuple[Term, ...]:
        """What a modified query adds (positive weights) and takes away (negative); nothing for two queries."""
        return tuple((Counter(self.b.terms) - Counter(self.a.terms)).elements()) if self.modified else ()

    @property
    def same(self) -> bool:
        """Whether both sides ask the same."""
        return self.a == self.b

    @property
    def has_picture(self) -> bool:
        """Whether a dropped picture is among the terms; such a pair never becomes a URL."""
        return self.a.has_picture or self.b.has_picture

    def pairs(self) -> list[tuple[str, str]]:
        """What `parse` reads, as name and value pairs in a fixed order."""
        if not self.modified:
            return [(f"{side}.{name}", value) for side in SIDES for name, value in getattr(self, side).pairs()]
        # Without a query of its own A is all that is wanted more of, and is written as that.
        own = sum(bool(term.text) for term in self.a.terms) <= 1 and all(_is_plain(term) for term in self.a.terms)
        base = [pair for pair in self.a.pairs() if pair[0] in _TERMS]
        rest = [pair for pair in self.a.pairs() if pair[0] not in _TERMS]
        if own:
            return [*base, *map(_change_pair, self.changes), *rest]
        return [*map(_change_pair, (*self.a.terms, *self.changes)), *rest]

    def print(self) -> str:
        """Write as a URL's query string. `parse` of it is this pair again."""
        return urlencode(self.pairs())


def _side(side: str, pairs: Sequence[tuple[str, str]]) -> Query:
    if not pairs:
        other = "B" if side == "a" else "A"
        raise BadQuery(
            _("Only %(other)s is given. Type what to compare it with as %(upper)s.", other=other, upper=side.upper())
        )
    try:
        return Query.parse(pairs)
    except BadQuery as error:
        raise BadQuery(_("%(upper)s: %(error)s", upper=side.upper(), error=error)) from error


def _is_plain(term: Term) -> bool:
    """Whether a term belongs to the query itself and not to how it is modified."""
    return term.weight == 1.0 if term.text else term.weight > 0


def _change(value: str | Term, sign: float) -> Term | None:
    if isinstance(value, Term):
        weight = _how_much(value.text or value.figure or _("the picture"), value.weight)
        return replace(value, weight=sign * weight) if weight else None
    text, weight = parse_weight(value)
    if not tidy(text):
        return None
    weight = _how_much(tidy(text), weight)
    return Term(text=text, weight=sign * weight) if weight else None


def _how_much(thing: str, weight: float) -> float:
    if not 0 <= weight <= MAX_WEIGHT:
        turned = " " + _("To turn it round, move it to the other list.") if weight < 0 else ""
        thing = thing if len(thing) <= 60 else thing[:59] + "…"
        raise BadQuery(
            _(
                "How much less or more of “%(thing)s” is a number from 0 to %(max_weight)s, not %(weight)s.%(turned)s",
                thing=thing,
                max_weight=format(MAX_WEIGHT, "g"),
                weight=format(weight, "g"),
                turned=turned,
            )
        )
    return weight


def _change_pair(term: Term) -> tuple[str, str]:
    name = "more" if term.weight > 0 else "less"
    weight = abs(term.weight)
    if term.picture is not None:
        return f"{name}.picture", with_weight(term.picture.print(), weight)
    if term.figure:
        return f"{name}.like", with_weight(term.figure, weight)
    return name, with_weight(term.text, weight)
