"""Unpack a zip archive from elsewhere: nothing lands outside its folder, nothing grows without bound."""

from __future__ import annotations

import errno
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from mirage.errors import Unavailable

_CHUNK = 1 << 20


def unzip(
    archive: Path,
    folder: Path,
    *,
    wanted: Callable[[str], str | None] = lambda name: name,
    most_bytes: int = 4 * 2**30,
    most_files: int = 100_000,
    progress: Callable[[int, int | None], None] | None = None,
) -> int:
    """Unpack an archive and check every file against its checksum (CRC-32) on the way.

    Each file is written under a temporary name and then renamed, and a file that is there already with the
    right size is passed over: when it is killed, run it again.

    Parameters
    ----------
    archive, folder : Path
    wanted : callable
        Gives the path, relative to `folder`, of a member by its name, or None to leave it out.
    most_bytes, most_files : int
        What the archive may unpack to.
    progress : callable, optional
        Called with files done and files in all.

    Returns
    -------
    int
        How many files are in place.

    Raises
    ------
    mirage.errors.Unavailable
        When the archive is damaged, too large, holds a path that leads outside or a link, or the disk is full.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, folder, wanted, archive)
            if len(members) > most_files or sum(info.file_size for info, _ in members) > most_bytes:
                raise Unavailable(f"{archive} unpacks to more than is allowed. It is not what was wanted.")
            for number, (info, target) in enumerate(members, start=1):
                _extract(opened, info, target)
                if progress:
                    progress(number, len(members))
            return len(members)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Unavailable(f"{archive} is damaged ({error}). Remove it and download it again.") from error
    except OSError as error:
        full = "The disk is full. Make room and run it again." if error.errno == errno.ENOSPC else str(error)
        raise Unavailable(f"{archive} cannot be unpacked into {folder}: {full}") from error


def comment_of(archive: Path) -> str:
    """Comment of an archive; those that git makes carry the commit there. Empty when there is none.

    Raises
    ------
    mirage.errors.Unavailable
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.comment.decode("ascii", "replace")
    except (zipfile.BadZipFile, OSError) as error:
        raise Unavailable(f"{archive} is no zip archive ({error}). Remove it and download it again.") from error


def _members(
    opened: zipfile.ZipFile, folder: Path, wanted: Callable[[str], str | None], archive: Path
) -> list[tuple[zipfile.ZipInfo, Path]]:
    members = []
    for info in opened.infolist():
        if info.is_dir():
            continue
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
            raise Unavailable(f"{archive} holds a path that leads outside: {info.filename!r}. It was not unpacked.")
        name = wanted(str(path))
        if name is None:
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Unavailable(f"{archive} holds a link: {info.filename!r}. It was not unpacked.")
        members.append((info, folder / name))
    return members


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    if target.is_file() and target.stat().st_size == info.file_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    left = info.file_size
    with opened.open(info) as source, part.open("wb") as out:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile(f"{info.filename} is larger than the archive says")
            out.write(chunk)
    if left:
        raise zipfile.BadZipFile(f"{info.filename} is cut short")
    part.replace(target)
