"""Damage done to files: bytes, and the parts of a format whose lengths and checksums are then made to fit again."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.seeds import zipped

_EXTREME = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_NUMBERS = (b"-1", b"0", b"1e308", b"nan", b"-inf", b"9" * 20, b"9" * 5000, b"1.5", b"00", b"")
_PIECES = (
    b"\0", b"\n", b"\r", b'"', b"'", b",", b";", b"[" * 3000, b"{" * 3000, b"<", b"&", b"\xff\xff", b"\xed\xa0\x80", b"=",
    b"../../../etc/passwd", b"/dev/zero", b"javascript:alert(1)", b"<mirage:record>" * 200, b"\xef\xbb\xbf", b"\x1b[31m",
    "\u202e\u2028\u0301".encode(), b"a" * 70_000, b'{"a":' * 500, b'"","" ' * 500,
)  # fmt: skip
_STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 2**64, 10**400, 1e308, float("nan"), float("inf"), 0.5, "", " ", "\0", "\ud800",
    "a" * 20_000, "../..", "javascript:alert(1)", "http://[", "https://example.org/\n", "\x1b[31m", "\u202eabc", [], {},
    [[[[]]]], ["a"] * 2000, {"a": {"b": {}}}, "made:x", "other:x", "@", "2026-13-45", "CC BY 4.0",
)  # fmt: skip
_NEAR = 1024  # bytes at the beginning and the end of a file, where headers and directories stand


def mutated(name: str, data: bytes, random: Random, others: list[bytes]) -> bytes:
    """A damaged copy of a file.

    Parameters
    ----------
    name : str
        Whose ending tells its format.
    data : bytes
    random : random.Random
        From which all that happens follows.
    others : list of bytes
        Files of the same format, to take pieces from.
    """
    ending = name.rpartition(".")[2]
    if (of_parts := _STRUCTURED.get(ending)) and random.random() < 0.6:
        try:
            return of_parts(data, random)
        except (ValueError, struct.error, zlib.error, IndexError):
            pass  # a seed that has not the parts, as an uncompressed file among deflated ones
    return damaged(data, random, others)


def damaged(data: bytes, random: Random, others: list[bytes] | None = None) -> bytes:
    """One to four damages to bytes, whatever they mean."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        random.choice(_DAMAGES)(out, random, others or [data])
    return bytes(out)


def _place(out: bytearray, random: Random) -> int:
    """Somewhere, and every second time near the beginning or the end."""
    if not out:
        return 0
    near = min(_NEAR, len(out))
    where = random.randrange(4)
    if where == 0:
        return random.randrange(near)
    return len(out) - 1 - random.randrange(near) if where == 1 else random.randrange(len(out))


def _flip(out: bytearray, random: Random, _: list[bytes]) -> None:
    for _again in range(random.choice((1, 1, 2, 8, 40))):
        if out:
            out[_place(out, random)] ^= 1 << random.randrange(8)


def _byte(out: bytearray, random: Random, _: list[bytes]) -> None:
    if out:
        out[_place(out, random)] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, random.randrange(256)))


def _number(out: bytearray, random: Random, _: list[bytes]) -> None:
    """An extreme number, or one that is a little more or less, where a length or a count may stand."""
    size, order = random.choice((1, 2, 2, 4, 4, 8)), random.choice(("little", "big"))
    at = _place(out, random)
    at -= at % random.choice((1, 2, 4))
    was = int.from_bytes(out[at : at + size], order)
    value = random.choice((*_EXTREME, was + 1, was - 1, was * 2, was // 2, was ^ 0xFF00))
    out[at : at + size] = (value % 2 ** (8 * size)).to_bytes(size, order)


def _written(out: bytearray, random: Random, _: list[bytes]) -> None:
    """Another number in place of one that is written in digits."""
    if found := list(re.finditer(rb"-?\d{1,30}", bytes(out[:20_000]))):
        out[slice(*random.choice(found).span())] = random.choice(_NUMBERS)


def _cut(out: bytearray, random: Random, _: list[bytes]) -> None:
    del out[_place(out, random) :]


def _lose(out: bytearray, random: Random, _: list[bytes]) -> None:
    at = _place(out, random)
    del out[at : at + random.choice((1, 2, 4, 16, 200))]


def _double(out: bytearray, random: Random, _: list[bytes]) -> None:
    at, size = _place(out, random), random.choice((1, 4, 30, 300, len(out)))
    out[at:at] = out[at : at + size] * random.choice((1, 1, 2, 30))


def _move(out: bytearray, random: Random, _: list[bytes]) -> None:
    """One piece written over, or between, others."""
    begin, size, at = _place(out, random), random.choice((2, 8, 64, 500)), _place(out, random)
    piece = bytes(out[begin : begin + size])
    out[at : at + random.choice((0, len(piece)))] = piece


def _mix(out: bytearray, random: Random, others: list[bytes]) -> None:
    other = random.choice(others)
    at = random.randrange(len(other) or 1)
    out[_place(out, random) :] = other[at:]


def _insert(out: bytearray, random: Random, _: list[bytes]) -> None:
    at = _place(out, random)
    out[at:at] = random.choice((*_PIECES, random.randbytes(random.choice((1, 4, 60)))))


def _fill(out: bytearray, random: Random, _: list[bytes]) -> None:
    at, size = _place(out, random), random.choice((4, 16, 200))
    out[at : at + size] = random.choice((b"\0", b"\xff", b"A", b" ")) * len(out[at : at + size])


_DAMAGES = (_flip, _flip, _byte, _number, _number, _number, _written, _cut, _lose, _double, _move, _mix, _insert, _fill)


def _of_parts(parts: list[Any], random: Random, change: Callable[[Any], Any]) -> list[Any]:
    """Some parts changed, doubled, moved or lost."""
    parts = list(parts)
    for _ in range(random.choice((1, 1, 2, 3))):
        if not parts:
            break
        at, what = random.randrange(len(parts)), random.randrange(8)
        if what < 5:
            parts[at] = change(parts[at])
        elif what == 5:
            parts.insert(random.randrange(len(parts) + 1), parts[at])
        elif what == 6:
            parts.insert(random.randrange(len(parts)), parts.pop(at))
        else:
            del parts[at]
    return parts


def _png(data: bytes, random: Random) -> bytes:
    chunks, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length

    def change(chunk: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        kind, body = chunk
        if kind in (b"IDAT", b"fdAT") and random.random() < 0.7:
            return kind, zlib.compress(damaged(zlib.decompress(body), random))
        if random.random() < 0.1:
            return random.choice((b"IDAT", b"iTXt", b"zTXt", b"eXIf", b"iCCP", b"tRNS", b"acTL", b"PLTE", b"IHDR")), body
        return kind, damaged(body, random)

    out = data[:8]
    for kind, body in _of_parts(chunks, random, change):
        out += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return out


def _jpeg(data: bytes, random: Random) -> bytes:
    segments, at = [], 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        segments.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length

    def change(segment: tuple[int, bytes]) -> tuple[int, bytes]:
        kind, body = segment
        if random.random() < 0.1:
            return random.choice((0xC0, 0xC2, 0xC4, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE)), body
        return kind, damaged(body, random)[:65_533]

    head = b"".join(
        b"\xff%c" % kind + struct.pack(">H", len(body) + 2) + body for kind, body in _of_parts(segments, random, change)
    )
    tail = damaged(data[at:], random) if random.random() < 0.3 else data[at:]
    return b"\xff\xd8" + head + tail


def _webp(data: bytes, random: Random) -> bytes:
    chunks, at = [], 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        chunks.append((kind, data[at + 8 : at + 8 + length]))
        at += 8 + length + (length & 1)
    changed = _of_parts(chunks, random, lambda chunk: (chunk[0], damaged(chunk[1], random)))
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) & 1) for kind, part in changed)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _dicom(data: bytes, random: Random) -> bytes:
    """Of a deflated file, what is packed."""
    if b"1.2.840.10008.1.2.1.99" not in data[:400]:
        raise ValueError("not a deflated one")
    begin = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    inside = damaged(zlib.decompress(data[begin:], -zlib.MAX_WBITS), random)
    return data[:begin] + packer.compress(inside) + packer.flush()


def _gzip(data: bytes, random: Random) -> bytes:
    return gzip.compress(damaged(gzip.decompress(data), random), 1, mtime=0)


def _jsonl(data: bytes, random: Random) -> bytes:
    lines = _of_parts(data.split(b"\n"), random, lambda line: _json(line, random))
    return b"\n".join(lines)


def _json(line: bytes, random: Random) -> bytes:
    """A record with something strange in it."""
    try:
        record = json.loads(line)
    except ValueError:
        return damaged(line, random)
    holders = list(_holders(record))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if not holders:
            break
        holder = random.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            continue
        key, what = random.choice(keys), random.randrange(8)
        if what == 0:
            del holder[key]
        elif what == 1 and isinstance(holder, dict):
            holder[random.choice(("a", "", "__class__", "id"))] = random.choice(_STRANGE)
        elif what == 2:
            holder[key] = random.choice(list(_values(record)))
        else:
            holder[key] = random.choice(_STRANGE)
    return json.dumps(record).encode()


def _holders(value: Any) -> Any:
    if isinstance(value, dict | list):
        yield value
        for one in value.values() if isinstance(value, dict) else value:
            yield from _holders(one)


def _values(value: Any) -> Any:
    yield json.loads(json.dumps(value))
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _values(one)


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _xlsx(data: bytes, random: Random) -> bytes:
    members = _members(data)
    name = random.choice(list(members))
    members[name] = damaged(members[name], random)
    return zipped(members)


def _atlas(data: bytes, random: Random) -> bytes:
    """An atlas file with another record, array or picture in it, whose checksums fit."""
    members = _members(data)
    name = random.choice([name for name in members if name not in ("README.txt", "licences.csv", "encoder/card.md")])
    inside = members[name]
    if name.endswith((".json", ".jsonl")):
        changed = _jsonl(inside, random) if name.endswith("l") else _json(inside, random)
        members[name] = damaged(inside, random) if random.random() < 0.2 else changed
    else:
        members[name] = damaged(inside, random)
    if name.startswith("pictures/"):
        # Its name is the hash of its bytes, wherever it stands.
        old, new = name.split("/")[-1].partition(".")[0], hashlib.sha256(members[name]).hexdigest()
        members[f"pictures/{new[:2]}/{new}.{name.rpartition('.')[2]}"] = members.pop(name)
        named = {each: part.replace(old.encode(), new.encode()) for each, part in members.items() if "pictures/" not in each}
        members |= named
    if name != "manifest.json":
        told = json.loads(members["manifest.json"])
        told["parts"] = {each: hashlib.sha256(members[each]).hexdigest() for each in told["parts"]}
        members["manifest.json"] = json.dumps(told).encode()
    return zipped(members)


_STRUCTURED: dict[str, Callable[[bytes, Random], bytes]] = {
    "png": _png, "jpg": _jpeg, "webp": _webp, "dcm": _dicom, "gz": _gzip, "jsonl": _jsonl, "xlsx": _xlsx, "mirage": _atlas,
}  # fmt: skip
