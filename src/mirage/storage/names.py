"""What the files, cases and folders that somebody added are called: for the eyes of who holds this computer's account.

Such names often name patients. They lie in a file of the person's own data, apart from the atlas, whose folder can therefore
be copied, served, backed up and given on without them. A folder that was moved or copied takes over what was known of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from mirage.settings import Settings
from mirage.storage.records import keyed


class LocalNames:
    """The names of one atlas: a line of JSON for each, the last one of an id counts.

    Where they cannot be written nothing else fails: they are only told.

    Parameters
    ----------
    folder : Path
        Of all such files.
    atlas, place : str
        What the file is known by: keyed hashes of the atlas itself, and of where it lies.
    """

    def __init__(self, folder: Path, atlas: str, place: str) -> None:
        self._path, self._others = folder / f"{atlas}-{place}.jsonl", f"{atlas}-*.jsonl"

    @cached_property
    def _known(self) -> dict[str, str]:
        if self._path.exists():
            return dict(_read(self._path))
        with suppress(OSError):
            return {own: name for other in sorted(self._path.parent.glob(self._others)) for own, name in _read(other)}
        return {}

    def of(self, own_id: str) -> str:
        """What something is called; empty where that is not known here."""
        return self._known.get(own_id, "")

    def put(self, names: Mapping[str, str]) -> None:
        """Keep names by id."""
        new = {own: name for own, name in names.items() if self._known.get(own) != name}
        if not new:
            return
        whole = not self._path.exists()
        self._known.update(new)
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._append(self._path, self._known if whole else new)

    def keep(self, ids: Collection[str]) -> None:
        """Forget all but those of some ids."""
        there = set(ids)
        if there.issuperset(self._known):
            return
        self.__dict__["_known"] = {own: name for own, name in self._known.items() if own in there}
        part = self._path.with_suffix(".part")
        with suppress(OSError):
            part.unlink(missing_ok=True)
            self._append(part, self._known)
            part.replace(self._path)

    def _append(self, path: Path, names: Mapping[str, str]) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:  # noqa: PTH123
            file.writelines(json.dumps([own, name]) + "\n" for own, name in names.items())


def local_names(key: bytes, place: str | None) -> LocalNames:
    """Open the names of an atlas.

    Parameters
    ----------
    key : bytes
        Its own, `Store.id_key`.
    place : str or None
        Of its records.
    """
    whose, where = keyed(key, "names"), keyed(key, str(Path(place or "").absolute()))
    return LocalNames(Settings.load().names, whose, where)


def _read(path: Path) -> Iterator[tuple[str, str]]:
    with suppress(OSError), path.open(encoding="utf-8") as lines:
        for line in lines:
            with suppress(ValueError):  # cut short by a full disk
                own, name = json.loads(line)
                yield str(own), str(name)
