"""How fast an encoder is on this machine, and how much memory it takes; kept with the date in the user's data folder."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import TypeAdapter

from mirage.aside import aside
from mirage.errors import Unavailable
from mirage.models.runtime import told_by_system
from mirage.settings import Settings
from mirage.wording import _

_FILE = "speeds.json"
_TEXTS, _PICTURES, _SECONDS = 64, 16, 2.0
# Of the lengths that students type and captions have.
_SENTENCES = (
    "pneumothorax",
    "ring-enhancing lesion, frontal lobe",
    "axial CT of the abdomen",
    "sagittal T2 MRI of the lumbar spine with disc herniation",
    "Frontal chest radiograph. There is a consolidation in the right lower zone with loss of the outline of the diaphragm.",
)


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured.

    Attributes
    ----------
    texts : float
        Texts a second, 64 in one call.
    query : float
        Seconds for one short text by itself, as a search asks it.
    images : float
        Pictures of 512 × 512 pixels a second, 16 in one call.
    memory : int
        Bytes by which this process grew from before it was opened; 0 where the system does not tell.
    measured : str
        When, ISO 8601.
    machine : str
        Processor and how many of them; a graphics card when the encoder used one is not told.
    """

    texts: float
    query: float
    images: float
    memory: int
    measured: str
    machine: str


_SPEEDS = TypeAdapter(dict[str, Speed])


def measure(opened: Callable[[], Any], *, seconds: float = _SECONDS) -> Speed:
    """Open an encoder and time it: the first call of each kind is left out, then calls until the seconds are over.

    Parameters
    ----------
    opened : callable
        Opens an encoder, so that the memory it takes is counted.
    seconds : float
        How long each kind of call is repeated, at least once.
    """
    gc.collect()
    before = _resident()
    encoder = opened()
    texts = list(islice(cycle(_SENTENCES), _TEXTS))
    noise = np.random.default_rng(0).integers(0, 256, (_PICTURES, 512, 512), dtype=np.uint8)
    pictures = [Image.fromarray(grey) for grey in noise]
    texts_each = _each(lambda: encoder.encode_texts(texts), seconds)
    query = _each(lambda: encoder.encode_texts([_SENTENCES[1]]), seconds)
    images_each = _each(lambda: encoder.encode_images(pictures), seconds)
    return Speed(
        texts=float(f"{_TEXTS / texts_each:.3g}"),
        query=float(f"{query:.3g}"),
        images=float(f"{_PICTURES / images_each:.3g}"),
        memory=max(0, _resident() - before) if before else 0,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=f"{told_by_system('cpuinfo', 'model name') or platform.machine()}, {os.cpu_count() or 1} cores",
    )


def speeds() -> dict[str, Speed]:
    """The last measurement of each model on this machine, by the model's id; a damaged file counts as none."""
    with suppress(OSError, ValueError):
        return _SPEEDS.validate_json(_place().read_bytes())
    return {}


def keep(model_id: str, speed: Speed) -> Path:
    """Write a measurement down in place of the one before.

    Parameters
    ----------
    model_id : str
    speed : Speed

    Raises
    ------
    mirage.errors.Unavailable
        When it cannot be written.
    """
    place = _place()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with aside(place) as new:
            new.write_bytes(_SPEEDS.dump_json({**speeds(), model_id: speed}, indent=1))
    except OSError as error:
        raise Unavailable(
            _("The measurement cannot be kept in %(place)s: %(strerror)s.", place=place, strerror=error.strerror or error)
        ) from error
    return place


def _place() -> Path:
    return Settings.load().models / _FILE


def _each(call: Callable[[], object], seconds: float) -> float:
    """Seconds of a call: the median, so that a pause of the machine does not count."""
    call()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def _resident() -> int:
    told = told_by_system("self/status", "VmRSS")
    return int(told.split()[0]) * 1024 if told else 0
