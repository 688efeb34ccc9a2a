"""A picture as the reader of the invisible mark sees it: levelled, as waves, each over the size of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from mirage.images.marks.pattern import TILES, Complexes, Doubles, Floats, Whole, pattern

SHORTER = 192
"""Pixels: the shorter side of what is looked at, whatever the picture's size; three for each swing of the quickest wave."""
_LONGER = 256  # pixels: of a long picture the middle is looked at
_PADDED = 384  # pixels: with room around it, the waves between whole numbers of swings can be read off too
_REACH = 146  # swings over the padded picture, as far as a wave can be
_BEYOND = 12  # the same on the other side of zero across, where a turn of a few degrees brings waves
_MOST = 3.0  # of a pixel, and of a wave, over its neighbours' size: no single structure outvotes the rest
_FLOOR = 1.0  # grey levels: less than that is rounding
_AROUND = 6  # how far neighbours reach, in pixels and in waves
_SIDES = SHORTER / TILES * np.exp(np.arange(-0.132, 0.36, 0.008))
_ANGLES = np.radians(np.arange(-3, 3.1, 0.5))
_STRETCHES = 0.016 * np.array([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5])
_STRETCHED = slice(6, None)  # of the sides: the others' waves would be out of reach


class Tiles(NamedTuple):
    """How tiles lie in what is looked at; each a number, or an array of shape (g, 1) for several ways.

    Attributes
    ----------
    side : float
        Pixels; of stretched ones the geometric mean of height and width.
    angle : float
        Radians.
    stretch : float
        Logarithm of height over width.
    """

    side: float | Doubles
    angle: float | Doubles = 0.0
    stretch: float | Doubles = 0.0


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Waves of a picture around its middle.

    Attributes
    ----------
    height, width : int
        Of what was looked at, in pixels; the shorter is `SHORTER`.
    waves : ndarray of complex64, shape (2 · _REACH + 1, _BEYOND + _REACH + 1)
        Over the size of their neighbours.
    scale : ndarray of float32, same shape
        That size.
    """

    height: int
    width: int
    waves: Complexes
    scale: Floats


def seen(image: Image.Image) -> Spectrum:
    """Look at a picture of any size, mode L."""
    shorter = min(image.size)
    width, height = (min(_LONGER, side * SHORTER // shorter) for side in image.size)
    taken_width, taken_height = width * shorter / SHORTER, height * shorter / SHORTER
    left, top = (image.width - taken_width) / 2, (image.height - taken_height) / 2
    box = (left, top, left + taken_width, top + taken_height)
    levelled = _levelled(np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box, 3), np.float32))
    # The Fourier transform around the middle, one axis after the other and only of what is kept.
    y, x = height // 2, width // 2
    lines = np.zeros((height, _PADDED), np.float32)
    lines[:, : width - x], lines[:, -x:] = levelled[:, x:], levelled[:, :x]
    across = np.fft.rfft(lines)[:, : _REACH + 1]
    rows = np.zeros((_PADDED, _REACH + 1), np.complex64)
    rows[: height - y], rows[-y:] = across[y:], across[:y]
    down = np.fft.fft(rows, axis=0)
    right = np.concatenate([down[-_REACH:], down[: _REACH + 1]])
    waves = np.concatenate([right[::-1, _BEYOND:0:-1].conj(), right], 1)
    scale = np.sqrt(_mean(waves.real**2 + waves.imag**2) + 1e-3)
    waves /= scale
    waves *= np.minimum(1, _MOST / np.maximum(np.abs(waves), 1e-6))
    return Spectrum(height, width, waves, scale)


def _levelled(pixels: Floats) -> Floats:
    """Pixels less the mean around them, over the spread around them."""
    rest = pixels - _mean(pixels)
    return np.clip(rest / np.sqrt(np.maximum(_mean(rest**2), 0) + _FLOOR**2), -_MOST, _MOST)


def _mean(values: Floats) -> Floats:
    """Mean of the square that reaches `_AROUND` to each side."""
    sums = np.pad(values, ((_AROUND + 1, _AROUND), (_AROUND + 1, _AROUND)), mode="edge").astype(np.float64)
    side = 2 * _AROUND + 1
    np.cumsum(sums, 0, out=sums)
    sums = sums[side:] - sums[:-side]
    np.cumsum(sums, 1, out=sums)
    return ((sums[:, side:] - sums[:, :-side]) / side**2).astype(np.float32)


def _places(tiles: Tiles) -> tuple[Doubles, Doubles]:
    """Rows and columns at which the pattern's waves stand in `Spectrum.waves` when its tiles lie so."""
    rows, columns = pattern().rows, pattern().columns
    cosine, sine = np.cos(tiles.angle) * _PADDED / tiles.side, np.sin(tiles.angle) * _PADDED / tiles.side
    wide = np.exp(np.divide(tiles.stretch, 2))
    return (cosine * rows + sine * columns) / wide + _REACH, (cosine * columns - sine * rows) * wide + _BEYOND


def waves_at(spectrum: Spectrum, tiles: Tiles) -> Complexes:
    """The pattern's waves, for tiles that lie so.

    Returns
    -------
    ndarray of complex64, shape (n,) or (g, n)
    """
    rows, columns = _places(tiles)
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    down, across = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    waves = spectrum.waves
    upper = waves[top, left] * (1 - across) + waves[top, left + 1] * across
    lower = waves[top + 1, left] * (1 - across) + waves[top + 1, left + 1] * across
    return np.asarray(upper * (1 - down) + lower * down, np.complex64)


def scale_at(spectrum: Spectrum, tiles: Tiles) -> Floats:
    """(n,) size of the neighbours of each wave of the pattern, for tiles that lie so."""
    rows, columns = _places(tiles)
    return spectrum.scale[np.rint(rows).astype(np.intp), np.rint(columns).astype(np.intp)]


@lru_cache(maxsize=1)
def _tried() -> tuple[Tiles, Whole]:
    """What is tried, (g, 1) each, and where the waves then stand in the flattened spectrum, (g, n).

    From a picture twice as wide as high, with its band on, to one that has lost 30 % of its shorter side; turned,
    or stretched.
    """
    turned = np.meshgrid(_SIDES, _ANGLES, 0.0, indexing="ij")
    stretched = np.meshgrid(_SIDES[_STRETCHED], 0.0, _STRETCHES, indexing="ij")
    tiles = Tiles(*(np.concatenate([a.ravel(), b.ravel()])[:, None] for a, b in zip(turned, stretched, strict=True)))
    rows, columns = (np.rint(each).astype(np.intp) for each in _places(tiles))
    return tiles, rows * (_BEYOND + _REACH + 1) + columns


def likeliest(spectrum: Spectrum, count: int) -> Tiles:
    """The tiles at whose waves a picture has most, (count, 1) each, likeliest first.

    Waves of a pattern that repeats stand out from those between them wherever its tiles begin.
    """
    tiles, places = _tried()
    power = (spectrum.waves.real**2 + spectrum.waves.imag**2).ravel()
    best = np.argsort(-power[places].sum(1))[:count]
    return Tiles(*(np.asarray(each)[best] for each in tiles))
