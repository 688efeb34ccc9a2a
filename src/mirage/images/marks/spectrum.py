"""A picture as the reader of the invisible mark sees it: levelled, as waves, each over the size of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

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


def _places(side: float | Doubles, angle: float | Doubles) -> tuple[Doubles, Doubles]:
    """Rows and columns at which the pattern's waves stand in `Spectrum.waves` when its tiles have that side and angle."""
    rows, columns = pattern().rows, pattern().columns
    cosine, sine = np.cos(angle) * _PADDED / side, np.sin(angle) * _PADDED / side
    return cosine * rows + sine * columns + _REACH, cosine * columns - sine * rows + _BEYOND


def waves_at(spectrum: Spectrum, side: float | Doubles, angle: float | Doubles = 0.0) -> Complexes:
    """The pattern's waves, for tiles of that side, in pixels of what was looked at, and angle, in radians.

    Parameters
    ----------
    spectrum : Spectrum
    side, angle : float, or ndarray of shape (g, 1)

    Returns
    -------
    ndarray of complex64, shape (n,) or (g, n)
    """
    rows, columns = _places(side, angle)
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    down, across = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    waves = spectrum.waves
    upper = waves[top, left] * (1 - across) + waves[top, left + 1] * across
    lower = waves[top + 1, left] * (1 - across) + waves[top + 1, left + 1] * across
    return np.asarray(upper * (1 - down) + lower * down, np.complex64)


def scale_at(spectrum: Spectrum, side: float) -> Floats:
    """(n,) size of the neighbours of each wave of the pattern, for upright tiles of that side."""
    rows, columns = _places(side, 0.0)
    return spectrum.scale[np.rint(rows).astype(np.intp), np.rint(columns).astype(np.intp)]


@lru_cache(maxsize=1)
def _tried() -> tuple[Doubles, Doubles, Whole]:
    """Sides and angles that are tried, (g, 1) each, and where their waves stand in the flattened spectrum, (g, n).

    From a picture twice as wide as high, with its band on, to one that has lost 30 % of its shorter side.
    """
    sides, angles = (each.reshape(-1, 1) for each in np.meshgrid(_SIDES, _ANGLES, indexing="ij"))
    rows, columns = (np.rint(each).astype(np.intp) for each in _places(sides, angles))
    return sides, angles, rows * (_BEYOND + _REACH + 1) + columns


def likeliest(spectrum: Spectrum, count: int) -> tuple[Doubles, Doubles]:
    """The sides and angles of tiles at whose waves a picture has most, (count, 1) each, likeliest first.

    Waves of a pattern that repeats stand out from those between them wherever its tiles begin.
    """
    sides, angles, places = _tried()
    power = (spectrum.waves.real**2 + spectrum.waves.imag**2).ravel()
    best = np.argsort(-power[places].sum(1))[:count]
    return sides[best], angles[best]
