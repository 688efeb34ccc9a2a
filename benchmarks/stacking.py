"""Adding a stack of 230 slices of 512 × 512 and 16 bits: read, pack, render, encode, store, index."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
from PIL import Image

from benchmarks.adding import items_of
from benchmarks.measure import Outcome, Row, Setting, load
from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.corpora.base import Corpus, CorpusCard, CorpusInfo, Item, Refused
from mirage.figure import Figure, Source
from mirage.images import DecodedPicture
from mirage.images.stacks import render, slice_values, stack_of
from mirage.images.volume import Volume
from mirage.storage.ingest import add

_BAR = 40.0


class _Stack:
    """One stack, or its slices as figures of their own."""

    card: ClassVar = CorpusCard("A stack", "Slices of a stack.")

    def __init__(self, volume: Volume, *, single: bool) -> None:
        self._volume, self._stack, self._single = volume, stack_of(volume), single

    def info(self) -> CorpusInfo:
        return CorpusInfo("stack", "A stack", "Slices of a stack.", "1")

    def __len__(self) -> int:
        return self._stack.shape[0] if self._single else 1

    def items(self) -> Iterator[Item | Refused]:
        for number in range(len(self)):
            figure = Figure(f"stack:{number}", f"Axial CT, slice {number}.", Source("stack", "Starter"), modality="CT")
            yield Item(figure, None, f"{number}", f"{number}", stacked=not self._single)

    def read(self, item: Item) -> DecodedPicture:
        values = slice_values(self._volume, self._stack, int(item.label))
        return DecodedPicture(render(values, self._stack), "PNG")

    def read_stack(self, item: Item) -> Volume:
        # Voxels of its own, as a reader makes them.
        return replace(self._volume, voxels=self._volume.voxels.copy())


def stacking(setting: Setting) -> Outcome:
    """Slices a second into an empty atlas; the bar is for a machine that does nothing else."""
    slices, side = setting.size(230, 12), setting.size(512, 64)
    volume = _volume(slices, side)
    rate = _rate(setting, _Stack(volume, single=False), "stack", slices)
    singly = _rate(setting, _Stack(volume, single=True), "singles", slices)
    row = Row(
        f"adding a stack of {slices} slices of {side} × {side}, 16 bits",
        round(rate, 1),
        "slices/s",
        bar=_BAR,
        better="more",
        instead=f"the same slices as single figures of 8 bits: {singly:.3g} slices/s",
        ratio=round(rate / singly, 1),
    )
    return Outcome("stacking", (row,), {"load": load()})


def _volume(slices: int, side: int) -> Volume:
    """Pictures of the starter, turning into each other, as 12 bits with a scanner's noise."""
    starter = corpora.load("starter")
    few = [item for item in items_of(starter, 400) if not item.stacked][::20][:12]
    shown = [starter.read(item).image.convert("L").resize((side, side), Image.Resampling.BICUBIC) for item in few]
    knots = np.stack([np.asarray(one, np.float32) for one in shown])
    rng = np.random.default_rng(0)
    voxels = np.empty((slices, side, side), np.int16)
    for number, at in enumerate(np.linspace(0, len(knots) - 1.001, slices)):
        first, part = int(at), float(at % 1)
        mixed = (1 - part) * knots[first] + part * knots[first + 1]
        voxels[number] = mixed * 8 - 1024 + rng.normal(0, 12, mixed.shape)
    return Volume(voxels, np.diag([0.7, 0.7, 1.0, 1.0]), modality="CT")


def _rate(setting: Setting, corpus: Corpus, name: str, slices: int) -> float:
    encoder = encoders.load("starter")
    encoder.encode_images([Image.new("L", (64, 64))])
    with Atlas.open(setting.folder / f"stacking-{name}-{os.getpid()}", encoder=encoder, create=True) as atlas:
        started = time.perf_counter()
        report = add(atlas, corpus)
        assert not report.refused
        return slices / (time.perf_counter() - started)
