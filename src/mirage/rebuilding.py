"""Make an atlas's index anew from its records, with the same encoder or with another."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from mirage import encoders, indexes, manifest
from mirage.adding import BATCH, Progress, encode_captions
from mirage.atlas import UNFINISHED, Atlas
from mirage.encoders.base import Encoder
from mirage.errors import AtlasError, AtlasHeld, MirageError
from mirage.pictures import PictureStore, decode
from mirage.settings import Settings
from mirage.store import Row, Store


def rebuild(
    folder: Path, encoder: str | None = None, progress: Callable[[Progress], None] = lambda _: None
) -> tuple[int, int]:
    """Encode what this encoder has not encoded yet, then make the index from scratch.

    Killed at any point and run again, it goes on: new vectors are kept beside the old ones until all are there, and until
    then the atlas is what it was.

    Parameters
    ----------
    folder : Path
    encoder : str, optional
        Adapter's name; the one the atlas was made with when left out.
    progress : callable

    Returns
    -------
    tuple of int
        Figures in the atlas, and how many of them had to be encoded.

    Raises
    ------
    mirage.errors.AtlasError, mirage.errors.AtlasHeld
    """
    known = manifest.read(folder)
    if known is None or not (folder / "records.sqlite").exists():
        raise AtlasError(f"{folder} is not an atlas, or was never finished. `mirage up` builds the one that ships.")
    same = encoder in (None, known.encoder.name)
    used = encoders.configured(encoder or known.encoder.name, Settings.load(), known.encoder.model if same else "")
    digest = used.info().digest
    index = folder / "index"
    _check_free(folder, index, known.encoder.dimension)
    store = Store.at(folder / "records.sqlite")
    try:
        encoded = _encode_missing(store, PictureStore(folder / "pictures"), used, digest, progress)
        store.set_note(UNFINISHED, "0")
        shutil.rmtree(index, ignore_errors=True)
        manifest.Manifest(manifest.FORMAT, used.info(), known.corpora).write(folder)
    finally:
        store.close()
    with Atlas.open(folder, encoder=used) as atlas:
        atlas.store.forget_vectors(digest)
        return len(atlas.index), encoded


def _check_free(folder: Path, index: Path, dimension: int) -> None:
    """Make sure that nobody has the index open; one that is damaged beyond opening is nobody's."""
    if not index.exists():
        return
    try:
        indexes.load("embedded", path=index, dimension=dimension).close()
    except AtlasHeld as error:
        holder = manifest.Holder.read(folder)
        raise AtlasHeld(f"The atlas {folder} is open in {holder or 'another process'}. Stop it first.") from error
    except AtlasError:
        return


def _encode_missing(
    store: Store, pictures: PictureStore, encoder: Encoder, digest: str, progress: Callable[[Progress], None]
) -> int:
    started, done, encoded = time.perf_counter(), 0, 0
    total = len(store.keys())
    for rows in store.each(batch=BATCH):
        there = store.vectors([row.key for row in rows], digest)
        missing = [row for row in rows if row.key not in there]
        if missing:
            _encode(store, pictures, encoder, digest, missing)
            encoded += len(missing)
        done += len(rows)
        rate = encoded / (time.perf_counter() - started)
        progress(Progress(done, total, rate, (total - done) / rate if rate else None))
    return encoded


def _encode(store: Store, pictures: PictureStore, encoder: Encoder, digest: str, rows: list[Row]) -> None:
    images = encoder.encode_images([_decoded(pictures, row) for row in rows])
    captions = encode_captions(encoder, [row.figure for row in rows])
    store.put_vectors([row.key for row in rows], images, captions, digest)


def _decoded(pictures: PictureStore, row: Row) -> Image.Image:
    try:
        return decode(pictures.path(row.picture.name))
    except MirageError as error:
        raise AtlasError(
            f"The picture of {row.figure.id} is lost or damaged ({error}), so that it cannot be encoded anew. "
            "Restore the atlas's folder pictures from a copy. The atlas is what it was."
        ) from error
