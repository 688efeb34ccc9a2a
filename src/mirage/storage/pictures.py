"""Where the pictures of an atlas lie: in its folder, in another one, or at an address."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from mirage.errors import AtlasError
from mirage.images.bucket import check_address, local_folder
from mirage.images.remote import RemotePictures
from mirage.images.store import PictureStore, is_whole
from mirage.settings import Settings
from mirage.storage import manifest
from mirage.storage.store import Store
from mirage.wording import _, carried

_AT_ONCE = 8  # files that are moved at the same time


def pictures_of(folder: Path, address: str | None = None, store: Store | None = None) -> PictureStore:
    """The pictures of an atlas.

    Parameters
    ----------
    folder : Path
        The atlas's.
    address : str, optional
        Where they are, empty for the folder; what ``atlas.toml`` says when left out.
    store : Store, optional
        Its records, by which it is known where pictures are added or removed.

    Raises
    ------
    mirage.errors.BadInput
        When it is no address of pictures.
    """
    if address is None:
        known = manifest.read(folder)
        address = known.pictures if known else ""
    if not address:
        return PictureStore(folder / "pictures")
    if (elsewhere := local_folder(address)) is not None:
        pictures = PictureStore(elsewhere)
        pictures.address = address
        return pictures
    settings = Settings.load()
    owner = hashlib.sha256(store.id_key).hexdigest()[:32] if store else ""  # tells nothing of that key
    return RemotePictures(check_address(address), owner, settings.picture_cache, settings.picture_cache_bytes)


class Movable(Protocol):
    """An open atlas, as far as its pictures are concerned: `mirage.storage.folder.AtlasFolder`."""

    path: Path
    store: Store
    pictures: PictureStore

    @property
    def written(self) -> manifest.AtlasManifest: ...


def move_pictures(
    atlas: Movable, address: str, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[int, int]:
    """Move the pictures of an atlas; nobody else may have it open.

    They are copied and checked, then ``atlas.toml`` is replaced in one step, then those at the old place are removed.
    Stopped at any point and run again, it goes on where it was.

    Parameters
    ----------
    atlas : AtlasFolder
        Open in this process.
    address : str
        As `pictures_of` takes it; empty for the atlas's own folder.
    progress : callable
        Told how many files are done, of how many.

    Returns
    -------
    tuple of int
        How many files were moved, and their bytes.

    Raises
    ------
    mirage.errors.AtlasError
        When a picture is damaged, or another atlas's are there; then nothing has changed.
    mirage.errors.Unavailable
    """
    old, new = atlas.pictures, pictures_of(atlas.path, address, atlas.store)
    if old.address == new.address:  # it was stopped before all at the old place were removed
        old = pictures_of(atlas.path, "")
    if old.address == new.address:
        return 0, 0
    there, moving = new.sizes(), old.sizes()
    missing, done = [name for name, size in moving.items() if there.get(name) != size], 0

    def move(name: str) -> None:
        file = old.file(name)
        with file.open("rb") as opened:
            if not is_whole(opened, name):
                raise AtlasError(
                    _(
                        "%(file)s is damaged: its content is another than its name says. Restore it from a "
                        "copy, or remove the figure that has it; `mirage atlas collect` removes what no "
                        "figure has. Nothing was changed.",
                        file=file,
                    )
                )
        new.copy(file)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _moved in pool.map(carried(move), missing):
            done += 1
            progress(done, len(missing))
    atlas.pictures = new
    atlas.written.write(atlas.path)
    old.remove_files(moving)
    with suppress(OSError):
        for folder in (*old.folder.glob("[0-9a-f][0-9a-f]"), old.folder):
            folder.rmdir()
    return len(moving), sum(moving.values())
