"""JPEGs without their end mark: read where every pixel is there, refused where one is missing."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mirage.errors import BadPicture
from mirage.images import decode

GREY = np.random.default_rng(5).integers(0, 255, (40, 56), np.uint8)
COLOURS = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], -1)
STRIPES = np.tile(np.where(np.arange(56) % 20 < 10, 200, 30).astype(np.uint8), (40, 1))


def jpeg(pixels: np.ndarray, mode: str = "", **options: Any) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(out, "JPEG", **options)
    return out.getvalue()


KINDS = {
    "grey": jpeg(GREY), "colour": jpeg(COLOURS), "stripes": jpeg(STRIPES), "four colours": jpeg(COLOURS, "CMYK"),
    "progressive": jpeg(COLOURS, progressive=True), "restarts": jpeg(COLOURS, restart_marker_blocks=2),
    "restarts of rows": jpeg(STRIPES, restart_marker_rows=1), "own tables": jpeg(COLOURS, optimize=True, subsampling=0),
}  # fmt: skip


@pytest.mark.parametrize("tail", [b"", b"\xff", bytes(512), b"\xff" * 16], ids=["nothing", "half", "zeros", "ones"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_jpeg_that_lacks_its_end_mark_alone_is_read(kind: str, tail: bytes) -> None:
    assert np.array_equal(np.asarray(decode(KINDS[kind][:-2] + tail)), np.asarray(decode(KINDS[kind])))


@pytest.mark.parametrize("tail", [b"", bytes(4096)], ids=["nothing", "zeros"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_jpeg_that_lacks_pixels_is_refused(kind: str, tail: bytes) -> None:
    data = KINDS[kind]
    begin = data.rindex(b"\xff\xda") if kind == "progressive" else data.index(b"\xff\xda")
    restarts = [found.start() + after for found in re.finditer(rb"\xff[\xd0-\xd7]", data) for after in (0, 2)]
    scans = [found.start() for found in re.finditer(rb"\xff\xda", data)][1:]
    for length in [*restarts[-6:], *scans[-3:], (begin + len(data)) // 2, len(data) - 30, len(data) // 3]:
        with pytest.raises(BadPicture, match="damaged or cut short"):
            decode(data[:length] + tail)


@pytest.mark.parametrize("before", [b"\r\n", b"\0", b"HTTP header\r\n\r\n"])
def test_bytes_before_a_picture_are_named(before: bytes) -> None:
    with pytest.raises(BadPicture, match=rf"x\.jpg has {len(before)} bytes before its JPEG data"):
        decode(before + KINDS["grey"], name="x.jpg")


@pytest.mark.parametrize(("marker", "bits", "said"), [(0xC1, 12, "JPEG of 12 bits"), (0xF7, 16, "JPEG-LS")])
def test_a_jpeg_of_an_uncommon_kind_is_named_and_not_called_damaged(marker: int, bits: int, said: str) -> None:
    out = io.BytesIO()
    Image.new("L", (16, 16), 90).save(out, "JPEG")
    data = bytearray(out.getvalue())
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, bits
    with pytest.raises(BadPicture, match=f"x.jpg is {said}, which is not read"):
        decode(bytes(data), name="x.jpg")
