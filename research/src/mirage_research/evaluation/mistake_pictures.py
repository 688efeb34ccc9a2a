"""Small pictures of the figures that mistakes are about, for the report."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from PIL import Image

from mirage.errors import MirageError
from mirage.images import PictureStore
from mirage_research.evaluation.confusions import Mistake
from mirage_research.evaluation.shelf import Shelf

_SMALL = 160  # pixels of the longer side


def thumbnails(shelf: Shelf, mistakes: Mapping[str, Sequence[Mistake]]) -> dict[int, bytes]:
    """Small pictures of the figures that mistakes are about; those that are lost are left out."""
    pictures = PictureStore(shelf.folder / "pictures")
    found: dict[int, bytes] = {}
    for mistake in (one for each in mistakes.values() for one in each):
        for place in {mistake.place, *mistake.wanted, *(place for place, _ in mistake.got)} - set(found):
            try:
                image = Image.open(io.BytesIO(pictures.read_thumbnail(shelf.rows[place].picture.name)))
            except (MirageError, OSError):
                continue
            small = image.convert("RGB")
            small.thumbnail((_SMALL, _SMALL))
            out = io.BytesIO()
            small.save(out, "JPEG", quality=70)
            found[place] = out.getvalue()
    return found
