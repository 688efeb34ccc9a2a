"""Volumes that any encoder tells the slices of apart, and a corpus that yields them as stacks, and slices of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
from PIL import Image

from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused
from mirage.figure import Case, Figure, Licence, SlicePlace, Source
from mirage.images import DecodedPicture
from mirage.images.stacks import render, slice_values, stack_of
from mirage.images.volume import Volume

FREE = Licence("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/", True)


def volume(slices: int = 12, side: int = 48, seed: int = 0, apart: float = 5.0, labels: bool = False) -> Volume:
    """A CT whose slices are coarse patterns that turn slowly into each other, with two structures if asked for."""
    rng = np.random.default_rng(seed)
    knots = rng.normal(size=(slices // 3 + 2, 6, 8))
    at = np.linspace(0, len(knots) - 1.001, slices)
    low = at.astype(int)
    part = (at - low)[:, None, None]
    coarse = (1 - part) * knots[low] + part * knots[low + 1]
    pictures = [Image.fromarray(one.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR) for one in coarse]
    voxels = (np.stack([np.asarray(one) for one in pictures]) * 60 + 40).astype(np.int16)
    marked = np.zeros(voxels.shape, np.uint8)
    marked[1:4, 4:9, 4:9] = 1
    marked[2, 4:20, 4:20] = 1
    marked[slices // 2 :, 20:30, 20:30] = 2
    marked[slices - 2, 20:44, 20:44] = 2
    given = Volume(voxels, np.diag([1.0, 1.0, apart, 1.0]), modality="CT", windows=(("soft tissue", 40.0, 400.0),))
    if not labels:
        return given
    return replace(given, labels=marked, label_names=((1, "left kidney"), (2, "aorta")), labels_by="a person")


class Volumes:
    """A corpus of volumes by name. `singles` are slices that it yields as figures of their own: name to slice numbers."""

    card: ClassVar = CorpusCard("Volumes", "Volumes for tests.")

    def __init__(
        self,
        volumes: Mapping[str, Volume],
        singles: Mapping[str, tuple[int, ...]] | None = None,
        captions: Mapping[str, str] | None = None,
        licence: Licence = FREE,
    ) -> None:
        self.volumes, self._captions, self._licence = volumes, captions or {}, licence
        self._singles = [(name, number) for name, numbers in (singles or {}).items() for number in numbers]
        self.read_at_once = self._reading = 0

    def info(self) -> CorpusInfo:
        return CorpusInfo("volumes", "Volumes", "Volumes for tests.", "1", licence=self._licence)

    def __len__(self) -> int:
        return len(self.volumes) + len(self._singles)

    def figure(self, name: str, caption: str) -> Figure:
        source = Source("volumes", "A. Person", "https://example.org/volumes", "collection", self._licence)
        told = {"modality": "CT", "plane": "axial", "region": "abdomen", "case_id": f"volumes:{name.partition(' ')[0]}-case"}
        return Figure(f"volumes:{name}", self._captions.get(name, caption), source, name.partition(" ")[0].title(), **told)

    def items(self) -> Iterator[Item | Refused]:
        for name in self.volumes:
            figure = self.figure(name, f"Axial CT of {name}, a stack.")
            yield Item(figure, Case(figure.case_id, name, figure.source), f"{name}.nii", f"{name}-1", stacked=True)
        for name, number in self._singles:
            figure = self.figure(f"{name} {number}", f"Axial CT of {name}, one level.")
            place = SlicePlace(f"volumes:{name}", "axial", number)
            case = Case(figure.case_id, name, figure.source)
            yield Item(replace(figure, slice_of=place), case, f"{name} {number}.png", f"{name}-{number}-1")

    def read(self, item: Item) -> DecodedPicture:
        place = item.figure.slice_of
        assert place is not None
        return DecodedPicture(picture(self.volumes[place.stack.partition(":")[2]], place.number), "PNG")

    def read_stack(self, item: Item) -> Volume:
        return self.volumes[item.figure.id.partition(":")[2]]


def picture(given: Volume, number: int) -> Image.Image:
    """A slice as a person sees it."""
    stack = stack_of(given)
    return render(slice_values(given, stack, number), stack)
