"""A corpus into an atlas: resumable, idempotent, and says what it left out.

Records are committed before the index hears of them, batch by batch. Killed at any point and run again, what is stored is
passed over by its fingerprint and the rest is added; `Atlas.open` brings the index level with the records.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
import numpy.typing as npt

from mirage.corpora.base import Corpus, CorpusInfo, HasStacks, Infers, Item, KnowsVectors, Noted, Refused
from mirage.corpora.inferring import Inference
from mirage.encoders.base import Encoder
from mirage.encoders.known import Recalling
from mirage.errors import BadInput, BadPicture
from mirage.figure import Figure
from mirage.images import DecodedPicture, look
from mirage.images.marks import watermarked
from mirage.images.stacks import render, slice_values
from mirage.images.store import PictureStore
from mirage.storage.folder import AtlasFolder
from mirage.storage.records import CorpusRecord, FigureRecord, PictureRow, SliceVectors, StackRow, keyed, keyed_id
from mirage.storage.slices import encode_slices

BATCH = 32
_AHEAD = 3 * BATCH
_SHADES = 8  # of 256; a picture that has fewer shows nothing


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


Tell = Callable[[Progress], None]


class ProgressMeter:
    """Counts what is done of some work that begins now, and tells it.

    Parameters
    ----------
    total : int
    tell : callable
    what : str
        See `Progress`.
    """

    def __init__(self, total: int, tell: Tell, what: str = "") -> None:
        self._total, self._tell, self._what = total, tell, what
        self._started, self._told = time.perf_counter(), 0.0
        self._done = self._worked = 0

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return time.perf_counter() - self._started

    def move(self, done: int = 0, worked: int = 0, *, seldom: bool = False) -> None:
        """Count more of what is done.

        Parameters
        ----------
        done : int
        worked : int
            How many of those took time; the rate is theirs.
        seldom : bool
            Tell it only when it was not told in the last quarter of a second.
        """
        self._done, self._worked = min(self._done + done, self._total), self._worked + worked
        if seldom and self.seconds - self._told < 0.25:
            return
        self._told = self.seconds
        rate = self._worked / self._told
        left = (self._total - self._done) / rate if rate else None
        self._tell(Progress(self._done, self._total, rate, left, self._what))


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
    noted : tuple of Noted
        What there is to know of stacks that were added now, by name; of what ships it is known.
    seconds : float
    stopped : bool
        Whether it was asked to stop before the end.
    removed : int
        Figures that were removed from the atlas, and were not to come back.
    """

    corpus: CorpusInfo
    added: int
    kept: int
    refused: tuple[Refused, ...]
    noted: tuple[Noted, ...]
    seconds: float
    stopped: bool
    removed: int = 0


@dataclass(frozen=True, slots=True)
class _Ready:
    """An item as the corpus knows it and as the atlas keeps it, with its picture; and with its slices, if it is a stack.

    `left_out` is what `Volume.left_out` is.
    """

    own: Item
    kept: Item
    picture: PictureRow
    decoded: DecodedPicture
    stack: StackRow | None = None
    slices: SliceVectors | None = None
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to know of a stack."""
        return () if (stack := self.kept.figure.stack) is None else stack.notes


def add(
    atlas: AtlasFolder,
    corpus: Corpus,
    *,
    progress: Tell = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    workers: int = 2,
    bring_back: bool = True,
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
    bring_back : bool
        Whether figures that were removed from the atlas come back; those that stand in the place of one, too.

    Raises
    ------
    mirage.errors.MirageError
        When the corpus as a whole cannot be read, or the disk is full. What was stored by then stays.
    """
    card = getattr(corpus, "card", None)
    is_private, is_known = (card.private, card.ships) if card is not None else (False, False)
    info = _told(atlas, corpus, is_private)
    known, key = atlas.store.fingerprints(info.name), atlas.store.id_key
    gone = frozenset() if bring_back else atlas.store.removals.of(info.name)
    encoder = Recalling(atlas.encoder, corpus.known_vectors()) if isinstance(corpus, KnowsVectors) else atlas.encoder
    infer = Inference(encoder, corpus.infers) if isinstance(corpus, Infers) else None
    meter = ProgressMeter(len(corpus), progress)
    seen: set[str] = set()
    former: dict[str, tuple[str, str]] = {}  # by the corpus's own ids, those of the atlas
    refused: list[Refused] = []
    noted: list[Noted] = []
    added, kept_before, stopped = 0, 0, False

    def refuse(label: str, reason: str) -> None:
        refused.append(Refused(label, reason))
        meter.move(1, seldom=True)

    def wanted() -> Iterator[tuple[Item, Item]]:
        nonlocal kept_before
        for entry in corpus.items() if not gone else _without(gone, corpus, key, info.name if is_private else ""):
            if isinstance(entry, Refused):
                refuse(entry.label, entry.reason)
                continue
            if entry.figure.id in seen:
                refuse(entry.label, f"The id {entry.figure.id} occurs twice; the first one was taken.")
                continue
            seen.add(entry.figure.id)
            kept = _keyed(key, info.name, entry) if is_private else entry
            former.update(
                {old: (keyed_id(key, old, info.name) if is_private else old, kept.figure.id) for old in entry.former_ids}
            )
            if known.get(kept.figure.id) != kept.fingerprint:
                yield entry, kept
            else:
                kept_before += 1
                meter.move(1, seldom=True)

    with atlas.adding() as put:
        terms = info.licence.name, info.licence.url
        record = CorpusRecord(info.name, info.title, info.summary, info.version, info.homepage, *terms, complete=False)
        atlas.store.put_corpus(record)
        prepare = _Preparing(corpus, atlas.pictures, encoder)
        for batch in _batches(_decoded(wanted(), prepare, workers, refuse)):
            put(_records(encoder, batch, infer))
            refused += [Refused(*each) for one in batch for each in one.left_out]
            noted += [Noted(one.own.label, note) for one in batch for note in one.notes if not is_known]
            added += len(batch)
            meter.move(len(batch), len(batch))
            if stop():
                stopped = True
                break
        if not stopped:
            atlas.succeed(dict(pair for old, pair in former.items() if old not in seen), info.name)
        atlas.store.put_corpus(replace(record, complete=not stopped))
    meter.move()
    return IngestReport(info, added, kept_before, tuple(refused), tuple(noted), meter.seconds, stopped, len(gone))


def _without(gone: Collection[str], corpus: Corpus, key: bytes, named: str) -> Iterator[Item | Refused]:
    """What a corpus holds but for what was removed, by ids of now or of before; `named` as a private corpus is called."""
    for entry in corpus.items():
        ids = (entry.figure.id, *entry.former_ids) if isinstance(entry, Item) else ()
        if not any((keyed_id(key, each, named) if named else each) in gone for each in ids):
            yield entry


def _told(atlas: AtlasFolder, corpus: Corpus, is_private: bool) -> CorpusInfo:
    """What a corpus that holds something tells of itself, as the atlas keeps it."""
    info = corpus.info()
    if not len(corpus):
        raise BadInput(f"{info.title} holds nothing to add: no pictures and no DICOM files were found in it.")
    return _hidden(atlas, corpus.card.title, info) if is_private else info


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


def _keyed(key: bytes, corpus: str, item: Item) -> Item:
    """Give ids and fingerprints from which nobody without the atlas's key can tell, or try, the names they were made of."""
    figure, case = item.figure, item.case
    own, of_case = keyed_id(key, figure.id, corpus), keyed_id(key, figure.case_id, corpus)
    if case is not None:
        case = replace(case, id=keyed_id(key, case.id, corpus), source=replace(case.source, corpus=corpus))
    place = figure.slice_of and replace(figure.slice_of, stack=keyed_id(key, figure.slice_of.stack, corpus))
    figure = replace(figure, id=own, case_id=of_case, source=replace(figure.source, corpus=corpus), slice_of=place)
    return replace(item, figure=figure, case=case, fingerprint=keyed(key, item.fingerprint))


_Refuse = Callable[[str, str], None]


def _batches(ready: Iterator[_Ready]) -> Iterator[list[_Ready]]:
    """Figures to store together; after a stack, which took as long as many pictures, nothing is waited for."""
    batch: list[_Ready] = []
    for one in ready:
        batch.append(one)
        if len(batch) == BATCH or one.stack is not None:
            yield batch
            batch = []
    if batch:
        yield batch


def _decoded(entries: Iterator[tuple[Item, Item]], prepare: _Preparing, workers: int, refuse: _Refuse) -> Iterator[_Ready]:
    """Decode and keep pictures on threads, a bounded number ahead, in the corpus's order."""
    with ThreadPoolExecutor(workers, thread_name_prefix="pictures") as pool:
        waiting: deque[tuple[Item, Future[_Ready]]] = deque()
        try:
            for own, kept in entries:
                waiting.append((own, pool.submit(prepare, own, kept)))
                if len(waiting) >= _AHEAD:
                    yield from _result(*waiting.popleft(), refuse)
            while waiting:
                yield from _result(*waiting.popleft(), refuse)
        finally:
            for _, future in waiting:
                future.cancel()


def _result(item: Item, future: Future[_Ready], refuse: _Refuse) -> Iterator[_Ready]:
    try:
        yield future.result()
    except BadPicture as error:
        refuse(item.label, str(error))
    except (OSError, ValueError, MemoryError) as error:
        refuse(item.label, f"The picture could not be read: {error}.")


class _Preparing:
    """Reads an item and keeps its picture, or its slices; called by several threads.

    One stack is in memory at a time, and its slices are encoded while it is: they would take too much room to wait.
    """

    def __init__(self, corpus: Corpus, pictures: PictureStore, encoder: Encoder) -> None:
        self._corpus, self._pictures, self._encoder = corpus, pictures, encoder
        self._one_stack = Lock()

    def __call__(self, own: Item, kept: Item) -> _Ready:
        if own.stacked:
            with self._one_stack:
                return self._stack(own, kept)
        decoded = self._corpus.read(own)
        return _Ready(own, kept, self._put(decoded), decoded)

    def _put(self, decoded: DecodedPicture) -> PictureRow:
        # Generated images stay out: by what their metadata said, or by MIRAGE's watermark in the pixels.
        said = decoded.synthetic or ("MIRAGE's watermark is in the pixels." if watermarked(decoded.image) else "")
        if said:
            raise BadPicture(f"synthetic image: {said} An atlas holds real ones.")
        put = self._pictures.put(decoded)
        return PictureRow(put.name, put.width, put.height, put.size, look(decoded.image))

    def _stack(self, own: Item, kept: Item) -> _Ready:
        if not isinstance(self._corpus, HasStacks):
            raise BadPicture("its corpus says that it is a stack, and reads none.")
        volume = self._corpus.read_stack(own)
        put = self._pictures.put_stack(volume)
        stack, files = put.stack, StackRow(put.voxels, put.labels, put.size)
        try:
            slices = encode_slices(self._encoder, stack, lambda number: render(slice_values(volume, stack, number), stack))
            decoded = DecodedPicture(render(slice_values(volume, stack, stack.best), stack), "PNG")
            picture = self._put(decoded)
        except BadPicture:
            for name in files.names:
                self._pictures.remove(name)
            raise
        kept = replace(kept, figure=replace(kept.figure, stack=stack))
        return _Ready(own, kept, picture, decoded, files, slices, volume.left_out)


def caption_text(figure: Figure) -> str:
    """What the caption vector is made from: what the picture is, then what its source says of it."""
    # What was inferred from the picture would say nothing that its own vector does not.
    plane, modality = figure.stated("plane"), figure.modality_detail or figure.stated("modality")
    kind = " ".join(filter(None, [plane.capitalize(), modality]))
    return ". ".join(filter(None, [kind, figure.caption, figure.title if not figure.caption else ""])).strip()


def encode_captions(encoder: Encoder, figures: Sequence[Figure]) -> list[npt.NDArray[np.float32] | None]:
    """Caption vectors, None for a figure without words.

    Parameters
    ----------
    encoder : Encoder
    figures : sequence of Figure
    """
    texts = [caption_text(figure) for figure in figures]
    # The figures of a case often share their words; each text is read once.
    different = list(dict.fromkeys(filter(None, texts)))
    vectors = dict(zip(different, encoder.encode_texts(different), strict=True))
    return [vectors.get(text) for text in texts]


def _is_plain(picture: DecodedPicture) -> bool:
    """Whether a picture is of one shade: an encoder would find it most like something."""
    least, most = picture.image.convert("L").getextrema()
    return most - least < _SHADES  # type: ignore[operator]


def _records(encoder: Encoder, batch: list[_Ready], infer: Inference | None) -> list[FigureRecord]:
    images = encoder.encode_images([ready.decoded.image for ready in batch])
    figures = [ready.kept.figure for ready in batch]
    if infer is not None:
        told = zip(batch, figures, infer(figures, images), strict=True)
        figures = [own if _is_plain(ready.decoded) else inferred for ready, own, inferred in told]
    captions = encode_captions(encoder, figures)
    records = []
    for ready, figure, image, caption in zip(batch, figures, images, captions, strict=True):
        kept = ready.kept
        # What a private corpus calls a file and a case.
        called = (kept.label, kept.case_label) if kept is not ready.own else ()
        record = FigureRecord(figure, kept.case, kept.fingerprint, ready.picture, image, caption, *called)
        records.append(replace(record, stack=ready.stack, slices=ready.slices))
    return records
