"""Take the metadata out of PNG, JPEG and WebP files and leave their pixels as they are, byte for byte.

Formats: PNG (ISO/IEC 15948), JPEG (ITU-T T.81, annex B), WebP container (RFC 9649).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_PNG_START = b"\x89PNG\r\n\x1a\n"
_EXIF_MOST = 1 << 20
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"ALPH"}


@dataclass(frozen=True, slots=True)
class Stripped:
    """A file without its metadata.

    Attributes
    ----------
    to_keep : bytes or None
        Pixels only; None when the file's structure cannot be followed, or its format is another one.
    for_decoding : bytes
        Pixels, and what says how to turn them (EXIF).
    animated : bool
        Whether it held frames beside the first, which are gone from both.
    bits : int
        Bits of a channel where the format says so, else 8.
    """

    to_keep: bytes | None
    for_decoding: bytes
    animated: bool = False
    bits: int = 8


def strip(data: bytes, kind: str) -> Stripped:
    """Take the metadata out of a file.

    Parameters
    ----------
    data : bytes
    kind : str
        ``PNG``, ``JPEG`` or ``WEBP``; files of other formats are decoded as they are.

    Raises
    ------
    ValueError, struct.error, IndexError
        When a PNG is cut short or damaged. Other formats are left to their decoders.
    """
    if kind == "PNG":
        return _strip_png(data)
    try:
        if kind == "JPEG":
            return Stripped(_strip_jpeg(data), data)
        if kind == "WEBP":
            return _strip_webp(data)
    except (ValueError, struct.error, IndexError):
        # Decoders forgive a missing end mark. Whether the pixels are all there is theirs to say.
        return Stripped(None, data)
    return Stripped(None, data)


def _strip_png(data: bytes) -> Stripped:
    kept: list[bytes] = [_PNG_START]
    exif: list[bytes] = []
    animated = False
    bits = 8
    at = len(_PNG_START)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ValueError("PNG cut short")
        if kind == b"IHDR":
            bits = data[at + 16]
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        elif kind == b"eXIf" and length <= _EXIF_MOST and not exif:
            exif.append(data[at:end])
        elif kind == b"acTL":
            animated = struct.unpack_from(">I", data, at + 8)[0] > 1
        at = end
        if kind == b"IEND":
            break
    to_keep = b"".join(kept)
    for_decoding = b"".join([*kept[:2], *exif, *kept[2:]]) if exif else to_keep
    return Stripped(to_keep, for_decoding, animated, bits)


def _strip_jpeg(data: bytes) -> bytes:
    kept = [data[:2]]
    at = 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        if data[at] != 0xFF:
            raise ValueError("JPEG marker expected")
        marker = data[at + 1]
        if marker == 0xD9:
            kept.append(data[at : at + 2])
            return b"".join(kept)
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        segment = data[at:end]
        if end > len(data):
            raise ValueError("JPEG cut short")
        # APP0 with JFIF and APP14 with Adobe say how the colours are stored; all other APPn and comments go.
        colours = (marker == 0xE0 and segment[4:9] == b"JFIF\x00") or (marker == 0xEE and segment[4:9] == b"Adobe")
        if colours or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(segment)
        at = end
        if marker == 0xDA:
            stop = _end_of_scan(data, at)
            kept.append(data[at:stop])
            at = stop


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the entropy-coded bytes end: at a marker that is neither a stuffed zero nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise ValueError("JPEG cut short")
        if data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
        elif data[at + 1] == 0xFF:
            at += 1
        else:
            return at


def _strip_webp(data: bytes) -> Stripped:
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise ValueError("WebP cut short")
    kept: list[bytes] = []
    header = b""
    animated = False
    at = 12
    while at + 8 <= size + 8:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + (length & 1)
        if at + 8 + length > len(data):
            raise ValueError("WebP cut short")
        if kind == b"VP8X":
            header = data[at:end]
        elif kind in (b"ANIM", b"ANMF"):
            animated = True
        elif kind in _WEBP_KEPT:
            kept.append(data[at:end])
        at = end
    if animated:
        return Stripped(None, data, animated=True)
    if not header:
        return Stripped(_riff(kept), data)
    # Flags of VP8X: ICC 0x20, alpha 0x10, EXIF 0x08, XMP 0x04, animation 0x02. Only alpha stays.
    plain = header[:8] + bytes([header[8] & 0x10]) + header[9:]
    alpha = bool(header[8] & 0x10)
    return Stripped(_riff([plain, *kept] if alpha else kept), data)


def _riff(chunks: list[bytes]) -> bytes:
    body = b"WEBP" + b"".join(chunk + b"\x00" * (len(chunk) & 1) for chunk in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body
