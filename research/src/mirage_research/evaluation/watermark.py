"""The invisible watermark, measured: what it survives, how often it is seen where it is not, and how much it changes.

The carriers are real images at 512 pixels, grey and in colour, marked in memory and never written: a generator's own are
smoother and easier to mark. Every fifth one is also brought to 128 pixels first, as a small generator draws.
"""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from mirage import corpora
from mirage.corpora.base import HasStacks, Refused
from mirage.generate.provenance import mark
from mirage.images import decode
from mirage.images.marks import SyntheticRecord
from mirage.images.marks.band import band, height_of
from mirage.images.marks.reading import find
from mirage.images.stacks import slice_picture, stack_of

_SMALL = 5  # every so many carriers, one is also brought to 128 pixels
Change = Callable[[Image.Image], Image.Image]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


def _scaled(image: Image.Image, by: float) -> Image.Image:
    return image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.LANCZOS)


def _cropped(image: Image.Image, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> Image.Image:
    """Without these shares of the width and the height."""
    width, height = image.size
    return image.crop((round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom))))


def _around(image: Image.Image, share: float) -> Image.Image:
    return _cropped(image, share / 2, share / 2, share / 2, share / 2)


def _anywhere(image: Image.Image) -> Image.Image:
    """90 % of the width and the height, from a place that the picture itself gives."""
    left, top = (number % 101 / 1000 for number in divmod(zlib.crc32(image.tobytes()), 2**16))
    return _cropped(image, left, top, 0.1 - left, 0.1 - top)


CHANGES: dict[str, Change] = {
    "nothing": lambda image: image,
    "10 % cropped at the left": lambda image: _cropped(image, left=0.1),
    "10 % cropped at the top": lambda image: _cropped(image, top=0.1),
    "10 % cropped at the right": lambda image: _cropped(image, right=0.1),
    "10 % cropped at the bottom": lambda image: _cropped(image, bottom=0.1),
    "cropped around, 90 % of the area left": lambda image: _around(image, 1 - 0.9**0.5),
    "cropped around, 90 % of width and height left": lambda image: _around(image, 0.1),
    "the same, anywhere in the picture": _anywhere,
    "cropped around, 80 % of width and height left": lambda image: _around(image, 0.2),
    "0.4 ×": lambda image: _scaled(image, 0.4),
    "JPEG 60": lambda image: _jpeg(image, 60),
    "turned by 2°": lambda image: image.rotate(2, Image.Resampling.BICUBIC),
    "turned by 2°, corners cut off": lambda image: _around(image.rotate(2, Image.Resampling.BICUBIC), 0.08),
    "90 % of width and height left, then 0.4 ×": lambda image: _scaled(_around(image, 0.1), 0.4),
    "the same, then JPEG 60": lambda image: _jpeg(_scaled(_around(image, 0.1), 0.4), 60),
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
    "stretched by 5 %": lambda image: image.resize((image.width, round(image.height * 1.05)), Image.Resampling.BICUBIC),
    "squeezed into a square": lambda image: image.resize((512, 512), Image.Resampling.BICUBIC),
    "negative": ImageOps.invert,
    "10 % cropped at the left, negative": lambda image: ImageOps.invert(_cropped(image, left=0.1)),
    "margins of 5 % around": lambda image: ImageOps.expand(image, round(image.width * 0.05)),
    "turned by 90°": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "band cut off": lambda image: image.crop((0, 0, image.width, round(image.height * 16 / 17))),
}


def evaluate(
    paths: Sequence[Path],
    carriers: int = 500,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    starter: bool = True,
) -> dict[str, Any]:
    """Measure on real images; `carriers` of them, evenly spread, are marked in memory.

    Parameters
    ----------
    paths : sequence of Path
        Real images.
    carriers : int
    progress : callable
        Told how many images are looked at, and of how many.
    starter : bool
        Look for false alarms in the starter atlas's pictures and slices too.

    Returns
    -------
    dict
        ``images``, of which so many ``alarms`` seemed marked; the ``highest`` score of an unmarked image, for which
        `mirage.images.marks.watermark.THRESHOLD` is the bar; ``carriers`` and ``small``: how many were marked at 512 pixels
        and from 128; ``seen``, ``read``, ``seen_small`` and ``read_small``: share of them, for each change, in which the
        mark, and the id, was read back; ``psnr``: lowest and median of those at 512 pixels, in decibels, of marked against
        unmarked; ``milliseconds``: median of one look at one image, as adding looks.
    """
    found, times = [], []
    total = len(paths) + carriers
    for number, image in enumerate(_unmarked(paths, starter=starter)):
        started = time.perf_counter()
        found.append(find(image, thorough=False))
        times.append(time.perf_counter() - started)
        progress(min(number, len(paths)), total)
    told: dict[bool, list[dict[str, tuple[bool, bool]]]] = {False: [], True: []}
    psnr = []
    for number, path in enumerate(paths[:: max(1, len(paths) // carriers)][:carriers]):
        image = decode(path)
        psnr.append(_told(image, number, told[False], small=False))
        if number % _SMALL == 0:
            _told(image, number, told[True], small=True)
        progress(len(paths) + number, total)
    shares = {
        f"{what}{'_small' if small else ''}": {name: float(np.mean([one[name][at] for one in each])) for name in CHANGES}
        for small, each in told.items()
        for at, what in enumerate(("seen", "read"))
    }
    return {
        "images": len(found),
        "alarms": sum(each.present for each in found),
        "highest": max(each.score for each in found),
        "carriers": len(told[False]),
        "small": len(told[True]),
        **shares,
        "psnr": [float(min(psnr)), float(np.median(psnr))],
        "milliseconds": 1000 * float(np.median(times)),
    }


def _unmarked(paths: Sequence[Path], *, starter: bool) -> Iterator[Image.Image]:
    yield from map(decode, paths)
    if not starter:
        return
    corpus = corpora.load("starter")
    for item in corpus.items():
        if isinstance(item, Refused):
            continue
        if not item.stacked:
            yield corpus.read(item).image
        elif isinstance(corpus, HasStacks):
            volume = corpus.read_stack(item)
            stack = stack_of(volume)
            yield from (slice_picture(volume, stack, number) for number in range(stack.shape[0]))


def _told(image: Image.Image, number: int, told: list[dict[str, tuple[bool, bool]]], *, small: bool) -> float:
    """Whether mark and id of a carrier are read after each change; and the PSNR of its content."""
    drawn = _drawn(image, small=small)
    id_ = f"{(number + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}"
    marked = decode(mark(drawn, _record(id_)))
    difference = np.asarray(marked, np.float64) - np.asarray(band(drawn), np.float64)
    found = {name: find(change(marked), thorough=True) for name, change in CHANGES.items()}
    told.append({name: (each.present, each.id == id_) for name, each in found.items()})
    return float(10 * np.log10(255**2 / np.mean(difference[: -height_of(marked.width)] ** 2)))


def _drawn(image: Image.Image, *, small: bool) -> Image.Image:
    """The middle square of a picture, at the size of a generator's images."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    size = 128 if small else 512
    square = image.convert("L" if image.mode == "L" else "RGB").crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.LANCZOS)


def _record(id_: str) -> SyntheticRecord:
    return SyntheticRecord(id_, "measuring", (), "", "none", "none", "", 0, 1, 1.0, 512, 512, "", "MIRAGE")


def rows(table: dict[str, Any]) -> list[tuple[str, str]]:
    """As names and values for people."""
    found = [
        ("real images", f"{table['images']:,}"),
        ("false alarms", f"{table['alarms']}"),
        ("highest score of a real image", f"{table['highest']:.2f}"),
        ("marked carriers", f"{table['carriers']} at 512 pixels, {table['small']} from 128"),
        ("PSNR, lowest and median", f"{table['psnr'][0]:.2f} dB, {table['psnr'][1]:.2f} dB"),
        ("one look, median", f"{table['milliseconds']:.1f} ms"),
    ]
    for name in CHANGES:
        large, small = (f"mark {table[f'seen{s}'][name]:.1%}, id {table[f'read{s}'][name]:.1%}" for s in ("", "_small"))
        found.append((name, f"{large}; from 128 pixels: {small}"))
    return found
