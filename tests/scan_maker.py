"""A made-up scan: voxels that tell where they lie, two marked structures, and a corpus that has it as a stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused
from mirage.errors import BadPicture
from mirage.figure import Figure, Licence, SlicePlace, Source
from mirage.images import DecodedPicture
from mirage.images.notes import OBLIQUE
from mirage.images.volume import Volume

STRUCTURES = ((1, "liver"), (2, "left kidney"))


def phantom(slices: int = 24, rows: int = 40, columns: int = 56, *, sides_known: bool = True, labels: bool = True) -> Volume:
    """A body of 40 HU in air, with a ball on the patient's right and a rod on the left; slices lie 3 mm apart, pixels 1 mm.

    The ball is the liver, slices 6 to 17; the rod is the left kidney, slices 3 to 20 of 24.
    """
    z, y, x = np.mgrid[:slices, :rows, :columns]
    body = ((y - rows / 2) / (rows * 0.45)) ** 2 + ((x - columns / 2) / (columns * 0.45)) ** 2 < 1
    voxels = np.where(body, 40, -1000) + (z + y % 5 + x % 7)  # no two slices are the same
    ball = ((z - slices / 2) * 3) ** 2 + (y - rows / 2) ** 2 + (x - columns * 0.3) ** 2 < (slices * 0.75) ** 2
    rod = (np.abs(z - slices / 2) < slices * 0.37) & ((y - rows * 0.6) ** 2 + (x - columns * 0.7) ** 2 < 16)
    marks = np.where(ball & body, 1, np.where(rod & body, 2, 0)).astype(np.uint8)
    voxels = (voxels + 60 * (marks == 1) + 180 * (marks == 2)).astype(np.int16)
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    return Volume(
        voxels,
        affine,
        modality="CT",
        sides_known=sides_known,
        labels=marks if labels else None,
        label_names=STRUCTURES,
        labels_by="the test that drew it",
        notes=("This scan is made up.", OBLIQUE),
    )


class MadeStacks:
    """A corpus of one stack, and of one single picture that is a slice of it."""

    card = CorpusCard("Made-up scans", "A scan that a test drew.")

    def __init__(self, volume: Volume | None = None, name: str = "scan") -> None:
        self.volume, self.name = volume or phantom(), name
        self.coronal = self.volume.count("coronal") // 2 - 1

    def info(self) -> CorpusInfo:
        return CorpusInfo("made", "Made-up scans", "A scan that a test drew.", "1", "", Licence("CC0-1.0", "", True))

    def items(self) -> Iterator[Item | Refused]:
        source = Source("made", "A test, 2026", licence=Licence("CC0-1.0", "", True))
        words = "Axial CT of the abdomen. Marked: liver, left kidney."
        stack = Figure(
            f"made:{self.name}", words, source, "Made-up abdomen, CT", modality="CT", plane="axial", region="abdomen"
        )
        yield Item(stack, None, "scan.nii.gz", "1", stacked=True)
        place = SlicePlace(stack.id, "coronal", self.coronal)
        single = replace(
            stack, id=f"{stack.id}-coronal", caption="Coronal CT of the liver.", plane="coronal", slice_of=place
        )
        yield Item(single, None, "coronal.png", "1")

    def read(self, item: Item) -> DecodedPicture:
        if item.stacked:
            raise BadPicture("A stack is read by read_stack.")
        values = self.volume.slice("coronal", self.coronal)
        return DecodedPicture(Image.fromarray(((values + 1000) / 6).clip(0, 255).astype(np.uint8)), "PNG")

    def read_stack(self, item: Item) -> Volume:
        return self.volume

    def __len__(self) -> int:
        return 2
