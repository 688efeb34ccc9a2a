"""An invisible mark in the pixels themselves: a faint pattern that repeats, on numpy alone.

The pattern (`mirage.images.marks.pattern`) repeats three times along the shorter side. What repeats can be found without
knowing where it begins, so a crop does not hide it, and its repetition gives away how large it is and how it is turned
(Kutter, *Watermarking resistant to translation, rotation and scaling*, Proc. SPIE 3528, 1998). The reader first asks at
which size, angle and stretch the picture has most of what repeats so (`mirage.images.marks.spectrum`), and then at which
place the waves agree with those that all marked images share, upright, mirrored and turned by quarters, in the picture and
in its negative. Then it reads the id.

The writer knows what the reader will see, so it adds only what is missing from each sum (informed embedding: Cox, Miller and
McKellips, *Watermarking as communications with side information*, Proc. IEEE 87(7), 1999), most at waves that the picture
has little of, and looks again until all sums are large enough or no more may be added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from mirage.images.marks.band import SHARE as BAND_SHARE
from mirage.images.marks.pattern import (
    HIGHEST,
    SYMBOLS,
    TILES,
    VIEWS,
    Complexes,
    Floats,
    id_in,
    parts,
    pattern,
    shared_score,
    wanted,
)
from mirage.images.marks.spectrum import SHORTER, Spectrum, Tiles, likeliest, scale_at, seen, waves_at

THRESHOLD = 7.5
"""From which score on a mark counts as found. The signs are random and independent of any image, so a score above t has a
probability below exp(-t²/2) in an unmarked one (Hoeffding) for one way of looking. An image is looked at in 9·10⁷ ways
(sizes, angles and stretches, places, views), most of them alike: below 6·10⁻⁵ for all together."""
_WITH_ID = 6.0  # the same where the id's checksum agrees, which chance does once in a million
_TRIED = 4  # ways the tiles may lie that are looked at closely
_WORTH = 5.0  # score of the coarse search from which on it is refined
_STEPS = (("side", 0.004 * SHORTER / TILES), ("angle", np.radians(0.25)), ("stretch", 0.008))  # half of the coarse search's
_GRID = 64  # places along a tile at which it may begin
_WANTED = np.array([14.0] + [7.5] * SYMBOLS, np.float32)  # scores that content the writer; 23 and 8 are the most
_ROUNDS = 12
_FIRST = 1.4  # how much more what all images share matters than a symbol
_STRIDE = 0.25  # grey levels, root mean square, that one round adds
_LEAST_SCALE = 0.3  # of the median: no wave is worth more than that
_LEAST_SIDE = 0.89  # of a tile in a wide picture with its band, over what is usual: a little above what is looked for
_MOST = 2.24  # grey levels, root mean square, of all rounds together: with rounding, 41.1 dB


@dataclass(frozen=True, slots=True)
class WatermarkReading:
    """What the reader found.

    Attributes
    ----------
    score : float
        Of what all marked images share, in standard deviations of what unmarked ones give; the best way of looking.
    present : bool
        Whether the score reaches `THRESHOLD`, or nearly and the id's checksum agrees.
    id : str
        16 hex digits when the checksum agrees; else empty.
    """

    score: float
    present: bool
    id: str


def embed(image: Image.Image, id: str) -> Image.Image:
    """Put the mark into the content of an image.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode L or RGB, at least 256 pixels wide and high.
    id : str
        16 hex digits.

    Returns
    -------
    PIL.Image.Image
        Same mode and size.
    """
    signs, groups = wanted(id)
    over = max(1.0, _LEAST_SIDE * (1 + BAND_SHARE * image.width / image.height))
    tiles, side = Tiles(over * SHORTER / TILES), over * min(image.size) / TILES
    down, across = _swings(image.height, side), _swings(image.width, side)
    pixels = np.asarray(image, np.float32)
    added: Floats = np.zeros((image.height, image.width), np.float32)
    marked, scale = image, None
    for _ in range(_ROUNDS):
        spectrum = seen(marked.convert("L"))
        if scale is None:
            scale = scale_at(spectrum, tiles)
            scale = scale / np.median(scale) + _LEAST_SCALE
        missing = np.maximum(_WANTED - _agreement(_from_middle(spectrum, tiles), signs, groups), 0) / _WANTED
        missing[0] *= _FIRST
        if not missing.any():
            break
        step = signs * np.where(groups >= 0, missing[groups], 0) / scale[:, None]
        wave = _drawn(step[:, 0] + 1j * step[:, 1], down, across)
        candidate = added + wave * (_STRIDE / max(float(np.sqrt(np.mean(wave**2))), 1e-6))
        size = float(np.sqrt(np.mean(candidate**2)))
        full = size >= _MOST
        added = (candidate * (_MOST / size) if full else candidate).astype(np.float32)
        whole = pixels + (added[..., None] if pixels.ndim == 3 else added)
        marked = Image.fromarray(np.clip(whole + 0.5, 0, 255).astype(np.uint8))
        if full:
            break
    return marked


def _swings(length: int, side: float) -> Complexes:
    """(2 · HIGHEST + 1, length) waves of every number of swings over a tile, from the middle."""
    from_middle = np.arange(length) + 0.5 - length / 2
    waves = np.exp(2j * np.pi / side * np.arange(-HIGHEST, HIGHEST + 1)[:, None] * from_middle)
    return np.asarray(waves, np.complex64)


def _drawn(waves: Complexes, down: Complexes, across: Complexes) -> Floats:
    """The pattern as pixels, without a scale."""
    given = pattern()
    plane = np.zeros((2 * HIGHEST + 1, 2 * HIGHEST + 1), np.complex64)
    plane[given.rows + HIGHEST, given.columns + HIGHEST] = waves
    left = down.T @ plane
    drawn: Floats = np.concatenate([left.real, -left.imag], 1) @ np.concatenate([across.real, across.imag])
    return drawn


def _from_middle(spectrum: Spectrum, tiles: Tiles) -> Complexes:
    """The waves of upright tiles that meet in the very middle, as the writer draws them."""
    given, side = pattern(), tiles.side
    y, x = (((length - 1) / 2 - length // 2) / side for length in (spectrum.height, spectrum.width))
    return waves_at(spectrum, tiles) * np.exp(2j * np.pi * (given.rows * y + given.columns * x)).astype(np.complex64)


def _agreement(waves: Complexes, signs: Floats, groups: np.ndarray) -> Floats:
    """(1 + SYMBOLS,) score of what all images share, then of each symbol."""
    values = parts(waves)
    used = groups >= 0
    sums = np.bincount(groups[used], (values * signs)[used], SYMBOLS + 1)
    return np.asarray(sums / np.sqrt(np.bincount(groups[used], values[used] ** 2, SYMBOLS + 1) + 1e-6), np.float32)


def find(image: Image.Image) -> WatermarkReading:
    """Look for the mark: cropped, made smaller or larger, mirrored, turned by quarters, in a negative; and turned by up to 3
    degrees or stretched by up to 8 in a hundred.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any size and mode.
    """
    spectrum = seen(image if image.mode == "L" else image.convert("L"))
    tiles = likeliest(spectrum, _TRIED)
    score, number, view, y, x = _placed(waves_at(spectrum, tiles))
    if score < _WORTH:
        return WatermarkReading(score, False, "")
    waves = _refined(spectrum, Tiles(*(float(np.asarray(each)[number, 0]) for each in tiles)), view, (y, x))
    score, id_ = shared_score(waves), id_in(waves)
    present = score >= (_WITH_ID if id_ else THRESHOLD)
    return WatermarkReading(score, present, id_ if present else "")


def _viewed(waves: Complexes, view: int) -> Complexes:
    """(n,) waves as they are once the picture is turned and mirrored back, and for the second `VIEWS` also made positive."""
    viewed: Complexes = np.concatenate([waves, waves.conj()])[pattern().views[view % VIEWS]]
    return viewed if view < VIEWS else -viewed


def _placed(waves: Complexes) -> tuple[float, int, int, float, float]:
    """The best score of (g, n) waves over views and places: it, its number in g, its view, where tiles begin (in tiles)."""
    given = pattern()
    taken = np.concatenate([waves, waves.conj()], -1)[:, given.views[:, given.shared]]
    taken /= np.sqrt((taken.real**2 + taken.imag**2).sum(-1, keepdims=True) + 1e-6)
    signs = given.signs[given.shared]
    rows, columns = given.rows[given.shared], given.columns[given.shared]
    plane = np.zeros((len(waves), VIEWS, _GRID, _GRID // 2 + 1), np.complex64)
    plane[..., rows, columns] = taken * (signs[:, 0] - 1j * signs[:, 1])
    alone = columns == 0  # in the first column a wave and its opposite both stand
    plane[..., -rows[alone], 0] = plane[..., rows[alone], 0].conj()
    sums = np.fft.irfft2(plane, (_GRID, _GRID))
    number, view, y, x = (int(at) for at in np.unravel_index(int(np.argmax(np.abs(sums))), sums.shape))
    score = float(sums[number, view, y, x]) * _GRID * _GRID / 2
    return abs(score), number, view if score >= 0 else view + VIEWS, y / _GRID, x / _GRID


def _refined(spectrum: Spectrum, tiles: Tiles, view: int, place: tuple[float, float]) -> Complexes:
    """The waves for the best tiles near those given, and the best place near theirs, from where the tiles begin."""
    score, best, place = _begun(_viewed(waves_at(spectrum, tiles), view), place, 1.0)
    for step in (1.0, 0.5):
        for field, by in _STEPS:
            for way in (-step, step):
                near = tiles._replace(**{field: getattr(tiles, field) + by * way})
                found = _begun(_viewed(waves_at(spectrum, near), view), place, step)
                if found[0] > score:
                    (score, best, place), tiles = found, near
    return best


def _begun(waves: Complexes, place: tuple[float, float], step: float) -> tuple[float, Complexes, tuple[float, float]]:
    """Where near a place the tiles begin: the score there, the waves from there, and the place."""
    given = pattern()
    signs = given.signs[given.shared]
    wanted_waves = waves[given.shared] * (signs[:, 0] - 1j * signs[:, 1])
    ys, xs = (at + np.arange(-2, 3) * step / (3 * _GRID) for at in place)
    rows, columns = (2j * np.pi * each[given.shared] for each in (given.rows, given.columns))
    sums = ((np.exp(rows * ys[:, None]) * wanted_waves) @ np.exp(columns * xs[:, None]).T).real
    i, j = np.unravel_index(int(np.argmax(sums)), sums.shape)
    place = (float(ys[i]), float(xs[j]))
    waves = (waves * np.exp(2j * np.pi * (given.rows * place[0] + given.columns * place[1]))).astype(np.complex64)
    return shared_score(waves), waves, place
