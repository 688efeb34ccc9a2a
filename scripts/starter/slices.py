"""Stacks and the slices of them that teach: near-empty and near-identical ones are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.figure import SlicePlace
from mirage.images.stacks import stack_of
from mirage.images.volume import Volume

from .draft import Draft, Origin
from .names import listed, plain
from .scan import AXES, Array, Scan
from .subjects import SUBJECTS, Mark, Series, Subject

LEAST_MM2, LEAST_SHARE = 20.0, 0.05
LEAST_DEVICE = 6.0  # wire is thin, and brighter than all else
MARKED_SHARE = 0.2  # a smaller scrap of what is ill would not be seen for what it is
# What a window is for, and so what its slices name: in the others' place lies one white, or one black.
SHOWN_IN = {
    "bone": (
        "vertebrae",
        "sacrum",
        "hip",
        "femur",
        "rib",
        "sternum",
        "scapula",
        "clavicula",
        "humerus",
        "costal",
        "metal",
        "stent",
        "renal_calcification",
    ),
    "lung": ("lung", "own_lung", "own_trachea", "trachea"),
}
SHORT = {"axial": "ax", "coronal": "cor", "sagittal": "sag"}  # in ids
NAMED = 8  # structures in a caption
FEW_SLICES = 12  # a mark in no more slices than these has all of them among the figures


@dataclass(frozen=True, slots=True)
class Sections:
    """How much of each structure a plane's slices show.

    Attributes
    ----------
    areas : dict of str to array
        Square millimetres (or pixels) in each slice.
    """

    areas: dict[str, Array]

    def shares(self, number: int, marks: Mapping[str, Mark]) -> dict[str, float]:
        """The structures that can be seen in a slice, by the share of their largest section, the largest share first."""
        found = {}
        for name, area in self.areas.items():
            most = float(area.max())
            least, share = LEAST_MM2, LEAST_SHARE
            if name in marks:
                least, share = (least, MARKED_SHARE) if marks[name].diagnosis else (LEAST_DEVICE, share)
            if area[number] >= max(min(least, most / 4), most * share):
                found[name] = round(float(area[number]) / most, 2)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def painted(scan: Scan) -> tuple[Array, dict[str, int]]:
    """One label map, later labels over earlier ones, and the value of each label that is left in it."""
    values = np.zeros(scan.voxels.shape, np.uint8)
    numbers = {}
    for number, (name, mask) in enumerate(scan.labels.items(), start=1):
        values[mask] = number
        numbers[name] = number
    return values, {name: number for name, number in numbers.items() if (values == number).any()}


def sections(scan: Scan, labels: Array, numbers: dict[str, int], plane: str) -> Sections:
    """Measure every label in every slice of a plane."""
    others = tuple(axis for axis in range(3) if axis != AXES[plane])
    each = float(np.prod([scan.spacing[axis] for axis in others]))
    return Sections({name: (labels == number).sum(axis=others) * each for name, number in numbers.items()})


def shown(scan: Scan, plane: str, number: int, window: tuple[int, int], slope: float) -> Array:
    """A slice in 8 bits with square pixels, to be compared with others."""
    low, high = window
    values = scan.cut(scan.voxels, plane, number).astype(float) * slope
    grey = (np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    across, down = ({"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)})[plane]
    least = min(scan.spacing[across], scan.spacing[down])
    size = round(grey.shape[1] * scan.spacing[across] / least), round(grey.shape[0] * scan.spacing[down] / least)
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))


def near_empty(picture: Array) -> bool:
    """Whether there is next to nothing to see."""
    return bool(picture.std() <= 12 or (picture > 40).mean() < 0.07)


def without_empty_ends(subject: Subject, scan: Scan) -> Scan:
    """Drop the lowest and highest slices in which there is next to nothing to see."""
    window = next(iter(subject.windows.values()))
    count = scan.voxels.shape[2]
    there = [k for k in range(count) if not near_empty(shown(scan, "axial", k, window, subject.slope))]
    return scan.part((0, 0, there[0]), (*scan.voxels.shape[:2], there[-1] + 1))


def difference_hash(picture: Array) -> Array:
    """1,024 bits: where the picture grows brighter from left to right."""
    small = np.asarray(Image.fromarray(picture).resize((33, 32), Image.Resampling.BOX), dtype=float)
    bits: Array = (small[:, 1:] - small[:, :-1] > 2).ravel()
    return bits


def chosen(subject: Subject, scan: Scan, series: Series, seen: Sections) -> list[int]:
    """Choose the slices of a series: marks first, then largest sections, then every so many."""
    count = scan.voxels.shape[AXES[series.plane]]
    wanted: list[int] = []
    for name, area in seen.areas.items():
        there = np.flatnonzero(area)
        if name in subject.marks and subject.marks[name].diagnosis and series.sections:
            wanted += there.tolist() if len(there) <= FEW_SLICES else [int(area.argmax())]
    if series.sections:
        wanted += sorted({int(area.argmax()) for area in seen.areas.values()})
    wanted += range(0, count, series.step)
    kept: dict[int, Array] = {}
    # Where nothing that is labelled can be seen, as at the skin of back and belly, there is nothing to point at.
    anatomy = seen.areas.keys() - subject.marks.keys()
    named = [number for number in dict.fromkeys(wanted) if not anatomy or named_in(subject, series, seen, number)]
    for number in named:
        picture = shown(scan, series.plane, number, subject.windows[series.window], subject.slope)
        if near_empty(picture):
            continue
        bits = difference_hash(picture)
        if all((bits != other).sum() >= series.apart for other in kept.values()):
            kept[number] = bits
    return sorted(kept)


def named_in(subject: Subject, series: Series, seen: Sections, number: int) -> dict[str, float]:
    """The structures that a figure of a slice names: not those with errors there, nor those that its window is not for.

    Marks stand first: a caption names eight.
    """
    left_out = {name for name, there in subject.unnamed.items() if series.plane == "axial" and number in there}
    found = {
        name: share
        for name, share in seen.shares(number, subject.marks).items()
        if name not in left_out and name.startswith(SHOWN_IN.get(series.window, ""))
    }
    return dict(sorted(found.items(), key=lambda item: item[0] not in subject.marks))


def marks_in(subject: Subject, shares: dict[str, float]) -> list[Mark]:
    """The marks of a slice, in the order in which they are documented."""
    return [mark for name, mark in subject.marks.items() if name in shares]


def hung_words(subject: Subject, plane: str) -> str:
    """How the slice is hung."""
    if plane == "sagittal":
        return "Seen from the side; the front is on the left of the picture."
    seen = "Seen from the front; t" if plane == "coronal" else "T"
    return " ".join(filter(None, (f"{seen}he patient's left is on the right of the picture.", subject.side_words)))


def caption(subject: Subject, scan: Scan, place: SlicePlace, window: str, shares: dict[str, float]) -> str:
    """Write what a slice shows, and nothing that its labels do not."""
    count = scan.voxels.shape[AXES[place.view]]
    level = ""
    if place.view == "axial" and subject.spacing_known:
        level = f", z = {place.number * scan.spacing[2]:.0f} mm from the lowest slice"
    named = f"{window} window, " if window != "MRI" else ""
    parts = [f"{place.view.capitalize()} {subject.technique}, {named}slice {place.number + 1} of {count}{level}."]
    names = list(shares)
    parts += [f"Shows: {listed(names, NAMED)}."] if names else []
    parts += [mark.sentence for mark in marks_in(subject, shares)]
    blanked = place.view == "axial" and place.number < subject.blanked
    parts += ["The front is blanked so that no face can be rebuilt."] if blanked else []
    parts += [hung_words(subject, place.view)]
    parts += [f"Labels: {subject.labelled}."] if names else []
    return " ".join([*parts, subject.provenance])


def title(subject: Subject, plane: str, shares: dict[str, float]) -> str:
    """Name a slice in one line: what is wrong in it if it is marked, else what it shows most of."""
    technique = re.sub(r" \([^)]*\)", "", subject.technique)
    what = f"{technique[:1].upper()}{technique[1:]}, {plane}"
    marked = [mark.title for mark in marks_in(subject, shares) if mark.title]
    if marked:
        return f"{marked[0]}: {what}"
    names = [plain(name) for name in shares][:3]
    return f"{what}: {', '.join(names)}" if names else what


def slice_figures(
    subject: Subject, scan: Scan, labels: Array, numbers: dict[str, int], origin: Origin, best: int
) -> Iterator[Draft]:
    """Yield the slices of a volume that are figures of their own; not the one that its stack is shown by."""
    first = next(iter(subject.windows))
    measured = {plane: sections(scan, labels, numbers, plane) for plane in {series.plane for series in subject.series}}
    for series in subject.series:
        seen = measured[series.plane]
        for number in chosen(subject, scan, series, seen):
            shares = named_in(subject, series, seen, number)
            if (series.plane, series.window, number) == ("axial", first, best):
                continue
            place = SlicePlace(f"starter:{subject.name}", series.plane, number)
            low = series.plane == "axial" and number < subject.lower
            diagnoses = [mark.diagnosis for mark in marks_in(subject, shares) if mark.diagnosis]
            named = "" if series.window == "MRI" else f", {series.window} window"
            other = "" if series.window == first else f"-{series.window}"
            yield Draft(
                name=f"{subject.name}-{SHORT[series.plane]}{other}-{number + 1:03d}",
                picture=None,
                origin=origin,
                file=subject.file,
                caption=caption(subject, scan, place, series.window, shares),
                title=title(subject, series.plane, shares),
                modality=subject.modality,
                modality_detail=subject.detail + named,
                plane=series.plane,
                region=subject.lower_region if low else subject.region,
                diagnosis=diagnoses[0] if diagnoses else "",
                case_id=f"starter:case-{subject.name}",
                slice_of=place,
                window=series.window,
                extras={
                    "structures": [plain(name) for name in shares],
                    "shares": {plain(name): share for name, share in shares.items()},
                },
            )


def stack_figure(subject: Subject, scan: Scan, labels: Array, numbers: dict[str, int], origin: Origin) -> Draft:
    """The whole volume as one figure."""
    marked = [name for name in subject.marks if name in numbers]
    seen = sections(scan, labels, numbers, "axial")
    best = int(seen.areas[marked[0]].argmax()) if marked else None
    count, names = scan.voxels.shape[2], [plain(name) for name in numbers]
    parts = [f"{subject.technique[:1].upper()}{subject.technique[1:]}, a stack of {count} axial slices."]
    parts += [mark.sentence for name, mark in subject.marks.items() if name in numbers]
    parts += [f"Labelled: {', '.join(names)}. Labels: {subject.labelled}."] if names else []
    affine = scan.affine if subject.spacing_known else np.eye(4)
    diagnoses = [subject.marks[name].diagnosis for name in marked if subject.marks[name].diagnosis]
    return Draft(
        name=subject.name,
        picture=None,
        origin=origin,
        file=subject.file,
        caption=" ".join([*parts, subject.provenance]),
        title=subject.title,
        modality=subject.modality,
        modality_detail=subject.detail,
        plane="axial",
        region=subject.region,
        diagnosis=diagnoses[0] if diagnoses else "",
        case_id=f"starter:case-{subject.name}",
        volume=Volume(
            np.ascontiguousarray(scan.voxels.transpose(2, 1, 0)),
            affine,
            slope=subject.slope,
            modality=subject.modality if subject.unit == "HU" else "",
            windows=tuple((name, (low + high) / 2, float(high - low)) for name, (low, high) in subject.windows.items()),
            notes=subject.notes,
            views=subject.views,  # type: ignore[arg-type]
            spacing_known=subject.spacing_known,
            labels=np.ascontiguousarray(labels.transpose(2, 1, 0)) if numbers else None,
            label_names=tuple((number, plain(name)) for name, number in numbers.items()),
            labels_by=subject.labels_by,
            best=best,
        ),
        extras={"structures": names},
    )


def scan_figures(folders: dict[str, Path], origins: dict[str, Origin]) -> Iterator[Draft]:
    """Yield every volume as a stack, each followed by its slices.

    Parameters
    ----------
    folders : dict of str to Path
        Unpacked packages, by pin.
    origins : dict of str to Origin
    """
    for subject in SUBJECTS:
        origin = origins[subject.origin]
        scan = without_empty_ends(subject, subject.read(folders[origin.package]))
        labels, numbers = painted(scan)
        stack = stack_figure(subject, scan, labels, numbers, origin)
        assert stack.volume is not None
        yield stack
        yield from slice_figures(subject, scan, labels, numbers, origin, stack_of(stack.volume).best)
