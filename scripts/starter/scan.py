"""Volumes of the packages, all in one patient space."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nibabel
import numpy as np

Array = np.ndarray[Any, Any]
AXES = {"sagittal": 0, "coronal": 1, "axial": 2}


@dataclass(frozen=True, slots=True)
class Scan:
    """Voxels with labels.

    ``voxels[i, j, k]``: i grows to the patient's left, j to the back, k to the head (DICOM's patient space, LPS).

    Attributes
    ----------
    voxels : (i, j, k) array
    affine : (4, 4) array
        From (i, j, k, 1) to millimetres in LPS.
    labels : dict of str to array of bool
        Structures by the publisher's names, on the same grid; they may overlap.
    """

    voxels: Array
    affine: Array
    labels: dict[str, Array] = field(default_factory=dict)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Millimetres along i, j, k."""
        return tuple(np.linalg.norm(self.affine[:3, :3], axis=0).round(6).tolist())

    def without(self, names: Iterable[str]) -> Scan:
        """Drop labels, those that begin with a name that ends in "*" too."""
        stems = tuple(name.rstrip("*") for name in names if name.endswith("*"))
        kept = {
            name: mask for name, mask in self.labels.items() if name not in names and not name.startswith(stems or ("\0",))
        }
        return replace(self, labels=kept)

    def part(self, start: tuple[int, int, int], end: tuple[int, int, int]) -> Scan:
        """Cut a block out; labels that have nothing in it are dropped."""
        block = tuple(slice(low, high) for low, high in zip(start, end, strict=True))
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.asarray(start, float)
        labels = {name: mask[block] for name, mask in self.labels.items()}
        return Scan(self.voxels[block], affine, {name: mask for name, mask in labels.items() if mask.any()})

    def cut(self, array: Array, plane: str, number: int) -> Array:
        """Cut a slice of an array on this grid, hung as a radiologist does: right, or front, on the left of the picture."""
        section = np.take(array, number, axis=AXES[plane])
        return section.T if plane == "axial" else section[:, ::-1].T


def to_lps(voxels: Array, ras: Array) -> tuple[Array, Array]:
    """Reorder and flip whole axes until they are those of a `Scan`; nothing is resampled."""
    image = nibabel.Nifti1Image(voxels, ras)
    turn = nibabel.orientations.ornt_transform(nibabel.io_orientation(ras), nibabel.orientations.axcodes2ornt("LPS"))
    turned = image.as_reoriented(turn)
    return np.asanyarray(turned.dataobj), np.diag([-1.0, -1.0, 1.0, 1.0]) @ turned.affine


def read_nifti(path: Path) -> tuple[Array, Array]:
    """Read a NIfTI file: voxels and affine as in a `Scan`."""
    image = nibabel.load(path)
    return to_lps(np.asanyarray(image.dataobj), image.affine)


def read_nrrd(path: Path) -> tuple[Array, Array]:
    """Read a NRRD file of the one kind that is needed: three dimensions, gzip, in LPS."""
    head, _, data = path.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode("ascii").split("\n")[1:] if ": " in line and line[0] != "#")
    wanted = ("left-posterior-superior", "gzip", "little")
    if tuple(fields[name] for name in ("space", "encoding", "endian")) != wanted:
        raise SystemExit(f"{path.name} is another kind of NRRD file. Not used.")
    kind = {"int": "<i4", "short": "<i2", "unsigned char": "u1"}[fields["type"]]
    shape = [int(length) for length in fields["sizes"].split()]
    lps = np.eye(4)
    directions = [vector.strip("()").split(",") for vector in fields["space directions"].split()]
    lps[:3, :3] = np.array(directions, float).T
    lps[:3, 3] = [float(part) for part in fields["space origin"].strip("()").split(",")]
    voxels = np.frombuffer(gzip.decompress(data), kind).reshape(shape, order="F")
    return to_lps(voxels, np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps)


def placed(voxels: Array, here: Array, shape: tuple[int, ...], affine: Array) -> Array:
    """Put a cropped volume where it belongs on the full grid; anything but a shift by whole voxels is refused."""
    if voxels.shape == tuple(shape) and np.allclose(here, affine, atol=1e-3):
        return voxels
    if not np.allclose(here[:3, :3], affine[:3, :3], atol=1e-4):
        raise SystemExit("Labels have another spacing or orientation than their volume. Not used.")
    shift = np.linalg.solve(affine[:3, :3], here[:3, 3] - affine[:3, 3])
    start = np.rint(shift).astype(int)
    if np.abs(shift - start).max() > 0.02:
        raise SystemExit("Labels lie between the voxels of their volume. Not used.")
    full = np.zeros(shape, voxels.dtype)
    low, high = np.maximum(start, 0), np.minimum(start + voxels.shape, shape)
    inner = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
    full[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = voxels[inner]
    return full


def read_label_map(path: Path, scan: Scan) -> Scan:
    """Add the labels of a map whose names stand in the file, as TotalSegmentator writes them."""
    extension = nibabel.load(path).header.extensions[0].get_content()
    text = extension.decode() if isinstance(extension, bytes) else extension
    names = {
        int(label.attrib["Key"]): label.text for label in ElementTree.fromstring(text[: text.rindex(">") + 1]).iter("Label")
    }
    values = placed(*read_nifti(path), scan.voxels.shape, scan.affine)
    found = {str(names[value]): values == value for value in np.unique(values).tolist() if value}
    return replace(scan, labels={**scan.labels, **found})
