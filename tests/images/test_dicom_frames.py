"""Frames of DICOM files are unpacked, however they are packed, or the message says what would unpack them."""

from __future__ import annotations

import io
import struct
import tempfile
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from dicom_maker import make_dicom
from mirage.errors import BadPicture
from mirage.images import decode, dicom_frames, read_picture

RAMP = np.tile(np.arange(0, 200, dtype=np.uint16), (20, 1))
BITS = np.stack([np.eye(16, 24, k, dtype=np.uint8) for k in (0, 3, 5)])
JPEG_LOSSLESS, JPEG_12 = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.51"


def packed(syntax: str, frames: list[bytes], pixels: np.ndarray, **tags: Any) -> bytes:
    """A file of a compressed form."""
    data = pydicom.dcmread(io.BytesIO(make_dicom(pixels, **tags)))
    data.file_meta.TransferSyntaxUID = RLELossless
    data.PixelData = encapsulate(frames)
    data["PixelData"].is_undefined_length = True
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    return called(out.getvalue(), RLELossless, syntax)


def called(data: bytes, old: str, new: str) -> bytes:
    """Another transfer syntax in the file meta information, which pydicom may not know."""
    old_value, new_value = (each.encode() + bytes(len(each) % 2) for each in (old, new))
    data = data.replace(
        b"UI" + struct.pack("<H", len(old_value)) + old_value, b"UI" + struct.pack("<H", len(new_value)) + new_value
    )
    (length,) = struct.unpack("<I", data[140:144])
    return data[:140] + struct.pack("<I", length + len(new_value) - len(old_value)) + data[144:]


def ones(frame: np.ndarray) -> bytes:
    return np.packbits(frame, bitorder="little").tobytes()


def runs(data: bytes) -> bytes:
    """RLE of one segment, in which nothing repeats."""
    pieces = [data[at : at + 128] for at in range(0, len(data), 128)]
    body = b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)
    return struct.pack("<16L", 1, 64, *[0] * 14) + body + bytes(len(body) % 2)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    whole = packer.compress(data) + packer.flush()
    return whole + bytes(len(whole) % 2)


@pytest.mark.parametrize(
    ("syntax", "pack"), [("1.2.840.10008.1.2.5", runs), ("1.2.840.10008.1.2.8.1", deflated)], ids=["RLE", "deflated frames"]
)
def test_frames_of_one_bit_are_unpacked(syntax: str, pack: Any) -> None:
    tags = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    data = packed(syntax, [pack(ones(frame)) for frame in BITS], BITS, **tags)
    for number, frame in enumerate(BITS, 1):
        assert np.array_equal(np.asarray(read_picture(data, frame=number).image), frame * 255)


def test_a_deflated_frame_is_unpacked_to_what_its_header_promises_and_no_further() -> None:
    frames = np.stack([RAMP, RAMP[:, ::-1]])
    data = packed("1.2.840.10008.1.2.8.1", [deflated(each.tobytes() + bytes(10**7)) for each in frames], frames)
    assert np.array_equal(np.asarray(read_picture(data, frame=2).image), np.asarray(decode(make_dicom(frames[1]))))
    short = packed("1.2.840.10008.1.2.8.1", [deflated(bytes(9))], RAMP)
    with pytest.raises(BadPicture, match="cut short"):
        decode(short, name="short.dcm")


def test_a_compressed_file_whose_header_is_implicit_is_read() -> None:
    """Some programs write the header of a compressed file as that of an uncompressed one."""
    out = io.BytesIO()
    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(out, "JPEG", quality=95)
    data = make_dicom(np.full((16, 16), 90, np.uint8), syntax=ImplicitVRLittleEndian, WindowCenter=127.5, WindowWidth=256)
    jpeg = encapsulate([out.getvalue()])
    begin = data.rindex(b"\xe0\x7f\x10\x00")
    data = data[: begin + 4] + b"\xff" * 4 + jpeg + b"\xfe\xff\xdd\xe0" + bytes(4)
    data = called(data, ImplicitVRLittleEndian, "1.2.840.10008.1.2.4.50")
    assert decode(data).getpixel((8, 8)) == pytest.approx(90, abs=2)


def test_a_high_bit_above_the_bits_stored_is_heard() -> None:
    plain = {"BitsStored": 12, "WindowCenter": 100, "WindowWidth": 200}
    high = np.asarray(decode(make_dicom(RAMP << 4, HighBit=15, **plain)))
    assert np.array_equal(high, np.asarray(decode(make_dicom(RAMP, HighBit=11, **plain))))
    signed = (RAMP.astype(np.int16) - 100) << 3
    seen = np.asarray(decode(make_dicom(signed, BitsStored=12, HighBit=14, WindowCenter=0, WindowWidth=200)))
    assert seen[0, 100] == pytest.approx(128, abs=1)
    assert seen[0, 0] < 2


SHIFTED = RAMP << 4
SPOTS = np.where(np.arange(RAMP.size).reshape(RAMP.shape) % 9 == 0, 1, 0).astype(np.uint16)


@pytest.mark.parametrize(
    ("pixels", "overlays", "shown"),
    [
        (SHIFTED | SPOTS, {}, RAMP),  # nothing describes the few marks
        (RAMP << 8 | 1, {}, RAMP << 4),  # and fill one bit
        (SHIFTED | 2, {0x60000100: 16, 0x60000102: 1}, RAMP),  # an overlay that covers all
        (SHIFTED | 9, {0x60000100: 16, 0x60000102: 0, 0x60020100: 16, 0x60020102: 3}, RAMP),
        (SHIFTED | 2, {0x60000100: 1, 0x60000102: 1}, SHIFTED | 2),  # which has data of its own
        (RAMP, {}, RAMP),  # the header is wrong: the values stand where they usually do
        (RAMP * SPOTS, {}, RAMP * SPOTS),
    ],
)
def test_overlays_below_the_stored_bits_are_not_shown_and_a_wrong_high_bit_is_told(
    pixels: np.ndarray, overlays: dict[int, int], shown: np.ndarray
) -> None:
    data = pydicom.dcmread(io.BytesIO(make_dicom(pixels, BitsStored=12, HighBit=15, WindowCenter=100, WindowWidth=200)))
    for tag, value in overlays.items():
        data.add_new(tag, "US", value)
    out = io.BytesIO()
    data.save_as(out)
    plain = make_dicom(shown, WindowCenter=100, WindowWidth=200)
    assert np.array_equal(np.asarray(decode(out.getvalue())), np.asarray(decode(plain)))


def test_a_high_bit_is_heard_in_runs_of_bytes_too() -> None:
    data = pydicom.dcmread(io.BytesIO(make_dicom(SHIFTED, WindowCenter=100, WindowWidth=200)))
    data.compress(RLELossless)
    data.BitsStored = 12
    out = io.BytesIO()
    data.save_as(out)
    plain = make_dicom(RAMP, WindowCenter=100, WindowWidth=200)
    assert np.array_equal(np.asarray(decode(out.getvalue())), np.asarray(decode(plain)))


def test_bits_above_the_stored_ones_belong_to_overlays_and_are_not_shown() -> None:
    plain = {"BitsStored": 12, "HighBit": 11, "WindowCenter": 100, "WindowWidth": 200}
    marked = RAMP | (np.uint16(1) << 13)
    assert np.array_equal(np.asarray(decode(make_dicom(marked, **plain))), np.asarray(decode(make_dicom(RAMP, **plain))))


@pytest.mark.parametrize(
    "syntax", [f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109)] + ["1.2.840.10008.1.2.7.1"]
)
def test_a_video_is_called_one(syntax: str) -> None:
    with pytest.raises(BadPicture, match=r"film\.dcm is a video .*Export some of its frames"):
        decode(packed(syntax, [bytes(100)], RAMP), name="film.dcm")


@pytest.mark.parametrize(
    ("syntax", "packages"),
    [
        (JPEG_12, "python-gdcm"),
        ("1.2.840.10008.1.2.4.57", "python-gdcm"),
        (JPEG_LOSSLESS, "python-gdcm"),
        ("1.2.840.10008.1.2.4.80", "pyjpegls"),
        ("1.2.840.10008.1.2.4.81", "pyjpegls"),
        ("1.2.840.10008.1.2.4.90", "pylibjpeg pylibjpeg-openjpeg"),
        ("1.2.840.10008.1.2.4.201", "pylibjpeg pylibjpeg-openjpeg"),
        ("1.2.840.10008.1.2.4.203", "pylibjpeg pylibjpeg-openjpeg"),
    ],
)
def test_what_cannot_be_unpacked_here_names_all_packages_that_unpack_it(
    syntax: str, packages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicom_frames, "_readers", lambda syntax: ())
    monkeypatch.setattr(dicom_frames, "_there", lambda package: False)
    data = packed(syntax, [b"\xff\xd8\xff\xd9"], RAMP, BitsStored=12, HighBit=11)
    with pytest.raises(BadPicture, match=rf"Use pip install {packages}, or export"):
        decode(data, name="packed.dcm")


def test_a_damaged_frame_may_want_another_decoder_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_frames, "_there", lambda package: False)
    data = packed("1.2.840.10008.1.2.4.90", [b"\xff\x4f\xff\x51" + bytes(60)], RAMP)
    with pytest.raises(BadPicture, match="pylibjpeg-openjpeg"):
        decode(data, name="j2k.dcm")


def by_gdcm(syntax: str, **tags: Any) -> bytes:
    """A file that GDCM compressed."""
    gdcm = pytest.importorskip("gdcm", reason="python-gdcm is not installed (mirage-atlas[dicom])")
    plain = make_dicom(RAMP, BitsStored=12, HighBit=11, WindowCenter=100, WindowWidth=200, **tags)
    return encoded_by(gdcm, plain, syntax)


def encoded_by(gdcm: Any, data: bytes, syntax: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        plain, out = Path(folder) / "plain.dcm", Path(folder) / "packed.dcm"
        plain.write_bytes(data)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(plain))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(out))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return out.read_bytes()


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"])
def test_what_the_extra_unpacks_is_shown_as_the_uncompressed_file(syntax: str) -> None:
    data = by_gdcm(syntax)
    assert pydicom.dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID == syntax
    plain = make_dicom(RAMP, BitsStored=12, HighBit=11, WindowCenter=100, WindowWidth=200)
    assert np.array_equal(np.asarray(decode(data)), np.asarray(decode(plain)))


def test_a_jpeg_of_12_bits_is_unpacked_by_gdcm() -> None:
    data = by_gdcm(JPEG_12)
    assert pydicom.dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID == JPEG_12
    plain = make_dicom(RAMP, BitsStored=12, HighBit=11, WindowCenter=100, WindowWidth=200)
    off = np.asarray(decode(data), int) - np.asarray(decode(plain), int)
    assert np.abs(off).max() <= 6


@pytest.mark.parametrize(
    ("syntax", "begin"), [(JPEG_LOSSLESS, b"\xff\xc3"), (JPEG_12, b"\xff\xc1")], ids=["lossless", "12 bits"]
)
def test_a_frame_that_makes_gdcm_abort_is_refused_and_the_next_file_is_read(syntax: str, begin: bytes) -> None:
    data = by_gdcm(syntax)
    at = data.index(begin) + 4  # how many bits the JPEG says it has
    with pytest.raises(BadPicture, match=r"aborts\.dcm is damaged or cut short: frame 1 cannot be decoded"):
        decode(data[:at] + b"\x11" + data[at + 1 :], name="aborts.dcm")
    assert decode(data).size == (200, 20)


def test_many_threads_unpack_by_gdcm_at_once() -> None:
    data = by_gdcm(JPEG_LOSSLESS)
    whole = np.asarray(decode(data))
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(np.asarray(one), whole) for one in pool.map(decode, [data] * 12))


@pytest.mark.parametrize("place", ["the offsets of frames", "a frame", "a tag of the header"])
def test_no_room_is_made_for_more_than_the_file_has(place: str, tmp_path: Path) -> None:
    data = packed("1.2.840.10008.1.2.5", [runs(RAMP.tobytes())], RAMP)
    begin = data.rindex(b"\xe0\x7f\x10\x00") + 12  # the item of offsets, and then that of the frame
    at = {"the offsets of frames": begin + 4, "a frame": data.index(b"\xfe\xff\x00\xe0", begin + 4) + 4}.get(place)
    if at is None:  # a table, whose length has four bytes
        data = packed("1.2.840.10008.1.2.5", [runs(RAMP.tobytes())], RAMP, RedPaletteColorLookupTableData=bytes(64))
        at = data.index(b"\x28\x00\x01\x12OW\0\0") + 8
    path = tmp_path / "long.dcm"
    path.write_bytes(data[:at] + b"\xf0\xff\xff\x7f" + data[at + 4 :])
    tracemalloc.start()
    with pytest.raises(BadPicture):
        read_picture(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 50_000_000
