"""Slices of a DICOM series become one volume, ordered and spaced by their positions."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, Sequence

from dicom_maker import make_dicom
from mirage.errors import BadPicture
from mirage.images import dicom_header
from mirage.images.series import group_series, read_series
from mirage.images.stacks import check_stack, slice_picture, slice_values, stack_of, volume_of

AXIAL, SAGITTAL = [1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1]


def slice_file(folder: Path, name: str, value: int, place: Any, orientation: Any = AXIAL, series: str = "1.2.3") -> Path:
    path = folder / name
    pixels = np.full((6, 8), value, np.int16)
    pixels[0, 0] = 500
    path.write_bytes(
        make_dicom(
            pixels, Modality="CT", SeriesInstanceUID=series, ImagePositionPatient=list(place),
            ImageOrientationPatient=orientation, PixelSpacing=[0.5, 0.75], SliceThickness=9, RescaleIntercept=-1024,
            RescaleSlope=1, WindowCenter=40, WindowWidth=350,
        )
    )  # fmt: skip
    return path


def axials(folder: Path, heights: list[float], tilt: float = 0.0) -> list[Path]:
    return [slice_file(folder, f"{i}.dcm", i, (1, 2 + tilt * z, z)) for i, z in reversed(list(enumerate(heights)))]


def test_order_and_spacing_come_from_positions_as_in_simpleitk(tmp_path: Path) -> None:
    paths = axials(tmp_path, [0, 2.5, 5, 7.5])
    (planes,), _ = group_series(paths)
    volume = read_series(planes, "the series")
    assert volume.spacing == pytest.approx((0.75, 0.5, 2.5))
    assert list(volume.voxels[:, 1, 1]) == [0, 1, 2, 3]
    assert volume.affine[:3, 3] == pytest.approx((1, 2, 0))
    sitk = pytest.importorskip("SimpleITK")
    other = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path)))
    assert volume.spacing == pytest.approx(other.GetSpacing())
    assert volume.affine[:3, 3] == pytest.approx(other.GetOrigin())
    assert (volume.voxels + volume.intercept == sitk.GetArrayFromImage(other)).all()
    assert volume.windows[0] == ("as stored", 40.0, 350.0)
    assert volume.views == ("axial", "coronal", "sagittal")
    assert not volume.notes


@pytest.mark.parametrize(
    ("heights", "tilt", "said"),
    [
        ([0, 2, 6, 8, 10], 0.0, "lacks 1 slice"),
        ([0, 2, 4, 6], 0.3, "tilted gantry (17 degrees)"),
        ([0, 2, 4.6, 6], 0, "uneven"),
    ],
)
def test_what_is_not_even_is_said_and_shown_in_its_own_view_alone(
    heights: list[float], tilt: float, said: str, tmp_path: Path
) -> None:
    (planes,), _ = group_series(axials(tmp_path, heights, tilt))
    volume = read_series(planes, "the series")
    assert said in " ".join(volume.notes)
    assert volume.views == ("axial",)


@pytest.mark.parametrize("again", [2, 2.0004, 2.02])
def test_a_place_that_is_taken_is_said(again: float, tmp_path: Path) -> None:
    (planes,), _ = group_series(axials(tmp_path, [0, 2, again, 4, 6]))
    volume = read_series(planes, "the series")
    assert volume.voxels.shape[0] == 4
    assert volume.views == ("axial", "coronal", "sagittal")
    assert "1 slice at a place" in volume.notes[0]


def test_a_localiser_and_a_second_orientation_stand_apart(tmp_path: Path) -> None:
    paths = axials(tmp_path, [0, 2, 4])
    paths += [slice_file(tmp_path, f"s{x}.dcm", 9, (x, 0, 0), SAGITTAL) for x in (0, 3)]
    groups, left_out = group_series(paths)
    assert [len(group) for group in groups] == [3, 2]
    assert not left_out
    assert read_series(groups[1], "the series").voxels.shape == (6, 8, 2)


def test_a_file_without_a_place_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plain.dcm"
    path.write_bytes(make_dicom(np.zeros((4, 4), np.int16)))
    groups, left_out = group_series([path])
    assert not groups
    assert "plain.dcm does not say where it lies" in left_out[0]


def group(**macros: dict[str, Any]) -> Dataset:
    """An item of a functional groups sequence: the macros' names and what each holds."""
    item = Dataset()
    for name, values in macros.items():
        inner = Dataset()
        for key, value in values.items():
            setattr(inner, key, value)
        setattr(item, name, Sequence([inner]))
    return item


def enhanced(path: Path, heights: list[float], slopes: list[float] | None = None, **tags: Any) -> Path:
    pixels = np.stack([np.full((6, 8), number, np.int16) for number in range(len(heights))])
    frames = [
        group(
            PlanePositionSequence={"ImagePositionPatient": [1, 2, z]},
            FrameVOILUTSequence={"WindowCenter": 40, "WindowWidth": 350},
            PixelValueTransformationSequence={"RescaleIntercept": -10, "RescaleSlope": slope},
        )
        for z, slope in zip(heights, slopes or [2.0] * len(heights), strict=True)
    ]
    shared = group(
        PlaneOrientationSequence={"ImageOrientationPatient": AXIAL},
        PixelMeasuresSequence={"PixelSpacing": [0.5, 0.75], "SliceThickness": 9},
    )
    groups = {"SharedFunctionalGroupsSequence": Sequence([shared]), "PerFrameFunctionalGroupsSequence": Sequence(frames)}
    path.write_bytes(make_dicom(pixels, SeriesInstanceUID="1.2.3", **groups | tags))
    return path


def test_frames_of_an_enhanced_file_are_slices_in_the_order_of_their_places(tmp_path: Path) -> None:
    (planes,), left_out = group_series([enhanced(tmp_path / "e.dcm", [6, 0, 4, 2])])
    volume = read_series(planes, "the file")
    assert not left_out
    assert list(volume.voxels[:, 0, 0]) == [1, 3, 2, 0]
    assert volume.spacing == pytest.approx((0.75, 0.5, 2))
    assert (volume.slope, volume.intercept) == (2, -10)
    assert volume.windows[0] == ("as stored", 40, 350)


def test_frames_with_scalings_of_their_own_are_brought_to_one(tmp_path: Path) -> None:
    (planes,), _ = group_series([enhanced(tmp_path / "e.dcm", [0, 2, 4], [1.0, 2.0, 0.5])])
    volume = read_series(planes, "the file")
    assert volume.voxels[:, 0, 0] == pytest.approx([-10, 2 - 10, 1 - 10])
    assert (volume.slope, volume.intercept) == (1, 0)


def test_a_file_is_read_once_however_many_frames_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (planes,), _ = group_series([enhanced(tmp_path / "e.dcm", list(range(30)))])
    reads = []
    real = dicom_header.plain_file
    monkeypatch.setattr(dicom_header, "plain_file", lambda *given: reads.append(given) or real(*given))
    assert read_series(planes, "the file").voxels.shape[0] == 30
    assert len(reads) == 1


def test_a_plain_file_of_many_frames_is_spaced_by_its_own_step(tmp_path: Path) -> None:
    pixels = np.stack([np.full((6, 8), number, np.int16) for number in range(4)])
    tags = {"SeriesInstanceUID": "1.2", "PixelSpacing": [3, 3], "SpacingBetweenSlices": -4, "Modality": "NM"}
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [0, 0, 100], AXIAL
    path = tmp_path / "nm.dcm"
    path.write_bytes(make_dicom(pixels, DetectorInformationSequence=Sequence([detector]), **tags))
    (planes,), _ = group_series([path])
    volume = read_series(planes, "the file")
    assert list(volume.voxels[:, 0, 0]) == [3, 2, 1, 0]
    assert volume.spacing == pytest.approx((3, 3, 4))
    assert volume.affine[2, 3] == 88


@pytest.mark.parametrize(
    "tags", [{}, {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": AXIAL, "PixelSpacing": [1, 1]}]
)
def test_a_film_of_many_frames_is_no_volume(tags: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "us.dcm"
    path.write_bytes(make_dicom(np.zeros((5, 4, 4), np.uint8), Modality="US", **tags))
    groups, left_out = group_series([path])
    assert not groups
    assert "us.dcm does not say where" in left_out[0]


def test_an_announced_billion_of_frames_is_refused_at_once(tmp_path: Path) -> None:
    path = enhanced(tmp_path / "e.dcm", [0, 2, 4], NumberOfFrames=2**31 - 1)
    _, left_out = group_series([path])
    assert "where each of its" in left_out[0]


def test_a_file_that_lacks_frames_is_refused(tmp_path: Path) -> None:
    path = enhanced(tmp_path / "e.dcm", [0, 2, 4])
    (planes,), _ = group_series([path])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadPicture, match=r"e\.dcm is damaged or cut short"):
        read_series(planes, "the file")


def placed(pixels: Any, z: float, **tags: Any) -> bytes:
    given = {"SeriesInstanceUID": "1.2.3", "ImagePositionPatient": [0, 0, z], "ImageOrientationPatient": AXIAL,
             "PixelSpacing": [1, 1]}  # fmt: skip
    return make_dicom(pixels, **given | tags)


def series(folder: Path, slices: list[Any], **tags: Any) -> Any:
    for number, pixels in enumerate(slices):
        (folder / f"{number}.dcm").write_bytes(placed(pixels, 2 * number, **tags))
    (planes,), _ = group_series(sorted(folder.glob("*.dcm")))
    return read_series(planes, "the series")


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_a_series_whose_lowest_value_is_white_is_turned_over_with_its_window(kind: Any, tmp_path: Path) -> None:
    ramp = np.arange(48, dtype=kind).reshape(6, 8)
    volume = series(tmp_path, [ramp] * 3, PhotometricInterpretation="MONOCHROME1", RescaleSlope=2, RescaleIntercept=5,
                    WindowCenter=2 * 10 + 5, WindowWidth=4)  # fmt: skip
    real = volume.slope * volume.voxels[0].astype(float) + volume.intercept
    assert (np.diff(real.ravel()) == -2).all()
    assert real.ravel()[10] == volume.windows[0][1]
    assert "means white" in volume.notes[0]


def test_colours_stay_colours(tmp_path: Path) -> None:
    pixels = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    volume = series(tmp_path, [pixels] * 3)
    assert (volume.voxels[1] == pixels).all()


def test_padding_that_would_shine_is_black(tmp_path: Path) -> None:
    pixels = np.full((6, 8), 7, np.int16)
    pixels[0], pixels[1] = 32_000, 9
    volume = series(tmp_path, [pixels] * 3, PixelPaddingValue=32_000)
    assert (volume.voxels[0, 0] == 7).all()
    assert (volume.voxels[0, 1] == 9).all()


def test_slices_that_are_stored_in_different_kinds_of_numbers_are_one_volume(tmp_path: Path) -> None:
    pixels = [np.full((6, 8), value, kind) for value, kind in ((-5, np.int16), (60_000, np.uint16), (7, np.uint8))]
    pixels[0][0, 0] = -900
    volume = series(tmp_path, pixels, RescaleSlope=1, RescaleIntercept=3)
    assert volume.voxels[:, 1, 1].tolist() == [-5, 60_000, 7]
    assert (volume.slope, volume.intercept) == (1, 3)


def test_what_was_not_read_to_its_end_is_closed_before_its_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unheard: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unheard.append)
    pixels = [np.full((6, 8), 1, kind) for kind in (np.int16, np.uint16)]
    with pytest.raises(BadPicture, match="different kinds"):  # the complements of these are not the same numbers
        series(tmp_path, [pixels[0], pixels[0], pixels[1]], PhotometricInterpretation="MONOCHROME1")
    assert not unheard


def test_a_series_taken_from_the_side_is_kept_from_the_side(tmp_path: Path) -> None:
    paths = [slice_file(tmp_path, f"s{x}.dcm", x, (x, 0, 0), SAGITTAL) for x in range(0, 12, 3)]
    (planes,), _ = group_series(paths)
    assert read_series(planes, "the series").views == ("sagittal", "axial", "coronal")


def test_slices_far_apart_are_shown_in_their_own_plane_alone(tmp_path: Path) -> None:
    (planes,), _ = group_series(axials(tmp_path, [0, 6, 12]))
    volume = read_series(planes, "the series")
    assert volume.views == ("axial",)
    assert "6.0 mm apart" in volume.notes[0]


def test_one_series_is_not_split_by_the_noise_of_its_header(tmp_path: Path) -> None:
    for number in range(6):
        turn = [1, 0, 0, 0, 0.70500 + 1e-5 * number, -0.7092]
        slice_file(tmp_path, f"{number}.dcm", number, (0, 0, 2 * number), turn)
    groups, _ = group_series(sorted(tmp_path.glob("*.dcm")))
    assert [len(group) for group in groups] == [6]
    assert "obliquely" in " ".join(read_series(groups[0], "the series").notes)


@pytest.mark.parametrize(("up", "orientation"), [(1, AXIAL), (-1, AXIAL), (1, SAGITTAL)], ids=["up", "down", "sagittal"])
def test_slices_with_windows_of_their_own_are_each_shown_in_it(up: int, orientation: list[float], tmp_path: Path) -> None:
    """In magnetic resonance the values of one slice are often not those of the next."""
    files = []
    for number in range(4):
        path = tmp_path / f"{number}.dcm"
        at = [2.0 * up * number, 0, 0] if orientation is SAGITTAL else [0, 0, 2.0 * up * number]
        pixels = np.tile(np.arange(0, 100 * (number + 1), 10 * (number + 1), dtype=np.uint16), (8, 1))
        path.write_bytes(
            make_dicom(
                pixels, Modality="MR", SeriesInstanceUID="1.2.3", ImagePositionPatient=at, PixelSpacing=[1, 1],
                ImageOrientationPatient=orientation, WindowCenter=50 * (number + 1), WindowWidth=100 * (number + 1),
            )
        )  # fmt: skip
        files.append(path)
    (planes,), _ = group_series(files)
    volume = read_series(planes, "the series")
    stack = stack_of(volume)
    assert stack.windows[0].name == "as stored"
    assert sorted(stack.windows[0].each) == [(50 * n, 100 * n) for n in (1, 2, 3, 4)]
    for number in range(4):
        seen = np.asarray(slice_picture(volume, stack, number))
        assert seen.max() == pytest.approx(230, abs=3)  # of nine tenths of its window
    again = volume_of(stack, np.stack([slice_values(volume, stack, number) for number in range(4)]))
    assert stack_of(again).windows == stack.windows
    with pytest.raises(BadPicture, match="as no stack can be"):
        check_stack(replace(stack, windows=(replace(stack.windows[0], each=((1.0, 2.0),)),)), "it")


@pytest.mark.parametrize("kind", ["MONOCHROME2", "MONOCHROME1"])
def test_a_sigmoid_window_of_a_stack_keeps_its_curve(kind: str, tmp_path: Path) -> None:
    values = np.tile(np.arange(-60, 60, 15, dtype=np.int16), (6, 1))
    for number in range(3):
        (tmp_path / f"{number}.dcm").write_bytes(
            make_dicom(
                values, Modality="MR", ImagePositionPatient=[0, 0, number], ImageOrientationPatient=AXIAL,
                PixelSpacing=[1, 1],
                WindowCenter=10, WindowWidth=60, VOILUTFunction="SIGMOID", PhotometricInterpretation=kind,
            )
        )  # fmt: skip
    (planes,), _ = group_series(sorted(tmp_path.iterdir()))
    volume = read_series(planes, "the series")
    stack = stack_of(volume)
    assert [window.curve for window in stack.windows] == ["sigmoid", ""], "not that which fits the values"
    wanted = 255 / (1 + np.exp(-4 * (values - 10) / 60))
    shown = np.asarray(slice_picture(volume, stack, 1), np.float32)
    assert np.abs(shown - (255 - wanted if kind == "MONOCHROME1" else wanted)).max() <= 1
    again = volume_of(stack, np.stack([slice_values(volume, stack, number) for number in range(3)]))
    assert stack_of(again).windows == stack.windows
    with pytest.raises(BadPicture):
        check_stack(replace(stack, windows=(replace(stack.windows[0], curve="cubic"),)), "it")


def test_one_window_for_all_slices_is_one(tmp_path: Path) -> None:
    (planes,), _ = group_series(axials(tmp_path, [0, 2, 4]))
    assert stack_of(read_series(planes, "the series")).windows[0].each == ()


def test_colours_of_more_than_8_bits_fill_the_bits_that_are_stored(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(
            make_dicom(
                np.full((4, 5, 3), (4095, 2047, 0), np.uint16), BitsStored=12, HighBit=11, SeriesInstanceUID="1.2.3",
                ImagePositionPatient=[0, 0, number], ImageOrientationPatient=AXIAL, PixelSpacing=[1, 1],
            )
        )  # fmt: skip
        files.append(path)
    (planes,), _ = group_series(files)
    volume = read_series(planes, "the series")
    assert slice_picture(volume, stack_of(volume), 1).getpixel((2, 2)) == (255, pytest.approx(127, abs=1), 0)


@pytest.mark.parametrize(("vr", "first"), [("SS", -500), ("US", 65_536 - 500)])
def test_a_table_of_a_stack_becomes_a_window_over_the_values_that_it_tells_apart(
    vr: str, first: int, tmp_path: Path
) -> None:
    files = []
    for number in range(3):
        table, path = Dataset(), tmp_path / f"{number}.dcm"
        table.add_new("LUTDescriptor", vr, [1000, first, 12])
        entries = np.clip((np.arange(1000) - 500 + 160) * 4095 // 400, 0, 4095)  # what a window of 400 around 40 does
        table.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
        path.write_bytes(
            make_dicom(
                np.tile(np.arange(8, dtype=np.uint16) * 200, (6, 1)), Modality="CT", SeriesInstanceUID="1.2.3",
                PixelSpacing=[1, 1], ImagePositionPatient=[0, 0, number], ImageOrientationPatient=AXIAL,
                RescaleIntercept=-1024, RescaleSlope=1, VOILUTSequence=Sequence([table]),
            )
        )  # fmt: skip
        files.append(path)
    (planes,), _ = group_series(files)
    name, centre, width = read_series(planes, "the series").windows[0]
    assert (name, centre, width) == ("as stored", pytest.approx(40, abs=3), pytest.approx(400, abs=12))


def test_a_frame_whose_place_is_of_an_unknown_kind_keeps_no_folder_from_being_read(tmp_path: Path) -> None:
    path = enhanced(tmp_path / "e.dcm", [0, 2, 4])
    place = b"\x20\x00\x32\x00"
    first, second, *others = path.read_bytes().split(place + b"DS")
    path.write_bytes((place + b"DS").join([first, second + place + b"AA" + others[0], *others[1:]]))
    groups, left_out = group_series([path, *axials(tmp_path, [0, 1, 2])])
    assert [len(group) for group in groups] == [3]
    assert left_out == ["e.dcm does not say where each of its 3 frames lies."]
