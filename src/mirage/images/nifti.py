"""NIfTI files, packed or not, as volumes. nibabel reads the header; voxels are read once, and no further than it says.

Only shape, type, scaling and the two transforms are taken from a header: its free text could name a patient.
"""

from __future__ import annotations

import gzip
import html
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel as nib
import numpy as np

from mirage.errors import BadPicture
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits, megabytes
from mirage.images.notes import BROKEN, ONE_VOLUME, SIDES_UNKNOWN, TWO_WAYS, UNSCALED
from mirage.images.volume import (
    Array,
    View,
    Volume,
    check_affine,
    check_size,
    corners,
    from_ras,
    nearest_axes,
    oriented,
    views_of,
)
from mirage.locales import number
from mirage.wording import _

_GZIP = b"\x1f\x8b"
_LONGER = 1.2
_MILLIMETRES = {1: 1000.0, 3: 0.001}  # of a metre and a micrometre, by the code that a header has for them
_MOST_WORDS = 2**20
_LABEL = re.compile(
    r"""<Label\s[^>]{0,300}?\bKey="(\d{1,6})"[^>]{0,300}>(?:<!\[CDATA\[([^]<]{1,300})]]>|([^<]{1,300}))</Label>"""
)
_MOST_SKIPPED = 16 * 2**20  # header extensions before the voxels; real ones have some kB


def read_nifti(data: bytes | Path, name: str = "", limits: Limits = DEFAULT_LIMITS, number: int = 1) -> Volume:
    """Read a NIfTI file.

    Parameters
    ----------
    data : bytes or Path
    name : str
        What to call the file in messages.
    limits : Limits
    number : int
        Of a file with several volumes (4D), which one, from 1.

    Raises
    ------
    mirage.errors.BadPicture
        When it is no NIfTI, is damaged or cut short, is too large, or does not say where its voxels lie.
    mirage.errors.Busy
    """
    name = name or (data.name if isinstance(data, Path) else _("the NIfTI file"))
    with _opened(data, name, limits) as file:
        described = _described(file, name, limits)
        return _read(file, described, name, number)


def nifti_place(data: BinaryIO, name: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Volume, tuple[tuple[int, str], ...]]:
    """Say where the voxels of a NIfTI file lie, and what its labels are called, without reading its voxels.

    Parameters
    ----------
    data : binary file
    name : str
        What to call the file in messages.
    limits : Limits

    Returns
    -------
    (Volume, tuple of (int, str))
        The volume with zeros for voxels, which take no memory; and the names that the header holds, as programs write them
        that mark structures.

    Raises
    ------
    mirage.errors.BadPicture
    """
    with _opened(data, name, limits) as file:
        described = _described(file, name, limits)
        colour = described.dtype.fields is not None
        nothing = np.broadcast_to(np.int8(0), (*described.shape, 3) if colour else described.shape)
        turned, placed = oriented(nothing, described.affine, name)
        words = file.read(min(described.skipped, _MOST_WORDS)) if described.skipped > 0 else b""
        place = Volume(turned, placed, sides_known=described.sides_known, notes=described.notes, views=described.views)
        return place, _label_table(words)


def _label_table(words: bytes) -> tuple[tuple[int, str], ...]:
    """The names of labels in an extension of the header, as the Connectome Workbench and TotalSegmentator write them."""
    # No XML parser: it would follow what a stranger's document tells it to.
    found: list[tuple[str, str, str]] = _LABEL.findall(words.decode("utf-8", "replace"))
    return tuple((int(key), plain or html.unescape(escaped)) for key, plain, escaped in found)


@contextmanager
def _opened(data: bytes | Path | BinaryIO, name: str, limits: Limits) -> Iterator[BinaryIO]:
    try:
        size = data.stat().st_size if isinstance(data, Path) else len(data) if isinstance(data, bytes) else data.seek(0, 2)
        if size > limits.dicom_bytes:
            raise BadPicture(
                _(
                    "%(name)s has %(size)s, and the limit is %(dicom_bytes)s.",
                    name=name,
                    size=megabytes(size),
                    dicom_bytes=megabytes(limits.dicom_bytes),
                )
            )
        with data.open("rb") if isinstance(data, Path) else io.BytesIO(data) if isinstance(data, bytes) else data as raw:
            raw.seek(0)
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadPicture(
            _("%(name)s is damaged or cut short: it cannot be unpacked. Copy or download it again.", name=name)
        ) from error
    except OSError as error:
        raise BadPicture(
            _("%(name)s cannot be read: %(strerror)s. Check the file.", name=name, strerror=error.strerror or error)
        ) from error


@dataclass(frozen=True, slots=True)
class _Described:
    """What a header says of the voxels."""

    header: Any
    shape: tuple[int, ...]
    volumes: int
    dtype: Any
    size: int
    skipped: int
    affine: Array
    sides_known: bool
    views: tuple[View, ...]
    notes: tuple[str, ...]


def _described(file: BinaryIO, name: str, limits: Limits) -> _Described:
    header, used = _header(file, name)
    shape, dtype = tuple(int(length) for length in header.get_data_shape()), header.get_data_dtype()
    if dtype.kind not in "iuf" and not (dtype.fields is not None and {"R", "G", "B"} <= set(dtype.names or ())):
        raise BadPicture(
            _(
                "%(name)s holds voxels of a kind that is no picture (%(dtype)s). Export them as numbers.",
                name=name,
                dtype=dtype,
            )
        )
    if len(shape) < 3:
        shape = (*shape, *(1,) * (3 - len(shape)))
    volumes = int(np.prod(shape[3:], dtype=object))
    shape = shape[:3]
    size = check_size(shape, dtype.itemsize, name, limits)
    affine, sides_known, notes = _affine(header, shape, name)
    affine[:3] *= _MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    begin = float(header["vox_offset"])
    if not 0 <= begin - used <= _MOST_SKIPPED:  # nor is it when it is no number
        raise BadPicture(
            _(
                "%(name)s says that its voxels begin at byte %(begin)s, which cannot be. Convert it again.",
                name=name,
                begin=number(begin),
            )
        )
    skipped = int(begin) - used
    # One or two slices are no volume that could be cut otherwise.
    flat = min(shape) < 3
    views, more = views_of(affine, int(np.argmin(shape)) if flat else _along(affine), even=not flat)
    return _Described(header, shape, volumes, dtype, size, skipped, affine, sides_known, views, (*notes, *more))


def _read(file: BinaryIO, described: _Described, name: str, number: int) -> Volume:
    header, size, notes = described.header, described.size, described.notes
    colour = described.dtype.fields is not None
    if not 1 <= number <= described.volumes:
        raise BadPicture(
            _("%(name)s has no volume %(number)s; it has %(volumes)s.", name=name, number=number, volumes=described.volumes)
        )
    if described.volumes > 1:
        notes = (*notes, ONE_VOLUME % {"volumes": described.volumes, "number": number})
    with BUDGET.reserve(2 * size, name=name):
        _skip(file, described.skipped + (number - 1) * size, name)
        voxels = _voxels(file, size, described.dtype, described.shape, name)
        try:
            slope, intercept = header.get_slope_inter()
        except nib.spatialimages.HeaderDataError:
            slope = intercept = None
            notes = (*notes, UNSCALED)
        turned, placed = oriented(voxels, described.affine, name)
        return Volume(
            np.ascontiguousarray(turned),
            placed,
            1.0 if slope is None or colour else float(slope),
            0.0 if intercept is None or colour else float(intercept),
            sides_known=described.sides_known,
            notes=notes,
            views=described.views,
        )


def _along(affine: Array) -> int:
    """The array axis along which slices follow each other: the one with the largest steps, else from feet to head."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    largest = int(lengths.argmax())
    return largest if lengths[largest] > _LONGER * np.delete(lengths, largest).max() else nearest_axes(affine)[2]


def _header(file: BinaryIO, name: str) -> tuple[Any, int]:
    """The header, and how many bytes it took."""
    start = file.read(4)
    sizes = {int.from_bytes(start, order) for order in ("little", "big")}
    kind, length = (nib.Nifti2Header, 540) if 540 in sizes else (nib.Nifti1Header, 348)
    try:
        header = kind(start + file.read(length - 4), check=False)
        magic = bytes(header["magic"].tobytes())
    except nib.wrapstruct.WrapStructError as error:
        raise BadPicture(
            _("%(name)s is no NIfTI file, or is cut short in its header. Copy or download it again.", name=name)
        ) from error
    if not sizes & {348, 540} or magic[:3] not in (b"n+1", b"n+2"):
        alone = _("Convert it to NIfTI (.nii.gz), or leave it out.")
        joined = _("Its voxels are in a file of their own (.img): join them into one .nii.")
        separate = joined if magic[:2] == b"ni" else alone
        raise BadPicture(_("%(name)s is no NIfTI file that holds its voxels. %(separate)s", name=name, separate=separate))
    try:
        header.get_data_dtype()
        if min(header.get_data_shape(), default=0) < 1:
            raise ValueError
    except (nib.spatialimages.HeaderDataError, KeyError, ValueError) as error:
        raise BadPicture(
            _("%(name)s has a header that describes no voxels. Convert it again from its source.", name=name)
        ) from error
    return header, length


def _skip(file: BinaryIO, count: int, name: str) -> None:
    while count:
        block = file.read(min(count, 2**20))
        if not block:
            raise BadPicture(_("%(name)s is cut short before its voxels. Copy or download it again.", name=name))
        count -= len(block)


def _voxels(file: BinaryIO, size: int, dtype: Any, shape: tuple[int, ...], name: str) -> Array:
    """The voxels at the depth of the source, in the byte order of this machine."""
    values = np.empty(size // dtype.itemsize, dtype)
    into, have = memoryview(cast(Any, values.view(np.uint8))), 0
    while have < size:
        block = file.read(min(size - have, 2**22))
        if not block:
            raise BadPicture(
                _(
                    "%(name)s is cut short: it holds %(have)s of the voxels that its header announces. "
                    "Copy or download it again.",
                    name=name,
                    have=format(have / size, ".0%"),
                )
            )
        into[have : have + len(block)] = block
        have += len(block)
    if dtype.fields is not None:
        return np.stack([values[part].reshape(shape, order="F") for part in "RGB"], axis=-1)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            native = values.astype(np.float32)
        if not np.isfinite(native).any():
            what = _("too large to be shown") if np.isfinite(values).any() else _("no numbers")
            raise BadPicture(
                _(
                    "%(name)s holds no picture: all of its values are %(what)s. Convert it again from its source.",
                    name=name,
                    what=what,
                )
            )
    else:
        native = values.astype(dtype.newbyteorder("="), copy=False)
    return native.reshape(shape, order="F")


def _affine(header: Any, shape: tuple[int, ...], name: str) -> tuple[Array, bool, tuple[str, ...]]:
    """Where voxels lie, in LPS; whether sides are known; and what to say of it."""
    found: dict[str, Array] = {}
    broken = []
    for kind, code, read in (("sform", "sform_code", header.get_sform), ("qform", "qform_code", header.get_qform)):
        if int(header[code]) <= 0:
            continue
        try:
            affine = from_ras(read())
            check_affine(affine, name)
            found[kind] = affine
        except (BadPicture, ValueError, nib.spatialimages.HeaderDataError):
            broken.append(kind)
    if broken and not found:
        check_affine(np.full((4, 4), np.nan), name)
    if not found:
        affine = from_ras(header.get_base_affine())
        check_affine(affine, name)
        return affine, False, (SIDES_UNKNOWN,)
    notes = tuple(BROKEN % {"broken": kind, "used": next(iter(found))} for kind in broken)
    if len(found) == 2:
        one, other = found["sform"], found["qform"]
        signs = [[np.sign(a[w, x]) for w, x in enumerate(nearest_axes(a))] for a in (one, other)]
        if nearest_axes(one) != nearest_axes(other) or signs[0] != signs[1]:
            raise BadPicture(
                _(
                    "%(name)s contradicts itself: its qform and sform turn the patient differently, so "
                    "that left could be right. Convert it again from its source.",
                    name=name,
                )
            )
        apart = float(np.abs(corners(one, shape[::-1]) - corners(other, shape[::-1])).max())
        if apart > 1.0:
            notes = (TWO_WAYS % {"apart": f"{apart:.0f}"},)
    return next(iter(found.values())), True, notes
