"""``mirage.model.json``: what was pulled, from where and when, with size and SHA-256 of every file, beside the files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from mirage.errors import Unavailable

NAME = "mirage.model.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of a model: its path below the folder, bytes, and SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What a folder holds.

    Attributes
    ----------
    id : str
    revision : str
        The whole commit; empty for a copy of which it is not known.
    licence : str
        As pinned, or as the model's card states it; ``not stated`` otherwise.
    source : str
        Address or folder it came from.
    asked : str
        The revision as it was named: a branch, or the commit.
    pulled : str
        When it was whole, ISO 8601; empty while it is not.
    files : tuple of FileRecord
    """

    id: str
    revision: str
    licence: str
    source: str
    asked: str = ""
    pulled: str = ""
    files: tuple[FileRecord, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all of it was fetched and verified."""
        return bool(self.pulled)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """One SHA-256 over all files' paths and digests; the same files give the same, wherever they came from."""
        lines = sorted(f"{file.path} {file.sha256}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write it beside the files, in one step.

        Raises
        ------
        OSError
        """
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / (NAME + ".new")
        new.write_text(json.dumps({"format": _FORMAT, **asdict(self)}, ensure_ascii=False, indent=1) + "\n", "utf-8")
        os.replace(new, folder / NAME)  # noqa: PTH105 - the very call that is atomic

    @classmethod
    def read(cls, folder: Path) -> ModelRecord | None:
        """The record in a folder; None where there is none.

        Raises
        ------
        mirage.errors.Unavailable
            When it is damaged or was written by a newer MIRAGE.
        """
        path = folder / NAME
        if not path.is_file():
            return None
        try:
            given = json.loads(path.read_text("utf-8"))
            if int(given.pop("format")) > _FORMAT:
                raise Unavailable(f"{path} was written by a newer MIRAGE. Update MIRAGE, or pull the model again.")
            files = tuple(FileRecord(**file) for file in given.pop("files"))
            record = cls(**given, files=files)
            if any(not inside(file.path) for file in files):
                raise ValueError("a file lies outside the folder")
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unavailable(f"{path} is damaged ({error}). Remove {folder} and pull the model again.") from error
        return record


def inside(path: str) -> bool:
    """Whether a path, written with slashes, stays below the folder it is joined to."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and not {"\\", ":", "\0"} & set(path) and ".." not in parts
