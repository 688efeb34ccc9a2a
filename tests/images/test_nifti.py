"""NIfTI files become volumes that lie in the patient as nibabel and SimpleITK say, or are refused in words."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from mirage.errors import BadPicture
from mirage.images.limits import BUDGET, Limits
from mirage.images.nifti import read_nifti
from mirage.images.volume import check_labels

RAS = np.diag([2.0, 3.0, 4.0, 1.0])
SHAPE = (5, 6, 7)


def values(kind: Any = np.int16) -> Any:
    return np.arange(np.prod(SHAPE), dtype=kind).reshape(SHAPE)


def nifti(voxels: Any, affine: Any = RAS, **header: Any) -> bytes:
    image = nib.Nifti1Image(voxels, affine, dtype=voxels.dtype if voxels.dtype.fields is None else None)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    data = bytearray(image.to_bytes())
    if header:
        changed = nib.Nifti1Header(bytes(data[:348]))
        for field, value in header.items():
            changed[field] = value
        data[:348] = changed.binaryblock
    return bytes(data)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "LAS", "PIR", "SAL", "IPR", "ALI"])
@pytest.mark.parametrize("tilt", [0.0, 0.2])
def test_every_voxel_lies_where_nibabel_and_simpleitk_place_it(codes: str, tilt: float, tmp_path: Path) -> None:
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt(codes), nib.orientations.axcodes2ornt("RAS"))
    spin = np.eye(4)
    spin[:2, :2] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    affine = spin @ RAS @ nib.orientations.inv_ornt_aff(turn, SHAPE)
    affine[:3, 3] += (7, -8, 9)
    file = tmp_path / "a.nii.gz"
    nib.Nifti1Image(values(), affine).to_filename(file)
    volume = read_nifti(file)
    data = nib.load(file).get_fdata()  # type: ignore[attr-defined]
    for row, at in [(0, (0, 0, 0)), (1, (1, 2, 3)), (2, (4, 5, 6))]:
        there = affine @ (*at, 1)
        lps = np.array([-there[0], -there[1], there[2], 1])
        column, line, slice_ = np.rint(np.linalg.inv(volume.affine) @ lps)[:3].astype(int)
        assert volume.voxels[slice_, line, column] == data[at], row
    assert (np.diag(volume.affine)[:3] > 0).all()
    sitk = pytest.importorskip("SimpleITK")  # a second opinion, where it is installed
    other = sitk.ReadImage(str(file))
    assert sorted(volume.spacing) == pytest.approx(sorted(other.GetSpacing()), abs=1e-4)
    for at in [(0, 0, 0), (1, 2, 3), (4, 5, 6)]:
        there = affine @ (*at, 1)
        assert np.allclose(other.TransformIndexToPhysicalPoint(at), (-there[0], -there[1], there[2]), atol=1e-3)


def test_views_are_hung_as_radiologists_hang_them() -> None:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[0, 5, 6] = 1
    volume = read_nifti(nifti(voxels, np.diag([-1.0, 1.0, 1.0, 1.0])))
    # The first index falls towards the left, so that this voxel is the patient's right, front and head.
    assert volume.slice("axial", 6)[0, 0] == 1
    assert volume.slice("coronal", 0)[0, 0] == 1
    assert volume.slice("sagittal", 0)[0, 0] == 1
    assert volume.letters("axial") == ("R", "L", "A", "P")


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_voxels_keep_the_depth_of_the_source_and_the_scaling_apart(kind: Any) -> None:
    volume = read_nifti(nifti(values(kind), scl_slope=2.0, scl_inter=-1024.0))
    assert volume.voxels.dtype == kind
    assert sorted(volume.voxels.ravel()) == sorted(values(kind).ravel())
    assert (volume.slope, volume.intercept) == (2.0, -1024.0)


def test_colour_volumes_keep_their_three_channels() -> None:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    voxels = np.zeros(SHAPE, kind)
    voxels["G"] = 200
    assert tuple(read_nifti(nifti(voxels)).slice("coronal", 2)[1, 1]) == (0, 200, 0)


def test_of_a_file_of_four_dimensions_one_volume_is_read_and_said() -> None:
    voxels = np.stack([values(), values() + 1000], axis=-1)
    first, second = read_nifti(nifti(voxels)), read_nifti(nifti(voxels), number=2)
    assert (second.voxels - first.voxels == 1000).all()
    assert "holds 2 volumes" in first.notes[0]
    with pytest.raises(BadPicture, match="no volume 3; it has 2"):
        read_nifti(nifti(voxels), number=3)


def test_a_broken_affine_is_refused_and_a_sound_second_one_is_used() -> None:
    lost = {"srow_x": 0.0, "srow_y": 0.0}
    with pytest.raises(BadPicture, match="broken affine"):
        read_nifti(nifti(values(), qform_code=0, **lost))
    volume = read_nifti(nifti(values(), **lost))
    assert "its qform was used" in volume.notes[0]
    assert volume.spacing == pytest.approx((2, 3, 4))


def test_transforms_that_swap_sides_are_refused_and_a_shift_is_said() -> None:
    with pytest.raises(BadPicture, match="left could be right"):
        read_nifti(nifti(values(), srow_x=[-2.0, 0, 0, 0]))
    volume = read_nifti(nifti(values(), srow_x=[2.0, 0, 0, 30.0]))
    assert "differ by up to 30 mm" in volume.notes[0]


def test_without_a_transform_no_side_is_lettered() -> None:
    volume = read_nifti(nifti(values(), qform_code=0, sform_code=0))
    assert volume.letters("axial") is None
    assert "not known" in volume.notes[0]


def test_a_file_that_is_cut_short_is_refused() -> None:
    packed = gzip.compress(nifti(np.random.default_rng(1).integers(0, 999, (20, 20, 20), np.int16)))
    for data in (packed[: len(packed) // 2], nifti(values())[:-9], nifti(values())[:100], b"", b"\x1f\x8b"):
        with pytest.raises(BadPicture, match=r"cut short|no NIfTI"):
            read_nifti(data)


def test_two_gigabytes_are_refused_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((1024, 1024, 1024))
    header["magic"], header["vox_offset"] = b"n+1", 352
    monkeypatch.setattr(BUDGET, "reserve", lambda *_, **__: pytest.fail("memory was asked for"))
    with pytest.raises(BadPicture, match="2,048 MB once unpacked"):
        read_nifti(gzip.compress(header.binaryblock + b"\0" * 4))


@pytest.mark.parametrize(("value", "said"), [(np.nan, "no numbers"), (np.inf, "no numbers"), (1e300, "too large")])
@pytest.mark.filterwarnings("error")
def test_a_volume_without_one_value_that_can_be_shown_is_refused(value: float, said: str) -> None:
    with pytest.raises(BadPicture, match=f"holds no picture: all of its values are {said}.*Convert it again"):
        read_nifti(nifti(np.full(SHAPE, value)))
    some = values(np.float64)
    some[1, 2, 3] = value
    assert np.isfinite(read_nifti(nifti(some)).voxels).sum() == some.size - 1


def test_what_is_packed_behind_the_voxels_is_never_unpacked() -> None:
    bomb = gzip.compress(nifti(values()) + bytes(80 * 2**20))
    assert read_nifti(bomb, limits=Limits(volume_bytes=2**20)).voxels.shape == SHAPE[::-1]


def test_labels_of_another_shape_or_place_are_refused() -> None:
    volume = read_nifti(nifti(values()))
    check_labels(read_nifti(nifti(values(np.uint8))), volume, "labels")
    with pytest.raises(BadPicture, match="Resample"):
        check_labels(read_nifti(nifti(values()[:4])), volume, "labels")
    moved = RAS.copy()
    moved[0, 3] = 40
    with pytest.raises(BadPicture, match="elsewhere"):
        check_labels(read_nifti(nifti(values(), moved)), volume, "labels")


@pytest.mark.parametrize(("unit", "times"), [("mm", 1.0), ("meter", 1000.0), ("micron", 0.001), ("unknown", 1.0)])
def test_lengths_are_in_millimetres_whatever_the_file_measures_in(unit: str, times: float, tmp_path: Path) -> None:
    image = nib.Nifti1Image(values(), np.diag([2.0, 3.0, 4.0, 1.0]))
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "a.nii")
    assert read_nifti(tmp_path / "a.nii").spacing == pytest.approx((2 * times, 3 * times, 4 * times))
