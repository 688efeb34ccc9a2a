"""From the fields of a form, or some JSON, to what shall be drawn; and back into the form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as names_of
from urllib.parse import urlencode

from mirage.errors import BadInput, BadQuery
from mirage.figure import MODALITIES
from mirage.generate.synthesis import Options
from mirage.query import Query, Term, shown
from mirage.web.comparing import ChangeRow
from mirage.web.fields import Pairs, refuse_address, tidied
from mirage.web.schemas.generating import ChoicesBody, WantedBody

EMPTY = "Say in words what the image shall show, for example “axial brain MRI”."
_WORDS = ("q", "more", "less")
_WHOLE = {"seed": "seed", "steps": "number of steps", "width": "width", "height": "height", "count": "number of images"}
_BROKEN = {"guidance": "guidance", "strength": "strength"}
_KNOWN = {*_WORDS, *_WHOLE, *_BROKEN, "size", "negative", "figure"}
# What a form keeps of words that are far too long, so that they can be shortened.
_MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class GenerateForm:
    """The form of the page /generate as it is filled in; every value is as typed.

    Attributes
    ----------
    words, negative, seed, steps, guidance, size, count, figure, strength : str
    less, more : tuple of ChangeRow
    """

    words: str = ""
    negative: str = ""
    seed: str = ""
    steps: str = ""
    guidance: str = ""
    size: str = ""
    count: str = ""
    figure: str = ""
    strength: str = ""
    less: tuple[ChangeRow, ...] = ()
    more: tuple[ChangeRow, ...] = ()

    @property
    def advanced(self) -> bool:
        """Whether anything is filled in that is folded away."""
        return any(getattr(self, field.name) for field in names_of(self) if field.name not in ("words", "less", "figure"))


def generate_form(pairs: Pairs) -> GenerateForm:
    """The form as these fields fill it in, whether they make sense or not."""
    given = dict(reversed(pairs))
    rows = {name: tuple(_row(value) for key, value in pairs if key == name) for name in ("less", "more")}
    plain = {name: given.get(name, "")[:200] for name in ("seed", "steps", "guidance", "count", "figure", "strength")}
    size = given.get("size") or given.get("width") or ""
    words = given.get("q", "")[:_MOST_KEPT]
    return GenerateForm(
        words=words,
        negative=given.get("negative", "")[:_MOST_KEPT],
        size=size[:200],
        less=rows["less"],
        more=rows["more"],
        **plain,
    )


def _row(value: str) -> ChangeRow:
    words, at, weight = value.rpartition("@")
    return ChangeRow(words, weight) if at and words.strip() else ChangeRow(value)


def side_of(pairs: Pairs, side: str) -> Pairs:
    """Of a form with two queries, the fields of one side and those of both."""
    own = [(name.removeprefix(f"{side}."), value) for name, value in pairs if name.startswith(f"{side}.")]
    return own + [(name, value) for name, value in pairs if "." not in name]


def asked_of(pairs: Iterable[tuple[str, str]]) -> tuple[Query, Options]:
    """What the fields of a form ask for.

    Raises
    ------
    mirage.errors.BadQuery
        Without words, or with too many.
    mirage.errors.BadInput
        Naming the field that is no number, or that is not known.
    """
    given = tidied(pairs)
    for name, value in given:
        if name not in _KNOWN:
            raise BadInput(f"There is no choice named {shown(name)}. There are: {', '.join(sorted(_KNOWN))}.")
        refuse_address(name, value)
    words = [(name, value) for name, value in given if name in _WORDS]
    if not any(name in ("q", "more") for name, _ in words):
        raise BadQuery(EMPTY)
    single = {name: value.strip() for name, value in given if name not in _WORDS}
    size = single.pop("size", "")
    if size:
        single = {"width": size, "height": size, **single}
    whole = {name: _integer(what, single[name]) for name, what in _WHOLE.items() if name in single}
    broken = {name: _number(what, single[name]) for name, what in _BROKEN.items() if name in single}
    texts = {name: single[name] for name in ("negative", "figure") if name in single}
    return Query.parse(words), Options(**whole, **broken, **texts)  # type: ignore[arg-type]


def _integer(what: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise BadInput(f"The {what} is a whole number, not {shown(value)}.") from None


def _number(what: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise BadInput(f"The {what} is a number, not {shown(value)}.") from None


def query_in(terms: Sequence[WantedBody]) -> Query:
    """The query of some JSON.

    Raises
    ------
    mirage.errors.BadQuery
    """
    found = tuple(Term(text=term.text, weight=term.weight) for term in terms if term.weight != 0 and term.text.strip())
    if not any(term.weight > 0 for term in found):
        raise BadQuery(EMPTY)
    return Query(found)


def options_in(body: ChoicesBody) -> Options:
    """What some JSON chooses."""
    return Options(
        negative=body.negative,
        seed=body.seed,
        steps=body.steps,
        guidance=body.guidance,
        width=body.width,
        height=body.height,
        count=body.count,
        figure=body.figure,
        strength=body.strength,
    )


def drawable(query: Query) -> Query | None:
    """What can be drawn of a search: its words, with what its filters say in words; None when it has no words.

    A picture or a figure among the terms is left out: the image is made of words.
    """
    terms = [Term(text=term.text, weight=term.weight) for term in query.terms if term.text]
    if not any(term.weight > 0 for term in terms):
        return None
    said = " ".join(_filter_words(query.filters))
    if said:
        at = next(number for number, term in enumerate(terms) if term.weight > 0)
        terms[at] = Term(text=f"{terms[at].text}, {said}", weight=terms[at].weight)
    return Query(tuple(terms))


def _filter_words(filters: Mapping[str, Sequence[str]]) -> list[str]:
    single = {name: values[0] for name, values in filters.items() if len(values) == 1 and values[0]}
    modality = single.get("modality", "")
    return [word for word in (single.get("plane"), MODALITIES.get(modality, modality), single.get("region")) if word]


def address(query: Query | None, **choices: str) -> str:
    """The page /generate with the form filled in."""
    pairs = (query.pairs() if query else []) + [(name, value) for name, value in choices.items() if value]
    return "/generate" + (f"?{urlencode(pairs)}" if pairs else "")
