"""Pictures with more than 8 bits a channel that the decoder alone would cut: 16-bit colour, and odd kinds of TIFF.

Pillow keeps the upper 8 bits of a colour's 16, so that what fills 12 of them becomes nearly black; it shows planes of
16 bits as noise and knows 12 bits in one byte order alone. Its decoders read all of it once a picture is described
otherwise: the lower bytes by the other byte order, planes as grey pictures, odd bits as rows of bytes.
Formats: TIFF 6.0, sections 2 and 8; PNG (ISO/IEC 15948), colour type 4.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

from mirage.errors import BadPicture
from mirage.images.pixels import robust_range, sample, spread
from mirage.installed import to_install
from mirage.wording import _

Values = np.ndarray[Any, Any]

_LOWER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_TYPES = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 16: ("Q", 8)}
# What says how the pixels are stored; a description that is written anew needs no other.
_KEPT = (256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339)
_WIDTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _PREDICTOR, _FORMAT = 256, 258, 259, 262, 277, 284, 317, 339
_EXTRA, _UNASSOCIATED, _FLOATING = 338, 2, 3
_HEIGHT, _TURNED, _STRIPS, _TILED = 257, 274, (273, 279), (324, 325)
_TURNS: dict[int, Callable[[Values], Values]] = {
    2: np.fliplr, 3: lambda values: np.rot90(values, 2), 4: np.flipud, 5: lambda values: values.swapaxes(0, 1),
    6: lambda values: np.rot90(values, -1), 7: lambda values: np.rot90(values, 2).swapaxes(0, 1), 8: np.rot90,
}  # fmt: skip
# Grey as the decoder shows it rightly: whether black is zero, bits, sample format.
_SHOWN = {(0, 8, 1), (1, 8, 1), (1, 16, 1), (1, 16, 2), (1, 32, 2), (1, 32, 3)}
_NUMBERS = {1: "u", 2: "i", 3: "f"}
_SYCC = b"colr\1\0\0\0\0\0\x12"  # of JPEG 2000: brightness and two differences, in the container's words
_MORE_A_PIXEL = 24  # bytes, measured: both halves, and all of them together
_ROWS = 256  # unpacked to bits at once


def wide_colour(opened: Image.Image, data: bytes, kind: str, reserve: Callable[[int], object], name: str) -> Values | None:
    """All bits of a colour picture of 16, where its upper 8 alone would lose it; None where they show it.

    Parameters
    ----------
    opened : PIL.Image.Image
        As it was opened; it is loaded.
    data : bytes
        What it was opened from.
    kind : str
    reserve : callable
        Asks for as many bytes of memory, before any more are used.
    name : str
        What to call the picture in messages.

    Returns
    -------
    (height, width, channels) uint16 array or None

    Raises
    ------
    mirage.errors.BadPicture
        When black cannot be told from white by what is installed.
    """
    if kind == "JPEG2000":
        return _of_jpeg2000(opened, data, reserve, name)
    raw = _raw_mode(opened)
    opened.load()
    name, _other, order = raw.partition(";16")
    if order not in _LOWER or opened.mode not in ("RGB", "RGBA", "LA") or name not in ("RGB", "RGBA", "RGBX", "LA"):
        return None
    upper = np.asarray(opened)
    colours = upper[..., :-1] if opened.mode in ("LA", "RGBA") else upper
    if colours.max() >= 128:
        return None
    reserve(_MORE_A_PIXEL * opened.width * opened.height)
    if name == "LA":
        return _grey_and_alpha(data) if kind == "PNG" else None
    with Image.open(io.BytesIO(data), formats=[kind]) as again:
        again.tile = [tile._replace(args=_swapped(tile.args, f"{name};16{_LOWER[order]}")) for tile in again.tile]
        lower = np.asarray(again)
    values: Values = upper.astype(np.uint16) << 8 | lower
    return values


def _of_jpeg2000(opened: Image.Image, data: bytes, reserve: Callable[[int], object], name: str) -> Values | None:
    """All bits of JPEG 2000 colour of more than 8: Pillow rounds the brightest of its values up to black."""
    opened.load()
    begin = data.find(b"\xff\x4f\xff\x51")
    bits = (data[begin + 42] & 0x7F) + 1 if begin >= 0 else 8
    if bits <= 8 or opened.mode not in ("RGB", "RGBA", "LA") or all(low for low, _ in opened.getextrema()):  # type: ignore[misc]
        return None
    reserve(_MORE_A_PIXEL * opened.width * opened.height)
    try:
        unpacked = import_module("openjpeg").decode  # of an extra
    except ImportError:
        raise BadPicture(
            _(
                "%(name)s is JPEG 2000 of %(bits)s bits a colour, and what is here takes the "
                "brightest for black. Save it as PNG; or whoever runs MIRAGE here can install what "
                "reads it (%(install)s).",
                name=name,
                bits=bits,
                install=to_install("pylibjpeg-openjpeg"),
            )
        ) from None
    values: Values = unpacked(data, j2k_format=0 if begin == 0 else 2)
    if values.dtype != np.uint16 or values.shape != (opened.height, opened.width, len(opened.getbands())) or _SYCC in data:
        raise BadPicture(_("%(name)s is JPEG 2000 with colours of a kind that is not read. Save it as PNG.", name=name))
    return values << (16 - bits)


def _raw_mode(opened: Image.Image) -> str:
    tiles = getattr(opened, "tile", None) or [(None, None, None, "")]
    args = tiles[0][3]
    return str(args[0] if isinstance(args, tuple) else args)


def _swapped(args: Any, raw: str) -> Any:
    return (raw, *args[1:]) if isinstance(args, tuple) else raw


def _grey_and_alpha(data: bytes) -> Values:
    """Grey and alpha of 16 bits each have the four bytes a pixel of colour and alpha of 8."""
    header = bytearray(data[12:29])
    header[12:14] = b"\x08\x06"  # bits, colour type
    called = data[:12] + bytes(header) + struct.pack(">I", zlib.crc32(header)) + data[33:]
    with Image.open(io.BytesIO(called), formats=["PNG"]) as opened:
        four = np.asarray(opened).astype(np.uint16)
    return four[..., 0::2] << 8 | four[..., 1::2]


def in_eight_bits(values: Values) -> Image.Image:
    """Show colours of 16 bits or fewer in 8: from black to the 99.5th percentile of all where they fill fewer than 16.

    Parameters
    ----------
    values : (height, width, channels) uint16 array
        Two channels are grey and alpha, four colour and alpha.
    """
    alpha = values.shape[-1] in (2, 4)
    colours = values[..., :-1] if alpha else values
    shown = np.empty(values.shape, np.uint8)
    most = max(float(colours.max()), 1.0)
    if most < 32768:
        _other, most = robust_range(sample(colours))
    for start in range(0, len(values), _ROWS):
        shown[start : start + _ROWS] = spread(values[start : start + _ROWS], 0, most if most < 32768 else 65535)
    if alpha:
        shown[..., -1] = spread(values[..., -1], 0, int(values[..., -1].max()))
    return Image.fromarray(shown, {2: "LA", 3: "RGB", 4: "RGBA"}[values.shape[-1]])


# -- TIFF -----------------------------------------------------------------------------------------------------------------


def tiff_values(data: bytes, reserve: Callable[[int], object]) -> Values | None:
    """Values of a TIFF that Pillow shows wrongly or not at all; None of any other.

    Those are colour in planes of 16 bits, 9 to 15 bits a value, and grey whose zero is white, which has an extra channel,
    a sign in 8 bits, none in 32, or 64 bits; and big-endian grey that is large, or compressed and of 32 bits.

    Parameters
    ----------
    data : bytes
    reserve : callable
        Asks for as many bytes of memory, before any are used.

    Returns
    -------
    (height, width) array or (height, width, 2) or (height, width, 3) uint16 array or None
        Upright; low values are dark. Two channels are grey and alpha, where that hides something.

    Raises
    ------
    ValueError, struct.error
        When its description cannot be followed.
    """
    order = "<" if data[:2] == b"II" else ">"
    tags = _tags(data, order)
    values = _values(data, order, tags, reserve)
    turn = _TURNS.get(tags.get(_TURNED, [1])[0])
    return values if values is None or turn is None else turn(values)


def _values(data: bytes, order: str, tags: dict[int, list[int]], reserve: Callable[[int], object]) -> Values | None:
    bits, samples = tags.get(_BITS, [1]), tags.get(_SAMPLES, [1])[0]
    if len(set(bits)) != 1:
        return None
    need = 2 * len(data) + 12 * samples * tags.get(_WIDTH, [0])[0] * tags.get(_HEIGHT, [0])[0]
    if _is_odd_grey(data, order, tags, bits[0], samples):
        reserve(3 * need)
        return _grey(data, order, tags, bits[0], samples)
    if tags.get(_FORMAT, [1])[0] != 1:
        return None
    if bits[0] == 16 and samples in (3, 4) and tags.get(_PLANAR) == [2] and tags.get(_PHOTOMETRIC) == [2]:
        reserve(need)
        planes = [np.asarray(_opened(data, order, _plane(tags, number, samples))) for number in range(3)]
        return np.stack(planes, axis=-1).astype(np.uint16)
    chunky = samples == 1 or (samples == 3 and tags.get(_PLANAR, [1]) == [1])
    if 9 <= bits[0] <= 15 and chunky and tags.get(_PREDICTOR, [1]) == [1] and not set(_TILED) & set(tags):
        reserve(need)
        return _unpacked(data, order, tags, bits[0], samples)
    return None


def tiff_size(data: bytes) -> tuple[int, int]:
    """Width and height that a TIFF says it has; 0 where it says none."""
    tags = _tags(data, "<" if data[:2] == b"II" else ">")
    return tags.get(_WIDTH, [0])[0], tags.get(_HEIGHT, [0])[0]


def tiff_kind(data: bytes) -> str:
    """What is uncommon in how a TIFF stores its pixels, in words; empty where it cannot be followed."""
    try:
        tags = _tags(data, "<" if data[:2] == b"II" else ">")
    except (ValueError, struct.error):
        return ""
    kinds = {1: _("whole numbers"), 2: _("numbers with a sign"), 3: _("floating point")}
    kinds |= dict.fromkeys((5, 6), _("complex numbers"))
    if not tags.get(_BITS) or not tags.get(_WIDTH):
        return ""
    return _(
        "%(bits)s bits a value (%(numbers)s) in %(channels)s channels, compression %(compression)s",
        bits=tags[_BITS][0],
        numbers=kinds.get(tags.get(_FORMAT, [1])[0], _("unknown numbers")),
        channels=tags.get(_SAMPLES, [1])[0],
        compression=tags.get(_COMPRESSION, [1])[0],
    )


def _tags(data: bytes, order: str) -> dict[int, list[int]]:
    """The numbers of a TIFF's first directory that say how its pixels are stored."""
    large = data[2:4] in (b"+\0", b"\0+")
    where, counted, entry = ("Q", "Q", 20) if large else ("I", "H", 12)
    field = entry // 2 - 2  # bytes: the place of the values, or themselves
    (at,) = struct.unpack_from(order + where, data, 8 if large else 4)
    (count,) = struct.unpack_from(order + counted, data, at)
    found: dict[int, list[int]] = {}
    for number in range(count):
        place = at + (8 if large else 2) + entry * number
        tag, kind, items = struct.unpack_from(f"{order}HH{where}", data, place)
        if tag in _KEPT and kind in _TYPES:
            sign, size = _TYPES[kind]
            begin = place + 4 + field
            if items * size > field:
                (begin,) = struct.unpack_from(order + where, data, begin)
            if items * size > len(data) - begin:
                raise ValueError("TIFF cut short")
            found[tag] = list(struct.unpack_from(f"{order}{items}{sign}", data, begin))
    return found


def _plane(tags: dict[int, list[int]], number: int, planes: int) -> dict[int, list[int]]:
    """The description of one plane as a grey picture."""
    own = {key: values for key, values in tags.items() if key != _FORMAT}
    own |= {_BITS: [16], _PHOTOMETRIC: [1], _SAMPLES: [1], _PLANAR: [1]}
    for key in (*_STRIPS, *_TILED):
        if key in own:
            size = len(own[key]) // planes
            own[key] = own[key][number * size : (number + 1) * size]
    return own


def _unpacked(data: bytes, order: str, tags: dict[int, list[int]], bits: int, samples: int) -> Values:
    """Values of so many bits, whose rows begin at whole bytes, from a picture of these bytes."""
    width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
    row = (width * samples * bits + 7) // 8
    own = {key: values for key, values in tags.items() if key != _FORMAT}
    own |= {_WIDTH: [row], _BITS: [8], _PHOTOMETRIC: [1], _SAMPLES: [1], _PLANAR: [1]}
    packed = np.asarray(_opened(data, order, own))
    values = np.empty((height, width * samples), np.uint16)
    weights = 1 << np.arange(bits - 1, -1, -1, dtype=np.uint16)
    for start in range(0, height, _ROWS):
        each = np.unpackbits(packed[start : start + _ROWS], axis=1)[:, : width * samples * bits]
        values[start : start + _ROWS] = each.reshape(len(each), width * samples, bits) @ weights
    if tags.get(_PHOTOMETRIC) == [0]:  # white is zero
        values = np.uint16((1 << bits) - 1) - values
    return values if samples == 1 else values.reshape(height, width, samples)


def _grey(data: bytes, order: str, tags: dict[int, list[int]], bits: int, samples: int) -> Values:
    """Values of the first channel, from a grey picture of whole numbers of the same bytes."""
    form, width, height = tags.get(_FORMAT, [1])[0], tags[_WIDTH][0], tags[_HEIGHT][0]
    parts = 2 if bits == 64 else 1
    as_read = 3 if (form, bits) == (3, 32) else 2 if bits >= 32 else 1
    own = tags | {_PHOTOMETRIC: [1], _SAMPLES: [1], _PLANAR: [1], _FORMAT: [as_read]}
    own |= {_WIDTH: [width * samples * parts], _BITS: [bits // parts]}
    read = np.asarray(_opened(data, order, own))
    if bits >= 32 and _in_own_order(order, tags):
        read = read.byteswap()
    if parts == 2 and (order == "<") != (sys.byteorder == "little"):
        read = read.reshape(height, -1, 2)[..., ::-1].reshape(height, -1)
    values = np.ascontiguousarray(read.astype(f"={read.dtype.kind}{read.dtype.itemsize}")).view(
        f"{_NUMBERS[form]}{bits // 8}"
    )
    values = values.reshape(height, width, samples)
    grey = values[..., 0]
    if tags.get(_PHOTOMETRIC) == [0]:  # white is zero
        grey = -grey if form == 3 else ~grey
    hides = (samples, bits, form) == (2, 16, 1) and tags.get(_EXTRA) == [_UNASSOCIATED] and values[..., 1].min() < 65535
    return np.stack([grey, values[..., 1]], axis=-1) if hides else grey


def _is_odd_grey(data: bytes, order: str, tags: dict[int, list[int]], bits: int, samples: int) -> bool:
    """Whether values are grey in whole bytes that the decoder does not show rightly and `_grey` reads."""
    form, photometric = tags.get(_FORMAT, [1])[0], tags.get(_PHOTOMETRIC, [1])[0]
    if bits not in (8, 16, 32, 64) or photometric not in (0, 1) or form not in _NUMBERS:
        return False
    if (bits == 8 and (samples > 1 or form == 3)) or (tags.get(_PREDICTOR) == [_FLOATING] and bits != 32):
        return False
    known = samples == 1 and (photometric, bits, form) in _SHOWN and data[2:4] != b"\0+"
    if known and (bits == 8 or (bits, form) == (16, 1) or not _in_own_order(order, tags)):
        return False
    in_rows = tags.get(_PREDICTOR, [1]) == [1] and tags.get(_PLANAR, [1]) == [1] and not set(_TILED) & set(tags)
    return in_rows or (samples == 1 and bits < 64)


def _in_own_order(order: str, tags: dict[int, list[int]]) -> bool:
    """Whether libtiff has brought values of 32 bits to this machine's order, which the decoder then changes once more."""
    return order == ">" and tags.get(_COMPRESSION, [1]) != [1] and sys.byteorder == "little"


def _opened(data: bytes, order: str, tags: dict[int, list[int]]) -> Image.Image:
    """The picture that other tags make of a file's bytes."""
    tags = {key: values for key, values in tags.items() if key not in (_TURNED, _EXTRA)}
    with Image.open(io.BytesIO(_described(data, order, tags)), formats=["TIFF"]) as opened:
        opened.load()
        return opened


def _described(data: bytes, order: str, tags: Mapping[int, Sequence[int]]) -> bytes:
    """The same bytes with another first directory, which stands at their end."""
    end = len(data) + (len(data) & 1)
    directory, more = [], b""
    at = end + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            packed, more = struct.pack(f"{order}I", at + len(more)), more + packed
        directory.append(struct.pack(f"{order}HHI", tag, 4, len(values)) + packed)
    body = struct.pack(f"{order}H", len(tags)) + b"".join(directory) + bytes(4) + more
    head = data[:2] + struct.pack(f"{order}HI", 42, end)
    return head + data[8:] + bytes(end - len(data)) + body
