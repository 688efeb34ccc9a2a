"""The invisible mark of MIRAGE 0.1 and 0.2, still read and no longer made: it spreads over a whole picture, uncropped.

The content of an image, without its band, is looked at through the discrete cosine transform (DCT-II). A coefficient's
number says how many half-waves cross the content, so it means the same at every size, and mirroring or turning an image
only changes signs or swaps axes. A fixed key gives every coefficient of a ring a sign and a use: one part carries a
detection code that is the same in all marked images, the other the 64 bits of an image's id and a 16-bit checksum, each bit
in many coefficients.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.images.marks.watermark import WatermarkReading

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]

LOW, HIGH = 28, 128  # half-waves across the content: the ring of coefficients that carries the mark
ID_BITS, CHECK_BITS = 64, 16
BITS = ID_BITS + CHECK_BITS
THRESHOLD = 6.0
"""From which score on the detection code counts as found. The signs are random and independent of any image, so a score
above t has a probability below exp(-t²/2) in an unmarked one (Hoeffding): 2e-8 for one way of looking."""
_SIDE = 320  # pixels: the reader's picture of the content, somewhat more than two for each half-wave
_DETECTING = 0.25  # share of the ring for the detection code
_ALTERNATE = np.where(np.arange(HIGH) % 2, np.float32(-1), np.float32(1))
_KEY = b"MIRAGE watermark, first key"
_FLOOR = 3.0  # grey levels × coefficient norm: below this a coefficient is rounding and compression, and counts less


@dataclass(frozen=True, slots=True)
class _Code:
    inside: npt.NDArray[np.bool_]  # (HIGH, HIGH): the ring
    signs: Floats  # (HIGH, HIGH), ±1 in the ring, 0 outside
    use: npt.NDArray[np.intp]  # (HIGH, HIGH): 0 detection, 1 … BITS the bits, -1 outside


@lru_cache(maxsize=1)
def _code() -> _Code:
    rows, columns = np.mgrid[0:HIGH, 0:HIGH]
    radius = np.hypot(rows, columns)
    inside = (radius >= LOW) & (radius < HIGH) & (rows >= 6) & (columns >= 6)
    count = int(inside.sum())
    # A hash in place of a random generator: its stream is the same in every version of every library.
    stream = hashlib.shake_256(_KEY).digest(count * 5)
    signs = np.where(np.frombuffer(stream, np.uint8, count) & 1, np.float32(1), np.float32(-1))
    order = np.argsort(np.frombuffer(stream, "<u4", count, offset=count), kind="stable")
    uses = np.zeros(count, np.intp)
    rest = order[int(count * _DETECTING) :]
    uses[rest] = np.arange(len(rest)) % BITS + 1
    sign_plane = np.zeros((HIGH, HIGH), np.float32)
    use_plane = np.full((HIGH, HIGH), -1, np.intp)
    sign_plane[inside], use_plane[inside] = signs, uses
    return _Code(inside, sign_plane, use_plane)


@lru_cache(maxsize=16)
def _waves(length: int) -> Floats:
    """(HIGH, length) orthonormal DCT-II rows."""
    waves: Floats = np.cos(np.pi / length * np.arange(HIGH)[:, None] * (np.arange(length) + 0.5)) * np.sqrt(2 / length)
    waves[0] /= np.sqrt(2)
    return np.ascontiguousarray(waves, np.float32)


@lru_cache(maxsize=64)
def _seen(length: int, low: float, high: float) -> Floats:
    """(HIGH, length): what lies between two edges resized to `_SIDE` pixels, as Pillow's bicubic filter does, and its waves.

    Both are sums over pixels, so they are one matrix.
    """
    scale = (high - low) / _SIDE
    middles = low + (np.arange(_SIDE) + 0.5) * scale
    away = np.abs(np.arange(length) + 0.5 - middles[:, None]) / max(scale, 1.0)
    near, far = (1.5 * away - 2.5) * away**2 + 1, ((-0.5 * away + 2.5) * away - 4) * away + 2
    taken = np.where(away < 1, near, np.where(away < 2, far, 0))
    taken /= taken.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(_waves(_SIDE) @ taken, np.float32)


def _coefficients(grey: Image.Image, boxes: Iterable[Box | None]) -> Iterator[Floats]:
    """(HIGH, HIGH) coefficients of what is in each box; those of boxes that are alike across share that half of the work."""
    # Large ones are made smaller once, as Pillow does with a reducing gap of 3.
    wide, high = (max(1, side // (3 * _SIDE)) for side in grey.size)
    pixels = np.asarray(grey.reduce((wide, high)) if max(wide, high) > 1 else grey, np.float32)
    height, width = pixels.shape
    halves: dict[tuple[float, float], Floats] = {}
    for box in boxes:
        left, top, right, bottom = box or (0.0, 0.0, float(grey.width), float(grey.height))
        left, right, top, bottom = left / wide, right / wide, top / high, bottom / high
        if (left, right) not in halves:
            halves[left, right] = _product(pixels, _seen(width, left, right).T)
        yield _product(_seen(height, top, bottom), halves[left, right])


def _product(left: Floats, right: Floats) -> Floats:
    """A matrix product in pieces small enough for one thread: threads of the linear algebra that wait for one another
    cost more than they save here, most of all while another program keeps the processors busy."""
    pieces = [left[at : at + 4] @ right for at in range(0, len(left), 4)]
    return np.concatenate(pieces)


def _levelled(coefficients: Floats) -> Floats:
    """Coefficients over the size of their neighbours, and none above 3, so that no single structure outvotes the rest."""
    return np.asarray(np.clip(coefficients / _scale(coefficients), -3, 3), np.float32)


def _scale(coefficients: Floats) -> Floats:
    squares = np.pad(coefficients**2, 4, mode="reflect")
    sums = np.cumsum(np.cumsum(squares, 0, dtype=np.float64), 1)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    around = (sums[9:, 9:] - sums[:-9, 9:] - sums[9:, :-9] + sums[:-9, :-9]) / 81
    return np.sqrt(np.maximum(around, 0) + _FLOOR**2).astype(np.float32)


def _scores(levelled: Floats) -> Floats:
    """(1 + BITS,): score of the detection code, then of each bit; about N(0, 1) each where there is no mark."""
    code = _code()
    uses = code.use[code.inside]
    values = levelled[code.inside]
    sums = np.bincount(uses, values * code.signs[code.inside], BITS + 1)
    energy = np.bincount(uses, values**2, BITS + 1)
    return np.asarray(sums / np.sqrt(energy + 1e-3), np.float32)


def _id(scores: Floats) -> str:
    data = np.packbits(scores[1:] > 0).tobytes()
    fits = binascii.crc_hqx(data[:8], 0xFFFF) == int.from_bytes(data[8:], "big")
    return data[:8].hex() if fits else ""


def find(image: Image.Image, boxes: list[Box | None] | None = None) -> WatermarkReading:
    """Look for the mark, upright, mirrored and turned by quarters, in the picture and in its negative.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any size and mode.
    boxes : list of (left, top, right, bottom) or None
        Where the content may be, in pixels; None for the whole image.
    """
    grey = image if image.mode == "L" else image.convert("L")
    best = WatermarkReading(0.0, False, "")
    for coefficients in _coefficients(grey, boxes or [None]):
        levelled = _levelled(coefficients)
        scores = _detections(levelled)
        view = int(np.argmax(scores))
        if scores[view] > best.score:
            present = bool(scores[view] >= THRESHOLD)
            best = WatermarkReading(float(scores[view]), present, _id(_scores(_turned(levelled, view))) if present else "")
        if best.id:
            break
    return best


@lru_cache(maxsize=1)
def _detecting() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Rows and columns of the detection code, and its (4, n) signs for each way an image may be mirrored."""
    code = _code()
    rows, columns = np.nonzero(code.use == 0)
    signs = code.signs[rows, columns]
    odd_rows, odd_columns = _ALTERNATE[rows], _ALTERNATE[columns]
    return rows, columns, signs * np.stack([np.ones_like(signs), odd_columns, odd_rows, odd_rows * odd_columns])


def _detections(levelled: Floats) -> Floats:
    """(16,) score of the detection code for each way an image may be turned or mirrored, then the same of its negative."""
    rows, columns, ways = _detecting()
    scores = []
    for values in (levelled[rows, columns], levelled[columns, rows]):
        scores.append(np.asarray(ways @ values / np.sqrt(float(values @ values) + 1e-3), np.float32))
    return np.concatenate([*scores, *(-each for each in scores)])


def _turned(levelled: Floats, view: int) -> Floats:
    """The view of that number: mirroring changes the sign of every odd coefficient, turning swaps the axes too."""
    turned = levelled.T if view % 8 >= 4 else levelled
    if view >= 8:
        turned = -turned
    if view % 2:
        turned = turned * _ALTERNATE
    return turned * _ALTERNATE[:, None] if view % 4 >= 2 else turned
