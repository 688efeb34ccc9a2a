"""DICOM slices as volumes: grouped by series and geometry, ordered along their normal, spaced by their positions.

Geometry: DICOM PS3.3, C.7.6.2.1.1; functional groups of enhanced files: C.7.6.16.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirage.errors import BadPicture
from mirage.images.dicom import frame_values
from mirage.images.dicom_header import modality_of, of_frame, opened
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits
from mirage.images.volume import Array, View, Volume, check_size, nearest_axes, oriented, windows_of

_VIEW_OF: tuple[View, View, View] = ("sagittal", "coronal", "axial")
_UNEVEN = 0.1  # of a step: beyond it slices count as unevenly spaced
_TILTED = 0.02  # sideways shift over step, about 1 degree


@dataclass(frozen=True, slots=True)
class Plane:
    """One slice: in which file and frame it is, and where it lies, in millimetres (LPS)."""

    path: Path
    frame: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    shape: tuple[int, ...]
    each: int
    scaling: tuple[float, float]
    windows: tuple[tuple[float, float], ...]
    modality: str


def group_series(paths: Iterable[Path], limits: Limits = DEFAULT_LIMITS) -> tuple[list[list[Plane]], list[str]]:
    """Group DICOM files into what can be stacked: one series, one orientation, one size of slice.

    Parameters
    ----------
    paths : iterable of Path
    limits : Limits

    Returns
    -------
    (list of list of Plane, list of str)
        The groups, largest first, so that a localiser stands apart; and every file that was left out, in words.
    """
    groups: dict[tuple[Any, ...], list[Plane]] = defaultdict(list)
    left_out = []
    for path in paths:
        try:
            with opened(path, path.name, limits) as (_, tags, header):
                if header.burned_in:
                    raise BadPicture(f"{path.name} says that text is burned into its pixels, which may name the patient.")
                series = str(tags.get("SeriesInstanceUID") or "")
                for number in range(1, header.frames + 1):
                    plane = _plane(path, of_frame(tags, number), number)
                    key = (series, plane.shape, tuple(np.round(plane.orientation, 2) + 0.0), plane.spacing)
                    groups[key].append(plane)
        except BadPicture as error:
            left_out.append(str(error))
    return sorted(groups.values(), key=len, reverse=True), left_out


def read_series(planes: Sequence[Plane], name: str, limits: Limits = DEFAULT_LIMITS) -> Volume:
    """Read a group of slices as one volume.

    Parameters
    ----------
    planes : sequence of Plane
        Of one group of `group_series`, two or more.
    name : str
        What to call the series in messages.
    limits : Limits

    Raises
    ------
    mirage.errors.BadPicture, mirage.errors.Busy
    """
    across, down = np.reshape(planes[0].orientation, (2, 3))
    normal = np.cross(across, down)
    ordered = sorted(planes, key=lambda plane: float(np.dot(plane.position, normal)))
    along = np.array([np.dot(plane.position, normal) for plane in ordered])
    first_there = np.concatenate([[True], np.diff(along) > 1e-3])
    notes: list[str] = []
    if not first_there.all():
        notes.append(f"{name} has {int((~first_there).sum())} slices at a place that is taken; the first of each was kept.")
    kept = [plane for plane, keep in zip(ordered, first_there, strict=True) if keep]
    if len(kept) < 2:
        raise BadPicture(f"{name} has slices at one place only, which make no volume. Add them as single pictures.")
    step, even = _step(np.array([plane.position for plane in kept]), normal, name, notes)
    affine = np.eye(4)
    row_spacing, column_spacing = kept[0].spacing
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = across * column_spacing, down * row_spacing, step
    affine[:3, 3] = kept[0].position
    shape = (len(kept), *kept[0].shape)
    size = check_size(shape, kept[0].each, name, limits)
    with BUDGET.reserve(2 * size, name=name):
        voxels, (slope, intercept) = _voxels(kept, name, limits)
        order = (2, 1, 0, *range(3, voxels.ndim))
        turned, placed = oriented(voxels.transpose(order), affine, name)
        native = _VIEW_OF[nearest_axes(affine).index(2)]
        modality = kept[0].modality
        return Volume(
            np.ascontiguousarray(turned), placed, slope, intercept, modality, windows_of(modality, kept[0].windows),
            notes=tuple(notes), views=("axial", "coronal", "sagittal") if even else (native,),
        )  # fmt: skip


def _step(positions: Array, normal: Array, name: str, notes: list[str]) -> tuple[Array, bool]:
    """From one slice to the next, and whether all steps are that one and straight."""
    steps = np.diff(positions, axis=0)
    lengths = steps @ normal
    usual = float(np.median(lengths))
    step: Array = np.median(steps, axis=0)
    missing = int(np.rint(lengths / usual - 1).clip(0).sum())
    even = bool((np.abs(lengths - usual) <= _UNEVEN * usual).all())
    if missing:
        notes.append(f"{name} lacks {missing} {'slice' if missing == 1 else 'slices'} between the first and the last.")
    elif not even:
        notes.append(f"{name} has slices at uneven distances ({lengths.min():.1f} to {lengths.max():.1f} mm).")
    shift = float(np.linalg.norm(step - usual * normal)) / usual
    if shift > _TILTED:
        notes.append(f"{name} was taken with a tilted gantry ({np.degrees(np.arctan(shift)):.0f} degrees).")
    return step, even and shift <= _TILTED


def _plane(path: Path, tags: Any, number: int) -> Plane:
    try:
        position, orientation = (
            tuple(map(float, tags[key].value)) for key in ("ImagePositionPatient", "ImageOrientationPatient")
        )
        spacing = tuple(map(float, tags["PixelSpacing"].value))
        across, down = np.reshape(orientation, (2, 3))
        right = abs(np.dot(across, down)) < 1e-2 and abs(np.linalg.norm(np.cross(across, down)) - 1) < 1e-2
        if len(position) != 3 or not right or not np.isfinite(position).all() or min(spacing) <= 0:
            raise ValueError
        colours = int(tags.get("SamplesPerPixel") or 1)
        shape = (int(tags.Rows), int(tags.Columns), *((3,) if colours == 3 else ()))
        scaling = float(tags.get("RescaleSlope") or 1.0), float(tags.get("RescaleIntercept") or 0.0)
    except (KeyError, TypeError, ValueError) as error:
        raise BadPicture(f"{path.name} does not say where it lies in the patient, so it is no slice of a volume.") from error
    each = max(int(tags.get("BitsAllocated") or 8), 8) // 8
    return Plane(path, number, position, orientation, spacing, shape, each, scaling, _windows(tags),
                 modality_of(str(tags.get("Modality") or "")))  # fmt: skip


def _windows(tags: Any) -> tuple[tuple[float, float], ...]:
    try:
        pairs = zip(*(np.atleast_1d(tags[key].value) for key in ("WindowCenter", "WindowWidth")), strict=False)
        return tuple((float(centre), float(width)) for centre, width in pairs)
    except (KeyError, TypeError, ValueError):
        return ()


def _voxels(planes: Sequence[Plane], name: str, limits: Limits) -> tuple[Array, tuple[float, float]]:
    """Stored values (slices, rows, columns[, 3]) with one scaling, rescaled where slices differ in it (PET)."""
    one = len({plane.scaling for plane in planes}) == 1
    voxels: Array | None = None
    for number, plane in enumerate(planes):
        with opened(plane.path, plane.path.name, limits) as (file, tags, _):
            values = frame_values(file, tags, plane.frame, plane.path.name)
        if voxels is None:
            voxels = np.empty((len(planes), *plane.shape), values.dtype if one else np.float32)
        if values.shape != plane.shape:
            raise BadPicture(f"{name} has slices of different kinds. Add them as single pictures.")
        voxels[number] = values if one else values * np.float32(plane.scaling[0]) + np.float32(plane.scaling[1])
    assert voxels is not None
    return voxels, planes[0].scaling if one else (1.0, 0.0)
