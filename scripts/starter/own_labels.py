"""Labels that no publisher drew: thresholds and a drawing of MIRAGE's own, which no radiologist has checked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from .scan import Array, Scan

BONE_AND_MORE = 900  # HU; brighter than contrast medium in the aorta
METAL = 1800  # HU; denser than any bone
DENSE = 200  # HU; without contrast medium nothing in a kidney is
AIR = -500  # HU

# The wall of the aneurysm: slice -> centre (x, y) and half-axes (x, y) of an ellipse, straight lines between. Read off the
# calcified wall and the smoothed density.
SAC = {
    66: (63, 37, 31, 28), 72: (65, 35, 37, 34), 84: (68, 33, 42, 43), 96: (68, 34, 44, 44), 108: (70, 34, 47, 45),
    120: (71, 34, 48, 44), 132: (71, 33, 46, 44), 144: (73, 33, 44, 43), 150: (73, 35, 42, 42), 156: (75, 37, 41, 40),
    162: (75, 38, 37, 37), 168: (73, 36, 33, 35), 174: (76, 40, 27, 33),
}  # fmt: skip


def largest_piece(mask: Array, gap: int = 2) -> Array:
    """Keep the largest connected piece, with gaps of a few voxels bridged."""
    pieces, _ = ndimage.label(ndimage.binary_dilation(mask, iterations=gap))
    kept: Array = mask & (pieces == np.bincount(pieces[mask]).argmax())
    return kept


def aortic_wire(scan: Scan) -> Array:
    """Mark the wire of a stent graft in and beside the aorta."""
    near = ndimage.binary_dilation(scan.labels["aorta"], iterations=2)
    return largest_piece((scan.voxels > BONE_AND_MORE) & near)


def kidney_outline(kidney: Array) -> Array:
    """Fill each axial section of a kidney with its sinus, which the label leaves out."""
    filled = np.zeros_like(kidney)
    for k in np.flatnonzero(kidney.any((0, 1))):
        closed = ndimage.binary_closing(np.pad(kidney[:, :, k], 10), iterations=6)[10:-10, 10:-10]
        filled[:, :, k] = ndimage.binary_fill_holes(closed)
    return filled


def kidney_spots(scan: Scan, side: str) -> Array:
    """Mark dense spots inside the outline of the kidney of one side."""
    spots: Array = (scan.voxels > DENSE) & kidney_outline(scan.labels[f"kidney_{side}"])
    return spots


def sac(shape: tuple[int, ...]) -> Array:
    """Fill the ellipses of `SAC`."""
    mask = np.zeros(shape, bool)
    x, y = np.mgrid[: shape[0], : shape[1]]
    keys = sorted(SAC)
    for k in range(keys[0], keys[-1] + 1):
        cx, cy, rx, ry = (np.interp(k, keys, [SAC[key][n] for key in keys]) for n in range(4))
        mask[:, :, k] = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1
    return mask


def body(voxels: Array) -> Array:
    """Mark the body of a CT slice by slice: tissue with what it encloses, and a margin; table and clothes are outside."""
    found = np.zeros(voxels.shape, bool)
    for k in range(voxels.shape[2]):
        tissue = ndimage.binary_opening(voxels[:, :, k] > -400, iterations=2)
        pieces, count = ndimage.label(tissue)
        if count:
            sizes = np.bincount(pieces.ravel())[1:]
            kept = np.isin(pieces, 1 + np.flatnonzero(sizes > 0.05 * sizes.max()))
            found[:, :, k] = ndimage.binary_dilation(ndimage.binary_fill_holes(kept), iterations=3)
    return found


def windpipe(air: Array, spacing: tuple[float, ...]) -> Array:
    """Follow the windpipe down from the top: a small round hole of air, until it widens to divide."""
    mask = np.zeros(air.shape, bool)
    area_of = spacing[0] * spacing[1]
    middle = np.array(air.shape[:2]) / 2
    before: Array | None = None
    for k in range(air.shape[2] - 1, -1, -1):
        pieces, count = ndimage.label(air[:, :, k])
        sizes = np.bincount(pieces.ravel())[1:] * area_of
        fitting = [n + 1 for n in range(count) if 80 <= sizes[n] <= 700]
        if before is None:
            near = [
                n for n in fitting
                if np.abs(np.argwhere(pieces == n).mean(axis=0) - middle)[0] * spacing[0] < 30
            ]  # fmt: skip
            chosen = max(near, key=lambda n: sizes[n - 1], default=0)
        else:
            inside = np.bincount(pieces[before], minlength=count + 1)[1:]
            chosen = int(inside.argmax()) + 1 if inside.size and inside.max() else 0
            widened = chosen and sizes[chosen - 1] > 1.5 * before.sum() * area_of
            divided = (inside >= 0.2 * inside.max()).sum() > 1 if chosen else False
            if not chosen or widened or divided or chosen not in fitting:
                break
        if chosen:
            before = pieces == chosen
            mask[:, :, k] = before
    return mask


def with_airways(scan: Scan) -> Scan:
    """Add both lungs and the windpipe of a chest CT whose air outside the body is flattened already."""
    air = ndimage.binary_opening((scan.voxels < AIR) & body_inside(scan.voxels))
    trachea = windpipe(air, scan.spacing)
    rest = air & ~ndimage.binary_dilation(trachea, iterations=2)
    steps = max(1, round(4 / scan.spacing[0]))
    disc = ndimage.iterate_structure(ndimage.generate_binary_structure(3, 1), 1)
    disc[:, :, 0] = disc[:, :, 2] = False  # within a slice: slices may lie far apart
    cores, count = ndimage.label(ndimage.binary_erosion(rest, disc, iterations=steps))
    sizes = np.bincount(cores.ravel())[1:]
    pair = sorted(np.argsort(sizes)[-2:] + 1, key=lambda n: float(np.argwhere(cores == n)[:, 0].mean()))
    volume = float(np.prod(scan.spacing)) / 1000
    if count < 2 or min(sizes[n - 1] for n in pair) * volume < 300:
        raise SystemExit("The lungs could not be told apart. Their labels would be wrong.")
    seeds = np.where(np.isin(cores, pair), cores, 0)
    nearest = ndimage.distance_transform_edt(seeds == 0, scan.spacing, return_distances=False, return_indices=True)
    owner = seeds[tuple(nearest)]
    near = ndimage.binary_dilation(seeds > 0, disc, iterations=3 * steps)
    right, left = (rest & near & (owner == n) for n in pair)
    found = {"own_lung_right": right, "own_lung_left": left, "own_trachea": trachea}
    # Drawn first, so that what the publisher marked inside a lung lies over it.
    return replace(scan, labels={**{name: mask for name, mask in found.items() if mask.any()}, **scan.labels})


def body_inside(voxels: Array) -> Array:
    """The body without its margin of air."""
    return ndimage.binary_erosion(body(voxels), ndimage.generate_binary_structure(3, 1) & _FLAT, iterations=4)


_FLAT = np.zeros((3, 3, 3), bool)
_FLAT[:, :, 1] = True
