"""What stands beside the pixels in PNG, JPEG, WebP and TIFF files: taken out, and the little that is needed read from it.

Strangers' metadata may be made to unpack to gigabytes, so nothing but this module looks at it: every walk is linear in
the size of the file, and what is unpacked is bounded. Pixels are left as they are, byte for byte.
Formats: PNG (ISO/IEC 15948), JPEG (ITU-T T.81, annex B), WebP container (RFC 9649), TIFF 6.0.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass, replace

_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_PNG_START = 8
_PNG_XMP = b"XML:com.adobe.xmp\0"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_EXIF = b"Exif\0\0"
# Segments of a JPEG that say how the colours are stored, and how long they are without a thumbnail or anything behind.
_JPEG_COLOURS = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
# In entropy-coded bytes: anything but a stuffed zero, a restart or a fill byte.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"ALPH"}
_PACKET_MOST = 1_000_000
_ORIENTATION = 0x0112
_LINKS = {0x014A, 0x8769, 0x8825, 0xA005}  # to directories of other pictures, EXIF, GPS, interoperability
_DIRECTORIES_MOST = 16
_TIFF_TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


@dataclass(frozen=True, slots=True)
class Stripped:
    """A file without its metadata.

    Attributes
    ----------
    to_keep : bytes or None
        Pixels only; None when the file's structure cannot be followed, or its format is another one.
    for_decoding : bytes
        What a decoder may be given.
    frames : int
        How many pages or frames it held; small copies of a page of a TIFF do not count.
    bits : int
        Bits of a channel where the format says so, else 8.
    orientation : int
        EXIF's 1 to 8: how the pixels have to be turned.
    xmp : bytes
        The XMP packet, its first megabyte; empty when there is none.
    """

    to_keep: bytes | None
    for_decoding: bytes
    frames: int = 1
    bits: int = 8
    orientation: int = 1
    xmp: bytes = b""


def strip(data: bytes, kind: str) -> Stripped:
    """Take the metadata out of a file.

    Parameters
    ----------
    data : bytes
    kind : str
        ``PNG``, ``JPEG``, ``WEBP`` or ``TIFF``; files of other formats are decoded as they are.

    Raises
    ------
    ValueError, struct.error, IndexError
        When a PNG is cut short or damaged, or a TIFF lists more than it holds.
    """
    if kind == "PNG":
        return _strip_png(data)
    if kind == "JPEG":
        return _strip_jpeg(data)
    if kind == "TIFF":
        return _look_over_tiff(data)
    if kind == "WEBP":
        try:
            return _strip_webp(data)
        except (ValueError, struct.error, IndexError):
            # Decoders forgive a missing end. Whether the pixels are all there is theirs to say.
            return Stripped(None, data)
    return Stripped(None, data)


def _strip_png(data: bytes) -> Stripped:
    view, kept = memoryview(data), io.BytesIO()
    kept.write(view[:_PNG_START])
    frames, bits, turn, xmp = 1, 8, 1, b""
    at, kind = _PNG_START, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ValueError("PNG cut short")
        if kind == b"IHDR":
            bits = data[at + 16]
        if kind in _PNG_KEPT:
            kept.write(view[at:end] if kind != b"IEND" else _PNG_END)
        elif kind == b"eXIf":
            turn = orientation_of(data[at + 8 : end - 4])
        elif kind == b"acTL":
            frames = max(1, struct.unpack_from(">I", data, at + 8)[0])
        elif kind in (b"iTXt", b"zTXt") and not xmp and data.startswith(_PNG_XMP, at + 8):
            xmp = _png_text(kind, data[at + 8 + len(_PNG_XMP) : end - 4])
        at = end
    pixels = kept.getvalue()
    return Stripped(pixels, pixels, frames, bits, turn, xmp)


def _png_text(kind: bytes, rest: bytes) -> bytes:
    """The text of a chunk after its keyword, unpacked as far as a packet may reach."""
    packed = kind == b"zTXt" or rest[:1] == b"\1"
    # iTXt: flag and method of compression, language, translated keyword, text. zTXt: method, text.
    text = rest[1:] if kind == b"zTXt" else rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if not packed:
        return text[:_PACKET_MOST]
    try:
        return zlib.decompressobj().decompress(text, _PACKET_MOST)
    except zlib.error:
        return b""


def _strip_jpeg(data: bytes) -> Stripped:
    view, kept = memoryview(data), io.BytesIO()
    kept.write(view[:2])
    turn, xmp, at = 1, b"", 2
    try:
        while True:
            at = data.index(b"\xff", at)
            while data[at + 1] == 0xFF:
                at += 1
            marker = data[at + 1]
            if marker == 0xD9:
                kept.write(view[at : at + 2])
                pixels = kept.getvalue()
                return Stripped(pixels, pixels, orientation=turn, xmp=xmp)
            (length,) = struct.unpack_from(">H", data, at + 2)
            end = at + 2 + length
            if end > len(data):
                raise ValueError("JPEG cut short")
            body = data[at + 4 : at + 4 + len(_JPEG_XMP)]
            sign, most = _JPEG_COLOURS.get(marker, (b"", 0))
            if marker == 0xDA:
                found = _JPEG_MARKER.search(data, end)
                end = found.start() if found else len(data)
                kept.write(view[at:end])
            elif most and body.startswith(sign):
                told = bytearray(data[at + 4 : min(end, at + 4 + most)])
                if marker == 0xE0:
                    told[12:] = bytes(len(told[12:]))  # its thumbnail has no width and no height
                kept.write(struct.pack(">BBH", 0xFF, marker, 2 + len(told)) + told)
            elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):  # all other APPn and comments go
                kept.write(view[at:end])
            elif body.startswith(_JPEG_EXIF):
                turn = orientation_of(data[at + 4 + len(_JPEG_EXIF) : end])
            elif body == _JPEG_XMP:
                xmp = xmp or data[at + 4 + len(body) : end]
            at = end
    except (ValueError, struct.error, IndexError):
        # Decoders forgive a missing end mark. Whether the pixels are all there is theirs to say.
        return Stripped(None, kept.getvalue(), orientation=turn, xmp=xmp)


def _strip_webp(data: bytes) -> Stripped:
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise ValueError("WebP cut short")
    kept: list[bytes] = []
    header, at, told, frames = b"", 12, Stripped(None, data), 0
    while at + 8 <= size + 8:
        kind, length = struct.unpack_from("<4sI", data, at)
        begin, end = at + 8, at + 8 + length
        if end > len(data):
            raise ValueError("WebP cut short")
        at = end + (length & 1)
        if kind == b"VP8X":
            header = data[begin - 8 : at]
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            told = replace(told, orientation=orientation_of(data[begin:end].removeprefix(_JPEG_EXIF)))
        elif kind == b"XMP ":
            told = replace(told, xmp=data[begin : min(end, begin + _PACKET_MOST)])
        elif kind in _WEBP_KEPT:
            kept.append(data[begin - 8 : at])
    if frames:
        return replace(told, frames=frames)
    # Flags of VP8X: ICC 0x20, alpha 0x10, EXIF 0x08, XMP 0x04, animation 0x02. Only alpha stays.
    if header and header[8] & 0x10:
        kept.insert(0, header[:8] + b"\x10" + header[9:])
    body = b"WEBP" + b"".join(chunk + b"\x00" * (len(chunk) & 1) for chunk in kept)
    return replace(told, to_keep=b"RIFF" + struct.pack("<I", len(body)) + body)


def orientation_of(exif: bytes) -> int:
    """How EXIF says that the pixels have to be turned; 1, upright, where it is damaged or silent."""
    try:
        return _directory(exif, None)[0]
    except (ValueError, struct.error, IndexError):
        return 1


def _look_over_tiff(data: bytes) -> Stripped:
    """Refuse a TIFF whose entries claim more bytes than it has: each of them could be read from the same place anew."""
    _, size, following, linked = _directory(data, None)
    todo = [at for at in (following, *linked) if at]
    for _ in range(_DIRECTORIES_MOST):
        if not todo or size > 2 * len(data):
            break
        _, more, _, linked = _directory(data, todo.pop(0))
        size += more
        todo += linked
    if size > 2 * len(data):
        raise ValueError("TIFF entries overlap")
    # Its decoder turns it already.
    return Stripped(None, data)


def _directory(data: bytes, at: int | None) -> tuple[int, int, int, list[int]]:
    """Read one directory of a TIFF.

    Parameters
    ----------
    data : bytes
        A TIFF or the block of EXIF, which has the same form.
    at : int or None
        Where the directory begins; None for the first.

    Returns
    -------
    (int, int, int, list of int)
        Orientation, bytes that its entries claim, where the next directory is (0 for nowhere), and those that it links to.
    """
    order = "<" if data[:2] == b"II" else ">"
    large = data[2:4] in (b"+\0", b"\0+")
    where, number, entry = ("Q", "Q", "HHQQ") if large else ("I", "H", "HHII")
    if at is None:
        (at,) = struct.unpack_from(order + where, data, 8 if large else 4)
    (count,) = struct.unpack_from(order + number, data, at)
    begin = at + struct.calcsize(order + number)
    end = begin + count * struct.calcsize(order + entry)
    turn, size, linked = 1, 0, []
    for tag, kind, items, value in struct.iter_unpack(order + entry, data[begin:end]):
        size += _TIFF_TYPES.get(kind, 1) * items
        if tag == _ORIENTATION:
            # A short number stands at the beginning of the field.
            turn = value & 0xFFFF if order == "<" else value >> (48 if large else 16)
        elif tag in _LINKS:
            linked.append(value)
    following = data[end : end + struct.calcsize(where)]
    return turn, size, int.from_bytes(following, "little" if order == "<" else "big"), linked
