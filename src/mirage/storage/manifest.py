"""``atlas.toml`` says what a folder is; ``atlas.lock`` says who has it open."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from mirage import indexes
from mirage.aside import aside
from mirage.encoders.base import EncoderInfo
from mirage.errors import AtlasError, BadInput, MirageError, Unavailable, first_fault
from mirage.wording import N_, _

FORMAT = 2  # 2: records have versions, and ids made of names are keyed hashes
APART = 3  # the format of an atlas of whose parts some are elsewhere: earlier versions would not find them
FILLED_BY = N_("`mirage up` builds the one that ships; `mirage add` fills your own.")
NAME = "atlas.toml"
LOCK = "atlas.lock"
HELD = "atlas.held"  # locked by who has the atlas open, where its index is no lock
CALIBRATION_FILE = "calibration.json"  # in the folder of an atlas its own, and beside the encoder that ships
INDEX = "index"
# What `Atlas.open` makes before the manifest, which comes last; and what file managers leave in empty folders.
_BEGUN = {INDEX, LOCK, HELD, f"{NAME}.partial", f"{LOCK}.partial"}
_BEGUN |= {f"records.sqlite{ending}" for ending in ("", "-wal", "-shm", "-journal")}
_INDEX_NAMES = re.compile(r"index(-[0-9a-f]{12}(-2)?)?")
_SECOND = re.compile(r"-[0-9a-f]{12}(-2)?$")  # what an index has behind its name that was made beside another
_CLUTTER = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory"}


@dataclass(frozen=True, slots=True)
class AtlasManifest:
    """What ``atlas.toml`` holds.

    Attributes
    ----------
    format : int
        Version of the folder's layout.
    encoder : EncoderInfo
        Who made the vectors.
    corpora : mapping
        Corpus to the version of it that was added.
    index : str
        Folder of the index, or its address. A rebuild makes another one beside it, and this file, replaced in one step, is
        what chooses.
    pictures : str
        Address of the pictures, ``s3://bucket/prefix``; empty where they are in the folder.
    records : str
        Address of the PostgreSQL database with the records, which has no password in it; empty where they lie in the folder.
    """

    format: int
    encoder: EncoderInfo
    corpora: Mapping[str, str]
    index: str = INDEX
    pictures: str = ""
    records: str = ""

    @property
    def is_apart(self) -> bool:
        """Whether some of the atlas lies elsewhere than in its folder."""
        return bool(self.pictures or self.records or indexes.is_address(self.index))

    def write(self, folder: Path) -> None:
        """Write in one step: a reader sees the old file or the new one.

        Raises
        ------
        mirage.errors.Unavailable, mirage.errors.AtlasError
            When the disk is full, or the folder cannot be written; the old file is still there.
        """
        # What is empty is left out, so that older versions can read the file.
        encoder = {name: value for name, value in asdict(self.encoder).items() if value != ""}
        lines = [
            f"# A MIRAGE atlas. Records are in {self.records or 'records.sqlite'}; the index can be made anew from them.",
            f"format = {APART if self.is_apart else min(self.format, FORMAT)}",
            *([f"records = {_toml(self.records)}"] if self.records else []),
            *([f"index = {_toml(self.index)}"] if self.index != INDEX else []),
            *([f"pictures = {_toml(self.pictures)}"] if self.pictures else []),
            "",
            "[encoder]",
            *(f"{name} = {_toml(value)}" for name, value in encoder.items()),
            "",
            "[corpora]",
            *(f"{_toml(name)} = {_toml(version)}" for name, version in self.corpora.items()),
        ]
        _put(folder / NAME, "\n".join(lines) + "\n")


def _put(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a file of an atlas's folder in one step; while it is not whole, it has another name."""
    try:
        with aside(path) as partial:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path.parent, error) from error


def cannot_write(folder: Path, error: OSError) -> MirageError:
    """Why an atlas folder could not be written, and what to do.

    Parameters
    ----------
    folder : Path
    error : OSError
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            _("The disk that holds %(folder)s is full. Make room and run it again; what is stored stays.", folder=folder)
        )
    return AtlasError(
        _(
            "The atlas folder %(folder)s cannot be written to: %(strerror)s. Check its permissions.",
            folder=folder,
            strerror=error.strerror or error,
        )
    )


def _toml(value: str | int) -> str:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8").replace("\x7f", " ")


@cache  # made once: that takes longer than reading
def _form() -> TypeAdapter[AtlasManifest]:
    return TypeAdapter(AtlasManifest)


def read(folder: Path) -> AtlasManifest | None:
    """What a folder's ``atlas.toml`` says; None when there is none.

    Raises
    ------
    mirage.errors.AtlasError
        When it is damaged or of a newer format.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        if (version := int(values["format"])) > APART:
            raise AtlasError(
                _(
                    "The atlas %(folder)s has format %(version)s; this MIRAGE reads formats up to "
                    "%(APART)s. Update MIRAGE, or open another atlas. Nothing was changed.",
                    folder=folder,
                    version=version,
                    APART=APART,
                )
            )
        found = _form().validate_python({"corpora": {}, **values})
        if not _INDEX_NAMES.fullmatch(found.index) and not indexes.is_address(found.index):
            raise ValueError(_("%(index)s is no name of an index", index=repr(found.index[:80])))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise AtlasError(
            _(
                "%(path)s is damaged (%(error)s). Restore it from a copy; the records beside it were not touched.",
                path=path,
                error=first_fault(error),
            )
        ) from error
    return found


def finished(folder: Path) -> AtlasManifest:
    """What ``atlas.toml`` says of an atlas that is there and has records.

    Raises
    ------
    mirage.errors.AtlasError
        As `check_folder`, and when it has no records.
    """
    known = check_folder(folder, create=False)
    if known is None or not (known.records or (folder / "records.sqlite").exists()):
        raise AtlasError(
            _("The atlas %(folder)s was begun but not finished. %(FILLED_BY)s", folder=folder, FILLED_BY=_(FILLED_BY))
        )
    return known


def beside(index: str, digest: str) -> str:
    """Name of the folder, or address, of an index that is made beside the one there is, for the encoder of this digest.

    Parameters
    ----------
    index : str
        Name or address of the index that there is.
    digest : str
        Of the encoder.
    """
    address, mark, query = index.partition("?")
    bare = _SECOND.sub("", address) if indexes.is_address(index) else INDEX
    name = f"{bare}-{digest[:12]}"
    return f"{name if name != address else f'{name}-2'}{mark}{query}"


def chosen(index: str, wanted: str, digest: str) -> str:
    """Name or address of the index that a rebuild makes.

    Parameters
    ----------
    index : str
        Of the one there is.
    wanted : str
        Where it is to be: an address, the name of the index that lies in the folder, or empty for where it is now.
    digest : str
        Of the encoder.

    Raises
    ------
    mirage.errors.BadInput
        When that is neither.
    """
    if wanted and wanted != indexes.DEFAULT and not indexes.is_address(wanted):
        raise BadInput(
            _(
                "“%(wanted)s” is no index: name an address, as SCHEME://HOST/NAME, or “%(DEFAULT)s”.",
                wanted=wanted,
                DEFAULT=indexes.DEFAULT,
            )
        )
    if not wanted:
        return beside(index, digest)
    if wanted == indexes.DEFAULT:
        return beside(index, digest) if not indexes.is_address(index) else INDEX
    there, here = (_SECOND.sub("", one.partition("?")[0]) for one in (wanted, index))
    if there != here:
        return wanted
    _other, mark, query = wanted.partition("?")
    return beside(f"{index.partition('?')[0]}{mark}{query}", digest)


def sweep(folder: Path, index: str) -> None:
    """Remove what a rebuild that was cut short, or that has ended, left beside the index. Only for who holds the atlas.

    Parameters
    ----------
    folder : Path
    index : str
        Name of the folder of the index that stays.
    """
    for path in folder.iterdir():
        if _INDEX_NAMES.fullmatch(path.name) and path.name != index:
            shutil.rmtree(path, ignore_errors=True)


def check_folder(folder: Path, create: bool) -> AtlasManifest | None:
    """What a folder's ``atlas.toml`` says; None when an atlas may be made there.

    Parameters
    ----------
    folder : Path
    create : bool
        Whether an atlas may be made there.

    Raises
    ------
    mirage.errors.AtlasError
        When it is no atlas, or there is none and none is to be made.
    """
    if folder.exists() and not folder.is_dir():
        raise AtlasError(_("%(folder)s is a file. An atlas is a folder.", folder=folder))
    known = read(folder)
    if known is not None:
        return known
    inside = {entry.name for entry in folder.iterdir()} - _CLUTTER if folder.is_dir() else set()
    left = ("index.*.partial", f"{LOCK}.*", ".atlas.*.partial")
    if not {name for name in inside if not any(fnmatch(name, each) for each in left)} <= _BEGUN:
        raise AtlasError(
            _(
                "%(folder)s is not an atlas: it has no %(NAME)s. Nothing in it was touched. Name "
                "another folder, or an empty one to make an atlas in.",
                folder=folder,
                NAME=NAME,
            )
        )
    if not create:
        what = _("is empty") if folder.is_dir() else _("does not exist")
        what = _("was begun but not finished") if inside else what
        raise AtlasError(_("The atlas %(folder)s %(what)s. %(FILLED_BY)s", folder=folder, what=what, FILLED_BY=_(FILLED_BY)))
    return None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has an atlas open.

    Attributes
    ----------
    pid : int
    url : str
        Where it is served; empty when it is not.
    token : str
        What a command must show to change something through that URL.
    host : str
        The machine that it runs on; empty in a word of an earlier version.
    """

    pid: int
    url: str
    token: str
    host: str = ""

    def __str__(self) -> str:
        if self.url:
            return _("process %(pid)s, serving %(url)s", pid=self.pid, url=self.url)
        return _("process %(pid)s", pid=self.pid)

    @classmethod
    def mine(cls, url: str = "") -> Holder:
        """This process, with a fresh token."""
        return cls(os.getpid(), url, secrets.token_urlsafe(24), socket.gethostname())

    def write(self, folder: Path, *, among: bool = False) -> None:
        """Leave word in the folder, for this user's eyes only.

        Parameters
        ----------
        folder : Path
        among : bool
            Whether others may have it open, too, whose words stay beside this one; else all that is there is left over.
        """
        words = self._words(folder)
        stay = {path: each for path, each in words.items() if among and each.there and not self._is(each)}
        for path in words.keys() - stay.keys():
            if path.name != LOCK:
                path.unlink(missing_ok=True)
        name = LOCK if folder / LOCK not in stay else f"{LOCK}.{self.host}-{self.pid}"
        _put(folder / name, json.dumps(asdict(self)), 0o600)

    @classmethod
    def read(cls, folder: Path) -> Holder | None:
        """Who left word in the folder, of several the first of `every`; None when nobody did."""
        return next(iter(cls.every(folder)), None)

    @classmethod
    def every(cls, folder: Path) -> list[Holder]:
        """All who left word in the folder: those that may be there and serve before the others, the last to do so first."""
        return sorted(cls._words(folder).values(), key=lambda each: (not each.there, not each.url))

    def clear(self, folder: Path) -> None:
        """Take this process's word back, if it is there and can be."""
        for path, each in self._words(folder).items():
            if self._is(each):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    @classmethod
    def _words(cls, folder: Path) -> dict[Path, Holder]:
        found = []
        for path in (folder / LOCK, *sorted(folder.glob(f"{LOCK}.*-*"))):
            with contextlib.suppress(OSError, ValueError):
                found.append((path.stat().st_mtime_ns, path, TypeAdapter(cls).validate_json(path.read_bytes())))
        return {path: word for _, path, word in sorted(found, key=lambda each: -each[0])}  # the last first

    def _is(self, other: Holder) -> bool:
        return self.pid == other.pid and (self.host == other.host or "" in (self.host, other.host))

    @property
    def here(self) -> bool:
        """Whether it runs on this machine, as far as is known."""
        return self.host in ("", socket.gethostname())

    @property
    def there(self) -> bool:
        """Whether the process may be at work: of another machine nobody can tell."""
        if os.name != "posix" or not self.here:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:  # another user's
            pass
        return True
