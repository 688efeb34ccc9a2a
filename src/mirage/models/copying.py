"""A model from a folder: a plain copy, a folder of models, what MIRAGE pulled, or a cache of the Hugging Face libraries."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mirage.errors import NotFound, Unavailable
from mirage.models import cache
from mirage.models.finding import fits, spelt
from mirage.models.hub import RemoteFile
from mirage.models.record import NAME, FileRecord, ModelRecord
from mirage.models.runtime import git_id_of, sha256_of

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a model that was found.

    Attributes
    ----------
    folder : Path
    revision : str
        Its commit; empty when nothing beside the files tells it.
    files : tuple of RemoteFile
        With the digests that are stated beside them.
    """

    folder: Path
    revision: str
    files: tuple[RemoteFile, ...]


def look_into(source: Path, model_id: str, revision: str) -> Copy:
    """Find a model in a folder.

    Raises
    ------
    mirage.errors.NotFound
        When it is not there, or not that revision of it.
    """
    if not source.is_dir():
        raise NotFound(f"There is no folder {source}. Name the folder that holds the model.")
    named = "" if revision == "main" else revision
    for root in (source, source / "hub"):
        if snapshot := cache.cached(model_id, revision, root):
            return Copy(snapshot, snapshot.name, _files(snapshot))
        if (root / f"models--{spelt(model_id)}").is_dir():
            raise NotFound(f"{root} holds {model_id}, but not revision {revision} of it. Name another with --revision.")
    others: list[str] = []
    for folder in _below(source, model_id):
        record = ModelRecord.read(folder)
        if record is None and (folder != source or _looks_like_a_model(folder)):
            return Copy(folder, "", _files(folder))
        if record is None:
            continue
        if record.id == model_id and record.whole and (fits(record, named) or not record.revision):
            stated = tuple(RemoteFile(file.path, file.size, file.sha256) for file in record.files)
            return Copy(folder, record.revision, stated)
        others.append(f"{record.id} at {record.revision or 'an unknown revision'}" + ("" if record.whole else ", in part"))
    holds = f" It holds {'; '.join(others)}." if others else ""
    raise NotFound(
        f"{source} holds no copy of {model_id}"
        + (f" at {named}" if named else "")
        + f".{holds} Name the folder of its files (config.json and the weights), or one that holds {model_id}."
    )


def copy(found: Copy, folder: Path, progress: Callable[[str, int, int], None]) -> tuple[tuple[FileRecord, ...], int]:
    """Copy the files, checking each against what is stated of it; those that are there already are passed over.

    Returns
    -------
    tuple of FileRecord
        All files, with the digests of what was written.
    int
        Bytes copied.

    Raises
    ------
    mirage.errors.Unavailable
        When a file of the copy is damaged, or the disk is full.
    """
    total = sum(file.size for file in found.files)
    done = copied = 0
    kept = []
    for file in found.files:
        source, target = found.folder / file.path, folder / file.path
        if not source.is_file():
            raise Unavailable(f"The copy in {found.folder} lacks {file.path}. Take it from another place.")
        sha256 = _there_already(source, target, file)
        if not sha256:
            before = done

            def tell(there: int, path: str = file.path, before: int = before) -> None:
                progress(path, before + there, total)

            sha256 = _copied(source, target, tell)
            copied += file.size
        size = target.stat().st_size
        if (
            (file.sha256 and sha256 != file.sha256)
            or (file.git_id and git_id_of(target) != file.git_id)
            or size != file.size
        ):
            target.unlink()
            raise Unavailable(f"{source} is damaged: it is not what the record beside it says. Take it from another place.")
        done += size
        progress(file.path, done, total)
        kept.append(FileRecord(file.path, size, sha256))
    return tuple(kept), copied


def _below(source: Path, model_id: str) -> list[Path]:
    kept = source / spelt(model_id)
    revisions = sorted(kept.iterdir()) if kept.is_dir() else []
    records = [folder for folder in revisions if (folder / NAME).is_file()]
    places = [*records, *([kept] if kept.is_dir() and not records else []), source / model_id, source]
    return [place for place in places if place.is_dir()]


def _looks_like_a_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("config.json", "open_clip_config.json", "model_index.json"))


def _files(folder: Path) -> tuple[RemoteFile, ...]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != NAME:
            sha256, git_id = cache.stated(path)
            found.append(RemoteFile(path.relative_to(folder).as_posix(), path.stat().st_size, sha256, git_id))
    return tuple(found)


def _there_already(source: Path, target: Path, file: RemoteFile) -> str:
    """The digest of a target that is the same as its source; empty when it has to be copied."""
    if not target.is_file() or target.stat().st_size != file.size:
        return ""
    have = sha256_of(target)
    return have if have == (file.sha256 or sha256_of(source)) else ""


def _copied(source: Path, target: Path, tell: Callable[[int], None]) -> str:
    told, done = hashlib.sha256(), 0
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as read, part.open("wb") as write:
            while piece := read.read(_CHUNK):
                told.update(piece)
                write.write(piece)
                done += len(piece)
                tell(done)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise Unavailable(
                f"The disk that holds {target.parent} is full. Make room and run it again to go on."
            ) from error
        raise Unavailable(f"{source} cannot be copied to {target}: {error.strerror or error}.") from error
    return told.hexdigest()
