"""What of a condition is rated: figures of two ways to search, pooled; sentences, comparisons and synthetic images.

Of each item there are two halves. What is shown stands in `ReviewItem.content`; by which way it was found, and where it
stood there, in `ReviewItem.key`, which nobody who rates gets to see. Ids are drawn at random, and nothing that is shown
depends on rank: a stack is shown by its own picture whoever found it, and passages have letters in an order of their own.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Literal, Protocol, get_args

from pydantic import BaseModel, ConfigDict, Field

from mirage.compare.comparison import Comparison
from mirage.compare.dual import Dual
from mirage.errors import BadInput, BadQuery
from mirage.explain.evidence import ASPECTS, Claim, Evidence
from mirage.explain.explanation import Explanation
from mirage.figure import MODALITIES, Figure, Licence, LinkKind, Source
from mirage.generate.outputs import FOLDER, Outputs
from mirage.indexes import bm25
from mirage.indexes.base import Index, IndexQuery
from mirage.query import Query, shown
from mirage.search.answer import Answer, Hit
from mirage.storage.databases import Databases
from mirage.storage.records import reference_of
from mirage.storage.store import Store
from mirage.study.reviews.protocol import Items
from mirage.wording import _

Kind = Literal["figure", "claim", "comparison", "synthetic"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Arm = Literal["mirage", "keywords"]
ARMS: tuple[Arm, ...] = get_args(Arm)
_MOST_LINES = 5  # of each side


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReviewSource(_Frozen):
    """Where a picture or a passage comes from, as it was when the review was begun."""

    attribution: str = ""
    url: str = ""
    url_of: LinkKind = "collection"
    licence: str = ""
    licence_url: str = ""

    @property
    def terms(self) -> Licence:
        """The licence."""
        return Licence(self.licence, self.licence_url)


class ReviewPicture(_Frozen):
    """A picture of an item.

    Attributes
    ----------
    figure : str
        Reference of the figure, or id of the synthetic image; it is not shown.
    synthetic : bool
    title, caption, made : str
        The last one: modality, plane, region.
    source : ReviewSource
    """

    figure: str
    synthetic: bool = False
    title: str = ""
    caption: str = ""
    made: str = ""
    source: ReviewSource = ReviewSource()


class ReviewPassage(_Frozen):
    """What a sentence cites, with the letter it is cited by."""

    letter: str
    text: str
    title: str = ""
    source: ReviewSource = ReviewSource()


class PoolContent(_Frozen):
    """What of an item is shown.

    Attributes
    ----------
    text : str
        The sentence; of a comparison what stands over it.
    marks : tuple of str
        What a reader has to know beside the sentence.
    lines : tuple of str
        What tells two sides apart.
    pictures : tuple of ReviewPicture
    passages : tuple of ReviewPassage
    """

    text: str = ""
    marks: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    pictures: tuple[ReviewPicture, ...] = ()
    passages: tuple[ReviewPassage, ...] = ()


class Key(_Frozen):
    """What of an item is never shown to who rates it.

    Attributes
    ----------
    ranks : mapping
        Arm to its rank there, 1 is best.
    said : str
        Of a figure how sure MIRAGE was; of a sentence what its checker said.
    """

    ranks: dict[Arm, int] = Field(default_factory=dict)
    said: str = ""


class ReviewItem(_Frozen):
    """One thing to rate: its `content` is shown, its `key` never is."""

    id: str
    kind: Kind
    content: PoolContent
    key: Key


class _Snapshot(Protocol):
    @property
    def index(self) -> Index: ...


class Searched(Protocol):
    """What a pool is collected from; `mirage.atlas.Atlas` has it."""

    @property
    def databases(self) -> Databases: ...
    @property
    def store(self) -> Store: ...
    def search(self, query: Query) -> Answer: ...
    def explain(self, query: Query) -> Explanation: ...
    def compare(self, a: Dual) -> Comparison: ...
    def snapshot(self) -> AbstractContextManager[_Snapshot]: ...
    def hidden_keys(self) -> frozenset[int]: ...


def collect(atlas: Searched, query: str, versus: str, most: Items) -> list[ReviewItem]:
    """Collect what of a condition is rated.

    Parameters
    ----------
    atlas : Searched
    query : str
        The condition.
    versus : str
        What it is compared with; empty for nothing.
    most : Items
        How many of each kind at most.

    Returns
    -------
    list of ReviewItem
        Sorted by their ids, which are random.

    Raises
    ------
    mirage.errors.BadInput
        When nothing in the atlas fits.
    """
    asked = Query.of(query)
    answer = atlas.search(asked)
    if not answer.fits:
        raise BadInput(
            _(
                "Nothing in this atlas fits %(query)s, so there is nothing to rate. Add a corpus that has it, "
                "or choose another condition.",
                query=shown(query),
            )
        )
    found = [
        *_figures(atlas, answer, query, most.figures_per_arm),
        *_claims(atlas.explain(asked), most.claims),
        *_comparisons(atlas, query, versus, most.comparisons),
        *synthetic(Outputs(atlas.databases.folder / FOLDER), query, most.synthetic),
    ]
    return sorted(found, key=lambda item: item.id)


def _item(kind: Kind, content: PoolContent, key: Key) -> ReviewItem:
    return ReviewItem(id=secrets.token_hex(8), kind=kind, content=content, key=key)


# -- figures: two arms, pooled ----------------------------------------------------------------------------------------


def _figures(atlas: Searched, answer: Answer, query: str, most: int) -> Iterator[ReviewItem]:
    ranks: dict[str, dict[Arm, int]] = {}
    figures: dict[str, Figure] = {}
    sure: dict[str, str] = {}
    stands_for: dict[str, str] = {}  # a near-duplicate to the figure that is shown for it, whichever arm found it
    for hit in answer.hits[:most]:
        own = hit.figure.id
        figures[own], sure[own], ranks[own] = hit.figure, hit.confidence, {"mirage": hit.rank}
        stands_for |= dict.fromkeys((own, *hit.folded), own)
    for rank, figure in enumerate(by_keywords(atlas, query, most), 1):
        own = stands_for.get(figure.id, figure.id)
        figures.setdefault(own, figure)
        ranks.setdefault(own, {}).setdefault("keywords", rank)
    for own, figure in figures.items():
        content = PoolContent(pictures=(_picture(atlas.store, figure),))
        yield _item("figure", content, Key(ranks=ranks[own], said=sure.get(own, "")))


def by_keywords(atlas: Searched, query: str, most: int) -> list[Figure]:
    """What keyword search alone finds: BM25 over title, diagnosis and caption.

    Parameters
    ----------
    atlas : Searched
    query : str
    most : int
    """
    hidden = atlas.hidden_keys()
    with atlas.snapshot() as now:
        words = bm25.Rarity(now.index).asked(query)
        ranked = now.index.ask(IndexQuery(None, words, most + len(hidden), {})).get("words", [])
    keys = [key for key, _ in ranked if key not in hidden][:most]
    rows = atlas.store.rows(keys)
    return [rows[key].figure for key in keys if key in rows]


def _picture(store: Store, figure: Figure) -> ReviewPicture:
    made = [figure.plane, MODALITIES.get(figure.modality, figure.modality), figure.region]
    return ReviewPicture(
        figure=reference_of(store.row(figure.id)),
        title=figure.title,
        caption=figure.caption,
        made=", ".join(filter(None, made)),
        source=_source(figure.source),
    )


def _source(source: Source) -> ReviewSource:
    licence = source.licence
    terms = {"licence": licence.name, "licence_url": licence.url}
    return ReviewSource(attribution=source.attribution, url=source.url, url_of=source.url_of, **terms)


# -- sentences --------------------------------------------------------------------------------------------------------


def _claims(explanation: Explanation, most: int) -> Iterator[ReviewItem]:
    evidence = {each.number: each for each in explanation.evidence}
    for rank, claim in enumerate(explanation.claims[:most], 1):
        yield _item("claim", _told(claim, evidence), Key(ranks={"mirage": rank}, said=claim.support))


def _told(claim: Claim, evidence: dict[int, Evidence]) -> PoolContent:
    """A sentence with what it cites under letters: numbers would tell how far up its evidence stood."""
    cited = {number: evidence[number] for number in (*claim.cites, *claim.against) if number in evidence}
    order = sorted(cited, key=lambda number: hashlib.sha256(cited[number].text.encode()).digest())
    letters = {number: chr(ord("a") + place) if place < 26 else f"z{place}" for place, number in enumerate(order)}
    marks = [ASPECTS[claim.aspect]] if claim.aspect in ASPECTS else []
    if claim.scope == "case":
        marks.append(f"in one case ({claim.limit})" if claim.limit else "in one case")
    elif claim.scope == "subset":
        marks.append(f"of some only: {claim.limit}")
    if against := [letters[number] for number in claim.against if number in letters]:
        marks.append(f"the sources disagree: see [{'], ['.join(sorted(against))}]")
    return PoolContent(
        text=claim.text,
        marks=tuple(marks),
        passages=tuple(
            ReviewPassage(letter=letters[number], text=each.text, title=each.title, source=_source(each.source))
            for number in order
            for each in (cited[number],)
        ),
    )


# -- comparisons ------------------------------------------------------------------------------------------------------


def _comparisons(atlas: Searched, query: str, versus: str, most: int) -> Iterator[ReviewItem]:
    if not (versus and most):
        return
    try:
        compared = atlas.compare(Dual.of(query, versus))
    except BadQuery:
        return
    if not (compared.a.fits and compared.b.fits):
        return
    heading = f"A: {query}. B: {versus}."
    lines = [*_apart(compared, "a"), *_apart(compared, "b")]
    pairs: list[tuple[Hit, ...]] = [(each.a[0], each.b[0]) for each in compared.alike]
    if not pairs and len(compared.beside) == 2:
        pairs = [compared.beside]
    first = [PoolContent(text=heading, lines=tuple(lines))] if lines else []
    shown_pairs = (
        PoolContent(text=heading, pictures=tuple(_picture(atlas.store, hit.figure) for hit in pair)) for pair in pairs
    )
    for rank, content in enumerate([*first, *shown_pairs][:most], 1):
        yield _item("comparison", content, Key(ranks={"mirage": rank}))


def _apart(compared: Comparison, side: Literal["a", "b"]) -> Iterator[str]:
    for each in (compared.of_a if side == "a" else compared.of_b)[:_MOST_LINES]:
        counts = ", ".join(f"{name} {of.affirmed} of {of.cases} cases" for name, of in (("A", each.a), ("B", each.b)))
        yield f"{side.upper()}: {each.concept} ({counts})"


# -- synthetic images -------------------------------------------------------------------------------------------------


def synthetic(outputs: Outputs, query: str, most: int) -> Iterator[ReviewItem]:
    """The images whose prompt names a condition, the newest first.

    Parameters
    ----------
    outputs : mirage.generate.outputs.Outputs
    query : str
    most : int
    """
    named = [
        entry
        for entry in (outputs.list() if most else [])
        if not entry.reason and query.casefold() in entry.record.prompt.casefold()
    ]
    for rank, entry in enumerate(named[:most], 1):
        picture = ReviewPicture(figure=entry.record.id, synthetic=True, caption=entry.record.prompt)
        yield _item("synthetic", PoolContent(pictures=(picture,)), Key(ranks={"mirage": rank}))
