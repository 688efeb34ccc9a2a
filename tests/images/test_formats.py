"""Every kind of picture is shown rightly, or named with what helps."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from mirage.corpora.base import Item, Refused
from mirage.corpora.folder import FolderCorpus
from mirage.errors import BadPicture
from mirage.images import decode, read_picture
from mirage.images.decode import decodes
from mirage.images.formats import format_of, kind_of_file

RAMP = (np.add.outer(np.arange(32), np.arange(48)) * 4095 // 78).astype(np.uint16)
"""12 bits of 16."""
COLOURS = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=-1)


def png(values: np.ndarray, colour: int) -> bytes:
    """A PNG of 16 bits a channel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = values.shape[:2]
    rows = values.astype(">u2").reshape(height, -1).view(np.uint8)
    data = zlib.compress(np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes())
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(
    values: np.ndarray, bits: int, order: str = "<", *, planar: bool = False, compression: int = 1, **more_tags: int
) -> bytes:
    """A TIFF of so many bits a value, in one strip a plane; ``t262=0`` sets tag 262."""
    height, width = values.shape[:2]
    samples = values.shape[2] if values.ndim == 3 else 1
    planes = [values[..., n] for n in range(samples)] if planar else [values.reshape(height, -1)]
    strips = []
    for plane in planes:
        if bits >= 16 or values.dtype.kind != "u":
            packed = plane.astype(f"{order}{values.dtype.kind}{bits // 8}").tobytes()
        else:
            ones = (plane.astype(np.uint16)[..., None] >> np.arange(bits - 1, -1, -1)) & 1
            packed = np.packbits(ones.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
        strips.append(zlib.compress(packed) if compression == 8 else packed)
    offsets = [8 + sum(map(len, strips[:n])) for n in range(len(strips))]
    tags: dict[int, list[int]] = {
        256: [width], 257: [height], 258: [bits] * samples, 259: [compression], 262: [2 if samples == 3 else 1],
        273: offsets, 277: [samples], 278: [height], 279: [len(strip) for strip in strips], 284: [2 if planar else 1],
    }  # fmt: skip
    tags = dict(sorted((tags | {int(tag[1:]): [number] for tag, number in more_tags.items()}).items()))
    body, end = b"".join(strips), 8 + sum(map(len, strips))
    directory, more = struct.pack(f"{order}H", len(tags)), b""
    at = end + 2 + 12 * len(tags) + 4
    for tag, numbers in tags.items():
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            packed, more = struct.pack(f"{order}I", at + len(more)), more + packed
        directory += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + packed
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", end) + body + directory + bytes(4) + more


OPAQUE = np.full_like(RAMP, 65535)
DEEP = {
    "grey of 12 bits in 16": (png(RAMP, 0), RAMP),
    "grey and alpha": (png(np.stack([RAMP, OPAQUE], -1), 4), RAMP),
    "grey and alpha of 12 bits both": (png(np.stack([RAMP, OPAQUE >> 4], -1), 4), RAMP),
    "colour of 12 bits in 16": (png(COLOURS, 2), COLOURS),
    "colour and alpha": (png(np.dstack([COLOURS, OPAQUE]), 6), COLOURS),
    "colour of all 16 bits": (png(COLOURS << 4, 2), COLOURS),
    "TIFF, colour of 12 bits in 16": (tiff(COLOURS, 16), COLOURS),
    "TIFF, the same in the other order": (tiff(COLOURS, 16, ">"), COLOURS),
    "TIFF, the same packed": (tiff(COLOURS, 16, ">", compression=8), COLOURS),
    "TIFF, planes": (tiff(COLOURS << 4, 16, planar=True), COLOURS),
    "TIFF, planes, the other order, packed": (tiff(COLOURS << 4, 16, ">", planar=True, compression=8), COLOURS),
    "TIFF, grey of 12 bits": (tiff(RAMP, 12), RAMP),
    "TIFF, grey of 12 bits, the other order": (tiff(RAMP, 12, ">"), RAMP),
    "TIFF, grey of 12 bits, packed": (tiff(RAMP, 12, ">", compression=8), RAMP),
    "TIFF, grey of 10 bits": (tiff(RAMP >> 2, 10), RAMP),
    "TIFF, grey of 14 bits": (tiff(RAMP << 2, 14, ">"), RAMP),
    "TIFF, colour of 12 bits": (tiff(COLOURS, 12, ">"), COLOURS),
    "TIFF, grey of 16 bits": (tiff(RAMP, 16, ">"), RAMP),
}


WIDER = RAMP.astype(np.float64) * 1e5
SIGNED = np.int64(RAMP) - 2000
GREY = {  # bits and sample format, and values that rise with RAMP
    "8 bits with a sign": (8, 2, SIGNED // 16), "16 bits": (16, 1, RAMP), "16 bits with a sign": (16, 2, SIGNED),
    "16 bits, floating": (16, 3, RAMP / 4095), "32 bits": (32, 1, (WIDER * 10).astype(np.uint64)),
    "32 bits with a sign": (32, 2, SIGNED * 1000), "32 bits, floating": (32, 3, WIDER - 5e7),
    "64 bits": (64, 1, WIDER.astype(np.uint64) << 30), "64 bits with a sign": (64, 2, SIGNED << 40),
    "64 bits, floating": (64, 3, WIDER),
}  # fmt: skip


@pytest.mark.parametrize("white", [False, True], ids=["black is zero", "white is zero"])
@pytest.mark.parametrize("compression", [1, 8], ids=["plain", "packed"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("kind", list(GREY))
def test_grey_tiffs_of_every_kind_of_number_are_shown_as_meant(kind: str, order: str, compression: int, white: bool) -> None:
    bits, form, values = GREY[kind]
    rising = RAMP / 4095 * 255
    data = tiff(values, bits, order, compression=compression, t262=int(not white), t339=form)
    shown = np.asarray(decode(data), np.float32)
    assert np.abs(shown - (255 - rising if white else rising)).mean() < 10
    turned = tiff(values, bits, order, compression=compression, t262=int(not white), t339=form, t274=6)
    assert np.array_equal(np.asarray(decode(turned)), np.rot90(shown, -1))


def test_grey_of_16_bits_hides_where_its_alpha_does() -> None:
    alpha = np.where(np.arange(48) < 24, 0, 65535).astype(np.uint16) * np.ones_like(RAMP)
    both = np.stack([RAMP, alpha], -1)
    shown = np.asarray(decode(tiff(both, 16, t338=2)), np.float32)
    assert shown[:, :24].max() == 0
    assert np.abs(shown[:, 24:] - (RAMP / 4095 * 255)[:, 24:]).mean() < 10
    for unlike in ({}, {"t338": 0}):  # a second channel of no stated kind is not alpha
        assert np.asarray(decode(tiff(both, 16, **unlike)))[:, :24].max() > 0


def pages(*kinds: int) -> bytes:
    """A TIFF with so many pages, each of a kind (tag 254), all of the same pixels."""
    one = tiff(RAMP >> 4, 8, t254=kinds[0])
    (at,) = struct.unpack_from("<I", one, 4)
    body, directories = one[:at], [tiff(RAMP >> 4, 8, t254=kind)[at:-4] for kind in kinds]
    for number, directory in enumerate(directories, start=1):
        following = at + len(directory) + 4 if number < len(directories) else 0
        body, at = body + directory + struct.pack("<I", following), following
    return body


@pytest.mark.parametrize(("kinds", "said"), [((0, 0, 0), "3 pages"), ((0, 1, 1), ""), ((2, 2, 1), "2 pages")])
def test_pages_of_a_tiff_are_counted_without_small_copies(kinds: tuple[int, ...], said: str) -> None:
    remarks = read_picture(pages(*kinds)).remarks
    assert remarks == (
        (f"The file holds {said}; the first was taken. Save the others as files of their own.",) if said else ()
    )


def test_pages_that_run_in_a_circle_are_counted_once() -> None:
    circle = bytearray(pages(0, 0))
    circle[-4:] = circle[4:8]
    assert "2 pages" in read_picture(bytes(circle)).remarks[0]


@pytest.mark.parametrize("bits", [9, 12, 16])
def test_the_brightest_of_deep_jpeg_2000_is_not_black(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = pytest.importorskip("openjpeg.utils", reason="JPEG 2000 is written by the extra dicom").encode_array
    colours = (COLOURS.astype(np.uint32) * (2**bits - 1) // 4095).astype(np.uint16)
    data = bytes(encode(np.ascontiguousarray(colours), bits_stored=bits, photometric_interpretation=1, use_mct=False))
    assert np.abs(np.asarray(decode(data), np.float32) - COLOURS / 4095 * 255).max() < 3
    monkeypatch.setitem(sys.modules, "openjpeg", None)
    with pytest.raises(BadPicture, match=r"x\.j2k is JPEG 2000 of .*pip install pylibjpeg-openjpeg"):
        decode(data, name="x.j2k")


def test_one_value_beside_none_is_told_apart() -> None:
    assert set(np.unique(decode(tiff(np.where(RAMP > 2000, 3.5, np.nan), 32, t339=3)))) == {0, 255}


@pytest.mark.parametrize("kind", list(DEEP))
def test_more_than_eight_bits_are_shown_over_the_whole_range(kind: str) -> None:
    data, values = DEEP[kind]
    shown = np.asarray(decode(data), np.float32)
    assert shown.shape == values.shape
    assert np.abs(shown - values / 4095 * 255).mean() < 10


def test_a_tiff_that_is_not_read_says_what_it_is() -> None:
    whole = io.BytesIO()
    Image.fromarray(np.ones((4, 4), np.float32)).save(whole, "TIFF")
    data = whole.getvalue().replace(struct.pack("<HHI", 258, 3, 1) + b"\x20\0", struct.pack("<HHI", 258, 3, 1) + b"\x18\0")
    with pytest.raises(BadPicture, match=r"a TIFF of a kind that is not read: 24 bits a value \(floating point\)"):
        decode(data, name="x.tif")
    with pytest.raises(BadPicture, match="damaged or cut short"):
        decode(tiff(COLOURS, 16, planar=True)[:-60], name="x.tif")


@pytest.mark.parametrize(("kind", "feature"), [("AVIF", "avif"), ("JPEG2000", "jpg_2000")])
def test_avif_and_jpeg_2000_are_read_and_kept_so_that_browsers_show_them(kind: str, feature: str) -> None:
    if not features.check(feature):
        pytest.skip(f"this Pillow reads no {kind}")
    picture = Image.fromarray((COLOURS >> 4).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    picture.save(out, kind, **({"exif": exif.tobytes()} if kind == "AVIF" else {}))
    read = read_picture(out.getvalue(), name="x")
    turned = picture.transpose(Image.Transpose.ROTATE_270) if kind == "AVIF" else picture
    assert (read.format, read.image.size, read.original) == (kind, turned.size, None)
    assert np.abs(np.asarray(read.image, float) - np.asarray(turned, float)).mean() < 8
    assert not read.image.getexif()
    with pytest.raises(BadPicture, match="damaged or cut short"):
        decode(out.getvalue()[: len(out.getvalue()) // 2], name="half")


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)


def test_a_heic_picture_names_what_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    decodes.cache_clear()
    try:
        with pytest.raises(BadPicture, match=r"is a HEIC picture, which is not read here\. .*pip install pi-heif"):
            decode(HEIC, name="IMG_1.HEIC")
    finally:
        decodes.cache_clear()


def test_a_damaged_heic_picture_is_refused_in_words() -> None:
    pytest.importorskip("pi_heif", reason="needs the extra heif")
    with pytest.raises(BadPicture, match="its HEIC data cannot be decoded"):
        decode(HEIC, name="IMG_1.HEIC")


KINDS: dict[str, tuple[bytes, str]] = {
    "a.jxl": (b"\xff\x0a" + bytes(50), "JPEG XL"),
    "b": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL"),
    "c.psd": (b"8BPS\0\1" + bytes(50), "Photoshop"),
    "d.svg": (b"<?xml version='1.0'?>\n<svg xmlns='x'></svg>", "SVG"),
    "e.pdf": (b"%PDF-1.7\n", "PDF"),
    "f.mp4": (b"\0\0\0\x18ftypisom" + bytes(50), "video"),
    "g.mov": (b"\0\0\0\x14ftypqt  " + bytes(50), "video"),
    "h.avi": (b"RIFF\0\0\0\0AVI LIST" + bytes(50), "video"),
    "i.mkv": (b"\x1aE\xdf\xa3" + bytes(50), "video"),
    "j.nrrd": (b"NRRD0004\n", "volume"),
    "k.mha": (b"ObjectType = Image\n", "volume"),
    "l.mat": (b"MATLAB 5.0 MAT-file", "MATLAB"),
    "m.npy": (b"\x93NUMPY\1\0" + bytes(50), "NumPy"),
    "n.svs": (b"\1\2\3\4" + bytes(50), "whole slide"),
    "o.CR2": (b"\1\2\3\4" + bytes(50), "raw picture"),
    "p.pptx": (b"PK\3\4" + bytes(50), "slides"),
    "q.heic": (HEIC, "HEIC"),
    "r.avif": (b"junk" + bytes(50), "AVIF"),
    "s.jp2": (b"junk" + bytes(50), "JPEG 2000"),
}
OTHERS = {"notes.txt": b"words", "more.txt": b"words", "old.zip": b"PK\3\4", "README": b"words"}
CLUTTER = ("Thumbs.db", ".DS_Store", "desktop.ini", "__MACOSX/x.png", "@eaDir/y.png")


def test_every_file_of_a_folder_that_becomes_no_figure_is_named(tmp_path: Path) -> None:
    Image.new("L", (9, 9), 3).save(tmp_path / "z.png")
    for name, data in {**{name: data for name, (data, _) in KINDS.items()}, **OTHERS}.items():
        (tmp_path / name).write_bytes(data)
    for name in CLUTTER:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    corpus = FolderCorpus(tmp_path)
    said: dict[str, str] = {}
    for each in corpus.items():
        if isinstance(each, Refused):
            said[each.label] = each.reason
        else:
            assert isinstance(each, Item)
            try:
                corpus.read(each)
            except BadPicture as error:
                said[each.label] = str(error)
    assert set(said) == set(KINDS)
    for name, (_, kind) in KINDS.items():
        assert kind in said[name], name
        assert said[name].endswith("."), name
    assert {each.label for each in corpus.passed_over} == set(OTHERS)
    assert "4 video (f.mp4, g.mov, h.avi, i.mkv)" in corpus.advice
    assert "2 .txt (more.txt, notes.txt)" in corpus.advice
    assert not any(name.partition("/")[0] in corpus.advice for name in CLUTTER)


def test_many_files_of_a_kind_are_counted_and_twenty_named(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number:02}.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    (tmp_path / "notes.txt").write_text("words")
    told = FolderCorpus(tmp_path).advice
    assert "60 video (00.mp4, " in told
    assert "19.mp4 and 40 more), 1 .txt" in told
    assert "20.mp4" not in told


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"heic\0\0\0\0mif1", "HEIF"), (b"mif1\0\0\0\0avif", "AVIF"), (b"mif1\0\0\0\0heic", "HEIF"),
        (b"avif\0\0\0\0mif1", "AVIF"),
        (b"isom\0\0\0\0avif", ""), (b"qt  \0\0\0\0heic", ""),
    ],
)  # fmt: skip
def test_pictures_are_told_from_films_in_the_same_container(brands: bytes, kind: str) -> None:
    head = struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands
    assert format_of(head) == kind
    assert kind or kind_of_file("x", head) == "a video"
