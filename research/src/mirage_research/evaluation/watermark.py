"""The invisible watermark, measured: what it survives, how often it is seen where it is not, and how much it changes.

The carriers are real images, marked in memory and never written: a generator's own are smoother and easier to mark. Every
second one is brought to 128 pixels first, as a small generator draws, the others keep their detail.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from mirage.generate.provenance import mark
from mirage.images import decode
from mirage.images.marks import SyntheticRecord, watermarked
from mirage.images.marks.band import band
from mirage.images.marks.reading import find

Change = Callable[[Image.Image], Image.Image]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


def _scaled(image: Image.Image, by: float) -> Image.Image:
    return image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.LANCZOS)


def _cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = round(image.width * share / 2), round(image.height * share / 2)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES: dict[str, Change] = {
    "nothing": lambda image: image,
    "JPEG 75": lambda image: _jpeg(image, 75),
    "half size": lambda image: _scaled(image, 0.5),
    "JPEG 75, then half size": lambda image: _scaled(_jpeg(image, 75), 0.5),
    "half size, then JPEG 75": lambda image: _jpeg(_scaled(image, 0.5), 75),
    "JPEG 50": lambda image: _jpeg(image, 50),
    "JPEG 30": lambda image: _jpeg(image, 30),
    "quarter size": lambda image: _scaled(image, 0.25),
    "rescaled to 83 %, JPEG 85": lambda image: _jpeg(_scaled(image, 0.83), 85),
    "brightness + 25 %": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "contrast - 30 %": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "blur, radius 1 pixel": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "blur, radius 2 pixels": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "turned by 90°": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "band cut off": lambda image: image.crop((0, 0, image.width, round(image.height * 16 / 17))),
    "1 % cropped": lambda image: _cropped(image, 0.01),
    "10 % cropped": lambda image: _cropped(image, 0.1),
    "turned by 2°": lambda image: image.rotate(2, Image.Resampling.BICUBIC),
}


def evaluate(
    paths: list[Path], carriers: int = 40, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> dict[str, Any]:
    """Measure on real images; `carriers` of them, evenly spread, are marked in memory.

    Parameters
    ----------
    paths : list of Path
        Real images.
    carriers : int
    progress : callable
        Told how many images are looked at, and of how many.

    Returns
    -------
    dict
        ``images``, of which so many ``alarms`` seemed marked; the ``highest`` score of an unmarked image, for which
        `mirage.images.marks.watermark.THRESHOLD` is the bar; ``carriers``: how many were marked; ``seen`` and ``read``:
        share of them, for each change, in which the mark, and the id, was read back; ``psnr``: lowest and median, in
        decibels, of marked against unmarked; ``milliseconds``: median of one look at one image, as adding looks.
    """
    scores, alarms, times = [], 0, []
    seen: dict[str, list[bool]] = {name: [] for name in CHANGES}
    read: dict[str, list[bool]] = {name: [] for name in CHANGES}
    psnr = []
    total = len(paths) + carriers
    for number, path in enumerate(paths):
        image = decode(path)
        started = time.perf_counter()
        alarms += watermarked(image)
        times.append(time.perf_counter() - started)
        scores.append(find(image, thorough=True).score)
        progress(number, total)
    for number, path in enumerate(paths[:: max(1, len(paths) // carriers)][:carriers]):
        drawn = _drawn(decode(path), small=number % 2 == 1)
        id_ = f"{(number + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}"
        marked = decode(mark(drawn, _record(id_)))
        difference = np.asarray(marked, np.float64) - np.asarray(band(drawn), np.float64)
        content = difference[: round(marked.height * 16 / 17)]
        psnr.append(10 * np.log10(255**2 / np.mean(content**2)))
        for name, change in CHANGES.items():
            found = find(change(marked), thorough=True)
            seen[name].append(found.present)
            read[name].append(found.id == id_)
        progress(len(paths) + number, total)
    return {
        "images": len(paths),
        "alarms": alarms,
        "highest": float(max(scores)),
        "carriers": len(psnr),
        "seen": {name: float(np.mean(values)) for name, values in seen.items()},
        "read": {name: float(np.mean(values)) for name, values in read.items()},
        "psnr": [float(min(psnr)), float(np.median(psnr))],
        "milliseconds": 1000 * float(np.median(times)),
    }


def _drawn(image: Image.Image, *, small: bool) -> Image.Image:
    """The middle square of a picture, at the size of a generator's images."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    size = 128 if small else 512
    square = image.convert("L").crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.LANCZOS)


def _record(id_: str) -> SyntheticRecord:
    return SyntheticRecord(id_, "measuring", (), "", "none", "none", "", 0, 1, 1.0, 512, 512, "", "MIRAGE")


def rows(table: dict[str, Any]) -> list[tuple[str, str]]:
    """As names and values for people."""
    found = [
        ("real images", f"{table['images']:,}"),
        ("false alarms", f"{table['alarms']}"),
        ("highest score of a real image", f"{table['highest']:.2f}"),
        ("marked carriers", f"{table['carriers']}"),
        ("PSNR, lowest and median", f"{table['psnr'][0]:.1f} dB, {table['psnr'][1]:.1f} dB"),
        ("one look, median", f"{table['milliseconds']:.1f} ms"),
    ]
    return found + [(name, f"mark {share:.0%}, id {table['read'][name]:.0%}") for name, share in table["seen"].items()]
