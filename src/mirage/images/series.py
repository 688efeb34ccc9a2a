"""DICOM slices as volumes: grouped by series and geometry, ordered along their normal, spaced by their positions.

Geometry: DICOM PS3.3, C.7.6.2.1.1; functional groups of enhanced files: C.7.6.16.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from mirage.errors import BadPicture
from mirage.images.dicom import curve_in, in_bytes, padded, window_of_table, windows_in
from mirage.images.dicom_frames import frames_values
from mirage.images.dicom_header import modality_of, numbers_of, of_frame, opened
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits
from mirage.images.notes import DOUBLES, LACKS, LACKS_ONE, ONE_DOUBLE, TILTED, TURNED_OVER, UNEVEN
from mirage.images.stacks import MOST_SLICES
from mirage.images.volume import SHEARED, Array, Volume, check_size, nearest_axes, oriented, views_of, windows_of
from mirage.wording import _

_UNEVEN = 0.1  # of a step: beyond it slices count as unevenly spaced
_ONE_PLACE = 1e-3  # millimetres
_HAIR = 0.02  # of a step
_MOST_PASSES = 8
_PLACE = ("ImagePositionPatient", "ImageOrientationPatient")
_SLICE_VECTOR = 0x0054_0080
_GREY = ("MONOCHROME1", "MONOCHROME2")
_Hold = Callable[[Path], AbstractContextManager[Path]]


@dataclass(frozen=True, slots=True)
class Plane:
    """One slice: in which file and frame it is, where it lies, in millimetres (LPS), and what its values mean."""

    path: Path
    frame: int
    series: str
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    shape: tuple[int, ...]
    each: int
    scaling: tuple[float, float]
    windows: tuple[tuple[float, float], ...]
    modality: str
    turn: int = 0
    inverse: bool = False
    curve: str = ""

    @property
    def normal(self) -> Array:
        """The direction in which slices follow each other."""
        across, down = np.reshape(self.orientation, (2, 3))
        return np.cross(across, down)

    def joins(self, other: Plane) -> bool:
        """Whether both could be slices of one volume."""
        return (
            (self.series, self.shape, self.modality, self.inverse)
            == (other.series, other.shape, other.modality, other.inverse)
            and np.allclose(self.orientation, other.orientation, atol=0.01)
            and np.allclose(self.spacing, other.spacing, rtol=0.01)
        )


def planes_of(tags: Any, frames: int, path: Path) -> list[Plane]:
    """Say where the frames of a file lie.

    Parameters
    ----------
    tags : pydicom.Dataset
        As `mirage.images.dicom_header.opened` yields them.
    frames : int
        How many there are.
    path : Path

    Raises
    ------
    mirage.errors.BadPicture
        When the file does not say it, as films, ultrasound and angiography do not.
    """
    untold = _("%(name)s does not say where each of its %(frames)s frames lies.", name=path.name, frames=frames)
    try:
        # A file without a series belongs to those beside it.
        series = str(tags.get("SeriesInstanceUID") or path.parent)
        own = tags.get("PerFrameFunctionalGroupsSequence")
        if frames > MOST_SLICES or (own is not None and len(own) != frames):
            raise BadPicture(untold)
        if frames == 1 or own is not None:
            return [_plane(path, of_frame(tags, number), number, series) for number in range(1, frames + 1)]
        return _evenly(path, tags, frames, series)
    except (BadPicture, OverflowError, zlib.error):  # the last two of a deflated file
        raise
    except Exception as error:  # headers of strangers raise anything
        raise BadPicture(untold) from error


def _evenly(path: Path, tags: Any, frames: int, series: str) -> list[Plane]:
    """Frames of a file that gives the place of the first and the step, as those of nuclear medicine do."""
    header = of_frame(tags, 1)
    for detector in (tags.get("DetectorInformationSequence") or [])[:1]:
        header.update({each.tag: each for each in detector if each.keyword in _PLACE and each.tag not in header})
    try:
        step = float(tags["SpacingBetweenSlices"].value)
        if not np.isfinite(step) or not step or tags.get("FrameIncrementPointer", _SLICE_VECTOR) != _SLICE_VECTOR:
            raise ValueError
    except (KeyError, TypeError, ValueError) as error:
        raise BadPicture(
            _("%(path)s does not say where each of its %(frames)s frames lies.", path=path.name, frames=frames)
        ) from error
    first = _plane(path, header, 1, series)
    moved = (np.add(first.position, number * step * first.normal) for number in range(frames))
    return [replace(first, frame=number, position=tuple(map(float, position))) for number, position in enumerate(moved, 1)]


def group_series(paths: Iterable[Path], limits: Limits = DEFAULT_LIMITS) -> tuple[list[list[Plane]], list[str]]:
    """Group DICOM files into what can be stacked; see `grouped`.

    Parameters
    ----------
    paths : iterable of Path
    limits : Limits

    Returns
    -------
    (list of list of Plane, list of str)
        The groups, largest first; and every file that was left out, in words.
    """
    planes: list[Plane] = []
    left_out = []
    for path in paths:
        try:
            with opened(path, path.name, limits) as (_other, tags, header):
                if header.burned_in:
                    raise BadPicture(
                        _("%(path)s says that text is burned into its pixels, which may name the patient.", path=path.name)
                    )
                planes += planes_of(tags, header.frames, path)
        except BadPicture as error:
            left_out.append(str(error))
    return grouped(planes), left_out


def grouped(planes: Iterable[Plane]) -> list[list[Plane]]:
    """Group slices of one series, one orientation and one size, largest group first, so that a localiser stands apart.

    Parameters
    ----------
    planes : iterable of Plane
    """
    groups: dict[str, list[list[Plane]]] = defaultdict(list)
    for plane in planes:
        found = next((group for group in groups[plane.series] if plane.joins(group[0])), None)
        if found is None:
            groups[plane.series].append([plane])
        else:
            found.append(plane)
    return sorted((group for series in groups.values() for group in series), key=len, reverse=True)


def passes(planes: Sequence[Plane]) -> tuple[list[list[Plane]], list[Plane]]:
    """Order the slices of a group by their positions, and tell the passes of a scan over the same places from each other.

    Echoes, phases and diffusion weightings are such passes: every place was taken equally often. A copy of a file is none.

    Parameters
    ----------
    planes : sequence of Plane

    Returns
    -------
    (list of list of Plane, list of Plane)
        Each pass, one slice at each place; and slices that lie at a place that is taken.
    """
    normal = planes[0].normal
    by_height = sorted(((float(np.dot(plane.position, normal)), plane) for plane in planes), key=lambda pair: pair[0])
    steps = np.diff([height for height, _ in by_height])
    # Positions that a header rounds are a hair apart.
    real = steps[steps > _ONE_PLACE]
    apart = max(_ONE_PLACE, _HAIR * float(np.median(real))) if real.size else _ONE_PLACE
    places: list[list[Plane]] = []
    for height, plane in by_height:
        if places and height - float(np.dot(places[-1][0].position, normal)) <= apart:
            places[-1].append(plane)
        else:
            places.append([plane])
    for place in places:
        place.sort(key=lambda plane: (plane.turn, plane.frame))
    often = {len(place) for place in places}
    different = all(len({(plane.turn, plane.frame) for plane in place}) == len(place) for place in places)
    if len(often) == 1 and different and 1 < len(places[0]) <= _MOST_PASSES:
        return [list(one) for one in zip(*places, strict=True)], []
    return [[place[0] for place in places]], [plane for place in places for plane in place[1:]]


def read_series(
    planes: Sequence[Plane],
    name: str,
    limits: Limits = DEFAULT_LIMITS,
    hold: _Hold = nullcontext,
) -> Volume:
    """Read a group of slices as one volume.

    Parameters
    ----------
    planes : sequence of Plane
        Of one group of `grouped`, two or more.
    name : str
        What to call the series in messages.
    limits : Limits
    hold : callable
        From a plane's file to a path by which it is read while that is held.

    Raises
    ------
    mirage.errors.BadPicture, mirage.errors.Busy
    """
    (kept, *others), doubles = passes(planes)
    doubles += [plane for one in others for plane in one]
    notes: list[str] = []
    if doubles:
        notes.append(ONE_DOUBLE if len(doubles) == 1 else DOUBLES % {"number": len(doubles)})
    if len(kept) < 2:
        raise BadPicture(
            _("%(name)s has slices at one place only, which make no volume. Add them as single pictures.", name=name)
        )
    step, even = _step(np.array([plane.position for plane in kept]), kept[0].normal, notes)
    across, down = np.reshape(kept[0].orientation, (2, 3))
    row_spacing, column_spacing = kept[0].spacing
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = across * column_spacing, down * row_spacing, step
    affine[:3, 3] = kept[0].position
    size = check_size((len(kept), *kept[0].shape), kept[0].each, name, limits)
    with BUDGET.reserve(2 * size, name=name):
        voxels, slope, intercept = _voxels(kept, name, limits, hold)
        windows, own = kept[len(kept) // 2].windows, _each_window(kept)
        if kept[0].inverse:
            # The lowest value is white: turned over, so that all that follows need not know.
            voxels, ends = ~voxels if voxels.dtype.kind in "iu" else -voxels, _complement(voxels)
            windows, own = (
                tuple((2 * intercept + slope * ends - centre, width) for centre, width in some) for some in (windows, own)
            )
            notes.append(TURNED_OVER)
        turned, placed = oriented(voxels.transpose(2, 1, 0, *range(3, voxels.ndim)), affine, name)
        views, more = views_of(affine, 2, even)
        modality, axes = kept[0].modality, nearest_axes(affine)
        if affine[axes.index(2), 2] < 0:  # the slices were turned over, to run from the feet, front or right
            own = own[::-1]
        return Volume(
            np.ascontiguousarray(turned), placed, slope, intercept, modality, windows_of(modality, windows),
            notes=(*notes, *more), views=views, slice_windows=own, curve=kept[len(kept) // 2].curve,
        )  # fmt: skip


def _each_window(planes: Sequence[Plane]) -> tuple[tuple[float, float], ...]:
    """The first window of each slice, where they differ; that of the middle one for a slice without."""
    usual = planes[len(planes) // 2].windows
    own = tuple((plane.windows or usual)[0] for plane in planes) if usual else ()
    return own if len(set(own)) > 1 else ()


def _complement(voxels: Array) -> int:
    """What a value and its complement add up to."""
    return {"u": int(np.iinfo(voxels.dtype).max), "i": -1}[voxels.dtype.kind] if voxels.dtype.kind in "iu" else 0


def _step(positions: Array, normal: Array, notes: list[str]) -> tuple[Array, bool]:
    """From one slice to the next, and whether all steps are that one and straight."""
    steps = np.diff(positions, axis=0)
    lengths = steps @ normal
    usual = float(np.median(lengths))
    step: Array = np.median(steps, axis=0)
    missing = int(np.rint(lengths / usual - 1).clip(0).sum())
    even = bool((np.abs(lengths - usual) <= _UNEVEN * usual).all())
    if missing:
        notes.append(LACKS_ONE if missing == 1 else LACKS % {"number": missing})
    elif not even:
        notes.append(UNEVEN % {"least": f"{lengths.min():.1f}", "most": f"{lengths.max():.1f}"})
    shift = float(np.linalg.norm(step - usual * normal)) / usual
    if shift > SHEARED:
        notes.append(TILTED % {"degrees": f"{np.degrees(np.arctan(shift)):.0f}"})
    return step, even and shift <= SHEARED


def _plane(path: Path, tags: Any, number: int, series: str) -> Plane:
    try:
        position, orientation = (
            tuple(map(float, tags[key].value)) for key in ("ImagePositionPatient", "ImageOrientationPatient")
        )
        spacing = tuple(side or 0.0 for side in numbers_of(tags, "PixelSpacing"))
        across, down = np.reshape(orientation, (2, 3))
        right = abs(np.dot(across, down)) < 1e-2 and abs(np.linalg.norm(np.cross(across, down)) - 1) < 1e-2
        if len(position) != 3 or len(spacing) != 2 or not right or not np.isfinite(position).all() or min(spacing) <= 0:
            raise ValueError
        colours = int(tags.get("SamplesPerPixel") or 1)
        kind = str(tags.get("PhotometricInterpretation") or "MONOCHROME2").strip()
        if (colours == 1 and kind not in _GREY) or "ModalityLUTSequence" in tags:
            raise ValueError  # numbers of a palette or of a table, which no window can be laid over
        shape = (int(tags.Rows), int(tags.Columns), *((3,) if colours == 3 else ()))
        slope, intercept = numbers_of(tags, "RescaleSlope")[0] or 1.0, numbers_of(tags, "RescaleIntercept")[0] or 0.0
        each = max(int(tags.get("BitsAllocated") or 8), 8) // 8
        turn = int(tags.get("InstanceNumber") or 0)
    except (KeyError, TypeError, ValueError) as error:
        raise BadPicture(
            _("%(path)s does not say where it lies in the patient, so it is no slice of a volume.", path=path.name)
        ) from error
    inverse = kind == "MONOCHROME1" or str(tags.get("PresentationLUTShape") or "") == "INVERSE"
    windows = tuple(windows_in(tags)) or ((table,) if (table := window_of_table(tags)) else ())
    return Plane(path, number, series, position, orientation, spacing, shape, each, (slope, intercept), windows,
                 modality_of(str(tags.get("Modality") or "")), turn, inverse and colours == 1, curve_in(tags))  # fmt: skip


def _voxels(planes: Sequence[Plane], name: str, limits: Limits, hold: _Hold) -> tuple[Array, float, float]:
    """Stored values (slices, rows, columns[, 3]) with one scaling, rescaled where slices differ in it (PET)."""
    one = len({plane.scaling for plane in planes}) == 1
    voxels: Array | None = None
    for number, values in _decoded(planes, limits, hold):
        plane = planes[number]
        if voxels is None:
            voxels = np.empty((len(planes), *plane.shape), values.dtype if one else np.float32)
        if one and values.dtype != voxels.dtype and not plane.inverse:  # the complement of a value is one of its own kind
            voxels = voxels.astype(np.result_type(voxels, values), copy=False)
        if values.shape != plane.shape or (one and not np.can_cast(values.dtype, voxels.dtype)):
            raise BadPicture(
                _("%(name)s has slices of different kinds. Add them as single pictures (--stacks none).", name=name)
            )
        voxels[number] = values if one else values * np.float32(plane.scaling[0]) + np.float32(plane.scaling[1])
    assert voxels is not None
    slope, intercept = planes[0].scaling if one else (1.0, 0.0)
    return voxels, slope, intercept


def _decoded(planes: Sequence[Plane], limits: Limits, hold: _Hold) -> Iterator[tuple[int, Array]]:
    """Slices with their numbers, by files and frames: a file is opened once and read forwards, as deflated ones want."""
    by_file = sorted(range(len(planes)), key=lambda number: (planes[number].path, planes[number].frame))
    for path, run in groupby(by_file, key=lambda number: planes[number].path):
        there = list(run)
        frames_there = [planes[number].frame for number in there]
        with (
            hold(path) as held,
            opened(held, path.name, limits) as (file, tags, _other),
            # Closed before the file is, in which it would go back to where it was.
            closing(frames_values(file, tags, frames_there, path.name)) as frames,
        ):
            for number, values in zip(there, frames, strict=True):
                shown = in_bytes(values, tags) if values.ndim == 3 else values
                yield number, _unpadded(shown, tags, planes[number].inverse)


def _unpadded(values: Array, tags: Any, inverse: bool) -> Array:
    """Voxels that stand for nothing, made as black as the blackest that stand for something."""
    nothing = padded(values, tags)
    if nothing.any() and not nothing.all():
        rest = values[~nothing]
        black = rest.max() if inverse else rest.min()
        values = np.where(nothing & ((values < black) if inverse else (values > black)), black, values)
    return values
