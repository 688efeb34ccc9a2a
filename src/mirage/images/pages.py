"""What a file of several pages or frames holds, told from its structure: TIFF, and animated GIF, WebP and PNG.

No pixel is unpacked for it, and every walk has an end: directories in a circle, a million pages, and small copies of
others are no slices. Formats: TIFF 6.0 and BigTIFF; GIF 89a; WebP container (RFC 9649); PNG, acTL.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from mirage.wording import N_

MOST_PAGES = 65_535
_STEPS_MOST = 1_000_000  # blocks of a GIF and chunks of the others
_ENTRIES_MOST = 500
_SHORT, _WORDS_MOST, _LONG = 64, 2**16, 2**24  # bytes that are read of an entry: a few numbers, words, places of strips
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {1: "B", 3: "H", 4: "I", 16: "Q"}
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _WORDS = 254, 256, 257, 258, 259, 262, 270
_SAMPLES, _FORMAT, _OFFSETS, _COUNTS = 277, 339, (273, 324), (279, 325)
# What says how a page's pixels are stored, and XMP, which may say what made them; the rest is left behind.
_STORED = (_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, 266, 274, _SAMPLES, 278, 284, 292, 293, 317, 320, 322, 323,
           338, _FORMAT, 347, 530, 532, 700)  # fmt: skip
_ALIKE = (_WIDTH, _HEIGHT, _BITS, _SAMPLES, _FORMAT, _PHOTOMETRIC)
_OLD_JPEG, _PALETTE = 6, 3
_OME = re.compile(rb"<(?:\w{1,20}:)?OME[\s>]")
_OME_SEVERAL = re.compile(rb"\bSize[CT]\s{0,9}=\s{0,9}[\"']0{0,9}(?:[2-9]|1\d)")

Field = tuple[int, bytes]
"""The type of a TIFF's entry, and its value as it stands there."""
PAGES, FRAMES = N_("pages"), N_("frames")


@dataclass(frozen=True, slots=True)
class Pages:
    """What a file holds.

    Attributes
    ----------
    kind : str
        As `mirage.images.formats.format_of` names it.
    count : int
        Pages or frames beside small copies and masks of others.
    size : (int, int)
        Width and height of the first.
    each : int
        Bytes of a pixel of it: 1, 2, 4 or 8 of grey, 3 of colour.
    apart : str
        Why they are no slices of one stack, as words behind their number; empty where they may be.
    places : tuple of int
        Of a TIFF, where their directories are.
    """

    kind: str
    count: int
    size: tuple[int, int] = (0, 0)
    each: int = 1
    apart: str = ""
    places: tuple[int, ...] = ()

    @property
    def called(self) -> str:
        """*pages* or *frames*."""
        return PAGES if self.kind == "TIFF" else FRAMES


def pages_of(file: BinaryIO, kind: str) -> Pages | None:
    """Say what a file holds; None of formats that hold one picture, and where its structure cannot be followed.

    Parameters
    ----------
    file : binary file
    kind : str
    """
    try:
        return _KINDS[kind](file) if kind in _KINDS else None
    except (OSError, ValueError, struct.error, OverflowError, IndexError):
        return None  # what is wrong, says who decodes it


def _read(file: BinaryIO, at: int, form: str) -> tuple[Any, ...]:
    file.seek(at)
    return struct.unpack(form, file.read(struct.calcsize(form)))


# -- GIF, WebP and PNG --------------------------------------------------------------------------------------------------


def _of_gif(file: BinaryIO) -> Pages:
    width, height, flags = _read(file, 6, "<HHB")
    count, end = 0, file.seek(0, 2)
    file.seek(13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0))
    for _ in range(_STEPS_MOST):
        sign = file.read(1)
        if sign == b",":
            (flags,) = struct.unpack("<8xB", file.read(9))
            file.seek((3 << (flags & 7) + 1 if flags & 0x80 else 0) + 1, 1)
        elif sign == b"!":
            file.seek(1, 1)
        else:
            break
        while length := ord(file.read(1) or b"\0"):
            file.seek(length, 1)
        if sign == b"," and (file.tell() > end or (count := count + 1) > MOST_PAGES):
            break  # a frame that is cut off is none
    return Pages("GIF", count, (width, height), 3)


def _of_webp(file: BinaryIO) -> Pages | None:
    kind, flags, width, height = _read(file, 12, "<4s4xB3x3s3s")
    if kind != b"VP8X" or not flags & 2:
        return None
    count, at = 0, 30
    size = tuple(int.from_bytes(side, "little") + 1 for side in (width, height))
    for _ in range(_STEPS_MOST):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or count > MOST_PAGES:
            break
        count += head[:4] == b"ANMF"
        length = int.from_bytes(head[4:], "little")
        at += 8 + length + (length & 1)
    return Pages("WEBP", count, (size[0], size[1]), 3)


def _of_png(file: BinaryIO) -> Pages | None:
    width, height, bits, colour = _read(file, 16, ">IIBB")
    at = 33
    for _ in range(1_000):
        length, kind = _read(file, at, ">I4s")
        if kind == b"IDAT":
            return None
        if kind == b"acTL":
            (count,) = _read(file, at + 8, ">I")
            return Pages("PNG", count, (width, height), (2 if bits == 16 else 1) if colour == 0 else 3)
        at += 12 + length
    return None


# -- TIFF ---------------------------------------------------------------------------------------------------------------


def _of_tiff(file: BinaryIO) -> Pages:
    tiff = _Tiff(file)
    at, seen, places, several = tiff.first, set[int](), list[int](), ""
    first: dict[int, Field] = {}
    words = b""
    while at and at not in seen and len(places) <= MOST_PAGES and len(seen) <= 2 * MOST_PAGES:
        seen.add(at)
        try:
            more = () if first else (_COMPRESSION, _WORDS)
            fields, at_next = tiff.directory(at, (_SUBFILE, *_ALIKE, *more), _SHORT)
        except struct.error:
            break  # what follows is cut off
        if not tiff.number(fields, _SUBFILE, 0) & 5:  # a smaller copy of another page, or a mask over one
            places.append(at)
            if not first:
                first, words = fields, fields.get(_WORDS, (0, b""))[1]
            elif not several and any(fields.get(tag) != first.get(tag) for tag in _ALIKE):
                several = N_("of different sizes or kinds")
        at = at_next
    width, height, samples = (tiff.number(first, tag, 1) for tag in (_WIDTH, _HEIGHT, _SAMPLES))
    bits = tiff.number(first, _BITS, 1)
    colour = samples >= 3 or tiff.number(first, _PHOTOMETRIC, 1) == _PALETTE
    if _OME.search(words) and _OME_SEVERAL.search(words):
        several = N_("of several channels or times (OME-TIFF)")
    elif (colour and bits != 8) or tiff.number(first, _COMPRESSION, 1) == _OLD_JPEG:
        several = several or N_("of a kind of which no stack is made")
    return Pages("TIFF", len(places), (width, height), 3 if colour else max(1, -(-bits // 8)), several, tuple(places))


class _Tiff:
    """The directories of a TIFF, large ones too."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        head = file.read(16)
        self.order = "<" if head[:2] == b"II" else ">"
        self._large = head[2:4] in (b"+\0", b"\0+")
        self._where, self._number, self._room = ("Q", "Q", 8) if self._large else ("I", "H", 4)
        (self.first,) = struct.unpack_from(self.order + self._where, head, 8 if self._large else 4)

    def directory(self, at: int, wanted: tuple[int, ...], most: int) -> tuple[dict[int, Field], int]:
        """Some entries of a directory, each with so many bytes at most, and where the next one is."""
        (count,) = _read(self._file, at, self.order + self._number)
        if count > _ENTRIES_MOST:
            raise struct.error("too many entries")
        entry = f"{self.order}HH{self._where}{self._room}s"
        size = struct.calcsize(entry)
        table = self._file.read(count * size)
        (following,) = struct.unpack(self.order + self._where, self._file.read(self._room))
        found = {}
        for number in range(count):
            tag, kind, items, value = struct.unpack_from(entry, table, number * size)
            if tag in wanted and kind in _SIZES:
                length = _SIZES[kind] * items
                if length > self._room:
                    self._file.seek(int.from_bytes(value, "little" if self.order == "<" else "big"))
                    value = self._file.read(min(length, _WORDS_MOST if tag == _WORDS else most))
                found[tag] = (kind, value[:length])
        return found, following

    def numbers(self, fields: Mapping[int, Field], tag: int) -> tuple[int, ...]:
        """The whole numbers of an entry; none where it is not there, or holds something else."""
        kind, value = fields.get(tag, (0, b""))
        sign = _WHOLE.get(kind, "")
        return struct.unpack(f"{self.order}{len(value) // _SIZES[kind]}{sign}", value) if sign else ()

    def number(self, fields: Mapping[int, Field], tag: int, otherwise: int) -> int:
        """The first of them."""
        return next(iter(self.numbers(fields, tag)), otherwise)


class TiffPages:
    """Pages of a TIFF, each as a file of its own with nothing but its pixels and how they are stored.

    Parameters
    ----------
    file : binary file
    pages : Pages
    """

    def __init__(self, file: BinaryIO, pages: Pages) -> None:
        self._file, self._pages, self._tiff = file, pages, _Tiff(file)
        self._left = 2 * file.seek(0, 2)  # pages that share their bytes could be read for ever

    def page(self, number: int) -> bytes:
        """One page, from 0.

        Raises
        ------
        ValueError, struct.error
            When it cannot be followed, or pages claim more bytes than there are.
        """
        tiff = self._tiff
        fields, _ = tiff.directory(self._pages.places[number], (*_STORED, *_OFFSETS, *_COUNTS), _LONG)
        tiled = int(_OFFSETS[1] in fields)
        offsets, counts = tiff.numbers(fields, _OFFSETS[tiled]), tiff.numbers(fields, _COUNTS[tiled])
        self._left -= sum(counts) + sum(len(value) for _, value in fields.values())
        if not offsets or len(offsets) != len(counts) or self._left < 0:
            raise ValueError("TIFF entries overlap")
        parts, places, at = [], [], 8
        for offset, count in zip(offsets, counts, strict=True):
            self._file.seek(offset)
            parts.append(self._file.read(count))
            places.append(at)
            at += len(parts[-1])
        kept = {tag: self._short(field) for tag, field in fields.items() if tag in _STORED}
        many = f"{tiff.order}{len(parts)}I"
        kept[_OFFSETS[tiled]] = (4, struct.pack(many, *places))
        kept[_COUNTS[tiled]] = (4, struct.pack(many, *map(len, parts)))
        return _written(tiff.order, b"".join(parts), kept)

    def _short(self, field: Field) -> Field:
        """A field as a TIFF that is not large may have it."""
        kind, value = field
        if kind != 16:
            return field
        numbers = struct.unpack(f"{self._tiff.order}{len(value) // 8}Q", value)
        return 4, struct.pack(f"{self._tiff.order}{len(numbers)}I", *numbers)


def _written(order: str, pixels: bytes, fields: Mapping[int, Field]) -> bytes:
    """A TIFF of one page."""
    pixels += bytes(len(pixels) & 1)
    begin = 8 + len(pixels)
    at = begin + 2 + 12 * len(fields) + 4
    directory, more = [], b""
    for tag, (kind, value) in sorted(fields.items()):
        place = value.ljust(4, b"\0")
        if len(value) > 4:
            place = struct.pack(f"{order}I", at + len(more))
            more += value + bytes(len(value) & 1)
        directory.append(struct.pack(f"{order}HHI", tag, kind, len(value) // _SIZES[kind]) + place)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", begin)
    return head + pixels + struct.pack(f"{order}H", len(fields)) + b"".join(directory) + bytes(4) + more


_KINDS: dict[str, Callable[[BinaryIO], Pages | None]] = {
    "TIFF": _of_tiff, "GIF": _of_gif, "WEBP": _of_webp, "PNG": _of_png,
}  # fmt: skip
