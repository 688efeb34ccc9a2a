"""Where the figures that are measured come from: an atlas as it stands, or one made of a corpus and kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mirage import corpora, encoders, plugins
from mirage.atlas import Atlas
from mirage.corpora.base import Corpus
from mirage.encoders.base import Encoder
from mirage.errors import AtlasError, BadInput
from mirage.storage import manifest
from mirage.storage.ingest import Progress, add
from mirage_research.evaluation import shelf
from mirage_research.evaluation.shelf import WHOLE, Shelf, Vectors


@dataclass(frozen=True, slots=True)
class Named:
    """An encoder with what it is called in the tables, and the folder or hub id it was opened with."""

    label: str
    encoder: Encoder
    model: str = ""


@dataclass(frozen=True, slots=True)
class Source:
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


def named(given: str) -> Named:
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
    return Named(label, encoder, model)


def own_encoder(folder: Path) -> Named:
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


def open_corpus(source: Source) -> Corpus:
    """Open the corpus of a source with the splits of its pool alone."""
    options = dict(source.options)
    if source.pool and "splits" in inspect.signature(plugins.load("mirage.corpora", source.corpus)).parameters:
        options["splits"] = source.pool
    return corpora.load(source.corpus, **options)


@contextmanager
def opened(
    source: Source, used: Sequence[Named], progress: Callable[[str, int, int], None]
) -> Iterator[tuple[Shelf, list[Vectors]]]:
    """The figures of a source, and the vectors of each encoder.

    Parameters
    ----------
    source : Source
    used : sequence of Named
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
            add(atlas, corpus, progress=lambda p: _told(progress, p))
        yield _read(folder, corpus, used, keep=source.keep is not None, progress=progress)


def _told(progress: Callable[[str, int, int], None], moved: Progress) -> None:
    progress("adding", moved.done, moved.total)


def _read(
    folder: Path, corpus: Corpus | None, used: Sequence[Named], *, keep: bool, progress: Callable[[str, int, int], None]
) -> tuple[Shelf, list[Vectors]]:
    has_splits = corpus is not None and hasattr(corpus, "split_of")
    splits = shelf.splits_of(corpus) if corpus is not None and has_splits else None
    figures, own = shelf.read(folder, splits)
    found = []
    for one in used:
        if one.encoder.info().digest == own.encoder.digest:
            found.append(own)
            continue
        found.append(shelf.encode(figures, one.encoder, keep=keep, progress=partial(progress, f"encoding with {one.label}")))
    return figures, found


def places_of(figures: Shelf, split: str) -> list[int]:
    """Places of the figures of a split.

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
