"""An atlas file into an atlas: checked before anything is written, resumable, and nothing in it is trusted.

The figures come with their vectors, so nothing is encoded where the same encoder is at hand; else they can be encoded anew.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mirage import encoders
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.errors import AtlasError, BadPicture, MirageError, check_room
from mirage.figure import INFERABLE, Case, Figure, Licence, Source
from mirage.images import DEFAULT_LIMITS, Picture, read_picture
from mirage.settings import Settings
from mirage.storage import archive, manifest
from mirage.storage.archive import AtlasFile
from mirage.storage.folder import UNFINISHED, AtlasFolder, point_of
from mirage.storage.ingest import BATCH, Progress, encode_captions, vectors_of
from mirage.storage.records import Picture as PictureRecord
from mirage.storage.records import Record, Row

Vector = npt.NDArray[np.float32]
Made = TypeVar("Made")
_CORPUS_COLUMNS = ("name", "title", "summary", "version", "homepage", "licence", "licence_url", "complete")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    manifest : mirage.storage.archive.Manifest
    added : int
        Figures that are new or were replaced.
    kept : int
        Figures that were there already, the same.
    encoded : bool
        Whether the pictures had to be encoded anew.
    stopped : bool
    seconds : float
    """

    manifest: archive.Manifest
    added: int
    kept: int
    encoded: bool
    stopped: bool
    seconds: float


def import_file(
    path: Path,
    folder: Path,
    *,
    encode: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Imported:
    """Put an atlas file into an atlas, which is made when there is none.

    Stopped or killed at any point and run again, it goes on where it broke.

    Parameters
    ----------
    path : Path
        What `mirage.storage.archive_export.export` wrote.
    folder : Path
        The atlas.
    encode : bool
        Encode the pictures anew with the atlas's encoder, where it is not the one that the file was made with.
    progress : callable
    stop : callable
        Asked between batches.

    Raises
    ------
    mirage.errors.AtlasError
        When the file is no atlas file, was cut short or changed, or was made with another encoder. Nothing was changed then,
        but for a changed picture: figures before it stay.
    mirage.errors.AtlasHeld
        When another process has the atlas open.
    mirage.errors.Unavailable
        When the disk is full. What is stored stays.
    """
    with archive.opened(path) as file:
        file.check()
        with AtlasFolder.open(folder, create=True, encoder=_for_new(folder, file, encode)) as atlas:
            return _import(file, atlas, encode, progress, stop)


def import_open(
    path: Path,
    atlas: AtlasFolder,
    *,
    encode: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Imported:
    """Put an atlas file into an atlas that is open in this process; otherwise as `import_file`."""
    with archive.opened(path) as file:
        file.check()
        return _import(file, atlas, encode, progress, stop)


def _for_new(folder: Path, file: AtlasFile, encode: bool) -> Encoder | None:
    """The encoder to make a new atlas with: the file's own where it is at hand, so that nothing has to be encoded.

    Raises
    ------
    mirage.errors.AtlasError
        When it is not at hand, before a folder is made.
    """
    if manifest.check_folder(folder, create=True) is not None:
        return None
    theirs, settings = file.manifest.encoder, Settings.load()
    if export := encoders.exported_for(theirs, settings):
        return export
    names = dict.fromkeys((theirs.name, settings.encoder)) if theirs.name in encoders.available() else (settings.encoder,)
    for name in names:
        try:
            found = encoders.configured(name, settings, theirs.model if name == theirs.name else "")
        except MirageError:
            continue
        if found.info().digest == theirs.digest:
            return found
        if name == settings.encoder and not encode:
            _check_encoder(file, found.info(), folder)
    return None


def _check_encoder(file: AtlasFile, mine: EncoderInfo, folder: Path) -> None:
    theirs = file.manifest.encoder
    if mine.digest != theirs.digest:
        raise AtlasError(
            f"{file.path} was made with the encoder {theirs.name} ({theirs.digest[:12]}); the atlas {folder} has "
            f"{mine.name} ({mine.digest[:12]}), whose vectors cannot be compared with those. Import it with "
            "--encode to encode its pictures anew, or into a folder of its own with that encoder installed."
        )


def _import(
    file: AtlasFile, atlas: AtlasFolder, encode: bool, progress: Callable[[Progress], None], stop: Callable[[], bool]
) -> Imported:
    started = time.perf_counter()
    anew = atlas.encoder.info().digest != file.manifest.encoder.digest
    if not encode:
        _check_encoder(file, atlas.encoder.info(), atlas.path)
    importing = _Importing(atlas, file, anew, progress, started)
    stopped = importing.run(stop)
    return Imported(file.manifest, importing.added, importing.kept, anew, stopped, time.perf_counter() - started)


class _Importing:
    """One import under way."""

    def __init__(
        self, atlas: AtlasFolder, file: AtlasFile, encode: bool, progress: Callable[[Progress], None], started: float
    ) -> None:
        self._atlas, self._file, self._encode = atlas, file, encode
        self._progress, self._started = progress, started
        self.added = self.kept = 0

    def run(self, stop: Callable[[], bool]) -> bool:
        atlas = self._atlas
        check_room(atlas.path)
        atlas.reconcile()
        stamp = int(atlas.store.note("stamp") or 0) + 1
        corpora = [self._made(_corpus, row) for row in self._records(archive.CORPORA)]
        self._corpora = {row["name"] for row in corpora}
        atlas.store.set_note("stamp", str(stamp))
        atlas.store.set_note(UNFINISHED, str(stamp))
        for row in corpora:
            atlas.store.put_corpus({**row, "complete": False})
        known = {key: value for row in corpora for key, value in atlas.store.fingerprints(row["name"]).items()}
        cases = {case.id: case for case in (self._made(_case, record) for record in self._records(archive.CASES))}
        stopped = False
        try:
            for batch in self._batches(known):
                check_room(atlas.path)
                self._store(batch, cases, stamp)
                self._tell()
                if stop():
                    stopped = True
                    break
        finally:
            atlas.changed()
        if not stopped:
            # A part of a corpus, as an export of what may be shared is, has every figure that was meant to come.
            for row in corpora:
                atlas.store.put_corpus(row)
        if self.added:
            atlas.index.optimise()
        atlas.store.set_note(UNFINISHED, None)
        atlas.changed()
        self._tell()
        return stopped

    def _records(self, name: str) -> Iterator[dict[str, Any]]:
        yield from self._file.lines(name)

    def _batches(self, known: dict[str, str]) -> Iterator[list[tuple[dict[str, Any], Vector, Vector | None]]]:
        blocks = -(-self._file.manifest.figures // archive.BLOCK)
        for number in range(blocks):
            images, captions = self._vectors(number)
            batch: list[tuple[dict[str, Any], Vector, Vector | None]] = []
            records = list(self._records(archive.figures_name(number)))
            if len(records) != len(images):
                raise AtlasError(f"{self._file.path} is damaged: block {number} has not as many figures as vectors.")
            for record, image, caption in zip(records, images, captions, strict=True):
                if self._made(lambda given: known.get(given["id"]) == given["fingerprint"], record):
                    self.kept += 1
                    continue
                batch.append((record, image, caption))
                if len(batch) == BATCH:
                    yield batch
                    batch = []
            if batch:
                yield batch

    def _vectors(self, number: int) -> tuple[list[Vector], list[Vector | None]]:
        name, dimension = archive.vectors_name(number), self._file.manifest.encoder.dimension
        try:
            most = archive.BLOCK * 2 * dimension * 2 + 4096  # 16-bit floats, and what says so
            pairs = np.load(io.BytesIO(self._file.read(name, most)), allow_pickle=False).astype(np.float32)
            if pairs.shape[1:] != (2, dimension) or not np.isfinite(pairs[:, 0]).all():
                raise ValueError("shapes differ")
        except (ValueError, OSError, EOFError) as error:
            raise AtlasError(f"{self._file.path} is damaged: {name} cannot be used ({error}).") from error
        return list(pairs[:, 0]), [None if np.isnan(caption).any() else caption for caption in pairs[:, 1]]

    def _store(self, batch: list[tuple[dict[str, Any], Vector, Vector | None]], cases: dict[str, Case], stamp: int) -> None:
        atlas = self._atlas
        figures = [self._made(_figure, record) for record, _, _ in batch]
        if strange := next((f.id for f in figures if f.source.corpus not in self._corpora), None):
            raise self._damaged(f"{strange[:80]} is of no corpus that the file has")
        pictures = [self._picture(record) for record, _, _ in batch]
        if self._encode:
            images = list(atlas.encoder.encode_images([picture.image for picture, _ in pictures]))
            captions = encode_captions(atlas.encoder, figures)
        else:
            images, captions = [image for _, image, _ in batch], [caption for _, _, caption in batch]
        records = [
            Record(figure, cases.get(figure.case_id), record["fingerprint"], kept, image, caption)
            for figure, (record, _, _), (_, kept), image, caption in zip(
                figures, batch, pictures, images, captions, strict=True
            )
        ]
        keys = atlas.store.put(records, atlas.encoder.info().digest, stamp)
        atlas.index.add(
            [
                point_of(Row(key, record.figure, record.picture), *vectors_of(record))
                for key, record in zip(keys, records, strict=True)
            ]
        )
        atlas.renewed()
        self.added += len(records)

    def _picture(self, record: dict[str, Any]) -> tuple[Picture, PictureRecord]:
        name, look = self._made(lambda given: (str(given["picture"]["name"]), int(given["picture"]["look"], 16)), record)
        data = self._file.picture(name)
        try:
            decoded = read_picture(data, name=name, limits=DEFAULT_LIMITS)
        except BadPicture as error:
            raise AtlasError(f"{self._file.path} holds a picture that cannot be read: {error}") from error
        kept = self._atlas.pictures.put(decoded)
        # What the original looked like, not its smaller copy: near-duplicates are folded as they were where it came from.
        return decoded, PictureRecord(kept.name, kept.width, kept.height, kept.size, look)

    def _made(self, make: Callable[[dict[str, Any]], Made], record: dict[str, Any]) -> Made:
        """Make something of a record, in which whoever wrote the file may have put anything."""
        try:
            return make(record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._damaged(f"a record cannot be read ({type(error).__name__}: {str(error)[:120]})") from error

    def _damaged(self, why: str) -> AtlasError:
        return AtlasError(f"{self._file.path} is damaged: {why}.")

    def _tell(self) -> None:
        done, total = self.added + self.kept, self._file.manifest.figures
        rate = self.added / (time.perf_counter() - self._started)
        self._progress(Progress(done, total, rate, (total - done) / rate if rate else None))


def _corpus(record: dict[str, Any]) -> dict[str, Any]:
    row = {name: record[name] for name in _CORPUS_COLUMNS}
    if not isinstance(row["complete"], bool) or not all(isinstance(row[name], str) for name in _CORPUS_COLUMNS[:-1]):
        raise ValueError("a corpus is told in words")
    return row


def _texts(kind: type[Figure | Case | Source], values: dict[str, Any]) -> dict[str, Any]:
    """The values, once all that are to be text are."""
    texts = {field.name for field in fields(kind) if field.type == "str"}
    if strange := next((name for name in texts & set(values) if not isinstance(values[name], str)), None):
        raise ValueError(f"{strange} is no text")
    return values


def _source(given: dict[str, Any]) -> Source:
    return Source(**{**_texts(Source, given), "licence": Licence(**given["licence"])})


def _figure(record: dict[str, Any]) -> Figure:
    words = {name: value for name, value in record.items() if name not in ("fingerprint", "picture", "source", "inferred")}
    inferred = tuple(name for name in INFERABLE if name in record.get("inferred", ()))
    return Figure(**_texts(Figure, words), source=_source(record["source"]), inferred=inferred)


def _case(record: dict[str, Any]) -> Case:
    words = {name: value for name, value in record.items() if name != "source"}
    return Case(**_texts(Case, words), source=_source(record["source"]))
