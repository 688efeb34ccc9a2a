"""An atlas file into an atlas: checked before anything is written, resumable, and nothing in it is trusted.

A figure or case of the same id that differs from the one in the atlas is replaced only when that was asked for.
The figures come with their vectors, so nothing is encoded where the same encoder is at hand; else they can be encoded anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import replace as altered
from pathlib import Path

import numpy as np

from mirage import encoders
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.errors import BadAtlasFile, BadInput, BadPicture, MirageError
from mirage.figure import Case, Withdrawal
from mirage.images import DecodedPicture, read_picture
from mirage.locales import number
from mirage.settings import Settings
from mirage.storage import archive, manifest
from mirage.storage.archive import AtlasFile
from mirage.storage.archive_records import ArchivedFigure
from mirage.storage.caption_vectors import encode_captions
from mirage.storage.folder import AtlasFolder
from mirage.storage.ingest import ProgressMeter, Tell
from mirage.storage.prepare import BATCH
from mirage.storage.records import MADE_OF_A_NAME, FigureRecord, PictureRow, StackRow, Vector, batched, keyed, keyed_id, unit
from mirage.storage.searched import SliceVectors
from mirage.storage.slices import encode_kept
from mirage.wording import _


class WouldReplace(BadInput):
    """An atlas file holds records that differ from those of the same id in the atlas, and nobody said to replace them."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    added : int
        Figures that are new or were replaced.
    kept : int
        Figures that were there already, the same.
    encoded : bool
        Whether the pictures had to be encoded anew.
    stopped : bool
    seconds : float
    """

    added: int
    kept: int
    encoded: bool
    stopped: bool
    seconds: float


def import_file(
    path: Path,
    into: Path | AtlasFolder,
    *,
    encode: bool = False,
    replace: bool = False,
    progress: Tell = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Imported:
    """Put an atlas file into an atlas.

    Stopped or killed at any point and run again, it goes on where it broke.

    Parameters
    ----------
    path : Path
        What `mirage.storage.archive_export.export` wrote.
    into : Path or AtlasFolder
        The atlas's folder, in which one is made when there is none; or an atlas that is open in this process.
    encode : bool
        Encode the pictures anew with the atlas's encoder, where it is not the one that the file was made with.
    replace : bool
        Replace figures and cases of the same id that differ. A record of another corpus is never replaced.
    progress : callable
    stop : callable
        Asked between batches.

    Raises
    ------
    mirage.errors.AtlasError
        When the file is no atlas file, was cut short or changed, holds a record that cannot be used, or was made with
        another encoder. Nothing was changed then, but for a changed picture: figures before it stay.
    WouldReplace
        When figures or cases would be replaced and `replace` is False. Nothing was changed.
    mirage.errors.AtlasHeld
        When another process has the atlas open.
    mirage.errors.Unavailable
        When the disk is full. What is stored stays.
    """
    with archive.opened(path) as file, ExitStack() as stack:
        file.check()
        atlas = into
        if not isinstance(atlas, AtlasFolder):
            atlas = stack.enter_context(AtlasFolder.open(atlas, create=True, encoder=_for_new(atlas, file, encode)))
        if not encode:
            _check_encoder(file, atlas.encoder.info(), atlas.path)
        importing = _Importing(atlas, file, progress)
        importing.compare(replace)
        stopped = importing.run(stop)
        return Imported(importing.added, importing.kept, importing.encodes, stopped, importing.meter.seconds)


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
    if (mine.digest, mine.dimension) != (theirs.digest, theirs.dimension):
        raise BadAtlasFile(
            _(
                "%(path)s was made with the encoder %(theirs)s (%(digest)s); the atlas %(folder)s "
                "has %(mine)s (%(digest2)s), whose vectors cannot be compared with those. Import it "
                "with --encode to encode its pictures anew, or into a folder of its own with that "
                "encoder installed.",
                path=file.path,
                theirs=theirs.name,
                digest=theirs.digest[:12],
                folder=folder,
                mine=mine.name,
                digest2=mine.digest[:12],
            )
        )


class _Importing:
    """One import under way."""

    def __init__(self, atlas: AtlasFolder, file: AtlasFile, progress: Tell) -> None:
        self._atlas, self._file = atlas, file
        self.encodes = atlas.encoder.info().digest != file.manifest.encoder.digest
        self.meter = ProgressMeter(file.manifest.figures, progress)
        self._known = {corpus.name: corpus for corpus in atlas.store.corpora()}
        marks = {corpus: atlas.store.fingerprints(corpus) for corpus in self._known}
        self._there = {own: (corpus, mark) for corpus, those in marks.items() for own, mark in those.items()}
        self._titles = set[tuple[str, str]]()  # of figures, with their cases
        self.added = self.kept = 0
        self._begun = time.time()
        self._withdrawn = atlas.store.withdrawals.ids()
        self._marked = dict[str, Withdrawal]()  # of figures that are there already, what the file says

    def _figures(self, block: int) -> Iterator[ArchivedFigure]:
        """The figures of a block, with keyed ids for those that an earlier version made of the names of files."""
        for figure in self._file.figures(block):
            if figure.withdrawn and figure.withdrawn.seen > self._begun:  # or no answer could ever lift it
                figure = altered(figure, withdrawn=altered(figure.withdrawn, seen=self._begun))  # noqa: PLW2901
            if MADE_OF_A_NAME.fullmatch(figure.id):
                key = self._atlas.store.id_key
                own, case = keyed_id(key, figure.id), keyed_id(key, figure.case_id)
                yield altered(figure, id=own, case_id=case, fingerprint=keyed(key, figure.fingerprint))
            else:
                yield figure

    def _cases(self) -> Iterator[Case]:
        """The cases likewise, without a title that is not a figure's or the diagnosis: an earlier version called them so."""
        for case in self._file.cases():
            if MADE_OF_A_NAME.fullmatch(case.id):
                identity = keyed_id(self._atlas.store.id_key, case.id)
                is_told = case.title == case.diagnosis or (identity, case.title) in self._titles
                yield altered(case, id=identity, title=case.title if is_told else "")
            else:
                yield case

    def compare(self, replace: bool) -> None:
        """Refuse a file that would replace a record of another corpus, or one that differs when that was not asked for."""
        figures = cases = 0
        for block in range(self._file.blocks):
            for figure in self._figures(block):
                corpus, mark = self._there.get(figure.id, (figure.source.corpus, figure.fingerprint))
                if corpus != figure.source.corpus:
                    raise self._foreign("figure", figure.id, corpus)
                figures += mark != figure.fingerprint or self._newly_withdrawn(figure)
                self._titles.add((figure.case_id, figure.title))
        for batch in batched(self._cases(), BATCH):
            there = self._atlas.store.cases([case.id for case in batch])
            for case in batch:
                other = there.get(case.id, case)
                if other.source.corpus != case.source.corpus:
                    raise self._foreign("case", case.id, other.source.corpus)
                cases += other != case
        if not replace and (figures or cases):
            raise WouldReplace(
                _(
                    "%(path)s holds %(figures)s figures and %(cases)s cases that are in the atlas "
                    "already and differ there. Nothing was changed. Import it with --replace to replace "
                    "them.",
                    path=self._file.path,
                    figures=number(figures),
                    cases=number(cases),
                )
            )

    def _newly_withdrawn(self, figure: ArchivedFigure) -> bool:
        """Whether the file says of a figure that is there that its source has withdrawn it, and the atlas does not."""
        return figure.withdrawn is not None and figure.id in self._there and figure.id not in self._withdrawn

    def _foreign(self, what: str, identity: str, corpus: str) -> BadAtlasFile:
        return BadAtlasFile(
            _(
                "%(path)s is refused: its %(what)s %(identity)s is in the atlas already, in the "
                "corpus %(corpus)s. Nothing was changed.",
                path=self._file.path,
                what=what,
                identity=repr(identity[:80]),
                corpus=corpus,
            )
        )

    def run(self, stop: Callable[[], bool]) -> bool:
        stopped = False
        with self._atlas.adding() as put:
            self._put_corpora(complete=False)
            for cases in batched(self._cases(), BATCH):
                self._atlas.store.put_cases(cases)
            for batch in batched(self._new(), BATCH):
                put(self._records(batch))
                self.added += len(batch)
                self.meter.move(len(batch), len(batch))
                if stop():
                    stopped = True
                    break
            self._atlas.store.withdrawals.mark(self._marked)
            if not stopped:
                # A part of a corpus, as an export of what may be shared is, has every figure that was meant to come.
                self._put_corpora(complete=True)
        self.meter.move()
        return stopped

    def _put_corpora(self, *, complete: bool) -> None:
        """Keep what is known of the file's corpora; what the atlas says of one of its own stays."""
        for corpus in self._file.corpora():
            known = self._known.get(corpus.name, corpus)
            self._atlas.store.put_corpus(altered(known, complete=complete and (known.complete or corpus.complete)))

    def _new(self) -> Iterator[tuple[ArchivedFigure, Vector, SliceVectors | None]]:
        """Figures that are new or differ, with vectors: (2, d), of the picture and of its words; and those of its slices."""
        for block in range(self._file.blocks):
            pairs = self._file.vectors(block).astype(np.float32)
            of_slices, used = self._file.slices(block), 0
            for figure, pair in zip(self._figures(block), pairs, strict=True):
                slices = None
                if figure.files is not None:
                    count = len(figure.files.slices)
                    numbers = np.array(figure.files.slices, np.int32)
                    slices = SliceVectors(numbers, unit(of_slices[used : used + count]))
                    used += count
                if self._there.get(figure.id) == (figure.source.corpus, figure.fingerprint):
                    self.kept += 1
                    if figure.withdrawn and figure.id not in self._withdrawn:
                        self._marked[figure.id] = figure.withdrawn
                    self.meter.move(1, seldom=True)
                else:
                    yield figure, pair, slices

    def _records(self, batch: list[tuple[ArchivedFigure, Vector, SliceVectors | None]]) -> list[FigureRecord]:
        encoder, figures = self._atlas.encoder, [figure for figure, *_ in batch]
        pictures = [self._picture(figure) for figure in figures]
        stacks = [self._stack(figure) for figure in figures]
        images, slices = [pair[0] for _, pair, _ in batch], [own for *_, own in batch]
        captions = [None if np.isnan(pair[1]).any() else pair[1] for _, pair, _ in batch]
        if self.encodes:
            images = list(encoder.encode_images([picture.image for picture, _ in pictures]))
            captions = encode_captions(encoder, figures)
            slices = [self._encoded(figure, stack) for figure, stack in zip(figures, stacks, strict=True)]
        return [
            FigureRecord(figure, None, figure.fingerprint, kept, image, caption, stack=stack, slices=own)
            for figure, (_, kept), image, caption, stack, own in zip(
                figures, pictures, images, captions, stacks, slices, strict=True
            )
        ]

    def _stack(self, figure: ArchivedFigure) -> StackRow | None:
        if figure.files is None:
            return None
        for name in figure.files.names:
            if name not in self._atlas.pictures:
                with self._file.unpacked(name) as path:
                    self._atlas.pictures.put_stack_file(path)
        return StackRow(figure.files.voxels, figure.files.labels, self._atlas.pictures.size(figure.files.names))

    def _encoded(self, figure: ArchivedFigure, stack: StackRow | None) -> SliceVectors | None:
        if figure.stack is None or stack is None:
            return None
        try:
            return encode_kept(self._atlas.encoder, self._atlas.pictures, figure.stack, stack.voxels)
        except BadPicture as error:
            raise BadAtlasFile(
                _("%(path)s holds a stack that cannot be taken in: %(error)s", path=self._file.path, error=error)
            ) from error

    def _picture(self, figure: ArchivedFigure) -> tuple[DecodedPicture, PictureRow]:
        name = figure.picture.name
        try:
            decoded = read_picture(self._file.picture(name), name=name)
        except BadPicture as error:
            raise BadAtlasFile(
                _("%(path)s holds a picture that cannot be read: %(error)s", path=self._file.path, error=error)
            ) from error
        kept = self._atlas.pictures.put(decoded)
        # The hash of the original, not of its smaller copy: near-duplicates are the same as where the file was made.
        return decoded, PictureRow(kept.name, kept.width, kept.height, kept.size, figure.picture.look)
