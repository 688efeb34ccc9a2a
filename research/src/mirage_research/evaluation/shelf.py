"""What is measured: the figures of an atlas with their splits and their vectors, all in one order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.corpora.base import Corpus, Item
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.errors import AtlasError, BadInput, MirageError
from mirage.figure import Case, Figure
from mirage.images import PictureStore, decode
from mirage.storage import manifest
from mirage.storage.ingest import BATCH, encode_captions
from mirage.storage.records import Row, rounded
from mirage.storage.store import Store

Matrix = npt.NDArray[np.float32]
WHOLE = "all"
_SHARED_PAGES: frozenset[str] = frozenset({"case", "article"})  # a page that stands for all figures of one patient or paper
FEWEST = 11  # among ten figures or fewer the right one is always among the first ten


@dataclass(frozen=True)
class Vectors:
    """Vectors of the figures of a shelf, in its order.

    Attributes
    ----------
    encoder : EncoderInfo
    images : (n, d) float32
        Unit length.
    captions : (n, d) float32
        Unit length; zeros where a figure has no words.
    """

    encoder: EncoderInfo
    images: Matrix
    captions: Matrix

    def take(self, places: Sequence[int]) -> Vectors:
        """Those of some figures."""
        return Vectors(self.encoder, self.images[list(places)], self.captions[list(places)])


@dataclass(frozen=True)
class Shelf:
    """Figures with their cases, pictures and splits.

    Attributes
    ----------
    rows : tuple of Row
        Figures as the atlas keeps them, in the order of their keys.
    cases : mapping
        Case id to case.
    splits : tuple of str
        Of each figure; `WHOLE` for all when the splits are not known.
    folder : Path
        The atlas's.
    """

    rows: tuple[Row, ...]
    cases: Mapping[str, Case]
    splits: tuple[str, ...]
    folder: Path

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """The figures alone."""
        return tuple(row.figure for row in self.rows)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids of the figures."""
        return tuple(figure.id for figure in self.figures)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The case of each figure, else its article; a figure without either is a group of its own."""
        return tuple(figure.case_id or _article(figure) or figure.id for figure in self.figures)

    @cached_property
    def kinds(self) -> tuple[tuple[str, str, str], ...]:
        """Modality, plane and region of each figure: what a coarse look tells."""
        return tuple((figure.modality, figure.plane, figure.region) for figure in self.figures)

    def take(self, places: Sequence[int]) -> Shelf:
        """A shelf of some figures."""
        return replace(
            self, rows=tuple(self.rows[place] for place in places), splits=tuple(self.splits[place] for place in places)
        )


def _article(figure: Figure) -> str:
    return figure.source.url if figure.source.url_of in _SHARED_PAGES else ""


def splits_of(corpus: Corpus) -> dict[str, str]:
    """Figure id to split, for every figure of a corpus.

    Raises
    ------
    mirage.errors.BadInput
        When the corpus has no splits.
    """
    split_of = getattr(corpus, "split_of", None)
    if split_of is None:
        raise BadInput(f"{corpus.info().title} is not divided into splits. Leave out --split, or give “--split {WHOLE}”.")
    return {item.figure.id: split_of(item) for item in corpus.items() if isinstance(item, Item)}


def read(folder: Path, splits: Mapping[str, str] | None = None) -> tuple[Shelf, Vectors]:
    """Read an atlas's figures and the vectors it was made with. The atlas is not opened: another process may serve it.

    Parameters
    ----------
    folder : Path
    splits : mapping, optional
        Figure id to split; figures that it lacks are left out. Every figure is of the split `WHOLE` when left out.

    Raises
    ------
    mirage.errors.AtlasError
        When the folder is no atlas, or some of its figures have no vectors.
    mirage.errors.BadInput
        When there are too few figures to measure anything.
    """
    known = manifest.read(folder)
    if known is None or not (folder / "records.sqlite").exists():
        raise AtlasError(f"{folder} is not an atlas, or was never finished. `mirage up` builds the one that ships.")
    store = Store.at(folder / "records.sqlite")
    try:
        rows = [row for batch in store.each() for row in batch if splits is None or row.figure.id in splits]
        _check_enough(folder, len(rows), splits is not None)
        cases = store.cases({row.figure.case_id for row in rows} - {""})
        found = store.vectors([row.key for row in rows], known.encoder.digest)
    finally:
        store.close()
    lacking = [row.figure.id for row in rows if row.key not in found]
    if lacking:
        raise AtlasError(
            f"{len(lacking)} figures of {folder} have no vectors, {lacking[0]} among them. "
            f"`mirage atlas rebuild --atlas {folder}` makes them."
        )
    shelf = Shelf(tuple(rows), cases, tuple(WHOLE if splits is None else splits[row.figure.id] for row in rows), folder)
    return shelf, _stacked(known.encoder, [found[row.key] for row in rows])


def _check_enough(folder: Path, count: int, by_split: bool) -> None:
    if count < FEWEST:
        whose = " of this corpus's splits" if by_split else ""
        raise BadInput(
            f"The atlas {folder} has {count} figure{'' if count == 1 else 's'}{whose}. With so few, the right one is always "
            f"among the first ten; measuring wants {FEWEST} or more. Add a corpus to it, or name another atlas."
        )


def encode(
    shelf: Shelf, encoder: Encoder, *, keep: bool = False, progress: Callable[[int, int], None] = lambda done, total: None
) -> Vectors:
    """Vectors by another encoder than the atlas was made with.

    Parameters
    ----------
    shelf : Shelf
    encoder : Encoder
    keep : bool
        Keep them in the atlas's records, beside its own, and use those kept there; so that the next run goes on from them.
    progress : callable
        Told how many figures are done, and of how many.
    """
    pictures, digest = PictureStore(shelf.folder / "pictures"), encoder.info().digest
    store = Store.at(shelf.folder / "records.sqlite")
    found: list[tuple[Matrix, Matrix | None]] = []
    try:
        for start in range(0, len(shelf), BATCH):
            rows = shelf.rows[start : start + BATCH]
            there = store.vectors([row.key for row in rows], digest)
            missing = [row for row in rows if row.key not in there]
            if missing:
                images = encoder.encode_images([_decoded(pictures, row) for row in missing])
                captions = encode_captions(encoder, [row.figure for row in missing])
                if keep:
                    store.put_vectors(missing, images, captions, digest)
                made = zip(missing, images, captions, strict=True)
                # As they would come back from the records, so that a second run finds the same.
                there |= {row.key: (rounded(i), None if c is None else rounded(c)) for row, i, c in made}
            found += [there[row.key] for row in rows]
            progress(min(start + BATCH, len(shelf)), len(shelf))
    finally:
        store.close()
    return _stacked(encoder.info(), found)


def _decoded(pictures: PictureStore, row: Row) -> Image.Image:
    try:
        return decode(pictures.path(row.picture.name))
    except MirageError as error:
        raise AtlasError(f"The picture of {row.figure.id} is lost or damaged ({error}). Restore it from a copy.") from error


def _stacked(encoder: EncoderInfo, found: Iterable[tuple[Matrix, Matrix | None]]) -> Vectors:
    pairs = list(found)
    none = np.zeros(encoder.dimension, np.float32)
    return Vectors(
        encoder,
        np.stack([image for image, _ in pairs]).astype(np.float32),
        np.stack([none if caption is None else caption for _, caption in pairs]).astype(np.float32),
    )
