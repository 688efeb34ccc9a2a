"""JPEGs that lack their end mark: whole where every pixel is there without it.

A decoder pads what is missing without a word. So two different continuations are decoded: where a pixel depends on what
would have followed, they differ. Scans and restart marks: ITU-T T.81, B.2 and G.1.
"""

from __future__ import annotations

import io
import re
import struct
from contextlib import suppress

from PIL import Image

from mirage.wording import _

_END = b"\xff\xd9"
_LS, _SCAN, _NO_LENGTH = 0xF7, 0xDA, (0x01, *range(0xD0, 0xDA))
_FRAMES = tuple(each for each in range(0xC0, 0xD0) if each not in (0xC4, 0xC8, 0xCC))
_COEFFICIENTS = 64
_ZEROS_MOST = 3  # bytes that may be pixels
_FOLLOWING = (bytes(range(1, 97)) * 2, bytes(range(250, 154, -1)) * 2)
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


def ended(data: bytes) -> bytes | None:
    """The JPEG with an end mark where that alone is missing; None where pixels are.

    Parameters
    ----------
    data : bytes
        Which a decoder found cut short.
    """
    whole = data.rstrip(b"\xff")
    plain = whole.rstrip(b"\0")
    if len(whole) - len(plain) > _ZEROS_MOST:  # the padding of a disk; but one stuffed zero belongs to its byte
        whole = plain + (b"\0" if plain.endswith(b"\xff") else b"")
    try:
        if not _all_scans(whole):
            return None
        # All restart marks in their order, because a decoder that waits for one skips anything else.
        last = (_RESTART.findall(whole) or [b"\xff\xd7"])[-1][1]
        marks = [bytes((0xFF, 0xD0 | (last + number) & 7)) for number in range(1, 9)]
        shown = []
        for following in _FOLLOWING:
            with Image.open(
                io.BytesIO(whole + following + b"".join(mark + following for mark in marks) + _END), formats=["JPEG"]
            ) as opened:
                opened.load()
                shown.append(opened.tobytes())
    except (OSError, SyntaxError, ValueError, KeyError, IndexError, struct.error):
        return None
    return whole + _END if shown[0] == shown[1] else None


def uncommon(data: bytes) -> str:
    """What is uncommon in a JPEG that a decoder does not read, in words; empty where nothing is, or it cannot be followed.

    Parameters
    ----------
    data : bytes
    """
    at = 2
    with suppress(struct.error, IndexError):
        while data[at] == 0xFF and data[at + 1] != _SCAN:
            marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
            if marker == _LS:
                return "JPEG-LS"
            if marker in _FRAMES and (bits := data[at + 4]) != 8:
                return _("JPEG of %(bits)s bits", bits=bits)
            at += 2 + length
    return ""


def _all_scans(data: bytes) -> bool:
    """Whether the scans that begin tell all bits of every coefficient, for which a progressive picture needs many."""
    missing: dict[int, set[int]] = {}
    at = 2
    while (at := data.find(b"\xff", at)) >= 0:
        marker = data[at + 1]
        if marker == 0xFF or not marker or marker in _NO_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if marker in _FRAMES:
            missing = {body[6 + 3 * number]: set(range(_COEFFICIENTS)) for number in range(body[5])}
        elif marker == _SCAN:
            parts, (first, last, bits) = body[1 : 1 + 2 * body[0] : 2], body[-3:]
            for part in parts if not bits & 15 else ():
                missing[part] -= set(range(first, last + 1))
        at += 2 + length
    return bool(missing) and not any(missing.values())
