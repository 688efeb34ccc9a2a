"""A corpus into an atlas: resumable, idempotent, and says what it left out.

Records are committed before the index hears of them, batch by batch. Killed at any point and run again, what is stored is
passed over by its fingerprint and the rest is added; `Atlas.open` brings the index level with the records.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from mirage.corpora.base import Corpus, CorpusInfo, Infers, Item, Refused
from mirage.corpora.inferring import Inference
from mirage.encoders.base import Encoder
from mirage.errors import BadInput, BadPicture, MirageError
from mirage.figure import Figure
from mirage.images import DecodedPicture, look
from mirage.images.marks import watermarked
from mirage.images.store import PictureStore
from mirage.storage.folder import AtlasFolder
from mirage.storage.records import CorpusRecord, FigureRecord, PictureRow, keyed, keyed_id

Thing = TypeVar("Thing")
BATCH = 32
_AHEAD = 3 * BATCH


@dataclass(frozen=True, slots=True)
class Progress:
    """How far adding is.

    Attributes
    ----------
    done, total : int
        Entries of the corpus looked at, and all of them.
    rate : float
        Figures a second, of those that had to be read.
    seconds_left : float or None
        None until there is something to reckon from.
    what : str
        What is being done, where there are several steps.
    """

    done: int
    total: int
    rate: float
    seconds_left: float | None
    what: str = ""

    @classmethod
    def since(cls, started: float, done: int, total: int, worked: int, what: str = "") -> Self:
        """How far something is that began at ``time.perf_counter() == started``.

        Parameters
        ----------
        started : float
        done, total : int
        worked : int
            How many of those that are done took time; the rate is theirs.
        what : str
        """
        rate = worked / (time.perf_counter() - started)
        return cls(done, total, rate, (total - done) / rate if rate else None, what)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What came of it.

    Attributes
    ----------
    corpus : CorpusInfo
        As the atlas keeps it.
    added : int
        Figures that are new or were replaced.
    kept : int
        Figures that were there already.
    refused : tuple of Refused
        What could not be taken, by name, with the reason.
    seconds : float
    stopped : bool
        Whether it was asked to stop before the end.
    """

    corpus: CorpusInfo
    added: int
    kept: int
    refused: tuple[Refused, ...]
    seconds: float
    stopped: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An item as the corpus knows it, and as the atlas keeps it."""

    own: Item
    kept: Item
    name: str = ""
    case_name: str = ""


@dataclass(frozen=True, slots=True)
class _Ready:
    entry: _Wanted
    picture: PictureRow
    decoded: DecodedPicture


def add(
    atlas: AtlasFolder,
    corpus: Corpus,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    workers: int = 2,
) -> IngestReport:
    """Add a corpus to an atlas.

    Parameters
    ----------
    atlas : AtlasFolder
        Open in this process.
    corpus : Corpus
    progress : callable
        Called after every batch, and often enough in between for a person watching.
    stop : callable
        Asked between batches; True ends adding after what is in hand is stored.
    workers : int
        Threads that decode pictures while the encoder works.

    Raises
    ------
    mirage.errors.MirageError
        When the corpus as a whole cannot be read, or the disk is full. What was stored by then stays.
    """
    started = time.perf_counter()
    info = corpus.info()
    if not len(corpus):
        raise BadInput(f"{info.title} holds nothing to add: no pictures and no DICOM files were found in it.")
    keep: Callable[[Item], _Wanted] = _as_it_is
    if _is_private(corpus):
        info = _hidden(atlas, corpus.card.title, info)
        keep = _keyed(atlas.store.id_key, info.name)
    known = atlas.store.fingerprints(info.name)
    infer = Inference(atlas.encoder, corpus.infers) if isinstance(corpus, Infers) else None
    counts = _Counts(len(corpus), progress, started)
    seen: set[str] = set()

    def wanted() -> Iterator[_Wanted]:
        for entry in corpus.items():
            if isinstance(entry, Refused):
                counts.refused.append(entry)
            elif entry.figure.id in seen:
                reason = f"The id {entry.figure.id} occurs twice; the first one was taken."
                counts.refused.append(Refused(entry.label, reason))
            else:
                seen.add(entry.figure.id)
                kept = keep(entry)
                if known.get(kept.kept.figure.id) != kept.kept.fingerprint:
                    yield kept
                    continue
                counts.kept += 1
            counts.tell()

    stopped = False
    with atlas.adding() as put:
        atlas.store.put_corpus(_record_of(info, complete=False))
        for batch in batched(_decoded(wanted(), corpus, atlas.pictures, workers, counts), BATCH):
            put(_records(atlas.encoder, batch, infer))
            counts.added += len(batch)
            counts.tell(force=True)
            if stop():
                stopped = True
                break
        atlas.store.put_corpus(_record_of(info, complete=not stopped))
    counts.tell(force=True)
    return IngestReport(info, counts.added, counts.kept, tuple(counts.refused), time.perf_counter() - started, stopped)


def _is_private(corpus: Corpus) -> bool:
    card = getattr(corpus, "card", None)
    return card is not None and card.private


def _as_it_is(item: Item) -> _Wanted:
    return _Wanted(item, item)


def _hidden(atlas: AtlasFolder, title: str, info: CorpusInfo) -> CorpusInfo:
    """What the atlas tells of a private corpus; where its name may name somebody, that stays where its owner sees it."""
    key = atlas.store.id_key
    info = replace(info, version=keyed(key, info.version))
    if not info.alias or any(known.name == info.name for known in atlas.store.corpora()):  # as an earlier version kept it
        return replace(info, alias="")
    number = keyed(key, info.name)[:8]
    named = replace(info, name=f"{info.alias}-{number}", title=f"{title} ({number})")
    atlas.store.put_name(named.name, info.title)
    return named


def _keyed(key: bytes, corpus: str) -> Callable[[Item], _Wanted]:
    """Give ids and fingerprints from which nobody without the atlas's key can tell, or try, the names they were made of."""

    def keep(item: Item) -> _Wanted:
        figure, case = item.figure, item.case
        kept = Item(
            replace(
                figure,
                id=keyed_id(key, figure.id, corpus),
                case_id=keyed_id(key, figure.case_id, corpus),
                source=replace(figure.source, corpus=corpus),
            ),
            case and replace(case, id=keyed_id(key, case.id, corpus), source=replace(case.source, corpus=corpus)),
            item.label,
            keyed(key, item.fingerprint),
        )
        return _Wanted(item, kept, item.label, item.case_label)

    return keep


def _record_of(info: CorpusInfo, *, complete: bool) -> CorpusRecord:
    terms = info.licence.name, info.licence.url
    return CorpusRecord(info.name, info.title, info.summary, info.version, info.homepage, *terms, complete)


class _Counts:
    """What has happened so far, and telling it four times a second."""

    def __init__(self, total: int, progress: Callable[[Progress], None], started: float) -> None:
        self.total = total
        self.added = self.kept = 0
        self.refused: list[Refused] = []
        self._progress = progress
        self._started = started
        self._told = 0.0

    def tell(self, *, force: bool = False) -> None:
        now = time.perf_counter()
        if not force and now - self._told < 0.25:
            return
        self._told = now
        done = min(self.total, self.added + self.kept + len(self.refused))
        self._progress(Progress.since(self._started, done, self.total, self.added))


def _decoded(
    entries: Iterator[_Wanted], corpus: Corpus, pictures: PictureStore, workers: int, counts: _Counts
) -> Iterator[_Ready]:
    """Decode and keep pictures on threads, a bounded number ahead, in the corpus's order."""
    with ThreadPoolExecutor(workers, thread_name_prefix="pictures") as pool:
        waiting: deque[tuple[Item, Future[_Ready]]] = deque()
        try:
            for entry in entries:
                waiting.append((entry.own, pool.submit(_prepare, entry, corpus, pictures)))
                if len(waiting) >= _AHEAD:
                    yield from _result(*waiting.popleft(), counts)
            while waiting:
                yield from _result(*waiting.popleft(), counts)
        finally:
            for _, future in waiting:
                future.cancel()


def _result(item: Item, future: Future[_Ready], counts: _Counts) -> Iterator[_Ready]:
    try:
        yield future.result()
    except BadPicture as error:
        counts.refused.append(Refused(item.label, str(error)))
    except MirageError:
        raise
    except (OSError, ValueError, MemoryError) as error:
        counts.refused.append(Refused(item.label, f"The picture could not be read: {error}."))


def _prepare(entry: _Wanted, corpus: Corpus, pictures: PictureStore) -> _Ready:
    decoded = corpus.read(entry.own)
    _refuse_synthetic(decoded)
    kept = pictures.put(decoded)
    return _Ready(entry, PictureRow(kept.name, kept.width, kept.height, kept.size, look(decoded.image)), decoded)


def _refuse_synthetic(picture: DecodedPicture) -> None:
    """Keep generated images out: by what their metadata said, or by MIRAGE's watermark in the pixels."""
    said = picture.synthetic
    if not said and watermarked(picture.image):
        said = "MIRAGE's watermark is in the pixels."
    if said:
        raise BadPicture(f"synthetic image: {said} An atlas holds real ones.")


def batched(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    """Things in lists of so many, the last one shorter.

    Parameters
    ----------
    things : iterable
    size : int
    """
    iterator = iter(things)
    while batch := list(islice(iterator, size)):
        yield batch


def caption_text(figure: Figure) -> str:
    """What the caption vector is made from: what the picture is, then what its source says of it."""
    # What was inferred from the picture would say nothing that its own vector does not.
    plane, modality = figure.stated("plane"), figure.modality_detail or figure.stated("modality")
    kind = " ".join(filter(None, [plane.capitalize(), modality]))
    return ". ".join(filter(None, [kind, figure.caption, figure.title if not figure.caption else ""])).strip()


def encode_captions(encoder: Encoder, figures: list[Figure]) -> list[npt.NDArray[np.float32] | None]:
    """Caption vectors, None for a figure without words.

    Parameters
    ----------
    encoder : Encoder
    figures : list of Figure
    """
    texts = [caption_text(figure) for figure in figures]
    # The figures of a case often share their words; each text is read once.
    different = list(dict.fromkeys(filter(None, texts)))
    vectors = dict(zip(different, encoder.encode_texts(different), strict=True))
    return [vectors.get(text) for text in texts]


def _records(encoder: Encoder, batch: list[_Ready], infer: Inference | None) -> list[FigureRecord]:
    images = encoder.encode_images([ready.decoded.image for ready in batch])
    figures = [ready.entry.kept.figure for ready in batch]
    if infer is not None:
        figures = infer(figures, images)
    captions = encode_captions(encoder, figures)
    records = []
    for ready, figure, image, caption in zip(batch, figures, images, captions, strict=True):
        entry, kept = ready.entry, ready.entry.kept
        made = FigureRecord(figure, kept.case, kept.fingerprint, ready.picture, image, caption, entry.name, entry.case_name)
        records.append(made)
    return records
