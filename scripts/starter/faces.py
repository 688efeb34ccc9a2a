"""What is removed from a volume before anything of it is kept: faces, the table, clothes."""

from __future__ import annotations

import numpy as np

from .own_labels import body
from .scan import Array, Scan

AIR_OUTSIDE = -1024
# First slice that is kept, and in the slices at the roofs of the orbits the row in front of which everything is blanked.
ORBITS = {"brain1": (11, {11: 66}), "brain2": (8, {8: 68, 9: 64, 10: 52, 11: 44})}
# The first slice from below that must go, because the chin or a necklace begins there.
CHIN = {"aorta": 177, "lung1": 45, "lung2": 56}


def without_face(name: str, scan: Scan) -> Scan:
    """Drop and blank what a face could be rebuilt from."""
    shape = scan.voxels.shape
    if name in CHIN:
        return scan.part((0, 0, 0), (*shape[:2], CHIN[name]))
    if name not in ORBITS:
        return scan
    first, rows = ORBITS[name]
    voxels = scan.voxels.copy()
    for k, row in rows.items():
        voxels[:, :row, k] = 0
    return Scan(voxels, scan.affine, scan.labels).part((0, 0, first), shape)


def without_surroundings(scan: Scan) -> Scan:
    """Crop a CT to the body, and give the air and the table around it one value."""
    inside = body(scan.voxels)
    where = [np.flatnonzero(inside.any(tuple({0, 1, 2} - {axis}))) for axis in (0, 1)]
    start = tuple(max(0, int(found[0]) - 2) for found in where)
    end = tuple(min(length, int(found[-1]) + 3) for found, length in zip(where, scan.voxels.shape, strict=False))
    voxels = np.where(inside, scan.voxels, AIR_OUTSIDE).clip(AIR_OUTSIDE)
    return Scan(voxels, scan.affine, scan.labels).part((*start, 0), (*end, scan.voxels.shape[2]))


def halved(scan: Scan) -> Scan:
    """Halve rows and columns: means of two by two values, labels where half of the four have them."""
    i, j = (length // 2 * 2 for length in scan.voxels.shape[:2])

    def means(array: Array) -> Array:
        return array[:i, :j].reshape(i // 2, 2, j // 2, 2, -1).mean((1, 3))

    affine = scan.affine.copy()
    affine[:3, 3] += (affine[:3, 0] + affine[:3, 1]) / 2
    affine[:3, :2] *= 2
    labels = {name: means(mask) >= 0.5 for name, mask in scan.labels.items()}
    return Scan(np.rint(means(scan.voxels)).astype(np.int16), affine, labels)
