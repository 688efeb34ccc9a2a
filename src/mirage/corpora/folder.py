"""A folder of pictures, DICOM and NIfTI files, with or without a table of words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirage.corpora.away import Away, Standing
from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused, digest
from mirage.corpora.folder_advice import advice_on, unread_tables, why_no_stack
from mirage.corpora.folder_columns import mapped
from mirage.corpora.folder_names import as_told, former_name, ids_of_refused, names_of, readable, slug_id
from mirage.corpora.folder_reading import as_worded, best_slice, refusal_of
from mirage.corpora.folder_rows import FolderTables, Worded
from mirage.corpora.folder_stacks import (
    HOW,
    LEAST_SLICES,
    Found,
    LeftOut,
    SingleFile,
    StackFiles,
    checked_how,
    is_nifti,
    sort_files,
)
from mirage.corpora.folder_walk import Walked, is_plain_file, walk
from mirage.corpora.folder_words import STORY, case_of, figure_of, licence_of_all
from mirage.corpora.inferring import with_words
from mirage.corpora.options import CorpusOption
from mirage.corpora.personal import notes_on
from mirage.corpora.preview import TableRead
from mirage.errors import BadInput, BadPicture
from mirage.figure import Case
from mirage.images import DecodedPicture, read_picture
from mirage.images.bucket import is_address
from mirage.images.limits import sampled
from mirage.images.redact import blacked, text_detector
from mirage.images.volume import Volume
from mirage.licensing import terms_of
from mirage.locales import counted
from mirage.wording import N_, _, ngettext

if TYPE_CHECKING:
    from mirage.images.dicom_header import DicomHeader

_BURNED_IN = N_(
    "Its header says that text is burned into the pixels, which may name the patient. Look at it. If it does, black it out "
    "and save it anew; if it names nobody, whoever runs MIRAGE here can add it by the command, with --allow-burned-in."
)


class FolderCorpus:
    """Pictures and stacks of a folder and of all folders in it.

    A figure's id is made of the collection's name and the file's place in the folder (or the row's ``id``), so that
    adding a folder again, or after it was moved, doubles nothing. Without a `name` the collection is known by the folder's,
    which an atlas keeps to itself: it may be a patient's.

    Parameters
    ----------
    path : Path or str
        Or an address that fsspec knows, ``s3://bucket/prefix``: files are read from there as they are decoded.
    words : Path or str, optional
        Table of words: CSV, JSON, JSON Lines or a workbook. When left out, ``figures``, ``metadata``, ``labels`` or
        ``captions`` with such an ending in the folder, and in folders in it, or the only table there that names files.
        See `mirage.corpora.folder_columns.COLUMNS`.
    columns : mapping or sequence of str, optional
        The table's own names for columns that it calls otherwise: ``{"caption": "legend"}`` or ``["caption=legend"]``.
    name : str, optional
        The collection's name, which everybody may see.
    licence, licence_url, attribution : str
        For figures whose row names none.
    allow_burned_in : bool
        Take DICOM files whose header says that text is burned into the pixels.
    redact : bool
        Black out what looks like text in single pictures; slices of stacks are not looked at.
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
        title=N_("A folder of pictures"),
        summary=N_(
            "Pictures with a table of words (CSV, Excel, ODS, JSON), DICOM or NIfTI files. What a header says "
            "of a patient is not read."
        ),
        options=(
            CorpusOption(
                "path",
                N_("Folder of pictures, DICOM or NIfTI files; or where they lie in a bucket, as s3://bucket/prefix."),
                Path,
                required=True,
                is_folder=True,
                away=True,
            ),
            CorpusOption(
                "words", N_("Table with the pictures' words (CSV, Excel, JSON); figures.csv and the like are found."), Path
            ),
            CorpusOption(
                "columns",
                N_("What the table calls a column that has another name here: file=image_name, caption=legend."),
                several=True,
                label=N_("Columns of the table"),
            ),
            CorpusOption(
                "name", N_("Name of the collection, for all to see; left out, a number stands for the folder's name.")
            ),
            CorpusOption("licence", N_("Licence of all the pictures, where you know it.")),
            CorpusOption("licence_url", N_("Where the licence's text is."), label=N_("Address of the licence")),
            CorpusOption("attribution", N_("The line to print beside each picture.")),
            CorpusOption(
                "allow_burned_in",
                N_("Take DICOM files whose header says that text is burned in."),
                bool,
                default=False,
                by_command=True,
            ),
            CorpusOption(
                "redact",
                N_(
                    "Black out what looks like text in single pictures; needs the packages rapidocr and "
                    "opencv-python-headless."
                ),
                bool,
                default=False,
                by_command=True,
            ),
            CorpusOption("frames", N_("How many frames to take of a DICOM file that is no stack."), int, default=12),
            CorpusOption(
                "stacks",
                N_(
                    "What becomes a stack to scroll through: DICOM series, NIfTI files, and pages or frames of one TIFF, "
                    "GIF, WebP or PNG; numbered pictures too; or none."
                ),
                default="series",
                choices=HOW,
                choice_words=(
                    N_("DICOM series, NIfTI files, and pages or frames of one file"),
                    N_("those, and pictures with numbered names (001.png, 002.png, …)"),
                    N_("nothing: every picture stands alone"),
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
        columns: Mapping[str, str] | Sequence[str] | None = None,
        name: str = "",
        licence: str = "",
        licence_url: str = "",
        attribution: str = "",
        allow_burned_in: bool = False,
        frames: int = 12,
        stacks: str = "series",
        redact: bool = False,
    ) -> None:
        self._away = Away(str(path)) if is_address(path) else None
        self.folder = self._away.folder if self._away else Path(path).expanduser().absolute()
        if not self.folder.is_dir():
            what = _("is a file, not a folder") if self.folder.exists() else _("is not there")
            raise BadInput(_("%(path)s %(what)s. Give the folder that holds the pictures.", path=path, what=what))
        if frames < 1:
            raise BadInput(_("frames must be at least 1, not %(frames)s.", frames=frames))
        self._how = checked_how(stacks)
        self._words, self._columns = words, mapped(columns)
        if self._away is None:
            _other = self._tables
        self.title = name or (self._away.title if self._away else self.folder.resolve().name) or "pictures"
        self.names = names_of(self.title)
        self.former_name = former_name(self.title)
        self.name = self.names[0]
        self.is_named = bool(name)
        attribution = attribution or (f"From the collection “{name}”" if name else "From a folder of pictures")
        self._defaults = {"licence": licence, "licence_url": licence_url, "attribution": attribution}
        self._allow_burned_in = allow_burned_in
        self._detect = text_detector() if redact else None
        self._frames = frames
        self._places: dict[str, tuple[Path, int]] = {}  # file and frame of each figure
        self._stacks: dict[str, StackFiles] = {}
        self._hints = ""
        self._refused: dict[str, str] = {}  # files that cannot be taken, and what their ids are made of

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is a digest of all fingerprints."""
        marks = [entry.fingerprint for entry in self._entries if isinstance(entry, Item)]
        version = f"sha256-{hashlib.sha256(''.join(marks).encode()).hexdigest()[:16]}"
        licence = licence_of_all(
            {entry.figure.source.licence for entry in self._entries if isinstance(entry, Item)}, self._defaults
        )
        told = self.card.info(self.name, version, "Pictures of a folder.")  # how many an atlas took of them, it says itself
        return replace(told, title=self.title, licence=licence, alias="" if self.is_named else "folder")

    def call(self, name: str) -> None:
        """Make its ids of another of its names."""
        if name != self.name:
            self.name = name
            self.__dict__.pop("_entries", None)

    @cached_property
    def _tables(self) -> FolderTables:
        if self._away is not None:
            self._away.look()
        return FolderTables(self.folder, self._words, self._columns, stacks=self._how != "none")

    def _label(self, path: Path) -> str:
        return self._tables.label(path)

    @property
    def has_words(self) -> bool:
        """Whether a table of words is read; known before anything is looked through."""
        return bool(self._tables.all)

    @property
    def advice(self) -> str:
        """What of it could be a stack and is none, and why."""
        _other = self._entries
        told = (*unread_tables(self._walked.passed_over), self.hints, self._walked.in_numbers())
        return readable(" ".join(filter(None, told)), most=0)

    @property
    def hints(self) -> str:
        """The same without the files that became no figures, for where these are listed by name."""
        _other = self._entries
        return readable(self._hints, most=0)

    @property
    def tables(self) -> tuple[TableRead, ...]:
        """The tables of words that were read."""
        _other = self._entries
        return tuple(replace(table, label=readable(table.label)) for table in self._tables.read)

    @property
    def passed_over(self) -> tuple[Refused, ...]:
        """Files that are no pictures, and what they are."""
        return tuple(as_told(each) for each in self._walked.passed_over)

    @property
    def doubt(self) -> str:
        """Why it cannot be said what is gone: folders that cannot be opened, or rows that cannot be read."""
        _other = self._entries
        if closed := len(self._walked.closed):
            return ngettext(
                "%(num)s folder or file of it cannot be opened, and what lies there is not known.",
                "%(num)s folders or files of it cannot be opened, and what lies there is not known.",
                closed,
            )
        if self._tables.unread:
            rows = counted(self._tables.unread, "row")
            return _("%(rows)s of its tables cannot be read; what is named there is not known.", rows=rows)
        return ""

    def withheld(self) -> Iterator[str]:
        """Give the ids that figures may have of files that are there and cannot be taken now."""
        _other = self._entries
        return ids_of_refused(self.folder, self.name, self._refused)

    def items(self) -> Iterator[Item | Refused]:
        """Yield every picture once: those of the table in its order, then the others by name."""
        return iter(self._entries)

    def read(self, item: Item) -> DecodedPicture:
        """Decode the picture of one item.

        Raises
        ------
        mirage.errors.BadPicture
        """
        self._look_for(item)
        if item.figure.id in self._stacks:
            return best_slice(self.read_stack(item))
        if item.figure.id not in self._places:
            raise BadPicture(_("%(label)s is not in %(folder)s.", label=item.label, folder=self.folder))
        path, frame = self._places[item.figure.id]
        with self._held(path) as held:
            picture = read_picture(held, name=item.label, allow_burned_in=self._allow_burned_in, frame=frame)
        if self._detect is None:
            return picture
        licence = item.figure.source.licence
        keep = (
            _("Its licence, %(licence)s, forbids to change it.", licence=licence) if terms_of(licence).no_derivatives else ""
        )
        return blacked(picture, self._detect, keep=keep)

    def read_stack(self, item: Item) -> Volume:
        """Read the voxels and labels of a stack.

        Raises
        ------
        mirage.errors.BadPicture
        """
        self._look_for(item)
        if item.figure.id not in self._stacks:
            raise BadPicture(_("%(label)s is no stack of %(folder)s.", label=item.label, folder=self.folder))
        files = self._stacks[item.figure.id]
        try:
            volume = files.read()
        except BadPicture as error:
            of_one = [name for path in files.paths for name in (path.name, self._label(path))]
            if len(files.paths) == 1 or str(error).startswith(files.label) or not str(error).startswith(tuple(of_one)):
                raise
            raise BadPicture(_("%(error)s The other slices can be added without it.", error=error)) from error
        return as_worded(volume, item.figure.modality, item.figure.plane)

    def places_of(self, items: Sequence[Item]) -> dict[str, tuple[tuple[Path | Standing, ...], int]]:
        """Give the files of some items, and their frames, by id; 0 of what is no film, less where it is a stack."""
        self._look_for(*items)
        found: dict[str, tuple[tuple[Path, ...], int]] = {}
        for own in (item.figure.id for item in items):
            if own in self._stacks:
                found[own] = self._stacks[own].paths, -self._stacks[own].frame
            elif own in self._places:
                found[own] = (self._places[own][0],), self._places[own][1]
        if (away := self._away) is not None:
            return {own: (away.told(paths), frame) for own, (paths, frame) in found.items()}
        return dict(found)

    def find_at(self, places: Mapping[str, tuple[tuple[Any, ...], int]]) -> None:
        """Read the items with these ids in these files, without looking through the folder."""
        if (away := self._away) is not None:
            away.take([file for files, _ in places.values() for file in files])
            places = {
                own: (tuple(away.folder / name for name, *_ in files), frame) for own, (files, frame) in places.items()
            }
        self._places = {own: (paths[0], frame) for own, (paths, frame) in places.items() if frame >= 0}
        self._stacks = {}
        for own, (paths, frame) in places.items():
            found = self._sorted(paths) if frame < 0 else []
            for one in found:
                if isinstance(one, StackFiles) and (one.paths, -one.frame) == (paths, frame):
                    self._stacks[own] = one

    def _look_for(self, *items: Item) -> None:
        if any(item.figure.id not in self._places and item.figure.id not in self._stacks for item in items):
            _other = self._entries

    @contextmanager
    def _held(self, path: Path) -> Iterator[Path]:
        """A path by which a file is read as it lies in the folder now, and nothing elsewhere."""
        with ExitStack() as opened:
            try:
                held = opened.enter_context(self._tables.inside.held(path))
            except OSError as error:
                why = error.strerror or error
                raise BadPicture(
                    _("%(path)s cannot be read: %(why)s. Check the file.", path=self._label(path), why=why)
                ) from error
            yield held

    def __len__(self) -> int:
        """How many entries `items` will yield."""
        return len(self._entries)

    @cached_property
    def _entries(self) -> list[Item | Refused]:
        for found in (self._places, self._stacks, self._refused):
            found.clear()
        entries = list(self._scan())
        self._refused = {entry.label: entry.label for entry in entries if isinstance(entry, Refused)} | self._refused
        return [as_told(entry) for entry in entries]

    def _scan(self) -> Iterator[Item | Refused]:
        rows: list[Worded] = []
        for one in self._tables.worded():
            if isinstance(one, Refused):
                yield one
            else:
                rows.append(one)
        listed = self._tables.listed
        cases: dict[str, list[Mapping[str, str]]] = {}
        for _path, row, _place in rows:
            if case := row.words.get("case"):
                cases.setdefault(case, []).append(row.words)
        made = {case: case_of(self.name, slug_id(case), members, self._defaults) for case, members in cases.items()}
        others = [place for place in self._walked.found if isinstance(place, Refused) or place not in listed]
        # Labels lie beside their volume, whether or not a row names that.
        volumes = [place for place, *_ in rows if is_nifti(place)]
        found = self._sorted([*volumes, *(place for place in others if isinstance(place, Path))])
        of_first: dict[Path, list[Found]] = {}
        for known in found:
            of_first.setdefault(known.first, []).append(known)
        below = _by_folder(found)
        worded: set[int] = set()
        for place, row, table in rows:
            case_ = made.get(row.words.get("case", ""))
            folder = not is_plain_file(place) and place.is_dir()
            if is_nifti(place):
                there = of_first.get(place, [])
            else:
                there = _nearest(place, below.get(place, [])) if folder else self._sorted([place])
            if folder and not there:
                inside = [one for one in found if one.first.is_relative_to(place)]
                why = why_no_stack(inside, self._how)
                told = _("Line %(line)s of the table names a folder that holds no stack: %(why)s", line=row.line, why=why)
                yield Refused(row.words["file"], told)
            worded |= {id(one) for one in there}
            where = _("line %(line)s of %(table)s", line=row.line, table=table)
            yield from self._figures(there, row.words, case_, where)
        yield from self._walked.closed
        yield from self._away.refused if self._away else ()
        yield from (place for place in others if isinstance(place, Refused))
        yield from self._figures([one for one in found if id(one) not in worded], {}, None)
        notes = (f"{table.label}: {note}" for table in self._tables.read for note in table.notes)
        self._hints = " ".join(filter(None, (*notes, advice_on(found, self._how, self._label))))

    @cached_property
    def _walked(self) -> Walked:
        tables, stacks = self._tables, self._how != "none"
        return walk(self.folder, set(tables.all), tables.inside, stacks=stacks, why_no_table=tables.why_not_read)

    def _sorted(self, paths: Sequence[Path]) -> list[Found]:
        return sort_files(paths, self._how, self._label, self._refusal, self._held, self._tables.inside.open)

    def _figures(
        self, found: Sequence[Found], words: Mapping[str, str], case: Case | None, where: str = ""
    ) -> Iterator[Item | Refused]:
        """The figures of some files, with the words of a row and the case that it shares with others."""
        for number, one in enumerate(found):
            if isinstance(one, LeftOut):
                label = self._label(one.path)
                self._refused[label] = words.get("id") or label
                yield Refused(label, one.reason)
                continue
            identity = slug_id(words.get("id") or self._label(one.first))
            if words.get("id") and number:
                identity += f"-{number + 1}"
            own = case
            if own is None and any(words.get(name) for name in STORY):
                own = case_of(self.name, identity, [words], self._defaults)
            if isinstance(one, StackFiles):
                yield self._stack(one, identity, words, own, where)
            else:
                yield from self._singles(one, identity, words, own, where)

    def _stack(self, files: StackFiles, identity: str, words: Mapping[str, str], case: Case | None, where: str) -> Item:
        identity = f"{self.name}:{identity}" + (f"-f{files.frame:04d}" if files.frame > 1 else "")
        # A series is another figure than the picture that its first file once was.
        identity += "-stack" if files.of_pages or (len(files.paths) > 1 and not is_nifti(files.first)) else ""
        figure = figure_of(identity, words, self._defaults, files.header, case)
        figure = figure if figure.plane else replace(figure, plane=files.plane)
        self._stacks[figure.id] = files
        stats = [path.stat() for path in files.paths]
        fingerprint = digest(repr((figure, case, [(stat.st_size, stat.st_mtime_ns) for stat in stats])))
        stacked = files.slices >= LEAST_SLICES
        former = tuple(f"{self.name}:{slug_id(self._label(path))}" for path in files.paths) if stacked else ()
        former = tuple(one for one in former if one != figure.id)
        notes = notes_on(files.header)
        case_label = words.get("case", "")
        return Item(with_words(figure), case, files.label, fingerprint, case_label, stacked, former, where, notes)

    def _singles(
        self, file: SingleFile, identity: str, words: Mapping[str, str], case: Case | None, where: str
    ) -> Iterator[Item]:
        label, header, stat = self._label(file.path), file.header, file.path.stat()
        several = header is not None and header.frames > 1
        numbers = file.frames or range(1, header.frames + 1 if header is not None else 1)
        for frame in [numbers[place - 1] for place in sampled(len(numbers), self._frames)] or [0]:
            own = f"{self.name}:{identity}" + (f"-f{frame:04d}" if several else "")
            figure = figure_of(own, words, self._defaults, header, case)
            self._places[figure.id] = (file.path, frame)
            name = f"{label}, frame {frame}" if several else label
            marks = (figure, case, stat.st_size, stat.st_mtime_ns, *(("redacted",) if self._detect else ()))
            fingerprint = digest(repr(marks))
            # The stack that it was the first slice of, when the folder was added in another way.
            former = (f"{own}-stack",)
            case_label, notes = words.get("case", ""), notes_on(header)
            yield Item(with_words(figure), case, name, fingerprint, case_label, False, former, where, notes)

    def _refusal(self, header: DicomHeader) -> str:
        return refusal_of(header, "" if self._allow_burned_in else _(_BURNED_IN))


def _by_folder(found: Sequence[Found]) -> dict[Path, list[Found]]:
    """The stacks by each of the folders that they lie in."""
    below: dict[Path, list[Found]] = {}
    for one in found:
        if isinstance(one, StackFiles):
            for folder in one.first.parents:
                below.setdefault(folder, []).append(one)
    return below


def _nearest(folder: Path, stacks: list[Found]) -> list[Found]:
    """The stacks of a folder whose files lie in itself; all where there are none."""
    return [one for one in stacks if one.first.parent == folder] or stacks
