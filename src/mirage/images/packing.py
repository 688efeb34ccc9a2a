"""Slices of a stack packed without loss, so that a browser unpacks them with what it has.

Each value is predicted from its neighbours by the median edge detector of LOCO-I (Weinberger, Seroussi and Sapiro, 2000),
the predictor of JPEG-LS. What is left is folded to small numbers without a sign, laid out as high bytes and then low bytes,
and compressed by zlib. Of 8-bit slices there are only low bytes; colours stand one plane after the other.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from mirage.errors import BadPicture
from mirage.wording import _

Array = np.ndarray[Any, Any]
_LEVEL = 6
_AT_ONCE = 2**21  # values that are unpacked together: more would leave the processor's cache


def pack(values: Array) -> bytes:
    """Pack one slice.

    Parameters
    ----------
    values : (rows, columns) or (rows, columns, 3) array
        uint8 or uint16.
    """
    planes = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
    signed = np.int8 if values.dtype == np.uint8 else np.int16
    # Differences wrap around, as do the sums that undo them.
    left: Any = (planes - _predicted(planes)).astype(signed)
    folded = ((left << 1) ^ (left >> (8 * left.itemsize - 1))).view(values.dtype)
    if values.dtype == np.uint8:
        return zlib.compress(folded.tobytes(), _LEVEL)
    # What prediction leaves of a scan is noise, which repeats nothing: to search it for strings costs thrice the time, and
    # only runs of zeros (air, high bytes) are worth finding. Labels do repeat.
    runs = zlib.compressobj(_LEVEL, strategy=zlib.Z_RLE)
    return (
        runs.compress((folded >> 8).astype(np.uint8).tobytes())
        + runs.compress(folded.astype(np.uint8).tobytes())
        + runs.flush()
    )


def _predicted(planes: Array) -> Array:
    """The median edge detector over all but the first row and column, which are predicted from one neighbour."""
    predicted = np.zeros_like(planes)
    predicted[:, 0, 1:] = planes[:, 0, :-1]
    predicted[:, 1:, 0] = planes[:, :-1, 0]
    left, above, corner = planes[:, 1:, :-1], planes[:, :-1, 1:], planes[:, :-1, :-1]
    predicted[:, 1:, 1:] = _median(left, above, corner)
    return predicted


def _median(left: Array, above: Array, corner: Array) -> Array:
    """The middle one of left, above, and left + above - corner. What wraps around on the way wraps back again."""
    between = np.maximum(np.minimum(left, above), corner)
    np.minimum(between, np.maximum(left, above), out=between)
    np.subtract(above, between, out=between)
    between += left
    return between


def unpack(data: bytes, shape: Sequence[int]) -> Array:
    """Unpack one slice.

    Parameters
    ----------
    data : bytes
        As `pack` gives them.
    shape : (int, int) or (int, int, 3)
        Rows, columns, and colours where there are some.

    Returns
    -------
    array
        Of that shape, uint8 or uint16.

    Raises
    ------
    mirage.errors.BadPicture
        When it is damaged, or unpacks to another number of values.
    """
    values: Array = unpack_all([data], shape)[0]
    return values


def unpack_all(packed: Sequence[bytes], shape: Sequence[int]) -> Array:
    """Unpack many slices, which takes half as long as one by one.

    Parameters
    ----------
    packed : sequence of bytes
    shape : (int, int) or (int, int, 3)
        Of each.

    Returns
    -------
    (slices, rows, columns[, 3]) array

    Raises
    ------
    mirage.errors.BadPicture
    """
    rows, columns, *colours = (int(length) for length in shape)
    planes = colours[0] if colours else 1
    size = rows * columns * planes
    deep = len(inflated(packed[0], size)) // size
    values = np.empty((len(packed), planes, rows, columns), np.uint16 if deep == 2 else np.uint8)
    together = max(1, _AT_ONCE // size)
    for start in range(0, len(packed), together):
        part = [inflated(data, size) for data in packed[start : start + together]]
        if any(len(data) != deep * size for data in part):
            raise BadPicture(_("The stack is damaged: its slices have different depths."))
        folded = np.stack([_joined(data, deep) for data in part]).reshape(-1, rows, columns)
        values[start : start + together] = _undone(folded).reshape(-1, planes, rows, columns)
    return values[:, 0] if not colours else np.ascontiguousarray(values.transpose(0, 2, 3, 1))


def inflated(data: bytes, size: int) -> bytes:
    """Inflate a packed slice, never to more than it may have.

    Parameters
    ----------
    data : bytes
    size : int
        How many values it has; it inflates to that many bytes, or twice as many.

    Raises
    ------
    mirage.errors.BadPicture
    """
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data, 2 * size + 1)
    except zlib.error as error:
        raise BadPicture(_("The stack is damaged: a slice cannot be unpacked.")) from error
    if len(plain) not in (size, 2 * size) or not unpacker.eof or unpacker.unused_data:
        raise BadPicture(
            _("The stack is damaged: a slice does not unpack to the %(size)s values that its header announces.", size=size)
        )
    return plain


def _joined(plain: bytes, deep: int) -> Array:
    folded = np.frombuffer(plain, np.uint8)
    return (folded[: folded.size // 2].astype(np.uint16) << 8) | folded[folded.size // 2 :] if deep == 2 else folded


def _undone(folded: Array) -> Array:
    """Values (n, rows, columns) from what prediction left. Those of one anti-diagonal depend on earlier ones alone."""
    count, rows, columns = folded.shape
    # Two diagonals and one row before the first are zeros: diagonals[d + 2, y + 1] holds what lies at row y, column d - y.
    diagonals = np.zeros((rows + columns + 1, rows + 1, count), folded.dtype)
    row, line, item = diagonals.strides
    slanted = np.lib.stride_tricks.as_strided(diagonals[2:, 1:], (rows, columns, count), (row + line, row, item))
    slanted[:] = ((folded >> 1) ^ (0 - (folded & 1))).transpose(1, 2, 0)
    for number in range(rows + columns - 1):
        first, end = max(0, number - columns + 1), min(rows, number + 1)
        left, above = diagonals[number + 1, first + 1 : end + 1], diagonals[number + 1, first:end]
        predicted = _median(left, above, diagonals[number, first:end])
        if end == number + 1:
            predicted[-1] = above[-1]  # the first column
        if first == 0:
            predicted[0] = left[0]  # the first row
        diagonals[number + 2, first + 1 : end + 1] += predicted
    return slanted.transpose(2, 0, 1)
