"""What is measured: figures with their splits and their vectors, all in one order, and where they come from.

They come from an atlas as it stands, or from one that is made of a corpus and may be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.corpora.base import Corpus, Item
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.errors import AtlasError, BadInput, MirageError
from mirage.figure import Case, Figure
from mirage.images import PictureStore, decode
from mirage.storage import manifest
from mirage.storage.caption_vectors import encode_captions
from mirage.storage.ingest import Progress, add
from mirage.storage.pictures import pictures_of
from mirage.storage.prepare import BATCH
from mirage.storage.records import FigureRow, rounded
from mirage.storage.store import Store

Steps = Callable[[str, int, int], None]
Matrix = npt.NDArray[np.float32]
WHOLE = "all"
_SHARED_PAGES: frozenset[str] = frozenset({"case", "article"})  # a page that stands for all figures of one patient or paper
FEWEST = 11  # among ten figures or fewer the right one is always among the first ten


@dataclass(frozen=True)
class FigureVectors:
    """FigureVectors of the figures of a figures, in its order.

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

    def take(self, places: Sequence[int]) -> FigureVectors:
        """Those of some figures."""
        return FigureVectors(self.encoder, self.images[list(places)], self.captions[list(places)])


@dataclass(frozen=True)
class EvaluationSet:
    """Figures with their cases, pictures and splits.

    Attributes
    ----------
    rows : tuple of FigureRow
        Figures as the atlas keeps them, in the order of their keys.
    cases : mapping
        Case id to case.
    splits : tuple of str
        Of each figure; `WHOLE` for all when the splits are not known.
    folder : Path
        The atlas's.
    """

    rows: tuple[FigureRow, ...]
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
        return tuple(
            figure.case_id or (figure.source.url if figure.source.url_of in _SHARED_PAGES else "") or figure.id
            for figure in self.figures
        )

    @cached_property
    def kinds(self) -> tuple[tuple[str, str, str], ...]:
        """Modality, plane and region of each figure: what a coarse look tells."""
        return tuple((figure.modality, figure.plane, figure.region) for figure in self.figures)

    def take(self, places: Sequence[int]) -> EvaluationSet:
        """A figures of some figures."""
        return replace(
            self, rows=tuple(self.rows[place] for place in places), splits=tuple(self.splits[place] for place in places)
        )


@contextmanager
def temporary_atlas(corpus: Corpus, progress: Callable[[Progress], None] = lambda _: None) -> Iterator[Atlas]:
    """An atlas of a corpus in a temporary folder, for the time of a block.

    Parameters
    ----------
    corpus : Corpus
    progress : callable
        Told how far adding is.
    """
    with TemporaryDirectory(prefix="mirage-measuring-") as folder, Atlas.open(Path(folder) / "atlas", create=True) as atlas:
        add(atlas, corpus, progress=progress)
        yield atlas


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


def read_atlas(folder: Path, splits: Mapping[str, str] | None = None) -> tuple[EvaluationSet, FigureVectors]:
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
        if len(rows) < FEWEST:
            whose = " of this corpus's splits" if splits is not None else ""
            raise BadInput(
                f"The atlas {folder} has {len(rows)} figure{'' if len(rows) == 1 else 's'}{whose}. With so few, the right "
                f"one is always among the first ten; measuring wants {FEWEST} or more. Add a corpus to it, or name another "
                "atlas."
            )
        cases = store.cases({row.figure.case_id for row in rows} - {""})
        found = store.vectors.of([row.key for row in rows], known.encoder.digest)
    finally:
        store.close()
    lacking = [row.figure.id for row in rows if row.key not in found]
    if lacking:
        raise AtlasError(
            f"{len(lacking)} figures of {folder} have no vectors, {lacking[0]} among them. "
            f"`mirage atlas rebuild --atlas {folder}` makes them."
        )
    figures = EvaluationSet(
        tuple(rows), cases, tuple(WHOLE if splits is None else splits[row.figure.id] for row in rows), folder
    )
    return figures, _stacked(known.encoder, [found[row.key] for row in rows])


def encode(
    figures: EvaluationSet,
    encoder: Encoder,
    *,
    keep: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FigureVectors:
    """FigureVectors by another encoder than the atlas was made with.

    Parameters
    ----------
    figures : EvaluationSet
    encoder : Encoder
    keep : bool
        Keep them in the atlas's records, beside its own, and use those kept there; so that the next run goes on from them.
    progress : callable
        Told how many figures are done, and of how many.
    """
    pictures, digest = pictures_of(figures.folder), encoder.info().digest
    store = Store.at(figures.folder / "records.sqlite")
    found: list[tuple[Matrix, Matrix | None]] = []
    try:
        for start in range(0, len(figures), BATCH):
            rows = figures.rows[start : start + BATCH]
            there = store.vectors.of([row.key for row in rows], digest)
            missing = [row for row in rows if row.key not in there]
            if missing:
                images = encoder.encode_images([_decoded(pictures, row) for row in missing])
                captions = encode_captions(encoder, [row.figure for row in missing])
                if keep:
                    store.vectors.put(missing, images, captions, digest)
                made = zip(missing, images, captions, strict=True)
                # As they would come back from the records, so that a second run finds the same.
                there |= {row.key: (rounded(i), None if c is None else rounded(c)) for row, i, c in made}
            found += [there[row.key] for row in rows]
            progress(min(start + BATCH, len(figures)), len(figures))
    finally:
        store.close()
    return _stacked(encoder.info(), found)


def _decoded(pictures: PictureStore, row: FigureRow) -> Image.Image:
    try:
        return decode(pictures.path(row.picture.name))
    except MirageError as error:
        raise AtlasError(f"The picture of {row.figure.id} is lost or damaged ({error}). Restore it from a copy.") from error


def _stacked(encoder: EncoderInfo, found: Iterable[tuple[Matrix, Matrix | None]]) -> FigureVectors:
    pairs = list(found)
    none = np.zeros(encoder.dimension, np.float32)
    return FigureVectors(
        encoder,
        np.stack([image for image, _ in pairs]).astype(np.float32),
        np.stack([none if caption is None else caption for _, caption in pairs]).astype(np.float32),
    )


@dataclass(frozen=True, slots=True)
class NamedEncoder:
    """An encoder with what it is called in the tables, and the folder or hub id it was opened with."""

    label: str
    encoder: Encoder
    model: str = ""


@dataclass(frozen=True, slots=True)
class EvaluationSource:
    """What to measure on.

    Attributes
    ----------
    atlas : Path or None
        An atlas whose stored vectors are taken as they are.
    corpus : str
        Name of a corpus; empty when the atlas alone is measured.
    options : mapping
        What the corpus takes, ``path`` for most.
    pool : tuple of str
        Splits whose figures may answer; every split that is there when empty.
    keep : Path or None
        Folder in which the atlas made of a corpus is kept; a temporary one when left out.
    """

    atlas: Path | None = None
    corpus: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    pool: tuple[str, ...] = ()
    keep: Path | None = None


def named(given: str) -> NamedEncoder:
    """Open an encoder that was given as ``NAME`` or ``NAME=MODEL``: a folder or a hub id.

    Raises
    ------
    mirage.errors.MirageError
        When there is no such encoder or model.
    """
    name, equals, model = given.partition("=")
    if not name or (equals and not model):
        raise BadInput(
            f"An encoder is given as NAME or NAME=MODEL, not “{given}”. There are: {', '.join(encoders.available())}."
        )
    option = "path" if name == "starter" else "model"
    try:
        encoder = encoders.load(name, **({option: model} if model else {}))
    except TypeError as error:
        raise BadInput(f"The encoder “{name}” cannot be opened as “{given}”: {error}.") from error
    label = f"{name} {Path(model).name}" if model else name
    return NamedEncoder(label, encoder, model)


def own_encoder(folder: Path) -> NamedEncoder:
    """Open the encoder that an atlas was made with.

    Raises
    ------
    mirage.errors.AtlasError
        When the folder is no atlas, or its encoder is not what it was.
    """
    known = manifest.read(folder)
    if known is None:
        raise AtlasError(f"{folder} is not an atlas. `mirage up` builds the one that ships.")
    model = str(getattr(known.encoder, "model", ""))
    mine = named(f"{known.encoder.name}={model}" if model else known.encoder.name)
    if mine.encoder.info().digest != known.encoder.digest:
        raise AtlasError(
            f"The atlas {folder} was made with another {known.encoder.name} ({known.encoder.digest[:12]}) than this one. "
            f"Name that one with --encoder {known.encoder.name}=FOLDER, or run `mirage atlas rebuild --atlas {folder}`."
        )
    return mine


def open_corpus(source: EvaluationSource) -> Corpus:
    """Open the corpus of a source with the splits of its pool alone."""
    options = dict(source.options)
    if source.pool and any(option.name == "splits" for option in corpora.card(source.corpus).options):
        options["splits"] = source.pool
    return corpora.load(source.corpus, **options)


@contextmanager
def opened(
    source: EvaluationSource, used: Sequence[NamedEncoder], progress: Steps
) -> Iterator[tuple[EvaluationSet, list[FigureVectors]]]:
    """The figures of a source, and the vectors of each encoder.

    Parameters
    ----------
    source : EvaluationSource
    used : sequence of NamedEncoder
        At least one; an atlas made of a corpus is made with the first.
    progress : callable
        Told what is being done, how much of it is done, and of how much.

    Raises
    ------
    mirage.errors.MirageError
    """
    corpus = open_corpus(source) if source.corpus else None
    if source.atlas is not None:
        yield _read(source.atlas, corpus, used, keep=False, progress=progress)
        return
    if corpus is None:
        raise BadInput("Name what to measure on: --atlas FOLDER, --medpix PATH, or --corpus NAME --path PATH.")
    info = used[0].encoder.info()
    name = f"{source.corpus}-{info.name}-{info.digest[:12]}"
    with TemporaryDirectory(prefix="mirage-retrieval-") as temporary:
        folder = (source.keep or Path(temporary)) / name
        with Atlas.open(folder, encoder=used[0].encoder, create=True) as atlas:
            add(atlas, corpus, progress=lambda p: progress("adding", p.done, p.total))
        yield _read(folder, corpus, used, keep=source.keep is not None, progress=progress)


def _read(
    folder: Path, corpus: Corpus | None, used: Sequence[NamedEncoder], *, keep: bool, progress: Steps
) -> tuple[EvaluationSet, list[FigureVectors]]:
    has_splits = corpus is not None and hasattr(corpus, "split_of")
    splits = splits_of(corpus) if corpus is not None and has_splits else None
    figures, own = read_atlas(folder, splits)
    found = []
    for one in used:
        if one.encoder.info().digest == own.encoder.digest:
            found.append(own)
            continue
        found.append(encode(figures, one.encoder, keep=keep, progress=partial(progress, f"encoding with {one.label}")))
    return figures, found


def places_of(figures: EvaluationSet, split: str) -> list[int]:
    """Places of the figures of a split.

    Parameters
    ----------
    figures : EvaluationSet
    split : str
        `WHOLE` for all of them.

    Raises
    ------
    mirage.errors.BadInput
        When the splits are not known, or there is no such split.
    """
    there = sorted(set(figures.splits))
    if split == WHOLE:
        return list(range(len(figures)))
    if there == [WHOLE]:
        raise BadInput(
            f"Which figures are of the split “{split}” is not known: an atlas does not keep it. Name the corpus too "
            f"(--medpix PATH, or --corpus NAME --path PATH), or ask about all figures with --split {WHOLE}."
        )
    if split not in there:
        raise BadInput(f"There are no figures of the split “{split}”. There are: {', '.join(there)}.")
    return [place for place, one in enumerate(figures.splits) if one == split]
