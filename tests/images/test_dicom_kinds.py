"""One table of the kinds of DICOM files that bend the standard, or are rare, with what each is to show."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

from dicom_maker import make_dicom
from mirage.errors import BadPicture
from mirage.images import decode, read_picture

# Air, fat, water, soft tissue and bone, as a CT scanner stores them (1024 more than Hounsfield units).
HU = np.array([-1000, -100, 0, 40, 300])
CT = np.tile((HU + 1024).astype(np.uint16), (5, 1))
SCALED: dict[str, Any] = {"RescaleSlope": 1, "RescaleIntercept": -1024, "BitsStored": 12, "HighBit": 11}
SOFT: dict[str, Any] = {"WindowCenter": 40, "WindowWidth": 400}
IN_SOFT = [0, 38, 102, 127, 255]
SIGMOID = (255 / (1 + np.exp(-4 * (HU - 40) / 400))).tolist()
SPREAD = [0, 177, 196, 204, 255]  # between the lowest and the highest
TENTHS = np.tile(np.linspace(0, 1, 6), (4, 1))
FIFTHS = [0, 51, 102, 153, 204, 255]
RED, GREEN, BLUE = (np.array(each) for each in ([0, 50, 100, 200], [200, 100, 50, 0], [5, 5, 5, 5]))
COLOURS = np.stack([RED, GREEN, BLUE], 1).tolist()
INDICES = np.tile(np.arange(4, dtype=np.uint8), (4, 1))
ORANGE = np.full((4, 6, 3), (200, 100, 50), np.uint8)
IN_ORANGE = [[200, 100, 50]] * 6


def file(pixels: np.ndarray, *without: str, big: bool = False, **tags: Any) -> bytes:
    """A file with some tags, or without some; big-endian where asked."""
    data = pydicom.dcmread(io.BytesIO(make_dicom(pixels.byteswap() if big else pixels, **tags)))
    for name in without:
        delattr(data, name)
    out = io.BytesIO()
    if big:
        data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        data["PixelData"].VR = "OB" if data.BitsAllocated == 8 else "OW"
        pydicom.dcmwrite(out, data, implicit_vr=False, little_endian=False, force_encoding=True)
    else:
        pydicom.dcmwrite(out, data)
    return out.getvalue()


def said(of: bytes, instead: bytes, data: bytes) -> bytes:
    """A text in the file as nobody should write it, of the same length."""
    assert of in data
    return data.replace(of, instead.ljust(len(of)))


def item(**tags: Any) -> Dataset:
    made = Dataset()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def group(**macros: Dataset) -> Dataset:
    return item(**{f"{name}Sequence": [macro] for name, macro in macros.items()})


def palette(bits: int, entries: Any, *, big: bool = False, first: int = 0, pixels: np.ndarray = INDICES) -> bytes:
    order = ">" if big else "<"
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, values in zip(("Red", "Green", "Blue"), (RED, GREEN, BLUE), strict=True):
        made = np.asarray(entries(values))
        data = made.astype(f"{order}u2").tobytes() if made.dtype != np.uint8 else made.tobytes()
        data = np.frombuffer(data, "u1").reshape(-1, 2)[:, ::-1].tobytes() if big and made.dtype == np.uint8 else data
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [4, first, bits]
        tags[f"{name}PaletteColorLookupTableData"] = data
    return file(pixels, big=big, **tags)


def segmented() -> bytes:
    """A palette of one entry, a straight line to the next, and two entries."""
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, values in zip(("Red", "Green", "Blue"), (RED * 257, GREEN * 257, BLUE * 257), strict=True):
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        data = [0, 1, values[0], 1, 1, values[1], 0, 2, values[2], values[3]]
        tags[f"Segmented{name}PaletteColorLookupTableData"] = np.array(data, "<u2").tobytes()
    return file(INDICES, **tags)


def floats(values: np.ndarray, kind: str = "<f8", **tags: Any) -> bytes:
    name, bits = ("FloatPixelData", 32) if kind == "<f4" else ("DoubleFloatPixelData", 64)
    data = pydicom.dcmread(io.BytesIO(make_dicom(np.zeros(values.shape, np.uint8), BitsAllocated=bits, **tags)))
    del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
    setattr(data, name, values.astype(kind).tobytes())
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    return out.getvalue()


def ybr(kind: str, *, shared: bool = False) -> bytes:
    """Orange in YBR; where colours are shared, by two pixels."""
    red, green, blue = 200, 100, 50
    y, cb, cr = (
        round(0.299 * red + 0.587 * green + 0.114 * blue),
        round(128 - 0.1687 * red - 0.3313 * green + 0.5 * blue),
        round(128 + 0.5 * red - 0.4187 * green - 0.0813 * blue),
    )
    data = pydicom.dcmread(io.BytesIO(make_dicom(np.full((4, 6, 3), (y, cb, cr), np.uint8), PhotometricInterpretation=kind)))
    if shared:
        data.PixelData = bytes([y, y, cb, cr]) * 12
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    return out.getvalue()


def per_frame() -> bytes:
    """Three frames, each with a window and an intercept of its own; the middle one's would show the others wrongly."""
    groups = [
        group(FrameVOILUT=item(WindowCenter=centre, WindowWidth=400),
              PixelValueTransformation=item(RescaleSlope=1, RescaleIntercept=intercept))
        for centre, intercept in ((40, -1024), (-900, -1024), (1064, 0))
    ]  # fmt: skip
    return file(np.stack([CT, CT, CT]), BitsStored=12, HighBit=11, PerFrameFunctionalGroupsSequence=groups)


SHARED = [
    group(
        FrameVOILUT=item(**SOFT, VOILUTFunction="SIGMOID"),
        PixelValueTransformation=item(RescaleSlope=1, RescaleIntercept=-1024),
    )
]
HIGH = np.zeros((4, 5, 3), np.uint16)
HIGH[..., 0], HIGH[..., 1] = 4095, 2047
IN_HIGH = [[255, 127, 0]] * 5


def kinds() -> Iterator[tuple[str, bytes, Any, int]]:
    """What it is called, the file, the second row as it is to be seen, and the frame."""
    yield "a comma for a point", said(b"400.5", b"400,5", file(CT, **SCALED, WindowCenter=40, WindowWidth=400.5)), IN_SOFT, 0
    two = file(CT, **SCALED, WindowCenter=["11", "40"], WindowWidth=["22", "400"])
    yield "a first window of garbage", said(b"11\\40", b"ab\\40", said(b"22\\400", b"x?\\400", two)), IN_SOFT, 0
    yield "a first window without width", file(CT, **SCALED, WindowCenter=[0, 40], WindowWidth=[0, 400]), IN_SOFT, 0
    yield "a window without a width", file(CT, **SCALED, WindowCenter=40), SPREAD, 0
    yield "no window", file(CT, **SCALED), SPREAD, 0
    yield "sigmoid", file(CT, **SCALED, **SOFT, VOILUTFunction="SIGMOID"), SIGMOID, 0
    yield "an unknown function", file(CT, **SCALED, **SOFT, VOILUTFunction="CUBIC"), IN_SOFT, 0
    for number, want in ((1, IN_SOFT), (2, [64, 255, 255, 255, 255]), (3, IN_SOFT)):
        yield f"a window for each frame, {number}", per_frame(), want, number
    many = np.stack([CT, CT])
    yield "a window for all frames", file(many, **SCALED, SharedFunctionalGroupsSequence=SHARED), SIGMOID, 2
    left = {"WindowCenter": -500, "WindowWidth": 10, "BitsStored": 12, "HighBit": 11}
    yield "groups before the rest", file(many, **left, SharedFunctionalGroupsSequence=SHARED), SIGMOID, 1
    yield "an intercept alone", file(CT, **SOFT, RescaleIntercept=-1024), IN_SOFT, 0
    yield "a slope of nothing", file(CT, **SOFT, RescaleSlope=0, RescaleIntercept=-1024), IN_SOFT, 0
    yield "a slope without end", file(CT, RescaleSlope="1e308", RescaleIntercept=0), SPREAD, 0
    yield "a falling slope", file(CT, RescaleSlope=-1, RescaleIntercept=0), [255 - each for each in SPREAD], 0
    yield "lowest is white", file(CT, **SCALED, PhotometricInterpretation="MONOCHROME1"), [255 - each for each in SPREAD], 0
    flat = np.full((4, 5), 40, np.uint8)
    yield "one shade in a window", file(flat, WindowCenter=100, WindowWidth=200), [51] * 5, 0
    yield "bytes without a window", file(np.tile(np.array([10, 80, 160], np.uint8), (4, 1))), [10, 80, 160], 0
    yield "a mask", file(np.tile(np.array([0, 1, 2], np.uint8), (4, 1))), [0, 128, 255], 0
    for scale in (1.0, 1e300, 1e-300):
        yield f"doubles of {scale}", floats(TENTHS * scale), FIFTHS, 0
    yield "doubles from end to end", floats((TENTHS - 0.5) * 1.6e308 * 2), FIFTHS, 0
    for scale in (1.0, 1e38, 1e-38):
        yield f"floats of {scale}", floats(TENTHS * scale, "<f4"), FIFTHS, 0
    yield "floats in a window", floats(TENTHS, "<f4", WindowCenter=0.5, WindowWidth=0.5), [0, 0, 77, 179, 255, 255], 0
    holes = np.where(TENTHS == 1, np.nan, TENTHS)
    yield "floats with holes", floats(holes, "<f4"), [0, 64, 128, 191, 255, 0], 0
    filled = np.where(TENTHS == 1, -1e6, TENTHS)
    for kind, prefix in (("<f4", "Float"), ("<f8", "DoubleFloat")):
        tags = {f"{prefix}PixelPaddingValue": -1e6}
        yield f"{prefix} padding", floats(filled, kind, **tags), [0, 64, 128, 191, 255, 0], 0
        tags = {f"{prefix}PixelPaddingValue": -2e6, f"{prefix}PixelPaddingRangeLimit": -9e5}
        yield f"{prefix} padding up to a limit", floats(filled, kind, **tags), [0, 64, 128, 191, 255, 0], 0
    yield "32 bits", file(np.tile(np.arange(4, dtype=np.uint32) + 2**31, (4, 1))), [0, 85, 170, 255], 0
    yield "colours of 12 bits", file(HIGH, BitsStored=12, HighBit=11), IN_HIGH, 0
    yield "colours of 12 high bits", file(HIGH << 4, BitsStored=12, HighBit=15), IN_HIGH, 0
    yield "colours of 12 bits, big-endian", file(HIGH, big=True, BitsStored=12, HighBit=11), IN_HIGH, 0
    yield "grey, big-endian", file(CT, big=True, **SCALED, **SOFT), IN_SOFT, 0
    bare = file(CT, big=True, **SCALED, **SOFT)
    yield "big-endian and nothing before it", bare[144 + int.from_bytes(bare[140:144], "little") :], IN_SOFT, 0
    planes = np.ascontiguousarray(ORANGE.transpose(2, 0, 1)).reshape(4, 6, 3)
    yield "colour by plane", file(planes, PlanarConfiguration=1), IN_ORANGE, 0
    yield "no word on planes", file(ORANGE, "PlanarConfiguration"), IN_ORANGE, 0
    yield "no word on colours", file(ORANGE, "PhotometricInterpretation"), IN_ORANGE, 0
    for name in ("PhotometricInterpretation", "SamplesPerPixel", "PixelRepresentation", "BitsStored"):
        yield f"no {name}", file(CT, name, **SCALED, **SOFT), IN_SOFT, 0
    yield "more bits stored than there are", file(CT, **{**SCALED, "BitsStored": 32}, **SOFT), IN_SOFT, 0
    yield "a high bit that is wrong", file(CT, **{**SCALED, "HighBit": 15}, **SOFT), IN_SOFT, 0
    yield "YBR", ybr("YBR_FULL"), IN_ORANGE, 0
    yield "YBR, colours shared", ybr("YBR_FULL_422", shared=True), IN_ORANGE, 0
    yield "YBR, colours said to be shared", ybr("YBR_FULL_422"), IN_ORANGE, 0
    yield "a palette of 16 bits", palette(16, lambda each: each * 257), COLOURS, 0
    yield "16 bits of which 8 are used", palette(16, lambda each: each), COLOURS, 0
    yield "16 bits said, bytes", palette(16, lambda each: each.astype(np.uint8)), COLOURS, 0
    yield "12 bits", palette(12, lambda each: each * 4095 // 255), COLOURS, 0
    yield "8 bits in bytes", palette(8, lambda each: each.astype(np.uint8)), COLOURS, 0
    yield "8 bits in words", palette(8, lambda each: each), COLOURS, 0
    yield "8 bits said, high bytes", palette(8, lambda each: each * 256), COLOURS, 0
    yield "16 bits, big-endian", palette(16, lambda each: each * 257, big=True), COLOURS, 0
    yield "8 of 16 bits, big-endian", palette(16, lambda each: each, big=True), COLOURS, 0
    yield "8 bits, big-endian words", palette(8, lambda each: each.astype(np.uint8), big=True), COLOURS, 0
    yield "pixels of 16 bits", palette(16, lambda each: each * 257, pixels=INDICES.astype(np.uint16)), COLOURS, 0
    yield "a palette in segments", segmented(), COLOURS, 0


def junk(keyword: str, value: bytes, data: bytes) -> bytes:
    """A number as nobody should write it."""
    given = pydicom.dcmread(io.BytesIO(data))
    place = pydicom.tag.Tag(keyword)
    given._dict[place] = pydicom.dataelem.RawDataElement(place, "IS", len(value), value, 0, False, True)
    return rewritten(given)


def rewritten(data: Dataset, **how: Any) -> bytes:
    out = io.BytesIO()
    pydicom.dcmwrite(out, data, **how)
    return out.getvalue()


def table(first: int, entries: np.ndarray, *, announced: int = 0) -> Dataset:
    made = Dataset()
    made.add_new("LUTDescriptor", "SS", [announced or len(entries), first, 8])
    made.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return made


def compressed(syntax: str, kind: str, **tags: Any) -> bytes:
    """Orange as Pillow compresses it."""
    out = io.BytesIO()
    picture = Image.fromarray(ORANGE)
    if kind == "JPEG":
        picture.save(out, kind, quality=98, subsampling=0)
    else:
        picture.save(out, kind, no_jp2=True, mct=1)
    data = pydicom.dcmread(io.BytesIO(file(ORANGE, **tags)))
    data.PixelData, data.file_meta.TransferSyntaxUID = encapsulate([out.getvalue()]), syntax
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    return rewritten(data)


def told_wrongly() -> bytes:
    """A header that says that it names the kinds of its values, and does not."""
    right = file(CT, **SCALED, **SOFT)
    data = pydicom.dcmread(io.BytesIO(right))
    data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    other = rewritten(data, implicit_vr=True, little_endian=True, force_encoding=True)
    ends = [144 + int.from_bytes(each[140:144], "little") for each in (right, other)]
    return right[: ends[0]] + other[ends[1] :]


def more_kinds() -> Iterator[tuple[str, bytes, Any, int]]:
    """Headers with junk, tables without all of their entries, and compressed colours that are said to be in planes."""
    for value in (b"1A", b"  ", b"abc ", b"-1"):
        yield f"{value!r} frames", junk("NumberOfFrames", value, file(CT, **SCALED, **SOFT)), IN_SOFT, 0
    yield "3x frames", junk("NumberOfFrames", b"3x", file(np.stack([CT] * 3), **SCALED, **SOFT)), IN_SOFT, 3
    lut = np.arange(1400) * 255 // 1399
    told = [int(lut[each + 1000]) for each in HU]
    yield "a table after an empty one", file(CT, **SCALED, VOILUTSequence=[Dataset(), table(-1000, lut)]), told, 0
    short = file(CT, **SCALED, VOILUTSequence=[table(-1000, lut[:1100], announced=1400)])
    yield "a table that lacks its last entries", short, [*told[:-1], int(lut[1099])], 0
    none = file(CT, **SCALED, **SOFT, VOILUTSequence=[table(0, lut[:1], announced=65_535)])
    yield "a table that lacks nearly all, beside a window", none, IN_SOFT, 0
    of_all = item(WindowCenter=0, WindowWidth=2, VOILUTFunction="SIGMOID")
    both = {"SharedFunctionalGroupsSequence": [group(FrameVOILUT=of_all)],
            "PerFrameFunctionalGroupsSequence": [group(FrameVOILUT=item(**SOFT)) for _ in range(2)]}  # fmt: skip
    yield "a frame's window without a function, before that of all", file(np.stack([CT, CT]), **SCALED, **both), IN_SOFT, 2
    said = {"PlanarConfiguration": 1}
    yield (
        "JPEG said to be in planes",
        compressed(JPEGBaseline8Bit, "JPEG", **said, PhotometricInterpretation="YBR_FULL"),
        IN_ORANGE,
        0,
    )
    j2k = compressed(JPEG2000Lossless, "JPEG2000", **said, PhotometricInterpretation="YBR_RCT")
    yield "JPEG 2000 said to be in planes", j2k, IN_ORANGE, 0
    yield "an implicit header said to be explicit", told_wrongly(), IN_SOFT, 0


KINDS = [*kinds(), *more_kinds()]


@pytest.mark.parametrize(("data", "want", "frame"), [each[1:] for each in KINDS], ids=[each[0] for each in KINDS])
def test_every_kind_is_shown_as_it_is_meant(data: bytes, want: Any, frame: int) -> None:
    seen = np.asarray(read_picture(data, frame=frame).image)[1].astype(float)
    assert seen.tolist() == pytest.approx(want, abs=2) if np.ndim(want) == 1 else np.abs(seen - want).max() <= 2


@pytest.mark.parametrize("kind", ["ARGB", "CMYK", "HSV", "YBR_PARTIAL_422"])
def test_colours_of_a_retired_kind_are_refused_by_their_name(kind: str) -> None:
    with pytest.raises(BadPicture, match=rf"old\.dcm has colours of a kind that is not read \({kind}\)"):
        decode(file(ORANGE, PhotometricInterpretation=kind), name="old.dcm")


def test_frames_of_single_bits_may_begin_within_a_byte() -> None:
    frames = np.stack([np.eye(7, 9, k, dtype=np.uint8) for k in (0, 1, 4)])
    data = pydicom.dcmread(io.BytesIO(make_dicom(frames, BitsAllocated=1, BitsStored=1, HighBit=0)))
    bits = np.packbits(frames.ravel(), bitorder="little").tobytes()
    data.PixelData = bits + bytes(len(bits) % 2)
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    for number, frame in enumerate(frames, 1):
        assert np.array_equal(np.asarray(read_picture(out.getvalue(), frame=number).image), frame * 255)


def test_one_spacing_goes_before_the_other_and_may_have_a_comma() -> None:
    pixels = np.tile(np.arange(40, dtype=np.uint8), (20, 1))
    assert decode(file(pixels, PixelSpacing=[1, 0.5], PixelAspectRatio=[1, 1])).size == (40, 40)
    assert decode(said(b"1.25", b"1,25", file(pixels, PixelSpacing=[1.25, 0.5]))).size == (40, 50)
    shared = [group(PixelMeasures=item(PixelSpacing=[1, 0.5]))]
    assert decode(file(np.stack([pixels, pixels]), SharedFunctionalGroupsSequence=shared)).size == (40, 40)


@pytest.mark.parametrize("name", ["BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel", "PixelRepresentation"])
def test_two_numbers_where_one_belongs_are_refused_in_words(name: str) -> None:
    data = pydicom.dcmread(io.BytesIO(file(CT, **SCALED)))
    setattr(data, name, [16, 16])
    out = io.BytesIO()
    pydicom.dcmwrite(out, data)
    try:
        decode(out.getvalue(), name="two.dcm")
    except BadPicture as error:
        assert str(error).startswith("two.dcm")  # noqa: PT017 - some are shown nevertheless
