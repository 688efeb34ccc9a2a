"""A folder of pictures, DICOM and NIfTI files, with or without a table of words."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mirage.corpora.base import CorpusCard, CorpusInfo, CorpusOption, Item, Refused, digest
from mirage.corpora.folder_advice import advice_on, why_no_stack
from mirage.corpora.folder_stacks import (
    HOW,
    LEAST_SLICES,
    Found,
    LeftOut,
    SingleFile,
    StackFiles,
    as_worded,
    checked_how,
    is_nifti,
    is_other_volume,
    sort_files,
)
from mirage.corpora.folder_table import (
    NAMES,
    STORY,
    TableRow,
    case_of,
    figure_of,
    find_table,
    licence_of,
    read_table,
    tables_below,
)
from mirage.corpora.inferring import with_words
from mirage.errors import BadInput, BadPicture
from mirage.figure import Case, Licence
from mirage.images import DecodedPicture, read_picture
from mirage.images.formats import HEAD_BYTES, format_of
from mirage.images.limits import sampled
from mirage.images.stacks import render, slice_values, stack_of
from mirage.images.volume import Volume
from mirage.language.words import counted

if TYPE_CHECKING:
    from mirage.images.dicom_header import DicomHeader

_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".dcm", ".dicom", ".ima"}
_NO_PICTURES = {
    ".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".toml", ".yaml", ".yml", ".xml", ".html", ".pdf",
    ".py", ".zip", ".gz", ".tar", ".doc", ".docx", ".xls", ".xlsx", ".log", ".db", ".sqlite",
}  # fmt: skip


_LICENCES_NAMED = 3


class FolderCorpus:
    """Pictures and stacks of a folder and of all folders in it.

    A figure's id is made of the collection's name and the file's place in the folder (or the row's ``id``), so that
    adding a folder again, or after it was moved, doubles nothing. Without a `name` the collection is known by the folder's,
    which an atlas keeps to itself: it may be a patient's.

    Parameters
    ----------
    path : Path or str
    words : Path or str, optional
        Table of words; ``figures.csv``, ``figures.jsonl``, ``metadata.csv``, ``metadata.jsonl``, ``labels.csv`` or
        ``captions.csv`` in the folder, and in folders in it, when left out. See `mirage.corpora.folder_table.COLUMNS`.
    columns : mapping, optional
        The table's own names for columns that it calls otherwise: ``{"caption": "legend"}``.
    name : str, optional
        The collection's name, which everybody may see.
    licence, licence_url, attribution : str
        For figures whose row names none.
    allow_burned_in : bool
        Take DICOM files whose header says that text is burned into the pixels.
    frames : int
        How many frames to take of a DICOM file with more, evenly spread, where they are no slices of a stack.
    stacks : {"series", "numbered", "none"}
        What becomes a stack: DICOM series, volumes and NIfTI files; numbered pictures of a folder as well; or nothing.

    Raises
    ------
    mirage.errors.BadInput
        When the folder or the table is not there or cannot be used.
    """

    card = CorpusCard(
        title="A folder of pictures",
        summary="Pictures with a table of words (CSV or JSONL), DICOM or NIfTI files. What a header says "
        "of a patient is not read.",
        options=(
            CorpusOption("path", "Folder of pictures, DICOM or NIfTI files.", Path, required=True, is_folder=True),
            CorpusOption(
                "words", f"CSV or JSONL with the pictures' words; {NAMES[0]} and the like are found by themselves.", Path
            ),
            CorpusOption("name", "Name of the collection, for all to see; left out, a number stands for the folder's name."),
            CorpusOption("licence", "Licence of all the pictures, where you know it."),
            CorpusOption("licence_url", "Where the licence's text is.", label="Address of the licence"),
            CorpusOption("attribution", "The line to print beside each picture."),
            CorpusOption(
                "allow_burned_in",
                "Take DICOM files whose header says that text is burned in.",
                bool,
                default=False,
                by_command=True,
            ),
            CorpusOption("frames", "How many frames to take of a DICOM file that is no stack.", int, default=12),
            CorpusOption(
                "stacks",
                "What becomes a stack to scroll through: DICOM series and NIfTI files, numbered pictures too, or none.",
                default="series",
                choices=HOW,
                choice_words=(
                    "DICOM series and NIfTI files",
                    "those, and pictures with numbered names (001.png, 002.png, …)",
                    "nothing: every picture stands alone",
                ),
            ),
        ),
        private=True,
    )
    infers = ("modality",)
    """What neither header nor table says; a caption that names it is asked before the picture."""

    def __init__(
        self,
        path: Path | str,
        words: Path | str | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        name: str = "",
        licence: str = "",
        licence_url: str = "",
        attribution: str = "",
        allow_burned_in: bool = False,
        frames: int = 12,
        stacks: str = "series",
    ) -> None:
        self.folder = Path(path).expanduser().absolute()
        if not self.folder.is_dir():
            what = "is a file, not a folder" if self.folder.exists() else "is not there"
            raise BadInput(f"{path} {what}. Give the folder that holds the pictures.")
        if frames < 1:
            raise BadInput(f"frames must be at least 1, not {frames}.")
        self.table = Path(words).expanduser() if words is not None else find_table(self.folder)
        if self.table is not None and not self.table.is_file():
            raise BadInput(f"{self.table} is not there. Give the CSV or JSON Lines file with the words.")
        self._given = words is not None
        self.title = name or self.folder.resolve().name or "pictures"
        self.name = f"folder-{slug(self.title)}"
        self._alias = "" if name else "folder"
        self._columns = columns
        attribution = attribution or (f"From the collection “{name}”" if name else "From a folder of pictures")
        self._defaults = {"licence": licence, "licence_url": licence_url, "attribution": attribution}
        self._allow_burned_in = allow_burned_in
        self._frames = frames
        self._how = checked_how(stacks)
        self._places: dict[str, tuple[Path, int]] = {}  # file and frame of each figure
        self._stacks: dict[str, StackFiles] = {}
        self._advice = ""

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is a digest of all fingerprints."""
        marks = [entry.fingerprint for entry in self._entries if isinstance(entry, Item)]
        version = f"sha256-{hashlib.sha256(''.join(marks).encode()).hexdigest()[:16]}"
        licence = self._licence()
        stacks = sum(isinstance(entry, Item) and entry.stacked for entry in self._entries)
        there = [counted(number, what) for number, what in ((stacks, "stack"), (len(marks) - stacks, "picture")) if number]
        told = self.card.info(self.name, version, f"{' and '.join(there) or 'Nothing'} of a folder.")
        return replace(told, title=self.title, licence=licence, alias=self._alias)

    def _licence(self) -> Licence:
        """The licence of all; where its tables name several, one in words that names them."""
        rows = {entry.figure.source.licence for entry in self._entries if isinstance(entry, Item)}
        if len(rows) == 1:
            return rows.pop()
        if not rows or len(rows) > _LICENCES_NAMED:
            return licence_of(self._defaults["licence"], self._defaults["licence_url"])
        names = ", ".join(sorted(map(str, rows)))
        return Licence(f"{names}; each figure names its own", allows_sharing=all(one.allows_sharing for one in rows))

    @property
    def advice(self) -> str:
        """What of it could be a stack and is none, and why."""
        _ = self._entries
        return self._advice

    def items(self) -> Iterator[Item | Refused]:
        """Yield every picture once: those of the table in its order, then the others by name."""
        return iter(self._entries)

    def read(self, item: Item) -> DecodedPicture:
        """Decode the picture of one item.

        Raises
        ------
        mirage.errors.BadPicture
        """
        _ = self._entries
        if item.figure.id in self._stacks:
            volume = self.read_stack(item)
            stack = stack_of(volume)
            return DecodedPicture(render(slice_values(volume, stack, stack.best), stack), "STACK")
        if item.figure.id not in self._places:
            raise BadPicture(f"{item.label} is not in {self.folder}.")
        path, frame = self._places[item.figure.id]
        return read_picture(path, name=item.label, allow_burned_in=self._allow_burned_in, frame=frame)

    def read_stack(self, item: Item) -> Volume:
        """Read the voxels and labels of a stack.

        Raises
        ------
        mirage.errors.BadPicture
        """
        _ = self._entries
        if item.figure.id not in self._stacks:
            raise BadPicture(f"{item.label} is no stack of {self.folder}.")
        files = self._stacks[item.figure.id]
        try:
            volume = files.read()
        except BadPicture as error:
            of_one = [name for path in files.paths for name in (path.name, self._label(path))]
            if len(files.paths) == 1 or str(error).startswith(files.label) or not str(error).startswith(tuple(of_one)):
                raise
            raise BadPicture(f"{error} The other slices can be added without it.") from error
        return as_worded(volume, item.figure.modality, item.figure.plane)

    def __len__(self) -> int:
        """How many entries `items` will yield."""
        return len(self._entries)

    @cached_property
    def _entries(self) -> list[Item | Refused]:
        return list(self._scan())

    def _scan(self) -> Iterator[Item | Refused]:
        rows: list[tuple[Path, TableRow]] = []
        listed: set[Path] = set()
        ids: set[str] = set()
        for base, row in self._rows():
            if isinstance(row, Refused):
                # Its picture does not go in without its words.
                listed.add(base / row.label.replace("\\", "/"))
                yield replace(row, label=f"{self._label(base)}/{row.label}") if base != self.folder else row
                continue
            place = self._place(base, row)
            if isinstance(place, Refused):
                yield place
                continue
            own = row.words.get("id", "")
            if (own and own in ids) or (not own and place in listed):
                what = f"The id “{own}” is" if own else "It is"
                yield Refused(row.words["file"], f"{what} in the table twice; the first row was taken (line {row.line}).")
                continue
            listed.add(place)
            ids.add(own)
            rows.append((place, row))
        cases: dict[str, list[Mapping[str, str]]] = {}
        for _, row in rows:
            if case := row.words.get("case"):
                cases.setdefault(case, []).append(row.words)
        made = {case: case_of(self.name, slug_id(case), members, self._defaults) for case, members in cases.items()}
        others = [place for place in self._walk() if isinstance(place, Refused) or place not in listed]
        # Labels lie beside their volume, whether or not a row names that.
        volumes = [place for place, _ in rows if is_nifti(place)]
        found = self._sorted([*volumes, *(place for place in others if isinstance(place, Path))])
        worded: set[int] = set()
        for place, row in rows:
            case_ = made.get(row.words.get("case", ""))
            if is_nifti(place):
                there = [one for one in found if one.first == place]
            else:
                there = _in_folder(place, found) if place.is_dir() else self._sorted([place])
            if place.is_dir() and not there:
                inside = [one for one in found if one.first.is_relative_to(place)]
                why = why_no_stack(inside, self._how)
                yield Refused(row.words["file"], f"Line {row.line} of the table names a folder that holds no stack: {why}")
            worded |= {id(one) for one in there}
            yield from self._figures(there, row.words, case_)
        yield from (place for place in others if isinstance(place, Refused))
        yield from self._figures([one for one in found if id(one) not in worded], {}, None)
        self._advice = advice_on(found, self._how, self._label)

    def _rows(self) -> Iterator[tuple[Path, TableRow | Refused]]:
        """The rows of the table and of those in folders within, each with the folder that its table lies in."""
        if self.table:
            yield from ((self.folder, row) for row in read_table(self.table, self._columns))
        for table in () if self._given else filter(self._inside, tables_below(self.folder)):
            base, name = table.parent, self._label(table.parent)
            try:
                for row in read_table(table, self._columns):
                    # Two tables may call different things by one name.
                    own = (
                        {key: f"{name}/{row.words[key]}" for key in ("id", "case") if key in row.words}
                        if isinstance(row, TableRow)
                        else {}
                    )
                    yield base, replace(row, words=row.words | own) if isinstance(row, TableRow) else row
            except BadInput as error:
                yield self.folder, Refused(self._label(table), f"It was not read as a table of words. {error}")

    def _place(self, base: Path, row: TableRow) -> Path | Refused:
        """The file that a row names, inside the folder."""
        name = row.words["file"]
        path = base / name.replace("\\", "/")
        first, _, rest = name.replace("\\", "/").partition("/")
        if first == base.resolve().name and not os.path.lexists(base / first):
            path = base / rest  # the table names its own folder, as one beside the folder would
        if Path(name).is_absolute() or ".." in path.parts or not self._inside(path):
            return Refused(name, f"It lies outside the folder {self.folder} (line {row.line}). Move it in.")
        if path.is_dir() and self._how == "none":
            return Refused(name, f"Line {row.line} of the table names a folder, and nothing is to become a stack.")
        if not path.exists():
            return Refused(name, f"Line {row.line} of the table names it, and it is not in {base}.")
        return path

    def _inside(self, path: Path) -> bool:
        try:
            return path.is_relative_to(self.folder) and path.resolve().is_relative_to(self.folder.resolve())
        except (OSError, RuntimeError, ValueError):
            return False

    def _walk(self) -> Iterator[Path | Refused]:
        for top, folders, files in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(top) / name
                if name.startswith(".") or name.upper() == "DICOMDIR" or path == self.table:
                    continue
                ending = path.suffix.lower()
                stacked = self._how != "none" and (is_nifti(path) or is_other_volume(path))
                if not stacked and (ending in _NO_PICTURES or (ending not in _ENDINGS and not _is_picture(path))):
                    continue
                label = path.relative_to(self.folder).as_posix()
                yield path if self._inside(path) else Refused(label, "It is a link to a file outside the folder.")

    def _label(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _sorted(self, paths: Sequence[Path]) -> list[Found]:
        return sort_files(paths, self._how, self._label, self._refusal)

    def _figures(self, found: Sequence[Found], words: Mapping[str, str], case: Case | None) -> Iterator[Item | Refused]:
        """The figures of some files, with the words of a row and the case that it shares with others."""
        for number, one in enumerate(found):
            if isinstance(one, LeftOut):
                yield Refused(self._label(one.path), one.reason)
                continue
            identity = slug_id(words.get("id") or self._label(one.first))
            if words.get("id") and number:
                identity += f"-{number + 1}"
            own = case
            if own is None and any(words.get(name) for name in STORY):
                own = case_of(self.name, identity, [words], self._defaults)
            if isinstance(one, StackFiles):
                yield self._stack(one, identity, words, own)
            else:
                yield from self._singles(one, identity, words, own)

    def _stack(self, files: StackFiles, identity: str, words: Mapping[str, str], case: Case | None) -> Item:
        identity = f"{self.name}:{identity}" + (f"-f{files.frame:04d}" if files.frame > 1 else "")
        # A series is another figure than the picture that its first file once was.
        identity += "-stack" if len(files.paths) > 1 and not is_nifti(files.first) else ""
        figure = figure_of(identity, words, self._defaults, files.header, case)
        figure = figure if figure.plane else replace(figure, plane=files.plane)
        self._stacks[figure.id] = files
        stats = [path.stat() for path in files.paths]
        fingerprint = digest(repr((figure, case, [(stat.st_size, stat.st_mtime_ns) for stat in stats])))
        stacked = files.slices >= LEAST_SLICES
        former = tuple(f"{self.name}:{slug_id(self._label(path))}" for path in files.paths) if stacked else ()
        former = tuple(one for one in former if one != figure.id)
        return Item(with_words(figure), case, files.label, fingerprint, words.get("case", ""), stacked, former)

    def _singles(self, file: SingleFile, identity: str, words: Mapping[str, str], case: Case | None) -> Iterator[Item]:
        label, header, stat = self._label(file.path), file.header, file.path.stat()
        several = header is not None and header.frames > 1
        numbers = file.frames or range(1, header.frames + 1 if header is not None else 1)
        for frame in [numbers[place - 1] for place in sampled(len(numbers), self._frames)] or [0]:
            own = f"{self.name}:{identity}" + (f"-f{frame:04d}" if several else "")
            figure = figure_of(own, words, self._defaults, header, case)
            self._places[figure.id] = (file.path, frame)
            name = f"{label}, frame {frame}" if several else label
            fingerprint = digest(repr((figure, case, stat.st_size, stat.st_mtime_ns)))
            # The stack that it was the first slice of, when the folder was added in another way.
            former = (f"{own}-stack",)
            yield Item(with_words(figure), case, name, fingerprint, words.get("case", ""), former_ids=former)

    def _refusal(self, header: DicomHeader) -> str:
        if header.synthetic:
            return "synthetic image: Synthetic Data (0008,001C) is YES. An atlas holds real ones."
        if header.burned_in and not self._allow_burned_in:
            return (
                "Its header says that text is burned into the pixels, which may name the patient. Look at it, and "
                "allow burned-in text only if it names nobody."
            )
        return ""


def _in_folder(folder: Path, found: Sequence[Found]) -> list[Found]:
    """The stacks whose files lie in a folder; those below it where there are none."""
    stacks = [one for one in found if isinstance(one, StackFiles) and one.first.is_relative_to(folder)]
    return [one for one in stacks if one.first.parent == folder] or list(stacks)


def slug(text: str) -> str:
    """Lower-case letters, figures and hyphens: what a name may be made of."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "pictures"


def slug_id(text: str) -> str:
    """A short name that two different texts never share."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{slug(Path(text).stem)[:40]}-{digest}"


def _is_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return bool(format_of(file.read(HEAD_BYTES)))
    except OSError:
        return False
