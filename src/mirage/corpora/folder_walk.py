"""The files of a folder: which may become figures, and which are passed over and why."""

from __future__ import annotations

import os
import re
import stat
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mirage.corpora.base import Refused
from mirage.corpora.folder_names import readable
from mirage.corpora.folder_stacks import is_nifti, is_other_volume
from mirage.corpora.folder_table import TABLES, TEXTS
from mirage.corpora.inside import Inside
from mirage.images.decode import CALLED, decodes
from mirage.images.formats import HEAD_BYTES, format_of, instead_of, kind_of_file
from mirage.locales import number
from mirage.wording import N_, _, looked_up

_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".dcm", ".dicom", ".ima"}
_SOMETIMES = {".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"}
_ARCHIVES = {".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz"}
_OTHER_TABLES = {
    ".parquet", ".feather", ".db", ".sqlite", ".sqlite3", ".mdb", ".accdb", ".numbers", ".sav", ".dta", ".rds", ".rdata",
    ".pkl", ".yaml", ".yml", ".xml", ".docx", ".doc", ".odt", ".rtf",
}  # fmt: skip
"""What may hold words for pictures, and is no table that is read."""
NO_PICTURE = N_("It is no picture that can be read.")
_CLUTTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"}
"""What systems write beside pictures, and nobody means."""
_NAMED = 20
_KINDS = (
    (stat.S_ISFIFO, N_("It is a named pipe, not a file.")),
    (stat.S_ISSOCK, N_("It is a socket, not a file.")),
    (stat.S_ISBLK, N_("It is a device, not a file.")),
    (stat.S_ISCHR, N_("It is a device, not a file.")),
)


@dataclass(slots=True)
class Walked:
    """What lies in a folder.

    Attributes
    ----------
    found : list of Path or Refused
        Files that may become figures, by name, and links that lead out of the folder.
    passed_over : list of Refused
        Files that are no pictures, with what they are.
    closed : list of Refused
        Folders and files that this person may not open: nobody can say whether something of them is gone.
    kinds : dict
        Of files that show something and are not read, and of those that are no pictures: names by kind.
    """

    found: list[Path | Refused] = field(default_factory=list)
    passed_over: list[Refused] = field(default_factory=list)
    closed: list[Refused] = field(default_factory=list)
    kinds: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def in_numbers(self) -> str:
        """Say how many files of which kind become no figure, the first of them by name; empty where there are none."""
        room, told = _NAMED, []
        for kind, names in sorted(self.kinds.items(), key=lambda one: (-len(one[1]), one[0])):
            shown, room = names[:room], max(room - len(names), 0)
            more = (
                " " + _("and %(number)s more", number=number(len(names) - len(shown)))
                if shown and len(names) > len(shown)
                else ""
            )
            told.append(f"{number(len(names))} {kind}" + (f" ({', '.join(map(readable, shown))}{more})" if shown else ""))
        return _("Files that became no figures: %(files)s.", files=", ".join(told)) if told else ""


def walk(
    folder: Path,
    read: Collection[Path],
    inside: Inside,
    *,
    stacks: bool,
    why_no_table: Callable[[Path], str],
) -> Walked:
    """Look through a folder and all folders in it; hidden ones are left alone.

    Nothing is opened that is no file: reading a pipe or a device would never end. Links to folders are not followed.

    Parameters
    ----------
    folder : Path
    read : collection of Path
        Tables of words, which are no pictures and are not passed over either.
    inside : Inside
        The files of the folder.
    stacks : bool
        Whether volumes may become stacks.
    why_no_table : callable
        Why a table was not read.
    """
    walked = Walked()

    def cannot_open(error: OSError) -> None:
        path = Path(os.fsdecode(error.filename))
        label = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
        walked.closed.append(Refused(label, _("The folder cannot be opened: %(error)s.", error=error.strerror or error)))

    for top, folders, files in os.walk(folder, onerror=cannot_open):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name.lower() not in _CLUTTER)
        for name in folders:
            if (path := Path(top) / name).is_symlink():
                out = not inside(path)
                why = (
                    _("It is a link to a folder outside the folder.")
                    if out
                    else _("It is a link to a folder that is looked through by itself.")
                )
                (walked.found if out else walked.passed_over).append(Refused(path.relative_to(folder).as_posix(), why))
        below = Path(top).relative_to(folder).as_posix()
        for name in sorted(files):
            path = Path(top) / name
            if name.startswith(".") or name.lower() in _CLUTTER or path in read:
                continue
            label = name if below == "." else f"{below}/{name}"
            if not is_plain_file(path) and (why := no_file(path)):
                walked.found.append(Refused(label, why))
                continue
            if not inside(path):
                walked.found.append(Refused(label, _("It is a link to a file outside the folder.")))
                continue
            if not os.access(path, os.R_OK):
                walked.closed.append(Refused(label, _("It cannot be opened: you may not read it. Change its rights.")))
                continue
            _sort(walked, path, label, inside, stacks=stacks, why_no_table=why_no_table)
    return walked


def _sort(
    walked: Walked, path: Path, label: str, inside: Inside, *, stacks: bool, why_no_table: Callable[[Path], str]
) -> None:
    """Write down of a file whether it may become a figure."""
    volume = stacks and (is_nifti(path) or is_other_volume(path))
    certain = volume or (path.suffix.lower() in _ENDINGS and path.name.upper() != "DICOMDIR")
    unread = None if certain else _unread(path, inside, why_no_table)
    if unread is None:
        walked.found.append(path)
        if volume and is_other_volume(path):
            walked.kinds[_("volume in another format")].append(label)
        return
    if unread.kind:
        walked.kinds[unread.kind].append(label)
    if unread.reason:
        (walked.found if unread.shows else walked.passed_over).append(Refused(label, unread.reason))


def is_plain_file(path: Path) -> bool:
    """Whether there is a file, which is no link.

    Parameters
    ----------
    path : Path
    """
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def no_file(path: Path) -> str:
    """Say what a thing is that is no file, links followed; empty for files and folders.

    Parameters
    ----------
    path : Path
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink():
            return _("It is a link in a circle.") if _loops(path) else _("It is a link to something that is not there.")
        return _("It cannot be opened: %(error)s.", error=error.strerror or error)
    return looked_up(next((words for is_kind, words in _KINDS if is_kind(mode)), ""))


def _loops(path: Path) -> bool:
    try:
        path.resolve(strict=True)
    except FileNotFoundError:
        return False
    except (OSError, RuntimeError):
        return True
    return False


class _Unread(NamedTuple):
    """Why a file becomes no figure; without a reason where it is read beside another."""

    kind: str
    reason: str
    shows: bool = False


def _unread(path: Path, inside: Inside, why_no_table: Callable[[Path], str]) -> _Unread | None:
    """What a file is that becomes no figure; None for a picture."""
    ending = path.suffix.lower()
    if path.name.upper() == "DICOMDIR":
        return _Unread("", _("It lists the files of a disc, which are found without it."))
    if ending == ".json" and any(path.with_suffix(each).exists() for each in (".nii", ".nii.gz")):
        return _Unread("", "")  # the names of the structures of a label map
    if ending in (*TABLES, *TEXTS) and (why := why_no_table(path)):
        return _Unread("", why)
    if is_nifti(path):
        return _Unread("NIfTI", _("It is a volume, and nothing is to become a stack."))
    try:
        with inside.open(path) as file:
            return _unread_content(path, file.read(HEAD_BYTES))
    except OSError as error:
        return _Unread("", _("It cannot be opened: %(error)s.", error=error.strerror or error), shows=True)


def _unread_content(path: Path, head: bytes) -> _Unread | None:
    ending = path.suffix.lower()
    picture, kind = format_of(head), kind_of_file(path.name, head)
    if picture and decodes(picture):
        return None
    if picture:
        kind = _("a %(format)s picture", format=CALLED.get(picture, picture))
        instead = instead_of(CALLED.get(picture, picture))
        why = _("It is %(kind)s, which is not read here. %(instead)s", kind=kind, instead=instead)
        said = _Unread(kind, why, shows=True)
    elif kind and ending in _SOMETIMES:
        why = _("It calls itself %(kind)s, and holds something else. Export it again.", kind=_(kind))
        said = _Unread(_(kind), why, shows=True)
    elif kind:
        values = {"kind": _(kind), "instead": instead_of(kind)}
        if kind == "slides":
            why = _("It holds %(kind)s, which are not read. %(instead)s", **values)
        else:
            why = _("It is %(kind)s, which is not read. %(instead)s", **values)
        said = _Unread(_(kind), why, shows=True)
    elif ending in _ARCHIVES:
        said = _Unread(ending, _("Archives are not opened. Unpack it, and add what is in it."))
    elif ending in _OTHER_TABLES:
        why = _("It is not read. If it holds the words of the pictures, save these as a table: figures.csv or figures.xlsx.")
        said = _Unread(ending, why)
    else:
        said = _Unread(ending or _("without an ending"), _(NO_PICTURE))
    return said._replace(kind=re.sub(r"^(an?|una?) ", "", said.kind))
