"""Taking together what may leave: each picture of a collection or a search is asked of, and what stays is counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from mirage.compare.comparison import Comparison
from mirage.compare.dual import Dual
from mirage.errors import MirageError, NotFound
from mirage.figure import Licence
from mirage.images.store import PictureStore
from mirage.query import Query
from mirage.storage.records import FigureRow, reference_of
from mirage.study.along.bundle import Bundle, Order, Part, Picture, TooMuch, line, text
from mirage.study.kept import Content, Kept
from mirage.study.quiz.question import Library
from mirage.wording import _, ngettext

FOUND = 12
"""How many figures a search stands for: the first that it finds."""
MOST_PAIRS = 6
MOST_PICTURES = 2000
MOST_BYTES = 500_000_000


class PictureLibrary(Library, Protocol):
    """What of an atlas is needed to take something of it along; `mirage.atlas.Atlas` is one."""

    pictures: PictureStore

    def compare(self, a: Dual) -> Comparison:
        """Answer two queries side by side."""
        ...

    def kept_back_keys(self) -> frozenset[int]:
        """Keys of the figures that leave in no file; raises where it cannot be told which they are."""
        ...


@dataclass(slots=True)
class Taker:
    """Asks of each picture whether it may leave, and remembers what stays."""

    library: PictureLibrary
    way: str
    order: Order
    behind: dict[str, Licence] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    weak: int = 0
    number: int = 0
    size: int = 0
    _seen: dict[str, Picture] = field(default_factory=dict)
    _kept_back: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        """Know what is kept back before anything is looked at: where that cannot be told, nothing is."""
        self._kept_back = self.library.kept_back_keys()

    def part(self, item: Content) -> Part:
        """One thing with its pictures; its words as every format can hold them."""
        item = replace(item, title=line(item.title), note=text(item.note))
        if isinstance(item, Kept) and item.removed:
            return self._gone(item)
        if item.kind == "section":
            return Part(item.kind, item.title, item.note)
        try:
            if item.kind == "comparison":
                return self._comparison(item)
            return self._with(item, self._rows(item))
        except NotFound:
            return self._gone(item)
        except TooMuch:
            raise
        except MirageError as error:
            told = _("“%(title)s” could not be asked: %(why)s", title=item.title, why=error)
            self.failed.append(told)
            return Part(item.kind, item.title, item.note, said=told)

    def _gone(self, item: Content) -> Part:
        self.removed.append(item.title)
        return Part(item.kind, item.title, item.note, said=_("It is not in the atlas any more."))

    def _rows(self, item: Content) -> Sequence[FigureRow]:
        store = self.library.store
        if item.kind == "figure":
            return [store.row(item.target)]
        if item.kind == "case":
            store.case(item.target)
            return store.figures_of(item.target)
        hits = self.library.search(Query.parse(item.target)).hits
        # What may be unrelated is no picture of what was asked for, once the page that says so is left behind.
        fit = [hit for hit in hits if hit.confidence != "weak"]
        self.weak += len(hits) - len(fit)
        return [store.row(hit.figure.id) for hit in fit[:FOUND]]

    def _with(self, item: Content, rows: Iterable[FigureRow], **more: object) -> Part:
        found, stayed = [], 0
        for row in rows:
            picture = self.picture(row, item.note if item.kind == "figure" else "")
            found += [picture] if picture else []
            stayed += picture is None
        said = ""
        if stayed:
            said = ngettext(
                "%(num)s picture is left out.",
                "%(num)s pictures are left out.",
                stayed,
            )
        return Part(item.kind, item.title, item.note, tuple(found), said=said)

    def _comparison(self, item: Content) -> Part:
        found = self.library.compare(Dual.parse(item.target))
        pairs = [(each.a[0], each.b[0]) for each in found.alike[:MOST_PAIRS]]
        pairs += [(found.beside[0], found.beside[1])] if len(found.beside) == 2 and not pairs else []
        ids = list(dict.fromkeys(hit.figure.id for pair in pairs for hit in pair))
        part = self._with(item, [self.library.store.row(own) for own in ids])
        of = {each.figure.id: each for each in part.pictures}
        whole = tuple((of[a.figure.id], of[b.figure.id]) for a, b in pairs if {a.figure.id, b.figure.id} <= of.keys())
        return Part(
            item.kind, item.title, item.note, part.pictures, whole, (line(found.words[0]), line(found.words[1])), part.said
        )

    def find(self, reference: str) -> Picture | None:
        """The picture of a figure by its reference or id; None where it stays, or is not there."""
        with suppress(NotFound):
            return self.picture(self.library.store.row(reference))
        return None

    def picture(self, row: FigureRow, note: str = "") -> Picture | None:
        """The picture of a figure; None where it stays."""
        figure = row.figure
        if figure.id in self._seen and not note:
            return self._seen[figure.id]
        if figure.withdrawn:  # for oneself, too: a card or a slide would go on without the mark
            self.withdrawn.add(figure.id)
            return None
        if row.key in self._kept_back:
            self.hidden.add(figure.id)
            return None
        licence = figure.source.licence
        decision = self.order.decide(figure, self.way)
        if not decision.allowed:
            self.behind[figure.id] = licence
            return None
        self.number += 1
        self.size += row.picture.bytes
        if self.number > MOST_PICTURES or self.size > MOST_BYTES:
            raise TooMuch(
                _(
                    "It would hold more than %(pictures)s pictures or %(size)s MB, the most that one file may. Move a "
                    "part of the collection into another one, and take each along.",
                    pictures=MOST_PICTURES,
                    size=MOST_BYTES // 1_000_000,
                )
            )
        stack = row.stack
        if figure.slice_of is not None:
            with suppress(NotFound):  # the stack was removed, and the slice was not
                stack = self.library.store.row(figure.slice_of.stack).stack
        made = Picture(
            figure,
            reference_of(row),
            self.library.pictures.path(row.picture.name),
            row.picture.width,
            row.picture.height,
            decision,
            self.order.decide(figure, self.way, altered=True).allowed,
            stack if stack and stack.labels else None,
            note,
        )
        self._seen[figure.id] = made
        return made


def gather(
    library: PictureLibrary, contents: Iterable[Content], way: str, order: Order, *, key: str, title: str, notes: str = ""
) -> Bundle:
    """Take together what may leave.

    Parameters
    ----------
    library : PictureLibrary
    contents : iterable of Content
        A collection's items; a figure, case, search or comparison may stand alone.
    way : str
        Of `mirage.licensing.WAYS`.
    order : Order
    key, title, notes : str
        As of `Bundle`.

    Raises
    ------
    mirage.errors.BadInput
        When it is more than one file may hold.
    mirage.errors.Unavailable
        When it cannot be told what is hidden.
    """
    order.decide(Licence(), way)  # a purpose that there is not is refused, whatever is in it
    taker = Taker(library, way, order)
    parts = [taker.part(item) for item in contents]
    return Bundle(
        key,
        line(title),
        text(notes),
        way,
        order,
        tuple(parts),
        tuple(taker.behind.values()),
        len(taker.hidden),
        tuple(taker.removed),
        tuple(taker.failed),
        weak=taker.weak,
        withdrawn=len(taker.withdrawn),
    )
