"""Slices of a DICOM series become one volume, ordered and spaced by their positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicom_maker import make_dicom
from mirage.images.series import group_series, read_series

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
    sitk = pytest.importorskip("SimpleITK")
    paths = axials(tmp_path, [0, 2.5, 5, 7.5])
    (planes,), _ = group_series(paths)
    volume = read_series(planes, "the series")
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


def test_a_place_that_is_taken_is_said(tmp_path: Path) -> None:
    (planes,), _ = group_series(axials(tmp_path, [0, 2, 2, 4]))
    volume = read_series(planes, "the series")
    assert volume.voxels.shape[0] == 3
    assert "1 slices at a place" in volume.notes[0]


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
