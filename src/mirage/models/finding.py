"""Where a model lies on this machine: in MIRAGE's own folder, or in the cache of the Hugging Face libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mirage.errors import BadInput
from mirage.models import cache
from mirage.models.pins import bare, pin_of
from mirage.models.record import NAME, ModelRecord
from mirage.settings import SHIPPED, Settings

# Of the folder of a copy of which nobody knows the commit.
UNKNOWN = "unknown"
_FOLDERS = {"starter-encoder": "encoder", "starter-generator": "generator"}


def find(model_id: str, revision: str = "") -> Path | None:
    """The folder that holds a model's files, or None when it is not on this machine. The network is not asked.

    MIRAGE's own folder (the setting ``models``) comes first, where only what is whole counts, then the cache of the Hugging
    Face libraries.

    Parameters
    ----------
    model_id : str
        A hub id, with or without ``hf-hub:``, or the name of a model that ships.
    revision : str
        A branch, a commit or its first digits; when empty the pinned one, and of a model that is not pinned the one pulled
        last.

    Raises
    ------
    mirage.errors.Unavailable
        When the record beside a pulled model is damaged.
    """
    name = bare(model_id)
    if name in _FOLDERS:
        folder = SHIPPED / _FOLDERS[name]
        return folder if folder.is_dir() else None
    if not is_id(name):
        return None
    pin = pin_of(name)
    wanted = revision or (pin.revision if pin else "")
    return pulled(name, wanted) or cache.cached(name, wanted)


def pulled(model_id: str, revision: str = "") -> Path | None:
    """As `find`, in MIRAGE's own folder only, and with an empty revision the one pulled last."""
    fitting = [
        (record.pulled, folder) for folder, record in records(bare(model_id)) if record.whole and fits(record, revision)
    ]
    return max(fitting)[1] if fitting else None


def fits(record: ModelRecord, revision: str) -> bool:
    """Whether a pulled model is of a revision, named as when it was pulled or by its commit or the first digits of that."""
    if not revision or revision in (record.asked, record.revision):
        return True
    return is_beginning(revision) and record.revision.startswith(revision.lower())


def is_beginning(revision: str) -> bool:
    """Whether a revision is written as the first digits, seven or more, of a commit."""
    return bool(re.fullmatch(r"[0-9a-fA-F]{7,39}", revision))


def is_commit(revision: str) -> bool:
    """Whether a revision is a whole commit."""
    return bool(re.fullmatch(r"[0-9a-f]{40}", revision))


def records(model_id: str) -> Iterator[tuple[Path, ModelRecord]]:
    """What lies of a model in MIRAGE's own folder: each folder with its record, whole or not.

    Raises
    ------
    mirage.errors.Unavailable
        When a record is damaged.
    """
    for folder in folders(model_id):
        if (record := ModelRecord.read(folder)) is not None:
            yield folder, record


def folders(model_id: str = "") -> list[Path]:
    """Folders in MIRAGE's own that hold a revision of a model, or of any."""
    if model_id and not is_id(model_id):
        return []
    home = Settings.load().models
    return [path.parent for path in sorted(home.glob(f"{spelt(model_id) if model_id else '*'}/*/{NAME}"))]


def home_of(model_id: str, commit: str) -> Path:
    """The folder, in MIRAGE's own, of a commit of a model."""
    return Settings.load().models / spelt(model_id) / (commit or UNKNOWN)


def spelt(model_id: str) -> str:
    """An id as the name of a folder."""
    return model_id.replace("/", "--")


def is_id(model_id: str) -> bool:
    """Whether something is spelt as the hub spells ids: ``org/name`` or ``name``."""
    part = r"[A-Za-z0-9](?:[\w.-]*\w)?"
    return bool(re.fullmatch(f"{part}(?:/{part})?", model_id)) and ".." not in model_id and "--" not in model_id


def checked(model_id: str, revision: str = "") -> str:
    """The bare id, when id and revision are spelt as they must be.

    Raises
    ------
    mirage.errors.BadInput
    """
    name = bare(model_id)
    if not is_id(name):
        raise BadInput(f"{model_id!r} is no id of a model. Write it as org/name, for example Nihirc/Prompt2MedImage.")
    if revision and (not re.fullmatch(r"\w[\w./-]*", revision) or ".." in revision):
        raise BadInput(f"{revision!r} is no revision. Give a commit, the first seven or more digits of one, or a branch.")
    return name
