"""Examples for a first visit, each with the figure that it finds first in the atlas that is open."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mirage.web import links, schemas, views

if TYPE_CHECKING:
    from mirage.atlas import Atlas


@dataclass(frozen=True, slots=True)
class Example:
    """A query that works here, in words, with its address and what it finds first."""

    words: str
    url: str
    figure: schemas.FigureView


_kept: WeakKeyDictionary[Atlas, tuple[int, list[Example]]] = WeakKeyDictionary()
_lock = Lock()


def examples_of(atlas: Atlas, size: int) -> list[Example]:
    """Examples for this atlas of `size` figures, looked up again when its size has changed."""
    with _lock:
        known = _kept.get(atlas)
    if known and known[0] == size:
        return known[1]
    found: list[Example] = []
    for query in atlas.examples(6):
        view = views.search_page(atlas, query)
        if view.fits and view.hits:
            found.append(Example(query.text, links.search(query), view.hits[0].figure))
    with _lock:
        _kept[atlas] = (size, found)
    return found
