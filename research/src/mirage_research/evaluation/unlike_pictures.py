"""Pictures that are of no modality: drawn ones of several kinds, and photographs that are no medical pictures.

They teach the rule of inference when to stay silent, and measure whether it does: a drawn kind that is measured is left out
of what the rule is made of.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mirage.corpora.inferring import Vectors
from mirage.encoders import Encoder
from mirage.images import read_picture
from mirage_research.data.admission import held_out
from mirage_research.data.wide_samples import no_medical_pictures, rows

Colour = tuple[int, int, int]
_WORDS = (
    "the of and to in is was for that with as by at on from this are which be not have an or were their has when most then "
    "between during under annual report figure table chapter market river engine cell water value price method street "
    "meeting window signal garden history number result model energy system school country"
).split()
PHOTOGRAPHS = "photographs"
COUNT = 30  # drawn pictures of a kind
_BATCH = 32
_CALLED = r"(?i)\b(?:diagram|illustration|drawing|flow ?chart|graph|table titled)"
_MEDICAL = r"(?i)microgra|microscop|x-ray|radiogra|\bmri\b|\bct\b|\bscan|ultraso|histolog|photo"


def _colour(rng: random.Random, light: bool | None = None) -> Colour:
    least, most = (0, 255) if light is None else (200, 255) if light else (0, 90)
    if rng.random() < 0.3:
        grey = rng.randint(least, most)
        return grey, grey, grey
    return rng.randint(least, most), rng.randint(least, most), rng.randint(least, most)


def _sheet(rng: random.Random, light: bool | None = True) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    size = rng.randint(300, 800), rng.randint(300, 800)
    image = Image.new("RGB", size, (255, 255, 255) if light and rng.random() < 0.5 else _colour(rng, light))
    return image, ImageDraw.Draw(image)


def _text(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(rng.randint(least, most))).capitalize()


def _box(rng: random.Random, size: tuple[int, int], least: float = 0.05, most: float = 0.5) -> tuple[int, int, int, int]:
    width, height = (max(2, int(side * rng.uniform(least, most))) for side in size)
    left, top = rng.randint(0, size[0] - width), rng.randint(0, size[1] - height)
    return left, top, left + width, top + height


def _noise(rng: random.Random) -> Image.Image:
    """Noise, fine or blurred into clouds, grey or in colours."""
    made = np.random.default_rng(rng.randrange(2**32))
    side, channels = rng.randint(200, 500), rng.choice([1, 3])
    coarse = rng.choice([side, side, side // 4, side // 16, 6])
    values = made.normal(rng.uniform(60, 190), rng.uniform(20, 80), (coarse, coarse, channels)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.repeat(values, 4 - channels if channels == 1 else 1, axis=2)).resize((side, side))


def _gradient(rng: random.Random) -> Image.Image:
    """One colour passing into another, along a line or from a point; or one colour alone."""
    width, height = rng.randint(200, 600), rng.randint(200, 600)
    y, x = np.mgrid[0:height, 0:width]
    if rng.random() < 0.5:
        way = rng.uniform(0, 2 * math.pi)
        along = x * math.cos(way) + y * math.sin(way)
    else:
        along = np.hypot(x - rng.randint(0, width), y - rng.randint(0, height))
    share = ((along - along.min()) / np.ptp(along))[..., None]
    first, second = np.array(_colour(rng)), np.array(_colour(rng))
    if rng.random() < 0.2:
        second = first
    return Image.fromarray((first * share + second * (1 - share)).astype(np.uint8))


def _pattern(rng: random.Random) -> Image.Image:
    """A chessboard, stripes, bricks or dots."""
    image, draw = _sheet(rng, None)
    step, other, kind = rng.randint(12, 80), _colour(rng), rng.randrange(4)
    for row, top in enumerate(range(0, image.height, step)):
        if kind == 0:
            draw.rectangle((0, top, image.width, top + step // 2), fill=other)
            continue
        for column, left in enumerate(range(-step, image.width, step)):
            if kind == 1 and (row + column) % 2:
                draw.rectangle((left, top, left + step, top + step), fill=other)
            elif kind == 2:
                shift = left + (row % 2) * step // 2
                draw.rectangle((shift, top, shift + step, top + step), outline=other, width=max(1, step // 12))
            elif kind == 3:
                draw.ellipse((left, top, left + step * 0.7, top + step * 0.7), fill=other)
    return image.rotate(rng.choice([0, 0, 90, 30]), expand=False)


def _chart(rng: random.Random) -> Image.Image:
    """Bars, lines, points or a pie, with axes and labels."""
    image, draw = _sheet(rng, rng.random() < 0.85)
    width, height = image.size
    left, top, right, bottom = int(width * 0.12), int(height * 0.1), int(width * 0.95), int(height * 0.88)
    ink = _colour(rng, not rng.random() < 0.9)
    kind = rng.choice(["bars", "lines", "points", "pie"])
    draw.text((left, 4), _text(rng, 2, 5), fill=ink, font=ImageFont.load_default(rng.randint(12, 24)))
    if kind == "pie":
        start, radius = 0.0, min(width, height) * 0.35
        box = (width / 2 - radius, height / 2 - radius, width / 2 + radius, height / 2 + radius)
        while start < 360:
            end = min(360, start + rng.uniform(20, 120))
            draw.pieslice(box, start, end, fill=_colour(rng), outline=ink)
            start = end
        return image
    draw.line((left, top, left, bottom, right, bottom), fill=ink, width=2)
    ticks = rng.randint(4, 9)
    for number in range(ticks):
        y, x = bottom - (bottom - top) * number / ticks, left + (right - left) * number / ticks
        draw.text((4, y - 6), str(number * 10), fill=ink)
        draw.text((x, bottom + 6), rng.choice(_WORDS), fill=ink)
        if kind != "bars" and rng.random() < 0.7:
            draw.line((left, y, right, y), fill=(205, 205, 205))
    for _ in range(rng.randint(1, 3)):
        hue, count = _colour(rng, None), rng.randint(5, 60)
        ys = np.clip(np.cumsum([rng.gauss(0, 0.15) for _ in range(count)]) + rng.random(), 0.02, 1)
        at = [(left + (right - left) * (n + 0.5) / count, bottom - (bottom - top) * y) for n, y in enumerate(ys)]
        if kind == "lines":
            draw.line(at, fill=hue, width=rng.randint(1, 4))
        for x, y in at if kind != "lines" else []:
            half = (right - left) / count * 0.35
            draw.rectangle((x - half, y, x + half, bottom), fill=hue) if kind == "bars" else draw.ellipse(
                (x - 4, y - 4, x + 4, y + 4), fill=hue
            )
    return image


def _page(rng: random.Random) -> Image.Image:
    """A page of text in one or two columns, or a table of numbers."""
    image, draw = _sheet(rng, True)
    size = rng.randint(9, 18)
    font, ink, columns = ImageFont.load_default(size), _colour(rng, False), rng.randint(1, 2)
    if rng.random() < 0.25:
        for y in range(20, image.height - 20, size * 2):
            draw.line((10, y - 4, image.width - 10, y - 4), fill=ink)
            for x in range(14, image.width - 40, 80):
                draw.text((x, y), f"{rng.uniform(0, 999):.1f}", fill=ink, font=font)
        return image
    wide = image.width // columns
    draw.text((20, 12), _text(rng, 3, 6), fill=ink, font=ImageFont.load_default(size * 2))
    for column in range(columns):
        for y in range(20 + size * 2, image.height - 20, int(size * 1.4)):
            if rng.random() < 0.93:
                line = _text(rng, 20, 20)[: int((wide - 40) / (size * 0.52) * (1 if rng.random() < 0.85 else 0.5))]
                draw.text((20 + column * wide, y), line, fill=ink, font=font)
    return image if rng.random() < 0.7 else image.rotate(rng.uniform(-8, 8), fillcolor=_colour(rng)).filter(ImageFilter.BLUR)


def _screenshot(rng: random.Random) -> Image.Image:
    """Windows with bars, buttons, lists and text, on a desktop."""
    image = Image.new("RGB", (rng.randint(500, 1000), rng.randint(400, 800)), _colour(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(1, 3)):
        left, top, right, bottom = _box(rng, image.size, 0.5, 0.98)
        light = rng.random() < 0.6
        paper, ink = _colour(rng, light), _colour(rng, not light)
        draw.rectangle((left, top, right, bottom), fill=paper, outline=ink)
        draw.rectangle((left, top, right, top + 26), fill=_colour(rng))
        draw.text((left + 8, top + 6), _text(rng, 1, 3), fill=ink)
        side = left + int((right - left) * rng.choice([0, 0.2, 0.3]))
        draw.rectangle((left, top + 26, side, bottom), fill=_colour(rng, light))
        for y in range(top + 36, bottom - 18, 20):
            if side - left > 60:
                draw.text((left + 8, y), rng.choice(_WORDS), fill=ink)
            if rng.random() < 0.15:
                draw.rounded_rectangle((side + 10, y, side + 90, y + 16), 4, fill=_colour(rng))
            elif rng.random() < 0.8:
                draw.text((side + 12, y), _text(rng, 2, 12)[: max(3, (right - side - 30) // 7)], fill=ink)
    return image


def _cartoon(rng: random.Random) -> Image.Image:
    """Flat shapes with outlines: a face, houses and trees, or a heap of shapes."""
    image, draw = _sheet(rng, None)
    width, height = image.size
    ink, line, kind = _colour(rng, False), rng.randint(1, 6), rng.randrange(3)
    if kind == 0:
        draw.ellipse((width * 0.2, height * 0.15, width * 0.8, height * 0.9), fill=_colour(rng), outline=ink, width=line)
        for x in (0.38, 0.62):
            draw.ellipse(
                (width * (x - 0.05), height * 0.38, width * (x + 0.05), height * 0.48), fill=(255, 255, 255), outline=ink
            )
            draw.ellipse((width * (x - 0.02), height * 0.41, width * (x + 0.02), height * 0.45), fill=ink)
            draw.polygon(
                [(width * (x - 0.1), height * 0.25), (width * x, height * 0.02), (width * (x + 0.1), height * 0.25)],
                fill=_colour(rng),
            )
        draw.arc((width * 0.35, height * 0.5, width * 0.65, height * 0.78), 10, 170, fill=ink, width=line + 2)
        return image
    if kind == 1:
        draw.rectangle((0, height * 0.65, width, height), fill=_colour(rng))
        draw.ellipse((width * 0.75, height * 0.05, width * 0.9, height * 0.05 + width * 0.15), fill=_colour(rng, True))
        for x in range(0, width, rng.randint(90, 200)):
            wide, high = rng.randint(40, 90), rng.randint(60, 160)
            top = int(height * 0.7) - high
            draw.rectangle((x, top, x + wide, top + high), fill=_colour(rng), outline=ink, width=line)
            draw.polygon([(x - 8, top), (x + wide / 2, top - 50), (x + wide + 8, top)], fill=_colour(rng), outline=ink)
        return image
    for _ in range(rng.randint(3, 14)):
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(_box(rng, image.size), fill=_colour(rng), outline=ink, width=line)
    return image


def _icon(rng: random.Random) -> Image.Image:
    """One sign on a plain ground."""
    side = rng.choice([64, 128, 256, 512])
    image = Image.new("RGB", (side, side), _colour(rng, rng.choice([True, False, None])))
    draw, hue = ImageDraw.Draw(image), _colour(rng)
    box = (side * 0.15, side * 0.15, side * 0.85, side * 0.85)
    kind = rng.randrange(5)
    if kind == 0:
        draw.regular_polygon((side / 2, side / 2, side * 0.38), rng.randint(3, 8), rotation=rng.randint(0, 90), fill=hue)
    elif kind == 1:
        draw.rounded_rectangle(box, side * 0.15, fill=hue)
        draw.text(
            (side * 0.3, side * 0.2), rng.choice("ABCDGMRSTX?!"), fill=_colour(rng), font=ImageFont.load_default(side * 0.5)
        )
    elif kind == 2:
        draw.ellipse(box, outline=hue, width=max(2, side // 10))
        draw.line(box, fill=hue, width=max(2, side // 12))
    elif kind == 3:
        draw.rectangle((side * 0.4, side * 0.15, side * 0.6, side * 0.85), fill=hue)
        draw.rectangle((side * 0.15, side * 0.4, side * 0.85, side * 0.6), fill=hue)
    else:
        at = [
            (side / 2 + math.sin(n * math.pi / 5) * r, side / 2 - math.cos(n * math.pi / 5) * r)
            for n in range(10)
            for r in [side * (0.4 if n % 2 == 0 else 0.17)]
        ]
        draw.polygon(at, fill=hue)
    return image


def _diagram(rng: random.Random) -> Image.Image:
    """Boxes with words, and arrows between them."""
    image, draw = _sheet(rng, True)
    ink, boxes = _colour(rng, False), [_box(rng, image.size, 0.12, 0.25) for _ in range(rng.randint(4, 9))]
    middles = [((a + c) / 2, (b + d) / 2) for a, b, c, d in boxes]
    for start, end in pairwise(middles):
        draw.line((start, end), fill=ink, width=rng.randint(1, 3))
    for left, top, right, bottom in boxes:
        fill = _colour(rng, True)
        if rng.random() < 0.7:
            draw.rounded_rectangle((left, top, right, bottom), 8, fill=fill, outline=ink, width=2)
        else:
            draw.ellipse((left, top, right, bottom), fill=fill, outline=ink, width=2)
        draw.text((left + 8, (top + bottom) / 2 - 6), _text(rng, 1, 2), fill=ink)
    return image


def _landscape(rng: random.Random) -> Image.Image:
    """A sky over ridges of hills, each with its own grain."""
    made, width, height = np.random.default_rng(rng.randrange(2**32)), rng.randint(300, 700), rng.randint(250, 500)
    first, second = np.array(_colour(rng, True)), np.array(_colour(rng))
    share = np.linspace(0, 1, height)[:, None, None]
    scene = np.broadcast_to(first * (1 - share) + second * share, (height, width, 3)).copy()
    for number in range(rng.randint(2, 5)):
        ridge = np.cumsum(made.normal(0, 1, width)) * rng.uniform(1, 4) * 10 / math.sqrt(width)
        ridge += height * (0.35 + 0.15 * number) + made.normal(0, 1.5, width)
        below = np.arange(height)[:, None] > ridge
        scene[below] = np.array(_colour(rng)) + made.normal(0, rng.uniform(5, 35), (int(below.sum()), 1))
    return Image.fromarray(scene.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0, 2)))


DRAWN: dict[str, Callable[[random.Random], Image.Image]] = {
    "noise": _noise,
    "gradients": _gradient,
    "patterns": _pattern,
    "charts": _chart,
    "pages": _page,
    "screenshots": _screenshot,
    "cartoons": _cartoon,
    "icons": _icon,
    "diagrams": _diagram,
    "landscapes": _landscape,
}


def drawn(kind: str, count: int, seed: int = 0) -> Iterator[Image.Image]:
    """Draw pictures of a kind.

    Parameters
    ----------
    kind : str
        A key of `DRAWN`.
    count, seed : int
    """
    rng = random.Random(f"{kind} {seed}")  # noqa: S311 - not a secret
    for _ in range(count):
        image = DRAWN[kind](rng)
        yield image.convert("L") if rng.random() < 0.3 else image


def photographs(wide: Path, held: bool) -> Iterator[Image.Image]:
    """Photographs and drawings of OpenStax nursing that are no medical pictures.

    Parameters
    ----------
    wide : Path
        Holds the set.
    held : bool
        Those that are only measured on, or the others.
    """
    for group, path in no_medical_pictures(wide):
        if held_out(group) == held:
            yield read_picture(path).image


def drawings(wide: Path, most: int = 60) -> Iterator[Image.Image]:
    """Diagrams and illustrations of two textbooks, as their own words call them; only measured on.

    Parameters
    ----------
    wide : Path
        Holds the sets.
    most : int
    """
    found = [
        row
        for name in ("openstax_anatomy", "openstax_microbiology")
        if (wide / f"{name}.jsonl").is_file()
        for row in rows(wide, name)
        if re.search(_CALLED, str(row.get("alt") or "")) and not re.search(_MEDICAL, str(row))
    ]
    for row in random.Random(0).sample(found, min(most, len(found))):  # noqa: S311 - not a secret
        yield read_picture(wide / str(row["file"])).image


def to_fit(wide: Path) -> dict[str, Iterator[Image.Image]]:
    """What a rule of inference is made of, by kind."""
    return {kind: drawn(kind, COUNT) for kind in DRAWN} | {PHOTOGRAPHS: photographs(wide, held=False)}


def numbers() -> dict[str, int]:
    """Which place each drawn kind has among those that a rule is made of."""
    return {kind: number for number, kind in enumerate(DRAWN)}


def to_check(wide: Path) -> dict[str, Iterator[Image.Image]]:
    """What it is measured on: other pictures of these kinds, and the drawings of two textbooks."""
    found = {kind: drawn(kind, COUNT, seed=1) for kind in DRAWN} | {PHOTOGRAPHS: photographs(wide, held=True)}
    return found | {"drawings of textbooks": drawings(wide)}


def look_at_unlike(encoder: Encoder, kinds: Mapping[str, Iterator[Image.Image]]) -> dict[str, Vectors]:
    """Encode pictures of no modality: (n, d) of each kind.

    Parameters
    ----------
    encoder : Encoder
    kinds : mapping of str to iterator of PIL.Image.Image
    """
    found = {}
    for kind, drawn_ones in kinds.items():
        images = list(drawn_ones)
        batches = [encoder.encode_images(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
        if batches:
            found[kind] = np.concatenate(batches)
    return found
