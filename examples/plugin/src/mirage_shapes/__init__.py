"""A corpus of drawn shapes: the smallest corpus that does all that a corpus does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from PIL import Image, ImageDraw

from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused
from mirage.corpora.options import CorpusOption
from mirage.errors import BadInput
from mirage.figure import Figure, Licence, Source
from mirage.images import DecodedPicture

SHAPES = ("circle", "square", "triangle")
VERSION = "1"
CC0 = Licence("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/", allows_sharing=True)


class ShapesCorpus:
    """Circles, squares and triangles.

    Parameters
    ----------
    count : int
        How many pictures.

    Raises
    ------
    mirage.errors.BadInput
        When there are to be none.
    """

    card: ClassVar[CorpusCard] = CorpusCard(
        title="Shapes",
        summary="Circles, squares and triangles, drawn when they are added.",
        licence=CC0,
        options=(CorpusOption("count", "How many pictures to draw.", int, default=6),),
    )

    def __init__(self, count: int = 6) -> None:
        if count < 1:
            raise BadInput(f"count must be at least 1, not {count}.")
        self._count = count

    def info(self) -> CorpusInfo:
        """Tell what this corpus is."""
        return CorpusInfo("shapes", self.card.title, self.card.summary, VERSION, licence=CC0)

    def items(self) -> Iterator[Item | Refused]:
        """Yield every picture once, always in the same order."""
        for number in range(self._count):
            shape = SHAPES[number % len(SHAPES)]
            source = Source("shapes", "Drawn by mirage-shapes", licence=CC0)
            figure = Figure(f"shapes:{number:04}", f"A {shape}, number {number}.", source, title=shape.capitalize())
            yield Item(figure, None, label=f"{shape} {number}", fingerprint=f"{VERSION}-{number}")

    def read(self, item: Item) -> DecodedPicture:
        """Draw the picture of one item."""
        number = int(item.figure.id.partition(":")[2])
        image = Image.new("L", (96, 96), 20)
        draw, size = ImageDraw.Draw(image), 12 + number % 30
        box = (48 - size, 48 - size, 48 + size, 48 + size)
        match SHAPES[number % len(SHAPES)]:
            case "circle":
                draw.ellipse(box, fill=200)
            case "square":
                draw.rectangle(box, fill=200)
            case _:
                draw.polygon([(48, 48 - size), (48 - size, 48 + size), (48 + size, 48 + size)], fill=200)
        return DecodedPicture(image, "PNG")

    def __len__(self) -> int:
        """How many entries `items` will yield."""
        return self._count
