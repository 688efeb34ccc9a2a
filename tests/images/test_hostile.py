"""Files made to keep a reader busy, or to unpack to gigabytes, cost no more than their size."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from PIL import Image
from test_decode import chunk, png, refusal_of

from marks_maker import drawn, read, record
from mirage.generate.provenance import mark
from mirage.images import metadata, read_picture
from mirage.images.marks import SyntheticRecord
from mirage.images.marks.reading import declared
from mirage.images.marks.record import creator_tool, find_packet, record_in, source_type
from parts import assert_linear

XMP = b"XML:com.adobe.xmp"
ROW = zlib.compress(bytes(9 * 8))


def packed(text: bytes) -> bytes:
    return png(8, 8, ROW, chunk(b"iTXt", XMP + b"\0\1\0\0\0" + zlib.compress(text, 9)))


def jpeg_with(*bodies: bytes) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 8)).save(out, "JPEG")
    return (
        b"\xff\xd8" + b"".join(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body for body in bodies) + out.getvalue()[2:]
    )


def tiff(entries: int, each: int, size: int) -> bytes:
    """A directory all of whose entries name the same bytes."""
    body = b"".join(struct.pack("<HHII", 40_000 + n % 20_000, 1, each, 8) for n in range(entries))
    start = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", entries) + body + bytes(4)
    return start + bytes(max(0, size - len(start)))


def times(text: str) -> Callable[[int], bytes]:
    return lambda size: packed((text * (size // len(text))).encode())


KINDS: dict[str, Callable[[int], bytes]] = {
    "records that are opened": times("<mirage:record>"),
    "records with words before and after": times("<x:xmpmeta><mirage:record>&amp;"),
    "tools that have no name": times("CreatorTool>"),
    "tools in quotation marks": times("CreatorTool='"),
    "source types": times("digitalsourcetype/a"),
    "a source type without end": lambda size: packed(b"digitalsourcetype/" + b"a" * size),
    "character references": lambda size: packed(b"<mirage:record>" + b"&#9" * (size // 3) + b"</mirage:record>"),
    "nested JSON": lambda size: packed(b"<mirage:record>" + b"[" * min(size, 90_000) + b"</mirage:record>"),
    "packets in plain text": lambda size: png(8, 8, ROW, chunk(b"tEXt", b"a\0" + b"<x:xmpmeta" * (size // 10))),
    "chunks without content": lambda size: png(8, 8, ROW, chunk(b"tEXt", b"") * (size // 12)),
    "pixels in empty chunks": lambda size: png(8, 8, ROW, chunk(b"IDAT", b"") * (size // 12)),
    "segments of JPEG": lambda size: jpeg_with(*[b"a"] * (size // 5)),
    "fill bytes of JPEG": lambda size: jpeg_with() + b"\xff" * size,
    "stuffed zeros of JPEG": lambda size: jpeg_with()[:-2] + b"\xff\0" * (size // 2) + b"\xff\xd9",
    "chunks of WebP": lambda size: b"RIFF" + struct.pack("<I", size + 4) + b"WEBP" + (b"ABCD" + bytes(4)) * (size // 8),
    "entries of EXIF": lambda size: jpeg_with(*[b"Exif\0\0" + tiff(5000, 60_000, 65_000)] * (size // 65_000)),
    "entries of EXIF in PNG": lambda size: png(8, 8, ROW, chunk(b"eXIf", tiff(60_000, size // 2, size))),
    "entries of TIFF": lambda size: tiff(60_000, size // 2, size),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_megabyte_is_read_in_seconds(kind: str) -> None:
    data = KINDS[kind](1_000_000)
    begun = time.process_time()  # which a busy machine does not make longer
    refusal_of(data, "hostile")
    declared(data)
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("kind", KINDS)
def test_reading_takes_memory_in_proportion_to_the_file(kind: str) -> None:
    data = KINDS[kind](150_000)
    tracemalloc.start()
    try:
        refusal_of(data, "hostile")
        declared(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * 2**20


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "nested JSON"])
def test_four_times_the_size_is_not_sixteen_times_the_work(kind: str) -> None:
    of_size = {size: KINDS[kind](size) for size in (200_000, 800_000)}
    assert_linear(lambda size: declared(of_size[size]), 200_000, 4)


def test_the_searches_in_a_packet_take_steps_in_proportion_to_its_length() -> None:
    for text in ("<mirage:record>" * 100_000, "CreatorTool>" * 100_000, "digitalsourcetype/" * 60_000):
        begun = time.process_time()
        assert record_in(text) is None
        assert source_type(text) == ""
        assert len(creator_tool(text)) <= 200
        assert time.process_time() - begun < 20


def test_a_packet_that_unpacks_without_end_is_read_as_far_as_a_megabyte() -> None:
    for body in (
        XMP + b"\0\1\0\0\0" + zlib.compress(bytes(100 * 2**20), 9),
        XMP + b"\0\0" + zlib.compress(bytes(100 * 2**20), 9),
    ):
        data = png(8, 8, ROW, chunk(b"iTXt" if body[18] == 1 else b"zTXt", body))
        tracemalloc.start()
        assert len(metadata.strip(data, "PNG").xmp) == 1_000_000
        declared(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20 * 2**20


def test_a_compressed_packet_is_read_and_a_plain_one_goes_before_it() -> None:
    words = b"<x:xmpmeta>digitalsourcetype/trainedAlgorithmicMedia</x:xmpmeta>"
    assert declared(packed(words)).synthetic
    assert declared(png(8, 8, ROW, chunk(b"zTXt", XMP + b"\0\0" + zlib.compress(words)))).synthetic
    assert find_packet(b"..." + words + b"...", b"other") == words.decode().removesuffix("</x:xmpmeta>")


@pytest.mark.parametrize(
    "changed",
    [
        '"guidance": NaN', '"guidance": 1e999', '"seed": "many"', '"prompt": ["a"]', '"terms": [["a"]]', '"terms": 7',
        '"prompt": "' + "a" * 200_000 + '"', '"model": ' + "[" * 50_000, '"created": "\\ud800"', '"seed": ' + "9" * 5000,
    ],
)  # fmt: skip
def test_a_record_with_values_of_another_kind_is_none(changed: str) -> None:
    name = changed.partition(":")[0]
    whole = record().print()
    known = {key: f'"{key}": ' for key in ("guidance", "seed", "prompt", "terms", "model", "created")}
    assert known[name.strip('"')] in whole
    spoiled = "{" + changed + ", " + whole[1:].replace(name + ":", '"before":')
    assert record_in(f"<mirage:record>{spoiled}</mirage:record>") is None
    with pytest.raises(ValueError, match=r"record|validation"):
        SyntheticRecord.parse(spoiled)


def test_a_record_is_read_back_as_it_was_written() -> None:
    assert SyntheticRecord.parse(record().print()) == record()
    newer = record().print()[:-1] + ', "mood": "good"}'
    assert SyntheticRecord.parse(newer) == record()
    assert read(mark(drawn(), record())).record == record()


def test_the_orientation_of_a_hostile_block_of_exif_is_still_found() -> None:
    sideways = struct.pack("<HHII", 0x0112, 3, 1, 6)
    block = b"II*\0" + struct.pack("<IH", 8, 1) + sideways + bytes(4)
    wide = io.BytesIO()
    Image.new("L", (16, 8)).save(wide, "PNG")
    data = wide.getvalue()
    turned = data[:33] + chunk(b"eXIf", block) + data[33:]
    assert read_picture(turned).image.size == (8, 16)
    assert read_picture(data[:33] + chunk(b"eXIf", block[:-12]) + data[33:]).image.size == (16, 8)


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_tiff_taken_sideways_is_turned_once(order: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (16, 8), (9, 200, 3)).save(out, "TIFF", tiffinfo={0x0112: 6}, big_tiff=order == "big")
    assert read_picture(out.getvalue()).image.size == (8, 16)
