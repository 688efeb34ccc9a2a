"""The band with words below a synthetic image: drawn, and looked for in a picture by its likeness to the drawn one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

BAND = "SYNTHETIC – MIRAGE – not a patient"
LEAST = 512
"""Pixels: the shorter side of the content; a smaller image is brought to it, so that the words can be read."""
SHARE = 1 / 16
"""Height of the band over the width of the image."""
_GROUND, _INK = 236, 16  # light, unlike the black around most scans
_FILLED = 0.86  # of the width, by the words
_GAP = 1.3  # between the words and with the dash in it, over the size of the letters
_LARGE = 4096  # pixels
_ALIKE = 0.6  # correlation from which on a strip counts as the band


def enlarged(image: Image.Image) -> Image.Image:
    """The image in mode L or RGB, its shorter side at least `LEAST` pixels."""
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    shorter = min(image.size)
    if shorter >= LEAST:
        return image
    size = (round(image.width * LEAST / shorter), round(image.height * LEAST / shorter))
    return image.resize(size, Image.Resampling.BICUBIC)


def height_of(width: int) -> int:
    """Height in pixels of the band below an image of that width."""
    return max(1, round(width * SHARE))


@lru_cache(maxsize=8)
def strip(width: int) -> Image.Image:
    """The band alone, mode L."""
    return _drawn().resize((width, height_of(width)), Image.Resampling.LANCZOS)


@lru_cache(maxsize=1)
def _drawn() -> Image.Image:
    """The band large; made smaller from here, its words stand in the same places at every size."""
    made = Image.new("L", (_LARGE, height_of(_LARGE)), _GROUND)
    pen = ImageDraw.Draw(made)
    # Pillow's own font has no dash, so the dashes are drawn; it is the one font that is there on every machine.
    words = [part.strip() for part in BAND.split("–")]
    per_point = sum(ImageFont.load_default(size=100).getlength(part) for part in words) / 100
    size = min(_LARGE * _FILLED / (per_point + 2 * _GAP), made.height * 0.8)
    font = ImageFont.load_default(size=size)
    lengths = [font.getlength(part) for part in words]
    middle = made.height / 2
    at = (_LARGE - sum(lengths) - 2 * size * _GAP) / 2
    for number, part in enumerate(words):
        pen.text((at, middle), part, fill=_INK, font=font, anchor="lm")
        at += lengths[number]
        if number < len(words) - 1:
            pen.line((at + size * 0.3, middle, at + size * (_GAP - 0.3), middle), fill=_INK, width=round(size / 12))
            at += size * _GAP
    return made


def band(image: Image.Image) -> Image.Image:
    """Put the band below the content, which becomes at least `LEAST` pixels wide and high; enough for previews."""
    image = enlarged(image)
    words = strip(image.width)
    whole = Image.new(image.mode, (image.width, image.height + words.height))
    whole.paste(image, (0, 0))
    whole.paste(words.convert(image.mode), (0, image.height))
    return whole


def has_band(image: Image.Image) -> bool:
    """Whether the lowest strip of an image, or of its negative, shows the band's words, whatever size and compression."""
    height = height_of(image.width)
    if image.width < 64 or image.height <= height:
        return False
    lowest = image.convert("L").crop((0, image.height - height, image.width, image.height))
    size = (LEAST, height_of(LEAST))
    seen, wanted = (np.asarray(each.resize(size, Image.Resampling.BILINEAR), np.float32) for each in (lowest, strip(LEAST)))
    seen, wanted = seen - seen.mean(), wanted - wanted.mean()
    norm = float(np.sqrt((seen**2).sum() * (wanted**2).sum()))
    return norm > 0 and abs(float((seen * wanted).sum())) / norm >= _ALIKE
