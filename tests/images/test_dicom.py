"""DICOM files become pictures as their headers want them seen, and nothing personal is read."""

from __future__ import annotations

import contextlib
import io
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from test_decode import refusal_of

from dicom_maker import make_dicom
from mirage.errors import BadPicture
from mirage.images import Limits, decode, dicom_header, inflated, read_picture
from mirage.images.limits import sampled

RAMP = np.tile(np.arange(0, 200, dtype=np.int16), (20, 1))


def test_window_and_level_come_from_the_header_after_rescaling() -> None:
    data = make_dicom(RAMP, RescaleSlope=1, RescaleIntercept=-100, WindowCenter=0.5, WindowWidth=101)
    row = np.asarray(decode(data))[0]
    assert row[50] == 0
    assert row[150] == 255
    assert abs(int(row[100]) - 128) <= 1


def test_without_a_window_robust_percentiles_serve() -> None:
    hot = RAMP.copy()
    hot[0, 0] = 30_000
    row = np.asarray(decode(make_dicom(hot)))[5]
    assert row[3] < 10
    assert row[196] > 245


def test_a_window_beside_all_values_is_not_believed() -> None:
    row = np.asarray(decode(make_dicom(RAMP, WindowCenter=9000, WindowWidth=10)))[5]
    assert row[-1] > row[0] + 200


def test_padding_does_not_take_part_in_the_window() -> None:
    padded = RAMP + 1000
    padded[:, :80] = -2000
    row = np.asarray(decode(make_dicom(padded, PixelPaddingValue=-2000)))[5]
    assert row[10] == 0
    assert row[90] < 40
    assert row[195] > 235


def test_monochrome1_is_inverted() -> None:
    row = np.asarray(decode(make_dicom(RAMP, PhotometricInterpretation="MONOCHROME1")))[5]
    assert row[0] > 240
    assert row[-1] < 15


def test_colour_frames_stay_in_colour() -> None:
    pixels = np.zeros((10, 12, 3), np.uint8)
    pixels[..., 0] = 200
    image = decode(make_dicom(pixels))
    assert image.mode == "RGB"
    assert image.getpixel((3, 3)) == (200, 0, 0)


def test_frames_are_sampled_evenly_and_counted_from_one() -> None:
    volume = np.stack([np.tile(np.arange(30, dtype=np.uint8) + n, (8, 1)) for n in range(100)])
    data = make_dicom(volume)
    assert sampled(100, 4) == [13, 38, 63, 88]
    assert sampled(100, 500) == list(range(1, 101))
    assert np.asarray(read_picture(data, frame=100).image).shape == (8, 30)
    decoded = read_picture(data, name="cine")
    assert "number 51" in decoded.notes[0]
    with pytest.raises(BadPicture, match="no frame 101"):
        read_picture(data, frame=101)


def test_a_frame_that_is_named_says_too_that_a_generator_made_it() -> None:
    volume = np.stack([RAMP, RAMP[::-1]])
    assert read_picture(make_dicom(volume, SyntheticData="YES"), frame=2).synthetic
    assert not read_picture(make_dicom(volume), frame=2).synthetic


def test_the_header_is_read_in_coded_words() -> None:
    header = dicom_header.dicom_header(
        make_dicom(RAMP, BodyPartExamined="CHEST", ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    )
    assert (header.modality, header.plane, header.region) == ("CT", "coronal", "thorax")
    free_text = dicom_header.dicom_header(make_dicom(RAMP, BodyPartExamined="JANE ROE", Modality="DX", ViewPosition="PA"))
    assert (free_text.modality, free_text.plane, free_text.region) == ("XR", "frontal", "")


def test_slices_at_an_angle_are_called_oblique() -> None:
    half = 0.7071
    assert dicom_header.dicom_header(make_dicom(RAMP, ImageOrientationPatient=[1, 0, 0, 0, half, half])).plane == "oblique"


def test_no_personal_tag_reaches_the_picture_or_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []
    real = pydicom.dcmread

    def watched(*args: object, **options: object) -> pydicom.Dataset:
        data = real(*args, **options)
        asked.append({element.keyword for element in data})
        return data

    monkeypatch.setattr(pydicom, "dcmread", watched)
    data = make_dicom(RAMP, BodyPartExamined="CHEST")
    decoded = read_picture(data)
    assert decoded.original is None
    assert decoded.image.info == {}
    assert asked
    for keywords in asked:
        assert not keywords & {"PatientName", "PatientID", "PatientBirthDate", "InstitutionName", "SeriesDescription"}


def test_burned_in_text_is_refused_unless_it_is_allowed() -> None:
    data = make_dicom(RAMP, BurnedInAnnotation="YES")
    with pytest.raises(BadPicture, match="burned into"):
        read_picture(data, name="us.dcm")
    assert read_picture(data, allow_burned_in=True).image.size == (200, 20)


def test_a_file_without_pixels_is_refused_plainly() -> None:
    with pytest.raises(BadPicture, match="without a picture"):
        decode(make_dicom(None), name="report.dcm")
    with pytest.raises(BadPicture, match="no pixel data"):
        decode(make_dicom(None, Rows=10, Columns=10, BitsAllocated=8, SamplesPerPixel=1), name="lost.dcm")


def test_a_truncated_file_is_refused() -> None:
    whole = make_dicom(RAMP)
    for part in (0.2, 0.6, 0.95):
        with pytest.raises(BadPicture, match="cut"):
            decode(whole[: int(len(whole) * part)], name="cut.dcm")


def test_too_many_pixels_are_refused_by_the_header() -> None:
    with pytest.raises(BadPicture, match="400 megapixels"):
        decode(make_dicom(RAMP, Rows=20_000, Columns=20_000), name="huge.dcm")
    with pytest.raises(BadPicture, match="limit"):
        decode(make_dicom(RAMP), limits=Limits(pixels=100))


@pytest.mark.parametrize("begin", [b"", b"\x09\0\1\0UN\0\0\xff\xff\xff\x7f"], ids=["elements", "one element"])
def test_a_deflated_bomb_is_stopped(begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_header, "_DEFLATED_MOST", 2**25)
    monkeypatch.setattr(inflated, "_MOST_READS", 10_000)
    whole = make_dicom(RAMP, syntax="1.2.840.10008.1.2.1.99")
    head = 144 + int.from_bytes(whole[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(begin) + b"".join(packer.compress(bytes(2**24)) for _ in range(3)) + packer.flush()
    with pytest.raises(BadPicture, match="unpacks to more than"):
        decode(whole[:head] + body, name="bomb.dcm")
    assert decode(whole).size == (200, 20)


def test_files_of_many_makers_are_decoded_or_refused() -> None:
    import pydicom.data

    paths = sorted((Path(pydicom.data.__file__).parent / "test_files").glob("*.dcm"))
    said = {path.name: refusal_of(path, path.name) for path in paths}
    taken = sum(words is None for words in said.values())
    assert all(words is None or name in words for name, words in said.items())
    assert taken >= 45


@pytest.mark.parametrize("name", ["SamplesPerPixel", "BitsAllocated", "Rows", "NumberOfFrames"])
def test_a_number_that_stands_there_several_times_is_no_defect(name: str) -> None:
    data = make_dicom(np.arange(64, dtype=np.uint16).reshape(8, 8))
    changed = pydicom.dcmread(io.BytesIO(data))
    changed.add_new(name, "US" if name != "NumberOfFrames" else "IS", [8 if name == "Rows" else 1, 16])
    out = io.BytesIO()
    pydicom.dcmwrite(out, changed)
    with contextlib.suppress(BadPicture):
        read_picture(out.getvalue())
