"""DICOM files are shown as their headers want them seen, also where makers of files bend the standard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from test_decode import refusal_of

from dicom_maker import make_dicom
from marks_maker import drawn, record
from mirage.errors import BadPicture
from mirage.generate.provenance import mark
from mirage.images import Limits, decode, read_picture
from mirage.images.marks.reading import declared

# Air, fat, water, soft tissue and bone, as a CT scanner stores them (1024 more than Hounsfield units).
HU = np.array([-1000, -100, 0, 40, 300])
STORED = np.tile((HU + 1024).astype(np.uint16), (4, 1))
CT: dict[str, Any] = {"RescaleSlope": 1, "RescaleIntercept": -1024, "BitsStored": 12, "HighBit": 11}
SOFT: dict[str, Any] = {"WindowCenter": 40, "WindowWidth": 400}


def row(pixels: np.ndarray, **tags: Any) -> list[int]:
    return np.asarray(decode(make_dicom(pixels, **tags)))[1].tolist()


def table(first: int, bits: int, entries: np.ndarray, vr: str = "SS", data: str = "OW") -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", vr, [len(entries) % 65_536, first, bits])
    if data == "OW":
        item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    else:
        item.add_new("LUTData", "US", entries.astype(int).tolist())
    return item


def ramp(low: int, high: int, bits: int, entries: int, first: int) -> np.ndarray:
    """Entries that rise from `low` to `high`, as a window does."""
    values = (np.arange(entries) + first - low) / (high - low)
    return np.rint(np.clip(values, 0, 1) * (2**bits - 1))


@pytest.mark.parametrize("vr", ["SS", "US"])
@pytest.mark.parametrize("data", ["OW", "US"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_voi_lut_begins_below_zero_after_a_negative_intercept(vr: str, data: str, bits: int) -> None:
    """The numbers beside the table need a type that holds them: in 16 unsigned bits air wraps and comes out white."""
    first = -500 if vr == "SS" else 65_536 - 500
    item = table(first, bits, ramp(-200, 400, bits, 1000, -500), vr, data)
    seen = row(STORED, **CT, VOILUTSequence=[item])
    assert seen == pytest.approx([0, 42, 85, 102, 213], abs=1)


@pytest.mark.parametrize("slope", [1, 25, 100])
def test_a_voi_lut_shows_values_far_above_it_white(slope: int) -> None:
    item = table(0, 12, ramp(0, 1000, 12, 1001, 0))
    seen = row(np.tile(np.array([0, 500 // slope, 3000], np.uint16), (4, 1)), RescaleSlope=slope, RescaleIntercept=0,
               VOILUTSequence=[item])  # fmt: skip
    assert seen == pytest.approx([0, 127, 255], abs=2)


def test_a_value_that_16_bits_do_not_hold_is_white_and_not_the_entry_that_it_wraps_to() -> None:
    item = table(0, 12, ramp(0, 1000, 12, 1001, 0))
    pixels = np.tile(np.array([0, 250, 32_770], np.uint16), (4, 1))  # the last is 65,540, which would wrap to 4
    assert row(pixels, RescaleSlope=2, RescaleIntercept=0, VOILUTSequence=[item]) == pytest.approx([0, 127, 255], abs=2)


def test_a_first_entry_below_zero_that_is_written_unsigned_stands_at_its_own_place() -> None:
    item = table(65_536 - 2, 8, np.array([0, 100, 200]), "US")
    pixels = np.tile(np.array([1022, 1023, 1024, 1030], np.uint16), (4, 1))
    assert row(pixels, **CT, VOILUTSequence=[item]) == [0, 100, 200, 200]


def test_a_voi_lut_of_many_entries_is_used_to_its_end() -> None:
    item = table(0, 16, np.arange(50_000), "US")
    seen = row(np.tile(np.array([0, 20_000, 45_000, 60_000], np.uint16), (4, 1)), VOILUTSequence=[item])
    assert seen == pytest.approx([0, 78, 175, 195], abs=1)


def test_a_voi_lut_goes_before_a_window_and_a_stored_slope_of_fractions_is_rounded_to_its_entries() -> None:
    item = table(0, 8, np.array([0, 100, 200]))
    pixels = np.tile(np.array([0, 2, 4, 9], np.uint16), (4, 1))
    assert row(pixels, RescaleSlope=0.5, RescaleIntercept=0, VOILUTSequence=[item], **SOFT) == [0, 100, 200, 200]


def empty_table() -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", None)
    item.add_new("LUTData", "US", None)
    return item


def no_data() -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [256, 0, 8])
    return item


@pytest.mark.parametrize("item", [Dataset, empty_table, no_data])
def test_look_up_tables_without_entries_say_nothing(item: Any) -> None:
    plain = row(STORED, **CT, **SOFT)
    assert plain == pytest.approx([0, 38, 102, 127, 255], abs=1)
    assert row(STORED, **CT, **SOFT, VOILUTSequence=[item()]) == plain
    assert row(STORED, **CT, **SOFT, VOILUTSequence=[item()], ModalityLUTSequence=[item()]) == plain
    assert row(STORED, **CT, **SOFT, VOILUTSequence=[]) == plain


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_modality_lut_of_any_depth_takes_the_place_of_slope_and_intercept(bits: int) -> None:
    item = table(0, bits, np.arange(2048) // (8 if bits == 8 else 1), "US")
    low, high = (0, 250) if bits == 8 else (0, 2000)
    window = {"WindowCenter": (low + high) / 2, "WindowWidth": high - low, "VOILUTFunction": "LINEAR_EXACT"}
    seen = row(STORED, ModalityLUTSequence=[item], **window)
    assert seen == pytest.approx([3, 118, 131, 136, 169], abs=2)


def test_a_modality_lut_that_begins_below_zero_takes_bytes_as_larger_numbers() -> None:
    """Places in the table are counted in a type that holds both: bytes less a negative beginning do not fit into bytes."""
    pixels = np.tile(np.array([0, 10, 120, 200, 255], np.uint8), (4, 1))
    window = {"WindowCenter": 150, "WindowWidth": 300, "VOILUTFunction": "LINEAR_EXACT"}
    seen = row(pixels, ModalityLUTSequence=[table(-40, 16, np.arange(300))], **window)
    assert seen == pytest.approx([34, 42, 136, 204, 251], abs=1)


def test_a_voi_lut_may_hold_a_byte_for_each_entry() -> None:
    item = table(0, 8, np.arange(256)[::-1])
    item.LUTData = bytes(range(256))[::-1]
    pixels = np.tile(np.array([0, 100, 255], np.uint8), (4, 1))
    assert row(pixels, VOILUTSequence=[item]) == [255, 155, 0]


def test_an_intercept_without_a_slope_and_a_slope_without_an_intercept_count() -> None:
    assert row(STORED, RescaleIntercept=-1024, **SOFT) == row(STORED, **CT, **SOFT)
    assert (
        row(STORED, RescaleSlope=2, WindowCenter=2128, WindowWidth=800)[1:]
        != row(STORED, WindowCenter=2128, WindowWidth=800)[1:]
    )


def sigmoid(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    return np.asarray(255 / (1 + np.exp(-4 * (values - centre) / width)))


@pytest.mark.parametrize("where", ["file", "shared", "frame"])
def test_windows_of_every_function_count_wherever_they_stand(where: str) -> None:
    window, values = Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth, window.VOILUTFunction = 40, 400, "SIGMOID"
    values.RescaleSlope, values.RescaleIntercept = 1, -1024
    groups = Dataset()
    groups.FrameVOILUTSequence, groups.PixelValueTransformationSequence = [window], [values]
    tags = {
        "file": {**CT, **SOFT, "VOILUTFunction": "SIGMOID"},
        "shared": {"SharedFunctionalGroupsSequence": [groups]},
        "frame": {"PerFrameFunctionalGroupsSequence": [groups]},
    }[where]
    assert row(STORED, **tags) == pytest.approx(sigmoid(HU, 40, 400).tolist(), abs=1)


def test_each_frame_has_the_window_of_its_own_group() -> None:
    groups = []
    for centre in (100, 200, 100):
        group, window = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = centre, 101
        group.FrameVOILUTSequence = [window]
        groups.append(group)
    frames = np.tile(np.arange(50, 250, dtype=np.uint16), (3, 4, 1))
    data = make_dicom(frames, PerFrameFunctionalGroupsSequence=groups)
    middle = np.asarray(read_picture(data).image)[0]
    assert middle[99] == 0
    assert abs(int(middle[150]) - 128) <= 2


@pytest.mark.parametrize(("function", "width"), [("LINEAR", 0.5), ("LINEAR", 0), ("SIGMOID", 0), ("LINEAR_EXACT", -3)])
def test_windows_that_cannot_be_are_left_aside(function: str, width: float) -> None:
    seen = row(STORED, **CT, WindowCenter=40, WindowWidth=width, VOILUTFunction=function)
    assert seen[0] == 0
    assert seen == sorted(seen)
    assert seen[-1] == 255


def test_an_exact_window_may_be_narrower_than_one() -> None:
    pixels = np.tile(np.array([39, 40, 41], np.uint16), (4, 1))
    seen = row(pixels, WindowCenter=40, WindowWidth=0.5, VOILUTFunction="LINEAR_EXACT")
    assert seen == pytest.approx([0, 128, 255], abs=1)


@pytest.mark.parametrize(
    "padding",
    [
        {"PixelPaddingValue": -2000},
        {"PixelPaddingValue": 63_536},
        {"PixelPaddingValue": -3000, "PixelPaddingRangeLimit": -1500},
    ],
    ids=["signed", "written unsigned", "a range"],
)
def test_padding_of_every_kind_takes_no_part_in_the_window(padding: dict[str, int]) -> None:
    ramp = np.tile(np.arange(0, 200, dtype=np.int16), (20, 1))
    ramp[:8] = -2000
    data = make_dicom(ramp)
    file = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    for name, value in padding.items():
        file.add_new(name, "SS" if value < 0 else "US", value)
    out = pydicom.filebase.DicomBytesIO()
    pydicom.dcmwrite(out, file)
    seen = np.asarray(decode(out.getvalue()))
    assert seen[2, 50] == 0
    assert seen[12, 1] < 10
    assert abs(int(seen[12, 100]) - 128) < 5


@pytest.mark.parametrize(
    ("tags", "size"),
    [
        ({"PixelSpacing": [1.0, 0.5]}, (40, 40)),
        ({"PixelSpacing": [0.5, 1.0]}, (80, 20)),
        ({"PixelAspectRatio": [2, 1]}, (40, 40)),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (40, 40)),
        ({"PixelSpacing": [1.0, 1.001]}, (40, 20)),
        ({"PixelSpacing": [1.0, 0.0]}, (40, 20)),
        ({"PixelAspectRatio": [30_000, 1]}, (40, 20)),
    ],
)
def test_pixels_become_square(tags: dict[str, Any], size: tuple[int, int]) -> None:
    pixels = np.tile(np.arange(40, dtype=np.uint8), (20, 1))
    assert decode(make_dicom(pixels, **tags)).size == size


def test_a_picture_that_would_grow_beyond_the_limit_shrinks_on_its_other_side() -> None:
    pixels = np.tile(np.arange(40, dtype=np.uint8), (20, 1))
    assert decode(make_dicom(pixels, PixelSpacing=[1.0, 0.5]), limits=Limits(pixels=1000)).size == (20, 20)


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (10, 1023), (12, 4095), (16, 65_535)])
def test_colours_fill_the_bits_that_are_stored(bits: int, top: int) -> None:
    pixels = np.zeros((4, 5, 3), np.uint8 if bits == 8 else np.uint16)
    pixels[..., 0], pixels[..., 1] = top, top // 2
    data = make_dicom(pixels, BitsStored=bits, HighBit=bits - 1)
    assert decode(data).getpixel((2, 2)) == (255, pytest.approx(127, abs=1), 0)


@pytest.mark.parametrize("low", [True, False], ids=["8-bit entries", "16-bit entries"])
def test_palettes_of_16_bits_are_bright_whatever_their_entries(low: bool) -> None:
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, value in (("Red", 200), ("Green", 0), ("Blue", 55)):
        entries = np.full(256, value if low else value * 257, "<u2")
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tags[f"{colour}PaletteColorLookupTableData"] = entries.tobytes()
    assert decode(make_dicom(np.zeros((4, 6), np.uint8), **tags)).getpixel((1, 1)) == (200, 0, 55)


@pytest.mark.parametrize(
    ("first", "entries", "last", "shown"), [(0, 256, 65_535, 0), (0, 256, 255, 100), (90, 40, 65_535, 0)]
)
def test_a_palette_is_judged_by_all_of_its_entries_and_not_by_those_of_a_frame(
    first: int, entries: int, last: int, shown: int
) -> None:
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    table = np.arange(first, first + entries).astype("<u2")
    table[-1] = last
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [entries, first, 16]
        tags[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    assert decode(make_dicom(np.full((4, 6), 100, np.uint8), **tags)).getpixel((1, 1)) == (shown,) * 3


def test_pixels_in_floating_point_are_spread_and_a_window_of_width_one_is_no_step() -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    tags = {"WindowCenter": 0.5, "WindowWidth": 1, "BitsAllocated": 32}
    file = pydicom.dcmread(pydicom.filebase.DicomBytesIO(make_dicom(np.zeros((8, 8), np.uint8), **tags)))
    del file.PixelData, file.BitsStored, file.HighBit, file.PixelRepresentation
    file.FloatPixelData = values.tobytes()
    out = pydicom.filebase.DicomBytesIO()
    pydicom.dcmwrite(out, file)
    seen = np.asarray(decode(out.getvalue()))
    assert np.allclose(seen, values * 255, atol=1)


@pytest.mark.parametrize("said", ["YES", "Y", "yes ", "Yes"])
def test_burned_in_text_is_refused_however_it_is_said(said: str) -> None:
    with pytest.raises(BadPicture, match="burned into"):
        decode(make_dicom(STORED, BurnedInAnnotation=said))
    assert decode(make_dicom(STORED, BurnedInAnnotation="NO")).size == (5, 4)


@pytest.mark.parametrize("syntax", ["1.2.3.4.5.6", "1.2.840.10008.1.1", "nonsense", "9" * 64])
def test_forms_that_nobody_knows_are_refused_in_words(syntax: str) -> None:
    plain, value = b"UI\x14\0" + b"1.2.840.10008.1.2.1\0", syntax.encode() + b"\0" * (len(syntax) % 2)
    data = make_dicom(STORED).replace(plain, b"UI" + len(value).to_bytes(2, "little") + value)
    length = int.from_bytes(data[140:144], "little") + len(value) - 20
    data = data[:140] + length.to_bytes(4, "little") + data[144:]
    said = refusal_of(data, "strange.dcm")
    assert said is not None
    assert said.startswith("strange.dcm is stored in a form that cannot be read")


def test_a_deflated_file_is_shown_as_the_same_file_uncompressed_and_its_marks_are_read() -> None:
    deflated = {"syntax": "1.2.840.10008.1.2.1.99"}
    frames = np.stack([STORED, STORED + 7])
    assert row(frames, **CT, **SOFT, **deflated) == row(frames, **CT, **SOFT)
    file = pydicom.dcmread(pydicom.filebase.DicomBytesIO(mark(drawn(), record(), "dicom")))
    file.file_meta.TransferSyntaxUID = deflated["syntax"]
    out = pydicom.filebase.DicomBytesIO()
    pydicom.dcmwrite(out, file)
    assert declared(out.getvalue()).record == record()
