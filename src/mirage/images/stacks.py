"""Volumes as stacks: which number is kept of each voxel, how to look at them, and slices as pictures."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

import numpy as np
from PIL import Image

from mirage.errors import BadPicture, NotFound
from mirage.figure import Stack, Window
from mirage.images.limits import DEFAULT_LIMITS, Limits
from mirage.images.notes import SCALED, WITHOUT_VALUE
from mirage.images.pixels import robust_range, spread
from mirage.images.volume import (
    LETTERS,
    MOST_STRETCHED,
    OWN_WINDOW,
    Array,
    View,
    Volume,
    check_size,
    hung,
    labels_of,
    unhung,
    windows_of,
)
from mirage.wording import _

MOST_SLICES = 65_535
_AXES: dict[str, tuple[int, int, int]] = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}


def stack_of(volume: Volume) -> Stack:
    """Describe a volume as a stack that is kept in slices along its first view.

    Whole numbers are kept as they are, where 16 bits hold them; others are scaled to 16 bits, and a note says so.

    Raises
    ------
    mirage.errors.BadPicture
        When it has too many slices, or labels that do not lie on its voxels.
    """
    slices = hung(volume.voxels, volume.views[0])
    least, slope, intercept, notes = _scaling(volume)
    windows = _windows(volume) if slices.ndim == 3 else ()
    stack = Stack(
        views=volume.views,
        shape=cast(tuple[int, int, int], tuple(int(length) for length in slices.shape[:3])),
        colours=3 if slices.ndim == 4 else 1,
        least=least,
        slope=slope,
        intercept=intercept,
        unit="HU" if volume.modality == "CT" and slices.ndim == 3 else "",
        spacing=_spacing(volume) if volume.spacing_known else None,
        sides_known=volume.sides_known,
        windows=windows,
        best=_middle(slices, volume, windows) if volume.best is None else volume.best,
        labels=labels_of(volume),
        labels_by=volume.labels_by,
        notes=(*volume.notes, *notes),
    )
    return check_stack(stack, _("The volume"))


def volume_of(stack: Stack, values: Array, labels: Array | None = None) -> Volume:
    """Make the volume that `stack_of` and `slice_values` would describe and give in the same way.

    Parameters
    ----------
    stack : Stack
    values : (slices, rows, columns) or (slices, rows, columns, 3) array
        As kept.
    labels : (slices, rows, columns) array, optional
    """
    first = cast(View, stack.views[0])
    affine = np.eye(4)
    for axis, length in zip(_AXES[first], stack.spacing or (1.0, 1.0, 1.0), strict=True):
        affine[2 - axis, 2 - axis] = length
    if stack.least:
        ends = stack.least, stack.least + int(values.max())
        kinds = (np.int8, np.int16, np.int32, np.int64)[values.itemsize - 1 :]
        deep = next(kind for kind in kinds if np.iinfo(kind).min <= ends[0] and ends[1] <= np.iinfo(kind).max)
        values = np.add(values, stack.least, dtype=np.int64 if deep is np.int64 else np.int32).astype(deep)
    return Volume(
        unhung(values, first), affine, stack.slope, stack.intercept,
        "CT" if stack.unit == "HU" else "",
        tuple((window.name, window.centre, window.width) for window in stack.windows),
        stack.sides_known, stack.notes, cast(tuple[View, ...], stack.views), stack.spacing is not None,
        None if labels is None else unhung(labels, first), tuple((label.value, label.name) for label in stack.labels),
        stack.labels_by, stack.best, slice_windows=next((window.each for window in stack.windows), ()),
        curve=next((window.curve for window in stack.windows), ""),
    )  # fmt: skip


def check_stack(stack: Stack, name: str, limits: Limits = DEFAULT_LIMITS) -> Stack:
    """Refuse a description that no stack can have, or of one that is too large; return it.

    Parameters
    ----------
    stack : Stack
        Perhaps from somebody else.
    name : str
        What to call it in messages.
    limits : Limits
    """
    check_size((*stack.shape, stack.colours), 2, name, limits)
    slices = stack.shape[0]
    if slices > MOST_SLICES:
        raise BadPicture(
            _(
                "%(name)s has %(slices)s slices, and the limit is %(MOST_SLICES)s. Export every second one.",
                name=name,
                slices=slices,
                MOST_SLICES=MOST_SLICES,
            )
        )
    numbers = (stack.slope, stack.intercept, *(stack.spacing or ()), *(w.centre for w in stack.windows))
    own = [pair for window in stack.windows for pair in window.each]
    numbers = (*numbers, *(centre for centre, _ in own))
    widths = [*(window.width for window in stack.windows), *(width for _, width in own)]
    windowed = all(len(window.each) in (0, slices) and window.curve in ("", "sigmoid") for window in stack.windows)
    inside = all(0 < label.value <= 255 and 0 <= label.first <= label.best <= label.last < slices for label in stack.labels)
    if not (
        stack.views
        and len(set(stack.views)) == len(stack.views)
        and set(stack.views) <= set(_AXES)
        and stack.colours in (1, 3)
        and np.isfinite((*numbers, *widths)).all()
        and min((1.0, *widths, *(stack.spacing or ()))) > 0
        and stack.slope
        and 0 <= stack.best < slices
        and inside
        and windowed
    ):
        raise BadPicture(_("%(name)s is described as no stack can be. Export it again from its source.", name=name))
    return stack


def slice_values(volume: Volume, stack: Stack, number: int) -> Array:
    """Return what is kept of a slice.

    Parameters
    ----------
    volume : Volume
    stack : Stack
        That `stack_of` made of it.
    number : int
        From 0, along the first view.

    Returns
    -------
    (rows, columns) or (rows, columns, 3) array
        uint8 or uint16: the source's value is this and `Stack.least`.
    """
    source = hung(volume.voxels, volume.views[0])[number]
    small = source.ndim == 3 or source.itemsize == 1
    if source.dtype.kind == "f" or (stack.slope, stack.intercept) != (volume.slope, volume.intercept):
        real = source.astype(np.float64)
        if (stack.slope, stack.intercept) != (volume.slope, volume.intercept):
            real = (volume.slope * real + volume.intercept - stack.intercept) / stack.slope
        real = np.nan_to_num(np.rint(real) - stack.least, nan=0.0).clip(0, 255 if small else 65_535)
        scaled: Array = real
        return scaled.astype(np.uint8 if small else np.uint16)
    kept: Array = np.subtract(source, stack.least, dtype=np.int64 if source.itemsize > 2 else np.int32)
    return kept.astype(np.uint8 if small else np.uint16)


def slice_labels(volume: Volume, number: int) -> Array:
    """Return the labels of a slice along the first view, uint8.

    Parameters
    ----------
    volume : Volume
        With labels.
    number : int
        From 0.
    """
    labels: Array = hung(cast(Array, volume.labels), volume.views[0])[number]
    return labels.astype(np.uint8)


def shape_in(stack: Stack, view: str) -> tuple[int, int, int]:
    """Return how many slices, rows and columns a view has.

    Parameters
    ----------
    stack : Stack
    view : str

    Raises
    ------
    mirage.errors.NotFound
        When the stack cannot be shown in it.
    """
    return cast(tuple[int, int, int], _turned(stack, stack.shape, view))


def spacing_in(stack: Stack, view: str) -> tuple[float, float, float] | None:
    """Return millimetres from one slice, row and column of a view to the next; None where they are not known.

    Parameters
    ----------
    stack : Stack
    view : str

    Raises
    ------
    mirage.errors.NotFound
    """
    found = _turned(stack, stack.spacing or (0.0, 0.0, 0.0), view)
    return cast(tuple[float, float, float], found) if stack.spacing else None


def letters_in(stack: Stack, view: str) -> tuple[str, str, str, str] | None:
    """Return the letters at the left, right, top and bottom of a view; None when the sides are not known.

    Parameters
    ----------
    stack : Stack
    view : str
    """
    return LETTERS[cast(View, view)] if stack.sides_known else None


def _turned(stack: Stack, of_first: tuple[Any, Any, Any], view: str) -> tuple[Any, ...]:
    """What a view has along its axes, from what the first one has along its own."""
    if view not in stack.views:
        raise NotFound(
            _(
                "This stack cannot be shown in the %(view)s plane, only in: %(views)s.",
                view=view[:20],
                views=", ".join(stack.views),
            )
        )
    by_axis = dict(zip(_AXES[stack.views[0]], of_first, strict=True))
    return tuple(by_axis[axis] for axis in _AXES[view])


def cut(values: Array, stack: Stack, view: str, number: int) -> Array:
    """Return a slice of any view, as it is hung.

    Parameters
    ----------
    values : (slices, rows, columns) or (slices, rows, columns, 3) array
        The whole stack as it is kept, or its labels.
    stack : Stack
    view : str
    number : int
        From 0.

    Raises
    ------
    mirage.errors.NotFound
    """
    count = shape_in(stack, view)[0]
    if not 0 <= number < count:
        raise NotFound(
            _("There is no %(view)s slice %(number)s; this stack has %(count)s.", view=view, number=number + 1, count=count)
        )
    shown: Array = hung(unhung(values, cast(View, stack.views[0])), cast(View, view))[number]
    return shown


def crossing(stack: Stack, view: str, number: int, row: float, column: float) -> dict[str, int]:
    """Return the slice of each view that goes through a point of a slice.

    Parameters
    ----------
    stack : Stack
    view : str
    number : int
        Of the slice, from 0.
    row, column : float
        Of the point, in the slice as it is hung.
    """
    along, down, across = _AXES[view]
    higher = shape_in(stack, view)[1] - 1 - row  # what is higher in the patient stands higher
    at = {along: number, down: row if down else higher, across: column}
    return {other: int(at[_AXES[other][0]] + 0.5) for other in stack.views}


def render(
    values: Array, stack: Stack, window: Window | None = None, view: str = "", number: int | None = None
) -> Image.Image:
    """Show a slice in 8 bits, with pixels stretched to squares.

    Parameters
    ----------
    values : (rows, columns) or (rows, columns, 3) array
        As kept, from `cut` or of the first view.
    stack : Stack
    window : Window, optional
        The stack's first when left out.
    view : str
        In which it was cut; the first when empty.
    number : int, optional
        Of the slice, from 0, for windows that slices have of their own.

    Returns
    -------
    PIL.Image.Image
        ``L`` or ``RGB``.
    """
    window = window or next(iter(stack.windows), None)
    if stack.colours == 1 and window is None:
        window = Window("automatic", *_centre_width(*robust_range(_in_unit(values, stack))))
    if stack.colours == 1 and window is not None:
        centre, width = window.centre, window.width
        if window.each and number is not None and view in ("", stack.views[0]):
            centre, width = window.each[number]
        values = _table(stack.least, stack.slope, stack.intercept, centre, width, values.itemsize, window.curve)[values]
    image = Image.fromarray(np.ascontiguousarray(values))
    spacing = spacing_in(stack, view or stack.views[0])
    if spacing is None:
        return image
    _other, down, across = spacing
    least = min(down, across)
    size = round(image.width * across / least), round(image.height * down / least)
    stretched = max(down, across) / least
    if size == image.size or stretched > MOST_STRETCHED or size[0] * size[1] > DEFAULT_LIMITS.pixels:
        return image
    return image.resize(size, Image.Resampling.BICUBIC)


def slice_picture(volume: Volume, stack: Stack, number: int) -> Image.Image:
    """Show a slice of a volume, from 0 along the first view, in the first window of the stack that `stack_of` made of it."""
    return render(slice_values(volume, stack, number), stack, number=number)


@lru_cache(maxsize=64)
def _table(least: int, slope: float, intercept: float, centre: float, width: float, each: int, curve: str) -> Array:
    """What each kept value looks like: a look-up is ten times as quick as arithmetic."""
    values = slope * (np.arange(256**each, dtype=np.float64) + least) + intercept
    if curve:
        return spread(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))), 0.0, 1.0)
    return spread(values, centre - width / 2, centre + width / 2)


def _in_unit(values: Array, stack: Stack) -> Array:
    shown: Array = stack.slope * (values.astype(np.float64) + stack.least) + stack.intercept
    return shown


def _centre_width(low: float, high: float) -> tuple[float, float]:
    width = high - low if high > low else 1.0  # all alike: black
    return float(f"{low + width / 2:.6g}"), float(f"{width:.6g}")


def _scaling(volume: Volume) -> tuple[int, float, float, tuple[str, ...]]:
    """What to add to a kept value, what it means then, and what a person should know of it."""
    voxels, unchanged = volume.voxels, (volume.slope, volume.intercept, ())
    if voxels.dtype == np.uint8 or (voxels.ndim == 3 and voxels.dtype in (np.uint16, np.bool_)):
        return 0, *unchanged
    low, high, whole, missing = _range(voxels)
    notes = (WITHOUT_VALUE,) if missing else ()
    most = 255 if voxels.ndim == 4 else 65_535
    if whole and high - low <= most and (voxels.ndim == 3 or low >= 0):
        return (min(int(low), 0) if high <= most else int(low)), volume.slope, volume.intercept, notes
    step = (high - low) / most or 1.0
    notes = (*notes, SCALED % {"bits": most.bit_length(), "step": f"{abs(step * volume.slope):.3g}"})
    return 0, volume.slope * step, volume.slope * low + volume.intercept, notes


def _range(voxels: Array) -> tuple[float, float, bool, bool]:
    """The finite extremes, whether all are whole numbers, and whether some are no numbers; a slice at a time."""
    if voxels.dtype.kind != "f":
        return float(voxels.min()), float(voxels.max()), True, False
    low, high, whole, missing = np.inf, -np.inf, True, False
    for values in voxels:
        finite = values[np.isfinite(values)]
        missing |= finite.size < values.size
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            whole = whole and bool((finite == np.rint(finite)).all())
    return (low, high, whole, missing) if low <= high else (0.0, 0.0, True, missing)


def _few(slices: Array) -> Array:
    """Some of the voxels of a volume or a slice, spread evenly: enough to judge them by."""
    return slices[tuple(slice(None, None, max(1, length // 96)) for length in slices.shape[:3])]


def _windows(volume: Volume) -> tuple[Window, ...]:
    """The file's own that show something, then the presets; for others than CT one that fits the values, too."""
    seen = volume.slope * _few(volume.voxels).astype(np.float32) + volume.intercept
    low, high = robust_range(seen)
    given = [Window(*named) for named in volume.windows or windows_of(volume.modality)]
    if volume.curve:
        given = [replace(one, curve=volume.curve) if one.name.startswith(OWN_WINDOW) else one for one in given]
    if given and volume.slice_windows:
        given[0] = replace(given[0], each=volume.slice_windows)
    shown = [one for one in given if one.centre - one.width / 2 < high and one.centre + one.width / 2 > low]
    if volume.modality != "CT" or not shown:
        # Grey pictures of 8 bits are meant to be seen as they are; masks and the like are not.
        plain = volume.voxels.dtype == np.uint8 and (volume.slope, volume.intercept) == (1, 0) and high >= 64
        fits = Window(OWN_WINDOW, 127.5, 255.0) if plain else Window("automatic", *_centre_width(low, high))
        shown += [fits] if fits.name not in {one.name for one in shown} else []
    return tuple(shown)


def _middle(slices: Array, volume: Volume, windows: tuple[Window, ...]) -> int:
    """The slice with as much to see before it as behind it, so that empty ends do not count."""
    low, high = 0.0, 255.0
    if windows:
        low, high = windows[0].centre - windows[0].width / 2, windows[0].centre + windows[0].width / 2
    seen = [
        float(np.nan_to_num(volume.slope * _few(one[None]).astype(np.float32) + volume.intercept).clip(low, high).std())
        for one in slices
    ]
    if not sum(seen):
        return len(slices) // 2
    return int(np.searchsorted(np.cumsum(seen), sum(seen) / 2))


def _spacing(volume: Volume) -> tuple[float, float, float]:
    axes = _AXES[volume.views[0]]
    return cast(tuple[float, float, float], tuple(round(volume.spacing[2 - axis], 6) for axis in axes))
