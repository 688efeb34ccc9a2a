"""The pattern that the invisible mark is made of: a tile of waves that repeats over a picture, and what each wave says.

A wave is a pair of whole numbers: how often it swings over a tile's height and width. A complex number says how strong it
is and where it begins, so each wave carries two signs. A fixed key shares the waves out: some are the same in every marked
image, and tell that there is a mark and where its tiles begin; the others spell the image's id and a checksum, in symbols of
seven bits. A symbol is one of 128 rows of signs (those of a Hadamard matrix and their opposites), of which any two agree in
half of their places or none, and is read as the row that the picture agrees with most.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex64]
Whole = npt.NDArray[np.intp]

TILES = 3
"""How many tiles fit into the shorter side of what is marked; with three, JPEG's
blocks of 8 pixels do not repeat as tiles do at the common sizes."""
LOWEST, HIGHEST = 4, 21
"""Swings of a wave over one tile; at 512 pixels the quickest is 8.1 pixels long, which JPEG and reduction leave."""
SYMBOLS = 12
VIEWS = 8
_LENGTH = 64  # signs of a symbol
_SYMBOL_BITS = 7
_CHECK_BITS = SYMBOLS * _SYMBOL_BITS - 64
_SHARED = 270  # waves that are the same in all images
_KEY = b"MIRAGE watermark, second key"


@dataclass(frozen=True, slots=True)
class Pattern:
    """The waves and their use.

    Attributes
    ----------
    rows, columns : ndarray of int, shape (n,)
        Swings down and across a tile; of each two opposite waves, which are one, only the one with columns ≥ 0.
    shared : ndarray of int, shape (s,)
        Numbers of the waves that are the same in all images.
    signs : ndarray of float32, shape (n, 2)
        ±1 for the real and the imaginary part of each wave.
    places : ndarray of int, shape (SYMBOLS, 64)
        Where each symbol's signs are in the flattened (n, 2).
    views : ndarray of int, shape (VIEWS, n)
        For each way a picture may be mirrored or turned by quarters, the wave that stands where each is looked for; n more
        where its conjugate does.
    """

    rows: Whole
    columns: Whole
    shared: Whole
    signs: Floats
    places: Whole
    views: Whole


@lru_cache(maxsize=1)
def pattern() -> Pattern:
    """The one pattern there is."""
    rows, columns = np.mgrid[-HIGHEST : HIGHEST + 1, 0 : HIGHEST + 1]
    inside = (np.hypot(rows, columns) >= LOWEST) & (np.hypot(rows, columns) <= HIGHEST) & ((columns > 0) | (rows > 0))
    rows, columns = rows[inside], columns[inside]
    count = len(rows)
    # A hash in place of a random generator: its stream is the same in every version of every library.
    stream = hashlib.shake_256(_KEY).digest(count * 14)
    order = np.argsort(np.frombuffer(stream, "<u4", count), kind="stable")
    signs = np.where(np.frombuffer(stream, np.uint8, 2 * count, offset=4 * count) & 1, np.float32(1), np.float32(-1))
    own = np.sort(order[_SHARED:])
    both = np.stack([2 * own, 2 * own + 1], 1).ravel()
    mixed = np.argsort(np.frombuffer(stream, "<u4", len(both), offset=6 * count), kind="stable")
    places = both[mixed][: SYMBOLS * _LENGTH].reshape(SYMBOLS, _LENGTH)
    return Pattern(rows, columns, np.sort(order[:_SHARED]), signs.reshape(-1, 2), places, _views(rows, columns))


def _views(rows: Whole, columns: Whole) -> Whole:
    number = {wave: at for at, wave in enumerate(zip(rows.tolist(), columns.tolist(), strict=True))}
    views = []
    for view in range(VIEWS):
        down, across = (columns, rows) if view >= VIEWS // 2 else (rows, columns)
        down, across = (-down if view % 4 >= 2 else down), (-across if view % 2 else across)
        waves = zip(down.tolist(), across.tolist(), strict=True)
        views.append([number[y, x] if (y, x) in number else len(rows) + number[-y, -x] for y, x in waves])
    return np.array(views, np.intp)


@lru_cache(maxsize=1)
def _rows_of_signs() -> Floats:
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < _LENGTH:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def _check(id: int) -> int:
    return int.from_bytes(hashlib.sha256(id.to_bytes(8, "big")).digest()[:4], "big") >> 32 - _CHECK_BITS


def wanted(id: str) -> tuple[Floats, Whole]:
    """What the waves of an image with that id of 16 hex digits have to say.

    Returns
    -------
    (signs, groups)
        Each (n, 2): ±1 or 0; and 0 for what is the same in all images, 1 … SYMBOLS for the symbols, -1 for what is not used.
    """
    given = pattern()
    signs, groups = np.zeros(given.signs.size, np.float32), np.full(given.signs.size, -1, np.intp)
    shared = np.concatenate([2 * given.shared, 2 * given.shared + 1])
    signs[shared], groups[shared] = given.signs.ravel()[shared], 0
    value = int(id, 16) << _CHECK_BITS | _check(int(id, 16))
    for number, places in enumerate(given.places):
        symbol = value >> _SYMBOL_BITS * number & 2 * _LENGTH - 1
        row = _rows_of_signs()[symbol % _LENGTH] * (1 if symbol < _LENGTH else -1)
        signs[places], groups[places] = row * given.signs.ravel()[places], number + 1
    return signs.reshape(-1, 2), groups.reshape(-1, 2)


def parts(waves: Complexes) -> Floats:
    """(n, 2) real and imaginary parts."""
    return np.stack([waves.real, waves.imag], 1).astype(np.float32)


def shared_score(waves: Complexes) -> float:
    """How well waves, from where tiles begin, agree with those that all images share, in standard deviations of chance."""
    given = pattern()
    values, signs = parts(waves)[given.shared], given.signs[given.shared]
    return float((values * signs).sum() / np.sqrt((values**2).sum() + 1e-6))


def id_in(waves: Complexes) -> str:
    """The id that waves spell, 16 hex digits; empty when the checksum does not agree."""
    given = pattern()
    values = (parts(waves).ravel() * given.signs.ravel())[given.places]
    agreement = values @ _rows_of_signs().T
    best = np.argmax(np.abs(agreement), 1)
    value = 0
    for number, row in enumerate(best.tolist()):
        value |= (row if agreement[number, row] > 0 else row + _LENGTH) << _SYMBOL_BITS * number
    id_ = value >> _CHECK_BITS
    return f"{id_:016x}" if _check(id_) == value & 2**_CHECK_BITS - 1 else ""
