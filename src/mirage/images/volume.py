"""A volume: the voxels of a scan in one order of axes, where they lie in the patient, and its views.

Axes are those of DICOM's patient space, LPS: columns run to the patient's left, rows to the back, slices to the head. Then
a slice as it lies in memory is the axial view as radiologists hang it: the patient's right is on the left of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from mirage.errors import BadPicture
from mirage.figure import StackLabel
from mirage.images.limits import Limits, megabytes
from mirage.images.notes import FAR_APART, OBLIQUE, SKEW
from mirage.wording import N_, _

View = Literal["axial", "coronal", "sagittal"]
Array = np.ndarray[Any, Any]
# Letters at the left, right, top and bottom of a view.
LETTERS: dict[View, tuple[str, str, str, str]] = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "S", "I"),
    "sagittal": ("A", "P", "S", "I"),
}
# Centre and width in Hounsfield units: the usual presets of a workstation.
CT_WINDOWS = {N_("soft tissue"): (40.0, 400.0), "lung": (-600.0, 1500.0), "bone": (400.0, 1800.0), "brain": (40.0, 80.0)}
MOST_LABELS = 255
SHEARED = 0.02  # sideways shift over step, about 1 degree
OWN_WINDOW = N_("as stored")
"""What windows that the file has are called, with a number from the second on."""
MOST_STRETCHED = 10.0
"""Where slices lie further apart than that many pixels, other views than their own would show little."""
_OBLIQUE_BELOW = 0.85
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Volume:
    """Voxels and where they lie. Nothing that names a patient is kept.

    Attributes
    ----------
    voxels : (slices, rows, columns) or (slices, rows, columns, 3) array
        As stored, before rescaling.
    affine : (4, 4) array
        From (column, row, slice, 1) to millimetres in LPS.
    slope, intercept : float
        ``slope * voxel + intercept`` is what a window means (Hounsfield units in CT).
    modality : str
        A key of `mirage.figure.MODALITIES`; empty where the file does not say.
    windows : tuple of (str, float, float)
        Name, centre and width; the file's own first.
    slice_windows : tuple of (float, float)
        Centre and width of each slice along the first view, for the first of `windows`; empty where they do not differ.
    curve : {"", "sigmoid"}
        How the file's own windows make values grey, as `mirage.figure.Window` has it.
    sides_known : bool
        False when the file does not say which side is left; then views have no letters.
    notes : tuple of str
        What a person should know of how it was read, in words. They name no file, because its name may name a patient.
    views : tuple of str
        Those that may be shown: one alone where slices are missing, uneven or sheared, because others would be distorted.
        The first is the one in which it was taken, as far as that is known.
    spacing_known : bool
        False when the file does not say how large a voxel is; then nothing is measured.
    labels : (slices, rows, columns) array or None
        Which structure each voxel belongs to, 0 for none.
    label_names : tuple of (int, str)
        What each value of `labels` is.
    labels_by : str
        Who, or which program, marked them.
    best : int or None
        The slice, along the first view, that stands for the whole; None for one that shows much.
    left_out : tuple of (str, str)
        Files that belong to it and could not be used, by the names that the person knows, each with its reason. They are
        told to who adds it, and not kept.
    """

    voxels: Array
    affine: Array
    slope: float = 1.0
    intercept: float = 0.0
    modality: str = ""
    windows: tuple[tuple[str, float, float], ...] = ()
    sides_known: bool = True
    notes: tuple[str, ...] = ()
    views: tuple[View, ...] = ("axial", "coronal", "sagittal")
    spacing_known: bool = True
    labels: Array | None = None
    label_names: tuple[tuple[int, str], ...] = ()
    labels_by: str = ""
    best: int | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    slice_windows: tuple[tuple[float, float], ...] = ()
    curve: str = ""

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres from one column, row and slice to the next."""
        across, down, along = (float(np.linalg.norm(self.affine[:3, axis])) for axis in range(3))
        return across, down, along

    def count(self, view: View) -> int:
        """Return how many slices a view has."""
        return int(self.voxels.shape[{"axial": 0, "coronal": 1, "sagittal": 2}[view]])

    def slice(self, view: View, number: int) -> Array:
        """Return a slice as it is hung, in stored values.

        Parameters
        ----------
        view : {"axial", "coronal", "sagittal"}
        number : int
            From 0: from the feet, from the front, from the patient's right.
        """
        if view not in self.views:
            raise BadPicture(
                _(
                    "This volume has no %(view)s view: its slices are not even. It has the %(views)s one.",
                    view=view,
                    views=self.views[0],
                )
            )
        if not 0 <= number < self.count(view):
            raise BadPicture(
                _(
                    "There is no %(view)s slice %(number)s; this volume has %(view2)s, counted from 0.",
                    view=view,
                    number=number,
                    view2=self.count(view),
                )
            )
        return hung(self.voxels, view)[number]  # type: ignore[no-any-return]

    def letters(self, view: View) -> tuple[str, str, str, str] | None:
        """Return the letters at the left, right, top and bottom of a view; None when the sides are not known."""
        return LETTERS[view] if self.sides_known else None

    def pixel_spacing(self, view: View) -> tuple[float, float]:
        """Return millimetres between the rows and the columns of a view."""
        across, down, along = self.spacing
        return {"axial": (down, across), "coronal": (along, across), "sagittal": (along, down)}[view]


def hung(voxels: Array, view: View) -> Array:
    """Return voxels (slices, rows, columns[, 3]) as the slices of a view, each as it is hung; no copy is made.

    Parameters
    ----------
    voxels : (slices, rows, columns) or (slices, rows, columns, 3) array
        As in `Volume`.
    view : {"axial", "coronal", "sagittal"}
    """
    more = range(3, voxels.ndim)
    if view == "axial":
        return voxels
    return voxels[::-1].transpose(*((1, 0, 2) if view == "coronal" else (2, 0, 1)), *more)


def unhung(slices: Array, view: View) -> Array:
    """Return the slices of a view as voxels, which undoes `hung`; no copy is made.

    Parameters
    ----------
    slices : (slices, rows, columns) or (slices, rows, columns, 3) array
    view : {"axial", "coronal", "sagittal"}
    """
    more = range(3, slices.ndim)
    if view == "axial":
        return slices
    return slices.transpose(*((1, 0, 2) if view == "coronal" else (1, 2, 0)), *more)[::-1]


def windows_of(modality: str, own: tuple[tuple[float, float], ...] = ()) -> tuple[tuple[str, float, float], ...]:
    """Windows to offer: the file's own, then the presets of its modality.

    Parameters
    ----------
    modality : str
    own : tuple of (float, float)
        Centre and width, as the file gives them.
    """
    wanted = [pair for pair in dict.fromkeys(own) if pair[1] > 0]
    named = tuple((OWN_WINDOW + (f" {n}" if n > 1 else ""), *pair) for n, pair in enumerate(wanted, 1))
    return named + tuple((name, *pair) for name, pair in CT_WINDOWS.items() if modality == "CT" and pair not in wanted)


def oriented(voxels: Array, affine: Array, name: str) -> tuple[Array, Array]:
    """Turn and flip axes until they run as nearly as they can to the patient's left, back and head.

    Parameters
    ----------
    voxels : (i, j, k) or (i, j, k, 3) array
    affine : (4, 4) array
        From (i, j, k, 1) to millimetres in LPS.
    name : str
        What to call the file in messages.

    Returns
    -------
    (array, array)
        (slices, rows, columns[, 3]) without a copy, and the affine of (column, row, slice, 1).
    """
    check_affine(affine, name)
    axes = nearest_axes(affine)
    turned, result = voxels, affine.copy()
    for axis in range(3):
        if affine[axes.index(axis), axis] < 0:
            turned = np.flip(turned, axis)
            result[:3, 3] += result[:3, axis] * (voxels.shape[axis] - 1)
            result[:3, axis] *= -1
    result[:3, :3] = result[:3, axes]
    return turned.transpose(axes[2], axes[1], axes[0], *range(3, voxels.ndim)), result


def nearest_axes(affine: Array) -> list[int]:
    """Return which array axis runs most nearly to the left, to the back and to the head, each axis once."""
    cosines = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    axes = [0, 0, 0]
    for _other in range(3):
        world, axis = np.unravel_index(int(np.argmax(cosines)), (3, 3))
        axes[world] = int(axis)
        cosines[world, :] = cosines[:, axis] = -1.0
    return axes


def views_of(affine: Array, along: int, even: bool) -> tuple[tuple[View, ...], tuple[str, ...]]:
    """Say in which planes a volume can be shown, the one of its slices first, and what a person should know of that.

    Parameters
    ----------
    affine : (4, 4) array
        As for `oriented`.
    along : int
        The array axis along which slices follow each other.
    even : bool
        Whether they do so evenly.
    """
    by_axis: tuple[View, View, View] = ("sagittal", "coronal", "axial")
    native = by_axis[nearest_axes(affine).index(along)]
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    cosines = affine[:3, :3] / lengths
    notes = []
    if even and np.abs(np.triu(cosines.T @ cosines, 1)).max() > SHEARED:
        notes.append(SKEW)
        even = False
    if even and lengths[along] > MOST_STRETCHED * np.delete(lengths, along).min():
        notes.append(FAR_APART % {"apart": f"{lengths[along]:.1f}"})
        even = False
    if np.abs(cosines).max(axis=0).min() < _OBLIQUE_BELOW:
        notes.append(OBLIQUE)
    others: tuple[View, ...] = tuple(view for view in ("axial", "coronal", "sagittal") if view != native)
    return (native, *others) if even else (native,), tuple(notes)


def check_affine(affine: Array, name: str) -> None:
    """Refuse an affine that places no voxel: not finite, without volume, or with axes that nearly coincide."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0) if np.isfinite(affine).all() else np.zeros(3)
    if not (lengths > 1e-6).all() or abs(np.linalg.det(affine[:3, :3] / lengths)) < 0.1:
        raise BadPicture(
            _(
                "%(name)s has a broken affine: it does not say where its voxels lie. Convert it again from its source.",
                name=name,
            )
        )


def check_size(shape: tuple[int, ...], each: int, name: str, limits: Limits) -> int:
    """Refuse a volume that is too large, from its header alone; return its bytes.

    Parameters
    ----------
    shape : tuple of int
    each : int
        Bytes of a voxel.
    name : str
    limits : Limits
    """
    if not shape or min(shape) < 1:
        raise BadPicture(
            _("%(name)s has no voxels: its header says %(str)s.", name=name, str=" × ".join(map(str, shape)) or _("nothing"))
        )
    size = each
    for length in shape:
        size *= int(length)
    if size > limits.volume_bytes:
        raise BadPicture(
            _(
                "%(name)s is a volume of %(size)s once unpacked, and the limit is %(volume_bytes)s. "
                "Crop it, or export every second slice.",
                name=name,
                size=megabytes(size),
                volume_bytes=megabytes(limits.volume_bytes),
            )
        )
    return size


def check_labels(labels: Volume, volume: Volume, name: str, of: str = "") -> None:
    """Refuse labels that do not lie on the voxels of a volume.

    Parameters
    ----------
    labels, volume : Volume
    name, of : str
        What to call the file of the labels, and the volume.
    """
    if labels.voxels.ndim > 3:
        raise BadPicture(
            _("%(name)s holds no labels but colours. Save the labels as whole numbers, one a voxel.", name=name)
        )
    values = _marks(labels)
    if values.dtype.kind not in "iub" and not np.array_equal(values, np.rint(values)):
        raise BadPicture(_("%(name)s holds no labels: its values are not whole numbers.", name=name))
    if labels.voxels.shape != volume.voxels.shape[:3]:
        has, wants = (" × ".join(map(str, one.voxels.shape[:3])) for one in (labels, volume))
        raise BadPicture(
            _(
                "%(name)s has labels of %(has)s voxels, and %(of)s has %(wants)s. Resample them to it.",
                name=name,
                has=has,
                of=of or _("the volume"),
                wants=wants,
            )
        )
    if np.abs(corners(labels.affine, labels.voxels.shape) - corners(volume.affine, volume.voxels.shape)).max() > 1.0:
        raise BadPicture(
            _(
                "%(name)s has labels that lie elsewhere in the patient than %(of)s does. Resample them to it.",
                name=name,
                of=of or _("the volume"),
            )
        )


def _marks(labels: Volume) -> Array:
    """The values that a file of labels means: as stored, unless its header scales them."""
    if (labels.slope, labels.intercept) == (1.0, 0.0):
        return labels.voxels
    return labels.voxels * labels.slope + labels.intercept


def labelled(
    volume: Volume, labels: Volume, names: Sequence[tuple[int, str]] = (), *, by: str = "", name: str = ""
) -> Volume:
    """Add labels to a volume.

    Parameters
    ----------
    volume, labels : Volume
    names : sequence of (int, str)
        What each value is; one without a name is called by its number.
    by : str
        Who, or which program, marked them.
    name : str
        What to call the file of the labels in messages.

    Raises
    ------
    mirage.errors.BadPicture
        When they are no labels, or do not lie on the volume's voxels.
    """
    check_labels(labels, volume, name or _("the labels"))
    values = _marks(labels)
    values = np.rint(values).astype(np.int64) if values.dtype.kind == "f" else values
    if values.min() < 0:
        raise BadPicture(_("%(name)s has labels below 0. Number the structures from 1, with 0 for none.", name=name))
    if int(values.max()) > MOST_LABELS:  # as programs number them that mark hundreds of structures, of which few are there
        there = np.unique(values)
        there = there[there > 0]
        if len(there) > MOST_LABELS:
            raise BadPicture(
                _(
                    "%(name)s marks %(there)s structures, and the limit is %(MOST_LABELS)s. Leave some out.",
                    name=name,
                    there=len(there),
                    MOST_LABELS=MOST_LABELS,
                )
            )
        values = np.where(values > 0, np.searchsorted(there, values) + 1, 0)
        known = dict(names)
        names = [(number, known.get(value, f"structure {value}")) for number, value in enumerate(there.tolist(), 1)]
    return replace(volume, labels=values.astype(np.uint8), label_names=tuple(names), labels_by=by)


def labels_of(volume: Volume) -> tuple[StackLabel, ...]:
    """Return the structures that are marked in a volume, and along its first view where each begins, is largest and ends.

    Parameters
    ----------
    volume : Volume

    Raises
    ------
    mirage.errors.BadPicture
        When its labels do not lie on its voxels.
    """
    if volume.labels is None:
        return ()
    if volume.labels.shape != volume.voxels.shape[:3] or volume.labels.min() < 0 or volume.labels.max() > 255:
        raise BadPicture(_("The volume's labels are no whole numbers from 0 to 255 for each of its voxels."))
    counts = np.stack(
        [
            np.bincount(one.ravel().astype(np.uint8), minlength=256)
            for one in hung(volume.labels, volume.views[0])
        ]
    )  # fmt: skip
    names = dict(volume.label_names)
    found = []
    for value in np.flatnonzero(counts.sum(0)[1:]) + 1:
        there = np.flatnonzero(counts[:, value])
        best = int(counts[:, value].argmax())
        name = names.get(int(value), "").strip() or f"structure {value}"
        found.append(StackLabel(int(value), name, int(there[0]), best, int(there[-1])))
    return tuple(found)


def corners(affine: Array, shape: tuple[int, ...]) -> Array:
    """Return the (8, 3) corners of an array of (slices, rows, columns) in millimetres."""
    ends = [(0, shape[2 - axis] - 1) for axis in range(3)]
    points = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]], dtype=float)
    placed: Array = (points @ affine.T)[:, :3]
    return placed


def from_ras(affine: Array) -> Array:
    """Bring an affine to RAS, as NIfTI has it, to one to LPS."""
    turned: Array = _RAS_TO_LPS @ np.asarray(affine, dtype=float)
    return turned
