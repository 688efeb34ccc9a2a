"""Pictures changed a little before the base's own preprocessing. Never left for right: the side is part of the finding."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageEnhance

_TURN, _LIGHT, _CUT, _STRETCH = 7.0, 0.15, 0.15, 0.06  # degrees, share, share of the area, share of the sides


def augment(image: Image.Image, pixels: int, strength: float, rng: random.Random) -> Image.Image:
    """Cut, turn, stretch and light a picture a little differently.

    Parameters
    ----------
    image : PIL.Image.Image
    pixels : int
        What the image tower sees; a much larger picture is made smaller first.
    strength : float
        0 leaves the picture as it is.
    rng : random.Random

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    picture = image.convert("RGB")
    if not strength:
        return picture
    shorter = min(picture.size)
    if shorter > 2 * pixels:
        share = 2 * pixels / shorter
        size = (round(picture.width * share), round(picture.height * share))
        picture = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    angle = rng.uniform(-_TURN, _TURN) * strength
    picture = picture.rotate(angle, Image.Resampling.BILINEAR)
    side = math.sqrt(1 - rng.uniform(0, _CUT) * strength)
    stretch = math.exp(rng.uniform(-_STRETCH, _STRETCH) * strength)
    width = min(picture.width, max(1, round(picture.width * side * stretch)))
    height = min(picture.height, max(1, round(picture.height * side / stretch)))
    left = round(rng.random() * (picture.width - width))
    top = round(rng.random() * (picture.height - height))
    picture = picture.crop((left, top, left + width, top + height))
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast):
        picture = enhance(picture).enhance(1 + rng.uniform(-_LIGHT, _LIGHT) * strength)
    return picture
