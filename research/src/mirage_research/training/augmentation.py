"""Pictures changed in ways that keep what they show. Never left for right: the side is part of the finding."""

from __future__ import annotations

import math
import random

import torch
import torch.nn.functional as nn
from PIL import Image, ImageEnhance

# ImageNet's statistics as the EfficientNet-lite weights expect them: (value - 127) / 128.
OFFSET, SCALE = 127.0, 128.0


def augment(squares: torch.Tensor, pixels: int, generator: torch.Generator) -> torch.Tensor:
    """Augment a batch.

    Parameters
    ----------
    squares : torch.Tensor
        (n, side, side, 3) uint8.
    pixels : int
        Side of the result.
    generator : torch.Generator

    Returns
    -------
    torch.Tensor
        (n, 3, pixels, pixels) float32 from about -1 to 1.
    """
    n = len(squares)

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    x = squares.permute(0, 3, 1, 2).float() / 255
    x = _hide_lettering(x, generator)
    zoom, stretch, angle = uniform(0.78, 1.12), uniform(-0.14, 0.14), uniform(-12, 12) * math.pi / 180
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    wide, tall = torch.exp(stretch), torch.exp(-stretch)
    shift_x, shift_y = uniform(-0.12, 0.12), uniform(-0.12, 0.12)
    rows = [torch.stack([cos * wide, -sin * tall, shift_x], 1), torch.stack([sin * wide, cos * tall, shift_y], 1)]
    grid = nn.affine_grid(torch.stack(rows, 1), [n, 3, pixels, pixels], align_corners=False)
    x = nn.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    column = (n, 1, 1, 1)
    x = x.clamp(1e-4, 1) ** torch.exp(uniform(-0.35, 0.35)).view(column)
    x = (x * uniform(0.75, 1.25).view(column) + uniform(-0.08, 0.08).view(column)).clamp(0, 1)
    blurred = nn.avg_pool2d(nn.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    mix = (uniform(0, 1) * (uniform(0, 1) < 0.3)).view(column)
    x = x * (1 - mix) + blurred * mix
    x = x + torch.randn(x.shape, generator=generator) * (uniform(0, 0.03) * (uniform(0, 1) < 0.4)).view(column)
    x = _cut_out(x, generator)
    return ((x * 255 - OFFSET) / SCALE).contiguous(memory_format=torch.channels_last)


def _hide_lettering(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Black out, in most pictures, where MedPix writes its name (top right) and the uploader's (bottom).

    The footer names the uploader and is the same for all pictures of a case: a shortcut that finds no new case.
    """
    side = x.shape[-1]
    x = x.clone()
    draws = torch.rand((len(x), 4), generator=generator).tolist()
    for number, (letters, footer, how_far, how_high) in enumerate(draws):
        if letters < 0.6:
            x[number, :, : round(side * (0.05 + 0.07 * how_high)), round(side * (0.6 + 0.2 * how_far)) :] = 0
        if footer < 0.6:
            x[number, :, side - round(side * (0.02 + 0.07 * how_high)) :, :] = 0
    return x


def _cut_out(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    side = x.shape[-1]
    draws = torch.rand((len(x), 4), generator=generator).tolist()
    for number, (whether, top, left, size) in enumerate(draws):
        if whether < 0.35:
            edge = round(side * (0.08 + 0.14 * size))
            y, z = round((side - edge) * top), round((side - edge) * left)
            x[number, :, y : y + edge, z : z + edge] = 0.1
    return x


def plain(squares: torch.Tensor) -> torch.Tensor:
    """Scale a batch without changing it: (n, side, side, 3) uint8 to (n, 3, side, side) float32."""
    return ((squares.permute(0, 3, 1, 2).float() - OFFSET) / SCALE).contiguous(memory_format=torch.channels_last)


_TURN, _LIGHT, _CUT, _STRETCH = 7.0, 0.15, 0.15, 0.06  # degrees, share, share of the area, share of the sides


def augment_picture(image: Image.Image, pixels: int, strength: float, rng: random.Random) -> Image.Image:
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
