"""Which files of a folder make stacks: slices of a DICOM series, frames of a volume, NIfTI, and numbered pictures."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from mirage.errors import BadInput, BadPicture, Unavailable
from mirage.figure import clean_text
from mirage.images import DecodedPicture, read_picture
from mirage.images.formats import HEAD_BYTES, format_of
from mirage.images.limits import DEFAULT_LIMITS
from mirage.images.notes import BY_NUMBERS, LABELS_LEFT_OUT, NUMBERS_LACKING, OF_LABELS, UNSTATED
from mirage.images.page_stack import can_stack, read_pages, stacked
from mirage.images.pages import Pages, pages_of
from mirage.images.volume import Volume, check_labels, labelled
from mirage.wording import _

if TYPE_CHECKING:
    from mirage.images.dicom_header import DicomHeader
    from mirage.images.series import Plane

HOW = ("series", "numbered", "none")
LEAST_SLICES = 3
_NIFTI = (".nii", ".nii.gz")
_OTHER_VOLUMES = (".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mgh", ".mnc", ".nii.bz2", ".nii.zst", ".hdr")
_LABELS = ("_seg", "_labels", "_label")
_NUMBERED = re.compile(r"(.*?)(\d{1,9})")
_NAMES_MOST = 2**20
_NAME_MOST = 80

Label = Callable[[Path], str]
"""From a file to what the person calls it."""
Hold = Callable[[Path], AbstractContextManager[Path]]
"""From a file to a path by which nothing else is read than what was looked at; see `mirage.corpora.inside.Inside.held`."""
Look = Callable[[Path], BinaryIO]
"""Opens a file, to see what it is."""


@dataclass(frozen=True, slots=True)
class StackFiles:
    """Files that make one stack.

    Attributes
    ----------
    paths : tuple of Path
        All of them, in the order of their names.
    frame : int
        Of the first file, the first frame that is in it, from 1.
    label : str
        What the person calls it.
    read : callable
        Reads the volume.
    slices : int
        How many there are; under `LEAST_SLICES` it is a picture.
    header : mirage.images.dicom_header.DicomHeader or None
        What DICOM says of it in coded words.
    plane : str
        In which its slices were taken; empty when that is not known.
    of_pages : bool
        Whether they are the pages or frames of one picture file.
    """

    paths: tuple[Path, ...]
    frame: int
    label: str
    read: Callable[[], Volume]
    slices: int
    header: DicomHeader | None = None
    plane: str = ""
    of_pages: bool = False

    @property
    def first(self) -> Path:
        """The file that it is known by."""
        return self.paths[0]


@dataclass(frozen=True, slots=True)
class SingleFile:
    """A file whose picture, or some of whose frames, are figures of their own.

    Attributes
    ----------
    path : Path
    header : mirage.images.dicom_header.DicomHeader or None
        Of a DICOM file.
    frames : tuple of int
        Those that are meant, from 1; empty for all.
    """

    path: Path
    header: DicomHeader | None = None
    frames: tuple[int, ...] = ()

    @property
    def first(self) -> Path:
        """The file that it is known by."""
        return self.path


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that becomes nothing, and why."""

    path: Path
    reason: str

    @property
    def first(self) -> Path:
        """The file that it is known by."""
        return self.path


Found = StackFiles | SingleFile | LeftOut


def is_nifti(path: Path) -> bool:
    """Whether a file's name is one of a NIfTI file."""
    return path.name.lower().endswith(_NIFTI)


def is_other_volume(path: Path) -> bool:
    """Whether a file's name is that of a volume in a format that is not read."""
    return path.name.lower().endswith(_OTHER_VOLUMES)


def _plainly(path: Path) -> BinaryIO:
    return path.open("rb")


def sort_files(
    paths: Sequence[Path],
    how: str,
    label: Label,
    refusal: Callable[[DicomHeader], str],
    hold: Hold = nullcontext,
    look: Look = _plainly,
) -> list[Found]:
    """Tell which files make stacks, which stand alone, and which are left out, in the order of their names.

    Parameters
    ----------
    paths : sequence of Path
    how : {"series", "numbered", "none"}
    label : callable
        From a file to what the person calls it.
    refusal : callable
        From what a DICOM file says to why it must not be taken, or to nothing.
    hold : callable
        With it each file is read, now and when its stack is.
    look : callable
        Opens a file, to see what it is.
    """
    found: list[Found] = []
    pictures: list[Path] = []
    niftis: list[Path] = []
    planes: list[Plane] = []
    headers: dict[Path, DicomHeader] = {}
    for path in paths:
        if is_nifti(path) and how != "none":
            niftis.append(path)
            continue
        if is_other_volume(path):
            found.append(LeftOut(path, _("It is a volume in a format that is not read. Convert it to NIfTI (.nii.gz).")))
            continue
        try:
            if not path.stat().st_size:
                raise BadPicture(_("The file is empty (0 bytes). Copy or export it again."))
            with look(path) as file:
                kind = format_of(file.read(HEAD_BYTES))
                pages = _pages(file, kind) if how != "none" else None
                if kind == "DICOM":
                    header, there = _opened(file, path, label(path), how)
            if pages is not None:
                found.append(_of_pages(path, pages, label, hold))
                continue
            if kind != "DICOM":
                pictures.append(path)
                continue
            if reason := refusal(header):
                raise BadPicture(reason)
        except (OSError, BadPicture) as error:
            found.append(LeftOut(path, _why(error)))
            continue
        headers[path] = header
        planes += there
        if not there:
            found.append(SingleFile(path, header))
    found += _of_series(planes, headers, label, hold)
    found += _of_niftis(niftis, label, hold, look)
    found += of_numbers(pictures, label, hold, look) if how == "numbered" else map(SingleFile, pictures)
    place = {path: number for number, path in enumerate(paths)}
    return sorted(found, key=lambda one: place[one.first])


def _why(error: OSError | BadPicture) -> str:
    return _("It cannot be read: %(error)s.", error=error.strerror or error) if isinstance(error, OSError) else str(error)


def _pages(file: BinaryIO, kind: str) -> Pages | None:
    """What a file holds whose pages are slices."""
    pages = pages_of(file, kind)
    return pages if pages and pages.count >= LEAST_SLICES and can_stack(pages, file.seek(0, 2)) else None


def _of_pages(path: Path, pages: Pages, label: Label, hold: Hold) -> StackFiles:
    def read() -> Volume:
        with hold(path) as held:
            return read_pages(held, pages, label(path))

    return StackFiles((path,), 1, label(path), read, pages.count, of_pages=True)


def _opened(file: BinaryIO, path: Path, name: str, how: str) -> tuple[DicomHeader, list[Plane]]:
    """What a DICOM file says, and where its frames lie if it says that."""
    from mirage.images.dicom_header import opened  # noqa: PLC0415 - pydicom is slow to import
    from mirage.images.series import planes_of  # noqa: PLC0415

    with opened(file, name, DEFAULT_LIMITS) as (_other, tags, header):
        if str(tags.get("Modality") or "") == "SEG":
            raise BadPicture(
                _(
                    "It holds the labels of another series (DICOM SEG), which are not read. Save both as "
                    "NIfTI, the labels beside the volume as NAME_seg.nii.gz."
                )
            )
        try:
            return header, planes_of(tags, header.frames, path) if how != "none" else []
        except BadPicture:
            return header, []


def _of_series(planes: Sequence[Plane], headers: dict[Path, DicomHeader], label: Label, hold: Hold) -> Iterator[Found]:
    if not planes:
        return
    from mirage.images.series import grouped, passes  # noqa: PLC0415

    alone: dict[Path, list[int]] = defaultdict(list)
    for group in grouped(planes):
        series, doubles = passes(group)
        kept = {plane.path for one in series for plane in one}
        if len(series[0]) < LEAST_SLICES:
            for plane in group:
                alone[plane.path].append(plane.frame)
            continue
        # Frames of a file that is kept: the notes of its stack tell them.
        lost = [plane for plane in doubles if plane.path in kept]
        for one in series:
            yield _series(one, headers, label, lost, hold)
        for path, frames in _by_path(doubles).items():
            if path not in kept:
                taken = label(_nearest(frames[0], series[0]).path)
                yield LeftOut(
                    path,
                    _(
                        "It lies at the place of %(taken)s, a slice of its series, which was taken. If it shows something "
                        "else, add it from a folder of its own.",
                        taken=taken,
                    ),
                )
    for path, numbers in alone.items():
        whole = len(numbers) == headers[path].frames
        yield SingleFile(path, headers[path], () if whole else tuple(sorted(numbers)))


def _by_path(planes: Iterable[Plane]) -> dict[Path, list[Plane]]:
    found: dict[Path, list[Plane]] = defaultdict(list)
    for plane in planes:
        found[plane.path].append(plane)
    return found


def _nearest(plane: Plane, among: Sequence[Plane]) -> Plane:
    return min(among, key=lambda other: math.dist(other.position, plane.position))


def _series(
    planes: list[Plane], headers: dict[Path, DicomHeader], label: Label, lost: Sequence[Plane], hold: Hold
) -> StackFiles:
    from mirage.images.series import read_series  # noqa: PLC0415

    first = min(planes, key=lambda plane: (label(plane.path), plane.frame))
    paths = tuple(sorted({plane.path for plane in planes}, key=label))
    name = _called(paths, label)
    header = headers[planes[len(planes) // 2].path]
    return StackFiles(
        paths, first.frame, name, lambda: read_series([*planes, *lost], name, hold=hold), len(planes), header, header.plane
    )


def _called(paths: Sequence[Path], label: Label) -> str:
    return label(paths[0]) + (f" and {len(paths) - 1} more slices" if len(paths) > 1 else "")


# -- NIfTI --------------------------------------------------------------------------------------------------------------


def _stem(path: Path) -> str:
    return path.name[: -len(next(ending for ending in reversed(_NIFTI) if path.name.lower().endswith(ending)))]


def _of_niftis(paths: Sequence[Path], label: Label, hold: Hold, look: Look) -> Iterator[Found]:
    by_stem = {(path.parent, _stem(path)): path for path in paths}
    labels: dict[Path, list[Path]] = defaultdict(list)
    for (folder, stem), path in by_stem.items():
        for ending in _LABELS:
            of = by_stem.get((folder, stem.removesuffix(ending)))
            if stem.endswith(ending) and of is not None:
                labels[of].append(path)
    marks = {path for several in labels.values() for path in several}
    for path in paths:
        if path not in marks:
            yield from _nifti(path, labels[path], label, hold, look)


def _nifti(path: Path, labels: Sequence[Path], label: Label, hold: Hold, look: Look) -> Iterator[Found]:
    from mirage.images.nifti import nifti_place, read_nifti  # noqa: PLC0415 - nibabel is slow to import

    name = label(path)
    try:
        with look(path) as file:
            place, _other = nifti_place(file, name)
    except (OSError, BadPicture) as error:
        yield LeftOut(path, _why(error))
        for other in labels:
            yield LeftOut(other, _("It holds the labels of %(name)s, which could not be taken.", name=name))
        return
    mark: Path | None = None
    names: tuple[tuple[int, str], ...] = ()
    for other in labels:
        try:
            if mark is not None:
                raise BadPicture(
                    _("%(name)s has labels already, those of %(mark)s. Keep one of the two.", name=name, mark=label(mark))
                )
            with look(other) as file:
                lies, own = nifti_place(file, label(other))
            check_labels(lies, place, label(other), name)
            names = _names(other, label, hold) or own
            mark = other
        except (OSError, BadPicture) as error:
            yield LeftOut(other, _why(error))

    def read() -> Volume:
        with hold(path) as held:
            volume = read_nifti(held, name)
        if mark is None:
            return volume
        called = [(value, plain_name(own)) for value, own in names]
        try:
            with hold(mark) as held:
                marks = read_nifti(held, label(mark))
            made = labelled(volume, marks, called, by=UNSTATED, name=label(mark))
        except BadPicture as error:  # which is no reason to go without the volume
            without = (*volume.notes, LABELS_LEFT_OUT)
            return replace(volume, notes=without, left_out=((label(mark), str(error)),))
        of_labels = (OF_LABELS % {"note": note} for note in marks.notes if note not in volume.notes)
        return replace(made, notes=(*volume.notes, *of_labels))

    paths = (path,) if mark is None else (path, mark)
    yield StackFiles(paths, 1, name, read, place.count(place.views[0]), plane=place.views[0])


def _names(path: Path, label: Label, hold: Hold) -> tuple[tuple[int, str], ...]:
    """What the labels of a file are called by the JSON beside it; nothing where there is none."""
    beside = path.with_name(f"{_stem(path)}.json")
    if not beside.is_file():
        return ()
    try:
        with hold(beside) as held, held.open("rb") as file:
            data = file.read(_NAMES_MOST + 1)
        if len(data) > _NAMES_MOST:
            raise ValueError
        given = json.loads(data.decode("utf-8-sig"))
        if not all(isinstance(name, str) and name.strip() for name in given.values()):
            raise ValueError
        return tuple((int(value), name) for value, name in given.items())
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise BadPicture(
            _(
                '%(beside)s does not name the labels of %(path)s. Write it as {"1": "left kidney", "2": "spleen"}.',
                beside=label(beside),
                path=label(path),
            )
        ) from error


def plain_name(name: str) -> str:
    """What a student calls a structure: "left kidney" for ``kidney_left``."""
    words = clean_text(name.replace("_", " "))[:_NAME_MOST].split()
    if len(words) > 1 and words[-1].lower() in ("left", "right"):
        words = [words[-1], *words[:-1]]
    return " ".join(words)


# -- numbered pictures --------------------------------------------------------------------------------------------------


def of_numbers(paths: Sequence[Path], label: Label, hold: Hold = nullcontext, look: Look = _plainly) -> Iterator[Found]:
    """Make stacks of pictures whose names differ in their numbers alone; the others stand alone.

    Parameters
    ----------
    paths : sequence of Path
    label : callable
        From a file to what the person calls it.
    hold, look : callable
        As for `sort_files`.
    """
    groups: dict[tuple[object, ...], list[tuple[int, Path]]] = defaultdict(list)
    for path in paths:
        numbered = _NUMBERED.fullmatch(path.stem)
        if numbered is None:
            yield SingleFile(path)
        else:
            groups[path.parent, numbered[1], path.suffix.lower(), _size(path, look)].append((int(numbered[2]), path))
    for group in groups.values():
        if len(group) < LEAST_SLICES:
            yield from (SingleFile(path) for _, path in group)
            continue
        taken: dict[int, Path] = {}
        for number, path in sorted(group, key=lambda one: (one[0], -len(one[1].name), one[1])):
            if number in taken:
                first = label(taken[number])
                reason = _(
                    "It has the number of %(first)s, which was taken. Give it another, or a name without one.", first=first
                )
                yield LeftOut(path, reason)
            else:
                taken[number] = path
        yield _numbers(list(taken), list(taken.values()), label, hold, look)


def _size(path: Path, look: Look) -> tuple[int, int]:
    try:
        with look(path) as file:
            kind = format_of(file.read(HEAD_BYTES))
            file.seek(0)
            with Image.open(file, formats=[kind]) as opened:
                return opened.size
    except Unavailable:  # the storage is gone, and knows of no size
        raise
    except Exception:
        return 0, 0


def _numbers(numbers: Sequence[int], paths: Sequence[Path], label: Label, hold: Hold, look: Look) -> StackFiles:
    lacking = numbers[-1] - numbers[0] + 1 - len(set(numbers))
    notes = [BY_NUMBERS]
    if lacking:
        notes.append(NUMBERS_LACKING % {"number": lacking})

    def read() -> Volume:
        return replace(_pictures(paths, label, hold, look), notes=tuple(notes))

    return StackFiles(tuple(paths), 1, _called(paths, label), read, len(paths))


def _pictures(paths: Sequence[Path], label: Label, hold: Hold, look: Look) -> Volume:
    def pictures() -> Iterator[tuple[str, DecodedPicture]]:
        for path in paths:
            with hold(path) as held:
                yield label(path), read_picture(held, name=label(path), deep=True)

    width, height = _size(paths[0], look)
    return stacked(pictures(), (len(paths), height, width), 3, label(paths[0]))


def checked_how(how: str) -> str:
    """One of `HOW`.

    Raises
    ------
    mirage.errors.BadInput
    """
    if how not in HOW:
        raise BadInput(_("stacks is one of %(HOW)s; not %(how)s.", HOW=", ".join(HOW), how=repr(how)))
    return how
