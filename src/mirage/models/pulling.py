"""A model onto this machine: from the hub, a mirror, a folder, or what the Hugging Face cache holds of it."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mirage.errors import BadInput, MirageError, NoNetwork, Unavailable
from mirage.models import cache
from mirage.models.choosing import choose
from mirage.models.copying import Copy, copy, look_into
from mirage.models.downloads import Refused, fetch
from mirage.models.finding import checked, find, home_of, is_beginning, is_commit, pulled
from mirage.models.hub import INSTEAD, Hub, RemoteFile, refused
from mirage.models.licences import licence_of
from mirage.models.pins import Pin, pin_of
from mirage.models.record import FileRecord, ModelRecord
from mirage.models.runtime import git_id_of, sha256_of
from mirage.models.weights import lacking

Progress = Callable[[str, int, int], None]
"""Called with the file that comes, the bytes of the whole model that are there, and how many there will be. What it raises
stops the pull, which can be resumed."""

_SPARE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull brought.

    Attributes
    ----------
    record : ModelRecord or None
        None when the files stay in the cache of the Hugging Face libraries.
    path : Path
        The folder that holds the files.
    fetched : int
        Bytes that came just now; 0 when all was here already.
    """

    path: Path
    record: ModelRecord | None
    fetched: int


def pull(
    model_id: str,
    *,
    revision: str = "",
    source: str | Path = "",
    to: Path | None = None,
    progress: Progress = lambda *_: None,
    pause: float = 1.0,
) -> Pulled:
    """Get a model, verified against the digests that the hub states; or go on where an earlier call broke off.

    Only safetensors, configurations, tokenizers, card and licence are taken. A revision whose weights are a pickle is
    refused unless its digest is among the pins. What lies in the cache of the Hugging Face libraries is not fetched again.

    Parameters
    ----------
    model_id : str
    revision : str
        A branch, a commit, or its first digits; the pinned one when left out, else ``main``.
    source : str or Path
        Where from in place of the hub: the address of a mirror with its layout, a folder that holds the model, a folder of
        models (``org/name`` below it), or a cache of the Hugging Face libraries.
    to : Path, optional
        Put the files here; into MIRAGE's own folder, the setting ``models``, when left out.
    progress : callable, optional
        See `Progress`.
    pause : float
        Seconds before a broken download is tried again.

    Raises
    ------
    mirage.errors.BadInput
        When the id, the revision or a folder cannot be used, or the model is not one to pull.
    mirage.errors.NotFound
        When the model or the revision is not there.
    mirage.errors.NoNetwork
        When the hub cannot be reached. What has arrived is kept.
    mirage.errors.Unavailable
        When terms must be accepted first, a file is not the one wanted, the disk is full, or there are only pickles.
    """
    pin = pin_of(model_id)
    if pin is not None and pin.kept == "shipped":
        raise BadInput(f"{pin.id} comes with MIRAGE. There is nothing to pull; `mirage models verify {pin.id}` checks it.")
    if pin is not None and pin.kept == "package":
        raise BadInput(f"{pin.id} is a Python package. Install it with: {pin.install}")
    name = checked(model_id, revision)
    wanted = revision or (pin.revision if pin else "") or "main"
    if source and not str(source).startswith(("http://", "https://")):
        return _from_folder(name, wanted, Path(source).expanduser(), to, pin, progress, named=bool(revision))
    commit_known = is_commit(wanted) or is_beginning(wanted)
    if commit_known and to is None and (here := _here_already(name, wanted)):
        return here
    try:
        with Hub(str(source)) as hub:
            commit = hub.commit(name, wanted)
            if to is None and not commit_known and (here := _here_already(name, commit)):
                return here
            files = choose(name, hub.files(name, commit), pin)
            record = ModelRecord(name, commit, pin.licence if pin else "", hub.address, wanted)
            return _fetch(hub, record, files, to, progress, pause)
    except NoNetwork as error:
        if here_at := find(name, revision):
            raise NoNetwork(f"{error} A copy from before is at {here_at}.") from error
        raise


def _here_already(name: str, commit: str) -> Pulled | None:
    """What is here and whole; the files' sizes are looked at, not their digests (`verify` does that)."""
    if folder := pulled(name, commit):
        record = ModelRecord.read(folder)
        if record and all(_has(folder / file.path, file.size) for file in record.files):
            return Pulled(folder, record, 0)
    elif (folder := cache.cached(name, commit)) and not lacking(folder):
        return Pulled(folder, None, 0)
    return None


def _fetch(
    hub: Hub, record: ModelRecord, files: list[RemoteFile], to: Path | None, progress: Progress, pause: float
) -> Pulled:
    name, commit = record.id, record.revision
    folder = to.expanduser() if to else home_of(name, commit)
    begin(folder, record)
    total = sum(file.size for file in files)
    _check_room(folder, files, total)
    done = fetched = 0
    kept = []
    for file in files:
        target = folder / file.path
        before = done

        def tell(there: int, _: int | None, file: RemoteFile = file, before: int = before) -> None:
            progress(file.path, before + there, total)

        here = _has(target, file.size) and _is(target, file)
        if not here and not (here := _from_cache(name, file, target)):
            try:
                fetch(
                    hub.url(name, commit, file.path),
                    target,
                    sha256=file.sha256 or None,
                    size=file.size,
                    progress=tell,
                    client=hub.client,
                    pause=pause,
                    instead=INSTEAD,
                )
            except Refused as error:
                raise refused(name, commit, hub.address, error.answered, error.reason) from error
            fetched += file.size
            if not _is(target, file):
                target.unlink()
                raise Unavailable(
                    f"{file.path} of {name} is not the file that {hub.address} lists, and was thrown away. Try again; if it "
                    "happens again, the mirror is damaged."
                )
        done += file.size
        progress(file.path, done, total)
        kept.append(FileRecord(file.path, file.size, file.sha256 or sha256_of(target)))
    return Pulled(folder, finish(folder, replace(record, files=tuple(kept))), fetched)


def _from_folder(
    name: str, wanted: str, source: Path, to: Path | None, pin: Pin | None, progress: Progress, *, named: bool
) -> Pulled:
    found = look_into(source, name, wanted)
    commit = found.revision
    if not commit and pin and pin.revision and not named:
        raise BadInput(
            f"The copy in {found.folder} does not say which revision it is of. MIRAGE uses {pin.revision} of {name}: add "
            f"--revision {pin.revision} if it is that one."
        )
    commit = commit or (wanted if named else "")
    files = choose(name, found.files, pin)
    folder = to.expanduser() if to else home_of(name, commit)
    if folder.resolve() == found.folder.resolve():
        raise BadInput(f"{folder} cannot be copied onto itself. Name another folder with --to.")
    record = ModelRecord(name, commit, pin.licence if pin else "", str(found.folder), wanted)
    begin(folder, record)
    _check_room(folder, files, sum(file.size for file in files))
    kept, copied = copy(Copy(found.folder, commit, tuple(files)), folder, progress)
    return Pulled(folder, finish(folder, replace(record, files=kept)), copied)


# -- the folder ---------------------------------------------------------------------------------------------------------


def begin(folder: Path, record: ModelRecord) -> None:
    """Claim a folder for a model: it is empty, or holds this very revision of it, perhaps in part.

    Raises
    ------
    mirage.errors.BadInput
    """
    try:
        before = ModelRecord.read(folder)
        if before is not None and (before.id, before.revision) != (record.id, record.revision):
            at = f" at {before.revision}" if before.revision else ""
            raise BadInput(f"{folder} holds {before.id}{at}. Name another folder.")
        if before is None and folder.is_dir() and any(folder.iterdir()):
            raise BadInput(f"{folder} is not empty, and not a model that was pulled. Name an empty folder.")
        record.write(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error


def finish(folder: Path, record: ModelRecord) -> ModelRecord:
    """Write down that all files are there and verified."""
    licence = record.licence or licence_of(folder)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    whole = replace(record, licence=licence, pulled=now)
    try:
        whole.write(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return whole


def cannot_write(folder: Path, error: OSError) -> MirageError:
    """What to say when a folder takes no more."""
    if error.errno == errno.ENOSPC:
        return Unavailable(f"The disk that holds {folder} is full. Make room and run it again to go on.")
    return Unavailable(f"{folder} cannot be written: {error.strerror or error}. Name another folder with --to.")


def _check_room(folder: Path, files: list[RemoteFile], total: int) -> None:
    parts = sum(_size(folder / file.path) or _size(folder / (file.path + ".part")) for file in files)
    free = shutil.disk_usage(folder).free
    if total - parts + _SPARE > free:
        raise Unavailable(
            f"The model takes {total / 1e9:,.2f} GB, of which {(total - parts) / 1e9:,.2f} GB are still to come, and the "
            f"disk of {folder} has {free / 1e9:,.2f} GB free. Make room, or name another folder with --to."
        )


def _from_cache(name: str, file: RemoteFile, target: Path) -> bool:
    """Take a file from the cache of the Hugging Face libraries, when it lies there and is what its name says."""
    kept = cache.blob(name, file.sha256 or file.git_id)
    if kept is None or kept.stat().st_size != file.size:
        return False
    part = target.with_name(target.name + ".copy")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, part)
        if not _is(part, file):
            part.unlink()
            return False
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise cannot_write(target.parent, error) from error
    return True


def _is(path: Path, file: RemoteFile) -> bool:
    """Whether a file is what the hub states of it, in size and content."""
    if not _has(path, file.size):
        return False
    if file.sha256:
        return sha256_of(path) == file.sha256
    return not file.git_id or git_id_of(path) == file.git_id


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
