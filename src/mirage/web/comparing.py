"""What the compare page shows: its form, its two sides, and examples that work on the atlas that is open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from mirage.compare.comparison import Comparison, Pairing
from mirage.compare.dual import SIDES, Dual
from mirage.compare.keyness import Trait
from mirage.errors import BadQuery
from mirage.figure import MODALITIES
from mirage.query import Query
from mirage.web import fields, schemas, views
from mirage.web.fields import Pairs
from mirage.web.schemas import comparing as s

if TYPE_CHECKING:
    from mirage.atlas import Atlas

MOST_EXAMPLES = 4
# What a weight can be dragged to; larger ones can be typed into the address.
MOST_DRAGGED = 2.0
_EXAMPLES = (
    "a.q=glioblastoma&b.q=meningioma",
    "a.q=subdural+hematoma&b.q=epidural+hematoma",
    "q=brain+MRI&less=contrast@0.7&more=edema",
    "a.q=pulmonary+embolism&b.q=pneumonia",
    "a.q=multiple+sclerosis&b.q=brain+abscess",
    "a.q=renal+cell+carcinoma&b.q=angiomyolipoma",
    "a.q=axial+brain+MRI&b.q=sagittal+brain+MRI",
    "a.q=brain+MRI&b.q=chest+X-ray",
    "a.q=malaria&b.q=normal+blood+smear",
)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A line of "less of" or "more of". `weight` is as typed."""

    value: str
    weight: str = "1"

    @property
    def draggable(self) -> bool:
        """Whether a slider can show the weight."""
        try:
            return 0 <= float(self.weight) <= MOST_DRAGGED
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class CompareForm:
    """The two forms of the compare page as they are filled in.

    Attributes
    ----------
    modify : bool
        Whether the second form, a query with less and more, is the one in use.
    a, b : str
        The two queries in words.
    words : str
        The query to be modified.
    less, more : tuple of ChangeRow
    two_rest, modify_rest : list of (str, str)
        What else each form carries, unseen: filters, figures, pictures.
    method : str
        ``post`` when a dropped picture is in it.
    """

    modify: bool
    a: str
    b: str
    words: str
    less: tuple[ChangeRow, ...]
    more: tuple[ChangeRow, ...]
    two_rest: Pairs
    modify_rest: Pairs
    method: str

    @property
    def pictures(self) -> int:
        """How many dropped pictures the form in use carries."""
        return sum(name.rpartition(".")[2] == "picture" for name, _ in (*self.two_rest, *self.modify_rest))


def compare_form(pairs: Pairs) -> CompareForm:
    """The form as these tidied fields fill it in, whether they make sense or not."""
    two = [(name, value) for name, value in pairs if name.partition(".")[0] in SIDES and "." in name]
    one = [pair for pair in pairs if pair not in two]
    a, b, words = (_first(pairs, name)[:2000] for name in ("a.q", "b.q", "q"))
    rows = {name: tuple(_row(value) for key, value in one if key == name) for name in ("less", "more")}
    has_picture = any(name.rpartition(".")[2] == "picture" for name, _ in pairs)
    return CompareForm(
        modify=bool(one) and not two,
        a=a or words,
        b=b,
        words=words or a,
        less=rows["less"],
        more=rows["more"],
        two_rest=[pair for pair in two if pair[0] not in ("a.q", "b.q")],
        modify_rest=[pair for pair in one if pair[0] not in ("q", "less", "more")],
        method="post" if has_picture else "get",
    )


def _first(pairs: Pairs, name: str) -> str:
    return next((value for key, value in pairs if key == name), "")


def _row(value: str) -> ChangeRow:
    words, at, weight = value.rpartition("@")
    if not at or not words.strip():
        return ChangeRow(value)
    try:
        float(weight)
    except ValueError:
        return ChangeRow(value)
    return ChangeRow(words, weight)


def dual_of(pairs: Pairs, *, in_address: bool) -> Dual:
    """The two queries that tidied fields mean.

    Raises
    ------
    mirage.errors.BadQuery
    """
    for name, value in pairs:
        fields.refuse_address(name.rpartition(".")[2], value)
    if in_address and any(name.rpartition(".")[2] == "picture" for name, _ in pairs):
        raise BadQuery(fields.NO_PICTURE_IN_ADDRESS)
    return Dual.parse(pairs)


def address(dual: Dual, path: str = "/compare") -> str:
    """Address of a comparison; without the queries where a picture is in one."""
    return path if dual.has_picture else f"{path}?{dual.print()}"


def entries(query: Query) -> dict[str, str]:
    """From a page of results: where to say what to compare it with, and its comparison with the unmodified query."""
    if query.has_picture:
        return {"compare_url": "", "unmodified_url": ""}
    given = urlencode([(f"a.{name}", value) for name, value in query.pairs()])
    try:
        dual = Dual.modify(query)
    except BadQuery:
        return {"compare_url": f"/compare?{given}", "unmodified_url": ""}
    return {"compare_url": f"/compare?{given}", "unmodified_url": address(dual) if dual.changes else ""}


def comparison_view(comparison: Comparison) -> s.ComparisonView:
    """Two queries answered side by side."""
    dual = comparison.dual
    return s.ComparisonView(
        url="" if dual.has_picture else address(dual),
        modified=dual.modified,
        same=dual.same,
        words=comparison.words,
        a=views.answer_view(comparison.a),
        b=views.answer_view(comparison.b),
        shared=_traits(comparison.shared),
        of_a=_traits(comparison.of_a),
        of_b=_traits(comparison.of_b),
        alike=[_pairing(pairing) for pairing in comparison.alike],
        both=list(comparison.both),
        notes=list(comparison.notes),
        seconds=comparison.seconds,
    )


def _traits(traits: Iterable[Trait]) -> list[s.TraitView]:
    return [
        s.TraitView(
            kind=trait.kind,
            words=MODALITIES.get(trait.words, trait.words) if trait.kind == "modality" else trait.words,
            a=list(trait.a),
            b=list(trait.b),
            share_a=trait.share_a,
            share_b=trait.share_b,
        )
        for trait in traits
    ]


def _pairing(pairing: Pairing) -> s.PairingView:
    return s.PairingView(
        modality=pairing.modality,
        modality_name=MODALITIES.get(pairing.modality, pairing.modality),
        plane=pairing.plane,
        a=[hit.figure.id for hit in pairing.a],
        b=[hit.figure.id for hit in pairing.b],
    )


@dataclass(frozen=True, slots=True)
class CompareExample:
    """Two queries that both find something here, with what each finds first."""

    words: str
    url: str
    a: schemas.FigureView
    b: schemas.FigureView


_kept: WeakKeyDictionary[Atlas, tuple[int, list[CompareExample]]] = WeakKeyDictionary()
_lock = Lock()


def examples_of(atlas: Atlas, size: int) -> list[CompareExample]:
    """Examples for this atlas of `size` figures, looked up again when its size has changed."""
    with _lock:
        known = _kept.get(atlas)
    if known and known[0] == size:
        return known[1]
    plain = [query.text for query in atlas.examples(6)]
    pairs = [urlencode({"a.q": a, "b.q": b}) for a, b in zip(plain[::2], plain[1::2], strict=False)]
    found: list[CompareExample] = []
    for query_string in dict.fromkeys((*_EXAMPLES, *pairs)) if size else ():
        example = _example(atlas, Dual.parse(query_string))
        if example:
            found.append(example)
        if len(found) == MOST_EXAMPLES:
            break
    with _lock:
        _kept[atlas] = (size, found)
    return found


def _example(atlas: Atlas, dual: Dual) -> CompareExample | None:
    a, b = (atlas.search(query) for query in (dual.a, dual.b))
    if not (a.fits and b.fits):
        return None
    first_a = a.hits[0]
    # Of a modified query what it finds anew.
    first_b = next((hit for hit in b.hits if hit.figure.id != first_a.figure.id), b.hits[0])
    return CompareExample(_words(dual), address(dual), *(views.hit_view(hit).figure for hit in (first_a, first_b)))


def _words(dual: Dual) -> str:
    if not dual.modified:
        return f"{dual.a.text} and {dual.b.text}"
    changes: Sequence[tuple[str, str]] = [("less" if t.weight < 0 else "more", t.text) for t in dual.changes]
    return ", ".join((dual.a.text, *(f"{how} {words}" for how, words in changes)))
