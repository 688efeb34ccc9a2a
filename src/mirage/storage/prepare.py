"""What a corpus gives, made ready to be stored: pictures read, kept and encoded on threads, a bounded number ahead.

Where the encoder can be asked by several threads at once, each of them takes a picture from its file to its vector and lets
its pixels go. Where it cannot, as on a graphics card, pictures wait for one another and are encoded many at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from mirage.corpora.base import Corpus, HasStacks, Infers, Item, KnowsVectors
from mirage.corpora.inferring import Inference
from mirage.corpora.personal import notes_on_words
from mirage.encoders.base import Encoder, OnOneThread
from mirage.encoders.known import Recalling
from mirage.errors import BadPicture
from mirage.figure import Figure
from mirage.images import DecodedPicture, look
from mirage.images.marks import watermarked
from mirage.images.notes import said
from mirage.images.stacks import slice_picture, stack_of
from mirage.images.store import PictureStore
from mirage.storage.archive_records import fault_of
from mirage.storage.caption_vectors import encode_captions
from mirage.storage.edits import Edits, edited, sources_of
from mirage.storage.records import FigureRecord, PictureRow, StackRow, Vector
from mirage.storage.searched import SliceVectors
from mirage.storage.slices import encode_slices
from mirage.wording import _, carried

BATCH = 32
_AHEAD = 2 * BATCH
_FEW = 8  # captions for one thread: with more the last thread would long be alone
_MOST_WAITING = 256 * 2**20  # bytes of pixels that wait to be encoded together
_SHADES = 8  # of 256; a picture that has fewer shows nothing

Refuse = Callable[[str, str], None]
Given = TypeVar("Given")
Got = TypeVar("Got")


@dataclass(frozen=True, slots=True)
class Prepared:
    """An item as the corpus knows it and as the atlas keeps it, with its picture; and with its slices, if it is a stack.

    Attributes
    ----------
    own, kept : Item
    picture : PictureRow
    remarks : tuple of str
        Of the picture, as it was read.
    plain : bool
        Whether the picture is of one shade: an encoder would find it most like something.
    shown : PIL.Image.Image or None
        The picture, as long as it is to be encoded.
    vector : (d,) float32 or None
        Of the picture, once it is encoded.
    stack, slices
        Where it is a stack.
    left_out : tuple of (str, str)
        What `Volume.left_out` is.
    """

    own: Item
    kept: Item
    picture: PictureRow
    remarks: tuple[str, ...]
    plain: bool
    shown: Image.Image | None
    vector: Vector | None = None
    stack: StackRow | None = None
    slices: SliceVectors | None = None
    left_out: tuple[tuple[str, str], ...] = ()

    def notes(self, *, words: bool) -> tuple[str, ...]:
        """What there is to know of it, as its corpus says and, of a stack, as it was read; of its words, too."""
        of_words = notes_on_words(self.own.figure, self.own.case) if words else ()
        of_stack = () if (stack := self.kept.figure.stack) is None else map(said, stack.notes)
        return *of_words, *self.own.notes, *self.remarks, *of_stack


class Made(NamedTuple):
    """Something to be stored, and what it was made of."""

    prepared: Prepared
    record: FigureRecord


def check_real(decoded: DecodedPicture) -> None:
    """Refuse generated images: by what their metadata said, or by MIRAGE's watermark in the pixels.

    Raises
    ------
    mirage.errors.BadPicture
    """
    said = decoded.synthetic or (_("MIRAGE's watermark is in the pixels.") if watermarked(decoded.image) else "")
    if said:
        raise BadPicture(_("synthetic image: %(said)s An atlas holds real ones.", said=said))


class Preparing:
    """Reads items, keeps their pictures or slices, and encodes them.

    One stack is in memory at a time, and its slices are encoded while it is: they would take too much room to wait.

    Parameters
    ----------
    corpus : Corpus
    pictures : PictureStore
    encoder : Encoder
    edits : Edits
        What was edited of the words of figures that the atlas had before.
    """

    def __init__(self, corpus: Corpus, pictures: PictureStore, encoder: Encoder, edits: Edits) -> None:
        self._corpus, self._pictures, self._edits = corpus, pictures, edits
        alone = encoder.on_one_thread() if isinstance(encoder, OnOneThread) else None
        self._together = alone is None
        known = corpus.known_vectors() if isinstance(corpus, KnowsVectors) else None
        used, of_slices = (each if known is None else Recalling(each, known) for each in (alone or encoder, encoder))
        # Hardly anything is in work beside a stack, so it may have all processors.
        self._encoder, self._of_slices = used, of_slices
        self._infer = Inference(self._encoder, corpus.infers) if isinstance(corpus, Infers) else None

    def batches(self, entries: Iterable[tuple[Item, Item]], workers: int, refuse: Refuse) -> Generator[list[Made]]:
        """Figures to store together, in the corpus's order; after a stack, which took as long as many, none is waited for.

        Parameters
        ----------
        entries : iterable of (Item, Item)
            As the corpus knows them and as the atlas keeps them.
        workers : int
            Threads that read and encode.
        refuse : callable
            Told the name and the reason of what cannot be taken.
        """
        pool = ThreadPoolExecutor(workers + self._together, thread_name_prefix="pictures")
        try:
            pieces = _pieces(self._read(pool, entries, refuse), BATCH if self._together else _FEW)
            batch: list[Made] = []
            for made in _in_order(pool, self._made, pieces, 1 if self._together else BATCH // _FEW, _ends_in_stack):
                batch += made
                if len(batch) >= BATCH or batch[-1].prepared.stack is not None:
                    yield batch
                    batch = []
            if batch:
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, pool: ThreadPoolExecutor, entries: Iterable[tuple[Item, Item]], refuse: Refuse) -> Iterator[Prepared]:
        for prepared in _in_order(pool, self._prepared, entries, _FEW if self._together else _AHEAD, _is_stack):
            if isinstance(prepared, Prepared):
                yield prepared
            else:
                refuse(*prepared)

    def _prepared(self, entry: tuple[Item, Item]) -> Prepared | tuple[str, str]:
        """An item, or its name and why it cannot be taken."""
        own, kept = entry
        try:
            if why := fault_of(kept.figure, *filter(None, [kept.case])):
                raise BadPicture(why)
            read = self._with_stack(own, kept) if own.stacked else self._with_picture(own, kept, self._corpus.read(own))
        except BadPicture as error:
            return own.label, str(error)
        except (OSError, ValueError, MemoryError) as error:
            return own.label, _(
                "The picture could not be read: %(why)s.", why=str(error) or _("there is not enough memory for it")
            )
        if self._together or read.shown is None:
            return read
        # Not above: what is wrong with the encoder is no picture's fault.
        return replace(read, shown=None, vector=self._encoder.encode_images([read.shown])[0])

    def _with_picture(self, own: Item, kept: Item, decoded: DecodedPicture) -> Prepared:
        check_real(decoded)
        put, image = self._pictures.put(decoded), decoded.image
        row = PictureRow(put.name, put.width, put.height, put.size, look(image))
        least, most = image.convert("L").getextrema()
        plain = most - least < _SHADES  # type: ignore[operator]
        return Prepared(own, kept, row, decoded.remarks, plain, image)

    def _with_stack(self, own: Item, kept: Item) -> Prepared:
        if not isinstance(self._corpus, HasStacks):
            raise BadPicture(_("its corpus says that it is a stack, and reads none."))
        volume = self._corpus.read_stack(own)
        stack = stack_of(volume)
        # Encoded and looked at before it is kept: what is refused leaves no file, and takes none that is there already.
        slices = encode_slices(self._of_slices, stack, lambda number: slice_picture(volume, stack, number))
        kept = replace(kept, figure=replace(kept.figure, stack=stack))
        prepared = self._with_picture(own, kept, DecodedPicture(slice_picture(volume, stack, stack.best), "PNG"))
        put = self._pictures.put_stack(volume, stack)
        row = StackRow(put.voxels, put.labels, put.size)
        return replace(prepared, stack=row, slices=slices, left_out=volume.left_out)

    def _made(self, piece: Sequence[Prepared]) -> list[Made]:
        together = [one.shown for one in piece if one.shown is not None]
        images = self._encoder.encode_images(together) if together else [one.vector for one in piece]
        figures = [one.kept.figure for one in piece]
        if self._infer is not None:
            told = zip(piece, figures, self._infer(figures, np.asarray(images)), strict=True)
            figures = [own if one.plain else _of_its_whole(one.own, own, inferred) for one, own, inferred in told]
        known = self._edits.of([figure.id for figure in figures])
        both = [edited(figure, known.get(figure.id, {})) for figure in figures]
        captions = encode_captions(self._encoder, [figure for figure, _ in both])
        made = []
        for one, (figure, kept_edits), image, caption in zip(piece, both, images, captions, strict=True):
            # What a private corpus calls a file and a case.
            called = (one.kept.label, one.kept.case_label) if one.kept.figure.id != one.own.figure.id else ()
            record = FigureRecord(figure, one.kept.case, one.kept.fingerprint, one.picture, image, caption, *called)
            edits = tuple(sources_of(kept_edits))
            record = replace(record, stack=one.stack, slices=one.slices, edits=edits)
            made.append(Made(replace(one, shown=None), record))
        return made


def _in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[Given], Got],
    things: Iterable[Given],
    ahead: int,
    is_alone: Callable[[Given], bool],
) -> Iterator[Got]:
    """What comes of each thing, in the order of the things, of which so many are in work or wait to be taken.

    What stands alone is waited for before the next thing is asked for: it takes as long as many.
    """
    waiting: deque[Future[Got]] = deque()
    work = carried(work)
    for thing in things:
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
        waiting.append(pool.submit(work, thing))
        while waiting and is_alone(thing):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _is_stack(entry: tuple[Item, Item]) -> bool:
    return entry[0].stacked


def _ends_in_stack(piece: Sequence[Prepared]) -> bool:
    return piece[-1].stack is not None


def _pieces(ready: Iterable[Prepared], most: int) -> Iterator[list[Prepared]]:
    """What is encoded together: so many, or fewer where pictures are large; a stack waits for none."""
    piece: list[Prepared] = []
    for one in ready:
        piece.append(one)
        if len(piece) == most or one.stack is not None or sum(map(_waiting, piece)) > _MOST_WAITING:
            yield piece
            piece = []
    if piece:
        yield piece


def _waiting(one: Prepared) -> int:
    """Bytes of the pixels that it holds."""
    return 0 if one.shown is None else one.shown.width * one.shown.height * len(one.shown.getbands())


def _of_its_whole(item: Item, own: Figure, inferred: Figure) -> Figure:
    """What was inferred, without the plane of a compound figure: that would be one part's."""
    if not item.compound or inferred.plane == own.plane:
        return inferred
    return replace(inferred, plane=own.plane, inferred=tuple(each for each in inferred.inferred if each != "plane"))
